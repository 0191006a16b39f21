"""Waiting, against what kube-rs's conditions and `kubectl wait` promise and what users of other clients reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dynkube.errors import ServiceUnavailable, WaitTimeoutError
from dynkube.watch import (
    Wait,
    all_of,
    any_of,
    condition,
    created,
    deleted,
    jsonpath,
    not_,
    wait_for,
)
from watch.fakes import FakeClock, Source, Stream, event, expired, failure, page, refused, thing

if TYPE_CHECKING:
    from dynkube.watch.conditions import NamedCondition


def _with(*conditions: dict[str, Any], generation: int | None = None, **status: Any) -> dict[str, Any]:
    obj = thing("web", status={"conditions": list(conditions), **status})
    if generation is not None:
        obj["metadata"]["generation"] = generation
    return obj


READY = {"type": "Ready", "status": "False", "reason": "Starting", "message": "not yet"}
SECRET = {**thing("key", data={"token": "hunter2"}), "kind": "Secret"}


# What is there instead of what is waited for


@pytest.mark.parametrize(
    ("wished", "obj", "text"),
    [
        (condition("Ready"), _with(), "it has no condition Ready"),
        (condition("Ready"), thing("web"), "it has no condition Ready"),
        (condition("Redy"), _with(READY, {"type": "Live"}), "it has no condition Redy, only Ready, Live"),
        (condition("ready"), _with(READY), "Ready is False (Starting: not yet)"),
        (condition("Ready"), _with({"type": "Ready", "status": "Unknown"}), "Ready is Unknown"),
        (
            condition("Ready"),
            _with({"type": "Ready", "status": "True"}, generation=3, observedGeneration=2),
            "Ready is True, but of generation 2, and this is 3",
        ),
        (jsonpath("{.status.phase}", "Running"), _with(phase="Pending"), "it is Pending"),
        (jsonpath("{.status.phase}", "Running"), _with(), "there is nothing"),
        (jsonpath("{.status.phase}"), _with(phase=None), "there is nothing"),
        (jsonpath("{.status.phase}"), _with(phase=""), "it is empty"),
        (jsonpath("{.status.*}"), _with(phase=""), "it is empty"),
        (jsonpath("{.status}", "x"), _with(), "it leads to an object, which equals no value"),
        (jsonpath("{.status.conditions}", "x"), _with(), "it leads to an array, which equals no value"),
        (jsonpath("{.status.*}", "x"), _with(phase="y"), "it leads to 2 values, and only one can be compared"),
        (jsonpath("{.data.token}", "x"), SECRET, "it is something else"),
        (deleted(), thing("web"), "nobody has deleted it"),
        (created() & condition("Ready"), _with(READY), "Ready is False (Starting: not yet)"),
        (
            any_of(condition("Ready"), deleted()),
            _with(READY),
            "Ready is False (Starting: not yet); nobody has deleted it",
        ),
        (all_of(condition("Ready"), lambda _: False), _with(READY), "Ready is False (Starting: not yet)"),
        (not_(created()), thing("web"), ""),
    ],
)
def test_a_condition_says_what_is_there_instead(wished: NamedCondition, obj: dict[str, Any], text: str) -> None:
    """Whoever waited in vain is told why: the reason the controller gave, the value found, never one of a Secret."""
    assert not wished(obj)
    assert wished.instead(obj) == text


@pytest.mark.parametrize(
    ("finalizers", "text"),
    [([], "it is being deleted"), (["a/b", "c"], "it is being deleted, and held by the finalizers a/b, c")],
)
def test_a_deletion_says_what_holds_it(finalizers: list[str], text: str) -> None:
    """An object that does not go is mostly held by a finalizer whose controller is gone."""
    obj = thing("web")
    obj["metadata"].update(deletionTimestamp="2030-01-01T00:00:00Z", finalizers=finalizers)
    assert deleted().instead(obj) == text


def test_a_timeout_says_what_was_there_instead() -> None:
    """The message of the error has it, as of the last event."""
    clock = FakeClock()
    later = _with({**READY, "reason": "Crashed"})
    script = [page(_with(READY), version=5), Stream({"type": "MODIFIED", "object": later})]
    source = Source(*script, clock=clock, then=lambda: Stream(lasts=300))
    with pytest.raises(WaitTimeoutError, match=r"was last seen without it: Ready is False \(Crashed: not yet\)$"):
        wait_for(source, condition("Ready"), timeout=60.0, clock=clock)


def test_a_wait_for_an_object_that_went_says_so() -> None:
    """Not the state it had before, which is nobody's any more."""
    clock = FakeClock()
    script = [page(_with(READY), version=5), Stream(event("DELETED", "web", 6))]
    source = Source(*script, clock=clock, then=lambda: Stream(lasts=300))
    with pytest.raises(WaitTimeoutError, match=r"was last seen without it: it is gone$"):
        wait_for(source, condition("Ready"), timeout=60.0, clock=clock)


def test_a_wait_is_not_decided_by_a_state_older_than_ones_own_last_write() -> None:
    """The first list is of the newest state, as kubectl's and kube-rs's: a cache may still show the old generation."""
    clock = FakeClock()
    script = [page(_with(READY), version=5), Stream(error=expired()), page(version=9)]
    source = Source(*script, clock=clock, then=lambda: Stream(lasts=300))
    assert wait_for(source, deleted(), timeout=60.0, clock=clock) is None
    assert source.versions("list") == [None, "5"]


def test_a_wait_that_never_saw_anything_claims_nothing() -> None:
    """An object is absent once a list said so; before any answer nobody knows."""
    wait = Wait(Source(page(version=5)), created(), timeout=0)
    assert wait.instead == ""
    with pytest.raises(WaitTimeoutError):
        wait.result()
    assert wait.instead == "it does not exist"


def test_a_timeout_in_the_middle_of_an_outage_says_so() -> None:
    """What was seen before it may be long past; the failure is told, and is the cause of the error."""
    clock = FakeClock()
    source = Source(
        page(_with(READY), version=5), Stream(lasts=30), clock=clock, then=lambda: failure(503, message="no")
    )
    with pytest.raises(WaitTimeoutError, match=r"Starting: not yet\), when last seen, and since then: .*no$") as raised:
        wait_for(source, condition("Ready"), timeout=60.0, clock=clock)
    assert isinstance(raised.value.__cause__, ServiceUnavailable)


def test_a_look_that_failed_says_why() -> None:
    """With a timeout of zero there is no other place to tell that nobody could look."""
    with pytest.raises(WaitTimeoutError, match=r"the object was not seen: .*overloaded"):
        wait_for(Source(failure(503, message="overloaded")), created(), timeout=0)


def test_an_outage_that_is_over_is_not_told() -> None:
    """Once the watch stands again what was seen counts, although nothing has come since."""
    clock = FakeClock()
    script = [page(_with(READY), version=5), Stream(lasts=30), refused(), Stream(lasts=100)]
    with pytest.raises(WaitTimeoutError, match=r"Starting: not yet\)$") as raised:
        wait_for(Source(*script, clock=clock), condition("Ready"), timeout=60.0, clock=clock)
    assert raised.value.__cause__ is None
