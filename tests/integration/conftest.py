"""The server of the suite, which `dynkube.testing` chooses by the environment (docs/testing.rst), and what is on it.

Everything a run makes bears its mark in its name or is in a namespace that does. The suite fails if something is left.
"""

from __future__ import annotations

import io
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from cli.running import Finished, Run

from dynkube.cli import main
from dynkube.dynamic import DynamicClient
from dynkube.testing import APIServer
from dynkube.testing.envtest import ControlPlane, ExistingCluster, from_environment
from dynkube.watch import deleted
from integration.leftovers import await_namespaces, left_behind
from integration.objects import definition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dynkube.dynamic import Resource
    from dynkube.transport import RequestEvent

Server = APIServer | ControlPlane | ExistingCluster


@pytest.fixture(scope="session")
def apiserver() -> Iterator[Server]:
    """Run the server the environment asks for, or reach it."""
    with from_environment() as server:
        yield server


@pytest.fixture(scope="session")
def mark() -> str:
    """Return what the names of everything this run makes contain."""
    return f"dynkube-it-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def admin(apiserver: Server, mark: str) -> Iterator[DynamicClient]:
    """Return a client for what surrounds the tests; at the end nothing of the run may be left on the server."""
    with apiserver.client() as dyn:
        yield dyn
        # The data of a control plane goes with it, and it has no controller that would empty a namespace.
        if not isinstance(apiserver, ControlPlane):
            await_namespaces(dyn, mark)
            left = left_behind(dyn, mark)
            assert not left, "left on the server by this run:\n" + "\n".join(left)


@pytest.fixture
def namespace(admin: DynamicClient, mark: str) -> Iterator[str]:
    """Make a namespace for one test, and delete it with everything in it."""
    name = f"{mark}-{uuid.uuid4().hex[:8]}"
    namespaces = admin.resource("v1", "namespaces")
    # Where a cluster asks more of pods than the suite's have: this namespace does not.
    labels = {"pod-security.kubernetes.io/enforce": "privileged"}
    namespaces.create({"metadata": {"name": name, "labels": labels}})
    yield name
    namespaces.delete(name)


@pytest.fixture
def dyn(apiserver: Server, namespace: str) -> Iterator[DynamicClient]:
    """Return a client of an administrator whose namespace is the test's."""
    with apiserver.client(namespace=namespace) as client:
        yield client


@pytest.fixture
def sent(apiserver: Server, namespace: str) -> Iterator[tuple[DynamicClient, list[RequestEvent]]]:
    """Return a client and the list its requests are noted in."""
    events: list[RequestEvent] = []
    with apiserver.client(namespace=namespace, request_hook=events.append) as client:
        yield client, events


@pytest.fixture
def token(dyn: DynamicClient) -> str:
    """Return a token of a service account that was given no rights."""
    accounts = dyn.resource("v1", "serviceaccounts")
    accounts.create({"metadata": {"name": "stranger"}})
    answer = accounts.subresource("token").create({"spec": {"expirationSeconds": 3600}}, name="stranger")
    return str(answer["status"]["token"])


@pytest.fixture
def stranger(apiserver: Server, namespace: str, token: str) -> Iterator[DynamicClient]:
    """Return a client of the service account without rights."""
    config = apiserver.config(namespace=namespace).anonymous().replace(bearer_token=token)
    with DynamicClient(config) as client:
        yield client


@pytest.fixture(scope="session")
def widgets_group(admin: DynamicClient, mark: str) -> Iterator[str]:
    """Install the definition of widgets for the run and return its group."""
    group = f"{mark}.example.com"
    crd = definition(group)
    admin.crds().install(crd, field_manager="integration")
    yield group
    definitions = admin.resource("apiextensions.k8s.io/v1", "customresourcedefinitions")
    definitions.delete(crd["metadata"]["name"])
    definitions.wait(crd["metadata"]["name"], deleted(), timeout=60)


@pytest.fixture
def widgets(dyn: DynamicClient, widgets_group: str) -> Resource:
    """Return the widgets in the test's namespace."""
    return dyn.resource(f"{widgets_group}/v1", "widgets")


@pytest.fixture
def install(admin: DynamicClient, namespace: str) -> Iterator[Callable[..., dict[str, Any]]]:
    """Return what installs a definition in the test's own group, by another client than the test's."""
    definitions = admin.resource("apiextensions.k8s.io/v1", "customresourcedefinitions")
    installed = []

    def install(plural: str, kind: str, **names: Any) -> dict[str, Any]:
        crd = definition(f"{namespace}.example.com", plural, kind, **names)
        admin.crds().install(crd, field_manager="integration")
        installed.append(crd["metadata"]["name"])
        return crd

    yield install
    for name in installed:
        if definitions.exists(name):
            definitions.delete(name)
            definitions.wait(name, deleted(), timeout=60)


@pytest.fixture
def kubeconfig(apiserver: Server, namespace: str, tmp_path: Path) -> Path:
    """Write a kubeconfig of an administrator whose namespace is the test's."""
    return apiserver.write_kubeconfig(tmp_path / "kubeconfig", namespace=namespace)


@pytest.fixture
def run(kubeconfig: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return the command, to be run in this process."""

    def run(*words: str, stdin: str = "") -> Finished:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        capsys.readouterr()
        code = main(["--kubeconfig", str(kubeconfig), *words])
        shown = capsys.readouterr()
        return Finished(code, shown.out, shown.err)

    return run
