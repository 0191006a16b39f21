"""Rules of the kinds that run pods: apps, batch, autoscaling, disruption budgets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dynkube.testing.kinds import pod_rules
from dynkube.testing.kinds.pod_rules import not_negative, one_of
from dynkube.testing.objects import formats, metadata_rules

if TYPE_CHECKING:
    from dynkube.testing.objects.report import Report

_MISMATCH = "`selector` does not match template `labels`"
_PERCENT = re.compile(r"[0-9]+%")
_PERCENT_TEXT = (
    "a valid percent string must be a numeric string followed by an ending '%' "
    "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
)
_CRON_MACROS = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})
_CRON_FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_CRON_NAMES = "jan feb mar apr may jun jul aug sep oct nov dec sun mon tue wed thu fri sat"


def selector(found: dict[str, Any], path: str, report: Report) -> None:
    """Check a label selector."""
    metadata_rules.check_labels(found.get("matchLabels"), f"{path}.matchLabels", report)
    for index, expression in enumerate(found.get("matchExpressions") or []):
        here = f"{path}.matchExpressions[{index}]"
        operator, values = expression.get("operator") or "", expression.get("values") or []
        if operator in {"In", "NotIn"} and not values:
            report.required(f"{here}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        elif operator in {"Exists", "DoesNotExist"} and values:
            why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            report.forbidden(f"{here}.values", why)
        elif operator not in {"In", "NotIn", "Exists", "DoesNotExist"}:
            report.invalid(f"{here}.operator", operator, "not a valid selector operator")
        for problem in formats.qualified_name(expression.get("key") or ""):
            report.invalid(f"{here}.key", expression.get("key") or "", problem)


def selects(found: dict[str, Any] | None, labels: dict[str, Any]) -> bool:
    """Whether a label selector takes an object with ``labels``; a missing one takes nothing."""
    if found is None:
        return False
    if any(labels.get(key) != value for key, value in (found.get("matchLabels") or {}).items()):
        return False
    for expression in found.get("matchExpressions") or []:
        key, values = expression.get("key"), expression.get("values") or []
        present = key in labels
        holds = {
            "In": present and labels.get(key) in values,
            "NotIn": not present or labels.get(key) not in values,
            "Exists": present,
            "DoesNotExist": not present,
        }
        if not holds.get(expression.get("operator"), False):
            return False
    return True


def _selected_template(spec: dict[str, Any], what: str, report: Report, *, always: bool = True) -> None:
    """Check selector and template, and that one selects the other."""
    found = spec.get("selector")
    if found is None:
        report.required("spec.selector")
    else:
        selector(found, "spec.selector", report)
        if not found.get("matchLabels") and not found.get("matchExpressions"):
            report.invalid("spec.selector", found, f"empty selector is invalid for {what}")
    _template(spec, found, report, always=always)


def _template(spec: dict[str, Any], found: dict[str, Any] | None, report: Report, *, always: bool) -> None:
    wanted = spec.get("template") or {}
    labels = (wanted.get("metadata") or {}).get("labels")
    empty = found is not None and not found.get("matchLabels") and not found.get("matchExpressions")
    if not empty and not selects(found, labels or {}):
        report.invalid("spec.template.metadata.labels", labels or {}, _MISMATCH)
    pod_rules.template(wanted, "spec.template", report)
    policy = (wanted.get("spec") or {}).get("restartPolicy")
    if always and policy not in {"Always", None} and policy in {"Never", "OnFailure"}:
        report.unsupported("spec.template.spec.restartPolicy", policy, ["Always"])
    if always and (wanted.get("spec") or {}).get("activeDeadlineSeconds") is not None:
        why = "activeDeadlineSeconds in ReplicaSet is not Supported"
        report.forbidden("spec.template.spec.activeDeadlineSeconds", why)


def _amount(value: Any, path: str, report: Report) -> None:
    if isinstance(value, str):
        if not _PERCENT.fullmatch(value):
            report.invalid(path, value, _PERCENT_TEXT)
    elif isinstance(value, int) and value < 0:
        report.invalid(path, value, pod_rules.NOT_NEGATIVE)


def _zero(value: Any) -> bool:
    return value in (0, "0%", None)


def deployment(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a deployment."""
    spec = obj.get("spec") or {}
    not_negative(spec, "replicas", "spec", report)
    _selected_template(spec, "deployment", report)
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
        report.unsupported("spec.strategy", strategy, ["Recreate", "RollingUpdate"])


