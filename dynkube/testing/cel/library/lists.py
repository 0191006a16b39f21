"""Lists: cel-go's list extension (version 3), its sets, and Kubernetes' own functions."""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING, Any

from dynkube.testing.cel.declarations import Overload, member, plain
from dynkube.testing.cel.library.operators import sum_of
from dynkube.testing.cel.values import Duration, EvaluationError, ListValue, UInt, compare, equal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_COMPARABLE = ("int", "uint", "double", "bool", "duration", "timestamp", "string", "bytes")
_ZEROS: dict[str, Any] = {"int": 0, "uint": UInt(0), "double": 0.0, "duration": Duration(0)}


def overloads() -> Iterator[Overload]:
    """Yield the functions of lists and sets."""
    for kind in _COMPARABLE:
        listed = f"list({kind})"
        yield member("isSorted", listed, "bool", _is_sorted)
        yield member("max", listed, kind, lambda found: _extreme(found, "max", 1))
        yield member("min", listed, kind, lambda found: _extreme(found, "min", -1))
        yield member("sort", listed, listed, _sort)
    for kind, zero in _ZEROS.items():
        yield member("sum", f"list({kind})", kind, _summing(zero))
    yield member("indexOf", "list(A), A", "int", _index_of)
    yield member("lastIndexOf", "list(A), A", "int", _last_index_of)
    yield member("slice", "list(T), int, int", "list(T)", _slice)
    yield member("flatten", "list(list(T))", "list(T)", lambda found: ListValue(_flat(found, 1)))
    yield member("flatten", "list(dyn), int", "list(dyn)", lambda found, depth: ListValue(_flat(found, depth)))
    yield plain("lists.range", "int", "list(int)", lambda count: ListValue(range(count)))
    yield member("reverse", "list(T)", "list(T)", lambda found: ListValue(list(found.elements())[::-1]))
    yield member("distinct", "list(T)", "list(T)", _distinct)
    yield plain("sets.contains", "list(T), list(T)", "bool", _includes)
    yield plain("sets.equivalent", "list(T), list(T)", "bool", lambda a, b: _includes(a, b) and _includes(b, a))
    yield plain("sets.intersects", "list(T), list(T)", "bool", lambda a, b: any(_holds(a, one) for one in b.elements()))


def _is_sorted(found: ListValue) -> bool:
    elements = found.elements()
    return all(compare(one, other) <= 0 for one, other in itertools.pairwise(elements))


def _extreme(found: ListValue, name: str, sign: int) -> Any:
    elements = found.elements()
    if not elements:
        raise EvaluationError(f"{name} called on empty list")
    best = elements[0]
    for one in elements[1:]:
        if compare(one, best) == sign:
            best = one
    return best


def _summing(zero: Any) -> Callable[[ListValue], Any]:
    def add(found: ListValue) -> Any:
        # What a list holds tells its type: by its class alone, any list is summed by the first signature.
        elements = found.elements()
        return functools.reduce(sum_of, elements) if elements else zero

    return add


def _sort(found: ListValue) -> ListValue:
    elements = list(found.elements())
    if len({type(one) for one in elements}) > 1:
        raise EvaluationError("list elements must have the same type")
    return ListValue(sorted(elements, key=functools.cmp_to_key(compare)))


def _index_of(found: ListValue, wanted: Any) -> int:
    return next((index for index, one in enumerate(found.elements()) if equal(one, wanted)), -1)


def _last_index_of(found: ListValue, wanted: Any) -> int:
    return max((index for index, one in enumerate(found.elements()) if equal(one, wanted)), default=-1)


def _slice(found: ListValue, start: int, end: int) -> ListValue:
    what = f"cannot slice({start}, {end})"
    if start < 0 or end < 0:
        raise EvaluationError(f"{what}, negative indexes not supported")
    if start > end:
        raise EvaluationError(f"{what}, start index must be less than or equal to end index")
    if len(found) < end:
        raise EvaluationError(f"{what}, list is length {len(found)}")
    return ListValue(list(found.elements())[start:end])


def _flat(found: ListValue, depth: int) -> list[Any]:
    if depth < 0:
        raise EvaluationError("level must be non-negative")
    flat: list[Any] = []
    for one in found.elements():
        if isinstance(one, ListValue) and depth > 0:
            flat += _flat(one, depth - 1)
        else:
            flat.append(one)
    return flat


def _holds(found: ListValue, wanted: Any) -> bool:
    return any(equal(one, wanted) for one in found.elements())


def _includes(found: ListValue, others: ListValue) -> bool:
    return all(_holds(found, one) for one in others.elements())


def _distinct(found: ListValue) -> ListValue:
    kept: list[Any] = []
    for one in found.elements():
        if not any(equal(one, other) for other in kept):
            kept.append(one)
    return ListValue(kept)
