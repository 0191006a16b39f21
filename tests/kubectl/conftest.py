"""The real kubectl and a `dynkube serve` for it, each in files of the test's own so that tests run side by side."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING

import pytest

from kubectl.running import Kubectl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def program() -> str:
    """Find kubectl; without it the tests are skipped, or fail where DYNKUBE_REQUIRE_KUBECTL asks for it."""
    found = shutil.which("kubectl")
    if found is None:
        message = "kubectl is not on the PATH"
        if os.environ.get("DYNKUBE_REQUIRE_KUBECTL"):
            pytest.fail(message)
        pytest.skip(message)
    return found


@pytest.fixture(scope="session")
def kubeconfig(program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run `dynkube serve` for the worker's tests and return the kubeconfig it wrote."""
    path = tmp_path_factory.mktemp("serve") / "kubeconfig"
    command = [sys.executable, "-m", "dynkube.cli", "serve", "--kubeconfig-out", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            assert server.stdout.readline().startswith("dynkube: serving ")
            yield path
        finally:
            server.terminate()
            assert server.wait(timeout=20) == 0


@pytest.fixture
def kubectl(program: str, kubeconfig: Path, tmp_path: Path) -> Kubectl:
    """Return kubectl on that server, in a fresh namespace, with a home and caches of its own."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "KUBECACHEDIR": str(tmp_path / "cache"),
        "KUBECONFIG": str(kubeconfig),
    }
    kubectl = Kubectl(program, environment, f"kubectl-{uuid.uuid4().hex[:10]}")
    kubectl("create", "namespace", kubectl.namespace)
    return kubectl


@pytest.fixture
def recent(kubectl: Kubectl) -> Kubectl:
    """Return kubectl if what it prints can be compared with: since 1.27 it explains by OpenAPI v3, and so do we."""
    if kubectl.version < (1, 27):
        pytest.skip(f"needs kubectl 1.27 to compare with, this is {kubectl.version}: its columns and texts are others")
    return kubectl
