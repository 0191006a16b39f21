"""Tables and metadata: other representations of the same objects, on get, list, iter and watch."""

from __future__ import annotations

from typing import Any

import pytest

from dynamic.fakes import FakeRest, FakeStream, expired, page, resource
from dynamic.recorded import Recorded, steps
from dynkube.dynamic import MetadataResource, Table
from dynkube.errors import Gone, InvalidRequestError, NotFound

RECORDED_TABLES = [
    step
    for step in steps("tables")
    if "as=Table" in step["request"]["headers"].get("Accept", "") and step["response"]["status"] == 200
]


def table(names: str, token: str | None = None, *, columns: bool = True, version: str = "7") -> dict[str, Any]:
    """Return a table of two columns, the second a wide one, with a row for each letter."""
    definitions = [{"name": "Name", "type": "string", "priority": 0}, {"name": "Node", "type": "string", "priority": 1}]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": version, **({"continue": token} if token else {})},
        "columnDefinitions": definitions if columns else None,
        "rows": [
            {
                "cells": [name, f"node-{name}"],
                "object": {
                    "kind": "PartialObjectMetadata",
                    "apiVersion": "meta.k8s.io/v1",
                    "metadata": {"name": name, "namespace": "prod", "uid": name, "resourceVersion": version},
                },
            }
            for name in names
        ],
    }


@pytest.mark.parametrize("step", RECORDED_TABLES, ids=lambda step: step["do"])
def test_recorded_tables(step: dict[str, Any]) -> None:
    """Every table a real server sent has its columns, as many cells a row, and the names of its objects."""
    body = step["response"]["body"]
    found = Table.from_dict(body)
    assert [column.name for column in found.columns] == [each["name"] for each in body["columnDefinitions"]]
    assert all(len(row.cells) == len(found.columns) for row in found)
    assert len(found) == len(body["rows"] or ())
    for row, cells, wide in zip(found, found.cells(), found.cells(wide=True), strict=True):
        assert list(row.cells) == wide
        assert len(cells) == len(found.headers()) <= len(wide) == len(found.headers(wide=True))
        if "includeObject=None" not in step["request"]["path"]:
            assert row.name


def test_a_table_of_pods_as_kubectl_shows_it() -> None:
    """The columns of pods, and the wide ones only when asked for."""
    server = Recorded("tables")
    pods = server.client().resource("pods").namespace("tab").table().list()
    assert pods.headers() == ["Name", "Ready", "Status", "Restarts", "Age"]
    assert pods.headers(wide=True)[5:] == ["IP", "Node", "Nominated Node", "Readiness Gates"]
    assert pods.cells()[0][:4] == ["p", "0/1", "Pending", "0"]
    assert pods.rows[0].name == "p"
    assert pods.rows[0].namespace == "tab"


def test_one_object_as_a_table() -> None:
    """Get returns a table of one row; a missing object is NotFound."""
    server = Recorded("tables")
    deployments = server.client().resource("deploy").namespace("tab").table()
    assert [row.name for row in deployments.get("d")] == ["d"]
    with pytest.raises(NotFound):
        deployments.get("zz")


def test_rows_may_carry_whole_objects_or_none() -> None:
    """include_object is sent when it is not the server's default, and anything else is refused."""
    rest = FakeRest(table("a"), table("a"), table("a"))
    deployments = resource(rest).namespace("prod")
    for include in ("Metadata", "Object", "None"):
        deployments.table(include_object=include).list()
    assert [target.partition("?")[2] for target in rest.targets] == ["", "includeObject=Object", "includeObject=None"]
    with pytest.raises(InvalidRequestError, match="include_object"):
        deployments.table(include_object="metadata")


def test_rows_of_every_page() -> None:
    """Iter yields rows lazily over all pages; pages yields tables with their columns."""
    rest = FakeRest(table("ab", "t1"), table("c"), table("ab", "t1"), table("c"))
    deployments = resource(rest).table()
    assert [row.cells[0] for row in deployments.iter(limit=2)] == ["a", "b", "c"]
    assert [(len(each), each.headers()) for each in deployments.pages(limit=2)] == [(2, ["Name"]), (1, ["Name"])]


def test_rows_survive_an_expired_token() -> None:
    """A table read anew leaves out the rows delivered before, by the metadata they carry."""
    rest = FakeRest(table("ab", "t1"), expired(), table("abc"))
    assert [row.name for row in resource(rest).table().iter(limit=2)] == ["a", "b", "c"]


def test_rows_without_names_cannot_be_told_apart() -> None:
    """Where rows carry nothing of their objects, a list that expired cannot be completed: Gone says so."""
    first = table("ab", "t1")
    for row in first["rows"]:
        row["object"] = None
    rest = FakeRest(first, expired())
    with pytest.raises(Gone):
        list(resource(rest).table(include_object="None").iter(limit=2))


def test_a_server_that_cannot_print() -> None:
    """Plain objects become the table kubectl makes of them: Name and Created At."""
    plain = page("a")
    plain["items"][0]["metadata"]["creationTimestamp"] = "2024-01-01T00:00:00Z"
    rest = FakeRest(plain, plain["items"][0])
    deployments = resource(rest).table()
    for found in (deployments.list(), deployments.get("a")):
        assert found.headers() == ["Name", "Created At"]
        assert found.cells() == [["a", "2024-01-01T00:00:00Z"]]
        assert found.rows[0].name == "a"


def test_a_table_view_has_namespaces_of_its_own() -> None:
    """Scopes work as on the resource, and keep what rows carry."""
    rest = FakeRest(table(""), table(""))
    view = resource(rest).table(include_object="Object")
    view.namespace("dev").list()
    view.all_namespaces().list()
    assert rest.targets == [
        "/apis/apps/v1/namespaces/dev/deployments?includeObject=Object",
        "/apis/apps/v1/deployments?includeObject=Object",
    ]


