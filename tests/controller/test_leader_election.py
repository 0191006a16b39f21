"""Tests of leader election: single attempts, and whole runs with threads."""

from __future__ import annotations

import threading
from datetime import datetime, timezone
from typing import Any

import pytest
from watch.fakes import FakeClock

from controller.objects import MemoryObjects, refusal
from controller.simulation import SteppedClock
from dynkube.controller import LeaderElector, LeaseLock
from dynkube.controller.candidate import Candidate
from dynkube.controller.leases import LeaderRecord, micro_time
from dynkube.errors import ClientClosedError, ConnectFailedError, InvalidRequestError


def _candidate(objects: Any, identity: str = "me", clock: Any = None, **options: Any) -> Candidate:
    return Candidate(
        LeaseLock(objects, "lock", **options),
        identity,
        lease_duration=15.0,
        renew_deadline=10.0,
        request_timeout=5.0,
        clock=clock or FakeClock(),
    )


def _lease(holder: str | None, *, seconds: int = 15, renewed: str = "then", **spec: Any) -> dict[str, Any]:
    fields = {"holderIdentity": holder, "leaseDurationSeconds": seconds, "acquireTime": "then", "renewTime": renewed}
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "lock", "annotations": {"keep": "me"}},
        "spec": {**{key: value for key, value in fields.items() if value is not None}, "leaseTransitions": 3, **spec},
    }


def _objects(lease: dict[str, Any] | None = None) -> MemoryObjects:
    objects = MemoryObjects()
    if lease is not None:
        objects.create(lease)
        objects.requests.clear()
    return objects


def _spec(objects: MemoryObjects) -> dict[str, Any]:
    spec: dict[str, Any] = objects.stored["lock"]["spec"]
    return spec


# One attempt


def test_acquires_where_there_is_no_lease() -> None:
    """The lease is made with this candidate as its first holder."""
    objects = _objects()
    candidate = _candidate(objects, labels={"app": "x"})
    assert candidate.attempt()
    assert candidate.leads
    assert candidate.leader == "me"
    assert objects.stored["lock"]["metadata"]["labels"] == {"app": "x"}
    assert _spec(objects) == {
        "holderIdentity": "me",
        "leaseDurationSeconds": 15,
        "acquireTime": "2030-01-01T00:00:00.000000Z",
        "renewTime": "2030-01-01T00:00:00.000000Z",
        "leaseTransitions": 0,
    }


@pytest.mark.parametrize("holder", ["", None])
def test_acquires_a_lease_nobody_holds(holder: str | None) -> None:
    """A freed lease is taken at once; it is a transition, and what else the lease holds stays."""
    objects = _objects(_lease(holder, strategy="OldestEmulationVersion"))
    assert _candidate(objects, labels={"app": "x"}).attempt()
    assert (_spec(objects)["holderIdentity"], _spec(objects)["leaseTransitions"]) == ("me", 4)
    assert _spec(objects)["strategy"] == "OldestEmulationVersion"
    assert objects.stored["lock"]["metadata"]["annotations"] == {"keep": "me"}
    assert objects.stored["lock"]["metadata"]["labels"] == {"app": "x"}


def test_acquires_a_lease_without_a_record() -> None:
    """A Lease somebody made empty is nobody's."""
    objects = _objects({"metadata": {"name": "lock"}})
    assert _candidate(objects).attempt()
    assert _spec(objects)["leaseTransitions"] == 1


def test_waits_a_whole_lease_from_its_own_first_look() -> None:
    """The times in the record are another clock's; only what this process has seen counts."""
    clock = FakeClock()
    objects = _objects(_lease("other", renewed="2001-01-01T00:00:00.000000Z"))
    candidate = _candidate(objects, clock=clock)
    assert not candidate.attempt()
    assert candidate.leader == "other"
    clock.advance(14.9)
    assert not candidate.attempt()
    clock.advance(0.2)
    assert candidate.attempt()
    assert _spec(objects)["leaseTransitions"] == 4


