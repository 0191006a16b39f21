"""Tests of initial states that a stream hands out many objects at a time."""

from __future__ import annotations

import gc
import json
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.rest.events import EventStream
from dynkube.transport import HTTPResponse
from dynkube.watch.actions import Policy, Start
from dynkube.watch.loop import Change, State, WatchLoop
from watch.fakes import FakeClock, Source, Stream, bookmark, broken, event, page, thing

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Batch(list[Any]):
    """Objects handed out together, which tell when they are freed."""


class _Batches(Stream):
    """A stream that hands out batches between its first event and the rest, as `EventStream.added` does."""

    def __init__(self, first: dict[str, Any], batches: list[list[dict[str, Any]]], *rest: Any, **options: Any) -> None:
        super().__init__(first, *rest, **options)
        self.batches = batches

    def added(self) -> Iterator[list[dict[str, Any]]]:
        """Hand out what is left of the batches."""
        while self.batches:
            yield self.batches.pop(0)


END = bookmark(9, end=True)


def _loop(*script: Any) -> tuple[WatchLoop, Source]:
    clock = FakeClock()
    source = Source(*script, clock=clock)
    loop = WatchLoop(source, Policy(start=Start.STREAM, relist=True, patient=True), clock=clock)
    source.on_end = loop.stop
    return loop, source


def _keys(state: Any) -> list[str]:
    assert isinstance(state, State)
    return sorted(state.by_key)


def test_batches_are_part_of_the_state() -> None:
    """With the events before and between them; what comes again counts as it came last."""
    labelled = thing("b", 4)
    labelled["metadata"]["labels"] = {"a": "b"}
    batches = [[thing("b", 2), thing("c", 3)], [labelled, {**thing("x", 5), "metadata": {**_cluster_scoped}}]]
    loop, _ = _loop(_Batches(event("ADDED", "a", 1), batches, event("DELETED", "c", 6), END, lasts=300))
    state: Any = next(loop.signals())
    assert _keys(state) == ["ns/a", "ns/b", "x"]
    assert state.by_key["ns/b"] == {**thing("b", 4), "metadata": {**thing("b", 4)["metadata"], "labels": {"a": "b"}}}


_cluster_scoped = {"name": "x", "resourceVersion": "5", "uid": "uid-x"}


@pytest.mark.parametrize(
    "metadata",
    [{}, {"name": "b"}, {"resourceVersion": "2"}, {"name": "", "resourceVersion": "2"}, None],
    ids=["empty", "no version", "no name", "empty name", "none"],
)
def test_a_batch_with_what_is_no_object_is_no_state(metadata: Any) -> None:
    """The state is listed instead, and nothing of the stream is kept."""
    odd = {**thing("b", 2), "metadata": metadata}
    stream = _Batches(event("ADDED", "a", 1), [[thing("c", 3), odd]], END)
    loop, source = _loop(stream, page(thing("d", 4), version=5))
    assert _keys(next(loop.signals())) == ["ns/d"]
    assert [request["verb"] for request in source.requests] == ["watch", "list"]
    assert stream.closed


def test_a_loop_stopped_between_batches_asks_for_no_more() -> None:
    """The rest of the state is not read."""
    stream = _Batches(event("ADDED", "a", 1), [], END)
    loop, _ = _loop(stream)

    class _Stopping(list[Any]):
        def __iter__(self) -> Iterator[Any]:
            loop.stop()
            return super().__iter__()

    stream.batches = [_Stopping([thing("b", 2)]), [thing("c", 3)]]
    assert list(loop.signals()) == []
    assert len(stream.batches) == 1


def test_batches_are_not_kept() -> None:
    """While the watch goes on nothing but the state holds its objects: they may be deleted long before it ends."""
    batch = _Batch([thing("b", 2), thing("c", 3)])
    kept = weakref.ref(batch)
    stream = _Batches(event("ADDED", "a", 1), [batch], END, event("DELETED", "b", 10), error=broken())
    del batch
    loop, _ = _loop(stream)
    signals = loop.signals()
    state = next(signals)
    assert isinstance(next(signals), Change)
    gc.collect()
    assert kept() is None
    assert len(_keys(state)) == 3
    signals.close()  # type: ignore[attr-defined]


class _Pieces(HTTPResponse):
    """An answer whose body arrives in given pieces."""

    def __init__(self, *pieces: bytes) -> None:
        super().__init__(200)
        self._pieces = pieces

    def chunks(self) -> Iterator[bytes]:
        """Yield the pieces."""
        yield from self._pieces


def test_the_stream_does_not_keep_them_either() -> None:
    """While it waits for the next event the batches it has handed out are gone."""
    lines = [event("ADDED", "a", 1), event("ADDED", "b", 2), END, event("MODIFIED", "b", 10)]
    first, second, end, change = (json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines)
    stream = EventStream(_Pieces(first, second * 3 + end, change))
    assert next(stream)["type"] == "ADDED"
    kept = []
    for objects in stream.added():
        assert len(objects) == 3
        kept.append(weakref.ref(objects))
        del objects
    assert next(stream)["type"] == "BOOKMARK"
    gc.collect()
    assert [ref() for ref in kept] == [None]
    assert next(stream)["type"] == "MODIFIED"
    stream.close()
