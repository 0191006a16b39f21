"""When a request is sent again: the rules, apart from the sending."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

from dynkube.errors import parse_retry_after
from dynkube.values import Value

if TYPE_CHECKING:
    from dynkube.transport.messages import HTTPResponse

#: Methods that change nothing, so that sending them twice is as good as once.
READS = frozenset({"GET", "HEAD", "OPTIONS"})
#: Answers of a read that usually pass within seconds: overload, a restarting server or load balancer.
_PASSING = frozenset({429, 502, 503})


class RetryPolicy(Value, kw_only=True):
    """How often and after how long. `RetryPolicy(hinted=0, unhinted=0)` never retries.

    A read (GET) is sent again after 429, 502 and 503, after any 5xx that says when to come back, after a connection
    that was closed before the first byte of the answer, and after a body that was cut short. A write is sent again
    after a 429 that says when to come back, and after nothing else: only then did the server say that it did not
    carry it out. Refused connections, unknown names, TLS failures and timeouts are never retried.
    """

    #: Retries where the server says when to come back (client-go's maxRetries).
    hinted: int = 10
    #: Retries where it does not.
    unhinted: int = 4
    #: Seconds of the first pause without a hint; each next one is twice as long, up to `longest`. No pause is shorter
    #: than the first, whatever the server says: its `Retry-After: 0` would be eleven requests at once.
    first: float = 0.5
    longest: float = 8.0
    #: A server that asks for a longer pause than this, in seconds, is not waited for.
    most_asked: float = 60.0
    #: Share by which pauses without a hint are longer by chance, so that clients do not come back all at once.
    jitter: float = 0.25

    def after_answer(self, method: str, retries: int, response: HTTPResponse) -> float | None:
        """Return the seconds to wait before sending again, None to leave it at this answer; `retries` were made."""
        status = response.status
        if status != 429 and (status < 500 or method not in READS):
            return None
        asked = asked_pause(response)
        if asked is not None:
            return max(asked, self.first) if retries < self.hinted and asked <= self.most_asked else None
        return self._pause(retries) if method in READS and status in _PASSING else None

    def after_break(self, method: str, retries: int) -> float | None:
        """Return the seconds to wait after a connection that broke, None to give up."""
        return self._pause(retries) if method in READS else None

    def _pause(self, retries: int) -> float | None:
        if retries >= self.unhinted:
            return None
        pause = min(self.longest, self.first * 2.0**retries)
        return pause * (1.0 + self.jitter * random.random())  # noqa: S311 - spreads load, guards nothing


def asked_pause(response: HTTPResponse) -> float | None:
    """Return the seconds the server asks to wait: `Retry-After` (number or date), else `details.retryAfterSeconds`."""
    header = parse_retry_after(response.headers.get("retry-after"))
    if header is not None:
        return header
    body = response.read()
    if b"retryAfterSeconds" not in body:
        return None
    try:
        seconds = json.loads(body)["details"]["retryAfterSeconds"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return float(seconds) if isinstance(seconds, int) and seconds > 0 else None
