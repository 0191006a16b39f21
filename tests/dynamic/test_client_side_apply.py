"""Objects kubectl applied by itself: the first apply takes them over, so that what is left out is removed."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.dynamic.client_side_apply import LAST_APPLIED, taken_over
from dynkube.errors import Conflict

if TYPE_CHECKING:
    from dynkube.dynamic import DynamicClient, Resource
    from dynkube.objects import JSONObject
    from dynkube.testing import APIServer

ME, KUBECTL = "me", "kubectl-client-side-apply"


@pytest.fixture
def config_maps(dyn: DynamicClient) -> Resource:
    """Return the config maps, of which there is one, a, as kubectl's client side applies it."""
    view = dyn.resource("v1", "configmaps")
    obj = config_map({"x": "1", "y": "2"})
    obj["metadata"]["annotations"] = {LAST_APPLIED: json.dumps(obj)}
    view.create(obj, field_manager=KUBECTL)
    return view


def config_map(data: dict[str, str]) -> JSONObject:
    """Return a config map."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {"app": "web"}}, "data": data}


def owners(obj: JSONObject) -> dict[tuple[str, str], Any]:
    """Return which fields each manager owns, by its name and operation."""
    return {(each["manager"], each["operation"]): each["fieldsV1"] for each in obj["metadata"]["managedFields"]}


def test_what_is_left_out_is_removed(dyn: DynamicClient, config_maps: Resource) -> None:
    """Afterwards the object is as if it had always been applied by the server, kubectl's memory gone."""
    (done,) = dyn.apply_manifests([config_map({"x": "1", "z": "3"})], field_manager=ME)
    assert done.outcome == "configured"
    stored = config_maps.get("a")
    assert stored == done.object
    assert stored["data"] == {"x": "1", "z": "3"}
    assert "annotations" not in stored["metadata"]
    fields = {"f:data": {"f:x": {}, "f:z": {}}, "f:metadata": {"f:labels": {"f:app": {}}}}
    assert owners(stored) == {(ME, "Apply"): fields}


def test_it_is_done_once(dyn: DynamicClient, server: APIServer, config_maps: Resource) -> None:
    """An apply of what was taken over, or never was kubectl's, costs no request more than it did."""
    dyn.apply_manifests([config_map({"x": "1"})], field_manager=ME)
    server.clear_requests()
    (done,) = dyn.apply_manifests([config_map({"x": "1"})], field_manager=ME)
    assert done.outcome == "unchanged"
    assert [request.method for request in server.requests] == ["GET", "PATCH"]
    assert config_maps.get("a")["data"] == {"x": "1"}


def test_what_others_own_stays(dyn: DynamicClient, config_maps: Resource) -> None:
    """Only what kubectl's client side owned goes; other updates, and statuses, stay whose they are."""
    config_maps.patch("a", {"data": {"theirs": "1"}}, field_manager="controller")
    dyn.apply_manifests([config_map({"x": "1"})], field_manager=ME)
    stored = config_maps.get("a")
    assert stored["data"] == {"x": "1", "theirs": "1"}
    assert set(owners(stored)) == {(ME, "Apply"), ("controller", "Update")}


def test_another_name_of_kubectl(dyn: DynamicClient) -> None:
    """Whoever updated the annotation applied so, under whatever name (`--field-manager`)."""
    obj = config_map({"x": "1", "y": "2"})
    obj["metadata"]["annotations"] = {LAST_APPLIED: "{}"}
    dyn.resource("v1", "configmaps").create(obj, field_manager="pipeline")
    dyn.apply_manifests([config_map({"x": "1"})], field_manager=ME)
    assert dyn.resource("v1", "configmaps").get("a")["data"] == {"x": "1"}


def test_a_write_in_between(dyn: DynamicClient, server: APIServer, config_maps: Resource) -> None:
    """What changes between looking and taking over is looked at again."""
    path = f"*/namespaces/{dyn.config.namespace}/configmaps/a*"
    server.inject("error", method="PATCH", path=path, status=409, after=1, count=1)
    dyn.apply_manifests([config_map({"x": "1"})], field_manager=ME)
    assert config_maps.get("a")["data"] == {"x": "1"}


