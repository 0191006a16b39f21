"""A way to stop a request from another thread, whatever it is waiting for."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Cancellation:
    """Hand it to requests as `HTTPRequest.cancellation`; `cancel()` from any thread ends them all.

    A request that waits for its turn, for the pause before a retry, or for the first byte of an answer raises
    ConnectFailedError at once; one that has not started yet raises it before anything is sent.
    """

    __slots__ = ("_callbacks", "_event", "_lock")

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: dict[int, Callable[[], None]] = {}

    @property
    def cancelled(self) -> bool:
        """Whether `cancel()` was called."""
        return self._event.is_set()

    def cancel(self) -> None:
        """End every request that carries this, now and later. Idempotent."""
        with self._lock:
            self._event.set()
            callbacks = list(self._callbacks.values())
            self._callbacks.clear()
        for callback in callbacks:
            callback()

    def on_cancel(self, callback: Callable[[], None]) -> Callable[[], bool]:
        """Call `callback` once when cancelled, at once if that already happened.

        Returns a function that takes it back and tells whether that was in time: False means it was or will be called.
        """
        key = id(callback)
        with self._lock:
            if not self._event.is_set():
                self._callbacks[key] = callback
                return lambda: self._forget(key)
        callback()
        return lambda: False

    def wait(self, seconds: float) -> bool:
        """Sleep for `seconds` unless cancelled first; tell whether it was cancelled."""
        return self._event.wait(seconds)

    def _forget(self, key: int) -> bool:
        with self._lock:
            return self._callbacks.pop(key, None) is not None
