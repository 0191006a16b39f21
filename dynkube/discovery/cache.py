"""CachedDiscovery: one discovery run for many callers, remembered for a while."""

from __future__ import annotations

import time
from concurrent.futures import Future
from threading import Lock, get_ident
from typing import TYPE_CHECKING, Final, Protocol, overload

from cachetools import TLRUCache

from dynkube.discovery.discovered import ResourceLists
from dynkube.errors import DiscoveryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dynkube.discovery.discovered import Discovered
    from dynkube.names import GroupVersionResource

#: How long discovery is remembered by default, in seconds.
DEFAULT_MAX_AGE = 600.0

#: Within this many seconds of a refresh, a miss in another thread is answered from it: they missed together.
TOGETHER = 0.25

#: So many refreshes on a miss may follow each other at once...
REFRESH_BURST = 10
#: ...and then one every so many seconds.
REFRESH_INTERVAL = 2.0

#: What is found while the served APIs are settling after a change is remembered for so many seconds.
UNSETTLED_AGE = 1.0

#: While a resource that must appear is waited for, the pauses between two runs grow from the first to the last, in
#: seconds.
PAUSES = (0.02, 0.05, 0.1, 0.2, 0.5)

_KEY: Final = "loaded"


class Discoverer(Protocol):
    """What can be cached: a DiscoveryClient, or anything else that yields a Discovered."""

    def discover(self) -> Discovered:
        """Return what the server serves now."""

    def invalidate(self) -> None:
        """Let nothing remembered answer the next `discover`."""


class Loaded:
    """One remembered run. ``generation`` counts them; ``answered`` are threads whose miss it settled."""

    def __init__(self, discovered: Discovered, generation: int, ended: float) -> None:
        self.discovered = discovered
        self.generation = generation
        self.ended = ended
        self.answered: set[int] = set()


