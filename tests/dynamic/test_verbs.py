"""What each verb sends and returns, and the options it refuses."""

from __future__ import annotations

import copy
import datetime
import json
from typing import TYPE_CHECKING, Any

import pytest

from dynamic.fakes import DEPLOYMENTS, PODS, REVIEWS, FakeRest, exact, not_found, page, resource
from dynkube.config import UNSET
from dynkube.errors import (
    InvalidNameError,
    InvalidRequestError,
    InvalidSelectorError,
    NotFound,
    ResponseError,
    UnsupportedVerbError,
    status_error,
)
from dynkube.names import GroupVersionResource

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.dynamic import Resource

WEB: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {"replicas": 2},
}


def test_get_or_none_and_exists() -> None:
    """A missing object is None and False; a present one is returned and True."""
    rest = FakeRest(not_found(), WEB, not_found(), WEB)
    deployments = resource(rest)
    assert deployments.get_or_none("web") is None
    assert deployments.get_or_none("web") == WEB
    assert not deployments.exists("web")
    assert deployments.exists("web")


def test_a_missing_resource_is_no_missing_object() -> None:
    """A 404 that is not about the object (an unserved path) is raised, not turned into None."""
    unserved = status_error({"reason": "NotFound", "details": {}}, method="GET", url="http://test/", code=404)
    with pytest.raises(NotFound):
        resource(FakeRest(unserved)).get_or_none("web")


def test_a_missing_namespaced_parent_is_no_missing_object() -> None:
    """A 404 that names something else than the object asked for is raised."""
    with pytest.raises(NotFound):
        resource(FakeRest(not_found("other"))).get_or_none("web")


def test_list_options_reach_the_query() -> None:
    """Selectors as mapping and as text, limit and version are sent under the names of ListOptions, sorted."""
    rest = FakeRest(page(""))
    resource(rest).list(
        label_selector={"app": "web"},
        field_selector="status.phase=Running",
        limit=5,
        resource_version="7",
        resource_version_match="NotOlderThan",
    )
    assert rest.last.target.partition("?")[2] == (
        "fieldSelector=status.phase%3DRunning&labelSelector=app%3Dweb&limit=5"
        "&resourceVersion=7&resourceVersionMatch=NotOlderThan"
    )


def test_items_of_a_list_say_what_they_are() -> None:
    """The server leaves apiVersion and kind out of items; they are filled in from the list's."""
    answer = page("ab")
    items = resource(FakeRest(answer)).list()["items"]
    assert [(item["apiVersion"], item["kind"]) for item in items] == [("apps/v1", "Deployment")] * 2


def test_items_with_a_kind_of_their_own_keep_it() -> None:
    """An item that says its kind is not overwritten by the list's."""
    answer: dict[str, Any] = {
        "kind": "List",
        "apiVersion": "v1",
        "metadata": {},
        "items": [{"apiVersion": "apps/v1", "kind": "ReplicaSet"}],
    }
    assert resource(FakeRest(answer)).list()["items"] == [{"apiVersion": "apps/v1", "kind": "ReplicaSet"}]


def test_a_list_without_items_is_empty() -> None:
    """`"items": null`, as Go writes an empty slice, is an empty list."""
    answer: dict[str, Any] = {"kind": "DeploymentList", "apiVersion": "apps/v1", "metadata": {}, "items": None}
    assert resource(FakeRest(answer)).list()["items"] == []
    del answer["items"]
    assert resource(FakeRest(answer)).list()["items"] == []


@pytest.mark.parametrize(
    "answer",
    [
        {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "web"}},
        {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "rows": []},
        {"kind": "DeploymentList", "apiVersion": "apps/v1", "metadata": {}, "items": [None]},
        {"kind": "DeploymentList", "apiVersion": "apps/v1", "metadata": {}, "items": {}},
        {},
    ],
)
def test_what_is_no_list_is_not_taken_for_an_empty_one(answer: dict[str, Any]) -> None:
    """An informer would report everything deleted: whatever view reads it, it is refused."""
    for read in (resource, lambda rest: resource(rest).metadata()):
        with pytest.raises(ResponseError, match="no list of objects"):
            read(FakeRest(dict(answer))).list()
        with pytest.raises(ResponseError, match="no list of objects"):
            list(read(FakeRest(dict(answer))).iter())


