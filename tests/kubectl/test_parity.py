"""`dynkube` and kubectl print the same for the same server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from dynkube.cli import main
from dynkube.objects import load_yaml

if TYPE_CHECKING:
    from kubectl.running import Kubectl

pytestmark = pytest.mark.kubectl


def both(kubectl: Kubectl, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[str, str]:
    """Return what kubectl and dynkube print for the same words."""
    theirs = kubectl.run(*words)
    capsys.readouterr()
    code = main(["--kubeconfig", kubectl.environment["KUBECONFIG"], "-n", kubectl.namespace, *words])
    ours = capsys.readouterr()
    assert (code, theirs.returncode) in {(0, 0), (1, 1)}
    return theirs.stdout + theirs.stderr, ours.out + ours.err


def ageless(text: str) -> str:
    """Return `text` without ages, which differ from one second to the next, and without the padding after them."""
    return re.sub(r"\b\d+[smhd]\b *", "AGE ", text)


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["-o", "wide"],
        ["-o", "name"],
        ["--namespaced=true"],
        ["--namespaced=false"],
        ["--verbs=list,watch"],
        ["--api-group=apps"],
        ["--api-group="],
        ["--categories=all"],
        ["--sort-by=name"],
        ["--sort-by=kind"],
        ["--no-headers"],
    ],
    ids=" ".join,
)
def test_api_resources(recent: Kubectl, options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The same rows, in the same columns and the same order.

    Other tests define kinds of their own meanwhile: their groups are left out on both sides.
    """
    theirs, ours = both(recent, capsys, "api-resources", *options)
    assert without_examples(ours) == without_examples(theirs)


def without_examples(text: str) -> list[list[str]]:
    """Return the words of each line that is not about another test's kinds."""
    return [line.split() for line in text.splitlines() if "example.com" not in line]


def test_api_versions(recent: Kubectl, capsys: pytest.CaptureFixture[str]) -> None:
    """The same group versions."""
    theirs, ours = both(recent, capsys, "api-versions")
    assert without_examples(ours) == without_examples(theirs)


