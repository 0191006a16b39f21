"""Turning a checked expression into a Python function of its variables, built once and called per object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.testing.cel import folds
from dynkube.testing.cel.checker import TYPE_NAMES
from dynkube.testing.cel.syntax import (
    Binding,
    Call,
    Comprehension,
    Expression,
    Identifier,
    ListLiteral,
    Literal,
    MapLiteral,
    Select,
)
from dynkube.testing.cel.values import NONE, EvaluationError, ListValue, MapValue, Optional, UInt, shown, type_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dynkube.testing.cel.declarations import Function

    #: Variables by name; a comprehension adds its own while it runs.
    Scope = dict[str, Any]
    Step = Callable[[Scope], Any]


def compile_tree(root: Expression, functions: Mapping[str, Function]) -> Step:
    """Return the function that computes an expression's value. It raises EvaluationError."""
    return _Compiler(functions).step(root)


class _Compiler:
    def __init__(self, functions: Mapping[str, Function]) -> None:
        self._functions = functions

    def step(self, node: Expression) -> Step:
        """Return the function that computes a node's value."""
        method: Callable[[Any], Step] = getattr(self, f"_{type(node).__name__.lower()}")
        return method(node)

    def _literal(self, node: Literal) -> Step:
        value = node.value
        return lambda _scope: value

    def _identifier(self, node: Identifier) -> Step:
        name = node.name.removeprefix(".")
        named = TYPE_NAMES.get(name)

        def read(scope: Scope) -> Any:
            if name in scope:
                return scope[name]
            if named is not None:
                return named
            raise EvaluationError(f"no such attribute(s): {name}")

        return read

    def _select(self, node: Select) -> Step:
        qualified = _dotted(node)
        if qualified in TYPE_NAMES and not node.test:
            named = TYPE_NAMES[qualified]
            return lambda _scope: named
        operand, name = self.step(node.operand), node.name
        if node.test:
            return lambda scope: _has(operand(scope), name)
        if node.optional:
            return lambda scope: _find(operand(scope), name)
        return lambda scope: _selected(operand(scope), name)

    def _call(self, node: Call) -> Step:
        special: dict[str, Callable[[Step, Step], Step]] = {"_&&_": _both, "_||_": _either}
        steps = [self.step(one) for one in ([node.target] if node.target is not None else []) + node.arguments]
        if node.function in special:
            return special[node.function](steps[0], steps[1])
        if node.function == "_?_:_":
            return _conditional(steps[0], steps[1], steps[2])
        if node.function in ("or", "orValue") and node.target is not None:
            return _fallback(steps[0], steps[1], whole=node.function == "or")
        if node.function == "_[_]":
            return _index(steps[0], steps[1], self._functions["_[_]"])
        function, member = self._functions[node.function.removeprefix(".")], node.target is not None
        if len(steps) == 1:
            only = steps[0]
            return lambda scope: function.invoke((only(scope),), member=member)
        if len(steps) == 2:
            left, right = steps
            return lambda scope: function.invoke((left(scope), right(scope)), member=member)
        return lambda scope: function.invoke([step(scope) for step in steps], member=member)

    def _listliteral(self, node: ListLiteral) -> Step:
        parts = [(self.step(element), index in node.optional) for index, element in enumerate(node.elements)]

        def build(scope: Scope) -> ListValue:
            found: list[Any] = []
            for step, optional in parts:
                value = step(scope)
                if not optional:
                    found.append(value)
                elif not isinstance(value, Optional):
                    why = f"cannot initialize optional list element from non-optional value {shown(value)}"
                    raise EvaluationError(why)
                elif value.present:
                    found.append(value.value)
            return ListValue(found)

        return build

    def _mapliteral(self, node: MapLiteral) -> Step:
        parts = [(self.step(entry.key), self.step(entry.value), entry.optional) for entry in node.entries]

        def build(scope: Scope) -> MapValue:
            found: list[tuple[Any, Any]] = []
            for key_step, value_step, optional in parts:
                key, value = key_step(scope), value_step(scope)
                if optional and not isinstance(value, Optional):
                    why = f"cannot initialize optional entry '{shown(key)}' from non-optional value {shown(value)}"
                    raise EvaluationError(why)
                if not optional:
                    found.append((key, value))
                elif value.present:
                    found.append((key, value.value))
            return MapValue(found)

        return build

    def _comprehension(self, node: Comprehension) -> Step:
        condition = self.step(node.condition) if node.condition is not None else None
        result = self.step(node.result) if node.result is not None else None
        return folds.fold(node.kind, self.step(node.subject), node.variables, condition, result)

    def _binding(self, node: Binding) -> Step:
        subject, result, name = self.step(node.subject), self.step(node.result), node.variable
        wrap = node.kind == "optMap"

        def bind(scope: Scope) -> Any:
            value = subject(scope)
            if not isinstance(value, Optional):
                raise EvaluationError(f"no such overload: hasValue({type_of(value).name})")
            if not value.present:
                return NONE
            found = result({**scope, name: value.value})
            return Optional(found) if wrap else found

        return bind


def _dotted(node: Expression) -> str:
    if isinstance(node, Identifier):
        return node.name
    if isinstance(node, Select):
        return f"{_dotted(node.operand)}.{node.name}"
    return ""


def _selected(value: Any, name: str) -> Any:
    if isinstance(value, Optional):
        return _find(value, name)
    if isinstance(value, MapValue):
        return value.get(name)
    raise EvaluationError(f"no such key: {name}")


def _find(value: Any, name: str) -> Optional:
    if isinstance(value, Optional):
        return _find(value.value, name) if value.present else NONE
    if isinstance(value, MapValue):
        return value.find(name)
    raise EvaluationError(f"no such key: {name}")


def _has(value: Any, name: str) -> bool:
    """Tell whether a map has a key; what is no map has none."""
    return isinstance(value, (MapValue, Optional)) and _find(value, name).present


def _index(operand: Step, index: Step, function: Function) -> Step:
    def read(scope: Scope) -> Any:
        held, key = operand(scope), index(scope)
        if not isinstance(held, (ListValue, MapValue, Optional)):
            raise EvaluationError(f"no such key: {shown(key)}")
        if isinstance(held, ListValue) and isinstance(key, (UInt, float)) and key == int(key):
            key = int(key)
        return function.invoke((held, key), member=False)

    return read


def _both(left: Step, right: Step) -> Step:
    return lambda scope: folds.logical(left, right, scope, decisive=False)


def _either(left: Step, right: Step) -> Step:
    return lambda scope: folds.logical(left, right, scope, decisive=True)


def _conditional(condition: Step, then: Step, otherwise: Step) -> Step:
    def choose(scope: Scope) -> Any:
        found = condition(scope)
        if not isinstance(found, bool):
            raise EvaluationError("no such overload")
        return then(scope) if found else otherwise(scope)

    return choose


def _fallback(optional: Step, alternative: Step, *, whole: bool) -> Step:
    """Return ``or`` (with ``whole``) or ``orValue``: the alternative is computed only when it is needed."""

    def choose(scope: Scope) -> Any:
        found = optional(scope)
        if not isinstance(found, Optional):
            raise EvaluationError("no such overload")
        if not found.present:
            return alternative(scope)
        return found if whole else found.value

    return choose
