"""Rules of what controllers report: the statuses that are checked when they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dynkube.testing.kinds import limit_rules
from dynkube.testing.kinds.addresses import NO_ADDRESS, is_address
from dynkube.testing.kinds.value_rules import not_negative, one_of
from dynkube.testing.objects import formats
from dynkube.testing.objects.quantities import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.testing.objects.report import Report

    Rules = Callable[[dict[str, Any], dict[str, Any], Report], None]

_REPLICAS = "cannot be greater than status.replicas"
_SETS = ("replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas")


def _counts(
    counted: tuple[str, ...],
    *,
    parts: tuple[str, ...] = (),
    ready: str = "",
) -> Rules:
    """Return rules for a status of counts: none below zero, ``parts`` not above all replicas.

    ``ready`` is how the status of ready replicas is called in the error about more available ones.
    """

    def check(obj: dict[str, Any], _old: dict[str, Any], report: Report) -> None:
        status = obj.get("status") or {}
        for key in counted:
            not_negative(status, key, "status", report)
        for key in parts:
            if status.get(key, 0) > status.get("replicas", 0):
                report.invalid(f"status.{key}", status.get(key, 0), _REPLICAS)
        available = status.get("availableReplicas", 0)
        if ready and available > status.get("readyReplicas", 0):
            report.invalid("status.availableReplicas", available, f"cannot be greater than {ready}")

    return check


_stateful_counts = _counts(
    (
        "replicas",
        "readyReplicas",
        "currentReplicas",
        "updatedReplicas",
        "availableReplicas",
        "observedGeneration",
        "collisionCount",
    ),
    parts=("readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"),
    ready="status.readyReplicas",
)


def _stateful_set(obj: dict[str, Any], old: dict[str, Any], report: Report) -> None:
    _stateful_counts(obj, old, report)
    now, before = ((one.get("status") or {}).get("collisionCount") for one in (obj, old))
    if now is not None and now < (before or 0):
        report.invalid("status.collisionCount", now, "cannot be decremented")


def _deployment(obj: dict[str, Any], old: dict[str, Any], report: Report) -> None:
    _deployment_counts(obj, old, report)
    now, before = ((one.get("status") or {}).get("collisionCount") for one in (obj, old))
    if before is not None and (now or 0) < before:
        report.invalid("status.collisionCount", now, "cannot be decremented")


_deployment_counts = _counts(
    (
        "observedGeneration",
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
        "unavailableReplicas",
        "terminatingReplicas",
        "collisionCount",
    ),
    parts=("updatedReplicas", "readyReplicas", "availableReplicas"),
    ready="readyReplicas",
)


def _job(obj: dict[str, Any], old: dict[str, Any], report: Report) -> None:
    status, before = obj.get("status") or {}, old.get("status") or {}
    for key in ("active", "succeeded", "failed", "ready", "terminating"):
        not_negative(status, key, "status", report)
    if (status.get("ready") or 0) > status.get("active", 0):
        report.invalid("status.ready", status.get("ready") or 0, "cannot set more ready pods than active")
    for key in ("failed", "succeeded"):
        if status.get(key, 0) < before.get(key, 0):
            report.invalid(f"status.{key}", status.get(key, 0), f"cannot decrease the {key} counter")


def _pod(obj: dict[str, Any], old: dict[str, Any], report: Report) -> None:
    status, before = obj.get("status") or {}, old.get("status") or {}
    for index, condition in enumerate(status.get("conditions") or []):
        kind = condition.get("type") or ""
        report.malformed(f"status.conditions[{index}].Type", kind, formats.qualified_name(kind))
    node = status.get("nominatedNodeName")
    if node:
        report.malformed("status.nominatedNodeName", node, formats.subdomain(node))
    if before.get("qosClass") and status.get("qosClass") != before["qosClass"]:
        report.unchanged("status.qosClass", status.get("qosClass") or "", before["qosClass"])
    for key in ("podIPs", "hostIPs"):
        for index, one in enumerate(status.get(key) or []):
            if not is_address(one.get("ip") or ""):
                report.invalid(f"status.{key}[{index}]", one.get("ip") or "", NO_ADDRESS)


def _balancer(obj: dict[str, Any], _old: dict[str, Any], report: Report) -> None:
    balancer = (obj.get("status") or {}).get("loadBalancer") or {}
    for index, one in enumerate(balancer.get("ingress") or []):
        path = f"status.loadBalancer.ingress[{index}]"
        address, host = one.get("ip") or "", one.get("hostname") or ""
        if address and not is_address(address):
            report.invalid(f"{path}.ip", address, NO_ADDRESS)
        one_of(one, "ipMode", path, ("Proxy", "VIP"), report)
        if host and is_address(host):
            report.invalid(f"{path}.hostname", host, "must be a DNS name, not an IP address")
        elif host:
            report.malformed(f"{path}.hostname", host, formats.subdomain(host))


def _claim(obj: dict[str, Any], _old: dict[str, Any], report: Report) -> None:
    for name, value in sorted(((obj.get("status") or {}).get("capacity") or {}).items()):
        if parse(value) < 0:
            report.unquoted(f"status.capacity[{name}]", value, "must be a valid resource quantity")


def _quota(obj: dict[str, Any], _old: dict[str, Any], report: Report) -> None:
    status = obj.get("status") or {}
    for key in ("hard", "used"):
        limit_rules.quota_amounts(status.get(key) or {}, f"status.{key}", report)


def _namespace(obj: dict[str, Any], _old: dict[str, Any], report: Report) -> None:
    phase, ending = (obj.get("status") or {}).get("phase") or "", "deletionTimestamp" in obj["metadata"]
    if ending and phase != "Terminating":
        report.invalid("status.Phase", phase, "may only be 'Terminating' if `deletionTimestamp` is not empty")
    elif not ending and phase != "Active":
        report.invalid("status.Phase", phase, "may only be 'Active' if `deletionTimestamp` is empty")


#: Called with the object, the stored one and the report to add causes to.
BY_KIND: Final[dict[tuple[str, str], Rules]] = {
    ("", "Namespace"): _namespace,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Pod"): _pod,
    ("", "ReplicationController"): _counts((*_SETS, "observedGeneration"), parts=_SETS[1:], ready="readyReplicas"),
    ("", "ResourceQuota"): _quota,
    ("", "Service"): _balancer,
    ("apps", "DaemonSet"): _counts(
        (
            "currentNumberScheduled",
            "numberMisscheduled",
            "desiredNumberScheduled",
            "numberReady",
            "observedGeneration",
            "updatedNumberScheduled",
            "numberAvailable",
            "numberUnavailable",
            "collisionCount",
        )
    ),
    ("apps", "Deployment"): _deployment,
    ("apps", "ReplicaSet"): _counts(
        (*_SETS, "observedGeneration", "terminatingReplicas"), parts=_SETS[1:], ready="readyReplicas"
    ),
    ("apps", "StatefulSet"): _stateful_set,
    ("autoscaling", "HorizontalPodAutoscaler"): _counts(("currentReplicas", "desiredReplicas")),
    ("batch", "Job"): _job,
    ("networking.k8s.io", "Ingress"): _balancer,
    ("policy", "PodDisruptionBudget"): _counts(
        ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")
    ),
}
