"""Tests of the shared informer, over a server in memory with real threads."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest
from watch.fakes import (
    FakeClock,
    ManualClock,
    MemoryServer,
    Source,
    Stream,
    expired,
    failure,
    page,
    rate,
    silent,
    thing,
)

from dynkube.errors import InvalidRequestError, StatusError
from dynkube.informer import NAMESPACE_INDEX, SharedInformer, drop_managed_fields, only_metadata
from dynkube.watch import Backoff
from informer.recording import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _no_threads_left() -> Iterator[None]:
    """Every test ends with the threads it began with."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive(), f"{thread.name} is left"


@pytest.fixture
def server() -> MemoryServer:
    """Return an empty server that lists in pages."""
    return MemoryServer()


def _informer(server: Any, **options: Any) -> SharedInformer:
    options.setdefault("backoff", Backoff(initial=0.001, limit=0.001))
    return SharedInformer(server, **options)


def _names(informer: SharedInformer) -> list[str]:
    return sorted(obj["metadata"]["name"] for obj in informer.indexer.values())


# The store


@pytest.mark.parametrize("streaming", [False, True], ids=["paged", "streaming"])
def test_copies_what_is_there(streaming: bool) -> None:
    """After the sync the store holds every object, whichever way the server hands the state out."""
    server = MemoryServer(streaming=streaming)
    for index in range(7):
        server.apply(f"o{index}")
    with _informer(server, page_size=3) as informer:
        assert informer.wait_for_sync(30)
        assert _names(informer) == [f"o{index}" for index in range(7)]
        assert informer.resource_version == str(server.version)
    lists = [request for request in server.requests if request["verb"] == "list"]
    assert len(lists) == (0 if streaming else 3)


def test_an_empty_selection_is_synced_too(server: MemoryServer) -> None:
    """No object at all is a complete state."""
    with _informer(server) as informer:
        assert informer.wait_for_sync(30)
        assert informer.indexer.values() == []


def test_is_not_synced_before_the_first_state(server: MemoryServer) -> None:
    """As long as the list fails, `has_synced` is False and waiting with a limit says so."""
    server.refusals["list"].extend([failure(403)] * 3)
    informer = _informer(server, backoff=Backoff(initial=3600, limit=3600))
    recorder = Recorder()
    handler = informer.add_handler(**recorder.functions)
    with informer:
        server.wait_for(lambda: any(request["verb"] == "list" for request in server.requests))
        assert not informer.has_synced
        assert not handler.has_synced
        assert not informer.wait_for_sync(0.01)


def test_follows_changes(server: MemoryServer) -> None:
    """Creations, updates and deletions reach the store and the handler with old and new."""
    server.apply("a", n=1)
    recorder = Recorder()
    with _informer(server) as informer:
        informer.add_handler(**recorder.functions)
        recorder.wait_calls(1)
        server.apply("b")
        server.apply("a", n=2)
        server.delete("b")
        assert recorder.wait_calls(4) == [
            ("add", "a", "2", True),
            ("add", "b", "3", False),
            ("update", "a", "4", "2"),
            ("delete", "b", "5", False),
        ]
        assert informer.indexer.get("ns/a") == server.objects["a"]
        assert informer.resource_version == "5"


def test_the_store_is_never_behind_a_handler(server: MemoryServer) -> None:
    """When a handler is told of an object the store has that version or a later one."""
    behind: list[str] = []
    recorder = Recorder()

    def check(obj: dict[str, Any], *_: Any) -> None:
        stored = informer.indexer.get("ns/" + obj["metadata"]["name"])
        if stored is None or int(stored["metadata"]["resourceVersion"]) < int(obj["metadata"]["resourceVersion"]):
            behind.append(obj["metadata"]["name"])

    informer = _informer(server)
    informer.add_handler(on_add=check, on_update=lambda _, new: check(new))
    informer.add_handler(**recorder.functions)
    with informer:
        for index in range(50):
            server.apply(f"o{index % 10}", n=index)
        recorder.wait(lambda: recorder.calls[-1:] != [] and recorder.calls[-1][2] == str(server.version))
    assert behind == []


