"""Estimates: the least and the most something can be, in unsigned numbers of 64 bits that never overflow."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

#: The largest number there is: no limit is known.
MAX: Final = 2**64 - 1


def plus(one: int, other: int) -> int:
    """Return a sum, `MAX` at most."""
    return min(one + other, MAX)


def times(one: int, other: int) -> int:
    """Return a product, `MAX` at most."""
    return min(one * other, MAX)


def _scaled(number: int, factor: float) -> int:
    product = math.ceil(float(number) * factor)
    return MAX if product >= 2.0**64 else product


class Span(NamedTuple):
    """From ``least`` to ``most``."""

    least: int
    most: int

    def plus(self, other: Span) -> Span:
        """Return the sum of both."""
        return Span(plus(self.least, other.least), plus(self.most, other.most))

    def times(self, other: Span) -> Span:
        """Return the product of both."""
        return Span(times(self.least, other.least), times(self.most, other.most))

    def scaled(self, factor: float) -> Span:
        """Return this many times ``factor``, rounded up."""
        return Span(_scaled(self.least, factor), _scaled(self.most, factor))

    def union(self, other: Span) -> Span:
        """Return what covers both."""
        return Span(min(self.least, other.least), max(self.most, other.most))


def exactly(number: int) -> Span:
    """Return the estimate of what is known."""
    return Span(number, number)


UNKNOWN: Final = Span(0, MAX)
NOTHING: Final = Span(0, 0)
ONE: Final = Span(1, 1)
#: Where a union starts.
EMPTY: Final = Span(MAX, 0)
