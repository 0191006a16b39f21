"""`dynkube replace`: what manifests say and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cli.objects import config_map
from dynkube.cli.exits import OK, REFUSED, USAGE

if TYPE_CHECKING:
    from cli.running import Run
    from dynkube.dynamic import DynamicClient, Resource
    from dynkube.testing import APIServer


@pytest.fixture
def config_maps(dyn: DynamicClient, namespace: str) -> Resource:
    """Return the config maps of the test's namespace, of which there is one, a."""
    config_maps = dyn.resource("v1", "configmaps").namespace(namespace)
    config_maps.create(config_map("a", {"old": "1"}, labels={"old": "1"}))
    return config_maps


def test_what_is_left_out_is_removed(run: Run, config_maps: Resource) -> None:
    """The object becomes what the manifest says, under its old uid."""
    before = config_maps.get("a")
    shown = run("replace", "-f", "-", stdin=json.dumps(config_map("a", {"new": "2"})))
    assert shown == (OK, "configmap/a replaced\n", "")
    after = config_maps.get("a")
    assert (after["data"], after["metadata"].get("labels")) == ({"new": "2"}, None)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


def test_custom_kinds(run: Run, dyn: DynamicClient, namespace: str) -> None:
    """They can be updated from a known version only, and need none in the manifest all the same."""
    group = f"{namespace}.example.com"
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    names = {"plural": "things", "singular": "thing", "kind": "Thing"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": free}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"things.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }
    dyn.crds().install(definition, field_manager="tester")
    things = dyn.resource(f"{group}/v1", "things").namespace(namespace)
    things.create({"metadata": {"name": "x"}, "spec": {"a": 1}})
    manifest = {"apiVersion": f"{group}/v1", "kind": "Thing", "metadata": {"name": "x"}, "spec": {"b": 2}}
    assert run("replace", "-f", "-", stdin=json.dumps(manifest)).code == OK
    assert things.get("x")["spec"] == {"b": 2}


def test_a_version_that_is_given_counts(run: Run, config_maps: Resource) -> None:
    """What somebody changed since is not replaced unseen."""
    manifest = config_maps.get("a")
    config_maps.patch("a", {"data": {"theirs": "1"}})
    shown = run("replace", "-f", "-", stdin=json.dumps(manifest))
    assert (shown.code, shown.out) == (REFUSED, "")
    assert shown.err.startswith("Error from server (Conflict): ")


def test_a_write_in_between(run: Run, server: APIServer, config_maps: Resource, namespace: str) -> None:
    """Without a version in the manifest, what a controller writes between look and update does not stop it."""
    path = f"/api/v1/namespaces/{namespace}/configmaps/a*"
    server.inject("error", status=409, method="PUT", path=path, count=1)
    assert run("replace", "-f", "-", stdin=json.dumps(config_map("a", {"new": "2"}))).code == OK
    assert config_maps.get("a")["data"] == {"new": "2"}


def test_who_may_not_look(run: Run, server: APIServer, config_maps: Resource, namespace: str) -> None:
    """Without the right to get, what needs no version is replaced all the same."""
    path = f"/api/v1/namespaces/{namespace}/configmaps/a"
    server.inject("error", method="GET", path=path, status=403, count=1)
    assert run("replace", "-f", "-", stdin=json.dumps(config_map("a", {"new": "2"}))).code == OK
    assert config_maps.get("a")["data"] == {"new": "2"}


def test_missing(run: Run, config_maps: Resource) -> None:
    """Nothing is created; the others are replaced."""
    documents = "\n---\n".join(json.dumps(config_map(name, {"new": "2"})) for name in ("nosuch", "a"))
    shown = run("replace", "-f", "-", stdin=documents)
    assert (shown.code, shown.out) == (REFUSED, "configmap/a replaced\n")
    assert shown.err == 'Error from server (NotFound): configmaps "nosuch" not found\n'


def test_dry_run(run: Run, config_maps: Resource) -> None:
    """A dry run prints what would be and stores nothing."""
    manifest = json.dumps(config_map("a", {"new": "2"}))
    shown = run("replace", "-f", "-", "--dry-run=server", "-o", "jsonpath={.data}", stdin=manifest)
    assert shown == (OK, '{"new":"2"}', "")
    assert config_maps.get("a")["data"] == {"old": "1"}


def test_no_name(run: Run) -> None:
    """A manifest without a name replaces nothing."""
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "g-"}}
    shown = run("replace", "-f", "-", stdin=json.dumps(manifest))
    assert (shown.code, shown.out) == (USAGE, "")
    assert "no metadata.name" in shown.err
