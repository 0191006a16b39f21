"""Tests of how long an item waits before it is tried again."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from watch.fakes import FakeClock

from dynkube.controller import AtMost, Bucket, ExponentialFailures, FastThenSlow, LongestOf, default_rate_limiter
from dynkube.errors import InvalidRequestError


def test_exponential_per_item() -> None:
    """Each item has its own count; forgetting starts it anew."""
    limiter = ExponentialFailures(0.001, 1.0)
    assert [limiter.when("a") for _ in range(4)] == [0.001, 0.002, 0.004, 0.008]
    assert limiter.when("b") == 0.001
    assert (limiter.failures("a"), limiter.failures("b"), limiter.failures("c")) == (4, 1, 0)
    limiter.forget("a")
    assert (limiter.failures("a"), limiter.when("a")) == (0, 0.001)


def test_exponential_stays_at_its_limit_for_ever() -> None:
    """However often it fails, the pause neither exceeds the limit nor overflows."""
    limiter = ExponentialFailures(0.001, 1000.0)
    pauses = [limiter.when("a") for _ in range(2000)]
    assert max(pauses) == pauses[-1] == 1000.0
    assert pauses == sorted(pauses)


def test_exponential_from_minutes_to_weeks() -> None:
    """The numbers may be large, too."""
    limiter = ExponentialFailures(60.0, 3_600_000.0)
    assert [limiter.when("a") for _ in range(3)] == [60.0, 120.0, 240.0]
    for _ in range(2000):
        limiter.when("a")
    assert limiter.when("a") == 3_600_000.0


def test_failures_are_counted_across_threads() -> None:
    """Many workers that fail at once are all counted."""
    limiter = ExponentialFailures()

    def fail() -> None:
        for _ in range(500):
            limiter.when("a")

    threads = [threading.Thread(target=fail) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert limiter.failures("a") == 4000


def test_fast_then_slow() -> None:
    """A few quick tries, then slow ones."""
    limiter = FastThenSlow(0.005, 10.0, 3)
    assert [limiter.when("a") for _ in range(5)] == [0.005, 0.005, 0.005, 10.0, 10.0]
    assert limiter.when("b") == 0.005
    limiter.forget("a")
    assert limiter.when("a") == 0.005


def test_bucket_is_for_all_items_together() -> None:
    """After the burst items come at the rate, whatever they are, and idle time fills the bucket again."""
    clock = FakeClock()
    bucket = Bucket(10.0, 3, clock=clock)
    assert [round(bucket.when(item), 3) for item in "abcde"] == [0.0, 0.0, 0.0, 0.1, 0.2]
    clock.advance(0.2)
    assert round(bucket.when("f"), 3) == 0.1
    clock.advance(1000.0)
    assert [round(bucket.when(item), 3) for item in "abcd"] == [0.0, 0.0, 0.0, 0.1]
    bucket.forget("a")
    assert bucket.failures("a") == 0


def test_longest_of_several() -> None:
    """The longest pause counts, and forgetting reaches all."""
    limiter = LongestOf(FastThenSlow(0.005, 3.0, 3), ExponentialFailures(0.001, 1000.0))
    assert [limiter.when("a") for _ in range(5)] == [0.005, 0.005, 0.005, 3.0, 3.0]
    assert limiter.failures("a") == 5
    limiter.forget("a")
    assert (limiter.failures("a"), limiter.when("a")) == (0, 0.005)


def test_at_most() -> None:
    """Another limiter's pauses are cut."""
    limiter = AtMost(FastThenSlow(0.005, 10.0, 1), limit=0.5)
    assert [limiter.when("a") for _ in range(2)] == [0.005, 0.5]
    assert limiter.failures("a") == 2
    limiter.forget("a")
    assert limiter.failures("a") == 0


def test_default() -> None:
    """5 ms doubling for an item, and ten a second after a hundred for all."""
    limiter = default_rate_limiter(clock=FakeClock())
    assert [limiter.when("a") for _ in range(3)] == [0.005, 0.01, 0.02]
    for number in range(97):
        assert limiter.when(number) == 0.005
    assert [round(limiter.when(f"b{number}"), 3) for number in range(3)] == [0.1, 0.2, 0.3]


@pytest.mark.parametrize(
    "make",
    [
        lambda: ExponentialFailures(0, 1),
        lambda: ExponentialFailures(2, 1),
        lambda: FastThenSlow(-1, 1, 1),
        lambda: Bucket(0, 1),
        lambda: Bucket(1, 0),
        LongestOf,
        lambda: AtMost(ExponentialFailures(), -1),
    ],
)
def test_senseless_numbers_are_refused(make: Any) -> None:
    """A limiter that could not work is refused when it is made."""
    with pytest.raises(InvalidRequestError):
        make()
