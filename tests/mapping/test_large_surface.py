"""A cluster with a thousand CRDs: requests, memory, and every name found."""

from __future__ import annotations

import gc
import json
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from discovery.fakes import FakeServer, aggregated, group, resource, subresource, version

from dynkube.discovery import Discovered, DiscoveryClient
from dynkube.discovery.aggregated import decode_aggregated
from dynkube.mapping import RESTMapper
from dynkube.mapping.index import ResourceIndex

if TYPE_CHECKING:
    from collections.abc import Callable

VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]


def large() -> FakeServer:
    """Return a server with a hundred groups of ten CRDs each, in one version each."""
    groups = []
    for number in range(100):
        entries = [
            resource(
                f"widget{number}x{i}s",
                f"Widget{number}x{i}",
                verbs=VERBS,
                shortNames=[f"w{number}x{i}"],
                categories=["all"],
                subresources=[subresource("status", f"Widget{number}x{i}", verbs=["get", "patch", "update"])],
            )
            for i in range(10)
        ]
        groups.append(group(f"group{number}.example.com", version("v1", *entries)))
    return FakeServer({"/api": aggregated(), "/apis": aggregated(*groups)})


def retained(job: Callable[[], object]) -> int:
    """Return how many bytes stay allocated for what ``job`` returns."""
    gc.collect()
    tracemalloc.start()
    try:
        kept = job()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] if kept is not None else 0
    finally:
        tracemalloc.stop()


def test_every_name_in_two_requests() -> None:
    """Each of a thousand kinds is found by every form of its name, in two requests altogether."""
    server = large()
    mapper = RESTMapper(DiscoveryClient(server.rest))
    for number in range(100):
        for i in range(10):
            stem, full = f"{number}x{i}", f"group{number}.example.com"
            found = mapper.resolve(None, f"widget{stem}s")
            assert (found.group, found.kind) == (full, f"Widget{stem}")
            for group_version, name in (
                (None, f"widget{stem}"),
                (None, f"Widget{stem}"),
                (None, f"w{stem}"),
                (None, f"Widget{stem}.{full}"),
                (None, f"w{stem}.v1.{full}"),
                (f"{full}/v1", f"widget{stem}"),
            ):
                assert mapper.resolve(group_version, name) is found
    assert len(mapper.category("all")) == 1000
    assert server.paths == ["/api", "/apis"]


@pytest.mark.parametrize("used", [1, 1000])
def test_memory(used: int) -> None:
    """A discovered and indexed cluster takes at most twice its decoded document, even with every resource in use."""
    answer = large().answers["/apis"]
    body = answer.encoded if not callable(answer) and not isinstance(answer, Exception) else b""

    def discovered() -> tuple[Discovered, ResourceIndex]:
        found = decode_aggregated(json.loads(body), core=False).finish()
        index = ResourceIndex(found)
        for place in range(used):
            index.resource(place)
        return found, index

    discovered()
    assert retained(discovered) <= 2 * retained(lambda: json.loads(body))


def test_little_is_decoded() -> None:
    """Looking up one name makes one value; the rest of the cluster stays as it came."""
    mapper = RESTMapper(DiscoveryClient(large().rest))
    found = mapper.resolve(None, "widget50x5s")
    lists = mapper.discovered().resources
    assert lists[found.group_version][5] is found
    assert len(lists) == 100
    assert repr(lists).startswith("ResourceLists(group0.example.com/v1, ")
