"""A small HTTP/1.1 server: a thread for each connection, keep-alive, chunked streams that end at once when it stops."""

from __future__ import annotations

import contextlib
import http.client
import logging
import re
import selectors
import socket
import ssl
import threading
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Iterator

logger = logging.getLogger("dynkube.testing.http")

#: Longest request head accepted, in bytes (Go's default).
MAX_HEAD = 1 << 20
#: Longest request body accepted, in bytes (kube-apiserver's limit).
MAX_BODY = 3 * 1024 * 1024
#: How long, in seconds, a client may take between two pieces of one request.
REQUEST_PATIENCE = 30.0


class Headers:
    """Request headers: names in any case, repeated ones kept apart."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def get(self, name: str, default: str = "") -> str:
        """Return the first value of a header."""
        lower = name.lower()
        return next((value for key, value in self._pairs if key == lower), default)

    def all(self, name: str) -> list[str]:
        """Return every value of a header, in order."""
        lower = name.lower()
        return [value for key, value in self._pairs if key == lower]

    def items(self) -> list[tuple[str, str]]:
        """Return (lower-case name, value) pairs in the order they came."""
        return list(self._pairs)


@dataclass(frozen=True, slots=True)
class HTTPRequest:
    """One request as it came in."""

    method: str
    target: str
    headers: Headers
    body: bytes
    client: str = ""


@dataclass(slots=True)
class HTTPResponse:
    """One answer. With ``stream`` the body is chunked and ends when the iterator does; ``body`` is then unused."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    stream: Iterator[bytes] | None = None
    #: Warning texts, each sent as a header line of its own.
    warnings: list[str] = field(default_factory=list)
    #: What a fault does to this answer: see ``Damage``.
    damage: Damage | None = None
    #: With a 101, what speaks on the connection from then on: it gets the socket and what was already read from it.
    upgrade: Callable[[socket.socket, bytes], None] | None = None


@dataclass(frozen=True, slots=True)
class Damage:
    """How an answer is spoilt on its way: the connection dies ``before``, ``after`` the head, or ``within`` the body.

    ``silent`` leaves the connection open and says nothing more instead of closing it.
    """

    where: str
    silent: bool = False


class Handler(Protocol):
    """What answers requests: called from many threads at once; must not raise."""

    def __call__(self, request: HTTPRequest) -> HTTPResponse:
        """Answer one request."""
        ...