def test_waits_as_long_as_the_holder_said() -> None:
    """The duration in the record counts, not the candidate's own."""
    clock = FakeClock()
    candidate = _candidate(_objects(_lease("other", seconds=60)), clock=clock)
    assert not candidate.attempt()
    clock.advance(59)
    assert not candidate.attempt()
    clock.advance(2)
    assert candidate.attempt()


def test_a_shorter_lease_of_another_is_over_sooner() -> None:
    """A holder that promised three seconds is waited for three seconds."""
    clock = FakeClock()
    candidate = _candidate(_objects(_lease("other", seconds=3)), clock=clock)
    assert not candidate.attempt()
    clock.advance(3.0)
    assert candidate.attempt()


def test_a_holder_that_promised_nothing_is_not_waited_for() -> None:
    """A lease without a duration has run out, as for client-go."""
    lease = _lease("other")
    del lease["spec"]["leaseDurationSeconds"]
    objects = _objects(lease)
    assert _candidate(objects).attempt()
    assert _spec(objects)["leaseDurationSeconds"] == 15


def test_transitions_are_counted_from_none() -> None:
    """A lease that never counted has had its first transition when it is taken; each taking over is one more."""
    lease = _lease("")
    del lease["spec"]["leaseTransitions"]
    objects = _objects(lease)
    first = _candidate(objects, "first")
    for number, candidate in enumerate([first, _candidate(objects, "second"), _candidate(objects, "third")], 1):
        assert candidate.attempt()
        assert candidate.attempt()
        assert _spec(objects)["leaseTransitions"] == number
        assert _resign(candidate, objects)


def test_every_renewal_seen_starts_the_wait_anew() -> None:
    """A leader that renews keeps the lease."""
    clock = FakeClock()
    objects = _objects(_lease("other"))
    candidate = _candidate(objects, clock=clock)
    for turn in range(10):
        assert not candidate.attempt()
        clock.advance(14)
        objects.stored["lock"]["spec"]["renewTime"] = f"later {turn}"
    assert not candidate.attempt()


def test_a_restarted_holder_goes_on() -> None:
    """Its own lease is renewed at once, with the time of acquisition and the transitions kept."""
    objects = _objects(_lease("me"))
    assert _candidate(objects).attempt()
    assert (_spec(objects)["acquireTime"], _spec(objects)["leaseTransitions"]) == ("then", 3)
    assert _spec(objects)["renewTime"] != "then"


def test_renewing_needs_one_request() -> None:
    """The leader writes over the version it wrote last without reading it first."""
    clock = FakeClock()
    objects = _objects()
    candidate = _candidate(objects, clock=clock)
    candidate.attempt()
    objects.requests.clear()
    for _ in range(5):
        clock.advance(2)
        assert candidate.attempt()
    assert [verb for verb, _ in objects.requests] == ["update"] * 5
    assert _spec(objects)["acquireTime"] == "2030-01-01T00:00:00.000000Z"
    assert _spec(objects)["renewTime"] == "2030-01-01T00:00:10.000000Z"


def test_a_conflicting_renewal_reads_and_writes() -> None:
    """If somebody labelled the lease meanwhile, the leader reads it and goes on."""
    objects = _objects()
    candidate = _candidate(objects)
    candidate.attempt()
    touched = objects.get("lock")
    touched["metadata"]["labels"] = {"by": "admin"}
    objects.update(touched)
    objects.requests.clear()
    assert candidate.attempt()
    assert [verb for verb, _ in objects.requests] == ["update", "get", "update"]
    assert objects.stored["lock"]["metadata"]["labels"] == {"by": "admin"}


def test_after_a_conflict_renewing_needs_one_request_again() -> None:
    """The version that was read and written then is the one the next renewal writes over."""
    objects = _objects()
    candidate = _candidate(objects)
    candidate.attempt()
    candidate.attempt()
    objects.update(objects.get("lock"))
    candidate.attempt()
    candidate.attempt()
    ours = [verb for verb, _ in objects.requests]
    assert ours == ["get", "create", "update", "get", "update", "update", "get", "update", "update"]


