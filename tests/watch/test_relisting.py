"""Tests of the watch that takes the state itself: `relist`, with lists and with streaming lists."""

from __future__ import annotations

from typing import Any

import pytest

from dynkube.errors import Forbidden, Invalid
from dynkube.watch import Watcher
from watch.fakes import FakeClock, Source, Stream, bookmark, event, expired, failure, page, refused, thing

END = bookmark(5, end=True)


def _watcher(*script: Any, **options: Any) -> tuple[Watcher, Source, FakeClock]:
    """Return a relisting watch over a script; it ends when the script does."""
    clock = FakeClock()
    source = Source(*script, clock=clock)
    options.setdefault("send_initial_events", True)
    watcher = Watcher(source, relist=True, clock=clock, random=lambda: 0.0, **options)
    source.on_end = watcher.close
    return watcher, source, clock


def _told(watcher: Watcher) -> list[tuple[str, str, str]]:
    """Return type, name and version of each event."""
    return [
        (item["type"], item["object"]["metadata"].get("name", ""), item["object"]["metadata"]["resourceVersion"])
        for item in watcher
    ]


def _verbs(source: Source) -> list[str]:
    return ["stream" if each.get("send_initial_events") else each["verb"] for each in source.requests[:-1]]


CHANGES = [event("ADDED", "d", 6), event("MODIFIED", "b", 7), event("DELETED", "c", 8)]
TOLD = [("ADDED", name, version) for name, version in (("a", "1"), ("b", "2"), ("c", "3"))]


def test_a_listed_state_then_changes() -> None:
    """Without a streaming list each object listed is an ADDED event, and changes follow."""
    listed = page(thing("a", 1), thing("b", 2), thing("c", 3), version=5)
    watcher, source, _ = _watcher(listed, Stream(*CHANGES, lasts=300), send_initial_events=False)
    assert _told(watcher) == [*TOLD, ("ADDED", "d", "6"), ("MODIFIED", "b", "7"), ("DELETED", "c", "8")]
    assert _verbs(source) == ["list", "watch"]


def test_a_streamed_state_then_changes() -> None:
    """With one the same is told over one connection; the bookmark between them is not."""
    initial = [event("ADDED", "a", 1), event("ADDED", "b", 2), event("ADDED", "c", 3), END]
    watcher, source, _ = _watcher(Stream(*initial, *CHANGES, lasts=300))
    assert _told(watcher) == [*TOLD, ("ADDED", "d", "6"), ("MODIFIED", "b", "7"), ("DELETED", "c", "8")]
    assert _verbs(source) == ["stream"]


def test_nothing_of_a_streamed_state_is_told_before_its_end() -> None:
    """A state that breaks off may not be one; what comes in its place is told once."""
    watcher, source, _ = _watcher(
        Stream(event("ADDED", "x", 1), event("ADDED", "a", 1), lasts=2), Stream(event("ADDED", "a", 1), END, lasts=300)
    )
    assert _told(watcher) == [("ADDED", "a", "1")]
    assert _verbs(source) == ["stream", "stream"]


def test_a_bookmark_before_the_end_is_not_handed_out() -> None:
    """Whoever resumed from it later would miss the state."""
    watcher, source, _ = _watcher(
        Stream(event("ADDED", "x", 1), bookmark(9), lasts=300),
        page(thing("a", 1), version=5),
        Stream(lasts=300),
        allow_bookmarks=True,
    )
    first = next(watcher)
    assert (first["type"], first["object"]["metadata"]["name"]) == ("ADDED", "a")
    assert watcher.resource_version == "5"
    assert ("BOOKMARK", "", "9") not in _told(watcher)
    assert _verbs(source) == ["stream", "list", "watch"]


@pytest.mark.parametrize("streaming", [False, True])
def test_a_deletion_missed_is_told_with_the_last_state_known(streaming: bool) -> None:
    """After 410 an object that is gone comes as DELETED as it was, and is told once."""
    if streaming:
        script: list[Any] = [
            Stream(event("ADDED", "a", 3), END, error=expired(), lasts=5),
            Stream(bookmark(7, end=True), error=expired(), lasts=5),
            Stream(bookmark(9, end=True), lasts=300),
        ]
    else:
        script = [page(thing("a", 3), version=5), Stream(error=expired(), lasts=5), page(version=7)]
        script += [Stream(error=expired(), lasts=5), page(version=9), Stream(lasts=300)]
    watcher, _, _ = _watcher(*script, send_initial_events=streaming)
    assert _told(watcher) == [("ADDED", "a", "3"), ("DELETED", "a", "3")]


