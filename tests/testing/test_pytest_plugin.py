"""The pytest plug-in, used by a test session of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from dynkube.testing import APIServer
from dynkube.watch import deleted

if TYPE_CHECKING:
    from pathlib import Path

#: What would choose another server than the embedded one.
CHOICES = ("KUBECONFIG_INTEGRATION", "USE_EXISTING_CLUSTER", "KUBEBUILDER_ASSETS", "TEST_ASSET_KUBE_APISERVER")

TESTS = """
import pytest

@pytest.fixture(scope="session")
def apiserver_options():
    return {"controllers": False}

NAMES = []

@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_its_own_namespace(dyn, namespace, apiserver, turn):
    maps = dyn.resource("v1", "configmaps")
    assert maps.namespace(namespace).list()["items"] == []
    maps.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}})
    assert maps.namespace(namespace).get("a")["metadata"]["namespace"] == namespace
    assert apiserver.requests
    NAMES.append(namespace)

def test_the_namespaces_are_gone_afterwards(apiserver):
    assert len(set(NAMES)) == 2
    with apiserver.client() as dyn:
        left = [item["metadata"]["name"] for item in dyn.resource("v1", "namespaces").list()["items"]]
    assert not set(NAMES) & set(left)
"""


ELSEWHERE = """
def test_the_server_is_the_one_of_the_environment(dyn, namespace, apiserver):
    assert apiserver.url == "URL"
    dyn.resource("cm").create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}})
"""


def run_tests(tmp_path: Path, text: str, **environment: str) -> str:
    """Run a test file with nothing but the plug-in, which must pass, and return what pytest printed."""
    (tmp_path / "test_it.py").write_text(text)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    variables = {name: value for name, value in os.environ.items() if name not in CHOICES}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "test_it.py"]
    if not any(point.value == "dynkube.testing.pytest_plugin" for point in entry_points(group="pytest11")):
        command += ["-p", "dynkube.testing.pytest_plugin"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**variables, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_fixtures_work_in_a_project_of_their_own(tmp_path: Path) -> None:
    """Server, client and namespaces are there."""
    assert "3 passed" in run_tests(tmp_path, TESTS)


def test_the_same_fixtures_are_those_of_another_server(tmp_path: Path) -> None:
    """Where the environment names a cluster the tests run on it, in a namespace that is deleted afterwards."""
    with APIServer(controller_delay=0.0) as server, server.client() as dyn:
        kubeconfig = server.write_kubeconfig(tmp_path / "kubeconfig")
        text = ELSEWHERE.replace("URL", server.url)
        assert "1 passed" in run_tests(tmp_path, text, KUBECONFIG_INTEGRATION=str(kubeconfig))
        made = [each for each in server.requests if each.method == "POST" and each.path.endswith("/configmaps")]
        namespace = made[0].path.split("/")[4]
        assert dyn.resource("namespaces").wait(namespace, deleted(), timeout=30) is None
