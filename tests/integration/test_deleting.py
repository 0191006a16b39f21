"""Deleting: conditions, finalizers, collections, dependents, namespaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynkube.errors import Conflict, Forbidden, NotFound
from dynkube.objects import add_finalizer, owner_reference, remove_finalizer
from dynkube.watch import deleted
from integration.objects import config_map, widget

if TYPE_CHECKING:
    from dynkube.dynamic import DynamicClient, Resource

FINALIZER = "example.com/held"


@pytest.fixture
def config_maps(dyn: DynamicClient) -> Resource:
    """Return the config maps of the test's namespace."""
    return dyn.resource("v1", "configmaps")


def test_only_the_very_object_is_deleted(config_maps: Resource) -> None:
    """With another uid, or another version, the delete is refused."""
    stored = config_maps.create(config_map("a"))
    with pytest.raises(Conflict):
        config_maps.delete("a", uid="00000000-0000-0000-0000-000000000000")
    config_maps.patch("a", {"data": {"k": "1"}})
    with pytest.raises(Conflict):
        config_maps.delete("a", resource_version=stored["metadata"]["resourceVersion"])
    config_maps.delete("a", uid=stored["metadata"]["uid"])
    assert not config_maps.exists("a")


def test_what_is_not_there_cannot_be_deleted(config_maps: Resource) -> None:
    """A second delete is NotFound."""
    config_maps.create(config_map("a"))
    config_maps.delete("a")
    with pytest.raises(NotFound):
        config_maps.delete("a")


@pytest.mark.parametrize("kind", ["configmaps", "widgets"])
def test_a_finalizer_holds_an_object(dyn: DynamicClient, widgets: Resource, kind: str) -> None:
    """It stays with a deletionTimestamp until the finalizer is taken away, and gets no new ones."""
    resource = widgets if kind == "widgets" else dyn.resource("v1", kind)
    obj = widget("a") if kind == "widgets" else config_map("a")
    add_finalizer(obj, FINALIZER)
    resource.create(obj)
    resource.delete("a")
    held = resource.get("a")
    assert held["metadata"]["deletionTimestamp"]
    resource.delete("a")
    remove_finalizer(held, FINALIZER)
    resource.update(held)
    resource.wait("a", deleted(), timeout=30)
    assert not resource.exists("a")


def test_a_collection_is_deleted_by_its_labels(config_maps: Resource) -> None:
    """What does not match stays."""
    for name, color in (("a", "blue"), ("b", "red"), ("c", "blue")):
        config_maps.create(config_map(name, labels={"suite": "deleting", "color": color}))
    config_maps.delete_collection(label_selector="color=blue")
    left = config_maps.list(label_selector="suite=deleting")["items"]
    assert [each["metadata"]["name"] for each in left] == ["b"]


def test_the_foreground_waits_for_dependents(config_maps: Resource) -> None:
    """The object stays with the finalizer the garbage collector takes away."""
    owner = config_maps.create(config_map("owner", finalizers=[FINALIZER]))
    reference = {**owner_reference(owner), "blockOwnerDeletion": True}
    config_maps.create(config_map("dependent", ownerReferences=[reference]))
    answer = config_maps.delete("owner", propagation_policy="Foreground")
    assert set(answer["metadata"]["finalizers"]) == {FINALIZER, "foregroundDeletion"}
    config_maps.patch("owner", {"metadata": {"finalizers": None}})


def test_orphans_stay(config_maps: Resource) -> None:
    """The object gets the finalizer with which the collector lets its dependents go."""
    owner = config_maps.create(config_map("owner", finalizers=[FINALIZER]))
    config_maps.create(config_map("dependent", ownerReferences=[owner_reference(owner)]))
    answer = config_maps.delete("owner", propagation_policy="Orphan")
    assert set(answer["metadata"]["finalizers"]) == {FINALIZER, "orphan"}
    config_maps.patch("owner", {"metadata": {"finalizers": None}})
    assert config_maps.exists("dependent")


def test_a_namespace_that_goes_takes_nothing_new(dyn: DynamicClient, config_maps: Resource, mark: str) -> None:
    """It is Terminating while something in it is held, and creations are forbidden with that cause."""
    namespaces = dyn.resource("v1", "namespaces")
    going = namespaces.create({"metadata": {"generateName": f"{mark}-"}})["metadata"]["name"]
    config_maps = config_maps.namespace(going)
    config_maps.create(config_map("held", finalizers=[FINALIZER]))
    namespaces.delete(going)
    try:
        assert namespaces.get(going)["status"]["phase"] == "Terminating"
        with pytest.raises(Forbidden, match="being terminated") as caught:
            config_maps.create(config_map("late"))
        assert "NamespaceTerminating" in [cause["reason"] for cause in caught.value.causes]
    finally:
        config_maps.patch("held", {"metadata": {"finalizers": None}})
