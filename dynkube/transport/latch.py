"""An event that can be set from anywhere, signal handlers included."""

from __future__ import annotations

import threading
from contextlib import suppress


class Latch:
    """A `threading.Event` that is never cleared, and whose `set()` may be called by a signal handler.

    Python runs handlers between any two steps of the main thread. `Event` holds a lock that is not re-entrant for
    moments of `wait()` and `set()`: a handler that comes in one of them and sets the event waits for ever for the code
    it interrupted. Nothing is held here.
    """

    __slots__ = ("_gate", "_set")

    def __init__(self) -> None:
        self._set = False
        # Held until the latch is set: to wait is to acquire it, and everyone who got it lets the next one through.
        self._gate = threading.Lock()
        self._gate.acquire()

    def is_set(self) -> bool:
        """Tell whether `set()` was called."""
        return self._set

    def set(self) -> None:
        """Wake everyone who waits, now and later. Idempotent."""
        self._set = True
        self._open()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the latch is set, at most `timeout` seconds (None: for ever); return whether it is."""
        if not self._set and self._gate.acquire(timeout=-1 if timeout is None else max(0.0, timeout)):
            self._open()
        return self._set

    def _open(self) -> None:
        # Two that open it at once are one too many for the lock, and nothing to worry about.
        with suppress(RuntimeError):
            self._gate.release()
