"""Tests of how often a reflector asks, whatever it is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from watch.fakes import (
    Source,
    Stream,
    broken,
    event,
    expired,
    failure,
    page,
    rate,
    refused,
    thing,
    too_large,
)

from informer.reflecting import Run

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("step", "most"),
    [
        (lambda: failure(422, "Invalid"), 260),
        (lambda: failure(500, "InternalError"), 260),
        (lambda: failure(429, "TooManyRequests", retry_after=1), 140),
        (too_large, 260),
        (refused, 140),
        (broken, 260),
    ],
    ids=["422", "500", "429", "too large", "refused", "unreadable"],
)
@pytest.mark.parametrize("stream", [False, True], ids=["list", "stream"])
def test_an_hour_of_one_answer_costs_few_requests(step: Callable[[], Exception], most: int, stream: bool) -> None:
    """Whatever it is that every request meets, a list and a streaming list are asked for at the pace of the backoff."""
    run = Run(answer=lambda _: step(), stream=stream)
    assert rate(run.source, run.clock, per=1.0) <= 5
    assert len(run.source.requests) <= most


@pytest.mark.parametrize("events", [[], [event("ADDED", "c", 6)]], ids=["empty", "one event"])
@pytest.mark.parametrize("error", [None, broken(), failure(500, "InternalError"), expired(), refused()])
@pytest.mark.parametrize("lasts", [0.0, 1.5], ids=["at once", "soon"])
@pytest.mark.parametrize("stream", [False, True], ids=["list", "stream"])
def test_watches_that_end_early_are_replaced_at_a_bounded_rate(
    events: list[Any], error: Exception | None, lasts: float, stream: bool
) -> None:
    """An hour of lists that succeed and streams that do not last: on average hardly more than a request a second."""

    def answer(source: Source) -> Any:
        verb = source.requests[-1]["verb"]
        return page(thing("a", 1), version=5) if verb == "list" else Stream(*events, lasts=lasts, error=error)

    run = Run(answer=answer, stream=stream)
    assert rate(run.source, run.clock, per=1.0) <= 5
    assert rate(run.source, run.clock, per=60.0) <= 62
