"""A way to stop a request from another thread, whatever it is waiting for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynkube.transport.latch import Latch

if TYPE_CHECKING:
    from collections.abc import Callable


class Cancellation:
    """Hand it to requests as `HTTPRequest.cancellation`; `cancel()` from any thread ends them all.

    A request that waits for its turn, for the pause before a retry, or for the first byte of an answer raises
    ConnectFailedError at once; one that has not started yet raises it before anything is sent.

    There is no lock: a signal handler may cancel what its own thread is in the middle of registering. Each callback is
    taken out of the dict by one call only, and that one calls it.
    """

    __slots__ = ("_callbacks", "_latch")

    def __init__(self) -> None:
        self._latch = Latch()
        self._callbacks: dict[object, Callable[[], None]] = {}

    @property
    def cancelled(self) -> bool:
        """Whether `cancel()` was called."""
        return self._latch.is_set()

    def cancel(self) -> None:
        """End every request that carries this, now and later. Idempotent."""
        self._latch.set()
        while self._callbacks:
            try:
                _, callback = self._callbacks.popitem()
            except KeyError:
                return
            callback()

    def on_cancel(self, callback: Callable[[], None]) -> Callable[[], bool]:
        """Call `callback` once when cancelled, at once if that already happened.

        Returns a function that takes it back and tells whether that was in time: False means it was or will be called.
        """
        key = object()
        self._callbacks[key] = callback
        # After it can be found: whoever cancels before this line calls it, and whoever does after it is seen here.
        if self._latch.is_set() and self._forget(key):
            callback()
        return lambda: self._forget(key)

    def wait(self, seconds: float) -> bool:
        """Sleep for `seconds` unless cancelled first; tell whether it was cancelled."""
        return self._latch.wait(seconds)

    def _forget(self, key: object) -> bool:
        return self._callbacks.pop(key, None) is not None
