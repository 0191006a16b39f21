"""A TCP relay that spoils connections on demand, one fault at a time."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING

from chaos.simulated import Arrival

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

#: Faults that strike an established connection.
STREAM_FAULTS = ("reset", "stall", "half-open", "truncate", "corrupt", "delay", "close")
#: Faults that answer the next request in place of the server.
ANSWERS = (410, 429, 500, 503)
#: Faults that strike the next request without an answer.
REQUEST_FAULTS = ("refuse", "silence")

_REASONS = {410: "Expired", 429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable"}
_RECEIVED = 1 << 16


class FaultyProxy:
    """Relays connections to a server on loopback; `strike` makes something go wrong and waits until it has."""

    def __init__(self, port: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._upstream = ("127.0.0.1", port)
        self._clock = clock
        #: Every request, and every connection that could not be passed on.
        self.arrivals: list[Arrival] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Condition()
        self._links: set[_Link] = set()
        self._ended: list[_Link] = []
        self._armed: list[tuple[str, threading.Event]] = []
        self._stopped = False
        self.accepted = 0
        self._thread = threading.Thread(target=self._accept, name="proxy", daemon=True)
        self._thread.start()

    @property
    def open_links(self) -> int:
        """How many connections are relayed now."""
        with self._lock:
            return len(self._links)

    def wait_for_links(self, count: int, timeout: float = 1.0) -> bool:
        """Wait until so many connections are left and the threads of all others have ended; say whether they have."""
        with self._lock:
            if not self._lock.wait_for(lambda: len(self._links) == count, timeout):
                return False
            ended, self._ended = self._ended, []
        for link in ended:
            link.join()
        return True

    def strike(self, fault: str, rng: random.Random, timeout: float = 1.0) -> bool:
        """Let a fault happen, to a random connection or to the next request; return whether it did in time."""
        with self._lock:
            links = sorted((link for link in self._links if link.fault is None), key=lambda link: link.number)
        link = rng.choice(links) if links else None
        if fault in STREAM_FAULTS:
            return link is not None and link.strike(fault, rng.random(), timeout)
        struck = threading.Event()
        with self._lock:
            self._armed.append((fault, struck))
        if link is not None:
            link.strike("close", 0.0, timeout)  # so that there is a next request
        done = struck.wait(timeout)
        with self._lock:
            self._armed = [armed for armed in self._armed if armed[1] is not struck]
        return done or struck.is_set()

    def half_open(self) -> None:
        """Cut every present connection off from the server without telling the client, as a suspended machine is."""
        with self._lock:
            links = list(self._links)
        for link in links:
            link.strike("half-open", 0.0, 0.0)

    def calm(self) -> None:
        """End every fault that lasts: connections that were struck are closed."""
        with self._lock:
            self._armed.clear()
            links = [link for link in self._links if link.fault is not None]
        for link in links:
            link.close()

    def stop(self) -> None:
        """Close everything and wait for all threads."""
        self._stopped = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
        with self._lock:
            links = list(self._links)
        for link in links:
            link.close()
        self.wait_for_links(0)

    def take(self) -> tuple[str, threading.Event] | None:
        """Return the fault the next request is to meet."""
        with self._lock:
            return self._armed.pop(0) if self._armed else None

    def note(self, data: bytes) -> None:
        """Take note of a request, by its first bytes; of none, that somebody tried to connect in vain."""
        target = data.split(b" ", 2)[1].decode("latin-1") if data else ""
        self.arrivals.append(Arrival(self._clock(), target))

    def forget(self, link: _Link) -> None:
        """Take note that a connection is over."""
        with self._lock:
            self._links.discard(link)
            self._ended.append(link)
            self._lock.notify_all()

    def _accept(self) -> None:
        while not self._stopped:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                upstream = socket.create_connection(self._upstream, 5)
                upstream.settimeout(None)
            except OSError:
                self.note(b"")
                client.close()
                continue
            with self._lock:
                self.accepted += 1
                link = _Link(self, client, upstream, self.accepted)
                self._links.add(link)
            link.start()


class _Link:
    """One relayed connection: a thread for each direction."""

    def __init__(self, proxy: FaultyProxy, client: socket.socket, upstream: socket.socket, number: int) -> None:
        self._proxy = proxy
        self._client = client
        self._upstream = upstream
        self.number = number
        self.fault: str | None = None
        self._place = 0.0
        self._struck = threading.Event()
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._requests, name="proxy-requests", daemon=True),
            threading.Thread(target=self._answers, name="proxy-answers", daemon=True),
        ]

    def start(self) -> None:
        """Begin to relay."""
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait for both threads."""
        for thread in self._threads:
            thread.join(10)

    def strike(self, fault: str, place: float, timeout: float) -> bool:
        """Let a fault happen; `place` (0 to 1) says where in the data."""
        self._place = place
        self.fault = fault
        if fault == "reset":
            self.close(reset=True)
        elif fault == "close":
            self.close()
        elif fault == "half-open":
            # The server's side is gone, and nobody tells the client.
            with contextlib.suppress(OSError):
                self._upstream.shutdown(socket.SHUT_RDWR)
            self._struck.set()
        else:
            return self._struck.wait(timeout)
        return True

    def close(self, *, reset: bool = False) -> None:
        """End both connections, with a reset or in order."""
        with self._lock:
            if self._over.is_set():
                return
            self._over.set()
        self._struck.set()
        if reset:
            with contextlib.suppress(OSError):
                self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for end in (self._upstream, self._client):
            # Wakes the threads that read; `close` alone would not. Reading only where a reset is wanted, not an end.
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RD if reset and end is self._client else socket.SHUT_RDWR)
            end.close()
        self._proxy.forget(self)

    def _requests(self) -> None:
        try:
            while data := self._client.recv(_RECEIVED):
                armed = None
                if data.startswith(b"GET "):
                    self._proxy.note(data)
                    armed = self._proxy.take()
                if armed is not None:
                    fault, struck = armed
                    self.fault = fault
                    struck.set()
                    self._meet(fault)
                    return
                self._upstream.sendall(data)
        except OSError:
            pass
        finally:
            self.close()

    def _meet(self, fault: str) -> None:
        if fault == "refuse":
            self.close(reset=True)
        elif fault == "silence":
            # The server never answers; the client has to lose patience.
            while self._client.recv(_RECEIVED):
                continue
        else:
            code = int(fault)
            status = {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "message": "made up by the proxy",
                "reason": _REASONS[code],
                "code": code,
            }
            body = json.dumps(status).encode()
            head = f"HTTP/1.1 {code} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            self._client.sendall(head.encode() + b"Connection: close\r\n\r\n" + body)

    def _answers(self) -> None:
        try:
            while data := self._upstream.recv(_RECEIVED):
                fault = self.fault  # once: it may be struck, and is over when it was, at any moment
                if fault is None:
                    self._client.sendall(data)
                elif not self._spoil(fault, data):
                    return
        except OSError:
            pass
        finally:
            if self.fault not in {"half-open", "stall", "silence"}:
                self.close()

    def _spoil(self, fault: str, data: bytes) -> bool:
        """Treat a piece of an answer as the fault says; return whether the relay goes on."""
        place = int(self._place * len(data))
        if fault == "delay":
            self._over.wait(0.02)
            self._client.sendall(data)
            self.fault = None
            self._struck.set()
        elif fault == "corrupt":
            # Not UTF-8 and no HTTP: damage that TCP's checksum missed but that can be told.
            self._client.sendall(data[:place] + b"\xff\xfe" + data[place + 2 :])
            self.fault = None
            self._struck.set()
        elif fault == "truncate":
            self._client.sendall(data[:place])
            self._struck.set()
            return False
        elif fault in {"stall", "half-open", "silence"}:
            self._struck.set()
            return False
        return True
