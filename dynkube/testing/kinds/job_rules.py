"""Rules of jobs and of the cron jobs that make them (``pkg/apis/batch/validation``)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dynkube.testing.kinds import job_policies, pod_rules
from dynkube.testing.kinds.go_internal import internal
from dynkube.testing.kinds.selector_rules import selects
from dynkube.testing.kinds.value_rules import not_negative, one_of
from dynkube.testing.kinds.workload_rules import MISMATCH
from dynkube.testing.objects import formats

if TYPE_CHECKING:
    from dynkube.testing.objects.report import Report

_COUNTS = ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished")
_MOST_FAILED = _MOST_PARALLEL = 100_000
_LONGEST_MANAGER = 63
_CRON_MACROS = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})
_CRON_FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_CRON_NAMES = "jan feb mar apr may jun jul aug sep oct nov dec sun mon tue wed thu fri sat"


def _job_spec(spec: dict[str, Any], path: str, report: Report, *, template: bool) -> None:
    """Check a job's spec; ``template`` says a cron job makes jobs of it, whose selectors the server will write."""
    completions, indexed = spec.get("completions"), spec.get("completionMode") == "Indexed"
    for key in _COUNTS:
        not_negative(spec, key, path, report)
    _completion(spec, completions, path, report, indexed=indexed)
    if spec.get("podFailurePolicy") is not None:
        job_policies.failure(spec["podFailurePolicy"], spec, f"{path}.podFailurePolicy", report)
    if spec.get("successPolicy") is not None:
        here = f"{path}.successPolicy"
        if indexed:
            job_policies.success(spec["successPolicy"], completions, here, report)
        else:
            report.invalid(here, internal("SuccessPolicy", spec["successPolicy"]), "requires indexed completion mode")
    _replacement(spec, path, report)
    pod_rules.template(spec.get("template"), f"{path}.template", report)
    policy = ((spec.get("template") or {}).get("spec") or {}).get("restartPolicy") or ""
    if policy in {"", "Always"}:
        report.required(f"{path}.template.spec.restartPolicy", 'valid values: "OnFailure", "Never"')
    elif policy not in {"OnFailure", "Never"}:
        report.unsupported(f"{path}.template.spec.restartPolicy", policy, ("OnFailure", "Never"))
    elif policy == "OnFailure" and spec.get("podFailurePolicy") is not None:
        why = 'only "Never" is supported when podFailurePolicy is specified'
        report.invalid(f"{path}.template.spec.restartPolicy", policy, why)
    if template and spec.get("manualSelector"):
        report.unsupported(f"{path}.manualSelector", True, ("nil", "false"))


def _completion(spec: dict[str, Any], completions: int | None, path: str, report: Report, *, indexed: bool) -> None:
    limit, failures = spec.get("backoffLimitPerIndex"), spec.get("maxFailedIndexes")
    not_negative(spec, "backoffLimitPerIndex", path, report)
    not_negative(spec, "maxFailedIndexes", path, report)
    if failures is not None:
        if completions is not None and failures > completions:
            report.invalid(f"{path}.maxFailedIndexes", failures, "must be less than or equal to completions")
        if failures > _MOST_FAILED:
            report.invalid(f"{path}.maxFailedIndexes", failures, f"must be less than or equal to {_MOST_FAILED}")
        if limit is None:
            report.required(f"{path}.backoffLimitPerIndex", "when maxFailedIndexes is specified")
    mode = spec.get("completionMode")
    if mode is not None:
        if mode not in {"NonIndexed", "Indexed"}:
            report.unsupported(f"{path}.completionMode", mode, ("NonIndexed", "Indexed"))
        if indexed and completions is None:
            report.required(f"{path}.completions", "when completion mode is Indexed")
        if indexed and (spec.get("parallelism") or 0) > _MOST_PARALLEL:
            why = f"must be less than or equal to {_MOST_PARALLEL} when completion mode is Indexed"
            report.invalid(f"{path}.parallelism", spec["parallelism"], why)
    if mode in {None, "NonIndexed"}:
        for key in ("backoffLimitPerIndex", "maxFailedIndexes"):
            if spec.get(key) is not None:
                report.invalid(f"{path}.{key}", spec[key], "requires indexed completion mode")


def _replacement(spec: dict[str, Any], path: str, report: Report) -> None:
    policy = spec.get("podReplacementPolicy")
    if policy is not None:
        known = ("Failed",) if spec.get("podFailurePolicy") is not None else ("Failed", "TerminatingOrFailed")
        if policy not in known:
            report.unsupported(f"{path}.podReplacementPolicy", policy, known)
    manager = spec.get("managedBy")
    if manager is not None:
        if not manager:
            report.required(f"{path}.managedBy")
        else:
            report.malformed(f"{path}.managedBy", manager, formats.domain_prefixed_path(manager))
            if len(manager) > _LONGEST_MANAGER:
                report.too_long(f"{path}.managedBy", _LONGEST_MANAGER)


def job(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a job."""
    spec = obj.get("spec") or {}
    _job_spec(spec, "spec", report, template=False)
    if spec.get("selector") is None and spec.get("manualSelector"):
        report.required("spec.selector")
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    if spec.get("selector") is not None and not selects(spec["selector"], labels):
        report.invalid("spec.template.metadata.labels", labels, MISMATCH)
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
    _job_spec((spec.get("jobTemplate") or {}).get("spec") or {}, "spec.jobTemplate.spec", report, template=True)
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
