"""A client knows what its own writes change about what the server serves."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from mapping.test_with_server import widgets

from dynkube.config import UNSET, TimeoutLike, Unset
from dynkube.dynamic import DynamicClient, surface
from dynkube.dynamic.crds import CRDS
from dynkube.errors import NamespaceNotAllowedError, NoMatchError
from dynkube.rest import RESTClient
from dynkube.testing import APIServer
from dynkube.transport import HTTPResponse, Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dynkube.transport import HTTPRequest

RED = {"metadata": {"name": "red"}, "spec": {"size": 1}}


class SlowDiscovery:
    """A way to a server whose discovery is behind by some requests after each write, as a real one's is by moments."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.behind = 0
        self.requests: list[str] = []
        self._old: tuple[str, bytes] | None = None

    def send(self, request: HTTPRequest, *, timeout: TimeoutLike | Unset = UNSET, stream: bool = False) -> HTTPResponse:
        """Answer, discovery with what was true before the last write for a while."""
        self.requests.append(f"{request.method} {request.target}")
        if request.method != "GET":
            self.behind = 3
        if request.target != "/apis":
            return self.transport.send(request, timeout=timeout, stream=stream)
        if self.behind and self._old is not None:
            self.behind -= 1
        else:
            answer = self.transport.send(request, timeout=timeout)
            self._old = answer.headers["Content-Type"], answer.read()
        content_type, body = self._old
        # Without an ETag: nothing of this is for 304.
        return HTTPResponse(200, {"Content-Type": content_type}, body, url=request.target)

    def close(self) -> None:
        """Close the way."""
        self.transport.close()


@pytest.fixture
def server() -> Iterator[APIServer]:
    """Start a server."""
    with APIServer() as started:
        yield started


@pytest.fixture
def way(server: APIServer) -> Iterator[SlowDiscovery]:
    """Make a slow way to the server."""
    slow = SlowDiscovery(Transport(server.config()))
    yield slow
    slow.close()


@pytest.fixture
def dyn(server: APIServer, way: SlowDiscovery) -> Iterator[DynamicClient]:
    """Return a client on that way, which knows what is served to begin with."""
    with DynamicClient(server.config(), rest=RESTClient(server.config(), transport=way)) as client:
        client.mapper.discovered()
        yield client


def created(dyn: DynamicClient) -> None:
    """Create the definition."""
    dyn.resource("crd").create(widgets())


def created_exactly(dyn: DynamicClient) -> None:
    """Create the definition through a resource that asks no discovery."""
    dyn.resource(CRDS).create(widgets())


def applied(dyn: DynamicClient) -> None:
    """Apply the definition."""
    dyn.for_object(widgets()).apply(widgets(), field_manager="me")


def applied_as_a_folder(dyn: DynamicClient) -> None:
    """Apply it as one of many."""
    dyn.apply_manifests([widgets()], field_manager="me")


def made_by_attribute(dyn: DynamicClient) -> None:
    """Create it through the clientset."""
    dyn.clientset().apiextensions_v1().customresourcedefinitions().create(widgets())


@pytest.mark.parametrize("write", [created, created_exactly, applied, applied_as_a_folder, made_by_attribute])
@pytest.mark.parametrize(
    "use",
    [
        lambda dyn: dyn.resource("example.com/v1", "widgets").create(RED),
        lambda dyn: dyn.resource("Widget").create(RED),
        lambda dyn: dyn.for_object({"apiVersion": "example.com/v1", "kind": "Widget"}).create(RED),
        lambda dyn: dyn.clientset().example_com_v1().widgets().create(RED),
    ],
    ids=["resource", "kind", "object", "clientset"],
)
def test_a_new_kind_in_the_next_line(
    dyn: DynamicClient, write: Callable[[DynamicClient], None], use: Callable[[DynamicClient], dict[str, Any]]
) -> None:
    """However a definition is written, its kind is used in the next line, though discovery is behind for a moment."""
    write(dyn)
    assert use(dyn)["metadata"]["name"] == "red"


