"""The client: nothing sent by constructors, resources by every name, objects by their kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import dynkube
from dynamic.recorded import Recorded
from dynkube.config import Config
from dynkube.discovery import APIResource
from dynkube.dynamic import DynamicClient
from dynkube.errors import (
    BodyMismatchError,
    ConfigError,
    InvalidNameError,
    InvalidRequestError,
    NamespaceNotAllowedError,
    NoMatchError,
    UnsupportedVerbError,
)
from dynkube.names import GroupVersionKind, GroupVersionResource
from dynkube.rest import RESTClient

if TYPE_CHECKING:
    from pathlib import Path

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: one
contexts:
- {name: one, context: {cluster: c, user: u, namespace: team-a}}
- {name: two, context: {cluster: c, user: u}}
clusters:
- {name: c, cluster: {server: "http://127.0.0.1:9"}}
users:
- {name: u, user: {token: secret-token}}
"""


def test_constructors_send_nothing() -> None:
    """Client, resources and views are made without a request; discovery is two, at the first use that needs it."""
    server = Recorded()
    client = server.client()
    resource = client.resource("apps/v1", "deployments").namespace("prod").table()
    client.clientset()
    client.for_object({"apiVersion": "v1", "kind": "Pod"})
    assert server.requests == []
    server.answer("GET", "/apis/apps/v1/namespaces/prod/deployments", {"kind": "Table"})
    resource.list()
    client.resource("deploy").path()
    assert server.discoveries == 2


def test_an_exact_resource_needs_no_discovery() -> None:
    """A GroupVersionResource is used as it is."""
    server = Recorded()
    server.answer("GET", "/apis/apps/v1/namespaces/prod/deployments/web", {"kind": "Deployment"})
    deployments = server.client().resource(GroupVersionResource("apps", "v1", "deployments"))
    assert deployments.namespace("prod").get("web") == {"kind": "Deployment"}
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "names",
    [
        ("apps/v1", "deployments"),
        ("apps/v1", "deployment"),
        ("apps/v1", "Deployment"),
        ("apps/v1", "deploy"),
        ("deploy",),
        ("deployments.apps",),
        ("deployments.v1.apps",),
        (GroupVersionKind("apps", "v1", "Deployment"),),
        (GroupVersionResource("apps", "v1", "deployments"),),
        (APIResource("apps", "v1", "deployments", "deployment", "Deployment", namespaced=True),),
    ],
)
def test_a_resource_by_every_name(names: tuple[Any, ...]) -> None:
    """Plural, singular, kind, short name, with group and version or without, all are the same resource."""
    client = Recorded().client()
    assert client.resource(*names).namespace("x").path("web") == "/apis/apps/v1/namespaces/x/deployments/web"


def test_the_namespace_of_the_configuration_is_the_default() -> None:
    """What the context says is used for a namespaced resource, and not for a cluster-scoped one."""
    client = Recorded().client(namespace="team-a")
    assert client.resource("pods").path("p") == "/api/v1/namespaces/team-a/pods/p"
    assert client.resource("nodes").path("n") == "/api/v1/nodes/n"


@pytest.mark.parametrize(
    ("names", "candidate"),
    [
        (("apps/v1", "deploymints"), "deployments.apps"),
        (("deploymnt",), "deployments.apps"),
        (("apps/v9", "deployments"), "deployments.apps"),
    ],
)
def test_an_unknown_resource_is_found_out_at_first_use(names: tuple[str, ...], candidate: str) -> None:
    """Making it raises nothing; its first use raises NoMatchError with the nearest names."""
    server = Recorded()
    resource = server.client().resource(*names)
    with pytest.raises(NoMatchError) as caught:
        resource.get("web")
    assert candidate in caught.value.candidates
    assert server.targets == []


def test_an_unknown_kind_of_an_object() -> None:
    """for_object of a kind that is not served raises NoMatchError at first use."""
    with pytest.raises(NoMatchError):
        Recorded().client().for_object({"apiVersion": "apps/v1", "kind": "Deploymint"}).path()


