"""The rules of a schema, compiled once: a tree of the parts that have rules, or have parts that do."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dynkube.testing.cel import costs, field_paths, types
from dynkube.testing.cel.environment import Program, analyse, constant_problem
from dynkube.testing.cel.schema_types import child_shape, shape_of
from dynkube.testing.cel.source import CompilationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynkube.testing.cel.schema_types import RawSchema, Shape
    from dynkube.testing.objects.schemas import Schema


@dataclass
class Rule:
    """One entry of ``x-kubernetes-validations``: its program, or why there is none."""

    raw: Mapping[str, Any]
    program: Program | None = None
    problem: str = ""
    message: Program | None = None
    message_problem: str = ""
    #: What its expressions cost at most, each time they are evaluated.
    cost: int = 0
    message_cost: int = 0
    #: ``fieldPath`` without its leading dot, as the server prints it.
    field_path: str = ""

    @property
    def text(self) -> str:
        """What the rule is called in errors: its message, else its expression."""
        return str(self.raw.get("message") or self.raw.get("rule") or "").strip()

    @property
    def uses_old(self) -> bool:
        """Whether it is a transition rule."""
        return self.program is not None and "oldSelf" in self.program.names

    @property
    def old_is_optional(self) -> bool:
        """Whether it is looked at also where nothing was before."""
        return bool(self.raw.get("optionalOldSelf"))


@dataclass
class Node:
    """The rules for the values of a schema, and for what is in them."""

    schema: RawSchema
    #: Whether a whole object stands here, with apiVersion, kind and metadata.
    root: bool
    rules: list[Rule]
    properties: dict[str, Node] = field(default_factory=dict)
    additional: Node | None = None
    items: Node | None = None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to check here and below."""
        return not (self.rules or self.properties or self.additional or self.items)


def compile_rule(raw: Mapping[str, Any], shape: Shape, schema: RawSchema, *, estimated: bool = False) -> Rule:
    """Return a rule with its programs, or with what is wrong with them; ``estimated`` finds what they cost, too."""
    rule = Rule(raw)
    if not str(raw.get("rule") or "").strip():
        return rule
    old = types.optional_of(shape.type) if rule.old_is_optional else shape.type
    variables = {"self": shape.type, "oldSelf": old}
    try:
        checked = analyse(raw["rule"], variables)
        rule.program = Program(checked)
    except CompilationError as error:
        rule.problem = f"compilation failed: {error}"
        return rule
    if rule.program.type != types.BOOL:
        rule.program, rule.problem = None, "cel expression must evaluate to a bool"
        return rule
    problem = constant_problem(checked)
    if problem:
        rule.program, rule.problem = None, f"program instantiation failed: {problem}"
        return rule
    if estimated:
        rule.cost = costs.estimate(checked, shape)
    if raw.get("messageExpression"):
        _compile_message(rule, raw["messageExpression"], variables, shape if estimated else None)
    if raw.get("fieldPath") and not rule.message_problem:
        rule.field_path = field_paths.normalized(raw["fieldPath"], schema) or ""
    return rule


def _compile_message(rule: Rule, text: str, variables: Mapping[str, types.Type], shape: Shape | None) -> None:
    try:
        checked = analyse(text, variables)
        program = Program(checked)
    except CompilationError as error:
        rule.message_problem = f"messageExpression compilation failed: {error}"
        return
    if program.type != types.STRING:
        rule.message_problem = "messageExpression must evaluate to a string"
        return
    problem = constant_problem(checked)
    if problem:
        rule.message_problem = f"messageExpression instantiation failed: {problem}"
        return
    rule.message = program
    if shape is not None:
        rule.message_cost = costs.estimate(checked, shape)


@functools.lru_cache(maxsize=256)
def rules_of(schema: Schema) -> Node | None:
    """Return the compiled rules of a custom kind; None when it has none."""
    source = schema.source
    if source is None or not schema.has_rules:
        return None
    return _node(source, shape_of(source, root=True), root=True)


def _node(schema: RawSchema, shape: Shape | None, *, root: bool) -> Node | None:
    found = Node(schema, root, [])
    if shape is not None:
        found.rules = [compile_rule(raw, shape, schema) for raw in schema.get("x-kubernetes-validations") or ()]
    for key, inner in (schema.get("properties") or {}).items():
        node = _child(inner, child_shape(inner, f"{shape.type.name if shape is not None else ''}.{key}"))
        if node is not None:
            found.properties[key] = node
    element = shape.element if shape is not None else None
    found.additional = _child(schema.get("additionalProperties"), element)
    found.items = _child(schema.get("items"), element)
    return None if found.empty else found


def _child(schema: Any, shape: Shape | None) -> Node | None:
    if not isinstance(schema, dict) or shape is None:
        return None
    return _node(schema, shape, root=bool(schema.get("x-kubernetes-embedded-resource")))
