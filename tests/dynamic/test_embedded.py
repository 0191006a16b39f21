"""The dynamic client against the embedded server: the main job, end to end."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.errors import (
    AlreadyExists,
    Conflict,
    Expired,
    Invalid,
    NotFound,
    UnsupportedMediaType,
)
from dynkube.testing import APIServer
from dynkube.watch import deleted, jsonpath

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynkube.dynamic import DynamicClient, Resource

CRD: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "shirts.stable.example.com"},
    "spec": {
        "group": "stable.example.com",
        "scope": "Namespaced",
        "names": {"plural": "shirts", "singular": "shirt", "kind": "Shirt", "shortNames": ["sh"]},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {"type": "object", "properties": {"color": {"type": "string"}}},
                            "status": {"type": "object", "properties": {"sold": {"type": "boolean"}}},
                        },
                    }
                },
                "additionalPrinterColumns": [
                    {"name": "Color", "type": "string", "jsonPath": ".spec.color"},
                    {"name": "Sold", "type": "boolean", "jsonPath": ".status.sold", "priority": 1},
                ],
            }
        ],
    },
}


@pytest.fixture
def server() -> Iterator[APIServer]:
    """Return a fresh embedded server."""
    with APIServer() as made:
        yield made


@pytest.fixture
def client(server: APIServer) -> Iterator[DynamicClient]:
    """Return a client of it."""
    with server.client() as made:
        yield made


@pytest.fixture
def config_maps(client: DynamicClient) -> Resource:
    """Return the config maps of the namespace "default"."""
    return client.resource("v1", "configmaps").namespace("default")


def test_discovery_is_two_requests(server: APIServer, client: DynamicClient) -> None:
    """None before the first use, two at it, none afterwards."""
    server.clear_requests()
    client.resource("cm")
    assert len(server.requests) == 0
    client.resource("cm").list()
    client.resource("deploy").list()
    client.resource("networking.k8s.io/v1", "Ingress").list()
    assert len(server.requests) == 5


def test_the_life_of_an_object(config_maps: Resource) -> None:
    """Created, read, replaced, patched in two ways, applied and deleted, each answer being the object as stored."""
    created = config_maps.create({"metadata": {"name": "x"}, "data": {"k": "1"}})
    assert created["metadata"]["uid"]
    with pytest.raises(AlreadyExists):
        config_maps.create({"metadata": {"name": "x"}})
    created["data"]["k"] = "2"
    updated = config_maps.update(created)
    with pytest.raises(Conflict):
        config_maps.update(created)
    assert updated["data"] == {"k": "2"}
    assert config_maps.patch("x", {"data": {"k": None, "j": "3"}})["data"] == {"j": "3"}
    assert config_maps.patch("x", [{"op": "test", "path": "/data/j", "value": "3"}])["data"] == {"j": "3"}
    applied = config_maps.apply({"metadata": {"name": "x"}, "data": {"mine": "4"}}, field_manager="me")
    assert applied["data"] == {"j": "3", "mine": "4"}
    assert config_maps.get("x") == applied
    config_maps.delete("x", uid=applied["metadata"]["uid"])
    assert config_maps.get_or_none("x") is None


def test_dry_run_stores_nothing(config_maps: Resource) -> None:
    """Every verb that writes can be tried."""
    config_maps.create({"metadata": {"name": "x"}}, dry_run=True)
    assert not config_maps.exists("x")
    config_maps.create({"metadata": {"name": "x"}, "data": {"k": "1"}})
    config_maps.patch("x", {"data": {"k": "2"}}, dry_run=True)
    config_maps.apply({"metadata": {"name": "x"}, "data": {"k": "3"}}, field_manager="m", force=True, dry_run=True)
    config_maps.delete("x", dry_run=True)
    assert config_maps.get("x")["data"] == {"k": "1"}


def test_an_object_read_can_be_applied(config_maps: Resource) -> None:
    """ManagedFields of what was read do not get in the way."""
    config_maps.create({"metadata": {"name": "x"}, "data": {"k": "1"}})
    read = config_maps.get("x")
    assert read["metadata"]["managedFields"]
    read["data"]["k"] = "2"
    assert config_maps.apply(read, field_manager="me", force=True)["data"] == {"k": "2"}


@pytest.mark.parametrize("text", ["\x7f", " \x85 ", "x \u2028 y", "\u2029", "\u009f", "\uffff", "\ufeffé😀\\"])
def test_any_text_can_be_applied(config_maps: Resource, text: str) -> None:
    """What is applied comes back as it was: the server reads YAML, to which not every character is a character."""
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "text"}, "data": {"text": text}}
    assert config_maps.apply(body, field_manager="me")["data"] == {"text": text}


def test_any_key_can_be_applied(client: DynamicClient) -> None:
    """YAML's limit of 1,024 characters is none of those who apply objects; custom ones may have such keys."""
    definition = {**CRD, "spec": {**CRD["spec"], "versions": [{**CRD["spec"]["versions"][0]}]}}
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    definition["spec"]["versions"][0]["schema"] = {"openAPIV3Schema": free}
    client.crds().install(definition, field_manager="me")
    shirts = client.resource("shirts.stable.example.com").namespace("default")
    spec = {"k" * 1500: "v", "more": [{"\u00e9" * 1500: {"x": 1}}]}
    assert shirts.apply({"metadata": {"name": "a"}, "spec": spec}, field_manager="me")["spec"] == spec
    path = shirts.path("a")
    request = client.rest.patch("apply").abs_path(path).param("fieldManager", "me")
    body = {"apiVersion": "stable.example.com/v1", "kind": "Shirt", "metadata": {"name": "a"}, "spec": spec}
    assert request.body(body).into()["spec"] == spec


