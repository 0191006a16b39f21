"""Tests of the transitions where asking again does not help: unsendable events, initial states without an end."""

from __future__ import annotations

import pytest

from dynkube.errors import ConnectFailedError, TLSError
from dynkube.watch.actions import Fail, ListPage, Meaning, OpenStream, Pause, Policy
from dynkube.watch.machine import LONGEST_INITIAL, MOST_REFUSALS, WatchMachine
from watch.fakes import broken, expired, failure, refused, silent, too_large
from watch.machines import BACK_OFF, END, after_pause, listed, lister, next_action, opened, plain, streamer

FIRST_LIST = ListPage("0", 500, None, first=True)
FIRST_STREAM = OpenStream(None, send_initial_events=True)


def _unreadable() -> Exception:
    """Return what the server says when an object it cannot read any more was deleted all the same."""
    return failure(500, "StorageReadError", message="corrupt object has been deleted")


# Events that cannot be sent


def test_a_deletion_that_cannot_be_sent_leads_to_a_list() -> None:
    """The event stands between the watch and all later ones, for ever: only the state tells what happened."""
    machine = opened(listed(lister(), "10"))
    machine.event("ADDED", "14")
    machine.failed(_unreadable(), 50.0)
    assert next_action(machine) == BACK_OFF
    assert after_pause(machine) == ListPage("14", None, None, first=True)


def test_a_deletion_that_cannot_be_sent_is_the_callers() -> None:
    """A plain watch has lost an event, as with 410, and does not ask for it for ever."""
    machine = opened(plain())
    error = _unreadable()
    machine.failed(error, 50.0)
    assert next_action(machine) == Fail(error)


def test_storage_that_cannot_be_read_for_the_list_is_waited_for() -> None:
    """A list or a watch that is refused for it has lost nothing and may succeed later."""
    machine = lister()
    machine.failed(_unreadable(), 0.0)
    assert after_pause(machine) == FIRST_LIST
    opened_later = plain()
    opened_later.failed(_unreadable(), 0.0)
    assert after_pause(opened_later) == OpenStream("7", send_initial_events=False)


def test_one_internal_error_needs_no_list() -> None:
    """A database without a leader has one again soon: the watch goes on where it was."""
    machine = opened(listed(lister(), "10"))
    machine.failed(failure(500, "InternalError"), 50.0)
    assert next_action(machine) == BACK_OFF
    assert after_pause(machine) == OpenStream("10", send_initial_events=False)


def test_an_internal_error_that_comes_again_leads_to_a_list() -> None:
    """Twice at the same place, the server may be unable to send one event; its state it may."""
    machine = opened(listed(lister(), "10"))
    machine.failed(failure(500, "InternalError"), 50.0)
    opened(_resumed(machine), 60.0)
    machine.failed(failure(500, "InternalError"), 110.0)
    assert after_pause(machine) == ListPage("10", None, None, first=True)


def test_internal_errors_between_events_need_no_list() -> None:
    """As long as each stream brings something the watch is resumed, however often it fails."""
    machine = listed(lister(), "10")
    for version in range(11, 16):
        opened(machine, 0.0)
        machine.event("MODIFIED", str(version))
        machine.failed(failure(500, "InternalError"), 50.0)
        assert after_pause(machine) == OpenStream(str(version), send_initial_events=False)


def test_a_plain_watch_rides_over_internal_errors() -> None:
    """Without a state to take there is nothing but resuming, at the pace of the backoff."""
    machine = opened(plain())
    for _ in range(5):
        machine.failed(failure(500, "InternalError"), 50.0)
        assert next_action(machine) == BACK_OFF
        opened(_resumed(machine), 0.0)


@pytest.mark.parametrize("established", [False, True], ids=["on connect", "in the stream"])
def test_too_many_requests_never_lead_to_a_list(*, established: bool) -> None:
    """A list is what an overloaded server can least use: the watch is resumed for as long as it takes."""
    machine = listed(lister(), "10")
    for _ in range(20):
        if established:
            opened(machine, 0.0)
        machine.failed(failure(429), 50.0)
        assert after_pause(machine) == OpenStream("10", send_initial_events=False)


