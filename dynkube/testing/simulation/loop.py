"""One thread that runs all simulated controllers, one key at a time."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from typing import TYPE_CHECKING

from dynkube.testing.http.failures import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dynkube.testing.simulation.controller import Concerns, Controller
    from dynkube.testing.simulation.world import World
    from dynkube.testing.storage.store import Collection, Event, Key

logger = logging.getLogger("dynkube.testing.simulation")

#: Seconds until something that failed is tried again.
_AGAIN = 0.5

Item = tuple[int, "Key"]


class Loop:
    """Wakes controllers for the store's events and after the time they ask for.

    ``after_write`` is called when they have written, as requests do it.
    """

    def __init__(self, world: World, controllers: Sequence[Controller], after_write: Callable[[], None]) -> None:
        self._world = world
        self._controllers = controllers
        self._after_write = after_write
        self._routes: dict[Collection, list[tuple[int, Concerns]]] = {}
        for number, controller in enumerate(controllers):
            for collection, concerns in controller.concerns().items():
                self._routes.setdefault(collection, []).append((number, concerns))
        self._wake = threading.Condition()
        self._due: dict[Item, float] = {}
        self._heap: list[tuple[float, int, Item]] = []
        self._order = itertools.count()
        self._stopped = True
        self._thread: threading.Thread | None = None
        world.cluster.listen(self._notice)

    def start(self) -> None:
        """Look at everything there is, and follow what happens from now on."""
        with self._world.cluster.store.transaction():
            self._stopped = False
            self.reload()
        self._thread = threading.Thread(target=self._run, name="dynkube-simulation", daemon=True)
        self._thread.start()

    def stop(self, *, timeout: float = 5.0) -> bool:
        """Stop; wait for what is going on, at most ``timeout`` seconds. Return whether the thread has ended."""
        with self._wake:
            self._stopped = True
            self._due.clear()
            self._heap.clear()
            self._wake.notify_all()
        thread, self._thread = self._thread, None
        if thread is None:
            return True
        thread.join(timeout)
        return not thread.is_alive()

    def reload(self) -> None:
        """Look at everything anew: at the start, and after a restore."""
        with self._world.cluster.store.transaction():
            self._world.reload()
            for collection, _, record in self._world.cluster.store.everything():
                for number, concerns in self._routes.get(collection, ()):
                    for concerned in concerns(record.object):
                        self._add((number, concerned), 0.0)

    def _notice(self, collection: Collection, event: Event) -> None:
        """Follow the store, under its lock."""
        if self._stopped:
            return
        self._world.notice(collection, event)
        for number, concerns in self._routes.get(collection, ()):
            concerned = set(concerns(event.record.object))
            if event.previous is not None:
                concerned |= set(concerns(event.previous.object))
            for key in sorted(concerned):
                self._add((number, key), 0.0)

    def _add(self, item: Item, seconds: float) -> None:
        due = time.monotonic() + seconds
        with self._wake:
            if self._stopped or self._due.get(item, due + 1) <= due:
                return
            self._due[item] = due
            heapq.heappush(self._heap, (due, next(self._order), item))
            self._wake.notify_all()

    def _next(self) -> Item | None:
        with self._wake:
            while not self._stopped:
                now = time.monotonic()
                if not self._heap:
                    self._wake.wait()
                elif self._heap[0][0] > now:
                    self._wake.wait(self._heap[0][0] - now)
                else:
                    due, _, item = heapq.heappop(self._heap)
                    # An entry that was overtaken by an earlier one is left in the heap and passed over here.
                    if self._due.get(item) == due:
                        del self._due[item]
                        return item
        return None

    def _run(self) -> None:
        while (item := self._next()) is not None:
            number, key = item
            again: float | None
            try:
                with self._world.cluster.store.transaction():
                    again = self._controllers[number].reconcile(key)
                self._after_write()
            except Failure as failure:
                logger.debug("%s %s: %s", type(self._controllers[number]).__name__, key, failure)
                again = _AGAIN
            except Exception:
                logger.exception("%s failed on %s", type(self._controllers[number]).__name__, key)
                again = _AGAIN
            if again is not None:
                self._add(item, again)
