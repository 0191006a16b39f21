"""One client for many threads and after forks; closing it closes everything."""

from __future__ import annotations

import gc
import http.client
import os
import threading
import warnings
from typing import TYPE_CHECKING

import pytest

from dynkube.config import Config
from dynkube.errors import ClientClosedError, ConfigError, ConnectFailedError
from dynkube.transport import Cancellation, HTTPRequest, Transport
from dynkube.transport import connections as connections_module
from transport.servers import answer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from transport.certificates import Authority
    from transport.servers import Peer, Received, Server

GET = HTTPRequest("GET", "/api")


def test_many_threads_share_a_client_without_warnings(
    serve: Callable[..., Server],
    connect: Callable[..., Transport],
    tls: ssl.SSLContext,
    authority: Authority,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Forty threads at once each have a connection; no pool complains, and no more than 32 stay open."""
    barrier = threading.Barrier(40)

    def handle(peer: Peer, request: Received) -> None:
        if request.target == "/api":
            barrier.wait(30)
        peer.send(answer({"kind": "Pod"}))

    server = serve(handle, context=tls)
    client = connect(server, ca_data=authority.certificate)
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(client.send(GET).status)) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert statuses == [200] * 40
    assert server.connections == 40
    assert client.open_connections <= connections_module.MAX_IDLE
    assert client.send(HTTPRequest("GET", "/other")).status == 200
    assert server.connections == 40
    assert caplog.records == []


def test_streams_and_requests_do_not_block_each_other(
    serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """With fifty watches open on one client a request is still served at once."""

    def handle(peer: Peer, request: Received) -> None:
        if "watch" in request.target:
            peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
            peer.wait_closed()
        else:
            peer.send(answer({"kind": "Pod"}))

    client = connect(serve(handle))
    streams = [client.send(HTTPRequest("GET", "/api?watch=1"), stream=True) for _ in range(50)]
    assert client.send(GET).status == 200
    assert client.open_connections == 51
    for stream in streams:
        stream.close()
    assert client.open_connections == 1


def test_a_closed_client_refuses_requests(serve: Callable[..., Server], connect: Callable[..., Transport]) -> None:
    """close() may be called again; requests after it fail and say why."""
    client = connect(serve())
    client.send(GET)
    client.close()
    client.close()
    assert client.open_connections == 0
    with pytest.raises(ClientClosedError, match="client is closed"):
        client.send(GET)
    assert "closed" in repr(client)


@pytest.mark.parametrize(
    "request_", [GET, HTTPRequest("GET", "/api", cancellation=Cancellation())], ids=["get", "watch"]
)
def test_close_cuts_pauses_short(
    request_: HTTPRequest, serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """A thread that pauses before a retry ends when the client is closed, also if the request could be cancelled."""
    answered = threading.Event()

    def handle(peer: Peer, request: Received) -> None:
        peer.send(answer(b"", 429, [("Retry-After", "50")]))
        answered.set()

    client = connect(serve(handle), sleep=None)
    errors: list[BaseException] = []

    def run() -> None:
        try:
            client.send(request_)
        except ConnectFailedError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert answered.wait(10)
    client.close()
    thread.join(10)
    assert not thread.is_alive()
    assert "closed" in str(errors[0])


def test_an_idle_connection_is_not_used_for_ever(
    serve: Callable[..., Server], connect: Callable[..., Transport], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After ninety seconds of rest a connection is replaced: load balancers forget them without a word."""
    now = [0.0]
    monkeypatch.setattr(connections_module, "monotonic", lambda: now[0])
    server = serve()
    client = connect(server)
    client.send(GET)
    now[0] = 89.0
    client.send(GET)
    assert server.connections == 1
    now[0] = 180.0
    client.send(GET)
    assert (server.connections, client.open_connections) == (2, 1)


def test_a_garbage_collected_client_leaves_no_socket(serve: Callable[..., Server]) -> None:
    """A client that nobody closed gives its sockets back when it is collected."""
    client = Transport(Config(host=serve().url))
    client.send(GET)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        del client
        gc.collect()


def test_a_stream_that_nobody_closed_is_collected(
    serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """A forgotten stream does not hold its connection for the life of the client."""

    def handle(peer: Peer, request: Received) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\n\r\nfirst\n")
        peer.wait_closed()

    client = connect(serve(handle))
    response = client.send(GET, stream=True)
    assert client.open_connections == 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        del response
        gc.collect()
    assert client.open_connections == 0


def test_an_interrupted_read_gives_its_connection_up(
    serve: Callable[..., Server], connect: Callable[..., Transport], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After Ctrl-C in the middle of a body the connection is closed: the rest of that body would be the next answer."""
    client = connect(serve())

    def interrupt(response: http.client.HTTPResponse, amount: int | None = None) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(http.client.HTTPResponse, "read", interrupt)
        with pytest.raises(KeyboardInterrupt):
            client.send(GET)
    assert client.open_connections == 0
    assert client.send(GET).status == 200


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_has_connections_of_its_own(
    serve: Callable[..., Server], connect: Callable[..., Transport], tls: ssl.SSLContext, authority: Authority
) -> None:
    """After a fork, while a parent's thread holds locks, the child connects anew and the parent goes on as before."""
    server = serve(context=tls)
    client = connect(server, ca_data=authority.certificate)
    client.send(GET)
    inner = client._processes[os.getpid()]
    with warnings.catch_warnings(), inner.route._lock:
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        code = 1
        try:
            good = client.send(GET).status == 200 and client.send(GET).status == 200
            code = 0 if good and client.open_connections == 1 else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert server.connections == 2
    assert client.send(GET).status == 200
    assert server.connections == 2


def test_nothing_is_sent_by_the_constructor(serve: Callable[..., Server], connect: Callable[..., Transport]) -> None:
    """Making a client opens no connection."""
    server = serve()
    assert connect(server).open_connections == 0
    assert server.connections == 0


def test_the_base_path_is_kept(serve: Callable[..., Server], connect: Callable[..., Transport]) -> None:
    """A path prefix of the server address stands before every target."""
    server = serve()
    response = connect(f"{server.url}/k8s/clusters/c-1/").send(HTTPRequest("GET", "/api?x=1"))
    assert server.received[0].target == "/k8s/clusters/c-1/api?x=1"
    assert response.url == f"{server.url}/k8s/clusters/c-1/api?x=1"


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [
        ("GET", None, None),
        ("POST", None, "0"),
        ("PUT", b"", "0"),
        ("DELETE", None, None),
        ("POST", b"x" * 20000, "20000"),
    ],
)
def test_bodies_are_framed_by_their_length(
    method: str,
    body: bytes | None,
    length: str | None,
    serve: Callable[..., Server],
    connect: Callable[..., Transport],
) -> None:
    """A body goes out whole with its length, large or small; writes without one say so."""
    server = serve()
    connect(server).send(HTTPRequest(method, "/api", body=body))
    assert server.received[0].header("Content-Length") == length
    assert server.received[0].body == (body or b"")


def test_bad_timeouts_are_refused_before_anything_is_sent(
    serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """Zero, negative and nonsensical timeouts are errors of the call."""
    server = serve()
    client = connect(server)
    for bad in (0, -1, float("nan"), (1, 2, 3), "5"):
        with pytest.raises(ValueError, match="timeout"):
            client.send(GET, timeout=bad)  # type: ignore[arg-type]
    assert server.received == []
    assert client.send(GET, timeout=None).status == 200


def test_an_unusable_configuration_is_an_error_of_the_constructor() -> None:
    """A token file that is missing is found out at once, not at the first request."""
    with pytest.raises(ConfigError):
        Transport(Config(host="https://x", bearer_token_file="/nowhere/token"))
