"""Tests of what a handler is told while others come, go, fail and write."""

from __future__ import annotations

import functools
import random
import sys
import threading
import weakref
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from watch.fakes import MemoryServer, failure, thing

from dynkube.errors import InvalidRequestError
from dynkube.informer import NAMESPACE_INDEX, HandlerRegistration, SharedInformer, index_by_namespace
from dynkube.transport.latch import Latch
from dynkube.watch import Backoff, SystemClock
from informer.recording import HeldSource, Recorder

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.watch.clock import Waitable

pytestmark = pytest.mark.usefixtures("no_threads_left")


@pytest.fixture
def server() -> MemoryServer:
    """Return an empty server."""
    return MemoryServer()


class _Gate:
    """A handler that stays in each call until it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.left = threading.Semaphore(0)
        self.names: list[str] = []

    def on_add(self, obj: dict[str, Any], is_initial: bool) -> None:
        self.names.append(obj["metadata"]["name"])
        self.entered.release()
        assert self.left.acquire(timeout=30)


def test_the_backlog_counts_what_was_taken_and_not_yet_told(server: MemoryServer) -> None:
    """A slow handler takes many deltas at once; they still wait until their call begins."""
    for index in range(5):
        server.apply(f"o{index}")
    gate = _Gate()
    with SharedInformer(server) as informer:
        assert informer.wait_for_sync(30)
        handler = informer.add_handler(on_add=gate.on_add)
        for waiting in (5, 4, 3, 2, 1):  # with the mark that ends the initial state
            assert gate.entered.acquire(timeout=30)
            assert handler.backlog == waiting
            gate.left.release()
        assert handler.wait_for_sync(30)
        assert handler.backlog == 0


class _Mortal(dict[str, Any]):
    """An object whose end can be seen."""

    __slots__ = ("__weakref__",)


def test_a_slow_handler_does_not_hold_on_to_what_it_was_told(server: MemoryServer) -> None:
    """An object that is in no store any more is gone when its call is over, however much still waits."""
    for name in "abc":
        server.apply(name)
    gate, quick = _Gate(), Recorder()
    with SharedInformer(server, transform=_Mortal) as informer:
        assert informer.wait_for_sync(30)
        informer.add_handler(on_add=gate.on_add)
        informer.add_handler(on_delete=quick.on_delete)
        told = weakref.ref(informer.indexer.values()[0])
        server.delete("a")
        quick.wait_calls(1)
        assert gate.entered.acquire(timeout=30)
        assert told() is not None
        gate.left.release()
        assert gate.entered.acquire(timeout=30)
        assert told() is None
        gate.left.release(2)


@pytest.mark.parametrize("exception", [SystemExit, KeyboardInterrupt, RuntimeError])
def test_no_exception_ends_the_delivery(
    server: MemoryServer, caplog: pytest.LogCaptureFixture, exception: type[BaseException]
) -> None:
    """A handler that raises, and be it by `sys.exit`, is told what comes next all the same."""
    recorder = Recorder()

    def fail(obj: dict[str, Any], is_initial: bool) -> None:
        recorder.on_add(obj, is_initial)
        if exception is SystemExit:
            sys.exit("from a handler")
        raise exception

    with SharedInformer(server) as informer:
        handler = informer.add_handler(on_add=fail)
        server.apply("a")
        server.apply("b")
        assert [call[1] for call in recorder.wait_calls(2)] == ["a", "b"]
        assert handler.wait_for_sync(30)
    assert exception.__name__ in caplog.text


def test_the_version_is_never_ahead_of_the_store(server: MemoryServer) -> None:
    """Whoever sees a version on the informer finds what happened at it in the store."""
    at: dict[str, str] = {}

    def look(obj: dict[str, Any]) -> list[str]:
        at.setdefault(obj["metadata"]["resourceVersion"], informer.resource_version)
        return []

    recorder = Recorder()
    with SharedInformer(server) as informer:
        informer.add_handler(**recorder.functions)
        assert informer.wait_for_sync(30)
        informer.add_indexers({"look": look})
        assert informer.indexer.index_values("look") == []  # from now on asked in the middle of each write
        server.apply("a")
        server.apply("a", n=1)
        recorder.wait_calls(2)
    assert at == {"2": "1", "3": "2"}


def test_the_version_is_not_behind_what_a_handler_was_told(server: MemoryServer) -> None:
    """When an addition, an update or a deletion is told the informer's version is that of the event, or later."""
    behind: list[str] = []

    def check(obj: dict[str, Any], *_: Any) -> None:
        if int(informer.resource_version) < int(obj["metadata"]["resourceVersion"]):
            behind.append(obj["metadata"]["resourceVersion"])

    recorder = Recorder()
    informer = SharedInformer(server)
    informer.add_handler(on_add=check, on_update=lambda _, new: check(new), on_delete=check)
    informer.add_handler(**recorder.functions)
    with informer:
        server.apply("a")
        server.apply("a", n=1)
        server.delete("a")
        recorder.wait_last("delete", "a")
    assert behind == []


