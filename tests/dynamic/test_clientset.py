"""The run-time clientset: groups, versions and resources as attributes."""

from __future__ import annotations

import copy
import keyword
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamic.recorded import Recorded
from dynkube.discovery import APIGroup, APIResource, CachedDiscovery, Discovered
from dynkube.dynamic import EventsResource, Resource
from dynkube.dynamic.clientset import Clientset, identifier
from dynkube.errors import AmbiguousError, InvalidNameError
from dynkube.names import GroupVersion

if TYPE_CHECKING:
    from dynkube.dynamic import DynamicClient


class Surface:
    """A discoverer that lists what it is told to, and counts how often it is asked."""

    def __init__(self, *lists: tuple[str, list[str]]) -> None:
        self.lists = list(lists)
        self.asked = 0

    def discover(self) -> Discovered:
        """Return what is listed now."""
        self.asked += 1
        resources = {}
        for api_version, names in self.lists:
            gv = GroupVersion.parse(api_version)
            resources[gv] = tuple(
                APIResource(gv.group, gv.version, name, name, name.title(), namespaced=True, verbs=("get",))
                for name in names
            )
        return Discovered(tuple(APIGroup(gv.group, (gv.version,), gv.version) for gv in resources), resources)

    def invalidate(self) -> None:
        """Forget nothing."""


def clientset(surface: Surface) -> Clientset:
    """Return a clientset over a made-up surface."""
    client: DynamicClient = Recorded().client()
    return Clientset(client, CachedDiscovery(surface))


def test_groups_versions_and_resources_by_attribute() -> None:
    """The chain ends in the same Resource that `dyn.resource` makes, in the namespace named or the context's."""
    client = Recorded().client(namespace="team-a")
    deployments = client.clientset().apps_v1().deployments("prod")
    assert type(deployments) is Resource
    assert deployments.path() == client.resource("apps/v1", "deployments").namespace("prod").path()
    assert client.clientset().core_v1().pods().path() == "/api/v1/namespaces/team-a/pods"
    assert client.clientset().core_v1().nodes().path() == "/api/v1/nodes"


def test_parentheses_after_the_group_are_optional() -> None:
    """`apps_v1` and `apps_v1()` are the same."""
    tools = Recorded().client().clientset()
    assert tools.apps_v1.deployments("x").path() == tools.apps_v1().deployments("x").path()


def test_making_a_clientset_asks_nothing() -> None:
    """Discovery runs at the first attribute, once for all, shared with the mapper."""
    server = Recorded()
    client = server.client()
    tools = client.clientset()
    assert server.requests == []
    tools.apps_v1().deployments()
    tools.core_v1().pods()
    client.resource("deploy").path()
    assert server.discoveries == 2


def test_kubernetes_own_groups_have_short_names() -> None:
    """Groups under k8s.io go by their first label as in client-go; the full name does as well."""
    tools = Recorded().client().clientset()
    for short, full in (
        ("networking_v1", "networking_k8s_io_v1"),
        ("rbac_v1", "rbac_authorization_k8s_io_v1"),
        ("apiextensions_v1", "apiextensions_k8s_io_v1"),
    ):
        assert repr(getattr(tools, short)) == repr(getattr(tools, full))


def test_other_groups_go_by_their_full_name() -> None:
    """A group of somebody else is never shortened, so that installing one cannot change what a name means."""
    tools = clientset(Surface(("networking.k8s.io/v1", ["ingresses"]), ("networking.istio.io/v1", ["gateways"])))
    assert tools.networking_v1().ingresses().gvr.group == "networking.k8s.io"
    assert tools.networking_istio_io_v1().gateways().gvr.group == "networking.istio.io"


def test_a_full_name_wins_over_a_short_one() -> None:
    """policy/v1 is `policy_v1`, though policy.networking.k8s.io/v1 would shorten to it."""
    tools = clientset(Surface(("policy.networking.k8s.io/v1", ["adminpolicies"]), ("policy/v1", ["budgets"])))
    assert tools.policy_v1().budgets().gvr.group == "policy"
    assert tools.policy_networking_k8s_io_v1().adminpolicies().gvr.group == "policy.networking.k8s.io"


def test_clashing_names_are_ambiguous() -> None:
    """Two groups that become the same identifier raise AmbiguousError; exact names still work."""
    tools = clientset(Surface(("a-b.example.com/v1", ["xs"]), ("a.b.example.com/v1", ["ys"])))
    with pytest.raises(AmbiguousError) as caught:
        tools.a_b_example_com_v1()
    assert caught.value.candidates == ("a-b.example.com/v1", "a.b.example.com/v1")
    assert tools["a-b.example.com/v1"].xs().gvr.group == "a-b.example.com"


def test_dashes_and_leading_digits_become_identifiers() -> None:
    """One rule for dots, dashes and digits, for groups and resources alike."""
    tools = clientset(Surface(("3scale.my-co.net/v1beta1", ["3things", "in"])))
    group = tools._3scale_my_co_net_v1beta1()
    assert group._3things().gvr.resource == "3things"
    assert group.in_().gvr.resource == "in"


def test_dir_lists_what_is_served() -> None:
    """Completion offers exactly the names that work."""
    tools = Recorded().client().clientset()
    assert {"apps_v1", "core_v1", "networking_v1", "batch_v1"} <= set(dir(tools))
    assert {"deployments", "statefulsets"} <= set(dir(tools.apps_v1()))
    assert "deployments" not in dir(tools.core_v1())


