"""Odd and malformed discovery documents: each is either read correctly or refused with a reason."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from discovery.fakes import (
    V2,
    Answer,
    FakeServer,
    aggregated,
    group,
    legacy_groups,
    legacy_resource,
    legacy_resources,
    legacy_versions,
    resource,
    subresource,
    transcript,
    version,
)
from dynkube.discovery import APIResource, Discovered, DiscoveryClient
from dynkube.errors import DiscoveryError, DynkubeError, InvalidNameError, ResponseError
from dynkube.names import GroupVersion, GroupVersionKind

WIDGETS = GroupVersion("example.com", "v1")
NONE = aggregated()


def discover_aggregated(*groups: Any) -> Discovered:
    """Discover a server with these entries under /apis."""
    return DiscoveryClient(FakeServer({"/api": NONE, "/apis": aggregated(*groups)}).rest).discover()


def discover_version(*resources: Any) -> Discovered:
    """Discover a server with these aggregated entries in one version, and a healthy group beside it."""
    other = group("healthy.example", version("v1", resource("others")))
    return discover_aggregated(group("example.com", version("v1", *resources)), other)


def discover_plain(*resources: Any) -> Discovered:
    """Discover a plain server with these entries in one version, and a healthy group beside it."""
    server = FakeServer(
        {
            "/api": legacy_versions(),
            "/apis": legacy_groups(example_com=["v1"], healthy_example=["v1"]),
            "/apis/example.com/v1": legacy_resources("example.com/v1", *resources),
            "/apis/healthy.example/v1": legacy_resources("healthy.example/v1", legacy_resource("others", "Other")),
        }
    )
    return DiscoveryClient(server.rest).discover()


def test_missing_and_null_members_are_empty() -> None:
    """Lists that are missing or null are empty, as Go prints them; a missing singular name is the kind's."""
    bare = {"resource": "widgets", "responseKind": {"kind": "Widget"}, "scope": "Cluster"}
    nulls = {**bare, **dict.fromkeys(("verbs", "shortNames", "categories", "subresources", "singularResource"))}
    expected = (APIResource("example.com", "v1", "widgets", "widget", "Widget", namespaced=False),)
    assert discover_version(bare).resources[WIDGETS] == expected
    assert discover_version(nulls).resources[WIDGETS] == expected
    plain = {"name": "widgets", "kind": "Widget"}
    plain_nulls = {**plain, **dict.fromkeys(("verbs", "shortNames", "categories", "singularName", "group", "version"))}
    assert discover_plain(plain).resources[WIDGETS] == expected
    assert discover_plain(plain_nulls).resources[WIDGETS] == expected


@pytest.mark.parametrize("items", [None, []])
def test_missing_lists_of_groups_and_versions(items: list[Any] | None) -> None:
    """No items, no versions, no resources: nothing is served, and nothing is wrong."""
    document = {"kind": "APIGroupDiscoveryList", "items": items}
    server = FakeServer({"/api": NONE, "/apis": Answer(document, content_type=V2)})
    assert DiscoveryClient(server.rest).discover().groups == ()
    found = discover_aggregated({"metadata": {"name": "example.com"}, "versions": items})
    assert [(entry.name, entry.versions) for entry in found.groups] == [("example.com", ())]
    found = discover_aggregated(group("example.com", {"version": "v1", "resources": items}))
    assert found.resources[WIDGETS] == ()
    plain = FakeServer({"/apis": Answer({"kind": "APIGroupList", "groups": items})})
    assert DiscoveryClient(plain.rest).discover().groups == ()


def test_response_kinds() -> None:
    """An empty group and version mean the resource's own; with a version, an empty group is the core group."""

    def kind_of(**response: str) -> GroupVersionKind:
        return discover_version(resource("widgets", responseKind=response)).resources[WIDGETS][0].gvk

    assert kind_of(group="", version="", kind="Widget") == GroupVersionKind("example.com", "v1", "Widget")
    assert kind_of(kind="Widget") == GroupVersionKind("example.com", "v1", "Widget")
    assert kind_of(group="", version="v1", kind="Status") == GroupVersionKind("", "v1", "Status")
    assert kind_of(group="autoscaling", version="v2", kind="Scale") == GroupVersionKind("autoscaling", "v2", "Scale")
    assert kind_of(group="other.example", version="", kind="X") == GroupVersionKind("other.example", "v1", "X")


