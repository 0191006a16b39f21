"""One embedded server for a worker's tests of the command, and a namespace for each test."""

from __future__ import annotations

import io
import uuid
from typing import TYPE_CHECKING

import pytest

from cli.running import Finished, Run
from dynkube.cli import main
from dynkube.testing import APIServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dynkube.dynamic import DynamicClient


@pytest.fixture(scope="session")
def server() -> Iterator[APIServer]:
    """Run an embedded server; its objects are shared by the worker's tests, namespaces keep them apart."""
    with APIServer() as server:
        yield server


@pytest.fixture(scope="session")
def dyn(server: APIServer) -> Iterator[DynamicClient]:
    """Return a client of the server, to arrange and to look."""
    with server.client() as dyn:
        yield dyn


@pytest.fixture(scope="session")
def kubeconfig(server: APIServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a kubeconfig for the server."""
    path = tmp_path_factory.mktemp("kubeconfig") / "config"
    server.write_kubeconfig(path)
    return path


@pytest.fixture
def namespace(dyn: DynamicClient) -> str:
    """Make a fresh namespace."""
    name = f"cli-{uuid.uuid4().hex[:10]}"
    dyn.resource("v1", "namespaces").create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


@pytest.fixture
def run(kubeconfig: Path, namespace: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return the command, to be run in this process."""

    def run(*words: str, stdin: str = "") -> Finished:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        capsys.readouterr()
        code = main(["--kubeconfig", str(kubeconfig), "-n", namespace, *words])
        shown = capsys.readouterr()
        return Finished(code, shown.out, shown.err)

    return run
