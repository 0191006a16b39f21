"""A transport without a network: answers by your rules, remembers what was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from dynkube.config import UNSET
from dynkube.transport import HTTPRequest, HTTPResponse

if TYPE_CHECKING:
    from dynkube.config import TimeoutLike, Unset

#: What a rule may be: an answer, an exception to raise, or a function of the request that returns an answer.
Rule: TypeAlias = "HTTPResponse | BaseException | Callable[[HTTPRequest], HTTPResponse]"


def json_answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HTTPResponse:
    """Return an answer that holds `value` as JSON."""
    lines = {"Content-Type": "application/json", **(headers or {})}
    return HTTPResponse(status, lines, json.dumps(value, ensure_ascii=False).encode())


def status_answer(code: int, reason: str, message: str = "", **fields: Any) -> HTTPResponse:
    """Return a failure `Status` as the API server writes it; `fields` add to it, `details={...}` for instance."""
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message or reason,
        "reason": reason,
        "code": code,
    }
    return json_answer({**status, **fields}, code)


def events_answer(events: Iterable[Mapping[str, Any]]) -> HTTPResponse:
    """Return the answer to a watch that has these events, one a line, and then ends."""
    lines = b"".join(json.dumps(event, ensure_ascii=False).encode() + b"\n" for event in events)
    return HTTPResponse(200, {"Content-Type": "application/json"}, lines)


class MockTransport:
    """Stands in for the real transport: `RESTClient(config, transport=MockTransport(...))`.

    `rules` is a function for all requests, or a mapping from "METHOD /path" (with or without the query; the exact one
    wins) to a rule. A list of rules is used up one by one, its last one stays. What no rule covers is answered 404.
    Safe to share between threads.
    """

    def __init__(self, rules: Callable[[HTTPRequest], HTTPResponse] | Mapping[str, Rule | Sequence[Rule]]) -> None:
        self._rules = rules
        self._lock = threading.Lock()
        self._used: dict[str, int] = {}
        #: Every request sent so far, in order.
        self.requests: list[HTTPRequest] = []
        #: Whether `close()` was called.
        self.closed = False

    def send(
        self,
        request: HTTPRequest,
        *,
        timeout: TimeoutLike | Unset = UNSET,  # noqa: ARG002 - the protocol's; nothing here takes time
        stream: bool = False,  # noqa: ARG002 - likewise
    ) -> HTTPResponse:
        """Remember the request and answer it by the rules."""
        with self._lock:
            self.requests.append(request)
            rule = self._rule(request)
        if isinstance(rule, BaseException):
            raise rule
        answer = rule(request) if callable(rule) else rule
        return HTTPResponse(
            answer.status, answer.headers, answer.read(), method=request.method, url=f"mock://server{request.target}"
        )

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True

    def __repr__(self) -> str:
        return f"<MockTransport {len(self.requests)} requests>"

    def _rule(self, request: HTTPRequest) -> Rule:
        if not isinstance(self._rules, Mapping):
            return self._rules
        path = request.target.partition("?")[0]
        for key in (f"{request.method} {request.target}", f"{request.method} {path}"):
            rule = self._rules.get(key)
            if isinstance(rule, Sequence):
                used = self._used.get(key, 0)
                self._used[key] = used + 1
                return rule[min(used, len(rule) - 1)]
            if rule is not None:
                return rule
        return status_answer(404, "NotFound", f"the mock has no rule for {request.method} {request.target}")
