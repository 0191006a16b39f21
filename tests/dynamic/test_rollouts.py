"""`Resource.rollout`: restarts, waits, history and going back, on the embedded server's simulated workloads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dynkube.errors import InvalidRequestError, NotFound, WaitFailedError, WaitTimeoutError
from dynkube.testing import APIServer, Simulation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynkube.dynamic import DynamicClient, Resource
    from dynkube.objects import JSONObject
    from dynkube.transport import RequestEvent

PLURALS = {"Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets"}
KINDS = pytest.mark.parametrize("kind", list(PLURALS))


@pytest.fixture(scope="module")
def server() -> Iterator[APIServer]:
    """Run a server whose workloads make pods, each step of which takes next to no time."""
    with APIServer(simulate=Simulation(delay=0.001)) as running:
        yield running


def workload(kind: str, image: str = "registry.example/main:1", **spec: Any) -> JSONObject:
    """Return a workload called web."""
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": image}]}}
    obj: JSONObject = {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": labels}, "template": template, **spec},
    }
    if kind != "DaemonSet":
        obj["spec"].setdefault("replicas", 2)
    if kind == "StatefulSet":
        obj["spec"]["serviceName"] = "web"
    return obj


def stuck() -> JSONObject:
    """Return a deployment whose rollout never ends."""
    return workload("Deployment", paused=True)


def made(dyn: DynamicClient, kind: str, **spec: Any) -> Resource:
    """Create a workload called web and return its view when it is rolled out."""
    view = dyn.resource("apps/v1", PLURALS[kind])
    view.create(workload(kind, **spec))
    view.rollout("web").wait(timeout=30)
    return view


def change_image(view: Resource, image: str) -> None:
    """Make the template another one, and wait until it is everywhere."""
    container = {"name": "main", "image": image}
    view.patch("web", {"spec": {"template": {"spec": {"containers": [container]}}}}, type="strategic")
    view.rollout("web").wait(timeout=30)


def images(obj: JSONObject) -> list[str]:
    """Return the images of an object's template."""
    return [container["image"] for container in obj["spec"]["template"]["spec"]["containers"]]


@KINDS
def test_a_restart_replaces_every_pod(dyn: DynamicClient, kind: str) -> None:
    """After it, and the wait for it, no pod of before is left; a second one at once does so again."""
    view = made(dyn, kind)
    pods = dyn.resource("v1", "pods")
    for _ in range(2):
        before = {pod["metadata"]["uid"] for pod in pods.list(label_selector="app=web")["items"]}
        view.rollout("web").restart()
        view.rollout("web").wait(timeout=30)
        alive = [pod for pod in pods.list()["items"] if "deletionTimestamp" not in pod["metadata"]]
        assert alive
        assert not before & {pod["metadata"]["uid"] for pod in alive}


@KINDS
def test_history_and_back(dyn: DynamicClient, kind: str) -> None:
    """Each template is remembered under a number; going back makes an old one the newest."""
    view = made(dyn, kind)
    rollout = view.rollout("web")
    change_image(view, "registry.example/main:2")
    change_image(view, "registry.example/main:3")
    history = rollout.history()
    assert [revision.number for revision in history] == [1, 2, 3]
    assert [revision.template["spec"]["containers"][0]["image"][-1] for revision in history] == ["1", "2", "3"]
    assert images(rollout.undo()) == ["registry.example/main:2"]
    rollout.wait(timeout=30)
    assert [revision.number for revision in rollout.history()] == [1, 3, 4]
    assert images(rollout.undo(1)) == ["registry.example/main:1"]


@KINDS
def test_going_back_leaves_nothing_of_the_present_template(dyn: DynamicClient, kind: str) -> None:
    """What only the present template has is gone afterwards, and no mark of the revision comes along."""
    view = made(dyn, kind)
    before = view.get("web")["spec"]["template"]
    more = {
        "metadata": {"annotations": {"new": "1"}, "labels": {"new": "1"}},
        "spec": {"hostNetwork": True, "containers": [{"name": "second", "image": "x"}]},
    }
    view.patch("web", {"spec": {"template": more}}, type="strategic")
    rollout = view.rollout("web")
    rollout.wait(timeout=30)
    after = rollout.undo()["spec"]["template"]
    assert after == before