@pytest.mark.parametrize(
    "error", [refused(), ConnectFailedError("reset"), TLSError("no")], ids=["refused", "reset", "TLS"]
)
def test_a_server_that_is_not_there_is_not_asked_for_a_list(error: Exception) -> None:
    """When it is back the watch goes on where it was, and nobody lists who need not."""
    machine = listed(lister(), "10")
    for _ in range(20):
        machine.failed(error, 50.0)
        assert after_pause(machine) == OpenStream("10", send_initial_events=False)


@pytest.mark.parametrize(
    "error", [failure(503), failure(504, "Timeout"), failure(502), failure(666)], ids=["503", "504", "502", "666"]
)
@pytest.mark.parametrize("established", [False, True], ids=["on connect", "in the stream"])
def test_watches_that_are_always_refused_lead_to_a_list(error: Exception, *, established: bool) -> None:
    """A proxy that lets no watch through leaves lists; five times may be an outage."""
    machine = listed(lister(), "10")
    for _ in range(MOST_REFUSALS):
        assert next_action(machine) == OpenStream("10", send_initial_events=False)
        if established:
            opened(machine, 0.0)
        machine.failed(error, 50.0)
        assert next_action(machine) == BACK_OFF
        machine.paused()
    assert next_action(machine) == ListPage("10", None, None, first=True)


@pytest.mark.parametrize("error", [silent(), broken()], ids=["silence", "HTML"])
def test_watches_that_are_never_answered_lead_to_a_list(error: Exception) -> None:
    """A proxy that holds an answer back until it is whole makes each run into its read timeout; others say nonsense."""
    machine = listed(lister(), "10")
    for _ in range(MOST_REFUSALS):
        assert next_action(machine) == OpenStream("10", send_initial_events=False)
        machine.failed(error, 50.0)
        machine.paused()
    assert next_action(machine) == ListPage("10", None, None, first=True)


def test_a_watch_that_cannot_begin_for_internal_errors_leads_to_a_list() -> None:
    """The second time in a row, as in the stream."""
    machine = listed(lister(), "10")
    machine.failed(failure(500, "InternalError"), 50.0)
    assert after_pause(machine) == OpenStream("10", send_initial_events=False)
    machine.failed(failure(500, "InternalError"), 50.0)
    assert after_pause(machine) == ListPage("10", None, None, first=True)


def test_a_gateway_that_reports_an_internal_error_is_no_server_that_failed() -> None:
    """502 comes from whatever stands before the server, which may be restarting."""
    machine = listed(lister(), "10")
    for _ in range(MOST_REFUSALS - 1):
        machine.failed(failure(502, "InternalError"), 50.0)
        assert after_pause(machine) == OpenStream("10", send_initial_events=False)


@pytest.mark.parametrize("code", [401, 403, 404])
def test_a_refusal_in_the_stream_of_an_informer_leads_to_a_list(code: int) -> None:
    """Permission that was taken away while the watch stood: the list tells whether anything may be seen at all."""
    machine = opened(listed(lister(), "10"))
    machine.failed(failure(code), 50.0)
    assert next_action(machine) == BACK_OFF
    assert after_pause(machine) == ListPage("10", None, None, first=True)


@pytest.mark.parametrize("lasted", [1.0, 300.0])
def test_refusals_around_a_watch_that_stood_are_counted_anew(lasted: float) -> None:
    """A watch that stood for a while, quiet as it was, or brought something, shows that watches get through."""
    machine = listed(lister(), "10")
    for _ in range(5):
        for _ in range(MOST_REFUSALS - 1):
            machine.failed(failure(503), 50.0)
            assert after_pause(machine) == OpenStream("10", send_initial_events=False)
        opened(machine, 0.0).ended(lasted)


def _resumed(machine: WatchMachine) -> WatchMachine:
    assert after_pause(machine) == OpenStream(machine.resource_version, send_initial_events=False)
    return machine


def test_a_list_makes_up_for_streams_that_were_closed_at_once() -> None:
    """After the list one may be closed at once again before the next."""
    machine = listed(lister(), "10")
    for _ in range(2):
        opened(machine).ended(0.25)
        machine.paused()
    opened(listed(machine, "10")).ended(0.25)
    assert after_pause(machine) == OpenStream("10", send_initial_events=False)


