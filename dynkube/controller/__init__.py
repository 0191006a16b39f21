"""What controllers are made of: work queue, workers, leader election, events, safe writes, owners and finalizers."""

from __future__ import annotations

from dynkube.controller.conflicts import retry_on_conflict
from dynkube.controller.entry import Entry, entry
from dynkube.controller.event_correlation import EventCorrelator
from dynkube.controller.event_recorder import EventRecorder
from dynkube.controller.leader_election import LeaderElector
from dynkube.controller.leases import LeaderRecord, LeaseLock
from dynkube.controller.ownership import controller_of, finalize, key_of_controller, set_controller
from dynkube.controller.rate_limiters import (
    AtMost,
    Bucket,
    ExponentialFailures,
    FastThenSlow,
    LongestOf,
    RateLimiter,
    default_rate_limiter,
)
from dynkube.controller.work_queue import Handled, WorkQueue
from dynkube.controller.workers import Workers

__all__ = [
    "AtMost",
    "Bucket",
    "Entry",
    "EventCorrelator",
    "EventRecorder",
    "ExponentialFailures",
    "FastThenSlow",
    "Handled",
    "LeaderElector",
    "LeaderRecord",
    "LeaseLock",
    "LongestOf",
    "RateLimiter",
    "WorkQueue",
    "Workers",
    "controller_of",
    "default_rate_limiter",
    "entry",
    "finalize",
    "key_of_controller",
    "retry_on_conflict",
    "set_controller",
]
