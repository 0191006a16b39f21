"""Reads, writes, deletes and watches beyond what the transcripts recorded."""

from __future__ import annotations

import base64
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from testing.calling import CMS, CRDS, WIDGET, WIDGETS, Caller, Stream, config_map, definition, pod

if TYPE_CHECKING:
    from dynkube.testing import APIServer

PODS = "/api/v1/namespaces/default/pods"
MERGE = "application/merge-patch+json"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"


def fill(call: Caller, count: int) -> None:
    """Create that many ConfigMaps."""
    for number in range(count):
        call.ok("POST", CMS, config_map(f"c{number:02}"))


def names(answer: dict[str, Any]) -> list[str]:
    """Return the names of a list."""
    return [item["metadata"]["name"] for item in answer["items"]]


def test_an_expired_continue_token_offers_an_inconsistent_rest(server: APIServer, call: Caller) -> None:
    """410 with a fresh token; with that the list goes on from the same key in the present state."""
    fill(call, 5)
    page = call.ok("GET", f"{CMS}?limit=2")
    server.compact()
    call.ok("POST", CMS, config_map("c99"))
    server.compact()
    expired = call("GET", f"{CMS}?limit=2&continue={page['metadata']['continue']}")
    assert expired.status == 410
    assert expired.json["reason"] == "Expired"
    rest = call.ok("GET", f"{CMS}?limit=10&continue={expired.json['metadata']['continue']}")
    assert names(rest) == ["c02", "c03", "c04", "c99"]


def test_pages_across_namespaces_cover_everything_once(call: Caller) -> None:
    """Continue tokens work over all namespaces, whose order is that of storage paths."""
    for namespace in ("a", "a-b", "b"):
        call.ok("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        for name in ("x", "y"):
            call.ok("POST", f"/api/v1/namespaces/{namespace}/configmaps", config_map(name))
    found: list[tuple[str, str]] = []
    token = ""
    while True:
        page = call.ok("GET", f"/api/v1/configmaps?limit=1&continue={token}")
        found += [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in page["items"]]
        token = page["metadata"].get("continue", "")
        if not token:
            break
    assert found == [(n, name) for n in ("a-b", "a", "b") for name in ("x", "y")]


def test_a_list_at_an_exact_version_needs_that_version(server: APIServer, call: Caller) -> None:
    """Exact versions are answered as they were, and 410 once compacted away."""
    fill(call, 2)
    version = call.ok("GET", CMS)["metadata"]["resourceVersion"]
    call.ok("DELETE", f"{CMS}/c00")
    query = f"?resourceVersion={version}&resourceVersionMatch=Exact"
    assert names(call.ok("GET", CMS + query)) == ["c00", "c01"]
    server.compact()
    assert call("GET", CMS + query).status == 410


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("limit=x", 400),
        ("continue=%00", 400),
        ("resourceVersion=-1", 400),
        ("resourceVersion=5&resourceVersionMatch=Sideways", 422),
        ("resourceVersion=0&resourceVersionMatch=Exact", 422),
        ("sendInitialEvents=true", 422),
        ("labelSelector=a in (", 400),
        ("fieldSelector=metadata.name", 400),
        ("watch=1&continue=x", 422),
        ("watch=1&timeoutSeconds=soon", 400),
    ],
)
def test_list_options_are_checked(call: Caller, query: str, status: int) -> None:
    """Each wrong option has its answer, worded as a Status."""
    answer = call("GET", f"{CMS}?{query.replace(' ', '%20')}")
    assert (answer.status, answer.json["kind"]) == (status, "Status")


def test_pods_are_selected_by_their_fields(call: Caller) -> None:
    """spec.nodeName and status.phase are selectable, unknown fields are refused."""
    call.ok("POST", PODS, pod("here", nodeName="n1"))
    call.ok("POST", PODS, pod("there", nodeName="n2"))
    assert names(call.ok("GET", f"{PODS}?fieldSelector=spec.nodeName=n1,status.phase=Pending")) == ["here"]
    assert (
        call("GET", f"{PODS}?fieldSelector=spec.color=red").json["message"] == "field label not supported: spec.color"
    )


def test_selectable_fields_of_a_definition_are_selectable(call: Caller) -> None:
    """A CRD names the fields its objects can be selected by."""
    crd = definition()
    crd["spec"]["versions"][0]["selectableFields"] = [{"jsonPath": ".spec.size"}]
    call.ok("POST", CRDS, crd)
    for size in (1, 2):
        call.ok("POST", WIDGETS, {**WIDGET, "metadata": {"name": f"w{size}"}, "spec": {"size": size}})
    assert names(call.ok("GET", f"{WIDGETS}?fieldSelector=spec.size=2")) == ["w2"]