def test_a_new_version_in_the_next_line(dyn: DynamicClient) -> None:
    """A version added to a definition is waited for as a new definition is."""
    created(dyn)
    dyn.resource("example.com/v1", "widgets").create(RED)
    version = {**widgets()["spec"]["versions"][0], "name": "v2", "storage": False}
    patch = [{"op": "add", "path": "/spec/versions/-", "value": version}]
    dyn.resource("crd").patch("widgets.example.com", patch)
    assert dyn.resource("example.com/v2", "widgets").get("red")["apiVersion"] == "example.com/v2"


def test_a_deleted_kind(dyn: DynamicClient, way: SlowDiscovery) -> None:
    """A kind whose definition this client deleted is not waited for, and unknown as soon as discovery says so."""
    created(dyn)
    dyn.mapper.resolve(None, "widgets")
    dyn.resource("crd").delete("widgets.example.com")
    way.behind = 0
    began = time.monotonic()
    with pytest.raises(NoMatchError):
        dyn.mapper.resolve(None, "widgets")
    assert time.monotonic() - began < 5


def test_another_scope(dyn: DynamicClient, way: SlowDiscovery) -> None:
    """A definition deleted and made anew with another scope is known with that scope by its client."""
    created(dyn)
    kinds = dyn.resource("example.com/v1", "widgets")
    kinds.namespace("default").create(RED)
    dyn.resource("crd").delete("widgets.example.com")
    dyn.resource("crd").create(widgets("Cluster"))
    way.behind = 0
    assert not dyn.mapper.resolve(None, "widgets").namespaced
    with pytest.raises(NamespaceNotAllowedError):
        dyn.resource("example.com/v1", "widgets").namespace("default").create(RED)


def test_a_dry_run_changes_nothing(dyn: DynamicClient, way: SlowDiscovery) -> None:
    """A definition that was only tried is not waited for."""
    dyn.resource("crd").create(widgets(), dry_run=True)
    way.behind = 0
    way.requests.clear()
    with pytest.raises(NoMatchError):
        dyn.mapper.resolve(None, "widgets")
    assert way.requests == ["GET /api", "GET /apis"]


def test_a_refused_name(dyn: DynamicClient, way: SlowDiscovery, monkeypatch: pytest.MonkeyPatch) -> None:
    """A definition whose names clash is waited for no longer than it could take, and not at all once that is known."""
    monkeypatch.setattr(surface, "ESTABLISHING", 0.3)
    created(dyn)
    clash = widgets()
    clash["metadata"]["name"] = "gadgets.example.com"
    clash["spec"]["names"] = {"plural": "gadgets", "kind": "Widget", "singular": "widget", "listKind": "WidgetList"}
    dyn.resource("crd").create(clash)
    with pytest.raises(NoMatchError):
        dyn.mapper.resolve(None, "gadgets")
    monkeypatch.setattr(surface, "ESTABLISHING", 60.0)
    dyn.resource("crd").patch("gadgets.example.com", {"metadata": {"labels": {"a": "b"}}})
    way.behind = 0
    with pytest.raises(NoMatchError):
        dyn.mapper.resolve(None, "gadgets")


def test_other_writes_cost_no_discovery(dyn: DynamicClient, way: SlowDiscovery) -> None:
    """Writing anything else leaves what was discovered as it is."""
    maps = dyn.resource("v1", "configmaps")
    maps.create({"metadata": {"name": "a"}})
    way.requests.clear()
    maps.create({"metadata": {"name": "b"}})
    maps.delete("a")
    assert not any(request.endswith(("/api", "/apis")) for request in way.requests)


def test_an_apiservice(dyn: DynamicClient, way: SlowDiscovery) -> None:
    """After an APIService was written the next lookup asks discovery, in both forms of its resource."""
    service = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1beta1.metrics.example.com"},
        "spec": {
            "group": "metrics.example.com",
            "version": "v1beta1",
            "service": {"name": "metrics", "namespace": "kube-system"},
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
        },
    }
    services = dyn.for_object(service)
    services.create(service)
    way.requests.clear()
    dyn.mapper.resolve(None, "pods")
    assert way.requests == ["GET /api", "GET /apis"]
    services.delete("v1beta1.metrics.example.com")
    way.requests.clear()
    dyn.mapper.resolve(None, "pods")
    assert way.requests == ["GET /api", "GET /apis"]
