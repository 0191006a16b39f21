"""The opening handshake of a WebSocket (RFC 6455, 4), as data: what a client asks, and what must come back."""

from __future__ import annotations

import hashlib
import os
from base64 import b64encode
from typing import TYPE_CHECKING

from dynkube.errors import ResponseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dynkube.transport import HTTPResponse

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def new_key() -> str:
    """Return a key for one handshake: 16 bytes of chance."""
    return b64encode(os.urandom(16)).decode("ascii")


def accept_value(key: str) -> str:
    """Return what a server that read `key` answers, and a cache in between cannot."""
    return b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()).decode("ascii")


def upgrade_headers(key: str, protocols: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return the headers that ask for an upgrade to one of `protocols`; the transport adds `Connection`."""
    return (
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", key),
        ("Sec-WebSocket-Protocol", ", ".join(protocols)),
    )


def agreed_protocol(response: HTTPResponse, key: str, protocols: Sequence[str]) -> str:
    """Return the subprotocol a server has agreed to. Raises ResponseError if the answer is no proper agreement."""
    headers = response.headers
    chosen = headers.get("sec-websocket-protocol", "")
    problem = ""
    if response.status != 101:
        problem = f"the server answered {response.status} and not 101: it, or a proxy in between, upgrades nothing here"
    elif headers.get("upgrade", "").lower() != "websocket":
        problem = f"the server upgrades to {headers.get('upgrade', 'nothing')!r}, not to a WebSocket"
    elif headers.get("sec-websocket-accept") != accept_value(key):
        problem = (
            "Sec-WebSocket-Accept does not fit the key: the answer is to another request, from a cache for instance"
        )
    elif chosen not in protocols:
        offered = ", ".join(protocols)
        problem = f"the server speaks {chosen or 'no subprotocol'!r}, and {offered} were offered"
    if problem:
        raise ResponseError(problem, method=response.method, url=response.url, code=response.status)
    return chosen
