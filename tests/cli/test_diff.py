"""`dynkube diff`: what apply would change, and that nothing is changed by looking."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cli.objects import config_map, deployment
from dynkube.cli.diff import DIFFERENT, hidden
from dynkube.cli.exits import OK, USAGE

if TYPE_CHECKING:
    from cli.running import Run
    from dynkube.dynamic import DynamicClient, Resource
    from dynkube.objects import JSONObject
    from dynkube.testing import APIServer


@pytest.fixture
def config_maps(dyn: DynamicClient, namespace: str) -> Resource:
    """Return the config maps of the test's namespace, of which there is one, a."""
    config_maps = dyn.resource("v1", "configmaps").namespace(namespace)
    config_maps.apply(config_map("a", {"colour": "blue", "size": "1"}), field_manager="dynkube")
    return config_maps


def test_a_change(run: Run, config_maps: Resource, namespace: str) -> None:
    """Both states of the lines around, under names that say what they are of; the object stays as it is."""
    before = config_maps.get("a")
    shown = run("diff", "-f", "-", stdin=json.dumps(config_map("a", {"colour": "red"})))
    assert (shown.code, shown.err) == (DIFFERENT, "")
    lines = shown.out.splitlines()
    assert lines[:2] == [f"--- live/v1.ConfigMap.{namespace}.a", f"+++ applied/v1.ConfigMap.{namespace}.a"]
    assert [line for line in lines[2:] if line[0] in "+-"] == ["-  colour: blue", "-  size: '1'", "+  colour: red"]
    assert "managedFields" not in shown.out
    assert config_maps.get("a") == before


def test_nothing_differs(run: Run, config_maps: Resource) -> None:
    """Nothing is printed, and the exit code says so."""
    shown = run("diff", "-f", "-", stdin=json.dumps(config_map("a", {"colour": "blue", "size": "1"})))
    assert shown == (OK, "", "")
    assert config_maps.get("a")["data"] == {"colour": "blue", "size": "1"}


def test_an_object_that_would_be_created(run: Run, dyn: DynamicClient, namespace: str) -> None:
    """All of it is new, defaults of the server included; it is not created."""
    shown = run("diff", "-f", "-", stdin=json.dumps(deployment("web")))
    assert shown.code == DIFFERENT
    assert f"+++ applied/apps.v1.Deployment.{namespace}.web" in shown.out
    assert "+  progressDeadlineSeconds: 600" in shown.out
    assert {line[0] for line in shown.out.splitlines()} <= {"+", "-", "@"}
    assert dyn.resource("apps/v1", "deployments").namespace(namespace).get_or_none("web") is None


def test_owners(run: Run, config_maps: Resource) -> None:
    """Who owns what is compared if that is asked for."""
    manifest = json.dumps(config_map("a", {"colour": "blue"}))
    assert run("diff", "-f", "-", "--field-manager=another", stdin=manifest).code == OK
    shown = run("diff", "-f", "-", "--field-manager=another", "--show-managed-fields", stdin=manifest)
    assert shown.code == DIFFERENT
    assert "+  - manager: another" in shown.out
    assert len(config_maps.get("a")["metadata"]["managedFields"]) == 1


def test_conflicts(run: Run, config_maps: Resource) -> None:
    """A field of somebody else's is a failure, as in apply, and not a difference; `--force-conflicts` goes on."""
    config_maps.patch("a", {"data": {"colour": "green"}}, field_manager="another")
    manifest = json.dumps(config_map("a", {"colour": "red", "size": "1"}))
    shown = run("diff", "-f", "-", stdin=manifest)
    assert (shown.code, shown.out) == (USAGE, "")
    assert shown.err.startswith("Error from server (Conflict): ")
    assert run("diff", "-f", "-", "--force-conflicts", stdin=manifest).code == DIFFERENT


def test_the_others_are_compared_after_a_failure(run: Run, config_maps: Resource) -> None:
    """What cannot be compared is told, the rest is shown, and the exit code is the failure's."""
    unknown = {"apiVersion": "nosuch.example.com/v1", "kind": "Thing", "metadata": {"name": "x"}}
    documents = "\n---\n".join(json.dumps(each) for each in (unknown, config_map("a", {"colour": "red"})))
    shown = run("diff", "-f", "-", stdin=documents)
    assert shown.code == USAGE
    assert "+  colour: red" in shown.out
    assert "Thing" in shown.err
    assert config_maps.get("a")["data"]["colour"] == "blue"


def test_a_server_that_cannot_be_reached(run: Run) -> None:
    """That is no difference, whatever the exit code of it is elsewhere."""
    shown = run("diff", "-f", "-", "--server=http://127.0.0.1:1", stdin=json.dumps(config_map("a")))
    assert (shown.code, shown.out) == (USAGE, "")
    assert "127.0.0.1:1" in shown.err


def test_secrets_are_hidden(run: Run, dyn: DynamicClient, namespace: str) -> None:
    """Which values differ is told, the values are not, in the annotation of kubectl's apply either."""
    applied = {"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "c2VjcmV0"}}}
    secret: JSONObject = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "c2VjcmV0"}}
    secrets = dyn.resource("v1", "secrets").namespace(namespace)
    secrets.create({**secret, "metadata": {"name": "s", **applied["metadata"]}, "data": {"a": "c2VjcmV0", "b": "Yg=="}})
    manifest = {**secret, "data": {"a": "c2VjcmV0", "b": "bmV3", "c": "Yw=="}}
    shown = run("diff", "-f", "-", "--force-conflicts", stdin=json.dumps(manifest))
    assert shown.code == DIFFERENT
    assert [line for line in shown.out.splitlines()[2:] if line[0] in "+-"] == [
        "-  b: '*** (before)'",
        "+  b: '*** (after)'",
        "+  c: '*** (after)'",
    ]
    for value in ("c2VjcmV0", "Yg==", "bmV3", "Yw=="):
        assert value not in shown.out


def test_a_secret_that_is_new_is_hidden() -> None:
    """There is nothing before, and still nothing is shown."""
    secret = {
        "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "x"}},
        "data": {"a": "x"},
    }
    before, after = hidden({}, secret)
    assert before == {}
    assert "x" not in json.dumps(after["data"]) + json.dumps(list(after["metadata"]["annotations"].values()))
    assert secret["data"] == {"a": "x"}


def test_a_kubectl_line(run: Run, config_maps: Resource, server: APIServer) -> None:
    """`--server-side` is taken, and its contrary refused before anything is sent."""
    manifest = json.dumps(config_map("a", {"colour": "blue", "size": "1"}))
    assert run("diff", "--server-side", "-f", "-", stdin=manifest).code == OK
    server.clear_requests()
    assert run("diff", "--server-side=false", "-f", "-", stdin=manifest).code == USAGE
    assert run("diff").code == USAGE
    assert len(server.requests) == 0
    assert config_maps.get("a")["data"]["size"] == "1"
