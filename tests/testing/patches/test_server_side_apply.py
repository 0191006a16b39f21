"""Server-side apply and the ownership it rests on."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynkube.names import GroupVersionKind
from dynkube.testing.http.failures import Failure
from dynkube.testing.objects import decoding
from dynkube.testing.objects.defaults import apply_defaults
from dynkube.testing.objects.schemas import Schema, SchemaSet
from dynkube.testing.patches import managed_fields, server_side_apply
from dynkube.testing.patches.field_sets import FieldSet

DEPLOYMENT = GroupVersionKind("apps", "v1", "Deployment")
CONFIG_MAP = GroupVersionKind("", "v1", "ConfigMap")


def schema_of(gvk: GroupVersionKind) -> Schema:
    """Return a recorded schema."""
    found = SchemaSet.builtin().schema_for(gvk)
    assert found is not None
    return found


def applied(live: Any, config: dict[str, Any], manager: str, gvk: GroupVersionKind, **more: Any) -> dict[str, Any]:
    """Apply ``config`` (its type is filled in) and return the object."""
    before = copy.deepcopy((live, config))
    api_version = gvk.group_version.api_version
    schema = schema_of(gvk)
    result = server_side_apply.apply(
        live,
        {"apiVersion": api_version, "kind": gvk.kind, **config},
        manager=manager,
        force=more.pop("force", False),
        api_version=api_version,
        schema=schema,
        time=more.pop("time", "2026-01-01T00:00:00Z"),
        defaults=lambda obj: apply_defaults(obj, schema, gvk),
        **more,
    )
    assert (live, config) == before
    return result


def data(live: Any, values: dict[str, Any], manager: str, **more: Any) -> dict[str, Any]:
    """Apply a config map's data."""
    config: dict[str, Any] = {"metadata": {"name": "c"}}
    return applied(live, {**config, "data": values} if values else config, manager, CONFIG_MAP, **more)


def updated(live: dict[str, Any], manager: str, **changes: Any) -> dict[str, Any]:
    """Update a config map and record who did it."""
    new = apply_defaults(copy.deepcopy({**live, **changes}), schema_of(CONFIG_MAP), CONFIG_MAP)
    entries = managed_fields.record_update(
        live, new, manager=manager, api_version="v1", schema=schema_of(CONFIG_MAP), time="2026-01-02T00:00:00Z"
    )
    new["metadata"]["managedFields"] = entries
    return new


def owners(obj: dict[str, Any]) -> dict[str, Any]:
    """Return who owns what."""
    return {entry["manager"]: entry["fieldsV1"] for entry in obj["metadata"].get("managedFields", [])}


WEB: dict[str, Any] = {
    "metadata": {"name": "web", "labels": {"app": "web"}},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "i:1", "ports": [{"containerPort": 80}]}]},
        },
    },
}


def test_applying_creates_with_defaults_and_claims_only_what_was_said() -> None:
    """Defaults are filled in but nobody's; list elements are found by their keys, defaulted keys included."""
    web = applied(None, WEB, "one", DEPLOYMENT)
    assert web["spec"]["progressDeadlineSeconds"] == 600
    fields = owners(web)["one"]["f:spec"]
    assert "f:progressDeadlineSeconds" not in fields
    ports = fields["f:template"]["f:spec"]["f:containers"]['k:{"name":"web"}']["f:ports"]
    assert ports == {'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}}


def test_applying_again_changes_nothing_at_all() -> None:
    """The second apply of the same configuration is a no-op: same object, same times."""
    web = applied(None, WEB, "one", DEPLOYMENT)
    assert applied(web, WEB, "one", DEPLOYMENT, time="2027-01-01T00:00:00Z") == web


def test_another_managers_field_is_a_conflict_with_its_path() -> None:
    """Changing a field somebody else applied is refused, and the cause names manager and path."""
    web = applied(None, WEB, "one", DEPLOYMENT)
    change = {
        "metadata": {"name": "web"},
        "spec": {"template": {"spec": {"containers": [{"name": "web", "image": "x"}]}}},
    }
    with pytest.raises(Failure) as failure:
        applied(web, change, "two", DEPLOYMENT)
    assert failure.value.code == 409
    assert failure.value.status["details"]["causes"] == [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "one"',
            "field": '.spec.template.spec.containers[name="web"].image',
        }
    ]


