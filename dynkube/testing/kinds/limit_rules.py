"""Rules of the kinds that limit others: resource quotas, limit ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.testing.kinds.go_internal import internal
from dynkube.testing.kinds.value_rules import NOT_NEGATIVE
from dynkube.testing.objects import formats
from dynkube.testing.objects.quantities import parse

if TYPE_CHECKING:
    from dynkube.testing.objects.report import Report

#: What a quota may limit beside qualified names (``count/widgets.example.com``), and what of it is counted.
_COUNTED = frozenset(
    {
        "configmaps",
        "persistentvolumeclaims",
        "pods",
        "replicationcontrollers",
        "resourcequotas",
        "secrets",
        "services",
        "services.loadbalancers",
        "services.nodeports",
    }
)
_AMOUNTS = frozenset({"cpu", "ephemeral-storage", "memory"})
_QUOTA_RESOURCES = (
    _COUNTED
    | _AMOUNTS
    | {f"{kind}.{name}" for kind in ("limits", "requests") for name in _AMOUNTS}
    | {"requests.storage"}
)
_STANDARD_RESOURCES = _QUOTA_RESOURCES | {"storage"}
#: What a limit range's item may say of a resource.
_LIMITS = ("min", "max", "default", "defaultRequest")
#: Pairs of these where the first may not exceed the second, in the order they are looked at: the two, the field that is
#: blamed, the one whose value is quoted, and the words.
_ORDERED = (
    ("min", "max", "min", "min", "min value {} is greater than max value {}"),
    (
        "min",
        "defaultRequest",
        "defaultRequest",
        "defaultRequest",
        "min value {} is greater than default request value {}",
    ),
    (
        "defaultRequest",
        "max",
        "defaultRequest",
        "defaultRequest",
        "default request value {} is greater than max value {}",
    ),
    (
        "defaultRequest",
        "default",
        "defaultRequest",
        "defaultRequest",
        "default request value {} is greater than default limit value {}",
    ),
    ("min", "default", "default", "min", "min value {} is greater than default value {}"),
    ("default", "max", "default", "max", "default value {} is greater than max value {}"),
)


#: What quotas may be narrowed to.
_SCOPES = frozenset(
    {
        "BestEffort",
        "CrossNamespacePodAffinity",
        "NotBestEffort",
        "NotTerminating",
        "PriorityClass",
        "Terminating",
        "VolumeAttributesClass",
    }
)
_POD_RESOURCES = frozenset({"cpu", "memory", "limits.cpu", "limits.memory", "pods", "requests.cpu", "requests.memory"})
#: Scopes no pod can be in at once.
_EXCLUSIVE = (frozenset({"BestEffort", "NotBestEffort"}), frozenset({"Terminating", "NotTerminating"}))
_LIMIT_TYPES = frozenset({"Container", "PersistentVolumeClaim", "Pod"})


def resource_quota(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check that quotas are about known resources, not negative, and whole where things are counted."""
    spec = obj.get("spec") or {}
    hard = spec.get("hard") or {}
    quota_amounts(hard, "spec.hard", report)
    _scopes(spec, hard, report)
    if spec.get("scopeSelector") is not None:
        _scope_selector(spec["scopeSelector"], hard, report)
    if old is not None:
        before = old.get("spec") or {}
        if sorted(spec.get("scopes") or []) != sorted(before.get("scopes") or []):
            report.invalid("spec.scopes", spec.get("scopes"), "field is immutable")


def quota_amounts(amounts: dict[str, Any], path: str, report: Report) -> None:
    """Check how much of what is allowed, or used."""
    for name, value in amounts.items():
        here = f"{path}[{name}]"
        if "/" not in name and name not in _QUOTA_RESOURCES:
            if name not in _STANDARD_RESOURCES:
                report.invalid(here, name, "must be a standard resource type or fully qualified")
            report.invalid(here, name, "must be a standard resource for quota")
        if parse(value) < 0:
            report.invalid(here, value, NOT_NEGATIVE)
        if name in _COUNTED and parse(value) % 1:
            report.invalid(here, value, "must be an integer")


def _scopes(spec: dict[str, Any], hard: dict[str, Any], report: Report) -> None:
    scopes = spec.get("scopes") or []
    for scope in scopes:
        if scope not in _SCOPES:
            report.invalid("spec.scopes", scopes, "unsupported scope")
        for name in hard:
            if not _applies(scope, name):
                report.invalid("spec.scopes", scopes, "unsupported scope applied to resource")
    for pair in _EXCLUSIVE:
        if pair <= set(scopes):
            report.invalid("spec.scopes", scopes, "conflicting scopes")


