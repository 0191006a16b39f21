"""`dynkube delete`: how long an object may take to stop, and going without its consent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.objects import config_map, pod
from dynkube.cli.exits import OK, REFUSED, USAGE

if TYPE_CHECKING:
    from cli.running import Run
    from dynkube.dynamic import DynamicClient, Resource

WARNING = (
    "Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. "
    "The resource may continue to run on the cluster indefinitely.\n"
)


@pytest.fixture
def pods(dyn: DynamicClient, namespace: str) -> Resource:
    """Return the pods of the test's namespace: `web` runs on a node, which has to confirm its end."""
    pods = dyn.resource("v1", "pods").namespace(namespace)
    pods.create(pod("web", nodeName="node-1"))
    return pods


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ([], 30),
        (["--grace-period=7"], 7),
        (["--grace-period=-1"], 30),
        (["--now"], 1),
        (["--grace-period=0"], 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_time_to_stop(run: Run, pods: Resource, words: list[str], seconds: int) -> None:
    """A pod gets the seconds asked for, its own if that is negative, and at least one unless it is forced."""
    assert run("delete", "pod", "web", "--wait=false", *words) == (OK, 'pod "web" deleted\n', "")
    assert pods.get("web")["metadata"]["deletionGracePeriodSeconds"] == seconds


@pytest.mark.parametrize("words", [["--force"], ["--force", "--grace-period=0"]], ids=" ".join)
def test_force(run: Run, pods: Resource, words: list[str]) -> None:
    """`--force` takes the pod away without the node's word, warns of what that means, and says so in the line."""
    assert run("delete", "pod", "web", *words) == (OK, 'pod "web" force deleted\n', WARNING)
    assert not pods.exists("web")


def test_force_in_a_dry_run(run: Run, pods: Resource) -> None:
    """It says the same and deletes nothing."""
    shown = run("delete", "pod", "web", "--force", "--dry-run=server")
    assert shown == (OK, 'pod "web" force deleted (server dry run)\n', WARNING)
    assert pods.exists("web")


def test_force_does_not_remove_finalizers(run: Run, dyn: DynamicClient, namespace: str) -> None:
    """What a finalizer holds stays, for nobody but its owner may remove that."""
    config_maps = dyn.resource("v1", "configmaps").namespace(namespace)
    config_maps.create(config_map("a", finalizers=["example.com/hold"]))
    assert run("delete", "cm", "a", "--force", "--wait=false").out == 'configmap "a" force deleted\n'
    config_maps.patch("a", {"metadata": {"finalizers": None}})


def test_force_on_nothing(run: Run) -> None:
    """The warning comes first, then what the server says."""
    shown = run("delete", "pod", "nosuch", "--force")
    assert shown == (REFUSED, "", f'{WARNING}Error from server (NotFound): pods "nosuch" not found\n')


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--force", "--grace-period=5"], "--force and --grace-period greater than 0 cannot be specified together"),
        (["--force", "--now"], "--force and --grace-period greater than 0 cannot be specified together"),
        (["--now", "--grace-period=5"], "--now and --grace-period cannot be specified together"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_contradictions(run: Run, pods: Resource, words: list[str], message: str) -> None:
    """What cannot be meant together is refused before anything is sent."""
    assert run("delete", "pod", "web", *words) == (USAGE, "", f"error: {message}\n")
    assert "deletionTimestamp" not in pods.get("web")["metadata"]