def test_bookmarks_move_the_version_and_nothing_else(server: MemoryServer) -> None:
    """A bookmark is no object."""
    recorder = Recorder()
    with _informer(server) as informer:
        informer.add_handler(**recorder.functions)
        assert informer.wait_for_sync(30)
        with server.changed:
            server.version = 70
        server.bookmark()
        server.apply("after")
        assert recorder.wait_calls(1) == [("add", "after", "71", False)]
        server.cut(failure(500))
        server.wait_for(lambda: server.requests[-1].get("resource_version") == "71")
    assert len(recorder.calls) == 1


# Disruptions


def test_resumes_a_watch_that_ended_without_a_list(server: MemoryServer) -> None:
    """A stream that is closed or fails for now is resumed from the last version; the state is not taken anew."""
    recorder = Recorder()
    with _informer(server) as informer:
        informer.add_handler(**recorder.functions)
        assert informer.wait_for_sync(30)
        for index, error in enumerate([failure(500, "InternalError"), failure(429), failure(503)]):
            server.wait_for(lambda: len(server.streams) == 1)
            server.apply(f"o{index}")
            recorder.wait_calls(index + 1)
            server.cut(error)
        server.wait_for(lambda: len(server.streams) == 1)
    assert [request["verb"] for request in server.requests].count("list") == 1


def test_a_disruption_is_told_as_its_difference(server: MemoryServer) -> None:
    """After 410: missed deletions with the last known state first, then changes and additions, nothing unchanged."""
    for name in ("same", "changed", "gone", "again"):
        server.apply(name)
    recorder = Recorder()
    errors: list[Exception] = []
    with _informer(server, on_error=errors.append) as informer:
        informer.add_handler(**recorder.functions)
        recorder.wait_calls(4)
        with server.changed:
            server.refusals["watch"].append(failure(503))
            server.apply("changed", n=2)
            server.delete("gone")
            server.delete("again")
            server.apply("again")
            server.apply("new")
            for stream in list(server.streams):
                stream.fail(expired())
            server.compact()
        recorder.wait_calls(9)
        assert recorder.calls[4] == ("delete", "gone", "4", True)
        assert set(recorder.calls[4:]) == {
            ("delete", "gone", "4", True),
            ("delete", "again", "5", True),
            ("update", "changed", "6", "3"),
            ("add", "again", "9", False),
            ("add", "new", "10", False),
        }
        assert recorder.calls.index(("delete", "again", "5", True)) < recorder.calls.index(("add", "again", "9", False))
        assert errors


def test_every_failure_is_told_and_ridden_over(server: MemoryServer) -> None:
    """`on_error` gets each failure; the informer goes on, forbidden or not."""
    errors: list[Exception] = []
    server.refusals["watch"].extend([failure(422, "Invalid")])
    server.refusals["list"].extend([failure(403, "Forbidden"), failure(404), failure(500), failure(401)])
    server.apply("a")
    with _informer(server, on_error=errors.append) as informer:
        assert informer.wait_for_sync(30)
        assert _names(informer) == ["a"]
    assert [error.code for error in errors if isinstance(error, StatusError)] == [422, 403, 404, 500, 401]


def test_a_failing_error_handler_harms_nothing(server: MemoryServer, caplog: pytest.LogCaptureFixture) -> None:
    """An exception of `on_error` is logged."""

    def fail(error: Exception) -> None:
        raise RuntimeError

    server.refusals["list"].append(failure(500))
    with caplog.at_level(logging.ERROR, "dynkube.informer"), _informer(server, on_error=fail) as informer:
        assert informer.wait_for_sync(30)
    assert "on_error" in caplog.text