def test_create_fills_in_what_discovery_knows() -> None:
    """ApiVersion and kind may be left out; the caller's dict stays as it was."""
    rest = FakeRest()
    body = {"metadata": {"name": "web"}}
    resource(rest).create(body)
    assert json.loads(rest.last.body or b"") == {"apiVersion": "apps/v1", "kind": "Deployment", **body}
    assert body == {"metadata": {"name": "web"}}


def test_an_exact_resource_sends_the_body_as_it_is() -> None:
    """Where discovery was not asked, the kind is not known and nothing is added."""
    rest = FakeRest()
    exact(rest, GroupVersionResource("apps", "v1", "deployments")).namespace("prod").create(
        {"metadata": {"name": "web"}}
    )
    assert rest.last.body == b'{"metadata":{"name":"web"}}'


def test_a_generated_name_needs_no_name() -> None:
    """Create takes generateName; update and apply cannot."""
    rest = FakeRest()
    body = {"metadata": {"generateName": "web-"}}
    resource(rest).create(body)
    for call in (resource(rest).update, lambda obj: resource(rest).apply(obj, field_manager="me")):
        with pytest.raises(InvalidNameError, match=r"no metadata\.name"):
            call(body)
    assert len(rest.requests) == 1


def test_reviews_have_no_name_at_all() -> None:
    """Resources that are only created (SelfSubjectAccessReview) take a body without metadata."""
    rest = FakeRest()
    resource(rest, REVIEWS).create({"spec": {"resourceAttributes": {"verb": "get"}}})
    assert rest.last.target == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


def test_apply_drops_managed_fields_from_a_copy() -> None:
    """An object read from the server can be applied: managedFields are not sent, and the caller's dict keeps them."""
    rest = FakeRest()
    body = {**WEB, "metadata": {"name": "web", "managedFields": [{"manager": "x"}], "resourceVersion": "4"}}
    before = copy.deepcopy(body)
    resource(rest).apply(body, field_manager="me")
    assert json.loads(rest.last.body or b"")["metadata"] == {"name": "web", "resourceVersion": "4"}
    assert body == before


@pytest.mark.parametrize(("force", "sent"), [(False, "force=false"), (True, "force=true")])
def test_apply_always_says_who_and_whether_by_force(force: bool, sent: str) -> None:
    """FieldManager and force are in the query of every apply."""
    rest = FakeRest()
    resource(rest).apply(WEB, field_manager="me", force=force)
    assert rest.last.target.endswith(f"/web?fieldManager=me&{sent}")
    assert ("Content-Type", "application/apply-patch+yaml") in rest.last.headers


def test_apply_needs_a_field_manager() -> None:
    """Without a field manager apply is a TypeError, with an empty one it is refused before anything is sent."""
    rest = FakeRest()
    with pytest.raises(TypeError, match="field_manager"):
        resource(rest).apply(WEB)  # type: ignore[call-arg]
    with pytest.raises(InvalidRequestError, match="field_manager"):
        resource(rest).apply(WEB, field_manager="")
    assert rest.requests == []


@pytest.mark.parametrize(
    ("body", "kind", "media_type"),
    [
        ({"spec": {}}, None, "application/merge-patch+json"),
        ([{"op": "remove", "path": "/spec"}], None, "application/json-patch+json"),
        ([], None, "application/json-patch+json"),
        ({"spec": {}}, "merge", "application/merge-patch+json"),
        ({"spec": {}}, "strategic", "application/strategic-merge-patch+json"),
        ([{"op": "add", "path": "", "value": {}}], "json", "application/json-patch+json"),
    ],
)
def test_the_type_of_a_patch(body: Any, kind: Any, media_type: str) -> None:
    """A dict is a merge patch, a list a JSON patch, and a strategic patch is asked for by name."""
    rest = FakeRest()
    resource(rest).patch("web", body, type=kind)
    assert ("Content-Type", media_type) in rest.last.headers


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ([], "merge", "merge patch is a dict"),
        ([], "strategic", "strategic patch is a dict"),
        ({}, "json", "JSON patch is a list"),
        ("{}", None, "merge patch is a dict"),
        ({}, "apply", r"call \.apply"),
        ({}, "Merge", "must be merge, json or strategic"),
        ([{"op": "put", "path": "/a"}], None, "operation 0.*op must be one of"),
        ([{"op": "add", "path": "/a", "value": 1}, {"op": "remove", "path": "a"}], None, "operation 1.*path"),
        ([{"op": "add", "path": "/a"}], None, "has no 'value'"),
        ([{"op": "move", "path": "/a"}], None, "has no 'from'"),
        (["x"], None, "operation 0.*not a dict"),
        ([{"op": "remove", "path": "/a"}] * 10_001, None, "at most 10000"),
    ],
)
def test_a_patch_that_cannot_be_right_is_refused(body: Any, kind: Any, message: str) -> None:
    """Type and body must fit, and a JSON patch must be one; nothing is sent."""
    rest = FakeRest()
    with pytest.raises(InvalidRequestError, match=message):
        resource(rest).patch("web", body, type=kind)
    assert rest.requests == []