def test_a_conflict_names_the_fields(config_maps: Resource) -> None:
    """Applying another manager's field raises Conflict with one cause a field; force takes it over."""
    config_maps.apply({"metadata": {"name": "x"}, "data": {"k": "1"}}, field_manager="one")
    mine = {"metadata": {"name": "x"}, "data": {"k": "2"}}
    with pytest.raises(Conflict) as caught:
        config_maps.apply(mine, field_manager="two")
    assert [cause["field"] for cause in caught.value.causes] == [".data.k"]
    assert config_maps.apply(mine, field_manager="two", force=True)["data"] == {"k": "2"}


def test_strict_validation_refuses_unknown_fields(client: DynamicClient) -> None:
    """field_validation reaches the server: strict refuses what ignore drops."""
    pods = client.resource("pods").namespace("default")
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i", "imag": "typo"}]}}
    with pytest.raises((Invalid, Exception), match="unknown field"):
        pods.create(pod, field_validation="Strict", dry_run=True)
    assert "imag" not in pods.create(pod, field_validation="Ignore")["spec"]["containers"][0]


def test_lists_pages_and_selectors(config_maps: Resource) -> None:
    """Selections and pages of a real list; pages follow each other without gap or repetition."""
    for number in range(7):
        config_maps.create({"metadata": {"name": f"n{number}", "labels": {"parity": str(number % 2)}}})
    assert [each["metadata"]["name"] for each in config_maps.iter(limit=2)] == [f"n{n}" for n in range(7)]
    assert len(config_maps.list(label_selector={"parity": ["1"]})["items"]) == 3
    assert len(config_maps.list(field_selector={"metadata.name": "n3"})["items"]) == 1
    page = config_maps.list(limit=3)
    rest = config_maps.list(limit=10, continue_=page["metadata"]["continue"])
    assert len(page["items"]) + len(rest["items"]) == 7


def test_an_expired_token_is_survived(server: APIServer, config_maps: Resource) -> None:
    """After a compaction in mid-list every object still comes exactly once."""
    for number in range(6):
        config_maps.create({"metadata": {"name": f"n{number}"}})
    items = config_maps.iter(limit=2)
    names = [next(items)["metadata"]["name"] for _ in range(2)]
    config_maps.create({"metadata": {"name": "n9"}})
    server.compact()
    names += [each["metadata"]["name"] for each in items]
    assert sorted(names)[:6] == [f"n{n}" for n in range(6)]
    assert len(names) == len(set(names))


