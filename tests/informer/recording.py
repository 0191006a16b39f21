"""A handler that writes down what it is told and can be waited for, and a source that says nothing meanwhile."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from watch.fakes import failure

if TYPE_CHECKING:
    from collections.abc import Callable


class Recorder:
    """Keeps (kind, name, resourceVersion, flag) of every call; for updates the flag is the old resourceVersion."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.calls: list[tuple[str, str, str, Any]] = []
        self.objects: list[dict[str, Any]] = []

    def on_add(self, obj: dict[str, Any], is_initial: bool) -> None:
        """Write down an addition."""
        self._record("add", obj, is_initial)

    def on_update(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        """Write down an update."""
        self._record("update", new, old["metadata"]["resourceVersion"])

    def on_delete(self, obj: dict[str, Any], is_missed: bool) -> None:
        """Write down a deletion."""
        self._record("delete", obj, is_missed)

    @property
    def functions(self) -> dict[str, Any]:
        """The arguments for `add_handler`."""
        return {"on_add": self.on_add, "on_update": self.on_update, "on_delete": self.on_delete}

    def wait(self, predicate: Callable[[], bool]) -> None:
        """Block until the predicate holds; it is evaluated after each call."""
        with self.changed:
            assert self.changed.wait_for(predicate, 30), f"this did not happen; there was: {self.calls}"

    def wait_calls(self, count: int) -> list[tuple[str, str, str, Any]]:
        """Block until there were that many calls and return them."""
        self.wait(lambda: len(self.calls) >= count)
        return list(self.calls)

    def wait_last(self, kind: str, name: str) -> None:
        """Block until this kind of call came for this object."""
        self.wait(lambda: any(call[0] == kind and call[1] == name for call in self.calls))

    def _record(self, kind: str, obj: dict[str, Any], flag: Any) -> None:
        with self.changed:
            self.calls.append((kind, obj["metadata"]["name"], obj["metadata"]["resourceVersion"], flag))
            self.objects.append(obj)
            self.changed.notify_all()


class HeldSource:
    """A source that answers nothing until it is `over`: the reflector is held, and the test speaks for it."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.over = threading.Event()

    def list(self, **options: Any) -> Any:
        """Wait for the end of the test."""
        self.asked.set()
        assert self.over.wait(60)
        raise failure(503)

    def watch(self, **options: Any) -> Any:
        """Refuse: this is for informers that list first."""
        raise AssertionError("there is nothing to watch without a list")
