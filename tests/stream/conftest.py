"""An embedded server with a running pod called web, and clients that leave nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from transport.conftest import nothing_left, serve

from dynkube.testing import APIServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynkube.dynamic import DynamicClient, Resource
    from dynkube.testing.containers import Containers

__all__ = ["nothing_left", "serve"]

NODE = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1"}}


def pod(name: str, *containers: str, node: str = "node-1") -> dict[str, Any]:
    """Return a pod with these containers."""
    named = [{"name": each, "image": "registry.example/main:1"} for each in containers or ("main",)]
    spec = {"containers": named, **({"nodeName": node} if node else {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "spec": spec}


def running(obj: dict[str, Any]) -> dict[str, Any]:
    """Return the status of a pod whose containers run."""
    started = {"running": {"startedAt": "2026-01-31T12:00:00Z"}}
    states = [
        {"name": one["name"], "state": started, "ready": True, "image": "i", "imageID": "", "restartCount": 0}
        for one in obj["spec"]["containers"]
    ]
    return {"status": {"phase": "Running", "containerStatuses": states}}


@pytest.fixture
def server(nothing_left: None) -> Iterator[APIServer]:
    """Run an embedded server in which the pod web runs in a container called main."""
    with APIServer() as server, server.client() as dyn:
        server.load([NODE, pod("web")])
        dyn.resource("v1", "pods").namespace("default").subresource("status").patch("web", running(pod("web")))
        yield server


@pytest.fixture
def containers(server: APIServer) -> Containers:
    """Return what scripts the containers of the server."""
    return server.containers


@pytest.fixture
def dyn(server: APIServer) -> Iterator[DynamicClient]:
    """Return a client of the server."""
    with server.client() as dyn:
        yield dyn


@pytest.fixture
def pods(dyn: DynamicClient) -> Resource:
    """Return the pods of the namespace default."""
    return dyn.resource("v1", "pods").namespace("default")
