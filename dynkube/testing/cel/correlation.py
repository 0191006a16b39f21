"""Which part of the stored object a part of the new one takes the place of (apiserver ``cel/common/equality.go``)."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dynkube.testing.patches.json_patch import equal

if TYPE_CHECKING:
    from dynkube.testing.cel.schema_types import RawSchema


class KeyedList:
    """The elements of a list of type ``map``, found by their keys; no element of another list is found."""

    def __init__(self, elements: list[Any], schema: RawSchema) -> None:
        keyed = schema.get("x-kubernetes-list-type") == "map"
        self._keys: tuple[str, ...] = tuple(schema.get("x-kubernetes-list-map-keys") or ()) if keyed else ()
        self._found: dict[str, Any] = {}
        for element in elements if self._keys else ():
            name = self._name(element)
            if name is not None:
                self._found.setdefault(name, element)

    def _name(self, element: Any) -> str | None:
        if not self._keys or not isinstance(element, dict):
            return None
        parts = [element.get(key) for key in self._keys]
        if any(part is None or isinstance(part, (dict, list)) for part in parts):
            return None
        return json.dumps(parts)

    def get(self, wanted: Any) -> Any:
        """Return the element that has the keys of ``wanted``; None when there is none."""
        name = self._name(wanted)
        return None if name is None else self._found.get(name)


@dataclass(frozen=True)
class _Pair:
    new: Any
    old: Any
    schema: RawSchema

    def unchanged(self) -> bool:
        if self.new is None or self.old is None:
            return self.new is None and self.old is None
        if not isinstance(self.new, list) or not isinstance(self.old, list):
            return equal(self.new, self.old)
        if self.schema.get("x-kubernetes-list-type") != "map":
            return equal(self.new, self.old)
        return len(self.new) == len(self.old) and all(equal(self._keyed.get(one), one) for one in self.new)

    @functools.cached_property
    def _keyed(self) -> KeyedList:
        return KeyedList(self.old, self.schema)

    def key(self, name: str) -> _Pair | None:
        if not isinstance(self.new, dict) or not isinstance(self.old, dict):
            return None
        if name not in self.new or name not in self.old:
            return None
        declared = (self.schema.get("properties") or {}).get(name, self.schema.get("additionalProperties"))
        return _Pair(self.new[name], self.old[name], declared) if isinstance(declared, dict) else None

    def index(self, index: int) -> _Pair | None:
        items = self.schema.get("items")
        if not isinstance(self.new, list) or not isinstance(self.old, list) or not isinstance(items, dict):
            return None
        old = self._keyed.get(self.new[index])
        return None if old is None else _Pair(self.new[index], old, items)


@dataclass(frozen=True)
class Correlation:
    """A place in an object while its rules are checked: what it was, and what the nearest part around it was."""

    current: _Pair | None
    parent: _Pair | None = None

    @classmethod
    def between(cls, new: Any, old: Any, schema: RawSchema) -> Correlation:
        """Return the place of a whole object; on create (``old`` None), nothing was before."""
        return cls(None if old is None else _Pair(new, old, schema))

    def unchanged(self) -> bool:
        """Tell whether the value here, or the part it belongs to, is what it was."""
        pair = self.current or self.parent
        return pair is not None and pair.unchanged()

    def key(self, name: str) -> Correlation:
        """Return the place of a field."""
        if self.current is None:
            return self
        if self.parent is None and name in ("apiVersion", "kind"):
            return Correlation(None)
        return Correlation(self.current.key(name), self.current)

    def index(self, index: int) -> Correlation:
        """Return the place of a list's element."""
        return self if self.current is None else Correlation(self.current.index(index), self.current)