def test_subresources() -> None:
    """Subresources hang below their parent, in server order, with its scope and their own kinds and verbs."""
    children = [
        subresource("status", "Widget", verbs=["get", "patch", "update"]),
        subresource("scale", "Scale", responseKind={"group": "autoscaling", "version": "v1", "kind": "Scale"}),
    ]
    (widgets,) = discover_version(resource("widgets", shortNames=["w"], subresources=children)).resources[WIDGETS]
    status, scale = widgets.subresources
    assert (status.name, status.kind, status.verbs) == ("widgets/status", "Widget", ("get", "patch", "update"))
    assert (scale.gvk, scale.group) == (GroupVersionKind("autoscaling", "v1", "Scale"), "example.com")
    assert status.namespaced
    assert status.short_names == ()
    assert widgets.short_names == ("w",)


@pytest.mark.parametrize("response", [None, {"kind": ""}, {}])
def test_a_resource_without_a_kind(response: Any) -> None:
    """A resource that says no kind is left out; what hangs below it is kept under its full name, in both forms."""
    child = subresource("cpu", "MetricValueList")
    found = discover_version(
        resource("pods", responseKind=response, subresources=[child, subresource("x", "", responseKind=None)]),
        resource("widgets"),
    )
    assert [entry.name for entry in found.resources[WIDGETS]] == ["pods/cpu", "widgets"]
    assert found.resources[WIDGETS][0].kind == "MetricValueList"
    plain = discover_plain(
        legacy_resource("pods/cpu", "MetricValueList", verbs=["get"]), legacy_resource("widgets", "Widget")
    )
    assert plain.resources == found.resources


def test_a_subresource_listed_before_its_parent() -> None:
    """The plain form may list a subresource first; it belongs to its parent all the same."""
    found = discover_plain(legacy_resource("widgets/status", "Widget"), legacy_resource("widgets", "Widget"))
    (widgets,) = found.resources[WIDGETS]
    assert [entry.name for entry in widgets.subresources] == ["widgets/status"]


def test_duplicates() -> None:
    """Of two entries for the same thing the first counts: resources, subresources, versions, groups."""
    first, second = resource("widgets", "First"), resource("widgets", "Second")
    twice = resource("gadgets", subresources=[subresource("status", "One"), subresource("status", "Two")])
    found = discover_version(first, second, twice)
    assert [(entry.name, entry.kind) for entry in found.resources[WIDGETS]] == [
        ("widgets", "First"),
        ("gadgets", "Gadget"),
    ]
    assert [entry.kind for entry in found.resources[WIDGETS][1].subresources] == ["One"]
    plain = discover_plain(
        legacy_resource("widgets", "First"),
        legacy_resource("widgets", "Second"),
        legacy_resource("widgets/status", "One"),
        legacy_resource("widgets/status", "Two"),
    )
    assert [(e.kind, [s.kind for s in e.subresources]) for e in plain.resources[WIDGETS]] == [("First", ["One"])]
    found = discover_aggregated(
        group("example.com", version("v1", first), version("v1", second), version("v2", second)),
        group("example.com", version("v2", first), version("v3", first)),
    )
    assert [(entry.name, entry.versions) for entry in found.groups] == [("example.com", ("v1", "v2", "v3"))]
    assert [listed[0].kind for listed in found.resources.values()] == ["First", "Second", "First"]