def test_a_version_that_was_compacted_is_expired(server: APIServer, config_maps: Resource) -> None:
    """The first page of an exact old version cannot be made up for."""
    old = config_maps.list()["metadata"]["resourceVersion"]
    config_maps.create({"metadata": {"name": "x"}})
    config_maps.create({"metadata": {"name": "y"}})
    server.compact()
    with pytest.raises(Expired):
        list(config_maps.iter(resource_version=old, resource_version_match="Exact"))


def test_changes_arrive(config_maps: Resource) -> None:
    """A watch from a list's version sees everything after it, until it is closed from another thread."""
    start = config_maps.list()["metadata"]["resourceVersion"]
    seen: list[str] = []
    watch = config_maps.watch(resource_version=start)

    def read() -> None:
        for event in watch:
            seen.append(f"{event['type']} {event['object']['metadata']['name']}")
            if event["type"] == "DELETED":
                watch.close()

    thread = threading.Thread(target=read)
    thread.start()
    config_maps.create({"metadata": {"name": "x"}})
    config_maps.patch("x", {"data": {"k": "v"}})
    config_maps.delete("x")
    thread.join(30)
    assert not thread.is_alive()
    assert seen == ["ADDED x", "MODIFIED x", "DELETED x"]


def test_waiting_for_a_change_and_for_deletion(config_maps: Resource) -> None:
    """Wait returns when the condition holds, whoever makes it hold."""
    config_maps.create({"metadata": {"name": "x"}, "data": {"phase": "Pending"}})
    change = threading.Thread(target=lambda: config_maps.patch("x", {"data": {"phase": "Done"}}))
    change.start()
    found = config_maps.wait("x", jsonpath(".data.phase", "Done"), timeout=30)
    change.join(30)
    assert found is not None
    config_maps.delete("x")
    assert config_maps.wait("x", deleted(), timeout=30) is None


def test_subresources(client: DynamicClient) -> None:
    """Status and scale of a deployment, and a token of a service account."""
    deployments = client.resource("deploy").namespace("default")
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    deployments.create(
        {"metadata": {"name": "web"}, "spec": {"selector": {"matchLabels": labels}, "template": template}}
    )
    scale = deployments.subresource("scale")
    assert scale.get("web")["spec"]["replicas"] == 1
    scale.patch("web", {"spec": {"replicas": 4}})
    current = scale.get("web")
    current["spec"]["replicas"] = 5
    scale.update(current)
    web = deployments.get("web")
    assert web["spec"]["replicas"] == 5
    web["status"] = {"replicas": 5}
    assert deployments.update_status(web)["status"]["replicas"] == 5
    status = {"metadata": {"name": "web"}, "status": {"readyReplicas": 3}}
    assert deployments.apply_status(status, field_manager="me")["status"]["readyReplicas"] == 3


def test_a_custom_resource_from_definition_to_deletion(client: DynamicClient) -> None:
    """Installed and used in the next line, by every name, with its columns and its status; gone when it is deleted."""
    shirts = client.crds().install(CRD, field_manager="me").namespace("default")
    shirts.create({"metadata": {"name": "blue"}, "spec": {"color": "blue"}})
    assert client.resource("sh").namespace("default").get("blue")["kind"] == "Shirt"
    shirts.patch("blue", {"status": {"sold": True}})
    assert "status" not in shirts.get("blue")
    assert shirts.subresource("status").patch("blue", {"status": {"sold": True}})["status"] == {"sold": True}
    assert shirts.table().list().headers() == ["Name", "Color"]
    assert shirts.table().list().cells(wide=True) == [["blue", "blue", True]]
    with pytest.raises(UnsupportedMediaType):
        shirts.patch("blue", {"spec": {"color": "red"}}, type="strategic")
    assert [crd.name for crd in client.crds().list()] == ["shirts.stable.example.com"]
    client.resource("crd").delete("shirts.stable.example.com")
    client.resource("crd").wait("shirts.stable.example.com", deleted(), timeout=30)
    with pytest.raises(NotFound):
        shirts.get("blue")