def test_a_watch_of_tables_keeps_the_columns() -> None:
    """Columns come with the first event only; each event's table has them all the same."""
    events = [
        {"type": "ADDED", "object": table("a", version="8")},
        {"type": "BOOKMARK", "object": {**table("", version="9", columns=False)}},
        {"type": "MODIFIED", "object": table("a", columns=False, version="10")},
    ]
    rest = FakeRest(FakeStream(events))
    with resource(rest).table().watch(resource_version="7", timeout=30) as watch:
        first, second = next(watch), next(watch)
    assert (first["type"], second["type"]) == ("ADDED", "MODIFIED")
    for event, version in ((first, "8"), (second, "10")):
        assert event["object"].headers(wide=True) == ["Name", "Node"]
        assert event["object"].cells() == [["a"]]
        assert event["object"].metadata == {"resourceVersion": version}
    assert "watch=true" in rest.targets[0]


def test_a_relisting_watch_of_tables() -> None:
    """With relist the rows there are come as ADDED, with columns, before the changes."""
    stream = FakeStream([{"type": "DELETED", "object": table("a", columns=False, version="9")}])
    rest = FakeRest(table("ab"), stream)
    with resource(rest).table().watch(relist=True, timeout=30) as watch:
        events = [next(watch) for _ in range(3)]
    assert [(each["type"], each["object"].rows[0].name) for each in events] == [
        ("ADDED", "a"),
        ("ADDED", "b"),
        ("DELETED", "a"),
    ]
    assert all(each["object"].headers() == ["Name"] for each in events)


def test_ages_that_go_on_are_no_change() -> None:
    """A state of tables taken anew is told by the objects of the rows: an age in a cell changes by itself."""
    known, after = Table.from_dict(table("ab")), table("ab")
    for row in after["rows"]:
        row["cells"] = [row["cells"][0], "5m"]
    after["rows"][1]["object"]["metadata"]["labels"] = {"new": "default"}
    with resource(FakeRest(after)).table().watch(relist=True, known=[known], timeout=30) as watch:
        told = next(watch)
    assert (told["type"], told["object"].cells(wide=True)) == ("MODIFIED", [["b", "5m"]])


def test_a_watch_of_tables_needs_metadata() -> None:
    """Rows without their objects cannot be followed."""
    with pytest.raises(InvalidRequestError, match="metadata"):
        resource(FakeRest()).table(include_object="None").watch()


# -- metadata -------------------------------------------------------------------------------------------------------


def test_recorded_metadata() -> None:
    """What a real server sends for one object and for a list comes out as it is."""
    server = Recorded("partial-metadata")
    deployments = server.client().resource("apps/v1", "deployments").namespace("meta").metadata()
    bodies = [step["response"]["body"] for step in steps("partial-metadata")]
    path = "/apis/apps/v1/namespaces/meta/deployments"
    server.answer("GET", f"{path}/d", bodies[2])
    server.answer("GET", path, bodies[3])
    assert deployments.get("d") == bodies[2]
    assert deployments.list() == bodies[3]


def test_metadata_of_a_server_that_sends_whole_objects() -> None:
    """Whole objects are cut down to their metadata, one by one and in lists, and in the events of a watch."""
    whole = {
        "kind": "Deployment",
        "apiVersion": "apps/v1",
        "metadata": {"name": "a", "resourceVersion": "8"},
        "spec": {},
    }
    cut = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": whole["metadata"]}
    rest = FakeRest(dict(whole), page("b"), FakeStream([{"type": "ADDED", "object": dict(whole)}]))
    deployments = resource(rest).metadata()
    assert deployments.get("a") == cut
    found = deployments.list()
    assert found["kind"] == "PartialObjectMetadataList"
    assert found["metadata"] == {"resourceVersion": "7"}
    assert found["items"] == [{**cut, "metadata": {"name": "b", "namespace": "prod"}}]
    with deployments.watch(timeout=30) as watch:
        assert next(watch)["object"] == cut


def test_metadata_of_every_verb() -> None:
    """The view has all verbs; a Status, as delete answers, comes through."""
    rest = FakeRest({"kind": "Status", "status": "Success"}, {"kind": "Deployment", "metadata": {"name": "a"}})
    deployments = resource(rest).metadata()
    assert deployments.delete("a") == {"kind": "Status", "status": "Success"}
    assert deployments.patch("a", {"metadata": {"labels": {"x": "y"}}})["kind"] == "PartialObjectMetadata"
    assert all("as=PartialObjectMetadata;" in dict(request.headers)["Accept"] for request in rest.requests)


def test_metadata_is_a_view_like_any_other() -> None:
    """It is a Resource, keeps its scope, and is itself again when asked for metadata."""
    deployments = resource(FakeRest()).namespace("prod").metadata()
    assert isinstance(deployments, MetadataResource)
    assert deployments.metadata() is deployments
    assert isinstance(deployments.namespace("dev"), MetadataResource)
    assert deployments.path("a") == "/apis/apps/v1/namespaces/prod/deployments/a"


def test_metadata_of_all_pages() -> None:
    """Iter works on the view, page by page."""
    rest = FakeRest(page("a", "t1"), page("b"))
    found = list(resource(rest).metadata().iter(limit=1))
    assert [each["metadata"]["name"] for each in found] == ["a", "b"]
    assert {each["kind"] for each in found} == {"PartialObjectMetadata"}
    assert all("as=PartialObjectMetadataList;" in dict(request.headers)["Accept"] for request in rest.requests)