@pytest.mark.parametrize(
    "broken",
    [
        "text",
        None,
        7,
        ["list"],
        {},
        {"resource": 5},
        {"resource": ""},
        {"resource": None},
        resource("widgets", responseKind="Widget"),
        resource("widgets", responseKind=["Widget"]),
        resource("widgets", responseKind={"kind": 7}),
        resource("widgets", singularResource=7),
        resource("widgets", verbs="get"),
        resource("widgets", verbs=["get", 7]),
        resource("widgets", verbs=[None]),
        resource("widgets", verbs={"get": True}),
        resource("widgets", shortNames="w"),
        resource("widgets", shortNames=[["w"]]),
        resource("widgets", categories=0),
        resource("widgets", categories=[{}]),
        resource("widgets", subresources={}),
        resource("widgets", subresources="status"),
        resource("widgets", subresources=["status"]),
        resource("widgets", subresources=[{}]),
        resource("widgets", subresources=[{"subresource": 7}]),
        resource("widgets", subresources=[subresource("", "Widget")]),
        resource("widgets", subresources=[subresource("status", "Widget", verbs="get")]),
        resource("widgets", subresources=[subresource("status", "Widget", responseKind=7)]),
    ],
)
def test_wrong_types_in_a_version(broken: Any) -> None:
    """A version with something of the wrong type in it is a failure with a reason; every other one is complete."""
    found = discover_version(resource("gadgets"), broken)
    (failed,) = found.failed.items()
    assert failed[0] == WIDGETS
    assert isinstance(failed[1], DiscoveryError)
    assert failed[1].group_version == "example.com/v1"
    assert "example.com/v1" in str(failed[1])
    assert list(map(str, found.resources)) == ["healthy.example/v1"]


@pytest.mark.parametrize("said", [{"group": 7}, {"version": ["v1"]}, {"group": "g", "version": 1}, {"group": None}])
def test_a_kind_of_no_group_version(said: dict[str, Any]) -> None:
    """A kind whose group or version is no text is taken to be of the resource's own, be it of a subresource."""
    below = subresource("status", "Widget", responseKind={"kind": "Widget", **said})
    found = discover_version(resource("widgets", responseKind={"kind": "Widget", **said}, subresources=[below]))
    (widgets,) = found.resources[WIDGETS]
    for each in (widgets, widgets.subresources[0]):
        assert each.gvk == WIDGETS.with_kind("Widget")


