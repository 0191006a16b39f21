"""Transport: from a request as data to an answer, over connections that are shared, verified and closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.transport.backoff import ExponentialBackoff
from dynkube.transport.cancellation import Cancellation
from dynkube.transport.messages import Headers, HTTPRequest, HTTPResponse, Sender, split_lines
from dynkube.transport.observation import RequestEvent
from dynkube.transport.retry import RetryPolicy

if TYPE_CHECKING:
    from dynkube.transport.transport import Transport

__all__ = [
    "Cancellation",
    "ExponentialBackoff",
    "HTTPRequest",
    "HTTPResponse",
    "Headers",
    "RequestEvent",
    "RetryPolicy",
    "Sender",
    "Transport",
    "split_lines",
]


def __getattr__(name: str) -> Any:
    # Transport brings requests and ssl along, 70 ms of import that building requests or a mock does not need.
    if name == "Transport":
        from dynkube.transport.transport import Transport

        return Transport
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
