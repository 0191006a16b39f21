"""Pods: scheduled, started, finished, failed, evicted and gone."""

from __future__ import annotations

from typing import Any

import pytest

from dynkube.errors import InvalidRequestError, TooManyRequests
from dynkube.objects import get_condition
from dynkube.testing import APIServer, Simulation
from dynkube.testing.simulation import OUTCOME
from testing.simulation.living import Place, workload


def pod(name: str = "one", *, outcome: str = "", **spec: Any) -> dict[str, Any]:
    """Return a pod."""
    metadata: dict[str, Any] = {"name": name, "labels": {"app": name}}
    if outcome:
        metadata["annotations"] = {OUTCOME: outcome}
    containers = [{"name": "main", "image": "app:1"}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers, **spec}}


def phase(place: Place, wanted: str, name: str = "one") -> dict[str, Any]:
    """Wait for a pod's phase and return the pod."""

    def met() -> Any:
        found = place.of("pods").get(name)
        return found if found["status"]["phase"] == wanted else None

    found: dict[str, Any] = place.until(met)
    return found


def test_a_pod_runs(place: Place) -> None:
    """A pod gets a node, an address, and all its conditions."""
    place.create(pod())
    found = phase(place, "Running")
    assert found["spec"]["nodeName"].startswith("node-")
    assert found["status"]["podIP"].startswith("10.244.")
    assert {one["type"]: one["status"] for one in found["status"]["conditions"]} == dict.fromkeys(
        ["PodScheduled", "PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady"], "True"
    )
    (container,) = found["status"]["containerStatuses"]
    assert container["ready"]
    assert "running" in container["state"]


def test_what_happened_is_told(place: Place) -> None:
    """Events say what became of a pod."""
    place.create(pod())
    phase(place, "Running")
    told = [event["reason"] for event in place.items("events", field_selector="involvedObject.name=one")]
    assert sorted(told) == ["Created", "Pulled", "Scheduled", "Started"]


def test_addresses_are_unique(place: Place) -> None:
    """No two pods have the same address."""
    for number in range(5):
        place.create(pod(f"p{number}"))
    found = place.until(lambda: len(place.ready()) == 5 and place.ready())
    assert len({one["status"]["podIP"] for one in found}) == 5


@pytest.mark.parametrize(("outcome", "wanted"), [("", "Succeeded"), ("failure", "Failed")])
def test_a_pod_that_is_not_restarted_ends(place: Place, outcome: str, wanted: str) -> None:
    """It succeeds, or fails if it is told to, and is Ready no more."""
    place.create(pod(outcome=outcome, restartPolicy="Never"))
    found = phase(place, wanted)
    assert (get_condition(found, "Ready") or {})["status"] == "False"
    ended = found["status"]["containerStatuses"][0]["state"]["terminated"]
    assert ended["exitCode"] == (1 if outcome else 0)


@pytest.mark.parametrize(
    ("outcome", "in_phase", "reason"),
    [("unpullable", "Pending", "ImagePullBackOff"), ("crash", "Running", "CrashLoopBackOff")],
)
def test_a_pod_that_cannot_run(place: Place, outcome: str, in_phase: str, reason: str) -> None:
    """A pod waits as its annotation says, and is never Ready."""
    place.create(pod(outcome=outcome))

    def waits() -> Any:
        found = place.of("pods").get("one")
        states = found["status"].get("containerStatuses") or [{"state": {}}]
        return found if states[0]["state"].get("waiting", {}).get("reason") == reason else None

    found = place.until(waits)
    assert found["status"]["phase"] == in_phase
    assert (get_condition(found, "Ready") or {})["status"] == "False"


def test_an_unready_pod_runs(place: Place) -> None:
    """A pod that is told to be unready runs and is not Ready."""
    place.create(pod(outcome="unready"))
    found = phase(place, "Running")
    assert (get_condition(found, "Ready") or {})["reason"] == "ContainersNotReady"


def test_a_deleted_pod_goes_soon(place: Place) -> None:
    """A deleted pod is seen terminating, and does not use up its grace period."""
    place.create(pod())
    phase(place, "Running")
    gone = place.of("pods").delete("one")
    assert gone["metadata"]["deletionGracePeriodSeconds"] == 30
    place.until(lambda: not place.of("pods").exists("one"))


