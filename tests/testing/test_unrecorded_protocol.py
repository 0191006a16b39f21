"""Methods, media types, options and versions at their corners (apiserver's handlers and apimachinery's validation)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from testing.calling import CMS, config_map
from testing.unrecorded import APPLY, APPS, MERGE, STRATEGIC, N, Step, invalid, run, template

if TYPE_CHECKING:
    from testing.calling import Caller

WEB = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "a"}}, "template": template()},
}


def test_methods_without_a_route(call: Caller) -> None:
    """PUT and PATCH of a collection, POST of an object, OPTIONS, deletecollection of namespaces: 405."""
    run(
        call,
        *(
            Step(f"{method} {path}", method, path, body, headers, code=405, reason="MethodNotAllowed")
            for method, path, body, headers in (
                ("PUT", CMS, config_map("x"), {}),
                ("PATCH", CMS, {}, MERGE),
                ("POST", f"{CMS}/x", config_map("x"), {}),
                ("OPTIONS", CMS, None, {}),
                ("DELETE", "/api/v1/namespaces", None, {}),
                ("POST", "/api/v1/pods", {}, {}),
            )
        ),
        Step("unknown part", "GET", f"{CMS}/x/zork", code=404, reason="NotFound"),
        Step("unknown kind", "GET", f"{N}/zorks", code=404, reason="NotFound"),
    )


def test_media_types(call: Caller) -> None:
    """Parameters of a content type do not matter; Accept is a list in order of preference."""
    run(
        call,
        Step("charset", "POST", CMS, config_map("a"), {"Content_Type": "application/json; charset=utf-8"}),
        Step("text", "POST", CMS, config_map("b"), {"Content_Type": "text/plain"}, code=415),
        Step("patch as JSON", "PATCH", f"{CMS}/a", {}, {"Content_Type": "application/json"}, code=415),
        Step("none", "GET", f"{CMS}/a", headers={"Accept": "text/html"}, code=406, reason="NotAcceptable"),
    )
    accept = "text/html;q=0.9, application/yaml;q=0.5, application/json;q=0.1"
    assert call("GET", f"{CMS}/a", Accept=accept).headers["content-type"] == "application/yaml"


def test_options_are_checked(call: Caller) -> None:
    """Dry run, field manager, field validation, force: each says which options kind is wrong."""
    levels = 'supported values: "", "Ignore", "Strict", "Warn"'
    run(
        call,
        invalid("long", "POST", f"{CMS}?fieldManager={'x' * 129}", config_map("a"), TOO_LONG),
        invalid("dry", "POST", f"{CMS}?dryRun=x", config_map("a"), DRY),
        invalid(
            "level",
            "POST",
            f"{CMS}?fieldValidation=x",
            config_map("a"),
            f'fieldValidation: Unsupported value: "x": {levels}',
        ),
        Step("stored not", "POST", f"{CMS}?dryRun=All", config_map("a")),
        Step("not stored", "GET", f"{CMS}/a", code=404),
        Step("create", "POST", CMS, config_map("a")),
        invalid(
            "force",
            "PATCH",
            f"{CMS}/a?force=true",
            {},
            "force: Forbidden: may not be specified for non-apply patch",
            **MERGE,
        ),
        invalid(
            "manager",
            "PATCH",
            f"{CMS}/a",
            config_map("a"),
            "fieldManager: Required value: is required for apply patch",
            **APPLY,
        ),
        Step("dry delete", "DELETE", f"{CMS}/a?dryRun=All", code=200),
        Step("still there", "GET", f"{CMS}/a", code=200),
    )


TOO_LONG = "fieldManager: Too long: may not be more than 128 bytes"
DRY = 'dryRun: Unsupported value: ["x"]: supported values: "All"'


def test_versions_of_lists(call: Caller) -> None:
    """What is no version, lies in the future, or is matched in a way that makes no sense."""
    alone = "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
    zero = 'resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
    sent = "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list"
    run(
        call,
        Step("text", "GET", f"{CMS}?resourceVersion=abc", code=400, reason="BadRequest"),
        Step("future", "GET", f"{CMS}?resourceVersion=999999", code=504, reason="Timeout"),
        invalid("alone", "GET", f"{CMS}?resourceVersionMatch=Exact", None, alone),
        invalid("zero", "GET", f"{CMS}?resourceVersionMatch=Exact&resourceVersion=0", None, zero),
        invalid("initial", "GET", f"{CMS}?sendInitialEvents=true", None, sent),
        Step("token", "GET", f"{CMS}?continue=abc", code=400, message="invalid continue token: ..."),
        Step("limit", "GET", f"{CMS}?limit=x", code=400, message='strconv.ParseInt: parsing "x": invalid syntax'),
        Step("label", "GET", f"{CMS}?labelSelector=a%20in%20(b", code=400, message="unable to parse requirement: ..."),
        Step("field", "GET", f"{CMS}?fieldSelector=data.x%3Dy", code=400, message='"data.x" is not a known field ...'),
    )


def test_delete_options(call: Caller) -> None:
    """Preconditions, policies and what holds an orphaning object."""
    uid = (
        'Operation cannot be fulfilled on ConfigMap "a": the UID in the precondition (x) does not match the UID in ...'
    )
    run(
        call,
        Step("create", "POST", CMS, config_map("a")),
        Step("uid", "DELETE", f"{CMS}/a", {"preconditions": {"uid": "x"}}, code=409, reason="Conflict", message=uid),
        Step("version", "DELETE", f"{CMS}/a", {"preconditions": {"resourceVersion": "1"}}, code=409),
        Step("policy", "DELETE", f"{CMS}/a?propagationPolicy=X", code=422, reason="Invalid"),
        Step("kind", "DELETE", f"{CMS}/a", {"kind": "X", "apiVersion": "v1"}, code=400),
        Step(
            "orphan",
            "DELETE",
            f"{CMS}/a?propagationPolicy=Orphan",
            code=200,
            values={"metadata.finalizers": ["orphan"]},
        ),
        Step("nothing chosen", "DELETE", f"{CMS}?labelSelector=zork", code=200, values={"items": []}),
        Step("default", "DELETE", "/api/v1/namespaces/default", code=403, reason="Forbidden"),
    )


def test_a_scale_is_applied(call: Caller) -> None:
    """Server-side apply of a scale knows who owns the object's replicas: a conflict, until it is forced."""
    run(call, Step("object", "PATCH", f"{APPS}/deployments/web?fieldManager=one", WEB, APPLY))
    path = f"{APPS}/deployments/web/scale?fieldManager=hpa"
    wanted: dict[str, Any] = {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {"name": "web"},
        "spec": {"replicas": 3},
    }
    message = 'Apply failed with 1 conflict: conflict with "one": .spec.replicas'
    run(
        call,
        Step("conflict", "PATCH", path, wanted, APPLY, code=409, reason="Conflict", message=message),
        Step("kind", "PATCH", path, {**wanted, "kind": "Deployment"}, APPLY, code=400, reason="BadRequest"),
        Step("force", "PATCH", f"{path}&force=true", wanted, APPLY, code=200, values={"spec.replicas": 3}),
    )
    fields = call("GET", f"{APPS}/deployments/web").json["metadata"]["managedFields"]
    assert fields[0] == {
        "manager": "hpa",
        "operation": "Apply",
        "apiVersion": "apps/v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {"f:replicas": {}}},
        "subresource": "scale",
    }
    assert "f:replicas" not in fields[1]["fieldsV1"]["f:spec"]
    again = call("PATCH", path, {**wanted, "spec": {"replicas": 4}}, **APPLY)
    assert (again.status, again.json["spec"]) == (200, {"replicas": 4})
    back = call("PATCH", f"{APPS}/deployments/web?fieldManager=one", WEB, **APPLY)
    assert back.json["details"]["causes"][0]["message"] == 'conflict with "hpa" with subresource "scale"'


