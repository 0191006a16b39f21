"""The `Warning` headers of the API server: deprecated versions, unknown fields, risky settings."""

from __future__ import annotations

import logging
import re
import threading
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_log = logging.getLogger("dynkube.transport")

#: The one code the API server uses (RFC 7234 5.5.7: miscellaneous persistent warning).
CODE = 299
#: Distinct texts remembered; past it the memory starts anew, and a text may be logged once more.
MAX_REMEMBERED = 1000

_ENTRY = re.compile(r'\s*(\d{3}) ([^\s"]+) "((?:[^"\\]|\\.)*)"(?: "[^"]*")?\s*(?:,|$)')
_ESCAPED = re.compile(r"\\(.)")


class ServerWarning(NamedTuple):
    """One entry of a `Warning` header."""

    code: int
    agent: str
    text: str


def parse_warnings(headers: Iterable[str]) -> list[ServerWarning]:
    """Return the entries of `Warning` headers, each of which may hold several.

    An entry that cannot be parsed drops the rest of its header; one with control characters in its text, itself only.
    """
    found = []
    for header in headers:
        position = 0
        while position < len(header):
            entry = _ENTRY.match(header, position)
            if entry is None:
                break
            position = entry.end()
            text = _decoded(_ESCAPED.sub(r"\1", entry[3]))
            if text is not None:
                found.append(ServerWarning(int(entry[1]), entry[2], text))
    return found


class LogOnce:
    """The default handler: logs each distinct text once, at WARNING."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, text: str) -> None:
        """Log the text unless it was logged before."""
        with self._lock:
            if text in self._seen:
                return
            if len(self._seen) >= MAX_REMEMBERED:
                self._seen.clear()
            self._seen.add(text)
        _log.warning("the API server warns: %s", text)


def handle_warnings(headers: Iterable[str], handler: Callable[[str], None]) -> None:
    """Give the text of every 299 to `handler`; one that raises is logged and does not spoil the request."""
    for warning in parse_warnings(headers):
        if warning.code != CODE or not warning.text:
            continue
        try:
            handler(warning.text)
        except Exception:  # noqa: BLE001 - somebody else's code, and the answer is good
            _log.exception("the warning handler failed")


def _decoded(text: str) -> str | None:
    """Return the text with RFC 2047 words decoded, None if it holds control characters or invalid UTF-8."""
    try:
        # http.client reads header bytes as Latin-1; the server writes UTF-8.
        text = text.encode("latin-1").decode()
    except UnicodeEncodeError:
        return None if _has_control(text) else text
    except UnicodeDecodeError:
        return None
    if "=?" in text:
        from email.errors import HeaderParseError
        from email.header import decode_header, make_header

        try:
            text = str(make_header(decode_header(text)))
        except (HeaderParseError, LookupError, UnicodeDecodeError, ValueError):
            return None
    return None if _has_control(text) else text


def _has_control(text: str) -> bool:
    return any(ord(character) < 0x20 or ord(character) == 0x7F for character in text)
