"""The limits of a request."""

from __future__ import annotations

from typing import Any

import pytest

from dynkube.config import UNSET, Timeout, Unset
from dynkube.errors import InvalidRequestError


def test_defaults_are_limits() -> None:
    """Nobody waits for ever by accident: 10 seconds to connect, 60 of silence, no total limit."""
    assert Timeout() == Timeout(connect=10.0, read=60.0, total=None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, Timeout(5, 5)),
        (0.5, Timeout(0.5, 0.5)),
        (90.0, Timeout(10.0, 90.0)),
        ((3, 30), Timeout(3, 30)),
        ((3, None), Timeout(3, None)),
        (None, Timeout(None, None, None)),
        (Timeout(1, 2, 3), Timeout(1, 2, 3)),
    ],
)
def test_timeout_forms(value: Any, expected: Timeout) -> None:
    """A number is the read limit, a pair is connect and read, None is no limit."""
    assert Timeout.of(value) == expected


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), True, "5", (0, 1), (1, 2, 3), (1,), ("a", 1)])
def test_other_values_are_refused(value: Any) -> None:
    """Zero, negative, non-finite and non-numbers are refused: none of them has one meaning."""
    with pytest.raises(InvalidRequestError):
        Timeout.of(value)


def test_unset_is_told_apart_from_none() -> None:
    """The sentinel is a singleton with a readable name."""
    assert UNSET is Unset.UNSET
    assert repr(UNSET) == "UNSET"
