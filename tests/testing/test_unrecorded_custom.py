"""Custom resources at their corners: structural schemas, defaults, subresources, selectable fields, definitions.

Source: the documentation of CustomResourceDefinitions and the validation of apiextensions-apiserver.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from testing.calling import CRDS, WIDGETS, Caller, Stream, definition
from testing.unrecorded import APPLY, MERGE, Step, invalid, named, run

if TYPE_CHECKING:
    from collections.abc import Callable

TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
CRD = f"{CRDS}/widgets.example.com"
NO_STORAGE = (
    'status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; v1 was previously a storage version, '
    "and must remain in spec.versions until a storage migration ensures no data remains persisted in v1 and removes "
    "v1 from status.storedVersions"
)


def rich() -> dict[str, Any]:
    """Return a definition that uses most of what a structural schema can say."""
    crd = definition()
    item = {
        "type": "object",
        "required": ["k"],
        "properties": {"k": {"type": "string"}, "v": {"type": "integer", "default": 7}},
    }
    properties = {
        "size": {"type": "integer", "minimum": 1, "maximum": 9},
        "color": {"type": "string", "enum": ["red", "blue"]},
        "port": {"x-kubernetes-int-or-string": True},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "inner": {
            "type": "object",
            "x-kubernetes-embedded-resource": True,
            "x-kubernetes-preserve-unknown-fields": True,
        },
        "entries": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["k"],
            "items": item,
        },
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
        "maybe": {"type": "string", "nullable": True},
        "when": {"type": "string", "format": "date-time"},
        "nested": {"type": "object", "default": {}, "properties": {"d": {"type": "integer", "default": 5}}},
        "replicas": {"type": "integer", "default": 1},
        "ratio": {"type": "number"},
    }
    version = crd["spec"]["versions"][0]
    version["schema"]["openAPIV3Schema"]["properties"]["spec"] = {
        "type": "object",
        "required": ["size"],
        "properties": properties,
    }
    scale = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
    version["subresources"] = {"status": {}, "scale": {**scale, "labelSelectorPath": ".status.selector"}}
    version["selectableFields"] = [{"jsonPath": ".spec.color"}]
    version["additionalPrinterColumns"] = [
        {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
        {"name": "When", "type": "date", "jsonPath": ".spec.when"},
        {"name": "Free", "type": "boolean", "jsonPath": ".spec.free.b"},
        {"name": "Ratio", "type": "number", "jsonPath": ".spec.ratio"},
        {"name": "Color", "type": "string", "jsonPath": ".spec.color", "priority": 1},
    ]
    return crd


@pytest.fixture
def widgets(call: Caller) -> Caller:
    """Return a caller of a server that serves the rich definition."""
    call.ok("POST", CRDS, rich())
    return call


def widget(name: str, **spec: Any) -> dict[str, Any]:
    """Return a widget."""
    return {"apiVersion": "example.com/v1", "kind": "Widget", **named(name, spec=spec)}


def test_defaults_reach_into_lists(widgets: Caller) -> None:
    """Defaults of nested objects and of list entries are filled in; an allowed null stays."""
    spec = {"size": 3, "entries": [{"k": "a"}, {"k": "b", "v": 1}], "maybe": None, "port": "http", "free": {"x": [1]}}
    expected = {
        **spec,
        "entries": [{"k": "a", "v": 7}, {"k": "b", "v": 1}],
        "nested": {"d": 5},
        "replicas": 1,
    }
    run(widgets, Step("create", "POST", WIDGETS, widget("a", **spec), values={"spec": expected}))


def test_schemas_are_enforced(widgets: Caller) -> None:
    """Each kind of rule in its own words."""
    body = "in body must be of type"
    cases: list[tuple[dict[str, Any], str]] = [
        ({"size": 30}, "spec.size: Invalid value: 30: spec.size in body should be less than or equal to 9"),
        ({"size": "x"}, f'spec.size: Invalid value: "string": spec.size {body} integer: "string"'),
        ({}, "spec.size: Required value"),
        ({"size": 1, "color": "x"}, 'spec.color: Unsupported value: "x": supported values: "red", "blue"'),
        (
            {"size": 1, "counts": {"a": "b"}},
            f'spec.counts.a: Invalid value: "string": spec.counts.a {body} integer: "string"',
        ),
        ({"size": 1, "tags": ["a", "a"]}, 'spec.tags[1]: Duplicate value: "a"'),
        ({"size": 1, "entries": [{"k": "a"}, {"k": "a"}]}, 'spec.entries[1]: Duplicate value: {"k":"a"}'),
        ({"size": 1, "entries": [{}]}, "spec.entries[0].k: Required value"),
        ({"size": None}, "spec.size: Required value"),
    ]
    run(widgets, *(invalid(str(spec), "POST", WIDGETS, widget("b", **spec), cause) for spec, cause in cases))
    embedded = ("apiVersion", "kind")
    causes = [f"spec.inner.{key}: Required value" for key in embedded]
    run(widgets, invalid("inner", "POST", WIDGETS, widget("b", size=1, inner={"a": 1}), *causes))


def test_unknown_fields(widgets: Caller) -> None:
    """Pruned with a warning, refused when strict, kept where the schema says so."""
    odd = widget("a", size=1, zork=1, nested={"y": 1})
    refused = 'strict decoding error: unknown field "spec.nested.y", unknown field "spec.zork"'
    message = f'Widget in version "v1" cannot be handled as a Widget: {refused}'
    run(widgets, Step("strict", "POST", f"{WIDGETS}?fieldValidation=Strict", odd, code=400, message=message))
    answer = widgets("POST", WIDGETS, odd)
    assert answer.json["spec"]["nested"] == {"d": 5}
    # One Warning header for each field; the plain caller keeps the last of them.
    assert 'unknown field \\"spec.zork\\"' in answer.headers["warning"]


def test_selectable_fields(widgets: Caller) -> None:
    """Only fields the definition names can be selected by."""
    run(
        widgets,
        Step("red", "POST", WIDGETS, widget("r", size=1, color="red")),
        Step("blue", "POST", WIDGETS, widget("b", size=1, color="blue")),
        Step(
            "one", "GET", f"{WIDGETS}?fieldSelector=spec.color%3Dred", code=200, values={"items.0.metadata.name": "r"}
        ),
        Step(
            "no",
            "GET",
            f"{WIDGETS}?fieldSelector=spec.size%3D1",
            code=400,
            message="field label not supported: spec.size",
        ),
    )


def test_status_and_scale(widgets: Caller) -> None:
    """Status writes leave the spec alone; scale writes count as a new generation and record their manager."""
    scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", **named("a", spec={"replicas": 4})}
    status = {"status": {"replicas": 2, "selector": "a=b"}, "spec": {"size": 9}}
    run(
        widgets,
        Step("create", "POST", WIDGETS, widget("a", size=3)),
        Step("scale", "PUT", f"{WIDGETS}/a/scale", scale, code=200, values={"spec.replicas": 4}),
        Step("status", "PATCH", f"{WIDGETS}/a/status", status, MERGE, code=200, values={"spec.size": 3}),
        Step("read", "GET", f"{WIDGETS}/a/scale", code=200, values={"status": {"replicas": 2, "selector": "a=b"}}),
        Step("generation", "GET", f"{WIDGETS}/a", code=200, values={"metadata.generation": 2}),
    )
    fields = widgets.ok("GET", f"{WIDGETS}/a")["metadata"]["managedFields"]
    assert sorted(entry.get("subresource", "") for entry in fields) == ["", "scale", "status"]


def test_apply_merges_lists_by_their_kind(widgets: Caller) -> None:
    """Maps by key and sets by value have several owners; scalars conflict."""
    first = widget("a", size=1, entries=[{"k": "a", "v": 1}], tags=["x"])
    second = widget("a", entries=[{"k": "b", "v": 2}], tags=["y"])
    both = [{"k": "a", "v": 1}, {"k": "b", "v": 2}]
    run(
        widgets,
        Step("first", "PATCH", f"{WIDGETS}/a?fieldManager=x", first, APPLY),
        Step(
            "second",
            "PATCH",
            f"{WIDGETS}/a?fieldManager=y",
            second,
            APPLY,
            code=200,
            values={"spec.entries": both, "spec.tags": ["x", "y"]},
        ),
        Step(
            "conflict",
            "PATCH",
            f"{WIDGETS}/a?fieldManager=y",
            widget("a", size=5),
            APPLY,
            code=409,
            reason="Conflict",
            causes=('.spec.size: conflict with "x"',),
        ),
        Step("dry", "PATCH", f"{WIDGETS}/a?fieldManager=y&force=true&dryRun=All", widget("a", size=5), APPLY, code=200),
        Step("unchanged", "GET", f"{WIDGETS}/a", code=200, values={"spec.size": 1}),
    )


def test_tables_have_the_columns_of_the_definition(widgets: Caller) -> None:
    """Each with its type and priority; a missing value is null, a date an age; watch events are tables too."""
    widgets.ok("POST", WIDGETS, widget("a", size=3, ratio=1.5, free={"b": True}))
    table = widgets.ok("GET", WIDGETS, **TABLE)
    assert [(c["name"], c["type"], c["priority"]) for c in table["columnDefinitions"]] == [
        ("Name", "string", 0),
        ("Size", "integer", 0),
        ("When", "date", 0),
        ("Free", "boolean", 0),
        ("Ratio", "number", 0),
        ("Color", "string", 1),
    ]
    assert table["rows"][0]["cells"] == ["a", 3, None, True, 1.5, None]
    with Stream(widgets, f"{WIDGETS}?watch=1&resourceVersion=0", **TABLE) as stream:
        event = stream.next()
    assert (event["type"], event["object"]["kind"]) == ("ADDED", "Table")


def with_second(change: Callable[[list[dict[str, Any]]], None]) -> dict[str, Any]:
    """Return a merge patch of the versions, with a second version in them."""
    versions = copy.deepcopy(rich()["spec"]["versions"])
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    versions.append({"name": "v2", "served": True, "storage": False, "schema": {"openAPIV3Schema": schema}})
    change(versions)
    return {"spec": {"versions": versions}}


def test_definitions_change_within_limits(widgets: Caller) -> None:
    """Scope and kind stay; a version may be added; the one that stores objects cannot go."""
    second = "/apis/example.com/v2/namespaces/default/widgets/a"

    def only_second(versions: list[dict[str, Any]]) -> None:
        del versions[0]
        versions[0]["storage"] = True

    run(
        widgets,
        Step("create", "POST", WIDGETS, widget("a", size=1)),
        invalid(
            "scope",
            "PATCH",
            CRD,
            {"spec": {"scope": "Cluster"}},
            'spec.scope: Invalid value: "Cluster": field is immutable',
            **MERGE,
        ),
        Step("not yet", "GET", second, code=404),
        Step("add", "PATCH", CRD, with_second(lambda _: None), MERGE, code=200),
        Step("both", "GET", second, code=200, values={"apiVersion": "example.com/v2", "spec.size": 1}),
        invalid("remove", "PATCH", CRD, with_second(only_second), NO_STORAGE, **MERGE),
        Step(
            "strategic",
            "PATCH",
            f"{WIDGETS}/a",
            {},
            {"Content_Type": "application/strategic-merge-patch+json"},
            code=415,
        ),
    )


def test_a_watch_follows_labels(widgets: Caller) -> None:
    """Coming into the selection is ADDED, leaving it DELETED, with bookmarks when asked for."""
    widgets.ok("POST", WIDGETS, widget("a", size=1))
    version = widgets.ok("GET", WIDGETS)["metadata"]["resourceVersion"]
    target = f"{WIDGETS}?watch=1&labelSelector=on&resourceVersion={version}"
    with Stream(widgets, target) as stream:
        for labels in ({"on": "1"}, {"on": "2"}, {"on": None}):
            widgets.ok("PATCH", f"{WIDGETS}/a", {"metadata": {"labels": labels}}, **MERGE)
        assert [stream.next()["type"] for _ in range(3)] == ["ADDED", "MODIFIED", "DELETED"]


def test_scales_of_custom_objects_cannot_be_applied(widgets: Caller) -> None:
    """A real server fails at it, once nothing conflicts: it cannot convert the Scale to a version of the kind."""
    run(widgets, Step("create", "PATCH", f"{WIDGETS}/a?fieldManager=one", widget("a", size=3, replicas=1), APPLY))
    path = f"{WIDGETS}/a/scale?fieldManager=two"
    scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "a"}, "spec": {"replicas": 5}}
    why = "to proper version: request to convert CR to an invalid group/version: autoscaling/v1"
    message = f"failed to convert new object (/a; autoscaling/v1, Kind=Scale) {why}"
    run(
        widgets,
        Step("conflict", "PATCH", path, scale, APPLY, code=409, reason="Conflict"),
        Step("failure", "PATCH", f"{path}&force=true", scale, APPLY, code=500, message=message),
    )
    assert widgets("GET", f"{WIDGETS}/a").json["spec"]["replicas"] == 1
