"""Which type can stand where another is wanted, type variables included (cel-go ``checker/types.go``)."""

from __future__ import annotations

from dynkube.testing.cel.types import DYN, Type

#: What a type variable stands for, by name.
Bindings = dict[str, Type]

_NULLABLE = frozenset({"opaque", "struct"})
_NULLABLE_NAMES = frozenset({"google.protobuf.Duration", "google.protobuf.Timestamp"})


def assign(bindings: Bindings, pairs: list[tuple[Type, Type]]) -> Bindings | None:
    """Return the bindings under which each first type can be used as the second one; None when there are none."""
    found = dict(bindings)
    return found if all(_assignable(found, one, other) for one, other in pairs) else None


def _assignable(bindings: Bindings, one: Type, other: Type) -> bool:
    if other.kind == "parameter":
        valid, bound = _bind(bindings, one, other)
        if valid or bound:
            return valid
    if one.kind == "parameter":
        return _bind(bindings, other, one)[0]
    if {one.kind, other.kind} & {"dyn", "error"}:
        return True
    if "null" in (one.kind, other.kind):
        rest = other if one.kind == "null" else one
        return rest.kind in _NULLABLE | {"null"} or rest.name in _NULLABLE_NAMES
    if one.kind == "type":
        return other.kind == "type"
    if one.name != other.name or one.kind != other.kind or len(one.parameters) != len(other.parameters):
        return False
    return all(_assignable(bindings, left, right) for left, right in zip(one.parameters, other.parameters, strict=True))


def _bind(bindings: Bindings, value: Type, variable: Type) -> tuple[bool, bool]:
    """Return whether a variable can stand for ``value``, and whether it was bound already."""
    if value == variable:
        return True, True
    before = bindings.get(variable.name)
    if before is None:
        if _occurs(bindings, variable, value):
            return False, False
        bindings[variable.name] = value
        return True, False
    if value == before:
        return True, True
    if not _assignable(bindings, value, before):
        return False, True
    general = most_general(value, before)
    if not _occurs(bindings, variable, general):
        bindings[variable.name] = general
    return True, True


def _occurs(bindings: Bindings, variable: Type, within: Type) -> bool:
    if variable == within:
        return True
    if within.kind == "parameter":
        bound = bindings.get(within.name)
        return bound is not None and _occurs(bindings, variable, bound)
    return any(_occurs(bindings, variable, inner) for inner in within.parameters)


def most_general(one: Type, other: Type) -> Type:
    """Return the one of two types that says less."""
    return one if _less_specific(one, other) else other


def _less_specific(one: Type, other: Type) -> bool:
    if one.kind in ("dyn", "parameter"):
        return True
    if other.kind in ("dyn", "parameter") or one.kind != other.kind:
        return False
    if one.kind == "type":
        return True
    if one.name != other.name or len(one.parameters) != len(other.parameters):
        return False
    return all(map(_less_specific, one.parameters, other.parameters))


def substitute(bindings: Bindings, one: Type, *, final: bool = False) -> Type:
    """Return a type with what its variables stand for; with ``final``, unbound ones become ``dyn``."""
    if one.kind == "parameter":
        bound = bindings.get(one.name)
        if bound is not None:
            return substitute(bindings, bound, final=final)
        return DYN if final else one
    if not one.parameters:
        return one
    inner = tuple(substitute(bindings, each, final=final) for each in one.parameters)
    return Type(one.name, one.kind, inner)
