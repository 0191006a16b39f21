"""The types of CEL expressions, as the checker computes them and as `type()` returns them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What error messages call a type where its name in expressions is another one.
_SHOWN = {"google.protobuf.Duration": "duration", "google.protobuf.Timestamp": "timestamp", "null_type": "null"}


@dataclass(frozen=True)
class Type:
    """A type: its name, and for lists, maps, optionals and types what they hold.

    ``kind`` is one of ``simple``, ``dyn``, ``error``, ``null``, ``struct``, ``opaque``, ``list``, ``map``, ``type`` and
    ``parameter`` (a variable of a signature). ``fields`` are those of a struct; structs are equal when their names are.
    """

    name: str
    kind: str = "simple"
    parameters: tuple[Type, ...] = ()
    fields: Mapping[str, Type] = field(default_factory=dict, compare=False, repr=False)

    def __str__(self) -> str:
        """Return the type as error messages of the checker print it."""
        if not self.parameters:
            return _SHOWN.get(self.name, self.name)
        return f"{self.name}({', '.join(str(parameter) for parameter in self.parameters)})"


BOOL: Final = Type("bool")
BYTES: Final = Type("bytes")
DOUBLE: Final = Type("double")
DURATION: Final = Type("google.protobuf.Duration")
INT: Final = Type("int")
STRING: Final = Type("string")
TIMESTAMP: Final = Type("google.protobuf.Timestamp")
UINT: Final = Type("uint")
NULL: Final = Type("null_type", "null")
DYN: Final = Type("dyn", "dyn")
ERROR: Final = Type("!error!", "error")
CIDR: Final = Type("net.CIDR", "opaque")
FORMAT: Final = Type("kubernetes.NamedFormat", "opaque")
IP: Final = Type("net.IP", "opaque")
QUANTITY: Final = Type("kubernetes.Quantity", "opaque")
SEMVER: Final = Type("kubernetes.Semver", "opaque")
URL: Final = Type("kubernetes.URL", "opaque")

_OPTIONAL = "optional_type"


def list_of(element: Type) -> Type:
    """Return the type of lists of ``element``."""
    return Type("list", "list", (element,))


def map_of(key: Type, value: Type) -> Type:
    """Return the type of maps from ``key`` to ``value``."""
    return Type("map", "map", (key, value))


def optional_of(value: Type) -> Type:
    """Return the type of values that may be missing."""
    return Type(_OPTIONAL, "opaque", (value,))


def type_of_type(inner: Type | None = None) -> Type:
    """Return the type of a type."""
    return Type("type", "type", () if inner is None else (inner,))


def parameter(name: str) -> Type:
    """Return a type variable."""
    return Type(name, "parameter")


def struct(name: str, fields: Mapping[str, Type]) -> Type:
    """Return the type of objects with named fields."""
    return Type(name, "struct", (), fields)


def is_optional(one: Type) -> bool:
    """Tell whether a type is an optional."""
    return one.name == _OPTIONAL


def unwrapped(one: Type) -> tuple[Type, bool]:
    """Return what an optional holds and True, or any other type as it is and False."""
    return (one.parameters[0], True) if is_optional(one) and one.parameters else (one, False)


_NAMED: Final = {
    one.name: one for one in (BOOL, BYTES, DOUBLE, INT, STRING, UINT, NULL, DYN, CIDR, IP, DURATION, TIMESTAMP)
} | {
    "duration": DURATION,
    "timestamp": TIMESTAMP,
    "url": URL,
    "ip": IP,
    "cidr": CIDR,
    "quantity": QUANTITY,
    "semver": SEMVER,
    "format": FORMAT,
    "type": type_of_type(),
}


def parse(text: str) -> Type:
    """Return the type a signature writes as ``list(map(string, A))``; names of one capital are type variables."""
    found, rest = _parse(text)
    if rest:
        raise ValueError(f"{text!r} is no type: {rest!r} is too much")
    return found


def parse_all(text: str) -> tuple[Type, ...]:
    """Return the types of a signature's arguments: ``string, list(A)``."""
    found: list[Type] = []
    rest = text.strip()
    while rest:
        one, rest = _parse(rest)
        found.append(one)
        rest = rest.lstrip(", ")
    return tuple(found)


def _parse(text: str) -> tuple[Type, str]:
    end = next((index for index, char in enumerate(text) if char in "(), "), len(text))
    name, rest = text[:end], text[end:]
    inner: list[Type] = []
    if rest.startswith("("):
        rest = rest[1:]
        while not rest.startswith(")"):
            one, rest = _parse(rest)
            inner.append(one)
            rest = rest.lstrip(", ")
        rest = rest[1:]
    if name == "list":
        return list_of(inner[0]), rest
    if name == "map":
        return map_of(inner[0], inner[1]), rest
    if name == "optional":
        return optional_of(inner[0]), rest
    if name == "type" and inner:
        return type_of_type(inner[0]), rest
    if len(name) == 1 and name.isupper():
        return parameter(name), rest
    return _NAMED[name], rest
