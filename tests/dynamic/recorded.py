"""A transport that answers as a real 1.36 server was recorded to: discovery, tables, and what else a test adds."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynkube.config import UNSET, Config
from dynkube.dynamic import DynamicClient
from dynkube.rest import RESTClient
from dynkube.transport import HTTPResponse

if TYPE_CHECKING:
    from dynkube.config import TimeoutLike, Unset
    from dynkube.transport import HTTPRequest

TRANSCRIPTS = Path(__file__).parents[2] / "fixtures" / "transcripts"

JSON = "application/json"


@functools.cache
def steps(scenario: str) -> tuple[dict[str, Any], ...]:
    """Return the recorded steps of one scenario."""
    lines = (TRANSCRIPTS / f"{scenario}.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(step for step in map(json.loads, lines) if "request" in step)


class Recorded:
    """Answers by method and target: first what a test put into `answers`, then the first recorded step that fits."""

    def __init__(self, *scenarios: str) -> None:
        self.answers: dict[tuple[str, str], list[Any]] = {}
        self.requests: list[HTTPRequest] = []
        self._steps = [step for name in ("discovery-aggregated", *scenarios) for step in steps(name)]

    def answer(self, method: str, target: str, *bodies: Any, status: int = 200) -> None:
        """Answer requests to `target` with `bodies` in turn, the last one for ever; a list of dicts is a watch."""
        self.answers[method, target] = [(status, body) for body in bodies]

    def send(self, request: HTTPRequest, *, timeout: TimeoutLike | Unset = UNSET, stream: bool = False) -> HTTPResponse:
        """Answer as a transport does, whatever the status."""
        self.requests.append(request)
        status, headers, body = self._find(request)
        if isinstance(body, list):
            content = b"".join(json.dumps(event).encode() + b"\n" for event in body)
        else:
            content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        return HTTPResponse(status, headers, content, method=request.method, url=request.target)

    def close(self) -> None:
        """Release nothing."""

    @property
    def targets(self) -> list[str]:
        """Targets asked for, discovery left out."""
        return [each.target for each in self.requests if each.target not in ("/api", "/apis")]

    @property
    def discoveries(self) -> int:
        """How many requests discovery made."""
        return len(self.requests) - len(self.targets)

    def client(self, **config: Any) -> DynamicClient:
        """Return a client that talks to this server."""
        settings = Config(**config)
        return DynamicClient(settings, rest=RESTClient(settings, transport=self))

    def _find(self, request: HTTPRequest) -> tuple[int, dict[str, str], Any]:
        scripted = self.answers.get((request.method, request.target))
        if scripted:
            status, body = scripted.pop(0) if len(scripted) > 1 else scripted[0]
            return status, {"Content-Type": JSON}, body
        for step in self._steps:
            if (step["request"]["method"], step["request"]["path"]) == (request.method, request.target):
                response = step["response"]
                headers = {"Content-Type": response["headers"]["content-type"]}
                return response["status"], headers, response.get("body", response.get("text", ""))
        return 404, {"Content-Type": "text/plain"}, "404 page not found"