def test_annotations_go_back_with_a_deployment(dyn: DynamicClient) -> None:
    """A deployment's annotations are those it had then, its bookkeeping and what was applied aside."""
    view = made(dyn, "Deployment")
    rollout = view.rollout("web")
    cause, applied = "kubernetes.io/change-cause", "kubectl.kubernetes.io/last-applied-configuration"
    view.patch("web", {"metadata": {"annotations": {cause: "first", "old": "1"}}})
    view.wait("web", lambda obj: obj is not None and rollout.history()[0].change_cause == "first", timeout=30)
    # In one write: the annotations of a deployment are those of its present ReplicaSet as well.
    second = {cause: "second", "old": None, "new": "1", applied: "{}"}
    image = {"spec": {"containers": [{"name": "main", "image": "registry.example/main:2"}]}}
    view.patch("web", {"metadata": {"annotations": second}, "spec": {"template": image}})
    rollout.wait(timeout=30)
    annotations = rollout.undo()["metadata"]["annotations"]
    assert (annotations[cause], annotations["old"], annotations[applied]) == ("first", "1", "{}")
    assert "new" not in annotations


def test_a_revision_that_is_not_remembered(dyn: DynamicClient) -> None:
    """The message names the object and the revisions there are."""
    rollout = made(dyn, "Deployment").rollout("web")
    with pytest.raises(InvalidRequestError, match=r"deployments.apps 'web' has no revision 7; remembered: 1"):
        rollout.undo(7)
    with pytest.raises(InvalidRequestError, match="no earlier revision to go back to"):
        rollout.undo()


def test_histories_of_others_are_not_seen(dyn: DynamicClient) -> None:
    """Another deployment whose pods have the same labels has its own history."""
    view = made(dyn, "Deployment")
    other = workload("Deployment", "registry.example/other:1")
    other["metadata"]["name"] = "other"
    view.create(other)
    view.rollout("other").wait(timeout=30)
    assert [revision.template["spec"]["containers"][0]["image"] for revision in view.rollout("web").history()] == [
        "registry.example/main:1"
    ]


def test_pause_and_resume(dyn: DynamicClient) -> None:
    """A paused deployment is neither restarted nor rolled back, and rolls out when it is resumed."""
    view = made(dyn, "Deployment")
    rollout = view.rollout("web")
    assert rollout.pause()["spec"]["paused"] is True
    for call in (rollout.restart, rollout.undo):
        with pytest.raises(InvalidRequestError, match="'web' is paused"):
            call()
    assert "paused" not in rollout.resume()["spec"]


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_only_deployments_can_be_paused(dyn: DynamicClient, kind: str) -> None:
    """The server would drop the field without a word; the call is refused before anything is sent."""
    rollout = dyn.resource("apps/v1", PLURALS[kind]).rollout("web")
    for call in (rollout.pause, rollout.resume):
        with pytest.raises(InvalidRequestError, match="cannot be paused"):
            call()


def test_dry_runs_store_nothing(dyn: DynamicClient) -> None:
    """Each change can be tried."""
    view = made(dyn, "Deployment")
    change_image(view, "registry.example/main:2")
    before = view.get("web")["spec"]
    rollout = view.rollout("web")
    for call in (rollout.restart, rollout.undo, rollout.pause):
        assert call(dry_run=True)["spec"] != before
    assert view.get("web")["spec"] == before


def test_other_resources_have_no_rollouts(dyn: DynamicClient) -> None:
    """The refusal names the resource and those that have."""
    with pytest.raises(InvalidRequestError, match="pods are not rolled out: deployments, statefulsets and daemonsets"):
        dyn.resource("v1", "pods").rollout("web")


def test_what_is_not_there(dyn: DynamicClient) -> None:
    """A rollout of nothing is NotFound, and no wait."""
    rollout = dyn.resource("apps/v1", "deployments").rollout("nosuch")
    for call in (rollout.restart, rollout.undo, rollout.history, rollout.wait):
        with pytest.raises(NotFound):
            call()


def test_a_wait_that_is_too_short(dyn: DynamicClient) -> None:
    """The error says how far it got."""
    view = dyn.resource("apps/v1", "deployments")
    view.create(stuck())
    with pytest.raises(WaitTimeoutError, match="0 of 2 replicas are updated"):
        view.rollout("web").wait(timeout=0.2)


def test_an_object_that_is_deleted_meanwhile(dyn: DynamicClient, server: APIServer) -> None:
    """The wait ends with what happened."""
    view = dyn.resource("apps/v1", "deployments")
    view.create(stuck())

    def delete_once_listed(event: RequestEvent) -> None:
        if event.verb == "list":
            view.delete("web")

    with server.client(namespace=dyn.config.namespace, request_hook=delete_once_listed) as client:
        rollout = client.resource("apps/v1", "deployments").rollout("web")
        with pytest.raises(WaitFailedError, match="will not be rolled out: it is deleted"):
            rollout.wait(timeout=30)
