"""A WebSocket over a socket that was upgraded: one thread may read, others write, and any may close."""

from __future__ import annotations

import collections
import contextlib
import http.client
import os
import selectors
import socket
import ssl
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from dynkube.errors import ConnectFailedError, RequestTimeoutError
from dynkube.stream import frames
from dynkube.stream.frames import BINARY, Close, FrameReader, Message, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dynkube.errors import TransportError

#: Seconds between two pings, and after which a peer that has not sent a byte is taken for dead (client-go's times).
PING_SECONDS = 5.0
DEAD_SECONDS = 61.0
#: Bytes received ahead of the reader while a writer waits for the peer, which may wait for us in turn.
MAX_AHEAD = 16 << 20
_CHUNK = 1 << 16
_NESTED_PIECE = 8 << 10
_WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)


class WebSocket:
    """One connection. `client` says which end this is; only a client masks.

    `hang_up` ends the traffic from any thread and `release` closes the socket; `failure` words what breaks.
    """

    def __init__(
        self,
        sock: Any,
        early: bytes = b"",
        *,
        client: bool,
        hang_up: Callable[[], None],
        release: Callable[[], None],
        failure: Callable[[Exception], TransportError],
        ping_seconds: float | None = None,
        dead_seconds: float | None = None,
    ) -> None:
        # Never blocking: a TLS connection is not made to be read by one thread while another writes, so each call into
        # it is short and under the lock, and waiting is done outside.
        sock.settimeout(0.0)
        self._sock = sock
        # TLS inside of a proxy's TLS, which cannot write a part of what it is given.
        self._nested = not isinstance(sock, socket.socket)
        self._client = client
        self._hang_up = hang_up
        self._release = release
        self._failure = failure
        self._ping_seconds = PING_SECONDS if ping_seconds is None else ping_seconds
        self._dead_seconds = DEAD_SECONDS if dead_seconds is None else dead_seconds
        # Re-entrant: a signal handler may close what its own thread is in the middle of.
        self._io = threading.RLock()
        self._sending = threading.Lock()
        self._reading = threading.Lock()
        self._reader = FrameReader(masked=not client)
        self._inbox: collections.deque[Message] = collections.deque()
        self._ahead = 0
        self._outbox = bytearray()
        self._users = 0
        self._closed = False
        self._failed: TransportError | None = None
        #: What the peer said at the end; None as long as it has not.
        self.ended: Close | None = None
        self._heard = self._pinged = monotonic()
        if early:
            self._take(early)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    @property
    def broken(self) -> bool:
        """Whether the connection is of no use any more, by no wish of either end."""
        return self._failed is not None

    def receive(self, timeout: float | None = None) -> Message | None:
        """Return the next message; None when the peer has closed the connection (`ended` says how) or this end has.

        Raises RequestTimeoutError after `timeout` seconds, or when a peer answers no ping; ResponseError if the
        connection breaks or the peer does not keep to the protocol.
        """
        deadline = None if timeout is None else monotonic() + timeout
        with self._reading, self._in_use() as alive:
            while alive:
                if self._inbox:
                    message = self._inbox.popleft()
                    self._ahead -= len(message.data)
                    return message
                if self.ended is not None or self._closed:
                    return None
                if self._failed is not None:
                    raise self._failed
                if not self._fill():
                    self._wait_for_peer(deadline)
        return None

    def send(self, data: bytes, *, kind: int = BINARY, timeout: float | None = None) -> None:
        """Send one message and return once the system has taken it.

        Raises RequestTimeoutError after `timeout` seconds, after which the connection is of no use; ResponseError if it
        breaks; ConnectFailedError if it is closed.
        """
        deadline = None if timeout is None else monotonic() + timeout
        with self._sending, self._in_use():
            self._check_open()
            self._put(kind, data)
            while not self._flush():
                # The peer may not read before we do.
                if self._reading.acquire(blocking=False):
                    try:
                        while self._ahead < MAX_AHEAD and self._usable() and self._fill():
                            pass
                    finally:
                        self._reading.release()
                self._check_open()
                left = None if deadline is None else deadline - monotonic()
                if left is not None and left <= 0:
                    raise RequestTimeoutError(f"the peer took nothing for {timeout:g} s")
                self._wait(left, write=True)
            self._check_open()

    def say_goodbye(self, code: int = frames.NORMAL) -> None:
        """Send a close frame behind everything sent so far; whoever reads sees the end when the peer has answered."""
        self._put(frames.CLOSE, code.to_bytes(2, "big"))
        self._flush()

    def close(self, code: int = frames.NORMAL) -> None:
        """Say goodbye and close, from any thread; a blocked reader returns None, a blocked writer raises. Idempotent.

        The peer is not waited for.
        """
        with self._io:
            if self._closed:
                return
            self._closed = True
            if not self._outbox and self._failed is None:
                with contextlib.suppress(OSError, ssl.SSLError):
                    self._sock.send(frames.encode_close(code, mask=self._mask()))
            with contextlib.suppress(OSError):  # the other side may have hung up already
                self._hang_up()
            if self._users:
                return
        self._release()

    @contextlib.contextmanager
    def _in_use(self) -> Iterator[bool]:
        """Keep the socket from being closed meanwhile, as its number might become another's; tell if it is open."""
        with self._io:
            alive = not self._closed
            self._users += alive
        try:
            yield alive
        finally:
            with self._io:
                self._users -= alive
                last = alive and self._closed and self._users == 0
            if last:
                self._release()

    def _usable(self) -> bool:
        return self._failed is None and self.ended is None and not self._closed

    def _check_open(self) -> None:
        if self._failed is not None:
            raise self._failed
        if self._closed:
            raise ConnectFailedError("this stream is closed")
        if self.ended is not None:
            raise ConnectFailedError("the server has closed this stream")

    def _fill(self) -> bool:
        """Read what is there, without waiting; return whether that was anything."""
        with self._io:
            if self._closed:
                return True
            try:
                data = self._sock.recv(_CHUNK)
            except _WOULD_BLOCK:
                return False
            except (OSError, ValueError) as error:
                self._fail(error)
                return True
        if data:
            self._heard = monotonic()
            self._take(data)
        else:
            self._fail(http.client.IncompleteRead(b""))
        return True

    def _fail(self, error: Exception) -> None:
        if not self._closed and self._failed is None:
            self._failed = self._failure(error)

    def _take(self, data: bytes) -> None:
        try:
            found = self._reader.feed(data)
        except ProtocolError as error:
            self._put(frames.CLOSE, error.code.to_bytes(2, "big"))
            self._flush()
            self._fail(error)
            return
        for one in found:
            if isinstance(one, Message):
                self._inbox.append(one)
                self._ahead += len(one.data)
            elif isinstance(one, Close):
                code = frames.NORMAL if one.code == frames.NO_CODE else one.code
                self.say_goodbye(code)
                self.ended = one
                return
            elif one.kind == frames.PING:
                self._put(frames.PONG, one.data)
                self._flush()

    def _put(self, kind: int, data: bytes) -> None:
        """Queue a frame behind those that are not out yet."""
        frame = frames.encode_frame(kind, data, mask=self._mask())
        with self._io:
            self._outbox += frame

    def _flush(self) -> bool:
        """Send what the system takes, without waiting; return whether nothing is left to be sent."""
        with self._io:
            try:
                while self._outbox and not self._closed and self._failed is None:
                    self._send_some()
            except _WOULD_BLOCK:
                return False
            except (OSError, ValueError) as error:
                self._fail(error)
            return True

    def _send_some(self) -> None:
        if not self._nested:
            del self._outbox[: self._sock.send(bytes(self._outbox[:_CHUNK]))]
            return
        # It cannot be told how much of a piece went out, so a small one goes out whole, when there is room for some.
        if not self._wait(0.0, read=False, write=True):
            raise BlockingIOError
        piece = bytes(self._outbox[:_NESTED_PIECE])
        self._sock.settimeout(self._dead_seconds)
        try:
            self._sock.sendall(piece)
        finally:
            self._sock.settimeout(0.0)
        del self._outbox[: len(piece)]

    def _wait_for_peer(self, deadline: float | None) -> None:
        """Wait for something to read, or for the time to look after the connection."""
        now = monotonic()
        if deadline is not None and now >= deadline:
            raise RequestTimeoutError("nothing came from the container in time")
        if now - self._heard > self._dead_seconds:
            self._failed = RequestTimeoutError(f"the server has answered no ping for {self._dead_seconds:g} s")
            return
        if now - self._pinged >= self._ping_seconds:
            self._pinged = now
            self._put(frames.PING, b"")
        flushed = self._flush()
        wake = self._pinged + self._ping_seconds
        self._wait(max(0.0, (wake if deadline is None else min(wake, deadline)) - now), read=True, write=not flushed)

    def _wait(self, seconds: float | None, *, read: bool = True, write: bool = False) -> bool:
        events = selectors.EVENT_READ * read | selectors.EVENT_WRITE * write
        with _Selector() as selector:
            selector.register(self._sock.fileno(), events)
            return bool(selector.select(seconds))

    def _mask(self) -> bytes | None:
        return os.urandom(4) if self._client else None