def test_delete_sends_its_options_in_the_body() -> None:
    """Policy, grace (zero too), preconditions and dry run travel as DeleteOptions; the answer is returned."""
    rest = FakeRest({"kind": "Status", "status": "Success"})
    answer = resource(rest).delete(
        "web", propagation_policy="Foreground", grace_period_seconds=0, uid="u", resource_version="9", dry_run=True
    )
    assert answer == {"kind": "Status", "status": "Success"}
    assert json.loads(rest.last.body or b"") == {
        "kind": "DeleteOptions",
        "apiVersion": "v1",
        "gracePeriodSeconds": 0,
        "preconditions": {"uid": "u", "resourceVersion": "9"},
        "propagationPolicy": "Foreground",
        "dryRun": ["All"],
    }


def test_delete_without_options_still_has_a_body() -> None:
    """The options are always sent, as client-go does."""
    rest = FakeRest()
    resource(rest).delete("web")
    assert rest.last.body == b'{"kind":"DeleteOptions","apiVersion":"v1"}'


def test_deleting_what_cannot_be_read_is_asked_for_by_name() -> None:
    """The option for objects the server cannot decode any more reaches the body under its long name."""
    rest = FakeRest()
    resource(rest).delete("web", ignore_store_read_error=True)
    assert json.loads(rest.last.body or b"")["ignoreStoreReadErrorWithClusterBreakingPotential"] is True


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: r.list(limit=-1), "limit"),
        (lambda r: r.list(limit=True), "limit"),
        (lambda r: r.list(limit="5"), "limit"),
        (lambda r: r.list(continue_=""), "continue_"),
        (lambda r: r.list(resource_version=5), "resource_version"),
        (lambda r: r.list(resource_version=""), "resource_version"),
        (lambda r: r.list(resource_version_match="Exact"), "needs a resource_version"),
        (lambda r: r.list(resource_version="0", resource_version_match="Exact"), "any"),
        (lambda r: r.list(resource_version="5", resource_version_match="exact"), "one of Exact, NotOlderThan"),
        (lambda r: r.list(resource_version="5", continue_="t"), "carries its own version"),
        (lambda r: r.pages(limit=-1), "limit"),
        (lambda r: r.iter(resource_version_match="Exact"), "needs a resource_version"),
        (lambda r: r.create(WEB, dry_run="All"), "dry_run must be True or False"),
        (lambda r: r.create(WEB, field_manager=""), "field_manager"),
        (lambda r: r.create(WEB, field_manager="x" * 129), "field_manager"),
        (lambda r: r.create(WEB, field_manager="a\nb"), "field_manager"),
        (lambda r: r.create(WEB, field_validation="strict"), "one of Ignore, Warn, Strict"),
        (lambda r: r.create([]), "an object is a dict"),
        (lambda r: r.create("{}"), "an object is a dict"),
        (lambda r: r.apply(WEB, field_manager="me", force="yes"), "force must be True or False"),
        (lambda r: r.delete("web", propagation_policy="background"), "one of Orphan, Background, Foreground"),
        (lambda r: r.delete("web", grace_period_seconds=-1), "grace_period_seconds"),
        (lambda r: r.delete("web", uid=""), "uid"),
        (lambda r: r.get("web", resource_version=7), "resource_version"),
    ],
)
def test_options_that_cannot_be_right_are_refused(call: Callable[[Any], Any], message: str) -> None:
    """Each wrong value is named before anything is sent; a lazy verb checks when it is called, not when it is read."""
    rest = FakeRest()
    with pytest.raises(InvalidRequestError, match=message):
        call(resource(rest))
    assert rest.requests == []


@pytest.mark.parametrize("selector", ["a in", "=x", "a in (b"])
def test_a_broken_selector_is_refused(selector: str) -> None:
    """A selector that cannot be parsed fails in list, iter, watch and delete_collection before anything is sent."""
    rest = FakeRest()
    deployments = resource(rest)
    for call in (deployments.list, deployments.iter, deployments.watch, deployments.delete_collection):
        with pytest.raises(InvalidSelectorError):
            call(label_selector=selector)
    assert rest.requests == []


