"""The package as its users get it: a wheel, in an environment that has never seen the source tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

#: What a wheel is built from.
SOURCES = ("dynkube", "setup.cfg", "pyproject.toml", "README.rst", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a wheel from a copy of the sources, so that no build leaves anything in the tree."""
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tree / name)
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(out), str(tree))
    (built,) = out.glob("*.whl")
    return built


def run(*command: str, cwd: Path | None = None) -> str:
    """Run a program that must succeed and return what it printed; nothing of this process's Python reaches it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    finished = subprocess.run(
        command, capture_output=True, check=False, cwd=cwd, env=environment, text=True, timeout=300
    )
    assert finished.returncode == 0, f"{' '.join(command)}: {finished.stdout}{finished.stderr}"
    return finished.stdout


def test_contents(wheel: Path) -> None:
    """The wheel carries the package, its types marker and its data, and no tests."""
    names = zipfile.ZipFile(wheel).namelist()
    assert "dynkube/py.typed" in names
    assert any(name.startswith("dynkube/testing/data/") for name in names)
    data = {path.relative_to(ROOT).as_posix() for path in (ROOT / "dynkube").rglob("*") if path.is_file()}
    left_out = {name for name in data if "__pycache__" not in name} - set(names)
    assert left_out == set()
    assert {name.partition("/")[0] for name in names} == {"dynkube", f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"}


@pytest.mark.timeout(600)
def test_demo_works_without_the_source_tree(wheel: Path, tmp_path: Path) -> None:
    """A fresh environment with nothing but the wheel and its requirements runs the demo."""
    run(sys.executable, "-m", "venv", str(tmp_path / "venv"))
    programs = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    python = str(programs / "python")
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert "2 requests" in run(str(programs / "dynkube"), "demo", cwd=elsewhere)
    installed = run(python, "-c", "import dynkube; print(dynkube.__file__)", cwd=elsewhere).strip()
    assert Path(installed).is_relative_to(tmp_path / "venv")


def test_requirements() -> None:
    """Three requirements at run time, each with a lower bound and nothing else: more needs a decision."""
    import configparser

    metadata = configparser.ConfigParser()
    metadata.read(ROOT / "setup.cfg")
    lines = [line for line in metadata["options"]["install_requires"].splitlines() if line and not line.startswith("#")]
    assert lines == ["requests>=2.32", "PyYAML>=6.0", "cachetools>=5.3"]


def test_version() -> None:
    """The version in the metadata and the constant in the package are one."""
    import configparser

    import dynkube

    metadata = configparser.ConfigParser()
    metadata.read(ROOT / "setup.cfg")
    assert metadata["metadata"]["version"] == dynkube.__version__
