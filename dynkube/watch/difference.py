"""What changed between the objects someone was told of and a state taken anew, as events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.watch.reading import object_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynkube.objects import JSONObject


class Difference:
    """Remembers every object told of; compares by uid and resourceVersion, never by content."""

    def __init__(self, known: Iterable[JSONObject] = ()) -> None:
        self._known = {object_key(obj): obj for obj in known}

    def event(self, event: dict[str, Any]) -> None:
        """Take note of an event that is being handed out."""
        obj = event["object"]
        if event["type"] == "DELETED":
            self._known.pop(object_key(obj), None)
        else:
            self._known[object_key(obj)] = obj

    def state(self, objects: Iterable[JSONObject]) -> Iterator[dict[str, Any]]:
        """Yield the events that lead from what is known to `objects`: deletions first, so that names are free again."""
        present = {object_key(obj): obj for obj in objects}
        known, self._known = self._known, present
        for key, old in known.items():
            new = present.get(key)
            if new is None or _uid(new) != _uid(old):
                yield {"type": "DELETED", "object": old}
        for key, new in present.items():
            old_or_none = known.get(key)
            if old_or_none is None or _uid(new) != _uid(old_or_none):
                yield {"type": "ADDED", "object": new}
            elif new["metadata"].get("resourceVersion") != old_or_none["metadata"].get("resourceVersion"):
                yield {"type": "MODIFIED", "object": new}


def _uid(obj: JSONObject) -> Any:
    return obj["metadata"].get("uid")
