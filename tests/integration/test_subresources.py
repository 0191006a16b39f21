"""What hangs below objects: status, scale, eviction, binding, tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynkube.controller import retry_on_conflict
from dynkube.dynamic import DynamicClient
from dynkube.errors import Conflict, TooManyRequests
from dynkube.transport import RetryPolicy
from integration.objects import deployment, pod, widget

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynkube.config import Config
    from dynkube.dynamic import Resource
    from integration.conftest import Server


@pytest.fixture
def pods(dyn: DynamicClient) -> Iterator[Resource]:
    """Return the pods of the test's namespace; those that are left are ended, as no kubelet would."""
    dyn.resource("v1", "serviceaccounts").create({"metadata": {"name": "runner"}})
    resource = dyn.resource("v1", "pods")
    yield resource
    resource.delete_collection(grace_period_seconds=0)


def test_status_is_written_apart(widgets: Resource) -> None:
    """A write of the object leaves the status, one of the status leaves the rest."""
    created = widgets.create({**widget("a", "blue"), "status": {"phase": "Mine"}})
    assert "status" not in created
    stored = widgets.update_status({**created, "spec": {"color": "red"}, "status": {"phase": "Made"}})
    assert (stored["status"]["phase"], stored["spec"]["color"]) == ("Made", "blue")
    stored = widgets.update({**stored, "spec": {"color": "red"}, "status": {}})
    assert (stored["status"]["phase"], stored["spec"]["color"]) == ("Made", "red")
    patched = widgets.subresource("status").patch("a", {"status": {"phase": "Done"}})
    assert patched["status"]["phase"] == "Done"
    assert widgets.subresource("status").get("a")["status"]["phase"] == "Done"


def test_generation_counts_changes_of_the_spec(widgets: Resource) -> None:
    """Status and labels do not count."""
    widgets.create(widget("a"))
    widgets.subresource("status").patch("a", {"status": {"phase": "Made"}})
    widgets.patch("a", {"metadata": {"labels": {"l": "1"}}})
    assert widgets.get("a")["metadata"]["generation"] == 1
    assert widgets.patch("a", {"spec": {"color": "red"}})["metadata"]["generation"] == 2


@pytest.mark.parametrize("kind", ["deployments", "widgets"])
def test_scale(dyn: DynamicClient, widgets: Resource, kind: str) -> None:
    """Read, patched and replaced, the replicas of the object follow; an old version conflicts."""
    resource = widgets if kind == "widgets" else dyn.resource("apps/v1", "deployments")
    resource.create({**widget("web"), "spec": {"replicas": 2}} if kind == "widgets" else deployment("web", 2))
    scales = resource.subresource("scale")
    scale = scales.get("web")
    assert (scale["kind"], scale["spec"]["replicas"]) == ("Scale", 2)
    assert scales.patch("web", {"spec": {"replicas": 3}})["spec"]["replicas"] == 3
    with pytest.raises(Conflict):
        scales.update({**scale, "spec": {"replicas": 5}})
    # Where controllers run they write to the deployment as well.
    retry_on_conflict(lambda: scales.update({**scales.get("web"), "spec": {"replicas": 4}}))
    assert resource.get("web")["spec"]["replicas"] == 4


def test_a_pod_is_evicted(pods: Resource) -> None:
    """The answer is a Status, and the pod goes."""
    pods.create(pod("web"))
    eviction = {"metadata": {"name": "web"}, "deleteOptions": {"gracePeriodSeconds": 0}}
    assert pods.subresource("eviction").create(eviction)["status"] == "Success"
    assert not pods.exists("web")


def test_a_disruption_budget_forbids_an_eviction(
    apiserver: Server, dyn: DynamicClient, pods: Resource, namespace: str
) -> None:
    """The refusal is TooManyRequests and names the budget; the pod stays.

    Where no controller has looked at the budget yet it forbids everything, too, and says when to ask again; a client
    that retries would.
    """
    pods.create(pod("web"))
    running = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    pods.subresource("status").patch("web", {"status": running}, type="strategic")
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}
    dyn.resource("policy/v1", "poddisruptionbudgets").create({"metadata": {"name": "keep"}, "spec": spec})
    with apiserver.client(namespace=namespace, retry=RetryPolicy(hinted=0)) as once:
        evictions = once.resource("v1", "pods").subresource("eviction")
        with pytest.raises(TooManyRequests, match="disruption budget"):
            evictions.create({"metadata": {"name": "web"}})
    assert pods.exists("web")


def test_a_pod_is_bound_to_a_node_once(pods: Resource) -> None:
    """As a scheduler does it."""
    pods.create(pod("web"))
    binding = {"metadata": {"name": "web"}, "target": {"apiVersion": "v1", "kind": "Node", "name": "nowhere"}}
    assert pods.subresource("binding").create(binding)["status"] == "Success"
    assert pods.get("web")["spec"]["nodeName"] == "nowhere"
    with pytest.raises(Conflict):
        pods.subresource("binding").create(binding)


def test_a_token_says_who_one_is(apiserver: Server, token: str, namespace: str) -> None:
    """A token of a service account authenticates as it."""
    config: Config = apiserver.config(namespace=namespace).anonymous().replace(bearer_token=token)
    with DynamicClient(config) as dyn:
        review = dyn.resource("authentication.k8s.io/v1", "selfsubjectreviews").create({"metadata": {}})
    assert review["status"]["userInfo"]["username"] == f"system:serviceaccount:{namespace}:stranger"
