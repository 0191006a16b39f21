"""Watches and waits."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from dynkube.errors import Gone, WaitTimeoutError
from dynkube.testing import APIServer
from dynkube.watch import all_of, condition, created, deleted, jsonpath, not_
from integration.objects import config_map, widget

if TYPE_CHECKING:
    from dynkube.dynamic import DynamicClient, Resource
    from dynkube.watch import Watcher
    from integration.conftest import Server

#: In a new namespace of a cluster a config map with the cluster's CA appears by itself.
OURS = {"suite": "watching"}
INITIAL_EVENTS_END = "k8s.io/initial-events-end"


@pytest.fixture
def config_maps(dyn: DynamicClient) -> Resource:
    """Return the config maps of the test's namespace."""
    return dyn.resource("v1", "configmaps")


def seen(watch: Watcher, count: int) -> list[tuple[str, str]]:
    """Return type and name of the next events."""
    found = []
    for _ in range(count):
        event = next(watch)
        found.append((event["type"], event["object"]["metadata"]["name"]))
    return found


def test_what_is_there_comes_first_and_then_what_changes(config_maps: Resource) -> None:
    """ADDED for each object; then every change, a deletion with the last state."""
    config_maps.create(config_map("a", labels=OURS))
    with config_maps.watch(label_selector=OURS, timeout=60) as watch:
        assert seen(watch, 1) == [("ADDED", "a")]
        config_maps.create(config_map("b", labels=OURS))
        config_maps.patch("a", {"data": {"k": "1"}})
        config_maps.delete("b")
        assert seen(watch, 3) == [("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")]


def test_a_watch_goes_on_where_another_ended(config_maps: Resource) -> None:
    """From the version of the last event nothing is lost and nothing told twice."""
    start = config_maps.list(label_selector=OURS)["metadata"]["resourceVersion"]
    config_maps.create(config_map("a", labels=OURS))
    with config_maps.watch(label_selector=OURS, resource_version=start, timeout=60) as watch:
        assert seen(watch, 1) == [("ADDED", "a")]
        version = watch.resource_version
    config_maps.create(config_map("b", labels=OURS))
    config_maps.delete("a")
    with config_maps.watch(label_selector=OURS, resource_version=version, timeout=60) as watch:
        assert seen(watch, 2) == [("ADDED", "b"), ("DELETED", "a")]


def test_a_label_that_goes_is_a_deletion(config_maps: Resource) -> None:
    """An object that no longer matches leaves the watch, one that begins to match enters it."""
    config_maps.create(config_map("a", labels=OURS))
    version = config_maps.create(config_map("b"))["metadata"]["resourceVersion"]
    with config_maps.watch(label_selector=OURS, resource_version=version, timeout=60) as watch:
        config_maps.patch("a", {"metadata": {"labels": {"suite": None}}})
        config_maps.patch("b", {"metadata": {"labels": OURS}})
        assert seen(watch, 2) == [("DELETED", "a"), ("ADDED", "b")]


def test_initial_events_end_with_a_bookmark(widgets: Resource) -> None:
    """A streaming list: the objects, then a bookmark that says so."""
    for name in ("a", "b"):
        widgets.create(widget(name))
    with widgets.watch(send_initial_events=True, allow_bookmarks=True, timeout=60) as watch:
        assert sorted(seen(watch, 2)) == [("ADDED", "a"), ("ADDED", "b")]
        mark = next(watch)
        assert mark["type"] == "BOOKMARK"
        assert mark["object"]["metadata"]["annotations"][INITIAL_EVENTS_END] == "true"
        widgets.create(widget("c"))
        assert seen(watch, 1) == [("ADDED", "c")]


@pytest.fixture
def forgotten(apiserver: Server, widgets: Resource) -> str:
    """Return a version from before everything the server remembers of widgets, of which there is one."""
    widgets.create(widget("a"))
    if not isinstance(apiserver, APIServer):
        return "1"  # the definition is of this run
    version = widgets.list()["metadata"]["resourceVersion"]
    widgets.patch("a", {"spec": {"color": "red"}})
    apiserver.compact()
    return str(version)


