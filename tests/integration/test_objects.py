"""Create, read, change and delete: objects are plain dicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dynkube.errors import AlreadyExists, BadRequest, Conflict, Invalid, NotFound
from integration.objects import config_map, deployment, widget

if TYPE_CHECKING:
    from dynkube.dynamic import DynamicClient, Resource


@pytest.fixture
def config_maps(dyn: DynamicClient) -> Resource:
    """Return the config maps of the test's namespace."""
    return dyn.resource("v1", "configmaps")


def test_an_object_from_its_creation_to_its_end(config_maps: Resource, namespace: str) -> None:
    """It comes back with what the server added, is read, replaced, and gone."""
    created = config_maps.create(config_map("a", {"k": "1"}))
    assert created["metadata"]["namespace"] == namespace
    assert {"uid", "resourceVersion", "creationTimestamp"} <= set(created["metadata"])
    assert config_maps.get("a") == created
    replaced = config_maps.update({**created, "data": {"k": "2"}})
    assert replaced["data"] == {"k": "2"}
    assert replaced["metadata"]["uid"] == created["metadata"]["uid"]
    assert replaced["metadata"]["resourceVersion"] != created["metadata"]["resourceVersion"]
    config_maps.delete("a")
    assert config_maps.get_or_none("a") is None
    assert not config_maps.exists("a")


def test_the_server_makes_a_name(config_maps: Resource) -> None:
    """A generateName is a prefix; the answer has the name."""
    names = {config_maps.create({"metadata": {"generateName": "made-"}})["metadata"]["name"] for _ in range(2)}
    assert len(names) == 2
    assert all(name.startswith("made-") and len(name) > 5 for name in names)


def test_a_kind_without_namespace(dyn: DynamicClient, namespace: str) -> None:
    """Cluster-scoped objects are met without one, whatever the client's is."""
    assert dyn.resource("namespaces").get(namespace)["metadata"]["name"] == namespace


def test_an_object_of_a_definition(widgets: Resource) -> None:
    """Defaults of the schema are filled in, and unknown fields pruned."""
    created = widgets.create({"metadata": {"name": "a"}, "spec": {"size": 3, "unknown": 1}}, field_validation="Ignore")
    assert created["spec"] == {"color": "white", "size": 3}
    assert created["kind"] == "Widget"


def test_a_manifest_finds_its_resource(dyn: DynamicClient, widgets: Resource, widgets_group: str) -> None:
    """Its apiVersion and kind are enough."""
    manifest = {"apiVersion": f"{widgets_group}/v1", "kind": "Widget", **widget("a")}
    dyn.for_object(manifest).create(manifest)
    assert widgets.exists("a")


class TestPatches:
    """The patch types; a list is a JSON patch, and merge is the default."""

    def test_merge(self, config_maps: Resource) -> None:
        """Null removes, other keys stay."""
        config_maps.create(config_map("a", {"k": "1", "gone": "x"}))
        assert config_maps.patch("a", {"data": {"k": "2", "gone": None, "new": "3"}})["data"] == {"k": "2", "new": "3"}

    def test_json(self, config_maps: Resource) -> None:
        """Operations are done in order, and none if one fails."""
        config_maps.create(config_map("a", {"k": "1"}))
        changed = config_maps.patch(
            "a", [{"op": "test", "path": "/data/k", "value": "1"}, {"op": "replace", "path": "/data/k", "value": "2"}]
        )
        assert changed["data"] == {"k": "2"}
        with pytest.raises(Invalid):
            config_maps.patch(
                "a", [{"op": "remove", "path": "/data/k"}, {"op": "test", "path": "/data/none", "value": "1"}]
            )
        assert config_maps.get("a")["data"] == {"k": "2"}

    def test_strategic(self, dyn: DynamicClient) -> None:
        """Lists are merged by their key: the other container stays."""
        deployments = dyn.resource("apps/v1", "deployments")
        deployments.create(deployment("web"))
        sidecar = {"name": "sidecar", "image": "example.com/sidecar"}
        body = {"spec": {"template": {"spec": {"containers": [sidecar]}}}}
        changed = deployments.patch("web", body, type="strategic")
        names = {each["name"] for each in changed["spec"]["template"]["spec"]["containers"]}
        assert names == {"main", "sidecar"}

    def test_merge_of_a_list_replaces_it(self, widgets: Resource) -> None:
        """A merge patch knows no keys of lists."""
        widgets.create({**widget("a"), "spec": {"parts": [{"name": "x", "weight": 1}, {"name": "y", "weight": 2}]}})
        changed = widgets.patch("a", {"spec": {"parts": [{"name": "z"}]}}, type="merge")
        assert changed["spec"]["parts"] == [{"name": "z"}]

    def test_a_patch_of_an_old_version(self, config_maps: Resource) -> None:
        """A resourceVersion in the patch is a condition."""
        old = config_maps.create(config_map("a"))["metadata"]["resourceVersion"]
        config_maps.patch("a", {"data": {"k": "1"}})
        with pytest.raises(Conflict):
            config_maps.patch("a", {"metadata": {"resourceVersion": old}, "data": {"k": "2"}})

    def test_a_patch_of_what_is_not_there(self, config_maps: Resource) -> None:
        """It is not created."""
        with pytest.raises(NotFound):
            config_maps.patch("none", {"data": {"k": "1"}})


