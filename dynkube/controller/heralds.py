"""Telling who leads without the election waiting for whoever is told."""

from __future__ import annotations

import logging
import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_logger = logging.getLogger("dynkube.controller")

#: Seconds that the end of an election waits for an announcement that is being listened to.
_PATIENCE = 0.1


class Herald:
    """Calls `listener(identity)` for each new leader, one after the other, in a thread of its own."""

    def __init__(self, listener: Callable[[str], object], name: str) -> None:
        self._listener = listener
        self._name = name
        self._news: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._told = ""
        self._thread: threading.Thread | None = None

    def tell(self, leader: str) -> None:
        """Announce the leader unless that was the last announcement, or there is none; returns at once."""
        if not leader or leader == self._told:
            return
        self._told = leader
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"dynkube-leader-news-{self._name}", daemon=True)
            self._thread.start()
        self._news.put(leader)

    def close(self) -> None:
        """Announce what is left and end; a listener that takes long is not waited for."""
        if self._thread is not None:
            self._news.put(None)
            self._thread.join(_PATIENCE)

    def _run(self) -> None:
        while (leader := self._news.get()) is not None:
            try:
                self._listener(leader)
            except BaseException:  # noqa: PERF203 - being told must not end the announcements
                _logger.exception("on_new_leader failed")
