"""What a process holds: the client's objects by type, and the blocks of memory of everything."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from typing import NamedTuple

_ACTIONS = "dynkube.watch.actions."


class Held(NamedTuple):
    """Objects of dynkube's own types, errors included, and how many blocks the interpreter has allocated in all."""

    objects: Counter[str]
    blocks: int


def held() -> Held:
    """Return what is held now, without what only waits to be collected."""
    gc.collect()
    kinds = (type(obj) for obj in gc.get_objects())
    # Interned, so that what one result consists of is no growth in the next.
    names = (sys.intern(f"{kind.__module__}.{kind.__qualname__}") for kind in kinds)
    # What a watch does next is one of several types, as the last fault left it.
    objects = Counter(name for name in names if name.startswith("dynkube.") and not name.startswith(_ACTIONS))
    gc.collect()
    return Held(objects, sys.getallocatedblocks())