def test_a_newer_definition_is_an_upgrade(client: DynamicClient) -> None:
    """install() again with another version serves both, and returns the resource of the storage version."""
    client.crds().install(CRD, field_manager="me")
    first = CRD["spec"]["versions"][0]
    versions = [{**first, "storage": False}, {**first, "name": "v2", "storage": True}]
    newer = {**CRD, "spec": {**CRD["spec"], "versions": versions}}
    shirts = client.crds().install(newer, field_manager="me")
    assert shirts.gvr.version == "v2"
    assert client.resource("stable.example.com/v1", "shirts").namespace("default").list()["items"] == []
    assert client.crds().get("shirts.stable.example.com").served_versions == ("v1", "v2")


def test_views_on_a_real_list(client: DynamicClient, config_maps: Resource) -> None:
    """A table and the metadata of the same objects."""
    config_maps.create({"metadata": {"name": "x"}, "data": {"k": "v"}})
    table = config_maps.table().list()
    assert table.headers() == ["Name", "Data", "Age"]
    assert [(row.name, row.cells[1]) for row in table] == [("x", "1")] or [row.name for row in table] == ["x"]
    metadata = config_maps.metadata().get("x")
    assert metadata["kind"] == "PartialObjectMetadata"
    assert "data" not in metadata
    with config_maps.table().watch(timeout=30) as watch:
        event = next(watch)
    assert (event["type"], event["object"].rows[0].name) == ("ADDED", "x")
    assert event["object"].headers() == ["Name", "Data", "Age"]
    assert client.resource("namespaces").table().get("default").rows[0].name == "default"


def test_a_collection_is_deleted_by_selection(config_maps: Resource) -> None:
    """delete_collection takes what a list with the same selectors has, and nothing else."""
    for name, app in (("a", "x"), ("b", "x"), ("c", "y")):
        config_maps.create({"metadata": {"name": name, "labels": {"app": app}}})
    config_maps.delete_collection(label_selector="app=x")
    assert [each["metadata"]["name"] for each in config_maps.list()["items"]] == ["c"]


def test_events_of_an_object(client: DynamicClient, config_maps: Resource) -> None:
    """search() finds the events about this object, and not those about its namesake of old."""
    created = config_maps.create({"metadata": {"name": "x"}})
    events = client.events("default")
    for uid in (created["metadata"]["uid"], "another"):
        involved = {"kind": "ConfigMap", "name": "x", "namespace": "default", "uid": uid}
        events.create({"metadata": {"generateName": "x-"}, "involvedObject": involved, "reason": "R", "message": uid})
    assert [each["message"] for each in events.search(created)] == [created["metadata"]["uid"]]


def test_an_informer_of_a_resource(config_maps: Resource) -> None:
    """An informer of a view holds what the view lists, and what comes after."""
    config_maps.create({"metadata": {"name": "x"}})
    added = threading.Event()
    with config_maps.informer() as informer:
        assert informer.wait_for_sync(30)
        informer.add_handler(on_add=lambda obj, *_: added.set() if obj["metadata"]["name"] == "y" else None)
        config_maps.create({"metadata": {"name": "y"}})
        assert added.wait(30)


def test_refusals_are_told_apart(client: DynamicClient, config_maps: Resource) -> None:
    """Each refusal of the server has its own exception."""
    with pytest.raises(NotFound):
        config_maps.get("x")
    with pytest.raises(Invalid):
        config_maps.create({"metadata": {"name": "Not A Name"}})
    with pytest.raises(NotFound):
        client.resource("cm").namespace("nowhere").create({"metadata": {"name": "x"}})
    config_maps.create({"metadata": {"name": "x"}})
    with pytest.raises(Conflict):
        config_maps.delete("x", uid="another")