def _applies(scope: str, name: str) -> bool:
    if scope == "BestEffort":
        return name == "pods"
    if scope in {"NotBestEffort", "NotTerminating", "Terminating", "PriorityClass", "CrossNamespacePodAffinity"}:
        return name in _POD_RESOURCES
    return True


def _scope_selector(found: dict[str, Any], hard: dict[str, Any], report: Report) -> None:
    path = "spec.scopeSelector.matchExpressions"
    shown = internal("ScopeSelector", found)
    names: set[str] = set()
    for one in found.get("matchExpressions") or []:
        scope, operator, values = one.get("scopeName") or "", one.get("operator") or "", one.get("values") or []
        if scope not in _SCOPES:
            report.invalid(f"{path}.scopeName", scope, "unsupported scope")
        for name in hard:
            if not _applies(scope, name):
                report.invalid(path, shown, "unsupported scope applied to resource")
        if scope in {"BestEffort", "NotBestEffort", "Terminating", "NotTerminating", "CrossNamespacePodAffinity"} and (
            operator != "Exists"
        ):
            why = "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, "
            why += "ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or "
            why += "ResourceQuotaScopeCrossNamespacePodAffinity"
            report.invalid(f"{path}.operator", operator, why)
        if operator in {"In", "NotIn"}:
            if not values:
                why = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
                report.required(f"{path}.values", why)
        elif operator in {"Exists", "DoesNotExist"}:
            if values:
                why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"
                report.invalid(f"{path}.values", values, why)
        else:
            report.invalid(f"{path}.operator", operator, "not a valid selector operator")
        names.add(scope)
    for pair in _EXCLUSIVE:
        if pair <= names:
            report.invalid(path, shown, "conflicting scopes")


def limit_range(obj: dict[str, Any], _old: dict[str, Any] | None, report: Report) -> None:
    """Check a limit range's bounds and defaults against each other."""
    kinds: set[str] = set()
    for index, item in enumerate((obj.get("spec") or {}).get("limits") or []):
        path, kind = f"spec.limits[{index}]", item.get("type") or ""
        problems = formats.qualified_name(kind)
        report.malformed(f"{path}.type", kind, problems)
        if not problems and "/" not in kind and kind not in _LIMIT_TYPES:
            report.invalid(f"{path}.type", kind, "must be a standard limit type or fully qualified")
        if kind in kinds:
            report.duplicate(f"{path}.type", kind)
        kinds.add(kind)
        _limit(item, path, kind, report)


def _limit(item: dict[str, Any], path: str, kind: str, report: Report) -> None:
    found = {key: item.get(key) or {} for key in _LIMITS}
    ratios = item.get("maxLimitRequestRatio") or {}
    if kind == "Pod":
        for key in ("default", "defaultRequest"):
            if found[key]:
                report.forbidden(f"{path}.{key}", "may not be specified when `type` is 'Pod'")
    if kind == "PersistentVolumeClaim" and "storage" not in found["min"] and "storage" not in found["max"]:
        report.required(path, "either minimum or maximum storage value is required, but neither was provided")
    for name in sorted({name for values in (*found.values(), ratios) for name in values}):
        for lower, higher, blamed, shown, words in _ORDERED:
            low, high = found[lower].get(name), found[higher].get(name)
            if low is not None and high is not None and parse(low) > parse(high):
                report.invalid(f"{path}.{blamed}[{name}]", found[shown][name], words.format(low, high))
        if name in ratios:
            _ratio(
                ratios[name],
                found["min"].get(name),
                found["max"].get(name),
                f"{path}.maxLimitRequestRatio[{name}]",
                report,
            )
        if name.startswith("hugepages-") or "/" in name:
            default, request = found["default"].get(name), found["defaultRequest"].get(name)
            if default is not None and request is not None and parse(default) != parse(request):
                why = f"default value {default} must equal to defaultRequest value {request} in {name}"
                report.invalid(f"{path}.default[{name}]", default, why)


def _ratio(ratio: str, least: str | None, most: str | None, path: str, report: Report) -> None:
    if parse(ratio) < 1:
        report.invalid(path, ratio, f"ratio {ratio} is less than 1")
    if least is not None and most is not None and parse(least):
        limit = parse(most) / parse(least)
        if parse(ratio) > limit:
            report.invalid(path, ratio, f"ratio {ratio} is greater than max/min = {float(limit):f}")
