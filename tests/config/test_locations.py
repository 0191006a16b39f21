"""Where kubeconfig files are looked for, on Windows above all: facts of client-go's util/homedir, tried anywhere."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from dynkube.config import locations

if TYPE_CHECKING:
    from pathlib import Path

HOMES = ("HOME", "DRIVE", "PROFILE")


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Pretend to be on Windows with three different homes, all of them empty folders."""
    folders = {name: tmp_path / f"{name.lower()}-home" for name in HOMES}
    for folder in folders.values():
        folder.mkdir()
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("HOME", str(folders["HOME"]))
    monkeypatch.setenv("HOMEDRIVE", str(tmp_path))
    monkeypatch.setenv("HOMEPATH", os.sep + "drive-home")
    monkeypatch.setenv("USERPROFILE", str(folders["PROFILE"]))
    return folders


def found() -> str:
    """Return the file that would be read."""
    (path,), from_environment = locations.kubeconfig_paths()
    assert not from_environment
    return path


def configure(folder: Path) -> str:
    """Put a kubeconfig below a home and return its path."""
    (folder / ".kube").mkdir()
    (folder / ".kube" / "config").touch()
    return str(folder / ".kube" / "config")


@pytest.mark.parametrize("name", HOMES)
def test_the_home_with_a_kubeconfig_is_taken_on_windows(name: str, homes: dict[str, Path]) -> None:
    """Whichever of HOME, HOMEDRIVE with HOMEPATH and USERPROFILE holds .kube/config is the home."""
    path = configure(homes[name])
    assert found() == path


def test_of_several_kubeconfigs_the_first_home_wins_on_windows(homes: dict[str, Path]) -> None:
    """With several, the order is HOME, HOMEDRIVE with HOMEPATH, USERPROFILE."""
    for name in ("PROFILE", "DRIVE", "HOME"):
        path = configure(homes[name])
        assert found() == path


def test_without_any_kubeconfig_the_first_usable_home_is_taken_on_windows(
    homes: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With none, the order is HOME, USERPROFILE, HOMEDRIVE with HOMEPATH: one that can be written, exists, is set."""
    assert found() == str(homes["HOME"] / ".kube" / "config")
    homes["HOME"].rmdir()
    assert found() == str(homes["PROFILE"] / ".kube" / "config")
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) == str(homes["DRIVE"]))
    assert found() == str(homes["DRIVE"] / ".kube" / "config")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert found() == str(homes["PROFILE"] / ".kube" / "config")
    homes["PROFILE"].rmdir()
    homes["DRIVE"].rmdir()
    assert found() == str(homes["HOME"] / ".kube" / "config")


def test_no_home_at_all_is_no_file(homes: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no variable is set there is nothing to read, on Windows as elsewhere."""
    for name in ("HOME", "HOMEDRIVE", "HOMEPATH", "USERPROFILE"):
        monkeypatch.delenv(name)
    assert locations.kubeconfig_paths() == ((), False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert locations.kubeconfig_paths() == ((), False)


def test_elsewhere_home_alone_counts(homes: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Off Windows only HOME is looked at, whatever the others hold."""
    configure(homes["PROFILE"])
    monkeypatch.setattr(sys, "platform", "linux")
    assert found() == str(homes["HOME"] / ".kube" / "config")


@pytest.mark.parametrize(("separator", "value"), [(":", "/a:/b::/a"), (";", "C:\\a;D:\\b;;C:\\a")])
def test_the_list_is_cut_by_the_separator_of_the_system(
    separator: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """KUBECONFIG is cut at ``;`` on Windows, where a path holds a colon; empty entries and repetitions are dropped."""
    monkeypatch.setattr(os, "pathsep", separator)
    monkeypatch.setenv("KUBECONFIG", value)
    first, second, *_ = value.split(separator)
    assert locations.kubeconfig_paths() == ((first, second), True)