def test_several_conflicts_are_listed_by_manager() -> None:
    """The message of more than one conflict groups the paths below each manager."""
    live = data(data(None, {"a": "1", "b": "1"}, "one"), {"c": "1"}, "two")
    with pytest.raises(Failure) as failure:
        data(live, {"a": "2", "b": "2", "c": "2"}, "three")
    assert str(failure.value) == (
        'Apply failed with 3 conflicts: conflicts with "one":\n- .data.a\n- .data.b\nconflicts with "two":\n- .data.c'
    )


def test_force_takes_the_field_over() -> None:
    """A forced apply wins the value and the ownership."""
    live = data(data(None, {"a": "1", "b": "1"}, "one"), {"a": "2"}, "two", force=True)
    assert live["data"] == {"a": "2", "b": "1"}
    assert owners(live) == {"one": {"f:data": {"f:b": {}}}, "two": {"f:data": {"f:a": {}}}}


def test_the_same_value_is_shared() -> None:
    """Two managers applying the same value own it together, and it goes only when both let go."""
    live = data(data(None, {"a": "1"}, "one"), {"a": "1"}, "two")
    assert set(owners(live)) == {"one", "two"}
    live = data(live, {}, "one")
    assert live["data"] == {"a": "1"}
    assert "data" not in data(live, {}, "two")


def test_a_dropped_list_element_goes_with_its_defaults() -> None:
    """A container applied no more disappears, although defaults inside it belonged to nobody."""
    web = applied(None, WEB, "one", DEPLOYMENT)
    side = {"metadata": {"name": "web"}, "spec": {"template": {"spec": {"containers": [{"name": "s", "image": "b"}]}}}}
    web = applied(web, side, "two", DEPLOYMENT)
    assert [c["name"] for c in web["spec"]["template"]["spec"]["containers"]] == ["web", "s"]
    web = applied(web, {"metadata": {"name": "web"}}, "two", DEPLOYMENT)
    assert [c["name"] for c in web["spec"]["template"]["spec"]["containers"]] == ["web"]


def test_a_dropped_label_goes_alone() -> None:
    """Metadata stays, with its name and what else in it is nobody's, when a manager lets go of all it had there."""
    live = applied(None, {"metadata": {"name": "a", "labels": {"x": "y"}}, "data": {"k": "1"}}, "one", CONFIG_MAP)
    live["metadata"]["annotations"] = {"nobody's": "1"}
    live = applied(live, {"metadata": {"name": "a"}, "data": {"k": "1"}}, "one", CONFIG_MAP)
    assert (live["metadata"]["name"], live["metadata"].get("labels")) == ("a", None)
    assert live["metadata"]["annotations"] == {"nobody's": "1"}
    assert owners(live) == {"one": {"f:data": {"f:k": {}}}}


def test_a_dropped_struct_goes_with_its_defaults() -> None:
    """A probe applied no more disappears, although its defaults belonged to nobody."""
    probed = copy.deepcopy(WEB)
    probed["spec"]["template"]["spec"]["containers"][0]["livenessProbe"] = {"httpGet": {"port": 80}}
    web = applied(None, probed, "one", DEPLOYMENT)
    assert web["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]["periodSeconds"] == 10
    web = applied(web, WEB, "one", DEPLOYMENT)
    assert "livenessProbe" not in web["spec"]["template"]["spec"]["containers"][0]


def test_a_dropped_field_falls_back_to_its_default() -> None:
    """Replicas applied no more are defaulted again."""
    web = applied(None, WEB, "one", DEPLOYMENT)
    without = copy.deepcopy(WEB)
    del without["spec"]["replicas"]
    assert applied(web, without, "one", DEPLOYMENT)["spec"]["replicas"] == 1


def test_an_update_steals_what_it_changes() -> None:
    """An update takes changed fields from their appliers without asking, and removed fields are nobody's."""
    live = updated(data(None, {"a": "1", "b": "1", "c": "1"}, "one"), "edit", data={"a": "2", "c": "1"})
    assert owners(live) == {"one": {"f:data": {"f:c": {}}}, "edit": {"f:data": {"f:a": {}}}}
    with pytest.raises(Failure, match=r'conflict with "edit" using v1: \.data\.a'):
        data(live, {"a": "3"}, "one")


def test_an_object_never_tracked_conflicts_with_what_was_before() -> None:
    """The first apply to an object without managedFields meets the manager before-first-apply."""
    live = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "uid": "u"}, "data": {"a": "1"}}
    with pytest.raises(Failure, match='conflict with "before-first-apply" using v1'):
        data(live, {"a": "2"}, "one")
    assert set(owners(data(live, {"b": "2"}, "one"))) == {"before-first-apply", "one"}