def test_who_has_led_reads_before_it_writes_again() -> None:
    """Once leadership has lapsed the version written last proves nothing, so the lease is looked at first."""
    clock = FakeClock()
    objects = _objects()
    candidate = _candidate(objects, clock=clock)
    candidate.attempt()
    clock.advance(11.0)
    objects.requests.clear()
    assert candidate.attempt()
    assert [verb for verb, _ in objects.requests] == ["get", "update"]


def test_labels_of_the_election_win_over_others() -> None:
    """A label somebody changed is set again with the next renewal; labels of others stay."""
    objects = _objects()
    candidate = _candidate(objects, labels={"app": "x"})
    candidate.attempt()
    touched = objects.get("lock")
    touched["metadata"]["labels"] = {"app": "y", "by": "admin"}
    objects.update(touched)
    assert candidate.attempt()
    assert objects.stored["lock"]["metadata"]["labels"] == {"app": "x", "by": "admin"}


def test_a_lease_deleted_under_its_leader_is_made_anew() -> None:
    """The leader goes on: it finds no lease, creates one, and has never stopped to lead."""
    clock = FakeClock()
    objects = _objects(_lease(""))
    candidate = _candidate(objects, clock=clock)
    candidate.attempt()
    del objects.stored["lock"]
    objects.requests.clear()
    clock.advance(2.0)
    assert candidate.attempt()
    assert candidate.leads
    assert [verb for verb, _ in objects.requests] == ["update", "get", "create"]
    assert (_spec(objects)["holderIdentity"], _spec(objects)["leaseTransitions"]) == ("me", 0)


def test_a_lease_deleted_under_another_is_not_taken_at_once() -> None:
    """Its holder may not know yet and lead still, so it is waited for as if the lease were there."""
    clock = FakeClock()
    objects = _objects(_lease("other"))
    candidate = _candidate(objects, clock=clock)
    candidate.attempt()
    del objects.stored["lock"]
    clock.advance(14.9)
    assert not candidate.attempt()
    assert "lock" not in objects.stored
    clock.advance(0.2)
    assert candidate.attempt()
    assert _spec(objects)["holderIdentity"] == "me"


def test_a_freed_lease_that_is_deleted_is_taken_at_once() -> None:
    """Nobody holds it, so there is nobody to wait for."""
    clock = FakeClock()
    objects = _objects(_lease("other"))
    candidate = _candidate(objects, clock=clock)
    candidate.attempt()
    freed = objects.get("lock")
    freed["spec"]["holderIdentity"] = ""
    objects.update(freed)
    objects.before = lambda verb, name: objects.stored.clear() if verb == "update" else None
    assert not candidate.attempt()
    objects.before = lambda verb, name: None
    assert candidate.attempt()


def test_a_leader_whose_name_is_cleared_takes_the_lease_again() -> None:
    """An administrator who empties the holder does not end the leadership unless another is faster."""
    objects = _objects()
    candidate = _candidate(objects)
    candidate.attempt()
    cleared = objects.get("lock")
    cleared["spec"]["holderIdentity"] = ""
    objects.update(cleared)
    assert candidate.attempt()
    assert candidate.leads
    assert (_spec(objects)["holderIdentity"], _spec(objects)["leaseTransitions"]) == ("me", 1)


@pytest.mark.parametrize("look", [lambda candidate: candidate.leads, lambda candidate: candidate.leader])
def test_looking_while_leadership_ends_is_safe(look: Any) -> None:
    """Another thread may ask at any moment: it gets an answer even if that changes while it asks."""

    class _Changing(FakeClock):
        """A clock that is asked in the moment when the lease is lost."""

        def monotonic(self) -> float:
            if self.time > self.start + 1.0:
                candidate.abandon()
            return super().monotonic()

    clock = _Changing()
    candidate = _candidate(_objects(), clock=clock)
    assert candidate.attempt()
    clock.advance(5.0)
    assert look(candidate) in {True, False, "me"}


def test_losing_the_race_is_no() -> None:
    """Of two candidates that saw the lease free only one gets it."""
    objects = _objects(_lease(""))

    def interfere(verb: str, name: str) -> None:
        if verb == "update":
            objects.before = lambda verb, name: None
            assert _candidate(objects, "other").attempt()

    objects.before = interfere
    candidate = _candidate(objects)
    assert not candidate.attempt()
    assert not candidate.leads
    assert _spec(objects)["holderIdentity"] == "other"


