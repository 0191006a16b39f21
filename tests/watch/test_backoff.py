"""Tests of the pauses between attempts."""

from __future__ import annotations

from typing import Any

import pytest

from dynkube.watch import Backoff
from watch.fakes import FakeClock


def test_grows_to_the_limit_without_jitter() -> None:
    """The pauses double from 0.8 s until they reach 30 s and stay there."""
    backoff = Backoff(jitter=0, clock=FakeClock())
    assert [round(backoff.next(), 1) for _ in range(8)] == [0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]


@pytest.mark.parametrize(("drawn", "expected"), [(0.0, [0.8, 1.6, 3.2]), (0.5, [1.2, 2.4, 4.8])])
def test_jitter_is_added_and_does_not_compound(drawn: float, expected: list[float]) -> None:
    """A pause lies between the plain one and its double; the next is computed from the plain one."""
    backoff = Backoff(clock=FakeClock(), random=lambda: drawn)
    assert [round(backoff.next(), 3) for _ in range(3)] == expected


def test_random_pauses_stay_in_their_bounds() -> None:
    """With the real generator every pause lies in [d, 2d)."""
    backoff = Backoff(clock=FakeClock())
    duration = 0.8
    for _ in range(20):
        pause = backoff.next()
        assert duration <= pause < 2 * duration
        duration = min(duration * 2, 30.0)


def test_starts_anew_after_two_minutes_without_trouble() -> None:
    """What counts is the time since the end of the last pause, not since the first."""
    clock = FakeClock()
    backoff = Backoff(jitter=0, clock=clock)
    assert [backoff.next(), backoff.next()] == [0.8, 1.6]
    clock.advance(1.6 + 119)
    assert backoff.next() == 3.2
    clock.advance(3.2 + 121)
    assert backoff.next() == 0.8


def test_does_not_start_anew_in_the_middle_of_an_outage() -> None:
    """However long the server stays away, the pauses stay long as long as each attempt fails."""
    clock = FakeClock()
    backoff = Backoff(jitter=0, clock=clock)
    for _ in range(100):
        clock.advance(backoff.next())
    assert backoff.next() == 30.0


def test_reset_starts_anew_at_once() -> None:
    """After `reset` the next pause is the first one."""
    backoff = Backoff(jitter=0, clock=FakeClock())
    backoff.next()
    backoff.next()
    backoff.reset()
    assert backoff.next() == 0.8


@pytest.mark.parametrize(
    "options", [{"initial": -1.0}, {"limit": 0.1}, {"factor": 0.5}, {"jitter": -0.1}], ids=lambda o: next(iter(o))
)
def test_refuses_numbers_that_make_no_backoff(options: dict[str, Any]) -> None:
    """A policy that shrinks, goes negative or starts above its limit is refused when it is made."""
    with pytest.raises(ValueError, match="backoff"):
        Backoff(**options)