def test_updates_do_not_start_tracking() -> None:
    """An object without managed fields gets none by being updated."""
    live = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "uid": "u"}, "data": {"a": "1"}}
    assert updated(live, "edit", data={"a": "2"})["metadata"]["managedFields"] == []


def test_status_is_owned_apart() -> None:
    """A status write owns only status, under its subresource; a write of the object does not own status."""
    web = applied(None, WEB, "one", DEPLOYMENT)
    new = copy.deepcopy(web)
    new["status"] = {"replicas": 3}
    new["spec"]["replicas"] = 50
    schema = schema_of(DEPLOYMENT)
    entries = managed_fields.record_update(
        web, new, manager="c", api_version="apps/v1", schema=schema, time="t", subresource="status"
    )
    assert [e for e in entries if e["manager"] == "c"] == [
        {
            "manager": "c",
            "operation": "Update",
            "apiVersion": "apps/v1",
            "time": "t",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:status": {"f:replicas": {}}},
            "subresource": "status",
        }
    ]
    entries = managed_fields.record_update(web, new, manager="d", api_version="apps/v1", schema=schema, time="t")
    assert [e["fieldsV1"] for e in entries if e["manager"] == "d"] == [{"f:spec": {"f:replicas": {}}}]


def test_an_empty_entry_resets_ownership() -> None:
    """``managedFields: [{}]`` in an update forgets every manager."""
    live = data(None, {"a": "1"}, "one")
    new = copy.deepcopy(live)
    new["metadata"]["managedFields"] = [{}]
    entries = managed_fields.record_update(
        live, new, manager="x", api_version="v1", schema=schema_of(CONFIG_MAP), time="t"
    )
    assert entries == []


@pytest.mark.parametrize(
    ("config", "code", "message"),
    [
        ({"metadata": {"name": "c", "managedFields": [{"manager": "x"}]}}, 400, "metadata.managedFields must be nil"),
        (
            {"metadata": {"name": "c", "namespace": "n"}, "bogus": 1},
            500,
            "failed to create typed patch object (n/c; /v1, Kind=ConfigMap): .bogus: field not declared in schema",
        ),
        (
            {"apiVersion": "v2", "metadata": {"name": "c"}},
            400,
            "invalid object type: /v2, Kind=ConfigMap",
        ),
        (
            {"kind": "Secret", "metadata": {"name": "c"}},
            400,
            "invalid object type: /v1, Kind=Secret",
        ),
        (
            {"metadata": {"name": "c"}, "data": {"a": 1}, "immutable": "x"},
            500,
            (
                "failed to create typed patch object (/c; /v1, Kind=ConfigMap): errors:\n"
                "  .data.a: expected string, got &value.valueUnstructured{Value:1}\n"
                "  .immutable: expected boolean, got &{x}"
            ),
        ),
    ],
)
def test_a_configuration_that_cannot_be_applied_is_refused(config: dict[str, Any], code: int, message: str) -> None:
    """managedFields, undeclared fields and foreign versions are refused in the server's words."""
    with pytest.raises(Failure) as failure:
        applied(None, config, "one", CONFIG_MAP)
    assert (failure.value.code, str(failure.value)) == (code, message)


def test_repeated_list_keys_are_refused() -> None:
    """Two elements of one key cannot be applied."""
    config = {"spec": {"template": {"spec": {"containers": [{"name": "a"}, {"name": "a"}]}}}}
    with pytest.raises(Failure, match=r'duplicate entries for key \[name="a"\]'):
        applied(None, config, "one", DEPLOYMENT)


def test_too_many_updaters_are_folded_into_one() -> None:
    """The oldest of more than ten updating managers become ancient-changes."""
    live = data(None, {"k": "v"}, "one")
    for number in range(12):
        live = updated(live, f"m{number:02}", data={**live["data"], f"k{number}": "v"})
    managers = [e["manager"] for e in live["metadata"]["managedFields"] if e["operation"] == "Update"]
    assert "ancient-changes" in managers
    assert len(managers) <= 11