def test_what_the_server_says_of_an_object_is_no_clients_to_change(call: Caller) -> None:
    """Another uid in a patch, or a deletion nobody asked for, is refused; repeating or leaving them out is not."""
    run(call, Step("create", "POST", CMS, config_map("a")))
    stored = call("GET", f"{CMS}/a").json
    path, apply = f"{CMS}/a", f"{CMS}/a?fieldManager=m"
    uid = ('metadata.uid: Invalid value: "x": field is immutable',) * 2
    deleted = ('metadata.deletionTimestamp: Invalid value: "2020-01-01T00:00:00Z": field is immutable',) * 2
    grace = ("metadata.deletionGracePeriodSeconds: Invalid value: 5: field is immutable",) * 2
    run(
        call,
        invalid("uid", "PATCH", path, {"metadata": {"uid": "x"}}, *uid, **MERGE),
        invalid("apply", "PATCH", apply, config_map("a", uid="x"), *uid, **APPLY),
        invalid("deletion", "PUT", path, config_map("a", deletionTimestamp="2020-01-01T00:00:00Z"), *deleted),
        invalid("grace", "PATCH", path, {"metadata": {"deletionGracePeriodSeconds": 5}}, *grace, **MERGE),
        Step("another's", "PUT", path, config_map("a", uid="x"), code=409, reason="Conflict"),
        Step("created", "PATCH", path, {"metadata": {"creationTimestamp": "2020-01-01T00:00:00Z"}}, MERGE, code=200),
        Step("repeated", "PUT", path, stored, code=200, values={"metadata.uid": stored["metadata"]["uid"]}),
        Step("left out", "PUT", path, config_map("a"), code=200, values={"metadata.uid": stored["metadata"]["uid"]}),
    )


