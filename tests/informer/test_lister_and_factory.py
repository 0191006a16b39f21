"""Tests of listers and of the factory that shares informers."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from watch.fakes import FakeClock, MemoryServer, thing

from dynkube.errors import InvalidRequestError, InvalidSelectorError, NotFound
from dynkube.informer import Indexer, InformerFactory, Lister, Selection, SharedInformer, index_by_namespace
from dynkube.names import GroupVersionResource
from dynkube.watch.reading import object_key
from informer.recording import HeldSource

PODS = GroupVersionResource("", "v1", "pods")
NODES = GroupVersionResource("", "v1", "nodes")
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


def test_lists_a_namespace_of_a_store_without_that_index() -> None:
    """A store made by hand needs no index to be listed by namespace."""
    indexer = Indexer()
    for name, namespace in [("a", "one"), ("b", "one"), ("a", "two")]:
        obj = thing(name)
        obj["metadata"]["namespace"] = namespace
        indexer.put(object_key(obj), obj)
    assert _keys(Lister(indexer).namespace("one").list()) == ["one/a", "one/b"]
    assert Lister(indexer).namespace("three").list() == []


def test_a_list_is_a_copy_of_the_moment() -> None:
    """What is listed stays as it was, whatever is written meanwhile, in any of the ways to ask."""
    states = [[thing(f"{letter}{index}", 1, uid=letter) for index in range(60)] for letter in "ab"]
    for obj in [*states[0], *states[1]]:
        obj["metadata"]["labels"] = {"kept": "yes"}
    indexer = Indexer({"namespace": index_by_namespace})
    indexer.replace(states[0], "1")
    lister = Lister(indexer)
    done = threading.Event()
    mixed: list[int] = []

    def look() -> None:
        while not done.is_set():
            for namespace, selector in [("", None), ("ns", None), ("", "kept=yes"), ("ns", "!gone")]:
                uids = [obj["metadata"]["uid"] for obj in lister.namespace(namespace).list(selector)]
                if len(uids) != 60 or len(set(uids)) != 1:
                    mixed.append(len(uids))

    thread = threading.Thread(target=look)
    thread.start()
    for turn in range(200):
        indexer.replace(states[turn % 2], str(turn))
    done.set()
    thread.join(30)
    assert not thread.is_alive()
    assert mixed == []


def test_a_wrong_selector_is_refused() -> None:
    """A selector that cannot be parsed fails before anything is looked at."""
    with pytest.raises(InvalidSelectorError):
        _lister().list("a in (")


class _Sources:
    """Makes a server for each selection asked for."""

    def __init__(self) -> None:
        self.servers: dict[Selection, MemoryServer] = {}
        self.made: list[Selection] = []

    def __call__(self, selection: Selection) -> MemoryServer:
        self.made.append(selection)
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
    assert len({id(informer) for informer in [first, *others]}) == len(sources.made) == 6
    assert factory.informer(THINGS).name == "things.test.example"
    assert [selection.metadata_only for selection in sources.servers].count(True) == 1
    factory.shutdown()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"label_selector": "a=1,b=2"}, {"label_selector": " b == 2, a=1"}),
        ({"label_selector": "a in (x,y)"}, {"label_selector": {"a": ["y", "x"]}}),
        ({"label_selector": ""}, {}),
        (
            {"field_selector": "metadata.name=x,spec.nodeName!=n"},
            {"field_selector": "spec.nodeName!=n,metadata.name==x"},
        ),
        ({"field_selector": {"metadata.name": "x"}}, {"field_selector": "metadata.name=x"}),
    ],
    ids=str,
)
def test_selectors_that_say_the_same_share_an_informer(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Order, spaces and the ways to write an operator make no difference."""
    sources = _Sources()
    factory = InformerFactory(sources)
    assert factory.informer(PODS, **one) is factory.informer(PODS, **other)
    assert len(sources.made) == 1


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


def test_one_selection_however_often_and_by_whomever_it_is_asked_for() -> None:
    """Threads that ask at once are given the same informer, and its source is made once."""
    sources = _Sources()
    factory = InformerFactory(sources)
    together = threading.Barrier(6)
    given: list[SharedInformer] = []

    def ask() -> None:
        together.wait(30)
        given.append(factory.informer(PODS))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert (len(given), len(set(map(id, given))), len(sources.made)) == (6, 1, 1)


def test_an_informer_that_somebody_stopped_is_replaced() -> None:
    """Who asks next gets one that can run; who has the old one keeps it, stopped."""
    factory = InformerFactory(_Sources(), stream=False)
    with factory:
        old = factory.informer(PODS)
        factory.start()
        assert factory.wait_for_sync(30) == {Selection(PODS): True}
        old.stop()
        assert factory.wait_for_sync(30) == {Selection(PODS): False}
        new = factory.informer(PODS)
        assert new is not old
        factory.start()
        assert factory.wait_for_sync(30) == {Selection(PODS): True}
        assert factory.informer(PODS) is new


def test_an_informer_that_was_stopped_hinders_no_other() -> None:
    """Starting passes over one that was stopped before it ran."""
    factory = InformerFactory(_Sources(), stream=False)
    factory.informer(PODS).stop()
    factory.informer(THINGS)
    with factory:
        assert factory.wait_for_sync(30) == {Selection(THINGS): True}


def test_an_informer_may_have_been_started_by_itself() -> None:
    """The factory takes it over as it is."""
    sources = _Sources()
    factory = InformerFactory(sources, stream=False)
    factory.informer(PODS).start()
    with factory:
        assert factory.wait_for_sync(30) == {Selection(PODS): True}
    assert [request["verb"] for request in sources.servers[Selection(PODS)].requests].count("list") == 1
    assert factory.informer(PODS).stopped


def test_waiting_for_several_takes_its_time_once() -> None:
    """The limit is for all informers together, and what is not synced is said of each."""
    clock = FakeClock()
    silent = [HeldSource(), HeldSource(), HeldSource()]
    sources: dict[Selection, Any] = dict(
        zip([Selection(PODS), Selection(NODES), Selection(THINGS)], silent, strict=True)
    )
    factory = InformerFactory(sources.__getitem__, stream=False, clock=clock)
    for resource in (PODS, NODES, THINGS):
        factory.informer(resource)
    with factory:
        assert all(source.asked.wait(30) for source in silent)
        assert factory.wait_for_sync(8.0) == dict.fromkeys(sources, False)
        assert clock.pauses == [8.0, 0.0, 0.0]
        for source in silent:
            source.over.set()


def test_shutting_down_takes_its_time_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is for all informers together, however many of them have handlers that do not end."""
    now = 100.0
    allowed: list[float | None] = []

    def stop(informer: SharedInformer, timeout: float | None = 1.0) -> bool:
        nonlocal now
        allowed.append(timeout)
        now += timeout or 0.0
        return False

    factory = InformerFactory(_Sources())
    factory.informer(PODS)
    factory.informer(THINGS)
    monkeypatch.setattr("dynkube.watch.clock.time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(SharedInformer, "stop", stop)
    assert factory.shutdown(3.0) is False
    assert allowed == [0.0, 0.0, 3.0, 0.0]
