"""Tests of listers and of the factory that shares informers."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from watch.fakes import MemoryServer, thing

from dynkube.errors import InvalidRequestError, InvalidSelectorError, NotFound
from dynkube.informer import Indexer, InformerFactory, Lister, Selection, index_by_namespace
from dynkube.names import GroupVersionResource
from dynkube.watch.reading import object_key

PODS = GroupVersionResource("", "v1", "pods")
THINGS = GroupVersionResource("test.example", "v1", "things")


def _lister() -> Lister:
    indexer = Indexer({"namespace": index_by_namespace})
    for name, namespace, labels in [("a", "one", {"app": "web"}), ("b", "one", None), ("a", "two", {"app": "db"})]:
        obj = thing(name)
        obj["metadata"]["namespace"] = namespace
        if labels:
            obj["metadata"]["labels"] = labels
        indexer.put(object_key(obj), obj)
    node = {"metadata": {"name": "node"}}
    indexer.put("node", node)
    return Lister(indexer, "things.test.example")


def _keys(objects: list[dict[str, Any]]) -> list[str]:
    return sorted(object_key(obj) for obj in objects)


def test_gets_by_name_and_namespace() -> None:
    """A lister of a namespace finds names in it, one without finds cluster-scoped names."""
    lister = _lister()
    assert object_key(lister.namespace("two").get("a")) == "two/a"
    assert object_key(lister.get("node")) == "node"
    assert lister.get_or_none("a") is None
    assert lister.namespace("three").get_or_none("a") is None


def test_a_missing_object_is_not_found() -> None:
    """The error is the server's own kind and names the resource."""
    with pytest.raises(NotFound, match=r'things\.test\.example "x" not found') as raised:
        _lister().namespace("one").get("x")
    assert raised.value.code == 404
    assert raised.value.details == {"name": "x", "group": "test.example", "kind": "things"}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        (None, ["node", "one/a", "one/b", "two/a"]),
        ("", ["node", "one/a", "one/b", "two/a"]),
        ("app=web", ["one/a"]),
        ({"app": ["web", "db"]}, ["one/a", "two/a"]),
        ("!app", ["node", "one/b"]),
        ("app=nothing", []),
    ],
)
def test_lists_by_label(selector: Any, expected: list[str]) -> None:
    """Selectors mean what they mean on the server; objects without labels have none."""
    assert _keys(_lister().list(selector)) == expected


def test_lists_a_namespace() -> None:
    """The namespace restricts, and "" is all of them."""
    lister = _lister()
    assert _keys(lister.namespace("one").list()) == ["one/a", "one/b"]
    assert _keys(lister.namespace("one").list("app=db")) == []
    assert len(lister.namespace("one").namespace("").list()) == 4


def test_a_wrong_selector_is_refused() -> None:
    """A selector that cannot be parsed fails before anything is looked at."""
    with pytest.raises(InvalidSelectorError):
        _lister().list("a in (")


class _Sources:
    """Makes a server for each selection asked for."""

    def __init__(self) -> None:
        self.servers: dict[Selection, MemoryServer] = {}

    def __call__(self, selection: Selection) -> MemoryServer:
        assert selection not in self.servers, "one informer a selection"
        return self.servers.setdefault(selection, MemoryServer())


def test_equal_selections_share_an_informer() -> None:
    """Resource, namespace, selectors and form make the difference, however a selector is written."""
    sources = _Sources()
    factory = InformerFactory(sources)
    first = factory.informer(PODS, label_selector="app=web")
    assert factory.informer(PODS, label_selector={"app": "web"}) is first
    others = [
        factory.informer(PODS),
        factory.informer(PODS, namespace="one"),
        factory.informer(PODS, field_selector="spec.nodeName=n"),
        factory.informer(PODS, metadata_only=True),
        factory.informer(THINGS),
    ]
    assert len({id(informer) for informer in [first, *others]}) == 6
    assert factory.informer(THINGS).name == "things.test.example"
    assert [selection.metadata_only for selection in sources.servers].count(True) == 1
    factory.shutdown()


def test_starts_awaits_and_stops_together() -> None:
    """Start runs what was asked for so far and can be repeated; shutdown ends every thread."""
    before = set(threading.enumerate())
    sources = _Sources()
    factory = InformerFactory(sources, namespace="prod", stream=False)
    with factory:
        pods = factory.informer(PODS)
        assert factory.wait_for_sync(0) == {}
        factory.start()
        assert factory.wait_for_sync(30) == {Selection(PODS, "prod"): True}
        things = factory.informer(THINGS, namespace="test")
        factory.start()
        assert factory.wait_for_sync(30) == {Selection(PODS, "prod"): True, Selection(THINGS, "test"): True}
    assert pods.stopped
    assert things.stopped
    assert set(threading.enumerate()) <= before
    assert factory.shutdown()
    assert [len(server.requests) for server in sources.servers.values()] == [2, 2]


def test_a_factory_that_was_shut_down_makes_and_starts_nothing() -> None:
    """What was made is still returned; anything new is refused."""
    factory = InformerFactory(_Sources())
    pods = factory.informer(PODS)
    factory.shutdown()
    assert factory.informer(PODS) is pods
    with pytest.raises(InvalidRequestError, match="shut down"):
        factory.informer(THINGS)
    with pytest.raises(InvalidRequestError, match="shut down"):
        factory.start()


def test_a_wrong_selector_makes_no_informer() -> None:
    """A selector that cannot be parsed is refused when the informer is asked for."""
    sources = _Sources()
    with pytest.raises(InvalidSelectorError):
        InformerFactory(sources).informer(PODS, label_selector="a in (")
    assert sources.servers == {}
