"""Answers a kube-apiserver 1.36.2 gave to writes of stored objects, to subresources and to odd requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from testing.calling import CRDS, WIDGETS, definition
from testing.unrecorded import APPLY, APPS, BATCH, MERGE, STRATEGIC, N, Step, invalid, named, run, template

if TYPE_CHECKING:
    from testing.calling import Caller

NEGATIVE = "Invalid value: -1: must be greater than or equal to 0"
SELECTED = {"selector": {"matchLabels": {"app": "a"}}, "template": template()}
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}


@pytest.mark.parametrize(
    "path", ["/api/v1/bindings", "/apis/authorization.k8s.io/v1/localsubjectaccessreviews"], ids=["bindings", "reviews"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_posted_to_namespaces_has_no_route_without_one(call: Caller, method: str, path: str) -> None:
    """Bindings and local reviews of no namespace are not found, whatever the method."""
    answer = call(method, path, {})
    assert (answer.status, answer.json["message"]) == (404, "the server could not find the requested resource")


def test_pods_name_priority_classes_that_are_there(call: Caller) -> None:
    """The Priority admission plug-in refuses unknown classes and numbers that are not the class's."""
    pods = f"{N}/pods?dryRun=All"
    admitted = "must not be provided in pod spec; priority admission controller computed"

    def pod(**spec: Any) -> dict[str, Any]:
        return named("p", spec={"containers": [{"name": "c", "image": "i"}], **spec})

    def refused(title: str, why: str, **spec: Any) -> Step:
        return Step(title, "POST", pods, pod(**spec), code=403, message=f'pods "p" is forbidden: {why}')

    run(
        call,
        refused("unknown", "no PriorityClass with name nope was found", priorityClassName="nope"),
        refused(
            "number",
            f"the integer value of priority (5) {admitted} 0 from the given PriorityClass name",
            priority=5,
        ),
        refused(
            "policy",
            f"the string value of PreemptionPolicy (Never) {admitted} PreemptLowerPriority from the given "
            "PriorityClass name",
            preemptionPolicy="Never",
        ),
        refused("runtime", 'pod rejected: RuntimeClass "nope" not found', runtimeClassName="nope"),
        Step(
            "system",
            "POST",
            pods,
            pod(priorityClassName="system-node-critical"),
            values={"spec.priority": 2_000_001_000},
        ),
    )


def test_a_default_priority_class_is_taken_and_stays_alone(call: Caller) -> None:
    """Pods without a class get the default one, of which there can be one only."""
    classes = "/apis/scheduling.k8s.io/v1/priorityclasses"
    pod = named("p", spec={"containers": [{"name": "c", "image": "i"}]})
    run(
        call,
        Step("default", "POST", classes, named("usual", value=7, globalDefault=True)),
        Step("pod", "POST", f"{N}/pods", pod, values={"spec.priority": 7, "spec.priorityClassName": "usual"}),
        Step(
            "second",
            "POST",
            classes,
            named("other", value=8, globalDefault=True),
            code=403,
            message='priorityclasses.scheduling.k8s.io "other" is forbidden: PriorityClass usual is already marked as '
            "default. Only one default can exist",
        ),
    )


def test_tables_hold_what_can_be_asked_for(call: Caller) -> None:
    """What rows hold of their objects is one of three words; v1beta1 of meta.k8s.io is a version of its own."""
    path = f"{N}/configmaps"
    bad = call("GET", f"{path}?includeObject=Bad", Accept=TABLE["Accept"])
    assert bad.status == 400
    assert bad.json["message"] == (
        "Unable to convert to Table as requested: includeObject: Invalid value: \"Bad\": must be 'Metadata', 'Object', "
        "'None', or empty"
    )
    call.ok("POST", path, named("c"))
    old = call.ok("GET", path, Accept=TABLE["Accept"].replace("v=v1", "v=v1beta1"))
    assert {old["apiVersion"], old["rows"][0]["object"]["apiVersion"]} == {"meta.k8s.io/v1beta1"}


