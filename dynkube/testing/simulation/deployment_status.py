"""A deployment's status: what its ReplicaSets add up to, and whether its rollout gets on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynkube.objects import get_condition
from dynkube.testing.printing.durations import parse_time
from dynkube.testing.simulation.conditions import with_condition
from dynkube.testing.simulation.deployment_scaling import bounds

if TYPE_CHECKING:
    import datetime

    from dynkube.objects import JSONObject

#: The reason of Progressing when a rollout is complete.
_DONE = "NewReplicaSetAvailable"
#: A deadline that large stands for none.
_NO_DEADLINE = 2**31 - 1


def status_of(deployment: JSONObject, sets: list[JSONObject], new: JSONObject | None) -> JSONObject:
    """Return the counts of a deployment's status; conditions are the old ones still."""
    old = deployment.get("status") or {}
    counts = {
        name: sum((one.get("status") or {}).get(name, 0) for one in sets)
        for name in ("replicas", "readyReplicas", "availableReplicas")
    }
    missing = max(0, sum(one["spec"]["replicas"] for one in sets) - counts["availableReplicas"])
    updated = ((new or {}).get("status") or {}).get("replicas", 0)
    return {
        "observedGeneration": deployment["metadata"].get("generation", 1),
        **{name: value or None for name, value in counts.items()},
        "updatedReplicas": updated or None,
        "unavailableReplicas": missing or None,
        "collisionCount": old.get("collisionCount"),
        "conditions": old.get("conditions") or [],
    }


def with_progress(
    deployment: JSONObject,
    status: JSONObject,
    new: JSONObject | None,
    now: str,
    clock: datetime.datetime,
    *,
    created: bool,
) -> float | None:
    """Set the conditions, in place; return the seconds until the deadline of a rollout that does not get on."""
    spec = deployment["spec"]
    enough = (status["availableReplicas"] or 0) >= spec["replicas"] - bounds(deployment)[1]
    _set(
        status,
        "Available",
        "True" if enough else "False",
        (
            "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
            f"Deployment {'has' if enough else 'does not have'} minimum availability.",
        ),
        now,
    )
    deadline = spec.get("progressDeadlineSeconds", _NO_DEADLINE)
    if deadline >= _NO_DEADLINE:
        status["conditions"] = [one for one in status["conditions"] if one["type"] != "Progressing"]
        return None
    present = get_condition({"status": status}, "Progressing")
    if spec.get("paused"):
        if present is None or present.get("reason") != "DeploymentPaused":
            _set(status, "Progressing", "Unknown", ("DeploymentPaused", "Deployment is paused"), now)
        return None
    if present is not None and present.get("reason") == "DeploymentPaused":
        _set(status, "Progressing", "Unknown", ("DeploymentResumed", "Deployment is resumed"), now)
        present = get_condition({"status": status}, "Progressing")
    which = f'ReplicaSet "{new["metadata"]["name"]}"' if new else f'Deployment "{deployment["metadata"]["name"]}"'
    if new is not None and _complete(spec["replicas"], status):
        if present is None or present.get("reason") != _DONE:
            _set(status, "Progressing", "True", (_DONE, f"{which} has successfully progressed."), now)
        return None
    if created and new is not None:
        message = f'Created new replica set "{new["metadata"]["name"]}"'
        _set(status, "Progressing", "True", ("NewReplicaSetCreated", message), now)
        return float(deadline)
    if present is None or _moved(deployment.get("status") or {}, status) or present.get("reason") == _DONE:
        _set(status, "Progressing", "True", ("ReplicaSetUpdated", f"{which} is progressing."), now)
        return float(deadline)
    since = parse_time(str(present.get("lastUpdateTime", "")))
    left = 0.0 if since is None else deadline - (clock - since).total_seconds()
    if left > 0:
        return left
    if present.get("reason") != "ProgressDeadlineExceeded":
        _set(status, "Progressing", "False", ("ProgressDeadlineExceeded", f"{which} has timed out progressing."), now)
    return None


def _complete(wanted: int, status: JSONObject) -> bool:
    names = ("updatedReplicas", "replicas", "availableReplicas")
    return all((status[name] or 0) == wanted for name in names)


def _moved(old: JSONObject, status: JSONObject) -> bool:
    """Tell whether a rollout got on: more new pods, fewer old ones, or more that work."""

    def number(source: JSONObject, name: str) -> int:
        return int(source.get(name) or 0)

    outdated_before = number(old, "replicas") - number(old, "updatedReplicas")
    outdated = number(status, "replicas") - number(status, "updatedReplicas")
    more = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return outdated < outdated_before or any(number(status, name) > number(old, name) for name in more)


def _set(status: JSONObject, kind: str, value: str, why: tuple[str, str], now: str) -> None:
    reason, message = why
    old = get_condition({"status": status}, kind)
    same = old is not None and (old["status"], old.get("reason"), old.get("message")) == (value, reason, message)
    moved = kind == "Progressing" and reason == "ReplicaSetUpdated"
    if same and not moved:
        return
    conditions = with_condition(status["conditions"], kind, value, now, reason=reason, message=message)
    status["conditions"] = [{**one, "lastUpdateTime": now} if one["type"] == kind else one for one in conditions]
