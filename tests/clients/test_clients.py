"""Get, list, create, patch, delete and watch with each of the other Python clients that is installed.

Each check runs in a process of its own: threads, sockets and files that a client leaves behind are its own business.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

#: The checks of each client: functions ``check_…`` of the module ``use_…``.
CHECKS = {
    "kubernetes": ["typed_objects", "typed_deployment", "watch", "dynamic_client", "version_and_discovery"],
    "kubernetes_asyncio": ["everything"],
    "kr8s": ["objects", "watch", "discovery"],
    "lightkube": ["objects", "watch"],
    "pykube": ["objects", "watch"],
}


@pytest.mark.parametrize(("client", "check"), [(client, check) for client, them in CHECKS.items() for check in them])
def test_client(client: str, check: str, kubeconfig: str, space: str, tmp_path: Path) -> None:
    """The client, configured by a kubeconfig with TLS and a token, gets what it would get from a cluster."""
    if importlib.util.find_spec(client) is None:
        message = f"{client} is not installed"
        if os.environ.get("DYNKUBE_REQUIRE_CLIENTS"):
            pytest.fail(message)
        pytest.skip(message)
    finished = subprocess.run(
        [sys.executable, "-m", "clients", client, check, kubeconfig, space],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_no_check_is_forgotten() -> None:
    """Every check that is written is run."""
    written = {
        path.stem.removeprefix("use_"): [
            line.removeprefix("def check_").partition("(")[0]
            for line in path.read_text().splitlines()
            if line.startswith("def check_")
        ]
        for path in Path(__file__).parent.glob("use_*.py")
    }
    assert written == CHECKS
