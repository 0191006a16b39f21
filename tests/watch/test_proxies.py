"""Tests of what proxies and load balancers do to the answer of a watch."""

from __future__ import annotations

from typing import Any

import pytest

from dynkube.watch import Watcher
from watch.fakes import FakeClock, Source, Stream, bookmark, event, page, thing


class _HeldBack(Source):
    """A proxy that holds the answer to a watch back for as long as the stream says, then hands it out at once."""

    def watch(self, **options: Any) -> Stream:
        stream = super().watch(**options)
        assert self.clock is not None
        self.clock.advance(stream.lasts)
        stream.lasts = 0.0
        return stream


@pytest.mark.parametrize("relist", [False, True])
def test_an_answer_held_back_until_the_end_was_no_short_stream(relist: bool) -> None:
    """Minutes went by since the request: the watch goes on without a pause and without a list."""
    clock = FakeClock()
    script: list[Any] = [Stream(lasts=80), Stream(lasts=80), Stream(lasts=80), Stream(event("ADDED", "a", 9), lasts=80)]
    source = _HeldBack(*([page(thing("x", 1), version=1)] if relist else []), *script, clock=clock)
    watcher = Watcher(source, resource_version=None if relist else "1", relist=relist, clock=clock)
    source.on_end = watcher.close
    assert [item["object"]["metadata"]["name"] for item in watcher] == ["x", "a"][not relist :]
    assert clock.pauses == []
    assert source.versions() == ["1", "1", "1", "1", "9"]
    assert len(source.versions("list")) == relist


def test_bookmarks_are_enough_to_be_a_stream() -> None:
    """A proxy that cuts every connection early, but lets a bookmark through, leads to no list."""
    clock = FakeClock()
    streams = [Stream(bookmark(version), lasts=0.5) for version in range(2, 12)]
    source = Source(page(version=1), *streams, clock=clock)
    watcher = Watcher(source, relist=True, clock=clock)
    source.on_end = watcher.close
    assert list(watcher) == []
    assert clock.pauses == [0.5] * 10
    assert len(source.versions("list")) == 1
