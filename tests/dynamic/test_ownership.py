"""`owned_fields`: what a manager applied is found again, so that it can be changed and applied."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest

from dynkube import owned_fields
from dynkube.errors import InvalidRequestError

if TYPE_CHECKING:
    from dynkube.dynamic import DynamicClient
    from dynkube.objects import JSONObject

ME = "me"
LABELS = {"app": "web"}
CONTAINER: JSONObject = {
    "name": "main",
    "image": "registry.example/main:1",
    "args": ["--fast", "--fast"],
    "env": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}],
    "ports": [
        {"containerPort": 53, "protocol": "UDP"},
        {"containerPort": 53, "protocol": "TCP"},
        {"containerPort": 80},
    ],
    "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}],
}
CONFIG_MAP: JSONObject = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "a"},
    "data": {"x": "1", "y.z": "2"},
}
DEPLOYMENT: JSONObject = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "labels": LABELS},
    "spec": {
        "replicas": 0,
        "selector": {"matchLabels": LABELS},
        "strategy": {"rollingUpdate": {"maxSurge": "10%"}},
        "template": {
            "metadata": {"labels": LABELS},
            "spec": {
                "containers": [CONTAINER, {"name": "second", "image": "x"}],
                "nodeSelector": {"disk": "fast"},
                "tolerations": [{"key": "a", "operator": "Exists"}],
                "volumes": [{"name": "scratch", "emptyDir": {}}],
            },
        },
    },
}
#: Objects of which everything that was applied is to be found again: maps, lists by keys, sets, whole values.
APPLIED: list[JSONObject] = [
    CONFIG_MAP,
    {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "a",
            "labels": {"a.example/b": "c"},
            "annotations": {"n": ""},
            "finalizers": ["example.com/b", "example.com/a"],
        },
        "immutable": False,
    },
    DEPLOYMENT,
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {
            "selector": LABELS,
            "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "web", "port": 80}],
        },
    },
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "ownership-test"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}],
    },
    {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "web"},
        "spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}},
    },
]


def applied(dyn: DynamicClient, obj: JSONObject, manager: str = ME) -> JSONObject:
    """Apply an object and return it as stored."""
    return dyn.for_object(obj).apply(obj, field_manager=manager)


@pytest.mark.parametrize("obj", APPLIED, ids=lambda obj: obj["kind"])
def test_what_was_applied_is_found(dyn: DynamicClient, obj: JSONObject) -> None:
    """Nothing of it is missing, nothing that defaults or the server added is there, and lists keep their order."""
    stored = applied(dyn, obj)
    found = owned_fields(stored, ME)
    assert found["metadata"].pop("namespace", None) == stored["metadata"].get("namespace")
    assert found == obj


@pytest.mark.parametrize("obj", APPLIED, ids=lambda obj: obj["kind"])
def test_applied_again_it_changes_nothing(dyn: DynamicClient, obj: JSONObject) -> None:
    """Also when somebody else has written other fields meanwhile."""
    view = dyn.for_object(obj)
    applied(dyn, obj)
    theirs = view.patch(obj["metadata"]["name"], {"metadata": {"labels": {"theirs": "1"}}}, field_manager="another")
    again = applied(dyn, owned_fields(theirs, ME))
    assert again == theirs


def test_change_and_apply(dyn: DynamicClient) -> None:
    """One value is changed, one removed; what others own stays."""
    stored = applied(dyn, CONFIG_MAP)
    dyn.resource("v1", "configmaps").patch("a", {"data": {"theirs": "1"}}, field_manager="another")
    mine = owned_fields(stored, ME)
    mine["data"]["x"] = "changed"
    del mine["data"]["y.z"]
    assert applied(dyn, mine)["data"] == {"x": "changed", "theirs": "1"}


def test_values_are_those_of_now(dyn: DynamicClient) -> None:
    """What the manager still owns is told with the value it has."""
    applied(dyn, CONFIG_MAP)
    force = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "theirs"}}
    stored = dyn.for_object(force).apply(force, field_manager="another", force=True)
    assert owned_fields(stored, ME)["data"] == {"y.z": "2"}
    assert owned_fields(stored, "another")["data"] == {"x": "theirs"}


def test_parts_of_an_item(dyn: DynamicClient) -> None:
    """Of an item of a list that several own, only what is the manager's, and the keys that name it."""
    applied(dyn, DEPLOYMENT)
    container = {"name": "main", "workingDir": "/srv"}
    theirs = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }
    stored = applied(dyn, theirs, "another")
    found = owned_fields(stored, "another")
    assert found["spec"] == theirs["spec"]
    assert "workingDir" not in owned_fields(stored, ME)["spec"]["template"]["spec"]["containers"][0]


@pytest.mark.parametrize("manager", ["nobody", "writer"])
def test_who_applied_nothing(dyn: DynamicClient, manager: str) -> None:
    """Who applied nothing owns a name alone: what was created or updated is not meant, as in client-go."""
    made = dyn.resource("v1", "configmaps").create(CONFIG_MAP, field_manager="writer")
    identity = {"name": "a", "namespace": dyn.config.namespace}
    assert owned_fields(made, manager) == {"apiVersion": "v1", "kind": "ConfigMap", "metadata": identity}


def test_a_subresource(dyn: DynamicClient) -> None:
    """What was applied to the status is the status's."""
    view = dyn.resource("apps/v1", "deployments")
    applied(dyn, DEPLOYMENT)
    status = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "status": {"replicas": 3}}
    stored = view.apply_status(status, field_manager=ME)
    assert owned_fields(stored, ME, subresource="status")["status"] == {"replicas": 3}
    assert "spec" not in owned_fields(stored, ME, subresource="status")
    assert "status" not in owned_fields(stored, ME)


def test_the_object_is_not_shared(dyn: DynamicClient) -> None:
    """Changing what is returned changes nothing of the object, which may be an informer's."""
    stored = applied(dyn, DEPLOYMENT)
    before = copy.deepcopy(stored)
    found = owned_fields(stored, ME)
    found["spec"]["template"]["spec"]["containers"][0]["args"].append("x")
    found["spec"]["template"]["spec"]["nodeSelector"]["x"] = "y"
    found["metadata"]["labels"]["x"] = "y"
    assert stored == before


@pytest.mark.parametrize("metadata", [{"name": "a"}, {"name": "a", "managedFields": None}, None])
def test_an_object_that_does_not_say(metadata: Any) -> None:
    """Without managedFields nothing would be owned, and the next apply remove everything: refused."""
    with pytest.raises(InvalidRequestError, match=r"no metadata\.managedFields"):
        owned_fields({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}, ME)


def test_another_version(dyn: DynamicClient) -> None:
    """Fields recorded in another version may be called otherwise in this one: refused, with the way out."""
    autoscaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
    }
    applied(dyn, autoscaler)
    read = dyn.resource("autoscaling/v1", "horizontalpodautoscalers").get("web")
    with pytest.raises(InvalidRequestError, match=r"applied this object as autoscaling/v2, .* read as autoscaling/v1"):
        owned_fields(read, ME)