# Answers that are no watch


def test_an_endpoint_that_never_sends_an_event_but_something_else_is_the_callers() -> None:
    """Once may be an accident; the second time the answer is raised, because asking for it for ever helps nobody."""
    machine = opened(plain())
    machine.failed(broken(), 0.25)
    assert after_pause(machine) == OpenStream("7", send_initial_events=False)
    opened(machine)
    error = broken()
    machine.failed(error, 0.25)
    assert next_action(machine) == Fail(error)


@pytest.mark.parametrize("kind", ["MODIFIED", "BOOKMARK"])
def test_a_watch_that_worked_once_is_resumed_whatever_breaks_it(kind: str) -> None:
    """After an event or a bookmark an unreadable answer is an outage like any other."""
    machine = opened(plain())
    machine.event(kind, "8")
    for _ in range(20):
        machine.failed(broken(), 0.25)
        assert after_pause(machine) == OpenStream("8", send_initial_events=False)
        opened(machine)


def test_who_lists_keeps_to_lists_where_the_watch_is_none() -> None:
    """An informer goes on by lists, at the pace of the backoff."""
    machine = opened(listed(lister()))
    machine.failed(broken(), 0.25)
    assert after_pause(machine) == OpenStream("10", send_initial_events=False)
    opened(machine)
    machine.failed(broken(), 0.25)
    assert next_action(machine) == Pause(0.75, backoff=True)
    assert after_pause(machine) == ListPage("10", None, None, first=True)


# Servers restored from a backup


@pytest.mark.parametrize("error", [silent(), None], ids=["silent", "ended"])
def test_a_server_that_sends_no_more_bookmarks_is_listed(error: Exception | None) -> None:
    """It may be waiting for a version from before a backup was restored; the list that is refused says so."""
    machine = opened(listed(lister(), "900"))
    machine.event("BOOKMARK", "1000")
    _ends(machine, error, 90.0)
    for _ in range(2):
        assert next_action(machine) == OpenStream("1000", send_initial_events=False)
        _ends(opened(machine), error, 90.0)
    assert after_pause(machine) == ListPage("1000", None, None, first=True)
    machine.failed(too_large(), 0.0)
    opened(listed(machine, "500"))
    assert machine.resource_version == "500"


def test_the_bookmark_that_ends_a_state_shows_that_the_server_sends_bookmarks() -> None:
    """Silence after a streaming list is as telling as after any bookmark."""
    machine = opened(streamer())
    machine.event("BOOKMARK", "1000", END)
    machine.ended(300.0)
    _ends(opened(machine), silent(), 305.0)
    assert after_pause(machine) == OpenStream("1000", send_initial_events=True)


def test_the_list_for_want_of_bookmarks_is_not_repeated() -> None:
    """If nothing happened nothing need be said: the next such list waits for bookmarks to have come again."""
    machine = opened(listed(lister(), "900"))
    machine.event("BOOKMARK", "1000")
    machine.ended(90.0)
    _ends(opened(machine), None, 300.0)
    assert isinstance(after_pause(machine), ListPage)
    listed(machine, "1000")
    for _ in range(10):
        _ends(opened(machine), None, 300.0)
        assert next_action(machine) == OpenStream("1000", send_initial_events=False)


def test_silence_between_bookmarks_and_silence_without_any_mean_nothing() -> None:
    """Neither short connections with a bookmark now and then nor a server that never sends one lead to a list."""
    without = opened(listed(lister(), "10"))
    for _ in range(10):
        _ends(without, silent(), 305.0)
        assert next_action(without) == OpenStream("10", send_initial_events=False)
        opened(without)
    rare = listed(lister(), "10")
    for _ in range(10):
        opened(rare).event("BOOKMARK", "11")
        _ends(rare, silent(), 90.0)
        _ends(opened(rare), silent(), 90.0)
        assert next_action(rare) == OpenStream("11", send_initial_events=False)


