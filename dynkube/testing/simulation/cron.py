"""Cron schedules: five fields, names, steps, lists and the usual macros."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Final

_MACROS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
#: How far ahead a time is looked for: a schedule such as 29 February comes round within that.
_HORIZON: Final = datetime.timedelta(days=366 * 8)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a cron job is due. `parse` raises ValueError for what is no schedule."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    #: A restricted day of the month and a restricted weekday mean: either.
    either_day: bool

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Read a schedule."""
        words = _MACROS.get(text.strip().lower(), text).split()
        if len(words) != len(_FIELDS):
            raise ValueError(f"a schedule has five fields, not {len(words)}: {text!r}")
        sets = [_field(word, low, high) for word, (low, high) in zip(words, _FIELDS, strict=True)]
        weekdays = frozenset(day % 7 for day in sets[4])
        either = not words[2].startswith(("*", "?")) and not words[4].startswith(("*", "?"))
        return cls(sets[0], sets[1], sets[2], sets[3], weekdays, either)

    def _on(self, day: datetime.datetime) -> bool:
        of_month, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        matches = of_month or of_week if self.either_day else of_month and of_week
        return day.month in self.months and matches

    def after(self, moment: datetime.datetime) -> datetime.datetime | None:
        """Return the first time due after a moment, in the moment's zone; None when there is none within years."""
        found = moment.replace(second=0, microsecond=0) + datetime.timedelta(minutes=1)
        end = moment + _HORIZON
        while found < end:
            if not self._on(found):
                found = found.replace(hour=0, minute=0) + datetime.timedelta(days=1)
            elif found.hour not in self.hours:
                found = found.replace(minute=0) + datetime.timedelta(hours=1)
            elif found.minute not in self.minutes:
                found += datetime.timedelta(minutes=1)
            else:
                return found
        return None


def _field(text: str, low: int, high: int) -> frozenset[int]:
    found: set[int] = set()
    for part in text.lower().split(","):
        span, _, step = part.partition("/")
        if span in ("*", "?"):
            first, last = low, high
        else:
            begin, _, end = span.partition("-")
            first = _number(begin, high)
            last = _number(end, high) if end else high if step else first
        if not low <= first <= last <= high or (step and (not step.isdigit() or int(step) < 1)):
            raise ValueError(f"{part!r} is not between {low} and {high}")
        found |= set(range(first, last + 1, int(step) if step else 1))
    return frozenset(found)


def _number(text: str, high: int) -> int:
    names = _MONTHS if high == 12 else _DAYS
    if text in names:
        return names.index(text) + (1 if high == 12 else 0)
    return int(text)
