"""Rules of a definition: what does not compile, and what costs too much, in the words of a kube-apiserver 1.36."""

from __future__ import annotations

import re
from typing import Any

import pytest

from dynkube.testing.cel import definitions
from dynkube.testing.kinds.structural_rules import structural
from dynkube.testing.objects.report import Report
from testing.cel.recorded import recorded

COMPILATION = recorded("compilation")
COSTS = recorded("costs")


def _problems(schema: dict[str, Any]) -> list[str]:
    report = Report()
    definitions.check(schema, "schema", report)
    return [cause.message for cause in report.causes]


@pytest.mark.parametrize("entry", COMPILATION["rules"], ids=lambda entry: entry["rule"])
def test_a_rule_is_judged_as_recorded(entry: dict[str, Any]) -> None:
    """A rule compiles, or its errors stand where and as the server has them."""
    properties = COMPILATION["properties"]
    inner = {"type": "object", "properties": properties}
    rules = [{"rule": entry["rule"]}]
    schema = {"type": "object", "properties": {**properties, "spec": inner}, "x-kubernetes-validations": rules}
    found = [re.sub(r'^Invalid value: \{"Rule".*?\}: ', "", text, flags=re.DOTALL) for text in _problems(schema)]
    assert found == entry["problems"]


def _factor(rule: str, count: int) -> str | None:
    """Return by how much a rule is over its budget on an object (0), in a list of a size, or of any (-1)."""
    rules = [{"rule": rule}]
    spec: dict[str, Any] = {"type": "object", "properties": COSTS["properties"], "x-kubernetes-validations": rules}
    if count:
        limit = {"maxItems": count} if count > 0 else {}
        spec = {"type": "array", "items": spec, **limit}
    found = _problems({"type": "object", "properties": {"spec": spec}})
    factors = [re.search(r"estimated rule cost exceeds budget by factor of (more than 100x|\S+)", one) for one in found]
    return next((factor[1] for factor in factors if factor), None)


@pytest.mark.parametrize("entry", COSTS["rules"], ids=lambda entry: entry["rule"])
def test_the_cost_of_a_rule_is_estimated_as_recorded(entry: dict[str, Any]) -> None:
    """A rule is over its budget where the server says so, and by as much."""
    assert {count: _factor(entry["rule"], int(count)) for count in entry["factors"]} == entry["factors"]


def test_the_costs_of_a_schema_are_added_up() -> None:
    """Rules that are within their own budgets can be too much together; the dearest four are named."""
    properties = {"l": {"type": "array", "items": {"type": "string", "maxLength": 10}, "maxItems": 700}}
    rule = {"rule": "self.l.all(x, self.l.exists(y, x == y + 'a'))"}
    many = {"type": "object", "properties": properties, "x-kubernetes-validations": [rule] * 60}
    found = _problems({"type": "object", "properties": {"spec": many}})
    assert len(found) == 5
    assert "contributed to estimated rule cost total" in found[0]
    assert found[-1].startswith("Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3")


def test_values_without_a_type_have_no_rules() -> None:
    """A rule where the schema tells no type is an error of the server."""
    schema = {"x-kubernetes-preserve-unknown-fields": True, "x-kubernetes-validations": [{"rule": "true"}]}
    found = _problems({"type": "object", "properties": {"free": schema}})
    assert found[0].startswith("Internal error: internal error: failed to construct type information")


@pytest.mark.parametrize("key", ["allOf", "anyOf", "oneOf"])
def test_rules_do_not_stand_in_junctors(key: str) -> None:
    """What only judges values cannot have rules."""
    inner = {"properties": {"a": {"x-kubernetes-validations": [{"rule": "true"}]}}}
    report = Report()
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, key: [inner]}
    structural(schema, "schema", report, root=True)
    assert [str(cause) for cause in report.causes] == [
        f"schema.{key}[0].properties[a].x-kubernetes-validations: Forbidden: must be empty to be structural"
    ]
