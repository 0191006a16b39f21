"""Informers: a copy of what the server has, which keeps itself up to date."""

from __future__ import annotations

import queue
import random
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.errors import NotFound
from dynkube.informer import object_key
from dynkube.names import GroupVersionResource
from dynkube.watch import jsonpath
from integration.eventually import eventually
from integration.objects import config_map, widget

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynkube.dynamic import DynamicClient, Resource
    from dynkube.informer import SharedInformer

#: What marks the last write: when the informer has it, it has everything before.
LAST = "last"


def versions(objects: list[dict[str, Any]]) -> dict[str, str]:
    """Return the version of each object by its key."""
    return {object_key(each): each["metadata"]["resourceVersion"] for each in objects}


def arrived(informer: SharedInformer, name: str, told: queue.Queue[str]) -> None:
    """Wait until a handler was told of an object."""
    while told.get(timeout=30) != name:
        pass
    assert informer.indexer.get(next(key for key in informer.indexer.keys() if key.endswith(f"/{name}")))  # noqa: SIM118


def test_after_many_writes_the_store_equals_the_list(widgets: Resource, namespace: str) -> None:
    """Whatever is created, changed and deleted while it runs, it ends with what the server has."""
    chance = random.Random(namespace)
    for number in range(10):
        widgets.create(widget(f"w{number}"))
    told: queue.Queue[str] = queue.Queue()
    informer = widgets.informer()
    informer.add_handler(on_add=lambda obj, _: told.put(obj["metadata"]["name"]))
    with informer:
        assert informer.wait_for_sync(30)
        for _ in range(60):
            name = f"w{chance.randrange(20)}"
            if not widgets.exists(name):
                widgets.create(widget(name))
            elif chance.random() < 0.3:
                widgets.delete(name)
            else:
                widgets.patch(name, {"spec": {"size": chance.randint(1, 10)}})
        widgets.create(widget(LAST))
        arrived(informer, LAST, told)
        assert versions(informer.indexer.values()) == versions(widgets.list()["items"])


def test_handlers_are_told_every_change_in_order(widgets: Resource) -> None:
    """What was there, then each change with the state before it."""
    widgets.create(widget("a", "blue"))
    told: queue.Queue[tuple[str, ...]] = queue.Queue()
    informer = widgets.informer()
    informer.add_handler(
        on_add=lambda obj, initial: told.put(("add", obj["spec"]["color"], str(initial))),
        on_update=lambda old, new: told.put(("update", old["spec"]["color"], new["spec"]["color"])),
        on_delete=lambda obj, *_: told.put(("delete", obj["spec"]["color"])),
    )
    with informer:
        assert informer.wait_for_sync(30)
        widgets.patch("a", {"spec": {"color": "red"}})
        widgets.delete("a")
        assert [told.get(timeout=30) for _ in range(3)] == [
            ("add", "blue", "True"),
            ("update", "blue", "red"),
            ("delete", "red"),
        ]


def test_a_resync_tells_everything_again(widgets: Resource) -> None:
    """Handlers get each object as an update from itself, and no request is needed for it."""
    widgets.create(widget("a"))
    told: queue.Queue[bool] = queue.Queue()
    informer = widgets.informer(resync_period=0.2)
    informer.add_handler(on_update=lambda old, new: told.put(old == new))
    with informer:
        assert told.get(timeout=30)
        assert told.get(timeout=30)


def test_objects_are_found_by_what_an_index_says(widgets: Resource) -> None:
    """An index of one's own, kept up to date."""

    def by_color(obj: dict[str, Any]) -> Iterable[str]:
        return (obj["spec"]["color"],)

    for name, color in (("a", "blue"), ("b", "red"), ("c", "blue")):
        widgets.create(widget(name, color))
    told: queue.Queue[str] = queue.Queue()
    informer = widgets.informer(indexers={"color": by_color})
    informer.add_handler(on_update=lambda _, new: told.put(new["metadata"]["name"]))
    with informer:
        assert informer.wait_for_sync(30)
        assert {each["metadata"]["name"] for each in informer.indexer.by_index("color", "blue")} == {"a", "c"}
        widgets.patch("a", {"spec": {"color": "red"}})
        assert told.get(timeout=30) == "a"
        assert {each["metadata"]["name"] for each in informer.indexer.by_index("color", "red")} == {"a", "b"}