VALUES = st.dictionaries(st.sampled_from("abcd"), st.sampled_from("12"), max_size=4)
HISTORY = st.lists(st.tuples(st.sampled_from(["one", "two", "edit"]), VALUES), max_size=5)


def grown(history: list[tuple[str, dict[str, str]]]) -> dict[str, Any]:
    """Return an object several managers worked on."""
    live = applied(None, {"metadata": {"name": "c", "labels": {"tracked": "yes"}}}, "zero", CONFIG_MAP)
    live["metadata"]["uid"] = "u"
    for manager, values in history:
        edits = manager == "edit"
        live = updated(live, manager, data=values) if edits else data(live, values, manager, force=True)
    return live


@given(HISTORY, VALUES)
def test_applying_twice_is_applying_once(history: Any, values: dict[str, str]) -> None:
    """Whatever was before, a repeated apply is a no-op."""
    once = data(grown(history), values, "me", force=True)
    assert data(once, values, "me") == once


@given(HISTORY, VALUES)
def test_force_leaves_no_conflict_and_the_applied_values(history: Any, values: dict[str, str]) -> None:
    """Force always succeeds, and afterwards every applied value stands and is owned."""
    live = data(grown(history), values, "me", force=True)
    assert values.items() <= live.get("data", {}).items()
    assert set(owners(live).get("me", {}).get("f:data", {})) == {f"f:{key}" for key in values}


@given(HISTORY, VALUES)
def test_letting_go_removes_only_what_nobody_else_owns(history: Any, values: dict[str, str]) -> None:
    """After applying nothing, exactly the keys that were owned by this manager alone are gone."""
    live = data(grown(history), values, "me", force=True)
    others = {key for who, fields in owners(live).items() if who != "me" for key in fields.get("f:data", {})}
    after = data(live, {}, "me").get("data", {})
    for key, value in live.get("data", {}).items():
        gone = key in values and f"f:{key}" not in others
        assert (key in after) is not gone
        assert gone or after[key] == value


@given(HISTORY, VALUES)
def test_without_force_either_nothing_of_others_changes_or_it_is_a_conflict(history: Any, values: Any) -> None:
    """An unforced apply never changes a value another manager owns."""
    live = grown(history)
    owned = {key[2:] for fields in owners(live).values() for key in fields.get("f:data", {})} - {""}
    clash = {k for k in owned & values.keys() if live["data"][k] != values[k]}
    if clash:
        with pytest.raises(Failure) as failure:
            data(live, values, "me")
        assert {cause["field"][6:] for cause in failure.value.status["details"]["causes"]} == clash
    else:
        after = data(live, values, "me")
        assert all(after["data"][key] == live["data"][key] for key in owned)


ELEMENTS = st.one_of(
    st.text("ab.", min_size=1, max_size=2).map(lambda name: f"f:{name}"),
    st.integers(0, 3).map(lambda number: f"v:{number}"),
    st.sampled_from('xy"').map(lambda name: 'k:{"name":' + ('"\\""' if name == '"' else f'"{name}"') + "}"),
)
PATHS = st.lists(ELEMENTS, min_size=1, max_size=3).map(tuple)
SETS = st.lists(PATHS, max_size=6).map(FieldSet)


@given(SETS)
def test_field_sets_survive_the_wire(fields: FieldSet) -> None:
    """Writing and reading fieldsV1 gives the same set."""
    assert FieldSet.from_wire(fields.to_wire()) == fields


@given(SETS, SETS)
def test_field_sets_are_sets(one: FieldSet, other: FieldSet) -> None:
    """Union, intersection and difference agree with Python's on the paths."""
    ones, others = set(one.paths()), set(other.paths())
    assert set((one | other).paths()) == ones | others
    assert set((one & other).paths()) == ones & others
    assert set((one - other).paths()) == ones - others


def test_yaml_is_read_and_nonsense_is_a_400() -> None:
    """An apply body may be YAML; what is no object is refused."""
    assert server_side_apply.parse(b"a: {b: 1}") == {"a": {"b": 1}}
    with pytest.raises(Failure, match="error decoding YAML"):
        server_side_apply.parse(b"[1]")
    assert decoding.load_yaml("t: 2024-01-02") == {"t": "2024-01-02"}
