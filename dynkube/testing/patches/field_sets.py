"""Sets of field paths, and their wire form ``fieldsV1``.

A path is a tuple of elements written as on the wire: ``f:<field>``, ``k:<keys of a list element>``, ``v:<member of a
set>``, ``i:<index>``. A set is a tree: a node may be a member itself (``.`` on the wire), have members below, or both.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    Path = tuple[str, ...]


def field_element(name: str) -> str:
    """Return the path element of a field or map key."""
    return f"f:{name}"


def key_element(keys: Mapping[str, Any]) -> str:
    """Return the path element of a list element identified by ``keys``."""
    return "k:" + json.dumps(dict(sorted(keys.items())), separators=(",", ":"), ensure_ascii=False)


def value_element(value: Any) -> str:
    """Return the path element of a member of a set."""
    return "v:" + json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def show(path: Path) -> str:
    """Print a path as conflicts do: ``.spec.containers[name="web"].image``."""
    parts: list[str] = []
    for element in path:
        kind, _, rest = element.partition(":")
        if kind == "f":
            parts.append(f".{rest}")
        elif kind == "k":
            keys = json.loads(rest)
            parts.append("[" + ",".join(f"{k}={json.dumps(v, ensure_ascii=False)}" for k, v in keys.items()) + "]")
        else:
            parts.append(f"[={rest}]" if kind == "v" else f"[{rest}]")
    return "".join(parts)


class FieldSet:
    """A set of paths; built once, then treated as a value (operations return new sets)."""

    __slots__ = ("children", "member")

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self.member = False
        self.children: dict[str, FieldSet] = {}
        for path in paths:
            self.insert(path)

    def insert(self, path: Path) -> None:
        """Add one path."""
        node = self
        for element in path:
            node = node.children.setdefault(element, FieldSet())
        node.member = True

    @classmethod
    def from_wire(cls, fields: Mapping[str, Any]) -> FieldSet:
        """Read ``fieldsV1``; raises ValueError for elements that are none."""
        node = cls()
        for key, below in fields.items():
            if key == ".":
                node.member = True
                continue
            if key[:2] not in {"f:", "k:", "v:", "i:"} or not isinstance(below, dict):
                raise ValueError(f"{key!r} is no path element")
            name = key
            if key[0] in "kv":
                name = key[:2] + json.dumps(
                    json.loads(key[2:]), separators=(",", ":"), ensure_ascii=False, sort_keys=True
                )
            child = cls.from_wire(below)
            if not below:
                child.member = True
            node.children[name] = child
        return node

    def to_wire(self) -> dict[str, Any]:
        """Return the set as ``fieldsV1``, sorted as the server prints it."""
        result: dict[str, Any] = {}
        if self.member and self.children:
            result["."] = {}
        for element in sorted(self.children):
            result[element] = self.children[element].to_wire()
        return result

    def paths(self, prefix: Path = ()) -> Iterator[Path]:
        """Yield every member in the order of Go's sets: those of a level, sorted, then what is below each of them."""
        if self.member and not prefix:
            yield prefix
        for element in sorted(self.children):
            if self.children[element].member:
                yield (*prefix, element)
        for element in sorted(self.children):
            yield from self.children[element].paths((*prefix, element))

    def has(self, path: Path) -> bool:
        """Whether exactly this path is a member."""
        node: FieldSet | None = self
        for element in path:
            node = node.children.get(element) if node is not None else None
        return node is not None and node.member

    def below(self, element: str) -> FieldSet:
        """Return the members under one element, relative to it."""
        return self.children.get(element) or FieldSet()

    def __bool__(self) -> bool:
        return self.member or any(self.children.values())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FieldSet) and set(self.paths()) == set(other.paths())

    __hash__ = None  # type: ignore[assignment]

    def __or__(self, other: FieldSet) -> FieldSet:
        """Return what is in either set."""
        result = FieldSet()
        result.member = self.member or other.member
        for element in {**self.children, **other.children}:
            result.children[element] = self.below(element) | other.below(element)
        return result

    def __and__(self, other: FieldSet) -> FieldSet:
        """Return what is in both sets."""
        result = FieldSet()
        result.member = self.member and other.member
        for element, child in self.children.items():
            common = child & other.below(element)
            if common:
                result.children[element] = common
        return result

    def __sub__(self, other: FieldSet) -> FieldSet:
        """Return what is here and not there, path by path (a parent there takes no child here along)."""
        result = FieldSet()
        result.member = self.member and not other.member
        for element, child in self.children.items():
            rest = child - other.below(element)
            if rest:
                result.children[element] = rest
        return result

    def __repr__(self) -> str:
        return f"FieldSet({', '.join(show(path) for path in self.paths())})"