def test_an_unexpected_exception_does_not_leave_a_store_that_ages(caplog: pytest.LogCaptureFixture) -> None:
    """A bug in the source is logged and the informer starts anew."""
    script = [failure(422), page(thing("a", 1), version=5), Stream(_bug, lasts=1), page(thing("b", 9), version=10)]
    source = Source(*script, then=lambda: Stream(error=silent()))
    recorder = Recorder()
    with caplog.at_level(logging.ERROR, "dynkube.informer"):
        informer = _informer(source, stream=False, backoff=Backoff(initial=0.01, limit=0.01))
        source.script.popleft()
        informer.add_handler(**recorder.functions)
        with informer:
            recorder.wait_last("add", "b")
    assert "starts anew" in caplog.text
    assert ("delete", "a", "1", True) in recorder.calls


def _bug() -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    "then",
    [
        lambda: failure(403, "Forbidden"),
        expired,
        lambda: failure(503),
    ],
    ids=["403", "410", "503"],
)
def test_permanent_refusals_are_met_at_a_bounded_rate(then: Any) -> None:
    """An hour of one refusal to everything: no more than 5 requests in any second and a few hundred in all."""
    clock = FakeClock()
    source = Source(then=then, clock=clock)
    informer = SharedInformer(source, clock=clock, random=lambda: 0.0)
    clock.until(3600, lambda: informer.stop(0))
    informer.start()
    informer._reflector._thread.join(30)
    assert clock.monotonic() - clock.start >= 3600
    assert informer.stop()
    assert rate(source, clock, per=1.0) <= 5
    assert len(source.requests) <= 260


# Handlers


def test_a_late_handler_is_told_the_present_first(server: MemoryServer) -> None:
    """It gets the stored objects as initial additions, then what happens later, and is then synced."""
    server.apply("a")
    server.apply("b")
    with _informer(server) as informer:
        assert informer.wait_for_sync(30)
        recorder = Recorder()
        handler = informer.add_handler(**recorder.functions)
        assert handler.wait_for_sync(30)
        assert sorted(recorder.calls) == [("add", "a", "2", True), ("add", "b", "3", True)]
        server.apply("c")
        assert recorder.wait_calls(3)[-1] == ("add", "c", "4", False)


def test_handlers_added_while_events_arrive_miss_nothing(server: MemoryServer) -> None:
    """Whenever a handler comes, additions, updates and deletions lead it to the final state, each version once."""
    recorders = [Recorder() for _ in range(10)]
    with _informer(server) as informer:
        assert informer.wait_for_sync(30)
        for turn, recorder in enumerate(recorders):
            for index in range(10):
                server.apply(f"o{index}", turn=turn)
            informer.add_handler(**recorder.functions)
        server.apply("last")
        for recorder in recorders:
            recorder.wait_last("add", "last")
            state: dict[str, str] = {}
            for kind, name, version, flag in recorder.calls:
                assert (kind == "update") is (name in state)
                if kind == "update":
                    assert flag == state[name]
                    assert int(version) > int(state[name])
                state[name] = version
            assert state == {name: obj["metadata"]["resourceVersion"] for name, obj in server.objects.items()}


def test_a_slow_handler_delays_no_other(server: MemoryServer) -> None:
    """While one handler is blocked another is told everything; the blocked one catches up in order."""
    gate = threading.Event()
    slow, quick = Recorder(), Recorder()

    def wait_then_record(obj: dict[str, Any], is_initial: bool) -> None:
        assert gate.wait(30)
        slow.on_add(obj, is_initial)

    with _informer(server) as informer:
        handler = informer.add_handler(on_add=wait_then_record)
        informer.add_handler(**quick.functions)
        for index in range(20):
            server.apply(f"o{index}")
        quick.wait_calls(20)
        assert slow.calls == []
        gate.set()
        assert [call[1] for call in slow.wait_calls(20)] == [f"o{index}" for index in range(20)]
        assert handler.wait_for_sync(30)


