"""Strategic merge patch: merge keys, directives, order."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynkube.names import GroupVersionKind
from dynkube.testing.http.failures import Failure
from dynkube.testing.objects.schemas import Schema, SchemaSet
from dynkube.testing.patches import merge_patch, strategic_patch


def schema_of(group: str, version: str, kind: str) -> Schema:
    """Return a recorded schema."""
    found = SchemaSet.builtin().schema_for(GroupVersionKind(group, version, kind))
    assert found is not None
    return found


POD = schema_of("", "v1", "Pod")


def patched(spec: dict[str, Any], patch: dict[str, Any]) -> Any:
    """Patch a pod's spec and return it."""
    before = copy.deepcopy((spec, patch))
    result = strategic_patch.apply({"spec": spec}, {"spec": patch}, POD)
    assert (spec, patch) == before
    return result["spec"]


WEB: dict[str, Any] = {"name": "web", "image": "i", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}


def test_list_elements_are_found_by_their_merge_key() -> None:
    """A container is merged by name; an unknown name is added."""
    result = patched({"containers": [WEB]}, {"containers": [{"name": "web", "image": "j"}, {"name": "x"}]})
    assert result == {"containers": [{**WEB, "image": "j"}, {"name": "x"}]}


def test_delete_directive_removes_one_element() -> None:
    """``$patch: delete`` beside the key removes the element, and a missing one is no error."""
    result = patched({"containers": [WEB, {"name": "x"}]}, {"containers": [{"name": "x", "$patch": "delete"}]})
    assert result == {"containers": [WEB]}
    assert patched({"containers": [WEB]}, {"containers": [{"name": "y", "$patch": "delete"}]}) == {"containers": [WEB]}


def test_replace_directive_replaces_the_list() -> None:
    """``- $patch: replace`` makes the other elements the whole list."""
    change = {"containers": [{"name": "web", "env": [{"$patch": "replace"}, {"name": "C", "value": "3"}]}]}
    assert patched({"containers": [WEB]}, change)["containers"][0]["env"] == [{"name": "C", "value": "3"}]


def test_replace_directive_replaces_an_object() -> None:
    """``$patch: replace`` in an object drops the fields the patch does not name."""
    result = patched({"securityContext": {"runAsUser": 1}}, {"securityContext": {"$patch": "replace", "fsGroup": 2}})
    assert result == {"securityContext": {"fsGroup": 2}}


def test_delete_directive_empties_an_object() -> None:
    """``$patch: delete`` in an object removes it."""
    assert patched({"securityContext": {"runAsUser": 1}}, {"securityContext": {"$patch": "delete"}}) == {}


