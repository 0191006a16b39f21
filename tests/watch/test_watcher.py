"""Tests of the watch a caller iterates over, with a scripted server and a clock that jumps."""

from __future__ import annotations

import gc
import logging
import threading
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.errors import (
    ConnectFailedError,
    Expired,
    Forbidden,
    Gone,
    InvalidRequestError,
    NotFound,
    StatusError,
    Unauthorized,
)
from dynkube.watch import Backoff, Watcher
from watch.fakes import (
    FakeClock,
    MemoryServer,
    Source,
    Stream,
    bookmark,
    broken,
    event,
    expired,
    failure,
    page,
    rate,
    refused,
    silent,
    thing,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


def _watcher(*script: Any, then: Any = None, **options: Any) -> tuple[Watcher, Source, FakeClock]:
    """Return a watch over a script; it ends when the script does."""
    clock = FakeClock()
    source = Source(*script, clock=clock, then=then)
    options.setdefault("resource_version", "1")
    watcher = Watcher(source, clock=clock, random=lambda: 0.0, **options)
    source.on_end = watcher.close
    return watcher, source, clock


def _names(events: Iterable[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(e["type"], e["object"]["metadata"]["name"], e["object"]["metadata"]["resourceVersion"]) for e in events]


def test_hands_out_what_the_server_sends() -> None:
    """Events arrive as the dicts the server sent, in its order."""
    sent = [event("ADDED", "a", 2), event("MODIFIED", "a", 3), event("DELETED", "a", 4)]
    watcher, _, _ = _watcher(Stream(*sent, lasts=300))
    assert list(watcher) == sent


def test_nothing_is_sent_before_the_first_event_is_asked_for() -> None:
    """Making a watch, and leaving it unused, costs no request and no thread."""
    before = threading.active_count()
    watcher, source, clock = _watcher(Stream(), timeout=10.0)
    with watcher:
        assert source.requests == []
    assert clock.alarms == []
    assert threading.active_count() == before


def test_asks_for_bookmarks_and_a_server_timeout_of_five_to_ten_minutes() -> None:
    """Every request bounds the watch on the server and in silence."""
    for drawn, expected in [(0.0, 300), (0.5, 450), (0.999999, 600)]:
        clock = FakeClock()
        source = Source(Stream(lasts=400), clock=clock)
        watcher = Watcher(source, resource_version="1", clock=clock, random=iter([drawn] * 9).__next__)
        source.on_end = watcher.close
        assert list(watcher) == []
        request = source.requests[0]
        assert request["timeout_seconds"] == expected
        assert request["allow_watch_bookmarks"] is True
        assert request["timeout"] == 90.0
        assert request["send_initial_events"] is None
        assert request["resource_version_match"] is None


@pytest.mark.parametrize(("idle", "expected"), [(None, 305.0), (30.0, 30.0), (900.0, 305.0)])
def test_the_read_timeout_follows_from_the_servers_own(idle: float | None, expected: float) -> None:
    """A silence is never waited out longer than 5 s beyond the time the server was asked to end the watch."""
    watcher, source, _ = _watcher(Stream(lasts=300), idle_timeout=idle)
    assert list(watcher) == []
    assert source.requests[0]["timeout"] == expected


def test_resumes_from_the_last_event() -> None:
    """When the server closes the stream the next one begins after the last version seen."""
    watcher, source, clock = _watcher(
        Stream(event("ADDED", "a", 5), lasts=300),
        Stream(lasts=300),
        Stream(event("ADDED", "b", 9), event("ADDED", "c", 12), lasts=300),
    )
    assert _names(watcher) == [("ADDED", "a", "5"), ("ADDED", "b", "9"), ("ADDED", "c", "12")]
    assert source.versions() == ["1", "5", "5", "12"]
    assert clock.pauses == []


def test_bookmarks_count_and_are_kept_from_the_caller() -> None:
    """A bookmark moves the point to resume from without being an event of the caller's."""
    watcher, source, _ = _watcher(Stream(event("ADDED", "a", 5), bookmark(80), lasts=300), Stream(lasts=300))
    assert _names(watcher) == [("ADDED", "a", "5")]
    assert source.versions() == ["1", "80", "80"]
    assert watcher.resource_version == "80"


def test_bookmarks_are_handed_out_on_request() -> None:
    """`allow_bookmarks` shows them to the caller."""
    watcher, _, _ = _watcher(Stream(bookmark(80), lasts=300), allow_bookmarks=True)
    assert list(watcher) == [bookmark(80)]


@pytest.mark.parametrize("error", [silent(), broken(), ConnectFailedError("reset")], ids=lambda e: type(e).__name__)
def test_a_broken_connection_is_replaced(error: Exception) -> None:
    """A reset, a silence and a frame cut in two are not the caller's business."""
    watcher, source, _ = _watcher(Stream(event("ADDED", "a", 5), lasts=90, error=error), Stream(lasts=300))
    assert _names(watcher) == [("ADDED", "a", "5")]
    assert source.versions() == ["1", "5", "5"]


def test_every_stream_is_closed() -> None:
    """Each connection is given back before the next one is opened, also after an error."""
    watcher, source, _ = _watcher(Stream(lasts=300), Stream(lasts=2, error=broken()), Stream(event("ADDED", "a", 2)))
    assert len(list(watcher)) == 1
    assert all(stream.closed for stream in source.streams)


@pytest.mark.parametrize("where", ["on connect", "in the stream"])
@pytest.mark.parametrize("error", [expired(), failure(410, "Gone")], ids=["Expired", "Gone"])
def test_a_plain_watch_raises_410(where: str, error: Exception) -> None:
    """Lost events are the caller's to know, wherever the server says so; nothing is sent after it."""
    watcher, source, _ = _watcher(error if where == "on connect" else Stream(event("ADDED", "a", 2), error=error))
    with pytest.raises(Gone):
        list(watcher)
    assert len(source.requests) == 1
    assert watcher.closed


@pytest.mark.parametrize(("code", "kind"), [(401, Unauthorized), (403, Forbidden), (404, NotFound)])
def test_lasting_refusals_are_raised(code: int, kind: type[StatusError]) -> None:
    """What cannot pass by itself is raised at once."""
    watcher, source, clock = _watcher(failure(code))
    with pytest.raises(kind):
        next(watcher)
    assert len(source.requests) == 1
    assert clock.pauses == []


def test_the_first_connection_failure_is_raised() -> None:
    """A server that is not there is told like for any other call."""
    watcher, _, _ = _watcher(refused())
    with pytest.raises(ConnectFailedError):
        next(watcher)


def test_an_outage_is_waited_out_with_growing_pauses() -> None:
    """Once the watch stood it survives any number of failures, and the pauses double up to 30 s."""
    outage = [refused() for _ in range(7)]
    watcher, source, clock = _watcher(Stream(lasts=300), *outage, Stream(event("ADDED", "a", 2), lasts=300))
    assert _names(watcher) == [("ADDED", "a", "2")]
    assert [round(pause, 1) for pause in clock.pauses] == [0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0]
    assert source.versions() == ["1"] * 9 + ["2"]


def test_pauses_are_short_again_after_health() -> None:
    """Two healthy minutes make the next pause the shortest one."""
    streams: list[Any] = [Stream(lasts=300), refused(), refused(), Stream(lasts=300), refused(), Stream(lasts=300)]
    watcher, _, clock = _watcher(*streams)
    assert list(watcher) == []
    assert [round(pause, 1) for pause in clock.pauses] == [0.8, 1.6, 0.8]


def test_retry_after_is_honoured() -> None:
    """The server's own wish is the least pause there is; a longer backoff stays longer."""
    refusals = [failure(429, "TooManyRequests", retry_after=9), failure(503, "ServiceUnavailable", retry_after=1)]
    watcher, _, clock = _watcher(*refusals, Stream(lasts=300, error=failure(429, retry_after=20)), Stream(lasts=300))
    assert list(watcher) == []
    assert [round(pause, 1) for pause in clock.pauses] == [9.0, 1.6, 20.0]


def test_an_outage_can_be_read_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Each failure is one line with the pause it leads to, and one line says when the watch stands again."""
    caplog.set_level(logging.INFO, "dynkube.watch")
    watcher, _, _ = _watcher(failure(503, message="not now"), failure(503, message="not yet"), Stream(lasts=300))
    assert list(watcher) == []
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0].startswith("watch interrupted at version 1, trying again in 0.8 s: ")
    assert "not now" in lines[0]
    assert lines[1].startswith("watch interrupted at version 1, trying again in 1.6 s: ")
    assert lines[2] == "watch stands again, from version 1, after 2 failures"


def test_each_outage_counts_its_own_failures_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """What was over before the watch stood is no part of the next outage."""
    caplog.set_level(logging.INFO, "dynkube.watch")
    watcher, _, _ = _watcher(failure(503), failure(503), Stream(lasts=300), failure(503), Stream(lasts=300))
    assert list(watcher) == []
    stands = [message for message in caplog.messages if "stands again" in message]
    assert [message.rpartition("after ")[2] for message in stands] == ["2 failures", "1 failures"]


def test_a_watch_that_is_closed_at_once_can_be_seen_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing failed, but nothing came either: each pause that follows is one line."""
    caplog.set_level(logging.INFO, "dynkube.watch")
    watcher, _, _ = _watcher(Stream(), Stream(), Stream(lasts=300))
    assert list(watcher) == []
    assert caplog.messages == [
        "watch closed at once at version 1, trying again in 1.0 s",
        "watch closed at once at version 1, trying again in 1.6 s",
    ]


def test_error_events_that_pass_are_ridden_over() -> None:
    """500, 503, 504, 429 and codes nobody knows lead to a pause and a new stream from the same version."""
    errors = [failure(500, "InternalError"), failure(503), failure(504, "Timeout"), failure(429), failure(666)]
    script = [Stream(event("ADDED", f"o{index}", index + 2), error=error) for index, error in enumerate(errors)]
    watcher, source, _ = _watcher(*script, Stream(lasts=300))
    assert len(list(watcher)) == 5
    assert source.versions() == ["1", "2", "3", "4", "5", "6", "6"]


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "SURPRISE", "object": thing("x", 9)},
        {"type": "ADDED", "object": {"metadata": {"name": "x"}}},
        {"type": "ADDED", "object": {"metadata": {"name": "x", "resourceVersion": ""}}},
        {"type": "ADDED", "object": {"metadata": {"resourceVersion": "9"}}},
        {"type": "BOOKMARK", "object": {"kind": "Thing"}},
        {"type": "BOOKMARK", "object": {"metadata": {}}},
        {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": ""}}},
        {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": 9}}},
        {"type": "ADDED", "object": {"metadata": {"name": "x", "resourceVersion": 9}}},
        {"type": "ADDED", "object": "text"},
        {"object": thing("x", 9)},
        {"type": ["ADDED"], "object": thing("x", 9)},
    ],
    ids=[
        *("surprise", "no version", "empty version", "no name", "no metadata", "bookmark", "empty bookmark"),
        *("number in bookmark", "number", "text", "no type", "list"),
    ],
)
def test_frames_that_are_no_events_end_the_stream(frame: dict[str, Any]) -> None:
    """What has no type, object, name or version is not handed out; the watch goes on from before it."""
    first, second = Stream(event("ADDED", "a", 5), frame, lasts=2), Stream(event("ADDED", "b", 6), lasts=300)
    watcher, source, _ = _watcher(first, second)
    assert _names(watcher) == [("ADDED", "a", "5"), ("ADDED", "b", "6")]
    assert source.versions() == ["1", "5", "6"]


def test_initial_events_are_not_repeated_after_an_early_break() -> None:
    """A watch without a version that breaks before it can be resumed does not hand out the same state twice."""
    watcher, source, _ = _watcher(
        Stream(event("ADDED", "a", 5), event("ADDED", "b", 3), lasts=2),
        Stream(event("ADDED", "a", 5), event("ADDED", "b", 4), event("ADDED", "c", 2), bookmark(9), lasts=2),
        Stream(event("ADDED", "d", 10), lasts=300),
        resource_version=None,
    )
    assert [(name, version) for _, name, version in _names(watcher)] == [
        ("a", "5"),
        ("b", "3"),
        ("b", "4"),
        ("c", "2"),
        ("d", "10"),
    ]
    assert source.versions() == [None, None, "9", "10"]


def test_initial_events_can_be_asked_for() -> None:
    """`send_initial_events` goes with the match rule the server wants, and the marked bookmark is handed out."""
    watcher, source, _ = _watcher(
        Stream(event("ADDED", "a", 5), bookmark(6, end=True), lasts=2),
        Stream(lasts=300),
        resource_version=None,
        send_initial_events=True,
        allow_bookmarks=True,
    )
    assert [e["type"] for e in watcher] == ["ADDED", "BOOKMARK"]
    first, second = source.requests[:2]
    assert (first["send_initial_events"], first["resource_version_match"]) == (True, "NotOlderThan")
    assert (second["send_initial_events"], second["resource_version_match"]) == (None, None)
    assert second["resource_version"] == "6"


# Relisting


def test_relist_begins_with_the_state_as_added_events() -> None:
    """`relist` lists first and watches from there."""
    watcher, source, _ = _watcher(
        page(thing("a", 3), thing("b", 4), version=10),
        Stream(event("MODIFIED", "a", 11), lasts=300),
        resource_version=None,
        relist=True,
    )
    assert _names(watcher) == [("ADDED", "a", "3"), ("ADDED", "b", "4"), ("MODIFIED", "a", "11")]
    assert [request["verb"] for request in source.requests[:2]] == ["list", "watch"]
    assert source.versions()[0] == "10"


def test_after_410_the_difference_comes_as_events() -> None:
    """Missed creations, changes and deletions are told; what did not change is not."""
    watcher, source, clock = _watcher(
        page(thing("same", 1), thing("changed", 2), thing("gone", 3), thing("again", 4, uid="first"), version=10),
        Stream(event("ADDED", "late", 11), lasts=300, error=expired()),
        page(thing("same", 1), thing("changed", 20), thing("again", 21, uid="second"), thing("new", 22), version=30),
        Stream(event("DELETED", "new", 31), lasts=300),
        resource_version=None,
        relist=True,
    )
    events = list(watcher)
    assert _names(events)[5:] == [
        ("DELETED", "gone", "3"),
        ("DELETED", "again", "4"),
        ("DELETED", "late", "11"),
        ("MODIFIED", "changed", "20"),
        ("ADDED", "again", "21"),
        ("ADDED", "new", "22"),
        ("DELETED", "new", "31"),
    ]
    assert source.versions("list") == ["0", "11"]
    assert [round(pause, 1) for pause in clock.pauses] == [0.8]


def test_a_deletion_seen_is_not_told_again_by_the_list() -> None:
    """An object deleted by an event is no part of the difference."""
    watcher, _, _ = _watcher(
        page(thing("a", 1), version=10),
        Stream(event("DELETED", "a", 11), error=expired()),
        page(version=30),
        Stream(lasts=300),
        resource_version=None,
        relist=True,
    )
    assert _names(watcher) == [("ADDED", "a", "1"), ("DELETED", "a", "11")]


def test_list_items_get_their_kind() -> None:
    """Servers leave apiVersion and kind out of the items of built-in lists; events have them."""
    bare = thing("a", 1)
    del bare["kind"], bare["apiVersion"]
    watcher, _, _ = _watcher(page(bare, version=2), Stream(lasts=300), resource_version=None, relist=True)
    (only,) = list(watcher)
    assert (only["object"]["apiVersion"], only["object"]["kind"]) == ("test/v1", "Thing")


@pytest.mark.parametrize(
    "answer",
    [{}, {"metadata": {}, "items": []}, {"metadata": {"resourceVersion": "1"}, "items": {}}, {"metadata": None}],
    ids=["empty", "no version", "items no array", "no metadata"],
)
def test_an_answer_that_is_no_list_is_a_failure(answer: dict[str, Any]) -> None:
    """A list without metadata, version or an array of items cannot be watched from and is raised at the start."""
    watcher, _, _ = _watcher(answer, resource_version=None, relist=True)
    with pytest.raises(ConnectFailedError.__mro__[1], match="list"):
        next(watcher)


# Rates


def _hour(then: Any, *script: Any, **options: Any) -> tuple[Source, FakeClock]:
    watcher, source, clock = _watcher(*script, then=then, timeout=3600.0, **options)
    assert list(watcher) == []
    assert clock.monotonic() - clock.start >= 3600
    return source, clock


def test_a_stream_closed_at_once_is_asked_for_at_a_bounded_rate() -> None:
    """An hour of a server that closes every watch: never more than 3 requests in 5 s, fewer than 140 in all."""
    source, clock = _hour(Stream)
    assert rate(source, clock, per=5.0) <= 3
    assert len(source.requests) < 140


def test_a_stream_that_repeats_one_event_is_asked_for_once_a_second() -> None:
    """A server that answers each watch with one event and closes it meets at most one request a second."""
    watcher, source, clock = _watcher(then=lambda: Stream(event("ADDED", "a", 1)), timeout=600.0)
    assert len(list(watcher)) <= 601
    assert rate(source, clock, per=1.0) <= 1


def test_a_silent_socket_is_asked_for_every_ninety_seconds() -> None:
    """A peer that accepts and says nothing costs one request per idle time."""
    source, _ = _hour(lambda: Stream(lasts=90, error=silent()))
    assert len(source.requests) <= 41


def test_a_permanent_410_is_asked_for_at_a_bounded_rate() -> None:
    """An hour of 410 to every watch: each relist waits for the backoff."""
    answers = iter(lambda: 0, 1)
    state = {"list": True}

    def then() -> Any:
        next(answers)
        state["list"] = not state["list"]
        return expired() if state["list"] else page(version=5)

    source, clock = _hour(then, resource_version=None, relist=True)
    assert rate(source, clock, per=5.0) <= 8
    assert len(source.requests) < 280


def test_an_hour_of_503_costs_few_requests() -> None:
    """Permanent overload is met with the longest pause."""
    source, clock = _hour(lambda: failure(503, "ServiceUnavailable"))
    assert rate(source, clock, per=5.0) <= 3
    assert len(source.requests) < 140


# Ends


def test_a_bounded_watch_ends_after_its_time() -> None:
    """`timeout` ends the iteration without an error, and the server is asked for no more than what is left."""
    clock = FakeClock()
    source = Source(Stream(lasts=40), Stream(lasts=100), clock=clock)
    watcher = Watcher(source, resource_version="1", timeout=100.0, clock=clock)
    assert list(watcher) == []
    assert [request["timeout_seconds"] for request in source.requests] == [100, 60]
    assert watcher.closed
    assert clock.alarms == []


def test_a_bounded_watch_that_is_closed_early_leaves_no_alarm() -> None:
    """What was to end it at its time is called off."""
    clock = FakeClock()
    watcher = Watcher(Source(Stream(event("ADDED", "a", 2))), resource_version="1", timeout=100.0, clock=clock)
    assert next(watcher)["type"] == "ADDED"
    assert len(clock.alarms) == 1
    watcher.close()
    assert clock.alarms == []


def test_a_bounded_watch_cuts_its_pauses() -> None:
    """A pause does not outlast the watch."""
    clock = FakeClock()
    source = Source(then=lambda: failure(503, retry_after=60), clock=clock)
    assert list(Watcher(source, resource_version="1", timeout=70.0, clock=clock)) == []
    assert clock.pauses == [60.0, 10.0]


def test_an_event_after_the_deadline_is_not_handed_out() -> None:
    """Events that keep coming do not keep a bounded watch alive."""
    clock = FakeClock()
    late: list[Any] = []
    for version in range(2, 100):
        late.extend([event("ADDED", f"o{version}", version), lambda: clock.advance(1.0)])
    watcher = Watcher(Source(Stream(*late), clock=clock), resource_version="1", timeout=10.0, clock=clock)
    assert len(list(watcher)) == 10


def test_a_timeout_of_zero_sends_nothing() -> None:
    """A watch without time ends before its first request."""
    watcher, source, _ = _watcher(timeout=0.0)
    assert list(watcher) == []
    assert source.requests == []


@pytest.mark.parametrize("options", [{"timeout": -1.0}, {"idle_timeout": 0.0}])
def test_refuses_senseless_limits(options: dict[str, Any]) -> None:
    """A negative timeout and an idle time of zero are refused before anything is sent."""
    with pytest.raises(InvalidRequestError):
        _watcher(**options)


def test_the_real_clock_ends_a_blocked_watch() -> None:
    """With the clock of the machine, a silent stream ends with the timeout, and no thread is left."""
    before = set(threading.enumerate())
    server = MemoryServer()
    assert list(Watcher(server, resource_version="1", timeout=0.05)) == []
    assert server.streams == set()
    assert set(threading.enumerate()) <= before


def test_close_wakes_a_blocked_reader() -> None:
    """A thread blocked in the stream sees the end when another thread closes the watch."""
    server = MemoryServer()
    watcher = Watcher(server, resource_version="1")
    seen: list[dict[str, Any]] = []
    thread = threading.Thread(target=lambda: seen.extend(watcher))
    thread.start()
    server.wait_for(lambda: len(server.streams) == 1)
    watcher.close()
    thread.join(1.0)
    assert not thread.is_alive()
    assert seen == []
    assert server.streams == set()
    watcher.close()


def test_close_cuts_a_pause() -> None:
    """A watch that is backing off ends at once when it is closed."""
    server = MemoryServer()
    server.refusals["watch"].append(failure(503, retry_after=3600))
    watcher = Watcher(server, resource_version="1", backoff=Backoff(initial=3600, limit=3600))
    thread = threading.Thread(target=lambda: list(watcher))
    thread.start()
    server.wait_for(lambda: len(server.requests) == 1)
    watcher.close()
    thread.join(1.0)
    assert not thread.is_alive()


def test_close_before_the_start_means_no_events() -> None:
    """A watch closed before its first event sends nothing."""
    watcher, source, _ = _watcher(Stream(event("ADDED", "a", 2)))
    watcher.close()
    assert list(watcher) == []
    assert source.requests == []


def test_close_while_the_request_is_on_its_way_closes_the_stream() -> None:
    """A stream that arrives after the close is closed unread."""
    clock = FakeClock()
    stream = Stream(event("ADDED", "a", 2))

    def answer() -> Stream:
        watcher.close()
        return stream

    watcher = Watcher(Source(then=answer, clock=clock), resource_version="1", clock=clock)
    assert list(watcher) == []
    assert stream.closed


def test_close_cancels_a_request_without_an_answer() -> None:
    """The cancellation that travels with each request is set by `close`."""
    tokens: list[Any] = []

    class _Silent(Source):
        def watch(self, **options: Any) -> Stream:
            tokens.append(options["cancellation"])
            watcher.close()
            raise ConnectFailedError("cancelled by the caller")

    watcher = Watcher(_Silent(), resource_version="1")
    assert list(watcher) == []
    assert tokens[0].cancelled


def test_with_closes_the_connection() -> None:
    """Leaving the block, also by an exception, closes the stream."""
    watcher, source, _ = _watcher(Stream(event("ADDED", "a", 2), event("ADDED", "b", 3)))

    def leave() -> None:
        with watcher:
            next(watcher)
            raise KeyError

    with pytest.raises(KeyError):
        leave()
    assert source.streams[0].closed
    assert watcher.closed


def test_closing_the_generator_closes_the_connection() -> None:
    """`iter()` is a generator whose `close` ends the watch."""
    watcher, source, _ = _watcher(Stream(event("ADDED", "a", 2), event("ADDED", "b", 3)))
    events = iter(watcher)
    next(events)
    events.close()
    assert source.streams[0].closed
    assert watcher.closed


def test_leaving_the_loop_early_closes_the_connection() -> None:
    """A `for` loop left by `break` leaves no connection behind, without waiting for the garbage collector."""
    gc.disable()
    try:
        watcher, source, _ = _watcher(Stream(event("ADDED", "a", 2), event("ADDED", "b", 3)))
        for _ in watcher:
            break
        assert source.streams[0].closed
    finally:
        gc.enable()


def test_next_and_for_share_one_iteration() -> None:
    """`next` may take the first events and a loop the rest."""
    watcher, _, _ = _watcher(Stream(*[event("ADDED", f"o{version}", version) for version in range(2, 6)]))
    assert _names([next(watcher)]) == [("ADDED", "o2", "2")]
    assert len(list(islice(watcher, 2))) == 2
    assert len(list(watcher)) == 1


def test_a_watch_can_be_iterated_once() -> None:
    """A second iteration is refused instead of silently going on elsewhere."""
    watcher, _, _ = _watcher(Stream(lasts=300))
    assert list(watcher) == []
    with pytest.raises(InvalidRequestError, match="once"):
        iter(watcher)


def test_an_error_of_the_caller_is_not_swallowed() -> None:
    """An exception that is no failure of the server or the network goes through and closes the stream."""

    def bug() -> None:
        raise ZeroDivisionError

    watcher, source, _ = _watcher(Stream(event("ADDED", "a", 2), bug))
    with pytest.raises(ZeroDivisionError):
        list(watcher)
    assert source.streams[0].closed


def test_a_live_server_loses_nothing_over_cuts() -> None:
    """Connections cut between writes: every write is seen exactly once and in order."""
    server = MemoryServer()
    watcher = Watcher(server, resource_version="1", backoff=Backoff(initial=0, limit=0))
    seen: list[str] = []

    def read() -> None:
        seen.extend(item["object"]["metadata"]["name"] for item in islice(watcher, 20))

    thread = threading.Thread(target=read)
    thread.start()
    for index in range(20):
        server.wait_for(lambda: len(server.streams) == 1 or not thread.is_alive())
        server.apply(f"o{index}")
        if index == 10:
            server.cut(failure(500, "InternalError"))
    thread.join(10)
    assert seen == [f"o{index}" for index in range(20)]
    server.compact()
    with Watcher(server, resource_version="2") as late, pytest.raises(Expired):
        next(late)