def test_an_unknown_name_has_discovery_refreshed_once() -> None:
    """A group installed since is found; a name that is not there says the nearest and costs one refresh."""
    surface = Surface(("apps/v1", ["deployments"]))
    tools = clientset(surface)
    tools.apps_v1()
    surface.lists.append(("stable.example.com/v1", ["shirts"]))
    assert tools.stable_example_com_v1().shirts().gvr.resource == "shirts"
    assert surface.asked == 2
    with pytest.raises(AttributeError, match="did you mean apps_v1"):
        _ = tools.aps_v1
    with pytest.raises(AttributeError, match="no resource of apps/v1 'deploymnts'; did you mean deployments"):
        _ = tools.apps_v1().deploymnts


def test_probing_for_private_names_asks_nothing() -> None:
    """copy, pickle and REPLs look for underscored names: that is no reason to ask a server."""
    surface = Surface(("apps/v1", ["deployments"]))
    tools = clientset(surface)
    assert not hasattr(tools, "__wrapped__")
    assert not hasattr(tools, "_repr_html_")
    assert copy.copy(tools["apps/v1"]) is not None
    assert surface.asked == 0


def test_an_exact_group_version_is_checked() -> None:
    """`clientset["..."]` takes an apiVersion and nothing else."""
    with pytest.raises(InvalidNameError):
        _ = Recorded().client().clientset()["apps/v1/x"]


@given(st.text("abz019.-", min_size=1, max_size=20))
def test_every_group_name_becomes_an_identifier(text: str) -> None:
    """Whatever a group or resource is called, its attribute is a valid name and no keyword."""
    name = identifier(text)
    assert name.isidentifier()
    assert not keyword.iskeyword(name)


# -- events ---------------------------------------------------------------------------------------------------------


def event(name: str, at: str, **fields: Any) -> dict[str, Any]:
    """Return an event of that name and time."""
    return {"metadata": {"name": name, "namespace": "prod"}, "lastTimestamp": at, **fields}


def test_events_about_an_object() -> None:
    """search() selects by kind, name, namespace and uid of the object involved, and returns the oldest first."""
    server = Recorded()
    query = (
        "fieldSelector=involvedObject.kind%3DPod%2CinvolvedObject.name%3Dp%2C"
        "involvedObject.namespace%3Dprod%2CinvolvedObject.uid%3Du1&limit=500"
    )
    older = event("b", "2024-01-01T00:00:00Z")
    newer = {"metadata": {"name": "c", "namespace": "prod"}, "eventTime": "2024-01-02T00:00:00.000000Z"}
    server.answer("GET", f"/api/v1/namespaces/prod/events?{query}", {"kind": "EventList", "items": [newer, older]})
    events = server.client().clientset().core_v1().events("prod")
    assert isinstance(events, EventsResource)
    pod = {"kind": "Pod", "metadata": {"name": "p", "namespace": "prod", "uid": "u1"}}
    assert [each["metadata"]["name"] for each in events.search(pod)] == ["b", "c"]


def test_events_are_looked_for_where_the_object_is() -> None:
    """Without a namespace named, the object's is searched; all of them for a cluster-scoped object."""
    server = Recorded()
    events = server.client().clientset().core_v1().events()
    assert isinstance(events, EventsResource)
    query = "fieldSelector=involvedObject.name%3Dx%2CinvolvedObject.namespace%3D"
    targets = {
        "prod": f"/api/v1/namespaces/prod/events?{query}prod&limit=500",
        "": f"/api/v1/events?{query}&limit=500",
    }
    for namespace, target in targets.items():
        server.answer("GET", target, {"kind": "EventList", "items": [event("e", "t")]})
        metadata = {"name": "x", **({"namespace": namespace} if namespace else {})}
        assert len(events.search({"metadata": metadata})) == 1


def test_events_of_a_node_are_recorded_under_its_name_too() -> None:
    """The kubelet uses the node's name for a uid: both are searched, and no event comes twice."""
    server = Recorded()
    node = "involvedObject.kind%3DNode%2CinvolvedObject.name%3Dn1%2CinvolvedObject.namespace%3D"
    base = f"/api/v1/events?fieldSelector={node}"
    twice = event("a", "2024-01-01T00:00:00Z")
    server.answer("GET", f"{base}%2CinvolvedObject.uid%3Du1&limit=500", {"kind": "EventList", "items": [twice]})
    other = event("b", "2024-01-02T00:00:00Z")
    server.answer("GET", f"{base}%2CinvolvedObject.uid%3Dn1&limit=500", {"kind": "EventList", "items": [other, twice]})
    events = server.client().clientset().core_v1().events()
    assert isinstance(events, EventsResource)
    found = events.search({"kind": "Node", "metadata": {"name": "n1", "uid": "u1"}})
    assert [each["metadata"]["name"] for each in found] == ["a", "b"]


def test_events_of_a_static_pod_are_recorded_under_its_mirror() -> None:
    """A mirror pod's events bear the uid of its annotation."""
    server = Recorded()
    events = server.client().clientset().core_v1().events("kube-system")
    assert isinstance(events, EventsResource)
    target = (
        "/api/v1/namespaces/kube-system/events?fieldSelector=involvedObject.name%3Dp%2C"
        "involvedObject.namespace%3Dkube-system%2CinvolvedObject.uid%3Dmirror&limit=500"
    )
    server.answer("GET", target, {"kind": "EventList", "items": []})
    metadata = {
        "name": "p",
        "namespace": "kube-system",
        "uid": "u1",
        "annotations": {"kubernetes.io/config.mirror": "mirror"},
    }
    assert events.search({"metadata": metadata}) == []
    assert server.targets == [target]


def test_events_need_a_name() -> None:
    """An object without a name has no events to look for."""
    events = Recorded().client().clientset().core_v1().events()
    assert isinstance(events, EventsResource)
    with pytest.raises(ValueError, match=r"metadata\.name"):
        events.search({"metadata": {}})
