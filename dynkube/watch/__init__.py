"""Live changes: the resilient watch, its state machine and backoff, and waiting for conditions."""

from __future__ import annotations

from dynkube.watch.backoff import Backoff
from dynkube.watch.clock import SYSTEM_CLOCK, Clock, SystemClock
from dynkube.watch.protocol import EventStream, ListerWatcher
from dynkube.watch.watcher import Watcher

__all__ = [
    "SYSTEM_CLOCK",
    "Backoff",
    "Clock",
    "EventStream",
    "ListerWatcher",
    "SystemClock",
    "Watcher",
]
