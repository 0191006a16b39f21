"""Paths of the fields a custom resource definition makes selectable (apiextensions ``validation``)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynkube.testing.objects.report import Report

#: More fields than this are refused.
MOST = 8
_TYPES = frozenset({"string", "boolean", "integer"})
_UNFIT = (
    "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed."
)


def check(fields: Iterable[dict[str, Any]], schema: dict[str, Any], path: str, report: Report) -> None:
    """Report every path that is none, leads nowhere, or to something that cannot be compared with text."""
    fields, seen = list(fields), set[str]()
    if len(fields) > MOST:
        report.too_many(path, len(fields), MOST)
    for index, entry in enumerate(fields):
        here, json_path = f"{path}[{index}].jsonPath", entry.get("jsonPath") or ""
        if not json_path:
            report.required(here)
            continue
        problems = _problems(json_path, schema)
        report.malformed(here, json_path, problems)
        if not problems and json_path in seen:
            report.duplicate(here, json_path)
        seen.add(json_path)


def _problems(json_path: str, schema: dict[str, Any]) -> list[str]:
    """Return why a field may not be selected by; nothing when it may."""
    if json_path[0] not in ".[":
        return [f"is an invalid path: expected [ or . but got: {re.split(r'[.[]', json_path, maxsplit=1)[0]}"]
    if "[" in json_path:
        return ["is an invalid path: array notation is not allowed"]
    *parents, last = json_path.split(".")[1:]
    found: Any = schema
    for name in (*parents, last) if last else parents:
        found = (found.get("properties") or {}).get(name)
        if not isinstance(found, dict):
            return ["is an invalid path: does not refer to a valid field"]
    if not last:
        return ["is an invalid path: unexpected end of JSON path"]
    problems = ["must not point to fields in metadata"] if (*parents, last)[0] == "metadata" else []
    return problems if found.get("type") in _TYPES else [*problems, _UNFIT]
