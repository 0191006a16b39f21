"""Server-side apply: who owns which field."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynkube import owned_fields
from dynkube.errors import Conflict, NotFound
from integration.objects import config_map, deployment, widget

if TYPE_CHECKING:
    from pathlib import Path

    from dynkube.dynamic import DynamicClient, Resource


@pytest.fixture
def config_maps(dyn: DynamicClient) -> Resource:
    """Return the config maps of the test's namespace."""
    return dyn.resource("v1", "configmaps")


def test_apply_creates_and_changes_nothing_the_second_time(config_maps: Resource) -> None:
    """The same manifest applied again leaves the version as it is."""
    first = config_maps.apply(config_map("a", {"k": "1"}), field_manager="one")
    again = config_maps.apply(config_map("a", {"k": "1"}), field_manager="one")
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    (entry,) = first["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"]) == ("one", "Apply")


def test_two_managers_share_an_object(config_maps: Resource) -> None:
    """Each owns its fields, and what one leaves out goes if nobody else owns it."""
    config_maps.apply(config_map("a", {"mine": "1"}), field_manager="one")
    config_maps.apply(config_map("a", {"yours": "2"}), field_manager="two")
    assert config_maps.get("a")["data"] == {"mine": "1", "yours": "2"}
    assert config_maps.apply(config_map("a"), field_manager="one")["data"] == {"yours": "2"}


def test_a_conflict_names_owner_and_field(config_maps: Resource) -> None:
    """Another value for a field of somebody else is refused; nothing is changed."""
    config_maps.apply(config_map("a", {"k": "1"}), field_manager="one")
    with pytest.raises(Conflict, match='conflict with "one"') as caught:
        config_maps.apply(config_map("a", {"k": "2"}), field_manager="two")
    assert [cause["field"] for cause in caught.value.causes] == [".data.k"]
    assert config_maps.get("a")["data"] == {"k": "1"}


def test_force_takes_a_field_over(config_maps: Resource) -> None:
    """The former owner conflicts from then on."""
    config_maps.apply(config_map("a", {"k": "1"}), field_manager="one")
    assert config_maps.apply(config_map("a", {"k": "2"}), field_manager="two", force=True)["data"] == {"k": "2"}
    with pytest.raises(Conflict, match='conflict with "two"'):
        config_maps.apply(config_map("a", {"k": "1"}), field_manager="one")


def test_the_same_value_is_owned_by_both(config_maps: Resource) -> None:
    """It stays when one of them lets go."""
    for manager in ("one", "two"):
        config_maps.apply(config_map("a", {"k": "1"}), field_manager=manager)
    assert config_maps.apply(config_map("a"), field_manager="one")["data"] == {"k": "1"}


def test_who_updates_owns_too(config_maps: Resource) -> None:
    """What an update set conflicts with an apply of another value."""
    stored = config_maps.create(config_map("a", {"k": "1"}), field_manager="creator")
    config_maps.update({**stored, "data": {"k": "2"}}, field_manager="editor")
    with pytest.raises(Conflict, match='conflict with "editor"'):
        config_maps.apply(config_map("a", {"k": "3"}), field_manager="applier")


def test_lists_with_keys_are_shared_by_item(widgets: Resource) -> None:
    """Two managers own items of one list of a custom kind."""
    for manager, part in (("one", "x"), ("two", "y")):
        body = {"metadata": {"name": "a"}, "spec": {"parts": [{"name": part, "weight": 1}]}}
        widgets.apply(body, field_manager=manager)
    assert [each["name"] for each in widgets.get("a")["spec"]["parts"]] == ["x", "y"]
    widgets.apply({"metadata": {"name": "a"}, "spec": {}}, field_manager="one")
    assert [each["name"] for each in widgets.get("a")["spec"]["parts"]] == ["y"]


def test_containers_are_shared_by_name(dyn: DynamicClient) -> None:
    """Another manager adds a sidecar without naming the first container."""
    deployments = dyn.resource("apps/v1", "deployments")
    deployments.apply(deployment("web"), field_manager="one")
    sidecar = {"name": "sidecar", "image": "example.com/sidecar"}
    body = {"metadata": {"name": "web"}, "spec": {"template": {"spec": {"containers": [sidecar]}}}}
    changed = deployments.apply(body, field_manager="two")
    assert {each["name"] for each in changed["spec"]["template"]["spec"]["containers"]} == {"main", "sidecar"}


