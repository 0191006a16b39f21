"""Bodies: whole, in pieces, in lines; ended by the server, by us, or from another thread."""

from __future__ import annotations

import gzip
import threading
from itertools import pairwise
from time import monotonic
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynkube.errors import ConnectFailedError, RequestTimeoutError
from dynkube.transport import Cancellation, Headers, HTTPRequest, HTTPResponse, Transport, split_lines
from dynkube.transport.wire import PIECE
from transport.servers import CHUNKED, Server, answer, chunk

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from transport.certificates import Authority
    from transport.servers import Peer, Received

GET = HTTPRequest("GET", "/api")


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=8))
def test_lines_do_not_depend_on_how_the_stream_is_cut(data: bytes, cuts: list[int]) -> None:
    r"""However a stream is cut, its lines are those of splitting the whole on \n, a last unfinished one included."""
    points = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(points)]
    expected = data.split(b"\n")
    if not expected[-1]:
        expected.pop()
    assert list(split_lines(pieces)) == expected


def test_other_separators_do_not_split() -> None:
    r"""Only \n ends a line: \r, form feed, U+0085 and U+2028 may stand inside JSON and logs."""
    line = "a\rb\x0bc\x0cd\x1ce\x85f\u2028g".encode()
    assert list(split_lines([line + b"\n"])) == [line]


def test_a_long_line_costs_linear_time() -> None:
    """A line of 32 MB in 64 KB pieces is joined once, not per piece."""
    started = monotonic()
    assert sum(len(line) for line in split_lines([b"x" * 65536] * 512)) == 65536 * 512
    assert monotonic() - started < 5


def test_headers_ignore_case_and_keep_repetitions() -> None:
    """Lookups ignore case, repeated headers are joined by a comma or given one by one."""
    headers = Headers([("Warning", "a"), ("warning", "b"), ("X", "1")])
    assert headers["WARNING"] == "a, b"
    assert headers.get_all("Warning") == ["a", "b"]
    assert headers.get("missing") is None
    assert "x" in headers
    assert (len(headers), sorted(headers)) == (2, ["warning", "x"])
    with pytest.raises(KeyError):
        headers["missing"]


def test_an_answer_in_memory_reads_like_one_from_the_wire() -> None:
    """What mocks return has the same calls: read, chunks, lines, media type, close, and no connection."""
    with HTTPResponse(200, {"Content-Type": "Text/Plain; charset=utf-8"}, b"a\nb") as response:
        assert response.media_type == "text/plain"
        assert response.read() == b"a\nb"
        assert list(response.lines()) == [b"a", b"b"]
        response.shutdown()
        with pytest.raises(ValueError, match="no connection"):
            response.detach()
    assert repr(HTTPResponse(404, method="GET", url="u")) == "<HTTPResponse 404 GET u>"


