"""Rules of when a job has failed or succeeded before its time: its pod failure and success policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.testing.objects import formats

if TYPE_CHECKING:
    from dynkube.testing.objects.report import Report

_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
_OPERATORS = ("In", "NotIn")
_STATUSES = ("False", "True", "Unknown")
_MOST_RULES, _MOST_CODES, _MOST_CONDITIONS = 20, 255, 20


def _words(known: tuple[str, ...]) -> str:
    return "valid values: [" + " ".join(f'"{word}"' for word in known) + "]"


def failure(policy: dict[str, Any], spec: dict[str, Any], path: str, report: Report) -> None:
    """Check a pod failure policy of a job with this spec."""
    rules = policy.get("rules") or []
    if len(rules) > _MOST_RULES:
        report.too_many(f"{path}.rules", len(rules), _MOST_RULES)
    pod = (spec.get("template") or {}).get("spec") or {}
    names = {one.get("name") for kind in ("containers", "initContainers") for one in pod.get(kind) or []}
    for index, rule in enumerate(rules):
        here, action = f"{path}.rules[{index}]", rule.get("action") or ""
        if not action:
            report.required(f"{here}.action", _words(_ACTIONS))
        elif action == "FailIndex" and spec.get("backoffLimitPerIndex") is None:
            report.invalid(f"{here}.action", action, "requires the backoffLimitPerIndex to be set")
        elif action not in _ACTIONS:
            report.unsupported(f"{here}.action", action, _ACTIONS)
        codes, conditions = rule.get("onExitCodes"), rule.get("onPodConditions") or []
        if codes is not None:
            _exit_codes(codes, f"{here}.onExitCodes", names, report)
        if conditions:
            _conditions(conditions, f"{here}.onPodConditions", report)
        if codes is not None and conditions:
            report.invalid(here, None, "specifying both OnExitCodes and OnPodConditions is not supported")
        if codes is None and not conditions:
            # The error quotes no value.
            report.unexplained(here, "specifying one of OnExitCodes and OnPodConditions is required")


def _exit_codes(codes: dict[str, Any], path: str, names: set[Any], report: Report) -> None:
    operator, name, values = codes.get("operator") or "", codes.get("containerName"), codes.get("values")
    if not operator:
        report.required(f"{path}.operator", _words(_OPERATORS))
    elif operator not in _OPERATORS:
        report.unsupported(f"{path}.operator", operator, _OPERATORS)
    if name is not None and name not in names:
        why = "must be one of the container or initContainer names in the pod template"
        report.invalid(f"{path}.containerName", name, why)
    if not values:
        report.invalid(f"{path}.values", values, "at least one value is required")
        return
    if len(values) > _MOST_CODES:
        report.too_many(f"{path}.values", len(values), _MOST_CODES)
    seen: set[int] = set()
    for index, value in enumerate(values):
        if value in seen:
            report.duplicate(f"{path}.values[{index}]", value)
        elif operator == "In" and value == 0:
            report.invalid(f"{path}.values[{index}]", value, "must not be 0 for the In operator")
        seen.add(value)
    if values != sorted(values):
        report.invalid(f"{path}.values", values, "must be ordered")


def _conditions(conditions: list[dict[str, Any]], path: str, report: Report) -> None:
    if len(conditions) > _MOST_CONDITIONS:
        report.too_many(path, len(conditions), _MOST_CONDITIONS)
    for index, condition in enumerate(conditions):
        kind, status = condition.get("type") or "", condition.get("status") or ""
        report.malformed(f"{path}[{index}].type", kind, formats.qualified_name(kind))
        if not status:
            report.required(f"{path}[{index}].status", _words(_STATUSES))
        elif status not in _STATUSES:
            report.unsupported(f"{path}[{index}].status", status, _STATUSES)


def success(policy: dict[str, Any], completions: int | None, path: str, report: Report) -> None:
    """Check a success policy of an indexed job."""
    rules = policy.get("rules") or []
    if not rules:
        report.required(f"{path}.rules", "at least one rules must be specified when the successPolicy is specified")
    if len(rules) > _MOST_RULES:
        report.too_many(f"{path}.rules", len(rules), _MOST_RULES)
    for index, rule in enumerate(rules):
        here, count, indexes = f"{path}.rules[{index}]", rule.get("succeededCount"), rule.get("succeededIndexes")
        if count is None and indexes is None:
            why = "at least one of succeededCount or succeededIndexes must be specified"
            report.required(here, why)
        total = 0
        if indexes is not None and completions is not None:
            total, problem = _indexes(indexes, completions)
            if problem:
                report.invalid(f"{here}.succeededIndexes", indexes, f"error parsing succeededIndexes: {problem}")
        if count is None:
            continue
        if count < 0:
            report.invalid(f"{here}.succeededCount", count, "must be greater than or equal to 0")
        if completions is not None and count > completions:
            why = f"must be less than or equal to {completions} (the number of specified completions)"
            report.invalid(f"{here}.succeededCount", count, why)
        if indexes is not None and count > total:
            why = (
                f"must be less than or equal to {total} (the number of indexes in the specified succeededIndexes field)"
            )
            report.invalid(f"{here}.succeededCount", count, why)


def _indexes(text: str, completions: int) -> tuple[int, str]:
    """Return how many indexes a text such as ``0,2-4`` names, and what is wrong with it."""
    total, last = 0, -1
    for part in text.split(",") if text else []:
        ends: list[int] = []
        pieces = part.split("-")
        if len(pieces) > 2:
            return (
                0,
                f'the fragment "{part}" violates the requirement that an index interval can have at most two parts',
            )
        for piece in pieces:
            if not piece.isdigit():
                return 0, f'cannot convert string to integer for index: "{piece}"'
            if int(piece) >= completions:
                return 0, f'too large index: "{piece}"'
            ends.append(int(piece))
        if last >= ends[0]:
            return 0, f"non-increasing order, previous: {last}, current: {ends[0]}"
        if len(ends) == 2 and ends[0] >= ends[1]:
            return 0, f"non-increasing order, previous: {ends[0]}, current: {ends[1]}"
        total += ends[-1] - ends[0] + 1
        last = ends[-1]
    return total, ""
