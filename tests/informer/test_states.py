"""Tests of what an informer makes of states and events, however odd: its reflector is held, the test speaks for it."""

from __future__ import annotations

import random
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from watch.fakes import Stream, bookmark, event, failure, page, thing

from dynkube.informer import SharedInformer
from dynkube.watch import Backoff
from dynkube.watch.reading import object_key
from informer.recording import HeldSource, Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("no_threads_left")


class _Scene:
    """A running informer and what its handler is told."""

    def __init__(self, source: HeldSource) -> None:
        self.informer = SharedInformer(source, stream=False)
        self.recorder = Recorder()
        self.informer.add_handler(**self.recorder.functions)

    def state(self, version: int, *objects: dict[str, Any]) -> None:
        self.informer.replaced({object_key(obj): obj for obj in objects}, str(version))

    def event(self, kind: str, name: str, version: int, **fields: Any) -> None:
        self.informer.changed(kind, thing(name, version, **fields))

    def told(self) -> list[tuple[str, str, str, Any]]:
        """Return everything the handler was told: an event of its own marks the end."""
        self.event("ADDED", "the-end", 999)
        self.recorder.wait_last("add", "the-end")
        return self.recorder.calls[:-1]


@pytest.fixture
def scene() -> Iterator[_Scene]:
    """Return a running informer that knows nothing yet."""
    source = HeldSource()
    scene = _Scene(source)
    with scene.informer:
        yield scene
        source.over.set()


def _stored(informer: SharedInformer) -> dict[str, str]:
    return {object_key(obj): obj["metadata"]["resourceVersion"] for obj in informer.indexer.values()}


# Events


def test_an_event_that_comes_again_is_told_once(scene: _Scene) -> None:
    """The same version of the same object is no news, whatever the event calls it."""
    scene.state(1)
    scene.event("ADDED", "a", 2)
    scene.event("ADDED", "a", 2)
    scene.event("MODIFIED", "a", 2)
    assert scene.told() == [("add", "a", "2", False)]


def test_events_mean_what_the_store_makes_of_them(scene: _Scene) -> None:
    """ADDED of what is known is an update, MODIFIED of what is not is an addition, as after a resumed watch."""
    scene.state(1, thing("a", 1))
    scene.event("ADDED", "a", 2)
    scene.event("MODIFIED", "b", 3)
    assert scene.told() == [("add", "a", "1", True), ("update", "a", "2", "1"), ("add", "b", "3", False)]


def test_a_deletion_of_what_is_not_known_is_not_told(scene: _Scene) -> None:
    """It moves the version only."""
    scene.state(1)
    scene.event("DELETED", "a", 2)
    assert scene.informer.resource_version == "2"
    assert scene.told() == []


def test_an_event_of_another_object_of_that_name_is_two(scene: _Scene) -> None:
    """The deletion in between was missed; the object that was known is told as it was known."""
    scene.state(1, thing("a", 1, uid="first"))
    scene.event("MODIFIED", "a", 5, uid="second")
    assert _stored(scene.informer) == {"ns/a": "5"}
    assert scene.told()[1:] == [("delete", "a", "1", True), ("add", "a", "5", False)]


def test_a_deletion_brings_the_last_state(scene: _Scene) -> None:
    """The object of the event is told, which has the version of the deletion, and not the one that was stored."""
    scene.state(1, thing("a", 1))
    scene.event("DELETED", "a", 2, final=True)
    assert scene.told()[1:] == [("delete", "a", "2", False)]
    assert scene.recorder.objects[1]["final"]


