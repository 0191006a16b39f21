"""Tests of informers whose watches or lists do not get through, over real connections to the embedded server."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from watch.fakes import expired

from dynkube.informer import SharedInformer
from dynkube.names import GroupVersionResource
from dynkube.testing import APIServer
from dynkube.watch import Backoff
from informer.recording import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynkube.dynamic import Resource

pytestmark = pytest.mark.usefixtures("no_threads_left")

CONFIG_MAPS = GroupVersionResource("", "v1", "configmaps")


@pytest.fixture(scope="module")
def server() -> Iterator[APIServer]:
    """Return a server."""
    with APIServer() as server:
        yield server


@pytest.fixture
def config_maps(server: APIServer) -> Iterator[Resource]:
    """Return the config maps of a namespace of their own, and leave no fault and no object behind."""
    before = server.snapshot()
    with server.client() as client:
        server.clear_requests()
        yield client.resource(CONFIG_MAPS).namespace("default")
    server.faults.clear()
    server.restore(before)


def _config_map(name: str, **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "data": data}


def _informer(config_maps: Resource, **options: Any) -> SharedInformer:
    source = options.pop("source", config_maps.lister_watcher(label_selector="!system"))
    return SharedInformer(source, backoff=Backoff(initial=0.01, limit=0.01), **options)


@pytest.mark.parametrize("status", [504, 500, 403])
def test_where_no_watch_gets_through_there_are_lists(server: APIServer, config_maps: Resource, status: int) -> None:
    """Changes arrive all the same, later; and as events again once a watch gets through."""
    server.inject("error", status=status, path="*/configmaps", watch=True)
    recorder = Recorder()
    with _informer(config_maps) as informer:
        informer.add_handler(**recorder.functions)
        assert informer.wait_for_sync(30)
        config_maps.create(_config_map("a"))
        recorder.wait_last("add", "a")
        config_maps.delete("a")
        recorder.wait_last("delete", "a")
        server.faults.clear()
        config_maps.create(_config_map("b"))
        recorder.wait_last("add", "b")


class _Between:
    """A source without a watch cache, which lets something happen after the first page of a list."""

    def __init__(self, source: Any, happening: Any) -> None:
        self._source = source
        self._happening = happening

    def list(self, **options: Any) -> Any:
        """Return a page; a cache would return everything at "0", whatever the limit."""
        if options["resource_version"] == "0":
            raise expired()
        answer = self._source.list(**options)
        if answer["metadata"].get("continue") and options["continue_"] is None and self._happening is not None:
            happening, self._happening = self._happening, None
            happening()
        return answer

    def watch(self, **options: Any) -> Any:
        """Open a watch."""
        return self._source.watch(**options)


def test_a_compaction_between_two_pages(server: APIServer, config_maps: Resource) -> None:
    """The token is answered 410: the full list has what changed in the meantime, and nothing else is known."""
    for name in "abcd":
        config_maps.create(_config_map(name))

    def happening() -> None:
        config_maps.delete("a")
        config_maps.create(_config_map("e"))
        server.compact()

    server.clear_requests()
    source = _Between(config_maps.lister_watcher(field_selector="metadata.name!=kube-root-ca.crt"), happening)
    with _informer(config_maps, source=source, stream=False, page_size=2) as informer:
        assert informer.wait_for_sync(30)
        assert sorted(informer.indexer.keys()) == [f"default/{name}" for name in "bcde"]
    lists = [each.query for each in server.requests if each.method == "GET" and "watch" not in each.query]
    assert ["limit=" in query for query in lists] == [True, True, False]


def test_a_server_restored_from_a_backup(server: APIServer, config_maps: Resource) -> None:
    """What was made since is told deleted, what was deleted since is told added, and changes follow."""
    config_maps.create(_config_map("old"))
    backup = server.snapshot()
    config_maps.delete("old")
    for index in range(5):
        config_maps.create(_config_map(f"new{index}"))
    recorder = Recorder()
    with _informer(config_maps) as informer:
        informer.add_handler(**recorder.functions)
        recorder.wait_last("add", "new4")
        server.restore(backup)
        recorder.wait_last("add", "old")
        config_maps.create(_config_map("after"))
        recorder.wait_last("add", "after")
        known = {obj["metadata"]["name"] for obj in informer.lister.list()}
    assert {"old", "after"} <= known
    assert not any(name.startswith("new") for name in known)
    assert sum(call[0] == "delete" and call[1].startswith("new") for call in recorder.calls) == 5


def test_an_informer_stopped_between_pages_leaves_nothing(server: APIServer, config_maps: Resource) -> None:
    """No thread, and no request after the page that was on its way."""
    for name in "abcd":
        config_maps.create(_config_map(name))
    reached, stopped = threading.Event(), threading.Event()

    def happening() -> None:
        reached.set()
        assert stopped.wait(30)

    source = _Between(config_maps.lister_watcher(), happening)
    informer = _informer(config_maps, source=source, stream=False, page_size=1)
    informer.start()
    assert reached.wait(30)
    server.clear_requests()
    informer.stop(0.0)
    stopped.set()
    assert informer.stop(1.0)
    assert server.requests == []
    assert not informer.has_synced
