"""One candidate's view of an election: when it may take the lease, until when it may lead. No threads, no waiting."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from dynkube.controller.leases import LeaderRecord, LeaseLock, micro_time
from dynkube.errors import AlreadyExists, ClientClosedError, Conflict, DynkubeError, NotFound

if TYPE_CHECKING:
    from dynkube.watch.clock import Clock

_logger = logging.getLogger("dynkube.controller")


class Candidate:
    """Tries to take or renew a lease, one attempt at a time.

    The algorithm is client-go's (`tools/leaderelection/leaderelection.go`): whether a lease has run out is judged by
    how long *this* process has seen the record unchanged, by its own clock, so differing clocks do no harm. One thing
    is stricter: leadership counts from the moment the successful request was *sent*, for `renew_deadline` seconds.
    Nobody else can have seen that record earlier, and everybody waits for the whole lease from then on.
    """

    def __init__(
        self,
        lock: LeaseLock,
        identity: str,
        *,
        lease_duration: float,
        renew_deadline: float,
        request_timeout: float,
        clock: Clock,
    ) -> None:
        self._lock = lock
        self.identity = identity
        self._lease_seconds = int(lease_duration)
        self._renew_deadline = renew_deadline
        self._request_timeout = request_timeout
        self._clock = clock
        self._observed: LeaderRecord | None = None
        self._observed_at = 0.0
        self._leads_until: float | None = None
        self._lease_until: float | None = None

    @property
    def leader(self) -> str:
        """The holder as last seen; "" if nobody or not known yet."""
        observed = self._observed  # once: another thread may change it
        return observed.holder if observed is not None else ""

    @property
    def leads_until(self) -> float | None:
        """The moment (of `clock.monotonic`) up to which this candidate leads without renewing; None: it does not."""
        return self._leads_until

    @property
    def leads(self) -> bool:
        """Whether this candidate leads at this moment."""
        until = self._leads_until  # once: another thread may change it
        return until is not None and self._clock.monotonic() < until

    @property
    def lease_until(self) -> float | None:
        """The moment from which others may take the lease this candidate wrote last; None: it never did."""
        return self._lease_until

    def attempt(self) -> bool:
        """Take the lease if it is free, renew it if it is ours; return whether it is ours now.

        Whatever keeps the server from answering is logged and means no. Raises `ClientClosedError`, for that will not
        change.
        """
        try:
            return self._renew_known() or self._take()
        except ClientClosedError:
            raise
        except (AlreadyExists, Conflict) as error:
            _logger.debug("lease %s: somebody else was faster: %s", self._lock.name, error)
            return False
        except DynkubeError as error:
            _logger.warning("lease %s: %s", self._lock.name, error)
            return False

    def resign(self, lock: LeaseLock, timeout: float) -> bool:
        """Stop leading and free the lease if it is still ours; return whether it was freed.

        A lease that is freed can be taken at once; another one has to run out. `lock` and `timeout` (seconds for one
        request) are those of the end: the requests of the election may have been cancelled.
        """
        self._leads_until = None
        for _ in range(3):
            try:
                held = lock.read(timeout)
                if held.holder != self.identity:
                    return False
                now = micro_time(self._clock.now())
                freed = LeaderRecord("", 1, now, now, held.transitions)
                lock.update(freed, timeout)
            except Conflict:  # noqa: PERF203 - the loop is about this exception
                continue
            except DynkubeError as error:
                _logger.warning("lease %s could not be freed: %s", self._lock.name, error)
                return False
            else:
                self._observe(freed)
                return True
        return False

    def abandon(self) -> None:
        """Stop leading without telling the server."""
        self._leads_until = None

    def _renew_known(self) -> bool:
        """Renew over the version we wrote last, which spares a read."""
        known = self._observed
        if known is None or known.holder != self.identity or not self.leads:
            return False
        try:
            self._write(known.acquire_time, known.transitions)
        except DynkubeError as error:
            _logger.debug("lease %s: %s; reading it again", self._lock.name, error)
            return False
        return True

    def _take(self) -> bool:
        try:
            self._observe(self._lock.read(self._request_timeout))
        except NotFound:
            if self._held_by_another():
                # Somebody deleted the lease under its holder, who does not know yet and makes it anew if it lives.
                return False
            self._observe(None)
            self._write(micro_time(self._clock.now()), 0, create=True)
            return True
        found = self._observed
        if found is None:  # for the type checker: it was just observed
            return False
        if self._held_by_another():
            self._leads_until = None
            return False
        ours = found.holder == self.identity
        if ours:
            self._write(found.acquire_time, found.transitions)
        else:
            self._write(micro_time(self._clock.now()), found.transitions + 1)
        return True

    def _held_by_another(self) -> bool:
        """Whether the lease as last seen is another's and has not run out."""
        seen = self._observed
        if seen is None or not seen.holder or seen.holder == self.identity:
            return False
        return self._clock.monotonic() < self._observed_at + seen.lease_seconds

    def _write(self, acquire_time: str, transitions: int, *, create: bool = False) -> None:
        sent = self._clock.monotonic()
        record = LeaderRecord(
            self.identity, self._lease_seconds, acquire_time, micro_time(self._clock.now()), transitions
        )
        if create:
            self._lock.create(record, self._request_timeout)
        else:
            self._lock.update(record, self._request_timeout)
        self._observe(record)
        self._leads_until = sent + self._renew_deadline
        self._lease_until = sent + self._lease_seconds

    def _observe(self, record: LeaderRecord | None) -> None:
        if record != self._observed:
            self._observed = record
            self._observed_at = self._clock.monotonic()
