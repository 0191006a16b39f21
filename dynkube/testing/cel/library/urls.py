"""URLs, as Go's ``net/url`` reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar
from urllib import parse

from dynkube.testing.cel import types
from dynkube.testing.cel.declarations import Overload, member, plain
from dynkube.testing.cel.values import EvaluationError, ListValue, MapValue
from dynkube.testing.objects.report import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynkube.testing.cel.types import Type

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
#: What Go leaves in a path as it is; all else is written as ``%XX``.
_PATH_SAFE = "$&+,/:;=@!'()*[]"


@dataclass(frozen=True)
class URL:
    """A URL by its parts."""

    scheme: str
    host: str
    path: str
    query: str
    cel_type: ClassVar[Type] = types.URL

    @property
    def hostname(self) -> str:
        """The host without its port, and without the brackets of an IPv6 address."""
        if self.host.startswith("["):
            return self.host[1:].partition("]")[0]
        return self.host.partition(":")[0]

    @property
    def port(self) -> str:
        """The port; "" when there is none."""
        return self.host.rpartition("]")[2].partition(":")[2]


def overloads() -> Iterator[Overload]:
    """Yield the functions of URLs."""
    yield plain("url", "string", "url", parse_url)
    yield plain("isURL", "string", "bool", lambda text: not problem(text))
    yield member("getScheme", "url", "string", lambda url: url.scheme)
    yield member("getHost", "url", "string", lambda url: url.host)
    yield member("getHostname", "url", "string", lambda url: url.hostname)
    yield member("getPort", "url", "string", lambda url: url.port)
    yield member("getEscapedPath", "url", "string", lambda url: parse.quote(url.path, safe=_PATH_SAFE + "%"))
    yield member("getQuery", "url", "map(string, list(string))", _query)


def problem(text: str) -> str:
    """Return why a text is no absolute URI or path, as ``ParseRequestURI`` says it; "" when it is one."""
    why = _problem(text)
    return f"parse {quote(text)}: {why}" if why else ""


def _problem(text: str) -> str:
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in text):
        return "net/url: invalid control character in URL"
    if not text:
        return "empty url"
    if text.startswith(":"):
        return "missing protocol scheme"
    scheme = _SCHEME.match(text)
    rest = text[scheme.end() :] if scheme is not None else text
    if scheme is None and not text.startswith("/"):
        before = text.partition("/")[0]
        if ":" in before and not text[0].isalpha():
            return "first path segment in URL cannot contain colon"
        return "invalid URI for request"
    if not rest.startswith("/"):
        return "" if scheme is not None and rest else "" if scheme is not None else "invalid URI for request"
    if rest.startswith("//") and not (scheme is None and rest.startswith("///")):
        why = _authority_problem(re.split(r"[/?]", rest[2:], maxsplit=1)[0])
        if why:
            return why
    bad = re.search(r"%(?![0-9A-Fa-f]{2})", rest.partition("?")[0])
    return f"invalid URL escape {quote(rest[bad.start() : bad.start() + 3])}" if bad is not None else ""


def _authority_problem(authority: str) -> str:
    host = authority.rpartition("@")[2]
    port = host.rpartition("]")[2] if host.startswith("[") else host
    if host.startswith("[") and "]" not in host:
        return "missing ']' in host"
    colon = port.rfind(":")
    if colon >= 0 and not re.fullmatch(r":\d*", port[colon:], re.ASCII):
        return f"invalid port {quote(port[colon:])} after host"
    for char in host:
        if char in ' "<>\\^`{|}' or (char.isspace() and char.isascii()):
            return f"invalid character {quote(char)} in host name"
    return ""


def parse_url(text: str) -> URL:
    """Return a URL. Raises EvaluationError."""
    why = problem(text)
    if why:
        raise EvaluationError(f"URL parse error during conversion from string: {why}")
    before = text.partition("#")[0]
    scheme = _SCHEME.match(before)
    rest = before[scheme.end() :] if scheme is not None else before
    rest, _, query = rest.partition("?")
    host = ""
    if rest.startswith("//"):
        authority, slash, path = rest[2:].partition("/")
        host, rest = authority.rpartition("@")[2], slash + path
    elif scheme is not None and not rest.startswith("/"):
        # An opaque URL (mailto:somebody) has no path.
        rest = ""
    return URL(scheme[1].lower() if scheme is not None else "", host, rest, query)


def _query(url: URL) -> MapValue:
    found: dict[str, list[str]] = {}
    for key, value in parse.parse_qsl(url.query, keep_blank_values=True):
        found.setdefault(key, []).append(value)
    return MapValue([(key, ListValue(values)) for key, values in found.items()])
