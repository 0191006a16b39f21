"""What happens to watches, waits and informers in a night, against the embedded server over real sockets."""

from __future__ import annotations

import logging
import queue
import threading
from typing import TYPE_CHECKING, Any

import pytest

from chaos.proxy import FaultyProxy
from dynkube.config import Config, Timeout
from dynkube.dynamic import DynamicClient
from dynkube.errors import Expired, Forbidden
from dynkube.informer import SharedInformer
from dynkube.testing import APIServer
from dynkube.watch import Backoff, Wait, Watcher, jsonpath

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dynkube.dynamic import Resource

PATIENCE = 60.0
RBAC = "rbac.authorization.k8s.io/v1"


def _quick() -> Backoff:
    return Backoff(initial=0.01, limit=0.1)


def _config_map(name: str, value: str = "") -> dict[str, Any]:
    return {"metadata": {"name": name}, "data": {"value": value}}


class _Reading:
    """Iterates over a watch in a thread and hands over what it yields, and how it ended."""

    def __init__(self, watcher: Watcher) -> None:
        self.watcher = watcher
        self.events: queue.Queue[tuple[str, str]] = queue.Queue()
        self.ended: queue.Queue[BaseException | None] = queue.Queue()
        self._thread = threading.Thread(target=self._read, name="reading")
        self._thread.start()

    def _read(self) -> None:
        try:
            for event in self.watcher:
                self.events.put((event["type"], event["object"]["metadata"]["name"]))
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.ended.put(error)
        else:
            self.ended.put(None)

    def next(self) -> tuple[str, str]:
        """Wait for the next event."""
        return self.events.get(timeout=PATIENCE)

    def close(self) -> None:
        """Close the watch and wait for the thread."""
        self.watcher.close()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


@pytest.fixture
def server() -> Iterator[APIServer]:
    """Return a server whose history is short."""
    with APIServer(controllers=False) as server:
        yield server


@pytest.fixture
def config_maps(server: APIServer) -> Iterator[Resource]:
    """Return the config maps of the server."""
    with server.client(qps=-1.0) as client:
        yield client.resource("v1", "configmaps").namespace("default")


def test_a_watch_goes_on_after_a_restart(server: APIServer, config_maps: Resource) -> None:
    """The server is gone and comes back; what happened after the last event is told, and told once."""
    version = config_maps.list()["metadata"]["resourceVersion"]
    watcher = Watcher(config_maps.lister_watcher(), resource_version=version, relist=True, backoff=_quick())
    reading = _Reading(watcher)
    try:
        config_maps.create(_config_map("before"))
        assert reading.next() == ("ADDED", "before")
        server.restart()
        config_maps.create(_config_map("after"))
        assert reading.next() == ("ADDED", "after")
        config_maps.delete("before")
        assert reading.next() == ("DELETED", "before")
        assert reading.events.empty()
    finally:
        reading.close()


@pytest.mark.parametrize("relist", [True, False])
def test_a_watch_that_slept_through_a_compaction(server: APIServer, config_maps: Resource, *, relist: bool) -> None:
    """Its version is gone: a plain watch says so, and with `relist` the difference is told."""
    config_maps.create(_config_map("old"))
    version = config_maps.list()["metadata"]["resourceVersion"]
    config_maps.create(_config_map("lost"))
    config_maps.delete("old")
    server.compact()
    config_maps.create(_config_map("new"))
    watcher = Watcher(config_maps.lister_watcher(), resource_version=version, relist=relist, backoff=_quick())
    reading = _Reading(watcher)
    try:
        if relist:
            assert {reading.next(), reading.next()} == {("ADDED", "lost"), ("ADDED", "new")}
        else:
            assert isinstance(reading.ended.get(timeout=PATIENCE), Expired)
    finally:
        reading.close()


def test_a_lid_that_was_closed(server: APIServer, config_maps: Resource) -> None:
    """The connection is dead and nobody said so: after the idle time it is replaced, and nothing is lost."""
    proxy = FaultyProxy(server.port)
    try:
        with server.client(host=f"http://127.0.0.1:{proxy.port}", qps=-1.0, timeout=Timeout(5.0, 5.0)) as client:
            source = client.resource("v1", "configmaps").namespace("default").lister_watcher()
            informer = SharedInformer(source, idle_timeout=0.5, backoff=_quick())
            told: queue.Queue[str] = queue.Queue()
            informer.add_handler(on_add=lambda obj, _: told.put(obj["metadata"]["name"]))
            with informer:
                assert informer.wait_for_sync(PATIENCE)
                proxy.half_open()
                config_maps.create(_config_map("asleep"))
                assert told.get(timeout=PATIENCE) == "asleep"
    finally:
        proxy.stop()


