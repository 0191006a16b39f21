"""Whatever happens, in whatever order: each handler is told a story without a contradiction that ends at the truth."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from watch.fakes import thing

from dynkube.informer import SharedInformer, object_key
from informer.recording import HeldSource

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("no_threads_left")

NAMES = "abc"
#: What happens: (what, name, whether the object is on, whether something else is done to it besides).
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["write", "write", "delete", "recreate", "state", "handler", "remove", "resync", "pause"]),
        st.sampled_from(NAMES),
        st.booleans(),
        st.booleans(),
    ),
    max_size=30,
)


@dataclass
class _Audience:
    """What one handler was told, by uid; complains at once about what cannot be."""

    pace: threading.Event
    coalesce: bool
    selected: bool
    live: dict[str, dict[str, Any]] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def functions(self) -> dict[str, Any]:
        told: dict[str, Callable[..., None]] = {"on_add": self.add, "on_update": self.update, "on_delete": self.delete}
        functions: dict[str, Any] = {name: self._paced(function) for name, function in told.items()}
        if self.selected:
            functions["selected"] = lambda obj: obj["on"]
        return {**functions, "coalesce": self.coalesce}

    def _paced(self, function: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: Any) -> None:
            assert self.pace.wait(30)
            function(*arguments)

        return call

    def add(self, obj: dict[str, Any], is_initial: bool) -> None:
        uid = obj["metadata"]["uid"]
        if uid == "uid-end":
            self.ended.set()
            return
        if uid in self.live or (uid in self.dead and not self.selected):
            self.wrong.append(f"{uid} added out of turn")
        if any(object_key(other) == object_key(obj) for other in self.live.values()):
            self.wrong.append(f"{uid} added before the one of its name was told deleted")
        self.live[uid] = obj

    def update(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        uid = new["metadata"]["uid"]
        if self.live.get(uid) != old:
            self.wrong.append(f"{uid} updated from what it was not")
        self.live[uid] = new

    def delete(self, obj: dict[str, Any], is_missed: bool) -> None:
        uid = obj["metadata"]["uid"]
        if self.live.pop(uid, None) is None:
            self.wrong.append(f"{uid} deleted out of turn")
        self.dead.add(uid)


class _World:
    """The truth, and an informer that is told of it."""

    def __init__(self) -> None:
        self.informer = SharedInformer(HeldSource(), stream=False)
        self.truth: dict[str, dict[str, Any]] = {}
        self.version = 1
        self.pace = threading.Event()  # cleared: the handlers lag
        self.pace.set()
        self.audiences: list[tuple[_Audience, Any]] = []

    def join(self, *, coalesce: bool, selected: bool) -> None:
        audience = _Audience(self.pace, coalesce, selected)
        self.audiences.append((audience, self.informer.add_handler(**audience.functions())))

    def happen(self, what: str, name: str, on: bool, besides: bool) -> None:
        known = self.truth.get(name)
        if what == "write":
            self._write(name, on, "uid-" + (known["metadata"]["uid"].removeprefix("uid-") if known else self._next()))
            self.informer.changed("MODIFIED" if known else "ADDED", self.truth[name])
        elif what == "delete" and known is not None:
            gone = self.truth.pop(name)
            final = {**gone, "on": on, "metadata": {**gone["metadata"], "resourceVersion": self._next()}}
            self.informer.changed("DELETED", final)
        elif what in {"recreate", "state"}:
            # Something happened while the watch was down; a state tells of it, or only the next event.
            if what == "recreate" or besides:
                self._write(name, on, "uid-" + self._next())
            else:
                self.truth.pop(name, None)
            if what == "recreate" and besides:
                self.informer.changed("MODIFIED", self.truth[name])
            else:
                objects = {object_key(obj): obj for obj in self.truth.values()}
                self.informer.replaced(objects, self._next())
        elif what == "handler":
            self.join(coalesce=on, selected=besides)
        elif what == "remove" and len(self.audiences) > 1:
            self.audiences.pop()[1].remove()
        elif what == "pause" and self.pace.is_set():
            self.pace.clear()
        elif what == "pause":
            self.pace.set()
        elif what == "resync":
            for _, handler in self.audiences:
                self.informer._resync(handler)

    def end(self) -> None:
        self.pace.set()
        self.informer.changed("ADDED", thing("end", 10_000, on=True))
        for audience, _ in self.audiences:
            assert audience.ended.wait(30)

    def _write(self, name: str, on: bool, uid: str) -> None:
        self.truth[name] = thing(name, self._next(), uid=uid, on=on)

    def _next(self) -> str:
        self.version += 1
        return str(self.version)


@given(STEPS)
def test_every_handler_is_told_a_true_story(steps: list[tuple[str, str, bool, bool]]) -> None:
    """Plain, coalescing and selecting handlers, early and late, through events, states and resyncs."""
    world = _World()
    for coalesce in (False, True):
        for selected in (False, True):
            world.join(coalesce=coalesce, selected=selected)
    source: Any = world.informer._reflector._source
    with world.informer:
        world.informer.replaced({}, "1")
        for step in steps:
            world.happen(*step)
        world.end()
        source.over.set()
    stored = {obj["metadata"]["name"]: obj for obj in world.informer.indexer.values()}
    assert stored.pop("end")
    assert stored == world.truth
    for audience, _ in world.audiences:
        assert audience.wrong == []
        told = {obj["metadata"]["name"]: obj for obj in audience.live.values()}
        expected = {name: obj for name, obj in world.truth.items() if obj["on"] or not audience.selected}
        assert told == expected
