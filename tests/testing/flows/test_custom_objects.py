"""How custom objects are read and judged (heard from a kube-apiserver 1.36)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from testing.calling import CRDS, WIDGETS, Caller, Stream, connection, definition

if TYPE_CHECKING:
    from testing.calling import Answer

#: What messages of the schema validator say before the type they want.
WANTS = "spec.x in body must be of type"
MERGE = {"Content_Type": "application/merge-patch+json"}


def gadgets(**properties: Any) -> dict[str, Any]:
    """Return a definition whose spec has these properties, and a status apart."""
    crd = definition()
    version = crd["spec"]["versions"][0]
    version["subresources"] = {"status": {}}
    status = {"type": "object", "properties": {"text": {"type": "string"}}}
    spec = {"type": "object", "properties": properties}
    version["schema"]["openAPIV3Schema"]["properties"] = {"spec": spec, "status": status}
    return crd


def widget(name: str = "w", **spec: Any) -> dict[str, Any]:
    """Return a Widget."""
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec}


def told(answer: Answer) -> list[tuple[str, str, str]]:
    """Return reason, field and message of each cause."""
    causes = answer.json["details"]["causes"]
    return [(cause["reason"], cause.get("field", ""), cause["message"]) for cause in causes]


def test_null_is_dropped_where_it_is_no_value(call: Caller) -> None:
    """Null of a field that is not nullable counts as not sent: dropped, or the default; lists keep theirs."""
    text = {"type": "string"}
    call.ok("POST", CRDS, gadgets(a=text, b={**text, "default": "d"}, c={**text, "nullable": True}))
    stored = call.ok("POST", WIDGETS, widget(a=None, b=None, c=None))
    assert stored["spec"] == {"b": "d", "c": None}


def test_null_of_a_required_field_is_a_missing_field(call: Caller) -> None:
    """A required field that is null is told to be required, not to be mistyped."""
    crd = gadgets(a={"type": "string"})
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["required"] = ["a"]
    call.ok("POST", CRDS, crd)
    answer = call("POST", WIDGETS, widget(a=None))
    assert told(answer) == [("FieldValueRequired", "spec.a", "Required value")]


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        (
            {"type": "string", "format": "date-time"},
            "soon",
            [("FieldValueTypeInvalid", "spec.x", f'Invalid value: "soon": {WANTS} date-time: "soon"')],
        ),
        (
            {"type": "integer", "format": "int32"},
            3_000_000_000,
            [
                (
                    "FieldValueInvalid",
                    "<nil>",
                    'Invalid value: "": Checked value must be of type integer with format int32 in spec.x',
                )
            ],
        ),
        (
            {"type": "integer"},
            1.5,
            [
                ("FieldValueTypeInvalid", "spec.x", f'Invalid value: "number": {WANTS} integer: "number"'),
                (
                    "FieldValueInvalid",
                    "<nil>",
                    'Invalid value: "": Checked value must be of type integer (default format) in spec.x',
                ),
            ],
        ),
        (
            {"type": "string", "enum": ["a"]},
            2,
            [
                ("FieldValueTypeInvalid", "spec.x", f'Invalid value: "integer": {WANTS} string: "integer"'),
                ("FieldValueNotSupported", "spec.x", 'Unsupported value: 2: supported values: "a"'),
            ],
        ),
        (
            {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}},
            {},
            [("FieldValueInvalid", "spec.x", "Invalid value: 0: spec.x in body should have at least 1 properties")],
        ),
    ],
)
def test_every_rule_that_is_broken_is_told(
    call: Caller, schema: dict[str, Any], value: Any, expected: list[tuple[str, str, str]]
) -> None:
    """The server goes on after a wrong type; formats count as types; numbers are held to their width."""
    call.ok("POST", CRDS, gadgets(x=schema))
    assert told(call("POST", WIDGETS, widget(x=value))) == expected


def test_a_number_without_a_fraction_is_an_integer(call: Caller) -> None:
    """3.0 passes as an integer, and is stored and shown as 3."""
    call.ok("POST", CRDS, gadgets(x={"type": "integer"}))
    assert b'"x":3}' in call("POST", WIDGETS, widget(x=3.0)).raw


def test_a_status_is_judged_apart(call: Caller) -> None:
    """What is wrong with a status is told with the whole path as field, and the path inside of it in the text."""
    call.ok("POST", CRDS, gadgets())
    call.ok("POST", WIDGETS, widget())
    answer = call("PATCH", f"{WIDGETS}/w/status", {"status": {"text": 5}}, **MERGE)
    message = 'Invalid value: "integer": text in body must be of type string: "integer"'
    assert told(answer) == [("FieldValueTypeInvalid", "status.text", message)]


def test_metadata_of_an_embedded_object_is_typed(call: Caller) -> None:
    """Unknown fields of an embedded object's metadata are dropped with a warning, whatever else is kept."""
    inner = {"type": "object", "x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True}
    call.ok("POST", CRDS, gadgets(inner=inner))
    sent = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "foo": 1}, "anything": 1}
    answer = call("POST", WIDGETS, widget(inner=sent))
    assert answer.json["spec"]["inner"] == {**sent, "metadata": {"name": "x"}}
    assert answer.headers["warning"] == '299 - "unknown field \\"spec.inner.metadata.foo\\""'


