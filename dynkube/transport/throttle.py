"""Client-side rate limiting: a token bucket, off unless `qps` is set."""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

#: A wait longer than this, in seconds, is worth a message.
NOTICEABLE_SECONDS = 1.0
#: Seconds between two such messages.
MESSAGE_INTERVAL = 10.0


class RateLimiter(Protocol):
    """What may take the place of the token bucket, as `Config.rate_limiter`."""

    def wait(self) -> None:
        """Return when the next request may go out."""


class TokenBucket:
    """Lets `burst` requests through at once, then `qps` a second (client-go's `flowcontrol.NewTokenBucketRateLimiter`).

    It starts full. Whoever finds it empty is told how long to wait and has a place in the queue by that.
    """

    def __init__(self, qps: float, burst: int = 0, *, clock: Callable[[], float] = monotonic) -> None:
        self._qps = qps
        self._burst = float(burst) if burst > 0 else max(1.0, 2 * qps)
        self._tokens = self._burst
        self._clock = clock
        self._filled = clock()
        self._lock = threading.Lock()

    def reserve(self, at_most: float | None = None) -> float | None:
        """Take a token and return the seconds to wait before using it; None, and none taken, if more than `at_most`."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._qps)
            self._filled = now
            wait = max(0.0, (1.0 - self._tokens) / self._qps)
            if at_most is not None and wait > at_most:
                return None
            self._tokens -= 1.0
            return wait


class Notice:
    """Decides which waits are worth a message: long ones, and not one after the other."""

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._next = 0.0

    def due(self, wait: float) -> bool:
        """Tell whether to speak of a wait of so many seconds now."""
        now = self._clock()
        if wait <= NOTICEABLE_SECONDS or now < self._next:
            return False
        self._next = now + MESSAGE_INTERVAL
        return True
