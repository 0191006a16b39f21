"""Deployments: ReplicaSets, rolling updates, revisions, scaling, pausing, deadlines."""

from __future__ import annotations

from typing import Any

import pytest

from dynkube.objects import get_condition
from dynkube.testing.simulation import OUTCOME
from testing.simulation.living import Place, template, workload

REVISION = "deployment.kubernetes.io/revision"


def done(place: Place, count: int = 3, name: str = "web") -> dict[str, Any]:
    """Wait until a rollout is complete, as `kubectl rollout status` does, and return the status."""
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), count or None)
    return place.status("deployments", name, **counts)


def sets(place: Place) -> dict[str, int]:
    """Return the replicas of each ReplicaSet by revision."""
    return {one["metadata"]["annotations"][REVISION]: one["spec"]["replicas"] for one in place.items("replicasets")}


def update(place: Place, image: str, **metadata: Any) -> None:
    """Change the template."""
    place.of("deployments").patch("web", {"spec": {"template": template(image, **metadata)}}, type="strategic")


def reason(place: Place, kind: str = "Progressing") -> str:
    """Return the reason of a condition."""
    return str((get_condition(place.of("deployments").get("web"), kind) or {}).get("reason", ""))


def test_a_deployment_makes_pods_through_a_replica_set(place: Place) -> None:
    """The ReplicaSet has the hash as label and selector, and is owned; so are its pods."""
    made = place.create(workload("Deployment", replicas=3))
    status = done(place)
    assert {one["type"]: (one["status"], one["reason"]) for one in status["conditions"]} == {
        "Available": ("True", "MinimumReplicasAvailable"),
        "Progressing": ("True", "NewReplicaSetAvailable"),
    }
    (replica_set,) = place.items("replicasets")
    digest = replica_set["metadata"]["labels"]["pod-template-hash"]
    assert replica_set["metadata"]["name"] == f"web-{digest}"
    assert replica_set["spec"]["selector"]["matchLabels"] == {"app": "web", "pod-template-hash": digest}
    (owner,) = replica_set["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == (made["metadata"]["uid"], True)
    pods = place.items("pods", label_selector=f"pod-template-hash={digest}")
    assert {pod["metadata"]["ownerReferences"][0]["name"] for pod in pods} == {f"web-{digest}"}
    assert replica_set["status"]["availableReplicas"] == 3


def test_a_rolling_update_keeps_its_bounds(place: Place) -> None:
    """Never more than replicas + maxSurge pods are asked for, never fewer than the minimum are available."""
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    place.create(workload("Deployment", replicas=3, strategy=rolling))
    done(place)
    seen: list[tuple[int, int]] = []

    def listen(collection: tuple[str, str], event: Any) -> None:
        obj = event.record.object
        if collection == ("apps", "deployments") and event.key == (place.namespace, "web") and "status" in obj:
            seen.append((obj["status"].get("replicas", 0), obj["status"].get("availableReplicas", 0)))

    place.server.cluster.listen(listen)
    update(place, "app:2")
    done(place)
    assert max(total for total, _ in seen) <= 4
    assert min(available for _, available in seen) >= 3
    assert sets(place) == {"1": 0, "2": 3}
    assert {pod["spec"]["containers"][0]["image"] for pod in place.ready()} == {"app:2"}


def test_going_back_makes_an_old_revision_the_newest(place: Place) -> None:
    """A template that was there before gets its ReplicaSet again, with a new number and its old ones noted."""
    place.create(workload("Deployment", replicas=1))
    done(place, 1)
    update(place, "app:2")
    done(place, 1)
    update(place, "app:1")
    done(place, 1)
    assert sets(place) == {"2": 0, "3": 1}
    annotations = place.of("deployments").get("web")["metadata"]["annotations"]
    assert annotations[REVISION] == "3"
    histories = [
        one["metadata"]["annotations"].get("deployment.kubernetes.io/revision-history") for one in place.items("rs")
    ]
    assert sorted(histories, key=str) == ["1", None]


def test_history_is_limited(place: Place) -> None:
    """Only as many old ReplicaSets stay as revisionHistoryLimit says."""
    place.create(workload("Deployment", replicas=1, revisionHistoryLimit=1))
    for number in range(1, 5):
        update(place, f"app:{number}")
        done(place, 1)
    place.until(lambda: set(sets(place)) == {"3", "4"})


def test_recreate_takes_everything_away_first(place: Place) -> None:
    """No new pod is made while an old one is there."""
    place.create(workload("Deployment", replicas=2, strategy={"type": "Recreate"}))
    done(place, 2)
    images: list[set[str]] = []

    def listen(collection: tuple[str, str], event: Any) -> None:
        if collection == ("", "pods") and event.key[0] == place.namespace:
            found = place.server.cluster.store.objects(("", "pods"), place.namespace)[0]
            images.append({record.object["spec"]["containers"][0]["image"] for _, record in found})

    place.server.cluster.listen(listen)
    update(place, "app:2")
    done(place, 2)
    assert {"app:1", "app:2"} not in images
    assert {"app:2"} in images


@pytest.mark.parametrize("count", [5, 1, 0])
def test_scaling(place: Place, count: int) -> None:
    """A deployment is scaled up, down and to nothing through its scale subresource."""
    place.create(workload("Deployment", replicas=3))
    done(place)
    place.of("deployments").subresource("scale").patch("web", {"spec": {"replicas": count}})
    done(place, count)
    assert sets(place) == {"1": count}
    assert len(place.ready()) == count


def test_a_paused_deployment_only_scales(place: Place) -> None:
    """While it is paused a new template waits; resumed, it is rolled out."""
    place.create(workload("Deployment", replicas=1))
    done(place, 1)
    deployments = place.of("deployments")
    deployments.patch("web", {"spec": {"paused": True}})
    place.until(lambda: reason(place) == "DeploymentPaused")
    update(place, "app:2")
    deployments.patch("web", {"spec": {"replicas": 2}})
    place.status("deployments", "web", readyReplicas=2)
    assert sets(place) == {"1": 2}
    deployments.patch("web", {"spec": {"paused": None}})
    done(place, 2)
    assert sets(place) == {"1": 0, "2": 2}


def test_a_rollout_that_does_not_get_on(place: Place) -> None:
    """Past its deadline Progressing is False; the old pods go on serving, and undoing it helps."""
    place.create(workload("Deployment", replicas=2, progressDeadlineSeconds=1))
    done(place, 2)
    update(place, "app:2", annotations={OUTCOME: "unready"})
    place.until(lambda: reason(place) == "ProgressDeadlineExceeded")
    assert (get_condition(place.of("deployments").get("web"), "Available") or {})["status"] == "True"
    place.of("deployments").patch("web", {"spec": {"template": {"metadata": {"annotations": None}}}})
    update(place, "app:1")
    done(place, 2)


def test_min_ready_seconds(place: Place) -> None:
    """A pod counts as available only after it was ready that long."""
    place.create(workload("Deployment", replicas=1, minReadySeconds=1))
    status = place.status("deployments", "web", readyReplicas=1)
    assert "availableReplicas" not in status
    done(place, 1)


def test_orphans_are_adopted(place: Place) -> None:
    """A ReplicaSet takes over pods that match, and lets go of those that do no longer."""
    manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "lost", **template()["metadata"]}}
    place.create({**manifest, "spec": template()["spec"]})
    place.create(workload("ReplicaSet", replicas=2))
    place.status("replicasets", "web", replicas=2)
    pods = place.of("pods")
    place.until(lambda: pods.get("lost")["metadata"].get("ownerReferences"))
    pods.patch("lost", {"metadata": {"labels": {"app": "other"}}})
    place.until(lambda: "ownerReferences" not in pods.get("lost")["metadata"])
    place.until(lambda: len(place.ready(label_selector="app=web")) == 2)


def test_a_deleted_deployment_takes_all_with_it(place: Place) -> None:
    """ReplicaSets and pods go with their owner."""
    place.create(workload("Deployment", replicas=2))
    done(place, 2)
    place.of("deployments").delete("web")
    place.until(lambda: not place.items("replicasets") and not place.items("pods"))


def test_replication_controllers(place: Place) -> None:
    """The older kind keeps its number of pods as well."""
    spec = {"replicas": 2, "selector": {"app": "web"}, "template": template()}
    place.create({"apiVersion": "v1", "kind": "ReplicationController", "metadata": {"name": "old"}, "spec": spec})
    place.status("replicationcontrollers", "old", readyReplicas=2)
