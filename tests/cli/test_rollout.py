"""`dynkube rollout`: on workloads that make pods."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from cli.objects import deployment
from dynkube.cli.exits import OK, REFUSED, TIMED_OUT, USAGE
from dynkube.testing import APIServer, Simulation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cli.running import Run
    from dynkube.dynamic import DynamicClient, Resource


@pytest.fixture(scope="module")
def server() -> Iterator[APIServer]:
    """Run a server whose workloads make pods, each step of which takes next to no time."""
    with APIServer(simulate=Simulation(delay=0.001)) as running:
        yield running


@pytest.fixture(scope="module")
def dyn(server: APIServer) -> Iterator[DynamicClient]:
    """Return a client of it."""
    with server.client() as client:
        yield client


@pytest.fixture(scope="module")
def kubeconfig(server: APIServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a kubeconfig for it."""
    path = tmp_path_factory.mktemp("kubeconfig") / "config"
    server.write_kubeconfig(path)
    return path


@pytest.fixture
def deployments(dyn: DynamicClient, namespace: str) -> Resource:
    """Return the deployments of the test's namespace, of which there is one, web, rolled out twice."""
    view = dyn.resource("apps/v1", "deployments").namespace(namespace)
    view.create(deployment("web", annotations={"kubernetes.io/change-cause": "the first"}))
    rollout = view.rollout("web")
    rollout.wait(timeout=30)
    container = {"name": "main", "image": "busybox:1.37"}
    annotations = {"kubernetes.io/change-cause": None}
    change = {"metadata": {"annotations": annotations}, "spec": {"template": {"spec": {"containers": [container]}}}}
    view.patch("web", change, type="strategic")
    rollout.wait(timeout=30)
    return view


def image(deployments: Resource) -> str:
    """Return the image of web."""
    found: str = deployments.get("web")["spec"]["template"]["spec"]["containers"][0]["image"]
    return found


@pytest.mark.usefixtures("deployments")
def test_a_finished_rollout(run: Run) -> None:
    """The last line is kubectl's, so that scripts find it."""
    finished = 'deployment "web" successfully rolled out\n'
    assert run("rollout", "status", "deploy/web") == (OK, finished, "")
    assert run("rollout", "status", "deploy/web", "--watch=false", "--revision=2") == (OK, finished, "")


def test_restart_and_status(run: Run, deployments: Resource) -> None:
    """The status after a restart is that of the restart: it is not over before its pods are there."""
    assert run("rollout", "restart", "deploy", "web") == (OK, "deployment.apps/web restarted\n", "")
    shown = run("rollout", "status", "deploy", "web", "--timeout=30s")
    assert (shown.code, shown.err) == (OK, "")
    *steps, last = shown.out.splitlines()
    assert last == 'deployment "web" successfully rolled out'
    assert all(step.startswith('Waiting for deployment "web": ') for step in steps)
    assert len(set(steps)) == len(steps)
    assert deployments.rollout("web").history()[-1].number == 3


def test_history(run: Run, deployments: Resource) -> None:
    """A line for each revision, and one revision's template, or what keeps it."""
    shown = run("rollout", "history", "deploy/web")
    assert shown == (
        OK,
        "deployment.apps/web\nREVISION   CHANGE-CAUSE\n1          the first\n2          <none>\n\n",
        "",
    )
    shown = run("rollout", "history", "deploy/web", "--revision=1")
    assert shown.out.startswith("deployment.apps/web with revision #1\nmetadata:\n")
    assert "image: busybox:1.36" in shown.out
    path = "jsonpath={.spec.template.spec.containers[0].image}"
    assert run("rollout", "history", "deploy/web", "--revision=1", "-o", path).out == "busybox:1.36"
    shown = run("rollout", "history", "deploy/web", "--revision=7")
    assert shown == (REFUSED, "", "error: deployment.apps/web has no revision 7\n")
    assert image(deployments) == "busybox:1.37"