def test_scales_have_tables(call: Caller) -> None:
    """The scale of a workload is shown as such when a table is asked for."""
    call.ok("POST", f"{APPS}/deployments", named("d", spec={**SELECTED, "replicas": 3}))
    found = call.ok("GET", f"{APPS}/deployments/d/scale", Accept=TABLE["Accept"])
    assert [column["name"] for column in found["columnDefinitions"]] == ["Name", "Desired", "Available", "Age"]
    assert found["rows"][0]["cells"][:3] == ["d", 3, 0]


def test_statuses_of_workloads_are_checked(call: Caller) -> None:
    """No count is below zero, no part of the replicas larger than all of them, finished pods stay finished."""
    more = "cannot be greater than status.replicas"

    def status(kind: str, name: str, *causes: str, **counts: int) -> Step:
        return invalid(f"{kind} {counts}", "PATCH", f"{kind}/{name}/status", {"status": counts}, *causes, **MERGE)

    deployments, jobs = f"{APPS}/deployments", f"{BATCH}/jobs"
    run(
        call,
        Step("deployment", "POST", deployments, named("d", spec=SELECTED)),
        status(deployments, "d", f"status.updatedReplicas: {NEGATIVE}", updatedReplicas=-1),
        status(
            deployments,
            "d",
            f"status.availableReplicas: Invalid value: 5: {more}",
            "status.availableReplicas: Invalid value: 5: cannot be greater than readyReplicas",
            availableReplicas=5,
        ),
        Step("set", "POST", f"{APPS}/statefulsets", named("s", spec=SELECTED)),
        status(f"{APPS}/statefulsets", "s", f"status.currentReplicas: Invalid value: 5: {more}", currentReplicas=5),
        Step("job", "POST", jobs, named("j", spec={"template": template(restartPolicy="Never")})),
        Step("done", "PATCH", f"{jobs}/j/status", {"status": {"succeeded": 2}}, MERGE, code=200),
        status(
            jobs,
            "j",
            "status.succeeded: Invalid value: 1: cannot decrease the succeeded counter",
            succeeded=1,
        ),
    )


def test_a_resize_changes_cpu_and_memory_alone(call: Caller) -> None:
    """Within the pod's class, of the containers there are; the rest of the pod is not looked at."""
    resources = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2"}}
    pod = named("p", spec={"containers": [{"name": "c", "image": "i", "resources": resources}]})

    def resized(**container: Any) -> dict[str, Any]:
        return {"spec": {"containers": [{"name": "c", **container}]}}

    path = f"{N}/pods/p/resize"
    run(
        call,
        Step("pod", "POST", f"{N}/pods", pod),
        invalid(
            "class",
            "PATCH",
            path,
            resized(resources={"requests": {"cpu": "2"}, "limits": {"memory": "1Gi"}}),
            'spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing',
            **STRATEGIC,
        ),
        invalid(
            "removed",
            "PATCH",
            path,
            resized(resources={"requests": {"memory": None}}),
            "spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed",
            **STRATEGIC,
        ),
        invalid(
            "other",
            "PATCH",
            path,
            resized(resources={"requests": {"ephemeral-storage": "1Gi"}}),
            "spec: Forbidden: only cpu and memory resources are mutable",
            **STRATEGIC,
        ),
        invalid(
            "added",
            "PATCH",
            path,
            resized(name="d", image="i"),
            "spec.containers: Forbidden: containers may not be added or removed on resize",
            **STRATEGIC,
        ),
        Step("image", "PATCH", path, resized(image="other"), STRATEGIC, 200, values={"spec.containers.0.image": "i"}),
        Step(
            "more",
            "PATCH",
            path,
            resized(resources={"requests": {"cpu": "1500m"}}),
            STRATEGIC,
            200,
            values={"spec.containers.0.resources.requests.cpu": "1500m"},
        ),
    )