class _Operator:
    """A user's class."""

    def added(self, obj: dict[str, Any], is_initial: bool) -> None:
        raise RuntimeError("boom")

    def __call__(self, *_: Any) -> None:
        raise RuntimeError("boom")


@pytest.mark.parametrize(
    ("functions", "name"),
    [
        ({"on_add": _Operator().added}, "things-_Operator.added"),
        ({"on_add": _Operator(), "on_delete": _Operator().added}, "things-_Operator"),
        ({"on_add": functools.partial(_Operator().added)}, "things-partial"),
    ],
    ids=["method", "object", "partial"],
)
def test_a_handler_is_called_by_the_name_of_its_function(
    server: MemoryServer, caplog: pytest.LogCaptureFixture, functions: dict[str, Any], name: str
) -> None:
    """Logs, threads and reprs say whose a handler is."""
    recorder = Recorder()
    server.apply("a")
    with SharedInformer(server, name="things") as informer:
        handler = informer.add_handler(**functions)
        informer.add_handler(**recorder.functions)
        assert handler.name == name
        assert f"dynkube-handler-{name}" in {thread.name for thread in threading.enumerate()}
        assert informer.wait_for_sync(30)
        assert repr(handler) == f"<HandlerRegistration {name}, 0 waiting>"
        assert repr(informer) == "<SharedInformer things, synced, 1 objects>"
    assert f"handler {name} failed for added ns/a" in caplog.text
    assert repr(handler) == f"<HandlerRegistration {name}, removed>"
    assert repr(informer) == "<SharedInformer things, stopped, 1 objects>"
    assert repr(SharedInformer(server)) == "<SharedInformer objects, not synced, 0 objects>"


class _WaitingClock(SystemClock):
    """A clock on which waiting for a sync takes three seconds, or what it was given if that is less."""

    def __init__(self) -> None:
        self.time = 100.0
        self.waits: list[float] = []
        self.meanwhile: list[Callable[[], object]] = []  # what happens in each of them

    def monotonic(self) -> float:
        return self.time

    def wait(self, signal: Waitable, timeout: float | None) -> bool:
        if not isinstance(signal, Latch) or signal.is_set():
            return signal.wait(timeout)
        assert timeout is not None
        self.waits.append(timeout)
        self.time += min(3.0, timeout)
        if timeout <= 3.0:
            return False
        self.meanwhile.pop(0)()
        return signal.wait(30)


