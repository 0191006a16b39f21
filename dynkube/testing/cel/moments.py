"""Durations and timestamps: read and printed as Go's ``time`` does, and their parts in a time zone."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from decimal import Decimal
from typing import Final

from dynkube.testing.cel.values import Duration, EvaluationError, Timestamp

SECOND: Final = 10**9
_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": SECOND, "m": 60 * SECOND}
_UNITS |= {"h": 3600 * SECOND}
#: Units of OpenAPI's format ``duration`` (go-openapi ``strfmt``): short forms, and the word longer ones begin with.
_LONG_UNITS = (
    (("ns",), "nano", 1),
    (("us", "µs"), "micro", 10**3),
    (("ms",), "milli", 10**6),
    (("s",), "sec", SECOND),
    (("m",), "min", 60 * SECOND),
    (("h", "hr"), "hour", 3600 * SECOND),
    (("d",), "day", 24 * 3600 * SECOND),
    (("w", "wk"), "week", 7 * 24 * 3600 * SECOND),
)
_DURATION = re.compile(r"([-+]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)")
_DURATION_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_LONG_DURATION = re.compile(r"(\d+)\s*([A-Za-zµ]+)", re.ASCII)
_TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?([Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_ZONE = re.compile(r"([+-]?)(\d\d):(\d\d)", re.ASCII)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
#: The first second of the year 1 and the last of the year 9999.
_FIRST, _LAST = -62135596800, 253402300799


def duration(nanoseconds: int) -> Duration:
    """Return a duration. Raises EvaluationError when 64 bits do not hold it."""
    if not -(2**63) <= nanoseconds < 2**63:
        raise EvaluationError("integer overflow")
    return Duration(nanoseconds)


def timestamp(nanoseconds: int, offset: int = 0) -> Timestamp:
    """Return a moment. Raises EvaluationError outside of the years 1 to 9999."""
    if not _FIRST <= nanoseconds // SECOND <= _LAST:
        raise EvaluationError("timestamp overflow")
    return Timestamp(nanoseconds, offset)


def parse_duration(text: str) -> Duration | None:
    """Return the duration Go reads from ``1h30m``; None when it reads none."""
    if text.lstrip("+-") == "0" and len(text) <= 2:
        return Duration(0)
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    total = sum(int(Decimal(number) * _UNITS[unit]) for number, unit in _DURATION_PART.findall(match[2]))
    total = -total if match[1] == "-" else total
    return Duration(total) if -(2**63) <= total < 2**63 else None


def parse_long_duration(text: str) -> Duration | None:
    """Return the duration of OpenAPI's format: Go's, or one such as ``2 days``; None when it is none."""
    found = parse_duration(text)
    if found is not None:
        return found
    sizes = [int(number) * size for number, word in _LONG_DURATION.findall(text) for size in _long_units(word.lower())]
    return Duration(sum(sizes)) if sizes else None


def _long_units(word: str) -> list[int]:
    return [size for short, start, size in _LONG_UNITS if word in short or word.startswith(start)]


def parse_timestamp(text: str) -> Timestamp | None:
    """Return the moment of an RFC 3339 text; None when it is none. Raises EvaluationError outside of the years."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return None
    parts = [int(match[index]) for index in range(1, 7)]
    try:
        moment = datetime.datetime(*parts, tzinfo=datetime.timezone.utc)  # type: ignore[misc, arg-type]
    except ValueError:
        return None
    offset = 0
    if match[9]:
        offset = int(match[10]) * 3600 + int(match[11]) * 60
        offset = -offset if match[9] == "-" else offset
    fraction = int(f"{match[7] or ''}000000000"[:9])
    return timestamp((_seconds(moment) - offset) * SECOND + fraction, offset)


def parse_date(text: str) -> Timestamp | None:
    """Return the first moment of a date; None when the text is no date."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII) is None:
        return None
    return parse_timestamp(f"{text}T00:00:00Z")


def _seconds(moment: datetime.datetime) -> int:
    span = moment - _EPOCH
    return span.days * 86400 + span.seconds


def local(moment: Timestamp, zone: str = "") -> datetime.datetime:
    """Return the parts of a moment in a zone (a name, or ``+02:00``), in UTC when none is given; EvaluationError."""
    found = _EPOCH + datetime.timedelta(seconds=moment.nanoseconds // SECOND)
    if not zone:
        return found
    match = _ZONE.fullmatch(zone)
    if match is not None:
        minutes = int(match[2]) * 60 + int(match[3])
        minutes = -minutes if match[1] == "-" else minutes
        return found + datetime.timedelta(minutes=minutes)
    try:
        return found.astimezone(zoneinfo.ZoneInfo(zone))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise EvaluationError(f"unknown time zone {zone}") from None


def print_duration(span: Duration) -> str:
    """Return a duration in seconds: ``90.5s``."""
    sign, size = "-" if span.nanoseconds < 0 else "", abs(span.nanoseconds)
    fraction = f".{size % SECOND:09d}".rstrip("0").rstrip(".")
    return f"{sign}{size // SECOND}{fraction}s"


def print_timestamp(moment: Timestamp) -> str:
    """Return a moment as RFC 3339, in the zone it was written in."""
    found = _EPOCH + datetime.timedelta(seconds=moment.nanoseconds // SECOND + moment.offset)
    fraction = f".{moment.nanoseconds % SECOND:09d}".rstrip("0").rstrip(".")
    zone = "Z"
    if moment.offset:
        sign, minutes = "-" if moment.offset < 0 else "+", abs(moment.offset) // 60
        zone = f"{sign}{minutes // 60:02d}:{minutes % 60:02d}"
    return f"{found.year:04d}-{found.strftime('%m-%dT%H:%M:%S')}{fraction}{zone}"
