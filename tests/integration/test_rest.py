"""Requests put together by hand, and what their answers carry besides the object."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from integration.objects import config_map

if TYPE_CHECKING:
    from dynkube.dynamic import DynamicClient
    from integration.conftest import Server


def test_a_request_in_the_fluent_form(dyn: DynamicClient, namespace: str) -> None:
    """Path, query, body and answer, as client-go writes them."""
    rest = dyn.rest
    created = rest.post().abs_path("api", "v1").namespace(namespace).resource("configmaps").body(config_map("a")).into()
    read = rest.get().abs_path("api", "v1").namespace(namespace).resource("configmaps").name("a").do()
    assert (read.status_code, read.into()["metadata"]["uid"]) == (200, created["metadata"]["uid"])
    assert json.loads(read.raw()) == read.into()
    listed = rest.get().abs_path("api", "v1").namespace(namespace).resource("configmaps").param("limit", 1).into()
    assert (listed["kind"], len(listed["items"])) == ("ConfigMapList", 1)


def test_a_watch_in_the_fluent_form(dyn: DynamicClient, namespace: str) -> None:
    """One stream of raw events, which ends when the server was asked to end it."""
    dyn.resource("cm").create(config_map("a"))
    request = dyn.rest.get().abs_path("api", "v1").namespace(namespace).resource("configmaps")
    events = list(request.param("fieldSelector", "metadata.name=a").param("timeoutSeconds", 1).watch())
    assert [(event["type"], event["object"]["metadata"]["name"]) for event in events] == [("ADDED", "a")]


@pytest.mark.parametrize("path", ["livez", "readyz"])
def test_health_is_asked_for_as_text(dyn: DynamicClient, path: str) -> None:
    """What is no object is read raw."""
    assert dyn.rest.get().abs_path(path).raw() == b"ok"


def test_warnings_of_the_server_reach_a_handler(apiserver: Server, namespace: str) -> None:
    """Deprecated resources are warned of in a header."""
    warnings: list[str] = []
    with apiserver.client(namespace=namespace, warning_handler=warnings.append) as dyn:
        dyn.resource("v1", "componentstatuses").list()
    assert warnings == ["v1 ComponentStatus is deprecated in v1.19+"]