def test_waiting_for_the_sync_of_all_handlers_takes_its_time_once() -> None:
    """The limit is for the store and every handler together: who comes later has what is left."""
    source, clock = HeldSource(), _WaitingClock()
    informer = SharedInformer(source, stream=False, clock=clock)
    gates = [_Gate(), _Gate(), _Gate()]
    for gate in gates:
        informer.add_handler(on_add=gate.on_add)
    clock.meanwhile = [
        lambda: informer.replaced({"ns/a": thing("a")}, "1"),
        gates[0].left.release,
        gates[1].left.release,
    ]
    with informer:
        assert not informer.wait_for_sync(10.0)
        assert clock.waits == [10.0, 7.0, 4.0, 1.0]
        gates[2].left.release()
        source.over.set()


# When they come and go


def test_handlers_of_an_informer_that_never_runs_cost_no_thread(server: MemoryServer) -> None:
    """Before the start there is nothing to tell; what is never started need not be stopped either."""
    before = set(threading.enumerate())
    informer = SharedInformer(server)
    handlers = [informer.add_handler(**Recorder().functions) for _ in range(3)]
    assert set(threading.enumerate()) == before
    assert handlers[0].remove(None)
    assert not handlers[0].wait_for_sync(0)
    assert not handlers[1].wait_for_sync(0)


def test_a_handler_removed_before_the_start_is_told_nothing(server: MemoryServer) -> None:
    """The others are told everything, as if it had never been there."""
    server.apply("a")
    removed, staying = Recorder(), Recorder()
    informer = SharedInformer(server)
    handler = informer.add_handler(**removed.functions)
    informer.add_handler(**staying.functions)
    handler.remove()
    with informer:
        staying.wait_calls(1)
        assert informer.wait_for_sync(30)
    assert removed.calls == []


def test_a_handler_added_while_the_first_list_fails_is_told_the_initial_state(server: MemoryServer) -> None:
    """Between the start and the sync it is as if it had been added before the start."""
    server.refusals["list"].append(failure(503))
    server.apply("a")
    waiting, held = threading.Event(), threading.Event()

    def hold(error: Exception) -> None:
        waiting.set()
        assert held.wait(30)

    recorder = Recorder()
    backoff = Backoff(initial=0.001, limit=0.001)
    with SharedInformer(server, stream=False, on_error=hold, backoff=backoff) as informer:
        assert waiting.wait(30)
        handler = informer.add_handler(**recorder.functions)
        assert not handler.has_synced
        held.set()
        assert handler.wait_for_sync(30)
        assert recorder.calls == [("add", "a", "2", True)]


def test_a_late_handler_is_not_synced_before_it_was_told(server: MemoryServer) -> None:
    """That the store is synced says nothing about a handler that is still busy with the present state."""
    server.apply("a")
    gate = _Gate()
    with SharedInformer(server) as informer:
        assert informer.wait_for_sync(30)
        handler = informer.add_handler(on_add=gate.on_add)
        assert gate.entered.acquire(timeout=30)
        assert informer.has_synced
        assert not handler.has_synced
        assert not informer.wait_for_sync(0)
        gate.left.release()
        assert handler.wait_for_sync(30)
        assert informer.wait_for_sync(0)


def test_a_deletion_of_the_initial_state_does_not_hold_the_sync_up(server: MemoryServer) -> None:
    """What is deleted before a handler was told of it is told added and deleted, and the handler is synced between."""
    server.apply("a")
    server.apply("b")
    gate, recorder = _Gate(), Recorder()
    with SharedInformer(server) as informer:
        handler = informer.add_handler(on_add=gate.on_add, on_delete=recorder.on_delete)
        quick = Recorder()
        informer.add_handler(**quick.functions)
        assert gate.entered.acquire(timeout=30)
        server.delete("b")
        quick.wait_last("delete", "b")
        assert not handler.has_synced
        gate.left.release(2)
        assert handler.wait_for_sync(30)
        recorder.wait_last("delete", "b")
    assert gate.names == ["a", "b"]