@pytest.mark.parametrize(
    "words",
    [
        ["deploy"],
        ["deploy", "-o", "wide"],
        ["deploy", "web", "--no-headers"],
        ["cm,deploy"],
        ["cm,secrets,deploy"],
        ["deploy/web", "cm/a"],
        ["cm", "b", "a"],
        ["cm", "-l", "tier=front"],
        ["cm", "--show-labels"],
        ["cm", "-L", "tier"],
        ["cm", "missing"],
        ["cm", "a", "missing"],
        ["secrets"],
        ["svc,deploy", "-o", "wide"],
        ["all"],
        ["cm,deploy", "-o", "name"],
        ["cm", "a", "-o", "yaml"],
        ["cm,deploy", "-o", "yaml"],
        ["deploy", "web", "-o", "json"],
        ["deploy", "-o", "json"],
        ["cm", "a", "-o", "jsonpath={.data}"],
        ["cm", "a", "-o", "jsonpath=.data.k and {.data.k}{.missing}!"],
        ["cm,deploy", "-o", 'jsonpath={range .items[*]}{.kind}{"\\t"}{.metadata.name}{"\\n"}{end}'],
        ["cm", "a", "-o", "jsonpath={.metadata['name', 'namespace']}"],
        ["cm", "-o", "jsonpath={.items[?(@.data.k=='v')].metadata.name} {.kind} {$.apiVersion}"],
        ["deploy", "web", "-o", "jsonpath={.spec.replicas} {.spec.template.spec.containers[0].image} {..image}"],
        ["secrets", "-o", "jsonpath={.items}"],
        ["cm,deploy", "-o", "custom-columns=NAME:.metadata.name,KIND:.kind,K:.data.k,N:.spec.replicas"],
        ["cm", "a", "-o", "custom-columns=NAME:{.metadata.name}", "--no-headers"],
        ["cm", "--sort-by=.data.long"],
        ["cm", "--sort-by={.metadata.name}", "-o", "name"],
        ["deploy", "--sort-by=.spec.replicas"],
        ["deploy", "web", "--subresource=status"],
        ["deploy", "web", "--subresource=scale", "-o", "yaml"],
        ["cm", "--show-kind"],
        ["cm,deploy", "--no-headers"],
        ["cm", "a", "-o", "jsonpath={}"],
        ["cm", "a", "-o", "jsonpath={.metadata}"],
        ["cm", "-o", "jsonpath-as-json={.items[*].metadata.name}"],
        ["cm", "a", "-n", "nosuch"],
        ["--raw", "/healthz"],
        ["--raw", "/api/v1/namespaces/nosuch"],
    ],
    ids=" ".join,
)
def test_get(recent: Kubectl, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The same output, to the character, but for ages and for which quotes YAML is written with."""
    recent("create", "deployment", "web", "--image=busybox:1.36")
    recent("create", "configmap", "a", "--from-literal=k=v")
    recent("create", "configmap", "b", "--from-literal=long=one\ntwo")
    recent("label", "configmap", "a", "tier=front")
    recent("create", "service", "clusterip", "web", "--tcp=80:8080")
    theirs, ours = both(recent, capsys, "get", *words)
    if "yaml" in words:
        assert load_yaml(ours) == load_yaml(theirs)
        assert list(load_yaml(ours)) == list(load_yaml(theirs))
    else:
        assert ageless(ours) == ageless(theirs)


@pytest.mark.parametrize(
    "words",
    [
        ["can-i", "get", "pods"],
        ["can-i", "get", "pods", "--as=jane"],
        ["can-i", "get", "deploy/web", "--subresource=scale", "--as=jane"],
        ["can-i", "get", "/healthz", "--as=jane"],
        ["can-i", "*", "*", "-q"],
        ["can-i", "impersonate", "users"],
        ["whoami", "--as=jane", "--as-group=dev"],
    ],
    ids=" ".join,
)
def test_auth(recent: Kubectl, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The same answers, and the same exit codes."""
    theirs, ours = both(recent, capsys, "auth", *words)
    assert ours == theirs


@pytest.mark.parametrize(
    "words",
    [
        ["label", "deploy", "web", "tier=front"],
        ["label", "deploy", "web", "db", "app-"],
        ["label", "deploy", "-l", "app=web", "tier=front"],
        ["annotate", "deploy/web", "note=looked at"],
        ["scale", "deploy", "web", "--replicas=3"],
        ["scale", "deploy/web", "deploy/db", "--replicas=0"],
        ["scale", "deploy", "web", "--replicas=3", "--current-replicas=1"],
        ["patch", "deploy", "web", "-p", '{"spec":{"replicas":2}}'],
        ["patch", "deploy", "web", "--type=merge", "-p", '{"spec":{"replicas":2}}'],
        ["patch", "deploy", "web", "--type=json", "-p", '[{"op":"replace","path":"/spec/replicas","value":2}]'],
        ["patch", "deploy", "missing", "-p", "{}"],
        ["patch", "deploy", "web", "-p", '{"spec":{"replicas":2}}', "-o", "jsonpath={.spec.replicas}"],
        ["patch", "deploy", "web", "-p", '{"spec":{"replicas":-1}}'],
        ["delete", "deploy", "web", "--force"],
        ["delete", "deploy", "web", "db", "--now", "-o", "name"],
        ["delete", "deploy", "web", "--dry-run=server", "--force"],
    ],
    ids=" ".join,
)
def test_changing(recent: Kubectl, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The same words change the same and are answered with the same lines; each of the two begins anew."""
    shown = []
    for own in (False, True):
        recent("delete", "deployment", "--all")
        for name in ("web", "db"):
            recent("create", "deployment", name, "--image=busybox:1.36")
        if own:
            main(["--kubeconfig", recent.environment["KUBECONFIG"], "-n", recent.namespace, *words])
            captured = capsys.readouterr()
            text = captured.out + captured.err
        else:
            finished = recent.run(*words)
            text = finished.stdout + finished.stderr
        stored = load_yaml(recent("get", "deployment", "-o", "json"))["items"]
        parts = [(obj["metadata"].get("labels"), obj["metadata"].get("annotations"), obj["spec"]) for obj in stored]
        shown.append((text, parts))
    assert shown[1] == shown[0]
