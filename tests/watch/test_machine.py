"""Tests of every transition of the watch, driven by hand."""

from __future__ import annotations

import pytest

from dynkube.watch.actions import Fail, ListPage, Meaning, OpenStream, Pause, Policy, Start
from dynkube.watch.failures import is_version_too_large
from dynkube.watch.machine import WatchMachine
from watch.fakes import broken, expired, failure, refused, silent, too_large
from watch.machines import BACK_OFF, END, after_pause, listed, lister, next_action, opened, plain, streamer

# A plain watch


def test_starts_at_the_given_version() -> None:
    """The first request resumes from the caller's resourceVersion."""
    assert next_action(plain()) == OpenStream("7", send_initial_events=False)


def test_remembers_the_version_of_every_event_and_bookmark() -> None:
    """Changes and bookmarks both move the point to resume from; bookmarks are no changes."""
    machine = opened(plain())
    assert machine.event("ADDED", "8") is Meaning.CHANGE
    assert machine.resource_version == "8"
    assert machine.event("BOOKMARK", "12") is Meaning.BOOKMARK
    assert machine.resource_version == "12"
    assert machine.event("DELETED", "13") is Meaning.CHANGE
    machine.ended(300.0)
    assert next_action(machine) == OpenStream("13", send_initial_events=False)


def test_a_stream_that_lasted_is_replaced_without_a_pause() -> None:
    """The server ending a watch after its time is normal."""
    machine = opened(plain())
    machine.ended(1.0)
    assert next_action(machine) == OpenStream("7", send_initial_events=False)


def test_two_starts_are_a_second_apart() -> None:
    """A stream that brought events but ended early is resumed when a second has passed since it began."""
    machine = opened(plain())
    machine.event("ADDED", "8")
    machine.ended(0.25)
    assert next_action(machine) == Pause(0.75, backoff=False)
    assert after_pause(machine) == OpenStream("8", send_initial_events=False)


def test_a_stream_closed_at_once_is_a_failure() -> None:
    """Nothing at all within a second means backing off, again and again, and for what is left of the second."""
    machine = opened(plain())
    for _ in range(5):
        machine.ended(0.25)
        assert next_action(machine) == Pause(0.75, backoff=True)
        assert after_pause(machine) == OpenStream("7", send_initial_events=False)
        opened(machine, 0.0)


def test_a_refusal_in_a_young_stream_waits_for_the_longer_of_both() -> None:
    """The second between two starts and the time the server asks for are no sum."""
    machine = opened(plain())
    machine.failed(failure(503), 0.25)
    assert next_action(machine) == Pause(0.75, backoff=True)
    machine.paused()
    opened(machine)
    machine.failed(failure(503, retry_after=7), 0.25)
    assert next_action(machine) == Pause(7.0, backoff=True)


@pytest.mark.parametrize("error", [silent(), refused(), broken()], ids=lambda e: type(e).__name__)
def test_a_stream_that_breaks_is_resumed(error: Exception) -> None:
    """A dead peer, a reset and a frame cut in two lead to a new watch from the last version."""
    machine = opened(plain())
    machine.event("MODIFIED", "9")
    machine.failed(error, 90.0)
    assert next_action(machine) == OpenStream("9", send_initial_events=False)


@pytest.mark.parametrize("error", [expired(), failure(410, "Gone")], ids=["Expired", "Gone"])
@pytest.mark.parametrize("established", [False, True], ids=["on connect", "in the stream"])
def test_410_is_the_callers(error: Exception, *, established: bool) -> None:
    """A plain watch has lost events and says so, whichever way the server told."""
    machine = plain()
    if established:
        opened(machine)
    machine.failed(error, 5.0)
    assert next_action(machine) == Fail(error)


@pytest.mark.parametrize(("code", "reason"), [(429, "TooManyRequests"), (500, "InternalError"), (503, ""), (504, "")])
@pytest.mark.parametrize("established", [False, True], ids=["on connect", "in the stream"])
def test_passing_refusals_are_waited_out(code: int, reason: str, *, established: bool) -> None:
    """Overload and failures of the server lead to a pause of at least what it asks for, then to the same request."""
    machine = plain()
    if established:
        opened(machine)
    machine.failed(failure(code, reason, retry_after=7), 5.0)
    assert next_action(machine) == Pause(7.0, backoff=True)
    assert after_pause(machine) == OpenStream("7", send_initial_events=False)


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 422])
@pytest.mark.parametrize("established", [False, True], ids=["on connect", "in the stream"])
def test_lasting_refusals_are_the_callers(code: int, *, established: bool) -> None:
    """What a pause does not cure is raised by a plain watch."""
    machine = plain()
    if established:
        opened(machine)
    error = failure(code)
    machine.failed(error, 5.0)
    assert next_action(machine) == Fail(error)


