"""Request headers: checked, escaped, and encoded to bytes once."""

from __future__ import annotations

import os
import re
import sys
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING

import dynkube
from dynkube.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynkube.config import Config, Impersonation

# RFC 9110 5.6.2: what a header name, and so an impersonation key, may hold unescaped.
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_UNSAFE_KEY_BYTE = re.compile(rb"[^!#$&'*+\-.^_`|~0-9A-Za-z]")
# A line break would start a header of the caller's choice; other controls have no use but mischief.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def encode_header(name: str, value: str) -> bytes:
    """Return one header line, line end included; raises InvalidRequestError for what cannot or must not be sent.

    The message never quotes the value: it may be a credential.
    """
    if not _NAME.fullmatch(name):
        raise InvalidRequestError(
            f"header name {name!r} holds a character no header name may; use letters, digits, '-'"
        )
    if _CONTROL.search(value):
        raise InvalidRequestError(f"the value of header {name} holds a line break or control character; remove it")
    try:
        # kube-apiserver reads header bytes as UTF-8: user and group names may be anything.
        return f"{name}: {value}\r\n".encode()
    except UnicodeEncodeError:
        raise InvalidRequestError(f"the value of header {name} cannot be encoded as UTF-8") from None


def encode_headers(pairs: Iterable[tuple[str, str]]) -> bytes:
    """Return the lines of several headers."""
    return b"".join([encode_header(name, value) for name, value in pairs])


def impersonation_headers(whom: Impersonation | None) -> list[tuple[str, str]]:
    """Return the `Impersonate-*` headers: one line a group and one a value, nothing comma-joined.

    Extra keys are escaped byte by byte as client-go does (`transport.headerKeyEscape`); the server lower-cases, then
    unescapes them.
    """
    if whom is None or not (whom.user or whom.uid or whom.groups or whom.extra):
        return []
    pairs = [("Impersonate-User", whom.user)]
    if whom.uid:
        pairs.append(("Impersonate-Uid", whom.uid))
    pairs += (("Impersonate-Group", group) for group in whom.groups)
    for key, values in whom.extra.items():
        pairs += ((f"Impersonate-Extra-{_escape_key(key)}", value) for value in values)
    return pairs


def basic_authorization(username: str, password: str) -> str:
    """Return the `Authorization` value of RFC 7617, encoded as UTF-8."""
    return "Basic " + b64encode(f"{username}:{password}".encode()).decode("ascii")


def user_agent(config: Config) -> str:
    """Return what identifies this program: the configured text, else `program/version (os/arch) dynkube/version`.

    The server takes what stands before the first "/" as the field manager of writes that name none, so the program's
    name comes first and alone. Its version is unknown to a library; client-go writes "unknown" there too.
    """
    if config.user_agent:
        return config.user_agent
    own = getattr(dynkube, "__version__", "unknown")
    machine = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "unknown")
    program = re.sub(r"[^!#$%&'*+\-.^_`|~0-9A-Za-z]", "", Path(sys.argv[0] if sys.argv else "").name) or "python"
    return f"{program}/unknown ({sys.platform}/{machine.lower()}) dynkube/{own}"


def _escape_key(key: str) -> str:
    return _UNSAFE_KEY_BYTE.sub(lambda match: b"%%%02X" % match.group()[0], key.encode()).decode("ascii")