def test_a_server_that_refuses(
    dyn: DynamicClient, server: APIServer, config_maps: Resource, caplog: pytest.LogCaptureFixture
) -> None:
    """The object is applied all the same, a line in the log says what was not done, and the next apply does it."""
    path = f"*/namespaces/{dyn.config.namespace}/configmaps/a*"
    server.inject("error", method="PATCH", path=path, status=403, after=1, count=1)
    with caplog.at_level(logging.WARNING, "dynkube.dynamic"):
        dyn.apply_manifests([config_map({"x": "changed"})], field_manager=ME, force=True)
    assert config_maps.get("a")["data"] == {"x": "changed", "y": "2"}
    assert "ConfigMap a was applied, but not taken over from kubectl's client-side apply" in caplog.text
    dyn.apply_manifests([config_map({"x": "changed"})], field_manager=ME)
    assert config_maps.get("a")["data"] == {"x": "changed"}


def test_a_dry_run_takes_nothing_over(dyn: DynamicClient, config_maps: Resource) -> None:
    """It stores nothing, the owners included."""
    before = config_maps.get("a")
    dyn.apply_manifests([config_map({"x": "1"})], field_manager=ME, dry_run=True)
    assert config_maps.get("a") == before


def test_a_conflict_is_one(dyn: DynamicClient, config_maps: Resource) -> None:
    """A value of kubectl's is not changed without `force`, as with kubectl's own server-side apply."""
    before = config_maps.get("a")
    with pytest.raises(Conflict):
        dyn.apply_manifests([config_map({"x": "changed"})], field_manager=ME)
    assert config_maps.get("a") == before


def entry(manager: str, operation: str, fields: JSONObject, **more: str) -> JSONObject:
    """Return an entry of managedFields."""
    return {"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": fields, **more}


#: Of two managers' fields, what one manager has of both: whole values, parts, and both.
UNITED: list[tuple[JSONObject, JSONObject, JSONObject]] = [
    ({"f:a": {}}, {"f:b": {}}, {"f:a": {}, "f:b": {}}),
    ({"f:a": {}}, {"f:a": {}}, {"f:a": {}}),
    ({"f:a": {}}, {"f:a": {"f:b": {}}}, {"f:a": {".": {}, "f:b": {}}}),
    ({"f:a": {"f:b": {}}}, {"f:a": {".": {}, "f:c": {}}}, {"f:a": {".": {}, "f:b": {}, "f:c": {}}}),
    ({}, {"f:a": {"f:b": {}}}, {"f:a": {"f:b": {}}}),
]


@pytest.mark.parametrize(("mine", "theirs", "united"), UNITED)
def test_both_sets_of_fields_become_one(mine: JSONObject, theirs: JSONObject, united: JSONObject) -> None:
    """The members of both are members of the one."""
    entries = [entry(KUBECTL, "Update", theirs), entry(ME, "Apply", mine)]
    assert taken_over(entries, {KUBECTL}, ME) == [entry(ME, "Apply", united)]


def test_without_an_entry_of_ones_own() -> None:
    """An apply of a name alone owns nothing: kubectl's entry becomes its manager's."""
    entries = [entry("x", "Update", {"f:b": {}}), entry(KUBECTL, "Update", {"f:a": {}}, time="t")]
    assert taken_over(entries, {KUBECTL}, ME) == [entry(ME, "Apply", {"f:a": {}}, time="t"), entries[0]]


def test_fields_of_another_version_are_let_go() -> None:
    """Their paths may mean other fields in the version that was applied now."""
    entries = [{**entry(KUBECTL, "Update", {"f:a": {}}), "apiVersion": "v1beta1"}, entry(ME, "Apply", {"f:b": {}})]
    assert taken_over(entries, {KUBECTL}, ME) == [entry(ME, "Apply", {"f:b": {}})]


def test_entries_of_subresources_stay() -> None:
    """A status that the same manager updated was not applied."""
    status = entry(KUBECTL, "Update", {"f:status": {}}, subresource="status")
    entries = [entry(KUBECTL, "Update", {"f:a": {}}), status, entry(ME, "Apply", {"f:a": {}})]
    assert taken_over(entries, {KUBECTL}, ME) == [entry(ME, "Apply", {"f:a": {}}), status]
