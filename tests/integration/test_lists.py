"""Lists: selectors, pages, versions, and the views that print and that have metadata only."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from dynkube.errors import Gone, InvalidSelectorError
from dynkube.testing import APIServer
from integration.objects import config_map, widget

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.dynamic import DynamicClient, Resource
    from integration.conftest import Server

#: What all config maps of a test have: in a new namespace of a cluster one with the cluster's CA appears by itself.
OURS = {"suite": "lists"}


@pytest.fixture
def config_maps(dyn: DynamicClient) -> Resource:
    """Return the config maps of the test's namespace, seven of them."""
    resource = dyn.resource("v1", "configmaps")
    for number in range(7):
        labels = {**OURS, "parity": "odd" if number % 2 else "even"}
        resource.create(config_map(f"c{number}", labels=labels))
    return resource


def names(items: list[dict[str, object]]) -> list[str]:
    """Return the names of objects."""
    return [str(each["metadata"]["name"]) for each in items]  # type: ignore[index]


def test_items_know_what_they_are(config_maps: Resource) -> None:
    """The server leaves kind and apiVersion out of the items of built-in lists; here they have them."""
    listed = config_maps.list(label_selector=OURS)
    assert listed["kind"] == "ConfigMapList"
    assert {(each["apiVersion"], each["kind"]) for each in listed["items"]} == {("v1", "ConfigMap")}


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("parity=odd", ["c1", "c3", "c5"]),
        ({"parity": "odd"}, ["c1", "c3", "c5"]),
        ("suite in (lists),parity!=odd", ["c0", "c2", "c4", "c6"]),
        ("suite=lists,!parity", []),
    ],
)
def test_label_selectors(config_maps: Resource, selector: str | dict[str, str], found: list[str]) -> None:
    """Text or a mapping."""
    assert names(config_maps.list(label_selector=selector)["items"]) == found


def test_field_selectors(config_maps: Resource, widgets: Resource) -> None:
    """metadata.name on every kind, and what a definition makes selectable."""
    assert names(config_maps.list(field_selector={"metadata.name": "c3"})["items"]) == ["c3"]
    for name, color in (("a", "blue"), ("b", "red"), ("c", "blue")):
        widgets.create(widget(name, color))
    assert names(widgets.list(field_selector="spec.color=blue")["items"]) == ["a", "c"]


def test_a_wrong_selector_is_not_sent(config_maps: Resource) -> None:
    """It is refused before."""
    with pytest.raises(InvalidSelectorError):
        config_maps.list(label_selector="parity in")


def test_pages(config_maps: Resource) -> None:
    """A limit gives a token for the rest, and how much that is; the last page has none."""
    first = config_maps.list(label_selector=OURS, limit=3)
    assert names(first["items"]) == ["c0", "c1", "c2"]
    second = config_maps.list(label_selector=OURS, limit=3, continue_=first["metadata"]["continue"])
    assert names(second["items"]) == ["c3", "c4", "c5"]
    third = config_maps.list(label_selector=OURS, limit=3, continue_=second["metadata"]["continue"])
    assert names(third["items"]) == ["c6"]
    assert not third["metadata"].get("continue")


def test_pages_are_of_one_moment(config_maps: Resource) -> None:
    """What is written after the first page is not in the others."""
    first = config_maps.list(label_selector=OURS, limit=3)
    config_maps.create(config_map("c55", labels=OURS))
    config_maps.delete("c5")
    rest = config_maps.list(label_selector=OURS, continue_=first["metadata"]["continue"])
    assert names(rest["items"]) == ["c3", "c4", "c5", "c6"]


def test_iterating_over_all_pages(config_maps: Resource) -> None:
    """`iter` gives every item, `pages` whole lists."""
    assert names(list(config_maps.iter(label_selector=OURS, limit=2))) == [f"c{number}" for number in range(7)]
    assert [len(page["items"]) for page in config_maps.pages(label_selector=OURS, limit=3)] == [3, 3, 1]


def refusal(attempt: Callable[[], object]) -> Gone:
    """Return the 410 an attempt is answered with; a server that is too young to have forgotten anything has none."""
    try:
        attempt()
    except Gone as error:
        return error
    pytest.skip("this server is too young to have forgotten anything")


