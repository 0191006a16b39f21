"""Conditions as controllers write them: a time of transition that moves only when the status does."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynkube.objects import JSONObject


def with_condition(
    conditions: Iterable[JSONObject], kind: str, status: str, now: str, *, reason: str = "", message: str = ""
) -> list[JSONObject]:
    """Return the conditions with one set; its lastTransitionTime stays where the status does not change."""
    known = list(conditions)
    old = next((one for one in known if one.get("type") == kind), None)
    changed: JSONObject = {"type": kind, "status": status, "lastTransitionTime": now}
    if reason:
        changed["reason"] = reason
    if message:
        changed["message"] = message
    if old is None:
        return [*known, changed]
    if old["status"] == status:
        changed["lastTransitionTime"] = old.get("lastTransitionTime", now)
    changed = {**{key: value for key, value in old.items() if key not in ("reason", "message")}, **changed}
    return [changed if one is old else one for one in known]