@pytest.mark.parametrize(
    "broken",
    [
        "text",
        None,
        {},
        {"name": 5},
        legacy_resource("", "Widget"),
        {**legacy_resource("widgets", "Widget"), "kind": 7},
        legacy_resource("widgets", "Widget", namespaced="true"),
        legacy_resource("widgets", "Widget", verbs="get"),
        legacy_resource("widgets", "Widget", verbs=[7]),
        legacy_resource("widgets", "Widget", shortNames={}),
        legacy_resource("widgets", "Widget", group=[]),
        legacy_resource("widgets", "Widget", singularName=False),
    ],
)
def test_wrong_types_in_a_plain_list(broken: Any) -> None:
    """The same in the plain form."""
    found = discover_plain(legacy_resource("gadgets", "Gadget"), broken)
    assert list(found.failed) == [WIDGETS]
    assert isinstance(found.failed[WIDGETS], DiscoveryError)
    assert list(map(str, found.resources)) == ["healthy.example/v1"]


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "APIResourceList", "groupVersion": "other.example/v1", "resources": []},
        {"kind": "Status", "status": "Success"},
        {"kind": "PodList", "items": []},
        {"kind": "APIResourceList", "resources": {}},
        {"kind": "APIResourceList", "groupVersion": 7},
        [],
        "just text",
    ],
)
def test_the_answer_for_one_version_is_something_else(document: Any) -> None:
    """A group version that answers with another document, or another version's, is a failure."""
    server = FakeServer(
        {"/apis": legacy_groups(example_com=["v1"]), "/apis/example.com/v1": Answer(json.dumps(document))}
    )
    found = DiscoveryClient(server.rest).discover()
    assert list(found.failed) == [WIDGETS]
    assert isinstance(found.failed[WIDGETS], (DiscoveryError, ResponseError))


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "APIGroupDiscoveryList", "items": {}},
        {"kind": "APIGroupDiscoveryList", "items": "x"},
        {"kind": "APIGroupDiscoveryList", "items": ["x"]},
        {"kind": "APIGroupDiscoveryList", "items": [{"metadata": 7}]},
        {"kind": "APIGroupDiscoveryList", "items": [{"metadata": {"name": 7}}]},
        {"kind": "APIGroupDiscoveryList", "items": [{"metadata": {"name": "a"}, "versions": {}}]},
        {"kind": "APIGroupDiscoveryList", "items": [{"metadata": {"name": "a"}, "versions": [7]}]},
        {"kind": "APIGroupDiscoveryList", "items": [{"metadata": {"name": "a"}, "versions": [{}]}]},
        {"kind": "APIGroupList", "groups": []},
        {"items": []},
    ],
)
def test_an_aggregated_document_that_is_none(document: Any) -> None:
    """A document that is no APIGroupDiscoveryList, or is one with a broken frame, fails discovery with the reason."""
    server = FakeServer({"/api": NONE, "/apis": Answer(document, content_type=V2)})
    with pytest.raises(DiscoveryError):
        DiscoveryClient(server.rest).discover()


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/apis", {"kind": "APIGroupList", "groups": {}}),
        ("/apis", {"kind": "APIGroupList", "groups": ["apps"]}),
        ("/apis", {"kind": "APIGroupList", "groups": [{"name": "apps", "versions": ["v1"]}]}),
        ("/apis", {"kind": "APIGroupList", "groups": [{"name": "apps", "versions": [{"version": ""}]}]}),
        ("/apis", {"kind": "APIGroupList", "groups": [{"name": "apps", "preferredVersion": "v1"}]}),
        ("/apis", {"kind": "APIVersions", "versions": ["v1"]}),
        ("/apis", {"hello": "world"}),
        ("/api", {"kind": "APIVersions", "versions": "v1"}),
        ("/api", {"kind": "APIVersions", "versions": [1]}),
        ("/api", {"kind": "APIGroupList", "groups": []}),
        ("/api", {}),
    ],
)
def test_plain_endpoints_that_answer_something_else(path: str, document: Any) -> None:
    """The plain answers of /api and /apis must be what they should be."""
    server = FakeServer({"/api": legacy_versions(), "/apis": legacy_groups(), path: Answer(document)})
    with pytest.raises(DiscoveryError):
        DiscoveryClient(server.rest).discover()


def test_versions_named_by_their_group_version_alone() -> None:
    """The plain form may leave out ``version``: the group version says it."""
    document = {"kind": "APIGroupList", "groups": [{"name": "apps", "versions": [{"groupVersion": "apps/v1"}]}]}
    client = DiscoveryClient(FakeServer({"/apis": Answer(document)}).rest)
    assert [(entry.name, entry.versions, entry.preferred_version) for entry in client.groups()] == [
        ("apps", ("v1",), "v1")
    ]


def test_documents_without_a_kind() -> None:
    """A plain document that forgets its kind, as some servers' do, is read by its members."""
    server = FakeServer(
        {
            "/api": Answer({"versions": ["v1"]}),
            "/apis": Answer({"groups": []}),
            "/api/v1": Answer({"resources": [legacy_resource("pods", "Pod")]}),
        }
    )
    found = DiscoveryClient(server.rest).discover()
    assert [entry.name for entry in found.resources[GroupVersion("", "v1")]] == ["pods"]


@pytest.mark.parametrize("path", ["/api", "/apis"])
@pytest.mark.parametrize("content_type", [V2, "application/json", "text/html"])
@pytest.mark.parametrize(
    "body", ["<html><body>Sign in</body></html>", "", '{"kind": "APIGroupDiscoveryList", "it', "[]"]
)
def test_answers_that_are_not_json_objects(path: str, content_type: str, body: str) -> None:
    """HTML, nothing, JSON that breaks off and JSON of another shape are refused, saying what came and from where."""
    server = FakeServer({"/api": NONE, "/apis": NONE, path: Answer(body, content_type=content_type)})
    with pytest.raises(ResponseError) as caught:
        DiscoveryClient(server.rest).discover()
    assert path in caught.value.url


