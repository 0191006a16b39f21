"""Rules of horizontal pod autoscalers (``pkg/apis/autoscaling/validation``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.testing.kinds.container_rules import resource_name
from dynkube.testing.objects import formats
from dynkube.testing.objects.quantities import parse

if TYPE_CHECKING:
    from dynkube.testing.objects.report import Report

#: The types of metrics and the fields that hold them.
_SOURCES = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
_TARGETS = ("Utilization", "Value", "AverageValue")
_POLICIES = ("Percent", "Pods")
_SELECTIONS = ("Disabled", "Max", "Min")
_LONGEST_WINDOW, _LONGEST_PERIOD = 3600, 1800


def autoscaler(obj: dict[str, Any], _old: dict[str, Any] | None, report: Report) -> None:
    """Check a horizontal pod autoscaler."""
    spec = obj.get("spec") or {}
    least, most = spec.get("minReplicas"), spec.get("maxReplicas", 0)
    if least is not None and least < 1:
        report.invalid("spec.minReplicas", least, "must be greater than or equal to 1")
    if not most:
        report.required("spec.maxReplicas", "must be set and greater than 0")
    elif most < 1:
        report.invalid("spec.maxReplicas", most, "must be greater than or equal to 1")
    if least is not None and most < least:
        report.invalid("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`")
    target = spec.get("scaleTargetRef") or {}
    _reference(target, "spec.scaleTargetRef", report)
    version = target.get("apiVersion") or ""
    if version.count("/") > 1:
        why = f"unexpected GroupVersion string: {version}"
        report.invalid("spec.scaleTargetRef.apiVersion", version, why)
    elif "/" not in version and target.get("kind") != "ReplicationController":
        report.invalid("spec.scaleTargetRef.apiVersion", version, "apiVersion must specify API group")
    for index, metric in enumerate(spec.get("metrics") or []):
        _metric(metric, f"spec.metrics[{index}]", report)
    behavior = spec.get("behavior") or {}
    for key in ("scaleUp", "scaleDown"):
        if behavior.get(key) is not None:
            _rules(behavior[key], f"spec.behavior.{key}", report)


def _reference(target: dict[str, Any], path: str, report: Report) -> None:
    for key in ("kind", "name"):
        if not target.get(key):
            report.required(f"{path}.{key}")
        else:
            report.malformed(f"{path}.{key}", target[key], formats.path_segment(target[key]))


def _metric(metric: dict[str, Any], path: str, report: Report) -> None:
    kind = metric.get("type") or ""
    if not kind:
        report.required(f"{path}.type", "must specify a metric source type")
    if kind not in _SOURCES:
        report.unsupported(f"{path}.type", kind, sorted(_SOURCES))
    given = [field for field in ("object", "pods", "resource", "containerResource", "external") if metric.get(field)]
    wanted = _SOURCES.get(kind, "")
    for field in given:
        _source(field, metric[field], f"{path}.{field}", report)
    if not wanted:
        report.unsupported(f"{path}.type", kind, sorted(_SOURCES))
        return
    if metric.get(wanted) is None:
        report.required(f"{path}.{wanted}", "must populate information for the given metric source")
    for field in given:
        if field != wanted:
            report.forbidden(f"{path}.{field}", "must populate the given metric source only")


def _source(field: str, source: dict[str, Any], path: str, report: Report) -> None:
    target = source.get("target") or {}
    if field == "object":
        _reference(source.get("describedObject") or {}, f"{path}.describedObject", report)
    if field in {"object", "pods", "external"}:
        _identifier(source.get("metric") or {}, f"{path}.metric", report)
    if field in {"resource", "containerResource"}:
        if not source.get("name"):
            report.required(f"{path}.name", "must specify a resource name")
        elif field == "containerResource":
            resource_name(source["name"], f"{path}.name", report)
    if field == "containerResource":
        container = source.get("container") or ""
        if not container:
            report.required(f"{path}.container", "must specify a container")
        else:
            report.malformed(f"{path}.container", container, formats.label(container))
    _target(target, f"{path}.target", report)
    value, average, share = (target.get(key) for key in ("value", "averageValue", "averageUtilization"))
    if field == "object" and value is None and average is None:
        report.required(f"{path}.target.averageValue", "must set either a target value or averageValue")
    if field == "external":
        if value is None and average is None:
            why = "must set either a target value for metric or a per-pod target"
            report.required(f"{path}.target.averageValue", why)
        elif value is not None and average is not None:
            why = "may not set both a target value for metric and a per-pod target"
            report.forbidden(f"{path}.target.value", why)
    if field == "pods" and (average is None):
        report.required(f"{path}.target.averageValue", "must specify a positive target averageValue")
    if field in {"resource", "containerResource"}:
        if share is None and average is None:
            why = "must set either a target raw value or a target utilization"
            report.required(f"{path}.target.averageUtilization", why)
        elif share is not None and average is not None:
            why = "may not set both a target raw value and a target utilization"
            report.forbidden(f"{path}.target.averageValue", why)


def _identifier(metric: dict[str, Any], path: str, report: Report) -> None:
    name = metric.get("name") or ""
    if not name:
        report.required(f"{path}.name", "must specify a metric name")
    else:
        report.malformed(f"{path}.name", name, formats.path_segment(name))


def _target(target: dict[str, Any], path: str, report: Report) -> None:
    kind = target.get("type") or ""
    if not kind:
        report.required(f"{path}.type", "must specify a metric target type")
    if kind not in _TARGETS:
        report.invalid(f"{path}.type", kind, "must be either Utilization, Value, or AverageValue")
    for key in ("value", "averageValue"):
        if target.get(key) is not None and parse(target[key]) <= 0:
            report.invalid(f"{path}.{key}", target[key], "must be positive")
    share = target.get("averageUtilization")
    if share is not None and share < 1:
        report.invalid(f"{path}.averageUtilization", share, "must be greater than 0")


def _rules(rules: dict[str, Any], path: str, report: Report) -> None:
    window, select = rules.get("stabilizationWindowSeconds"), rules.get("selectPolicy")
    if window is not None and window < 0:
        report.invalid(f"{path}.stabilizationWindowSeconds", window, "must be greater than or equal to zero")
    if window is not None and window > _LONGEST_WINDOW:
        why = f"must be less than or equal to {_LONGEST_WINDOW}"
        report.invalid(f"{path}.stabilizationWindowSeconds", window, why)
    if select is not None and select not in _SELECTIONS:
        report.unsupported(f"{path}.selectPolicy", select, _SELECTIONS)
    policies = rules.get("policies") or []
    if not policies:
        report.required(f"{path}.policies", "must specify at least one Policy")
    for index, policy in enumerate(policies):
        here = f"{path}.policies[{index}]"
        if (policy.get("type") or "") not in _POLICIES:
            report.unsupported(f"{here}.type", policy.get("type") or "", _POLICIES)
        for key in ("value", "periodSeconds"):
            if (policy.get(key) or 0) <= 0:
                report.invalid(f"{here}.{key}", policy.get(key) or 0, "must be greater than zero")
        if (policy.get("periodSeconds") or 0) > _LONGEST_PERIOD:
            why = f"must be less than or equal to {_LONGEST_PERIOD}"
            report.invalid(f"{here}.periodSeconds", policy["periodSeconds"], why)
    tolerance = rules.get("tolerance")
    if tolerance is not None and parse(tolerance) < 0:
        report.invalid(f"{path}.tolerance", tolerance, "must be greater than or equal to 0")
