"""Whole elections in trouble: requests that hang, callbacks that raise or block, stops at bad moments."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, cast

import pytest
from watch.fakes import FakeClock

from controller.objects import MemoryObjects, refusal
from controller.simulation import SteppedClock
from dynkube.controller import LeaderElector
from dynkube.errors import ConnectFailedError
from dynkube.testing import APIServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.transport.cancellation import Cancellation


class _Hanging(MemoryObjects):
    """A server that can fall silent: the next request of the verb `silent` hangs until it is cancelled.

    `carried_out` says whether that request is carried out all the same.
    """

    def __init__(self) -> None:
        super().__init__()
        self.silent = ""
        self.hanging = threading.Event()
        self.carried_out = False

    def cancellable(self, cancellation: Cancellation) -> MemoryObjects:
        return cast("MemoryObjects", _View(self, cancellation))


class _View:
    """The server as those see it whose requests end with a cancellation."""

    def __init__(self, server: _Hanging, cancellation: Cancellation) -> None:
        self._server = server
        self._cancellation = cancellation

    def __getattr__(self, verb: str) -> Any:
        server = self._server

        def send(*arguments: Any, **options: Any) -> Any:
            if self._cancellation.cancelled:
                raise ConnectFailedError("cancelled before it was sent")
            if verb != server.silent:
                return getattr(server, verb)(*arguments, **options)
            server.silent = ""
            if server.carried_out:
                getattr(server, verb)(*arguments, **options)
            gate = threading.Event()
            self._cancellation.on_cancel(gate.set)
            server.hanging.set()
            assert gate.wait(30), "the request was never ended"
            raise ConnectFailedError("cancelled")

        return send


def _elector(objects: Any, **options: Any) -> LeaderElector:
    options.setdefault("on_started_leading", lambda ended: ended.wait(30))
    return LeaderElector(objects, "lock", "me", **options)


def _run(elector: LeaderElector) -> threading.Thread:
    thread = threading.Thread(target=elector.run)
    thread.start()
    return thread


def _holder(objects: MemoryObjects) -> str:
    holder: str = objects.stored["lock"]["spec"]["holderIdentity"]
    return holder


# Requests


def test_a_renewal_that_hangs_ends_with_the_leadership() -> None:
    """At the deadline the request is ended, too, and `run` returns, without waiting for its timeout."""
    clock = SteppedClock()
    objects = _Hanging()
    elector = _elector(objects, clock=clock)
    thread = _run(elector)
    clock.wait_for_waiter(1002.0)
    clock.wait_for_waiter(1010.0)
    objects.silent = "update"
    clock.advance(2.0)
    assert objects.hanging.wait(30)
    clock.advance(8.0)
    thread.join(10)
    assert not thread.is_alive()
    assert not elector.is_leader
    assert _holder(objects) == "me", "what is not led any more is left to run out"


@pytest.mark.parametrize("carried_out", [False, True], ids=["lost", "carried out"])
@pytest.mark.parametrize("silent", ["update", "get"])
def test_a_stop_during_a_renewal_frees_the_lease(silent: str, *, carried_out: bool) -> None:
    """Whichever request of the renewal is under way, and whether the server carried it out, the lease is freed."""
    clock = SteppedClock()
    objects = _Hanging()
    elector = _elector(objects, clock=clock)
    thread = _run(elector)
    clock.wait_for_waiter(1002.0)
    objects.carried_out = carried_out
    if silent == "get":
        objects.update(objects.get("lock"))  # a conflict makes the renewal read
    objects.silent = silent
    clock.advance(2.0)
    assert objects.hanging.wait(30)
    elector.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert _holder(objects) == ""


def test_a_stop_ends_a_candidate_whose_request_hangs() -> None:
    """Who does not lead yet and gets no answer need not wait for a timeout either."""
    objects = _Hanging()
    objects.silent = "get"
    elector = _elector(objects)
    thread = _run(elector)
    assert objects.hanging.wait(30)
    elector.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert objects.stored == {}


def test_a_leader_that_cannot_renew_tries_until_the_deadline() -> None:
    """Refused renewals are tried again each retry period; at the deadline leadership ends, once, and is not freed."""
    clock = FakeClock()
    objects = MemoryObjects()
    attempts: set[float] = set()
    stopped: list[float] = []

    class _Threadless(LeaderElector):
        """What leads is not of interest here."""

        def _begin_leading(self) -> None:
            self._led = True

    elector = _Threadless(
        objects,
        "lock",
        "me",
        on_started_leading=lambda _: None,
        on_stopped_leading=lambda: stopped.append(clock.monotonic()),
        renew_deadline=9.0,
        clock=clock,
    )
    pause = elector.step()
    begun = clock.monotonic()

    def refuse(verb: str, name: str) -> None:
        attempts.add(clock.monotonic() - begun)
        raise refusal(500, "InternalError")

    objects.before = refuse
    while pause is not None:
        clock.advance(pause)
        pause = elector.step()
    assert attempts == {2.0, 4.0, 6.0, 8.0}
    assert clock.monotonic() - begun == 9.0
    assert not elector.is_leader
    assert stopped == []
    elector.run()
    assert len(stopped) == 1
    assert _holder(objects) == "me"


@pytest.mark.parametrize(("chance", "pause"), [(0.0, 2.0), (0.5, 3.2), (1.0, 4.4)])
def test_candidates_do_not_come_all_at_once(chance: float, pause: float) -> None:
    """The pause between two tries is spread over 2.2 retry periods."""
    objects = MemoryObjects()
    objects.create({"metadata": {"name": "lock"}, "spec": {"holderIdentity": "other", "leaseDurationSeconds": 60}})
    assert _elector(objects, clock=FakeClock(), random=lambda: chance).step() == pytest.approx(pause)


def test_a_lease_given_to_another_ends_the_leadership() -> None:
    """When an administrator writes another holder the leader notices with its next renewal, and leaves it to them."""
    clock = SteppedClock()
    objects = MemoryObjects()
    ended = threading.Event()

    def lead(over: threading.Event) -> None:
        assert over.wait(30)
        ended.set()

    elector = _elector(objects, on_started_leading=lead, clock=clock)
    thread = _run(elector)
    clock.wait_for_waiter(1002.0)
    given = objects.get("lock")
    given["spec"]["holderIdentity"] = "other"
    objects.update(given)
    clock.advance(2.0)
    assert ended.wait(30)
    thread.join(10)
    assert not thread.is_alive()
    assert (elector.leader, _holder(objects)) == ("other", "other")


def test_an_interruption_frees_the_lease() -> None:
    """Control-C in the thread of the election ends what leads, frees the lease, and is raised."""
    objects = MemoryObjects()
    ended = threading.Event()

    def lead(over: threading.Event) -> None:
        assert over.wait(30)
        ended.set()

    def interrupt(verb: str, name: str) -> None:
        if verb == "update":
            objects.before = lambda verb, name: None
            raise KeyboardInterrupt

    objects.before = interrupt
    elector = _elector(objects, on_started_leading=lead, retry_period=0.01)
    with pytest.raises(KeyboardInterrupt):
        elector.run()
    assert ended.is_set()
    assert _holder(objects) == ""


def test_a_stop_before_the_beginning_sends_nothing() -> None:
    """An election that was stopped before it was run returns at once."""
    objects = MemoryObjects()
    elector = _elector(objects)
    elector.stop()
    elector.run()
    assert objects.requests == []


@pytest.mark.timeout(120)
def test_a_silent_server_ends_the_leadership_before_another_leads() -> None:
    """Over real connections: a leader whose renewals get no answer is over when its lease goes to another."""
    story: list[tuple[str, str, float]] = []
    second_leads = threading.Event()

    with APIServer(controllers=False) as server, server.client() as dyn:
        leases = dyn.resource("coordination.k8s.io/v1", "leases").namespace("default")

        def elector(identity: str) -> LeaderElector:
            def lead(over: threading.Event) -> None:
                story.append(("begin", identity, time.monotonic()))
                if identity == "first":
                    server.inject("silence", method="PUT", path="*/leases/*")
                else:
                    second_leads.set()
                over.wait(60)
                story.append(("end", identity, time.monotonic()))

            return LeaderElector(
                leases,
                "lock",
                identity,
                on_started_leading=lead,
                on_stopped_leading=server.faults.clear,
                lease_duration=3.0,
                renew_deadline=1.5,
                retry_period=0.1,
            )

        first, second = elector("first"), elector("second")
        first_run = _run(first)
        while not story:
            assert first_run.is_alive()
            first_run.join(0.01)
        second_run = _run(second)
        assert second_leads.wait(60)
        assert not first_run.is_alive(), "a request without an answer does not hold up the end"
        second.stop()
        second_run.join(10)
        assert not second_run.is_alive()
    assert [(what, who) for what, who, _ in story] == [
        ("begin", "first"),
        ("end", "first"),
        ("begin", "second"),
        ("end", "second"),
    ]


# Callbacks


def test_an_observer_that_blocks_does_not_hold_up_the_election() -> None:
    """`on_new_leader` may take as long as it likes: the leadership begins, is renewed, and ends in time."""
    objects = MemoryObjects()
    told, gate, leads, renewed = (threading.Event() for _ in range(4))

    def observe(_: str) -> None:
        told.set()
        assert gate.wait(30)

    def note(verb: str, name: str) -> None:
        if verb == "update":
            renewed.set()

    objects.after = note
    elector = _elector(
        objects,
        on_new_leader=observe,
        on_started_leading=lambda _: leads.set(),
        retry_period=0.01,
    )
    thread = _run(elector)
    assert told.wait(30)
    assert leads.wait(30)
    assert renewed.wait(30)
    elector.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert _holder(objects) == ""
    gate.set()


def test_leaders_are_told_in_order_and_once() -> None:
    """Each change of the holder is told; renewals and a lease without holder are not."""
    clock = SteppedClock()
    objects = MemoryObjects()
    told: list[str] = []
    news = threading.Semaphore(0)

    def observe(leader: str) -> None:
        told.append(leader)
        news.release()

    def hold(holder: str, renewed: str) -> None:
        spec = {"holderIdentity": holder, "leaseDurationSeconds": 60, "renewTime": renewed}
        if "lock" in objects.stored:
            objects.update({**objects.get("lock"), "spec": spec})
        else:
            objects.create({"metadata": {"name": "lock"}, "spec": spec})

    hold("a", "1")
    elector = _elector(objects, on_new_leader=observe, clock=clock)
    for holder, renewed in [("a", "2"), ("b", "3"), ("b", "4"), ("a", "5")]:
        elector.step()
        hold(holder, renewed)
    elector.step()
    for _ in range(3):
        assert news.acquire(timeout=30)
    elector.stop()
    elector.run()
    assert told == ["a", "b", "a"]


@pytest.mark.parametrize("where", ["on_new_leader", "on_started_leading", "on_stopped_leading"])
def test_a_stop_from_within_a_callback(where: str) -> None:
    """The election ends in order, from whichever callback it is stopped."""
    objects = MemoryObjects()
    stop: Callable[..., None] = lambda *_: elector.stop()  # noqa: E731
    options: dict[str, Any] = {where: stop}
    if where == "on_stopped_leading":
        options["on_started_leading"] = stop
    elector = _elector(objects, **options)
    thread = _run(elector)
    thread.join(10)
    assert not thread.is_alive()
    assert _holder(objects) == ""


def test_what_on_stopped_leading_raises_is_raised() -> None:
    """It comes out of `run`, after the lease was freed."""
    objects = MemoryObjects()

    def fail() -> None:
        raise ZeroDivisionError

    elector: LeaderElector = _elector(objects, on_started_leading=lambda _: elector.stop(), on_stopped_leading=fail)
    with pytest.raises(ZeroDivisionError):
        elector.run()
    assert _holder(objects) == ""


def test_the_failure_of_what_led_is_not_hidden_by_another() -> None:
    """If both callbacks raise, `run` raises what ended the leadership, with the other as its context."""
    objects = MemoryObjects()

    def fail(_: threading.Event) -> None:
        raise ZeroDivisionError

    def fail_too() -> None:
        raise KeyError

    with pytest.raises(ZeroDivisionError) as raised:
        _elector(objects, on_started_leading=fail, on_stopped_leading=fail_too).run()
    assert isinstance(raised.value.__context__, KeyError)


def test_what_does_not_end_keeps_the_lease_until_it_runs_out() -> None:
    """A callback that ignores its event is waited for up to the deadline; the lease is not given to another."""
    objects = MemoryObjects()
    gate, leads = threading.Event(), threading.Event()

    def lead(_: threading.Event) -> None:
        leads.set()
        assert gate.wait(30)

    elector = _elector(objects, on_started_leading=lead, lease_duration=1.0, renew_deadline=0.4, retry_period=0.1)
    thread = _run(elector)
    assert leads.wait(30)
    elector.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert _holder(objects) == "me"
    gate.set()


# Health


def test_a_leader_that_does_not_end_is_not_healthy() -> None:
    """Once what leads has outlived the lease by the tolerance a liveness probe should fail, and not before."""
    clock = SteppedClock()
    objects = MemoryObjects()
    gate, over = threading.Event(), threading.Event()

    def lead(_: threading.Event) -> None:
        assert gate.wait(30)
        over.set()

    elector = _elector(objects, on_started_leading=lead, clock=clock, lease_duration=15.0)
    assert elector.healthy(), "nothing is led yet"
    thread = _run(elector)
    clock.wait_for_waiter(1002.0)
    clock.wait_for_waiter(1010.0)
    assert elector.healthy(0.0), "leads"

    def refuse(verb: str, name: str) -> None:
        raise refusal(500, "InternalError")

    objects.before = refuse
    clock.advance(10.0)
    thread.join(10)
    assert not thread.is_alive()
    assert elector.healthy(0.0), "the lease has not run out"
    clock.advance(25.0)
    assert elector.healthy(20.0), "within the tolerance"
    clock.advance(0.1)
    assert not elector.healthy(20.0)
    assert elector.healthy(30.0)
    gate.set()
    assert over.wait(30)
    for left in threading.enumerate():
        if left.name == "dynkube-leader-lock":
            left.join(10)
    assert elector.healthy(0.0), "it has ended after all"


def test_a_candidate_that_waits_is_healthy() -> None:
    """However long another leads, and however long ago it was heard of."""
    clock = FakeClock()
    objects = MemoryObjects()
    objects.create({"metadata": {"name": "lock"}, "spec": {"holderIdentity": "other", "leaseDurationSeconds": 60}})
    elector = _elector(objects, clock=clock)
    elector.step()
    clock.advance(3600.0)
    assert elector.healthy(0.0)


def test_asking_from_other_threads_does_no_harm() -> None:
    """While an election runs, is renewed and stopped, others may ask what they like."""
    objects = MemoryObjects()
    over = threading.Event()
    elector = _elector(objects, retry_period=0.001)
    failures: list[BaseException] = []

    def ask() -> None:
        try:
            while not over.is_set():
                elector.healthy(0.0)
                assert elector.leader in {"", "me"}
                assert elector.is_leader in {True, False}
        except BaseException as error:  # noqa: BLE001 - told by the test
            failures.append(error)

    renewals = threading.Semaphore(0)
    objects.after = lambda verb, name: renewals.release()
    asking = threading.Thread(target=ask)
    asking.start()
    thread = _run(elector)
    for _ in range(50):
        assert renewals.acquire(timeout=30)
    elector.stop()
    thread.join(10)
    over.set()
    asking.join(10)
    assert failures == []
