"""The manual is complete, and its command lines do what they say: on the embedded server, with simulated pods."""

from __future__ import annotations

import argparse
import importlib
import io
import json
import pkgutil
import re
import shlex
import tarfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dynkube import connect, errors
from dynkube.cli import main
from dynkube.cli.parsing import COMMANDS, Parser
from dynkube.config import load_config
from dynkube.testing import APIServer, Simulation

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGE = DOCS / "cli.rst"

#: Lines that do not end by themselves, or have tests of their own.
ENDLESS = re.compile(r"dynkube (?:demo|serve|port-forward |.* -w$|--help|get --help)")


def lines() -> list[str]:
    """Return the command lines of the page on the command."""
    found = re.findall(r"^    \$ (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [line for line in found if not ENDLESS.match(line)]


def deployment(name: str) -> dict[str, Any]:
    """Return a Deployment of three replicas."""
    labels = {"app": name}
    container = {"name": "main", "image": "registry.example/main:1"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


HAT = {
    "type": "object",
    "properties": {"size": {"type": "integer"}, "largest": {"type": "integer"}},
    "x-kubernetes-validations": [{"rule": "self.size <= self.largest"}],
}
HATS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "hats.stable.example.com"},
    "spec": {
        "group": "stable.example.com",
        "scope": "Namespaced",
        "names": {"plural": "hats", "singular": "hat", "kind": "Hat"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": HAT}}},
            }
        ],
    },
}
SETTINGS = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"colour": "blue"}}
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web"},
    "spec": {"containers": [{"name": "main", "image": "registry.example/main:1"}]},
}


def archive() -> bytes:
    """Return what tar sends of a file called hosts."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("./hosts"))
    return buffer.getvalue()


ARCHIVE = archive()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make the folder and the cluster in which the page's lines are typed."""
    (tmp_path / "manifests").mkdir()
    (tmp_path / "crds").mkdir()
    (tmp_path / "crds" / "hats.json").write_text(json.dumps(HATS))
    (tmp_path / "manifests" / "settings.json").write_text(json.dumps(SETTINGS))
    (tmp_path / "web.yaml").write_text(json.dumps(deployment("web")))
    (tmp_path / "ca.crt").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    kubeconfig = tmp_path / "config"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    with APIServer(simulate=Simulation(delay=0.01)) as server, server.client() as dyn:
        server.write_kubeconfig(kubeconfig)
        present = load_config(kubeconfig=kubeconfig).context
        assert main(["config", "rename-context", str(present), "staging"]) == 0
        server.containers.set_command("tar", lambda process: process.stdout.write(ARCHIVE))
        for body in (SETTINGS, deployment("web"), deployment("db"), POD):
            dyn.for_object(body).namespace("default").create(body)
        yield tmp_path


@pytest.mark.parametrize("line", lines())
def test_lines_work(
    line: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each line of the page can be typed as it stands."""
    if " create " in line:
        assert main(["delete", "-f", "web.yaml"]) == 0
    if re.search(r"dynkube (logs|exec|cp) ", line):
        assert main(["wait", "--for=condition=Ready", "pod", "--all"]) == 0
    command = line
    if line.startswith("cat "):
        file, _, command = line.removeprefix("cat ").partition(" | ")
        monkeypatch.setattr("sys.stdin", io.StringIO((place / file).read_text()))
    code = main(shlex.split(command)[1:])
    assert code == 0, capsys.readouterr().err


def blocks(page: str) -> list[str]:
    """Return the Python blocks of a page."""
    found = re.findall(r"^\.\. code-block:: python\n\n((?:(?: {4}.*)?\n)+)", (DOCS / page).read_text(), re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


@pytest.mark.parametrize("number", range(len(blocks("testing.rst"))))
def test_blocks_about_testing_run(number: int, place: Path) -> None:
    """Each Python block of the page on testing runs as it stands; a test in it passes with the fixtures it names."""
    names: dict[str, Any] = {}
    exec(compile(blocks("testing.rst")[number], f"testing.rst, block {number}", "exec"), names)  # the page is ours
    with connect(namespace="default") as dyn:
        for test in [value for name, value in names.items() if name.startswith("test_")]:
            test(dyn)


@pytest.mark.parametrize("command", [each.name for each in COMMANDS])
def test_every_option_is_explained(command: str) -> None:
    """The page on the command names every option there is."""
    entry = next(each.entry for each in COMMANDS if each.name == command)
    module, _, function = entry.partition(":")
    parser = Parser(f"dynkube {command}", "")
    getattr(importlib.import_module(module), function)(parser)
    text = PAGE.read_text(encoding="utf-8")
    for action in parser._actions:  # argparse has no public list
        if action.option_strings and action.help != argparse.SUPPRESS and "--help" not in action.option_strings:
            assert any(re.search(rf"(?<![\w-]){name}(?![\w-])", text) for name in action.option_strings), action
    assert re.search(rf"\b{command.rpartition(' ')[2]}\b", text)


def test_every_page_is_linked() -> None:
    """The first page leads to every other."""
    linked = set(re.findall(r":doc:`([^`]+)`", (DOCS / "index.rst").read_text(encoding="utf-8")))
    assert {path.stem for path in DOCS.glob("*.rst")} - {"index"} == linked


def test_every_example_is_listed() -> None:
    """The first page says what each example is about."""
    listed = set(re.findall(r"^``(\w+\.py)``", (DOCS / "index.rst").read_text(encoding="utf-8"), re.MULTILINE))
    assert {path.name for path in (ROOT / "examples").glob("*.py")} == listed


def test_every_exception_is_explained() -> None:
    """The page on errors knows all of them, and none that there is not."""
    text = (DOCS / "errors.rst").read_text(encoding="utf-8")
    there = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert {name for name in there if not re.search(rf"\b{name}\b", text)} == set()
    tree = text.partition("::\n\n")[2].partition("\nThe server said no")[0]
    drawn = set(re.findall(r"^[\s│├└─]*(\w+)", tree, re.MULTILINE))
    assert drawn <= there


def test_every_release_note_stands() -> None:
    """What the changelog names can be imported."""
    text = (ROOT / "CHANGELOG.rst").read_text(encoding="utf-8")
    for name in sorted(set(re.findall(r"``(dynkube(?:\.\w+)+)``", text))):
        pkgutil.resolve_name(name)