def test_a_plain_watch_has_nothing_to_list_for_want_of_bookmarks() -> None:
    """It resumes."""
    machine = opened(plain())
    machine.event("BOOKMARK", "8")
    for _ in range(5):
        _ends(machine, silent(), 90.0)
        assert next_action(machine) == OpenStream("8", send_initial_events=False)
        opened(machine)


def _ends(machine: WatchMachine, error: Exception | None, now: float) -> None:
    if error is None:
        machine.ended(now)
    else:
        machine.failed(error, now)


# Versions


def test_versions_are_not_compared() -> None:
    """What came last counts, an event or a bookmark of a lower number included: the order is the server's."""
    machine = opened(plain("100"))
    machine.event("MODIFIED", "55")
    assert machine.resource_version == "55"
    machine.event("BOOKMARK", "40")
    assert machine.resource_version == "40"


def test_a_version_beyond_the_servers_is_asked_for_no_more() -> None:
    """After the most recent state the lists are at its version again."""
    machine = opened(listed(lister(), "30"))
    machine.failed(expired(), 5.0)
    after_pause(machine)
    machine.failed(too_large(), 6.0)
    assert next_action(machine) == ListPage(None, 500, None, first=True)
    opened(listed(machine, "20"), 7.0)
    machine.failed(expired(), 10.0)
    assert after_pause(machine) == ListPage("20", None, None, first=True)


def test_a_streaming_list_beyond_the_servers_version_is_so_once() -> None:
    """Complete without a version, the next one is not older than it again."""
    machine = opened(streamer())
    machine.event("BOOKMARK", "30", END)
    machine.failed(expired(), 5.0)
    after_pause(machine)
    machine.failed(too_large(), 6.0)
    assert next_action(machine) == FIRST_STREAM
    opened(machine).event("BOOKMARK", "20", END)
    machine.failed(expired(), 5.0)
    assert after_pause(machine) == OpenStream("20", send_initial_events=True)


def test_pages_of_the_most_recent_state_say_nothing_of_the_watch_cache() -> None:
    """Only a list at "0" that comes in pages does; the next list is not paged."""
    machine = opened(listed(lister(), "10"))
    machine.failed(expired(), 5.0)
    after_pause(machine)
    machine.failed(expired(), 6.0)
    machine.listed({"resourceVersion": "20", "continue": "t"})
    machine.listed({"resourceVersion": "20"})
    opened(machine, 7.0)
    machine.failed(expired(), 10.0)
    assert after_pause(machine) == ListPage("20", None, None, first=True)


@pytest.mark.parametrize("error", [expired(), failure(410, "Gone")], ids=["Expired", "Gone"])
def test_a_token_that_expires_in_a_relist_leads_to_a_full_list_at_the_version(error: Exception) -> None:
    """The list without a limit is not older than what is known, and if that is gone too, the most recent one."""
    machine = opened(listed(lister(page_size=4), "10"))
    machine.failed(expired(), 5.0)
    assert after_pause(machine) == ListPage("10", 4, None, first=True)
    machine.listed({"resourceVersion": "11", "continue": "t"})
    machine.failed(error, 6.0)
    assert next_action(machine) == ListPage("10", None, None, first=True)
    machine.failed(error, 6.0)
    assert next_action(machine) == ListPage(None, 4, None, first=True)
    machine.listed({"resourceVersion": "12", "continue": "u"})
    machine.failed(error, 6.0)
    assert next_action(machine) == ListPage(None, None, None, first=True)
    machine.failed(error, 6.0)
    assert next_action(machine) == BACK_OFF


@pytest.mark.parametrize("error", [failure(500), failure(429), failure(403), refused(), broken()])
def test_pages_are_asked_for_from_the_first_after_any_other_failure(error: Exception) -> None:
    """What was gathered is void: it may be of a state that is no longer to be had."""
    machine = lister()
    machine.listed({"resourceVersion": "10", "continue": "t"})
    machine.failed(error, 0.0)
    assert next_action(machine) == BACK_OFF
    assert after_pause(machine) == FIRST_LIST


