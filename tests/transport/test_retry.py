"""When requests are sent again: the rules by themselves, and a scripted server that counts."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest

from dynkube.config import Timeout
from dynkube.errors import ConnectFailedError, RequestTimeoutError
from dynkube.transport import ExponentialBackoff, HTTPRequest, HTTPResponse, RetryPolicy, Transport
from dynkube.transport import connections as connections_module
from dynkube.transport.backoff import backoff_from
from transport.servers import answer, script

if TYPE_CHECKING:
    from collections.abc import Callable

    from transport.servers import Peer, Received, Server

GET = HTTPRequest("GET", "/api")
POST = HTTPRequest("POST", "/api", body=b"{}")
POLICY = RetryPolicy(jitter=0.0)
OK = answer({"kind": "Pod"})


def _answer(status: int, retry_after: str | None = None, body: bytes = b"") -> HTTPResponse:
    return HTTPResponse(status, {"Retry-After": retry_after} if retry_after is not None else {}, body)


HINT = json.dumps({"kind": "Status", "details": {"retryAfterSeconds": 7}}).encode()


@pytest.mark.parametrize(
    ("method", "response", "pauses"),
    [
        ("GET", _answer(429, "3"), [3.0] * 10),
        ("GET", _answer(429, body=HINT), [7.0] * 10),
        ("GET", _answer(429), [0.5, 1.0, 2.0, 4.0]),
        ("GET", _answer(429, "nonsense"), [0.5, 1.0, 2.0, 4.0]),
        ("GET", _answer(429, "0"), [0.5] * 10),
        ("GET", _answer(503), [0.5, 1.0, 2.0, 4.0]),
        ("GET", _answer(502), [0.5, 1.0, 2.0, 4.0]),
        ("GET", _answer(503, "2"), [2.0] * 10),
        ("GET", _answer(500, "2"), [2.0] * 10),
        ("GET", _answer(504, body=HINT), [7.0] * 10),
        ("GET", _answer(500), []),
        ("GET", _answer(504), []),
        ("GET", _answer(404, "2"), []),
        ("GET", _answer(429, "3600"), []),
        ("GET", _answer(429, body=b'{"details": {"retryAfterSeconds": "soon"}}'), [0.5, 1.0, 2.0, 4.0]),
        ("POST", _answer(429, "3"), [3.0] * 10),
        ("DELETE", _answer(429, body=HINT), [7.0] * 10),
        ("PATCH", _answer(429), []),
        ("PUT", _answer(503, "3"), []),
        ("POST", _answer(500, "3"), []),
    ],
)
def test_what_is_retried_and_how_often(method: str, response: HTTPResponse, pauses: list[float]) -> None:
    """The table of docs/transport.rst: each answer has its number of retries and its pauses."""
    seen = []
    for retries in range(20):
        pause = POLICY.after_answer(method, retries, response)
        if pause is None:
            break
        seen.append(pause)
    assert seen == pauses


def test_a_date_is_as_good_as_seconds() -> None:
    """Retry-After may be an HTTP date; one in the past means as soon as ever."""
    soon = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=30), usegmt=True)
    pause = POLICY.after_answer("GET", 0, _answer(429, soon))
    assert pause is not None
    assert 25 < pause <= 30
    assert POLICY.after_answer("GET", 0, _answer(429, "Fri, 31 Dec 1999 23:59:59 GMT")) == 0.5


def test_a_server_that_wants_no_pause_gets_one() -> None:
    """`Retry-After: 0` is not eleven requests at once: the first pause of the policy is the shortest there is."""
    assert [POLICY.after_answer("GET", retries, _answer(503, "0")) for retries in range(11)] == [0.5] * 10 + [None]
    assert POLICY.after_answer("POST", 0, _answer(429, "0")) == 0.5


def test_pauses_without_a_hint_vary_but_stay_near() -> None:
    """Jitter makes pauses longer by up to a quarter and never shorter."""
    pauses = {RetryPolicy().after_answer("GET", 1, _answer(503)) for _ in range(50)}
    assert len(pauses) > 1
    assert all(pause is not None and 1.0 <= pause <= 1.25 for pause in pauses)


def test_a_broken_connection_is_retried_for_reads_only() -> None:
    """After a break reads pause and go again up to four times, writes never."""
    assert [POLICY.after_break("GET", retries) for retries in range(5)] == [0.5, 1.0, 2.0, 4.0, None]
    assert POLICY.after_break("POST", 0) is None


def test_a_busy_server_is_asked_again_after_the_pause_it_wants(
    serve: Callable[..., Server], connect: Callable[..., Transport], caplog: pytest.LogCaptureFixture
) -> None:
    """Two 429 with hints cost two pauses of that length, are logged, and the third answer is returned."""
    pauses: list[float] = []
    server = serve(script(answer(b"", 429, [("Retry-After", "2")]), answer(b"", 429, [("Retry-After", "3")]), OK))
    with caplog.at_level(logging.WARNING, "dynkube.transport"):
        assert connect(server, sleep=pauses.append).send(POST).status == 200
    assert pauses == [2.0, 3.0]
    assert len(server.received) == 3
    assert server.connections == 1
    assert "answered 429; trying again in 2 s (retry 1)" in caplog.text


def test_the_last_answer_is_returned_when_retries_are_used_up(
    serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """A server that stays busy is asked eleven times in all, as by client-go, and its last answer comes back."""
    server = serve(answer(b"busy", 429, [("Retry-After", "0")]))
    response = connect(server).send(GET)
    assert (response.status, response.read()) == (429, b"busy")
    assert len(server.received) == 11


def test_a_write_is_sent_once_when_the_connection_breaks(
    serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """Whether a write took effect is unknown after a reset: it is not sent again."""
    server = serve(lambda peer, request: peer.reset())
    with pytest.raises(ConnectFailedError, match="not known"):
        connect(server).send(POST)
    assert len(server.received) == 1


def test_an_idle_connection_that_the_server_closed_costs_nothing(
    serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """A connection closed by the server while idle is noticed before it is used, for writes too."""
    pauses: list[float] = []

    def once(peer: Peer, request: Received) -> None:
        peer.send(OK)
        peer.close()

    server = serve(once)
    client = connect(server, sleep=pauses.append)
    for _ in range(5):
        assert client.send(POST).status == 200
        # The end of the connection has to arrive first, or nothing was idle and closed.
        for thread in server._threads:
            thread.join(10)
    assert pauses == []
    assert server.connections == 5


def test_a_read_on_a_connection_closed_at_that_moment_is_sent_at_once_on_another(
    serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """The race of keep-alive, closed just as a read is sent, costs no pause and no retry."""
    pauses: list[float] = []
    server = serve(script(OK, lambda peer, request: peer.close(), OK))
    client = connect(server, sleep=pauses.append)
    assert client.send(GET).status == 200
    assert client.send(GET).status == 200
    assert pauses == []
    assert server.connections == 2


def test_after_a_hang_up_no_connection_is_kept_for_a_second(
    serve: Callable[..., Server], connect: Callable[..., Transport], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that hangs up on every kept connection is asked on new ones, not everything twice."""
    now = [1000.0]
    monkeypatch.setattr(connections_module, "monotonic", lambda: now[0])

    def handle(peer: Peer, request: Received) -> None:
        used = sum(received.connection == peer.number for received in server.received) > 1
        if used:
            peer.close()
        else:
            peer.send(OK)

    server = serve(handle)
    client = connect(server)
    for _ in range(6):
        assert client.send(GET).status == 200
    assert len(server.received) == 7
    now[0] += 1.0
    for _ in range(2):
        assert client.send(GET).status == 200
    assert len(server.received) == 10


