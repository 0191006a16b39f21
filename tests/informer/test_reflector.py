"""Tests of the thread that lists and watches for an informer: which requests it sends, what its sink is told."""

from __future__ import annotations

import sys

import pytest
from watch.fakes import (
    Stream,
    bookmark,
    event,
    expired,
    failure,
    page,
    refused,
    thing,
    too_large,
)

from dynkube.watch import Backoff
from informer.reflecting import END, LIST, Run

# What is sent


def test_lists_then_watches() -> None:
    """One list of what the server has in memory, in pages, then one watch from its version."""
    run = Run(LIST, Stream(event("MODIFIED", "a", 6), event("ADDED", "c", 7), event("DELETED", "b", 8), lasts=300))
    assert run.requests == [("list", "0", 500, None), ("watch", "5")]
    assert run.store.states == [{"a": "1", "b": "2"}]
    assert run.store.objects == {"a": "6", "c": "7"}


def test_a_streaming_list_needs_no_other_request() -> None:
    """State and changes come over one connection, asked for with bookmarks, a match rule and a time limit."""
    initial = [event("ADDED", "a", 1), event("ADDED", "b", 2), *END]
    run = Run(Stream(*initial, event("MODIFIED", "a", 6), event("DELETED", "b", 7), lasts=300), stream=True)
    assert run.requests == [("stream", None)]
    request = run.source.requests[0]
    assert (request["resource_version_match"], request["allow_watch_bookmarks"]) == ("NotOlderThan", True)
    assert 300 <= request["timeout_seconds"] <= 600
    assert run.store.states == [{"a": "1", "b": "2"}]
    assert run.store.objects == {"a": "6"}


def test_no_streaming_list_unless_asked_for() -> None:
    """With `stream=False` the option is never sent, after 410 neither."""
    run = Run(LIST, Stream(error=expired(), lasts=5), LIST, Stream(lasts=300))
    assert [request[0] for request in run.requests] == ["list", "watch", "list", "watch"]


def test_objects_of_all_pages_are_one_state() -> None:
    """Pages of the size asked for follow by token, and the sink is told once."""
    pages = [
        page(*(thing(f"o{index}", index) for index in range(4)), version=9, continue_="t1"),
        page(*(thing(f"o{index}", index) for index in range(4, 8)), version=9, continue_="t2"),
        page(thing("o8", 8), version=9),
    ]
    run = Run(*pages, Stream(lasts=300), page_size=4)
    assert run.requests[:3] == [("list", "0", 4, None), ("list", None, 4, "t1"), ("list", None, 4, "t2")]
    assert run.store.states == [{f"o{index}": str(index) for index in range(9)}]


def test_every_version_reaches_the_sink() -> None:
    """Those of the state, of events of each type and of bookmarks, in their order."""
    events = [event("ADDED", "c", 20), event("MODIFIED", "c", 30), bookmark(40), event("DELETED", "c", 50)]
    run = Run(LIST, Stream(*events, lasts=300))
    assert run.store.versions == ["5", "20", "30", "40", "50"]


# Versions of lists


def test_a_relist_is_not_older_than_what_is_known() -> None:
    """The first list takes what is in memory, later ones name the last version seen."""
    run = Run(LIST, Stream(event("ADDED", "c", 7), error=expired(), lasts=5), page(version=9), Stream(lasts=300))
    assert [request for request in run.requests if request[0] == "list"] == [
        ("list", "0", 500, None),
        ("list", "7", None, None),
    ]
    assert run.store.states[-1] == {}


@pytest.mark.parametrize("error", [expired(), failure(410, "Gone"), too_large()], ids=["Expired", "Gone", "too large"])
def test_a_relist_without_its_version_takes_the_newest(error: Exception) -> None:
    """The list the server cannot give at this version is asked for at once without one, and then counts."""
    run = Run(
        LIST,
        Stream(error=expired(), lasts=5),
        error,
        page(thing("c", 1), version=3),
        Stream(error=expired(), lasts=5),
        page(version=4),
        Stream(lasts=300),
    )
    lists = [request[1] for request in run.requests if request[0] == "list"]
    assert lists == ["0", "5", None, "3"]
    assert run.store.states[1:] == [{"c": "1"}, {}]


def test_a_server_without_a_watch_cache_is_paged_after_410_too() -> None:
    """Where the list at "0" came in pages a list without a limit would burden the database."""
    first = page(thing("a", 1), version=5, continue_="t")
    run = Run(first, LIST, Stream(error=expired(), lasts=5), LIST, Stream(lasts=300))
    assert [request for request in run.requests if request[0] == "list"][2] == ("list", "5", 500, None)


# Failures


def test_the_store_stays_while_lists_and_watches_fail() -> None:
    """Refused lists and watches leave the last state; afterwards the store is what the server has."""
    run = Run(
        page(version=1),
        Stream(event("ADDED", "a", 2), event("ADDED", "b", 3), error=expired(), lasts=5),
        page(thing("a", 2), thing("b", 3), version=3),
        Stream(event("DELETED", "a", 4), event("ADDED", "c", 5), error=expired(), lasts=5),
        failure(500),
        refused(),
        page(thing("b", 3), thing("c", 5), version=5),
        failure(403),
        page(thing("b", 3), thing("c", 5), version=5),
        Stream(event("ADDED", "d", 6), lasts=300),
    )
    assert run.store.states == [{}, {"a": "2", "b": "3"}, {"b": "3", "c": "5"}, {"b": "3", "c": "5"}]
    assert run.store.objects == {"b": "3", "c": "5", "d": "6"}


