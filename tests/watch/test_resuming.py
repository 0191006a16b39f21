"""Tests of watches that are cut again and again: every event after the first version comes, and comes once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynkube.errors import Gone, ResponseError
from dynkube.watch import Watcher
from watch.fakes import FakeClock, Source, Stream, broken, event, expired, failure, rate, refused, silent

#: What may end a stream without being the caller's business.
ENDS = [None, silent(), broken(), refused(), failure(500, "InternalError"), failure(504, "Timeout"), failure(429)]


class _History:
    """A server that has one event for each version and ends each watch after some of them, one way or another."""

    def __init__(self, versions: list[int], cuts: list[tuple[int, int]]) -> None:
        self.clock = FakeClock()
        self.source = Source(clock=self.clock, then=self._answer)
        self._versions = versions
        self._cuts = list(cuts)

    def _answer(self) -> Any:
        since = int(self.source.requests[-1]["resource_version"])
        later = [version for version in self._versions if version > since]
        if not self._cuts:
            return Stream(*[_event(version) for version in later], lasts=86400)
        count, end = self._cuts.pop(0)
        # An error always comes after an event: before one, it could mean that this is no watch at all.
        error = ENDS[end] if count and later else None
        return Stream(*[_event(version) for version in later[:count]], lasts=0.25, error=error)


def _event(version: int) -> dict[str, Any]:
    return event("ADDED", f"o{version}", version)


def _versions(watcher: Watcher) -> list[int]:
    return [int(item["object"]["metadata"]["resourceVersion"]) for item in watcher]


@given(
    versions=st.lists(st.integers(1, 40), unique=True).map(sorted),
    since=st.integers(1, 45),
    cuts=st.lists(st.tuples(st.integers(0, 4), st.integers(0, len(ENDS) - 1)), max_size=12),
)
def test_each_event_comes_once_and_in_order(versions: list[int], since: int, cuts: list[tuple[int, int]]) -> None:
    """However often the watch is cut, and wherever, what is handed out is what happened after the first version."""
    history = _History(versions, cuts)
    watcher = Watcher(
        history.source, resource_version=str(since), timeout=3600.0, clock=history.clock, random=lambda: 0.0
    )
    assert _versions(watcher) == [version for version in versions if version > since]
    assert len(history.source.requests) <= len(cuts) + 1
    assert rate(history.source, history.clock, per=0.99) == 1


@pytest.mark.parametrize(
    ("since", "cut", "requests"),
    [("5", 1, ["5", "6"]), ("4", 1, ["4", "5", "6"]), ("2", 2, ["2", "6"]), ("9", 1, ["9"])],
    ids=["one", "two, one by one", "two at once", "none"],
)
def test_requests_resume_from_the_last_event(since: str, cut: int, requests: list[str]) -> None:
    """Each request names the version of the last event handed out; versions need not follow on each other."""
    history = _History([5, 6], [(cut, 0)] * (len(requests) - 1))
    watcher = Watcher(history.source, resource_version=since, timeout=60.0, clock=history.clock)
    assert _versions(watcher) == [version for version in (5, 6) if version > int(since)]
    assert history.source.versions() == requests


def test_events_before_410_are_handed_out_and_none_after_it() -> None:
    """The caller knows from `resource_version` how far it got."""
    clock = FakeClock()
    source = Source(Stream(_event(6), error=expired()), clock=clock)
    watcher = Watcher(source, resource_version="5", clock=clock)
    assert next(watcher) == _event(6)
    with pytest.raises(Gone):
        next(watcher)
    assert watcher.resource_version == "6"
    assert list(watcher) == []
    assert len(source.requests) == 1


def test_an_endpoint_that_is_no_watch_is_raised() -> None:
    """One that answers with a whole list, as one that ignores `watch=true` does, is asked twice."""
    clock = FakeClock()
    source = Source(then=lambda: Stream(error=broken()), clock=clock)
    with pytest.raises(ResponseError):
        next(Watcher(source, resource_version="5", clock=clock))
    assert len(source.requests) == 2


def test_events_nobody_takes_do_not_hold_up_the_end() -> None:
    """A watch closed with events unread ends, and may be closed again."""
    clock = FakeClock()
    source = Source(Stream(*[_event(version) for version in range(6, 1006)]), clock=clock)
    watcher = Watcher(source, resource_version="5", clock=clock)
    assert next(watcher) == _event(6)
    watcher.close()
    watcher.close()
    assert list(watcher) == []
    assert source.streams[0].closed
