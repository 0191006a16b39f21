"""kubectl's JSONPath: the path expressions of `--for=jsonpath=` and `-o jsonpath=` that name values in an object.

Fields, quoted fields, escaped dots, indexes, slices, unions, wildcards, recursive descent and filters, with the same
meaning as in client-go's `util/jsonpath`. A path is data: parsing has no side effects and finding changes nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from dynkube.errors import InvalidRequestError

#: One step of a path: from a value to the values it leads to.
Step: TypeAlias = Callable[[Any], Iterator[Any]]

_FIELD = re.compile(r"""(?:\\.|[^\s.,\[\]{}()=!<>'"\\])+""")
_INTEGER = re.compile(r"-?\d+")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_OPERATORS = ("==", "!=", "<=", ">=", "<", ">")


@dataclass(frozen=True)
class JSONPath:
    """A parsed path expression. `text` is as it was given."""

    text: str
    steps: tuple[Step, ...]

    @classmethod
    def parse(cls, text: str) -> JSONPath:
        """Parse `{.status.phase}`, `.status.phase` or `status.phase`, as kubectl's relaxed form allows.

        Raises `InvalidRequestError` naming the place where it cannot be understood.
        """
        expression = text.strip()
        if expression.startswith("{") != expression.endswith("}"):
            raise InvalidRequestError(f"JSONPath {text!r}: the braces do not match")
        if expression.startswith("{"):
            expression = expression[1:-1].strip()
        if expression in {"", "$"}:
            raise InvalidRequestError(f"JSONPath {text!r} names nothing")
        if expression[0] not in ".[$@":
            expression = "." + expression
        reader = _Reader(text, expression)
        steps = reader.path()
        if reader.position != len(expression):
            raise reader.error("is not understood")
        return cls(text, tuple(steps))

    def find(self, obj: Any) -> list[Any]:
        """Return the values the path leads to, in the object's order; none where something on the way is missing."""
        values = [obj]
        for step in self.steps:
            values = [found for value in values for found in step(value)]
        return values

    def __str__(self) -> str:
        return self.text


def printed(value: Any) -> str:
    """Return a value as kubectl prints it: strings bare, everything else as compact JSON with its keys sorted."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


class _Reader:
    """Reads steps off an expression from the left."""

    def __init__(self, whole: str, expression: str) -> None:
        self._whole = whole
        self._text = expression
        self.position = 0

    def error(self, problem: str) -> InvalidRequestError:
        rest = self._text[self.position :]
        return InvalidRequestError(f"JSONPath {self._whole!r}: {rest!r} {problem}")

    def path(self) -> list[Step]:
        """Read steps until something follows that is none."""
        if self._peek() in {"$", "@"}:
            self.position += 1
        steps: list[Step] = []
        while True:
            if self._take(".."):
                steps.append(_descend)
                if self._peek() != "[":
                    steps.append(self._name())
            elif self._take("."):
                if self._peek() != "[":
                    steps.append(self._name())
            elif self._take("["):
                steps.append(self._brackets())
            else:
                return steps

    def _name(self) -> Step:
        if self._take("*"):
            return _every
        match = _FIELD.match(self._text, self.position)
        if match is None:
            raise self.error("should begin with the name of a field")
        self.position = match.end()
        return _field(re.sub(r"\\(.)", r"\1", match.group()))

    def _brackets(self) -> Step:
        self._space()
        if self._take("?"):
            step = self._filter()
        elif self._take("*"):
            step = _every
        else:
            step = self._union()
        self._space()
        if not self._take("]"):
            raise self.error("should be the end of a bracket")
        return step

    def _union(self) -> Step:
        parts = [self._selector()]
        self._space()
        while self._take(","):
            self._space()
            parts.append(self._selector())
            self._space()
        return parts[0] if len(parts) == 1 else _any(parts)

    def _selector(self) -> Step:
        if self._peek() in {"'", '"'}:
            return _field(self._quoted())
        bounds = [self._integer()]
        while len(bounds) < 3 and self._take(":"):
            bounds.append(self._integer())
        if len(bounds) == 1:
            if bounds[0] is None:
                raise self.error("should be an index, a slice or a quoted field")
            return _index(bounds[0])
        if len(bounds) == 3 and bounds[2] is not None and bounds[2] <= 0:
            raise self.error("has a step that is not positive")
        return _slice(slice(*bounds))

    def _filter(self) -> Step:
        self._space()
        if not self._take("("):
            raise self.error("should begin with a parenthesis, as in [?(@.a==1)]")
        left = self._operand()
        self._space()
        operator = next((operator for operator in _OPERATORS if self._take(operator)), None)
        right: Callable[[Any], list[Any]] | None = None
        if operator is not None:
            right = self._operand()
            self._space()
        if not self._take(")"):
            raise self.error("should be the end of a filter")
        return _filtered(left, operator, right)

    def _operand(self) -> Callable[[Any], list[Any]]:
        self._space()
        if self._peek() in {"@", "$", "."}:
            steps = tuple(self.path())
            return JSONPath(self._whole, steps).find
        constant: Any
        number = _NUMBER.match(self._text, self.position)
        if self._peek() in {"'", '"'}:
            constant = self._quoted()
        elif number is not None:
            self.position = number.end()
            constant = json.loads(number.group())
        elif self._take("true"):
            constant = True
        elif self._take("false"):
            constant = False
        else:
            raise self.error("should be a path, a number, true, false or a quoted text")
        return lambda _: [constant]

    def _quoted(self) -> str:
        quote = self._text[self.position]
        characters: list[str] = []
        position = self.position + 1
        while position < len(self._text):
            character = self._text[position]
            if character == quote:
                self.position = position + 1
                return "".join(characters)
            if character == "\\" and position + 1 < len(self._text):
                position += 1
                character = self._text[position]
            characters.append(character)
            position += 1
        raise self.error("has no closing quote")

    def _integer(self) -> int | None:
        self._space()
        match = _INTEGER.match(self._text, self.position)
        if match is None:
            return None
        self.position = match.end()
        self._space()
        return int(match.group())

    def _space(self) -> None:
        while self._peek().isspace():
            self.position += 1

    def _peek(self) -> str:
        return self._text[self.position : self.position + 1]

    def _take(self, token: str) -> bool:
        if self._text.startswith(token, self.position):
            self.position += len(token)
            return True
        return False


def _every(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _descend(value: Any) -> Iterator[Any]:
    yield value
    for child in _every(value):
        yield from _descend(child)


def _field(name: str) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, dict) and name in value:
            yield value[name]

    return step


def _index(index: int) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list) and -len(value) <= index < len(value):
            yield value[index]

    return step


def _slice(part: slice) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list):
            yield from value[part]

    return step


def _any(parts: list[Step]) -> Step:
    def step(value: Any) -> Iterator[Any]:
        for part in parts:
            yield from part(value)

    return step


def _filtered(left: Callable[[Any], list[Any]], operator: str | None, right: Callable[[Any], list[Any]] | None) -> Step:
    def step(value: Any) -> Iterator[Any]:
        for child in _every(value):
            found = left(child)
            if operator is None or right is None:
                if found:
                    yield child
            elif len(found) == 1 and _compare(found[0], operator, right(child)):
                yield child

    return step


def _compare(left: Any, operator: str, others: list[Any]) -> bool:
    if len(others) != 1:
        return False
    right = others[0]
    if operator == "==":
        return _same_kind(left, right) and bool(left == right)
    if operator == "!=":
        return not _same_kind(left, right) or bool(left != right)
    if isinstance(left, bool) or not _same_kind(left, right) or not isinstance(left, str | int | float):
        return False
    if operator == "<":
        return bool(left < right)
    if operator == "<=":
        return bool(left <= right)
    return bool(left > right) if operator == ">" else bool(left >= right)


def _same_kind(left: Any, right: Any) -> bool:
    """Tell whether two values can be equal: True is no 1 here, unlike in Python."""
    if isinstance(left, bool) or isinstance(right, bool):
        return isinstance(left, bool) and isinstance(right, bool)
    if isinstance(left, int | float):
        return isinstance(right, int | float)
    return type(left) is type(right)