def test_every_truncation_of_a_real_document_is_noticed() -> None:
    """Wherever the recorded answer of /api breaks off, discovery fails instead of finding less."""
    server = transcript("discovery-aggregated")
    answer = server.answers["/api"]
    assert isinstance(answer, Answer)
    whole = answer.encoded
    for length in range(0, len(whole), 997):
        server.answers["/api"] = Answer(whole[:length], content_type=answer.content_type)
        with pytest.raises(ResponseError):
            DiscoveryClient(server.rest).discover()


def test_any_member_of_a_real_document_replaced() -> None:
    """Whatever member of a real document is replaced by something absurd, the outcome is a value or a DynkubeError."""
    answer = transcript("discovery-aggregated").answers["/apis"]
    assert isinstance(answer, Answer)
    small = {**answer.body, "items": answer.body["items"][:3]}

    def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        return [path, *(place for key, child in children for place in places(child, (*path, key)))]

    for place in places(small)[1:]:
        for absurd in (None, 7, "x", [], {}, [7], {"x": 7}, True):
            document = copy.deepcopy(small)
            target = document
            for key in place[:-1]:
                target = target[key]
            target[place[-1]] = absurd
            server = FakeServer({"/api": NONE, "/apis": Answer(document, content_type=V2)})
            try:
                found = DiscoveryClient(server.rest).discover()
                for group_version in found.resources:
                    assert all(isinstance(entry, APIResource) for entry in found.resources[group_version])
                    assert all(
                        isinstance(verb, str) for entry in found.resources[group_version] for verb in entry.verbs
                    )
            except DynkubeError:
                pass


@pytest.mark.parametrize(
    "name", ["Upper.Example", "with space", "ünïcode.example", "x" * 300, "a..b", "-", "k8s", "a%b", "a/b"]
)
def test_unusual_group_names(name: str) -> None:
    """Whatever a group is called, it is found under that name in the aggregated form."""
    found = discover_aggregated(group(name, version("v1", resource("widgets"))))
    assert found.resources[GroupVersion(name, "v1")][0].group == name


def test_unusual_group_names_in_paths() -> None:
    """In the plain form a group's name becomes part of a path: encoded, or refused where nothing could be meant."""
    server = FakeServer(
        {"/apis": legacy_groups(**{"a b": ["v1"], "..": ["v1"], "a/b": ["v1"], "a%2fb": ["v1"], "ü": ["v1"]})}
    )
    server.answers["/apis/a%20b/v1"] = legacy_resources("a b/v1", legacy_resource("widgets", "Widget"))
    server.answers["/apis/%C3%BC/v1"] = legacy_resources("ü/v1", legacy_resource("widgets", "Widget"))
    found = DiscoveryClient(server.rest).discover()
    assert sorted(gv.group for gv in found.resources) == ["a b", "ü"]
    assert len(found.failed) == 3
    assert {type(error) for error in found.failed.values()} <= {InvalidNameError, DiscoveryError}
    assert sorted(server.paths) == ["/api", "/apis", "/apis/%C3%BC/v1", "/apis/a%20b/v1"]


def test_groups_that_cannot_be_addressed(caplog: pytest.LogCaptureFixture) -> None:
    """A named group under /api and one without a name under /apis are left out with a warning."""
    server = FakeServer(
        {
            "/api": aggregated(group("odd.example", version("v1", resource("widgets")))),
            "/apis": aggregated(group("", version("v1", resource("gadgets")))),
        }
    )
    assert DiscoveryClient(server.rest).discover().resources == {}
    assert len(caplog.records) == 2
    plain = FakeServer({"/apis": Answer({"kind": "APIGroupList", "groups": [{"versions": []}]})})
    assert DiscoveryClient(plain.rest).discover().groups == ()