def test_unknown_fields_are_told_sorted(call: Caller) -> None:
    """Strict validation names the unknown fields of a custom object in the order of their paths."""
    call.ok("POST", CRDS, gadgets())
    answer = call("POST", f"{WIDGETS}?fieldValidation=Strict", {**widget(z=1, b=1), "a": 1})
    end = 'unknown field "a", unknown field "spec.b", unknown field "spec.z"'
    assert answer.json["message"].endswith(f"strict decoding error: {end}")


def test_nothing_is_created_while_the_definition_goes(call: Caller) -> None:
    """A create of a kind whose definition is being deleted is forbidden; the condition tells what is waited for."""
    call.ok("POST", CRDS, gadgets())
    call.ok("POST", WIDGETS, {**widget(), "metadata": {"name": "w", "finalizers": ["example.com/hold"]}})
    call.ok("DELETE", f"{CRDS}/widgets.example.com")
    answer = call("POST", WIDGETS, widget("late"))
    assert (answer.status, answer.json["reason"]) == (403, "Forbidden")
    why = "create not allowed while custom resource definition is terminating"
    assert answer.json["message"] == f'widgets.example.com "late" is forbidden: {why}'
    conditions = call.ok("GET", f"{CRDS}/widgets.example.com")["status"]["conditions"]
    assert conditions[-1]["reason"] == "InstanceDeletionInProgress"


def test_watchers_see_an_object_go_as_it_was_stored(call: Caller) -> None:
    """The write that takes the last finalizer away deletes; the event shows the object with it, at a new version."""
    call.ok("POST", CRDS, gadgets())
    body = {**widget(), "metadata": {"name": "w", "finalizers": ["example.com/hold"]}}
    call.ok("POST", WIDGETS, body)
    marked = call.ok("DELETE", f"{WIDGETS}/w")
    with Stream(call, f"{WIDGETS}?watch=1&resourceVersion={marked['metadata']['resourceVersion']}") as stream:
        call.ok("PATCH", f"{WIDGETS}/w", {"metadata": {"finalizers": None, "labels": {"a": "b"}}}, **MERGE)
        event = stream.next()
    assert event["type"] == "DELETED"
    assert event["object"]["metadata"]["finalizers"] == ["example.com/hold"]
    assert "labels" not in event["object"]["metadata"]


STRICT = "strict decoding error: "


def test_unknown_fields_of_metadata_are_told_first(call: Caller) -> None:
    """Then come all others, sorted by their paths; warnings have the same order."""
    call.ok("POST", CRDS, gadgets(size={"type": "integer"}))
    body = widget(x=1, a=2) | {"zed": 1, "foo": 1, "metadata": {"name": "w", "zork": 1, "alpha": 2}}
    unknown = ["metadata.alpha", "metadata.zork", "foo", "spec.a", "spec.x", "zed"]
    told_of = ", ".join(f'unknown field "{path}"' for path in unknown)
    answer = call("POST", f"{WIDGETS}?fieldValidation=Strict", body)
    assert (answer.status, answer.json["message"].partition(STRICT)[2]) == (400, told_of)
    assert warnings(call, body) == [f'299 - "unknown field \\"{path}\\""' for path in unknown]


