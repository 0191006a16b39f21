"""Rules of the kinds that run pods for ever: apps, and the budgets of their disruption."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dynkube.testing.kinds import pod_rules, storage_rules
from dynkube.testing.kinds.go_internal import internal
from dynkube.testing.kinds.selector_rules import ordered_selector, readable, selector, selects
from dynkube.testing.kinds.value_rules import NOT_NEGATIVE, not_negative, one_of
from dynkube.testing.objects import formats, metadata_rules

if TYPE_CHECKING:
    from dynkube.testing.objects.report import Report

MISMATCH = "`selector` does not match template `labels`"
_PERCENT = re.compile(r"[0-9]+%")
_PERCENT_TEXT = (
    "a valid percent string must be a numeric string followed by an ending '%' "
    "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
)


def _selected_template(spec: dict[str, Any], what: str, report: Report, *, complaint: str = "") -> None:
    """Check selector and template, and that one selects the other.

    ``what`` is the kind in the error about an empty selector; ``complaint`` what is said of one that cannot be read.
    """
    found = spec.get("selector")
    if found is None:
        report.required("spec.selector")
    else:
        selector(found, "spec.selector", report)
        if is_empty(found):
            report.invalid("spec.selector", found, f"empty selector is invalid for {what}")
    if not readable(found):
        report.invalid("spec.selector", ordered_selector(found or {}), complaint)
        return
    _template(spec, found, report)


def is_empty(found: dict[str, Any]) -> bool:
    """Whether a selector says nothing, which would take everything."""
    return not found.get("matchLabels") and not found.get("matchExpressions")


def _template(spec: dict[str, Any], found: dict[str, Any] | None, report: Report) -> None:
    wanted = spec.get("template") or {}
    labels = (wanted.get("metadata") or {}).get("labels")
    if (found is None or not is_empty(found)) and not selects(found, labels or {}):
        report.invalid("spec.template.metadata.labels", labels, MISMATCH)
    pod_rules.template(wanted, "spec.template", report)
    _runs_for_ever(wanted.get("spec") or {}, report)


def _runs_for_ever(spec: dict[str, Any], report: Report) -> None:
    policy = spec.get("restartPolicy")
    if policy not in {"Always", None}:
        report.unsupported("spec.template.spec.restartPolicy", policy, ["Always"])
    if spec.get("activeDeadlineSeconds") is not None:
        why = "activeDeadlineSeconds in ReplicaSet is not Supported"
        report.forbidden("spec.template.spec.activeDeadlineSeconds", why)


def _amount(value: Any, path: str, report: Report) -> None:
    if isinstance(value, str):
        if not _PERCENT.fullmatch(value):
            report.invalid(path, value, _PERCENT_TEXT)
    elif isinstance(value, int) and value < 0:
        report.invalid(path, value, NOT_NEGATIVE)


def _zero(value: Any) -> bool:
    return value in (0, "0%", None)


def deployment(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a deployment."""
    spec = obj.get("spec") or {}
    not_negative(spec, "replicas", "spec", report)
    _selected_template(spec, "deployment", report, complaint="invalid label selector")
    _deployment_strategy(spec.get("strategy") or {}, report)
    for key in ("minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"):
        not_negative(spec, key, "spec", report)
    deadline = spec.get("progressDeadlineSeconds")
    if isinstance(deadline, int) and deadline <= spec.get("minReadySeconds", 0):
        report.invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds")
    if old is not None:
        report.unchanged("spec.selector", spec.get("selector"), (old.get("spec") or {}).get("selector"))


def _deployment_strategy(strategy: dict[str, Any], report: Report) -> None:
    kind, rolling = strategy.get("type"), strategy.get("rollingUpdate")
    if kind == "Recreate":
        if rolling is not None:
            why = "may not be specified when strategy `type` is 'Recreate'"
            report.forbidden("spec.strategy.rollingUpdate", why)
    elif kind == "RollingUpdate":
        _rolling(rolling or {}, "spec.strategy.rollingUpdate", report)
    else:
        report.unsupported("spec.strategy", internal("Strategy", strategy), ["Recreate", "RollingUpdate"])


def _rolling(rolling: dict[str, Any], path: str, report: Report) -> None:
    unavailable, surge = rolling.get("maxUnavailable"), rolling.get("maxSurge")
    _amount(unavailable, f"{path}.maxUnavailable", report)
    _amount(surge, f"{path}.maxSurge", report)
    if _zero(unavailable) and _zero(surge):
        report.invalid(f"{path}.maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0")
    _at_most_all(unavailable, f"{path}.maxUnavailable", report)


