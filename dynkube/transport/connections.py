"""The connections of one client: opened as needed, waited on, kept for reuse, renewed, and all closed in the end."""

from __future__ import annotations

import contextlib
import io
import socket
import ssl
import weakref
from time import monotonic
from typing import TYPE_CHECKING, Any

from urllib3.util.wait import wait_for_read, wait_for_write

if TYPE_CHECKING:
    from collections.abc import Callable

    from urllib3.connection import HTTPConnection

    from dynkube.transport.adapter import ClusterAdapter

#: Idle connections kept; more may be in use at a time, as many as there are threads and watches.
MAX_IDLE = 32
#: Seconds after which an idle connection is not used again (client-go's IdleConnTimeout).
MAX_IDLE_SECONDS = 90.0
#: Seconds for which no connection is kept after the server hung up on one that was.
DISTRUST_SECONDS = 1.0
#: TLS may want to read in order to write, and the other way round: a key is renewed.
_WANTS_READ = ssl.SSLWantReadError
_WANTS_WRITE = ssl.SSLWantWriteError


class Connection:
    """One connection, in the hands of one request at a time."""

    def __init__(self, adapter: ClusterAdapter) -> None:
        self.adapter = adapter
        self.sock: Any = None
        self.used = False
        self.idle_since = 0.0
        self._http: HTTPConnection = adapter.connection()
        self._dialler = adapter.dialler(self._http)

    def connect(self, timeout: float | None) -> None:
        """Make the connection; `timeout` in seconds holds for each step of it."""
        try:
            self.adapter.connect(self._http, timeout, self._dialler)
        finally:
            if self._dialler is not None:
                self._dialler.let_go()
        sock = self._http.sock
        # What urllib3 makes of TLS inside a proxy's TLS is no socket, and waits by itself.
        self.sock = WaitingSocket(sock) if isinstance(sock, socket.socket) else sock

    def limit(self, seconds: float | None) -> None:
        """Set how long each read and write may wait."""
        self.sock.settimeout(seconds)

    def detach(self, timeout: float | None) -> socket.socket:
        """Return the socket itself, for somebody who waits otherwise; it blocks for `timeout` seconds."""
        sock: socket.socket = self._http.sock
        sock.settimeout(timeout)
        return sock

    def dropped(self) -> bool:
        """Tell whether an idle connection was closed by the other side: readable then means the end, or nonsense."""
        return wait_for_read(self.sock, timeout=0.0)

    def shutdown(self) -> None:
        """Stop the traffic both ways, from any thread; the owner's blocked call returns and closes the connection."""
        if self._dialler is not None:
            self._dialler.hang_up()
        sock = self._http.sock
        while sock is not None and not isinstance(sock, socket.socket):
            sock = getattr(sock, "socket", None)  # TLS inside a proxy's TLS
        if sock is not None:
            with contextlib.suppress(OSError):
                # Not SSLSocket.shutdown: it drops the TLS state first, and a reader would be handed ciphertext.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket. Only the owner may: another thread's call would free a descriptor in use."""
        self._http.close()