def test_undo(run: Run, deployments: Resource) -> None:
    """Back to the one before, to one by number, and nothing where it is that already."""
    assert run("rollout", "undo", "deploy/web", "--dry-run=server").out == (
        "deployment.apps/web rolled back (server dry run)\n"
    )
    assert image(deployments) == "busybox:1.37"
    assert run("rollout", "undo", "deploy/web") == (OK, "deployment.apps/web rolled back\n", "")
    assert image(deployments) == "busybox:1.36"
    deployments.rollout("web").wait(timeout=30)
    assert run("rollout", "undo", "deploy/web", "--to-revision=2").code == OK
    assert image(deployments) == "busybox:1.37"
    deployments.rollout("web").wait(timeout=30)
    newest = deployments.rollout("web").history()[-1].number
    assert run("rollout", "undo", "deploy/web", f"--to-revision={newest}").out == (
        "deployment.apps/web skipped rollback (it has that template already)\n"
    )
    shown = run("rollout", "undo", "deploy/web", "--to-revision=77")
    assert (shown.code, shown.out) == (REFUSED, "")
    assert "has no revision 77; remembered: " in shown.err


def test_pause_and_resume(run: Run, deployments: Resource) -> None:
    """What is so already is told, and what a paused deployment cannot do."""
    assert run("rollout", "pause", "deploy/web") == (OK, "deployment.apps/web paused\n", "")
    assert run("rollout", "pause", "deploy/web") == (REFUSED, "", "error: deployments.apps 'web' is paused already\n")
    shown = run("rollout", "restart", "deploy/web")
    assert (shown.code, shown.out) == (REFUSED, "")
    assert "is paused and cannot be restarted: resume it first" in shown.err
    assert run("rollout", "resume", "deploy/web") == (OK, "deployment.apps/web resumed\n", "")
    assert run("rollout", "resume", "deploy/web") == (REFUSED, "", "error: deployments.apps 'web' is not paused\n")
    assert "paused" not in deployments.get("web")["spec"]


def test_a_rollout_that_does_not_end(run: Run, deployments: Resource) -> None:
    """With a timeout, the exit code is that of a wait; without watching, that of a look."""
    deployments.rollout("web").pause()
    deployments.patch("web", {"spec": {"replicas": 1, "template": {"metadata": {"annotations": {"a": "b"}}}}})
    deployments.wait("web", lambda obj: obj is not None and seen(obj), timeout=30)
    waiting = 'Waiting for deployment "web": 0 of 1 replicas are updated\n'
    assert run("rollout", "status", "deploy/web", "--watch=false") == (OK, waiting, "")
    late = "error: timed out waiting for the rollout of deployment.apps/web\n"
    assert run("rollout", "status", "deploy/web", "--timeout=100ms") == (TIMED_OUT, waiting, late)


def seen(obj: dict[str, dict[str, object]]) -> bool:
    """Tell whether the controller has seen an object's present generation."""
    return obj["status"].get("observedGeneration") == obj["metadata"]["generation"]


@pytest.mark.usefixtures("deployments")
def test_another_revision(run: Run) -> None:
    """Who waits for one revision is told that it is another by now."""
    shown = run("rollout", "status", "deploy/web", "--revision=1")
    assert shown == (REFUSED, "", "error: deployment.apps/web is of revision 2, not 1\n")


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        (["status", "deploy/nosuch"], REFUSED, 'Error from server (NotFound): deployments.apps "nosuch" not found'),
        (["status", "cm/x"], USAGE, "configmaps are not rolled out"),
        (["restart", "pods", "x"], USAGE, "pods are not rolled out"),
        (["restart", "deploy"], USAGE, "say which objects"),
        (["undo", "deploy/web", "--to-revision=-1"], USAGE, "--to-revision cannot be -1"),
        (["pause", "sts/x"], REFUSED, 'statefulsets.apps "x" not found'),
        ([], USAGE, "which rollout command?"),
    ],
)
def test_mistakes(run: Run, words: list[str], code: int, problem: str) -> None:
    """What cannot be meant exits with 2 and one line, what is not there with 1."""
    shown = run("rollout", *words)
    assert (shown.code, shown.out) == (code, "")
    assert problem in shown.err
    assert shown.err.count("\n") == 1


def test_a_selection(run: Run, dyn: DynamicClient, namespace: str) -> None:
    """Selectors work as everywhere; a line for each object."""
    view = dyn.resource("apps/v1", "deployments").namespace(namespace)
    label = f"l{uuid.uuid4().hex[:6]}"
    for name in ("a", "b", "c"):
        view.create(deployment(name, labels={label: "" if name == "c" else "yes"}))
    shown = run("rollout", "restart", "deploy", "-l", f"{label}=yes")
    assert shown == (OK, "deployment.apps/a restarted\ndeployment.apps/b restarted\n", "")