@pytest.mark.parametrize(
    "names", [("",), ("a/b",), ("..",), ("apps/v1", ""), ("apps/v1/x", "deployments"), ("", "pods")]
)
def test_impossible_names_are_refused_at_once(names: tuple[str, ...]) -> None:
    """A resource's name is a path segment, its group version an apiVersion."""
    with pytest.raises(InvalidNameError):
        Recorded().client().resource(*names)


@pytest.mark.parametrize("names", [(None,), (5,), ("apps/v1", 5), (["pods"],)])
def test_a_resource_is_named_by_text(names: tuple[Any, ...]) -> None:
    """Anything else is an InvalidRequestError that shows it."""
    with pytest.raises(InvalidRequestError, match="named by text"):
        Recorded().client().resource(*names)


def test_for_object_takes_kind_and_namespace_from_the_manifest() -> None:
    """The resource is the manifest's, in the manifest's namespace; without one, in the context's."""
    client = Recorded().client()
    web = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "prod"}}
    assert client.for_object(web).path("web") == "/apis/apps/v1/namespaces/prod/deployments/web"
    assert client.for_object({"apiVersion": "v1", "kind": "Node"}).path() == "/api/v1/nodes"


@pytest.mark.parametrize("manifest", [{}, {"kind": "Pod"}, {"apiVersion": "v1"}, {"apiVersion": "v1", "kind": ""}])
def test_for_object_needs_a_kind(manifest: dict[str, Any]) -> None:
    """An object that does not say what it is raises BodyMismatchError naming the field."""
    with pytest.raises(BodyMismatchError, match=r"apiVersion|kind"):
        Recorded().client().for_object(manifest)


def test_verbs_and_scope_come_from_discovery() -> None:
    """What the recorded server does not offer is refused by name; so is a namespace on a cluster-scoped kind."""
    server = Recorded()
    client = server.client()
    with pytest.raises(UnsupportedVerbError, match="does not offer delete; the server offers: get, list"):
        client.resource("componentstatuses").delete("x")
    with pytest.raises(UnsupportedVerbError, match=r"no subresource 'scale'; .*attach, binding"):
        client.resource("pods").subresource("scale").get("p")
    with pytest.raises(NamespaceNotAllowedError):
        client.resource("nodes").namespace("prod").list()
    assert server.targets == []


def test_subresource_kinds_come_from_discovery() -> None:
    """A body sent to a subresource bears the subresource's own kind, as the server lists it."""
    server = Recorded()
    path = "/api/v1/namespaces/default/serviceaccounts/robot/token"
    server.answer("POST", path, {"kind": "TokenRequest"}, status=201)
    server.client().resource("sa").subresource("token").create({"spec": {}}, name="robot")
    assert server.requests[-1].body == b'{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{}}'


def test_the_parts_of_a_client_are_public_and_made_once() -> None:
    """config, rest, discovery and mapper are the same objects each time."""
    client = Recorded().client()
    assert client.rest is client.rest
    assert client.discovery is client.discovery
    assert client.mapper is client.mapper
    assert client.config.namespace == "default"


def test_a_closed_client_sends_nothing_more() -> None:
    """close() may be called twice; a client that made its own connections refuses to make new ones."""
    with DynamicClient(Config(host="http://127.0.0.1:9")) as client:
        assert client.rest is not None
    client.close()
    with pytest.raises(InvalidRequestError, match="closed"):
        client.resource("pods")


def test_connect_reads_the_kubeconfig(tmp_path: Path) -> None:
    """connect() takes a context, a namespace and fields of Config; nothing is sent."""
    file = tmp_path / "config"
    file.write_text(KUBECONFIG)
    with (
        dynkube.connect(kubeconfig=str(file)) as one,
        dynkube.connect("two", kubeconfig=str(file), namespace="x") as two,
    ):
        assert (one.config.namespace, two.config.namespace) == ("team-a", "x")
        assert "secret-token" not in repr(one)
    with dynkube.connect(kubeconfig=str(file), user_agent="me") as named:
        assert named.config.user_agent == "me"


def test_connect_says_what_is_wrong(tmp_path: Path) -> None:
    """An unknown context is a ConfigError, a misspelt option a TypeError."""
    file = tmp_path / "config"
    file.write_text(KUBECONFIG)
    with pytest.raises(ConfigError, match="three"):
        dynkube.connect("three", kubeconfig=str(file))
    with pytest.raises(TypeError, match="namespce"):
        dynkube.connect(kubeconfig=str(file), namespce="x")