@pytest.mark.parametrize(
    ("call", "nearest"),
    [
        (lambda r: r.list(label_selectors="a=b"), "label_selector"),
        (lambda r: r.list(labelSelector="a=b"), "label_selector"),
        (lambda r: r.get("web", time_out=3), "timeout"),
        (lambda r: r.create({}, dryrun=True), "dry_run"),
        (lambda r: r.patch("web", {}, typ="merge"), "type"),
        (lambda r: r.delete("web", grace_period=0), "grace_period_seconds"),
        (lambda r: r.apply({}, field_manger="me"), "field_manager"),
        (lambda r: r.subresource("scale").get("web", timout=3), "timeout"),
        (lambda r: r.table().list(label_selectr="a=b"), "label_selector"),
    ],
)
def test_a_misspelt_option_is_a_type_error_that_names_the_nearest(call: Callable[[Any], Any], nearest: str) -> None:
    """A misspelt keyword is never ignored, and the message helps."""
    rest = FakeRest()
    with pytest.raises(TypeError, match=f"Did you mean '{nearest}'"):
        call(resource(rest))
    assert rest.requests == []


def test_a_misspelt_option_names_the_class_it_was_called_on() -> None:
    """The message speaks of Resource.list(), whatever module the verb is written in; an unlike word gets the list."""
    with pytest.raises(TypeError, match=r"Resource\.list\(\)"):
        resource(FakeRest()).list(label_selectors="a")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="the options are name, resource_version, timeout"):
        resource(FakeRest()).get("web", xyzzy=1)  # type: ignore[call-arg]


def test_options_are_keywords() -> None:
    """Only names and bodies are positional: a third positional argument is a TypeError."""
    with pytest.raises(TypeError):
        resource(FakeRest()).get("web", "7")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        resource(FakeRest()).list("app=web")  # type: ignore[call-arg]


def test_timeouts_are_handed_down() -> None:
    """The timeout given is the one used; none given leaves it to the configuration; None means no limit."""
    rest = FakeRest({}, {}, {})
    deployments = resource(rest)
    deployments.get("web")
    deployments.get("web", timeout=3.5)
    deployments.delete("web", timeout=None)
    assert rest.timeouts == [UNSET, 3.5, None]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"spec": {"at": datetime.date(2024, 1, 2)}}, "spec.at"),
        ({"spec": {"items": [1, {"x": float("nan")}]}}, r"spec.items\[1\].x"),
        ({"data": {"k": b"bytes"}}, "data.k"),
        ({"data": {"k": "\ud800"}}, "data.k"),
        ({"data": {(1, 2): "x"}}, "data"),
    ],
)
def test_a_body_json_has_no_form_for_is_located(body: dict[str, Any], place: str) -> None:
    """Dates, NaN, bytes and lone surrogates are refused with the path of the field."""
    rest = FakeRest()
    with pytest.raises(InvalidRequestError, match=f"at {place}"):
        resource(rest).create(body)
    assert rest.requests == []


def test_bodies_are_compact_utf8_in_the_order_given() -> None:
    """Text beyond ASCII is sent as it is, without blanks, fields in the caller's order."""
    rest = FakeRest()
    resource(rest).create(
        {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "web", "labels": {"ä": "ü"}}}
    )
    assert (
        rest.last.body
        == '{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"web","labels":{"ä":"ü"}}}'.encode()
    )


# -- verbs and subresources discovery knows of --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "call"),
    [
        ("get", lambda r: r.get("x")),
        ("list", lambda r: r.list()),
        ("list", lambda r: r.iter()),
        ("watch", lambda r: r.watch()),
        ("update", lambda r: r.update({"metadata": {"name": "x"}})),
        ("patch", lambda r: r.patch("x", {})),
        ("patch", lambda r: r.apply({"metadata": {"name": "x"}}, field_manager="me")),
        ("delete", lambda r: r.delete("x")),
        ("deletecollection", lambda r: r.delete_collection()),
    ],
)
def test_a_verb_the_resource_does_not_offer_is_refused(verb: str, call: Callable[[Resource], Any]) -> None:
    """Discovery knows the verbs; the message says what there is."""
    rest = FakeRest()
    with pytest.raises(UnsupportedVerbError, match=f"does not offer {verb}; the server offers: create"):
        call(resource(rest, REVIEWS))
    assert rest.requests == []


