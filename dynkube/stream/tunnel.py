"""One connection to a port of a pod: the port-forward protocol v4.channel.k8s.io, and a local socket joined to it."""

from __future__ import annotations

import contextlib
import socket
import threading
from time import monotonic
from typing import TYPE_CHECKING

from dynkube.config import UNSET
from dynkube.errors import ConnectFailedError, TransportError
from dynkube.stream import channels
from dynkube.stream.frames import BINARY
from dynkube.transport.latch import Latch

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.rest import RESTClient
    from dynkube.stream.websocket import WebSocket
    from dynkube.transport import HTTPRequest

#: Channels of the first port of a connection (kubelet cri-streaming portforward/websocket.go).
DATA = 0
ERROR = 1
#: Seconds of silence after which a connection whose local end has nothing more to send is closed: the protocol cannot
#: say that one direction has ended, so what the pod still has to say is waited for.
LINGER = 2.0
_PIECE = 32 << 10


class Tunnel:
    """Bytes to and from one port of a pod. One thread may receive, another send, any close."""

    def __init__(self, websocket: WebSocket, port: int, *, method: str, url: str) -> None:
        self._websocket = websocket
        self._port = port
        self._method = method
        self._url = url
        #: What is left of the port number that begins each channel.
        self._preamble = {DATA: 2, ERROR: 2}
        #: When the pod last sent something.
        self.heard = monotonic()

    def receive(self) -> bytes:
        """Return what comes next from the pod; nothing at the end. Raises ConnectFailedError if the port is closed."""
        while (message := self._websocket.receive()) is not None:
            if message.kind != BINARY or not message.data or message.data[0] not in self._preamble:
                continue
            channel = message.data[0]
            left = self._preamble[channel]
            data = message.data[1 + left :]
            self._preamble[channel] = max(0, left - (len(message.data) - 1))
            if not data:
                continue
            self.heard = monotonic()
            if channel == ERROR:
                self.close()
                why = data.decode("utf-8", "replace").strip()
                raise ConnectFailedError(f"port {self._port}: {why}", method=self._method, url=self._url)
            return data
        self.close()
        return b""

    def send(self, data: bytes) -> None:
        """Send to the pod; returns once it is on its way."""
        self._websocket.send(bytes((DATA,)) + data)

    def close(self) -> None:
        """Close the connection, from any thread. Idempotent."""
        self._websocket.close()


def open_tunnel(rest: RESTClient, request: HTTPRequest, port: int) -> Tunnel:
    """Send `request`, for a portforward subresource, and return the connection to `port` it leads to."""
    websocket, _ = channels.open_websocket(rest, request, (channels.V4,), timeout=UNSET)
    return Tunnel(websocket, port, method=request.method, url=str(rest.config.base_url) + request.target)


class Joint:
    """A local socket and a tunnel, each sent what the other says, in two threads, until both are done."""

    def __init__(self, local: socket.socket, tunnel: Tunnel, on_error: Callable[[Exception], None]) -> None:
        self._local = local
        self._tunnel = tunnel
        self._on_error = on_error
        self._closed = False
        self._done = Latch()
        self._sender = threading.Thread(target=self._send, name="dynkube-forward-out", daemon=True)

    def run(self) -> None:
        """Pass bytes until the pod has ended the connection, or the local side has and the pod says no more."""
        self._sender.start()
        try:
            while data := self._tunnel.receive():
                self._local.sendall(data)
        except OSError:
            pass  # the local side is gone
        except TransportError as error:
            if not self._closed:
                self._on_error(error)
        finally:
            self._done.set()
            self._tunnel.close()
            with contextlib.suppress(OSError):
                self._local.shutdown(socket.SHUT_RDWR)
            self._sender.join()
            self._local.close()

    def close(self) -> None:
        """End both sides, from any thread."""
        self._closed = True
        self._tunnel.close()
        with contextlib.suppress(OSError):
            self._local.shutdown(socket.SHUT_RDWR)

    def _send(self) -> None:
        try:
            while data := self._local.recv(_PIECE):
                self._tunnel.send(data)
            while not self._done.wait(LINGER) and monotonic() - self._tunnel.heard < LINGER:
                continue
        except (OSError, TransportError):
            return  # whoever receives is told
        finally:
            self._tunnel.close()
