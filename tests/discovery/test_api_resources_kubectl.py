"""`dynkube api-resources` and kubectl's, row by row, on a server with kinds of its own."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from discovery.test_explain_kubectl import kubectl
from dynkube.cli import main
from dynkube.testing import APIServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["kubectl"]

pytestmark = pytest.mark.kubectl


def definition(plural: str, kind: str, scope: str, versions: list[str], **names: Any) -> dict[str, Any]:
    """Return a definition in these versions, the first of which is stored."""
    schema = {"openAPIV3Schema": {"type": "object"}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.zoo.example.com"},
        "spec": {
            "group": "zoo.example.com",
            "scope": scope,
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind, **names},
            "versions": [
                {"name": name, "served": True, "storage": name == versions[0], "schema": schema} for name in versions
            ],
        },
    }


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Start a server with some definitions and return the kubeconfig for it."""
    path = tmp_path_factory.mktemp("zoo") / "config"
    with APIServer() as server, server.client() as dyn:
        for each in (
            definition(
                "lions", "Lion", "Namespaced", ["v1", "v1beta1"], shortNames=["li", "ln"], categories=["all", "cats"]
            ),
            definition("cages", "Cage", "Cluster", ["v1alpha1", "v2"]),
            definition("pods", "ZooPod", "Namespaced", ["v1"], shortNames=["po"]),
        ):
            dyn.crds().install(each, field_manager="zoo")
        server.write_kubeconfig(path)
        yield path


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["-o", "wide"],
        ["-o", "name"],
        ["--no-headers"],
        ["--namespaced"],
        ["--namespaced=false", "-o", "wide"],
        ["--verbs=list"],
        ["--verbs=create,deletecollection", "-o", "name"],
        ["--verbs=nothing"],
        ["--api-group=zoo.example.com"],
        ["--api-group=zoo.example.com", "-o", "wide", "--sort-by=kind"],
        ["--api-group="],
        ["--api-group=nowhere.example.com"],
        ["--categories=all"],
        ["--categories=all,cats"],
        ["--categories=nothing"],
        ["--sort-by=name", "-o", "wide"],
        ["--sort-by=kind", "--no-headers"],
        ["--sort-by=name", "--api-group=zoo.example.com", "--namespaced", "--verbs=get"],
    ],
    ids=" ".join,
)
def test_the_same_rows(
    kubectl: str,
    kubeconfig: Path,
    options: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every row and column is the same, in the same order, kinds of definitions and clashing names included."""
    command = [kubectl, f"--kubeconfig={kubeconfig}", f"--cache-dir={tmp_path}", "api-resources", *options]
    theirs = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    code = main(["--kubeconfig", str(kubeconfig), "api-resources", *options])
    ours = capsys.readouterr()
    assert code == theirs.returncode
    assert [line.split() for line in ours.out.splitlines()] == [line.split() for line in theirs.stdout.splitlines()]
