"""The built-in kinds one store shows in two forms: events of core and events.k8s.io, autoscalers v1 and v2."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Core event fields and what events.k8s.io calls them.
_EVENT_FIELDS = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}
#: Go prints these of a core event even when they are empty, and these of an events.k8s.io one never.
_CORE_EMPTY: dict[str, Any] = {"reportingComponent": "", "reportingInstance": ""}
_CORE_STRUCTS: dict[str, Any] = {"source": {}, "firstTimestamp": None, "lastTimestamp": None}

_ANNOTATION = "autoscaling.alpha.kubernetes.io/"


def _renamed(obj: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in obj.items()}


def _event_to_v1(obj: dict[str, Any]) -> dict[str, Any]:
    event = _renamed(obj, _EVENT_FIELDS)
    for name in ("reportingController", "reportingInstance"):
        if not event.get(name):
            event.pop(name, None)
    return event


def _event_to_core(obj: dict[str, Any]) -> dict[str, Any]:
    event = _renamed(obj, {new: old for old, new in _EVENT_FIELDS.items()})
    return {**copy.deepcopy(_CORE_STRUCTS), **_CORE_EMPTY, **event}


def _is_cpu(metric: Mapping[str, Any]) -> bool:
    resource = metric.get("resource") or {}
    target = resource.get("target") or {}
    return metric.get("type") == "Resource" and resource.get("name") == "cpu" and target.get("type") == "Utilization"


def _autoscaler_to_v1(obj: dict[str, Any]) -> dict[str, Any]:
    """Keep what v1 has no field for in annotations, as the real conversion does, so that it survives the way back."""
    scaler = copy.deepcopy(obj)
    spec, status = scaler.get("spec") or {}, scaler.get("status") or {}
    notes: dict[str, Any] = {}
    metrics = spec.pop("metrics", None) or []
    cpu = next((metric for metric in metrics if _is_cpu(metric)), None)
    if cpu is not None:
        spec["targetCPUUtilizationPercentage"] = cpu["resource"]["target"].get("averageUtilization")
    others = [metric for metric in metrics if metric is not cpu]
    notes |= {"metrics": others, "behavior": spec.pop("behavior", None)}
    current = status.pop("currentMetrics", None) or []
    used = next((metric for metric in current if (metric.get("resource") or {}).get("name") == "cpu"), None)
    if used is not None:
        status["currentCPUUtilizationPercentage"] = used["resource"].get("current", {}).get("averageUtilization")
    conditions = status.pop("conditions", None)
    notes |= {"current-metrics": [metric for metric in current if metric is not used], "conditions": conditions}
    notes = {name: value for name, value in notes.items() if value}
    status.setdefault("currentReplicas", 0)
    status.setdefault("desiredReplicas", 0)
    if notes:
        annotations = dict(scaler["metadata"].get("annotations") or {})
        annotations |= {_ANNOTATION + name: json.dumps(value, separators=(",", ":")) for name, value in notes.items()}
        scaler["metadata"]["annotations"] = annotations
    return {**scaler, "spec": spec, "status": status}


def _taken_notes(scaler: dict[str, Any]) -> dict[str, Any]:
    """Take the annotations of the v1 form off an autoscaler and return what they hold."""
    annotations = dict(scaler["metadata"].get("annotations") or {})
    notes: dict[str, Any] = {}
    for name in ("metrics", "behavior", "current-metrics", "conditions"):
        text = annotations.get(_ANNOTATION + name)
        if text is None:
            continue
        try:
            notes[name] = json.loads(text)
        except ValueError:
            # Somebody's own annotation under that name: it stays what it is.
            continue
        del annotations[_ANNOTATION + name]
    scaler["metadata"].pop("annotations", None)
    if annotations:
        scaler["metadata"]["annotations"] = annotations
    return notes


def _utilization(percentage: int, what: str) -> dict[str, Any]:
    value = (
        {"type": "Utilization", "averageUtilization": percentage}
        if what == "target"
        else {
            "averageUtilization": percentage,
            "averageValue": "0",
        }
    )
    return {"type": "Resource", "resource": {"name": "cpu", what: value}}


def _autoscaler_to_v2(obj: dict[str, Any]) -> dict[str, Any]:
    scaler = copy.deepcopy(obj)
    notes = _taken_notes(scaler)
    spec, status = scaler.get("spec") or {}, scaler.get("status") or {}
    metrics = list(notes.get("metrics") or ())
    wanted = spec.pop("targetCPUUtilizationPercentage", None)
    if wanted is not None:
        metrics.append(_utilization(wanted, "target"))
    if metrics:
        spec["metrics"] = metrics
    if notes.get("behavior"):
        spec["behavior"] = notes["behavior"]
    current = list(notes.get("current-metrics") or ())
    used = status.pop("currentCPUUtilizationPercentage", None)
    if used is not None:
        current.append(_utilization(used, "current"))
    status["currentMetrics"] = current or None
    if notes.get("conditions"):
        status["conditions"] = notes["conditions"]
    if not status.get("currentReplicas"):
        status.pop("currentReplicas", None)
    status.setdefault("desiredReplicas", 0)
    return {**scaler, "spec": spec, "status": status}


_CONVERSIONS: dict[tuple[str, str, str], Callable[[dict[str, Any]], dict[str, Any]]] = {
    ("Event", "v1", "events.k8s.io/v1"): _event_to_v1,
    ("Event", "events.k8s.io/v1", "v1"): _event_to_core,
    ("HorizontalPodAutoscaler", "autoscaling/v2", "autoscaling/v1"): _autoscaler_to_v1,
    ("HorizontalPodAutoscaler", "autoscaling/v1", "autoscaling/v2"): _autoscaler_to_v2,
}


def convert(obj: dict[str, Any], api_version: str, kind: str) -> dict[str, Any]:
    """Return the object in another version of its kind. Versions without a conversion differ in their label alone."""
    conversion = _CONVERSIONS.get((kind, obj.get("apiVersion", ""), api_version))
    converted = conversion(obj) if conversion else obj
    return {**converted, "apiVersion": api_version, "kind": kind}