def test_a_wait_across_a_restart_and_a_compaction(server: APIServer, config_maps: Resource) -> None:
    """It ends when the condition holds, and neither of them is an error or a success."""
    config_maps.create(_config_map("one"))
    source = config_maps.lister_watcher(field_selector={"metadata.name": "one"})
    looked = threading.Event()
    done = jsonpath("{.data.value}", "done")

    def is_done(obj: dict[str, Any] | None) -> bool:
        looked.set()
        return done(obj)

    wait = Wait(source, is_done, timeout=PATIENCE, backoff=_quick())
    results: queue.Queue[Any] = queue.Queue()
    thread = threading.Thread(target=lambda: results.put(wait.result()))
    thread.start()
    try:
        assert looked.wait(PATIENCE)
        server.compact()
        server.restart()
        config_maps.update(_config_map("one", "other"))
        server.compact()
        server.restart()
        config_maps.update(_config_map("one", "done"))
        assert results.get(timeout=PATIENCE)["data"] == {"value": "done"}
    finally:
        wait.close()
        thread.join(PATIENCE)


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[APIServer]:
    """Return a server that lets two tokens in: root's, and that of somebody who may read config maps."""
    tokens = tmp_path / "tokens.csv"
    tokens.write_text("root-token,root,1,system:masters\nsomebody-token,somebody,2\n")
    with APIServer(controllers=False, token_auth_file=tokens) as server:
        yield server


def _allow(root: DynamicClient) -> None:
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}]
    root.resource(RBAC, "clusterroles").create({"metadata": {"name": "reader"}, "rules": rules})
    _bind(root)


def _bind(root: DynamicClient) -> None:
    root.resource(RBAC, "clusterrolebindings").create(
        {
            "metadata": {"name": "reader"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "reader"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "somebody"}],
        }
    )


def test_an_informer_whose_permission_is_revoked(guarded: APIServer, caplog: pytest.LogCaptureFixture) -> None:
    """It keeps what it knows, says why it knows no more, and catches up once the permission is back."""
    caplog.set_level(logging.INFO, "dynkube.watch")
    with (
        DynamicClient(Config(host=guarded.url, bearer_token="root-token", qps=-1.0)) as root,
        DynamicClient(Config(host=guarded.url, bearer_token="somebody-token", qps=-1.0)) as somebody,
    ):
        _allow(root)
        config_maps = root.resource("v1", "configmaps").namespace("default")
        config_maps.create(_config_map("one"))
        refusals: queue.Queue[Exception] = queue.Queue()
        told: queue.Queue[tuple[str, str]] = queue.Queue()
        informer = SharedInformer(
            somebody.resource("v1", "configmaps").namespace("default").lister_watcher(),
            backoff=_quick(),
            on_error=lambda error: refusals.put(error) if isinstance(error, Forbidden) else None,
        )
        informer.add_handler(
            on_add=lambda obj, _: told.put(("added", obj["metadata"]["name"])),
            on_delete=lambda obj, _: told.put(("deleted", obj["metadata"]["name"])),
        )
        with informer:
            assert told.get(timeout=PATIENCE) == ("added", "one")
            root.resource(RBAC, "clusterrolebindings").delete("reader")
            guarded.restart()  # a watch that stands is not asked for permission again
            assert isinstance(refusals.get(timeout=PATIENCE), Forbidden)
            config_maps.create(_config_map("two"))
            config_maps.delete("one")
            assert isinstance(refusals.get(timeout=PATIENCE), Forbidden)
            assert [obj["metadata"]["name"] for obj in informer.indexer.values()] == ["one"]
            _bind(root)
            changes = {told.get(timeout=PATIENCE), told.get(timeout=PATIENCE)}
            assert changes == {("added", "two"), ("deleted", "one")}
    text = caplog.text
    assert 'cannot list resource "configmaps"' in text or 'cannot watch resource "configmaps"' in text
    assert "trying again in" in text