def test_creating_with_a_resource_version_is_refused(call: Caller) -> None:
    """As the real storage does, in its words."""
    answer = call("POST", CMS, config_map("a", resourceVersion="7"))
    assert answer.json["message"] == "resourceVersion should not be set on objects to be created"


def test_a_put_creates_leases_but_not_config_maps(call: Caller) -> None:
    """Create on update is a property of the kind."""
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"}}
    assert call("PUT", f"{LEASES}/l", lease).status == 201
    assert call("PUT", f"{CMS}/c", config_map("c")).status == 404


def test_a_patch_with_a_stale_version_conflicts(call: Caller) -> None:
    """A resourceVersion in a patch is a precondition."""
    old = call.ok("POST", CMS, config_map("a"))["metadata"]["resourceVersion"]
    call.ok("PATCH", f"{CMS}/a", {"data": {"k": "1"}}, Content_Type=MERGE)
    stale = {"metadata": {"resourceVersion": old}, "data": {"k": "2"}}
    assert call("PATCH", f"{CMS}/a", stale, Content_Type=MERGE).status == 409
    assert call.ok("GET", f"{CMS}/a")["data"] == {"k": "1"}


def test_a_dry_run_leaves_no_trace(call: Caller) -> None:
    """Create, update, patch, apply and delete with dryRun=All change nothing and send no event."""
    call.ok("POST", CMS, config_map("a", {"k": "1"}))
    before = call.ok("GET", CMS)
    call.ok("POST", f"{CMS}?dryRun=All", config_map("b"))
    call.ok("PUT", f"{CMS}/a?dryRun=All", config_map("a", {"k": "2"}))
    call.ok("PATCH", f"{CMS}/a?dryRun=All", {"data": {"k": "3"}}, Content_Type=MERGE)
    apply = f"{CMS}/c?dryRun=All&fieldManager=m"
    call.ok("PATCH", apply, config_map("c"), Content_Type="application/apply-patch+yaml")
    call.ok("DELETE", f"{CMS}/a?dryRun=All")
    call.ok("DELETE", f"{CMS}?dryRun=All")
    assert call.ok("GET", CMS) == before


def test_a_scheduled_pod_gets_its_grace_period(call: Caller) -> None:
    """It is marked with a deletionTimestamp in the future; a second delete may shorten it to nothing."""
    call.ok("POST", "/api/v1/nodes", {"metadata": {"name": "n1"}})
    call.ok("POST", PODS, pod("p", nodeName="n1"))
    marked = call.ok("DELETE", f"{PODS}/p?gracePeriodSeconds=50")["metadata"]
    assert marked["deletionGracePeriodSeconds"] == 50
    again = call.ok("DELETE", f"{PODS}/p?gracePeriodSeconds=80")["metadata"]
    assert again["deletionGracePeriodSeconds"] == 50
    assert again["deletionTimestamp"] == marked["deletionTimestamp"]
    call.ok("DELETE", f"{PODS}/p?gracePeriodSeconds=0")
    assert call("GET", f"{PODS}/p").status == 404


def test_deleting_a_job_warns_about_its_pods(call: Caller) -> None:
    """Jobs orphan by default; the server says so in a Warning."""
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"template": template}}
    jobs = "/apis/batch/v1/namespaces/default/jobs"
    call.ok("POST", jobs, job)
    answer = call("DELETE", f"{jobs}/j")
    assert "child pods are preserved by default" in answer.headers["warning"]
    assert answer.json["metadata"]["finalizers"] == ["orphan"]


def test_an_eviction_respects_a_disruption_budget(call: Caller) -> None:
    """With nothing left in the budget the eviction of a running pod is a 429 and the pod stays."""
    call.ok("POST", PODS, {**pod("p"), "metadata": {"name": "p", "labels": {"app": "a"}}})
    call.ok(
        "PATCH",
        f"{PODS}/p/status",
        {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}},
        Content_Type=MERGE,
    )
    budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "a"}}}
    call.ok("POST", budgets, {"metadata": {"name": "b"}, "spec": spec})
    call.ok(
        "PATCH",
        f"{PODS}/p/status",
        {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}},
        Content_Type=MERGE,
    )
    early = call("POST", f"{PODS}/p/eviction", {"metadata": {"name": "p"}})
    assert (early.status, early.headers["retry-after"]) == (429, "10")
    status = {
        "status": {
            "observedGeneration": 1,
            "disruptionsAllowed": 0,
            "currentHealthy": 1,
            "desiredHealthy": 1,
            "expectedPods": 1,
        }
    }
    call.ok("PATCH", f"{budgets}/b/status", status, Content_Type=MERGE)
    refused = call("POST", f"{PODS}/p/eviction", {"metadata": {"name": "p"}})
    assert refused.status == 429
    assert "needs 1 healthy pods and has 1 currently" in refused.json["details"]["causes"][0]["message"]
    assert "deletionTimestamp" not in call.ok("GET", f"{PODS}/p")["metadata"]
    call.ok("PATCH", f"{PODS}/p/status", {"status": {"phase": "Pending"}}, Content_Type=MERGE)
    assert call("POST", f"{PODS}/p/eviction", {"metadata": {"name": "p"}}).status == 201