def test_objects_are_transformed_before_they_are_stored(widgets: Resource) -> None:
    """What a transform drops is in no memory and no handler."""
    widgets.create(widget("a"))

    def without_spec(obj: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in obj.items() if key != "spec"}

    with widgets.informer(transform=without_spec) as informer:
        assert informer.wait_for_sync(30)
        (stored,) = informer.indexer.values()
        assert ("spec" in stored, stored["metadata"]["name"]) == (False, "a")


def test_a_lister_reads_like_the_server(widgets: Resource, namespace: str) -> None:
    """By name, by label, and NotFound for what is not there."""
    widgets.create(widget("a", labels={"l": "1"}))
    widgets.create(widget("b"))
    with widgets.informer() as informer:
        assert informer.wait_for_sync(30)
        lister = informer.lister.namespace(namespace)
        assert lister.get("a")["metadata"]["name"] == "a"
        assert [each["metadata"]["name"] for each in lister.list("l=1")] == ["a"]
        assert lister.get_or_none("c") is None
        with pytest.raises(NotFound, match='"c" not found'):
            lister.get("c")


def test_a_factory_shares_informers(dyn: DynamicClient, widgets_group: str, widgets: Resource, namespace: str) -> None:
    """One for each selection; started and awaited together."""
    gvr = GroupVersionResource(widgets_group, "v1", "widgets")
    widgets.create(widget("a", labels={"l": "1"}))
    widgets.create(widget("b"))
    with dyn.informers(namespace=namespace) as factory:
        everything, some = factory.informer(gvr), factory.informer(gvr, label_selector="l=1", metadata_only=True)
        assert factory.informer(gvr) is everything
        factory.start()
        assert all(factory.wait_for_sync(30).values())
        assert (len(everything.indexer), len(some.indexer)) == (2, 1)
        assert "spec" not in some.indexer.values()[0]


def test_an_informer_without_streaming_lists(widgets: Resource) -> None:
    """A list, then a watch: the same store, a moment later, as such a list may come from the server's memory."""
    for number in range(5):
        widgets.create(widget(f"w{number}"))
    present = versions(widgets.list()["items"])
    with widgets.informer(stream=False, page_size=2) as informer:
        assert informer.wait_for_sync(30)
        eventually(lambda: versions(informer.indexer.values()) == present, "the store equals the list")


def test_a_late_handler_hears_what_is_there(widgets: Resource) -> None:
    """One that is added later is told the store first."""
    widgets.create(widget("a"))
    with widgets.informer() as informer:
        assert informer.wait_for_sync(30)
        told: queue.Queue[str] = queue.Queue()
        informer.add_handler(on_add=lambda obj, _: told.put(obj["metadata"]["name"]))
        assert told.get(timeout=30) == "a"


def test_an_informer_of_built_in_objects(dyn: DynamicClient) -> None:
    """Config maps with a label, in the test's namespace."""
    config_maps = dyn.resource("v1", "configmaps")
    with config_maps.informer(label_selector="suite=informers") as informer:
        assert informer.wait_for_sync(30)
        assert informer.indexer.values() == []
        told: queue.Queue[str] = queue.Queue()
        informer.add_handler(on_add=lambda obj, _: told.put(obj["kind"]))
        config_maps.create(config_map("a", labels={"suite": "informers"}))
        config_maps.wait("a", jsonpath(".metadata.labels.suite", "informers"), timeout=30)
        assert told.get(timeout=30) == "ConfigMap"