def test_what_an_apply_may_leave_out(call: Caller) -> None:
    """The path's name is enough once the object is there; managedFields, even none, and other kinds are refused."""
    nothing: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap"}
    path = f"{CMS}/a?fieldManager=m"
    owned = "metadata.managedFields must be nil"
    misfit = "failed to create typed patch object"
    run(
        call,
        Step("new without a name", "PATCH", path, nothing, APPLY, code=400, reason="BadRequest"),
        Step("create", "PATCH", path, config_map("a", {"k": "v"}), APPLY),
        Step("no metadata", "PATCH", path, nothing, APPLY, code=200, values={"metadata.name": "a", "data": None}),
        Step("managed", "PATCH", path, config_map("a", managedFields=[]), APPLY, code=400, message=owned),
        Step(
            "kind",
            "PATCH",
            path,
            {**nothing, "kind": "Secret"},
            APPLY,
            code=400,
            message="invalid object type: /v1, Kind=Secret",
        ),
        Step("none", "PATCH", path, {"metadata": {}}, APPLY, code=400, message="invalid object type: /, Kind="),
        Step(
            "unfit",
            "PATCH",
            path,
            {**config_map("a"), "x": 1},
            APPLY,
            code=500,
            message=f"{misfit} (/a; /v1, Kind=ConfigMap): .x: field not declared in schema",
        ),
        Step(
            "unfit and placed",
            "PATCH",
            path,
            {**config_map("a", namespace="default"), "x": 1},
            APPLY,
            code=500,
            message=f"{misfit} (default/a; /v1, Kind=ConfigMap): .x: field not declared in schema",
        ),
    )


def test_conflicts_come_level_by_level(call: Caller) -> None:
    """The fields of an object come before what is inside others of its fields, as in Go's sets."""
    run(call, Step("theirs", "PATCH", f"{APPS}/deployments/web?fieldManager=one", WEB, APPLY))
    container = {"name": "c", "image": "j", "env": [{"name": "A", "value": "2"}]}
    theirs = {"name": "c", "image": "i", "env": [{"name": "A", "value": "1"}]}
    path = f"{APPS}/deployments/web"

    def changed(one: dict[str, Any]) -> dict[str, Any]:
        pods = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [one]}}
        return {**WEB, "spec": {"selector": {"matchLabels": {"app": "a"}}, "template": pods}}

    run(call, Step("more", "PATCH", f"{path}?fieldManager=one", changed(theirs), APPLY, code=200))
    causes = call("PATCH", f"{path}?fieldManager=two", changed(container), **APPLY).json["details"]["causes"]
    where = '.spec.template.spec.containers[name="c"]'
    assert [cause["field"] for cause in causes] == [f"{where}.image", f'{where}.env[name="A"].value']


def test_a_patch_of_the_kind(call: Caller) -> None:
    """A strategic merge patch cannot change kind and version, whatever it says; other patches are refused for it."""
    run(call, Step("create", "POST", CMS, config_map("a")))
    path, same = f"{CMS}/a", {"kind": "ConfigMap", "apiVersion": "v1"}
    for sent in ({"kind": "Secret"}, {"kind": None}, {"apiVersion": "v2"}):
        run(call, Step(str(sent), "PATCH", path, sent, STRATEGIC, code=200, values=same))
    refused = call("PATCH", path, {"kind": "Zork"}, **MERGE)
    assert (refused.status, refused.json["reason"]) == (422, "Invalid")
    message = refused.json["details"]["causes"][0]["message"]
    assert message.startswith('Invalid value: "{\\"apiVersion\\":\\"v1\\",\\"kind\\":\\"Zork\\",')
    assert ': no kind "Zork" is registered for version "v1" in scheme' in message


def test_yaml_is_read_as_go_reads_it(call: Caller) -> None:
    """What Go's YAML takes for a boolean or a number is none of text: a name must be quoted then."""
    yaml = {"Content_Type": "application/yaml"}
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {a: %s}\n"
    field = "json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.name of type string"
    message = f'ConfigMap in version "v1" cannot be handled as a ConfigMap: {field}'
    run(
        call,
        Step("boolean", "POST", CMS, text % ("y", "'1'"), yaml, code=400, message=message),
        Step("number", "POST", CMS, text % ("a", "1e3"), yaml, code=400, reason="BadRequest"),
        Step("quoted", "POST", CMS, text % ("'y'", "1:30"), yaml, values={"metadata.name": "y", "data.a": "1:30"}),
    )