def test_a_subresource_the_resource_does_not_have_is_refused() -> None:
    """The message names the subresources there are."""
    rest = FakeRest()
    with pytest.raises(UnsupportedVerbError, match=r"no subresource 'log'; the server offers: scale, status"):
        resource(rest).subresource("log").get("web")
    with pytest.raises(UnsupportedVerbError, match="no subresource 'status'"):
        resource(rest, PODS).update_status({"metadata": {"name": "p"}})
    assert rest.requests == []


def test_a_subresource_has_verbs_of_its_own() -> None:
    """Scale can be read and changed, not deleted, whatever the deployment offers."""
    rest = FakeRest()
    with pytest.raises(UnsupportedVerbError, match=r"deployments/scale \(apps/v1\) does not offer delete"):
        resource(rest).subresource("scale").delete("web")
    assert rest.requests == []


def test_scale_is_read_patched_and_replaced() -> None:
    """The verbs of a subresource go to the object's path and send the subresource's own kind."""
    rest = FakeRest()
    scale = resource(rest).namespace("prod").subresource("scale")
    scale.get("web")
    scale.patch("web", {"spec": {"replicas": 3}})
    scale.update({"metadata": {"name": "web"}, "spec": {"replicas": 3}})
    path = "/apis/apps/v1/namespaces/prod/deployments/web/scale"
    assert [(request.method, request.target) for request in rest.requests] == [
        ("GET", path),
        ("PATCH", path),
        ("PUT", path),
    ]
    assert json.loads(rest.last.body or b"")["kind"] == "Scale"
    assert json.loads(rest.last.body or b"")["apiVersion"] == "autoscaling/v1"


def test_a_pod_is_evicted_by_creating_an_eviction() -> None:
    """The body's name tells the pod; `name` does for a body without metadata."""
    rest = FakeRest()
    eviction = resource(rest, PODS).subresource("eviction").namespace("prod")
    eviction.create({"metadata": {"name": "p"}})
    eviction.create({}, name="p")
    assert rest.targets == ["/api/v1/namespaces/prod/pods/p/eviction"] * 2
    assert json.loads(rest.last.body or b"") == {"apiVersion": "policy/v1", "kind": "Eviction"}
    with pytest.raises(InvalidNameError):
        eviction.create({})


def test_status_is_written_to_its_subresource() -> None:
    """update_status and apply_status go to /status."""
    rest = FakeRest()
    resource(rest).update_status(WEB)
    resource(rest).apply_status(WEB, field_manager="me")
    assert [(r.method, r.target.partition("?")[0].rsplit("/", 2)[1:]) for r in rest.requests] == [
        ("PUT", ["web", "status"]),
        ("PATCH", ["web", "status"]),
    ]


def test_subresources_of_several_segments() -> None:
    """An exact resource takes any subresource path, each segment validated."""
    rest = FakeRest()
    pods = exact(rest, GroupVersionResource("", "v1", "pods")).namespace("prod")
    pods.subresource("proxy/metrics").get("p")
    assert rest.last.target == "/api/v1/namespaces/prod/pods/p/proxy/metrics"
    for bad in ("", "..", "proxy/..", "proxy//x", "a%2fb"):
        with pytest.raises(InvalidNameError):
            pods.subresource(bad)


def test_delete_collection_sends_selection_and_options() -> None:
    """The selection is in the query, the DeleteOptions in the body, of one DELETE on the collection."""
    rest = FakeRest()
    resource(rest).namespace("prod").delete_collection(label_selector={"app": "web"}, grace_period_seconds=5)
    assert rest.last.method == "DELETE"
    assert rest.last.target == "/apis/apps/v1/namespaces/prod/deployments?labelSelector=app%3Dweb"
    assert json.loads(rest.last.body or b"")["gracePeriodSeconds"] == 5


def test_api_resource_tells_what_discovery_knows() -> None:
    """A resolved resource gives its APIResource and GroupVersionResource; an exact one has only the latter."""
    assert resource(FakeRest()).api_resource() == DEPLOYMENTS
    gvr = GroupVersionResource("apps", "v1", "deployments")
    assert resource(FakeRest()).gvr == gvr
    assert exact(FakeRest(), gvr).gvr == gvr
    assert exact(FakeRest(), gvr).api_resource() is None
