"""Plain HTTP calls to a server under test, with nothing of dynkube in between."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class Answer:
    """What came back: the status, lower-case headers, and the raw body."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.raw)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events of a watch that has ended."""
        return [json.loads(line) for line in self.raw.splitlines() if line]


def connection(url: str, ca: bytes | None = None) -> http.client.HTTPConnection:
    """Return a connection to a server, over TLS if its URL says so."""
    parts = urlsplit(url)
    assert parts.hostname
    if parts.scheme == "https":
        context = ssl.create_default_context(cadata=ca.decode() if ca else None)
        return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=20, context=context)
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)


class Caller:
    """Sends requests to one server, each on a connection of its own."""

    def __init__(self, url: str, *, ca: bytes | None = None, token: str | None = None) -> None:
        self.url = url
        self.ca = ca
        self.token = token

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send one request and return the whole answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token and "Authorization" not in named:
            named["Authorization"] = f"Bearer {self.token}"
        data = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
        link = connection(self.url, self.ca)
        try:
            link.request(method, path, data, named)
            response = link.getresponse()
            lower = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, lower, response.read())
        finally:
            link.close()

    def ok(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Return the decoded answer of a call that must succeed."""
        answer = self(method, path, body, **headers)
        assert answer.status < 300, (answer.status, answer.raw)
        return answer.json


class Stream:
    """An open watch: frames are read as they come."""

    def __init__(self, caller: Caller, path: str, **headers: str) -> None:
        self._link = connection(caller.url, caller.ca)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._link.request("GET", path, headers=named)
        self._response = self._link.getresponse()
        self.status = self._response.status

    def next(self) -> dict[str, Any]:
        """Return the next event; an AssertionError when the stream has ended."""
        line = self._response.readline()
        assert line, "the watch has ended"
        event: dict[str, Any] = json.loads(line)
        return event

    def rest(self) -> bytes:
        """Return everything up to the end of the stream."""
        return self._response.read()

    def close(self) -> None:
        """Leave the watch."""
        self._response.close()
        self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def raw_exchange(url: str, data: bytes) -> bytes:
    """Send bytes as they are and return everything the server says until it closes."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        received = b""
        while piece := sock.recv(65536):
            received += piece
    return received


def config_map(name: str, data: dict[str, str] | None = None, **metadata: Any) -> dict[str, Any]:
    """Return a ConfigMap manifest."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}, "data": data or {}}


def pod(name: str, **spec: Any) -> dict[str, Any]:
    """Return a Pod manifest with one container."""
    containers = [{"name": "main", "image": "busybox"}]
    metadata = {"name": name}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers, **spec}}


def definition(kind: str = "Widget", plural: str = "widgets", **spec: Any) -> dict[str, Any]:
    """Return a CRD manifest of group example.com with one version v1."""
    schema = {
        "type": "object",
        "properties": {
            "spec": {"type": "object", "properties": {"size": {"type": "integer", "default": 3}}},
            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural},
            "versions": [version],
            **spec,
        },
    }


CMS = "/api/v1/namespaces/default/configmaps"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"
#: What an object of the definition above says it is.
WIDGET = {"apiVersion": "example.com/v1", "kind": "Widget"}
