"""Whether faults leave anything behind, measured where nothing else happens: in a process of its own.

`python -m chaos.steady SEED` prints one JSON object.
"""

from __future__ import annotations

import json
import logging
import random
import sys
from typing import Any

from chaos.adversary import FAULTS, Ordeal
from chaos.memory import Held, held
from dynkube.dynamic.lister_watcher import ResourceListerWatcher

#: How many requests meet a fault in the short life; the long one has four times as many.
SHORT = 400
#: A silent socket takes its time, and leaves what every connection leaves.
CHOSEN = [fault for name, fault in FAULTS.items() if name != "a silent socket"]


def _life(rng: random.Random, requests: int) -> Held:
    """Let an informer live; return what is held when its threads have ended and all its parts are still there."""
    ordeal = Ordeal(lambda: rng.choice(CHOSEN), stream=True)
    ordeal.endure(requests=requests)
    ordeal.arrivals.clear()
    ordeal.server.forget()
    return held()


def _leak() -> list[object]:
    """Leave one small object behind each time a watch is asked for, which the measurement has to see; return them."""
    left: list[object] = []
    watch = ResourceListerWatcher.watch

    def leaking(self: ResourceListerWatcher, **options: Any) -> Any:
        left.append(object())
        return watch(self, **options)

    ResourceListerWatcher.watch = leaking  # type: ignore[method-assign]
    return left


def main(seed: int) -> None:
    """Compare a short life with a long one, and with one that leaks."""
    logging.disable(logging.CRITICAL)
    rng = random.Random(seed)
    _life(rng, SHORT)  # what is made once is made now
    short = _life(rng, SHORT)
    long = _life(rng, 4 * SHORT)
    left = _leak()
    leaking = _life(rng, SHORT)
    report = {
        "blocks": long.blocks - short.blocks,
        "objects": long.objects - short.objects,
        "leaked objects": len(left),
        "blocks with the leak": leaking.blocks - short.blocks,
    }
    print(json.dumps(report))  # noqa: T201 - the way back


if __name__ == "__main__":
    main(int(sys.argv[1]))
