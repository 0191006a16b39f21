"""Versions that cannot be had, patches of what is not there, namespaces deleted twice: heard from a 1.36 server."""

from __future__ import annotations

import pytest

from testing.calling import CMS, CRDS, WIDGETS, Caller, config_map, definition

NAMESPACE = "/api/v1/namespaces/going"


@pytest.mark.parametrize("name", ["a", "nope"])
@pytest.mark.parametrize(
    ("version", "why"),
    [("abc", "invalid syntax"), ("-1", "invalid syntax"), ("99999999999999999999", "value out of range")],
)
def test_get_at_a_version_that_is_no_number(call: Caller, name: str, version: str, why: str) -> None:
    """A get is 500 without a reason, whether or not the object is there; a list is 400 (and says what is invalid)."""
    call.ok("POST", CMS, config_map("a"))
    message = f'resourceVersion: Invalid value: "{version}": strconv.ParseUint: parsing "{version}": {why}'
    answer = call("GET", f"{CMS}/{name}?resourceVersion={version}")
    assert (answer.status, answer.json["message"]) == (500, message)
    assert "reason" not in answer.json
    listed = call("GET", f"{CMS}?resourceVersion={version}")
    assert (listed.status, listed.json["message"]) == (400, f"invalid resource version: {message}")


@pytest.mark.parametrize(
    ("media_type", "body"),
    [("json-patch", "{"), ("json-patch", '{"a":1}'), ("merge-patch", "{"), ("merge-patch", "[]")],
)
def test_a_patch_that_is_none_of_an_object_that_is_none(call: Caller, media_type: str, body: str) -> None:
    """The object is looked for first: 404. Only of one that is there the patch is read: 400."""
    call.ok("POST", CMS, config_map("a"))
    headers = {"Content_Type": f"application/{media_type}+json"}
    missing = call("PATCH", f"{CMS}/nope", body, **headers)
    assert (missing.status, missing.json["message"]) == (404, 'configmaps "nope" not found')
    assert call("PATCH", f"{CMS}/a", body, **headers).status == 400


def test_a_namespace_on_its_way_out_may_be_deleted_again(call: Caller) -> None:
    """Each DELETE is 200 with the Namespace as it is; the preconditions of one are told in words of their own."""
    call.ok("POST", "/api/v1/namespaces", {"metadata": {"name": "going"}})
    call.ok("POST", f"{NAMESPACE}/configmaps", config_map("held", finalizers=["example.com/hold"]))
    first = call.ok("DELETE", NAMESPACE)
    again = call("DELETE", NAMESPACE)
    assert (again.status, again.json["kind"], again.json["status"]["phase"]) == (200, "Namespace", "Terminating")
    assert again.json["metadata"]["deletionTimestamp"] == first["metadata"]["deletionTimestamp"]
    refused = call("DELETE", NAMESPACE, {"preconditions": {"uid": "zz"}})
    uid = first["metadata"]["uid"]
    why = f"Precondition failed: UID in precondition: zz, UID in object meta: {uid}"
    assert refused.status == 409
    assert refused.json["message"] == f'Operation cannot be fulfilled on namespaces "going": {why}'
    assert refused.json["details"] == {"name": "going", "kind": "namespaces"}


def test_what_was_before_a_definition_cannot_be_followed(call: Caller) -> None:
    """A watch from before the CRD was served is told 410 Expired as an event; one from its version is not."""
    call.ok("POST", CRDS, definition())
    version = call.ok("GET", f"{CRDS}/widgets.example.com")["metadata"]["resourceVersion"]
    (event,) = call("GET", f"{WIDGETS}?watch=1&resourceVersion=1&timeoutSeconds=1").events
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
    assert event["object"]["message"] == f"too old resource version: 1 ({version})"
    assert call("GET", f"{WIDGETS}?watch=1&resourceVersion={version}&timeoutSeconds=1").events == []
