"""Lengths of time: what --timeout takes, and how ages are shown."""

from __future__ import annotations

import argparse

import pytest

from dynkube.cli.durations import age, seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30", 30), ("0", 0), ("1m30s", 90), ("500ms", 0.5), ("2h", 7200), ("1.5h", 5400), (".5s", 0.5), ("-1s", -1)],
)
def test_seconds(text: str, expected: float) -> None:
    """A whole number is seconds; anything else is a duration as Go writes it."""
    assert seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "abc", "1.5", "10 s", "1d", "s", "1m30", "--5", "٣"])
def test_what_is_no_length_of_time(text: str) -> None:
    """Everything else is refused, with both forms in the message."""
    with pytest.raises(argparse.ArgumentTypeError, match="no length of time"):
        seconds(text)


MINUTE, HOUR, DAY, YEAR = 60, 3600, 86400, 365 * 86400


@pytest.mark.parametrize(
    ("elapsed", "shown"),
    [
        (-5, "<invalid>"),
        (-0.5, "0s"),
        (0, "0s"),
        (119, "119s"),
        (2 * MINUTE, "2m"),
        (5 * MINUTE + 10, "5m10s"),
        (10 * MINUTE + 10, "10m"),
        (179 * MINUTE, "179m"),
        (3 * HOUR, "3h"),
        (3 * HOUR + 5 * MINUTE, "3h5m"),
        (47 * HOUR, "47h"),
        (2 * DAY, "2d"),
        (3 * DAY + 4 * HOUR, "3d4h"),
        (9 * DAY + 4 * HOUR, "9d"),
        (2 * YEAR, "2y"),
        (2 * YEAR + 3 * DAY, "2y3d"),
        (9 * YEAR + 3 * DAY, "9y"),
    ],
)
def test_age(elapsed: float, shown: str) -> None:
    """Ages are as coarse as kubectl shows them (apimachinery's duration.HumanDuration)."""
    assert age(elapsed) == shown