def test_a_failing_handler_harms_nobody(server: MemoryServer, caplog: pytest.LogCaptureFixture) -> None:
    """Its exceptions are logged; the others and its own next calls go on."""
    good, failing = Recorder(), Recorder()

    def fail(obj: dict[str, Any], is_initial: bool) -> None:
        failing.on_add(obj, is_initial)
        raise RuntimeError("boom")

    with caplog.at_level(logging.ERROR, "dynkube.informer"), _informer(server, name="things") as informer:
        informer.add_handler(on_add=fail)
        informer.add_handler(**good.functions)
        server.apply("a")
        server.apply("b")
        good.wait_calls(2)
        failing.wait_calls(2)
        assert informer.wait_for_sync(30)
    assert "boom" in caplog.text
    assert "things" in caplog.text


def test_the_same_functions_added_twice_are_called_twice(server: MemoryServer) -> None:
    """Each registration is its own."""
    recorder = Recorder()
    with _informer(server) as informer:
        first = informer.add_handler(**recorder.functions)
        informer.add_handler(**recorder.functions)
        server.apply("a")
        recorder.wait_calls(2)
        first.remove(None)
        server.apply("b")
        recorder.wait_calls(3)
    assert [call[1] for call in recorder.calls] == ["a", "a", "b"]


def test_a_removed_handler_is_told_nothing_more(server: MemoryServer) -> None:
    """Removal is idempotent, leaves the others alone, and its thread ends."""
    removed, staying = Recorder(), Recorder()
    with _informer(server) as informer:
        handler = informer.add_handler(**removed.functions)
        informer.add_handler(**staying.functions)
        server.apply("a")
        removed.wait_calls(1)
        assert handler.remove(None)
        assert handler.remove(None)
        assert handler.removed
        server.apply("b")
        staying.wait_calls(2)
        assert len(removed.calls) == 1
        assert informer.wait_for_sync(30)


def test_a_handler_can_remove_itself(server: MemoryServer) -> None:
    """From within a call the removal returns at once instead of waiting for itself."""
    recorder = Recorder()

    def once(obj: dict[str, Any], is_initial: bool) -> None:
        assert handler.remove(None) is False
        recorder.on_add(obj, is_initial)

    with _informer(server) as informer:
        handler = informer.add_handler(on_add=once)
        other = Recorder()
        informer.add_handler(**other.functions)
        server.apply("a")
        recorder.wait_calls(1)
        server.apply("b")
        other.wait_calls(2)
    assert len(recorder.calls) == 1


def test_removing_while_active_drops_what_waits(server: MemoryServer) -> None:
    """A handler removed during a call gets to the end of it and no further."""
    entered, gate = threading.Event(), threading.Event()
    calls: list[str] = []

    def block(obj: dict[str, Any], _: bool) -> None:
        calls.append(obj["metadata"]["name"])
        entered.set()
        assert gate.wait(30)

    with _informer(server) as informer:
        handler = informer.add_handler(on_add=block)
        for index in range(5):
            server.apply(f"o{index}")
        assert entered.wait(30)
        assert handler.remove() is False
        assert handler.backlog == 0
        gate.set()
        assert handler.remove(30)
    assert calls == ["o0"]


def test_a_coalescing_handler_is_told_the_latest(server: MemoryServer) -> None:
    """What piles up while it is busy is merged per object; the deletion of what it knows is told in any case."""
    entered, gate = threading.Event(), threading.Event()
    recorder = Recorder()

    def add(obj: dict[str, Any], is_initial: bool) -> None:
        entered.set()
        assert gate.wait(30)
        recorder.on_add(obj, is_initial)

    quick = Recorder()
    with _informer(server) as informer:
        informer.add_handler(on_add=add, on_update=recorder.on_update, on_delete=recorder.on_delete, coalesce=True)
        informer.add_handler(**quick.functions)
        server.apply("busy")
        assert entered.wait(30)
        for turn in range(20):
            server.apply("a", turn=turn)
        server.apply("b")
        server.delete("b")
        server.delete("busy")
        server.apply("end")
        quick.wait_last("add", "end")
        gate.set()
        recorder.wait_last("add", "end")
    calls = [(kind, name) for kind, name, _, _ in recorder.calls]
    assert calls == [("add", "busy"), ("add", "a"), ("delete", "busy"), ("add", "end")]
    assert recorder.calls[1][2] == "22"


