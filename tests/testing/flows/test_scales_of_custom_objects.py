"""The scale of custom objects, as a kube-apiserver 1.36 answers (the same requests were sent to one)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from testing.calling import CRDS, WIDGETS, Caller, definition
from testing.unrecorded import APPLY, APPS, template

if TYPE_CHECKING:
    from testing.calling import Answer

MERGE = {"Content_Type": "application/merge-patch+json"}


@pytest.fixture
def widgets(call: Caller) -> Caller:
    """Serve Widgets with a scale: ``set`` has replicas, ``unset`` has none."""
    crd = definition()
    version = crd["spec"]["versions"][0]
    version["subresources"] = {"scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.n"}}
    version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["replicas"] = {"type": "integer"}
    call.ok("POST", CRDS, crd)
    for name, spec in (("set", {"replicas": 2}), ("unset", {"size": 1})):
        body = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec}
        call.ok("POST", f"{WIDGETS}?fieldManager=maker", body)
    return call


def managers(answer: Any) -> list[tuple[str, str]]:
    """Return who owns something of an object, and through which subresource."""
    return [(entry["manager"], entry.get("subresource", "")) for entry in answer["metadata"]["managedFields"]]


def test_without_replicas_there_is_no_scale_to_get(widgets: Caller) -> None:
    """A GET is 500 InternalError that names the field; it is read again once the replicas are set, also to 0."""
    answer = widgets("GET", f"{WIDGETS}/unset/scale")
    why = 'the spec replicas field ".spec.replicas" does not exist'
    assert (answer.status, answer.json["reason"]) == (500, "InternalError")
    assert answer.json["message"] == f"Internal error occurred: {why}"
    assert answer.json["details"] == {"causes": [{"message": why}]}
    assert widgets.ok("PATCH", f"{WIDGETS}/unset/scale", {"spec": {"replicas": 0}}, **MERGE)["spec"] == {}
    assert widgets.ok("GET", f"{WIDGETS}/unset/scale")["spec"] == {}


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_negative_replicas_are_refused_as_a_field_of_the_object(widgets: Caller, method: str) -> None:
    """It is the Widget that is invalid, at its own path: 422, "should be a non-negative integer"."""
    scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "set"}, "spec": {"replicas": -3}}
    answer: Answer = widgets(method, f"{WIDGETS}/set/scale", scale, **(MERGE if method == "PATCH" else {}))
    message = "Invalid value: -3: should be a non-negative integer"
    cause = {"reason": "FieldValueInvalid", "message": message, "field": ".spec.replicas"}
    assert answer.status == 422
    assert answer.json["message"] == f'Widget.example.com "set" is invalid: .spec.replicas: {message}'
    assert answer.json["details"] == {"name": "set", "group": "example.com", "kind": "Widget", "causes": [cause]}


def test_replicas_that_somebody_owned_are_taken_over(widgets: Caller) -> None:
    """A write of the scale makes an entry of subresource scale, without a time, when the replicas were owned."""
    widgets.ok("PATCH", f"{WIDGETS}/set/scale?fieldManager=scaler", {"spec": {"replicas": 5}}, **MERGE)
    found = widgets.ok("GET", f"{WIDGETS}/set")
    assert ("scaler", "scale") in managers(found)
    entry = next(one for one in found["metadata"]["managedFields"] if one["manager"] == "scaler")
    assert "time" not in entry


def test_replicas_that_nobody_owned_stay_without_an_owner(widgets: Caller) -> None:
    """To the server such a Scale never had managed fields, so a write of it records none."""
    for replicas in (3, 4):
        widgets.ok("PATCH", f"{WIDGETS}/unset/scale?fieldManager=scaler", {"spec": {"replicas": replicas}}, **MERGE)
    assert managers(widgets.ok("GET", f"{WIDGETS}/unset")) == [("maker", "")]


def test_defaulted_replicas_of_a_deployment_stay_without_an_owner(call: Caller) -> None:
    """It is so for built-in kinds, too: replicas that an apply left to the default belong to nobody after a scale."""
    web = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"app": "a"}}, "template": template()},
    }
    call.ok("PATCH", f"{APPS}/deployments/web?fieldManager=applier", web, **APPLY)
    call.ok("PATCH", f"{APPS}/deployments/web/scale?fieldManager=scaler", {"spec": {"replicas": 4}}, **MERGE)
    assert managers(call.ok("GET", f"{APPS}/deployments/web")) == [("applier", "")]