def test_losing_the_race_to_create_is_no() -> None:
    """The same for a lease that did not exist."""
    objects = _objects()

    def interfere(verb: str, name: str) -> None:
        if verb == "create":
            objects.before = lambda verb, name: None
            assert _candidate(objects, "other").attempt()

    objects.before = interfere
    assert not _candidate(objects).attempt()


@pytest.mark.parametrize("error", [ConnectFailedError("refused"), refusal(500, "InternalError"), refusal(403, "")])
def test_a_server_that_does_not_answer_is_no(error: Exception) -> None:
    """No failure escapes; the candidate does not lead."""
    objects = _objects()

    def refuse(verb: str, name: str) -> None:
        raise error

    objects.before = refuse
    candidate = _candidate(objects)
    assert not candidate.attempt()
    assert not candidate.leads


@pytest.mark.parametrize("leads", [False, True])
def test_an_election_ends_with_its_client(leads: bool) -> None:
    """A candidate whose client was closed can never lead (again): it says so instead of trying on."""
    objects = _objects(None if leads else _lease("another"))
    started, ended = threading.Event(), threading.Event()

    def lead(over: threading.Event) -> None:
        started.set()
        assert over.wait(30)
        ended.set()

    def refuse(verb: str, name: str) -> None:
        if not leads or started.is_set():
            raise ClientClosedError("this client is closed")

    objects.before = refuse
    elector = _elector(objects, retry_period=0.01, on_started_leading=lead)
    with pytest.raises(ClientClosedError):
        elector.run()
    assert started.is_set() == ended.is_set() == leads
    assert not elector.is_leader


def test_leadership_counts_from_the_sending() -> None:
    """A renewal whose answer took 4 s is good for 6 more."""
    clock = FakeClock()
    objects = _objects()
    objects.after = lambda verb, name: clock.advance(4) if verb == "create" else None
    candidate = _candidate(objects, clock=clock)
    assert candidate.attempt()
    clock.advance(5.9)
    assert candidate.leads
    clock.advance(0.2)
    assert not candidate.leads


def test_a_leader_that_sees_another_holder_leads_no_more() -> None:
    """If somebody gave the lease away, leadership ends with the next look."""
    clock = FakeClock()
    objects = _objects()
    candidate = _candidate(objects, clock=clock)
    candidate.attempt()
    taken = objects.get("lock")
    taken["spec"]["holderIdentity"] = "other"
    objects.update(taken)
    assert not candidate.attempt()
    assert not candidate.leads


def test_requests_have_no_more_time_than_the_election() -> None:
    """Neither connecting nor waiting for an answer may take longer than half the renew deadline."""
    objects = _objects(_lease("me"))
    limits: list[Any] = []

    class _Noting:
        """Lets requests through and notes their timeouts."""

        def __getattr__(self, verb: str) -> Any:
            def send(*arguments: Any, timeout: Any) -> Any:
                limits.append(timeout)
                return getattr(objects, verb)(*arguments)

            return send

    candidate = _candidate(_Noting())
    assert candidate.attempt()
    assert candidate.attempt()
    assert limits == [(5.0, 5.0)] * 3


# Freeing


def _resign(candidate: Candidate, objects: MemoryObjects) -> bool:
    return candidate.resign(LeaseLock(objects, "lock"), 1.0)


def test_a_freed_lease_can_be_taken_at_once() -> None:
    """Holder "" and a duration of one second, transitions kept."""
    objects = _objects(_lease("me"))
    candidate = _candidate(objects)
    candidate.attempt()
    assert _resign(candidate, objects)
    assert not candidate.leads
    spec = _spec(objects)
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"], spec["leaseTransitions"]) == ("", 1, 3)
    assert _candidate(objects, "other").attempt()


def test_another_holders_lease_is_not_freed() -> None:
    """Who does not hold it cannot free it; without a lease there is nothing to free."""
    objects = _objects(_lease("other"))
    assert not _resign(_candidate(objects), objects)
    assert [verb for verb, _ in objects.requests] == ["get"]
    empty = _objects()
    assert not _resign(_candidate(empty), empty)