# -- what discovery said may be old ---------------------------------------------------------------------------------


class Upgraded(Recorded):
    """A server whose shirts get a status and the verb delete at the first refresh."""

    def __init__(self, *, after: int = 1) -> None:
        super().__init__()
        self.after = after
        self.asked = 0

    def _find(self, request: Any) -> tuple[int, dict[str, str], Any]:
        if request.target not in ("/api", "/apis"):
            return 200, {"Content-Type": "application/json"}, {"kind": "Shirt"}
        self.asked += request.target == "/apis"
        grown = self.asked > self.after
        shirts = {
            "resource": "shirts",
            "responseKind": {"group": "", "version": "", "kind": "Shirt"},
            "scope": "Namespaced" if grown else "Cluster",
            "singularResource": "shirt",
            "verbs": ["delete", "get", "update"] if grown else ["get"],
            "subresources": [
                {
                    "subresource": "status",
                    "responseKind": {"group": "", "version": "", "kind": "Shirt"},
                    "verbs": ["get"],
                }
            ]
            if grown
            else [],
        }
        listed = [{"version": "v1", "resources": [shirts], "freshness": "Current"}]
        items = [{"metadata": {"name": "example.com"}, "versions": listed}] if request.target == "/apis" else []
        body = {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}
        return 200, {"Content-Type": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}, body


@pytest.mark.parametrize(
    "call",
    [
        lambda r: r.namespace("x").delete("blue"),
        lambda r: r.namespace("x").subresource("status").get("blue"),
        lambda r: r.namespace("x").get("blue"),
    ],
)
def test_nothing_is_refused_by_what_discovery_said_long_ago(call: Any) -> None:
    """A verb, a subresource or a scope that is new since discovery ran is found by asking once more."""
    server = Upgraded()
    shirts = server.client().resource("shirts")
    shirts.path()
    assert call(shirts) == {"kind": "Shirt"}
    assert server.asked == 2


def test_a_refusal_costs_no_second_discovery_when_the_first_is_of_this_moment() -> None:
    """The first use asks the server; what is refused right then is refused for good."""
    server = Upgraded()
    with pytest.raises(UnsupportedVerbError):
        server.client().resource("shirts").delete("blue")
    assert server.asked == 1


def test_a_refusal_that_stands_is_rationed() -> None:
    """Asking again and again for what is not offered does not make discovery run each time."""
    server = Upgraded(after=1000)
    shirts = server.client().resource("shirts")
    shirts.path()
    for _ in range(50):
        with pytest.raises(UnsupportedVerbError):
            shirts.delete("blue")
    assert server.asked <= 15


def test_threads_share_one_discovery() -> None:
    """Many threads at the first use of one client cost two requests together."""
    import threading

    server = Recorded()
    client = server.client()
    paths: list[str] = []
    barrier = threading.Barrier(16)

    def use() -> None:
        barrier.wait(10)
        paths.append(client.resource("deploy").path())

    threads = [threading.Thread(target=use) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert paths == ["/apis/apps/v1/namespaces/default/deployments"] * 16
    assert server.discoveries == 2


def test_discovery_kept_on_disk_is_asked_for_once(tmp_path: Path) -> None:
    """With a cache, a second client of the same server needs no discovery request at all."""
    server = Recorded()
    config = Config(host="http://cached.example.com")
    for expected in (2, 2):
        client = DynamicClient(config, rest=RESTClient(config, transport=server), cache=tmp_path / "discovery")
        assert client.resource("deploy").path() == "/apis/apps/v1/namespaces/default/deployments"
        assert server.discoveries == expected


def test_a_client_does_not_close_what_it_was_given() -> None:
    """A RESTClient handed in stays open for its owner; one made here is closed."""
    closed: list[str] = []

    class Watched(Recorded):
        def close(self) -> None:
            closed.append("transport")

    config = Config()
    rest = RESTClient(config, transport=Watched())
    with DynamicClient(config, rest=rest):
        pass
    assert closed == []
    rest.close()
    assert closed == ["transport"]
