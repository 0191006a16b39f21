"""Transport: from a request as data to an answer, over connections that are shared, verified and closed."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from dynkube.transport.cancellation import Cancellation
from dynkube.transport.messages import Headers, HTTPRequest, HTTPResponse, Sender, split_lines

if TYPE_CHECKING:
    from dynkube.transport.backoff import ExponentialBackoff
    from dynkube.transport.observation import RequestEvent
    from dynkube.transport.retry import RetryPolicy
    from dynkube.transport.transport import Transport

# Transport brings requests and ssl along: building requests, or a mock, saves nine tenths of its import.
_MODULES = {
    "ExponentialBackoff": "dynkube.transport.backoff",
    "RequestEvent": "dynkube.transport.observation",
    "RetryPolicy": "dynkube.transport.retry",
    "Transport": "dynkube.transport.transport",
}

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
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_MODULES[name]), name)
    return value
