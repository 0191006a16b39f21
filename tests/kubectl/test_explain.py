"""`dynkube explain` and `kubectl explain` agree on the fields of the server's schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynkube.cli import main

if TYPE_CHECKING:
    from kubectl.running import Kubectl

pytestmark = pytest.mark.kubectl

CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: %(word)ss.explain.example.com}
spec:
  group: explain.example.com
  scope: Namespaced
  names: {plural: %(word)ss, singular: %(word)s, kind: %(kind)s}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        description: A pot.
        required: [spec]
        properties:
          spec:
            type: object
            required: [size]
            properties:
              size: {type: integer, description: How large it is.}
              tea: {type: string, enum: [assam, mint], default: mint}
              tags: {type: array, items: {type: string}}
              counts: {type: object, additionalProperties: {type: integer}}
"""


def both(kubectl: Kubectl, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[list[str], list[str]]:
    """Return the lines kubectl and dynkube print for the same words, blank ones left out."""
    theirs = kubectl("explain", *words)
    capsys.readouterr()
    assert main(["--kubeconfig", kubectl.environment["KUBECONFIG"], "explain", *words]) == 0
    ours = capsys.readouterr().out
    return [line for line in theirs.splitlines() if line.strip()], [line for line in ours.splitlines() if line.strip()]


def fields(lines: list[str]) -> list[str]:
    """Return the fields of a recursive explanation: depth, name, type, whether required; enums as they are printed."""
    return [line.rstrip() for line in lines[lines.index("FIELDS:") + 1 :] if not line.lstrip().startswith("enum:")]


@pytest.mark.parametrize("resource", ["deployment", "pod", "service", "customresourcedefinition"])
def test_every_field_of_built_in_kinds(recent: Kubectl, resource: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every field at every depth has the same name, type and requiredness."""
    theirs, ours = both(recent, capsys, resource, "--recursive")
    assert len(fields(ours)) > 20
    assert fields(ours) == fields(theirs)


def test_a_custom_kind(recent: Kubectl, capsys: pytest.CaptureFixture[str]) -> None:
    """A custom kind is explained as its definition says, to the last field."""
    word = recent.namespace.replace("-", "")
    recent("apply", "--validate=false", "-f", "-", stdin=CRD % {"word": word, "kind": word.capitalize()})
    theirs, ours = both(recent, capsys, word, "--recursive")
    assert fields(ours) == fields(theirs)
    for path in ("spec", "spec.tags", "spec.counts", "spec.size"):
        theirs, ours = both(recent, capsys, f"{word}.{path}")
        assert ours == theirs


@pytest.mark.parametrize(
    "path",
    [
        "deployment",
        "deployment.spec",
        "deployment.spec.replicas",
        "deploy.spec.template.spec.containers",
        "pod.spec.restartPolicy",
        "pod.metadata",
        "service.spec.ports",
        "configmap.data",
    ],
)
def test_one_level(recent: Kubectl, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One level reads as kubectl prints it."""
    theirs, ours = both(recent, capsys, path)
    assert ours == theirs


@pytest.mark.parametrize("path", ["deployment.spec.replica", "nosuchkind"])
def test_what_does_not_exist(kubectl: Kubectl, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown field or resource exits with 1, and one line naming it and the nearest known."""
    assert main(["--kubeconfig", kubectl.environment["KUBECONFIG"], "explain", path]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert path.rpartition(".")[2] in shown.err
    assert shown.err.count("\n") == 1
