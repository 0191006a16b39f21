"""Constants that can be judged before anything runs: durations, timestamps, patterns, and lists of one type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dynkube.testing.cel import moments, patterns, types
from dynkube.testing.cel.library import text_format
from dynkube.testing.cel.source import CompilationError, Issue
from dynkube.testing.cel.syntax import (
    Binding,
    Call,
    Comprehension,
    Expression,
    ListLiteral,
    Literal,
    MapLiteral,
    Select,
    StructLiteral,
)
from dynkube.testing.cel.values import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynkube.testing.cel.checker import Checked
    from dynkube.testing.cel.types import Type


def check(checked: Checked) -> None:
    """Raise the CompilationError of a checked expression whose constants cannot work."""
    issues = list(_issues(checked, checked.root, exempt=False))
    if issues:
        raise CompilationError(checked.text, issues)


def _issues(checked: Checked, node: Expression, *, exempt: bool) -> Iterator[Issue]:
    if isinstance(node, Call):
        yield from _call(node)
        if node.function == "format" and isinstance(node.target, Literal) and isinstance(node.target.value, str):
            yield from _format(checked, node, node.target.value)
        # What a text is made of may be of several types.
        exempt = exempt or node.function == "format"
    elif isinstance(node, ListLiteral) and not exempt:
        yield from _list(checked, node)
    elif isinstance(node, MapLiteral) and not exempt:
        yield from _map(checked, node)
    for child in children(node):
        yield from _issues(checked, child, exempt=exempt)


def children(node: Expression) -> list[Expression]:
    """Return the parts of a node."""
    if isinstance(node, Select):
        return [node.operand]
    if isinstance(node, Call):
        return [*([node.target] if node.target is not None else []), *node.arguments]
    if isinstance(node, ListLiteral):
        return node.elements
    if isinstance(node, MapLiteral):
        return [part for entry in node.entries for part in (entry.key, entry.value)]
    if isinstance(node, StructLiteral):
        return node.values
    if isinstance(node, Comprehension):
        return [part for part in (node.subject, node.condition, node.result) if part is not None]
    if isinstance(node, Binding):
        return [node.subject, node.result]
    return []


#: Functions whose pattern is compiled beforehand where it is written out, and conversions that are then done.
PATTERNS: Final = frozenset({"find", "findAll", "matches"})
_CONVERSIONS: Final = frozenset({"bool", "bytes", "double", "duration", "int", "string", "timestamp", "uint"})


def constant_calls(node: Expression) -> Iterator[Call]:
    """Yield the calls below a node that are tried before there are any variables."""
    if isinstance(node, Call) and node.arguments and isinstance(node.arguments[0], Literal):
        converts = node.target is None and node.function in _CONVERSIONS
        if converts or (node.target is not None and node.function in PATTERNS):
            yield node
    for child in children(node):
        yield from constant_calls(child)


def _call(node: Call) -> Iterator[Issue]:
    argument = node.arguments[0] if node.arguments else None
    if isinstance(argument, Literal) and isinstance(argument.value, str) and not _works(node.function, argument.value):
        yield Issue(argument.offset, f"invalid {node.function} argument")


def _format(checked: Checked, node: Call, template: str) -> Iterator[Issue]:
    """Check what a template is filled with, where both are written out."""
    listed = node.arguments[0]
    if not isinstance(listed, ListLiteral):
        return
    try:
        letters = text_format.clauses(template)
    except EvaluationError as error:
        yield Issue(node.offset, str(error))
        return
    for index, letter in enumerate(letters):
        if index >= len(listed.elements):
            yield Issue(node.offset, f"index {index} out of range")
            return
        fitting, why = text_format.CLAUSES[letter]
        found = checked.types[listed.elements[index]]
        if found != types.DYN and found.name not in fitting:
            where = listed.elements[index].offset
            yield Issue(where, f"error during formatting: {why}, was given {found.name}")
            return
    if len(listed.elements) > len(letters):
        counts = f"(expected {len(letters)}, got {len(listed.elements)})"
        yield Issue(node.offset, f"too many arguments supplied to string.format {counts}")


def _works(function: str, text: str) -> bool:
    if function == "matches":
        return not patterns.problem(text)
    if function == "duration":
        return moments.parse_duration(text) is not None
    try:
        return function != "timestamp" or moments.parse_timestamp(text) is not None
    except EvaluationError:
        return False


def _list(checked: Checked, node: ListLiteral) -> Iterator[Issue]:
    first: Type | None = None
    for index, element in enumerate(node.elements):
        found = checked.types[element]
        if index in node.optional:
            found = types.unwrapped(found)[0]
        if first is not None and found != first:
            yield Issue(element.offset, f"expected type '{first}' but found '{found}'")
            return
        first = first or found


def _map(checked: Checked, node: MapLiteral) -> Iterator[Issue]:
    first: tuple[Type, Type] | None = None
    for entry in node.entries:
        key, value = checked.types[entry.key], checked.types[entry.value]
        if entry.optional:
            value = types.unwrapped(value)[0]
        if first is None:
            first = (key, value)
            continue
        for wanted, found, part in zip(first, (key, value), (entry.key, entry.value), strict=True):
            if found != wanted:
                yield Issue(part.offset, f"expected type '{wanted}' but found '{found}'")
