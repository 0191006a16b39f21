"""What a handler has yet to be told: deltas in the order they happened, or merged per key for those who lag behind.

client-go has had two queues between reflector and store: `DeltaFIFO` grouped deltas by key, its successor `RealFIFO`
keeps strict arrival order. Here the reflector's thread writes the store itself, in one step with queueing for the
handlers, so that the store is never behind what a handler was told, and the queue stands where waiting happens: before
each handler. Strict order is the default. With `coalesce` a key that is waiting takes up its newer deltas, so
that the backlog of a slow handler is bounded by the number of objects there are and it knows.
"""

from __future__ import annotations

import enum
import threading
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from dynkube.watch.clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from dynkube.objects import JSONObject


class DeltaType(enum.Enum):
    """What happened to an object."""

    ADDED = "added"
    UPDATED = "updated"
    DELETED = "deleted"
    #: Nothing: the object is told again (resync).
    SYNC = "sync"
    #: No object: everything of the initial state was queued before this.
    SYNCED = "synced"


class Delta(NamedTuple):
    """One thing to tell a handler.

    `old` is set for an update. `flag` means "part of the initial state" for an addition and "seen only by its
    absence" for a deletion, whose `obj` is then the last known state.
    """

    type: DeltaType
    key: str
    obj: JSONObject | None = None
    old: JSONObject | None = None
    flag: bool = False


class DeltaFIFO:
    """The deltas one handler has yet to be told; written by the informer, emptied by the handler's thread.

    With `coalesce` the deltas that wait for a key are merged: updates into the addition or update before them, with
    the oldest `old` and the newest `obj`; a resync into whatever waits; a deletion annuls the addition it follows.
    So a key has at most three waiting deltas: the last update and the deletion of an object the handler knows, and
    the addition of the next of that name. Keys keep the place of their first waiting delta.
    """

    def __init__(self, *, coalesce: bool = False, clock: Clock = SYSTEM_CLOCK) -> None:
        self._coalesce = coalesce
        self._clock = clock
        lock = threading.RLock()
        self._filled = threading.Condition(lock)
        self._emptied = threading.Condition(lock)
        self._idle = False  # whether the handler's thread waits for deltas, and has let go of those before
        self._late = False  # whether it was waited for in vain since it last did
        self._deltas: deque[Delta] = deque()
        self._by_key: dict[str, list[Delta]] = {}
        self._closed = False

    def __len__(self) -> int:
        with self._filled:
            return len(self._deltas) + sum(len(deltas) for deltas in self._by_key.values())

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def push(self, *deltas: Delta) -> None:
        """Queue deltas in this order; does nothing once closed."""
        with self._filled:
            if self._closed:
                return
            if self._coalesce:
                for delta in deltas:
                    waiting = self._by_key.setdefault(delta.key, [])
                    _merge(waiting, delta)
                    if not waiting:
                        del self._by_key[delta.key]
            else:
                self._deltas.extend(deltas)
            self._filled.notify()

    def pop(self, timeout: float | None = None) -> list[Delta]:
        """Return the next deltas to tell: everything that waits, or with `coalesce` all of one key.

        Blocks until there is something, at most `timeout` seconds; returns an empty list when the time is up
        and when the queue is closed.
        """
        until = None if timeout is None else self._clock.monotonic() + timeout
        with self._filled:
            while not self._closed:
                if self._by_key:
                    return self._by_key.pop(next(iter(self._by_key)))
                if self._deltas:
                    deltas = list(self._deltas)
                    self._deltas.clear()
                    return deltas
                left = None if until is None else until - self._clock.monotonic()
                if left is not None and left <= 0:
                    break
                self._idle, self._late = True, False
                self._emptied.notify_all()
                self._clock.wait(self._filled, left)
                self._idle = False
            return []

    def wait_idle(self, timeout: float) -> None:
        """Block until everything has been told, at most `timeout` seconds.

        Not at all once closed, nor after a wait in vain until everything has been told in the end: a slow handler holds
        up nobody twice.
        """
        with self._filled:
            if not self._late:
                self._late = not self._emptied.wait_for(self._all_told, timeout)

    def _all_told(self) -> bool:
        return self._closed or (self._idle and not self._deltas and not self._by_key)

    def close(self) -> None:
        """Forget what waits and wake the thread that waits for it; may be called again, by a signal handler too."""
        if self._closed:
            return  # else the handler's call could come in the middle of waking
        with self._filled:
            self._closed = True
            self._deltas.clear()
            self._by_key.clear()
            self._filled.notify_all()
            self._emptied.notify_all()


def _merge(waiting: list[Delta], delta: Delta) -> None:
    last = waiting[-1] if waiting else None
    if last is None:
        waiting.append(delta)
    elif delta.type is DeltaType.DELETED and last.type is DeltaType.ADDED:
        waiting.pop()  # came and went unseen
    elif delta.type is DeltaType.SYNC:
        return  # what waits tells more
    elif delta.type is DeltaType.UPDATED and last.type in {DeltaType.ADDED, DeltaType.UPDATED}:
        waiting[-1] = last._replace(obj=delta.obj)
    elif delta.type is DeltaType.UPDATED and last.type is DeltaType.SYNC:
        waiting[-1] = delta
    else:
        waiting.append(delta)
