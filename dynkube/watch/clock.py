"""Time as a thing that can be handed in: what waits here can be tested without waiting."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Waitable(Protocol):
    """What a clock can wait on: `threading.Event` and `threading.Condition` both fit."""

    def wait(self, timeout: float | None = None) -> bool:
        """Block until signalled (True) or until `timeout` seconds have passed (False)."""


class Alarm(Protocol):
    """A call that was put off and can still be called off."""

    def cancel(self) -> None:
        """Call it off and leave nothing behind; harmless when it has already happened."""


class Clock(Protocol):
    """The time and the ways to let it pass."""

    def monotonic(self) -> float:
        """Seconds that never go backwards; only differences mean anything."""

    def now(self) -> datetime:
        """Read the wall clock, in UTC."""

    def wait(self, signal: Waitable, timeout: float | None) -> bool:
        """Wait for the signal at most `timeout` seconds (None: for ever); say whether it came."""

    def call_later(self, seconds: float, call: Callable[[], None]) -> Alarm:
        """Call back once after that many seconds, from another thread."""


class _TimerAlarm:
    """A `threading.Timer` whose thread is gone when `cancel` returns."""

    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        self._timer = threading.Timer(seconds, call)
        self._timer.name = "dynkube-alarm"
        self._timer.daemon = True
        self._timer.start()

    def cancel(self) -> None:
        self._timer.cancel()
        if self._timer is not threading.current_thread():
            self._timer.join(1.0)


class SystemClock:
    """The clock of this machine."""

    def monotonic(self) -> float:
        """Return `time.monotonic()`."""
        return time.monotonic()

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return datetime.now(timezone.utc)

    def wait(self, signal: Waitable, timeout: float | None) -> bool:
        """Wait on the signal itself."""
        return signal.wait(timeout)

    def call_later(self, seconds: float, call: Callable[[], None]) -> Alarm:
        """Start a timer thread; it is a daemon and ends with the call or its cancellation."""
        return _TimerAlarm(seconds, call)


#: The default everywhere a clock can be handed in; it has no state.
SYSTEM_CLOCK = SystemClock()


def countdown(timeout: float | None, clock: Clock = SYSTEM_CLOCK) -> Callable[[], float | None]:
    """Return what tells how many of `timeout` seconds are left, for several waits within one limit; None: no limit."""
    if timeout is None:
        return lambda: None
    until = clock.monotonic() + timeout
    return lambda: max(0.0, until - clock.monotonic())
