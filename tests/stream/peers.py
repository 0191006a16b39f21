"""The server's end of a WebSocket, whose every frame the test decides."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dynkube.config import Config
from dynkube.dynamic import DynamicClient
from dynkube.names import GroupVersionResource
from dynkube.stream import frames
from dynkube.stream.channels import ERROR, V5, exit_status
from dynkube.stream.frames import BINARY, Close, Control, FrameReader, Message, encode_frame
from dynkube.stream.handshake import accept_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from transport.servers import Peer, Received, Server

    from dynkube.dynamic import Resource

PODS = GroupVersionResource("", "v1", "pods")


class Talk:
    """One upgraded connection, seen from the server."""

    def __init__(self, peer: Peer, request: Received) -> None:
        self.peer = peer
        self.request = request
        self.reader = FrameReader(masked=True)
        self.agreed = False
        self.queue: list[Message | Control | Close] = []

    def agree(self, protocol: str = V5, early: bytes = b"") -> None:
        """Answer 101, with frames right behind it in the same write."""
        self.agreed = True
        key = self.request.header("Sec-WebSocket-Key") or ""
        lines = [
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {accept_value(key)}",
            f"Sec-WebSocket-Protocol: {protocol}",
        ]
        self.peer.send(("\r\n".join(lines) + "\r\n\r\n").encode() + early)

    def send(self, channel: int, data: bytes) -> None:
        """Send on one channel."""
        self.peer.send(channel_frame(channel, data))

    def finish(self, status: dict[str, Any] | None = None) -> None:
        """Say how the command ended, close in due form, and wait for the client."""
        self.send(ERROR, json.dumps(status or exit_status(0)).encode())
        self.peer.send(frames.encode_close(1000))
        self.peer.wait_closed()

    def received(self) -> Iterator[Message | Control | Close]:
        """Yield what the client sends until it hangs up."""
        while True:
            while self.queue:
                yield self.queue.pop(0)
            try:
                data = self.peer.sock.recv(65536)
            except OSError:
                return
            if not data:
                return
            self.queue += self.reader.feed(data)


def channel_frame(channel: int, data: bytes) -> bytes:
    """Return a frame of one channel."""
    return encode_frame(BINARY, bytes((channel,)) + data)


def talking(serve: Callable[..., Server], talk: Callable[[Talk], None], **options: Any) -> Server:
    """Start a server that lets `talk` have each connection that asks for an upgrade."""

    def handle(peer: Peer, request: Received) -> None:
        conversation = Talk(peer, request)
        talk(conversation)
        if conversation.agreed:
            peer.close()

    return serve(handle, **options)


def pods_of(server: Server, **options: Any) -> tuple[DynamicClient, Resource]:
    """Return a client of the server and the pods it does not ask discovery about."""
    dyn = DynamicClient(Config(host=server.url, **options))
    return dyn, dyn.resource(PODS).namespace("default")
