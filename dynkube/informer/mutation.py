"""Finds, in tests, who changes the objects that an informer's store and all its handlers share."""

from __future__ import annotations

import copy
import threading
from typing import TYPE_CHECKING, Any

from dynkube.watch.reading import object_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynkube.informer.transforms import Transform
    from dynkube.objects import JSONObject


class MutationDetector:
    """A transform that keeps a copy of every object on its way into an informer, to be compared later.

    For tests (client-go has one behind `KUBE_CACHE_MUTATION_DETECTOR`): give it as `transform` to the informer under
    test, around the one it has, and call `check` at the end. It holds on to every version it has seen, twice.
    """

    def __init__(self, transform: Transform | None = None) -> None:
        self._transform = transform
        self._lock = threading.Lock()
        self._seen: list[tuple[JSONObject, JSONObject]] = []

    def __call__(self, obj: JSONObject) -> JSONObject:
        """Return the object as the transform makes it, and remember what it looks like."""
        if self._transform is not None:
            obj = self._transform(obj)
        with self._lock:
            self._seen.append((obj, copy.deepcopy(obj)))
        return obj

    def check(self) -> None:
        """Raise `AssertionError` if any object was changed: which and where, not what was there, it may be secret."""
        with self._lock:
            seen = list(self._seen)
        changed: dict[str, None] = {}  # in order, each once: states of one object share what did not change
        for obj, before in seen:
            for path in _differences(before, obj, ""):
                changed[f"{object_key(before)}: {path}"] = None
        if changed:
            lines = "\n".join(f"  {line}" for line in changed)
            raise AssertionError(f"objects of an informer were changed; copy them first:\n{lines}")


def _differences(before: Any, after: Any, path: str) -> Iterator[str]:
    """Yield the paths at which two values differ, in type too: True is not 1."""
    if type(before) is not type(after):
        yield path or "."
    elif isinstance(before, dict):
        for key in sorted({*before, *after}, key=str):
            if key in before and key in after:
                yield from _differences(before[key], after[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}"
    elif isinstance(before, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _differences(one, other, f"{path}[{index}]")
    elif before != after:
        yield path or "."