def test_the_first_connection_failure_is_the_callers() -> None:
    """A watch of a host that is not there fails like any other call."""
    machine = plain()
    error = refused()
    machine.failed(error, 0.0)
    assert next_action(machine) == Fail(error)


def test_later_connection_failures_are_waited_out() -> None:
    """Once the watch stood, a server that cannot be reached is asked again after a pause."""
    machine = opened(plain())
    machine.ended(300.0)
    machine.failed(refused(), 301.0)
    assert next_action(machine) == BACK_OFF
    assert after_pause(machine) == OpenStream("7", send_initial_events=False)


def test_a_version_the_server_has_not_reached_is_asked_for_again() -> None:
    """A replica that lags behind catches up."""
    machine = opened(plain())
    machine.ended(300.0)
    machine.failed(too_large(), 301.0)
    assert next_action(machine) == BACK_OFF
    assert after_pause(machine) == OpenStream("7", send_initial_events=False)


@pytest.mark.parametrize("version", [None, "", "0"])
def test_initial_events_carry_no_order(version: str | None) -> None:
    """The versions of synthetic ADDED events are not resumed from; the first other event ends them."""
    machine = opened(plain(version))
    machine.event("ADDED", "50")
    assert machine.unordered
    assert machine.resource_version == version
    machine.event("MODIFIED", "60")
    assert not machine.unordered
    machine.event("ADDED", "61")
    assert machine.resource_version == "61"


def test_a_bookmark_ends_the_initial_events() -> None:
    """After a bookmark the watch can be resumed."""
    machine = opened(plain(None))
    machine.event("ADDED", "50")
    machine.event("BOOKMARK", "55")
    assert (machine.unordered, machine.resource_version) == (False, "55")


def test_initial_events_are_asked_for_until_they_were_complete() -> None:
    """A streaming start that breaks off is begun again; after its bookmark the watch resumes."""
    machine = WatchMachine(Policy(send_initial_events=True))
    assert next_action(machine) == OpenStream(None, send_initial_events=True)
    opened(machine)
    machine.event("ADDED", "5")
    machine.ended(2.0)
    assert next_action(machine) == OpenStream(None, send_initial_events=True)
    opened(machine, 3.0)
    machine.event("BOOKMARK", "8", END)
    machine.ended(6.0)
    assert next_action(machine) == OpenStream("8", send_initial_events=False)


# Lists


def test_the_first_list_takes_what_is_in_memory() -> None:
    """A first list is at "0" with pages of 500."""
    assert next_action(lister()) == ListPage("0", 500, None, first=True)


def test_watches_from_the_version_of_the_list() -> None:
    """The watch begins where the list ends."""
    assert next_action(listed(lister(), "10")) == OpenStream("10", send_initial_events=False)


def test_pages_keep_the_version_of_the_first() -> None:
    """Pages follow by their token alone, and the watch begins at the version of the first page."""
    machine = lister()
    assert not machine.listed({"resourceVersion": "10", "continue": "t1"})
    assert next_action(machine) == ListPage(None, 500, "t1", first=False)
    assert not machine.listed({"resourceVersion": "11", "continue": "t2"})
    assert machine.listed({"resourceVersion": "12"})
    assert next_action(machine) == OpenStream("10", send_initial_events=False)


def test_an_expired_token_leads_to_one_full_list() -> None:
    """When a token expires, everything is asked for at once and the pages so far are void."""
    machine = lister()
    machine.listed({"resourceVersion": "10", "continue": "t1"})
    machine.failed(expired(), 0.0)
    assert next_action(machine) == ListPage("0", None, None, first=True)


@pytest.mark.parametrize("error", [expired(), failure(410, "Gone"), too_large()])
def test_an_unavailable_version_leads_to_the_most_recent(error: Exception) -> None:
    """A list the server cannot serve at this version is sent again at once without one."""
    machine = listed(lister(), "10")
    opened(machine)
    machine.failed(expired(), 5.0)
    assert after_pause(machine) == ListPage("10", None, None, first=True)
    machine.failed(error, 6.0)
    assert next_action(machine) == ListPage(None, 500, None, first=True)


def test_permanent_410_of_the_list_backs_off() -> None:
    """Even the list without a version saying 410 is no reason to spin."""
    machine = lister()
    machine.failed(expired(), 0.0)
    assert next_action(machine) == ListPage(None, 500, None, first=True)
    for _ in range(3):
        machine.failed(expired(), 0.0)
        assert next_action(machine) == BACK_OFF
        assert after_pause(machine) == ListPage(None, 500, None, first=True)


