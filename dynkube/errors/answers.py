"""From what a server answered, a ``Status`` or anything else, to the exception that says so."""

from __future__ import annotations

import json
import re
from email.utils import parsedate_to_datetime
from html import unescape
from time import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dynkube.errors import (
    AlreadyExists,
    BadRequest,
    Conflict,
    Expired,
    Forbidden,
    Gone,
    InternalError,
    Invalid,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    RequestEntityTooLarge,
    ServerTimeout,
    ServiceUnavailable,
    StatusError,
    StorageReadError,
    Timeout,
    TooManyRequests,
    Unauthorized,
    UnsupportedMediaType,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Longest part of an unstructured answer that is kept in a message, in bytes (client-go keeps the same amount).
MAX_BODY_IN_MESSAGE = 2048
#: Characters of a web page's words that are kept in a message.
MAX_PAGE_IN_MESSAGE = 200
#: Every reason the API defines and its class.
REASONS: Mapping[str, type[StatusError]] = MappingProxyType(
    {
        cls.__name__: cls
        for cls in (
            *(BadRequest, Unauthorized, Forbidden, NotFound, MethodNotAllowed, NotAcceptable, AlreadyExists, Conflict),
            *(Gone, Expired, RequestEntityTooLarge, UnsupportedMediaType, Invalid, TooManyRequests, InternalError),
            *(ServerTimeout, ServiceUnavailable, Timeout, StorageReadError),
        )
    }
)

#: The class for a code whose reason is empty or unknown (apimachinery ``reasonAndCodeForError``).
_CODES: Mapping[int, type[StatusError]] = MappingProxyType(
    {
        400: BadRequest,
        401: Unauthorized,
        403: Forbidden,
        404: NotFound,
        405: MethodNotAllowed,
        406: NotAcceptable,
        409: Conflict,
        410: Gone,
        413: RequestEntityTooLarge,
        415: UnsupportedMediaType,
        422: Invalid,
        429: TooManyRequests,
        500: InternalError,
        503: ServiceUnavailable,
        504: Timeout,
    }
)

#: What an answer without a Status means, by code; {text} is the body where it is text.
_GENERIC_MESSAGES: Mapping[int, str] = MappingProxyType(
    {
        400: "the server rejected the request and did not say why",
        401: "the server wants credentials, or does not accept those that were sent",
        403: "{text}",
        404: "the server has no such resource",
        405: "the server does not allow this method on this resource",
        406: "the server cannot answer in an accepted media type ({text})",
        409: "the server reported a conflict",
        415: "{text}",
        422: "the server found the request invalid and did not say why",
        429: "the server has too many requests and asks to try again later",
        503: "the server cannot handle the request at present",
        504: "the server ran out of time; the request may still take effect",
    }
)


def status_error(
    status: Mapping[str, Any],
    *,
    method: str,
    url: str,
    code: int,
    headers: Mapping[str, str] | None = None,
    hint: str = "",
) -> StatusError:
    """Return the exception for a ``Status`` the server sent.

    The class follows the reason, and the code where the reason is empty or unknown; ``code`` is the HTTP status and
    stands in for a Status without one (0: unknown, as for an event of a watch). ``retry_after`` is
    ``details.retryAfterSeconds`` of the Status, else the ``Retry-After`` header.
    """
    reason = str(status.get("reason") or "")
    code = code or _integer(status.get("code")) or 0
    cls = REASONS.get(reason) or _CODES.get(code) or (InternalError if code > 500 else StatusError)
    retry_after = _retry_after(status, headers or {})
    return cls(status, method=method, url=url, code=code, retry_after=retry_after, hint=hint)


def response_error(
    *, method: str, url: str, code: int, headers: Mapping[str, str], body: bytes, hint: str = ""
) -> StatusError:
    """Return the exception for an unsuccessful HTTP answer, whatever its body. ``hint`` ends up in its text.

    A body that is a failure ``Status`` is taken as it is. Anything else becomes the generic Status client-go builds
    (``NewGenericServerResponse``): reason by code, the text in a cause of reason ``UnexpectedServerResponse``.
    """
    status = _decode_status(body)
    if status is None:
        status = _generic_status(method, code, headers, body)
    return status_error(status, method=method, url=url, code=code, headers=headers, hint=hint)


def parse_retry_after(value: str | None) -> float | None:
    """Return the seconds a ``Retry-After`` header asks for (a number or an HTTP date), or None if it says nothing."""
    if not value:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time())
    except (TypeError, ValueError, OverflowError):
        return None


def _integer(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _header(headers: Mapping[str, str], name: str) -> str | None:
    return next((value for key, value in headers.items() if key.lower() == name), None)


def _retry_after(status: Mapping[str, Any], headers: Mapping[str, str]) -> float | None:
    details = status.get("details")
    seconds = _integer(details.get("retryAfterSeconds")) if isinstance(details, dict) else None
    if seconds and seconds > 0:
        return float(seconds)
    from_header = parse_retry_after(_header(headers, "retry-after"))
    if from_header is None and status.get("reason") == "ServerTimeout":
        return 0.0  # this reason alone already invites another try (apimachinery SuggestsClientDelay)
    return from_header


def _decode_status(body: bytes) -> dict[str, Any] | None:
    if body.lstrip()[:1] != b"{":
        return None
    try:
        decoded = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if isinstance(decoded, dict) and decoded.get("kind") == "Status" and decoded.get("status") == "Failure":
        return decoded
    return None


def _is_web_page(content_type: str, text: str) -> bool:
    return content_type.startswith(("text/html", "application/xhtml")) or text[:1] == "<"


def _visible(page: str) -> str:
    """Return the words of a web page: of a load balancer's they name it and say what is wrong."""
    text = re.sub(r"(?is)<(script|style)\b.*?(</\1>|\Z)|<!--.*?(-->|\Z)|<[^>]*(>|\Z)", " ", page)
    words = " ".join(unescape(text).split())
    return repr(words if len(words) <= MAX_PAGE_IN_MESSAGE else words[:MAX_PAGE_IN_MESSAGE] + "…") if words else "blank"


def _generic_status(method: str, code: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    content_type = (_header(headers, "content-type") or "").strip().lower()
    text = "unknown"
    if not content_type or content_type.startswith("text/"):
        text = body[:MAX_BODY_IN_MESSAGE].decode("utf-8", "replace").strip() or text
    cls = _CODES.get(code)
    reason = cls.__name__ if cls is not None and code in _GENERIC_MESSAGES else ""
    if code == 409 and method == "POST":
        reason = AlreadyExists.__name__
    message = _GENERIC_MESSAGES.get(code)
    if _is_web_page(content_type, text):
        message = f"not the API server but something before it answered, with a web page: {_visible(text)}"
        reason = reason or (InternalError.__name__ if code >= 500 else "")
    elif message is not None:
        message = message.format(text=text)
    elif code >= 500:
        reason, message = InternalError.__name__, f"the server failed: {text}"
    else:
        message = f"the server answered {code} and did not say why"
    details: dict[str, Any] = {"causes": [{"reason": "UnexpectedServerResponse", "message": text}]}
    delay = parse_retry_after(_header(headers, "retry-after"))
    if delay is not None:
        details["retryAfterSeconds"] = int(delay)
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "details": details,
        "code": code,
    }