def test_a_version_that_is_forgotten_is_an_error(widgets: Resource, forgotten: str) -> None:
    """Events are lost, and the caller must know."""
    with widgets.watch(resource_version=forgotten, timeout=60) as watch, pytest.raises(Gone) as caught:
        next(watch)
    assert caught.value.code == 410


def test_a_watch_that_lists_again_survives_it(widgets: Resource, forgotten: str) -> None:
    """With `relist` the present state comes as changes."""
    with widgets.watch(resource_version=forgotten, relist=True, timeout=60) as watch:
        assert seen(watch, 1) == [("ADDED", "a")]
        widgets.delete("a")
        assert seen(watch, 1) == [("DELETED", "a")]


def test_a_deletion_that_was_missed_is_told(apiserver: Server, widgets: Resource, forgotten: str) -> None:
    """Objects that were known and are gone come as DELETED."""
    known = widgets.create(widget("b"))
    widgets.delete("b")
    if isinstance(apiserver, APIServer):
        apiserver.compact()
    with widgets.watch(resource_version=forgotten, relist=True, known=[known], timeout=60) as watch:
        assert sorted(seen(watch, 2)) == [("ADDED", "a"), ("DELETED", "b")]


def test_another_thread_ends_a_watch(config_maps: Resource) -> None:
    """Within a moment, also one that waits for an event."""
    watch = config_maps.watch(label_selector=OURS)
    config_maps.create(config_map("a", labels=OURS))
    waiting = threading.Event()

    def follow() -> None:
        for _ in watch:
            waiting.set()

    thread = threading.Thread(target=follow)
    thread.start()
    assert waiting.wait(30)
    watch.close()
    thread.join(5)
    assert not thread.is_alive()


def test_the_time_of_a_watch_is_limited(config_maps: Resource) -> None:
    """After its timeout it ends."""
    assert list(config_maps.watch(label_selector=OURS, timeout=0.2)) == []


def test_tables_and_metadata_are_watched(config_maps: Resource) -> None:
    """Events of a view have what the view shows."""
    config_maps.create(config_map("a", {"k": "1"}, labels=OURS))
    with config_maps.metadata().watch(label_selector=OURS, timeout=60) as watch:
        event = next(watch)
        assert (event["object"]["kind"], "data" in event["object"]) == ("PartialObjectMetadata", False)
    with config_maps.table().watch(label_selector=OURS, timeout=60) as watch:
        row = next(watch)["object"].rows[0]
        assert row.cells[:2] == ("a", 1)


class TestWait:
    """Waiting for one object to be as wished."""

    def test_for_a_condition_that_somebody_else_makes_true(self, widgets: Resource) -> None:
        """It returns the object once it holds."""
        widgets.create(widget("a"))
        ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
        worker = threading.Timer(0.1, lambda: widgets.subresource("status").patch("a", ready))
        worker.start()
        found = widgets.wait("a", condition("Ready"), timeout=30)
        worker.join()
        assert found is not None
        assert found["status"] == ready["status"]

    def test_for_what_does_not_exist_yet(self, config_maps: Resource) -> None:
        """Creation counts like any change."""
        worker = threading.Timer(0.1, lambda: config_maps.create(config_map("a", {"phase": "Done"})))
        worker.start()
        assert config_maps.wait("a", all_of(created(), jsonpath(".data.phase", "Done")), timeout=30)
        worker.join()

    def test_for_the_end(self, config_maps: Resource) -> None:
        """None comes back once it is gone."""
        config_maps.create(config_map("a"))
        worker = threading.Timer(0.1, lambda: config_maps.delete("a"))
        worker.start()
        assert config_maps.wait("a", deleted(), timeout=30) is None
        worker.join()

    def test_in_vain(self, config_maps: Resource) -> None:
        """The error has the object as it was last seen."""
        config_maps.create(config_map("a", {"phase": "Pending"}))
        with pytest.raises(WaitTimeoutError) as caught:
            config_maps.wait("a", not_(jsonpath(".data.phase", "Pending")), timeout=0)
        assert caught.value.last_object is not None
        assert caught.value.last_object["data"] == {"phase": "Pending"}
