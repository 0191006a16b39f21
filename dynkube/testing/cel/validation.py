"""Applying the rules of a custom kind to an object, on create and on update (apiextensions ``schema/cel``).

A rule that fails on a part that did not change is only warned about (validation ratcheting); a transition rule is
looked at where there is a value to compare with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from dynkube.testing.cel.correlation import Correlation, KeyedList
from dynkube.testing.cel.schema_types import with_metadata
from dynkube.testing.cel.schema_values import value_of
from dynkube.testing.cel.values import NONE, EvaluationError, Optional
from dynkube.testing.http import failures
from dynkube.testing.objects.report import Report

if TYPE_CHECKING:
    from dynkube.testing.cel.environment import Program
    from dynkube.testing.cel.rules import Node, Rule
    from dynkube.testing.http.failures import Cause

#: The longest message an expression may make.
_MAX_MESSAGE = 5 * 1024
#: Errors after which rules are not looked at: an object of the wrong shape would only make them fail.
_BLOCKING = frozenset(
    {failures.NOT_SUPPORTED, failures.REQUIRED, failures.TOO_LONG, failures.TOO_MANY, failures.TYPE_INVALID}
)


def check(node: Node, obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> list[str]:
    """Add every rule an object breaks to the report; return the warnings about those it broke before already."""
    if any(cause.reason in _BLOCKING for cause in report.causes):
        why = "some validation rules were not checked because the object was invalid; correct the existing errors to "
        report.invalid("<nil>", None, f"{why}complete validation")
        return []
    walk = _Walk(report)
    walk.node(node, "", obj, old, Correlation.between(obj, old, node.schema))
    return walk.warnings


class _Place(NamedTuple):
    """Where rules are applied: the path and the value there, its type, and what was there before."""

    path: str
    value: Any
    kind: str
    correlation: Correlation


class _Walk:
    def __init__(self, report: Report) -> None:
        self._report = report
        self.warnings: list[str] = []

    def node(self, node: Node, path: str, value: Any, old: Any, correlation: Correlation) -> None:
        """Check a value and what is in it."""
        if value is None:
            return
        if node.rules:
            self._rules(node, path, value, old, correlation)
        if isinstance(value, list) and node.items is not None:
            before = KeyedList(old if isinstance(old, list) else [], node.schema)
            for index, element in enumerate(value):
                match = before.get(element)
                self.node(node.items, f"{path}[{index}]", element, match, correlation.index(index))
        elif isinstance(value, dict):
            self._map(node, path, value, old if isinstance(old, dict) else {}, correlation)

    def _map(self, node: Node, path: str, value: dict[str, Any], old: dict[str, Any], correlation: Correlation) -> None:
        for key in sorted(value):
            if node.additional is not None:
                self.node(node.additional, f"{path}[{key}]", value[key], old.get(key), correlation.key(key))
            inner = node.properties.get(key)
            if inner is not None:
                self.node(inner, f"{path}.{key}" if path else key, value[key], old.get(key), correlation.key(key))

    def _rules(self, node: Node, path: str, value: Any, old: Any, correlation: Correlation) -> None:
        schema = with_metadata(node.schema) if node.root else node.schema
        kind = str(node.schema.get("type") or "")
        here = path or "<nil>"
        try:
            current = value_of(value, schema)
            previous = None if old is None else value_of(old, schema)
        except EvaluationError as error:
            for rule in node.rules:
                self._report.invalid(here, kind, f"{error} evaluating rule: {rule.text}")
            return
        for rule in node.rules:
            if rule.problem:
                self._report.invalid(here, kind, f"rule compile error: {rule.problem}")
            elif rule.program is not None and (old is not None or not rule.uses_old or rule.old_is_optional):
                before = (NONE if old is None else Optional(previous)) if rule.old_is_optional else previous
                place = _Place(path, value, kind, correlation)
                self._rule(rule, rule.program, place, {"self": current, "oldSelf": before})

    def _rule(self, rule: Rule, program: Program, place: _Place, scope: dict[str, Any]) -> None:
        try:
            if program.evaluate(scope):
                return
        except EvaluationError as error:
            self._report.invalid(place.path or "<nil>", place.kind, _failed(rule, str(error)))
            return
        report = Report()
        detail = _message(rule, scope) or rule.raw.get("message") or f"failed rule: {rule.text}"
        _add(report, rule, place, str(detail).strip())
        if not rule.uses_old and place.correlation.unchanged():
            self.warnings += [_shown(cause) for cause in report.causes]
        else:
            self._report.causes += report.causes


def _failed(rule: Rule, error: str) -> str:
    if error.startswith("no such overload"):
        why = "call arguments did not match a supported operator, function or macro signature for rule"
        return f"'{error}': {why}: {rule.text}"
    return f"{error} evaluating rule: {rule.text}"


def _message(rule: Rule, scope: dict[str, Any]) -> str:
    """Return what the rule's expression says about the failure; "" when it says nothing that can be used."""
    if rule.message is None:
        return ""
    try:
        text = str(rule.message.evaluate(scope)).strip()
    except EvaluationError:
        return ""
    return "" if len(text.encode()) > _MAX_MESSAGE or "\n" in text else text


def _add(report: Report, rule: Rule, place: _Place, detail: str) -> None:
    reason, value = rule.raw.get("reason"), place.value
    path = ".".join(part for part in (place.path, rule.field_path) if part) or "<nil>"
    whole = place.kind in ("object", "array")
    if reason == "FieldValueForbidden":
        report.forbidden(path, detail)
    elif reason == "FieldValueRequired":
        report.required(path, detail)
    elif reason == "FieldValueDuplicate":
        report.duplicate(path, value, omitted=whole)
    elif whole:
        report.unexplained(path, detail)
    else:
        report.invalid(path, value, detail)


def _shown(cause: Cause) -> str:
    return f"{cause.field}: {cause.message}"