class ConnectionPool:
    """Hands out connections, newest first, and knows every one that is open.

    Threads share it without a lock, by operations of list and dict that are atomic. A signal handler that closes a
    stream or a client would wait for ever for a lock that the code it interrupted holds.
    """

    def __init__(self, adapter: ClusterAdapter) -> None:
        self._adapter = adapter
        self._idle: list[Connection] = []
        # Weak: a stream that nobody closed is collected, socket and all, and not kept alive by this.
        self._open: weakref.WeakValueDictionary[int, Connection] = weakref.WeakValueDictionary()
        self._closed = False
        self._keeps_from = 0.0

    def acquire(self) -> Connection | None:
        """Return an idle connection that still stands, or None."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if (
                connection.adapter is self._adapter
                and monotonic() - connection.idle_since < MAX_IDLE_SECONDS
                and not connection.dropped()
            ):
                return connection
            self.discard(connection)
        return None

    def create(self) -> Connection:
        """Return a new connection, not connected yet, which `close()` already knows of."""
        connection = Connection(self._adapter)
        self._open[id(connection)] = connection
        if self._closed:  # asked after it can be found, so that either this or `close` shuts it down
            connection.shutdown()
        return connection

    def release(self, connection: Connection) -> None:
        """Keep a connection whose answer was read to its end."""
        now = monotonic()
        keeps = connection.adapter is self._adapter and now >= self._keeps_from and len(self._idle) < MAX_IDLE
        if not keeps or self._closed:
            self.discard(connection)
            return
        connection.used = True
        connection.idle_since = now
        self._idle.append(connection)
        if self._closed:
            self._drop_idle()

    def distrust(self) -> None:
        """Drop what is kept and keep nothing for a second: the server hung up on a kept connection.

        A server that hangs up on every second request would otherwise be asked everything twice.
        """
        self._keeps_from = monotonic() + DISTRUST_SECONDS
        self._drop_idle()

    def discard(self, connection: Connection) -> None:
        """Close a connection for good."""
        self.forget(connection)
        connection.close()

    def forget(self, connection: Connection) -> None:
        """Leave a connection to somebody else, who will close its socket."""
        self._open.pop(id(connection), None)

    def renew(self, adapter: ClusterAdapter) -> None:
        """Make new connections with `adapter`; those in use finish what they are doing and are then closed."""
        previous, self._adapter = self._adapter, adapter
        self._drop_idle()
        previous.close()

    def close(self) -> None:
        """Close idle connections and stop those in use, whose owners then close them. Idempotent."""
        self._closed = True
        self._drop_idle()
        for connection in self._connections():
            connection.shutdown()
        self._adapter.close()

    def abandon(self) -> None:
        """Close this process's copies of the sockets, after a fork: not a byte goes out on them."""
        for connection in [*self._idle, *self._connections()]:
            connection.close()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    @property
    def open_connections(self) -> int:
        """How many connections are open, idle ones included."""
        return len(self._open)

    def _connections(self) -> list[Connection]:
        # Iterating over the dictionary itself would break if another thread changed it.
        return [connection for reference in self._open.valuerefs() if (connection := reference()) is not None]

    def _drop_idle(self) -> None:
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:
                return
            self.discard(connection)


class WaitingSocket:
    """Stands in for a socket with a timeout: what is sent through it and read from it waits here.

    A timeout of the socket's own costs a system call to set, one before each write, and before each answer a read that
    comes too early. Every one of them hands the interpreter's lock to another thread: without them eight threads that
    create objects need 10 % less CPU. One thread at a time may use it, as with any HTTP connection.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(0.0)
        self.socket = sock
        self._timeout: float | None = None
        self._asked = False

    def settimeout(self, seconds: float | None) -> None:
        """Set how long each wait may last; None is for ever."""
        self._timeout = seconds

    def fileno(self) -> int:
        """Return the descriptor, to wait for."""
        return self.socket.fileno()

    def sendall(self, data: bytes) -> None:
        """Send everything. Raises TimeoutError where nothing can be sent for the time set, and what the socket does."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self.socket.send(rest) :]
            except (_WANTS_WRITE, BlockingIOError):  # noqa: PERF203 - a part may have been sent
                self._wait(wait_for_write)
            except _WANTS_READ:
                self._wait(wait_for_read)
        self._asked = True

    def recv_into(self, buffer: Any) -> int:
        """Read what there is, at least a byte, into `buffer`; returns how many, 0 at the end. Raises like `sendall`."""
        if self._asked:
            # What was sent is being answered, which takes a while. Later, what TLS has decrypted already comes first.
            self._asked = False
            self._wait(wait_for_read)
        while True:
            try:
                return self.socket.recv_into(buffer)
            except (_WANTS_READ, BlockingIOError):  # noqa: PERF203 - what arrived may be a part of a TLS record
                self._wait(wait_for_read)
            except _WANTS_WRITE:
                self._wait(wait_for_write)

    def makefile(self, mode: str) -> io.BufferedReader:  # noqa: ARG002 - always "rb"
        """Return what `http.client` reads an answer from. Closing it leaves the socket open."""
        return io.BufferedReader(_Incoming(self))

    def _wait(self, ready: Callable[..., bool]) -> None:
        if not ready(self.socket, self._timeout):
            raise TimeoutError("timed out")


class _Incoming(io.RawIOBase):
    """The bytes that arrive, for a buffer to be put before."""

    def __init__(self, sock: WaitingSocket) -> None:
        self._receive = sock.recv_into

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._receive(buffer)
