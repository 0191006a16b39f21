"""The HTTP side of the server: connections, framing, bad requests, stopping."""

from __future__ import annotations

import http.client
import threading
import time
from typing import TYPE_CHECKING

import pytest

from dynkube.testing import APIServer
from testing.calling import CMS, Caller, Stream, config_map, connection, raw_exchange

if TYPE_CHECKING:
    from collections.abc import Callable


def eventually(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.01)
    return True


def test_a_connection_serves_many_requests(server: APIServer) -> None:
    """Keep-alive: the same socket is used again, bodies and errors included."""
    link = connection(server.url)
    try:
        for path, status in (("/version", 200), ("/api/v1/namespaces/nope", 404), ("/nope", 404), ("/healthz", 200)):
            link.request("GET", path)
            sock = link.sock
            response = link.getresponse()
            response.read()
            assert response.status == status
            assert link.sock is sock
    finally:
        link.close()


def test_connection_close_is_honoured(server: APIServer) -> None:
    """A client that asks for it gets the connection closed after the answer."""
    answer = raw_exchange(server.url, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"\r\nConnection: close\r\n" in answer


def test_a_chunked_body_is_read(server: APIServer) -> None:
    """Clients that stream their body are understood."""
    body = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"chunked"}}'
    pieces = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:10], body[10:]))
    head = f"POST {CMS} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode()
    assert raw_exchange(server.url, head + pieces + b"0\r\n\r\n").startswith(b"HTTP/1.1 201")


def test_expect_continue_is_answered(server: APIServer) -> None:
    """A client that waits for 100 Continue gets it."""
    body = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"careful"}}'
    head = f"POST {CMS} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"
    answer = raw_exchange(server.url, head.encode() + body)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201")


def test_head_has_the_headers_and_no_body(server: APIServer) -> None:
    """HEAD answers without a body, and the connection goes on; built-in kinds have no route for it, as in reality."""
    link = connection(server.url)
    try:
        for path, status in (("/openapi/v3", 200), ("/api/v1/namespaces/default", 405)):
            link.request("HEAD", path)
            response = link.getresponse()
            assert response.status == status
            assert response.read() == b""
            assert int(response.headers["Content-Length"]) > 0
        link.request("GET", "/healthz")
        assert link.getresponse().read() == b"ok"
    finally:
        link.close()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"GET\r\n\r\n", b"400"),
        (b"GET / HTTP/2.0\r\n\r\n", b"505"),
        (b"GET / HTTP/1.1\r\nno colon here\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nshort", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
    ],
)
def test_what_is_no_request_is_refused(server: APIServer, sent: bytes, status: bytes) -> None:
    """Broken framing gets a status and the connection closed; the server lives on."""
    answer = raw_exchange(server.url, sent)
    assert answer.split(b" ")[1] == status
    assert Caller(server.url)("GET", "/healthz").raw == b"ok"


def test_a_large_answer_is_compressed_when_the_client_takes_it(server: APIServer, call: Caller) -> None:
    """From 128 KiB on, and only with Accept-Encoding: gzip."""
    call.ok("POST", CMS, config_map("big", {"k": "x" * 200_000}))
    assert "content-encoding" not in call("GET", CMS).headers
    answer = call("GET", CMS, Accept_Encoding="gzip")
    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.raw) < 10_000


def test_stopping_ends_watches_at_once_and_leaves_no_thread() -> None:
    """A stop does not wait for watches to time out, and every thread of the server is gone after it."""
    before = set(threading.enumerate())
    server = APIServer().start()
    with Stream(Caller(server.url), f"{CMS}?watch=1&timeoutSeconds=600") as stream:
        started = time.monotonic()
        server.stop()
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            stream.rest()
        assert time.monotonic() - started < 2
    assert eventually(lambda: not set(threading.enumerate()) - before)


def test_a_watch_whose_client_left_is_given_up(server: APIServer, call: Caller) -> None:
    """The thread of an idle watch ends soon after its client has gone."""
    others = serving_threads()  # of the connections that tests of the same process keep to servers of theirs
    call("GET", "/healthz")
    assert eventually(lambda: serving_threads() <= others)
    stream = Stream(call, f"{CMS}?watch=1&timeoutSeconds=600")
    assert len(serving_threads() - others) == 1
    stream.close()
    assert eventually(lambda: serving_threads() <= others)


def serving_threads() -> set[threading.Thread]:
    """Return the threads that serve connections, of any server."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("dynkube-127.0.0.1:")}


def test_starting_is_fast_and_stopping_frees_the_port() -> None:
    """A server costs a test well under 0.3 s, and its port can be taken again at once."""
    started = time.monotonic()
    with APIServer() as server:
        port = server.port
    assert time.monotonic() - started < 1.0
    with APIServer(port=port) as again:
        assert again.port == port


def test_a_taken_port_is_an_error(server: APIServer) -> None:
    """Two servers cannot have one port."""
    with pytest.raises(OSError, match="in use"):
        APIServer(port=server.port).start()


def test_http_1_0_closes_after_the_answer(server: APIServer) -> None:
    """A client of the old version reads until the end; only one that asks for it keeps its connection."""
    request = b"GET /healthz HTTP/1.0\r\n%s\r\n"
    assert b"Connection: close" in raw_exchange(server.url, request % b"")
    assert b"Connection: close" not in raw_exchange(server.url, request % b"Connection: keep-alive\r\n")


@pytest.mark.parametrize("wishes", [b"close", b"Close", b"keep-alive, close"])
def test_one_wish_to_close_is_enough(server: APIServer, wishes: bytes) -> None:
    """The Connection header is a list of words without case."""
    answer = raw_exchange(server.url, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: %s\r\n\r\n" % wishes)
    assert b"Connection: close" in answer


def test_a_request_says_whom_it_asks(server: APIServer) -> None:
    """HTTP/1.1 wants a Host; a whole URL is taken for its path."""
    assert b" 400 " in raw_exchange(server.url, b"GET /healthz HTTP/1.1\r\n\r\n")
    answer = raw_exchange(server.url, b"GET http://x/healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.endswith(b"ok")
