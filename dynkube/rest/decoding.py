"""From the bytes of an answer to the object in it, or to the exception that says what came instead."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dynkube.errors import ResponseError, response_error, status_error
from dynkube.rest.long_lists import decode_pieces

if TYPE_CHECKING:
    from dynkube.transport import HTTPResponse

#: Characters of an unexpected text shown in a message.
_EXCERPT = 120


def check_status(response: HTTPResponse) -> None:
    """Return if the server carried the request out (any 2xx); else read the body and raise its StatusError."""
    if not 200 <= response.status < 300:
        raise response_error(
            method=response.method,
            url=response.url,
            code=response.status,
            headers=response.headers,
            body=response.read(),
            hint=response.remark,
        )


def decode_object(response: HTTPResponse) -> dict[str, Any]:
    """Return the JSON object a 2xx answer holds; its body is used up.

    Raises the StatusError of a failure Status that came with a 2xx code, and ResponseError for anything but an object,
    saying what it looks like: an HTML page of a proxy, an empty body, broken JSON.
    """
    pieces = response.consume()
    body = pieces[0][: 4 * _EXCERPT]
    try:
        # json.loads would look for UTF-16 first; the API speaks UTF-8 only (RFC 8259).
        value = json.loads(pieces.pop().decode()) if len(pieces) == 1 else decode_pieces(pieces)
    except (ValueError, RecursionError) as error:
        raise _not_json(response, body, error) from None
    if not isinstance(value, dict):
        raise ResponseError(
            f"the answer is JSON but no object: a {type(value).__name__}",
            method=response.method,
            url=response.url,
            code=response.status,
        )
    if value.get("kind") == "Status" and value.get("status") == "Failure":
        raise status_error(
            value, method=response.method, url=response.url, code=response.status, headers=response.headers
        )
    return value


def excerpt(data: bytes) -> str:
    """Return the start of an unexpected text, for a message; never of JSON, which may hold a Secret."""
    text = " ".join(data[: 4 * _EXCERPT].decode("utf-8", "replace").split())
    if not text:
        return "nothing"
    if text[0] in '{["':
        return "something that begins like JSON"
    return repr(text if len(text) <= _EXCERPT else text[:_EXCERPT] + "…")


def _not_json(response: HTTPResponse, body: bytes, error: Exception) -> ResponseError:
    kind = response.media_type
    if not body:
        what = "the answer is empty where an object was expected"
    elif "html" in kind or body.lstrip()[:1] == b"<":
        what = (
            f"the answer is a web page, not the Kubernetes API: {excerpt(body)}; "
            "a proxy or login page may stand between, or the address is not that of an API server"
        )
    elif kind and "json" not in kind:
        what = f"the answer is {kind}, not JSON: {excerpt(body)}"
    else:
        what = f"the answer is no proper JSON ({_reason(error)}): {excerpt(body)}"
    return ResponseError(what, method=response.method, url=response.url, code=response.status)


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos}"
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 at byte {error.start}"
    return "nested too deeply"
