"""How long an item waits before it is tried again (client-go `util/workqueue/default_rate_limiters.go`)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from dynkube.errors import InvalidRequestError
from dynkube.watch.clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from collections.abc import Hashable


class RateLimiter(Protocol):
    """Decides on the pause of each item; safe to use from any thread."""

    def when(self, item: Hashable) -> float:
        """Count one more failure of the item and return the seconds it has to wait."""

    def forget(self, item: Hashable) -> None:
        """Count the failures of the item from zero again."""

    def failures(self, item: Hashable) -> int:
        """Return how often `when` was asked since the item was last forgotten."""


class _Counting:
    """Counts failures per item."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures: dict[Hashable, int] = {}

    def _count(self, item: Hashable) -> int:
        """Return the failures before this one."""
        with self._lock:
            before = self._failures.get(item, 0)
            self._failures[item] = before + 1
            return before

    def forget(self, item: Hashable) -> None:
        """Count the failures of the item from zero again."""
        with self._lock:
            self._failures.pop(item, None)

    def failures(self, item: Hashable) -> int:
        """Return how often `when` was asked since the item was last forgotten."""
        return self._failures.get(item, 0)


class ExponentialFailures(_Counting):
    """Twice as long with each failure of the item: `initial` seconds first, `limit` at most."""

    def __init__(self, initial: float = 0.005, limit: float = 1000.0) -> None:
        if initial <= 0 or limit < initial:
            raise InvalidRequestError("an exponential rate limiter needs 0 < initial <= limit")
        super().__init__()
        self._initial = initial
        self._limit = limit

    def when(self, item: Hashable) -> float:
        """Count one more failure of the item and return the seconds it has to wait."""
        # Beyond 2**64 the limit is reached whatever the numbers are, and floats overflow at 2**1024.
        return min(self._initial * 2.0 ** min(self._count(item), 64), self._limit)


class FastThenSlow(_Counting):
    """`fast` seconds for the first `attempts` failures of an item, `slow` seconds after that."""

    def __init__(self, fast: float, slow: float, attempts: int) -> None:
        if fast < 0 or slow < 0 or attempts < 0:
            raise InvalidRequestError("a rate limiter needs numbers from 0")
        super().__init__()
        self._fast = fast
        self._slow = slow
        self._attempts = attempts

    def when(self, item: Hashable) -> float:
        """Count one more failure of the item and return the seconds it has to wait."""
        return self._fast if self._count(item) < self._attempts else self._slow


class Bucket:
    """`rate` items a second whatever they are, after a first `burst`: what keeps all failures together bearable."""

    def __init__(self, rate: float = 10.0, burst: int = 100, *, clock: Clock = SYSTEM_CLOCK) -> None:
        if rate <= 0 or burst < 1:
            raise InvalidRequestError("a bucket needs a rate above 0 and a burst of at least 1")
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens = float(burst)
        self._at = clock.monotonic()

    def when(self, item: Hashable) -> float:  # noqa: ARG002 - the same for every item
        """Take the next free moment and return the seconds until then."""
        with self._lock:
            now = self._clock.monotonic()
            self._tokens = min(float(self._burst), self._tokens + (now - self._at) * self._rate)
            self._at = now
            self._tokens -= 1.0
            return max(0.0, -self._tokens / self._rate)

    def forget(self, item: Hashable) -> None:
        """Do nothing: the bucket does not know items."""

    def failures(self, item: Hashable) -> int:  # noqa: ARG002 - the same for every item
        """Return 0: the bucket does not know items."""
        return 0


class LongestOf:
    """The longest pause any of several limiters wants."""

    def __init__(self, *limiters: RateLimiter) -> None:
        if not limiters:
            raise InvalidRequestError("at least one rate limiter is needed")
        self._limiters = limiters

    def when(self, item: Hashable) -> float:
        """Ask all and return the longest pause."""
        return max(tuple(limiter.when(item) for limiter in self._limiters))

    def forget(self, item: Hashable) -> None:
        """Let all forget the item."""
        for limiter in self._limiters:
            limiter.forget(item)

    def failures(self, item: Hashable) -> int:
        """Return the highest count."""
        return max(limiter.failures(item) for limiter in self._limiters)


class AtMost:
    """Another limiter's pauses, but never longer than `limit` seconds."""

    def __init__(self, limiter: RateLimiter, limit: float) -> None:
        if limit < 0:
            raise InvalidRequestError("a rate limiter needs numbers from 0")
        self._limiter = limiter
        self._limit = limit

    def when(self, item: Hashable) -> float:
        """Ask the other limiter and cut its pause."""
        return min(self._limiter.when(item), self._limit)

    def forget(self, item: Hashable) -> None:
        """Let the other limiter forget the item."""
        self._limiter.forget(item)

    def failures(self, item: Hashable) -> int:
        """Return the other limiter's count."""
        return self._limiter.failures(item)


def default_rate_limiter(*, clock: Clock = SYSTEM_CLOCK) -> RateLimiter:
    """Return what controllers use unless told otherwise: 5 ms to 1000 s for an item, and 10 a second for all."""
    return LongestOf(ExponentialFailures(), Bucket(clock=clock))
