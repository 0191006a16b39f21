"""Of several processes, at most one leads at any moment (client-go `tools/leaderelection`)."""

from __future__ import annotations

import logging
import random as random_module
import threading
from typing import TYPE_CHECKING

from dynkube.controller.candidate import Candidate
from dynkube.controller.heralds import Herald
from dynkube.controller.leases import LeaseLock
from dynkube.errors import InvalidRequestError
from dynkube.transport.cancellation import Cancellation
from dynkube.transport.latch import Latch
from dynkube.watch.clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dynkube.controller.protocol import Cancellable

_logger = logging.getLogger("dynkube.controller")

#: client-go's jitter of the pause between two tries to become leader.
_JITTER = 1.2
#: Seconds for freeing the lease, so that a stop ends within one although the server is gone.
_RELEASE_TIME = 0.8


class LeaderElector:
    """Takes part in an election over a Lease and runs something while it leads.

    `run()` blocks: it tries to become leader, calls `on_started_leading(stop)` in a thread of its own once it is, and
    returns when leadership is lost or `stop()` was called, never to lead again. `stop` is an event that is set the
    moment leadership ends, at the latest `renew_deadline` seconds after the last renewal was sent, whatever the network
    does; what leads has to end then. It is waited for before the lease is freed. Returning from
    `on_started_leading` keeps the leadership; raising ends it, and `run` raises the same. A renewal that hangs at that
    moment is ended, too.

    `leases` is the resource of the Lease in its namespace, `identity` must differ between the candidates.
    `lease_duration` (seconds, at least 1): how long others wait for a leader that does not renew. `retry_period`:
    between two attempts. The lease duration has to be longer than the renew deadline, and that longer than
    1.2 retry periods; the defaults are client-go's. `release_on_stop` frees the lease on a stop, so that another can
    lead at once. `on_stopped_leading()` is called when leadership ended, never without one; `run` raises what that
    raises. `on_new_leader(identity)` is called for each leader seen, this one included, in a thread of its own: what it
    does, and how long it takes, does not matter to the election.

    How sure this is: no two candidates lead at once as long as their clocks do not drift by more than
    (lease duration - renew deadline) / (lease duration + renew deadline), a fifth by default. That clocks show
    different times does no harm.
    """

    def __init__(
        self,
        leases: Cancellable,
        name: str,
        identity: str,
        *,
        on_started_leading: Callable[[threading.Event], object],
        on_stopped_leading: Callable[[], object] | None = None,
        on_new_leader: Callable[[str], object] | None = None,
        lease_duration: float = 15.0,
        renew_deadline: float = 10.0,
        retry_period: float = 2.0,
        release_on_stop: bool = True,
        labels: Mapping[str, str] | None = None,
        clock: Clock = SYSTEM_CLOCK,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        if not identity:
            raise InvalidRequestError("a candidate needs an identity of its own")
        if not (int(lease_duration) > renew_deadline > _JITTER * retry_period > 0):
            raise InvalidRequestError(
                "an election needs lease_duration (in whole seconds) > renew_deadline > 1.2 * retry_period > 0"
            )
        self._cancellation = Cancellation()
        self._leases = leases
        self._labels = labels
        self._candidate = Candidate(
            LeaseLock(leases.cancellable(self._cancellation), name, labels=labels),
            identity,
            lease_duration=lease_duration,
            renew_deadline=renew_deadline,
            request_timeout=max(1.0, renew_deadline / 2),
            clock=clock,
        )
        self._name = name
        self._on_started = on_started_leading
        self._on_stopped = on_stopped_leading
        self._herald = None if on_new_leader is None else Herald(on_new_leader, name)
        self._retry_period = retry_period
        self._release = release_on_stop
        self._clock = clock
        self._random = random
        # Set when there is nothing more to do but to end: on a stop, or when leadership is lost, which is for good.
        self._done = Latch()
        self._leading: threading.Thread | None = None
        self._watchdog: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._begun = False
        self._led = False
        self._over = True  # nothing is led

    @property
    def is_leader(self) -> bool:
        """Whether this candidate leads at this moment."""
        return self._led and not self._done.is_set() and self._candidate.leads

    @property
    def leader(self) -> str:
        """The identity of the leader as last seen; "" if there is none or it is not known yet."""
        return self._candidate.leader

    def healthy(self, tolerance: float = 20.0) -> bool:
        """Whether nothing leads that should have ended long ago; for a liveness probe, from any thread.

        False when `tolerance` seconds after the lease ran out (others may lead by now) what leads under it still runs,
        or `run` has not returned: only ending the process helps then. A candidate that never led is healthy.
        """
        until = self._candidate.lease_until
        if self._over and (self._leading is None or not self._leading.is_alive()):
            return True
        return until is None or self._clock.monotonic() <= until + tolerance

    def stop(self) -> None:
        """End taking part, from any thread or signal handler; `run` returns once what leads has ended."""
        self._done.set()
        self._cancellation.cancel()

    def run(self) -> None:
        """Take part until leadership is lost or `stop` is called. May be called once.

        Raises what `on_started_leading` raises, and `ClientClosedError` when the client is closed meanwhile.
        """
        if self._begun:
            raise InvalidRequestError("an election is run once; make a new one to take part again")
        self._begun = True
        try:
            while not self._done.is_set():
                pause = self.step()
                if pause is None:
                    break
                self._clock.wait(self._done, pause)
        finally:
            try:
                self._finish()
            finally:
                if self._failure is not None:
                    raise self._failure

    def step(self) -> float | None:
        """Do what is due now; return the seconds until the next step, None when it is over. `run` calls this."""
        if self._led and not self.is_leader:
            return None
        won = self._candidate.attempt()
        if self._herald is not None:
            self._herald.tell(self._candidate.leader)
        if self._led:
            if not self.is_leader:
                return None
            if won:
                return self._retry_period
            until = self._candidate.leads_until or 0.0
            return min(self._retry_period, max(0.0, until - self._clock.monotonic()))
        if not won or not self._candidate.leads:
            return self._retry_period * (1.0 + _JITTER * self._random())
        if self._done.is_set():
            return None
        self._begin_leading()
        return self._retry_period

    def _begin_leading(self) -> None:
        _logger.info("%s leads by lease %s", self._candidate.identity, self._name)
        self._over = False
        self._led = True
        ended = threading.Event()
        # The one that ends the leadership first: nothing may lead without it.
        self._watchdog = _started(self._watch, ended, f"dynkube-lease-{self._name}")
        self._leading = _started(self._lead, ended, f"dynkube-leader-{self._name}")

    def _lead(self, ended: threading.Event) -> None:
        try:
            self._on_started(ended)
        except BaseException as error:  # noqa: BLE001 - `run` raises it
            self._failure = error
            self.stop()

    def _watch(self, ended: threading.Event) -> None:
        """End the leadership at once on a stop, and on time even while an attempt to renew it hangs."""
        while not self._done.is_set():
            until = self._candidate.leads_until
            left = 0.0 if until is None else until - self._clock.monotonic()
            if left <= 0:
                break
            self._clock.wait(self._done, left)
        ended.set()
        self.stop()  # whatever is under way could not lead to anything any more

    def _finish(self) -> None:
        self._done.set()
        over = True
        if self._leading is not None and self._leading is not threading.current_thread():
            # The lease must not go to another while what led under it still runs; it runs out by itself if it has to.
            until = self._candidate.leads_until
            left = 0.0 if until is None else max(0.0, until - self._clock.monotonic())
            self._leading.join(left)
            over = not self._leading.is_alive()
        if self._watchdog is not None:
            self._watchdog.join()
        if self._release and over and self._candidate.leads:
            self._free()
        self._candidate.abandon()
        self._over = True
        if self._herald is not None:
            self._herald.close()
        if self._led:
            _logger.info("%s leads by lease %s no more", self._candidate.identity, self._name)
            if self._on_stopped is not None:
                self._on_stopped()

    def _free(self) -> None:
        """Free the lease if the server answers soon; it runs out by itself otherwise."""
        late = Cancellation()
        alarm = self._clock.call_later(_RELEASE_TIME, late.cancel)
        try:
            lock = LeaseLock(self._leases.cancellable(late), self._name, labels=self._labels)
            self._candidate.resign(lock, _RELEASE_TIME)
        finally:
            alarm.cancel()


def _started(work: Callable[[threading.Event], object], ended: threading.Event, name: str) -> threading.Thread:
    thread = threading.Thread(target=work, args=(ended,), name=name, daemon=True)
    thread.start()
    return thread