class BadRequestError(Exception):
    """The bytes received are no HTTP request; ``status`` is what to answer before closing."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def _lasting(version: str, headers: Headers) -> bool:
    """Tell whether a client wants its connection kept: HTTP/1.0 does only if it says so."""
    wishes = {wish.strip() for wish in headers.get("connection").lower().split(",")}
    return "close" not in wishes and (version != "HTTP/1.0" or "keep-alive" in wishes)


class _Connection:
    """One client connection: reads requests from it and writes answers to it."""

    def __init__(self, server: HTTPServer, sock: socket.socket, client: str) -> None:
        self.server = server
        self.sock = sock
        self.client = client
        self.reader = sock.makefile("rb", 64 * 1024)
        #: Whether the connection outlives the request being answered.
        self.lasting = True

    def serve(self) -> None:
        while not self.server.stopping:
            request = self._read_request()
            if request is None:
                return
            response = self.server.handler(request)
            if not self._write(request, response):
                return

    def _read_request(self) -> HTTPRequest | None:
        line = self.reader.readline(MAX_HEAD)
        if not line.strip():
            # A closed connection, or the empty line RFC 9112 lets a client send before a request.
            line = self.reader.readline(MAX_HEAD) if line else b""
            if not line.strip():
                return None
        try:
            method, target, version = line.decode("latin-1").split()
        except ValueError:
            raise BadRequestError(400, "malformed request line") from None
        if not version.startswith("HTTP/1."):
            raise BadRequestError(505, "only HTTP/1.1 is spoken here")
        self.sock.settimeout(REQUEST_PATIENCE)
        headers = self._read_headers()
        if version != "HTTP/1.0" and not headers.get("host"):
            raise BadRequestError(400, "400 Bad Request: missing required Host header")
        self.lasting = _lasting(version, headers)
        if headers.get("expect").lower() == "100-continue":
            self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self._read_body(headers)
        self.sock.settimeout(None)
        # A proxy is sent whole URLs; a server takes them for their paths.
        target = re.sub(r"^https?://[^/?]*", "", target) or "/"
        return HTTPRequest(method, target, headers, body, self.client)

    def _read_headers(self) -> Headers:
        pairs: list[tuple[str, str]] = []
        size = 0
        while True:
            line = self.reader.readline(MAX_HEAD)
            size += len(line)
            if size > MAX_HEAD:
                raise BadRequestError(431, "request header fields too large")
            if line in (b"\r\n", b"\n"):
                return Headers(pairs)
            if not line.endswith(b"\n"):
                raise BadRequestError(400, "the request ends within its head")
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or not name.strip() or name != name.strip():
                raise BadRequestError(400, "malformed header")
            pairs.append((name.lower(), value.strip()))

    def _read_body(self, headers: Headers) -> bytes:
        if "chunked" in headers.get("transfer-encoding").lower():
            return self._read_chunks()
        length = headers.get("content-length") or "0"
        if not length.isdigit():
            raise BadRequestError(400, "malformed Content-Length")
        size = int(length)
        if size > MAX_BODY:
            raise BadRequestError(413, f"Request entity too large: limit is {MAX_BODY}")
        body: bytes = self.reader.read(size)
        if len(body) != size:
            raise BadRequestError(400, "the request ends within its body")
        return body

    def _read_chunks(self) -> bytes:
        body = bytearray()
        while True:
            line = self.reader.readline(1024)
            try:
                size = int(line.split(b";")[0], 16)
            except ValueError:
                raise BadRequestError(400, "malformed chunk") from None
            if size < 0 or len(body) + size > MAX_BODY:
                raise BadRequestError(413, f"Request entity too large: limit is {MAX_BODY}")
            if not size:
                while self.reader.readline(MAX_HEAD).strip():
                    pass
                return bytes(body)
            body += self.reader.read(size)
            self.reader.readline(1024)

    def _write(self, request: HTTPRequest, response: HTTPResponse) -> bool:
        """Send an answer; return whether the connection can take another request."""
        damage = response.damage
        if damage and damage.where == "before":
            return self._break(damage)
        keep = self.lasting and damage is None
        if response.headers.get("Connection") == "close":
            keep = False
        head = self._head(response, keep=keep)
        if response.upgrade is not None and damage is None:
            self.sock.sendall(self._head(response, keep=True))
            response.upgrade(self.sock, self._early())
            return False
        if response.stream is not None:
            return self._write_stream(request, response, response.stream, head) and keep
        if request.method == "HEAD":
            self.sock.sendall(head)
            return keep
        if damage:
            part = b"" if damage.where == "after" else response.body[: len(response.body) // 2]
            self.sock.sendall(head + part)
            return self._break(damage)
        self.sock.sendall(head + response.body)
        return keep

    def _early(self) -> bytes:
        """Return what was read of the connection beyond the request."""
        self.sock.settimeout(0.0)
        try:
            early: bytes = cast("io.BufferedReader", self.reader).peek()
            return early
        except OSError:
            return b""

    def _break(self, damage: Damage) -> bool:
        if damage.silent:
            self.server.wait_stopped()
        else:
            # Linger zero: the peer sees a reset, not an orderly end.
            with contextlib.suppress(OSError):
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        return False

    def _head(self, response: HTTPResponse, *, keep: bool) -> bytes:
        lines = [f"HTTP/1.1 {response.status} {http.client.responses.get(response.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in response.headers.items() if name != "Connection"]
        if response.upgrade is not None:
            lines.append("Connection: Upgrade")
        lines += [f"Warning: {value}" for value in response.warnings]
        lines.append(f"Date: {formatdate(usegmt=True)}")
        if response.stream is not None:
            lines.append("Transfer-Encoding: chunked")
        elif response.status not in (101, 204, 304):
            lines.append(f"Content-Length: {len(response.body)}")
        if not keep:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")

    def _write_stream(self, request: HTTPRequest, response: HTTPResponse, stream: Iterator[bytes], head: bytes) -> bool:
        damage = response.damage
        self.sock.sendall(head)
        if request.method == "HEAD":
            return True
        if damage and damage.where == "after":
            return self._break(damage)
        try:
            for piece in stream:
                if damage and damage.where == "within":
                    self.sock.sendall(b"%x\r\n%s" % (len(piece), piece[: len(piece) // 2]))
                    return self._break(damage)
                if piece:
                    self.sock.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
                elif not self._peer_is_there():
                    return False
            if self.server.stopping:
                return False
            self.sock.sendall(b"0\r\n\r\n")
        finally:
            close: Any = getattr(stream, "close", None)
            if close is not None:
                close()
        return True

    def _peer_is_there(self) -> bool:
        """Look whether the client of an idle stream has gone, so that its thread does not outlive it for long."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.sock, selectors.EVENT_READ)
            if not selector.select(0):
                return True
        # Over TLS, anything a client sends in the middle of a watch can only be its goodbye.
        return not isinstance(self.sock, ssl.SSLSocket) and self.sock.recv(1, socket.MSG_PEEK) != b""

    def refuse(self, error: BadRequestError) -> None:
        body = str(error).encode()
        response = HTTPResponse(error.status, {"Content-Type": "text/plain; charset=utf-8"}, body)
        self.sock.sendall(self._head(response, keep=False) + body)
        drain(self.sock)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.reader.close()
        with contextlib.suppress(OSError):
            self.sock.close()