class TestDryRun:
    """Everything is answered as if it were done, and nothing is."""

    def test_create(self, config_maps: Resource) -> None:
        """The object comes back, and is not there."""
        assert config_maps.create(config_map("a", {"k": "1"}), dry_run=True)["metadata"]["uid"]
        assert not config_maps.exists("a")

    def test_change(self, config_maps: Resource) -> None:
        """Updates and patches leave the object as it was."""
        stored = config_maps.create(config_map("a", {"k": "1"}))
        assert config_maps.update({**stored, "data": {"k": "2"}}, dry_run=True)["data"] == {"k": "2"}
        assert config_maps.patch("a", {"data": {"k": "3"}}, dry_run=True)["data"] == {"k": "3"}
        assert config_maps.get("a") == stored

    def test_delete(self, config_maps: Resource) -> None:
        """The object is still there."""
        config_maps.create(config_map("a"))
        config_maps.delete("a", dry_run=True)
        assert config_maps.exists("a")

    def test_refusals_are_real(self, config_maps: Resource) -> None:
        """A name that is taken is refused in a dry run, too."""
        config_maps.create(config_map("a"))
        with pytest.raises(AlreadyExists):
            config_maps.create(config_map("a"), dry_run=True)


class TestFieldValidation:
    """What the server does about fields it does not know."""

    @pytest.fixture
    def misspelt(self) -> dict[str, Any]:
        """Return a deployment with a field that does not exist."""
        manifest = deployment("web")
        manifest["spec"]["replcas"] = 2
        return manifest

    def test_strict(self, dyn: DynamicClient, misspelt: dict[str, Any]) -> None:
        """It is refused, and the field named."""
        with pytest.raises(BadRequest, match=r'unknown field "spec\.replcas"'):
            dyn.resource("deploy").create(misspelt, field_validation="Strict")

    def test_warn(self, dyn: DynamicClient, misspelt: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
        """It is dropped, with a warning that is logged."""
        assert "replcas" not in dyn.resource("deploy").create(misspelt, field_validation="Warn")["spec"]
        assert 'unknown field "spec.replcas"' in caplog.text

    def test_ignore(self, dyn: DynamicClient, misspelt: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
        """It is dropped in silence."""
        assert "replcas" not in dyn.resource("deploy").create(misspelt, field_validation="Ignore")["spec"]
        assert "replcas" not in caplog.text

    def test_strict_on_a_definition(self, widgets: Resource) -> None:
        """Custom kinds are validated alike."""
        with pytest.raises(BadRequest, match=r'unknown field "spec\.colour"'):
            widgets.create({"metadata": {"name": "a"}, "spec": {"colour": "blue"}}, field_validation="Strict")


@pytest.mark.parametrize("given", [None, {"app": "a"}])
@pytest.mark.parametrize("labels", [None, {"app": "a"}])
def test_a_job_bears_the_labels_of_its_pods(
    dyn: DynamicClient, given: dict[str, str] | None, labels: dict[str, str] | None
) -> None:
    """Those it is selected by included, unless it is given labels of its own, be they the same."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "example.com/none"}]}
    metadata = {"name": "a"} if given is None else {"name": "a", "labels": given}
    template = {"spec": pod} if labels is None else {"metadata": {"labels": labels}, "spec": pod}
    jobs = dyn.resource("batch/v1", "jobs")
    made = jobs.create({"metadata": metadata, "spec": {"suspend": True, "template": template}})
    generated = {"job-name", "controller-uid", "batch.kubernetes.io/job-name", "batch.kubernetes.io/controller-uid"}
    assert set(made["metadata"]["labels"]) == ({"app"} if given else {*(labels or ()), *generated})
    # Without a version: where controllers run, one has written its status by now.
    again = jobs.update({**made, "metadata": {"name": "a"}})
    assert again["metadata"]["labels"] == again["spec"]["template"]["metadata"]["labels"]
