"""Admission plug-ins that look at other objects before one is created: priority and runtime classes of pods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.testing.http import failures

if TYPE_CHECKING:
    from dynkube.testing.flows.cluster import Cluster
    from dynkube.testing.resources.registry import Resource

_PRIORITIES = ("scheduling.k8s.io", "priorityclasses")
_RUNTIMES = ("node.k8s.io", "runtimeclasses")


def admit_create(cluster: Cluster, resource: Resource, obj: dict[str, Any]) -> None:
    """Complete a new object from what it names, in place. Raises a 403 Failure when that is not there, or differs."""
    if resource.collection == ("", "pods"):
        _runtime_class(cluster, obj)
        _priority(cluster, obj)
    elif resource.collection == _PRIORITIES and obj.get("globalDefault"):
        _only_default(cluster, obj)


def _refused(obj: dict[str, Any], why: str) -> failures.Failure:
    return failures.forbidden("", "pods", (obj.get("metadata") or {}).get("name", ""), why)


def _priority(cluster: Cluster, obj: dict[str, Any]) -> None:
    """Resolve the priority class (plug-in Priority): a pod says its name, never the numbers behind it."""
    spec = obj.setdefault("spec", {})
    name = spec.get("priorityClassName") or ""
    found = _default_class(cluster) if not name else None
    if name:
        record = cluster.store.get(_PRIORITIES, ("", name))
        if record is None:
            raise _refused(obj, f"no PriorityClass with name {name} was found")
        found = record.object
    if found is not None and not name:
        spec["priorityClassName"] = found["metadata"]["name"]
    computed = (found or {}).get("value", 0)
    policy = (found or {}).get("preemptionPolicy") or "PreemptLowerPriority"
    for key, what, asked, wanted in (
        ("priority", "the integer value of priority", spec.get("priority"), computed),
        ("preemptionPolicy", "the string value of PreemptionPolicy", spec.get("preemptionPolicy"), policy),
    ):
        if asked is not None and asked != wanted:
            why = f"{what} ({asked}) must not be provided in pod spec; priority admission controller computed {wanted}"
            raise _refused(obj, f"{why} from the given PriorityClass name")
        spec[key] = wanted


def _default_class(cluster: Cluster) -> dict[str, Any] | None:
    """Return the class of pods that name none: of several defaults the one of least value."""
    classes = [record.object for _, record in cluster.store.objects(_PRIORITIES)[0]]
    return min((one for one in classes if one.get("globalDefault")), key=lambda one: one.get("value", 0), default=None)


def _runtime_class(cluster: Cluster, obj: dict[str, Any]) -> None:
    """Take over what a runtime class costs (plug-in RuntimeClass)."""
    spec = obj.get("spec") or {}
    name = spec.get("runtimeClassName")
    if not name:
        if spec.get("overhead"):
            raise _refused(obj, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead")
        return
    record = cluster.store.get(_RUNTIMES, ("", name))
    if record is None:
        raise _refused(obj, f'pod rejected: RuntimeClass "{name}" not found')
    overhead = (record.object.get("overhead") or {}).get("podFixed")
    if spec.get("overhead") and spec["overhead"] != overhead:
        why = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
        raise _refused(obj, why)
    if overhead:
        spec["overhead"] = dict(overhead)


def _only_default(cluster: Cluster, obj: dict[str, Any]) -> None:
    default = _default_class(cluster)
    name = (obj.get("metadata") or {}).get("name", "")
    if default is not None and default["metadata"]["name"] != name:
        other = default["metadata"]["name"]
        why = f"PriorityClass {other} is already marked as default. Only one default can exist"
        raise failures.forbidden(*_PRIORITIES, name, why)
