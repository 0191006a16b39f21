"""Making TCP connections: the first address that answers, and an end to it whenever somebody wants one."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.errors import ConnectFailedError, RequestTimeoutError
from dynkube.transport import Cancellation, HTTPRequest, Transport
from dynkube.transport.dialling import Dialler
from transport.servers import answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from transport.servers import Peer, Server

OPTIONS = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]


@pytest.fixture
def deaf() -> Iterator[int]:
    """Return a port where connections are neither made nor refused: its queue is full and nobody takes from it."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        port: int = listener.getsockname()[1]
        yield port


def test_the_options_are_set_and_the_connection_stands() -> None:
    """The socket is connected, has the options asked for and blocks for the timeout."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dialler = Dialler("127.0.0.1", listener.getsockname()[1], OPTIONS)
        with dialler.dial(2.5) as sock:
            dialler.let_go()
            assert sock.getpeername() == listener.getsockname()
            assert sock.gettimeout() == 2.5
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        listener.accept()[0].close()


def test_the_next_address_is_tried_when_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with a dead address and a living one is connected by the living one, whatever family the dead one has."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def addresses(*arguments: Any) -> list[Any]:
            dead = [(socket.AF_INET6, ("::1", port, 0, 0)), (socket.AF_INET, ("127.0.0.1", 1))]
            return [
                (family, socket.SOCK_STREAM, 6, "", at) for family, at in [*dead, (socket.AF_INET, ("127.0.0.1", port))]
            ]

        monkeypatch.setattr(socket, "getaddrinfo", addresses)
        dialler = Dialler("name", port, [])
        with dialler.dial(5) as sock:
            dialler.let_go()
            assert sock.getpeername() == ("127.0.0.1", port)
        listener.accept()[0].close()


def test_a_name_that_is_none_is_an_error_of_the_look_up() -> None:
    """An overlong label is told like an unknown name, not as a failure of a codec."""
    with pytest.raises(socket.gaierror, match="not a host name"):
        Dialler("a" * 70 + ".example", 443, []).dial(1)


def test_an_attempt_called_off_before_it_begins_is_not_made() -> None:
    """After hang_up() nothing is connected any more."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dialler = Dialler("127.0.0.1", listener.getsockname()[1], [])
        dialler.hang_up()
        with pytest.raises(ConnectionAbortedError):
            dialler.dial(5)
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_connection_that_is_not_made_in_time_is_a_timeout(deaf: int, connect: Callable[..., Transport]) -> None:
    """Where packets vanish, the connect timeout ends the attempt and says what may be wrong."""
    client = connect(f"http://127.0.0.1:{deaf}")
    with pytest.raises(RequestTimeoutError, match=r"no connection to 127.* within 0.2 s: the host may be down"):
        client.send(HTTPRequest("GET", "/api"), timeout=(0.2, 60.0))


@pytest.mark.parametrize("how", ["cancelled", "closed"])
def test_a_hanging_connect_ends_at_once(how: str, deaf: int, connect: Callable[..., Transport]) -> None:
    """Cancelling the request, or closing the client, ends a TCP connection that is being made within a second."""
    client = connect(f"http://127.0.0.1:{deaf}")
    cancellation = Cancellation()
    errors: list[BaseException] = []

    def run() -> None:
        try:
            client.send(HTTPRequest("GET", "/api", cancellation=cancellation), timeout=(60.0, 60.0))
        except ConnectFailedError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    deadline = monotonic() + 10
    while not client.open_connections and monotonic() < deadline:
        thread.join(0.01)
    thread.join(0.1)
    started = monotonic()
    cancellation.cancel() if how == "cancelled" else client.close()
    thread.join(10)
    assert not thread.is_alive()
    assert monotonic() - started < 1
    assert len(errors) == 1
    assert how == "closed" or "cancelled by the caller" in str(errors[0])
    assert client.open_connections == 0


def test_a_connection_is_the_owners_after_letting_go() -> None:
    """hang_up() ends what follows on the connection until let_go(), and touches nothing afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dialler = Dialler("127.0.0.1", listener.getsockname()[1], [])
        with dialler.dial(5) as kept, listener.accept()[0] as other:
            dialler.let_go()
            dialler.hang_up()
            other.sendall(b"x")
            assert kept.recv(1) == b"x"
        dialler = Dialler("127.0.0.1", listener.getsockname()[1], [])
        with dialler.dial(5) as ended, listener.accept()[0]:
            dialler.hang_up()
            assert ended.recv(1) == b""
            dialler.let_go()


@pytest.mark.parametrize("how", ["cancelled", "closed"])
def test_a_handshake_that_nobody_answers_ends_at_once(
    how: str, serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """Cancelling the request, or closing the client, ends a TLS handshake with a peer that says nothing."""
    greeted = threading.Event()

    def accept(peer: Peer) -> None:
        peer.sock.recv(65536)
        greeted.set()
        peer.wait_closed()

    client = connect(f"https://127.0.0.1:{serve(accept=accept).port}", insecure=True, sleep=None)
    cancellation = Cancellation()
    errors: list[BaseException] = []

    def run() -> None:
        try:
            client.send(HTTPRequest("GET", "/api", cancellation=cancellation), timeout=(60.0, 60.0))
        except ConnectFailedError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert greeted.wait(10)
    started = monotonic()
    cancellation.cancel() if how == "cancelled" else client.close()
    thread.join(10)
    assert monotonic() - started < 1
    assert len(errors) == 1
    assert client.open_connections == 0


def test_a_connection_to_a_proxy_is_dialled_the_same_way(
    serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """The proxy's address is what is dialled, and the server's name never looked up here."""
    proxy = serve(answer({"kind": "Pod"}))
    client = connect("http://only-the-proxy-knows.invalid", proxy_url=proxy.url)
    assert client.send(HTTPRequest("GET", "/api")).status == 200
