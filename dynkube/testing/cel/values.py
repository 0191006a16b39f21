"""What expressions compute with: Python's bool, int, float, str, bytes and None, and the types Python has no word for.

A ``bool`` is never a number here, an ``int`` has 64 bits, and a ``UInt`` is another type than an ``int``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dynkube.testing.cel import types
from dynkube.testing.cel.types import Type

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class EvaluationError(Exception):
    """An expression has no value; the text is cel-go's."""


class UInt(int):
    """An unsigned integer of 64 bits."""

    __slots__ = ()


@dataclass(frozen=True, order=True)
class Duration:
    """A span of time."""

    nanoseconds: int


@dataclass(frozen=True, order=True)
class Timestamp:
    """A moment; ``offset`` is that of the zone it was written in, in seconds, which only its text tells."""

    nanoseconds: int
    offset: int = field(default=0, compare=False)


class Optional:
    """A value that may be missing."""

    __slots__ = ("_values",)

    def __init__(self, *values: Any) -> None:
        self._values = values

    @property
    def present(self) -> bool:
        """Whether there is a value."""
        return bool(self._values)

    @property
    def value(self) -> Any:
        """The value. Raises EvaluationError when there is none."""
        if not self._values:
            raise EvaluationError("optional.none() dereference")
        return self._values[0]


NONE = Optional()


class ListValue:
    """A list."""

    __slots__ = ("_elements",)

    def __init__(self, elements: Sequence[Any]) -> None:
        self._elements = elements

    def elements(self) -> Sequence[Any]:
        """Return the elements, in order."""
        return self._elements

    def __len__(self) -> int:
        return len(self.elements())

    def get(self, index: int) -> Any:
        """Return the element at ``index``. Raises EvaluationError."""
        elements = self.elements()
        if not 0 <= index < len(elements):
            raise EvaluationError(f"index out of bounds: {index}")
        return elements[index]

    def plus(self, other: ListValue) -> ListValue:
        """Return both lists as one."""
        return ListValue([*self.elements(), *other.elements()])

    def same(self, other: ListValue) -> bool:
        """Tell whether both hold the same elements in the same order."""
        return len(self) == len(other) and all(map(equal, self.elements(), other.elements()))

    def plain(self) -> Any:
        """Return the list as a JSON value."""
        return [plain(one) for one in self.elements()]


class MapValue:
    """A map; the numbers 1, 1u and 1.0 are the same key."""

    __slots__ = ("_entries",)

    def __init__(self, entries: Sequence[tuple[Any, Any]]) -> None:
        self._entries = {_key(key): (key, value) for key, value in entries}

    def __iter__(self) -> Iterator[Any]:
        """Yield the keys."""
        return (key for key, _ in self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, key: Any) -> Optional:
        """Return the value of ``key``, if there is one."""
        found = self._entries.get(_key(key))
        return NONE if found is None else Optional(found[1])

    def get(self, key: Any) -> Any:
        """Return the value of ``key``. Raises EvaluationError."""
        found = self.find(key)
        if not found.present:
            raise EvaluationError(f"no such key: {shown(key)}")
        return found.value

    def same(self, other: MapValue) -> bool:
        """Tell whether both hold the same values under the same keys."""
        if len(self) != len(other):
            return False
        for key in self:
            found = other.find(key)
            if not found.present or not equal(self.get(key), found.value):
                return False
        return True

    def plain(self) -> Any:
        """Return the map as a JSON value."""
        return {plain(key): plain(self.get(key)) for key in self}


def _key(key: Any) -> Any:
    if isinstance(key, (bool, str)):
        return (type(key), key)
    if isinstance(key, (int, float)):
        return key
    raise EvaluationError(f"unsupported key type: {type_of(key).name}")


def plain(value: Any) -> Any:
    """Return a value as the JSON it came from; what JSON has no word for stays as it is."""
    return value.plain() if isinstance(value, (ListValue, MapValue)) else value


_PLAIN_TYPES: dict[type, Type] = {
    bool: types.BOOL,
    int: types.INT,
    UInt: types.UINT,
    float: types.DOUBLE,
    str: types.STRING,
    bytes: types.BYTES,
    type(None): types.NULL,
    Duration: types.DURATION,
    Timestamp: types.TIMESTAMP,
    Type: types.type_of_type(),
    Optional: Type("optional_type", "opaque"),
}
_LIST, _MAP = Type("list", "list"), Type("map", "map")


def type_of(value: Any) -> Type:
    """Return a value's type, without what a list or a map holds."""
    found = _PLAIN_TYPES.get(type(value))
    if found is not None:
        return found
    if isinstance(value, ListValue):
        return _LIST
    if isinstance(value, MapValue):
        return _MAP
    cel_type: Type = value.cel_type
    return cel_type


def is_number(value: Any) -> bool:
    """Tell whether a value is an int, a uint or a double."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _alike(one: float, other: float) -> tuple[float, float]:
    """Return two numbers to compare: with a double, both as doubles, however large they are."""
    return (float(one), float(other)) if float in (type(one), type(other)) else (one, other)


def equal(one: Any, other: Any) -> bool:
    """Tell whether two values are equal: numbers by their value, others only when they have the same type."""
    if is_number(one) and is_number(other):
        one, other = _alike(one, other)
        return bool(one == other)
    if isinstance(one, ListValue):
        return isinstance(other, ListValue) and one.same(other)
    if isinstance(one, MapValue):
        return isinstance(other, MapValue) and one.same(other)
    if isinstance(one, Optional) and isinstance(other, Optional):
        return one.present == other.present and (not one.present or equal(one.value, other.value))
    if isinstance(one, Type) and isinstance(other, Type):
        return one.name == other.name
    return type(one) is type(other) and bool(one == other)


def compare(one: Any, other: Any) -> int:
    """Return -1, 0 or 1 as one value is less than, equal to or more than another. Raises EvaluationError."""
    if is_number(one) and is_number(other):
        if math.isnan(one) or math.isnan(other):
            raise EvaluationError("NaN values cannot be ordered")
        one, other = _alike(one, other)
    elif type(one) is not type(other) or not isinstance(one, (bool, str, bytes, Duration, Timestamp)):
        raise EvaluationError("no such overload")
    return int(one > other) - int(one < other)


def shown(value: Any) -> str:
    """Return a value as Go's ``%v`` prints it in messages."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
