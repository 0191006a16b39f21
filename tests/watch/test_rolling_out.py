"""When a rollout is over, what is left of it, and when it has failed: kubectl's rules for each kind."""

from __future__ import annotations

from typing import Any

import pytest

from dynkube.errors import InvalidRequestError
from dynkube.watch.rolling_out import rolled_out, rollout_failed

#: kind, spec, status, what is left; every object is of generation 2 and was observed at it.
CASES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("Deployment", {"replicas": 3}, {"replicas": 3}, "0 of 3 replicas are updated"),
    ("Deployment", {"replicas": 3}, {"replicas": 4, "updatedReplicas": 3}, "1 old replicas are left"),
    (
        "Deployment",
        {"replicas": 3},
        {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 2},
        "2 of 3 updated replicas are available",
    ),
    ("Deployment", {"replicas": 3}, {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}, ""),
    ("Deployment", {"replicas": 0}, {}, ""),
    ("Deployment", {}, {}, "0 of 1 replicas are updated"),
    ("StatefulSet", {"replicas": 3}, {"readyReplicas": 2, "updatedReplicas": 3}, "2 of 3 replicas are ready"),
    ("StatefulSet", {"replicas": 3}, {"readyReplicas": 3, "updatedReplicas": 1}, "1 of 3 replicas are updated"),
    (
        "StatefulSet",
        {"replicas": 3},
        {"readyReplicas": 3, "updatedReplicas": 3, "currentRevision": "a", "updateRevision": "b"},
        "3 of 3 replicas are updated",
    ),
    (
        "StatefulSet",
        {"replicas": 3},
        {"readyReplicas": 3, "updatedReplicas": 3, "currentRevision": "b", "updateRevision": "b"},
        "",
    ),
    (
        "StatefulSet",
        {"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}},
        {"readyReplicas": 3, "updatedReplicas": 0, "currentRevision": "a", "updateRevision": "b"},
        "0 of 1 replicas are updated",
    ),
    (
        "StatefulSet",
        {"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}},
        {"readyReplicas": 3, "updatedReplicas": 1, "currentRevision": "a", "updateRevision": "b"},
        "",
    ),
    ("DaemonSet", {}, {"desiredNumberScheduled": 2, "updatedNumberScheduled": 1}, "1 of 2 pods are updated"),
    (
        "DaemonSet",
        {},
        {"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 1},
        "1 of 2 updated pods are available",
    ),
    ("DaemonSet", {}, {"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2}, ""),
]


def workload(kind: str, spec: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
    """Return a workload of generation 2."""
    metadata = {"name": "web", "generation": 2}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec, "status": status}


@pytest.mark.parametrize(("kind", "spec", "status", "left"), CASES)
def test_what_is_left(kind: str, spec: dict[str, Any], status: dict[str, Any], left: str) -> None:
    """It holds when nothing is left, and says what is."""
    obj = workload(kind, spec, {"observedGeneration": 2, **status})
    assert rolled_out().instead(obj) == left
    assert rolled_out()(obj) is (left == "")


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
@pytest.mark.parametrize("status", [{}, {"observedGeneration": 1}])
def test_a_status_of_an_earlier_generation_says_nothing(kind: str, status: dict[str, Any]) -> None:
    """What was just changed is not rolled out, whatever the status said before."""
    counts = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas", "readyReplicas"), 1)
    obj = workload(kind, {"replicas": 1}, {**counts, **status})
    assert not rolled_out()(obj)
    assert rolled_out().instead(obj) == "its controller has not seen generation 2 yet"


def test_nothing_is_not_rolled_out() -> None:
    """An object that is not there is not rolled out, and has not failed either."""
    assert not rolled_out()(None)
    assert not rollout_failed()(None)


@pytest.mark.parametrize(
    ("observed", "reason", "failed"),
    [(2, "ProgressDeadlineExceeded", True), (1, "ProgressDeadlineExceeded", False), (2, "ReplicaSetUpdated", False)],
)
def test_the_deadline(observed: int, reason: str, failed: bool) -> None:
    """A deployment has failed when its controller says so of this generation."""
    condition = {"type": "Progressing", "status": "False", "reason": reason}
    obj = workload("Deployment", {"replicas": 1}, {"observedGeneration": observed, "conditions": [condition]})
    assert rollout_failed()(obj) is failed


def test_pods_that_wait_to_be_deleted() -> None:
    """OnDelete is no rollout: nothing would ever end the wait."""
    obj = workload("StatefulSet", {"updateStrategy": {"type": "OnDelete"}}, {})
    with pytest.raises(InvalidRequestError, match="updated by OnDelete"):
        rolled_out()(obj)


@pytest.mark.parametrize(("version", "kind"), [("v1", "Pod"), ("example.com/v1", "Deployment")])
def test_other_kinds(version: str, kind: str) -> None:
    """What has no rollouts is refused by name."""
    obj = {**workload(kind, {}, {}), "apiVersion": version}
    with pytest.raises(InvalidRequestError, match=f"{kind} 'web' is not rolled out"):
        rolled_out()(obj)