def test_a_handler_can_add_a_handler(server: MemoryServer) -> None:
    """One that is added in the middle of a call is told the present state, the object of that call included."""
    added = Recorder()
    handlers: list[HandlerRegistration] = []

    def add(obj: dict[str, Any], is_initial: bool) -> None:
        if not handlers:
            handlers.append(informer.add_handler(**added.functions))

    with SharedInformer(server) as informer:
        informer.add_handler(on_add=add)
        assert informer.wait_for_sync(30)
        server.apply("a")
        assert added.wait_calls(1) == [("add", "a", "2", True)]
        server.apply("b")
        assert added.wait_calls(2)[1] == ("add", "b", "3", False)
        assert handlers[0].has_synced


def test_a_handler_that_waits_for_its_own_sync_is_told_no(server: MemoryServer) -> None:
    """It is being told the initial state: waiting for the end of that would be for ever."""
    answers: list[bool] = []
    handlers: list[HandlerRegistration] = []
    told = threading.Event()

    def ask(obj: dict[str, Any], is_initial: bool) -> None:
        answers.extend([handlers[0].wait_for_sync(), informer.wait_for_sync()])
        told.set()

    server.apply("a")
    informer = SharedInformer(server)
    handlers.append(informer.add_handler(on_add=ask))
    with informer:
        assert told.wait(30)
        assert handlers[0].wait_for_sync(30)
    assert answers == [False, False]


