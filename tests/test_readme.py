"""The README and the manual say what is so: their code runs, their commands exist, their links lead somewhere."""

from __future__ import annotations

import io
import re
import shlex
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import roles

from dynkube.cli import main
from dynkube.testing import APIServer

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.rst"
PAGES = [README, *sorted((ROOT / "docs").glob("**/*.rst"))]

BLOCK = re.compile(r"^\.\. code-block:: (?P<language>\S+)\n\n(?P<body>(?:(?: {4}.*)?\n)+)", re.MULTILINE)

WEB = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]},
        },
    },
}


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of `page` in `language`."""
    return [textwrap.dedent(each["body"]) for each in BLOCK.finditer(page.read_text()) if each["language"] == language]


def commands(page: Path) -> list[str]:
    """Return the command lines of `page`'s console blocks, without their comments."""
    lines = [line for block in blocks(page, "console") for line in block.splitlines()]
    return [line.removeprefix("$ ").partition("  #")[0].strip() for line in lines if line.startswith("$ ")]


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run a server that has what the README's reader has: a namespace prod with a deployment web."""
    path = tmp_path_factory.mktemp("readme") / "config"
    with APIServer() as server, server.client() as dyn:
        dyn.resource("ns").create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "prod"}})
        dyn.resource("deploy").namespace("prod").create(WEB)
        server.write_kubeconfig(path)
        yield path


@pytest.mark.parametrize("number", range(len(blocks(README, "python"))))
def test_python_runs(number: int, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each Python block runs as it stands; a test in it passes."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    names: dict[str, object] = {}
    exec(compile(blocks(README, "python")[number], f"README block {number}", "exec"), names)  # the README is ours
    for name, value in names.items():
        if name.startswith("test_") and callable(value):
            value()
    if "dyn" in names:
        names["dyn"].close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("line", [line for line in commands(README) if line.startswith("dynkube ")])
def test_dynkube_commands_run(line: str, kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each dynkube command line in the README does what it says there."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    assert main(shlex.split(line)[1:]) == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_make_targets_exist(page: Path) -> None:
    """A page names no make target that the Makefile does not have."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {shlex.split(line)[1] for line in commands(page) if line.startswith("make ")}
    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link and every :doc: points at a file there is."""
    text = page.read_text()
    targets = [target for target in re.findall(r"<([^<>\s]+)>`_", text) if "://" not in target]
    targets += [f"{target}.rst" for target in re.findall(r":doc:`(?:[^`<]*<)?([^`<>]+)>?`", text)]
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_markup(page: Path) -> None:
    """Every page is reStructuredText that a renderer accepts without a complaint."""
    roles.register_local_role("doc", lambda _name, source, *_rest: ([nodes.reference(source, source)], []))
    complaints = io.StringIO()
    publish_doctree(page.read_text(), settings_overrides={"warning_stream": complaints, "report_level": 2})
    assert complaints.getvalue() == ""


def test_it_is_short() -> None:
    """The README has two commands to begin with and a five-line example, not more."""
    first, *_ = blocks(README, "console")
    assert [line.split("#")[0].split() for line in first.splitlines() if line] == [
        ["$", "make", "demo"],
        ["$", "make", "test"],
    ]
    example = [line for line in blocks(README, "python")[0].splitlines() if line]
    assert len(example) == 5
