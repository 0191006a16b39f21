"""Tests of handlers that want to know of some objects only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from watch.fakes import ManualClock, MemoryServer

from dynkube.informer import SharedInformer
from informer.recording import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("no_threads_left")


class _Scene:
    """A server, its informer, a handler for what is `on`, and one that is told everything."""

    def __init__(self, **options: Any) -> None:
        self.server = MemoryServer()
        self.clock = ManualClock()
        self.informer = SharedInformer(self.server, clock=self.clock)
        self.asked: list[str] = []
        self.selecting = Recorder()
        self.all = Recorder()
        self.informer.add_handler(**self.selecting.functions, selected=self.selected, **options)
        self.informer.add_handler(**self.all.functions)
        self.wanted = "on"

    def selected(self, obj: dict[str, Any]) -> bool:
        self.asked.append(obj["metadata"]["resourceVersion"])
        return bool(obj.get(self.wanted))

    def told(self, events: int) -> list[tuple[str, str, str, Any]]:
        """Return what the selecting handler was told of the first so many events.

        An object of its own marks the end: whatever came before it has been delivered when it is.
        """
        self.all.wait_calls(events)
        self.server.apply("mark", on=True, off=True)
        self.selecting.wait_last("add", "mark")
        return [call for call in self.selecting.calls if call[1] != "mark"]


@pytest.fixture
def scene() -> Iterator[_Scene]:
    """Return a scene whose informer has its initial state, which is empty: what comes now is no part of it."""
    scene = _Scene()
    with scene.informer:
        assert scene.informer.wait_for_sync()
        yield scene


def test_what_passes_is_told_like_anything_else(scene: _Scene) -> None:
    """Addition, update and deletion of an object that passes throughout."""
    scene.server.apply("a", on=True)
    scene.server.apply("a", on=True, n=1)
    scene.server.delete("a")
    assert scene.told(3) == [("add", "a", "2", False), ("update", "a", "3", "2"), ("delete", "a", "4", False)]


def test_what_does_not_pass_is_not_told_at_all(scene: _Scene) -> None:
    """No addition, no update, no deletion of an object that never passes."""
    scene.server.apply("a", on=False)
    scene.server.apply("a", on=False, n=1)
    scene.server.delete("a")
    assert scene.told(3) == []


def test_coming_into_the_selection_is_no_initial_addition(scene: _Scene) -> None:
    """An object of the initial state that passes only later was not there before, as far as the handler knows."""
    scene.server.apply("a", on=False)
    scene.server.apply("a", on=True)
    assert scene.told(2) == [("add", "a", "3", False)]


def test_a_deletion_is_told_whatever_the_last_state_looks_like(scene: _Scene) -> None:
    """An object the handler was told of may leave the selection in the very change that removes it."""
    scene.server.apply("a", on=True)
    scene.all.wait_calls(1)
    with scene.server.changed:
        scene.server.objects["a"]["on"] = False
        scene.server.delete("a")
    assert scene.told(2) == [("add", "a", "2", False), ("delete", "a", "3", False)]


def test_a_deletion_of_what_was_never_told_is_not_told(scene: _Scene) -> None:
    """A last state that passes does not make a deletion out of nothing."""
    scene.server.apply("a", on=False)
    scene.all.wait_calls(1)
    with scene.server.changed:
        scene.server.objects["a"]["on"] = True
        scene.server.delete("a")
    assert scene.told(2) == []


def test_a_filter_that_changed_its_mind_leaves_nobody_behind(scene: _Scene) -> None:
    """What was told by the old answer is told deleted by the new one, at the next change of the object."""
    scene.server.apply("a", on=True, off=False)
    scene.server.apply("b", on=True, off=False)
    scene.server.apply("c", on=False, off=True)
    scene.all.wait_calls(3)
    scene.selecting.wait_calls(2)
    scene.wanted = "off"
    scene.server.apply("a", on=True, off=False, n=1)
    scene.server.delete("b")
    scene.server.apply("c", on=False, off=True, n=1)
    assert scene.told(6)[2:] == [("delete", "a", "2", False), ("delete", "b", "6", False), ("add", "c", "7", False)]


def test_a_resync_asks_the_filter_again() -> None:
    """A filter that depends on something else is up to date after the next resync, without any change."""
    scene = _Scene(resync_period=60.0)
    scene.server.apply("a", on=True, off=False)
    scene.server.apply("b", on=False, off=True)
    with scene.informer:
        scene.selecting.wait_calls(1)
        scene.all.wait_calls(2)
        scene.wanted = "off"
        scene.clock.wait_for_waiter(1060.0)
        scene.clock.advance(60.0)
        assert sorted(scene.selecting.wait_calls(3)[1:]) == [("add", "b", "3", False), ("delete", "a", "2", False)]


def test_a_filter_is_asked_once_an_event(scene: _Scene) -> None:
    """Additions and updates ask about the new state; deletions ask nothing."""
    scene.server.apply("a", on=True)
    scene.server.apply("a", on=True, n=1)
    scene.server.delete("a")
    scene.told(3)
    assert scene.asked[:3] == ["2", "3", "5"]


def test_a_filter_that_fails_changes_nothing(scene: _Scene, caplog: pytest.LogCaptureFixture) -> None:
    """The event it failed for is not told; the object counts as told of, or not, as it did before."""

    def fail(obj: dict[str, Any]) -> bool:
        if obj.get("bad"):
            raise ValueError("bad")
        return True

    recorder = Recorder()
    handler = scene.informer.add_handler(**recorder.functions, selected=fail)
    scene.server.apply("a")
    scene.server.apply("a", bad=True)
    scene.server.apply("b", bad=True)
    scene.server.delete("b")
    scene.server.delete("a")
    scene.server.apply("end")
    recorder.wait_last("add", "end")
    assert [call[:2] for call in recorder.calls] == [("add", "a"), ("delete", "a"), ("add", "end")]
    assert "ValueError" in caplog.text
    assert handler.wait_for_sync(30)
