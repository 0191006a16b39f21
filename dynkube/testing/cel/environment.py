"""Compiling expressions against the functions kube-apiserver 1.36 offers to rules."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from dynkube.testing.cel import declarations, literal_checks, parser, patterns
from dynkube.testing.cel.checker import check
from dynkube.testing.cel.evaluator import compile_tree
from dynkube.testing.cel.library import OVERLOADS
from dynkube.testing.cel.source import CompilationError, Issue
from dynkube.testing.cel.syntax import Literal
from dynkube.testing.cel.values import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dynkube.testing.cel.checker import Checked
    from dynkube.testing.cel.declarations import Function
    from dynkube.testing.cel.types import Type


@functools.cache
def functions() -> Mapping[str, Function]:
    """Return every function a rule may call, by name."""
    return declarations.table(overload for overloads in OVERLOADS for overload in overloads())


class Program:
    """An expression ready to be evaluated."""

    def __init__(self, checked: Checked) -> None:
        self.type: Type = checked.type
        #: The variables it refers to.
        self.names = frozenset(checked.names)
        self._run: Callable[[dict[str, Any]], Any] = compile_tree(checked.root, functions())

    def evaluate(self, variables: Mapping[str, Any]) -> Any:
        """Return the expression's value. Raises EvaluationError."""
        return self._run(dict(variables))


def analyse(text: str, variables: Mapping[str, Type]) -> Checked:
    """Return an expression with the types of its parts. Raises CompilationError."""
    try:
        checked = check(text, parser.parse(text), variables, functions())
        literal_checks.check(checked)
    except RecursionError:
        raise CompilationError(text, [Issue(0, "expression recursion limit exceeded: 250")]) from None
    return checked


def compile_expression(text: str, variables: Mapping[str, Type]) -> Program:
    """Return the program of an expression over variables of known types. Raises CompilationError."""
    return Program(analyse(text, variables))


def constant_problem(checked: Checked) -> str:
    """Return why a program cannot be made: a conversion or a pattern of constants that fails; "" when it can."""
    try:
        for call in literal_checks.constant_calls(checked.root):
            values = [argument.value for argument in call.arguments if isinstance(argument, Literal)]
            if call.function in literal_checks.PATTERNS:
                why = patterns.problem(values[0])
                if why:
                    return why
            else:
                functions()[call.function].invoke(values, member=False)
    except EvaluationError as error:
        return str(error)
    return ""
