"""What a job costs in counts that no other program on the machine can change: requests, calls, bytes held."""

from __future__ import annotations

import gc
import json
import sys
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.rest.events import EventStream
from dynkube.rest.long_lists import WINDOW, decode_pieces
from dynkube.testing import APIServer
from dynkube.transport import HTTPResponse
from performance.counting import bytecodes, calls
from performance.side_by_side import BODY, side_by_side

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dynkube import DynamicClient, Resource

#: Python functions entered by one warm get or create, http.client's included: 179 and 186 when this was recorded, five
#: more on Python 3.10.
CALLS_PER_GET, CALLS_PER_CREATE = 188, 195
#: Bytecodes run for a get and a create beyond what the floor runs: 666 and 549 when this was recorded.
BYTECODES_PER_GET, BYTECODES_PER_CREATE = 800, 680
#: Python functions entered for each event: 5.01, and 0.02 for one of an initial state.
CALLS_PER_EVENT, CALLS_PER_INITIAL_EVENT = 5.2, 0.05
#: Blocks of memory that a get leaves behind beside what it returns: 0.02.
BLOCKS_LEFT = 0.5
EVENTS = 1_000


@pytest.fixture(scope="module")
def server() -> Iterator[APIServer]:
    """Run a server with one config map called a."""
    with APIServer() as running:
        with running.client() as client:
            _config_maps(client).create({"metadata": {"name": "a"}, "data": {"key": "value"}})
        yield running


@pytest.fixture
def dyn(server: APIServer) -> Iterator[DynamicClient]:
    """Make a client that has sent nothing yet."""
    with server.client() as client:
        server.clear_requests()
        yield client


def test_a_first_get_takes_three_requests_on_one_connection(server: APIServer, dyn: DynamicClient) -> None:
    """Discovery costs two requests, the get one, and all three share a connection."""
    _config_maps(dyn).get("a")
    assert [request.path for request in server.requests][:2] == ["/api", "/apis"]
    assert len(server.requests) == 3
    assert getattr(dyn.rest.transport, "open_connections", None) == 1


def test_later_calls_take_one_request_each(server: APIServer, dyn: DynamicClient) -> None:
    """Once the resource is known nothing but the call itself is sent, whatever view it goes through."""
    config_maps = _config_maps(dyn)
    config_maps.get("a")
    server.clear_requests()
    config_maps.get("a")
    dyn.resource("v1", "configmaps").namespace("default").list()
    dyn.resource("cm").namespace("default").get("a")
    assert len(server.requests) == 3


def test_an_informer_takes_its_state_in_one_request(server: APIServer, dyn: DynamicClient) -> None:
    """The streaming list is the watch: one request brings the state and goes on with the changes."""
    config_maps = _config_maps(dyn)
    config_maps.get("a")
    server.clear_requests()
    with config_maps.informer() as informer:
        assert informer.wait_for_sync(30)
        assert len(server.requests) == 1


def test_calls_per_get_and_create(dyn: DynamicClient) -> None:
    """A warm get and create enter no more Python functions than recorded."""
    config_maps = _config_maps(dyn)
    config_maps.get("a")
    config_maps.create({"metadata": {"generateName": "b-"}})
    assert calls(lambda: config_maps.get("a")) <= CALLS_PER_GET
    assert calls(lambda: config_maps.create({"metadata": {"generateName": "b-"}})) <= CALLS_PER_CREATE


def test_bytecodes_per_get_and_create(tmp_path: Path) -> None:
    """What is done around http.client and json.loads is a fifth of what these two do."""
    with side_by_side(json.dumps(BODY).encode(), tmp_path) as (ours, floor):
        assert bytecodes(ours.get) <= bytecodes(floor.get) + BYTECODES_PER_GET
        assert bytecodes(ours.create) <= bytecodes(floor.create) + BYTECODES_PER_CREATE


def test_a_get_leaves_nothing_behind(tmp_path: Path) -> None:
    """A hundred gets keep no memory and make no garbage that waits for the collector."""
    with side_by_side(json.dumps(BODY).encode(), tmp_path) as (ours, _):
        gc.collect()
        gc.disable()
        try:
            before = sys.getallocatedblocks()
            for _ in range(100):
                ours.get()
            garbage = gc.collect()
            # Afterwards: what the interpreter keeps for reuse is given back by a collection, here and before.
            left = (sys.getallocatedblocks() - before) / 100
        finally:
            gc.enable()
    assert left <= BLOCKS_LEFT
    assert garbage == 0


def test_calls_per_event() -> None:
    """An event costs five Python functions, one of an initial state next to none."""
    one_by_one, together = EventStream(_events()), EventStream(_events()).added()
    assert calls(lambda: _exhaust(one_by_one)) <= CALLS_PER_EVENT * EVENTS
    assert calls(lambda: _exhaust(together)) <= CALLS_PER_INITIAL_EVENT * EVENTS


def test_added_and_iteration_tell_the_same() -> None:
    """What comes in lists is what comes one by one."""
    assert [obj for objects in EventStream(_events()).added() for obj in objects] == [
        event["object"] for event in EventStream(_events())
    ]


def test_a_long_list_is_never_in_memory_as_text() -> None:
    """Decoding 10 MB takes the memory of its objects and of a few windows."""
    item = {"metadata": {"name": "n", "annotations": {str(n): "x" * 40 for n in range(20)}}}
    body = json.dumps({"kind": "List", "items": [item] * 10_000}, separators=(",", ":")).encode()
    assert len(body) > 8 * WINDOW
    pieces = [body[start : start + WINDOW] for start in range(0, len(body), WINDOW)]
    size = len(body)
    del body
    tracemalloc.start()
    try:
        # The pieces were made before and are not counted: at once, the text and its bytes joined would add 2 * size.
        value = decode_pieces(pieces)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(value["items"]) == 10_000
    assert peak - kept < 6 * WINDOW < size


def _config_maps(client: DynamicClient) -> Resource:
    return client.resource("v1", "configmaps").namespace("default")


def _events() -> HTTPResponse:
    lines = []
    for number in range(EVENTS):
        metadata = {"name": f"n{number}", "resourceVersion": str(number + 1)}
        event = {"type": "ADDED", "object": {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata}}
        lines.append(json.dumps(event, separators=(",", ":")).encode() + b"\n")
    return HTTPResponse(200, {}, b"".join(lines))


def _exhaust(values: Iterator[Any]) -> None:
    for _ in values:
        pass
