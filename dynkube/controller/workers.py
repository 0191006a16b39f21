"""Threads that take keys from a work queue and reconcile them."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Generic

from dynkube.controller.work_queue import Item, WorkQueue
from dynkube.errors import Conflict, InvalidRequestError
from dynkube.watch.clock import countdown

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

_logger = logging.getLogger("dynkube.controller")


class Workers(Generic[Item]):
    """Runs `reconcile(item)` for what comes through a queue, in `count` threads, never twice at once for one item.

    `reconcile` returns None when all is well, or the seconds after which to look again. If it raises, the item comes
    back after a pause that grows with its failures; the exception is logged, a `Conflict` (somebody else wrote, and
    the watch will say so) only for debugging. No exception ends a worker, `SystemExit` included: nobody would notice
    that it is gone.
    """

    def __init__(
        self, queue: WorkQueue[Item], reconcile: Callable[[Item], float | None], *, count: int = 1, name: str = "worker"
    ) -> None:
        if count < 1:
            raise InvalidRequestError(f"at least one worker is needed, not {count}")
        self._queue = queue
        self._reconcile = reconcile
        self._threads = [
            threading.Thread(target=self._work, name=f"dynkube-{name}-{number}", daemon=True) for number in range(count)
        ]

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float | None = 1.0, *, drain: bool = False) -> bool:
        """Shut the queue down and wait for the threads, `timeout` seconds in all; return whether they have ended.

        What waits in the queue is dropped; with `drain` it is worked on first, within the same time. A `reconcile` that
        is running is not interrupted. Another `stop` from another thread ends a drain.
        """
        left = countdown(timeout)
        if drain:
            self._queue.drain(timeout)
        self._queue.shut_down(drop=True)
        for thread in self._threads:
            if thread is not threading.current_thread() and thread.is_alive():
                thread.join(left())
        return not any(thread.is_alive() for thread in self._threads)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _work(self) -> None:
        queue = self._queue
        for item in queue:
            try:
                again = self._reconcile(item)
                if again is not None:
                    queue.add_after(item, again)
            except BaseException as error:  # noqa: PERF203 - one item must not end the worker
                seconds = queue.add_rate_limited(item)
                level = logging.DEBUG if isinstance(error, Conflict) else logging.ERROR
                _logger.log(level, "reconciling %s failed, trying again in %.3g s", item, seconds, exc_info=True)
            else:
                queue.forget(item)
