"""The request line and headers of one client's requests, as bytes; what never changes is encoded once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dynkube.errors import InvalidRequestError
from dynkube.transport.headers import encode_headers, impersonation_headers, user_agent

if TYPE_CHECKING:
    from dynkube.config import Config
    from dynkube.transport.messages import HTTPRequest
    from dynkube.transport.route import Route

# Anything else has to be percent-encoded by whoever built the target; a space would end the request line.
_TARGET = re.compile(r"/[!-~]*")
_METHOD = re.compile(r"[A-Z]+")
# What only the transport may say: it would lie about the body, or about where the request goes.
_RESERVED = frozenset({"host", "content-length", "transfer-encoding", "connection"})


class HeadWriter:
    """Writes heads. Headers of ours step back where the request brings its own, as client-go's round trippers do."""

    def __init__(self, config: Config) -> None:
        encoding = "identity" if config.disable_compression else "gzip"
        self._host = encode_headers([("Host", config.base_url.authority)])
        self._common = {
            "user-agent": encode_headers([("User-Agent", user_agent(config))]),
            "accept-encoding": encode_headers([("Accept-Encoding", encoding)]),
            "impersonate-user": encode_headers(impersonation_headers(config.impersonate)),
        }

    def write(self, request: HTTPRequest, authorization: bytes, route: Route) -> bytes:
        """Return the head of `request`, ready to send; `authorization` is an encoded line or empty.

        Raises InvalidRequestError for a method, target or header that cannot go on the wire.
        """
        target = request.target
        if not _TARGET.fullmatch(target):
            raise InvalidRequestError(f"request target {target!r} must begin with '/' and be percent-encoded")
        if not _METHOD.fullmatch(request.method):
            raise InvalidRequestError(f"HTTP method {request.method!r} must be upper-case letters, such as GET")
        own = {name.lower() for name, _ in request.headers}
        for name in own & _RESERVED:
            raise InvalidRequestError(f"header {name!r} is set by the transport; leave it out of the request")
        if request.body is not None:
            length = b"Content-Length: %d\r\n" % len(request.body)
        else:
            length = b"Content-Length: 0\r\n" if request.method in ("POST", "PUT", "PATCH") else b""
        return b"".join(
            (
                f"{request.method} {route.prefix}{target} HTTP/1.1\r\n".encode(),
                self._host,
                *(line for name, line in self._common.items() if name not in own),
                route.proxy_headers,
                b"" if "authorization" in own else authorization,
                encode_headers(request.headers),
                length,
                # Whoever asks for an upgrade must say so of this connection, too (RFC 9110, 7.8).
                b"Connection: Upgrade\r\n" if "upgrade" in own else b"",
                b"\r\n",
            )
        )
