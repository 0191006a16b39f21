"""Where the API server is: a host as people write it, made into scheme, host, port and path prefix."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import quote, urlsplit

from dynkube.errors import ConfigError, mask_url
from dynkube.values import Value

_HOST = re.compile(r"[^\s/?#@\\\[\]<>\"'{}|^`\x00-\x20\x7f]+")


class BaseURL(Value):
    """The root under which every request goes.

    ``host`` has no brackets, IPv6 or not; ``port`` is always known; ``path`` is "" or "/prefix", never ending in "/".
    """

    scheme: str
    host: str
    port: int
    path: str = ""

    @property
    def authority(self) -> str:
        """Host and port as in a Host header: brackets round IPv6, the scheme's own port left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _default_port(self.scheme) else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


def parse_base_url(host: str, *, tls: bool) -> BaseURL:
    """Return the base URL for ``host``: "", "name", "name:port", an IP address, or a URL with a path prefix.

    ``tls`` says whether a host without a scheme means https; client-go says so when a CA, a client certificate or
    ``insecure`` is configured, and not for a token or password alone (``rest.defaultServerUrlFor``). Query and fragment
    are dropped. Raises `ConfigError` for anything that is no such address.
    """
    text = host.strip() or "localhost"
    if not text.isprintable():
        raise ConfigError("server contains a line break or another unprintable character")
    bare = "://" not in text
    if bare:
        text = f"{'https' if tls else 'http'}://{_bracketed(text)}"
    shown = mask_url(text)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"server {shown!r}: {error}") from None
    scheme = parts.scheme.lower()
    if scheme not in ("http", "https"):
        raise ConfigError(f"server {shown!r} has the scheme {scheme!r}; only http and https are possible")
    if parts.username is not None or parts.password is not None:
        raise ConfigError(f"server {shown!r} carries a user name; set username and password instead")
    if bare and parts.path not in ("", "/"):
        raise ConfigError(f"server {host.strip()!r} has a path but no scheme; write it as a URL such as {shown!r}")
    name = parts.hostname or ""
    if "[" in parts.netloc or "]" in parts.netloc or ":" in name:  # before Python 3.11 urlsplit takes any brackets
        _check_ipv6(name, shown)
    elif not _HOST.fullmatch(name):
        raise ConfigError(f"server {shown!r} names no host")
    if port == 0:
        raise ConfigError(f"server {shown!r} has port 0")
    path = re.sub(r"/{2,}", "/", quote(parts.path, safe="/%:@$&+,;=!*'()~-._")).rstrip("/")
    return BaseURL(scheme, name.replace("%25", "%"), port or _default_port(scheme), path)


def _bracketed(text: str) -> str:
    try:
        return f"[{ipaddress.IPv6Address(text)}]"
    except ValueError:
        return text


def _check_ipv6(name: str, shown: str) -> None:
    try:
        ipaddress.IPv6Address(name.replace("%25", "%"))
    except ValueError as error:
        raise ConfigError(f"server {shown!r} names no IPv6 address: {error}") from None


def _default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80