def test_stopping_takes_its_time_once(server: MemoryServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of `stop` is for all threads together, however many handlers do not end."""
    now = 100.0
    allowed: list[float | None] = []

    def join(handler: HandlerRegistration, timeout: float | None) -> bool:
        nonlocal now
        allowed.append(timeout)
        now += timeout or 0.0
        return False

    informer = SharedInformer(server)
    for _ in range(3):
        informer.add_handler(**Recorder().functions)
    monkeypatch.setattr("dynkube.watch.clock.time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(HandlerRegistration, "join", join)
    assert informer.stop(5.0) is False
    assert allowed == [5.0, 0.0, 0.0]


def test_the_index_by_namespace_cannot_be_another(server: MemoryServer) -> None:
    """Listers depend on it."""
    with pytest.raises(InvalidRequestError, match=NAMESPACE_INDEX):
        SharedInformer(server, indexers={NAMESPACE_INDEX: index_by_namespace})


@pytest.mark.parametrize("where", ["on_error", "transform", "handler"])
def test_any_function_of_the_user_can_stop_the_informer(server: MemoryServer, where: str) -> None:
    """Stopping from within ends everything but the thread it is called in, and that one right after."""
    stopped = threading.Event()

    def stop(*_: Any) -> Any:
        assert informer.stop() is False
        stopped.set()
        return _[0]

    options: dict[str, Any] = {} if where == "handler" else {where: stop}
    server.refusals["list"].append(failure(503))
    server.apply("a")
    informer = SharedInformer(server, stream=False, backoff=Backoff(initial=0.001, limit=0.001), **options)
    informer.add_handler(on_add=stop if where == "handler" else Recorder().on_add)
    informer.start()
    assert stopped.wait(30)
    assert informer.stop(30)


# Many at once


def test_handlers_come_and_go_while_everything_changes(server: MemoryServer) -> None:
    """Threads that add and remove handlers during writes, the start and the stop disturb nothing and nobody."""
    informer = SharedInformer(server)
    constant = Recorder()
    informer.add_handler(**constant.functions)
    refused = threading.Barrier(5)
    unexpected: list[str] = []
    stories: list[list[tuple[str, str, str, Any]]] = []

    def come_and_go(seed: int) -> None:
        rng = random.Random(seed)
        mine: list[HandlerRegistration] = []
        try:
            while True:
                recorder = Recorder()
                stories.append(recorder.calls)
                mine.append(informer.add_handler(**recorder.functions, coalesce=rng.random() < 0.5))
                if len(mine) > 3:
                    mine.pop(rng.randrange(4)).remove(rng.choice([0.0, None]))
        except InvalidRequestError as error:
            if "stopped" not in str(error):
                unexpected.append(str(error))
        refused.wait(30)

    threads = [threading.Thread(target=come_and_go, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    rng = random.Random(99)
    with informer:
        for turn in range(200):
            name = f"o{rng.randrange(8)}"
            if name in server.objects and rng.random() < 0.4:
                server.delete(name)
            else:
                server.apply(name, turn=turn)
        server.apply("last")
        constant.wait_last("add", "last")
    refused.wait(30)
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert informer.stop(30)
    assert unexpected == []
    for story in [constant.calls, *stories]:
        _check_story(story)


def _check_story(calls: list[tuple[str, str, str, Any]]) -> None:
    """See that what a handler was told hangs together: nothing twice, nothing out of order, nothing from nowhere."""
    known: dict[str, str] = {}
    for kind, name, version, flag in calls:
        assert (kind == "add") is (name not in known), calls
        if kind == "update":
            assert flag == known[name], calls
        if kind != "add":
            assert int(version) > int(known[name]), calls
        if kind == "delete":
            del known[name]
        else:
            known[name] = version


def test_waiting_for_the_sync_passes_over_a_handler_that_is_removed(server: MemoryServer) -> None:
    """An informer is synced when the handlers that are left are."""
    server.apply("a")
    gate = _Gate()
    results: list[bool] = []
    with SharedInformer(server) as informer:
        blocked = informer.add_handler(on_add=gate.on_add)
        assert gate.entered.acquire(timeout=30)
        thread = threading.Thread(target=lambda: results.append(informer.wait_for_sync(30)))
        thread.start()
        blocked.remove()
        thread.join(30)
        assert results == [True]
        gate.left.release()


def test_stopping_waits_for_a_removed_handler_too(server: MemoryServer) -> None:
    """One that was removed in the middle of a call has a thread until that is over."""
    gate = _Gate()
    informer = SharedInformer(server)
    handler = informer.add_handler(on_add=gate.on_add)
    informer.start()
    server.apply("a")
    assert gate.entered.acquire(timeout=30)
    assert handler.remove() is False
    assert handler.running
    assert informer.stop(0.01) is False
    gate.left.release()
    assert informer.stop(30)
    assert not handler.running


def test_removed_handlers_are_forgotten_when_they_have_ended(server: MemoryServer) -> None:
    """An informer to which handlers come and go all day holds on to none of them, nor do they to objects."""
    for name in "abc":
        server.apply(name)
    gate = _Gate()
    with SharedInformer(server, transform=_Mortal) as informer:
        assert informer.wait_for_sync(30)
        waiting = weakref.ref(informer.indexer.values()[1])
        blocked = informer.add_handler(on_add=gate.on_add)
        assert gate.entered.acquire(timeout=30)
        blocked.remove()
        quick = Recorder()
        informer.add_handler(on_delete=quick.on_delete)
        server.delete("b")
        quick.wait_calls(1)
        gate.left.release()
        assert blocked.remove(30)
        assert waiting() is None
        for _ in range(20):
            informer.add_handler(on_delete=quick.on_delete).remove(None)
        assert len(informer._leaving) == 1


def test_a_handler_can_remove_another(server: MemoryServer) -> None:
    """The one that is removed is told nothing more, though it has not been told what the remover was told."""
    gate = _Gate()
    removed = threading.Event()

    def remove(obj: dict[str, Any], is_initial: bool) -> None:
        other.remove()
        removed.set()

    with SharedInformer(server) as informer:
        other = informer.add_handler(on_add=gate.on_add)
        assert informer.wait_for_sync(30)
        server.apply("a")
        assert gate.entered.acquire(timeout=30)
        informer.add_handler(on_add=remove)
        assert removed.wait(30)
        server.apply("b")
        gate.left.release(2)
        assert other.remove(30)
    assert gate.names == ["a"]
