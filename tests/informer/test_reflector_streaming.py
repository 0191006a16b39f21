"""Tests of streaming lists: what is a complete state, and what follows where none comes."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from watch.fakes import (
    Stream,
    bookmark,
    broken,
    event,
    expired,
    failure,
    refused,
    silent,
    too_large,
)

from informer.reflecting import END, LIST, Run

# The end of a streamed state


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([event("ADDED", "a", 1), event("MODIFIED", "a", 3), *END], {"a": "3"}),
        ([event("ADDED", "a", 1), event("ADDED", "b", 2), event("DELETED", "b", 4), *END], {"a": "1"}),
        ([event("DELETED", "x", 4), *END], {}),
        (END, {}),
    ],
    ids=["changed", "deleted", "never there", "empty"],
)
def test_changes_before_the_end_are_part_of_the_state(events: list[Any], state: dict[str, str]) -> None:
    """The sink is told one state, with what happened while it was streamed."""
    run = Run(Stream(*events, lasts=300), stream=True)
    assert run.store.states == [state]
    assert run.store.versions == ["5"]


@pytest.mark.parametrize(
    "second",
    [
        Stream(event("ADDED", "b", 2), *END, lasts=300),
        Stream(event("ADDED", "b", 2), event("ADDED", "a", 1), event("DELETED", "a", 4), *END, lasts=300),
    ],
    ids=["not there", "deleted"],
)
def test_a_state_that_broke_off_is_dropped(second: Stream) -> None:
    """The sink is told nothing of a stream that ended before its bookmark, and the next one begins empty."""
    run = Run(Stream(event("ADDED", "a", 1), lasts=2), second, stream=True)
    assert run.requests == [("stream", None), ("stream", None)]
    assert run.store.states == [{"b": "2"}]


def test_a_stream_that_ends_after_the_state_is_resumed() -> None:
    """The state is not taken anew: the next watch begins after the last event."""
    run = Run(
        Stream(event("ADDED", "a", 1), *END, event("ADDED", "c", 7), lasts=2),
        Stream(event("ADDED", "d", 8), lasts=300),
        stream=True,
    )
    assert run.requests == [("stream", None), ("watch", "7")]
    assert run.store.objects == {"a": "1", "c": "7", "d": "8"}


def test_a_watch_after_a_streamed_state_that_expires_streams_again() -> None:
    """410 leads to a streaming list that is not older than what is known."""
    run = Run(
        Stream(event("ADDED", "a", 1), *END, event("ADDED", "c", 7), lasts=2),
        expired(),
        Stream(event("ADDED", "c", 7), bookmark(9, end=True), lasts=300),
        stream=True,
    )
    assert run.requests == [("stream", None), ("watch", "7"), ("stream", "7")]
    assert run.store.states[-1] == {"c": "7"}
    assert run.pauses == [0.8]


@pytest.mark.parametrize("annotation", [None, "false", "True", ""])
def test_a_bookmark_without_the_mark_ends_no_state(annotation: str | None, caplog: pytest.LogCaptureFixture) -> None:
    """What the server sent may be a part: it is dropped, its version too, and the state is listed, for good."""
    caplog.set_level(logging.INFO, "dynkube.watch")
    unmarked = bookmark(9)
    if annotation is not None:
        unmarked["object"]["metadata"]["annotations"] = {"k8s.io/initial-events-end": annotation}
    run = Run(
        Stream(event("ADDED", "x", 1), unmarked, event("ADDED", "y", 10), lasts=300),
        LIST,
        Stream(error=expired(), lasts=5),
        LIST,
        Stream(lasts=300),
        stream=True,
    )
    assert [request[0] for request in run.requests] == ["stream", "list", "watch", "list", "watch"]
    assert run.store.states[0] == {"a": "1", "b": "2"}
    assert run.store.versions[0] == "5"
    assert run.source.streams[0].closed
    assert caplog.messages[0] == "the server does not mark the end of an initial state, listing instead"


@pytest.mark.parametrize(
    ("error", "lasts", "log"),
    [(silent(), 90.0, "watch interrupted at version None, going on at once"), (None, 300.0, "watch ended before its")],
    ids=["silence", "the end of its time"],
)
def test_a_state_without_an_end_is_listed(
    error: Exception | None, lasts: float, log: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that ignores the option costs one try: the log says that it is listed, and it is not asked again."""
    caplog.set_level(logging.INFO, "dynkube.watch")
    run = Run(
        Stream(event("ADDED", "a", 1), event("MODIFIED", "a", 3), lasts=lasts, error=error),
        LIST,
        Stream(error=expired(), lasts=5),
        LIST,
        Stream(lasts=300),
        stream=True,
    )
    assert [request[0] for request in run.requests] == ["stream", "list", "watch", "list", "watch"]
    assert run.store.states[0] == {"a": "1", "b": "2"}
    assert caplog.messages[0].startswith(log)


