"""`dynkube cp`: which of both places is in a pod, and what is copied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from stream.test_copying import local, seen, tree

from cli.test_logs import pod

if TYPE_CHECKING:
    from pathlib import Path

    from cli.running import Run
    from dynkube.testing import APIServer


@pytest.fixture
def inside(server: APIServer, namespace: str, tmp_path: Path) -> Path:
    """Make a pod that has tar, and return a folder it sees as well."""
    server.load([pod("web", namespace, "main")])
    for program in ("tar", "test"):
        server.containers.set_command(program, local, namespace=namespace, pod="web")
    folder = tmp_path / "inside"
    folder.mkdir()
    return folder


def test_there_and_back(run: Run, inside: Path, namespace: str, tmp_path: Path) -> None:
    """POD:PATH and NAMESPACE/POD:PATH; exit code 0 and not a word."""
    source = tree(tmp_path / "site")
    assert run("cp", str(source), f"web:{inside}") == (0, "", "")
    assert seen(inside / "site") == seen(source)
    assert run("cp", f"{namespace}/web:{inside}/site", str(tmp_path / "back"), "-c", "main") == (0, "", "")
    assert seen(tmp_path / "back") == seen(source)
    assert run("cp", "--no-preserve", str(source / "a.txt"), f"web:{inside}/b.txt").code == 0


@pytest.mark.usefixtures("inside")
def test_what_goes_wrong(run: Run, tmp_path: Path) -> None:
    """Neither or both in a pod is a mistake (2); a file that is missing is told by tar (1), or the system (2)."""
    assert run("cp", "a", "b").code == 2
    assert run("cp", "web:/a", "web:/b").code == 2
    assert run("cp", "web:", "x").code == 2
    assert run("cp", "", "web:/x").code == 2
    missing = run("cp", f"web:{tmp_path}/missing", str(tmp_path / "x"))
    assert missing.code == 1
    assert "tar: " in missing.err
    assert run("cp", str(tmp_path / "missing"), "web:/tmp").code == 2
