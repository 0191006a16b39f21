"""The tree of an expression. Every node knows the offset of the token it is reported at, as cel-go has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(eq=False)
class Expression:
    """A part of an expression; compared by identity, as the checker keeps what it finds by node."""

    offset: int


@dataclass(eq=False)
class Literal(Expression):
    """A constant: a value of `values`."""

    value: Any


@dataclass(eq=False)
class Identifier(Expression):
    """A variable, or a type's name."""

    name: str


@dataclass(eq=False)
class Select(Expression):
    """``operand.name``; with ``test``, ``has(operand.name)``; with ``optional``, ``operand.?name``."""

    operand: Expression
    name: str
    test: bool = False
    optional: bool = False


@dataclass(eq=False)
class Call(Expression):
    """``function(arguments)`` or ``target.function(arguments)``; operators are functions as ``_+_``."""

    function: str
    target: Expression | None
    arguments: list[Expression]


@dataclass(eq=False)
class ListLiteral(Expression):
    """``[elements]``; those at the indexes in ``optional`` are optionals that may hold nothing."""

    elements: list[Expression]
    optional: frozenset[int]


@dataclass(eq=False)
class Entry:
    """``key: value`` of a map, or ``?key: value``."""

    key: Expression
    value: Expression
    optional: bool


@dataclass(eq=False)
class MapLiteral(Expression):
    """``{entries}``."""

    entries: list[Entry]


@dataclass(eq=False)
class StructLiteral(Expression):
    """``Name{field: value}``: rules have no type that can be made so, but may try."""

    name: str
    values: list[Expression]


@dataclass(eq=False)
class Comprehension(Expression):
    """A macro that goes over a list or a map: ``subject.kind(variables, condition, result)``.

    ``kind`` is the macro's name; ``condition`` and ``result`` are None where the macro has none.
    """

    kind: str
    subject: Expression
    variables: tuple[str, ...]
    condition: Expression | None
    result: Expression | None


@dataclass(eq=False)
class Binding(Expression):
    """``optional.kind(variable, result)``: the result for the value an optional holds (optMap, optFlatMap)."""

    kind: str
    subject: Expression
    variable: str
    result: Expression
