"""Deleting and what refers to owners, as a kube-apiserver 1.36 answers (the same requests were sent to one)."""

from __future__ import annotations

import time
from typing import Any

import pytest

from testing.calling import CMS, Caller, config_map, pod

MERGE = {"Content_Type": "application/merge-patch+json"}
SCHEME = "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27"
OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "u"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{", "couldn't get version/kind; json parse error: unexpected end of JSON input"),
        ('{"kind":"Foo","apiVersion":"v1"}', f'no kind "Foo" is registered for version "v1" in scheme "{SCHEME}"'),
        ('{"kind":"Foo"}', f'no kind "Foo" is registered for version "meta.k8s.io/v1" in scheme "{SCHEME}"'),
        (
            '{"kind":"DeleteOptions","apiVersion":"v1","gracePeriodSeconds":"x"}',
            "json: cannot unmarshal string into Go struct field DeleteOptions.gracePeriodSeconds of type int64",
        ),
    ],
)
def test_delete_options_that_are_none(call: Caller, body: str, message: str) -> None:
    """What is wrong with the body is said in the decoder's words, and nothing is deleted."""
    call.ok("POST", CMS, config_map("a"))
    answer = call("DELETE", f"{CMS}/a", body)
    assert (answer.status, answer.json["message"]) == (400, message)
    assert call("GET", f"{CMS}/a").status == 200


def test_null_is_no_option(call: Caller) -> None:
    """A body of null is as good as none."""
    call.ok("POST", CMS, config_map("a"))
    assert call("DELETE", f"{CMS}/a", "null").status == 200


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"uid": ""}, 'metadata.ownerReferences.uid: Invalid value: "": must not be empty'),
        (
            {"apiVersion": "a/b/c"},
            'metadata.ownerReferences.apiVersion: Invalid value: "a/b/c": version must not be empty',
        ),
        (
            {"kind": "Event"},
            (
                'metadata.ownerReferences: Invalid value: {"apiVersion":"v1","kind":"Event","name":"o","uid":"u"}: '
                "/v1, Kind=Event is disallowed from being an owner"
            ),
        ),
    ],
)
def test_owners_that_are_none(call: Caller, changes: dict[str, Any], cause: str) -> None:
    """The server names the list, not which of its references is wrong."""
    answer = call("POST", CMS, config_map("a", ownerReferences=[OWNER | changes]))
    assert answer.json["message"] == f'ConfigMap "a" is invalid: {cause}'


def test_two_controllers_are_named_with_their_kinds(call: Caller) -> None:
    """Only one owner controls."""
    owners = [OWNER | {"controller": True}, OWNER | {"name": "p", "uid": "v", "controller": True}]
    answer = call("POST", CMS, config_map("a", ownerReferences=owners))
    assert answer.json["message"].endswith('Found "true" in references for ConfigMap/o and ConfigMap/p')


def test_the_name_of_what_is_being_deleted_is_taken(call: Caller) -> None:
    """A create of the same name is told that the object is on its way out."""
    call.ok("POST", CMS, config_map("a", finalizers=["example.com/hold"]))
    call.ok("DELETE", f"{CMS}/a")
    answer = call("POST", CMS, config_map("a"))
    assert (answer.status, answer.json["message"]) == (409, 'object is being deleted: configmaps "a" already exists')


def test_a_version_that_is_no_number_is_the_server_s_own_error(call: Caller) -> None:
    """The parser of versions fails where nobody expects it: 500 without a reason."""
    call.ok("POST", CMS, config_map("a"))
    answer = call("PUT", f"{CMS}/a", config_map("a", resourceVersion="abc"))
    assert (answer.status, answer.json["message"]) == (500, 'strconv.ParseUint: parsing "abc": invalid syntax')
    assert "reason" not in answer.json


def test_less_than_no_time_is_one_second(call: Caller) -> None:
    """A negative grace period of a pod on a node becomes the shortest there is."""
    path = "/api/v1/namespaces/default/pods"
    call.ok("POST", path, pod("p", nodeName="n"))
    gone = call.ok("DELETE", f"{path}/p", {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": -1})
    assert gone["metadata"]["deletionGracePeriodSeconds"] == 1


def test_only_what_has_dependents_waits_for_them(call: Caller) -> None:
    """Foreground deletion deletes dependents without dependents of their own in the background."""
    owner = call.ok("POST", CMS, config_map("o"))
    reference = OWNER | {"uid": owner["metadata"]["uid"], "blockOwnerDeletion": True}
    call.ok("POST", CMS, config_map("d", ownerReferences=[reference], finalizers=["example.com/hold"]))
    call.ok("DELETE", f"{CMS}/o?propagationPolicy=Foreground")
    deadline = time.monotonic() + 10
    while "deletionTimestamp" not in (found := call.ok("GET", f"{CMS}/d"))["metadata"]:
        assert time.monotonic() < deadline
    assert found["metadata"]["finalizers"] == ["example.com/hold"]


def test_an_owner_named_twice_is_kept_once(call: Caller) -> None:
    """The same reference twice is dropped with a warning."""
    answer = call("POST", CMS, config_map("a", ownerReferences=[OWNER, OWNER]))
    assert answer.json["metadata"]["ownerReferences"] == [OWNER]
    assert "duplicate UID(s) observed: u" in answer.headers["warning"]


def test_finalizers_of_built_in_objects_have_a_domain(call: Caller) -> None:
    """Without one only the server's own are taken."""
    answer = call("POST", CMS, config_map("a", finalizers=["example.com/hold", "hold"]))
    why = "name is neither a standard finalizer name nor is it fully qualified"
    cause = {
        "reason": "FieldValueInvalid",
        "message": f'Invalid value: "hold": {why}',
        "field": "metadata.finalizers[1]",
    }
    assert answer.json["details"]["causes"] == [cause]


def test_half_a_character_is_replaced(call: Caller) -> None:
    """An escape of one surrogate alone becomes U+FFFD, as in Go."""
    body = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"k":"\\ud800x"}}'
    assert call.ok("POST", CMS, body)["data"] == {"k": "\ufffdx"}


def test_a_patch_cannot_take_the_kind_away(call: Caller) -> None:
    """Null for kind or apiVersion leaves them to the decoder, which knows what the path wants."""
    call.ok("POST", CMS, config_map("a"))
    patched = call.ok("PATCH", f"{CMS}/a", {"kind": None, "apiVersion": None, "data": {"k": "v"}}, **MERGE)
    assert (patched["kind"], patched["apiVersion"], patched["data"]) == ("ConfigMap", "v1", {"k": "v"})