def test_a_server_without_streaming_lists_is_listed() -> None:
    """The refusal is not the caller's, nor asked for again after 410."""
    script = [page(thing("a", 1), version=5), Stream(error=expired(), lasts=5), page(version=9), Stream(lasts=300)]
    watcher, source, _ = _watcher(failure(422, "Invalid"), *script)
    assert _told(watcher) == [("ADDED", "a", "1"), ("DELETED", "a", "1")]
    assert _verbs(source) == ["stream", "list", "watch", "list", "watch"]


@pytest.mark.parametrize("error", [failure(403, "Forbidden"), failure(422, "Invalid")])
def test_what_refuses_the_list_too_is_raised(error: Exception) -> None:
    """A streaming list and a list, and no more."""
    watcher, source, _ = _watcher(error, error)
    with pytest.raises((Forbidden, Invalid)):
        next(watcher)
    assert len(source.requests) == 2


def test_a_server_that_is_not_there_at_the_start_is_raised() -> None:
    """Nothing stood yet that could be waited for."""
    watcher, source, clock = _watcher(refused(), refused())
    with pytest.raises(type(refused())):
        next(watcher)
    assert clock.pauses == []
    assert len(source.requests) <= 2


def test_a_server_that_goes_away_after_the_list_is_waited_for() -> None:
    """Something stood already: a watch that cannot be begun now is an outage like any other."""
    script = [refused(), refused(), Stream(event("ADDED", "b", 6), lasts=300)]
    watcher, source, clock = _watcher(page(thing("a", 1), version=5), *script, send_initial_events=False)
    assert _told(watcher) == [("ADDED", "a", "1"), ("ADDED", "b", "6")]
    assert source.versions() == ["5", "5", "5", "6"]
    assert [round(pause, 1) for pause in clock.pauses] == [0.8, 1.6]


def test_initial_events_are_not_asked_for_after_a_list() -> None:
    """A watch begun at a version of the caller's, whose state was listed after 410, resumes without them."""
    script = [expired(), page(thing("a", 1), version=9), Stream(lasts=300)]
    watcher, source, _ = _watcher(*script, resource_version="5")
    assert _told(watcher) == [("ADDED", "a", "1")]
    assert _verbs(source) == ["stream", "list", "watch"]
    assert source.versions()[1] == "9"


def test_a_watch_that_is_forbidden_after_the_list_is_raised() -> None:
    """Whoever may list and not watch is told so; an informer would go on by lists."""
    watcher, _, _ = _watcher(page(thing("a", 1), version=5), failure(403, "Forbidden"), send_initial_events=False)
    assert next(watcher)["type"] == "ADDED"
    with pytest.raises(Forbidden):
        next(watcher)


class TestWhatDefinitionsAdd:
    """A definition that gets other defaults changes what is read of objects nobody wrote: at the version they had."""

    def test_to_what_was_handed_out(self) -> None:
        """After a 410 such an object is told as MODIFIED, the others are not."""
        watcher, _, _ = _watcher(
            page(thing("a", 1), thing("b", 2), version=5),
            Stream(error=expired()),
            page(thing("a", 1, spec={"size": 3}), thing("b", 2), version=9),
            Stream(lasts=300),
            send_initial_events=False,
        )
        assert _told(watcher) == [("ADDED", "a", "1"), ("ADDED", "b", "2"), ("MODIFIED", "a", "1")]

    def test_to_what_is_known(self) -> None:
        """The same goes for objects the caller has already."""
        watcher, _, _ = _watcher(
            Stream(error=expired()),
            page(thing("a", 1, spec={"size": 3}), thing("b", 2, spec={}), version=9),
            Stream(lasts=300),
            resource_version="5",
            known=[thing("a", 1, spec={}), thing("b", 2, spec={})],
        )
        assert _told(watcher) == [("MODIFIED", "a", "1")]

    def test_to_what_is_known_by_its_version_only(self) -> None:
        """Whoever kept nothing but metadata of objects is not told all of them again."""
        watcher, _, _ = _watcher(
            page(thing("a", 1, spec={"size": 3}), thing("b", 3), version=9),
            Stream(lasts=300),
            known=[{"metadata": thing(name, version)["metadata"]} for name, version in (("a", 1), ("b", 2))],
            send_initial_events=False,
        )
        assert _told(watcher) == [("MODIFIED", "b", "3")]
