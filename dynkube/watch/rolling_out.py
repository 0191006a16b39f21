"""How far the rollout of a Deployment, StatefulSet or DaemonSet is, by kubectl's rules (`rollout_status.go`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynkube.errors import InvalidRequestError
from dynkube.objects import get_condition, nested_get
from dynkube.watch.conditions import NamedCondition

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.objects import JSONObject


def rolled_out() -> NamedCondition:
    """Return the condition that every pod of a Deployment, StatefulSet or DaemonSet is of its template and available.

    A StatefulSet with a partition is rolled out when the pods from that number on are of its template. Raises
    `InvalidRequestError`, when it is asked, for other kinds and for those that wait for their pods to be deleted.
    """
    return NamedCondition("rolled out", lambda obj: obj is not None and _left(obj) == "", _left)


def rollout_failed() -> NamedCondition:
    """Return the condition that a Deployment has made no progress for its `progressDeadlineSeconds`."""

    def holds(obj: JSONObject | None) -> bool:
        progressing = None if obj is None or _unseen(obj) else get_condition(obj, "Progressing")
        return progressing is not None and progressing.get("reason") == "ProgressDeadlineExceeded"

    return NamedCondition("past its progress deadline", holds)


def _left(obj: JSONObject) -> str:
    """Return what there is still to do, "" if nothing."""
    kind, name = obj.get("kind", ""), obj["metadata"]["name"]
    judge = _KINDS.get(kind) if str(obj.get("apiVersion", "")).startswith("apps/") else None
    if judge is None:
        raise InvalidRequestError(f"{kind} {name!r} is not rolled out: Deployments, StatefulSets and DaemonSets are")
    strategy = nested_get(obj, "spec", "updateStrategy", "type", default="RollingUpdate")
    if strategy != "RollingUpdate":
        raise InvalidRequestError(
            f"{kind} {name!r} is updated by {strategy}: its pods stay until somebody deletes them, which is no rollout "
            "to wait for"
        )
    return _unseen(obj) or judge(obj)


def _unseen(obj: JSONObject) -> str:
    """Return that the status is of another generation than the object, if it is."""
    generation = obj["metadata"].get("generation", 0)
    observed = nested_get(obj, "status", "observedGeneration", default=0)
    return f"its controller has not seen generation {generation} yet" if observed < generation else ""


def _deployment(obj: JSONObject) -> str:
    wanted, count = nested_get(obj, "spec", "replicas", default=1), _counts(obj)
    updated, available = count("updatedReplicas"), count("availableReplicas")
    if updated < wanted:
        return f"{updated} of {wanted} replicas are updated"
    if count("replicas") > updated:
        return f"{count('replicas') - updated} old replicas are left"
    if available < updated:
        return f"{available} of {updated} updated replicas are available"
    return ""


def _stateful_set(obj: JSONObject) -> str:
    wanted, count = nested_get(obj, "spec", "replicas", default=1), _counts(obj)
    ready, updated = count("readyReplicas"), count("updatedReplicas")
    if ready < wanted:
        return f"{ready} of {wanted} replicas are ready"
    partition = nested_get(obj, "spec", "updateStrategy", "rollingUpdate", "partition", default=0)
    if updated < wanted - partition:
        return f"{updated} of {wanted - partition} replicas are updated"
    status = obj["status"]
    if not partition and status.get("updateRevision") != status.get("currentRevision"):
        return f"{updated} of {wanted} replicas are updated"
    return ""


def _daemon_set(obj: JSONObject) -> str:
    count = _counts(obj)
    wanted, updated = count("desiredNumberScheduled"), count("updatedNumberScheduled")
    available = count("numberAvailable")
    if updated < wanted:
        return f"{updated} of {wanted} pods are updated"
    if available < wanted:
        return f"{available} of {wanted} updated pods are available"
    return ""


def _counts(obj: JSONObject) -> Callable[[str], int]:
    """Return how to read the numbers of a status: one that is 0 is left out."""
    status: JSONObject = obj.get("status") or {}
    return lambda name: int(status.get(name) or 0)


_KINDS = {"Deployment": _deployment, "StatefulSet": _stateful_set, "DaemonSet": _daemon_set}
