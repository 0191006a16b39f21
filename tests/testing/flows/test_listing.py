"""Lists and watches at their corners, as a kube-apiserver 1.36 answers them (the same requests were sent to one)."""

from __future__ import annotations

import base64

import pytest

from testing.calling import CMS, Caller, config_map

WATCH = f"{CMS}?watch=1&timeoutSeconds=1"
NEWEST = "resourceVersionMatch=NotOlderThan"


def kinds(caller: Caller, path: str, **headers: str) -> list[str]:
    """Return the types of a watch's events."""
    return [event["type"] for event in caller("GET", path, **headers).events]


def test_initial_events_can_be_declined(call: Caller) -> None:
    """``sendInitialEvents=false`` without a version starts at the newest one: what is there is not told."""
    call.ok("POST", CMS, config_map("a"))
    assert kinds(call, f"{WATCH}&sendInitialEvents=false&{NEWEST}") == []
    assert kinds(call, f"{WATCH}&sendInitialEvents=false&{NEWEST}&resourceVersion=0") == []


def test_initial_events_of_a_version_to_come_are_refused(call: Caller) -> None:
    """The refusal is an event, as the answer has begun."""
    path = f"{WATCH}&sendInitialEvents=true&{NEWEST}&allowWatchBookmarks=true&resourceVersion=999999"
    (event,) = call("GET", path).events
    assert (event["type"], event["object"]["reason"], event["object"]["code"]) == ("ERROR", "Timeout", 504)
    assert event["object"]["message"].startswith("Timeout: Too large resource version: 999999, current: ")


def test_a_watch_whose_time_is_up_says_nothing(call: Caller) -> None:
    """A negative timeout ends the watch before its first event."""
    call.ok("POST", CMS, config_map("a"))
    assert kinds(call, f"{CMS}?watch=1&timeoutSeconds=-5") == []


def test_a_bookmark_of_tables_is_a_table(call: Caller) -> None:
    """One row about nothing carries the version and the annotation."""
    path = f"{WATCH}&sendInitialEvents=true&{NEWEST}&allowWatchBookmarks=true"
    event, *_ = call("GET", path, Accept="application/json;as=Table;v=v1;g=meta.k8s.io").events
    (row,) = event["object"]["rows"]
    assert (event["type"], event["object"]["kind"], row["cells"][0]) == ("BOOKMARK", "Table", "")
    assert row["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_nobody_streams_yaml(call: Caller) -> None:
    """A watch in YAML is refused with the types streams have."""
    answer = call("GET", WATCH, Accept="application/yaml")
    types = "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"
    assert answer.status == 406
    assert types.encode() in b" ".join(answer.raw.split())


@pytest.mark.parametrize(
    ("query", "causes"),
    [
        (
            "resourceVersionMatch=Exact&resourceVersion=1",
            [
                "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
                'Unsupported value: "Exact": supported values: "NotOlderThan"',
            ],
        ),
        ("continue=x", ["Forbidden: resourceVersionMatch is forbidden when continue is provided"]),
    ],
)
def test_options_no_watch_can_have(call: Caller, query: str, causes: list[str]) -> None:
    """All that is wrong is told, in the server's words."""
    answer = call("GET", f"{WATCH}&{query}")
    assert [cause["message"] for cause in answer.json["details"]["causes"]] == causes


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("x", "illegal base64 data at input byte 0"),
        ("%2B%2F", "illegal base64 data at input byte 0"),
        ("null", "server does not recognize this encoded version "),
        ("[]", "json: cannot unmarshal array into Go value of type storage.continueToken"),
        (
            '{"v":"meta.k8s.io/v1","rv":"x","start":"a"}',
            "json: cannot unmarshal string into Go struct field continueToken.rv of type int64",
        ),
    ],
)
def test_a_continue_token_that_is_none(call: Caller, token: str, why: str) -> None:
    """The server says where it stopped reading."""
    if len(token) > 1 and "%" not in token:
        token = base64.urlsafe_b64encode(token.encode()).rstrip(b"=").decode()
    answer = call("GET", f"{CMS}?limit=1&continue={token}")
    assert answer.json["message"] == f"invalid continue token: continue key is not valid: {why}"


def test_the_cache_knows_no_pages(call: Caller) -> None:
    """At version 0 the limit does not count, not even for what follows a page."""
    for name in "abcd":
        call.ok("POST", CMS, config_map(name))
    token = call.ok("GET", f"{CMS}?limit=1")["metadata"]["continue"]
    rest = call.ok("GET", f"{CMS}?limit=1&resourceVersion=0&continue={token}")
    assert len(rest["items"]) == len(call.ok("GET", CMS)["items"]) - 1
    assert "continue" not in rest["metadata"]


def test_a_selector_without_values_selects_the_empty_value(call: Caller) -> None:
    """``a in ()`` is the same as ``a in (,)`` for 1.36."""
    call.ok("POST", CMS, config_map("a", labels={"l": ""}))
    call.ok("POST", CMS, config_map("b", labels={"l": "x"}))
    found = call.ok("GET", f"{CMS}?labelSelector=l%20in%20()")
    assert [item["metadata"]["name"] for item in found["items"]] == ["a"]


@pytest.mark.parametrize("resource", ["namespaces", "nodes"])
def test_what_has_no_namespace_may_say_so(call: Caller, resource: str) -> None:
    """Namespaces and nodes cannot be selected by one; other kinds without a namespace just do not match."""
    answer = call("GET", f"/api/v1/{resource}?fieldSelector=metadata.namespace%3Dx")
    assert (answer.status, answer.json["message"]) == (400, "field label not supported: metadata.namespace")
    assert call.ok("GET", "/api/v1/persistentvolumes?fieldSelector=metadata.namespace%3Dx")["items"] == []


def test_a_watch_of_tables_is_told_of_rows_it_cannot_have_before_it_begins(call: Caller) -> None:
    """What is wrong with ``includeObject`` is a status of its own, and no stream that breaks off."""
    call.ok("POST", CMS, config_map("a"))
    table = "application/json;as=Table;g=meta.k8s.io;v=v1"
    answer = call("GET", f"{WATCH}&includeObject=Bad", Accept=table)
    assert (answer.status, answer.json["reason"]) == (400, "BadRequest")
    assert answer.json["message"].startswith("Unable to convert to Table as requested: includeObject: Invalid value:")
    assert kinds(call, f"{WATCH}&includeObject=None", Accept=table) == ["ADDED"]