def test_a_pod_that_fits_nowhere_waits(place: Place) -> None:
    """It is told why, and runs as soon as a node fits."""
    name = f"{place.namespace}-node"
    place.create(pod(nodeSelector={"for": name}))

    def refused() -> Any:
        return get_condition(place.of("pods").get("one"), "PodScheduled")

    told = place.until(refused)
    assert (told["status"], told["reason"]) == ("False", "Unschedulable")
    assert "didn't match Pod's node affinity/selector" in told["message"]
    nodes = place.dyn.resource("v1", "nodes")
    nodes.create({"metadata": {"name": name, "labels": {"for": name}}})
    assert phase(place, "Running")["spec"]["nodeName"] == name
    nodes.delete(name)
    place.until(lambda: not place.of("pods").exists("one"))


def test_gated_pods_and_those_of_other_schedulers_stay(place: Place) -> None:
    """The scheduler leaves alone what is not its own."""
    place.create(pod("gated", schedulingGates=[{"name": "example.com/wait"}]))
    place.create(pod("foreign", schedulerName="mine"))
    place.create(pod())
    phase(place, "Running")
    assert [one["metadata"]["name"] for one in place.items("pods") if "nodeName" in one["spec"]] == ["one"]


def test_cordoned_nodes_are_tainted_and_get_no_pods() -> None:
    """While a node is unschedulable it has the taint, and pods wait."""
    with APIServer(simulate=Simulation(delay=0.01, nodes=1)) as server, server.client() as dyn:
        place = Place.fresh(server, dyn)
        nodes = dyn.resource("v1", "nodes")
        nodes.patch("node-1", {"spec": {"unschedulable": True}})

        def taints() -> list[str]:
            return [one["key"] for one in nodes.get("node-1")["spec"].get("taints") or ()]

        place.until(lambda: taints() == ["node.kubernetes.io/unschedulable"])
        place.create(pod())
        place.until(lambda: get_condition(place.of("pods").get("one"), "PodScheduled"))
        nodes.patch("node-1", {"spec": {"unschedulable": None}})
        phase(place, "Running")
        assert taints() == []


def test_taints_that_cast_out(place: Place) -> None:
    """A NoExecute taint deletes the pods that do not tolerate it."""
    name = f"{place.namespace}-node"
    nodes = place.dyn.resource("v1", "nodes")
    nodes.create({"metadata": {"name": name, "labels": {"for": name}}})
    place.create(pod(nodeSelector={"for": name}))
    tolerations = [{"key": "away", "operator": "Exists"}]
    place.create(pod("tough", nodeSelector={"for": name}, tolerations=tolerations))
    phase(place, "Running")
    phase(place, "Running", "tough")
    nodes.patch(name, {"spec": {"taints": [{"key": "away", "effect": "NoExecute"}]}})
    place.until(lambda: not place.of("pods").exists("one"))
    assert place.of("pods").exists("tough")
    nodes.delete(name)


def evict(place: Place, name: str) -> None:
    """Ask for an eviction."""
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    place.of("pods").subresource("eviction").create(body, name=name)


def test_budgets_hold_evictions(place: Place) -> None:
    """A budget counts healthy pods; the eviction it has nothing left for is refused until another pod is ready."""
    place.create(workload("ReplicaSet", replicas=2))
    budget = {"selector": {"matchLabels": {"app": "web"}}, "minAvailable": 1}
    place.create({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "b"}, "spec": budget})
    status = place.status("poddisruptionbudgets", "b", currentHealthy=2, disruptionsAllowed=1)
    assert (status["desiredHealthy"], status["expectedPods"]) == (1, 2)
    first, second = (one["metadata"]["name"] for one in place.ready())
    sick = {"spec": {"template": {"metadata": {"annotations": {OUTCOME: "unready"}}}}}
    place.of("replicasets").patch("web", sick)
    evict(place, first)
    with pytest.raises(TooManyRequests, match="disruption budget"):
        evict(place, second)
    place.status("poddisruptionbudgets", "b", currentHealthy=1, disruptionsAllowed=0)
    place.of("replicasets").patch("web", {"spec": {"replicas": 3, "template": {"metadata": {"annotations": None}}}})
    place.status("poddisruptionbudgets", "b", currentHealthy=2, disruptionsAllowed=1)
    evict(place, second)


@pytest.mark.parametrize("wrong", [{"delay": -1.0}, {"nodes": -1}, {"stopping": -0.1}])
def test_negative_numbers_are_refused(wrong: dict[str, Any]) -> None:
    """There is no negative time and no negative number of nodes."""
    with pytest.raises(InvalidRequestError, match=next(iter(wrong))):
        Simulation(**wrong)
