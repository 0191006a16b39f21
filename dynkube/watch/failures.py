"""What a failure means to a watch: whether it passes, and whether a resourceVersion is to blame."""

from __future__ import annotations

from dynkube.errors import (
    Gone,
    InternalError,
    ResponseError,
    ServerTimeout,
    ServiceUnavailable,
    StatusError,
    StorageReadError,
    Timeout,
    TooManyRequests,
    TransportError,
)

#: Answers after which the same request may succeed.
_PASSING = (TooManyRequests, InternalError, ServiceUnavailable, ServerTimeout, Timeout, StorageReadError)


def is_expired(error: Exception) -> bool:
    """Tell whether the server no longer has the requested resourceVersion or continue token (410, either reason)."""
    return isinstance(error, Gone)


def is_passing(error: Exception) -> bool:
    """Tell whether the server refused for now only: overload, a failure of its own, a shutdown."""
    return isinstance(error, _PASSING) or (isinstance(error, StatusError) and error.code >= 500)


def is_internal(error: Exception | None) -> bool:
    """Tell whether the server itself failed at this, which a gateway's 502 does not say."""
    return isinstance(error, InternalError) and error.code in {0, 500}


def is_version_too_large(error: Exception) -> bool:
    """Tell whether the server has not yet reached the requested resourceVersion (restored from a backup, or behind)."""
    if not isinstance(error, StatusError):
        return False
    if error.has_cause("ResourceVersionTooLarge"):
        return True
    texts = [error.message, *(str(cause.get("message", "")) for cause in error.causes)]
    return isinstance(error, Timeout) and any("Too large resource version" in text for text in texts)


def is_connection(error: Exception) -> bool:
    """Tell whether there was no answer at all."""
    return isinstance(error, TransportError) and not isinstance(error, ResponseError)


def version_unavailable(error: Exception) -> bool:
    """Tell whether the server has not, or no longer, what was asked for at this resourceVersion."""
    return is_expired(error) or is_version_too_large(error)
