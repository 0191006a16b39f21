"""Ages as tables print them (apimachinery ``util/duration``)."""

from __future__ import annotations

import datetime

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86_400, 365 * 86_400


def human(seconds: float) -> str:
    """Return a duration in at most two units: ``45s``, ``3m20s``, ``17h``, ``2d5h``, ``3y40d``."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    for limit, unit, letter, smaller, small_letter in (
        (2 * _MINUTE, 1, "s", 0, ""),
        (10 * _MINUTE, _MINUTE, "m", 1, "s"),
        (3 * _HOUR, _MINUTE, "m", 0, ""),
        (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
        (2 * _DAY, _HOUR, "h", 0, ""),
        (8 * _DAY, _DAY, "d", _HOUR, "h"),
        (2 * _YEAR, _DAY, "d", 0, ""),
        (8 * _YEAR, _YEAR, "y", _DAY, "d"),
    ):
        if whole < limit:
            big, rest = divmod(whole, unit)
            small = rest // smaller if smaller else 0
            return f"{big}{letter}" + (f"{small}{small_letter}" if small else "")
    return f"{whole // _YEAR}y"


def parse_time(text: str) -> datetime.datetime | None:
    """Return an RFC 3339 time; None when it is none."""
    try:
        found = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=datetime.timezone.utc)


def since(text: object, now: datetime.datetime | None = None, *, unset: str = "<unknown>") -> str:
    """Return how long ago the time in ``text`` was; ``unset`` when there is none."""
    if not isinstance(text, str) or not text:
        return unset
    then = parse_time(text)
    if then is None:
        return "<invalid>"
    return human(((now or datetime.datetime.now(datetime.timezone.utc)) - then).total_seconds())
