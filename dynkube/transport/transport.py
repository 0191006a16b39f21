"""The one way every request takes to the API server."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from dynkube.config import UNSET, Timeout
from dynkube.errors import ConfigError, ConnectFailedError, InvalidRequestError, ResponseError, TLSError
from dynkube.transport.credentials import static_credentials
from dynkube.transport.failures import NETWORK_ERRORS, connect_failure, exchange_failure
from dynkube.transport.headers import encode_headers, impersonation_headers, user_agent
from dynkube.transport.route import Route
from dynkube.transport.wire import LiveResponse, exchange

if TYPE_CHECKING:
    from types import TracebackType

    from dynkube.config import Config, TimeoutLike, Unset
    from dynkube.transport.connections import Connection
    from dynkube.transport.credentials import Credentials
    from dynkube.transport.messages import HTTPRequest, HTTPResponse

# Anything else has to be percent-encoded by whoever built the target; a space would end the request line.
_TARGET = re.compile(r"/[!-~]*")
_METHOD = re.compile(r"[A-Z]+")
# Headers of ours that step back when the request brings its own (client-go's round trippers do the same).
_YIELDING = frozenset({"authorization", "user-agent", "accept-encoding", "impersonate-user"})
_RESERVED = frozenset({"host", "content-length", "transfer-encoding", "connection"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# What Go's server writes, in plain text, to a client that speaks HTTP on its TLS port.
_PLAIN_ON_TLS = b"Client sent an HTTP request to an HTTPS server"


class Transport:
    """Sends requests to one API server: connections, TLS, proxy, credentials, retries. Share it between all threads.

    Files of the configuration are read by the constructor, which raises ConfigError for what cannot be used; nothing
    is sent until the first request. After a fork each process makes connections of its own.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._timeout = config.timeout
        self._base = config.base_url
        self._url = str(self._base)
        self._common = {
            "user-agent": encode_headers([("User-Agent", user_agent(config))]),
            "accept-encoding": encode_headers(
                [("Accept-Encoding", "identity" if config.disable_compression else "gzip")]
            ),
            "impersonate-user": encode_headers(impersonation_headers(config.impersonate)),
        }
        self._host = encode_headers([("Host", self._base.authority)])
        self._fixed = self._host + b"".join(self._common.values())
        self._closed = False
        # Keyed by process: a fork leaves the parent's sockets and locks behind, untouched.
        self._processes: dict[int, _Process] = {os.getpid(): _Process(config)}

    def send(self, request: HTTPRequest, *, timeout: TimeoutLike | Unset = UNSET, stream: bool = False) -> HTTPResponse:
        """Send a request and return the answer, whatever its status.

        The body has been read when this returns, unless `stream`: then the answer is open and must be read to its end
        or closed. `timeout` stands in for the configured one.

        Raises kinds of TransportError when there is no usable answer, a redirect included; InvalidRequestError, before
        anything is sent, for a target or header that cannot go on the wire.
        """
        limits = self._timeout if timeout is UNSET else Timeout.of(timeout)
        process = self._processes.get(os.getpid()) or self._start()
        if self._closed:
            raise ConnectFailedError("this client is closed", method=request.method, url=self._url + request.target)
        return self._attempt(process, request, limits, stream)

    def close(self) -> None:
        """Close every connection; requests under way fail, streams end. Idempotent."""
        self._closed = True
        process = self._processes.get(os.getpid())
        if process is not None:
            process.route.close()

    def __enter__(self) -> Transport:  # noqa: PYI034 - Self is not in the typing of Python 3.10
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Transport {self._url}>"

    def _start(self) -> _Process:
        """Begin anew in a forked child: its own connections, locks and credentials."""
        mine = os.getpid()
        for pid in [pid for pid in self._processes if pid != mine]:
            parent = self._processes.pop(pid, None)
            if parent is not None:
                parent.route.abandon()
        return self._processes.setdefault(mine, _Process(self._config))

    def _attempt(self, process: _Process, request: HTTPRequest, limits: Timeout, stream: bool) -> HTTPResponse:
        grant = process.credentials.grant()
        route = process.route
        route.refresh(grant.certificate)
        head = self._head(request, grant.authorization, route)
        connection = route.pool.acquire()
        if connection is None:
            connection = self._connect(route, request, limits)
        method, url = request.method, self._url + request.target
        try:
            raw = exchange(connection, head, request.body, method, limits.read)
        except NETWORK_ERRORS as error:
            route.pool.discard(connection)
            raise exchange_failure(error, route.place, limits, method=method, url=url) from error
        except BaseException:
            route.pool.discard(connection)
            raise
        response = LiveResponse(raw, connection, route.pool, method=method, url=url, place=route.place, timeout=limits)
        if response.status >= 300:
            self._check(response)
        if not stream:
            response.read()
        return response

    def _connect(self, route: Route, request: HTTPRequest, limits: Timeout) -> Connection:
        connection = route.pool.create()
        try:
            connection.connect(limits.connect)
        except NETWORK_ERRORS as error:
            route.pool.discard(connection)
            raise connect_failure(
                error, route.place, limits, method=request.method, url=self._url + request.target
            ) from error
        except BaseException:
            route.pool.discard(connection)
            raise
        return connection

    def _head(self, request: HTTPRequest, authorization: bytes, route: Route) -> bytes:
        """Return the request line and headers, encoded."""
        target = request.target
        if not _TARGET.fullmatch(target):
            raise InvalidRequestError(f"request target {target!r} must begin with '/' and be percent-encoded")
        if not _METHOD.fullmatch(request.method):
            raise InvalidRequestError(f"HTTP method {request.method!r} must be upper-case letters, such as GET")
        fixed = self._fixed
        names = [name.lower() for name, _ in request.headers]
        for name in names:
            if name in _YIELDING:
                fixed = self._host + b"".join(line for key, line in self._common.items() if key not in names)
                if name == "authorization":
                    authorization = b""
            elif name in _RESERVED:
                raise InvalidRequestError(f"header {name!r} is set by the transport; leave it out of the request")
        if request.body is not None:
            length = b"Content-Length: %d\r\n" % len(request.body)
        else:
            length = b"Content-Length: 0\r\n" if request.method in ("POST", "PUT", "PATCH") else b""
        return b"".join(
            (
                f"{request.method} {route.prefix}{target} HTTP/1.1\r\n".encode(),
                fixed,
                route.proxy_headers,
                authorization,
                encode_headers(request.headers),
                length,
                b"\r\n",
            )
        )

    def _check(self, response: HTTPResponse) -> None:
        """Refuse what no caller should have to know of: redirects, and TLS ports spoken to in plain HTTP."""
        location = response.headers.get("location")
        if response.status in _REDIRECTS and location:
            response.close()
            raise ResponseError(
                f"the server redirects to {location} ({response.status}), which is not followed, because credentials "
                "and writes must not go elsewhere: if that is the API server, configure its address",
                method=response.method,
                url=response.url,
                code=response.status,
                location=location,
            )
        if response.status == 400 and self._base.scheme == "http" and _PLAIN_ON_TLS in response.read():
            raise TLSError(
                f"{self._base.authority} speaks TLS and the request was plain HTTP: use https:// in the server address",
                method=response.method,
                url=response.url,
            )


class _Process:
    """What one process has of its own: connections and credentials, with their locks."""

    __slots__ = ("credentials", "route")

    def __init__(self, config: Config) -> None:
        self.credentials: Credentials = _credentials(config)
        self.route = Route(config)


def _credentials(config: Config) -> Credentials:
    credentials = static_credentials(config)
    if credentials is None:
        raise ConfigError("exec plug-ins and auth providers are not built in yet")
    return credentials
