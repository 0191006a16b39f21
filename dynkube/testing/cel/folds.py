"""Going over lists and maps, and the logic that lets a known outcome win over an error."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from dynkube.testing.cel.values import EvaluationError, ListValue, MapValue, compare, equal, shown, type_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Scope = dict[str, Any]
    Step = Callable[[Scope], Any]
    Pairs = Iterator[tuple[Scope, tuple[Any, ...]]]


def logical(left: Step, right: Step, scope: Scope, *, decisive: bool) -> bool:
    """Return ``&&`` (``decisive`` False) or ``||``: an error on one side does not count if the other side decides."""
    error: EvaluationError | None = None
    for step in (left, right):
        found = _tried(step, scope)
        if found is decisive:
            return decisive
        if isinstance(found, EvaluationError):
            error = error or found
    if error is not None:
        raise error
    return not decisive


def _tried(step: Step, scope: Scope) -> bool | EvaluationError:
    """Return a condition's outcome, or why it has none."""
    try:
        return _holds(step, scope)
    except EvaluationError as problem:
        return problem


def fold(kind: str, subject: Step, variables: tuple[str, ...], condition: Step | None, result: Step | None) -> Step:
    """Return the function that does a macro's loop; ``kind`` is the macro's name."""

    def rounds(scope: Scope) -> Pairs:
        return _rounds(subject(scope), variables, scope)

    if kind in ("all", "exists") and condition is not None:
        return lambda scope: _quantified(rounds(scope), condition, decisive=kind == "exists")
    if kind == "exists_one" and condition is not None:
        return lambda scope: sum(_holds(condition, inner) for inner, _ in rounds(scope)) == 1
    if kind == "filter":
        return lambda scope: ListValue([names[0] for inner, names in rounds(scope) if _holds(condition, inner)])
    if result is None:
        raise ValueError(f"{kind} has no result")
    kept = functools.partial(_kept, condition)
    if kind == "sortBy":
        return lambda scope: _sorted([(result(inner), names[0]) for inner, names in rounds(scope)])
    if kind == "transformMap":
        return lambda scope: MapValue([(names[0], result(inner)) for inner, names in kept(rounds(scope))])
    if kind == "transformMapEntry":
        return lambda scope: _merged(result(inner) for inner, _ in kept(rounds(scope)))
    return lambda scope: ListValue([result(inner) for inner, _ in kept(rounds(scope))])


def _rounds(subject: Any, variables: tuple[str, ...], scope: Scope) -> Pairs:
    """Yield the scope of every round, and what its variables stand for. The scope is the same one, changed."""
    inner = dict(scope)
    for values in _values(subject, len(variables)):
        inner.update(zip(variables, values, strict=True))
        yield inner, values


def _values(subject: Any, count: int) -> Iterator[tuple[Any, ...]]:
    if isinstance(subject, ListValue):
        for index, element in enumerate(subject.elements()):
            yield (element,) if count == 1 else (index, element)
    elif isinstance(subject, MapValue):
        for key in subject:
            yield (key,) if count == 1 else (key, subject.get(key))
    else:
        name = type_of(subject).name.rpartition(".")[2]
        raise EvaluationError(f"got 'types.{name[:1].upper()}{name[1:]}', expected iterable type")


def _holds(condition: Step | None, scope: Scope) -> bool:
    found = True if condition is None else condition(scope)
    if not isinstance(found, bool):
        raise EvaluationError("no such overload")
    return found


def _kept(condition: Step | None, rounds: Pairs) -> Pairs:
    return (one for one in rounds if _holds(condition, one[0]))


def _quantified(rounds: Pairs, condition: Step, *, decisive: bool) -> bool:
    error: EvaluationError | None = None
    for scope, _ in rounds:
        found = _tried(condition, scope)
        if found is decisive:
            return decisive
        if isinstance(found, EvaluationError):
            error = error or found
    if error is not None:
        raise error
    return not decisive


def _sorted(pairs: list[tuple[Any, Any]]) -> ListValue:
    if len({type(key) for key, _ in pairs}) > 1:
        raise EvaluationError("list elements must have the same type")
    order = functools.cmp_to_key(_by_key)
    return ListValue([value for _, value in sorted(pairs, key=order)])


def _by_key(one: tuple[Any, Any], other: tuple[Any, Any]) -> int:
    return compare(one[0], other[0])


def _merged(maps: Iterator[Any]) -> MapValue:
    found: list[tuple[Any, Any]] = []
    for one in maps:
        if not isinstance(one, MapValue):
            raise EvaluationError("no such overload")
        for key in one:
            if any(equal(key, known) for known, _ in found):
                raise EvaluationError(f"insert failed: key {shown(key)} already exists")
            found.append((key, one.get(key)))
    return MapValue(found)
