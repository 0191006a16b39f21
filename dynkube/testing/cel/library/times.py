"""The parts of timestamps and durations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dynkube.testing.cel import moments
from dynkube.testing.cel.declarations import Overload, member

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterator

    from dynkube.testing.cel.values import Duration, Timestamp

#: Months and days are counted from 0, but for ``getDate``; Sunday is day 0 of a week.
_PARTS: Final[dict[str, Callable[[datetime.datetime], int]]] = {
    "getFullYear": lambda moment: moment.year,
    "getMonth": lambda moment: moment.month - 1,
    "getDayOfYear": lambda moment: moment.timetuple().tm_yday - 1,
    "getDayOfMonth": lambda moment: moment.day - 1,
    "getDate": lambda moment: moment.day,
    "getDayOfWeek": lambda moment: moment.isoweekday() % 7,
    "getHours": lambda moment: moment.hour,
    "getMinutes": lambda moment: moment.minute,
    "getSeconds": lambda moment: moment.second,
}
_SPANS: Final = {
    "getHours": 3600 * moments.SECOND,
    "getMinutes": 60 * moments.SECOND,
    "getSeconds": moments.SECOND,
    "getMilliseconds": 10**6,
}


def overloads() -> Iterator[Overload]:
    """Yield the functions of moments and spans."""
    for name, part in _PARTS.items():
        yield member(name, "timestamp", "int", _part(part))
        yield member(name, "timestamp, string", "int", _part(part))
    yield member("getMilliseconds", "timestamp", "int", _milliseconds)
    yield member("getMilliseconds", "timestamp, string", "int", _milliseconds)
    for name, unit in _SPANS.items():
        yield member(name, "duration", "int", _span(unit))


def _part(part: Callable[[datetime.datetime], int]) -> Callable[..., int]:
    def read(moment: Timestamp, zone: str = "") -> int:
        return part(moments.local(moment, zone))

    return read


def _milliseconds(moment: Timestamp, zone: str = "") -> int:
    moments.local(moment, zone)
    return moment.nanoseconds % moments.SECOND // 10**6


def _span(unit: int) -> Callable[[Duration], int]:
    def read(span: Duration) -> int:
        size = abs(span.nanoseconds) // unit
        return size if span.nanoseconds >= 0 else -size

    return read
