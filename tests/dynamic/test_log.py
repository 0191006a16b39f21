"""Logs of pods: subresources that are text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynkube.errors import BadRequest, InvalidRequestError, NotFound
from dynkube.testing import APIServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynkube.dynamic import Subresource


@pytest.fixture
def server() -> Iterator[APIServer]:
    """Return a fresh embedded server."""
    with APIServer(controllers=False) as made:
        yield made


@pytest.fixture
def logs(server: APIServer) -> Iterator[Subresource]:
    """Return the logs of the pods in the namespace "default", of which there is one, web, on no node yet."""
    with server.client() as client:
        pods = client.resource("v1", "pods").namespace("default")
        containers = [{"name": name, "image": "busybox:1.36"} for name in ("main", "other")]
        pods.create({"metadata": {"name": "web"}, "spec": {"containers": containers}})
        yield pods.subresource("log")


def test_text(server: APIServer, logs: Subresource) -> None:
    """The log comes as it is, with the options the API has for it."""
    server.containers.set_log("default", "web", "one\ntwo\nthr\u00e9e\n", container="main")
    assert logs.text("web", query={"container": "main"}) == "one\ntwo\nthr\u00e9e\n"
    assert logs.text("web", query={"container": "main", "tailLines": 1, "sinceSeconds": None}) == "thr\u00e9e\n"


def test_before_the_pod_starts(logs: Subresource) -> None:
    """The server answers 204 then: a log that is empty, and no failure."""
    assert logs.text("web", query={"container": "main"}) == ""


def test_lines_that_look_like_json(server: APIServer, logs: Subresource) -> None:
    """They stay text."""
    server.containers.set_log("default", "web", '{"kind":"Status","status":"Failure"}\n')
    assert logs.text("web", query={"container": "main"}) == '{"kind":"Status","status":"Failure"}\n'


def test_refusals(logs: Subresource) -> None:
    """What the server refuses is raised as from any verb."""
    with pytest.raises(NotFound, match='pods "nosuch" not found'):
        logs.text("nosuch")
    with pytest.raises(BadRequest, match="a container name must be specified"):
        logs.text("web")


def test_get(server: APIServer, logs: Subresource) -> None:
    """`get` is for objects: it says which call is for logs, and does not ask the server for one."""
    with pytest.raises(InvalidRequestError, match=r"a log is text and no object: call \.text\('web'\)"):
        logs.get("web")
    assert not any(request.path.endswith("/log") for request in server.requests)
