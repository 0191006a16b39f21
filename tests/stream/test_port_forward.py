"""Ports of pods: connections that are made, passed on, refused and closed."""

from __future__ import annotations

import http.client
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.errors import (
    ClientClosedError,
    ConnectFailedError,
    DynkubeError,
    InvalidNameError,
    InvalidRequestError,
    NotFound,
)
from dynkube.stream.port_forward import Port, parse_ports
from stream.peers import Talk, channel_frame, pods_of, talking

if TYPE_CHECKING:
    from collections.abc import Callable

    from transport.servers import Server

    from dynkube.dynamic import DynamicClient, Resource
    from dynkube.stream.frames import Close, Control, Message
    from dynkube.testing.containers import Containers

LIMIT = 30


def echo(sock: socket.socket) -> None:
    """Send everything back."""
    while data := sock.recv(65536):
        sock.sendall(data)


def web(sock: socket.socket) -> None:
    """Answer one request."""
    while b"\r\n\r\n" not in sock.recv(65536):
        continue
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


def receive(sock: socket.socket, size: int) -> bytes:
    """Read so many bytes, or to the end."""
    sock.settimeout(LIMIT)
    data = bytearray()
    while len(data) < size and (piece := sock.recv(65536)):
        data += piece
    return bytes(data)


def test_a_local_port_leads_to_the_pod(pods: Resource, containers: Containers) -> None:
    """What connects to the local port speaks with the pod; ":80" takes any free port."""
    containers.set_port(80, web, pod="web")
    with pods.port_forward("web", ":80") as forward:
        host, port = forward.addresses[80]
        assert (host, port) == ("127.0.0.1", forward.local_ports[80])
        connection = http.client.HTTPConnection(host, port, timeout=LIMIT)
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"hello"
        connection.close()


def test_several_ports(pods: Resource, containers: Containers) -> None:
    """Each has a local port of its own, and each connection is one of its own."""
    containers.set_port(80, lambda sock: sock.sendall(b"eighty"))
    containers.set_port(90, lambda sock: sock.sendall(b"ninety"))
    with pods.port_forward("web", [":80", ":90"]) as forward:
        for port, said in ((80, b"eighty"), (90, b"ninety")):
            with socket.create_connection(forward.addresses[port], timeout=LIMIT) as sock:
                assert receive(sock, 100) == said


def test_a_connection_without_a_local_port(pods: Resource, containers: Containers) -> None:
    """connect() returns a socket; nothing listens here."""
    containers.set_port(5432, echo)
    with pods.port_forward("web", 5432, listen=False) as forward:
        assert forward.addresses == {}
        with forward.connect() as sock:
            sock.sendall(b"ping")
            assert receive(sock, 4) == b"ping"


def test_much_both_ways_at_once(pods: Resource, containers: Containers) -> None:
    """Megabytes out and back, on several connections, arrive whole."""
    containers.set_port(7, echo)
    data = bytes(range(256)) * 8_000

    def there_and_back(_number: int) -> bytes:
        with forward.connect(7) as sock:
            sender = threading.Thread(target=sock.sendall, args=(data,))
            sender.start()
            received = receive(sock, len(data))
            sender.join()
            return received

    with pods.port_forward("web", 7, listen=False) as forward, ThreadPoolExecutor(4) as pool:
        assert list(pool.map(there_and_back, range(4))) == [data] * 4


def test_the_end_of_the_pods_side(pods: Resource, containers: Containers) -> None:
    """When the pod closes, the local connection ends."""
    containers.set_port(80, lambda sock: sock.sendall(b"bye"))
    with pods.port_forward("web", 80, listen=False) as forward, forward.connect() as sock:
        assert receive(sock, 100) == b"bye"