def _rolling(rolling: dict[str, Any], path: str, report: Report) -> None:
    unavailable, surge = rolling.get("maxUnavailable"), rolling.get("maxSurge")
    _amount(unavailable, f"{path}.maxUnavailable", report)
    _amount(surge, f"{path}.maxSurge", report)
    if _zero(unavailable) and _zero(surge):
        report.invalid(f"{path}.maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0")
    if isinstance(unavailable, str) and _PERCENT.fullmatch(unavailable) and int(unavailable[:-1]) > 100:
        report.invalid(f"{path}.maxUnavailable", unavailable, "must not be greater than 100%")


def replica_set(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a replica set (the server says "deployment" in its selector's error)."""
    spec = obj.get("spec") or {}
    not_negative(spec, "replicas", "spec", report)
    not_negative(spec, "minReadySeconds", "spec", report)
    _selected_template(spec, "deployment", report)
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
        _template(spec, {"matchLabels": labels}, report, always=True)


_STATEFUL_MUTABLE = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
    "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)
_STATEFUL_FREE = frozenset(re.findall(r"'(\w+)'", _STATEFUL_MUTABLE))


def stateful_set(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a stateful set."""
    spec = obj.get("spec") or {}
    one_of(spec, "podManagementPolicy", "spec", ("OrderedReady", "Parallel"), report)
    strategy = spec.get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete" and strategy.get("rollingUpdate") is not None:
        why = "only allowed for updateStrategy 'RollingUpdate'"
        report.invalid("spec.updateStrategy.rollingUpdate", strategy["rollingUpdate"], why)
    elif strategy.get("type") not in {"OnDelete", "RollingUpdate"}:
        report.invalid("spec.updateStrategy", strategy, "must be 'RollingUpdate' or 'OnDelete'")
    not_negative(spec, "replicas", "spec", report)
    not_negative(spec, "minReadySeconds", "spec", report)
    _selected_template(spec, "statefulset", report)
    if old is not None:
        before = old.get("spec") or {}
        if any(spec.get(key) != before.get(key) for key in {*spec, *before} - _STATEFUL_FREE):
            report.forbidden("spec", _STATEFUL_MUTABLE)


def daemon_set(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a daemon set."""
    spec = obj.get("spec") or {}
    _selected_template(spec, "daemonset", report)
    not_negative(spec, "minReadySeconds", "spec", report)
    strategy = spec.get("updateStrategy") or {}
    if strategy.get("type") not in {"OnDelete", "RollingUpdate"}:
        report.unsupported("spec.updateStrategy", strategy, ["RollingUpdate", "OnDelete"])
    not_negative(spec, "revisionHistoryLimit", "spec", report)
    if old is not None:
        report.unchanged("spec.selector", spec.get("selector"), (old.get("spec") or {}).get("selector"))


def _job_spec(spec: dict[str, Any], path: str, report: Report) -> None:
    for key in ("parallelism", "completions", "backoffLimit", "ttlSecondsAfterFinished", "activeDeadlineSeconds"):
        not_negative(spec, key, path, report)
    if spec.get("completionMode") == "Indexed" and spec.get("completions") is None:
        report.required(f"{path}.completions", "when completion mode is Indexed")
    one_of(spec, "completionMode", path, ("Indexed", "NonIndexed"), report)
    pod_rules.template(spec.get("template"), f"{path}.template", report)
    policy = ((spec.get("template") or {}).get("spec") or {}).get("restartPolicy")
    if policy not in {"OnFailure", "Never"}:
        report.required(f"{path}.template.spec.restartPolicy", 'valid values: "OnFailure", "Never"')


def job(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a job."""
    spec = obj.get("spec") or {}
    _job_spec(spec, "spec", report)
    if spec.get("selector") is None and spec.get("manualSelector"):
        report.required("spec.selector")
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    if spec.get("selector") is not None and not selects(spec["selector"], labels):
        report.invalid("spec.template.metadata.labels", labels, _MISMATCH)
    if old is not None:
        before = old.get("spec") or {}
        if spec.get("completionMode") != "Indexed":
            report.unchanged("spec.completions", spec.get("completions"), before.get("completions"))
        for key in ("selector", "template", "completionMode"):
            if key == "template" and spec.get("suspend") and before.get("suspend"):
                continue
            report.unchanged(f"spec.{key}", spec.get(key), before.get(key))


def cron_job(obj: dict[str, Any], _old: dict[str, Any] | None, report: Report) -> None:
    """Check a cron job."""
    spec = obj.get("spec") or {}
    schedule = spec.get("schedule") or ""
    if not schedule:
        report.required("spec.schedule")
    else:
        problem = cron_problem(schedule)
        if problem:
            report.invalid("spec.schedule", schedule, problem)
    not_negative(spec, "startingDeadlineSeconds", "spec", report)
    if not spec.get("concurrencyPolicy"):
        report.required("spec.concurrencyPolicy")
    one_of(spec, "concurrencyPolicy", "spec", ("Allow", "Forbid", "Replace"), report)
    _job_spec((spec.get("jobTemplate") or {}).get("spec") or {}, "spec.jobTemplate.spec", report)
    for key in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        not_negative(spec, key, "spec", report)
    zone = spec.get("timeZone")
    if zone is not None:
        _time_zone(zone, report)


def _time_zone(zone: str, report: Report) -> None:
    if not zone:
        report.invalid("spec.timeZone", zone, "timeZone must be nil or non-empty string")
    elif zone.lower() == "local":
        report.invalid(
            "spec.timeZone",
            zone,
            "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones",
        )
    else:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            report.invalid("spec.timeZone", zone, f"unknown time zone {zone}")


def cron_problem(schedule: str) -> str:
    """Return what is wrong with a cron schedule, "" if nothing."""
    if schedule.startswith("@"):
        known = schedule in _CRON_MACROS or re.fullmatch(r"@every \d+(\.\d+)?(ms|s|m|h)", schedule)
        return "" if known else f"unrecognized descriptor: {schedule}"
    if schedule.startswith(("TZ=", "CRON_TZ=")):
        return "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
    parts = schedule.split()
    if len(parts) != len(_CRON_FIELDS):
        return f"expected exactly 5 fields, found {len(parts)}: [{' '.join(parts)}]"
    for part, (low, high) in zip(parts, _CRON_FIELDS, strict=True):
        for piece in part.split(","):
            problem = _cron_piece(piece, low, high)
            if problem:
                return problem
    return ""


def _cron_piece(piece: str, low: int, high: int) -> str:
    span, _, step = piece.partition("/")
    if step and not step.isdigit():
        return f'failed to parse int from {step}: strconv.Atoi: parsing "{step}": invalid syntax'
    if span in {"*", "?"}:
        return ""
    ends: list[int] = []
    for end in span.split("-", 1):
        if end.isdigit():
            ends.append(int(end))
        elif end.lower() not in _CRON_NAMES.split():
            return f'failed to parse int from {end}: strconv.Atoi: parsing "{end}": invalid syntax'
    for number in ends:
        if number < low:
            return f"beginning of range ({number}) below minimum ({low}): {piece}"
        if number > high:
            return f"end of range ({number}) above maximum ({high}): {piece}"
    if len(ends) == 2 and ends[0] > ends[1]:
        return f"beginning of range ({ends[0]}) beyond end of range ({ends[1]}): {piece}"
    return ""


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
    for key in ("kind", "name"):
        if not target.get(key):
            report.required(f"spec.scaleTargetRef.{key}")
        else:
            for problem in formats.path_segment(target[key]):
                report.invalid(f"spec.scaleTargetRef.{key}", target[key], problem)
    version = target.get("apiVersion") or ""
    if version.count("/") > 1:
        why = f"unexpected GroupVersion string: {version}"
        report.invalid("spec.scaleTargetRef.apiVersion", version, why)
    elif "/" not in version and target.get("kind") != "ReplicationController":
        report.invalid("spec.scaleTargetRef.apiVersion", version, "apiVersion must specify API group")


def disruption_budget(obj: dict[str, Any], _old: dict[str, Any] | None, report: Report) -> None:
    """Check a pod disruption budget."""
    spec = obj.get("spec") or {}
    if "minAvailable" in spec and "maxUnavailable" in spec:
        report.invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set")
    for key in ("minAvailable", "maxUnavailable"):
        _amount(spec.get(key), f"spec.{key}", report)
    if isinstance(spec.get("selector"), dict):
        selector(spec["selector"], "spec.selector", report)
    one_of(spec, "unhealthyPodEvictionPolicy", "spec", ("AlwaysAllow", "IfHealthyBudget"), report)
