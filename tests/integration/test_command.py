"""The command `dynkube` with its main verbs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from dynkube.cli.exits import OK, REFUSED
from dynkube.objects import dump_yaml
from integration.eventually import eventually
from integration.objects import config_map, deployment, widget

if TYPE_CHECKING:
    from cli.running import Run

    from dynkube.dynamic import DynamicClient, Resource


def test_create_get_delete(run: Run) -> None:
    """An object goes in from standard input, is shown, and goes."""
    made = run("create", "-f", "-", stdin=dump_yaml(config_map("a", {"k": "1"})))
    assert (made.code, made.out) == (OK, "configmap/a created\n")
    assert json.loads(run("get", "cm", "a", "-o", "json").out)["data"] == {"k": "1"}
    assert run("get", "configmaps/a", "-o", "jsonpath={.data.k}").out == "1"
    rows = run("get", "cm", "a").lines
    assert rows[0].split() == ["NAME", "DATA", "AGE"]
    assert rows[1].split()[:2] == ["a", "1"]
    assert run("delete", "cm", "a").code == OK
    gone = run("get", "cm", "a")
    assert (gone.code, "not found" in gone.err) == (REFUSED, True)


def test_apply_twice(run: Run) -> None:
    """What is applied again is unchanged, and configured when it differs."""
    manifest = dump_yaml(config_map("a", {"k": "1"}))
    assert run("apply", "-f", "-", stdin=manifest).out == "configmap/a created\n"
    assert run("apply", "-f", "-", stdin=manifest).out == "configmap/a unchanged\n"
    changed = dump_yaml(config_map("a", {"k": "2"}))
    assert run("apply", "-f", "-", stdin=changed).out == "configmap/a configured\n"


def test_patch_label_annotate_scale(run: Run, dyn: DynamicClient) -> None:
    """Parts of an object are changed."""
    deployments = dyn.resource("apps/v1", "deployments")
    deployments.create(deployment("web"))
    assert run("scale", "deploy", "web", "--replicas=3").code == OK
    assert run("label", "deploy", "web", "tier=front").code == OK
    assert run("annotate", "deploy", "web", "note=yes").code == OK
    assert run("patch", "deploy", "web", "-p", '{"spec": {"minReadySeconds": 5}}').code == OK
    stored = deployments.get("web")
    assert (stored["spec"]["replicas"], stored["spec"]["minReadySeconds"]) == (3, 5)
    assert stored["metadata"]["labels"]["tier"] == "front"
    assert stored["metadata"]["annotations"]["note"] == "yes"


def test_wait(run: Run, widgets: Resource) -> None:
    """The exit code says whether it came."""
    widgets.create(widget("a"))
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    widgets.subresource("status").patch("a", ready)
    name = f"{widgets.gvr.group_resource}/a"
    assert run("wait", name, "--for=condition=Ready", "--timeout=30s").code == OK
    assert run("wait", name, "--for=delete", "--timeout=0s").code != OK


def test_selected_and_sorted(run: Run, dyn: DynamicClient) -> None:
    """Names alone, by a label, in the order of a field."""
    for name, value in (("a", "3"), ("b", "1"), ("c", "2")):
        dyn.resource("cm").create(config_map(name, {"k": value}, labels={"suite": "command"}))
    shown = run("get", "cm", "-l", "suite=command", "--sort-by=.data.k", "-o", "name")
    assert shown.lines == ["configmap/b", "configmap/c", "configmap/a"]


def test_what_the_server_offers(run: Run, widgets: Resource) -> None:
    """Resources, versions, and what the schema says of a field."""
    assert any(line.split()[:1] == ["deployments"] for line in run("api-resources").lines)
    assert {"v1", "apps/v1", f"{widgets.gvr.group}/v1"} <= set(run("api-versions").lines)
    words = ("explain", "widgets.spec.size", "--api-version", f"{widgets.gvr.group}/v1")
    eventually(lambda: run(*words).code == OK, "the schema of widgets is published")
    assert "<integer>" in run(*words).out
    assert "Server" in run("version").out


@pytest.mark.parametrize("words", [("get", "nonsense"), ("get", "cm", "none"), ("delete", "cm", "none")])
def test_refusals_have_an_exit_code(run: Run, words: tuple[str, ...]) -> None:
    """One line for people, 1 for scripts."""
    done = run(*words)
    assert (done.code, done.out, len(done.err.splitlines())) == (REFUSED, "", 1)