def test_freeing_is_tried_again_after_a_conflict() -> None:
    """A label written in between does not keep the lease."""
    objects = _objects()
    candidate = _candidate(objects)
    candidate.attempt()

    def interfere(verb: str, name: str) -> None:
        if verb == "update":
            objects.before = lambda verb, name: None
            objects.update(objects.get("lock"))

    objects.before = interfere
    assert _resign(candidate, objects)


def test_freeing_gives_up_when_the_server_is_gone() -> None:
    """The lease then runs out by itself."""
    objects = _objects()
    candidate = _candidate(objects)
    candidate.attempt()

    def refuse(verb: str, name: str) -> None:
        raise ConnectFailedError("refused")

    objects.before = refuse
    assert not _resign(candidate, objects)
    assert not candidate.leads


def test_a_lock_that_read_nothing_reads_before_it_writes() -> None:
    """What else the lease holds is kept by whoever writes to it first."""
    objects = _objects(_lease("other"))
    LeaseLock(objects, "lock").update(LeaderRecord("me", 15, "a", "b", 4), 1.0)
    assert [verb for verb, _ in objects.requests] == ["get", "update"]
    assert objects.stored["lock"]["metadata"]["annotations"] == {"keep": "me"}


def test_the_record_survives_the_lease() -> None:
    """What is written is read back the same."""
    record = LeaderRecord("me", 15, micro_time(datetime(2030, 5, 6, 7, 8, 9, 123456, timezone.utc)), "later", 7)
    objects = _objects()
    LeaseLock(objects, "lock").create(record, 1.0)
    assert LeaseLock(objects, "lock").read(1.0) == record
    assert record.acquire_time == "2030-05-06T07:08:09.123456Z"


# Whole runs


def _elector(objects: Any, identity: str = "me", **options: Any) -> LeaderElector:
    options.setdefault("on_started_leading", lambda ended: ended.wait(30))
    return LeaderElector(objects, "lock", identity, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"lease_duration": 10.0},
        {"lease_duration": 10.9, "renew_deadline": 10.5},
        {"renew_deadline": 2.4},
        {"retry_period": 0.0},
        {"lease_duration": 0.5, "renew_deadline": 0.3, "retry_period": 0.1},
        {"identity": ""},
    ],
)
def test_times_that_cannot_work_are_refused(options: dict[str, Any]) -> None:
    """Lease duration > renew deadline > 1.2 retry periods > 0, and an identity."""
    with pytest.raises(InvalidRequestError):
        _elector(MemoryObjects(), **options)


def test_leads_and_frees_the_lease_on_stop() -> None:
    """Stopping ends what leads, then frees the lease, then says so, then returns."""
    objects = MemoryObjects()
    story: list[str] = []
    started = threading.Event()

    def lead(ended: threading.Event) -> None:
        started.set()
        assert ended.wait(30)
        story.append(f"ended, held by {_spec(objects)['holderIdentity']}")

    elector = _elector(
        objects,
        on_started_leading=lead,
        on_stopped_leading=lambda: story.append("stopped, held by " + _spec(objects)["holderIdentity"]),
        on_new_leader=lambda who: story.append(f"leader {who}"),
    )
    thread = threading.Thread(target=elector.run)
    thread.start()
    assert started.wait(30)
    assert elector.is_leader
    assert elector.leader == "me"
    elector.stop()
    thread.join(1.0)
    assert not thread.is_alive()
    assert not elector.is_leader
    assert [event for event in story if event != "leader me"] == ["ended, held by me", "stopped, held by "]
    assert "leader me" in story
    for left in threading.enumerate():
        if left.name.startswith("dynkube-le"):
            left.join(10)
            assert not left.is_alive()


def test_a_lease_can_be_kept_on_stop() -> None:
    """Without `release_on_stop` it runs out by itself."""
    objects = MemoryObjects()
    started = threading.Event()
    elector = _elector(objects, on_started_leading=lambda _: started.set(), release_on_stop=False)
    thread = threading.Thread(target=elector.run)
    thread.start()
    assert started.wait(30)
    elector.stop()
    thread.join(10)
    assert _spec(objects)["holderIdentity"] == "me"


