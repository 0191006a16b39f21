"""The channels of a command's WebSocket: the protocols v4 and v5.channel.k8s.io (apimachinery util/remotecommand)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dynkube.errors import ResponseError, status_error
from dynkube.stream import handshake
from dynkube.stream.websocket import WebSocket
from dynkube.values import replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dynkube.config import TimeoutLike, Unset
    from dynkube.rest import RESTClient
    from dynkube.transport import HTTPRequest

STDIN = 0
STDOUT = 1
STDERR = 2
ERROR = 3
RESIZE = 4
#: Followed by the number of a channel nothing more will be sent on (v5 only).
CLOSE = 255

V5 = "v5.channel.k8s.io"
V4 = "v4.channel.k8s.io"
#: What is offered to run a command; v4 is for servers before Kubernetes 1.30.
COMMAND_PROTOCOLS = (V5, V4)

#: The reason and the cause by which a Status says with which code a command ended.
NON_ZERO_EXIT_CODE = "NonZeroExitCode"
EXIT_CODE = "ExitCode"


def open_websocket(
    rest: RESTClient, request: HTTPRequest, protocols: Sequence[str], *, timeout: TimeoutLike | Unset
) -> tuple[WebSocket, str]:
    """Ask for an upgrade and return the connection and the subprotocol the server chose.

    It is the client's connection like any other: its TLS, proxy, credentials and limits. Refusals of the server are
    StatusErrors; an answer that is no proper upgrade is a ResponseError.
    """
    key = handshake.new_key()
    upgrade = replace(request, headers=(*request.headers, *handshake.upgrade_headers(key, protocols)))
    response = rest.open(upgrade, timeout=timeout)
    try:
        chosen = handshake.agreed_protocol(response, key, protocols)
        sock, early = response.detach()
    except BaseException:
        response.close()
        raise
    websocket = WebSocket(
        sock, early, client=True, hang_up=response.shutdown, release=response.close, failure=response.failure
    )
    return websocket, chosen


def exit_code_of(status: bytes, *, method: str, url: str) -> int:
    """Return the exit code the error channel tells of.

    Raises the StatusError of a command that could not be run at all, and ResponseError for what is no Status.
    """
    try:
        value: Any = json.loads(status)
        succeeded = value["status"] == "Success"
    except (ValueError, RecursionError, KeyError, TypeError):
        what = status[:200].decode("utf-8", "replace") if status else "nothing"
        raise ResponseError(f"the server says {what!r} of how the command ended", method=method, url=url) from None
    if succeeded:
        return 0
    error = status_error(value, method=method, url=url, code=_code(value), headers={})
    if error.reason == NON_ZERO_EXIT_CODE:
        for cause in error.causes:
            text = str(cause.get("message", ""))
            if cause.get("reason") == EXIT_CODE and text.lstrip("-").isdigit():
                return int(text)
    raise error


def exit_status(code: int) -> dict[str, Any]:
    """Return the Status that says with which code a command ended, as a kubelet does."""
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": NON_ZERO_EXIT_CODE,
        "details": {"causes": [{"reason": EXIT_CODE, "message": str(code)}]},
    }


def _code(status: dict[str, Any]) -> int:
    code = status.get("code")
    return code if isinstance(code, int) else 500
