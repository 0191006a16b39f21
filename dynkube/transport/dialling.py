"""Making a TCP connection that another thread can call off."""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


# `select` alone knows no descriptor above 1023, and Windows has nothing else.
_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)
#: What a connect that does not block answers when it has begun.
_BEGUN = frozenset({errno.EINPROGRESS, errno.EWOULDBLOCK})


class Dialler:
    """Connects once, to the first address of a host that answers; `hang_up()` from any thread ends the attempt.

    Until `let_go()` is called that holds for what follows on the connection, too: a TLS handshake that nobody answers.
    Looking the name up is the system's business and cannot be called off: what `hang_up()` does then shows when the
    look-up is over.
    """

    def __init__(self, host: str, port: int, options: Iterable[tuple[int, int, int]]) -> None:
        self._host = host
        self._port = port
        self._options = tuple(options)
        self._handle: socket.socket | None = None
        self._stopped = False

    def dial(self, timeout: float | None) -> socket.socket:
        """Return the connected socket; `timeout` in seconds holds for each address. Raises OSError."""
        failure: OSError = socket.gaierror(socket.EAI_NONAME, "the name has no address")
        for family, kind, protocol, _, address in self._addresses():
            sock = socket.socket(family, kind, protocol)
            try:
                for option in self._options:
                    sock.setsockopt(*option)
                self._connect(sock, address, timeout)
            except OSError as error:
                sock.close()
                self.let_go()
                if self._stopped:
                    raise
                failure = error
            else:
                return sock
        raise failure

    def hang_up(self) -> None:
        """End the attempt, now or before it begins."""
        self._stopped = True
        handle = self._handle
        if handle is not None:
            with contextlib.suppress(OSError):
                handle.shutdown(socket.SHUT_RDWR)

    def let_go(self) -> None:
        """Leave the connection to its owner: `hang_up()` does nothing to it any more."""
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.close()

    def _connect(self, sock: socket.socket, address: tuple[object, ...], timeout: float | None) -> None:
        sock.settimeout(0.0)
        # A second handle, since TLS takes the socket out of its object for the time of the handshake.
        self._handle = sock.dup()
        code = 0 if self._stopped else sock.connect_ex(address)
        # Asked between beginning and waiting: who hangs up before is seen here, and who does after it ends the wait.
        if code in _BEGUN and not self._stopped:
            if not _writable(sock, timeout):
                raise TimeoutError("timed out")
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if self._stopped:
            raise ConnectionAbortedError("called off")
        if code:
            raise OSError(code, os.strerror(code))
        sock.settimeout(timeout)

    def _addresses(self) -> list[tuple[int, int, int, str, tuple[object, ...]]]:
        try:
            return socket.getaddrinfo(self._host, self._port, 0, socket.SOCK_STREAM)  # type: ignore[return-value]
        except UnicodeError:
            # The codec's complaint about empty and overlong labels.
            raise socket.gaierror(socket.EAI_NONAME, "not a host name") from None


def _writable(sock: socket.socket, timeout: float | None) -> bool:
    with _Selector() as selector:
        selector.register(sock, selectors.EVENT_WRITE)
        return bool(selector.select(timeout))
