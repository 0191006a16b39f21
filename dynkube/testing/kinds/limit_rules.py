"""Rules of the kinds that limit others: resource quotas, limit ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.testing.kinds.pod_rules import NOT_NEGATIVE
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


def resource_quota(obj: dict[str, Any], _old: dict[str, Any] | None, report: Report) -> None:
    """Check that quotas are about known resources, not negative, and whole where things are counted."""
    for name, value in ((obj.get("spec") or {}).get("hard") or {}).items():
        path = f"spec.hard[{name}]"
        if "/" not in name and name not in _QUOTA_RESOURCES:
            if name not in _STANDARD_RESOURCES:
                report.invalid(path, name, "must be a standard resource type or fully qualified")
            report.invalid(path, name, "must be a standard resource for quota")
        if parse(value) < 0:
            report.invalid(path, value, NOT_NEGATIVE)
        if name in _COUNTED and parse(value) % 1:
            report.invalid(path, value, "must be an integer")


def limit_range(obj: dict[str, Any], _old: dict[str, Any] | None, report: Report) -> None:
    """Check a limit range's bounds and defaults against each other."""
    for index, item in enumerate((obj.get("spec") or {}).get("limits") or []):
        path = f"spec.limits[{index}]"
        found = {key: item.get(key) or {} for key in _LIMITS}
        if item.get("type") == "Pod":
            for key in ("default", "defaultRequest"):
                if found[key]:
                    report.forbidden(f"{path}.{key}", "may not be specified when `type` is 'Pod'")
        for name in dict.fromkeys(name for values in found.values() for name in values):
            for lower, higher, blamed, shown, words in _ORDERED:
                low, high = found[lower].get(name), found[higher].get(name)
                if low is not None and high is not None and parse(low) > parse(high):
                    report.invalid(f"{path}.{blamed}[{name}]", found[shown][name], words.format(low, high))