def test_a_pod_behind_gates_only_gets_fewer_nodes(call: Caller) -> None:
    """While it waits its node selector may grow; gates only go; the rest of the spec stays."""
    spec = {
        "containers": [{"name": "c", "image": "i"}],
        "schedulingGates": [{"name": "a.b/g"}],
        "nodeSelector": {"a": "b"},
    }
    path = f"{N}/pods/p"
    run(
        call,
        Step("pod", "POST", f"{N}/pods", named("p", spec=spec)),
        invalid(
            "other node",
            "PATCH",
            path,
            {"spec": {"nodeSelector": {"a": "c"}}},
            'spec.nodeSelector: Invalid value: {"a":"c"}: only additions to spec.nodeSelector are allowed (no '
            "mutations or deletions)",
            **MERGE,
        ),
        invalid(
            "new gate",
            "PATCH",
            path,
            {"spec": {"schedulingGates": [{"name": "a.b/g"}, {"name": "a.b/h"}]}},
            "spec.schedulingGates[1].name: Forbidden: only deletion is allowed, but found new scheduling gate 'a.b/h'",
            **MERGE,
        ),
        Step("more", "PATCH", path, {"spec": {"nodeSelector": {"c": "d"}}}, MERGE, code=200),
        Step("goes", "PATCH", path, {"spec": {"schedulingGates": None}}, MERGE, code=200),
    )


def test_applies_of_what_is_not_there_with_an_identity(call: Caller) -> None:
    """A uid is a precondition nothing can meet; a resourceVersion is not looked at."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "uid": "1-2"}}
    versioned = {**body, "metadata": {"name": "c", "resourceVersion": "1"}}
    path = f"{N}/configmaps/c?fieldManager=m"
    run(
        call,
        Step(
            "uid",
            "PATCH",
            path,
            body,
            APPLY,
            code=409,
            message='Operation cannot be fulfilled on configmaps "c": uid mismatch: the provided object specified uid '
            "1-2, and no existing object was found",
        ),
        Step("version", "PATCH", path, versioned, APPLY),
    )


def test_custom_objects_stay_what_they_are(call: Caller) -> None:
    """A patch to another kind or version is refused as invalid, under the name it gave itself."""
    call.ok("POST", CRDS, definition())
    call.ok("POST", WIDGETS, {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}})
    answer = call("PATCH", f"{WIDGETS}/w", {"kind": "Gadget"}, **MERGE)
    assert answer.status == 422
    assert answer.json["message"] == 'Gadget.example.com "w" is invalid: kind: Invalid value: "Gadget": must be Widget'
    answer = call("PATCH", f"{WIDGETS}/w", {"apiVersion": "example.com/v2"}, **MERGE)
    assert answer.json["details"]["causes"] == [
        {
            "reason": "FieldValueInvalid",
            "message": 'Invalid value: "example.com/v2": must be example.com/v1',
            "field": "apiVersion",
        }
    ]


def test_token_requests_name_their_account_or_nothing(call: Caller) -> None:
    """Another name is refused; what a token is bound to must be there and of a kind that can hold it."""
    call.ok("POST", f"{N}/serviceaccounts", named("s"))
    path = f"{N}/serviceaccounts/s/token"
    pod, other = ({"kind": kind, "apiVersion": "v1", "name": "nope"} for kind in ("Pod", "Foo"))
    run(
        call,
        invalid(
            "name",
            "POST",
            path,
            named("other"),
            'metadata.name: Invalid value: "other": must match the service account name if specified',
        ),
        Step("pod", "POST", path, {"spec": {"boundObjectRef": pod}}, code=404, message='pods "nope" not found'),
        Step(
            "kind",
            "POST",
            path,
            {"spec": {"boundObjectRef": other}},
            code=400,
            message="cannot bind token to object of type /v1, Kind=Foo",
        ),
    )


def test_repeated_owners_are_told_once(call: Caller) -> None:
    """Of equal owner references one is kept, with a warning."""
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u"}
    answer = call("POST", f"{N}/configmaps", {"metadata": {"name": "c", "ownerReferences": [owner, owner]}})
    assert answer.json["metadata"]["ownerReferences"] == [owner]
    assert "duplicate UID(s) observed: u" in answer.headers["warning"]


def test_warnings_come_with_refusals_too(call: Caller) -> None:
    """A deprecated resource is warned about also where the request fails."""
    answer = call("POST", f"{N}/endpoints", named("e", subsets=[{}]))
    assert answer.status == 422
    assert "v1 Endpoints is deprecated" in answer.headers["warning"]
