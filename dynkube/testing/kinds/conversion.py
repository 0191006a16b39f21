"""Kinds served in two versions of different shape: events (core and events.k8s.io) and autoscalers (v1 and v2).

One form is stored (core/v1 events, autoscaling/v2 autoscalers); `convert` goes between them. All other kinds of several
versions have one shape, so that only their ``apiVersion`` changes.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dynkube.names import GroupVersionKind

#: Core event field, and its name in events.k8s.io.
_EVENT_FIELDS = (
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
)
_CPU = "targetCPUUtilizationPercentage"


def convert(obj: dict[str, Any], source: GroupVersionKind, target: GroupVersionKind) -> dict[str, Any]:
    """Return ``obj`` in another version of its kind; the argument stays as it was."""
    result = copy.deepcopy(obj)
    result["apiVersion"] = target.group_version.api_version
    if source == target:
        return result
    if source.kind == "Event" and source.group != target.group:
        return _event(result, to_core=target.group == "")
    if source.kind == "HorizontalPodAutoscaler":
        if target.version == "v1":
            _to_v1(result)
        elif source.version == "v1":
            _to_v2(result)
    return result


def _event(obj: dict[str, Any], *, to_core: bool) -> dict[str, Any]:
    result = dict(obj)
    for core, other in _EVENT_FIELDS:
        old, new = (other, core) if to_core else (core, other)
        value = result.pop(old, None)
        empty = value in (None, "", {}) and old not in {"regarding", "involvedObject"}
        if value is not None and not (empty and not to_core):
            result[new] = value
    if to_core:
        for key in ("firstTimestamp", "lastTimestamp", "eventTime"):
            result.setdefault(key, None)
        for key in ("reportingComponent", "reportingInstance"):
            result.setdefault(key, "")
        result.setdefault("source", {})
    else:
        if not result.get("reportingInstance"):
            result.pop("reportingInstance", None)
        result.setdefault("deprecatedSource", {})
        for key in ("deprecatedFirstTimestamp", "deprecatedLastTimestamp"):
            result.setdefault(key, None)
    return result


def _to_v1(obj: dict[str, Any]) -> None:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    for metric in spec.pop("metrics", None) or []:
        utilization = _cpu_utilization(metric, "target")
        if utilization is not None and _CPU not in spec:
            spec[_CPU] = utilization
    spec.pop("behavior", None)
    for metric in status.pop("currentMetrics", None) or []:
        utilization = _cpu_utilization(metric, "current")
        if utilization is not None:
            status["currentCPUUtilizationPercentage"] = utilization
    status.pop("conditions", None)
    status.setdefault("currentReplicas", 0)
    status.setdefault("desiredReplicas", 0)
    obj["status"] = status


def _cpu_utilization(metric: dict[str, Any], part: str) -> Any:
    resource = metric.get("resource") or {}
    if metric.get("type") != "Resource" or resource.get("name") != "cpu":
        return None
    return (resource.get(part) or {}).get("averageUtilization")


def _to_v2(obj: dict[str, Any]) -> None:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    wanted = spec.pop(_CPU, None)
    if wanted is not None:
        target = {"type": "Utilization", "averageUtilization": wanted}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    measured = status.pop("currentCPUUtilizationPercentage", None)
    status["currentMetrics"] = None
    if measured is not None:
        current = {"averageUtilization": measured}
        status["currentMetrics"] = [{"type": "Resource", "resource": {"name": "cpu", "current": current}}]
    if not status.get("currentReplicas"):
        status.pop("currentReplicas", None)
    status.setdefault("desiredReplicas", 0)
    obj["status"] = status