def test_a_pause_longer_than_the_deadline_is_not_begun(
    serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """With a total limit the answer in hand is returned rather than waiting past it."""
    pauses: list[float] = []
    server = serve(answer(b"", 429, [("Retry-After", "30")]))
    assert connect(server, sleep=pauses.append, timeout=Timeout(total=10.0)).send(GET).status == 429
    assert pauses == []


def test_the_total_limit_covers_the_retries(serve: Callable[..., Server], connect: Callable[..., Transport]) -> None:
    """A deadline that ran out during a pause ends the request before another try."""
    import time

    server = serve(answer(b"", 503))
    client = connect(server, sleep=lambda seconds: time.sleep(0.06), retry=RetryPolicy(first=0.01, jitter=0.0))
    with pytest.raises(RequestTimeoutError, match=r"total time of 0\.05 s ran out"):
        client.send(GET, timeout=Timeout(5.0, 5.0, 0.05))
    assert len(server.received) == 1


def test_watches_are_retried_like_other_reads(serve: Callable[..., Server], connect: Callable[..., Transport]) -> None:
    """Opening a stream is retried by the same rules; its body is left alone."""
    server = serve(script(answer(b"", 503), answer(b"line\n")))
    with connect(server).send(GET, stream=True) as response:
        assert list(response.lines()) == [b"line"]


def test_backoff_doubles_while_a_host_fails_and_clears_when_it_answers() -> None:
    """429 and 5xx double the wait up to the limit; any other answer, or none, clears it; rest begins it anew."""
    now = [0.0]
    backoff = ExponentialBackoff(1.0, 5.0, clock=lambda: now[0])
    seen = []
    for status in (500, 429, 503, 500):
        backoff.note("a:1", status)
        seen.append(backoff.delay("a:1"))
    assert seen == [1.0, 2.0, 4.0, 5.0]
    assert backoff.delay("b:1") == 0.0
    now[0] = 11.0
    backoff.note("a:1", 500)
    assert backoff.delay("a:1") == 1.0
    backoff.note("a:1", 404)
    assert backoff.delay("a:1") == 0.0
    backoff.note("a:1", 500)
    backoff.note("a:1", None)
    assert backoff.delay("a:1") == 0.0


def test_backoff_slows_the_requests_of_a_client(
    serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """A failing host is asked ever more slowly, across requests."""
    pauses: list[float] = []
    server = serve(answer(b"", 500))
    client = connect(server, backoff=ExponentialBackoff(1.0, 60.0), sleep=pauses.append)
    for _ in range(4):
        client.send(GET)
    assert pauses == [1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("environ", "on"),
    [
        ({}, False),
        ({"KUBE_CLIENT_BACKOFF_BASE": "1"}, False),
        ({"KUBE_CLIENT_BACKOFF_BASE": "1", "KUBE_CLIENT_BACKOFF_DURATION": "x"}, False),
        ({"KUBE_CLIENT_BACKOFF_BASE": "1", "KUBE_CLIENT_BACKOFF_DURATION": "30"}, True),
    ],
)
def test_backoff_may_be_switched_on_by_the_environment(environ: dict[str, str], on: bool) -> None:
    """Both variables of client-go, as whole seconds, switch it on; anything else leaves it off."""
    assert (backoff_from(environ) is not None) is on
