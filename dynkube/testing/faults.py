"""Faults on demand: rules that delay, refuse or spoil answers, and things that happen to the whole server."""

from __future__ import annotations

import fnmatch
import random
import threading
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from dynkube.errors import InvalidRequestError
from dynkube.testing.http import failures
from dynkube.testing.http.connections import Damage, HTTPResponse
from dynkube.testing.http.negotiation import encode_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dynkube.testing.http.connections import HTTPRequest

#: What a fault can do, each with what it means.
KINDS: dict[str, str] = {
    "latency": "answer only after `seconds`",
    "error": "answer with a Status of code `status` (429 and 503 carry Retry-After: `retry_after`)",
    "reset-before-headers": "cut the connection instead of answering; the request is not carried out",
    "reset-after-headers": "carry the request out, send the head of the answer, then cut the connection",
    "truncate": "carry the request out and cut the connection in the middle of the body or of a watch frame",
    "half-open": "carry the request out, send the head, then say nothing more and keep the connection open",
    "silence": "take the request and never answer",
    "expired": "answer 410 Expired, as a list or watch from a version that is gone is answered",
    "html": "answer with a page of HTML, as a proxy does",
}
_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
_DAMAGES = {
    "reset-after-headers": Damage("after"),
    "truncate": Damage("within"),
    "half-open": Damage("after", silent=True),
}


@dataclass(slots=True, kw_only=True)
class Fault:
    """One rule. ``kind`` is one of `KINDS`.

    ``method`` and ``path`` (both with ``*`` as wildcard) choose the requests; the path is matched with its query if the
    pattern has a ``?`` in it. ``watch`` narrows to watches (True) or to everything else (False). ``probability`` is the
    chance of each matching request, ``count`` how many are hit before the rule is spent (None: no end), ``after`` how
    many matching ones pass first.
    """

    kind: str
    method: str = "*"
    path: str = "*"
    watch: bool | None = None
    probability: float = 1.0
    count: int | None = None
    after: int = 0
    seconds: float = 1.0
    status: int = 503
    retry_after: int = 1
    message: str = "fault injected"
    #: How many requests it has hit so far.
    hits: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidRequestError(f"unknown fault {self.kind!r}; known are {', '.join(KINDS)}")
        if not 0 <= self.probability <= 1:
            raise InvalidRequestError(f"probability must lie between 0 and 1, not {self.probability!r}")
        if self.seconds < 0:
            raise InvalidRequestError("seconds must not be negative")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Fault:
        """Return a rule from its JSON form. Raises InvalidRequestError naming what is wrong."""
        known = {part.name for part in fields(cls)} - {"hits"}
        unknown = sorted(set(values) - known)
        if unknown or "kind" not in values:
            problem = f"unknown field {unknown[0]!r}" if unknown else "'kind' is missing"
            raise InvalidRequestError(f"{problem} in a fault; fields are {', '.join(sorted(known))}")
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        """Return the rule in its JSON form, with how often it has hit."""
        return {part.name: getattr(self, part.name) for part in fields(self)}

    def matches(self, request: HTTPRequest) -> bool:
        """Tell whether the rule is about this request."""
        path = request.target if "?" in self.path else request.target.partition("?")[0]
        if not fnmatch.fnmatchcase(request.method, self.method) or not fnmatch.fnmatchcase(path, self.path):
            return False
        return self.watch is None or self.watch == _watching(request)


def _watching(request: HTTPRequest) -> bool:
    path, _, query = request.target.partition("?")
    flags = ("watch=1", "watch=true", "watch=True")
    return "/watch/" in path or any(part in flags for part in query.split("&"))


class Faults:
    """The rules in force, tried in the order they were added; the first that strikes decides (latency adds up)."""

    def __init__(self, *, seed: int | None = None) -> None:
        self._lock = threading.Lock()
        self._rules: list[Fault] = []
        self._random = random.Random(seed)  # noqa: S311 - chance, not secrecy

    def add(self, fault: Fault) -> Fault:
        """Put a rule in force and return it: its ``hits`` count from now on."""
        with self._lock:
            self._rules.append(fault)
        return fault

    def clear(self) -> None:
        """Lift all rules."""
        with self._lock:
            self._rules.clear()

    def rules(self) -> list[Fault]:
        """Return copies of the rules in force."""
        with self._lock:
            return [replace(rule) for rule in self._rules]

    def strike(self, request: HTTPRequest) -> list[Fault]:
        """Return the rules that hit this request, and count the hits."""
        struck: list[Fault] = []
        with self._lock:
            for rule in list(self._rules):
                if not rule.matches(request):
                    continue
                if rule.after > 0:
                    rule.after -= 1
                    continue
                if self._random.random() >= rule.probability:
                    continue
                rule.hits += 1
                if rule.count is not None and rule.hits >= rule.count:
                    self._rules.remove(rule)
                struck.append(rule)
                if rule.kind != "latency":
                    break
        return struck


def answered(fault: Fault, request: HTTPRequest, answer: Callable[[HTTPRequest], HTTPResponse]) -> HTTPResponse:
    """Return what the client gets under a fault other than latency."""
    if fault.kind == "reset-before-headers":
        return HTTPResponse(0, damage=Damage("before"))
    if fault.kind == "silence":
        return HTTPResponse(0, damage=Damage("before", silent=True))
    if fault.kind == "html":
        page = b"<html><head><title>502 Bad Gateway</title></head><body>bad gateway</body></html>\n"
        return HTTPResponse(502, {"Content-Type": "text/html"}, page)
    if fault.kind in ("error", "expired"):
        return _refused(fault)
    response = answer(request)
    response.damage = _DAMAGES[fault.kind]
    return response


def _refused(fault: Fault) -> HTTPResponse:
    status = 410 if fault.kind == "expired" else fault.status
    details: dict[str, Any] = {}
    headers = {"Content-Type": "application/json"}
    if status in (429, 503) and fault.retry_after:
        details["retryAfterSeconds"] = fault.retry_after
        headers["Retry-After"] = str(fault.retry_after)
    message = fault.message if fault.kind == "error" else "too old resource version: 1 (2)"
    failure = failures.Failure(_REASONS.get(status, ""), message, code=status, details=details)
    return HTTPResponse(status, headers, encode_json(failure.status) + b"\n")
