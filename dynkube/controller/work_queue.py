"""The queue between what happens and what is done about it (client-go `util/workqueue`)."""

from __future__ import annotations

import heapq
import itertools
import logging
import math
import threading
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from dynkube.controller.rate_limiters import RateLimiter, default_rate_limiter
from dynkube.errors import InvalidRequestError
from dynkube.watch.clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_logger = logging.getLogger("dynkube.controller")

Item = TypeVar("Item", bound=Hashable)

#: Seconds after which the main thread looks again whether the queue was shut down: a signal handler that did it in the
#: moment before the wait woke nobody.
_GLANCE = 0.5
#: Replaced delays that may stay in the heap, beyond as many as there are delayed items, before it is cleared of them.
_REPLACED = 64


@dataclass(frozen=True, slots=True)
class Handled:
    """An item that a worker gave back: what there is to measure of a queue (client-go `util/workqueue/metrics.go`).

    `waited`: the seconds from when it was added to when a worker got it. `worked`: the seconds until that worker gave
    it back. `failures`: how often it has failed since it was last forgotten.
    """

    item: Hashable
    waited: float
    worked: float
    failures: int


class WorkQueue(Generic[Item]):
    """Hands out items in the order they came, each to one worker at a time and never twice for the same reason.

    - An item that waits already is not queued again.
    - An item that is added while a worker has it comes once more, at the end, when that worker is `done` with it: so
      what is done about it sees the latest state, and no two workers ever have the same item.
    - An item can come later (`add_after`), or after a pause that grows with its failures (`add_rate_limited`). Of
      several times the earliest counts. Items whose time has come queue behind those that wait: a failing item never
      holds up the others.

    `for item in queue` is a worker's loop; it ends with `shut_down`. It calls `done` when the next item is asked for.

    To be measured: `len(queue)`, `running()`, and `hook`, which is called with a `Handled` for each item given back.
    """

    def __init__(
        self,
        *,
        rate_limiter: RateLimiter | None = None,
        hook: Callable[[Handled], object] | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._clock = clock
        self._hook = hook
        self._limiter = rate_limiter if rate_limiter is not None else default_rate_limiter(clock=clock)
        self._changed = threading.Condition()
        self._queue: deque[Item] = deque()
        self._dirty: dict[Item, float] = {}  # to be worked on, and since when: waiting, or again after the present work
        self._processing: dict[Item, tuple[float, float]] = {}  # when it was added, and when a worker got it
        self._heap: list[tuple[float, int, Item]] = []
        self._due: dict[Item, float] = {}
        self._order = itertools.count()
        self._shutting_down = False
        self._draining = False

    def __len__(self) -> int:
        """Return how many items wait for a worker; delayed ones do not count."""
        with self._changed:
            self._promote()
            return len(self._queue)

    @property
    def shutting_down(self) -> bool:
        """Whether `shut_down` was called."""
        return self._shutting_down

    def running(self) -> dict[Item, float]:
        """Return the items that workers have now, each with the seconds since it was handed out."""
        with self._changed:
            now = self._clock.monotonic()
            return {item: now - begun for item, (_, begun) in self._processing.items()}

    def add(self, item: Item) -> None:
        """Queue an item. Does nothing when it waits already, or after `shut_down`."""
        with self._changed:
            self._add(item)

    def add_after(self, item: Item, seconds: float) -> None:
        """Queue an item that many seconds from now; at once for zero and less, never for infinity.

        Of an item that waits for its time already the earlier time counts. Raises `InvalidRequestError` for NaN.
        """
        if math.isnan(seconds):
            raise InvalidRequestError("NaN seconds are no delay")
        with self._changed:
            if self._shutting_down:
                return
            if item is None or seconds <= 0:
                self._add(item)
                return
            heap, moments = self._heap, self._due
            due = self._clock.monotonic() + seconds
            known = moments.get(item)
            if known is None or due < known:
                moments[item] = due
                heapq.heappush(heap, (due, next(self._order), item))
                if len(heap) > 2 * len(moments) + _REPLACED:
                    heap[:] = [entry for entry in heap if moments.get(entry[2]) == entry[0]]
                    heapq.heapify(heap)
                self._changed.notify_all()

    def add_rate_limited(self, item: Item) -> float:
        """Queue an item again after a failure and return how many seconds it has to wait."""
        seconds = self._limiter.when(item)
        self.add_after(item, seconds)
        return seconds

    def forget(self, item: Item) -> None:
        """Count the item's failures from zero again; to be called when it succeeded. `done` is still due."""
        self._limiter.forget(item)

    def failures(self, item: Item) -> int:
        """Return how often the item was added after a failure since it was last forgotten."""
        return self._limiter.failures(item)

    def get(self, timeout: float | None = None) -> Item | None:
        """Return the next item, which is to be given back with `done`.

        Blocks until there is one, at most `timeout` seconds. None: the time is up, or the queue is shut down and empty
        (see `shutting_down`).
        """
        until = None if timeout is None else self._clock.monotonic() + timeout
        with self._changed:
            while True:
                self._promote()
                queue, dirty = self._queue, self._dirty
                if queue:
                    item = queue.popleft()
                    self._processing[item] = (dirty.pop(item), self._clock.monotonic())
                    return item
                if self._shutting_down:
                    return None
                now = self._clock.monotonic()
                if until is not None and now >= until:
                    return None
                moments = [moment for moment in (until, self._heap[0][0] if self._heap else None) if moment is not None]
                self._wait(min(moments) - now if moments else None)

    def done(self, item: Item) -> None:
        """Give an item back; if it was added meanwhile it is queued now. Of an item nobody has it does nothing."""
        with self._changed:
            times = self._processing.pop(item, None)
            if times is None:
                return
            queue, dirty = self._queue, self._dirty
            if item in dirty:
                queue.append(item)
            self._changed.notify_all()
            now = self._clock.monotonic()
        if self._hook is not None:
            added, begun = times
            try:
                self._hook(Handled(item, begun - added, now - begun, self.failures(item)))
            except Exception:  # what only measures must not end a worker
                _logger.exception("the hook of a work queue failed")

    def __iter__(self) -> Iterator[Item]:
        while True:
            item = self.get()
            if item is None:
                return
            try:
                yield item
            finally:
                self.done(item)

    def shut_down(self, *, drop: bool = False) -> None:
        """Take no more items and forget the delayed ones, from any thread or signal handler; may be called again.

        What waits is still handed out, or with `drop` forgotten too. A `drain` that still waits ends: so a second
        signal can end at once what the first was to end in order.
        """
        with self._changed:
            self._draining = False
            self._close(drop=drop)

    def drain(self, timeout: float | None = None) -> bool:
        """Shut down and wait until every item was handed out and given back; return whether that is so.

        At most `timeout` seconds, and not after another `shut_down`. An item that was added again while a worker had
        it, before the shutdown, is handed out once more.
        """
        until = None if timeout is None else self._clock.monotonic() + timeout
        with self._changed:
            self._draining = True
            self._close()
            while self._draining and (self._queue or self._processing):
                left = None if until is None else until - self._clock.monotonic()
                if left is not None and left <= 0:
                    return False
                self._wait(left)
            return self._draining

    def _close(self, *, drop: bool = False) -> None:
        # New containers instead of emptied ones: this may be a signal handler in the middle of any method of its own
        # thread, which goes on with those it has begun with.
        self._shutting_down = True
        if drop:
            self._queue, self._dirty = deque(), {}
        self._heap, self._due = [], {}
        self._changed.notify_all()

    def _wait(self, seconds: float | None) -> None:
        # A lock cannot wait longer than TIMEOUT_MAX; what is further away is looked at again then.
        longest = _GLANCE if threading.current_thread() is threading.main_thread() else threading.TIMEOUT_MAX
        self._clock.wait(self._changed, longest if seconds is None else min(seconds, longest))

    def _add(self, item: Item) -> None:
        if item is None:
            raise InvalidRequestError("None is no item: it stands for the end of the queue")
        queue, dirty = self._queue, self._dirty
        if self._shutting_down or item in dirty:
            return
        dirty[item] = self._clock.monotonic()
        if item not in self._processing:
            queue.append(item)
            self._changed.notify_all()

    def _promote(self) -> None:
        """Queue the delayed items whose time has come."""
        heap, moments = self._heap, self._due
        if not heap:
            return
        now = self._clock.monotonic()
        while heap and heap[0][0] <= now:
            due, _, item = heapq.heappop(heap)
            if moments.get(item) == due:
                del moments[item]
                self._add(item)
