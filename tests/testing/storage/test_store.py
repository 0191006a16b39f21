"""The versioned store."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynkube.testing.storage.store import ADDED, DELETED, MODIFIED, CompactedError, ExistsError, Store

THINGS = ("", "things")


def thing(name: str, value: int = 0) -> dict[str, Any]:
    """Return an object."""
    return {"metadata": {"name": name, "namespace": "ns"}, "value": value}


def names(found: list[Any]) -> list[str]:
    """Return the names in a list."""
    return [key[1] for key, _ in found]


def test_versions_grow_with_every_write_and_are_stamped_on_the_object() -> None:
    """Each write has a version of its own, higher than every one before, over all collections."""
    store = Store()
    first = store.create(THINGS, ("ns", "a"), thing("a"))
    second = store.create(("g", "others"), ("", "b"), {"metadata": {"name": "b"}})
    third = store.replace(THINGS, ("ns", "a"), thing("a", 1))
    assert first.version < second.version < third.version == store.version
    assert third.object["metadata"]["resourceVersion"] == str(third.version)


def test_what_is_handed_in_is_not_changed() -> None:
    """The stamp goes onto a copy."""
    given_object = thing("a")
    Store().create(THINGS, ("ns", "a"), given_object)
    assert given_object == thing("a")


def test_a_key_is_created_once() -> None:
    """Creating over an object raises and changes nothing."""
    store = Store()
    store.create(THINGS, ("ns", "a"), thing("a"))
    version = store.version
    with pytest.raises(ExistsError):
        store.create(THINGS, ("ns", "a"), thing("a", 9))
    assert store.version == version


def test_replacing_or_deleting_what_is_not_there_raises() -> None:
    """There is no silent create."""
    store = Store()
    with pytest.raises(KeyError):
        store.replace(THINGS, ("ns", "a"), thing("a"))
    with pytest.raises(KeyError):
        store.delete(THINGS, ("ns", "a"))


def test_lists_are_ordered_as_etcd_orders_paths() -> None:
    """``a-b/x`` comes before ``a/x``, because - sorts before /."""
    store = Store()
    for namespace in ("a", "a-b", "b"):
        store.create(THINGS, (namespace, "x"), {"metadata": {"name": "x"}})
    assert [key[0] for key, _ in store.objects(THINGS)[0]] == ["a-b", "a", "b"]


def test_a_list_can_be_of_one_namespace() -> None:
    """Other namespaces' objects stay out."""
    store = Store()
    store.create(THINGS, ("a", "x"), {"metadata": {"name": "x"}})
    store.create(THINGS, ("b", "y"), {"metadata": {"name": "y"}})
    assert names(store.objects(THINGS, "b")[0]) == ["y"]


def test_events_tell_type_previous_state_and_version() -> None:
    """A reader gets every change after its position, in order."""
    store = Store()
    position = store.position(THINGS, store.version)
    store.create(THINGS, ("ns", "a"), thing("a"))
    store.replace(THINGS, ("ns", "a"), thing("a", 1))
    store.delete(THINGS, ("ns", "a"))
    events, after = store.events(THINGS, position)
    assert [event.type for event in events] == [ADDED, MODIFIED, DELETED]
    assert events[0].previous is None
    assert events[2].previous is events[1].record
    assert events[2].record.object["metadata"]["resourceVersion"] == str(events[2].version)
    assert store.events(THINGS, after) == ([], after)


def test_history_is_bounded() -> None:
    """Beyond the limit the oldest events go, and whoever needs them is told."""
    store = Store(history=10)
    start = store.version
    for number in range(20):
        store.create(THINGS, ("ns", f"o{number}"), thing(f"o{number}"))
    with pytest.raises(CompactedError):
        store.position(THINGS, start)
    with pytest.raises(CompactedError):
        store.objects_at(THINGS, start)
    assert len(store.objects_at(THINGS, store.version)) == 20


def test_compaction_ends_old_positions_but_not_the_present() -> None:
    """After compact() only the present can be listed and watched from."""
    store = Store()
    store.create(THINGS, ("ns", "a"), thing("a"))
    old = store.version
    position = store.position(THINGS, old)
    store.create(THINGS, ("ns", "b"), thing("b"))
    now = store.compact()
    with pytest.raises(CompactedError):
        store.objects_at(THINGS, old)
    with pytest.raises(CompactedError):
        store.events(THINGS, position)
    assert names(store.objects_at(THINGS, now)) == ["a", "b"]
    assert store.position(THINGS, now)


def test_restore_brings_objects_back_but_never_a_version() -> None:
    """Versions after a restore are higher than every one ever handed out."""
    store = Store()
    store.create(THINGS, ("ns", "a"), thing("a"))
    snapshot = store.snapshot()
    store.replace(THINGS, ("ns", "a"), thing("a", 1))
    store.create(THINGS, ("ns", "b"), thing("b"))
    highest = store.version
    store.restore(snapshot)
    found, version = store.objects(THINGS)
    assert names(found) == ["a"]
    assert found[0][1].object["value"] == 0
    assert version > highest
    with pytest.raises(CompactedError):
        store.position(THINGS, highest)


def test_a_waiting_reader_wakes_on_a_write() -> None:
    """Watches block on ``changed`` and are woken."""
    store = Store()
    position = store.position(THINGS, store.version)
    woken = threading.Event()

    def wait() -> None:
        with store.changed:
            while not store.pending(THINGS, position):
                store.changed.wait(5)
        woken.set()

    reader = threading.Thread(target=wait)
    reader.start()
    store.create(THINGS, ("ns", "a"), thing("a"))
    reader.join(5)
    assert woken.is_set()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["put", "delete"])), max_size=40))
def test_every_logged_version_can_be_listed_as_it_was(steps: list[tuple[str, str]]) -> None:
    """objects_at(v) equals what objects() said when v was the newest version."""
    store = Store()
    seen: dict[int, list[tuple[str, int]]] = {}
    for count, (name, action) in enumerate(steps):
        key = ("ns", name)
        present = store.get(THINGS, key) is not None
        if action == "delete":
            if not present:
                continue
            store.delete(THINGS, key)
        elif present:
            store.replace(THINGS, key, thing(name, count))
        else:
            store.create(THINGS, key, thing(name, count))
        found, version = store.objects(THINGS)
        seen[version] = [(key[1], record.object["value"]) for key, record in found]
    for version, expected in seen.items():
        found = store.objects_at(THINGS, version)
        assert [(key[1], record.object["value"]) for key, record in found] == expected
