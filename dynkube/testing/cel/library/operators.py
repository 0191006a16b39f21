"""Arithmetic, comparison, indexing and membership."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from dynkube.testing.cel import moments
from dynkube.testing.cel.declarations import Overload, member, plain
from dynkube.testing.cel.values import (
    NONE,
    Duration,
    EvaluationError,
    ListValue,
    MapValue,
    Optional,
    Timestamp,
    UInt,
    compare,
    equal,
    is_number,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def overloads() -> Iterator[Overload]:
    """Yield the operators, and ``size``."""
    yield plain("_==_", "A, A", "bool", equal)
    yield plain("_!=_", "A, A", "bool", lambda one, other: not equal(one, other))
    # The checker knows these; the evaluator never calls them, as not all of their arguments are computed.
    yield plain("_&&_", "bool, bool", "bool", lambda one, other: one and other)
    yield plain("_||_", "bool, bool", "bool", lambda one, other: one or other)
    yield plain("_?_:_", "bool, A, A", "A", lambda condition, then, otherwise: then if condition else otherwise)
    yield plain("!_", "bool", "bool", lambda one: not one)
    yield from _ordering()
    yield from _arithmetic()
    yield from _indexing()
    for kind in ("bytes", "list(A)", "map(A, B)", "string"):
        yield plain("size", kind, "int", len)
        yield member("size", kind, "int", len)


def _ordering() -> Iterator[Overload]:
    tests: dict[str, Callable[[int], bool]] = {
        "_<_": lambda order: order < 0,
        "_<=_": lambda order: order <= 0,
        "_>_": lambda order: order > 0,
        "_>=_": lambda order: order >= 0,
    }
    numbers = ("int", "uint", "double")
    pairs = [(one, other) for one in numbers for other in numbers]
    pairs += [(one, one) for one in ("bool", "string", "bytes", "timestamp", "duration")]
    for name, test in tests.items():
        for one, other in pairs:
            yield plain(name, f"{one}, {other}", "bool", _ordered(test))


def _ordered(test: Callable[[int], bool]) -> Callable[[Any, Any], bool]:
    return lambda one, other: test(compare(one, other))


def integer(value: int) -> int:
    """Return a number that 64 bits hold. Raises EvaluationError."""
    if not -(2**63) <= value < 2**63:
        raise EvaluationError("integer overflow")
    return value


def unsigned(value: int) -> UInt:
    """Return an unsigned number that 64 bits hold. Raises EvaluationError."""
    if not 0 <= value < 2**64:
        raise EvaluationError("unsigned integer overflow")
    return UInt(value)


def sum_of(one: Any, other: Any) -> Any:
    """Return the sum of two values of the same type: numbers or durations. Raises EvaluationError."""
    if isinstance(one, Duration) and isinstance(other, Duration):
        return moments.duration(one.nanoseconds + other.nanoseconds)
    if type(one) is not type(other) or not is_number(one):
        raise EvaluationError("no such overload")
    if isinstance(one, float):
        return one + other
    return (unsigned if isinstance(one, UInt) else integer)(int(one) + int(other))


def _arithmetic() -> Iterator[Overload]:
    for kind, limit in (("int", integer), ("uint", unsigned)):
        pair = f"{kind}, {kind}"
        yield plain("_+_", pair, kind, lambda one, other, limit=limit: limit(int(one) + int(other)))
        yield plain("_-_", pair, kind, lambda one, other, limit=limit: limit(int(one) - int(other)))
        yield plain("_*_", pair, kind, lambda one, other, limit=limit: limit(int(one) * int(other)))
        yield plain("_/_", pair, kind, lambda one, other, limit=limit: limit(_quotient(one, other)))
        yield plain("_%_", pair, kind, lambda one, other, limit=limit: limit(_remainder(one, other)))
    yield plain("_+_", "double, double", "double", lambda one, other: one + other)
    yield plain("_-_", "double, double", "double", lambda one, other: one - other)
    yield plain("_*_", "double, double", "double", lambda one, other: one * other)
    yield plain("_/_", "double, double", "double", _divided)
    yield plain("-_", "int", "int", lambda one: integer(-one))
    yield plain("-_", "double", "double", lambda one: -one)
    for kind in ("string", "bytes"):
        yield plain("_+_", f"{kind}, {kind}", kind, lambda one, other: one + other)
    yield plain("_+_", "list(A), list(A)", "list(A)", lambda one, other: one.plus(other))
    yield from _times()


def _quotient(one: int, other: int) -> int:
    if other == 0:
        raise EvaluationError("division by zero")
    size = abs(one) // abs(other)
    return size if (one < 0) == (other < 0) else -size


def _remainder(one: int, other: int) -> int:
    if other == 0:
        raise EvaluationError("modulus by zero")
    return int(math.fmod(one, other)) if abs(one) < 2**53 > abs(other) else one - other * _quotient(one, other)


def _divided(one: float, other: float) -> float:
    if other:
        return one / other
    if one == 0 or math.isnan(one):
        return math.nan
    return math.copysign(math.inf, one) * math.copysign(1.0, other)


def _times() -> Iterator[Overload]:
    def later(moment: Timestamp, span: Duration) -> Timestamp:
        return moments.timestamp(moment.nanoseconds + span.nanoseconds, moment.offset)

    def sooner(moment: Timestamp, span: Duration) -> Timestamp:
        return moments.timestamp(moment.nanoseconds - span.nanoseconds, moment.offset)

    yield plain("_+_", "duration, duration", "duration", lambda a, b: moments.duration(a.nanoseconds + b.nanoseconds))
    yield plain("_-_", "duration, duration", "duration", lambda a, b: moments.duration(a.nanoseconds - b.nanoseconds))
    yield plain("_+_", "timestamp, duration", "timestamp", later)
    yield plain("_+_", "duration, timestamp", "timestamp", lambda span, moment: later(moment, span))
    yield plain("_-_", "timestamp, duration", "timestamp", sooner)
    yield plain("_-_", "timestamp, timestamp", "duration", lambda a, b: moments.duration(a.nanoseconds - b.nanoseconds))


def _indexing() -> Iterator[Overload]:
    yield plain("_[_]", "list(A), int", "A", _indexed)
    yield plain("_[_]", "map(A, B), A", "B", lambda found, key: found.get(key))
    yield plain("_[_]", "optional(list(V)), int", "optional(V)", _optionally)
    yield plain("_[_]", "optional(map(K, V)), K", "optional(V)", _optionally)
    yield plain("_[?_]", "list(V), int", "optional(V)", _optionally)
    yield plain("_[?_]", "optional(list(V)), int", "optional(V)", _optionally)
    yield plain("_[?_]", "map(K, V), K", "optional(V)", _optionally)
    yield plain("_[?_]", "optional(map(K, V)), K", "optional(V)", _optionally)
    yield plain("@in", "A, list(A)", "bool", lambda one, found: any(equal(one, each) for each in found.elements()))
    yield plain("@in", "A, map(A, B)", "bool", lambda one, found: found.find(one).present)


def _position(index: Any) -> int | None:
    """Return an index as an int: doubles and uints that are whole count; None for the rest."""
    return int(index) if is_number(index) and index == int(index) else None


def _indexed(found: ListValue, index: Any) -> Any:
    position = _position(index)
    if position is None:
        raise EvaluationError(f"unsupported index type '{shown(index)}' in list")
    return found.get(position)


def _optionally(found: Any, index: Any) -> Optional:
    if isinstance(found, Optional):
        return _optionally(found.value, index) if found.present else NONE
    if isinstance(found, MapValue):
        return found.find(index)
    position = _position(index)
    if position is None or not 0 <= position < len(found):
        return NONE
    return Optional(found.get(position))