def test_what_is_said_after_the_local_end(
    pods: Resource, containers: Containers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A local side that has nothing more to send still gets what the pod says until it is silent."""
    monkeypatch.setattr("dynkube.stream.tunnel.LINGER", 0.5)

    def late(sock: socket.socket) -> None:
        sock.recv(4)
        threading.Event().wait(0.05)
        sock.sendall(b"late")
        sock.recv(1)

    containers.set_port(80, late)
    with pods.port_forward("web", 80, listen=False) as forward, forward.connect() as sock:
        sock.sendall(b"last")
        sock.shutdown(socket.SHUT_WR)
        assert receive(sock, 100) == b"late"


def test_a_closed_port_is_told(pods: Resource) -> None:
    """Where nothing listens in the pod the connection ends, and on_error hears why."""
    errors: list[Exception] = []
    told = threading.Event()

    def hear(error: Exception) -> None:
        errors.append(error)
        told.set()

    with pods.port_forward("web", ":81", on_error=hear) as forward:
        with socket.create_connection(forward.addresses[81], timeout=LIMIT) as sock:
            assert receive(sock, 1) == b""
        assert told.wait(LIMIT)
    assert isinstance(errors[0], ConnectFailedError)
    assert "port 81: error forwarding port 81" in str(errors[0])


def test_without_a_listener_for_errors_they_are_logged(pods: Resource, caplog: pytest.LogCaptureFixture) -> None:
    """A warning in dynkube.stream."""
    with pods.port_forward("web", 81, listen=False) as forward, forward.connect() as sock:
        assert receive(sock, 1) == b""
    assert "connection refused" in caplog.text


def test_a_pod_that_is_not_there(pods: Resource) -> None:
    """A connection by hand raises; one to the local port is closed and told of."""
    errors: list[Exception] = []
    with pods.port_forward("absent", ":80", on_error=errors.append) as forward:
        with pytest.raises(NotFound):
            forward.connect(80)
        with socket.create_connection(forward.addresses[80], timeout=LIMIT) as sock:
            assert receive(sock, 1) == b""
    assert [type(error) for error in errors] == [NotFound]


def test_closing_ends_everything(pods: Resource, containers: Containers) -> None:
    """Local port, connections and threads are gone when close() returns."""
    containers.set_port(80, echo)
    forward = pods.port_forward("web", ":80")
    address = forward.addresses[80]
    with socket.create_connection(address, timeout=LIMIT) as sock:
        sock.sendall(b"x")
        assert receive(sock, 1) == b"x"
        forward.close()
        assert receive(sock, 1) == b""
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(address, timeout=LIMIT)
    with pytest.raises(ConnectFailedError, match="closed"):
        forward.connect()
    forward.close()


def test_closing_the_client_ends_connections(dyn: DynamicClient, pods: Resource, containers: Containers) -> None:
    """They are the client's."""
    containers.set_port(80, echo)
    errors: list[Exception] = []
    with pods.port_forward("web", 80, listen=False, on_error=errors.append) as forward, forward.connect() as sock:
        sock.sendall(b"x")
        assert receive(sock, 1) == b"x"
        dyn.close()
        assert receive(sock, 1) == b""
    assert [type(error) for error in errors] == [ClientClosedError]


def test_the_wire(serve: Callable[..., Server]) -> None:
    """One WebSocket a connection; each channel begins with its port, in any cut; what follows is data."""
    got: list[Message | Control | Close] = []

    def talk(talk: Talk) -> None:
        number = (8080).to_bytes(2, "little")
        talk.agree("v4.channel.k8s.io", early=channel_frame(0, number[:1]) + channel_frame(1, number))
        talk.send(0, number[1:] + b"first")
        talk.send(0, b" second")
        for one in talk.received():
            got.append(one)
            break

    server = talking(serve, talk)
    dyn, pods = pods_of(server)
    forward = pods.port_forward("web", 8080, listen=False, on_error=lambda _: None)
    with dyn, forward, forward.connect() as sock:
        assert receive(sock, 12) == b"first second"
        sock.sendall(b"reply")
        assert receive(sock, 1) == b""
    assert server.received[0].target == "/api/v1/namespaces/default/pods/web/portforward?ports=8080"
    assert server.received[0].header("Sec-WebSocket-Protocol") == "v4.channel.k8s.io"
    assert [getattr(one, "data", None) for one in got] == [b"\x00reply"]


@pytest.mark.parametrize(
    ("spec", "port"),
    [
        (8080, Port(8080, 8080)),
        ("8080", Port(8080, 8080)),
        ("8888:80", Port(8888, 80)),
        (":80", Port(0, 80)),
        ("0:80", Port(0, 80)),
    ],
)
def test_ports_are_written_as_for_kubectl(spec: int | str, port: Port) -> None:
    """Local and remote, or one for both; none or 0 is any free one."""
    assert parse_ports(spec) == [port]


@pytest.mark.parametrize("spec", [[], 0, -1, 65536, "http", "1:2:3", "70000:80", "", True, ["80", "81:80"]])
def test_ports_that_are_none(pods: Resource, spec: Any) -> None:
    """They are refused before anything is bound."""
    with pytest.raises(InvalidRequestError):
        pods.port_forward("web", spec)


def test_what_cannot_be_meant_is_refused(pods: Resource) -> None:
    """A name that leaves its place, a port that is taken, one that was not named."""
    with pytest.raises(InvalidNameError):
        pods.port_forward("..", 80)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(DynkubeError, match="cannot listen on 127"):
        pods.port_forward("web", f"{taken.getsockname()[1]}:80")
    with pods.port_forward("web", 80, listen=False) as forward, pytest.raises(InvalidRequestError, match="not named"):
        forward.connect(81)
