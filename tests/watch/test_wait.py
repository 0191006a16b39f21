"""Tests of waiting for conditions."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from dynkube.errors import Forbidden, InvalidRequestError, WaitFailedError, WaitTimeoutError
from dynkube.watch import Wait, all_of, created, deleted, jsonpath, not_, wait_for
from watch.fakes import (
    FakeClock,
    MemoryServer,
    Source,
    Stream,
    broken,
    event,
    expired,
    failure,
    page,
    refused,
    silent,
    thing,
)

RUNNING = jsonpath("{.status.phase}", "Running")


def _phase(phase: str) -> dict[str, Any]:
    return {"status": {"phase": phase}}


def _wait(*script: Any, wished: Any = RUNNING, timeout: float | None = 1000.0, **options: Any) -> Any:
    clock = FakeClock()
    source = Source(*script, clock=clock, then=lambda: Stream(lasts=300))
    return wait_for(source, wished, timeout=timeout, clock=clock, random=lambda: 0.0, **options)


def test_returns_at_once_what_is_already_so() -> None:
    """An object that is as wished in the first list needs no watch."""
    source = Source(page(thing("a", 1, **_phase("Running")), version=5))
    obj = wait_for(source, RUNNING)
    assert obj is not None
    assert obj["metadata"]["name"] == "a"
    assert len(source.requests) == 1


def test_waits_for_the_change() -> None:
    """The first event that fulfils the condition ends the wait with its object."""
    obj = _wait(
        page(thing("a", 1, **_phase("Pending")), version=5),
        Stream(event("MODIFIED", "a", 6, **_phase("Pending")), event("MODIFIED", "a", 7, **_phase("Running"))),
    )
    assert obj["metadata"]["resourceVersion"] == "7"


def test_waits_for_an_object_that_is_not_there_yet() -> None:
    """A condition of an absent object comes true when it is created so."""
    obj = _wait(page(version=5), Stream(event("ADDED", "a", 6, **_phase("Running"))))
    assert obj["metadata"]["resourceVersion"] == "6"
    assert _wait(page(version=5), Stream(event("ADDED", "a", 6)), wished=created())["metadata"]["name"] == "a"


def test_a_deletion_is_waited_for() -> None:
    """Deletion holds with None as the object, also when there never was one."""
    assert _wait(page(thing("a", 1), version=5), Stream(event("DELETED", "a", 6)), wished=deleted()) is None
    assert _wait(page(version=5), wished=deleted()) is None


def test_a_deletion_missed_while_disconnected_is_noticed() -> None:
    """After 410 the list without the object means that it is gone."""
    script = [page(thing("a", 1), version=5), Stream(error=expired()), page(version=50)]
    assert _wait(*script, wished=deleted()) is None


def test_a_deletion_hidden_by_a_new_object_is_noticed() -> None:
    """An object of the same name with another uid means that the first one was deleted."""
    again = thing("a", 40, uid="second")
    script = [page(thing("a", 1, uid="first"), version=5), Stream(error=expired()), page(again, version=50)]
    assert _wait(*script, wished=deleted()) is None


@pytest.mark.parametrize("error", [None, silent(), broken(), refused(), failure(500), failure(429, retry_after=3)])
def test_survives_what_a_watch_survives(error: Exception | None) -> None:
    """A stream that ends, breaks or is refused does not end the wait, least of all as a success."""
    obj = _wait(
        page(thing("a", 1, **_phase("Pending")), version=5),
        Stream(lasts=30, error=error),
        refused(),
        failure(503),
        Stream(event("MODIFIED", "a", 9, **_phase("Running"))),
    )
    assert obj["metadata"]["resourceVersion"] == "9"


def test_survives_410() -> None:
    """The object as it is after the relist is looked at."""
    obj = _wait(
        page(thing("a", 1, **_phase("Pending")), version=5),
        Stream(error=expired()),
        page(thing("a", 40, **_phase("Running")), version=50),
    )
    assert obj["metadata"]["resourceVersion"] == "40"


def test_the_timeout_carries_the_last_object() -> None:
    """When the time is up the error has the object as last seen and says what was waited for."""
    with pytest.raises(
        WaitTimeoutError, match=r"after 1000 s: jsonpath .*=Running did not come true; Thing ns/a"
    ) as raised:
        _wait(page(thing("a", 1), version=5), Stream(event("MODIFIED", "a", 7, **_phase("Pending"))))
    assert raised.value.last_object == thing("a", 7, **_phase("Pending"))
    assert isinstance(raised.value, TimeoutError)


@pytest.mark.parametrize(("timeout", "text"), [(0.89742, "0.897 s"), (29.99998, "30 s"), (90.0, "90 s")])
def test_the_timeout_is_told_in_few_digits(timeout: float, text: str) -> None:
    """What is left of a time for several objects is no round number."""
    with pytest.raises(WaitTimeoutError, match=f"^after {text}: "):
        _wait(page(version=5), Stream(lasts=300), wished=created(), timeout=timeout)


def test_the_timeout_of_an_object_never_seen() -> None:
    """An object that never appeared is None in the error."""
    with pytest.raises(WaitTimeoutError, match="the object was not seen") as raised:
        _wait(page(version=5))
    assert raised.value.last_object is None


def test_the_timeout_remembers_a_deleted_object() -> None:
    """The last object is what was last seen, although it is gone."""
    with pytest.raises(WaitTimeoutError) as raised:
        _wait(page(thing("a", 1), version=5), Stream(event("DELETED", "a", 7)))
    assert raised.value.last_object is not None
    assert raised.value.last_object["metadata"]["resourceVersion"] == "7"


def test_a_timeout_of_zero_looks_once() -> None:
    """It is decided by one list, whatever that says."""
    assert _wait(page(thing("a", 1, **_phase("Running")), version=5), timeout=0) is not None
    with pytest.raises(WaitTimeoutError):
        _wait(page(thing("a", 1), version=5), timeout=0)
    with pytest.raises(WaitTimeoutError):
        _wait(failure(503), timeout=0)


def test_a_failure_condition_ends_the_wait() -> None:
    """What makes waiting pointless raises, with the object and the condition that came true."""
    failed = jsonpath("{.status.phase}", "Failed")
    with pytest.raises(WaitFailedError, match="Thing ns/a will not be jsonpath") as raised:
        _wait(
            page(thing("a", 1), version=5),
            Stream(event("MODIFIED", "a", 7, **_phase("Failed")), event("MODIFIED", "a", 8, **_phase("Running"))),
            raise_for=[not_(created()), failed],
        )
    assert raised.value.condition == str(failed)
    assert raised.value.last_object == thing("a", 7, **_phase("Failed"))


def test_one_failure_condition_needs_no_list() -> None:
    """A single condition can be given as it is."""
    with pytest.raises(WaitFailedError):
        _wait(page(thing("a", 1), version=5), Stream(event("DELETED", "a", 7)), raise_for=deleted())


def test_any_callable_is_a_condition() -> None:
    """A plain function of the object, None for absent, can be waited for."""
    seen: list[Any] = []

    def third_look(obj: dict[str, Any] | None) -> bool:
        seen.append(obj and obj["metadata"]["resourceVersion"])
        return len(seen) == 3

    assert _wait(page(version=5), Stream(event("ADDED", "a", 6), event("DELETED", "a", 7)), wished=third_look) is None
    assert seen == [None, "6", None]


def test_a_failing_condition_is_the_callers() -> None:
    """An exception of the condition goes through and no request is left open."""
    source = Source(page(thing("a", 1), version=5), Stream(event("MODIFIED", "a", 7)))
    with pytest.raises(KeyError):
        wait_for(source, lambda obj: bool(obj and obj["status"]))


def test_lasting_refusals_are_raised() -> None:
    """Waiting for what may not be read fails at once."""
    with pytest.raises(Forbidden):
        _wait(failure(403, "Forbidden"))


@pytest.mark.parametrize(("wished", "options"), [("Ready", {}), (created(), {"timeout": -1.0})])
def test_refuses_senseless_waits(wished: Any, options: dict[str, Any]) -> None:
    """What is no condition, or a negative time, is refused before anything is sent."""
    source = Source()
    with pytest.raises(InvalidRequestError):
        wait_for(source, wished, **options)
    assert source.requests == []


def test_close_ends_a_wait_from_another_thread() -> None:
    """A blocked wait raises within a second of being closed."""
    server = MemoryServer()
    wait = Wait(server, RUNNING)
    raised: list[Exception] = []

    def run() -> None:
        try:
            wait.result()
        except WaitTimeoutError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    server.wait_for(lambda: len(server.streams) == 1)
    wait.close()
    thread.join(1.0)
    assert not thread.is_alive()
    assert "closed" in str(raised[0])
    assert server.streams == set()


class _Hanging(Source):
    """A server that takes requests and never answers, until they are cancelled."""

    def list(self, **options: Any) -> dict[str, Any]:
        """Hang."""
        self.requests.append(options)
        assert options["cancellation"].wait(30)
        raise refused()


def test_a_list_that_is_never_answered_does_not_outlast_the_timeout() -> None:
    """The time of a wait is over although not even the first state is known."""
    source = _Hanging()
    with pytest.raises(WaitTimeoutError, match="was not seen"):
        wait_for(source, RUNNING, timeout=0.05)
    assert len(source.requests) == 1


def test_one_state_may_fulfil_several_waits() -> None:
    """Waits in a row each begin with what is there: a condition that holds already needs no further event."""
    script = [page(thing("a", 1, **_phase("Running")), version=5)] * 2
    source = Source(*script)
    assert wait_for(source, created()) == wait_for(source, RUNNING)
    assert [request["verb"] for request in source.requests] == ["list", "list"]


def test_the_condition_that_never_comes_true_is_the_one_told() -> None:
    """Of conditions that hold and one that does not, the error tells what was waited for and the object as it is."""
    with pytest.raises(WaitTimeoutError, match="deleted") as raised:
        _wait(page(version=5), Stream(event("ADDED", "a", 6)), wished=all_of(created(), deleted()))
    assert raised.value.last_object == thing("a", 6)


def test_the_real_clock_ends_a_wait() -> None:
    """A wait on a silent server ends with its timeout and leaves no thread and no stream."""
    before = set(threading.enumerate())
    server = MemoryServer()
    with pytest.raises(WaitTimeoutError):
        wait_for(server, RUNNING, timeout=0.05)
    assert server.streams == set()
    assert set(threading.enumerate()) <= before