def test_a_pod_is_bound_once(call: Caller) -> None:
    """Through pods/binding or the bindings of the namespace; a second time is a conflict."""
    binding = {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n1"}}
    call.ok("POST", PODS, pod("p"))
    call.ok("POST", "/api/v1/namespaces/default/bindings", binding)
    assert call.ok("GET", f"{PODS}/p")["spec"]["nodeName"] == "n1"
    assert call("POST", f"{PODS}/p/binding", binding).status == 409


def test_logs_are_what_the_test_scripted(server: APIServer, call: Caller) -> None:
    """set_log decides what a pod's log says; tailLines is honoured."""
    call.ok("POST", PODS, pod("p", nodeName="n1"))
    assert call("GET", f"{PODS}/p/log").status == 404
    server.containers.set_log("default", "p", "one\ntwo\nthree\n")
    assert call("GET", f"{PODS}/p/log").raw == b"one\ntwo\nthree\n"
    assert call("GET", f"{PODS}/p/log?tailLines=1").raw == b"three\n"
    assert call("GET", f"{PODS}/p/log?container=other").status == 400


def test_autoscalers_survive_the_way_through_the_other_version(call: Caller) -> None:
    """What v1 has no field for is kept when an object is written back through v1."""
    metrics = [
        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}},
        {"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}}},
    ]
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}
    spec = {"scaleTargetRef": target, "maxReplicas": 3, "metrics": metrics}
    two = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"
    one = two.replace("v2", "v1")
    call.ok("POST", two, {"metadata": {"name": "h"}, "spec": spec})
    old = call.ok("GET", f"{one}/h")
    assert old["spec"]["targetCPUUtilizationPercentage"] == 50
    old["spec"]["maxReplicas"] = 5
    call.ok("PUT", f"{one}/h", old)
    new = call.ok("GET", f"{two}/h")
    assert new["spec"]["maxReplicas"] == 5
    assert sorted(m["resource"]["name"] for m in new["spec"]["metrics"]) == ["cpu", "memory"]
    assert "annotations" not in new["metadata"]


def test_a_protobuf_body_is_understood(call: Caller) -> None:
    """Kubectl's typed commands send protobuf: the same object as its JSON comes out."""
    sent = base64.b64decode("azhzAAoPCgJ2MRIJQ29uZmlnTWFwEhsKEQoBYRIAGgAiACoAMgA4AEIAEgYKAXgSAXkaACIA")
    kind = "application/vnd.kubernetes.protobuf"
    stored = call.ok("POST", CMS, sent, Content_Type=kind, Accept=f"{kind},application/json")
    assert (stored["metadata"]["name"], stored["data"]) == ("a", {"x": "y"})
    assert call("POST", CMS, b"k8s\x00\xff\xff", Content_Type=kind).status == 400
    assert call("POST", CMS, b"{}", Content_Type=kind).status == 400


def test_a_watch_delivers_while_it_is_open(call: Caller) -> None:
    """Events arrive as they happen, in order, each with its version."""
    version = call.ok("GET", CMS)["metadata"]["resourceVersion"]
    with Stream(call, f"{CMS}?watch=1&resourceVersion={version}&timeoutSeconds=30") as stream:
        call.ok("POST", CMS, config_map("a"))
        assert stream.next()["type"] == "ADDED"
        call.ok("PATCH", f"{CMS}/a", {"data": {"k": "v"}}, Content_Type=MERGE)
        assert stream.next()["object"]["data"] == {"k": "v"}
        call.ok("DELETE", f"{CMS}/a")
        assert stream.next()["type"] == "DELETED"


def test_a_watch_is_told_when_history_is_compacted_under_it(server: APIServer, call: Caller) -> None:
    """From a compacted version a watch starts with an ERROR event of code 410 and ends."""
    version = call.ok("GET", CMS)["metadata"]["resourceVersion"]
    fill(call, 2)
    server.compact()
    answer = call("GET", f"{CMS}?watch=1&resourceVersion={version}")
    assert answer.status == 200
    (event,) = answer.events
    assert event["type"] == "ERROR"
    assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
    assert event["object"]["message"].startswith(f"too old resource version: {version} (")


def test_a_watch_that_is_up_to_date_outlives_a_compaction(server: APIServer, call: Caller) -> None:
    """Compaction takes history, not the present."""
    with Stream(
        call,
        f"{CMS}?watch=1&timeoutSeconds=30&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
        "&allowWatchBookmarks=true",
    ) as stream:
        assert stream.next()["type"] == "BOOKMARK"
        server.compact()
        call.ok("POST", CMS, config_map("a"))
        assert stream.next()["type"] == "ADDED"


