"""The pytest plug-in, used by a test session of its own."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

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


def test_the_fixtures_work_in_a_project_of_their_own(tmp_path: Path) -> None:
    """A test file with nothing but the plug-in: server, client and namespaces are there."""
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "test_it.py"]
    if not any(point.value == "dynkube.testing.pytest_plugin" for point in entry_points(group="pytest11")):
        command += ["-p", "dynkube.testing.pytest_plugin"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
