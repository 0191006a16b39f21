"""`dynkube logs`: whose log is printed, and in which form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cli.test_live import watching

if TYPE_CHECKING:
    from pathlib import Path

    from cli.running import Run
    from dynkube.dynamic import DynamicClient
    from dynkube.testing import APIServer


def pod(name: str, namespace: str, *containers: str, **labels: str) -> dict[str, Any]:
    """Return a pod that was given to a node."""
    named = [{"name": each, "image": "registry.example/main:1"} for each in containers]
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"nodeName": "n", "containers": named}}


@pytest.fixture
def logs(server: APIServer, namespace: str) -> None:
    """Make a pod of one container and one of two, and let them have written something."""
    server.load([pod("web", namespace, "main", app="web"), pod("two", namespace, "a", "b", app="web")])
    server.containers.set_log(namespace, "web", "one\ntwo\n")
    server.containers.set_log(namespace, "two", "from a\n", container="a")
    server.containers.set_log(namespace, "two", "from b\n", container="b")


@pytest.mark.usefixtures("logs")
def test_the_log_of_a_pod(run: Run) -> None:
    """By its name or as pod/name; --tail and --limit-bytes narrow it."""
    assert run("logs", "web").out == "one\ntwo\n"
    assert run("logs", "pod/web", "--tail=1").out == "two\n"
    assert run("logs", "web", "--limit-bytes=2").out == "on"


@pytest.mark.usefixtures("logs")
def test_which_container_is_meant(run: Run) -> None:
    """The first unless one is named; which, and of which, is said on standard error."""
    first = run("logs", "two")
    assert (first.out, first.err) == ("from a\n", 'Defaulted container "a" out of: a, b\n')
    assert run("logs", "two", "-c", "b").out == "from b\n"
    assert run("logs", "two", "b").out == "from b\n"
    wrong = run("logs", "two", "c")
    assert (wrong.code, wrong.err) == (1, "error: container c is not valid for pod two out of: a b\n")


def test_a_pod_may_say_which_container_is_meant(run: Run, server: APIServer, namespace: str) -> None:
    """The annotation kubectl.kubernetes.io/default-container counts, and nothing is said of it."""
    body = pod("web", namespace, "a", "b")
    body["metadata"]["annotations"] = {"kubectl.kubernetes.io/default-container": "b"}
    server.load([body])
    server.containers.set_log(namespace, "web", "from b\n", container="b")
    assert run("logs", "web") == (0, "from b\n", "")


@pytest.mark.usefixtures("logs")
def test_all_containers_with_their_names(run: Run) -> None:
    """--all-containers and --prefix: one log after the other, each line with where it is from."""
    assert run("logs", "two", "--all-containers", "--prefix").out == "[pod/two/a] from a\n[pod/two/b] from b\n"
    together = run("logs", "two", "--all-containers", "-f")
    assert sorted(together.lines) == ["from a", "from b"]


@pytest.mark.usefixtures("logs")
def test_the_pods_of_a_selector(run: Run) -> None:
    """-l takes all pods whose labels match; more to follow than --max-log-requests allows are refused."""
    assert run("logs", "-l", "app=web").lines == ["from a", "one", "two"]
    refused = run("logs", "-l", "app=web", "-f", "--max-log-requests=1")
    assert refused.code == 2
    assert "2 logs to follow, and --max-log-requests allows 1" in refused.err
    assert run("logs", "-l", "app=nothing").code == 0


@pytest.mark.usefixtures("logs")
def test_the_pods_of_a_workload(run: Run, dyn: DynamicClient, namespace: str) -> None:
    """deploy/web is the best of its pods, and which is said."""
    labels = {"matchLabels": {"app": "web"}}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "m", "image": "i"}]}}
    deployment = {"metadata": {"name": "web"}, "spec": {"selector": labels, "template": template}}
    dyn.resource("deploy").namespace(namespace).create(deployment)
    status = {"status": {"phase": "Running"}}
    dyn.resource("v1", "pods").namespace(namespace).subresource("status").patch("web", status)
    found = run("logs", "deploy/web")
    assert (found.code, found.out, found.err) == (0, "one\ntwo\n", "Found 2 pods, using pod/web\n")


def test_a_log_is_followed_until_interrupted(server: APIServer, kubeconfig: Path, namespace: str) -> None:
    """-f prints what comes when it comes."""
    server.load([pod("web", namespace, "main")])
    server.containers.append_log(namespace, "web", "one\n")
    with watching(kubeconfig, namespace, "logs", "-f", "web") as out:
        assert out.readline() == "one\n"
        server.containers.append_log(namespace, "web", "two\n")
        assert out.readline() == "two\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "which pod?"),
        (("web", "-l", "app=web"), "which pod?"),
        (("a/b/c",), "neither a pod nor resource/name"),
        (("web", "a", "-c", "b"), "say the container once"),
        (("web", "a", "--all-containers"), "contradict"),
    ],
)
def test_what_cannot_be_meant_is_refused(run: Run, words: tuple[str, ...], said: str) -> None:
    """With exit code 2 and a line that says what would be."""
    finished = run("logs", *words)
    assert finished.code == 2
    assert said in finished.err


def test_a_refusal_is_the_servers(run: Run) -> None:
    """A pod that is not there is told as kubectl does, with exit code 1."""
    assert run("logs", "absent").err == 'Error from server (NotFound): pods "absent" not found\n'
    assert run("logs", "absent").code == 1
