"""A server without a network: answers by path, and counts what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from dynkube.config import UNSET, Config, TimeoutLike, Unset
from dynkube.discovery.media_types import is_aggregated
from dynkube.rest import RESTClient
from dynkube.transport import HTTPRequest, HTTPResponse

V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
V2BETA1 = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
JSON = "application/json"

TRANSCRIPTS = Path(__file__).parents[2] / "fixtures" / "transcripts"


@dataclass
class Answer:
    """One answer; a dict or list body is sent as JSON."""

    body: Any = ""
    status: int = 200
    content_type: str = JSON
    etag: str = ""

    @property
    def encoded(self) -> bytes:
        """The body as it goes over the wire."""
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


Handler = Callable[[HTTPRequest], Answer]


@dataclass
class FakeServer:
    """A transport that answers from ``answers``, by path."""

    answers: dict[str, Answer | Exception | Handler] = field(default_factory=dict)
    requests: list[HTTPRequest] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    @property
    def rest(self) -> RESTClient:
        """A RESTClient that talks to this server."""
        return RESTClient(Config(), transport=self)

    def send(self, request: HTTPRequest, *, timeout: TimeoutLike | Unset = UNSET, stream: bool = False) -> HTTPResponse:
        """Answer as a transport does, whatever the status."""
        with self.lock:
            self.requests.append(request)
        answer = self.answers.get(request.target, Answer("404 page not found", 404, "text/plain"))
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, Exception):
            raise answer
        headers = {"Content-Type": answer.content_type}
        if answer.etag:
            headers["ETag"] = answer.etag
            if dict(request.headers).get("If-None-Match") == answer.etag:
                return HTTPResponse(304, headers, url=request.target)
        return HTTPResponse(answer.status, headers, answer.encoded, url=request.target)

    def close(self) -> None:
        """Release nothing."""

    @property
    def paths(self) -> list[str]:
        """The paths asked for, in order."""
        return [request.target for request in self.requests]


def wants_aggregated(request: HTTPRequest) -> bool:
    """Whether the request's Accept header puts the aggregated form first."""
    return is_aggregated(dict(request.headers)["Accept"].split(",")[0])


def transcript(name: str) -> FakeServer:
    """Return a server that answers as the recorded one did; nothing it does not know is invented."""
    server = FakeServer()
    for line in (TRANSCRIPTS / f"{name}.jsonl").read_text().splitlines():
        step = json.loads(line)
        if "request" not in step or step["request"]["path"] in server.answers:
            continue
        response = step["response"]
        headers = response["headers"]
        server.answers[step["request"]["path"]] = Answer(
            response.get("body", response.get("text", "")),
            response["status"],
            headers["content-type"],
            headers.get("etag", ""),
        )
    return server


def resource(name: str, kind: str = "", **fields: Any) -> dict[str, Any]:
    """Return an aggregated entry for a namespaced resource; ``fields`` replace or add to what it holds."""
    kind = kind or name.capitalize().removesuffix("s")
    entry: dict[str, Any] = {
        "resource": name,
        "responseKind": {"group": "", "version": "", "kind": kind},
        "scope": "Namespaced",
        "singularResource": kind.lower(),
        "verbs": ["get", "list"],
    }
    entry.update(fields)
    return {key: value for key, value in entry.items() if value is not None}


def subresource(name: str, kind: str, **fields: Any) -> dict[str, Any]:
    """Return an aggregated entry for a subresource."""
    return {"subresource": name, "responseKind": {"group": "", "version": "", "kind": kind}, "verbs": ["get"], **fields}


def version(name: str, *resources: Any, freshness: str = "Current") -> dict[str, Any]:
    """Return an aggregated version."""
    return {"version": name, "resources": list(resources), "freshness": freshness}


def group(name: str, *versions: Any) -> dict[str, Any]:
    """Return an aggregated group; the core group has no name."""
    return {"metadata": {"name": name} if name else {}, "versions": list(versions)}


def aggregated(*groups: Any, content_type: str = V2, etag: str = "") -> Answer:
    """Return an aggregated answer."""
    api_version = "apidiscovery.k8s.io/v2beta1" if "v2beta1" in content_type else "apidiscovery.k8s.io/v2"
    document = {"kind": "APIGroupDiscoveryList", "apiVersion": api_version, "metadata": {}, "items": list(groups)}
    return Answer(document, content_type=content_type, etag=etag)


def legacy_versions(*versions: str) -> Answer:
    """Return the plain answer of /api."""
    return Answer({"kind": "APIVersions", "versions": list(versions)})


def legacy_groups(**groups: list[str]) -> Answer:
    """Return the plain answer of /apis: group names (with _ for .) and their versions, the first one preferred."""
    entries = []
    for key, versions in groups.items():
        name = key.replace("_", ".")
        listed = [{"groupVersion": f"{name}/{v}", "version": v} for v in versions]
        entries.append({"name": name, "versions": listed, "preferredVersion": listed[0] if listed else None})
    return Answer({"kind": "APIGroupList", "apiVersion": "v1", "groups": entries})


def legacy_resources(group_version: str, *resources: dict[str, Any]) -> Answer:
    """Return the plain answer for one group version."""
    return Answer({"kind": "APIResourceList", "groupVersion": group_version, "resources": list(resources)})


def legacy_resource(name: str, kind: str, **fields: Any) -> dict[str, Any]:
    """Return an entry of an APIResourceList."""
    return {
        "name": name,
        "singularName": "" if "/" in name else kind.lower(),
        "namespaced": True,
        "kind": kind,
        "verbs": ["get", "list"],
        **fields,
    }
