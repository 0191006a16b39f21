"""The types of an expression's parts, and what is wrong with them in the words of cel-go's checker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynkube.testing.cel import types, values
from dynkube.testing.cel.assignability import Bindings, assign, most_general, substitute
from dynkube.testing.cel.source import CompilationError, Issue
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
    StructLiteral,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynkube.testing.cel.declarations import Function, Overload
    from dynkube.testing.cel.types import Type

#: Names that stand for types.
TYPE_NAMES = {
    one.name: one
    for one in (
        *(types.BOOL, types.BYTES, types.DOUBLE, types.DURATION, types.INT, types.NULL, types.STRING, types.TIMESTAMP),
        *(types.UINT, types.CIDR, types.IP, types.type_of_type()),
        types.list_of(types.DYN),
        types.map_of(types.DYN, types.DYN),
        types.optional_of(types.DYN),
    )
}
_LOGIC = frozenset({"_&&_", "_||_"})


class Checked:
    """An expression whose types are known."""

    def __init__(self, text: str, root: Expression, found: dict[Expression, Type], checker: _Checker) -> None:
        self.text = text
        self.root = root
        self.types = found
        #: The variables it refers to.
        self.names = checker.names
        #: The signatures each call may come down to: more than one where types are dynamic.
        self.overloads = checker.overloads

    @property
    def type(self) -> Type:
        """The type of the whole."""
        return self.types[self.root]


def check(text: str, root: Expression, variables: Mapping[str, Type], functions: Mapping[str, Function]) -> Checked:
    """Find the types of all parts of an expression. Raises CompilationError."""
    checker = _Checker(variables, functions)
    checker.check(root)
    if checker.issues:
        raise CompilationError(text, checker.issues)
    found = {node: substitute(checker.bindings, one, final=True) for node, one in checker.types.items()}
    return Checked(text, root, found, checker)


class _Checker:
    def __init__(self, variables: Mapping[str, Type], functions: Mapping[str, Function]) -> None:
        self.issues: list[Issue] = []
        self.types: dict[Expression, Type] = {}
        self.names: set[str] = set()
        self.overloads: dict[Expression, list[Overload]] = {}
        self.bindings: Bindings = {}
        self._scopes: list[Mapping[str, Type]] = [variables]
        self._functions = functions
        self._fresh = 0

    def check(self, node: Expression) -> Type:
        """Find the type of a node and of all below it."""
        method = getattr(self, f"_{type(node).__name__.lower()}")
        found: Type = method(node)
        self.types[node] = found
        return found

    def _report(self, node: Expression, message: str) -> Type:
        self.issues.append(Issue(node.offset, message))
        return types.ERROR

    def _variable(self) -> Type:
        self._fresh += 1
        return types.parameter(f"_var{self._fresh}")

    def _known(self, one: Type) -> Type:
        return substitute(self.bindings, one)

    def _assign(self, *pairs: tuple[Type, Type]) -> bool:
        found = assign(self.bindings, list(pairs))
        if found is not None:
            self.bindings = found
        return found is not None

    def _mismatch(self, node: Expression, wanted: Type, found: Type) -> Type:
        return self._report(node, f"expected type '{self._known(wanted)}' but found '{self._known(found)}'")

    def _undeclared(self, node: Expression, name: str) -> Type:
        return self._report(node, f"undeclared reference to '{name}' (in container '')")

    def _literal(self, node: Literal) -> Type:
        return values.type_of(node.value)

    def _identifier(self, node: Identifier) -> Type:
        return self._named(node.name) or self._undeclared(node, node.name)

    def _named(self, name: str) -> Type | None:
        name = name.removeprefix(".")
        for scope in reversed(self._scopes):
            if name in scope:
                self.names.add(name)
                return scope[name]
        return types.type_of_type(TYPE_NAMES[name]) if name in TYPE_NAMES else None

    def _select(self, node: Select) -> Type:
        qualified = None if node.test or node.optional else _qualified(node)
        if qualified is not None and qualified in TYPE_NAMES:
            return types.type_of_type(TYPE_NAMES[qualified])
        operand, was_optional = types.unwrapped(self._known(self.check(node.operand)))
        found = self._field(node, operand)
        if node.test:
            return types.BOOL
        return self._known(types.optional_of(found) if was_optional or node.optional else found)

    def _field(self, node: Select, operand: Type) -> Type:
        if operand.kind == "map":
            return operand.parameters[1]
        if operand.kind == "struct":
            found = operand.fields.get(node.name)
            return found if found is not None else self._report(node, f"undefined field '{node.name}'")
        if operand.kind == "parameter":
            self._assign((types.DYN, operand))
        elif operand.kind not in ("dyn", "error"):
            self._report(node, f"type '{operand}' does not support field selection")
        return types.DYN

    def _call(self, node: Call) -> Type:
        arguments = [self.check(argument) for argument in node.arguments]
        if node.target is None:
            function = self._functions.get(node.function.removeprefix("."))
            if function is None:
                return self._undeclared(node, node.function)
            return self._resolve(node, function, arguments, member=False)
        prefix = _qualified(node.target)
        function = self._functions.get(f"{prefix}.{node.function}") if prefix else None
        if function is not None:
            # A name with dots is a function of its own: nothing is called on what stands before the last one.
            node.function, node.target = function.name, None
            return self._resolve(node, function, arguments, member=False)
        target = self.check(node.target)
        function = self._functions.get(node.function)
        if function is None:
            return self._undeclared(node, node.function)
        return self._resolve(node, function, [target, *arguments], member=True)

    def _resolve(self, node: Call, function: Function, arguments: list[Type], *, member: bool) -> Type:
        if function.name in _LOGIC:
            wrong = [index for index, one in enumerate(arguments) if not self._assign((one, types.BOOL))]
            self.overloads[node] = function.overloads
            for index in wrong:
                self._mismatch(node.arguments[index], types.BOOL, arguments[index])
            return types.ERROR if wrong else types.BOOL
        result: Type | None = None
        for overload in function.overloads:
            if overload.member == member and len(overload.arguments) == len(arguments):
                wanted, returned = self._instance(overload)
                if self._assign(*zip(arguments, wanted, strict=True)):
                    self.overloads.setdefault(node, []).append(overload)
                    found = self._known(returned)
                    result = found if result is None or result == found else types.DYN
        if result is not None:
            return result
        return self._no_overload(node, function.name, arguments, member=member)

    def _no_overload(self, node: Expression, name: str, arguments: list[Type], *, member: bool = False) -> Type:
        shown = [str(substitute(self.bindings, one, final=True)) for one in arguments]
        target = f"{shown.pop(0)}." if member else ""
        return self._report(node, f"found no matching overload for '{name}' applied to '{target}({', '.join(shown)})'")

    def _instance(self, overload: Overload) -> tuple[tuple[Type, ...], Type]:
        """Return a signature with type variables nobody else uses."""
        fresh = {name: self._variable() for name in overload.variables}
        return tuple(substitute(fresh, one) for one in overload.arguments), substitute(fresh, overload.result)

    def _listliteral(self, node: ListLiteral) -> Type:
        joined: Type | None = None
        for index, element in enumerate(node.elements):
            joined = self._join(joined, self._element(element, optional=index in node.optional))
        return types.list_of(joined or self._variable())

    def _element(self, node: Expression, *, optional: bool) -> Type:
        found = self.check(node)
        if optional:
            found, is_optional = types.unwrapped(found)
            if not is_optional and found.kind != "dyn":
                self._mismatch(node, types.optional_of(found), found)
        return found

    def _mapliteral(self, node: MapLiteral) -> Type:
        keys: Type | None = None
        held: Type | None = None
        for entry in node.entries:
            keys = self._join(keys, self.check(entry.key))
            held = self._join(held, self._element(entry.value, optional=entry.optional))
        return types.map_of(keys or self._variable(), held or self._variable())

    def _join(self, before: Type | None, found: Type) -> Type:
        """Return the type of both; whether literals may be of several types is judged when all else is right."""
        if before is None:
            return found
        return most_general(before, found) if self._assign((before, found)) else types.DYN

    def _structliteral(self, node: StructLiteral) -> Type:
        return self._undeclared(node, node.name)

    def _comprehension(self, node: Comprehension) -> Type:
        subject = self._known(self.check(node.subject))
        inner = self._range(node, subject)
        self._scopes.append(dict(zip(node.variables, inner, strict=True)))
        condition = self.check(node.condition) if node.condition is not None else types.BOOL
        result = self.check(node.result) if node.result is not None else inner[0]
        self._scopes.pop()
        found = self._outcome(node, subject, result)
        if not self._assign((condition, types.BOOL)):
            if node.kind in ("all", "exists") and node.condition is not None:
                self._mismatch(node.condition, types.BOOL, condition)
            else:
                gathered = types.INT if node.kind == "exists_one" else found
                self._no_overload(node, "_?_:_", [condition, gathered, gathered])
        return found

    def _range(self, node: Comprehension, subject: Type) -> tuple[Type, ...]:
        two = len(node.variables) == 2
        if subject.kind == "list":
            return (types.INT, subject.parameters[0]) if two else (subject.parameters[0],)
        if subject.kind == "map" and node.kind != "sortBy":
            return subject.parameters if two else (subject.parameters[0],)
        if subject.kind in ("dyn", "error", "parameter"):
            self._assign((types.DYN, subject))
            return (types.DYN,) * len(node.variables)
        why = "cannot be range of a comprehension (must be list, map, or dynamic)"
        self._report(node.subject, f"expression of type '{subject}' {why}")
        return (types.ERROR,) * len(node.variables)

    def _outcome(self, node: Comprehension, subject: Type, result: Type) -> Type:
        if node.kind in ("all", "exists", "exists_one"):
            return types.BOOL
        if node.kind == "sortBy":
            listed = subject if subject.kind == "list" else types.list_of(types.DYN)
            self._resolve_sort(node, listed, result)
            return listed
        if node.kind == "transformMap":
            key = types.INT if subject.kind == "list" else types.DYN
            return types.map_of(subject.parameters[0] if subject.kind == "map" else key, result)
        if node.kind == "transformMapEntry":
            entry = self._known(result)
            if entry.kind not in ("map", "dyn", "error"):
                self._no_overload(node, "cel.@mapInsert", [types.map_of(types.DYN, types.DYN), entry])
            return entry
        return types.list_of(result)

    def _resolve_sort(self, node: Comprehension, listed: Type, key: Type) -> None:
        function = self._functions["sort"]
        wanted = [(types.list_of(key), overload.arguments[0]) for overload in function.overloads if overload.member]
        if all(assign(self.bindings, [pair]) is None for pair in wanted):
            self._no_overload(node, "@sortByAssociatedKeys", [listed, types.list_of(key)], member=True)

    def _binding(self, node: Binding) -> Type:
        subject = self._known(self.check(node.subject))
        held, is_optional = types.unwrapped(subject)
        if not is_optional and subject.kind not in ("dyn", "error"):
            # The server asks first whether there is a value, and then for it.
            for name in ("hasValue", "value"):
                self._no_overload(node, name, [subject], member=True)
        self._scopes.append({node.variable: held})
        result = self._known(self.check(node.result))
        self._scopes.pop()
        if node.kind == "optMap":
            return types.optional_of(result)
        if not types.is_optional(result) and result.kind not in ("dyn", "error"):
            none = types.optional_of(types.DYN)
            self._no_overload(node, "_?_:_", [types.BOOL, result, none])
        return result


def _qualified(node: Expression) -> str | None:
    """Return ``a.b.c`` when a node is nothing but names and dots."""
    if isinstance(node, Identifier):
        return node.name.removeprefix(".")
    if isinstance(node, Select) and not node.test and not node.optional:
        inner = _qualified(node.operand)
        return f"{inner}.{node.name}" if inner else None
    return None
