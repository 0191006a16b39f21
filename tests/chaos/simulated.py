"""Time in which pauses pass without being waited for, and requests counted where they arrive."""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from dynkube.watch import SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynkube.watch.clock import Waitable

_TOKEN = re.compile(r"[?&]continue=([^&]*)")


class SkippingClock(SystemClock):
    """The machine's clock, put forward by every pause instead of waiting it out.

    What is computed and sent takes the time it takes; only where a thread would have slept for a minute, a minute is
    over at once. A rate measured on it is that of the same code on an ordinary clock, but for what a clock that merely
    ran faster would add between two requests: thousands of them, sent in a loop, would look like few. One for each
    thing that pauses: the pauses of others are not its own.
    """

    def __init__(self, longest: float) -> None:
        #: Seconds a pause really takes at most.
        self._longest = longest
        self._skipped = 0.0

    def monotonic(self) -> float:
        """Return the simulated time."""
        return time.monotonic() + self._skipped

    def wait(self, signal: Waitable, timeout: float | None) -> bool:
        """Wait a moment for the signal, then let the rest of the time be over."""
        if timeout is None:
            return signal.wait(None)
        started = time.monotonic()
        if signal.wait(min(timeout, self._longest)):
            return True
        self._skipped += max(0.0, timeout - (time.monotonic() - started))
        return False

    def sleep(self, seconds: float) -> None:
        """Pause, for what only knows how to sleep: the retries of a `Transport`."""
        self.wait(threading.Event(), seconds)


class Arrival(NamedTuple):
    """A request, or an attempt to connect that failed, and the simulated time when it arrived."""

    at: float
    target: str


def counted(arrivals: Iterable[Arrival]) -> list[float]:
    """Return when requests arrived; a further page of a list counts when it is asked for again.

    Pages follow each other as fast as they are read: that is progress and no fault.
    """
    seen: set[str] = set()
    times: list[float] = []
    for arrival in arrivals:
        token = _TOKEN.search(arrival.target)
        if token is None or token[1] in seen:
            times.append(arrival.at)
        else:
            seen.add(token[1])
    return times


def highest_rate(times: list[float], seconds: float = 1.0) -> int:
    """Return the highest number of arrivals in any span of `seconds`."""
    highest = first = 0
    for last, at in enumerate(times):
        while times[first] <= at - seconds:
            first += 1
        highest = max(highest, last - first + 1)
    return highest
