"""A server that keeps one request as it came over the wire, and the text form of the golden files."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

#: What belongs to the connection, not to the call: left out of the golden files.
CONNECTION_HEADERS = frozenset(("host", "connection", "content-length"))


@dataclass(frozen=True)
class WireRequest:
    """One request, as received."""

    line: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def golden(self) -> str:
        """Return the text form: request line, headers sorted by name, an empty line, the body."""
        kept = sorted(f"{name}: {value}" for name, value in self.headers if name.lower() not in CONNECTION_HEADERS)
        return "\n".join([self.line.removesuffix(" HTTP/1.1"), *kept, "", self.body.decode()]).rstrip("\n") + "\n"


class OneRequestServer:
    """Listens on loopback, takes one request, answers `answer`, and keeps what came."""

    def __init__(self, answer: bytes = b'{"kind":"ShirtList","items":[]}') -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(10)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.received: WireRequest | None = None
        self.host = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> OneRequestServer:  # noqa: PYI034 - Self is not in the typing of Python 3.10
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def wait(self) -> WireRequest:
        """Return the request, once it was answered."""
        self._thread.join(10)
        assert self.received is not None
        return self.received

    def _serve(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return  # closed before anybody came: the test fails for its own reason
        with connection, connection.makefile("rb") as reader:
            connection.settimeout(10)
            line = reader.readline().decode().strip()
            headers = []
            while header := reader.readline().decode().strip():
                name, _, value = header.partition(":")
                headers.append((name.strip(), value.strip()))
            length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
            self.received = WireRequest(line, tuple(headers), reader.read(length))
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
                + b"Content-Length: %d\r\n\r\n" % len(self._answer)
                + self._answer
            )
