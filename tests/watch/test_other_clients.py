"""What the watches of kopf, of the official clients and of kube-rs promise, and what their users had to report."""

from __future__ import annotations

from typing import Any

import pytest

from dynkube.errors import InvalidRequestError
from dynkube.watch import Watcher
from watch.fakes import FakeClock, Source, Stream, bookmark, event, expired, page, thing


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
    """Without a version the watch begins with the difference between then and now."""
    watcher, _, _ = _watcher(
        page(thing("same", 1), thing("new", 4), version=30),
        Stream(lasts=300),
        relist=True,
        known=[thing("same", 1), thing("gone", 3)],
    )
    assert _names(watcher) == [("DELETED", "gone", "3"), ("ADDED", "new", "4")]


def test_known_objects_need_a_watch_that_lists() -> None:
    """A plain watch compares nothing: what it is given to compare with is a mistake, refused before a request."""
    with pytest.raises(InvalidRequestError, match="relist=True"):
        _watcher(resource_version="10", known=[thing("a", 1)])
