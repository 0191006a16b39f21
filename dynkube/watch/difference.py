"""What changed between the objects someone was told of and a state taken anew, as events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.watch.reading import object_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynkube.objects import JSONObject

#: What an object consists of that was reduced to its metadata.
_IDENTITY = frozenset({"apiVersion", "kind", "metadata"})


class Difference:
    """Remembers every object told of.

    An object of the version it had is compared by its content, too: a definition that has other defaults changes what
    is read of objects nobody wrote. But where only metadata were kept of a known object, its version is all there is.
    """

    def __init__(self, known: Iterable[JSONObject] = ()) -> None:
        self._known = {object_key(obj): obj for obj in known}
        self._reduced = {key for key, obj in self._known.items() if obj.keys() <= _IDENTITY}

    def event(self, event: dict[str, Any]) -> None:
        """Take note of an event that is being handed out."""
        obj = event["object"]
        key = object_key(obj)
        if self._reduced:
            self._reduced.discard(key)
        if event["type"] == "DELETED":
            self._known.pop(key, None)
        else:
            self._known[key] = obj

    def state(self, objects: Iterable[JSONObject]) -> Iterator[dict[str, Any]]:
        """Yield the events that lead from what is known to `objects`: deletions first, so that names are free again."""
        present = {object_key(obj): obj for obj in objects}
        known, self._known = self._known, present
        reduced, self._reduced = self._reduced, set()
        for key, old in known.items():
            new = present.get(key)
            if new is None or _uid(new) != _uid(old):
                yield {"type": "DELETED", "object": old}
        for key, new in present.items():
            old_or_none = known.get(key)
            if old_or_none is None or _uid(new) != _uid(old_or_none):
                yield {"type": "ADDED", "object": new}
            elif _version(new) != _version(old_or_none) or (key not in reduced and new != old_or_none):
                yield {"type": "MODIFIED", "object": new}


def _version(obj: JSONObject) -> Any:
    return obj["metadata"].get("resourceVersion")


def _uid(obj: JSONObject) -> Any:
    return obj["metadata"].get("uid")
