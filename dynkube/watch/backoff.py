"""How long to stay away from a server that said no, apart from everything that asks it."""

from __future__ import annotations

import random as random_module
from typing import TYPE_CHECKING

from dynkube.watch.clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from collections.abc import Callable


class Backoff:
    """Growing pauses: `initial` seconds, then `factor` times more each time, never more than `limit` before jitter.

    Each pause is drawn evenly from [d, d + jitter * d), so that a thousand clients cut off together do not come
    back together. When `next` was not needed for `reset_after` seconds the server counts as well again and the
    pauses start anew. The defaults (0.8 s, 2, 30 s, full jitter, 2 min) are those of client-go's reflector
    (`tools/cache/reflector.go`) and of kube-rs; the rule for starting anew is kube-rs's: time without trouble, where
    client-go counts from the last start and may start anew in the middle of an outage.
    """

    def __init__(
        self,
        *,
        initial: float = 0.8,
        factor: float = 2.0,
        limit: float = 30.0,
        jitter: float = 1.0,
        reset_after: float = 120.0,
        clock: Clock = SYSTEM_CLOCK,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        if initial < 0 or limit < initial or factor < 1 or jitter < 0:
            message = "a backoff needs 0 <= initial <= limit, factor >= 1 and jitter >= 0"
            raise ValueError(message)
        self._initial = initial
        self._factor = factor
        self._limit = limit
        self._jitter = jitter
        self._reset_after = reset_after
        self._clock = clock
        self._random = random
        self._duration = initial
        self._until: float | None = None

    def next(self) -> float:
        """Return how many seconds to pause now and make the next pause longer."""
        now = self._clock.monotonic()
        if self._until is not None and now - self._until > self._reset_after:
            self._duration = self._initial
        duration = self._duration
        pause = duration + self._random() * self._jitter * duration
        self._duration = min(duration * self._factor, self._limit)
        self._until = now + pause
        return pause

    def reset(self) -> None:
        """Start anew with the next pause."""
        self._duration = self._initial
        self._until = None