def test_a_relist_is_not_older_than_what_is_known_and_not_paged() -> None:
    """After 410 in a watch the list is at the last version, without a limit so that the watch cache can serve it."""
    machine = opened(listed(lister(), "10"))
    machine.event("MODIFIED", "20")
    machine.failed(expired(), 400.0)
    assert next_action(machine) == BACK_OFF
    assert after_pause(machine) == ListPage("20", None, None, first=True)


def test_a_server_without_a_watch_cache_is_paged_every_time() -> None:
    """If a list at "0" came in pages, later lists are paged too."""
    machine = lister()
    machine.listed({"resourceVersion": "10", "continue": "t1"})
    machine.listed({"resourceVersion": "10"})
    opened(machine)
    machine.failed(expired(), 5.0)
    assert after_pause(machine) == ListPage("10", 500, None, first=True)


def test_an_explicit_page_size_wins() -> None:
    """The owner's page size is used for every list."""
    machine = lister(page_size=50)
    assert next_action(machine) == ListPage("0", 50, None, first=True)
    machine.listed({"resourceVersion": "10", "continue": "t1"})
    assert next_action(machine) == ListPage(None, 50, "t1", first=False)
    machine.listed({"resourceVersion": "10"})
    opened(machine)
    machine.failed(expired(), 5.0)
    assert after_pause(machine) == ListPage("10", 50, None, first=True)


@pytest.mark.parametrize("error", [failure(403, "Forbidden"), failure(429), failure(500), refused(), broken()])
def test_a_patient_list_waits(error: Exception) -> None:
    """An informer outlasts whatever keeps it from listing."""
    machine = lister()
    machine.failed(error, 0.0)
    assert next_action(machine) == BACK_OFF
    assert after_pause(machine) == ListPage("0", 500, None, first=True)


def test_an_impatient_list_fails() -> None:
    """A watch that lists for its caller raises what the list was refused with."""
    machine = WatchMachine(Policy(start=Start.LIST, relist=True))
    error = failure(403, "Forbidden")
    machine.failed(error, 0.0)
    assert next_action(machine) == Fail(error)


@pytest.mark.parametrize("error", [refused(), failure(429), failure(500, "InternalError")])
def test_a_watch_that_cannot_start_now_needs_no_new_list(error: Exception) -> None:
    """After a passing refusal the watch is started again from the same version."""
    machine = listed(lister())
    machine.failed(error, 0.0)
    assert next_action(machine) == BACK_OFF
    assert after_pause(machine) == OpenStream("10", send_initial_events=False)


def test_a_watch_that_is_refused_for_good_falls_back_on_lists() -> None:
    """Where only listing is allowed the state is kept up to date by lists, at the pace of the backoff."""
    machine = listed(lister())
    machine.failed(failure(403, "Forbidden"), 0.0)
    assert next_action(machine) == BACK_OFF
    assert after_pause(machine) == ListPage("10", None, None, first=True)


def test_streams_closed_at_once_lead_to_a_list() -> None:
    """One may come from a server going down; after two in a row the state is taken anew."""
    machine = opened(listed(lister()))
    machine.ended(0.1)
    assert after_pause(machine) == OpenStream("10", send_initial_events=False)
    opened(machine, 2.0)
    machine.ended(2.1)
    assert after_pause(machine) == ListPage("10", None, None, first=True)


def test_a_watch_at_a_version_the_server_has_not_reached_takes_the_newest_state() -> None:
    """A server restored from a backup has lower versions than the client; the state is read without one."""
    machine = listed(lister())
    machine.failed(too_large(), 0.0)
    assert after_pause(machine) == ListPage(None, 500, None, first=True)


def test_a_relisting_watch_from_a_version_lists_after_410() -> None:
    """A watch begun at a version takes the state when that version is gone."""
    machine = WatchMachine(Policy(relist=True, resource_version="7"))
    assert next_action(machine) == OpenStream("7", send_initial_events=False)
    machine.failed(expired(), 0.0)
    assert after_pause(machine) == ListPage("7", None, None, first=True)


# Streaming lists


def test_a_streaming_list_is_complete_at_its_bookmark() -> None:
    """Objects before the marked bookmark are the state; the same stream goes on with changes."""
    machine = streamer()
    assert next_action(machine) == OpenStream(None, send_initial_events=True)
    opened(machine)
    assert machine.event("ADDED", "5") is Meaning.INITIAL
    assert machine.event("DELETED", "6") is Meaning.INITIAL
    assert machine.resource_version is None
    assert machine.event("BOOKMARK", "9", END) is Meaning.COMPLETE
    assert machine.resource_version == "9"
    assert machine.event("MODIFIED", "10") is Meaning.CHANGE
    machine.ended(300.0)
    assert next_action(machine) == OpenStream("10", send_initial_events=False)


