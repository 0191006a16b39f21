"""Garbage collector, namespace controller, pod collector, and CRDs coming and going."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from dynkube.testing import APIServer
from testing.calling import CMS, CRDS, WIDGET, WIDGETS, Caller, Stream, config_map, definition, pod

if TYPE_CHECKING:
    from collections.abc import Callable

PODS = "/api/v1/namespaces/default/pods"


def eventually(condition: Callable[[], Any], seconds: float = 5.0) -> bool:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.01)
    return True


def gone(call: Caller, path: str) -> bool:
    """Wait until nothing is at a path."""
    return eventually(lambda: call("GET", path).status == 404)


def owned(name: str, owner: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a ConfigMap that belongs to another object."""
    metadata = owner["metadata"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": metadata["name"], "uid": metadata["uid"], **more}
    return config_map(name, ownerReferences=[reference])


def test_dependents_go_with_their_owner(call: Caller) -> None:
    """Background deletion: the owner goes at once, what it owns soon after, and what that owns too."""
    owner = call.ok("POST", CMS, config_map("owner"))
    child = call.ok("POST", CMS, owned("child", owner))
    call.ok("POST", CMS, owned("grandchild", child))
    call.ok("DELETE", f"{CMS}/owner")
    assert gone(call, f"{CMS}/child")
    assert gone(call, f"{CMS}/grandchild")


def test_an_object_with_another_owner_stays(call: Caller) -> None:
    """Only the reference to the owner that has gone is dropped."""
    one, two = (call.ok("POST", CMS, config_map(name)) for name in ("one", "two"))
    child = owned("child", one)
    child["metadata"]["ownerReferences"] += owned("x", two)["metadata"]["ownerReferences"]
    call.ok("POST", CMS, child)
    call.ok("DELETE", f"{CMS}/one")

    def owners() -> list[str]:
        metadata = call.ok("GET", f"{CMS}/child")["metadata"]
        return [reference["name"] for reference in metadata["ownerReferences"]]

    assert eventually(lambda: owners() == ["two"])


def test_an_object_whose_owner_never_was_is_collected(call: Caller) -> None:
    """A reference to an unknown uid is a reference to an owner that has gone."""
    call.ok("POST", CMS, owned("lost", {"metadata": {"name": "x", "uid": "no-such-uid"}}))
    assert gone(call, f"{CMS}/lost")


def test_orphaning_keeps_dependents_without_their_owner(call: Caller) -> None:
    """With Orphan the owner goes and the child forgets it."""
    owner = call.ok("POST", CMS, config_map("owner"))
    call.ok("POST", CMS, owned("child", owner))
    held = call.ok("DELETE", f"{CMS}/owner?propagationPolicy=Orphan")
    assert held["metadata"]["finalizers"] == ["orphan"]
    assert gone(call, f"{CMS}/owner")
    assert "ownerReferences" not in call.ok("GET", f"{CMS}/child")["metadata"]


def test_foreground_deletion_waits_for_blocking_dependents(call: Caller) -> None:
    """The owner stays until the dependent that blocks it has let go of its own finalizer."""
    owner = call.ok("POST", CMS, config_map("owner"))
    child = owned("child", owner, blockOwnerDeletion=True)
    child["metadata"]["finalizers"] = ["example.com/hold"]
    call.ok("POST", CMS, child)
    call.ok("DELETE", f"{CMS}/owner?propagationPolicy=Foreground")
    assert eventually(lambda: "deletionTimestamp" in call.ok("GET", f"{CMS}/child")["metadata"])
    assert call("GET", f"{CMS}/owner").status == 200
    patch = {"metadata": {"finalizers": None}}
    call.ok("PATCH", f"{CMS}/child", patch, Content_Type="application/merge-patch+json")
    assert gone(call, f"{CMS}/owner")


def test_a_deleted_namespace_empties_itself_and_goes(call: Caller) -> None:
    """Custom objects and pods on nodes included; nothing new gets in meanwhile."""
    call.ok("POST", CRDS, definition())
    call.ok("POST", "/api/v1/namespaces", {"metadata": {"name": "doomed"}})
    inside = "/api/v1/namespaces/doomed"
    call.ok("POST", f"{inside}/configmaps", config_map("a"))
    call.ok("POST", f"{inside}/pods", pod("p", nodeName="n1"))
    call.ok("POST", WIDGETS.replace("default", "doomed"), {**WIDGET, "metadata": {"name": "w"}})
    assert call.ok("DELETE", inside)["status"]["phase"] == "Terminating"
    assert call("POST", f"{inside}/configmaps", config_map("b")).status in (403, 404)
    assert gone(call, inside)
    assert call.ok("GET", "/apis/example.com/v1/widgets")["items"] == []


def test_a_finalizer_inside_holds_the_namespace_and_the_status_says_so(call: Caller) -> None:
    """The namespace tells what remains, and goes as soon as that is released."""
    call.ok("POST", "/api/v1/namespaces", {"metadata": {"name": "held"}})
    maps = "/api/v1/namespaces/held/configmaps"
    call.ok("POST", maps, config_map("a", finalizers=["example.com/hold"]))
    call.ok("DELETE", "/api/v1/namespaces/held")

    def conditions() -> dict[str, str]:
        status = call.ok("GET", "/api/v1/namespaces/held")["status"]
        return {one["type"]: one["message"] for one in status.get("conditions", ())}

    assert eventually(lambda: "NamespaceFinalizersRemaining" in conditions())
    assert "example.com/hold in 1 resource instances" in conditions()["NamespaceFinalizersRemaining"]
    patch = {"metadata": {"finalizers": None}}
    call.ok("PATCH", f"{maps}/a", patch, Content_Type="application/merge-patch+json")
    assert gone(call, "/api/v1/namespaces/held")


def test_a_held_namespace_has_the_five_conditions_of_its_controller(call: Caller) -> None:
    """In a real controller's order: three about failures, which are False, then what remains and what holds it."""
    call.ok("POST", "/api/v1/namespaces", {"metadata": {"name": "held"}})
    call.ok("POST", "/api/v1/namespaces/held/configmaps", config_map("a", finalizers=["example.com/hold"]))
    call.ok("DELETE", "/api/v1/namespaces/held")

    def namespace() -> Any:
        return call.ok("GET", "/api/v1/namespaces/held")

    assert eventually(lambda: "conditions" in namespace()["status"])
    found = namespace()
    assert [(one["type"], one["status"], one["reason"]) for one in found["status"]["conditions"]] == [
        ("NamespaceDeletionDiscoveryFailure", "False", "ResourcesDiscovered"),
        ("NamespaceDeletionGroupVersionParsingFailure", "False", "ParsedGroupVersions"),
        ("NamespaceDeletionContentFailure", "False", "ContentDeleted"),
        ("NamespaceContentRemaining", "True", "SomeResourcesRemain"),
        ("NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain"),
    ]
    (entry,) = [one for one in found["metadata"]["managedFields"] if one["manager"] == "kube-controller-manager"]
    assert entry["subresource"] == "status"


def test_a_terminating_pod_without_a_node_is_collected(call: Caller) -> None:
    """No kubelet will ever report it stopped."""
    call.ok("POST", PODS, pod("p", nodeName="no-such-node"))
    assert "deletionTimestamp" in call.ok("DELETE", f"{PODS}/p")["metadata"]
    assert gone(call, f"{PODS}/p")


def test_controllers_can_be_turned_off() -> None:
    """Then everything stays as the request left it, as on a bare kube-apiserver."""
    with APIServer(controllers=False) as server:
        call = Caller(server.url)
        owner = call.ok("POST", CMS, config_map("owner"))
        call.ok("POST", CMS, owned("child", owner))
        call.ok("DELETE", f"{CMS}/owner")
        assert call("GET", f"{CMS}/child").status == 200
        call.ok("POST", "/api/v1/namespaces", {"metadata": {"name": "n"}})
        call.ok("DELETE", "/api/v1/namespaces/n")
        assert call.ok("GET", "/api/v1/namespaces/n")["status"]["phase"] == "Terminating"
        assert call.ok("DELETE", "/api/v1/namespaces/n")["status"]["phase"] == "Terminating"


def test_a_definition_is_served_as_soon_as_it_is_created(call: Caller) -> None:
    """Discovery, both forms, and the resource itself, right after the POST."""
    names = {"kind": "Widget", "plural": "widgets", "shortNames": ["wd"], "categories": ["all"]}
    call.ok("POST", CRDS, definition(names=names))
    listed = call.ok("GET", "/apis/example.com/v1")["resources"]
    assert [entry["name"] for entry in listed] == ["widgets"]
    assert listed[0]["shortNames"] == ["wd"]
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    groups = call.ok("GET", "/apis", Accept=accept)["items"]
    assert groups[-1]["metadata"]["name"] == "example.com"
    assert call.ok("POST", WIDGETS, {**WIDGET, "metadata": {"name": "w"}, "spec": {}})["spec"] == {"size": 3}
    assert "apis/example.com/v1" in call.ok("GET", "/openapi/v3")["paths"]


def test_aggregated_discovery_is_revalidated_by_its_etag(call: Caller) -> None:
    """The same ETag means 304; a new definition changes it."""
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    etag = call("GET", "/apis", Accept=accept).headers["etag"]
    assert call("GET", "/apis", Accept=accept, If_None_Match=etag).status == 304
    call.ok("POST", CRDS, definition())
    assert call("GET", "/apis", Accept=accept, If_None_Match=etag).status == 200


def test_a_second_definition_of_a_name_is_not_accepted(call: Caller) -> None:
    """Two CRDs of a group cannot have one kind; the second says so in its conditions and is not served."""
    call.ok("POST", CRDS, definition())
    call.ok("POST", CRDS, definition("Widget", "gadgets"))
    status = call.ok("GET", f"{CRDS}/gadgets.example.com")["status"]
    states = {one["type"]: (one["status"], one["reason"]) for one in status["conditions"]}
    assert states == {"NamesAccepted": ("False", "ListKindConflict"), "Established": ("False", "NotAccepted")}
    assert status["acceptedNames"] == {"plural": "gadgets", "kind": ""}
    assert call("GET", "/apis/example.com/v1/gadgets").status == 404


def test_a_version_can_be_taken_out_of_service(call: Caller) -> None:
    """An update of the definition changes what is served at once."""
    crd = definition()
    version = crd["spec"]["versions"][0]
    crd["spec"]["versions"].append({**version, "name": "v2", "storage": False})
    stored = call.ok("POST", CRDS, crd)
    call.ok("POST", WIDGETS, {**WIDGET, "metadata": {"name": "w"}})
    assert call.ok("GET", WIDGETS.replace("/v1/", "/v2/") + "/w")["apiVersion"] == "example.com/v2"
    path = f"{CRDS}/{stored['metadata']['name']}"
    operations = [{"op": "replace", "path": "/spec/versions/1/served", "value": False}]
    call.ok("PATCH", path, operations, Content_Type="application/json-patch+json")
    assert call("GET", WIDGETS.replace("/v1/", "/v2/")).status == 404
    assert call.ok("GET", f"{WIDGETS}/w")["apiVersion"] == "example.com/v1"


def test_a_definition_waits_for_objects_with_finalizers(call: Caller) -> None:
    """It stays Terminating, takes no new objects, and goes with the last one."""
    call.ok("POST", CRDS, definition())
    call.ok("POST", WIDGETS, {**WIDGET, "metadata": {"name": "w", "finalizers": ["example.com/hold"]}})
    call.ok("DELETE", f"{CRDS}/widgets.example.com")
    assert "deletionTimestamp" in call.ok("GET", f"{WIDGETS}/w")["metadata"]
    assert call("POST", WIDGETS, {**WIDGET, "metadata": {"name": "x"}}).status == 403
    patch = {"metadata": {"finalizers": None}}
    call.ok("PATCH", f"{WIDGETS}/w", patch, Content_Type="application/merge-patch+json")
    assert call("GET", f"{CRDS}/widgets.example.com").status == 404
    assert call("GET", WIDGETS).status == 404


def test_what_the_server_needs_itself_comes_back(call: Caller) -> None:
    """The kubernetes service and the system's namespaces are made again when somebody deletes them."""
    service = call.ok("GET", "/api/v1/namespaces/default/services/kubernetes")
    call.ok("DELETE", "/api/v1/namespaces/default/services/kubernetes")
    with Stream(call, "/api/v1/namespaces/default/services?watch=1&fieldSelector=metadata.name%3Dkubernetes") as stream:
        event = stream.next()
    assert event["type"] == "ADDED"
    assert event["object"]["spec"]["clusterIP"] == service["spec"]["clusterIP"]
    assert event["object"]["metadata"]["uid"] != service["metadata"]["uid"]