def test_a_body_can_be_read_twice_and_its_connection_is_reused(
    serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """read() keeps the body; a hundred requests in a row need one connection."""
    server = serve()
    client = connect(server)
    for _ in range(100):
        response = client.send(GET)
        assert response.read() == response.read() == b'{"kind": "Pod"}'
        assert list(response.chunks()) == [b'{"kind": "Pod"}']
    assert (server.connections, client.open_connections) == (1, 1)


def test_a_consumed_body_is_forgotten(serve: Callable[..., Server], connect: Callable[..., Transport]) -> None:
    """consume() gives the body away, so that it can be freed while its objects are made."""
    response = connect(serve()).send(GET)
    assert response.consume() == [b'{"kind": "Pod"}']
    assert response.read() == b""


@pytest.mark.parametrize("chunked", [True, False])
def test_a_long_body_is_held_in_few_large_pieces(
    chunked: bool, serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """Pieces as small as they arrive would leave the heap in tatters: a tenth more memory for a list of 5,000 pods."""
    body = b"x" * (3 * PIECE + 17)

    def handle(peer: Peer, request: Received) -> None:
        if chunked:
            parts = (body[start : start + 10_000] for start in range(0, len(body), 10_000))
            peer.send(CHUNKED + b"".join(map(chunk, parts)) + chunk(b""))
        else:
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    pieces = connect(serve(handle)).send(GET).consume()
    assert b"".join(pieces) == body
    assert all(len(piece) >= PIECE for piece in pieces[:-1])
    assert len(pieces) in (3, 4)


@pytest.mark.parametrize("chunked", [True, False])
def test_lines_are_delivered_as_soon_as_they_are_complete(
    chunked: bool,
    serve: Callable[..., Server],
    connect: Callable[..., Transport],
    tls: ssl.SSLContext,
    authority: Authority,
) -> None:
    """A line is yielded although the stream goes on, chunked or not; the next is only sent once it was seen."""
    seen = threading.Semaphore(0)

    def handle(peer: Peer, request: Received) -> None:
        peer.send(CHUNKED if chunked else b"HTTP/1.1 200 OK\r\n\r\n")
        for number in range(3):
            line = b"line %d\n" % number
            peer.send(chunk(line) if chunked else line)
            assert seen.acquire(timeout=10)
        if chunked:
            peer.send(chunk(b""))
        peer.close()

    server = serve(handle, context=tls)
    with connect(server, ca_data=authority.certificate).send(GET, stream=True) as response:
        for number, line in enumerate(response.lines()):
            assert line == b"line %d" % number
            seen.release()


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_chunks_cut_anywhere_make_the_same_lines(
    size: int, serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """A stream of tiny chunks, sent in one go or byte by byte, holds the same lines, trailers or not."""
    text = "".join(f"{number} größe \u2028\n" for number in range(200)).encode()
    body = b"".join(chunk(text[start : start + size]) for start in range(0, len(text), size))

    def handle(peer: Peer, request: Received) -> None:
        peer.send(CHUNKED)
        for start in range(0, len(body), 1009):
            peer.send(body[start : start + 1009])
        peer.send(b"0\r\nX-Trailer: 1\r\n\r\n")

    server = serve(handle)
    client = connect(server)
    for _ in range(3):
        with client.send(GET, stream=True) as response:
            assert b"".join(line + b"\n" for line in response.lines()) == text
    assert server.connections == 1
    assert client.send(GET).read() == text


def test_gzip_is_asked_for_and_undone(serve: Callable[..., Server], connect: Callable[..., Transport]) -> None:
    """Compressed bodies are decompressed, whole or streamed, in several members too."""
    text = b"".join(b"line %d\n" % number for number in range(1000))
    body = gzip.compress(text[:500]) + gzip.compress(text[500:])

    def handle(peer: Peer, request: Received) -> None:
        assert request.header("Accept-Encoding") == "gzip"
        peer.send(CHUNKED[:-2] + b"Content-Encoding: gzip\r\n\r\n")
        for start in range(0, len(body), 100):
            peer.send(chunk(body[start : start + 100]))
        peer.send(chunk(b""))

    client = connect(serve(handle))
    assert client.send(GET).read() == text
    with client.send(GET, stream=True) as response:
        assert b"\n".join(response.lines()) + b"\n" == text


def test_a_flushed_gzip_member_is_delivered_at_once(
    serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """A compressed watch, one member a flush, yields each event without waiting for the next."""
    seen = threading.Semaphore(0)

    def handle(peer: Peer, request: Received) -> None:
        peer.send(CHUNKED[:-2] + b"Content-Encoding: gzip\r\n\r\n")
        for number in range(3):
            peer.send(chunk(gzip.compress(b"%d\n" % number)))
            assert seen.acquire(timeout=10)
        peer.send(chunk(b""))

    with connect(serve(handle)).send(GET, stream=True) as response:
        for number, line in enumerate(response.lines()):
            assert line == b"%d" % number
            seen.release()


def test_compression_can_be_switched_off(serve: Callable[..., Server], connect: Callable[..., Transport]) -> None:
    """disable_compression asks for the plain body in words, lest something in between compress it."""
    server = serve()
    connect(server, disable_compression=True).send(GET)
    assert server.received[0].header("Accept-Encoding") == "identity"


def _endless(peer: Peer, request: Received) -> None:
    peer.send(CHUNKED + chunk(b"first\n"))
    peer.wait_closed()


@pytest.mark.parametrize("secure", [True, False], ids=["https", "http"])
@pytest.mark.parametrize("how", ["shutdown", "close", "transport"])
def test_a_blocked_reader_wakes_when_the_stream_is_ended(
    how: str,
    secure: bool,
    serve: Callable[..., Server],
    connect: Callable[..., Transport],
    tls: ssl.SSLContext,
    authority: Authority,
) -> None:
    """shutdown() or close() of the answer, or closing the client, wakes a reader of another thread within a second."""
    server = serve(_endless, context=tls if secure else None)
    client = connect(server, **({"ca_data": authority.certificate} if secure else {}))
    response = client.send(GET, stream=True, timeout=60.0)
    began = threading.Event()
    outcome: list[object] = []

    def read() -> None:
        try:
            for line in response.lines():
                outcome.append(line)
                began.set()
        except Exception as error:  # noqa: BLE001 - what it is, is the test
            outcome.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    assert began.wait(10)
    started = monotonic()
    {"shutdown": response.shutdown, "close": response.close, "transport": client.close}[how]()
    reader.join(10)
    assert not reader.is_alive()
    assert monotonic() - started < 1
    assert outcome[0] == b"first"
    if how != "transport":
        assert outcome == [b"first"]
    assert client.open_connections == 0
    response.close()


def test_a_stream_left_unread_gives_its_connection_up(
    serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """Leaving a `with` block early closes the connection; the next request has another."""
    server = serve(_endless)
    client = connect(server)
    for _ in range(3):
        with client.send(GET, stream=True) as response:
            assert next(response.lines()) == b"first"
        assert client.open_connections == 0
        assert list(response.lines()) == []
        assert response.read() == b""
    assert server.connections == 3


def test_the_read_timeout_counts_from_the_last_byte(
    serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """Silence longer than the read timeout in a stream is a RequestTimeoutError, after what came before."""
    lines: list[bytes] = []
    response = connect(serve(_endless)).send(GET, stream=True, timeout=0.2)
    with pytest.raises(RequestTimeoutError, match=r"silent for 0\.2 s"):
        lines.extend(response.lines())
    assert lines == [b"first"]


def test_an_upgraded_connection_is_handed_over(serve: Callable[..., Server], connect: Callable[..., Transport]) -> None:
    """After 101 the caller gets the socket and what came behind the headers; closing the answer closes it."""

    def handle(peer: Peer, request: Received) -> None:
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\nearly")
        peer.send(peer.sock.recv(100).upper())
        peer.close()

    client = connect(serve(handle))
    response = client.send(GET, stream=True)
    sock, early = response.detach()
    with response:
        assert client.open_connections == 1
        sock.sendall(b"ping")
        received = early
        while piece := sock.recv(100):
            received += piece
    assert received == b"earlyPING"
    assert client.open_connections == 0


def test_only_a_101_can_be_handed_over(serve: Callable[..., Server], connect: Callable[..., Transport]) -> None:
    """An ordinary answer keeps its connection."""
    with connect(serve()).send(GET, stream=True) as response, pytest.raises(ValueError, match="no connection"):
        response.detach()


@pytest.mark.parametrize("when", ["before the headers", "in the body", "before it begins"])
def test_a_request_can_be_cancelled_from_another_thread(
    when: str, serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """A Cancellation ends a request that waits for its answer, is being streamed, or has not begun."""
    arrived = threading.Event()

    def handle(peer: Peer, request: Received) -> None:
        if when == "in the body":
            peer.send(CHUNKED + chunk(b"first\n"))
        arrived.set()
        peer.wait_closed()

    server = serve(handle)
    client = connect(server)
    cancellation = Cancellation()
    request = HTTPRequest("GET", "/api", cancellation=cancellation)
    errors: list[BaseException] = []

    def run() -> None:
        try:
            client.send(request, timeout=60.0)
        except ConnectFailedError as error:
            errors.append(error)

    if when == "before it begins":
        cancellation.cancel()
    thread = threading.Thread(target=run)
    thread.start()
    if when != "before it begins":
        assert arrived.wait(10)
        started = monotonic()
        cancellation.cancel()
        thread.join(10)
        assert monotonic() - started < 1
    thread.join(10)
    assert "cancelled by the caller" in str(errors[0])
    assert cancellation.cancelled
    assert client.open_connections == 0
    assert len(server.received) == (0 if when == "before it begins" else 1)


def test_a_pause_is_cut_short_by_cancelling(serve: Callable[..., Server], connect: Callable[..., Transport]) -> None:
    """A request that waits to be retried ends at once when cancelled."""
    server = serve(answer(b"", 429, [("Retry-After", "50")]))
    client = connect(server, sleep=None)
    cancellation = Cancellation()
    cancel = threading.Timer(0.05, cancellation.cancel)
    cancel.start()
    started = monotonic()
    with pytest.raises(ConnectFailedError, match="cancelled"):
        client.send(HTTPRequest("GET", "/api", cancellation=cancellation))
    cancel.join(10)
    assert monotonic() - started < 5


def test_a_finished_request_is_not_touched_by_a_late_cancel(
    serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """Cancelling after the answer does not reach the connection, which others use by then."""
    client = connect(serve())
    cancellation = Cancellation()
    client.send(HTTPRequest("GET", "/api", cancellation=cancellation))
    cancellation.cancel()
    assert client.send(GET).status == 200
    assert client.open_connections == 1
