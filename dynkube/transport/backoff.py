"""Slowing down for a host that keeps failing, across requests (client-go's URLBackoff)."""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Backoff(Protocol):
    """Decides how long to wait before a request to a host. One may serve many clients."""

    def delay(self, host: str) -> float:
        """Return the seconds to wait before the next request to `host` ("name:port")."""

    def note(self, host: str, status: int | None) -> None:
        """Take note of an answer of `host`; None when there was none."""


class ExponentialBackoff:
    """Doubles from `initial` to `longest` seconds while a host answers 429 or 5xx; anything else clears it.

    After twice `longest` without a failure the next one starts from `initial` again.
    """

    def __init__(self, initial: float, longest: float, *, clock: Callable[[], float] = monotonic) -> None:
        self._initial = initial
        self._longest = longest
        self._clock = clock
        self._lock = threading.Lock()
        self._hosts: dict[str, tuple[float, float]] = {}

    def delay(self, host: str) -> float:
        """Return the seconds to wait now."""
        return self._hosts.get(host, (0.0, 0.0))[0]

    def note(self, host: str, status: int | None) -> None:
        """Double the wait after 429 and 5xx, clear it after everything else, no answer included."""
        with self._lock:
            if status is None or (status != 429 and status < 500):
                self._hosts.pop(host, None)
                return
            now = self._clock()
            delay, last = self._hosts.get(host, (0.0, now))
            fresh = not delay or now - last > 2 * self._longest
            self._hosts[host] = (self._initial if fresh else min(self._longest, 2 * delay), now)


def backoff_from(environ: Mapping[str, str]) -> ExponentialBackoff | None:
    """Return the backoff that `KUBE_CLIENT_BACKOFF_BASE` and `..._DURATION` ask for: whole seconds, both or none."""
    try:
        initial = int(environ["KUBE_CLIENT_BACKOFF_BASE"])
        longest = int(environ["KUBE_CLIENT_BACKOFF_DURATION"])
    except (KeyError, ValueError):
        return None
    return ExponentialBackoff(initial, longest) if initial > 0 and longest > 0 else None
