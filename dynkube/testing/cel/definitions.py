"""The rules of a definition before any object is: fields that do not go together, and expressions that do not compile.

After ``ValidateCustomResourceDefinitionOpenAPISchema`` of apiextensions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dynkube.testing.cel import field_paths, rules
from dynkube.testing.cel.budgets import Budget
from dynkube.testing.cel.schema_types import MAX_REQUEST, shape_of
from dynkube.testing.cel.spans import times

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dynkube.testing.cel.schema_types import RawSchema
    from dynkube.testing.objects.report import Report

_REASONS = ("FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired")
_BREAK = re.compile(r"[\n\r]")


@dataclass
class _Part:
    """A schema inside of a CRD's: where it stands, and how often its values can at most."""

    schema: RawSchema
    path: str
    #: The path below which values have no counterpart in the stored object; "" where they have.
    uncorrelatable: str = ""
    #: None without a limit.
    cardinality: int | None = 1
    root: bool = False


def check(schema: RawSchema, path: str, report: Report, *, sound: bool = True) -> None:
    """Add every way in which the rules of a CRD's schema are wrong.

    Expressions are compiled only when nothing else is wrong with the schema (``sound``): their types come from it.
    """
    before = len(report.causes)
    parts = list(_parts(_Part(schema, path, root=True)))
    for part in parts:
        for index, rule in enumerate(part.schema.get("x-kubernetes-validations") or ()):
            _fields(rule, part.schema, f"{part.path}.x-kubernetes-validations[{index}]", report)
    if not sound or len(report.causes) > before:
        return
    budget = Budget(report)
    for part in parts:
        _expressions(part, report, budget)
    budget.close(path)


def _parts(part: _Part) -> Iterator[_Part]:
    """Yield every schema in one, and then itself."""
    schema, path = part.schema, part.path
    inner, kind = schema.get("additionalProperties"), schema.get("type")
    count: int | None = 1
    if kind == "array" or (kind == "object" and inner is not None):
        count = schema.get("maxItems" if kind == "array" else "maxProperties")
    many = None if part.cardinality is None or count is None else times(part.cardinality, max(count, 0))
    if isinstance(inner, dict):
        yield from _parts(_Part(inner, f"{path}.additionalProperties", part.uncorrelatable, many))
    for key, one in (schema.get("properties") or {}).items():
        yield from _parts(_Part(one, f"{path}.properties[{key}]", part.uncorrelatable, many))
    items = schema.get("items")
    if isinstance(items, dict):
        keyed = schema.get("x-kubernetes-list-type") == "map"
        where = part.uncorrelatable if keyed else path
        yield from _parts(_Part(items, f"{path}.items", where, many))
    yield part


def _fields(rule: Mapping[str, Any], schema: RawSchema, path: str, report: Report) -> None:
    text, message = rule.get("rule") or "", rule.get("message") or ""
    if not text.strip():
        report.required(f"{path}.rule", "rule is not specified")
    elif message and not message.strip():
        report.invalid(f"{path}.message", message, "must be non-empty if specified")
    elif _BREAK.search(message.strip()):
        report.invalid(f"{path}.message", message, "must not contain line breaks")
    elif _BREAK.search(text.strip()) and not message.strip():
        report.required(f"{path}.message", "message must be specified if rule contains line breaks")
    if rule.get("messageExpression") and not rule["messageExpression"].strip():
        report.required(f"{path}.messageExpression", "messageExpression must be non-empty if specified")
    if rule.get("reason") is not None and rule["reason"] not in _REASONS:
        report.unsupported(f"{path}.reason", rule["reason"], _REASONS)
    where = rule.get("fieldPath") or ""
    if where and not where.strip():
        report.invalid(f"{path}.fieldPath", where, "must be non-empty if specified")
    if _BREAK.search(where):
        report.invalid(f"{path}.fieldPath", where, "must not contain line breaks")
    if where and field_paths.normalized(where, schema) is None:
        report.invalid(f"{path}.fieldPath", where, "must be a valid path")


def _expressions(part: _Part, report: Report, budget: Budget) -> None:
    found = part.schema.get("x-kubernetes-validations") or ()
    if not found:
        return
    whole = part.root or bool(part.schema.get("x-kubernetes-embedded-resource"))
    shape = shape_of(part.schema, root=whole)
    if shape is None:
        why = "internal error: failed to construct type information for x-kubernetes-validations rules: unable to"
        report.internal(f"{part.path}.x-kubernetes-validations", f"{why} convert structural schema to CEL declarations")
        return
    often = part.cardinality if part.cardinality is not None else MAX_REQUEST // (shape.min_size + 1)
    for index, raw in enumerate(found):
        path = f"{part.path}.x-kubernetes-validations[{index}]"
        rule = rules.compile_rule(raw, shape, part.schema, estimated=True)
        budget.spend(f"{path}.rule", "rule", times(rule.cost, often))
        if rule.problem:
            report.invalid(f"{path}.rule", _shown(rule.raw), rule.problem)
        if rule.message_problem:
            report.invalid(f"{path}.messageExpression", _shown(rule.raw), rule.message_problem)
        elif rule.message is not None:
            budget.spend(f"{path}.messageExpression", "messageExpression", rule.message_cost)
        _old_self(rule, path, part.uncorrelatable, report)


def _old_self(rule: rules.Rule, path: str, uncorrelatable: str, report: Report) -> None:
    if rule.uses_old and uncorrelatable:
        why = f"oldSelf cannot be used on the uncorrelatable portion of the schema within {uncorrelatable}"
        report.invalid(f"{path}.rule", rule.raw["rule"], why)
    elif not rule.uses_old and rule.raw.get("optionalOldSelf") is not None:
        why = "may not be set if oldSelf is not used in rule"
        report.invalid(f"{path}.optionalOldSelf", rule.raw["optionalOldSelf"], why)


def _shown(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rule as the server prints it: its own Go type, which has no JSON names."""
    return {
        "Rule": raw.get("rule") or "",
        "Message": raw.get("message") or "",
        "MessageExpression": raw.get("messageExpression") or "",
        "Reason": raw.get("reason"),
        "FieldPath": raw.get("fieldPath") or "",
        "OptionalOldSelf": raw.get("optionalOldSelf"),
    }
