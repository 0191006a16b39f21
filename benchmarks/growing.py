"""What an object costs where there are ten times as many: informers of 5,000 and of 50,000 config maps, in turn."""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from benchmarks.canned import CONFIG_MAPS, FEW_CONFIG_MAPS
from benchmarks.jobs import GROWTH

if TYPE_CHECKING:
    from collections.abc import Callable

#: How often all are synced, each time beside as many objects in small informers.
TURNS = 3


def growth(client: Any) -> dict[str, float]:
    """Return the time of an object among the many, and how many times that of one among the few it is.

    The turns of both come within a second, so that what else the machine does falls on both.
    """
    few, many = client.informer_few_config_maps, client.informer_config_maps
    for warm_up in (few, many):
        _seconds(warm_up)
    turns = []
    for _ in range(TURNS):
        small = sum(_seconds(few) for _ in range(CONFIG_MAPS // FEW_CONFIG_MAPS))
        turns.append((_seconds(many), small))
    return {
        "wall_ms": median(large for large, _ in turns) * 1000 / CONFIG_MAPS,
        GROWTH: median(large / small for large, small in turns),
    }


def _seconds(sync: Callable[[], Any]) -> float:
    """Return how long a sync takes; what it keeps is let go after the clock has stopped."""
    began = perf_counter()
    kept = sync()
    taken = perf_counter() - began
    getattr(kept, "stop", lambda: None)()
    return taken
