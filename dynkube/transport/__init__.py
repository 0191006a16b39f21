"""Transport: from a request as data to an answer, over connections that are shared, verified and closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.transport.cancellation import Cancellation
from dynkube.transport.messages import Headers, HTTPRequest, HTTPResponse, Sender, split_lines

if TYPE_CHECKING:
    from dynkube.transport.transport import Transport

__all__ = ["Cancellation", "HTTPRequest", "HTTPResponse", "Headers", "Sender", "Transport", "split_lines"]


def __getattr__(name: str) -> Any:
    # Transport brings requests and ssl along, 70 ms of import that building requests or a mock does not need.
    if name == "Transport":
        from dynkube.transport.transport import Transport

        return Transport
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
