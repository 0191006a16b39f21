"""Tests of the store."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from watch.fakes import thing

from dynkube.errors import InvalidRequestError
from dynkube.informer import NAMESPACE_INDEX, Indexer, index_by_namespace, object_key, split_key


def _by_zone(obj: dict[str, Any]) -> list[str]:
    return list(obj.get("zones", []))


def _indexer(*objects: dict[str, Any]) -> Indexer:
    indexer = Indexer({"zone": _by_zone, NAMESPACE_INDEX: index_by_namespace})
    for obj in objects:
        indexer.put(object_key(obj), obj)
    return indexer


def _names(objects: list[dict[str, Any]]) -> list[str]:
    return sorted(obj["metadata"]["name"] for obj in objects)


def test_put_get_and_remove() -> None:
    """What is put can be got, is replaced by the next put, and is gone after removal."""
    indexer = _indexer()
    first, second = thing("a", 1), thing("a", 2)
    assert indexer.put("ns/a", first) is None
    assert indexer.put("ns/a", second) is first
    assert indexer.get("ns/a") is second
    assert "ns/a" in indexer
    assert (len(indexer), indexer.keys(), indexer.values()) == (1, ["ns/a"], [second])
    assert indexer.remove("ns/a") is second
    assert indexer.remove("ns/a") is None
    assert indexer.get("ns/a") is None
    assert "ns/a" not in indexer


def test_finds_by_index() -> None:
    """An object is found under every value its function returns, and under none if it returns none."""
    indexer = _indexer(thing("a", zones=["x", "y"]), thing("b", zones=["y"]), thing("c"))
    assert _names(indexer.by_index("zone", "x")) == ["a"]
    assert _names(indexer.by_index("zone", "y")) == ["a", "b"]
    assert indexer.by_index("zone", "z") == []
    assert indexer.index_keys("zone", "y") == ["ns/a", "ns/b"]
    assert indexer.index_values("zone") == ["x", "y"]
    assert _names(indexer.by_index(NAMESPACE_INDEX, "ns")) == ["a", "b", "c"]


def test_alike_finds_all_that_share_a_value() -> None:
    """The argument need not be stored itself."""
    indexer = _indexer(thing("a", zones=["x"]), thing("b", zones=["y"]), thing("c", zones=["z"]))
    assert _names(indexer.alike("zone", thing("q", zones=["x", "y", "none"]))) == ["a", "b"]
    assert indexer.alike("zone", thing("q")) == []


def test_updates_move_objects_in_the_index() -> None:
    """After an update the object is found under its new values only; empty values are forgotten."""
    indexer = _indexer(thing("a", 1, zones=["x", "y"]), thing("b", 1, zones=["y"]))
    indexer.put("ns/a", thing("a", 2, zones=["z"]))
    assert indexer.index_values("zone") == ["y", "z"]
    assert indexer.by_index("zone", "x") == []
    indexer.remove("ns/b")
    indexer.remove("ns/a")
    assert indexer.index_values("zone") == []


def test_index_added_later_covers_what_is_stored() -> None:
    """An index can come after the objects."""
    indexer = _indexer(thing("a", 1), thing("b", 2))
    indexer.add_indexers({"version": lambda obj: [obj["metadata"]["resourceVersion"]]})
    assert _names(indexer.by_index("version", "2")) == ["b"]
    assert set(indexer.indexers) == {"zone", NAMESPACE_INDEX, "version"}


def test_a_name_is_used_once() -> None:
    """Two indexes of one name are refused and nothing is changed."""
    indexer = _indexer(thing("a", zones=["x"]))
    with pytest.raises(InvalidRequestError, match="zone"):
        indexer.add_indexers({"other": _by_zone, "zone": index_by_namespace})
    assert "other" not in indexer.indexers


@pytest.mark.parametrize("call", ["by_index", "index_keys", "alike", "index_values"])
def test_an_unknown_index_is_refused(call: str) -> None:
    """The error names the indexes there are."""
    arguments: dict[str, tuple[Any, ...]] = {"index_values": ("nothing",), "alike": ("nothing", thing("a"))}
    with pytest.raises(InvalidRequestError, match="there are: namespace, zone"):
        getattr(_indexer(), call)(*arguments.get(call, ("nothing", "x")))


def test_a_failing_index_function_harms_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    """Its object is stored and in the other indexes; the failure is logged."""

    def fail(obj: dict[str, Any]) -> list[str]:
        return [obj["spec"]["missing"]]

    indexer = Indexer({"bad": fail, "zone": _by_zone})
    with caplog.at_level(logging.ERROR, "dynkube.informer"):
        indexer.put("ns/a", thing("a", zones=["x"]))
    assert _names(indexer.by_index("zone", "x")) == ["a"]
    assert indexer.index_values("bad") == []
    assert "index bad failed for ns/a" in caplog.text
    indexer.remove("ns/a")
    assert indexer.index_values("zone") == []


@pytest.mark.parametrize("answer", ["x", None, [None], [1], [["x"]], [{}], 7], ids=repr)
def test_an_answer_that_is_no_list_of_values_counts_as_a_failure(caplog: pytest.LogCaptureFixture, answer: Any) -> None:
    """A function that returns a text instead of a list of them is told so, and its letters are not indexed."""
    indexer = Indexer({"bad": lambda obj: answer, "zone": _by_zone})
    assert indexer.index_values("bad") == []
    indexer.put("ns/a", thing("a", zones=["x"]))
    indexer.put("ns/a", thing("a", 2, zones=["y"]))
    assert indexer.index_values("bad") == []
    assert indexer.index_values("zone") == ["y"]
    assert "index bad failed for ns/a" in caplog.text


def test_values_may_come_in_anything_that_can_be_iterated() -> None:
    """A generator, a set, a tuple or the keys of a dict do; a value returned twice counts once."""
    answers: dict[str, Any] = {"a": ("x", "x"), "b": {"x"}, "c": {"x": 1}, "d": (value for value in ["x"])}
    indexer = Indexer({"some": lambda obj: answers[obj["metadata"]["name"]]})
    for name in answers:
        indexer.put(f"ns/{name}", thing(name))
    assert indexer.index_keys("some", "x") == ["ns/a", "ns/b", "ns/c", "ns/d"]
    indexer.remove("ns/a")
    assert indexer.index_keys("some", "x") == ["ns/b", "ns/c", "ns/d"]


def test_an_object_that_somebody_changed_leaves_nothing_behind() -> None:
    """An index knows where it put a key, whatever has become of the object since."""
    shared = thing("a", zones=["x"])
    indexer = _indexer(shared)
    assert indexer.index_values("zone") == ["x"]
    shared["zones"] = ["y"]  # which nobody may do
    indexer.put("ns/a", thing("a", 2, zones=["z"]))
    assert indexer.index_values("zone") == ["z"]
    assert indexer.by_index("zone", "x") == []


@pytest.mark.parametrize("later", [["other"], []], ids=["another answer", "none"])
def test_a_function_that_changes_its_answer_leaves_nothing_behind(later: list[str]) -> None:
    """After a removal no index leads to the object, even if the function would say otherwise now."""
    answer = ["x"]
    indexer = Indexer({"moody": lambda obj: answer})
    assert indexer.index_values("moody") == []
    indexer.put("ns/a", thing("a"))
    answer = later
    indexer.remove("ns/a")
    assert indexer.index_values("moody") == []


def test_a_function_that_fails_later_leaves_nothing_behind() -> None:
    """An object the function no longer understands is taken out of the index."""
    indexer = Indexer({"spec": lambda obj: [obj["spec"]]})
    indexer.put("ns/a", thing("a", spec="x"))
    assert indexer.index_keys("spec", "x") == ["ns/a"]
    indexer.put("ns/a", thing("a", 2))
    assert indexer.by_index("spec", "x") == []
    indexer.remove("ns/a")
    assert indexer.index_values("spec") == []


def test_a_function_may_ask_the_store() -> None:
    """One index can be made of another, asked for the first time in the middle of a write."""
    indexer = _indexer(thing("a", zones=["x"]))
    indexer.add_indexers({"alone": lambda obj: ["yes"] if len(indexer.by_index("zone", obj["zones"][0])) < 2 else []})
    indexer.add_indexers({"first": lambda obj: indexer.index_keys("alone", "yes")[:1]})
    assert indexer.index_values("first") == ["ns/a"]
    indexer.put("ns/b", thing("b", zones=["y"]))
    assert indexer.index_keys("alone", "yes") == ["ns/a", "ns/b"]


def test_an_object_of_no_name_can_be_compared() -> None:
    """What `alike` is given needs what the index looks at, and nothing else."""
    indexer = _indexer(thing("a", zones=["x"]))
    assert _names(indexer.alike("zone", {"zones": ["x"]})) == ["a"]


def test_replace_takes_the_last_of_two_of_one_name() -> None:
    """A state with duplicates, which no server sends, is one object, told once."""
    indexer = _indexer()
    first, second = thing("a", 1), thing("a", 2, zones=["x"])
    assert indexer.replace([first, second], "2").written == [("ns/a", None, second)]
    assert indexer.values() == [second]
    assert indexer.index_keys("zone", "x") == ["ns/a"]


def test_replace_moves_objects_in_the_index() -> None:
    """A new state is found under its new values only, in indexes that were asked before."""
    indexer = _indexer(thing("a", 1, zones=["x", "y"]), thing("b", 1, zones=["y"]), thing("c", 1, zones=["w"]))
    assert indexer.index_values("zone") == ["w", "x", "y"]
    indexer.replace([thing("a", 2, zones=["y", "z"]), thing("b", 1, zones=["y"])], "3")
    assert {value: indexer.index_keys("zone", value) for value in indexer.index_values("zone")} == {
        "y": ["ns/a", "ns/b"],
        "z": ["ns/a"],
    }


def test_replace_tells_what_changed() -> None:
    """Gone, changed and new objects are reported; the unchanged stay the very objects they were."""
    kept, changed, gone = thing("kept", 1), thing("changed", 2), thing("gone", 3)
    indexer = _indexer(kept, changed, gone)
    newer, new = thing("changed", 5), thing("new", 6, zones=["x"])
    changes = indexer.replace([thing("kept", 1), newer, new], "9")
    assert changes.deleted == [("ns/gone", gone)]
    assert changes.written == [("ns/changed", changed, newer), ("ns/new", None, new)]
    assert indexer.get("ns/kept") is kept
    assert _names(indexer.by_index("zone", "x")) == ["new"]
    assert _names(indexer.by_index(NAMESPACE_INDEX, "ns")) == ["changed", "kept", "new"]
    assert indexer.resource_version == "9"


def test_replace_sees_another_object_of_the_same_name() -> None:
    """The same version of another uid is another object."""
    indexer = _indexer(thing("a", 1, uid="first"))
    second = thing("a", 1, uid="second")
    assert indexer.replace([second], "2").written == [("ns/a", thing("a", 1, uid="first"), second)]


def test_replace_sees_the_same_version_read_otherwise() -> None:
    """Where a definition has other defaults now, objects are another thing with the version they had."""
    before, after = thing("a", 1), thing("a", 1, mode="fast")
    indexer = _indexer(before)
    assert indexer.replace([after], "2").written == [("ns/a", before, after)]
    assert indexer.get("ns/a") is after


def test_replace_by_nothing_empties_the_store() -> None:
    """An empty state leaves no object and no index value."""
    indexer = _indexer(thing("a", zones=["x"]))
    assert len(indexer.replace([], "2").deleted) == 1
    assert (len(indexer), indexer.index_values("zone")) == (0, [])


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["put", "remove", "replace"]),
            st.sampled_from("abcd"),
            st.lists(st.sampled_from("xyz"), max_size=3),
        )
    )
)
def test_indexes_agree_with_the_objects(steps: list[tuple[str, str, list[str]]]) -> None:
    """After any sequence of writes each index is what indexing the objects anew gives."""
    indexer = _indexer()
    for version, (step, name, zones) in enumerate(steps):
        if step == "put":
            indexer.put(f"ns/{name}", thing(name, version, zones=zones))
        elif step == "remove":
            indexer.remove(f"ns/{name}")
        else:
            indexer.replace([thing(name, version, zones=zones)], str(version))
    expected: dict[str, set[str]] = {}
    for obj in indexer.values():
        for zone in obj["zones"]:
            expected.setdefault(zone, set()).add(object_key(obj))
    assert indexer.index_values("zone") == sorted(expected)
    assert {zone: set(indexer.index_keys("zone", zone)) for zone in expected} == expected


def test_can_be_read_while_it_is_written() -> None:
    """Readers never see a half-written state: a replaced store is seen wholly old or wholly new."""
    states = [[thing(f"{letter}{index}", 1) for index in range(50)] for letter in "ab"]
    indexer = Indexer({NAMESPACE_INDEX: index_by_namespace})
    indexer.replace(states[0], "1")
    done = threading.Event()
    mixed: list[int] = []

    def read() -> None:
        while not done.is_set():
            letters = {obj["metadata"]["name"][0] for obj in indexer.values()}
            indexed = indexer.by_index(NAMESPACE_INDEX, "ns")
            if len(letters) != 1 or len(indexed) != 50:
                mixed.append(len(letters))

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for turn in range(200):
        indexer.replace(states[turn % 2], str(turn))
    done.set()
    for thread in threads:
        thread.join(10)
    assert mixed == []


def test_indexes_can_be_added_while_the_store_is_written() -> None:
    """Two threads that add and ask indexes during writes always see an index that is complete."""
    indexer = _indexer(*(thing(f"fixed{index}", zones=["fixed"]) for index in range(20)))
    wrong: list[int] = []

    def add(who: str) -> None:
        for turn in range(15):
            indexer.add_indexers({f"{who}{turn}": _by_zone})
            found = len(indexer.by_index(f"{who}{turn}", "fixed"))
            if found != 20:
                wrong.append(found)

    threads = [threading.Thread(target=add, args=(who,)) for who in "ab"]
    for thread in threads:
        thread.start()
    turn = 0
    while turn < 20 or any(thread.is_alive() for thread in threads):
        name = f"moving{turn % 7}"
        if turn % 3:
            indexer.put(f"ns/{name}", thing(name, turn, zones=["moving", str(turn)]))
        else:
            indexer.remove(f"ns/{name}")
        turn += 1
    for thread in threads:
        thread.join(30)
    assert wrong == []
    moving = sorted(key for key in indexer.keys() if "moving" in key)  # noqa: SIM118 - a store is no dict
    for index in indexer.indexers:
        if index != NAMESPACE_INDEX:
            assert indexer.index_keys(index, "moving") == moving


def test_keys() -> None:
    """A key is namespace and name, or the name alone; it splits back."""
    assert object_key(thing("a")) == "ns/a"
    assert object_key({"metadata": {"name": "node"}}) == "node"
    assert object_key({"metadata": {"name": "node", "namespace": ""}}) == "node"
    assert split_key("ns/a") == ("ns", "a")
    assert split_key("node") == ("", "node")


@pytest.mark.parametrize("key", ["", "a/b/c", "/a", "a/"])
def test_what_is_no_key_is_refused(key: str) -> None:
    """A key with more than one slash, or an empty part, is none."""
    with pytest.raises(ValueError, match="is not"):
        split_key(key)


def test_an_object_without_a_name_has_no_key() -> None:
    """What cannot be identified cannot be stored."""
    with pytest.raises(KeyError):
        object_key({"metadata": {}})