def test_an_expired_token_is_survived(apiserver: Server, config_maps: Resource) -> None:
    """`list` raises 410 for a token whose version is gone; `pages` goes on from it without losing an item."""
    token = config_maps.list(label_selector=OURS, limit=3)["metadata"]["continue"]
    if isinstance(apiserver, APIServer):
        config_maps.create(config_map("later"))
        apiserver.compact()
    else:
        # etcd forgets in its own time, five minutes at least: the very first version goes first.
        decoded = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        token = base64.urlsafe_b64encode(json.dumps({**decoded, "rv": 1}).encode()).rstrip(b"=").decode()
    assert refusal(lambda: config_maps.list(label_selector=OURS, limit=3, continue_=token)).code == 410
    pages = config_maps.pages(label_selector=OURS, limit=3, continue_=token)
    assert [names(page["items"]) for page in pages] == [["c3", "c4", "c5"], ["c6"]]


def test_versions_of_lists(config_maps: Resource) -> None:
    """An exact version shows what was there then; "not older than" and "0" may be served from memory."""
    then = config_maps.list(label_selector=OURS)["metadata"]["resourceVersion"]
    config_maps.delete("c0")
    exact = config_maps.list(label_selector=OURS, resource_version=then, resource_version_match="Exact")
    assert names(exact["items"])[0] == "c0"
    at_least = config_maps.list(label_selector=OURS, resource_version=then, resource_version_match="NotOlderThan")
    assert int(at_least["metadata"]["resourceVersion"]) >= int(then)
    assert config_maps.list(resource_version="0")["kind"] == "ConfigMapList"


def test_all_namespaces_are_asked_for(dyn: DynamicClient, config_maps: Resource, namespace: str) -> None:
    """A view of all namespaces lists this one's objects among others."""
    found = config_maps.all_namespaces().list(label_selector=OURS)["items"]
    assert {each["metadata"]["namespace"] for each in found} >= {namespace}
    assert dyn.resource("namespaces").all_namespaces().list()["items"]


def test_tables(config_maps: Resource, widgets: Resource) -> None:
    """Rows have the cells the server prints, and name and labels of the object."""
    table = config_maps.table().list(label_selector="parity=odd")
    assert table.headers() == ["Name", "Data", "Age"]
    assert [(row.name, row.cells[1]) for row in table] == [("c1", 0), ("c3", 0), ("c5", 0)]
    assert table.rows[0].metadata["labels"]["parity"] == "odd"
    widgets.create(widget("a", "blue"))
    printed = widgets.table().get("a")
    assert printed.headers() == ["Name", "Color"]
    assert printed.rows[0].cells[:2] == ("a", "blue")


def test_metadata_alone(config_maps: Resource) -> None:
    """Objects are PartialObjectMetadata: names, labels, and nothing of the rest."""
    listed = config_maps.metadata().list(label_selector=OURS)
    assert {each["kind"] for each in listed["items"]} == {"PartialObjectMetadata"}
    assert not any("data" in each for each in listed["items"])
    assert config_maps.metadata().get("c1")["metadata"]["labels"]["parity"] == "odd"


def test_metadata_is_patched(config_maps: Resource) -> None:
    """Writes of the view change the object and answer with its metadata."""
    changed = config_maps.metadata().patch("c1", {"metadata": {"labels": {"new": "1"}}})
    assert (changed["kind"], changed["metadata"]["labels"]["new"]) == ("PartialObjectMetadata", "1")
    assert config_maps.get("c1")["metadata"]["labels"]["new"] == "1"


def test_an_expired_version_is_the_same_error(apiserver: Server, config_maps: Resource) -> None:
    """A list of a version that is gone raises Gone as a token and a watch do."""
    version = "1"
    if isinstance(apiserver, APIServer):
        version = config_maps.list()["metadata"]["resourceVersion"]
        config_maps.delete("c0")
        apiserver.compact()
    error = refusal(lambda: config_maps.list(resource_version=version, resource_version_match="Exact"))
    assert error.code == 410
