"""Which proxy, if any, every request of a client goes through: decided once, from `proxy-url` or the environment."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from dynkube.errors import ConfigError, mask_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynkube.config import BaseURL

_DEFAULT_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


class Proxy(NamedTuple):
    """A proxy server. `source` says where it was configured, for error messages."""

    scheme: str
    host: str
    port: int
    source: str
    username: str = ""
    password: str = ""

    @property
    def socks(self) -> bool:
        """Whether it speaks SOCKS rather than HTTP."""
        return self.scheme.startswith("socks")

    @property
    def address(self) -> str:
        """`scheme://host:port`, without credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def __str__(self) -> str:
        return f"the proxy {self.address} (from {self.source})"

    def __repr__(self) -> str:
        return f"<Proxy {self.address} from {self.source}>"


def choose_proxy(target: BaseURL, proxy_url: str | None, environ: Mapping[str, str]) -> Proxy | None:
    """Return the proxy for `target`, or None for a direct connection.

    A configured `proxy_url` wins and silences the environment. Else `HTTPS_PROXY` or `HTTP_PROXY`, by the scheme of the
    target and upper case before lower, unless `NO_PROXY` names the target; loopback addresses are never sent to a
    proxy of the environment (rules of Go's `httpproxy`, which kubectl follows). Raises ConfigError for a URL that is
    none.
    """
    if proxy_url:
        return _parse(proxy_url, "proxy-url")
    name, value = _first(environ, f"{target.scheme.upper()}_PROXY")
    if not value or _is_loopback(target.host):
        return None
    if name == "HTTP_PROXY" and environ.get("REQUEST_METHOD"):
        # A CGI server sets this variable from the request's own Proxy header (CVE-2016-5385).
        raise ConfigError(
            "HTTP_PROXY is not safe to use inside a CGI program; set proxy_url, or http_proxy in lower case"
        )
    _, exceptions = _first(environ, "NO_PROXY")
    if bypasses(exceptions, target.host, target.port):
        return None
    return _parse(value, f"environment variable {name}")


def bypasses(no_proxy: str, host: str, port: int) -> bool:
    """Tell whether a `NO_PROXY` value exempts a host: `*`, names, `.suffixes`, addresses, `:port`, IPv4 and IPv6 CIDRs.

    `example.com` means the host and all below it, `.example.com` and `*.example.com` only what is below it.
    """
    name = host.lower().rstrip(".")
    address = _address(name)
    return any(_exempts(entry.strip().lower(), name, address, port) for entry in no_proxy.split(","))


def _exempts(entry: str, host: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None, port: int) -> bool:
    if entry == "*":
        return True
    if not entry:
        return False
    if "/" in entry:
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    entry, wanted_port = _split_port(entry)
    if wanted_port and wanted_port != str(port):
        return False
    literal = _address(entry)
    if literal is not None:
        return literal == address
    if entry.startswith("*."):
        entry = entry[1:]
    return host.endswith(entry) if entry.startswith(".") else host == entry or host.endswith(f".{entry}")


def _split_port(entry: str) -> tuple[str, str]:
    if entry.startswith("["):
        host, _, rest = entry[1:].partition("]")
        return host, rest.removeprefix(":")
    if entry.count(":") == 1:
        host, _, port = entry.partition(":")
        return host, port
    return entry, ""


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host.lower().rstrip(".") == "localhost" or (address is not None and address.is_loopback)


def _first(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    for candidate in (name, name.lower()):
        value = environ.get(candidate, "").strip()
        if value:
            return candidate, value
    return name, ""


def _parse(url: str, source: str) -> Proxy:
    text = url if "://" in url else f"http://{url}"
    shown = mask_url(text)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"{source} {shown!r} is not a proxy URL: {error}") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise ConfigError(f"{source} {shown!r} has the scheme {parts.scheme!r}; a proxy is http, https or socks5")
    if not parts.hostname:
        raise ConfigError(f"{source} {shown!r} names no host")
    return Proxy(
        parts.scheme,
        parts.hostname,
        port or _DEFAULT_PORTS[parts.scheme],
        source,
        unquote(parts.username or ""),
        unquote(parts.password or ""),
    )