def warnings(call: Caller, body: Any) -> list[str]:
    """Create a Widget and return all Warning headers of the answer."""
    opened = connection(call.url)
    try:
        opened.request("POST", WIDGETS, json.dumps(body))
        return opened.getresponse().headers.get_all("Warning") or []
    finally:
        opened.close()


def test_another_kind_is_named_as_it_names_itself(call: Caller) -> None:
    """Message and details of the 422 have the body's kind; of a new object nothing else is looked at."""
    call.ok("POST", CRDS, gadgets(size={"type": "integer"}))
    body = widget(size="x") | {"kind": "Other"}
    answer = call("POST", WIDGETS, body)
    message = 'Invalid value: "Other": must be Widget'
    assert answer.status == 422
    assert answer.json["message"] == f'Other.example.com "w" is invalid: kind: {message}'
    cause = {"reason": "FieldValueInvalid", "message": message, "field": "kind"}
    assert answer.json["details"] == {"name": "w", "group": "example.com", "kind": "Other", "causes": [cause]}
    call.ok("POST", WIDGETS, widget())
    patched = call("PATCH", f"{WIDGETS}/w", {"kind": "Other"}, **MERGE)
    assert (patched.status, patched.json["details"]["kind"]) == (422, "Other")


def test_a_definition_patched_to_no_versions(call: Caller) -> None:
    """The versions are printed as null; of stored ones it is only said that they are missing from them."""
    call.ok("POST", CRDS, definition())
    answer = call("PATCH", f"{CRDS}/widgets.example.com", {"spec": {"versions": None}}, **MERGE)
    first, second = told(answer)
    why = "Invalid value: null: must have exactly one version marked as storage version"
    assert first == ("FieldValueInvalid", "spec.versions", why)
    assert second[1] == "status.storedVersions[0]"


def test_nothing_new_while_the_definition_goes(call: Caller) -> None:
    """A create is 403 with the name in details; the condition Terminating tells that objects are being deleted."""
    call.ok("POST", CRDS, definition())
    held = widget("held") | {"metadata": {"name": "held", "finalizers": ["example.com/hold"]}}
    call.ok("POST", WIDGETS, held)
    call.ok("DELETE", f"{CRDS}/widgets.example.com")
    answer = call("POST", WIDGETS, widget("late"))
    why = "create not allowed while custom resource definition is terminating"
    assert (answer.status, answer.json["reason"]) == (403, "Forbidden")
    assert answer.json["message"] == f'widgets.example.com "late" is forbidden: {why}'
    assert answer.json["details"] == {"name": "late", "group": "example.com", "kind": "widgets"}
    crd = call.ok("GET", f"{CRDS}/widgets.example.com")
    (condition,) = [one for one in crd["status"]["conditions"] if one["type"] == "Terminating"]
    said = ("InstanceDeletionInProgress", "CustomResource deletion is in progress")
    assert (condition["reason"], condition["message"]) == said
    (entry,) = [one for one in crd["metadata"]["managedFields"] if one["manager"] == "kube-apiserver"]
    assert entry["fieldsV1"]["f:status"]["f:conditions"]['k:{"type":"Terminating"}'] == {
        "f:message": {},
        "f:reason": {},
    }


@pytest.mark.parametrize(
    "operation", [{"op": "remove"}, {"op": "replace", "value": ""}, {"op": "replace", "value": None}]
)
def test_a_patch_that_takes_the_kind_away(call: Caller, operation: dict[str, Any]) -> None:
    """The outcome is 422, about the patch: it can be read as no kind at all."""
    call.ok("POST", CRDS, definition())
    call.ok("POST", WIDGETS, widget())
    headers = {"Content_Type": "application/json-patch+json"}
    answer = call("PATCH", f"{WIDGETS}/w", [{**operation, "path": "/kind"}], **headers)
    assert (answer.status, answer.json["reason"]) == (422, "Invalid")
    ((reason, field, message),) = told(answer)
    assert (reason, field) == ("FieldValueInvalid", "patch")
    assert "Object 'Kind' is missing in '{" in message
