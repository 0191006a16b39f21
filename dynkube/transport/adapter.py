"""The one place that builds on requests: its HTTPAdapter makes the connections, with our TLS, proxied or not."""

from __future__ import annotations

import http.client
import socket
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import urllib3
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidSchema

from dynkube.errors import ConfigError
from dynkube.transport.dialling import Dialler

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from urllib3.connection import HTTPConnection
    from urllib3.connectionpool import HTTPConnectionPool

    from dynkube.config import BaseURL
    from dynkube.transport.proxy import Proxy

#: Whether urllib3 is of the 1.26 line, which requests still accepts.
URLLIB3_1 = not hasattr(urllib3, "HTTPHeaderDict")


class ClusterAdapter(HTTPAdapter):
    """Connects to one API server with one SSL context.

    Only its pool is used, never `Session` or `send`: they read netrc and the environment, add certifi's authorities to
    our context, follow redirects, and cost more than the whole of a request otherwise does.
    """

    def __init__(
        self,
        target: BaseURL,
        *,
        proxy: Proxy | None,
        context: ssl.SSLContext | None,
        proxy_context: Callable[[], ssl.SSLContext],
        server_name: str | None,
    ) -> None:
        self.target = target
        self.proxy = proxy
        self._pool_options: dict[str, Any] = {"socket_options": _socket_options()}
        if context is not None:
            if URLLIB3_1 and context.check_hostname:
                # It gives OpenSSL no host name where that is an address, and compares names itself when OpenSSL does
                # not.
                context.check_hostname = False
            self._pool_options["ssl_context"] = context
            if server_name:
                self._pool_options["server_hostname"] = server_name
        self._proxy_context = proxy_context
        super().__init__(pool_connections=1, pool_maxsize=1)
        self.pool = self._cluster_pool()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        """Give the pool manager our options; called by HTTPAdapter."""
        super().init_poolmanager(connections, maxsize, block, **self._pool_options, **pool_kwargs)

    def connection(self) -> HTTPConnection:
        """Return a new connection, not connected yet."""
        connection: HTTPConnection = self.pool._new_conn()  # type: ignore[assignment]  # noqa: SLF001 - also the way past `maxsize`
        return connection

    def dialler(self, connection: HTTPConnection) -> Dialler | None:
        """Return what makes the TCP connection, to the server or the HTTP proxy; None where SOCKS does that itself."""
        if self.proxy is not None and self.proxy.socks:
            return None
        return Dialler(connection._dns_host, int(connection.port or 0), self._pool_options["socket_options"])  # noqa: SLF001 - `host` has lost its last dot

    def connect(self, connection: HTTPConnection, timeout: float | None, dialler: Dialler | None = None) -> None:
        """Connect, through the proxy's tunnel if there is one, and shake hands; `timeout` is for each step."""
        connection.timeout = timeout
        if dialler is not None:
            # In place of urllib3's own, whose socket is out of reach until it is connected.
            connection._new_conn = partial(dialler.dial, timeout)  # type: ignore[method-assign]  # noqa: SLF001
        if self.proxy is not None and not self.proxy.socks and self.target.scheme == "https":
            self._tunnel(connection)
        else:
            connection.connect()

    def _tunnel(self, connection: HTTPConnection) -> None:
        """Have the proxy connect; close its answer with the rest, which Python before 3.11.4 forgets on a refusal."""
        answers: list[http.client.HTTPResponse] = []

        def answer(*arguments: Any, **options: Any) -> http.client.HTTPResponse:
            answers.append(http.client.HTTPResponse(*arguments, **options))
            return answers[-1]

        connection.response_class = answer  # type: ignore[assignment]
        try:
            self.pool._prepare_proxy(connection)  # noqa: SLF001 - CONNECT; urllib3 offers no other door to it
        except BaseException:
            for refusal in answers:
                refusal.close()
            raise
        finally:
            del connection.response_class

    @property
    def forwards(self) -> bool:
        """Whether requests go to an HTTP proxy that forwards them, so that the request line holds the whole URL."""
        return self.proxy is not None and not self.proxy.socks and self.target.scheme == "http"

    def _cluster_pool(self) -> HTTPConnectionPool:
        target, proxy = self.target, self.proxy
        if proxy is None:
            manager: Any = self.poolmanager
        else:
            options = dict(self._pool_options)
            if proxy.scheme == "https":
                options["proxy_ssl_context"] = context = self._proxy_context()
                context.check_hostname = not URLLIB3_1
            try:
                manager = self.proxy_manager_for(_with_credentials(proxy), **options)
            except InvalidSchema:
                raise ConfigError(
                    f"{proxy} needs SOCKS support, which is not installed: pip install 'dynkube[socks]'"
                ) from None
        pool: HTTPConnectionPool = manager.connection_from_host(target.host, target.port, target.scheme)
        return pool


def _with_credentials(proxy: Proxy) -> str:
    # socks5h: the proxy resolves the name, as Go's does; ours may not know the cluster's private zone.
    address = proxy.address.replace("socks5://", "socks5h://")
    if not proxy.username:
        return address
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{quote(proxy.username, safe='')}:{quote(proxy.password, safe='')}@{rest}"


def _socket_options() -> list[tuple[int, int, int]]:
    """Switch off Nagle's delay, probe every 30 s: a watch behind a dead load balancer has no other sign of life."""
    options: list[tuple[int, int, int]] = [
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    ]
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 30), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            options.append((socket.IPPROTO_TCP, getattr(socket, name), value))
    return options