def test_lists_without_merge_strategy_are_replaced() -> None:
    """Tolerations carry no merge key: the patch's list is the list."""
    assert patched({"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "b"}]}) == {"tolerations": [{"key": "b"}]}


def test_primitive_lists_are_united_and_can_lose_elements() -> None:
    """Finalizers are a set to a strategic patch; ``$deleteFromPrimitiveList`` takes some away."""
    meta = {"metadata": {"finalizers": ["a", "b"]}}
    added = strategic_patch.apply(meta, {"metadata": {"finalizers": ["b", "c"]}}, POD)
    assert sorted(added["metadata"]["finalizers"]) == ["a", "b", "c"]
    gone = strategic_patch.apply(meta, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}, POD)
    assert gone["metadata"]["finalizers"] == ["b"]


def test_set_element_order_orders() -> None:
    """``$setElementOrder`` gives the order of the elements it names; others keep their place among the live ones."""
    containers = [{"name": "a"}, {"name": "b"}, {"name": "c"}]
    change = {
        "$setElementOrder/containers": [{"name": "d"}, {"name": "c"}, {"name": "a"}],
        "containers": [{"name": "d"}],
    }
    assert [c["name"] for c in patched({"containers": containers}, change)["containers"]] == ["d", "b", "c", "a"]


def test_set_element_order_alone_reorders() -> None:
    """An order without a list change still reorders."""
    change = {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}
    assert patched({"containers": [{"name": "a"}, {"name": "b"}]}, change) == {
        "containers": [{"name": "b"}, {"name": "a"}]
    }


def test_an_order_that_contradicts_the_list_is_refused() -> None:
    """A list and its ``$setElementOrder`` must agree: 500, in the words of the real server."""
    order = [{"name": "a"}, {"name": "b"}]
    change = {"containers": [{"name": "b", "image": "j"}, {"name": "a"}], "$setElementOrder/containers": order}
    with pytest.raises(Failure) as caught:
        patched({"containers": [WEB]}, change)
    lists = ("[map[image:j name:b] map[name:a]]", "[map[name:a] map[name:b]]")
    assert caught.value.code == 500
    assert str(caught.value) == "The order in patch list:\n{}\n doesn't match $setElementOrder list:\n{}\n".format(
        *lists
    )


def test_an_order_of_nothing_is_refused() -> None:
    """Where neither live list, patch nor order has an element, the real server stumbles: 500."""
    with pytest.raises(Failure) as caught:
        patched({}, {"containers": [], "$setElementOrder/containers": []})
    assert (caught.value.code, str(caught.value)) == (500, "no elements in any of the given slices")


def test_what_is_added_and_deleted_is_not_there() -> None:
    """``$deleteFromPrimitiveList`` has the last word."""
    metadata = {"finalizers": ["a"], "$deleteFromPrimitiveList/finalizers": ["a"]}
    assert strategic_patch.apply({"metadata": {}}, {"metadata": metadata}, POD) == {"metadata": {"finalizers": []}}


def test_directives_in_lists_that_are_replaced() -> None:
    """They have no meaning: dropped with a list that is new, and kept, for decoding to drop, in place of another."""
    terms = [{"key": "x"}, {"$patch": "replace"}]
    assert patched({}, {"tolerations": terms}) == {"tolerations": [{"key": "x"}]}
    assert patched({"tolerations": [{"key": "y"}]}, {"tolerations": terms}) == {"tolerations": terms}


def test_retain_keys_drops_the_others() -> None:
    """``$retainKeys`` keeps only what it names (the union fields of a volume)."""
    volumes = [{"name": "v", "emptyDir": {}}]
    change = {"volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}]}
    assert patched({"volumes": volumes}, change) == {"volumes": [{"name": "v", "hostPath": {"path": "/x"}}]}


@pytest.mark.parametrize(
    "change",
    [
        {"containers": [{"image": "no key"}]},
        {"containers": ["text"]},
        {"securityContext": {"$patch": "sing"}},
        {"securityContext": {"$retainKeys": ["a"], "fsGroup": 1}},
        {"securityContext": {"$retainKeys": "a"}},
        {"$deleteFromPrimitiveList/containers": "a"},
    ],
)
def test_directives_without_sense_are_refused(change: dict[str, Any]) -> None:
    """A patch whose directives or keys make no sense fails as a Status, never as a crash."""
    with pytest.raises(Failure):
        patched({"containers": [WEB], "securityContext": {"fsGroup": 1}}, change)


NAMES = st.sampled_from("abcd")
CONTAINERS = st.lists(st.fixed_dictionaries({"name": NAMES, "image": NAMES}), max_size=4, unique_by=lambda c: c["name"])


@given(CONTAINERS, CONTAINERS)
def test_a_patch_twice_is_a_patch_once(live: list[Any], change: list[Any]) -> None:
    """Merging by key is idempotent, and every patched container ends up as patched."""
    once = patched({"containers": live}, {"containers": change})
    assert patched(once, {"containers": change}) == once
    found = {c["name"]: c["image"] for c in once["containers"]}
    assert found == {c["name"]: c["image"] for c in [*live, *change]}


@given(CONTAINERS, CONTAINERS)
def test_patched_elements_keep_the_order_of_the_patch(live: list[Any], change: list[Any]) -> None:
    """Among themselves, the elements a patch names come in the patch's order."""
    wanted = [c["name"] for c in change]
    once = patched({"containers": live}, {"containers": change})
    assert [c["name"] for c in once["containers"] if c["name"] in wanted] == wanted


MAPS = st.dictionaries(NAMES, st.none() | NAMES, max_size=4)


@given(MAPS, MAPS)
def test_without_lists_it_is_a_merge_patch(live: dict[str, Any], change: dict[str, Any]) -> None:
    """On plain maps a strategic merge patch and a JSON merge patch agree."""
    wrapped = {"metadata": {"labels": live}}, {"metadata": {"labels": change}}
    assert strategic_patch.apply(*wrapped, POD) == merge_patch.apply(*wrapped)