def test_a_bookmark_comes_before_a_watch_ends(call: Caller) -> None:
    """With bookmarks allowed, a short watch ends with one at the newest version."""
    version = call.ok("GET", CMS)["metadata"]["resourceVersion"]
    call.ok("POST", "/api/v1/namespaces", {"metadata": {"name": "elsewhere"}})
    newest = call.ok("GET", CMS)["metadata"]["resourceVersion"]
    query = f"?watch=1&resourceVersion={version}&timeoutSeconds=1&allowWatchBookmarks=true"
    events = call("GET", CMS + query).events
    assert [event["type"] for event in events] == ["BOOKMARK"]
    assert events[0]["object"] == {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": newest},
    }


def test_a_watch_ends_with_its_definition(call: Caller) -> None:
    """When a CRD goes, its watches deliver the deletions and end."""
    call.ok("POST", CRDS, definition())
    call.ok("POST", WIDGETS, {**WIDGET, "metadata": {"name": "w"}})
    with Stream(call, f"{WIDGETS}?watch=1&timeoutSeconds=30") as stream:
        assert stream.next()["type"] == "ADDED"
        call.ok("DELETE", f"{CRDS}/widgets.example.com")
        assert b"DELETED" in stream.rest()


def test_writers_and_watchers_agree(call: Caller) -> None:
    """Several writers, several watchers: each watcher sees every change of every object once and in order."""
    version = call.ok("GET", CMS)["metadata"]["resourceVersion"]
    writers, writes = 4, 12
    streams = [Stream(call, f"{CMS}?watch=1&resourceVersion={version}&timeoutSeconds=60") for _ in range(3)]

    def write(number: int) -> None:
        caller = Caller(call.url)
        caller.ok("POST", CMS, config_map(f"w{number}", {"n": "0"}))
        for count in range(1, writes):
            caller.ok("PATCH", f"{CMS}/w{number}", {"data": {"n": str(count)}}, Content_Type=MERGE)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    try:
        for stream in streams:
            seen: dict[str, list[int]] = {}
            versions = []
            for _ in range(writers * writes):
                obj = stream.next()["object"]
                seen.setdefault(obj["metadata"]["name"], []).append(int(obj["data"]["n"]))
                versions.append(int(obj["metadata"]["resourceVersion"]))
            assert all(values == list(range(writes)) for values in seen.values())
            assert versions == sorted(set(versions))
    finally:
        for stream in streams:
            stream.close()
        for thread in threads:
            thread.join(20)


def test_openapi_documents_carry_what_kubectl_looks_for(call: Caller) -> None:
    """The fieldValidation parameter of PATCH, kinds, schemas of CRDs, and a hash in the URL."""
    call.ok("POST", CRDS, definition())
    paths = call.ok("GET", "/openapi/v3")["paths"]
    assert {"api/v1", "apis/apps/v1", "apis/example.com/v1"} <= set(paths)
    document = call.ok("GET", paths["apis/apps/v1"]["serverRelativeURL"])
    operation = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert "fieldValidation" in [parameter["name"] for parameter in operation["parameters"]]
    assert operation["x-kubernetes-group-version-kind"] == {"group": "apps", "kind": "Deployment", "version": "v1"}
    own = call.ok("GET", paths["apis/example.com/v1"]["serverRelativeURL"])
    widget = own["components"]["schemas"]["com.example.v1.Widget"]
    assert widget["properties"]["spec"]["properties"]["size"] == {"type": "integer", "default": 3}
    assert references(own) <= {f"#/components/schemas/{name}" for name in own["components"]["schemas"]}


def references(node: Any) -> set[str]:
    """Return every reference in a document."""
    return {part.split('"')[0] for part in json.dumps(node).split('"$ref": "')[1:]}


def test_openapi_v2_is_there_for_old_clients(call: Caller) -> None:
    """Old kubectl (before 1.27) asks for it in protobuf; the media type of the answer is one that parsers take."""
    call.ok("POST", CRDS, definition())
    document = call.ok("GET", "/openapi/v2")
    definitions = document["definitions"]
    assert definitions["com.example.v1.Widget"]["properties"]["spec"]["properties"]["size"] == {"type": "integer"}
    containers = definitions["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert containers["x-kubernetes-patch-merge-key"] == "name"
    assert {name.removeprefix("#/definitions/") for name in references(document)} <= definitions.keys()
    answer = call("GET", "/openapi/v2", Accept="application/com.github.proto-openapi.spec.v2@v1.0+protobuf")
    assert answer.headers["content-type"] == "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
    assert answer.raw.startswith(b"\n\x032.0")
    assert b"x-kubernetes-group-version-kind" in answer.raw