@pytest.mark.parametrize("code", [400, 422])
def test_a_server_without_streaming_lists_is_asked_once(code: int) -> None:
    """A refusal as invalid means the server does not know it: a list follows at once, this time and later."""
    machine = streamer()
    machine.failed(failure(code), 0.0)
    assert next_action(machine) == ListPage("0", 500, None, first=True)
    opened(listed(machine))
    machine.failed(expired(), 5.0)
    assert isinstance(after_pause(machine), ListPage)


def test_any_other_refusal_falls_back_for_this_round() -> None:
    """Refused once, the next round streams again."""
    machine = streamer()
    machine.failed(failure(403, "Forbidden"), 0.0)
    assert isinstance(next_action(machine), ListPage)
    opened(listed(machine))
    machine.failed(expired(), 5.0)
    assert after_pause(machine) == OpenStream("10", send_initial_events=True)


@pytest.mark.parametrize("error", [failure(429), refused()])
def test_a_streaming_list_waits_for_an_overloaded_or_absent_server(error: Exception) -> None:
    """No list is sent where it would fail the same way."""
    machine = streamer()
    machine.failed(error, 0.0)
    assert next_action(machine) == BACK_OFF
    assert after_pause(machine) == OpenStream(None, send_initial_events=True)


@pytest.mark.parametrize("error", [expired(), too_large()])
@pytest.mark.parametrize("established", [False, True], ids=["on connect", "in the stream"])
def test_a_streaming_list_at_an_unavailable_version_starts_without_one(error: Exception, *, established: bool) -> None:
    """The next try is at once and without a version; if that is refused too, it backs off."""
    machine = opened(streamer())
    machine.event("BOOKMARK", "9", END)
    machine.failed(expired(), 300.0)
    assert after_pause(machine) == OpenStream("9", send_initial_events=True)
    if established:
        opened(machine, 301.0)
    machine.failed(error, 301.0)
    assert next_action(machine) == OpenStream(None, send_initial_events=True)
    machine.failed(error, 301.0)
    assert next_action(machine) == BACK_OFF
    assert after_pause(machine) == OpenStream(None, send_initial_events=True)


def test_a_streaming_list_that_breaks_off_is_begun_again() -> None:
    """What came before the bookmark does not count and is asked for anew, a second after the last start."""
    machine = opened(streamer())
    machine.event("ADDED", "5")
    machine.ended(0.5)
    assert next_action(machine) == Pause(0.5, backoff=False)
    assert after_pause(machine) == OpenStream(None, send_initial_events=True)


@pytest.mark.parametrize("error", [None, broken()])
def test_a_streaming_list_that_brings_nothing_falls_back(error: Exception | None) -> None:
    """Closed at once and empty, or unreadable: the list is tried."""
    machine = opened(streamer())
    if error is None:
        machine.ended(0.2)
    else:
        machine.failed(error, 0.2)
    assert isinstance(next_action(machine), ListPage)


def test_a_streaming_list_without_an_end_is_given_up() -> None:
    """A server that ignores the option never sends the bookmark; after the silence it is not asked again."""
    machine = opened(streamer())
    machine.event("ADDED", "5")
    machine.failed(silent(), 90.0)
    assert isinstance(next_action(machine), ListPage)
    opened(listed(machine), 91.0)
    machine.failed(expired(), 95.0)
    assert isinstance(after_pause(machine), ListPage)


@pytest.mark.parametrize("code", [403, 500])
def test_an_error_event_in_a_streaming_list_falls_back(code: int) -> None:
    """An error in the middle of the initial state leads to a list."""
    machine = opened(streamer())
    machine.failed(failure(code), 3.0)
    assert isinstance(next_action(machine), ListPage)


# The machine itself


def test_outcomes_that_do_not_fit_the_action_are_refused() -> None:
    """Telling the machine of something it did not ask for is a bug of the caller."""
    with pytest.raises(RuntimeError, match="expects the outcome"):
        plain().listed({"resourceVersion": "1"})
    with pytest.raises(RuntimeError, match="expects the outcome"):
        lister().paused()


def test_too_large_versions_are_known_by_cause_and_by_message() -> None:
    """Old servers say it in the message only."""
    assert is_version_too_large(too_large())
    assert is_version_too_large(failure(504, "Timeout", message="Too large resource version: 5, current: 1"))
    assert not is_version_too_large(failure(504, "Timeout", message="slow"))
    assert not is_version_too_large(refused())
