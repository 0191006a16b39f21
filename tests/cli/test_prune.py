"""`dynkube apply --prune`: what left the set of manifests goes, and nothing else does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cli.objects import config_map, deployment
from dynkube.cli.exits import OK, REFUSED, USAGE

if TYPE_CHECKING:
    from cli.running import Run
    from dynkube.dynamic import DynamicClient, Resource
    from dynkube.objects import JSONObject

SHOP = {"app": "shop"}


def text(*manifests: JSONObject) -> str:
    """Return manifests as one stream."""
    return "\n---\n".join(json.dumps(manifest) for manifest in manifests)


@pytest.fixture
def config_maps(dyn: DynamicClient, namespace: str) -> Resource:
    """Return the config maps of the test's namespace."""
    return dyn.resource("v1", "configmaps").namespace(namespace)


@pytest.fixture
def prune(run: Run) -> Any:
    """Return `dynkube apply --prune -l app=shop -f -` of some manifests."""

    def prune(*manifests: JSONObject, words: tuple[str, ...] = ()) -> Any:
        return run("apply", "--prune", "-l", "app=shop", "-f", "-", *words, stdin=text(*manifests))

    return prune


def test_what_left_the_set(prune: Any, dyn: DynamicClient, config_maps: Resource, namespace: str) -> None:
    """An object that was applied before and is not named any more is deleted, of every kind usually pruned."""
    first = (config_map("a", labels=SHOP), config_map("b", labels=SHOP), deployment("web", labels=SHOP))
    assert prune(*first).code == OK
    shown = prune(config_map("a", labels=SHOP))
    assert shown.code == OK
    assert shown.lines[0] == "configmap/a unchanged"
    assert sorted(shown.lines[1:]) == ["configmap/b pruned", "deployment.apps/web pruned"]
    assert [obj["metadata"]["name"] for obj in config_maps.list()["items"]] == ["a"]
    assert not dyn.resource("deploy").namespace(namespace).exists("web")


def test_what_is_not_ours(prune: Any, config_maps: Resource) -> None:
    """The label alone is no reason: what others made, or this field manager never applied, stays."""
    config_maps.create(config_map("made", labels=SHOP))
    config_maps.apply(config_map("theirs", labels=SHOP), field_manager="somebody-else")
    config_maps.apply(config_map("unlabelled"), field_manager="dynkube")
    assert prune(config_map("a", labels=SHOP)).lines == ["configmap/a created"]
    assert sorted(obj["metadata"]["name"] for obj in config_maps.list()["items"]) == [
        "a",
        "made",
        "theirs",
        "unlabelled",
    ]


def test_dry_run(prune: Any, config_maps: Resource) -> None:
    """A dry run says what would go and deletes nothing."""
    prune(config_map("a", labels=SHOP), config_map("b", labels=SHOP))
    shown = prune(config_map("a", labels=SHOP), words=("--dry-run=server",))
    assert shown.lines == ["configmap/a unchanged (server dry run)", "configmap/b pruned (server dry run)"]
    assert config_maps.exists("b")


def test_nothing_goes_after_a_refusal(prune: Any, config_maps: Resource) -> None:
    """Where a manifest was refused, the set is not what it should be, and nothing is deleted."""
    prune(config_map("a", labels=SHOP))
    broken = config_map("Not A Name", labels=SHOP)
    shown = prune(config_map("b", labels=SHOP), broken)
    assert shown.code == REFUSED
    assert "nothing is deleted" in shown.err
    assert config_maps.exists("a")


def test_kinds_on_request(prune: Any, dyn: DynamicClient, namespace: str) -> None:
    """A kind that is not usually pruned is with `--prune-kind`."""
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r", "labels": SHOP}}
    prune(config_map("a", labels=SHOP), role)
    assert prune(config_map("a", labels=SHOP)).lines == ["configmap/a unchanged"]
    shown = prune(config_map("a", labels=SHOP), words=("--prune-kind=role",))
    assert shown.lines == ["configmap/a unchanged", "role.rbac.authorization.k8s.io/r pruned"]
    assert not dyn.resource("roles").namespace(namespace).exists("r")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--prune"], "--prune needs -l"),
        (["--prune", "-l", ""], "--prune needs -l"),
        (["-l", "app=shop"], "-l and --prune-kind are for --prune"),
        (["--prune-kind=role"], "-l and --prune-kind are for --prune"),
        (["--prune", "-l", "a=b=c"], "found '='"),
        (["--prune", "-l", "app=elsewhere"], "ConfigMap 'a' does not have the labels 'app=elsewhere'"),
    ],
)
def test_mistakes(run: Run, config_maps: Resource, words: list[str], problem: str) -> None:
    """What could delete more than was meant exits with 2 and one line, before anything is sent."""
    shown = run("apply", "-f", "-", *words, stdin=text(config_map("a", labels=SHOP)))
    assert (shown.code, shown.out) == (USAGE, "")
    assert problem in shown.err
    assert shown.err.count("\n") == 1
    assert not config_maps.exists("a")


def test_an_unknown_kind(run: Run, config_maps: Resource) -> None:
    """A kind to prune that the server does not know is found out before anything is applied."""
    words = ("--prune", "-l", "app=shop", "--prune-kind=rolle")
    shown = run("apply", "-f", "-", *words, stdin=text(config_map("a", labels=SHOP)))
    assert (shown.code, shown.out) == (REFUSED, "")
    assert "rolle" in shown.err
    assert not config_maps.exists("a")
