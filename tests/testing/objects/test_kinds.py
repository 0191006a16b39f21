"""Tables per kind: conversion between versions, fields of selectors, update rules, quantities, schemas."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from typing import Any

import pytest

from dynkube.names import GroupVersionKind
from dynkube.testing.kinds import kind_rules
from dynkube.testing.kinds.conversion import convert
from dynkube.testing.objects.quantities import parse
from dynkube.testing.objects.schemas import Schema, SchemaSet
from testing.recorded import gvk_of, schema_of, steps

CORE_EVENT = GroupVersionKind("", "v1", "Event")
NEW_EVENT = GroupVersionKind("events.k8s.io", "v1", "Event")
HPA_V1 = GroupVersionKind("autoscaling", "v1", "HorizontalPodAutoscaler")
HPA_V2 = GroupVersionKind("autoscaling", "v2", "HorizontalPodAutoscaler")


def recorded(title: str) -> dict[str, Any]:
    """Return the answer of one step of the defaults transcript."""
    found: dict[str, Any] = next(s["response"]["body"] for _, s in steps("defaults-builtin") if s["do"] == title)
    return copy.deepcopy(found)


@pytest.mark.parametrize(
    ("written", "read", "source", "target"),
    [
        ("event", "event read through events.k8s.io", CORE_EVENT, NEW_EVENT),
        ("hpa", "hpa read as v1", HPA_V2, HPA_V1),
    ],
)
def test_the_other_version_reads_as_recorded(
    written: str, read: str, source: GroupVersionKind, target: GroupVersionKind
) -> None:
    """What was written in one version comes out of the other as the real server gave it, and goes back unharmed."""
    stored = recorded(written)
    other = convert(stored, source, target)
    assert other == recorded(read)
    assert convert(other, target, source) == stored


def test_unset_parts_of_a_core_event_are_left_out_of_the_new_api() -> None:
    """Core events always print empty reporters; the new API leaves them out."""
    event = {"apiVersion": "v1", "kind": "Event", "metadata": {}, "reportingComponent": "", "reportingInstance": ""}
    assert convert(event, CORE_EVENT, NEW_EVENT).keys() & {"reportingController", "reportingInstance"} == set()


def test_cpu_targets_survive_both_ways() -> None:
    """The one field of v1 is one metric of v2; other metrics are invisible to v1."""
    old = {"apiVersion": "autoscaling/v1", "kind": HPA_V1.kind, "spec": {"targetCPUUtilizationPercentage": 50}}
    new = convert(old, HPA_V1, HPA_V2)
    target = {"type": "Utilization", "averageUtilization": 50}
    assert new["spec"]["metrics"] == [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    assert convert(new, HPA_V2, HPA_V1)["spec"] == old["spec"]


def test_other_kinds_only_change_their_api_version() -> None:
    """Kinds whose versions share a shape are copied."""
    obj = {"apiVersion": "e.com/v1", "kind": "W", "spec": {"a": 1}}
    found = convert(obj, GroupVersionKind("e.com", "v1", "W"), GroupVersionKind("e.com", "v2", "W"))
    assert found == {**obj, "apiVersion": "e.com/v2"}
    assert obj["apiVersion"] == "e.com/v1"


@pytest.mark.parametrize(
    ("kind", "field", "obj", "value"),
    [
        (("", "Pod"), "status.phase", {"status": {"phase": "Running"}}, "Running"),
        (("", "Pod"), "spec.hostNetwork", {}, "false"),
        (("", "Pod"), "status.podIPs", {"status": {"podIPs": [{"ip": "1.1.1.1"}, {"ip": "::1"}]}}, "1.1.1.1,::1"),
        (("", "Node"), "spec.unschedulable", {"spec": {"unschedulable": True}}, "true"),
        (("", "Event"), "involvedObject.name", {"involvedObject": {"name": "p"}}, "p"),
        (("", "Event"), "source", {"source": {"component": "c"}}, "c"),
        (("batch", "Job"), "status.successful", {"status": {"succeeded": 2}}, "2"),
        (("", "Secret"), "type", {"type": "Opaque"}, "Opaque"),
    ],
)
def test_field_selectors_read_their_fields(kind: tuple[str, str], field: str, obj: dict[str, Any], value: str) -> None:
    """Each selectable field is read as text, absent ones as the zero the server compares with."""
    rules = kind_rules(GroupVersionKind(kind[0], "v1", kind[1]))
    assert rules.fields[field](obj) == value


def test_unknown_fields_are_refused_as_each_kind_does() -> None:
    """Kinds without fields of their own name the two everybody has."""
    assert (
        kind_rules(GroupVersionKind("", "v1", "ConfigMap"))
        .unknown_field("x")
        .endswith('is not a known field selector: only "metadata.name", "metadata.namespace"')
    )
    assert kind_rules(GroupVersionKind("", "v1", "Pod")).unknown_field("x") == "field label not supported: x"
    assert (
        kind_rules(GroupVersionKind("batch", "v1", "Job")).unknown_field("x") == 'field label "x" not supported for Job'
    )


def test_custom_kinds_follow_their_definition() -> None:
    """A CRD says whether status is apart and which fields can be selected."""
    rules = kind_rules(
        GroupVersionKind("e.com", "v1", "W"), custom=True, has_status=False, selectable_fields=[".spec.color"]
    )
    assert rules.fields["spec.color"]({"spec": {"color": "red"}}) == "red"
    assert not rules.unconditional_update
    assert rules.spec_changed({"status": {"a": 1}}, {"status": {}})
    obj = {"metadata": {}, "status": {"a": 1}}
    rules.prepare_create(obj)
    assert obj["status"] == {"a": 1}


@pytest.mark.parametrize(
    ("text", "value"), [("1", 1), ("100m", "0.1"), ("2Gi", 2**31), ("1.5k", 1500), ("1e3", 1000), ("-1", -1), ("x", 0)]
)
def test_quantities_are_numbers(text: str, value: Any) -> None:
    """Suffixes multiply; what is no quantity counts as nothing."""
    assert parse(text) == Decimal(value)


def test_every_served_kind_has_a_schema() -> None:
    """No kind of the recorded discovery that has objects is without a recorded shape."""
    missing = []
    for _, step in steps("discovery-legacy"):
        body = step["response"].get("body")
        if not isinstance(body, dict) or body.get("kind") != "APIResourceList":
            continue
        # Options of exec, proxy and the like are queries, never objects.
        for resource in (one for one in body["resources"] if not one["kind"].endswith("Options")):
            own = {"apiVersion": body["groupVersion"], "kind": resource["kind"]}
            if resource.get("version"):
                own["apiVersion"] = f"{resource['group']}/{resource['version']}".lstrip("/")
            if SchemaSet.builtin().schema_for(gvk_of(own)) is None:
                missing.append(own)
    assert missing == []


def test_schemas_resolve_lazily_and_through_recursion() -> None:
    """A recursive type (the schema of a CRD's schema) can be walked as deep as wanted."""
    schema: Schema | None = schema_of(GroupVersionKind("apiextensions.k8s.io", "v1", "CustomResourceDefinition"))
    for key in ("spec", "versions"):
        schema = schema.field(key) if schema is not None else None
    assert schema is not None
    assert schema.items is not None
    node = schema.items.properties["schema"].properties["openAPIV3Schema"]
    for _ in range(20):
        properties = node.properties["properties"].additional
        assert properties is not None
        node = properties
    assert node.name == "JSONSchemaProps"


def test_a_crd_s_schema_always_has_typed_metadata() -> None:
    """Whatever a CRD says about metadata, ObjectMeta is what holds."""
    schema = Schema.from_crd({"type": "object", "properties": {"metadata": {"type": "object"}}})
    assert schema.properties["metadata"].name == "ObjectMeta"
    assert json.dumps(sorted(schema.properties)) == '["apiVersion", "kind", "metadata"]'
