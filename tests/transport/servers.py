"""Servers for tests: real sockets on loopback whose every byte the test decides."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import ssl
import struct
import threading
from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

#: Seconds after which a test server gives up on a client, so that a broken test fails instead of hanging.
PATIENCE = 30.0


@dataclass(frozen=True)
class Received:
    """One request as it arrived."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    connection: int = 0

    def header(self, name: str) -> str | None:
        """Return the first value of a header, None if it is missing."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Peer:
    """The server's end of one connection."""

    def __init__(self, sock: socket.socket, number: int) -> None:
        self.sock = sock
        self.number = number
        self.closed = False
        self._buffer = b""

    def send(self, data: bytes) -> None:
        """Send bytes; a client that is gone does not matter."""
        try:
            self.sock.sendall(data)
        except (OSError, ValueError):
            self.closed = True

    def close(self) -> None:
        """Close in order."""
        self.closed = True
        self.sock.close()

    def reset(self) -> None:
        """Close with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def wait_closed(self) -> None:
        """Return when the client has closed its end."""
        try:
            while self.sock.recv(65536):
                pass
        except OSError:
            pass
        self.closed = True

    def receive(self) -> Received | None:
        """Read one request, None when the client is gone."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._fill():
                return None
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
        while len(self._buffer) < length:
            if not self._fill():
                return None
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        method, target, _ = first.split(" ")
        return Received(method, target, headers, body, self.number)

    def _fill(self) -> bool:
        try:
            data = self.sock.recv(65536)
        except (OSError, ValueError):
            return False
        self._buffer += data
        return bool(data)


class Server:
    """Accepts connections and lets `handle(peer, request)` answer each request; `accept(sock)` may take them over.

    Closing it ends every connection and joins every thread.
    """

    def __init__(
        self,
        handle: Callable[[Peer, Received], None],
        *,
        context: ssl.SSLContext | None = None,
        accept: Callable[[Peer], None] | None = None,
    ) -> None:
        self._handle = handle
        self._accept = accept
        self.context = context
        self.received: list[Received] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._peers: list[Peer] = []
        self._threads: list[threading.Thread] = []
        self._closing = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The address for a client."""
        return f"{'https' if self.context else 'http'}://127.0.0.1:{self.port}"

    def forget(self) -> None:
        """Drop what is remembered of the past, once closed."""
        self.received.clear()
        self._peers.clear()
        self._threads.clear()

    def drop_connections(self) -> None:
        """Close every connection that is open now."""
        with self._lock:
            peers, self._peers = self._peers, []
        for peer in peers:
            _shut(peer.sock)

    def close(self) -> None:
        """Stop serving."""
        self._closing = True
        _shut(self._listener)
        self._listener.close()
        self._thread.join(PATIENCE)
        self.drop_connections()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def __enter__(self) -> Server:  # noqa: PYI034 - Self is not in the typing of Python 3.10
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _serve(self) -> None:
        while not self._closing:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.settimeout(PATIENCE)
            with self._lock:
                self.connections += 1
                peer = Peer(sock, self.connections)
                self._peers.append(peer)
            thread = threading.Thread(target=self._talk, args=(peer,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _talk(self, peer: Peer) -> None:
        try:
            if self._accept is not None:
                self._accept(peer)
                return
            if self.context is not None:
                try:
                    peer.sock = self.context.wrap_socket(peer.sock, server_side=True)
                except OSError:
                    return
            while not peer.closed:
                request = peer.receive()
                if request is None:
                    return
                with self._lock:
                    self.received.append(request)
                self._handle(peer, request)
        finally:
            peer.sock.close()


def answer(
    body: bytes | dict[str, Any] | list[Any] = b"",
    status: int = 200,
    headers: Iterable[tuple[str, str]] = (),
    *,
    content_type: str = "application/json",
) -> bytes:
    """Return a whole HTTP answer with a Content-Length."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [("Content-Type", content_type), ("Content-Length", str(len(data))), *headers]
    head = "".join(f"{name}: {value}\r\n" for name, value in lines if value)
    return f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode("latin-1") + data


CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """Return one chunk of a chunked body; of nothing, the last one."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def script(*steps: bytes | Callable[[Peer, Received], None]) -> Callable[[Peer, Received], None]:
    """Return a handler that takes one step a request, over all connections; the last step stays."""
    left = list(steps)
    lock = threading.Lock()

    def handle(peer: Peer, request: Received) -> None:
        with lock:
            step = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(step, bytes):
            peer.send(step)
        else:
            step(peer, request)

    return handle


@dataclass
class Proxy:
    """An HTTP proxy: tunnels CONNECT, forwards the rest; remembers what passed through."""

    credentials: str | None = None
    refuse: bytes | None = None
    context: ssl.SSLContext | None = None
    tunnels: list[str] = field(default_factory=list)
    forwarded: list[Received] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server = Server(self._handle, context=self.context)

    @property
    def url(self) -> str:
        """The address for a client."""
        return self.server.url

    def close(self) -> None:
        """Stop."""
        self.server.close()

    def _handle(self, peer: Peer, request: Received) -> None:
        if self.refuse is not None:
            peer.send(self.refuse)
            peer.close()
            return
        wanted = f"Basic {b64encode(self.credentials.encode()).decode()}" if self.credentials else None
        if wanted and request.header("Proxy-Authorization") != wanted:
            peer.send(answer(b"", 407, [("Proxy-Authenticate", "Basic")]))
            peer.close()
            return
        if request.method == "CONNECT":
            self.tunnels.append(request.target)
            host, _, port = request.target.rpartition(":")
            with socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE) as upstream:
                peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
                relay(peer.sock, upstream)
            peer.close()
            return
        self.forwarded.append(request)
        peer.send(answer({"kind": "Forwarded"}))


class SocksProxy:
    """A SOCKS5 proxy that connects everything to loopback and remembers the names it was asked for."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.server = Server(lambda peer, request: None, accept=self._talk)

    def close(self) -> None:
        """Stop."""
        self.server.close()

    def _talk(self, peer: Peer) -> None:
        sock = peer.sock
        _, methods = sock.recv(2)
        sock.recv(methods)
        sock.sendall(b"\x05\x00")
        _, _, _, kind = sock.recv(4)
        name = sock.recv(sock.recv(1)[0]).decode() if kind == 3 else socket.inet_ntoa(sock.recv(4))
        port = struct.unpack(">H", sock.recv(2))[0]
        self.names.append(name)
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as upstream:
            sock.sendall(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
            relay(sock, upstream)


def relay(one: socket.socket, other: socket.socket) -> None:
    """Pass bytes both ways until one side closes."""
    ends = {one: other, other: one}
    while True:
        ready: list[socket.socket] = [sock for sock in ends if isinstance(sock, ssl.SSLSocket) and sock.pending()]
        ready = ready or select.select(list(ends), [], [], PATIENCE)[0]
        if not ready:
            return
        for sock in ready:
            try:
                data = sock.recv(65536)
                if data:
                    ends[sock].sendall(data)
            except OSError:
                data = b""
            if not data:
                return


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