def drain(sock: socket.socket) -> None:
    """Take what the client still sends, for a moment: closing with unread bytes would reset what we just said."""
    sock.shutdown(socket.SHUT_WR)
    sock.settimeout(0.5)
    with contextlib.suppress(OSError):
        for _ in range(64):
            if not sock.recv(65536):
                return


class HTTPServer:
    """Listens on ``address``:``port`` (0: any free one) and answers with ``handler`` until stopped."""

    def __init__(
        self, handler: Handler, *, address: str = "127.0.0.1", port: int = 0, context: ssl.SSLContext | None = None
    ) -> None:
        self.handler = handler
        self._context = context
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.create_server((address, port), family=family, backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._connections: dict[threading.Thread, socket.socket] = {}
        self._acceptor = threading.Thread(target=self._accept, name=f"dynkube-apiserver-{self.port}", daemon=True)
        self._on_stop: list[Callable[[], None]] = []

    @property
    def stopping(self) -> bool:
        """Whether the server has been told to stop; streams end when it is."""
        return self._stopped.is_set()

    def wait_stopped(self) -> None:
        """Block until the server stops."""
        self._stopped.wait()

    def start(self) -> None:
        """Accept connections from now on."""
        self._acceptor.start()

    def _accept(self) -> None:
        while not self.stopping:
            try:
                sock, peer = self._listener.accept()
            except OSError:
                return
            client = f"{peer[0]}:{peer[1]}"
            thread = threading.Thread(target=self._serve, args=(sock, client), name=f"dynkube-{client}", daemon=True)
            with self._lock:
                if self.stopping:
                    sock.close()
                    return
                self._connections[thread] = sock
            thread.start()

    def _serve(self, sock: socket.socket, client: str) -> None:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                sock.settimeout(REQUEST_PATIENCE)
                sock = self._wrap(sock, self._context)
                sock.settimeout(None)
            connection = _Connection(self, sock, client)
            try:
                connection.serve()
            except BadRequestError as error:
                connection.refuse(error)
            finally:
                connection.close()
        except (OSError, ValueError) as error:
            # The client went away, or the server closed the socket under a blocked read: both are how connections end.
            logger.debug("connection %s ended: %s", client, error)
            with contextlib.suppress(OSError):
                sock.close()
        finally:
            with self._lock:
                self._connections.pop(threading.current_thread(), None)

    def _wrap(self, sock: socket.socket, context: ssl.SSLContext) -> socket.socket:
        first = sock.recv(1, socket.MSG_PEEK)
        if first and first != b"\x16":
            # As Go does: somebody speaks plain HTTP to the TLS port.
            answer = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
            sock.sendall(answer)
            drain(sock)
            raise ConnectionAbortedError("plain HTTP on the TLS port")
        wrapped = context.wrap_socket(sock, server_side=True)
        with self._lock:
            self._connections[threading.current_thread()] = wrapped
        return wrapped

    def drop_connections(self) -> None:
        """Cut every connection, as a crash of the server would."""
        with self._lock:
            connections = list(self._connections.values())
        for sock in connections:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def stop(self, *, timeout: float = 5.0) -> None:
        """Stop listening, end every connection and wait for their threads, at most ``timeout`` seconds in all."""
        self._stopped.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if self._acceptor.is_alive():
            self._acceptor.join(timeout)
        self.drop_connections()
        with self._lock:
            threads = list(self._connections)
        for thread in threads:
            thread.join(timeout)
