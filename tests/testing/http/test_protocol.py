"""Forms, headers and methods as a kube-apiserver 1.36 answers them (the same requests were sent to one)."""

from __future__ import annotations

import pytest
import yaml

from testing.calling import CMS, CRDS, Caller, config_map, definition

ROUTE = "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, "
ROUTE += "application/vnd.kubernetes.protobuf"


@pytest.mark.parametrize("value", ["", "x", "0", "false"])
def test_json_is_indented_only_for_what_go_takes_as_true(call: Caller, value: str) -> None:
    """``pretty`` is read as Go reads booleans: other texts, and none, mean no."""
    assert call("GET", f"/api/v1/namespaces/default?pretty={value}").raw.count(b"\n") == 1


@pytest.mark.parametrize("path", ["/api/v1/namespaces/default", "/api/v1/namespaces/none", "/api", "/apis/apps/v1"])
def test_whatever_is_indented_ends_without_a_line_end(call: Caller, path: str) -> None:
    """Objects, failures and documents: indented by two, and nothing after the last bracket."""
    raw = call("GET", f"{path}?pretty=true").raw
    assert raw.startswith(b'{\n  "kind"')
    assert raw.endswith(b"\n}")


def test_curl_is_shown_failures_indented(call: Caller) -> None:
    """Who is taken for a person is so in failures, too."""
    assert call("GET", "/api/v1/namespaces/none", User_Agent="curl/8").raw.startswith(b'{\n  "kind": "Status"')


def test_yaml_is_written_as_go_writes_it(call: Caller) -> None:
    """No aliases; double quotes round text that would be read as a number or a time; lines kept as lines."""
    call.ok("POST", CMS, config_map("a", {"n": "1", "t": "a\nb"}))
    raw = call("GET", f"{CMS}/a", Accept="application/yaml").raw.decode()
    assert '  n: "1"\n  t: |-\n    a\n    b\n' in raw
    document = call("GET", "/apis", Accept="application/yaml").raw.decode()
    assert "*id" not in document
    assert yaml.safe_load(document)["kind"] == "APIGroupList"


def test_routes_know_no_ranges(call: Caller) -> None:
    """``application/*`` is no type of a route; the list of what it offers ends with streams where it has some."""
    one = call("GET", f"{CMS}/none", Accept="application/*")
    many = call("GET", CMS, Accept="application/*")
    assert (one.status, one.json["message"]) == (406, ROUTE)
    streams = "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"
    assert (many.status, many.json["message"]) == (406, f"{ROUTE}, {streams}")
    assert call("GET", "/api/v1", Accept="text/plain").json["message"] == ROUTE
    assert call("GET", "/version", Accept="text/plain").status == 406


def test_what_cannot_be_said_in_the_form_asked_for_is_said_indented(call: Caller) -> None:
    """A 406 is written for people."""
    assert call("GET", f"{CMS}/none", Accept="text/plain").raw.startswith(b'{\n  "kind": "Status"')


def test_what_cannot_be_streamed_is_said_in_yaml_all_the_same(call: Caller) -> None:
    """The body of a 406 is what its Content-Type says."""
    answer = call("GET", f"{CMS}?watch=1", Accept="application/yaml")
    assert (answer.status, answer.headers["content-type"]) == (406, "application/yaml")
    assert answer.raw.startswith(b"apiVersion: v1\ncode: 406\n")


def test_metadata_of_a_list_is_a_list(call: Caller) -> None:
    """PartialObjectMetadata of a list, and the list of an object, are refused: each says what it is."""
    call.ok("POST", CMS, config_map("a"))
    form = "application/json;as={};v=v1;g=meta.k8s.io"
    many = call("GET", CMS, Accept=form.format("PartialObjectMetadata"))
    assert (many.status, many.json["message"]) == (
        406,
        "you requested PartialObjectMetadata, but the requested object is a list (*core.ConfigMapList)",
    )
    one = call("GET", f"{CMS}/a", Accept=form.format("PartialObjectMetadataList"))
    assert (one.status, one.json["message"]) == (
        406,
        "you requested PartialObjectMetadataList, but the requested object is not a list (*core.ConfigMap)",
    )


def test_warnings_come_with_failures_too(call: Caller) -> None:
    """What was noticed before a request failed is told: unknown fields, deprecated versions."""
    answer = call("POST", CMS, {**config_map("A_"), "zork": 1})
    assert (answer.status, answer.headers["warning"]) == (422, '299 - "unknown field \\"zork\\""')
    deprecated = call("GET", "/api/v1/endpoints?fieldSelector=zork%3D1")
    assert deprecated.status == 400
    assert "v1 Endpoints is deprecated" in deprecated.headers["warning"]


@pytest.mark.parametrize("path", ["/api", "/api/v1", "/apis/apps/v1", "/version"])
def test_documents_that_are_routes_are_read_by_get_alone(call: Caller, path: str) -> None:
    """HEAD is a method of its own for them: 405."""
    assert call("HEAD", path).status == 405


@pytest.mark.parametrize("path", ["/apis", "/apis/apps", "/", "/openapi/v2", "/openapi/v3"])
def test_documents_with_handlers_of_their_own_take_every_method(call: Caller, path: str) -> None:
    """They do not look at the method."""
    assert call("POST", path).status == 200


def test_methods_nobody_knows_are_not_allowed(call: Caller) -> None:
    """Methods are told apart by case: "get" is none."""
    assert call("get", f"{CMS}/none").status == 405


def test_custom_resources_name_the_verb_that_is_not_supported(call: Caller) -> None:
    """Their handler says which verb, and wants a name where one is needed."""
    call.ok("POST", CRDS, definition())
    path = "/apis/example.com/v1/namespaces/default/widgets"
    answer = call("OPTIONS", path)
    assert (answer.status, answer.json["message"]) == (
        405,
        ' is not supported on resources of kind "widgets.example.com"',
    )
    nameless = call("PUT", path, {})
    assert (nameless.status, nameless.json["message"]) == (400, "name must be provided")


@pytest.mark.parametrize(
    ("path", "status"),
    [("/healthz/", 404), ("/healthz/ping", 200), ("/index.html", 200), ("/openapi/v2/", 404), ("/openapi/v3/x", 404)],
)
def test_paths_are_taken_literally(call: Caller, path: str, status: int) -> None:
    """Only discovery and the version do not mind a slash at the end."""
    assert call("GET", path).status == status


@pytest.mark.parametrize("path", ["/version", "/zork", "/healthz", "/openapi/v3"])
def test_nothing_is_to_be_cached_unless_said(call: Caller, path: str) -> None:
    """Every answer carries the header, found or not."""
    assert call("GET", path).headers["cache-control"] == "no-cache, private"


def test_the_openapi_document_has_a_tag(call: Caller) -> None:
    """Version 2 of the document is not sent again to who has it."""
    tag = call("GET", "/openapi/v2").headers["etag"]
    assert call("GET", "/openapi/v2", If_None_Match=tag).status == 304


def test_a_broken_pair_of_the_query_counts_as_not_sent(call: Caller) -> None:
    """As in Go: an escape that is none drops its pair, and nothing else."""
    assert call("GET", f"{CMS}?limit=1%zz&labelSelector=a").status == 200
