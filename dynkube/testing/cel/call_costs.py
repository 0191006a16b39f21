"""What a call of each function costs, and how large its result is (cel-go, and apiserver ``cel/library/cost.go``)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from dynkube.testing.cel.spans import MAX, NOTHING, ONE, Span, exactly

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.testing.cel.declarations import Overload
    from dynkube.testing.cel.types import Type

#: Going over a text costs a unit for ten characters; a pattern is taken to have a part for four.
_TEXT: Final = 0.1
_PATTERN: Final = 0.25
_LIST: Final = exactly(10)
#: The length of the pattern a name's form is taken to have.
_FORM_LENGTH: Final = 128
#: Bytes of an address.
_ADDRESS: Final = Span(4, 16)


class Argument(NamedTuple):
    """What is known of a part of a call: its type and size, those of its elements, and its value if it is written."""

    type: Type
    size: Span
    element: Type | None
    element_size: Span
    value: Any


class Price(NamedTuple):
    """What a call costs without its arguments, and the size of its result, if that can be told."""

    cost: Span
    size: Span | None = None


_FREE: Final = Price(ONE)


def price(overload: Overload, target: Argument | None, arguments: list[Argument]) -> Price:
    """Return the price of a signature."""
    parts = ([target] if target is not None else []) + arguments
    find = _PRICES.get(overload.name)
    found = find(overload, parts) if find is not None else None
    return found or _FREE


def sorting(size: Span, element: Type) -> Price:
    """Return the price of a sort: of every pair of elements."""
    factor = 2.0 + (_TEXT if element.name in ("string", "bytes") else 0)
    return _listing(factor, size.times(size))


def _listing(factor: float, size: Span) -> Price:
    return Price(size.scaled(factor).plus(ONE).plus(_LIST), size)


def _number(argument: Argument, otherwise: int) -> int:
    if type(argument.value) is not int:
        return otherwise
    return max(argument.value, 0)


def _compared(overload: Overload, parts: list[Argument]) -> Price | None:
    kind = overload.arguments[0].name
    if overload.name not in ("_==_", "_!=_") and kind not in ("string", "bytes"):
        return None
    one, other = parts
    if overload.name == "_==_" and one.type == other.type and one.type.kind == "opaque":
        if one.type.name in ("net.IP", "net.CIDR", "kubernetes.Quantity", "kubernetes.Semver"):
            return _FREE
        if one.type.name == "kubernetes.NamedFormat":
            return Price(Span(1, 64).scaled(_TEXT))
    most = min(one.size.most, other.size.most)
    return Price(Span(1 if most > 0 else 0, most).scaled(_TEXT))


def _added(overload: Overload, parts: list[Argument]) -> Price | None:
    kind = overload.arguments[0]
    if kind.kind == "list":
        return Price(ONE, parts[0].size.plus(parts[1].size))
    if kind.name not in ("string", "bytes"):
        return None
    size = parts[0].size.plus(parts[1].size)
    return Price(size.scaled(_TEXT), size)


def _over_elements(_overload: Overload, parts: list[Argument]) -> Price:
    """Price a function that looks at every element of a list, or at a text."""
    target = parts[0]
    if target.element is None:
        return Price(target.size.scaled(_TEXT))
    each = ONE
    if target.element.name in ("string", "bytes"):
        each = each.plus(target.element_size.scaled(_TEXT))
    return Price(target.size.times(each))


def _same_size(_overload: Overload, parts: list[Argument]) -> Price:
    return Price(parts[0].size.scaled(_TEXT), parts[0].size)


def _read(factor: float) -> Callable[[Overload, list[Argument]], Price]:
    return lambda _overload, parts: Price(parts[0].size.scaled(factor))


def _second_read(_overload: Overload, parts: list[Argument]) -> Price:
    return Price(parts[1].size.scaled(_TEXT))


def _replaced(_overload: Overload, parts: list[Argument]) -> Price:
    text, old, new = (part.size for part in parts[:3])
    least = most = kept_least = kept_most = 0
    if old.least == 0:
        most, kept_most = min(text.most + 1, MAX), text.most
    elif new.most <= old.least:
        kept_most = text.most
    else:
        most = math.ceil(text.most / old.least)
    if old.most == 0:
        least, kept_least = min(text.least + 1, MAX), text.least
    elif old.most <= new.least:
        kept_least = text.least
    else:
        least = math.ceil(text.least / old.most)
    size = Span(least, most).times(new).plus(Span(kept_least, kept_most))
    return Price(text.scaled(2 * _TEXT), size)


def _split(_overload: Overload, parts: list[Argument]) -> Price:
    most = parts[0].size.most
    if len(parts) > 2 and type(parts[2].value) is int:
        most = parts[2].value % 2**64
    return Price(parts[0].size.scaled(2 * _TEXT), Span(0, most))


def _joined(_overload: Overload, parts: list[Argument]) -> Price:
    size = parts[0].size.times(parts[0].element_size) if parts[0].element is not None else NOTHING
    if len(parts) > 1:
        count = Span(max(parts[0].size.least - 1, 0), max(parts[0].size.most - 1, 0))
        size = size.plus(parts[1].size.times(count))
    return Price(size.scaled(_TEXT), size)


def _searched(overload: Overload, parts: list[Argument]) -> Price | None:
    if not overload.member:
        return None
    cost = parts[0].size.plus(ONE).scaled(_TEXT).times(parts[1].size.scaled(_PATTERN))
    return Price(cost, None if overload.name == "matches" else Span(0, parts[0].size.most))


def _contained(_overload: Overload, parts: list[Argument]) -> Price:
    return Price(parts[0].size.scaled(_TEXT).times(parts[1].size.scaled(_TEXT)))


def _looked_up(overload: Overload, parts: list[Argument]) -> Price | None:
    return Price(parts[1].size.scaled(1)) if overload.arguments[1].kind == "list" else None


def _address(overload: Overload, parts: list[Argument]) -> Price:
    return _FREE if overload.member else Price(parts[0].size.scaled(_TEXT))


def _within(overload: Overload, parts: list[Argument]) -> Price:
    cost = _ADDRESS.plus(_ADDRESS).scaled(_TEXT)
    if overload.name == "containsCIDR":
        cost = cost.plus(_ADDRESS.scaled(_TEXT)).plus(ONE)
    if overload.arguments[1].name == "string":
        cost = cost.plus(parts[1].size.scaled(_TEXT))
    return Price(cost)


def _validated(_overload: Overload, parts: list[Argument]) -> Price:
    return Price(parts[1].size.scaled(_TEXT).scaled(_FORM_LENGTH * _PATTERN))


def _text_of(overload: Overload, parts: list[Argument]) -> Price | None:
    size = parts[0].size
    if overload.arguments[0].name != "bytes":
        return None
    return Price(size.scaled(_TEXT), Span(size.least // 4, size.most))


def _bytes_of(overload: Overload, parts: list[Argument]) -> Price | None:
    size = parts[0].size
    if overload.arguments[0].name != "string":
        return None
    return Price(size.scaled(_TEXT), Span(size.least, min(size.most * 4, MAX)))


def _quoted(_overload: Overload, parts: list[Argument]) -> Price:
    size = parts[0].size
    return Price(size.scaled(_TEXT), Span(size.least + 2, min(size.most * 2 + 2, MAX)))


def _sliced(_overload: Overload, parts: list[Argument]) -> Price:
    start, end = _number(parts[1], 0), _number(parts[2], parts[0].size.most)
    return _listing(1, exactly((end - start) % 2**64))


def _flattened(_overload: Overload, parts: list[Argument]) -> Price:
    depth = _number(parts[1], MAX) if len(parts) > 1 else 1
    return _listing(float(depth), parts[0].size)


def _set(factor: float) -> Callable[[Overload, list[Argument]], Price]:
    return lambda _overload, parts: Price(parts[0].size.times(parts[1].size).scaled(factor).plus(ONE))


#: By function; what is not here costs a unit.
_PRICES: Final[dict[str, Callable[[Overload, list[Argument]], Price | None]]] = {
    **dict.fromkeys(("_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_"), _compared),
    **dict.fromkeys(("isSorted", "sum", "max", "min", "indexOf", "lastIndexOf"), _over_elements),
    **dict.fromkeys(("url", "lowerAscii", "upperAscii", "substring", "trim"), _same_size),
    **dict.fromkeys(("cidr", "isIP", "isCIDR", "quantity", "isQuantity", "semver", "isSemver"), _read(_TEXT)),
    **dict.fromkeys(("startsWith", "endsWith"), _second_read),
    **dict.fromkeys(("find", "findAll", "matches"), _searched),
    **dict.fromkeys(("containsIP", "containsCIDR"), _within),
    **dict.fromkeys(("sets.contains", "sets.intersects"), _set(1)),
    "_+_": _added,
    "@in": _looked_up,
    "bytes": _bytes_of,
    "contains": _contained,
    "distinct": lambda _overload, parts: _listing(2, parts[0].size.times(parts[0].size)),
    "flatten": _flattened,
    "format": _read(_TEXT),
    "ip": _address,
    "ip.isCanonical": _read(2 * _TEXT),
    "join": _joined,
    "lists.range": lambda _overload, parts: _listing(1, exactly(_number(parts[0], MAX))),
    "replace": _replaced,
    "reverse": lambda _overload, parts: _listing(1, parts[0].size),
    "sets.equivalent": _set(2),
    "slice": _sliced,
    "sort": lambda overload, parts: sorting(parts[0].size, overload.arguments[0].parameters[0]),
    "split": _split,
    "string": _text_of,
    "strings.quote": _quoted,
    "validate": _validated,
}
