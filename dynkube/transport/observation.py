"""What others may see of requests: an event per request on the wire, and a debug log without secrets."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from dynkube.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dynkube.transport.messages import HTTPRequest

_log = logging.getLogger("dynkube.transport")

_KEPT_SCHEMES = frozenset({"bearer", "basic", "negotiate"})
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})


class RequestEvent(Value):
    """One request on the wire and its outcome.

    `code` is None when there was no answer; `seconds` end at the headers of a stream, otherwise at the end of the body;
    `attempt` counts from 1. `resent` counts what an attempt does not: reads that were sent again at once, on another
    connection, because the server had closed an idle one at that moment.
    """

    verb: str
    template: str
    method: str
    url: str
    code: int | None
    seconds: float
    attempt: int
    resent: int = 0


def notify(hooks: Iterable[Callable[[RequestEvent], None]], event: RequestEvent) -> None:
    """Call every hook; one that raises is logged and does not spoil the request."""
    for hook in hooks:
        try:
            hook(event)
        except Exception:  # noqa: BLE001, PERF203 - somebody else's code, and the answer is good
            _log.exception("a request hook failed")


def log_request(request: HTTPRequest, event: RequestEvent) -> None:
    """Write the request to the debug log: line, headers with secrets masked, outcome; never a body."""
    headers = ", ".join(f"{name}: {mask_header(name, value)}" for name, value in request.headers)
    _log.debug(
        "%s %s [%s] attempt %d: %s in %.3f s",
        request.method,
        event.url,
        headers,
        event.attempt,
        event.code if event.code is not None else "no answer",
        event.seconds,
    )


def mask_header(name: str, value: str) -> str:
    """Return a header's value fit for a log: of an authorization only the scheme, and that only if it is well known."""
    if name.lower() not in _SECRET_HEADERS:
        return value
    scheme = value.partition(" ")[0]
    return f"{scheme} ***" if scheme.lower() in _KEPT_SCHEMES and " " in value else "***"


_TOKEN_LIKE = re.compile(
    r"eyJ[\w-]{5,}\.[\w-]+\.?[\w-]*"  # a JSON Web Token
    r"|(?i:bearer|basic)\s+[\w~+/.=-]{6,}"
    r"|(?<=[\"' ])k8s-aws-v1\.[\w-]+"
)
_NAMED_SECRET = re.compile(
    r"""(?ix)(["']?[\w.-]*(?:token|secret|password|passwd|api[_-]?key|access[_-]?key|credential)[\w.-]*["']?\s*[=:]\s*)
    (?:"[^"]*"|'[^']*'|[^\s,;}]+)"""
)
_PEM = re.compile(r"-----BEGIN [^-]*PRIVATE KEY-----.*?(?:-----END [^-]*PRIVATE KEY-----|\Z)", re.DOTALL)


def mask_secrets(text: str, known: Iterable[str] = ()) -> str:
    """Return text of unknown origin with what is, or looks like, a secret replaced by `***`.

    `known` are secrets to look for; tokens, private keys and `name=value` pairs with telling names go in any case.
    """
    for secret in sorted({item for item in known if len(item) >= 4}, key=len, reverse=True):
        text = text.replace(secret, "***")
    text = _PEM.sub("***", text)
    text = _NAMED_SECRET.sub(r"\1***", text)
    return _TOKEN_LIKE.sub("***", text)
