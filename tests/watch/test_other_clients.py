"""What the watches of kopf, of the official clients and of kube-rs promise, and what their users had to report."""

from __future__ import annotations

from typing import Any

import pytest

from dynkube.errors import Expired, InvalidRequestError
from dynkube.watch import Watcher
from watch.fakes import FakeClock, Source, Stream, bookmark, event, expired, failure, page, refused, silent, thing


def _watcher(*script: Any, then: Any = None, **options: Any) -> tuple[Watcher, Source, FakeClock]:
    """Return a watch over a script; it ends when the script does."""
    clock = FakeClock()
    source = Source(*script, clock=clock, then=then)
    watcher = Watcher(source, clock=clock, random=lambda: 0.0, **options)
    source.on_end = watcher.close
    return watcher, source, clock


def _names(events: Any) -> list[tuple[str, str, str]]:
    return [(e["type"], e["object"]["metadata"]["name"], e["object"]["metadata"]["resourceVersion"]) for e in events]


# The end of a state: kopf's LISTED, kube-rs's InitDone


def test_the_end_of_each_state_is_marked() -> None:
    """With bookmarks handed out, one with the annotation of streaming lists follows the first list and every other."""
    watcher, _, _ = _watcher(
        page(thing("a", 1), thing("b", 2), version=5),
        Stream(event("ADDED", "c", 6), error=expired()),
        page(thing("a", 1), version=9),
        Stream(lasts=300),
        relist=True,
        allow_bookmarks=True,
    )
    assert [(e["type"], e["object"]["metadata"].get("annotations")) for e in watcher] == [
        ("ADDED", None),
        ("ADDED", None),
        ("BOOKMARK", {"k8s.io/initial-events-end": "true"}),
        ("ADDED", None),
        ("DELETED", None),
        ("DELETED", None),
        ("BOOKMARK", {"k8s.io/initial-events-end": "true"}),
    ]


def test_the_end_of_an_empty_state_is_marked_too() -> None:
    """Nothing at all is a state that somebody may wait for, and its mark has the version of the list."""
    watcher, _, _ = _watcher(page(version=5), Stream(lasts=300), relist=True, allow_bookmarks=True)
    assert [e["object"]["metadata"]["resourceVersion"] for e in watcher] == ["5"]


def test_the_end_of_a_streamed_state_is_marked_once() -> None:
    """Where the server's own bookmark ends the state, that is what the caller sees of it."""
    watcher, _, _ = _watcher(
        Stream(event("ADDED", "a", 1), bookmark(7, end=True), bookmark(9), lasts=300),
        Stream(lasts=300),
        relist=True,
        send_initial_events=True,
        allow_bookmarks=True,
    )
    assert [(e["type"], e["object"]["metadata"]["resourceVersion"]) for e in watcher] == [
        ("ADDED", "1"),
        ("BOOKMARK", "7"),
        ("BOOKMARK", "9"),
    ]


# A list of the caller's own, then a watch: the way every other client is used


def test_what_the_caller_listed_counts_as_handed_out() -> None:
    """After a 410 deletions and changes of objects from the caller's own list are told, and nothing is told twice."""
    watcher, _, _ = _watcher(
        Stream(event("ADDED", "new", 11), error=expired()),
        page(thing("same", 1), thing("changed", 20), thing("new", 11), version=30),
        Stream(lasts=300),
        resource_version="10",
        relist=True,
        known=[thing("same", 1), thing("changed", 2), thing("gone", 3)],
    )
    assert _names(watcher) == [("ADDED", "new", "11"), ("DELETED", "gone", "3"), ("MODIFIED", "changed", "20")]


def test_what_is_known_from_an_earlier_run_is_compared_with_a_list() -> None:
    """Without a version the watch begins with the difference between then and the newest state, not a cached one."""
    watcher, source, _ = _watcher(
        page(thing("same", 1), thing("new", 4), version=30),
        Stream(lasts=300),
        relist=True,
        known=[thing("same", 1), thing("gone", 3)],
    )
    assert _names(watcher) == [("DELETED", "gone", "3"), ("ADDED", "new", "4")]
    assert source.versions("list") == [None]


def test_known_objects_need_a_watch_that_lists() -> None:
    """A plain watch compares nothing: what it is given to compare with is a mistake, refused before a request."""
    with pytest.raises(InvalidRequestError, match="relist=True"):
        _watcher(resource_version="10", known=[thing("a", 1)])


# Silence, ends and failures, as kopf's tests have them


def test_a_silence_after_a_bookmark_is_resumed_from_the_bookmark() -> None:
    """What the last sign of life said counts, not the list before it."""
    watcher, source, _ = _watcher(
        page(version=100),
        Stream(bookmark(200), lasts=90, error=silent()),
        Stream(event("ADDED", "a", 201), lasts=300),
        relist=True,
    )
    assert _names(watcher) == [("ADDED", "a", "201")]
    assert source.versions() == ["100", "200", "201"]


def test_closing_inside_the_loop_ends_it_there() -> None:
    """Events that have arrived already are not handed out any more."""
    watcher, source, _ = _watcher(Stream(event("ADDED", "a", 2), event("ADDED", "b", 3)), resource_version="1")
    seen = []
    for each in watcher:
        seen.append(each)
        watcher.close()
    assert _names(seen) == [("ADDED", "a", "2")]
    assert source.streams[0].closed


@pytest.mark.parametrize("error", [refused(), silent(), failure(500), failure(503), failure(429, retry_after=3)])
def test_a_list_that_fails_during_an_outage_is_tried_again(error: Exception) -> None:
    """Once the watch stood a failing list does not end it, and what it knew before the outage is what it compares."""
    watcher, _, clock = _watcher(
        page(thing("a", 1), thing("b", 2), version=5),
        Stream(error=expired()),
        error,
        error,
        page(thing("b", 2), version=90),
        Stream(lasts=300),
        relist=True,
    )
    assert _names(watcher)[2:] == [("DELETED", "a", "1")]
    assert len(clock.pauses) == 3


@pytest.mark.parametrize("version", [None, "0", "7"])
def test_410_is_raised_whatever_was_asked_for(version: str | None) -> None:
    """A stream of nothing but 410 is neither an empty cluster nor a reason to ask again (the official client's two)."""
    watcher, source, _ = _watcher(Stream(error=expired()), resource_version=version)
    with pytest.raises(Expired):
        list(watcher)
    assert len(source.requests) == 1


def test_a_failure_that_is_not_the_servers_goes_through_from_a_list_too() -> None:
    """A bug below the watch is not taken for an outage."""
    watcher, _, _ = _watcher(ZeroDivisionError("a bug"), relist=True)
    with pytest.raises(ZeroDivisionError):
        next(watcher)