def test_a_stop_before_leading_ends_the_wait() -> None:
    """A candidate that waits for another's lease returns at once; it never led, so nothing was stopped."""
    objects = _objects(_lease("other"))
    waiting = threading.Event()
    stopped: list[int] = []
    elector = _elector(objects, on_stopped_leading=lambda: stopped.append(1), on_new_leader=lambda _: waiting.set())
    thread = threading.Thread(target=elector.run)
    thread.start()
    assert waiting.wait(30)
    elector.stop()
    thread.join(1.0)
    assert not thread.is_alive()
    assert stopped == []
    assert _spec(objects)["holderIdentity"] == "other"


def test_an_exception_of_what_leads_ends_the_leadership() -> None:
    """`run` raises it after the lease was freed."""
    objects = MemoryObjects()
    raised: list[BaseException] = []

    def fail(_: threading.Event) -> None:
        raise ZeroDivisionError

    def run() -> None:
        with pytest.raises(ZeroDivisionError) as caught:
            elector.run()
        raised.append(caught.value)

    elector = _elector(objects, on_started_leading=fail)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert len(raised) == 1
    assert _spec(objects)["holderIdentity"] == ""


def test_returning_keeps_the_leadership() -> None:
    """What leads may start threads and return; the lease is renewed until the stop."""
    clock = SteppedClock()
    objects = MemoryObjects()
    renewed = threading.Event()
    objects.after = lambda verb, name: renewed.set() if verb == "update" else None
    elector = _elector(objects, on_started_leading=lambda _: None, clock=clock, release_on_stop=False)
    thread = threading.Thread(target=elector.run)
    thread.start()
    clock.wait_for_waiter(1002.0)
    clock.advance(2.0)
    assert renewed.wait(30)
    assert elector.is_leader
    elector.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_leadership_ends_on_time_while_a_renewal_hangs() -> None:
    """The deadline passes although the request does not return; a late answer changes nothing."""
    clock = SteppedClock()
    objects = MemoryObjects()
    hanging, gate = threading.Event(), threading.Event()

    def hang(verb: str, name: str) -> None:
        if verb == "update":
            hanging.set()
            assert gate.wait(30)

    objects.before = hang
    ended_at: list[float] = []
    ended = threading.Event()

    def lead(over: threading.Event) -> None:
        assert over.wait(30)
        ended_at.append(clock.monotonic())
        ended.set()

    elector = _elector(objects, on_started_leading=lead, clock=clock)
    thread = threading.Thread(target=elector.run)
    thread.start()
    clock.wait_for_waiter(1002.0)
    clock.wait_for_waiter(1010.0)
    clock.advance(2.0)
    assert hanging.wait(30)
    assert elector.is_leader
    clock.advance(8.0)
    assert ended.wait(30)
    assert ended_at == [1010.0]
    assert not elector.is_leader
    gate.set()
    thread.join(10)
    assert not thread.is_alive()


def test_an_election_is_run_once() -> None:
    """Taking part again needs a new elector."""
    elector: LeaderElector = _elector(MemoryObjects(), on_started_leading=lambda _: elector.stop())
    elector.run()
    with pytest.raises(InvalidRequestError, match="once"):
        elector.run()


def test_a_failing_observer_does_not_end_the_election() -> None:
    """An exception of `on_new_leader` is logged."""

    def fail(_: str) -> None:
        raise RuntimeError

    elector: LeaderElector = _elector(MemoryObjects(), on_new_leader=fail, on_started_leading=lambda _: elector.stop())
    elector.run()


def test_the_lease_is_freed_when_the_stop_comes_with_the_victory() -> None:
    """A lease won in the moment of the stop is not kept for its whole duration."""
    objects = MemoryObjects()
    objects.after = lambda verb, name: elector.stop() if verb == "create" else None
    started: list[int] = []
    elector = _elector(objects, on_started_leading=lambda _: started.append(1))
    elector.run()
    assert started == []
    assert _spec(objects)["holderIdentity"] == ""