def test_forty_refused_connections_need_no_list() -> None:
    """Pauses grow to their limit and stay there; then the watch goes on from the version it had."""
    run = Run(LIST, *[refused() for _ in range(40)], Stream(lasts=300))
    assert run.requests == [("list", "0", 500, None), *[("watch", "5")] * 41]
    assert run.pauses[:6] == [0.8, 1.6, 3.2, 6.4, 12.8, 25.6]
    assert set(run.pauses[6:]) == {30.0}


def test_pauses_are_those_of_the_policy() -> None:
    """A backoff of one's own is asked for each pause."""
    run = Run(
        LIST,
        *[refused() for _ in range(5)],
        Stream(lasts=300),
        backoff=lambda clock: Backoff(initial=0.01, limit=0.1, jitter=0, clock=clock),
    )
    assert run.pauses == [0.01, 0.02, 0.04, 0.08, 0.1]


def test_overload_of_the_watch_needs_no_list() -> None:
    """429 on connect and in the stream leads to pauses and to the same watch."""
    overload = failure(429, "TooManyRequests", retry_after=1)
    run = Run(LIST, overload, overload, Stream(error=overload), overload, Stream(lasts=300))
    assert run.requests == [("list", "0", 500, None), *[("watch", "5")] * 5]
    assert run.pauses == [1.0, 1.6, 3.2, 6.4]


def test_a_deletion_that_cannot_be_sent_is_found_by_a_list() -> None:
    """The corrupt object leaves the store, the others stay, and the watch goes on after it."""
    gone = failure(500, "StorageReadError", message="corrupt object has been deleted")
    run = Run(
        LIST,
        Stream(event("ADDED", "corrupt", 6), error=gone, lasts=60),
        page(thing("a", 1), thing("b", 2), version=7),
        Stream(event("MODIFIED", "a", 8), lasts=300),
    )
    assert run.requests == [("list", "0", 500, None), ("watch", "5"), ("list", "6", None, None), ("watch", "7")]
    assert run.store.objects == {"a": "8", "b": "2"}
    assert run.errors == [gone]


def test_an_event_that_can_never_be_sent_is_gone_around() -> None:
    """A watch that fails at the same place each time costs one more try, a list, and no more."""
    run = Run(
        LIST,
        *[Stream(error=failure(500, "InternalError"), lasts=2) for _ in range(2)],
        page(thing("a", 1), version=9),
        Stream(lasts=300),
    )
    assert [request[:2] for request in run.requests] == [
        ("list", "0"),
        ("watch", "5"),
        ("watch", "5"),
        ("list", "5"),
        ("watch", "9"),
    ]


def test_frames_that_are_no_events_are_gone_around() -> None:
    """An object without metadata in the watch is no reason to stay behind for ever."""
    nonsense = {"type": "ADDED", "object": {"kind": "Thing"}}
    run = Run(
        LIST,
        Stream(event("ADDED", "c", 6), nonsense, lasts=2),
        Stream(nonsense),
        Stream(nonsense),
        page(thing("d", 8), version=9),
        Stream(lasts=300),
    )
    lists = [request for request in run.requests if request[0] == "list"]
    assert lists == [("list", "0", 500, None), ("list", "6", None, None)]
    assert run.store.objects == {"d": "8"}


def test_annotations_of_a_bookmark_that_are_none_end_the_stream() -> None:
    """What is no bookmark of the API is no reason to fail otherwise than for any broken frame."""
    odd = bookmark(6)
    odd["object"]["metadata"]["annotations"] = ["k8s.io/initial-events-end"]
    run = Run(LIST, Stream(event("ADDED", "c", 6), odd, lasts=2), Stream(lasts=300))
    assert run.requests[1:] == [("watch", "5"), ("watch", "6")]


def test_a_bug_leads_to_a_state_that_is_not_older(caplog: pytest.LogCaptureFixture) -> None:
    """After an exception of the sink the state is taken anew from the last version, not from what is in memory."""
    run = Run(LIST, Stream(event("ADDED", "c", 6)), page(thing("d", 8), version=9), Stream(lasts=300), bug_at="6")
    assert [request for request in run.requests if request[0] == "list"] == [
        ("list", "0", 500, None),
        ("list", "6", None, None),
    ]
    assert run.store.objects == {"d": "8"}
    assert "things" in caplog.text


def test_an_error_handler_that_exits_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """`sys.exit` in a thread would end it without a word: it is logged, and the reflector goes on."""
    run = Run(failure(500), LIST, Stream(lasts=300), on_error=lambda _: sys.exit(1))
    assert run.store.objects == {"a": "1", "b": "2"}
    assert "on_error of the informer of things" in caplog.text


def test_a_source_that_exits_is_a_bug_like_any_other(caplog: pytest.LogCaptureFixture) -> None:
    """An answer that ends in `SystemExit` is logged, and the state is taken anew."""
    run = Run(LIST, Stream(lambda: sys.exit(1)), page(thing("d", 8), version=9), Stream(lasts=300))
    assert run.store.objects == {"d": "8"}
    assert "starts anew" in caplog.text
