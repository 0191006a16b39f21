"""The client's own rate limit."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import pytest

from dynkube.config import Timeout
from dynkube.errors import RequestTimeoutError
from dynkube.transport import HTTPRequest, Transport
from dynkube.transport.throttle import Notice, TokenBucket
from transport.servers import answer, script

if TYPE_CHECKING:
    from collections.abc import Callable

    from transport.servers import Server

GET = HTTPRequest("GET", "/api", verb="get")
WATCH = HTTPRequest("GET", "/api?watch=1", verb="watch")


def test_a_bucket_starts_full_and_fills_at_its_rate() -> None:
    """The burst is free, then each turn costs 1/qps seconds more; time gives turns back, up to the burst."""
    now = [0.0]
    bucket = TokenBucket(10.0, 3, clock=lambda: now[0])
    assert [bucket.reserve() for _ in range(5)] == pytest.approx([0.0, 0.0, 0.0, 0.1, 0.2])
    now[0] = 100.0
    assert [bucket.reserve() for _ in range(4)] == pytest.approx([0.0, 0.0, 0.0, 0.1])


def test_a_turn_past_the_limit_is_not_taken() -> None:
    """A wait longer than allowed takes no place in the queue."""
    bucket = TokenBucket(1.0, 1, clock=lambda: 0.0)
    assert bucket.reserve() == 0.0
    assert bucket.reserve(0.5) is None
    assert bucket.reserve() == pytest.approx(1.0)


def test_the_default_burst_is_twice_the_rate() -> None:
    """Qps alone allows a burst of twice as many."""
    bucket = TokenBucket(5.0, clock=lambda: 0.0)
    assert [bucket.reserve() for _ in range(10)] == [0.0] * 10
    assert bucket.reserve() == pytest.approx(0.2)


def test_threads_share_one_bucket() -> None:
    """Turns taken by many threads are as many as one thread would get."""
    bucket = TokenBucket(1.0, 50, clock=lambda: 0.0)
    waits: list[float | None] = []
    threads = [threading.Thread(target=lambda: waits.extend(bucket.reserve() for _ in range(25))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert waits.count(0.0) == 50


def test_long_waits_are_told_of_but_not_each() -> None:
    """One message for waits above a second, then none for ten seconds."""
    now = [0.0]
    notice = Notice(clock=lambda: now[0])
    assert [notice.due(0.9), notice.due(1.1), notice.due(5.0)] == [False, True, False]
    now[0] = 10.0
    assert notice.due(1.1)


def test_requests_wait_for_their_turn_and_say_why(
    serve: Callable[..., Server], connect: Callable[..., Transport], caplog: pytest.LogCaptureFixture
) -> None:
    """Past the burst requests pause; one message says it is the client's limit, not the server's."""
    pauses: list[float] = []
    client = connect(serve(), qps=0.5, burst=1, sleep=pauses.append)
    with caplog.at_level(logging.WARNING, "dynkube.transport"):
        for _ in range(4):
            client.send(GET)
    assert pauses == pytest.approx([2.0, 4.0, 6.0], abs=0.2)
    assert caplog.text.count("client's own rate limit") == 1


def test_watches_begin_without_waiting_but_retry_like_others(
    serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """The first try of a watch takes no turn; its retry does."""
    pauses: list[float] = []
    server = serve(script(answer(b"", 503), answer(b"")))
    client = connect(server, qps=0.1, burst=1, sleep=pauses.append)
    client.send(WATCH)
    client.send(WATCH)
    client.send(GET)
    assert len(pauses) == 2
    assert pauses[1] > 9


def test_a_deadline_before_the_turn_fails_at_once(
    serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """Rather than wait in vain, a request whose turn comes too late is refused and sends nothing."""
    server = serve()
    client = connect(server, qps=0.1, burst=1)
    client.send(GET)
    with pytest.raises(RequestTimeoutError, match="own rate limit"):
        client.send(GET, timeout=Timeout(total=1.0))
    assert len(server.received) == 1


def test_another_rate_limiter_can_be_plugged_in(
    serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """An object with wait() takes the place of the bucket and is asked before each request."""

    class Limiter:
        asked = 0

        def wait(self) -> None:
            self.asked += 1

    limiter = Limiter()
    client = connect(serve(), rate_limiter=limiter, qps=0.001)
    for _ in range(3):
        client.send(GET)
    assert limiter.asked == 3
