"""pods/portforward over a WebSocket (v4.channel.k8s.io): two channels a port, each begun by the port's number."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from typing import TYPE_CHECKING

from dynkube.errors import TransportError
from dynkube.stream import channels
from dynkube.stream.frames import BINARY
from dynkube.testing.flows import containers
from dynkube.testing.flows.container_streams import upgrade
from dynkube.testing.http import failures

if TYPE_CHECKING:
    from dynkube.stream.websocket import WebSocket
    from dynkube.testing.containers import PortHandler
    from dynkube.testing.flows.cluster import Call
    from dynkube.testing.http.connections import HTTPResponse
    from dynkube.testing.resources.registry import Resource, Subresource

logger = logging.getLogger("dynkube.testing.containers")

_PIECE = 32 << 10


def port_forward(call: Call, resource: Resource, _sub: Subresource) -> HTTPResponse:
    """Answer a request to reach ports of a pod."""
    containers.reached(call, resource, anything=True)
    ports = [_port(text) for value in call.route.query.all("ports") for text in value.split(",")]
    if not ports:
        raise failures.bad_request('query parameter "port" is required')
    scripts = call.cluster.containers
    handlers = [scripts.port(*call.key, port) for port in ports]
    # SPDY through a WebSocket, which kubectl asks for, is not spoken: the answer is a refusal of the subprotocol.
    return upgrade(call, (channels.V4,), lambda websocket, _: _talk(websocket, ports, handlers, call.route.name))


def _port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 1 << 16:
        raise failures.bad_request(f"unable to parse {text!r} as a port")
    return int(text)


def _talk(websocket: WebSocket, ports: list[int], handlers: list[PortHandler | None], pod: str) -> None:
    ends: list[socket.socket | None] = []
    threads: list[threading.Thread] = []
    for index, (port, handler) in enumerate(zip(ports, handlers, strict=True)):
        number = port.to_bytes(2, "little")
        for channel in (2 * index, 2 * index + 1):
            websocket.send(bytes((channel,)) + number)
        if handler is None:
            refusal = (
                f"error forwarding port {port} to pod {pod}: dial tcp4 127.0.0.1:{port}: connect: connection refused"
            )
            websocket.send(bytes((2 * index + 1,)) + refusal.encode())
            ends.append(None)
            continue
        ours, theirs = socket.socketpair()
        ends.append(ours)
        threads += [
            threading.Thread(target=_answer, args=(handler, theirs), name=f"dynkube-port-{port}", daemon=True),
            threading.Thread(target=_send, args=(websocket, 2 * index, ours), name=f"dynkube-port-{port}", daemon=True),
        ]
    for thread in threads:
        thread.start()
    try:
        _receive(websocket, ends)
    finally:
        for end in ends:
            if end is not None:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(5.0)
        for end in ends:
            if end is not None:
                end.close()


def _receive(websocket: WebSocket, ends: list[socket.socket | None]) -> None:
    try:
        while (message := websocket.receive()) is not None:
            if message.kind != BINARY or not message.data:
                continue
            index, is_error = divmod(message.data[0], 2)
            end = ends[index] if index < len(ends) else None
            if end is not None and not is_error:
                end.sendall(message.data[1:])
    except (OSError, TransportError) as error:
        logger.debug("a port-forward ended: %s", error)


def _answer(handler: PortHandler, sock: socket.socket) -> None:
    with sock:
        try:
            handler(sock)
        except OSError as error:
            logger.debug("a connection to a port ended: %s", error)
        except Exception:
            logger.exception("the function for a port failed")


def _send(websocket: WebSocket, channel: int, sock: socket.socket) -> None:
    try:
        while data := sock.recv(_PIECE):
            websocket.send(bytes((channel,)) + data)
        websocket.say_goodbye()
    except (OSError, TransportError) as error:
        logger.debug("a port-forward ended: %s", error)