def test_status_is_applied_by_itself(widgets: Resource) -> None:
    """The spec in the body is not looked at, and the object must be there."""
    with pytest.raises(NotFound):
        widgets.apply_status({**widget("a"), "status": {"phase": "Made"}}, field_manager="controller")
    widgets.create(widget("a", "blue"))
    applied = widgets.apply_status({**widget("a", "red"), "status": {"phase": "Made"}}, field_manager="controller")
    assert (applied["status"]["phase"], applied["spec"]["color"]) == ("Made", "blue")


def test_a_dry_run_applies_nothing(config_maps: Resource) -> None:
    """The answer is the object as it would be."""
    applied = config_maps.apply(config_map("a", {"k": "1"}), field_manager="one", dry_run=True)
    assert applied["data"] == {"k": "1"}
    assert not config_maps.exists("a")


def test_a_folder_is_applied_and_pruned(dyn: DynamicClient, tmp_path: Path, namespace: str) -> None:
    """What is no longer in the folder goes; what another manager applied stays."""
    labels = {"app": namespace}
    dyn.resource("cm").apply(config_map("other", labels=labels), field_manager="other")
    for name in ("a", "b"):
        text = f"{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}, labels: {{app: {namespace}}}}}}}"
        (tmp_path / f"{name}.yaml").write_text(text)
    first = dyn.apply_manifests(tmp_path, field_manager="folder", prune=labels)
    assert [str(each) for each in first] == ["ConfigMap/a created", "ConfigMap/b created"]
    (tmp_path / "b.yaml").unlink()
    second = dyn.apply_manifests(tmp_path, field_manager="folder", prune=labels)
    assert [str(each) for each in second] == ["ConfigMap/a unchanged", "ConfigMap/b pruned"]
    left = dyn.resource("cm").list(label_selector=labels)["items"]
    assert [each["metadata"]["name"] for each in left] == ["a", "other"]


def test_what_kubectl_applied_by_itself_is_taken_over(dyn: DynamicClient) -> None:
    """The first apply removes what is left out, and leaves nothing to kubectl's client side."""
    obj = deployment("web")
    obj["metadata"].update(labels={"old": "1"}, annotations={"kubectl.kubernetes.io/last-applied-configuration": "{}"})
    view = dyn.resource("apps/v1", "deployments")
    view.create(obj, field_manager="kubectl-client-side-apply")
    dyn.apply_manifests([deployment("web")], field_manager="me")
    after = view.get("web")
    managers = {(each["manager"], each["operation"]) for each in after["metadata"]["managedFields"]}
    assert ("me", "Apply") in managers
    assert ("kubectl-client-side-apply", "Update") not in managers
    assert "labels" not in after["metadata"]
    assert owned_fields(after, "me")["spec"]["template"] == deployment("web")["spec"]["template"]


def test_what_one_applied_is_found_and_applied_again(dyn: DynamicClient, widgets: Resource, namespace: str) -> None:
    """Of a built-in and of a custom kind; what others write does not matter."""
    for view, obj in ((dyn.resource("apps/v1", "deployments"), deployment("web")), (widgets, widget("a", "blue"))):
        stored = view.apply(obj, field_manager="me")
        found = owned_fields(stored, "me")
        identity = {key: stored[key] for key in ("apiVersion", "kind")}
        assert found == {**identity, **obj, "metadata": {**obj["metadata"], "namespace": namespace}}
        view.patch(obj["metadata"]["name"], {"metadata": {"labels": {"theirs": "1"}}}, field_manager="another")
        before = view.get(obj["metadata"]["name"])
        assert view.apply(found, field_manager="me")["metadata"]["labels"] == {"theirs": "1"}
        assert view.get(obj["metadata"]["name"])["spec"] == before["spec"]


def test_a_label_that_is_applied_no_more_goes_alone(config_maps: Resource, widgets: Resource) -> None:
    """Of a built-in and of a custom kind; the rest of the object stays."""
    for view, obj in ((config_maps, config_map("a", {"k": "1"})), (widgets, widget("a", "blue"))):
        first = view.apply({**obj, "metadata": {"name": "a", "labels": {"x": "y"}}}, field_manager="one")
        after = view.apply(obj, field_manager="one")
        assert "labels" not in after["metadata"]
        assert after["metadata"]["uid"] == first["metadata"]["uid"]
