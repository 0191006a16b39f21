"""What to tell whoever got a 401: which credentials were sent, and whether they are past their end."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING

from dynkube.transport.oidc import token_expiry

if TYPE_CHECKING:
    from dynkube.config import Config
    from dynkube.transport.credentials import Grant


def refusal(config: Config, grant: Grant, *, renewed: bool) -> str:
    """Return what was sent with a request that was answered 401, in words and without secrets.

    A bearer token that is a JSON Web Token and says when it ended, long ago, is the whole answer most of the time.
    """
    context = f", from context {config.context!r}" if config.context else ""
    if config.authentication == "anonymous":
        return f"no credentials were sent: none are configured{context}"
    token = grant.authorization.partition(b"Bearer ")[2].strip().decode("utf-8", "replace")
    # 0: it is no such token, or does not say.
    ended = token_expiry(token) if token.count(".") == 2 else 0.0
    late = time() - ended
    expiry = f", a token that expired {_span(late)} ago" if ended and late > 0 else ""
    again = "; fresh ones were refused, too" if renewed else ""
    return f"sent: {config.authentication}{expiry}{context}{again}"


def _span(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