def replica_set(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a replica set (the server says "deployment" in its selector's error)."""
    spec = obj.get("spec") or {}
    not_negative(spec, "replicas", "spec", report)
    not_negative(spec, "minReadySeconds", "spec", report)
    _selected_template(spec, "deployment", report, complaint="invalid label selector")
    if old is not None:
        report.unchanged("spec.selector", spec.get("selector"), (old.get("spec") or {}).get("selector"))


def replication_controller(obj: dict[str, Any], _old: dict[str, Any] | None, report: Report) -> None:
    """Check a replication controller."""
    spec = obj.get("spec") or {}
    not_negative(spec, "minReadySeconds", "spec", report)
    labels = spec.get("selector") or {}
    if not labels:
        report.required("spec.selector")
    not_negative(spec, "replicas", "spec", report)
    if spec.get("template") is None:
        report.required("spec.template")
    else:
        _template(spec, {"matchLabels": labels}, report)


_STATEFUL_MUTABLE = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)
_STATEFUL_FREE = frozenset(re.findall(r"'(\w+)'", _STATEFUL_MUTABLE))


def stateful_set(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a stateful set."""
    spec = obj.get("spec") or {}
    policy = spec.get("podManagementPolicy") or ""
    if policy not in {"OrderedReady", "Parallel"}:
        report.invalid("spec.podManagementPolicy", policy, "must be 'OrderedReady' or 'Parallel'")
    _stateful_strategy(spec.get("updateStrategy") or {}, report)
    for key in ("whenDeleted", "whenScaled"):
        kept = spec.get("persistentVolumeClaimRetentionPolicy") or {}
        one_of(kept, key, "spec.persistentVolumeClaimRetentionPolicy", ("Retain", "Delete"), report)
    not_negative(spec, "replicas", "spec", report)
    not_negative(spec, "minReadySeconds", "spec", report)
    not_negative(spec.get("ordinals") or {}, "start", "spec.ordinals", report)
    if old is None:
        if spec.get("serviceName"):
            report.malformed("spec.serviceName", spec["serviceName"], formats.label(spec["serviceName"]))
        for index, claim in enumerate(spec.get("volumeClaimTemplates") or []):
            storage_rules.claim_spec(claim.get("spec") or {}, f"spec.volumeClaimTemplates[{index}].spec", report)
    found = spec.get("selector")
    if found is None:
        report.required("spec.selector")
    else:
        selector(found, "spec.selector", report)
        if is_empty(found):
            report.invalid("spec.selector", ordered_selector(found), "empty selector is invalid for statefulset")
    if not readable(found):
        report.invalid("spec.selector", ordered_selector(found or {}), "")
    else:
        _stateful_template(spec, found, report)
    pod = (spec.get("template") or {}).get("spec") or {}
    if pod.get("restartPolicy") not in {"Always", None}:
        report.unsupported("spec.template.spec.restartPolicy", pod["restartPolicy"], ["Always"])
    if pod.get("activeDeadlineSeconds") is not None:
        why = "activeDeadlineSeconds in StatefulSet is not Supported"
        report.forbidden("spec.template.spec.activeDeadlineSeconds", why)
    if old is not None:
        before = old.get("spec") or {}
        if any(spec.get(key) != before.get(key) for key in {*spec, *before} - _STATEFUL_FREE):
            report.forbidden("spec", _STATEFUL_MUTABLE)


def _stateful_strategy(strategy: dict[str, Any], report: Report) -> None:
    kind, rolling = strategy.get("type"), strategy.get("rollingUpdate")
    if kind == "OnDelete":
        if rolling is not None:
            why = "only allowed for updateStrategy 'RollingUpdate'"
            report.invalid("spec.updateStrategy.rollingUpdate", internal("Partition", rolling), why)
    elif kind == "RollingUpdate":
        if rolling is not None:
            not_negative(rolling, "partition", "spec.updateStrategy.rollingUpdate", report)
    else:
        shown = internal("StatefulSetStrategy", strategy)
        report.invalid("spec.updateStrategy", shown, "must be 'RollingUpdate' or 'OnDelete'")


def _stateful_template(spec: dict[str, Any], found: dict[str, Any] | None, report: Report) -> None:
    """Check the template of a set's pods, which have a volume for each of its claims."""
    wanted = spec.get("template") or {}
    labels = (wanted.get("metadata") or {}).get("labels")
    if (found is None or not is_empty(found)) and not selects(found, labels or {}):
        report.invalid("spec.template.metadata.labels", labels, MISMATCH)
    # The labels are looked at once for the set and once for the template.
    metadata_rules.check_labels(labels, "spec.template.labels", report)
    claims = {(one.get("metadata") or {}).get("name") or "": one for one in spec.get("volumeClaimTemplates") or []}
    pod = wanted.get("spec") or {}
    own = [volume for volume in pod.get("volumes") or [] if volume.get("name") not in claims]
    claimed = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims]
    pod_rules.template({**wanted, "spec": {**pod, "volumes": claimed + own}}, "spec.template", report)


def daemon_set(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a daemon set."""
    spec = obj.get("spec") or {}
    found = spec.get("selector")
    if old is not None:
        report.unchanged("spec.selector", found, (old.get("spec") or {}).get("selector"))
    if found is not None:
        selector(found, "spec.selector", report)
        if is_empty(found):
            report.invalid("spec.selector", found, "empty selector is invalid for daemonset")
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    if readable(found) and (found is None or not is_empty(found)) and not selects(found, labels or {}):
        report.invalid("spec.template.metadata.labels", labels, MISMATCH)
    pod_rules.template(spec.get("template") or {}, "spec.template", report)
    pod = (spec.get("template") or {}).get("spec") or {}
    if pod.get("restartPolicy") not in {"Always", None}:
        report.unsupported("spec.template.spec.restartPolicy", pod["restartPolicy"], ["Always"])
    if pod.get("activeDeadlineSeconds") is not None:
        why = "activeDeadlineSeconds in DaemonSet is not Supported"
        report.forbidden("spec.template.spec.activeDeadlineSeconds", why)
    not_negative(spec, "minReadySeconds", "spec", report)
    _daemon_strategy(spec.get("updateStrategy") or {}, report)
    not_negative(spec, "revisionHistoryLimit", "spec", report)


def _daemon_strategy(strategy: dict[str, Any], report: Report) -> None:
    kind, path = strategy.get("type"), "spec.updateStrategy.rollingUpdate"
    if kind == "OnDelete":
        return
    if kind != "RollingUpdate":
        report.unsupported("spec.updateStrategy", internal("Strategy", strategy), ["RollingUpdate", "OnDelete"])
        return
    rolling = strategy.get("rollingUpdate")
    if rolling is None:
        report.required(path)
        return
    unavailable, surge = rolling.get("maxUnavailable"), rolling.get("maxSurge")
    _amount(unavailable, f"{path}.maxUnavailable", report)
    _amount(surge, f"{path}.maxSurge", report)
    some, more = _share(unavailable), _share(surge)
    if some and more:
        report.invalid(f"{path}.maxSurge", surge, "may not be set when maxUnavailable is non-zero")
    if not some and not more:
        report.required(f"{path}.maxUnavailable", "cannot be 0 when maxSurge is 0")
    for key, value in (("maxUnavailable", unavailable), ("maxSurge", surge)):
        _at_most_all(value, f"{path}.{key}", report)


def _share(value: Any) -> int:
    """Return a number or percentage as a number; what is neither counts as 0."""
    if isinstance(value, str):
        return int(value[:-1]) if _PERCENT.fullmatch(value) else 0
    return int(value or 0)


def _at_most_all(value: Any, path: str, report: Report) -> None:
    if isinstance(value, str) and _PERCENT.fullmatch(value) and int(value[:-1]) > 100:
        report.invalid(path, value, "must not be greater than 100%")


def disruption_budget(obj: dict[str, Any], _old: dict[str, Any] | None, report: Report) -> None:
    """Check a pod disruption budget."""
    spec = obj.get("spec") or {}
    if "minAvailable" in spec and "maxUnavailable" in spec:
        report.invalid(
            "spec", internal("DisruptionBudgetSpec", spec), "minAvailable and maxUnavailable cannot be both set"
        )
    for key in ("minAvailable", "maxUnavailable"):
        _amount(spec.get(key), f"spec.{key}", report)
    if isinstance(spec.get("selector"), dict):
        selector(spec["selector"], "spec.selector", report)
    one_of(spec, "unhealthyPodEvictionPolicy", "spec", ("AlwaysAllow", "IfHealthyBudget"), report)


def controller_revision(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a controller revision."""
    not_negative(obj, "revision", "", report)
    if old is not None:
        report.unchanged("data", obj.get("data"), old.get("data"))
    elif obj.get("data") is None:
        report.required("data", "data is mandatory")
