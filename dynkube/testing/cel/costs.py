"""What an expression costs at most, before it runs, in the units the server limits (cel-go ``checker/cost.go``).

Macros cost what the loops cost that cel-go makes of them; `call_costs` has the price of every function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from dynkube.testing.cel import call_costs
from dynkube.testing.cel.call_costs import Argument
from dynkube.testing.cel.spans import EMPTY, NOTHING, ONE, UNKNOWN, Span, exactly
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

if TYPE_CHECKING:
    from dynkube.testing.cel.checker import Checked
    from dynkube.testing.cel.declarations import Overload
    from dynkube.testing.cel.schema_types import Shape
    from dynkube.testing.cel.types import Type

_LIST: Final = exactly(10)
_MAP: Final = exactly(30)
_SCALARS = frozenset({"bool", "double", "int", "uint", "google.protobuf.Duration", "google.protobuf.Timestamp"})

#: Where a value stands, from a variable on; None when that cannot be told.
Path = tuple[str, ...] | None


class _Entries(NamedTuple):
    """The sizes of what a literal holds, and whether it is a list."""

    is_list: bool
    key: Span
    value: Span

    def union(self, other: _Entries | None) -> _Entries | None:
        if other is None:
            return None
        return _Entries(self.is_list, self.key.union(other.key), self.value.union(other.value))


class _Variable(NamedTuple):
    path: Path
    size: Span | None
    entries: _Entries | None = None


#: What a loop gathers its elements in, before there are any.
_NO_ELEMENTS = _Entries(is_list=True, key=ONE, value=NOTHING)


def estimate(checked: Checked, shape: Shape) -> int:
    """Return what an expression over values of ``shape`` costs at most."""
    return _Estimator(checked, shape).cost(checked.root).most


class _Estimator:
    def __init__(self, checked: Checked, shape: Shape) -> None:
        self._checked = checked
        self._shape = shape
        self._paths: dict[Expression, Path] = {}
        self._sizes: dict[Expression, Span] = {}
        self._entries: dict[Expression, _Entries] = {}
        self._variables: dict[str, list[_Variable]] = {}

    def cost(self, node: Expression) -> Span:
        """Return what a node costs."""
        if isinstance(node, Identifier):
            variable = self._variable(node)
            self._paths[node] = variable.path if variable is not None else (node.name,)
            return ONE
        if isinstance(node, Select):
            return self._select(node)
        if isinstance(node, Call):
            return self._call(node)
        if isinstance(node, ListLiteral):
            return self._list(node)
        if isinstance(node, MapLiteral):
            return self._map(node)
        if isinstance(node, Comprehension):
            return self._comprehension(node)
        return self._binding(node) if isinstance(node, Binding) else NOTHING

    def _type(self, node: Expression) -> Type:
        return self._checked.types[node]

    def _variable(self, node: Expression) -> _Variable | None:
        stack = self._variables.get(node.name) if isinstance(node, Identifier) else None
        return stack[-1] if stack else None

    def _path(self, node: Expression) -> Path:
        variable = self._variable(node)
        return variable.path if variable is not None else self._paths.get(node)

    def _below(self, node: Expression, name: str) -> Path:
        return (*(self._path(node) or ()), name)

    def _known(self, path: Path) -> Span | None:
        """Return the size the schema gives to what stands at a path."""
        if not path:
            return None
        shape: Shape | None = self._shape
        for name in path[1:]:
            if shape is None:
                return None
            if name == "@keys":
                # Keys are texts whose length no schema tells, which counts as none.
                return NOTHING if shape.type.kind == "map" else None
            shape = shape.element if name in ("@items", "@values") else shape.fields.get(name)
        return None if shape is None else Span(0, shape.max_elements)

    def _size(self, node: Expression) -> Span | None:
        if node in self._sizes:
            return self._sizes[node]
        if isinstance(node, Literal):
            return exactly(len(node.value) if isinstance(node.value, (str, bytes)) else 1)
        if isinstance(node, ListLiteral):
            return exactly(len(node.elements))
        if isinstance(node, MapLiteral):
            return exactly(len(node.entries))
        known = self._known(self._path(node))
        if known is not None:
            self._sizes[node] = known
            return known
        if _is_scalar(self._type(node)):
            return ONE
        variable = self._variable(node)
        return variable.size if variable is not None else None

    def _entries_of(self, node: Expression) -> _Entries | None:
        if node in self._entries:
            return self._entries[node]
        variable = self._variable(node)
        return variable.entries if variable is not None else None

    def _select(self, node: Select) -> Span:
        if node.operand not in self._checked.types:
            # The name of a type, dots and all, is one word.
            self._paths[node] = (node.name,)
            return ONE
        operand = self.cost(node.operand)
        if node.test:
            return operand
        if node.optional:
            return operand.plus(ONE)
        self._paths[node] = self._below(node.operand, node.name)
        counted = self._type(node.operand).kind in ("map", "struct", "parameter")
        return operand.plus(ONE) if counted else operand

    def _list(self, node: ListLiteral) -> Span:
        total, size = _LIST, EMPTY if node.elements else NOTHING
        for element in node.elements:
            total = total.plus(self.cost(element))
            size = size.union(self._size(element) or UNKNOWN)
        self._entries[node] = _Entries(is_list=True, key=ONE, value=size)
        return total

    def _map(self, node: MapLiteral) -> Span:
        total, keys, held = _MAP, EMPTY if node.entries else NOTHING, EMPTY if node.entries else NOTHING
        for entry in node.entries:
            total = total.plus(self.cost(entry.key)).plus(self.cost(entry.value))
            keys = keys.union(self._size(entry.key) or UNKNOWN)
            held = held.union(self._size(entry.value) or UNKNOWN)
        self._entries[node] = _Entries(is_list=False, key=keys, value=held)
        return total

    def _call(self, node: Call) -> Span:
        costs = [self.cost(argument) for argument in node.arguments]
        if node.function == "dyn":
            self._copy(node, node.arguments[0])
            return costs[0].plus(ONE)
        arguments = [self._argument(argument) for argument in node.arguments]
        total, target = NOTHING, None
        if node.target is not None:
            total = self.cost(node.target)
            target = self._argument(node.target)
        found, size = EMPTY, None
        for overload in self._checked.overloads.get(node, ()):
            price = self._price(node, overload, target, arguments, costs)
            found = found.union(price.cost)
            if price.size is not None:
                size = price.size if size is None else size.union(price.size)
            if node.function == "_[_]" and overload.arguments[0].kind in ("list", "map"):
                size = self._indexed(node, overload)
            size = size or self._size(node)
        if size is not None:
            self._sizes[node] = size
        return total.plus(found)

    def _indexed(self, node: Call, overload: Overload) -> Span | None:
        held = node.arguments[0]
        name = "@items" if overload.arguments[0].kind == "list" else "@values"
        self._paths[node] = self._below(held, name)
        entries = self._entries_of(held)
        return entries.value if entries is not None else None

    def _argument(self, node: Expression) -> Argument:
        path = self._path(node)
        kind = self._type(node)
        element = kind.parameters[0] if kind.parameters else None
        inner = self._known((*path, "@items")) if path else None
        value = node.value if isinstance(node, Literal) else None
        return Argument(kind, self._size(node) or UNKNOWN, element, inner or UNKNOWN, value)

    def _price(
        self, node: Call, overload: Overload, target: Argument | None, arguments: list[Argument], costs: list[Span]
    ) -> call_costs.Price:
        if node.function in ("_&&_", "_||_"):
            # One side may be enough.
            return call_costs.Price(Span(costs[0].least, costs[0].plus(costs[1]).most))
        if node.function == "_?_:_":
            self._unite(node, node.arguments[1], node.arguments[2])
            size = arguments[1].size.union(arguments[2].size)
            return call_costs.Price(costs[0].plus(costs[1].union(costs[2])), size)
        price = call_costs.price(overload, target, arguments)
        if node.function == "_+_" and overload.arguments[0].kind == "list":
            self._unite(node, node.arguments[0], node.arguments[1])
        for cost in costs:
            price = price._replace(cost=price.cost.plus(cost))
        return price

    def _unite(self, node: Expression, one: Expression, other: Expression) -> None:
        first = self._entries_of(one)
        united = first.union(self._entries_of(other)) if first is not None else None
        if united is not None:
            self._entries[node] = united

    def _copy(self, node: Expression, source: Expression) -> None:
        size, entries = self._size(source), self._entries_of(source)
        if size is not None:
            self._sizes[node] = size
        if entries is not None:
            self._entries[node] = entries

    def _comprehension(self, node: Comprehension) -> Span:
        subject = self.cost(node.subject)
        count = self._size(node.subject) or UNKNOWN
        self._push_range(node)
        condition = self.cost(node.condition) if node.condition is not None else NOTHING
        element = self.cost(node.result) if node.result is not None else ONE
        held = (self._size(node.result) if node.result is not None else self._element_size(node)) or UNKNOWN
        for name in node.variables:
            self._variables[name].pop()
        if node.kind == "sortBy":
            return self._sort_by(node, subject, count, element, held)
        start, each, end = _loop(node, condition, element)
        self._remember(node, count, held)
        return subject.plus(start).plus(end).plus(count.times(each))

    def _element_size(self, node: Comprehension) -> Span | None:
        return self._size(Identifier(node.offset, node.variables[0])) if node.kind == "filter" else None

    def _push_range(self, node: Comprehension) -> None:
        entries = self._entries_of(node.subject)
        is_list = entries.is_list if entries is not None else self._type(node.subject).kind == "list"
        key = _Variable(self._below(node.subject, "@indices" if is_list else "@keys"), entries.key if entries else None)
        value = _Variable(
            self._below(node.subject, "@items" if is_list else "@values"), entries.value if entries else None
        )
        pushed = [key, value] if len(node.variables) == 2 else [value if is_list else key]
        for name, variable in zip(node.variables, pushed, strict=True):
            self._variables.setdefault(name, []).append(variable)

    def _remember(self, node: Comprehension, count: Span, held: Span) -> None:
        if node.kind in ("all", "exists", "exists_one"):
            self._sizes[node] = ONE
            return
        self._sizes[node] = count
        if not node.kind.startswith("transformMap"):
            self._entries[node] = _NO_ELEMENTS._replace(value=NOTHING.union(held))

    def _sort_by(self, node: Comprehension, subject: Span, count: Span, element: Span, held: Span) -> Span:
        keys = ONE.plus(_LIST).plus(ONE).plus(count.times(element.plus(exactly(12))))
        kind = self._type(node.result) if node.result is not None else self._type(node)
        price = call_costs.sorting(count, kind)
        # The server takes the pairs that are compared for the elements of the result, and so do we.
        self._sizes[node] = price.size or count
        self._entries[node] = _NO_ELEMENTS._replace(value=NOTHING.union(held))
        return subject.plus(_LIST).plus(ONE).plus(price.cost).plus(keys)

    def _binding(self, node: Binding) -> Span:
        subject = self.cost(node.subject)
        self._variables.setdefault(node.variable, []).append(_Variable(None, self._bound_size(node)))
        result = self.cost(node.result)
        size = self._size(node.result)
        self._variables[node.variable].pop()
        bound = _LIST.plus(subject).plus(ONE).plus(result)
        if node.kind == "optMap":
            bound = bound.plus(ONE)
            size = None
        if size is None and _is_scalar(self._type(node)):
            size = ONE
        self._sizes[node] = (size or UNKNOWN).union(ONE if _is_scalar(self._type(node)) else UNKNOWN)
        return subject.plus(ONE).plus(bound.union(ONE))

    def _bound_size(self, node: Binding) -> Span | None:
        held = self._type(node.subject)
        return ONE if held.parameters and _is_scalar(held.parameters[0]) else None


def _loop(node: Comprehension, condition: Span, element: Span) -> tuple[Span, Span, Span]:
    """Return what a loop costs before its rounds, in each, and after them."""
    if node.kind in ("all", "exists"):
        # Each round asks whether the outcome is known yet, which takes one operation more in exists.
        asked = exactly(2 if node.kind == "all" else 3)
        return NOTHING, asked.plus(Span(1, condition.plus(ONE).most)), ONE
    if node.kind == "exists_one":
        return NOTHING, condition.plus(Span(1, 2)), exactly(2)
    mapped = node.kind.startswith("transformMap")
    # What it takes to add to a list, a key and its value to a map, or the entries of a map to another.
    operations = {"transformMap": 3, "transformMapEntry": 2}.get(node.kind, 12)
    added = element.plus(exactly(operations))
    if node.condition is not None:
        added = condition.plus(added.union(ONE))
    return (_MAP if mapped else _LIST), added, ONE


def _is_scalar(one: Type) -> bool:
    if one.name == "optional_type" and one.parameters:
        return _is_scalar(one.parameters[0])
    return one.name in _SCALARS
