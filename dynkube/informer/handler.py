"""One handler of an informer: its own queue, its own thread, its own failures."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, TypeAlias

from dynkube.informer.delta_fifo import Delta, DeltaFIFO, DeltaType
from dynkube.transport.latch import Latch

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.objects import JSONObject
    from dynkube.watch.clock import Clock

_logger = logging.getLogger("dynkube.informer")

#: Seconds for which the thread that reads events waits for a handler to be told those before.
_MOMENT = 0.005

#: Called with the object and whether it was there before the handler.
OnAdd: TypeAlias = "Callable[[JSONObject, bool], object]"
#: Called with the old and the new object; both are the same object at a resync.
OnUpdate: TypeAlias = "Callable[[JSONObject, JSONObject], object]"
#: Called with the last state and whether it is only the last known one, the deletion itself having been missed.
OnDelete: TypeAlias = "Callable[[JSONObject, bool], object]"
#: Tells whether a handler wants to know of an object.
Filter: TypeAlias = "Callable[[JSONObject], bool]"


class HandlerRegistration:
    """A handler that was added to an informer; the way to ask whether it is up to date and to remove it."""

    def __init__(
        self,
        *,
        name: str,
        on_add: OnAdd | None,
        on_update: OnUpdate | None,
        on_delete: OnDelete | None,
        selected: Filter | None,
        coalesce: bool,
        resync_period: float,
        resync: Callable[[HandlerRegistration], None],
        forget: Callable[[HandlerRegistration], None],
        clock: Clock,
    ) -> None:
        self._on_add = on_add
        self._on_update = on_update
        self._on_delete = on_delete
        self._selected = selected
        self._resync_period = resync_period
        self._resync = resync
        self._forget = forget
        self._clock = clock
        self._told: set[str] = set()  # the keys a handler of some objects was told of and not yet told deleted
        self._in_hand: list[Delta] = []  # taken from the queue and not yet begun, the next one last
        self._synced = False
        self._settled = Latch()  # synced, or closed before that
        self._queue = DeltaFIFO(coalesce=coalesce, clock=clock)
        #: Whose it is, for logs: the informer's name and that of the first of its functions.
        self.name = f"{name}-{_name_of(on_add or on_update or on_delete)}"
        self._thread = threading.Thread(target=self._deliver, name=f"dynkube-handler-{self.name}", daemon=True)

    @property
    def has_synced(self) -> bool:
        """Whether the handler has been told everything of the initial state (client-go: `registration.HasSynced`)."""
        return self._synced

    @property
    def backlog(self) -> int:
        """How many deltas wait for the handler."""
        return 0 if self._queue.closed else len(self._queue) + len(self._in_hand)

    @property
    def running(self) -> bool:
        """Whether its thread runs, be it in the last call before a removal."""
        return self._thread.is_alive()

    @property
    def removed(self) -> bool:
        """Whether the handler is no longer told anything."""
        return self._queue.closed

    def wait_for_sync(self, timeout: float | None = None) -> bool:
        """Block until `has_synced`, at most `timeout` seconds; say whether it is.

        False at once when it is removed, and for the handler itself, which cannot wait for its own next call.
        """
        if self._thread is threading.current_thread():
            return self._synced
        return self._clock.wait(self._settled, timeout) and self._synced

    def remove(self, timeout: float | None = 0.0) -> bool:
        """Tell the handler nothing more; what waits for it is dropped. May be called again, and by the handler itself.

        A call that is running is not interrupted; `timeout` says how long to wait for its end (None: as long as it
        takes). Returns whether it has ended.
        """
        self._forget(self)
        self.close()
        return self.join(timeout)

    def __repr__(self) -> str:
        state = "removed" if self.removed else f"{self.backlog} waiting"
        return f"<{type(self).__name__} {self.name}, {state}>"

    # What the informer does

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def push(self, *deltas: Delta) -> None:
        """Queue what is to be told."""
        self._queue.push(*deltas)

    def catch_up(self) -> None:
        """Let the handler be told what waits, for a moment; one that was too slow for that before is left alone."""
        self._queue.wait_idle(_MOMENT)

    def close(self) -> None:
        """Drop what waits and end the thread after the call that is running."""
        self._queue.close()
        self._settled.set()

    def join(self, timeout: float | None) -> bool:
        """Wait for the thread's end; return whether it has ended. False at once for the thread itself."""
        if self._thread is threading.current_thread():
            return False
        if self._thread.is_alive():  # not before its start is over: a signal handler may interrupt that
            self._thread.join(timeout)
        return not self.running

    def _deliver(self) -> None:
        clock = self._clock
        period = self._resync_period or None
        due = None if period is None else clock.monotonic() + period
        while not self._queue.closed:
            in_hand = self._in_hand = self._queue.pop(None if due is None else max(0.0, due - clock.monotonic()))
            in_hand.reverse()
            while in_hand:  # taken one by one: a slow handler does not hold on to what it was told long ago
                if self._queue.closed:
                    in_hand.clear()
                    return
                self._tell(in_hand.pop())
            if due is not None and period is not None and clock.monotonic() >= due:
                self._resync(self)
                due = clock.monotonic() + period

    def _tell(self, delta: Delta) -> None:
        try:
            self._call(delta)
        except BaseException:  # SystemExit too: a failing handler harms nobody else, and not its own next delta
            _logger.exception("handler %s failed for %s %s", self.name, delta.type.value, delta.key)

    def _call(self, delta: Delta) -> None:
        if self._selected is not None and delta.obj is not None:
            selected = self._in_selection(delta, self._selected)
            if selected is None:
                return
            delta = selected
        kind, _, obj, old, flag = delta
        if kind is DeltaType.SYNCED:
            self._synced = True
            self._settled.set()
        elif obj is None:
            return
        elif kind is DeltaType.ADDED:
            if self._on_add is not None:
                self._on_add(obj, flag)
        elif kind is DeltaType.DELETED:
            if self._on_delete is not None:
                self._on_delete(obj, flag)
        elif self._on_update is not None:
            self._on_update(obj if old is None else old, obj)

    def _in_selection(self, delta: Delta, selected: Filter) -> Delta | None:
        """Return what a change is to a handler of some objects: coming into sight, going out of it, or nothing.

        What the handler was told of is remembered instead of asking about the old state again: a filter may answer
        otherwise by now, and a deletion may come with a last state that no longer passes.
        """
        kind, key, obj, old, _ = delta
        before = key in self._told
        after = kind is not DeltaType.DELETED and obj is not None and bool(selected(obj))
        if after:
            self._told.add(key)
            return delta if before or kind is DeltaType.ADDED else Delta(DeltaType.ADDED, key, obj)
        self._told.discard(key)
        if not before:
            return None
        return delta if kind is DeltaType.DELETED else Delta(DeltaType.DELETED, key, obj if old is None else old)


def _name_of(function: object) -> str:
    return str(getattr(function, "__qualname__", type(function).__qualname__))