def test_a_state_that_is_cut_every_time_is_listed() -> None:
    """Something that lets no long answer through keeps the informer from its state for two tries only."""
    cut = [Stream(event("ADDED", "a", 1), lasts=0.5) for _ in range(2)]
    run = Run(*cut, LIST, Stream(lasts=300), stream=True)
    assert [request[0] for request in run.requests] == ["stream", "stream", "list", "watch"]
    assert run.pauses == [0.5]


@pytest.mark.parametrize("code", [422, 400])
def test_a_refused_streaming_list_is_remembered(code: int) -> None:
    """A server that calls the option invalid is listed at once, and after each 410 without asking again."""
    rounds: list[Any] = [LIST, Stream(error=expired(), lasts=5), LIST, Stream(lasts=300)]
    run = Run(failure(code), *rounds, stream=True)
    assert [request[0] for request in run.requests] == ["stream", "list", "watch", "list", "watch"]
    assert run.pauses == [0.8]


@pytest.mark.parametrize("error", [failure(403), failure(404), failure(500), failure(504), broken()])
def test_any_other_failure_of_a_streaming_list_is_of_this_round(error: Exception) -> None:
    """The list follows at once; after the next 410 a streaming list is tried again."""
    rounds: list[Any] = [LIST, Stream(error=expired(), lasts=5), Stream(*END, lasts=300)]
    run = Run(error, *rounds, stream=True)
    assert [request[0] for request in run.requests] == ["stream", "list", "watch", "stream"]
    assert run.errors == [error, rounds[1].error]


@pytest.mark.parametrize("error", [failure(429, retry_after=3), refused()], ids=["429", "refused"])
def test_a_streaming_list_is_asked_for_again_where_a_list_would_fail_too(error: Exception) -> None:
    """Overload and a server that is not there are waited out."""
    run = Run(error, error, Stream(event("ADDED", "a", 1), *END, lasts=300), stream=True)
    assert run.requests == [("stream", None)] * 3
    assert len(run.pauses) == 2
    assert run.store.states == [{"a": "1"}]


@pytest.mark.parametrize("error", [expired(), failure(410, "Gone"), too_large()], ids=["Expired", "Gone", "too large"])
@pytest.mark.parametrize("where", ["on connect", "in the stream"])
def test_a_streaming_list_without_its_version_takes_the_newest(error: Exception, where: str) -> None:
    """A version the server has no longer, or not yet, is left out of the next request, which follows at once."""
    run = Run(
        Stream(*END, error=expired(), lasts=5),
        error if where == "on connect" else Stream(event("ADDED", "a", 1), error=error, lasts=5),
        Stream(event("ADDED", "b", 2), bookmark(4, end=True), lasts=300),
        stream=True,
    )
    assert run.requests == [("stream", None), ("stream", "5"), ("stream", None)]
    assert run.store.states[-1] == {"b": "2"}
    assert run.pauses == [0.8]
