"""Tests of informers and their factory over real connections to the embedded server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dynkube.errors import NoMatchError, NotFound
from dynkube.informer import Selection
from dynkube.names import GroupVersionResource
from dynkube.testing import APIServer
from informer.recording import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynkube.dynamic import DynamicClient

pytestmark = pytest.mark.usefixtures("no_threads_left")

DEPLOYMENTS = GroupVersionResource("apps", "v1", "deployments")
NODES = GroupVersionResource("", "v1", "nodes")
SHIRTS = GroupVersionResource("stable.example.com", "v1", "shirts")
CRD: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "shirts.stable.example.com"},
    "spec": {
        "group": "stable.example.com",
        "scope": "Namespaced",
        "names": {"plural": "shirts", "singular": "shirt", "kind": "Shirt"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}


@pytest.fixture
def server() -> Iterator[APIServer]:
    """Return a server with two namespaces and a definition."""
    with APIServer(controllers=False) as server:
        with server.client() as client:
            for name in ("one", "two"):
                client.resource("v1", "namespaces").create({"metadata": {"name": name}})
            client.resource("crd").create(CRD)
        yield server


@pytest.fixture
def client(server: APIServer) -> Iterator[DynamicClient]:
    """Return a client of it."""
    with server.client() as client:
        yield client


def _deployment(name: str, **labels: str) -> dict[str, Any]:
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "main", "image": "registry.example/main"}]},
    }
    spec = {"selector": {"matchLabels": {"app": name}}, "template": template}
    return {"metadata": {"name": name, "labels": labels}, "spec": spec}


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        ({}, "abc"),
        ({"namespace": "one"}, "ab"),
        ({"label_selector": "app=web"}, "ac"),
        ({"label_selector": {"app": ["web", "none"]}, "namespace": "one"}, "a"),
        ({"field_selector": "metadata.name!=a"}, "bc"),
        ({"field_selector": "metadata.namespace=one", "label_selector": "app!=web"}, "b"),
    ],
    ids=str,
)
def test_an_informer_sees_its_selection_only(client: DynamicClient, selection: dict[str, Any], names: str) -> None:
    """Namespace and selectors hold for what was there and for what comes later."""
    expected = set(names)
    deployments = client.resource(DEPLOYMENTS)
    one, two = deployments.namespace("one"), deployments.namespace("two")
    recorder = Recorder()
    with client.informers() as factory, client.informers() as later:
        factory.informer(DEPLOYMENTS, **selection).add_handler(**recorder.functions)
        factory.start()
        assert all(factory.wait_for_sync(30).values())
        one.create(_deployment("a", app="web"))
        one.create(_deployment("b", app="db"))
        two.create(_deployment("c", app="web"))
        recorder.wait(lambda: len(recorder.calls) >= len(expected))
        informer = later.informer(DEPLOYMENTS, **selection)
        later.start()
        assert all(later.wait_for_sync(30).values())
        assert {obj["metadata"]["name"] for obj in informer.lister.list()} == expected
        one.delete("a")
        two.delete("c")
        gone = expected & {"a", "c"}
        recorder.wait(lambda: len(recorder.calls) >= len(expected) + len(gone))
        assert {call[1] for call in recorder.calls if call[0] == "add"} == expected
        assert {call[1] for call in recorder.calls if call[0] == "delete"} == gone


@pytest.mark.parametrize("gvr", [DEPLOYMENTS, SHIRTS], ids=str)
@pytest.mark.parametrize("metadata_only", [False, True], ids=["whole", "metadata"])
def test_every_kind_of_change_arrives(client: DynamicClient, gvr: GroupVersionResource, metadata_only: bool) -> None:
    """Addition, update with old and new, and deletion, of built-in and custom objects, whole or in part."""
    resource = client.resource(gvr).namespace("one")
    recorder = Recorder()
    olds: list[dict[str, Any]] = []
    with client.informers(namespace="one") as factory:
        informer = factory.informer(gvr, metadata_only=metadata_only)
        informer.add_handler(**recorder.functions)
        informer.add_handler(on_update=lambda old, new: olds.append(old))
        factory.start()
        assert factory.wait_for_sync(30) == {Selection(gvr, "one", metadata_only=metadata_only): True}
        # A custom object must say what it is.
        kind = "Shirt" if gvr == SHIRTS else "Deployment"
        created = resource.create({"apiVersion": gvr.group_version.api_version, "kind": kind, **_deployment("a")})
        changed = resource.patch("a", {"metadata": {"labels": {"new": "yes"}}})
        resource.delete("a")
        assert [call[:2] for call in recorder.wait_calls(3)] == [("add", "a"), ("update", "a"), ("delete", "a")]
        versions = [each["metadata"]["resourceVersion"] for each in (created, changed)]
        assert [call[2] for call in recorder.calls[:2]] == versions
        assert recorder.calls[1][3] == versions[0]
        assert recorder.objects[1]["metadata"] == changed["metadata"]
        for obj in recorder.objects:
            assert ("spec" not in obj) is metadata_only
            assert obj["kind"] == ("PartialObjectMetadata" if metadata_only else created["kind"])
        assert informer.indexer.keys() == []


def test_cluster_scoped_objects_are_known_by_their_name(client: DynamicClient) -> None:
    """Their key has no namespace, and a lister without one finds them."""
    nodes = client.resource(NODES)
    nodes.create({"metadata": {"name": "n1"}})
    with nodes.informer() as informer:
        assert informer.wait_for_sync(30)
        recorder = Recorder()
        informer.add_handler(**recorder.functions)
        nodes.create({"metadata": {"name": "n2"}})
        recorder.wait_last("add", "n2")
        assert sorted(informer.indexer.keys()) == ["n1", "n2"]
        assert informer.lister.get("n1")["metadata"]["name"] == "n1"
        with pytest.raises(NotFound):
            informer.lister.namespace("one").get("n1")
        nodes.delete("n1")
        recorder.wait_last("delete", "n1")
        assert informer.indexer.keys() == ["n2"]


@pytest.mark.parametrize("metadata_only", [False, True], ids=["whole", "metadata"])
def test_a_streaming_list_is_one_request(server: APIServer, client: DynamicClient, metadata_only: bool) -> None:
    """A server that streams lists is asked for nothing else; the form of the objects makes no difference."""
    client.resource(DEPLOYMENTS).namespace("one").create(_deployment("a"))
    server.clear_requests()
    with client.informers() as factory:
        informer = factory.informer(DEPLOYMENTS, metadata_only=metadata_only)
        factory.start()
        assert factory.wait_for_sync(30)
        assert informer.indexer.keys() == ["one/a"]
    asked = [request for request in server.requests if request.path == "/apis/apps/v1/deployments"]
    assert [("watch=true" in request.query, "sendInitialEvents=true" in request.query) for request in asked] == [
        (True, True)
    ]


def test_an_informer_of_what_is_not_served_never_syncs(client: DynamicClient) -> None:
    """With the exact name nothing is asked beforehand: the watch is refused, said to `on_error`, and tried again."""
    errors = Recorder()
    told: list[Exception] = []

    def on_error(error: Exception) -> None:
        with errors.changed:
            told.append(error)
            errors.changed.notify_all()

    unknown = GroupVersionResource("nobody.example", "v1", "things")
    with client.informers(on_error=on_error) as factory:
        factory.informer(unknown)
        factory.start()
        errors.wait(lambda: bool(told))
        assert factory.wait_for_sync(0) == {Selection(unknown): False}
    assert isinstance(told[0], NotFound)
    with pytest.raises(NoMatchError):
        client.resource("nobody.example/v1", "things").informer()