class _Flight:
    """A run under way and those who wait for it."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.future: Future[Loaded] = Future()


class CachedDiscovery:
    """Remembers what a Discoverer found, for ``max_age`` seconds or until `invalidate`.

    Nothing is asked before the first use. However many threads need the answer at once, one of them asks and the others
    wait for it; a failure reaches all of them and is not remembered.
    """

    def __init__(
        self,
        discovery: Discoverer,
        *,
        max_age: float = DEFAULT_MAX_AGE,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._discovery = discovery
        self._max_age = max_age
        self._clock = clock
        self._sleep = sleep
        self._lock = Lock()
        self._held: TLRUCache[str, Loaded] = TLRUCache(maxsize=1, ttu=self._expiry, timer=clock)
        self._settled_at = clock()
        #: Resources that must appear, and when they are given up.
        self._expected: dict[GroupVersionResource, float] = {}
        self._flight: _Flight | None = None
        self._generation = 0
        self._epoch = 0
        self._allowance = float(REFRESH_BURST)
        self._allowance_at = clock()

    @property
    def fresh(self) -> bool:
        """Whether something is remembered that would be returned without asking."""
        with self._lock:
            return _KEY in self._held

    def discover(self) -> Discovered:
        """Return what is remembered, or what the server says now if nothing is; raises as the wrapped `discover`."""
        return self.load().discovered

    def now(self) -> float:
        """Return the clock's time, for `refresh`."""
        return self._clock()

    def load(self) -> Loaded:
        """Return the remembered run itself; see `discover`."""
        with self._lock:
            loaded = self._held.get(_KEY)
            if loaded is not None:
                return loaded
            flight, leading = self._board()
        return self._run(flight) if leading else flight.future.result()

    def refresh(self, seen: Loaded, *, since: float) -> Loaded:
        """Return the run that settles a miss: the caller began at ``since`` and looked in vain in ``seen``.

        That is ``seen`` itself if the server was asked for it after the caller began, otherwise a newer one. Callers
        who miss together are answered by one run. Refreshes are rationed: ten at once, then one every two seconds;
        beyond that ``seen`` is returned. Raises as the wrapped `discover`; what was remembered stays remembered then.

        While resources are expected (`expect`) that the server does not list, this asks again until it does.
        """
        loaded = self._refresh(seen, since)
        pauses = iter(PAUSES)
        while self._is_expecting(loaded.discovered):
            self._sleep(next(pauses, PAUSES[-1]))
            self.invalidate()
            loaded = self.load()
            loaded.answered.add(get_ident())
        return loaded

    def _refresh(self, seen: Loaded, since: float) -> Loaded:
        with self._lock:
            held = self._held.get(_KEY, seen)
            own = held.ended >= since and not held.discovered.stored
            if own or held.generation > seen.generation or self._is_answer(held):
                held.answered.add(get_ident())
                return held
            if self._flight is None and not self._take_allowance():
                return seen
            flight, leading = self._board()
        if leading:
            self._discovery.invalidate()
        loaded = self._run(flight) if leading else flight.future.result()
        loaded.answered.add(get_ident())
        return loaded

    def invalidate(self, *, settling: float = 0.0) -> None:
        """Forget everything: the next call asks the server, whatever is under way now.

        ``settling``: for so many seconds from now the answers may still change, as they do for a moment after a CRD was
        written; what is found meanwhile is remembered for a second only. Nothing is sent for it by itself.
        """
        with self._lock:
            self._settled_at = max(self._settled_at, self._clock() + settling)
            self._held.clear()
            self._flight = None
            self._epoch += 1
        self._discovery.invalidate()

    def expect(self, resources: Iterable[GroupVersionResource], *, within: float) -> None:
        """Take it that these will be served ``within`` seconds: a miss waits for them before it is one.

        For those who have just made the server serve them, by writing a CRD: it takes a moment to do so.
        """
        with self._lock:
            self._expected.update(dict.fromkeys(resources, self._clock() + within))

    def expect_nothing(self) -> None:
        """Take back what `expect` said."""
        with self._lock:
            self._expected.clear()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._discovery!r}>"

    def _is_expecting(self, discovered: Discovered) -> bool:
        """Whether something expected is neither listed nor given up; what is one of the two is forgotten."""
        if not self._expected:
            return False
        with self._lock:
            now = self._clock()
            waited = {resource: until for resource, until in self._expected.items() if until > now}
            self._expected = {each: until for each, until in waited.items() if not _lists(discovered, each)}
            return bool(self._expected)

    def _expiry(self, _key: str, _value: Loaded, now: float) -> float:
        return now + (min(self._max_age, UNSETTLED_AGE) if now < self._settled_at else self._max_age)

    def _is_answer(self, held: Loaded) -> bool:
        """Whether this run is so recent that a miss just now belongs to those it answered.

        A thread that was answered by it already asks anew: it may have created what it misses.
        """
        return bool(held.answered) and get_ident() not in held.answered and self._clock() - held.ended < TOGETHER

    def _take_allowance(self) -> bool:
        now = self._clock()
        self._allowance = min(REFRESH_BURST, self._allowance + (now - self._allowance_at) / REFRESH_INTERVAL)
        self._allowance_at = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    def _board(self) -> tuple[_Flight, bool]:
        """Return the flight under way, or a new one that the caller must `_run`. The lock is held."""
        if self._flight is not None:
            return self._flight, False
        self._flight = _Flight(self._epoch)
        return self._flight, True

    def _run(self, flight: _Flight) -> Loaded:
        try:
            discovered = self._discovery.discover()
        except BaseException as error:
            self._land(flight)
            interrupted = DiscoveryError("the thread that was asking the server for all was interrupted")
            flight.future.set_exception(error if isinstance(error, Exception) else interrupted)
            raise
        loaded = self._land(flight, discovered)
        flight.future.set_result(loaded)
        return loaded

    @overload
    def _land(self, flight: _Flight) -> None: ...
    @overload
    def _land(self, flight: _Flight, discovered: Discovered) -> Loaded: ...

    def _land(self, flight: _Flight, discovered: Discovered | None = None) -> Loaded | None:
        with self._lock:
            if self._flight is flight:
                self._flight = None
            if discovered is None:
                return None
            self._generation += 1
            loaded = Loaded(discovered, self._generation, self._clock())
            # What was under way when everything was invalidated answers those who waited for it, and nobody else.
            if flight.epoch == self._epoch:
                self._held[_KEY] = loaded
            return loaded


def _lists(discovered: Discovered, resource: GroupVersionResource) -> bool:
    table = ResourceLists.of(discovered.resources).table
    span = table.spans.get((resource.group, resource.version), range(0))
    return resource.resource in table.plurals[span.start : span.stop]