def test_a_list_waits_as_long_as_the_server_asks() -> None:
    """`Retry-After` of the very first list is honoured."""
    machine = lister()
    machine.failed(failure(429, "TooManyRequests", retry_after=17), 0.0)
    assert next_action(machine) == Pause(17.0, backoff=True)


# Initial states without an end


def test_a_bookmark_without_the_mark_proves_that_there_is_no_end() -> None:
    """Servers that know streaming lists send none before the marked one: a list follows at once, now and later."""
    machine = opened(streamer())
    machine.event("ADDED", "5")
    assert machine.event("BOOKMARK", "6") is Meaning.VOID
    assert next_action(machine) == FIRST_LIST
    assert machine.resource_version is None
    opened(listed(machine))
    machine.failed(expired(), 5.0)
    assert after_pause(machine) == ListPage("10", None, None, first=True)


def test_the_mark_has_to_be_true() -> None:
    """The annotation with another value is no end."""
    machine = opened(streamer())
    assert machine.event("BOOKMARK", "6", {"k8s.io/initial-events-end": "false"}) is Meaning.VOID


def test_a_streaming_list_that_ends_in_order_and_late_is_none() -> None:
    """Changes kept it from falling silent until the server's time was over: it is listed, now and later."""
    machine = opened(streamer())
    machine.event("ADDED", "5")
    machine.ended(LONGEST_INITIAL)
    assert next_action(machine) == FIRST_LIST
    opened(listed(machine), 400.0)
    machine.failed(expired(), 450.0)
    assert isinstance(after_pause(machine), ListPage)


@pytest.mark.parametrize("error", [None, refused()], ids=["ended", "reset"])
def test_a_streaming_list_that_breaks_off_twice_is_listed(error: Exception | None) -> None:
    """Something on the way may not let it through whole; the round after that is streamed again."""
    machine = opened(streamer())
    _breaks_off(machine, error)
    assert after_pause(machine) == FIRST_STREAM
    _breaks_off(opened(machine), error)
    assert next_action(machine) == FIRST_LIST
    opened(listed(machine))
    machine.failed(expired(), 5.0)
    assert after_pause(machine) == OpenStream("10", send_initial_events=True)


def test_a_list_makes_up_for_streaming_lists_that_broke_off() -> None:
    """In the next round one may break off again before it is listed."""
    machine = opened(streamer())
    _breaks_off(machine, None)
    after_pause(machine)
    _breaks_off(opened(machine), None)
    opened(listed(machine)).failed(expired(), 50.0)
    after_pause(machine)
    _breaks_off(opened(machine), None)
    assert after_pause(machine) == OpenStream("10", send_initial_events=True)


def test_a_streaming_list_that_was_complete_makes_up_for_one_that_broke_off() -> None:
    """Only two in a row are too many."""
    machine = opened(streamer())
    _breaks_off(machine, None)
    after_pause(machine)
    opened(machine).event("BOOKMARK", "9", END)
    machine.failed(expired(), 50.0)
    after_pause(machine)
    _breaks_off(opened(machine), None)
    assert after_pause(machine) == OpenStream("9", send_initial_events=True)


def _breaks_off(machine: WatchMachine, error: Exception | None) -> None:
    machine.event("ADDED", "5")
    _ends(machine, error, 0.5)


@pytest.mark.parametrize("established", [False, True], ids=["on connect", "in the stream"])
def test_the_list_after_a_refused_streaming_list_waits_as_long_as_the_server_asks(*, established: bool) -> None:
    """503 with `Retry-After` leads to a list, but not before its time."""
    machine = streamer()
    if established:
        opened(machine)
    machine.failed(failure(503, "ServiceUnavailable", retry_after=9), 3.0)
    assert next_action(machine) == Pause(9.0, backoff=True)
    assert after_pause(machine) == FIRST_LIST


def test_initial_events_of_a_plain_watch_end_at_any_bookmark() -> None:
    """Whoever asked for events and not for a state goes on from whatever bookmark comes."""
    machine = opened(WatchMachine(Policy(send_initial_events=True)))
    machine.event("ADDED", "5")
    assert machine.event("BOOKMARK", "6") is Meaning.BOOKMARK
    assert machine.resource_version == "6"
