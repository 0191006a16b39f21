"""Live changes: the resilient watch, its state machine and backoff, and waiting for conditions."""

from __future__ import annotations

from dynkube.watch.backoff import Backoff
from dynkube.watch.clock import SYSTEM_CLOCK, Clock, SystemClock
from dynkube.watch.conditions import (
    Condition,
    all_of,
    any_of,
    condition,
    created,
    deleted,
    jsonpath,
    not_,
    parse_condition,
)
from dynkube.watch.json_path import JSONPath
from dynkube.watch.protocol import EventStream, ListerWatcher
from dynkube.watch.wait import Wait, wait_for
from dynkube.watch.watcher import Watcher

__all__ = [
    "SYSTEM_CLOCK",
    "Backoff",
    "Clock",
    "Condition",
    "EventStream",
    "JSONPath",
    "ListerWatcher",
    "SystemClock",
    "Wait",
    "Watcher",
    "all_of",
    "any_of",
    "condition",
    "created",
    "deleted",
    "jsonpath",
    "not_",
    "parse_condition",
    "wait_for",
]
