"""Defaults of the kinds that run pods: apps and batch (``pkg/apis/apps/v1/defaults.go``, ``pkg/apis/batch/v1``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dynkube.testing.kinds.pod_defaults import host_ports, resource_requests

if TYPE_CHECKING:
    from collections.abc import Callable

#: What "no limit" is in a job's retries.
#: The label of a job's pods by which it knows them.
JOB_UID = "batch.kubernetes.io/controller-uid"
_MAX_INT32 = 2**31 - 1
_TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"


def _spec(obj: dict[str, Any]) -> dict[str, Any]:
    spec = obj.setdefault("spec", {})
    return spec if isinstance(spec, dict) else {}


def pod(obj: dict[str, Any]) -> None:
    """Fill in a pod, beyond what every PodSpec gets."""
    spec = _spec(obj)
    spec.setdefault("enableServiceLinks", True)
    resource_requests(spec)
    host_ports(spec)
    # One address under two names: the singular field is the first of the list.
    status = obj.get("status") or {}
    if status.get("podIP"):
        if ((status.get("podIPs") or [{}])[0] or {}).get("ip") != status["podIP"]:
            status["podIPs"] = [{"ip": status["podIP"]}]
    elif status.get("podIPs"):
        status["podIP"] = status["podIPs"][0].get("ip", "")


def deployment(obj: dict[str, Any]) -> None:
    """Fill in a deployment."""
    spec = _spec(obj)
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    strategy = spec.setdefault("strategy", {})
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")


def stateful_set(obj: dict[str, Any]) -> None:
    """Fill in a stateful set; its claims are complete objects of their own."""
    spec = _spec(obj)
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("podManagementPolicy", "OrderedReady")
    strategy = spec.setdefault("updateStrategy", {})
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
        strategy.setdefault("rollingUpdate", {})
    if strategy["type"] == "RollingUpdate" and strategy.get("rollingUpdate") is not None:
        strategy["rollingUpdate"].setdefault("partition", 0)
    retention = spec.setdefault("persistentVolumeClaimRetentionPolicy", {})
    retention.setdefault("whenDeleted", "Retain")
    retention.setdefault("whenScaled", "Retain")
    for claim in spec.get("volumeClaimTemplates") or []:
        claim.setdefault("apiVersion", "v1")
        claim.setdefault("kind", "PersistentVolumeClaim")
        claim.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")
        claim.setdefault("status", {}).setdefault("phase", "Pending")


def daemon_set(obj: dict[str, Any]) -> None:
    """Fill in a daemon set and the annotation that stands for a field of its retired versions."""
    spec = _spec(obj)
    spec.setdefault("revisionHistoryLimit", 10)
    strategy = spec.setdefault("updateStrategy", {})
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", 1)
        rolling.setdefault("maxSurge", 0)
    annotations = obj.setdefault("metadata", {}).get("annotations") or {}
    generation = str(max(int(obj["metadata"].get("generation") or 1), 1))
    if _TEMPLATE_GENERATION not in annotations:
        obj["metadata"]["annotations"] = {**annotations, _TEMPLATE_GENERATION: generation}


def replica_set(obj: dict[str, Any]) -> None:
    """Fill in a replica set."""
    _spec(obj).setdefault("replicas", 1)


def replication_controller(obj: dict[str, Any]) -> None:
    """Fill in a replication controller: selector and labels come from the template."""
    spec = _spec(obj)
    spec.setdefault("replicas", 1)
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    if labels:
        spec.setdefault("selector", dict(labels))
        obj.setdefault("metadata", {}).setdefault("labels", dict(labels))


def job(obj: dict[str, Any]) -> None:
    """Fill in a job."""
    spec = _spec(obj)
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = spec["parallelism"] = 1
    spec.setdefault("parallelism", 1)
    spec.setdefault("backoffLimit", _MAX_INT32 if "backoffLimitPerIndex" in spec else 6)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    spec.setdefault("manualSelector", False)
    spec.setdefault("podReplacementPolicy", "Failed" if spec.get("podFailurePolicy") else "TerminatingOrFailed")
    template = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    # A new job has the labels of its pods, too, but they are complete only when its selector is made.
    if JOB_UID in template:
        obj.setdefault("metadata", {}).setdefault("labels", dict(template))


def cron_job(obj: dict[str, Any]) -> None:
    """Fill in a cron job; the job it makes gets its defaults when it is made."""
    spec = _spec(obj)
    spec.setdefault("concurrencyPolicy", "Allow")
    spec.setdefault("suspend", False)
    spec.setdefault("successfulJobsHistoryLimit", 3)
    spec.setdefault("failedJobsHistoryLimit", 1)


BY_KIND: Final[dict[tuple[str, str], Callable[[dict[str, Any]], None]]] = {
    ("", "Pod"): pod,
    ("", "ReplicationController"): replication_controller,
    ("apps", "Deployment"): deployment,
    ("apps", "StatefulSet"): stateful_set,
    ("apps", "DaemonSet"): daemon_set,
    ("apps", "ReplicaSet"): replica_set,
    ("batch", "Job"): job,
    ("batch", "CronJob"): cron_job,
}
