"""Functions and their signatures, and the choice among them for the values of a call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from dynkube.testing.cel import types
from dynkube.testing.cel.values import EvaluationError, ListValue, MapValue, Optional, type_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from dynkube.testing.cel.types import Type

#: Kinds of types whose values are known by their class alone.
_CONTAINERS: dict[str, type] = {"list": ListValue, "map": MapValue, "optional_type": Optional}
#: Functions whose errors name no types, whatever they are called with.
_LEFT_TO_VALUES = frozenset({"!_", "-_", "contains", "endsWith", "matches", "startsWith"})


class Overload(NamedTuple):
    """One signature of a function; of a member, the first argument is what it is called on."""

    name: str
    member: bool
    arguments: tuple[Type, ...]
    result: Type
    call: Callable[..., Any]

    @property
    def variables(self) -> set[str]:
        """The names of the type variables in it."""
        return {name for one in (*self.arguments, self.result) for name in _variables(one)}


def _variables(one: Type) -> Iterable[str]:
    if one.kind == "parameter":
        yield one.name
    for inner in one.parameters:
        yield from _variables(inner)


def plain(name: str, arguments: str, result: str, call: Callable[..., Any]) -> Overload:
    """Declare ``name(arguments)``; types are written as `types.parse` reads them."""
    return Overload(name, False, types.parse_all(arguments), types.parse(result), call)


def member(name: str, arguments: str, result: str, call: Callable[..., Any]) -> Overload:
    """Declare ``first.name(others)``."""
    return Overload(name, True, types.parse_all(arguments), types.parse(result), call)


@dataclass
class Function:
    """All signatures of one name."""

    name: str
    overloads: list[Overload] = field(default_factory=list)
    _chosen: dict[tuple[bool, tuple[type, ...]], Callable[..., Any]] = field(default_factory=dict)

    def invoke(self, values: Sequence[Any], *, member: bool) -> Any:
        """Call the signature that fits the values. Raises EvaluationError."""
        key = (member, tuple(map(type, values)))
        call = self._chosen.get(key)
        if call is None:
            call = self._chosen[key] = self._choose(values, member=member)
        return call(*values)

    def _choose(self, values: Sequence[Any], *, member: bool) -> Callable[..., Any]:
        for overload in self.overloads:
            matching = overload.member == member and len(overload.arguments) == len(values)
            if matching and all(map(_fits, values, overload.arguments)):
                return overload.call
        if self.name == "size":
            raise EvaluationError("no such overload: size")
        known = any(_fits(values[0], overload.arguments[0]) for overload in self.overloads)
        if self.name in _LEFT_TO_VALUES or (self.name.startswith("_") and known):
            # These are left to their first value, which does not tell what it was asked for.
            raise EvaluationError("no such overload")
        raise EvaluationError(f"no such overload: {self.name}({', '.join(type_of(one).name for one in values)})")


def _fits(value: Any, wanted: Type) -> bool:
    if wanted.kind in ("dyn", "parameter"):
        return True
    container = _CONTAINERS.get(wanted.name)
    return isinstance(value, container) if container is not None else type_of(value).name == wanted.name


def table(overloads: Iterable[Overload]) -> dict[str, Function]:
    """Return functions by name."""
    found: dict[str, Function] = {}
    for overload in overloads:
        found.setdefault(overload.name, Function(overload.name)).overloads.append(overload)
    return found
