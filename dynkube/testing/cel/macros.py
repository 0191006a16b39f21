"""Calls that are no calls: ``has``, and those that name a variable and go over lists, maps and optionals."""

from __future__ import annotations

from typing import Final

from dynkube.testing.cel.syntax import Binding, Call, Comprehension, Expression, Identifier, Select

#: Macros over one variable: how many arguments they take, and whether the last is a condition or a result.
_ONE_VARIABLE: Final = {
    ("all", 2): "condition",
    ("exists", 2): "condition",
    ("existsOne", 2): "condition",
    ("exists_one", 2): "condition",
    ("filter", 2): "condition",
    ("map", 2): "result",
    ("map", 3): "both",
    ("sortBy", 2): "result",
}
_TWO_VARIABLES: Final = {
    ("all", 3): "condition",
    ("exists", 3): "condition",
    ("existsOne", 3): "condition",
    ("exists_one", 3): "condition",
    ("transformList", 3): "result",
    ("transformList", 4): "both",
    ("transformMap", 3): "result",
    ("transformMap", 4): "both",
    ("transformMapEntry", 3): "result",
    ("transformMapEntry", 4): "both",
}
#: The name comprehensions gather their result under: no variable may hide it.
_ACCUMULATOR: Final = "__result__"


class MacroError(Exception):
    """A macro is used in a wrong way at ``offset``."""

    def __init__(self, offset: int, message: str) -> None:
        self.offset = offset
        super().__init__(message)


def expand(call: Call) -> Expression:
    """Return what a call stands for: itself when it is no macro. Raises MacroError."""
    count = len(call.arguments)
    if call.target is None:
        return _has(call) if call.function == "has" and count == 1 else call
    if call.function in ("optMap", "optFlatMap") and count == 2:
        name = _variable(call.arguments[0], f"{call.function}() variable name must be a simple identifier")
        return Binding(call.offset, call.function, call.target, name, call.arguments[1])
    shape = _ONE_VARIABLE.get((call.function, count))
    if shape is not None:
        return _comprehension(call, call.target, shape, 1)
    shape = _TWO_VARIABLES.get((call.function, count))
    return call if shape is None else _comprehension(call, call.target, shape, 2)


def _has(call: Call) -> Expression:
    argument = call.arguments[0]
    if not isinstance(argument, Select) or argument.test or argument.optional:
        raise MacroError(argument.offset, "invalid argument to has() macro")
    return Select(call.offset, argument.operand, argument.name, test=True)


def _comprehension(call: Call, target: Expression, shape: str, count: int) -> Expression:
    simple = call.function in ("map", "filter") and count == 1
    why = "argument is not an identifier" if simple else "argument must be a simple name"
    names = tuple(_variable(argument, why) for argument in call.arguments[:count])
    for name, argument in zip(names, call.arguments, strict=False):
        if name == _ACCUMULATOR:
            raise MacroError(argument.offset, "iteration variable overwrites accumulator variable")
    if count == 2 and names[0] == names[1]:
        raise MacroError(call.arguments[1].offset, f"duplicate variable name: {names[0]}")
    condition = call.arguments[count] if shape in ("condition", "both") else None
    result = call.arguments[-1] if shape in ("result", "both") else None
    kind = "exists_one" if call.function == "existsOne" else call.function
    return Comprehension(call.offset, kind, target, names, condition, result)


def _variable(argument: Expression, why: str) -> str:
    if not isinstance(argument, Identifier) or argument.name.startswith("."):
        raise MacroError(argument.offset, why)
    return argument.name
