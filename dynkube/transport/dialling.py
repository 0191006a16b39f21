"""Making a TCP connection that another thread can call off."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Dialler:
    """Connects once, to the first address of a host that answers; `hang_up()` from any thread ends the attempt.

    Looking the name up is the system's business and cannot be called off: what `hang_up()` does then shows when the
    look-up is over.
    """

    __slots__ = ("_host", "_options", "_port", "_sock", "_stopped")

    def __init__(self, host: str, port: int, options: Iterable[tuple[int, int, int]]) -> None:
        self._host = host
        self._port = port
        self._options = tuple(options)
        self._sock: socket.socket | None = None
        self._stopped = False

    def dial(self, timeout: float | None) -> socket.socket:
        """Return the connected socket; `timeout` in seconds holds for each address. Raises OSError."""
        failure: OSError = socket.gaierror(socket.EAI_NONAME, "the name has no address")
        for family, kind, protocol, _, address in self._addresses():
            sock = None
            try:
                sock = self._sock = socket.socket(family, kind, protocol)
                for option in self._options:
                    sock.setsockopt(*option)
                sock.settimeout(timeout)
                if not self._stopped:
                    sock.connect(address)
                # Called off: Linux wakes connect() as if it had worked.
                if self._stopped:
                    raise ConnectionAbortedError("called off")
            except OSError as error:
                if sock is not None:
                    sock.close()
                if self._stopped:
                    raise
                failure = error
            else:
                return sock
            finally:
                self._sock = None
        raise failure

    def hang_up(self) -> None:
        """End the attempt, now or before it begins."""
        self._stopped = True
        sock = self._sock
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _addresses(self) -> list[tuple[int, int, int, str, tuple[object, ...]]]:
        try:
            return socket.getaddrinfo(self._host, self._port, 0, socket.SOCK_STREAM)  # type: ignore[return-value]
        except UnicodeError:
            # The codec's complaint about empty and overlong labels.
            raise socket.gaierror(socket.EAI_NONAME, "not a host name") from None