def test_handlers_are_told_before_many_states_wait(scene: _Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the collector is about to start, what waits is told first: it would find the states all alive."""
    monkeypatch.setattr("dynkube.informer.handler._MOMENT", 60.0)
    scene.state(1, thing("a", 1))
    near = SimpleNamespace(get_count=lambda: (400, 0, 0), get_threshold=lambda: (700, 10, 10), isenabled=lambda: True)
    monkeypatch.setattr("dynkube.informer.shared.gc", near)
    for version in range(2, 200):
        scene.event("MODIFIED", "a", version)
        assert scene.recorder.calls[-1] == ("update", "a", str(version), str(version - 1))


# States


def test_a_state_is_told_as_what_it_changes(scene: _Scene) -> None:
    """Deletions first, then what changed and what is new; what is the same is not told."""
    scene.state(9, thing("gone", 1), thing("same", 2), thing("changed", 3), thing("again", 4, uid="first"))
    scene.state(12, thing("new", 10), thing("changed", 11), thing("same", 2), thing("again", 12, uid="second"))
    assert _stored(scene.informer) == {"ns/new": "10", "ns/changed": "11", "ns/same": "2", "ns/again": "12"}
    assert scene.informer.resource_version == "12"
    calls = scene.told()
    assert [call[3] for call in calls[:4]] == [True] * 4
    assert calls[4] == ("delete", "gone", "1", True)
    assert sorted(calls[5:]) == [
        ("add", "again", "12", False),
        ("add", "new", "10", False),
        ("delete", "again", "4", True),
        ("update", "changed", "11", "3"),
    ]
    assert calls.index(("delete", "again", "4", True)) < calls.index(("add", "again", "12", False))


@pytest.mark.parametrize("times", [1, 2, 3])
def test_an_empty_state_deletes_everything_once(scene: _Scene, times: int) -> None:
    """A second empty state has nothing to delete."""
    scene.state(1, thing("a", 1), thing("b", 1))
    for turn in range(times):
        scene.state(2 + turn)
    assert sorted(scene.told()[2:]) == [("delete", "a", "1", True), ("delete", "b", "1", True)]


def test_a_state_after_a_deletion_brings_it_back(scene: _Scene) -> None:
    """What was told deleted and is in the next state is added; what was deleted and is not is told once."""
    scene.state(1, thing("a", 1), thing("b", 1))
    scene.event("DELETED", "a", 2)
    scene.event("DELETED", "b", 3)
    scene.state(5, thing("a", 4, uid="second"))
    assert scene.told()[2:] == [("delete", "a", "2", False), ("delete", "b", "3", False), ("add", "a", "4", False)]


def test_states_and_events_queue_up_for_a_busy_handler_in_order(scene: _Scene) -> None:
    """Added, changed, gone by a state and added again: a handler that slept is told all of it, with what was known."""
    entered, gate = threading.Event(), threading.Event()
    slow = Recorder()

    def on_add(obj: dict[str, Any], is_initial: bool) -> None:
        entered.set()
        assert gate.wait(30)
        slow.on_add(obj, is_initial)

    scene.informer.add_handler(on_add=on_add, on_update=slow.on_update, on_delete=slow.on_delete)
    scene.state(1, thing("a", 1))
    assert entered.wait(30)
    scene.event("MODIFIED", "a", 2)
    scene.state(3, thing("a", 3))
    scene.state(4)
    scene.event("ADDED", "a", 5, uid="second")
    gate.set()
    assert slow.wait_calls(5) == [
        ("add", "a", "1", True),
        ("update", "a", "2", "1"),
        ("update", "a", "3", "2"),
        ("delete", "a", "3", True),
        ("add", "a", "5", False),
    ]


@pytest.mark.parametrize("coalesce", [False, True], ids=["every", "latest"])
@pytest.mark.parametrize("selected", [False, True], ids=["all", "selected"])
def test_another_object_of_the_same_name_is_never_an_update(scene: _Scene, coalesce: bool, selected: bool) -> None:
    """Deleted and made again while the watch was down, for every sort of handler."""
    recorder = Recorder()
    options: dict[str, Any] = {"selected": lambda obj: True} if selected else {}
    scene.informer.add_handler(**recorder.functions, coalesce=coalesce, **options)
    scene.state(1, thing("a", 1, uid="first"))
    recorder.wait_calls(1)
    scene.state(5, thing("a", 5, uid="second"))
    assert recorder.wait_calls(3)[1:] == [("delete", "a", "1", True), ("add", "a", "5", False)]


def test_an_index_follows_states_and_events(scene: _Scene) -> None:
    """Objects are found by their present value after every sort of change."""
    informer = scene.informer
    informer.add_indexers({"zone": lambda obj: [obj["zone"]] if "zone" in obj else []})
    scene.state(1, thing("a", 1, zone="x"), thing("b", 1, zone="x"))
    assert informer.indexer.index_keys("zone", "x") == ["ns/a", "ns/b"]
    scene.event("MODIFIED", "a", 2, zone="y")
    scene.event("ADDED", "c", 3, zone="y")
    scene.event("DELETED", "b", 4, zone="x")
    assert {value: informer.indexer.index_keys("zone", value) for value in "xy"} == {"x": [], "y": ["ns/a", "ns/c"]}
    scene.state(9, thing("c", 3, zone="y"), thing("a", 8))
    assert informer.indexer.index_values("zone") == ["y"]
    assert informer.indexer.index_keys("zone", "y") == ["ns/c"]


# Coalescing under load


@pytest.mark.parametrize("seed", range(5))
def test_a_coalescing_handler_that_lags_is_told_a_true_story(scene: _Scene, seed: int) -> None:
    """Slow under load, it ends at the last state without a contradiction, and little ever waits for it."""
    rng = random.Random(seed)
    live: dict[str, str] = {}
    wrong: list[str] = []
    turn = threading.Semaphore(0)
    hurry, ended = threading.Event(), threading.Event()

    def on_add(obj: dict[str, Any], _: bool) -> None:
        note("add", obj, known=False)

    def on_update(old: dict[str, Any], new: dict[str, Any]) -> None:
        if live.get(new["metadata"]["uid"]) != old["metadata"]["resourceVersion"]:
            wrong.append(f"update of {new['metadata']['name']} does not follow")
        note("update", new, known=True)

    def on_delete(obj: dict[str, Any], _: bool) -> None:
        note("delete", obj, known=True)

    def note(kind: str, obj: dict[str, Any], *, known: bool) -> None:
        assert hurry.is_set() or turn.acquire(timeout=30)
        uid = obj["metadata"]["uid"]
        if uid == "uid-last":
            ended.set()
            return
        if (uid in live) is not known:
            wrong.append(f"{kind} {obj['metadata']['name']} out of turn")
        if kind == "delete":
            live.pop(uid, None)
        else:
            live[uid] = obj["metadata"]["resourceVersion"]

    handler = scene.informer.add_handler(on_add=on_add, on_update=on_update, on_delete=on_delete, coalesce=True)
    scene.state(1)
    truth: dict[str, tuple[str, int]] = {}
    for version in range(2, 2000):
        name = f"o{rng.randrange(10)}" if rng.random() < 0.7 else f"short-lived-{version}"
        choice = rng.random()
        if choice < 0.05:
            truth = {name: truth[name] for name in truth if rng.random() < 0.8}
            scene.state(version, *(thing(name, at, uid=uid) for name, (uid, at) in truth.items()))
        elif choice < 0.6 or name not in truth:
            uid = truth[name][0] if name in truth else f"uid-{version}"
            truth[name] = (uid, version)
            scene.event("MODIFIED", name, version, uid=uid)
        if name in truth and (choice > 0.8 or name.startswith("short")):
            uid, _ = truth.pop(name)
            scene.event("DELETED", name, version, uid=uid)
        if rng.random() < 0.1:
            turn.release()
        assert handler.backlog <= 3 * (len(truth) + len(live) + 1) + 1
    hurry.set()
    turn.release()
    scene.event("ADDED", "last", 5000)
    assert ended.wait(30)
    assert wrong == []
    assert live == {uid: str(version) for uid, version in truth.values()}


# The way of a first state


class _Scripted:
    """Answers with these pages or streams, then with a stream on which nothing happens."""

    def __init__(self, *script: Any) -> None:
        self._script = list(script)

    def list(self, **options: Any) -> Any:
        return self._script.pop(0)

    def watch(self, **options: Any) -> Any:
        return self._script.pop(0) if self._script else _Quiet()


class _Quiet:
    """A stream on which nothing happens."""

    def __init__(self) -> None:
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self

    def __next__(self) -> dict[str, Any]:
        assert self._closed.wait(60)
        raise StopIteration

    def close(self) -> None:
        self._closed.set()


def test_an_object_listed_twice_is_told_once() -> None:
    """Pages of a state that changed in between may overlap; the later one counts."""
    recorder = Recorder()
    source = _Scripted(page(thing("a", 1), thing("b", 1), version=5, continue_="next"), page(thing("b", 2), version=5))
    with SharedInformer(source, stream=False) as informer:
        handler = informer.add_handler(**recorder.functions)
        assert handler.wait_for_sync(30)
        assert sorted(recorder.calls) == [("add", "a", "1", True), ("add", "b", "2", True)]


def test_a_first_state_that_breaks_off_is_told_by_the_next_one_only() -> None:
    """What came of a streaming list that was cut is not told; the list that takes its place tells it, once."""
    recorder = Recorder()
    cut = Stream(event("ADDED", "a", 1), event("ADDED", "gone", 1), error=failure(500), lasts=2.0)
    whole = page(thing("a", 1), thing("b", 2), version=5)
    with SharedInformer(_Scripted(cut, whole), backoff=Backoff(initial=0.001, limit=0.001)) as informer:
        handler = informer.add_handler(**recorder.functions)
        assert handler.wait_for_sync(30)
        assert sorted(recorder.calls) == [("add", "a", "1", True), ("add", "b", "2", True)]


def test_a_state_that_is_being_taken_anew_shows_nothing_of_itself() -> None:
    """Until it is complete the store shows the earlier one, whole."""
    seen: list[list[str]] = []
    recorder = Recorder()

    def look() -> None:
        seen.append(sorted(informer.indexer.keys()))

    first = Stream(event("ADDED", "a", 1), look, event("ADDED", "b", 1), look, bookmark(5, end=True), look)
    first.error = failure(410, "Expired")
    second = Stream(look, event("ADDED", "c", 7), look, event("ADDED", "a", 1), look, bookmark(9, end=True), look)
    informer = SharedInformer(_Scripted(first, second), backoff=Backoff(initial=0.001, limit=0.001))
    informer.add_handler(**recorder.functions)
    with informer:
        recorder.wait_last("delete", "b")
        recorder.wait_last("add", "c")
    before, after = ["ns/a", "ns/b"], ["ns/a", "ns/c"]
    assert seen == [[], [], before, before, before, before, after]
