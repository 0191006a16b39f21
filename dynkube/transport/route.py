"""The way to the server as it is now: proxy, TLS and pool, made anew when certificates change."""

from __future__ import annotations

import logging
import os
import threading
from base64 import b64encode
from time import monotonic
from typing import TYPE_CHECKING

from dynkube.errors import ConfigError
from dynkube.transport.adapter import ClusterAdapter
from dynkube.transport.connections import ConnectionPool
from dynkube.transport.failures import Place
from dynkube.transport.headers import encode_headers
from dynkube.transport.proxy import choose_proxy
from dynkube.transport.tls import FileStamps, TLSSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.config import Config
    from dynkube.transport.tls import ClientCertificate

_log = logging.getLogger("dynkube.transport")

#: Seconds between two looks at the certificate files.
LOOK_SECONDS = 1.0


class Route:
    """Where connections come from. The proxy is decided here, once; every kind of request goes the same way."""

    def __init__(self, config: Config, *, clock: Callable[[], float] = monotonic) -> None:
        base = config.base_url
        self._base = base
        self._server_name = config.tls_server_name
        self._tls = TLSSettings(config)
        self._clock = clock
        self._lock = threading.Lock()
        self._stamps = FileStamps(self._tls.watched_files() if base.scheme == "https" else ())
        self._next_look = clock() + LOOK_SECONDS
        self._certificate: ClientCertificate | None = None
        self._proxy = choose_proxy(base, config.proxy_url, os.environ)
        authority = "certificate-authority-data" if config.ca_data else config.ca_file or ""
        self.place = Place(base, self._proxy, config.tls_server_name, authority)
        adapter = self._adapter()
        self.pool = ConnectionPool(adapter)
        #: What stands before the target in the request line.
        self.prefix = str(base) if adapter.forwards else base.path
        self.proxy_headers = b""
        if adapter.forwards and self._proxy and self._proxy.username:
            pair = f"{self._proxy.username}:{self._proxy.password}".encode()
            self.proxy_headers = encode_headers([("Proxy-Authorization", f"Basic {b64encode(pair).decode()}")])

    def refresh(self, certificate: ClientCertificate | None) -> None:
        """Renew the connections if certificate files changed, or if `certificate`, the plug-in's, is another one.

        Files that cannot be used, say because only one of a pair was replaced yet, leave everything as it is: the next
        look tries again.
        """
        if certificate is not self._certificate:
            with self._lock:
                if certificate is not self._certificate:
                    self._certificate = certificate
                    self.pool.renew(self._adapter())
        elif self._stamps and self._clock() >= self._next_look and self._lock.acquire(blocking=False):
            try:
                self._next_look = self._clock() + LOOK_SECONDS
                if self._stamps.changed():
                    self._renew_from_files()
            finally:
                self._lock.release()

    def close(self) -> None:
        """Close every connection."""
        self.pool.close()

    def abandon(self) -> None:
        """Close this process's copies of the sockets after a fork."""
        self.pool.abandon()

    def _renew_from_files(self) -> None:
        try:
            adapter = self._adapter()
        except ConfigError as error:
            self._stamps.forget()
            _log.warning("%s; the certificates read before stay in use", error)
            return
        _log.info("certificate files changed: connections to %s are renewed", self.place.server)
        self.pool.renew(adapter)

    def _adapter(self) -> ClusterAdapter:
        return ClusterAdapter(
            self._base,
            proxy=self._proxy,
            context=self._tls.context(self._certificate) if self._base.scheme == "https" else None,
            proxy_context=self._tls.proxy_context,
            server_name=self._server_name,
        )