def test_a_filter_turns_crossings_into_additions_and_deletions(server: MemoryServer) -> None:
    """An object that comes into the selection is added, one that leaves it is deleted, others are not seen."""
    recorder = Recorder()
    everything = Recorder()
    with _informer(server) as informer:
        informer.add_handler(**recorder.functions, selected=lambda obj: obj.get("on", False))
        informer.add_handler(**everything.functions)
        for on in (False, True, True, False, False, True):
            server.apply("a", on=on)
        server.delete("a")
        everything.wait_calls(7)
        recorder.wait_calls(5)
    assert recorder.calls == [
        ("add", "a", "3", False),
        ("update", "a", "4", "3"),
        ("delete", "a", "4", False),
        ("add", "a", "7", False),
        ("delete", "a", "8", False),
    ]


def test_a_filter_that_fails_is_the_handlers_own_failure(
    server: MemoryServer, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception of the filter is logged and the next object is looked at."""
    recorder = Recorder()
    with caplog.at_level(logging.ERROR, "dynkube.informer"), _informer(server) as informer:
        informer.add_handler(**recorder.functions, selected=lambda obj: obj["on"])
        server.apply("a")
        server.apply("b", on=True)
        assert recorder.wait_calls(1) == [("add", "b", "3", False)]
    assert "KeyError" in caplog.text


def test_a_handler_needs_something_to_call(server: MemoryServer) -> None:
    """A handler without functions is a mistake."""
    with pytest.raises(InvalidRequestError, match="on_add"):
        _informer(server).add_handler()


@pytest.mark.parametrize("which", ["on_add", "on_update", "on_delete", "selected"])
def test_a_coroutine_function_is_no_handler(server: MemoryServer, which: str) -> None:
    """Nobody would await it, and as a filter it would let everything pass: it is refused, and the way out named."""

    async def later(*_: Any) -> bool:
        return False

    functions: dict[str, Any] = {**Recorder().functions, which: later}
    with pytest.raises(InvalidRequestError, match=r"later is a coroutine function.*run_coroutine_threadsafe"):
        _informer(server).add_handler(**functions)


@pytest.mark.parametrize("which", ["transform", "on_error", "indexers"])
def test_an_informer_calls_no_coroutine_function(server: MemoryServer, which: str) -> None:
    """A transform, an index function or an `on_error` that nobody would await is refused when it is given."""

    async def later(*_: Any) -> Any:
        return None

    with pytest.raises(InvalidRequestError, match="later is a coroutine function"):
        _informer(server, **{which: {"zone": later} if which == "indexers" else later})
    with pytest.raises(InvalidRequestError, match="later is a coroutine function"):
        _informer(server).add_indexers({"zone": later})  # type: ignore[dict-item] # nothing that mypy lets through


@pytest.mark.parametrize("missing", ["on_add", "on_update", "on_delete"])
def test_each_function_is_optional(server: MemoryServer, missing: str) -> None:
    """What nobody listens to is passed over."""
    recorder = Recorder()
    end = Recorder()
    functions = {name: function for name, function in recorder.functions.items() if name != missing}
    with _informer(server) as informer:
        informer.add_handler(**functions)
        informer.add_handler(**end.functions)
        server.apply("a")
        server.apply("a", n=1)
        server.delete("a")
        end.wait_calls(3)
        recorder.wait_calls(2)
    assert missing.removeprefix("on_") not in {call[0] for call in recorder.calls}


# Resync


def test_resync_tells_every_object_again(server: MemoryServer) -> None:
    """After the period a handler gets each object as an update from itself, without a request."""
    clock = ManualClock()
    recorder, other = Recorder(), Recorder()
    server.apply("a")
    server.apply("b")
    with _informer(server, resync_period=60.0, clock=clock) as informer:
        informer.add_handler(**recorder.functions)
        informer.add_handler(**other.functions, resync_period=0.0)
        recorder.wait_calls(2)
        other.wait_calls(2)
        server.wait_for(lambda: len(server.streams) == 1)
        requests = len(server.requests)
        for turn in (1, 2):
            clock.wait_for_waiter(1000.0 + 60.0 * turn)
            clock.advance(60.0)
            calls = recorder.wait_calls(2 + 2 * turn)[-2:]
            assert sorted(calls) == [("update", "a", "2", "2"), ("update", "b", "3", "3")]
        assert len(server.requests) == requests
        assert len(other.calls) == 2


def test_each_handler_has_its_own_resync_period(server: MemoryServer) -> None:
    """The shorter period does not shorten the longer one."""
    clock = ManualClock()
    short, long = Recorder(), Recorder()
    server.apply("a")
    with _informer(server, clock=clock) as informer:
        informer.add_handler(**short.functions, resync_period=10.0)
        informer.add_handler(**long.functions, resync_period=25.0)
        for recorder in (short, long):
            recorder.wait_calls(1)
        clock.wait_for_waiter(1025.0)
        for turn in (1, 2, 3):
            clock.wait_for_waiter(1000.0 + 10 * turn)
            clock.advance(10.0)
            short.wait_calls(1 + turn)
        assert [call[0] for call in long.wait_calls(2)] == ["add", "update"]


def test_a_late_handler_has_its_period_to_itself(server: MemoryServer) -> None:
    """The first resync of a handler comes a period after the handler, not with those of others."""
    clock = ManualClock()
    early, late = Recorder(), Recorder()
    server.apply("a")
    with _informer(server, clock=clock, resync_period=60.0) as informer:
        informer.add_handler(**early.functions)
        early.wait_calls(1)
        clock.wait_for_waiter(1060.0)
        clock.advance(40.0)
        informer.add_handler(**late.functions)
        late.wait_calls(1)
        clock.wait_for_waiter(1100.0)
        clock.advance(20.0)
        early.wait_calls(2)
        assert len(late.calls) == 1
        clock.wait_for_waiter(1100.0)
        clock.advance(40.0)
        assert late.wait_calls(2)[1] == ("update", "a", "2", "2")


def test_what_was_deleted_is_not_told_again(server: MemoryServer) -> None:
    """A resync tells what is in the store then: nothing of an object that is gone, the present state of others."""
    clock = ManualClock()
    recorder = Recorder()
    server.apply("gone")
    server.apply("kept")
    with _informer(server, clock=clock, resync_period=60.0) as informer:
        informer.add_handler(**recorder.functions)
        recorder.wait_calls(2)
        server.delete("gone")
        server.apply("kept", n=1)
        recorder.wait_calls(4)
        clock.wait_for_waiter(1060.0)
        clock.advance(60.0)
        assert recorder.wait_calls(5)[4:] == [("update", "kept", "5", "5")]
        clock.wait_for_waiter(1120.0)
        assert len(recorder.calls) == 5


@pytest.mark.parametrize("where", ["informer", "handler"])
@pytest.mark.parametrize("seconds", [-1.0, float("inf"), float("nan")])
def test_a_period_that_is_none_is_refused(server: MemoryServer, where: str, seconds: float) -> None:
    """A resync period is zero or more seconds that can be waited for."""
    period: dict[str, Any] = {"resync_period": seconds}
    with pytest.raises(InvalidRequestError, match="resync_period"):
        (_informer(server, **period) if where == "informer" else _informer(server)).add_handler(
            **Recorder().functions, **period
        )


# Transforms


@pytest.mark.parametrize("streaming", [False, True], ids=["paged", "streaming"])
def test_transforms_apply_to_lists_and_events(streaming: bool) -> None:
    """Whatever way an object comes, it is stored and told as the transform made it."""
    server = MemoryServer(streaming=streaming)
    server.apply("a", spec={"x": 1})
    recorder = Recorder()
    with _informer(server, transform=only_metadata) as informer:
        informer.add_handler(**recorder.functions)
        recorder.wait_calls(1)
        server.apply("b", spec={"x": 1})
        server.apply("a", spec={"x": 2})
        server.delete("b")
        recorder.wait_calls(4)
        assert all("spec" not in obj for obj in [*informer.indexer.values(), *recorder.objects])
        assert informer.indexer.get("ns/a") == {**thing("a", 4, uid="uid-1")}


def test_a_failing_transform_loses_its_event_only(server: MemoryServer, caplog: pytest.LogCaptureFixture) -> None:
    """The object stays as it was last known and is not taken for deleted; the next event counts again."""

    def transform(obj: dict[str, Any]) -> dict[str, Any]:
        if obj.get("bad"):
            raise ValueError("no")
        return obj

    recorder = Recorder()
    with caplog.at_level(logging.ERROR, "dynkube.informer"), _informer(server, transform=transform) as informer:
        informer.add_handler(**recorder.functions)
        server.apply("a")
        server.apply("a", bad=True)
        server.apply("new", bad=True)
        server.apply("b")
        recorder.wait_last("add", "b")
        assert _names(informer) == ["a", "b"]
        server.wait_for(lambda: len(server.streams) == 1)
        with server.changed:
            server.compact()
            server.apply("c")
            server.compact()
            server.cut(expired())
        recorder.wait_last("add", "c")
        assert _names(informer) == ["a", "b", "c"]
        server.apply("a", fixed=True)
        recorder.wait_last("update", "a")
        server.apply("a", bad=True)
        server.delete("a")
        recorder.wait_last("delete", "a")
    assert "transform" in caplog.text


def test_a_transform_may_not_change_the_identity(server: MemoryServer, caplog: pytest.LogCaptureFixture) -> None:
    """An object renamed by a transform could not be found again; it is refused like a failure."""

    def rename(obj: dict[str, Any]) -> dict[str, Any]:
        return {**obj, "metadata": {**obj["metadata"], "name": "x"}}

    server.apply("a")
    with caplog.at_level(logging.ERROR, "dynkube.informer"), _informer(server, transform=rename) as informer:
        assert informer.wait_for_sync(30)
        assert informer.indexer.values() == []
    assert "made ns/x of it" in caplog.text


def test_ready_made_transforms() -> None:
    """Managed fields can be dropped, and everything but the metadata."""
    obj = thing("a", spec={})
    obj["metadata"]["managedFields"] = [{}]
    assert only_metadata(obj) == {key: obj[key] for key in ("apiVersion", "kind", "metadata")}
    assert drop_managed_fields(obj) == thing("a", spec={})
    assert drop_managed_fields(thing("b")) == thing("b")


# Life


def test_indexes_and_lister(server: MemoryServer) -> None:
    """The namespace index is there from the start, others can be given and added."""
    server.apply("a", zone="x")
    informer = _informer(server, indexers={"zone": lambda obj: [obj["zone"]]}, name="things.test")
    with informer:
        assert informer.wait_for_sync(30)
        informer.add_indexers({"version": lambda obj: [obj["metadata"]["resourceVersion"]]})
        assert len(informer.indexer.by_index("zone", "x")) == 1
        assert len(informer.indexer.by_index("version", "2")) == 1
        assert len(informer.indexer.by_index(NAMESPACE_INDEX, "ns")) == 1
        assert informer.lister.namespace("ns").get("a")["zone"] == "x"


@pytest.mark.parametrize("handlers", [0, 1])
def test_an_index_that_was_asked_before_the_first_state_is_filled_by_it(server: MemoryServer, handlers: int) -> None:
    """With handlers or without, what was empty leads to the objects once they are there."""
    server.apply("a", zone="x")
    informer = _informer(server, indexers={"zone": lambda obj: [obj["zone"]]})
    for _ in range(handlers):
        informer.add_handler(**Recorder().functions)
    assert informer.indexer.by_index("zone", "x") == []
    with informer:
        assert informer.wait_for_sync(30)
        assert informer.indexer.index_keys("zone", "x") == ["ns/a"]


def test_starting_twice_is_starting_once(server: MemoryServer) -> None:
    """A second start sends nothing."""
    with _informer(server) as informer:
        assert informer.wait_for_sync(30)
        informer.start()
    assert [request["verb"] for request in server.requests].count("list") == 1


def test_a_stopped_informer_stays_stopped(server: MemoryServer) -> None:
    """It cannot be started again, takes no handlers, and stopping again is harmless; its store can still be read."""
    server.apply("a")
    informer = _informer(server)
    with informer:
        assert informer.wait_for_sync(30)
    assert informer.stop()
    assert informer.stopped
    assert _names(informer) == ["a"]
    assert not informer.wait_for_sync(0)
    with pytest.raises(InvalidRequestError, match="stopped"):
        informer.start()
    with pytest.raises(InvalidRequestError, match="stopped"):
        informer.add_handler(**Recorder().functions)


def test_handlers_can_be_removed_after_the_stop(server: MemoryServer) -> None:
    """Removal from a stopped informer is harmless."""
    informer = _informer(server)
    handler = informer.add_handler(**Recorder().functions)
    informer.start()
    informer.stop()
    assert handler.remove(None)


def test_stops_before_the_start(server: MemoryServer) -> None:
    """An informer that never ran, with handlers waiting, stops like any other."""
    informer = _informer(server)
    handler = informer.add_handler(**Recorder().functions)
    assert informer.stop()
    assert not handler.wait_for_sync(30)
    assert server.requests == []


def test_stop_wakes_those_who_wait_for_the_sync(server: MemoryServer) -> None:
    """A wait without a limit ends with False when the informer is stopped."""
    server.refusals["list"].extend([failure(500)])
    informer = _informer(server, backoff=Backoff(initial=3600, limit=3600))
    results: list[bool] = []
    thread = threading.Thread(target=lambda: results.append(informer.wait_for_sync()))
    informer.start()
    thread.start()
    informer.stop()
    thread.join(10)
    assert results == [False]


def test_stop_ends_a_blocked_watch_within_a_second(server: MemoryServer) -> None:
    """Blocked in the stream, all threads end and the stream is closed."""
    informer = _informer(server)
    informer.add_handler(**Recorder().functions)
    informer.start()
    assert informer.wait_for_sync(30)
    server.wait_for(lambda: len(server.streams) == 1)
    assert informer.stop(1.0)
    assert server.streams == set()


def test_stop_can_be_called_by_a_handler(server: MemoryServer) -> None:
    """A handler that stops its own informer is not waited for by itself."""
    stopped = threading.Event()

    def stop(obj: dict[str, Any], _: bool) -> None:
        informer.stop()
        stopped.set()

    informer = _informer(server)
    informer.add_handler(on_add=stop)
    informer.start()
    server.apply("a")
    assert stopped.wait(30)
    assert informer.stop(30)


def test_stop_drops_what_waits(server: MemoryServer) -> None:
    """A handler in the middle of a backlog ends after the call it is in; stop says whether it has."""
    entered, gate = threading.Event(), threading.Event()
    calls: list[Any] = []

    def block(obj: dict[str, Any], _: bool) -> None:
        calls.append(obj)
        entered.set()
        assert gate.wait(30)

    informer = _informer(server)
    informer.add_handler(on_add=block)
    informer.start()
    for index in range(10):
        server.apply(f"o{index}")
    assert entered.wait(30)
    assert informer.stop(0.01) is False
    gate.set()
    assert informer.stop(30)
    assert len(calls) == 1


def test_unchanged_parts_are_shared_with_the_last_version(server: MemoryServer) -> None:
    """An update that leaves the spec alone brings no second copy of it; a changed one is kept as it came."""
    recorder = Recorder()
    with _informer(server) as informer:
        informer.add_handler(**recorder.functions)
        for calls, (value, status) in enumerate([(1, 1), (1, 2), (2, 2)], 1):
            server.apply("a", spec={"deep": {"value": value}}, status={"n": status})
            recorder.wait_calls(calls)
    first, second, third = recorder.objects
    assert second["spec"] is first["spec"]
    assert second["status"] == {"n": 2}
    assert third["spec"] == {"deep": {"value": 2}}
    assert third["status"] is not second["status"]
