"""`dynkube patch`, `scale`, `label` and `annotate`: objects changed in place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cli.objects import config_map, deployment
from dynkube.cli.exits import OK, REFUSED, USAGE

if TYPE_CHECKING:
    from pathlib import Path

    from cli.running import Run
    from dynkube.dynamic import DynamicClient, Resource
    from dynkube.testing import APIServer


@pytest.fixture(autouse=True)
def deployments(dyn: DynamicClient, namespace: str) -> Resource:
    """Make two deployments and return their resource."""
    resource = dyn.resource("apps/v1", "deployments").namespace(namespace)
    resource.create(deployment("web", labels={"app": "web"}))
    resource.create(deployment("db"))
    return resource


class TestPatch:
    def test_strategic(self, run: Run, deployments: Resource) -> None:
        """The default patch merges lists by their keys, as kubectl's does: the other container stays."""
        body = '{"spec": {"template": {"spec": {"containers": [{"name": "more", "image": "x"}]}}}}'
        assert run("patch", "deploy", "web", "-p", body) == (OK, "deployment.apps/web patched\n", "")
        containers = deployments.get("web")["spec"]["template"]["spec"]["containers"]
        assert [each["name"] for each in containers] == ["more", "main"]

    def test_merge_as_yaml(self, run: Run, deployments: Resource) -> None:
        """A patch may be YAML, and a merge patch removes with null."""
        assert run("patch", "deploy/web", "--type=merge", "-p", "metadata: {labels: {app: null}}").code == OK
        assert "labels" not in deployments.get("web")["metadata"]

    def test_json(self, run: Run, deployments: Resource) -> None:
        """A JSON patch is a list of operations."""
        body = '[{"op": "replace", "path": "/spec/replicas", "value": 7}]'
        assert run("patch", "deploy", "web", "db", "--type=json", "-p", body).lines == [
            "deployment.apps/web patched",
            "deployment.apps/db patched",
        ]
        assert deployments.get("db")["spec"]["replicas"] == 7

    def test_from_a_file(self, run: Run, deployments: Resource, tmp_path: Path) -> None:
        """`--patch-file` reads it from a file."""
        (tmp_path / "p.yaml").write_text("spec:\n  replicas: 4\n")
        assert run("patch", "deploy", "web", "--patch-file", f"{tmp_path}/p.yaml").code == OK
        assert deployments.get("web")["spec"]["replicas"] == 4

    def test_subresource(self, run: Run, deployments: Resource) -> None:
        """`--subresource` changes that, and the line names the object."""
        body = '{"spec": {"replicas": 3}}'
        shown = run("patch", "deploy", "web", "--subresource=scale", "--type=merge", "-p", body)
        assert shown == (OK, "deployment.apps/web patched\n", "")
        assert deployments.get("web")["spec"]["replicas"] == 3

    def test_dry_run(self, run: Run, deployments: Resource) -> None:
        """A dry run prints what would be and stores nothing."""
        shown = run("patch", "deploy", "web", "-p", '{"spec": {"replicas": 9}}', "--dry-run=server", "-o", "json")
        assert json.loads(shown.out)["spec"]["replicas"] == 9
        assert deployments.get("web")["spec"]["replicas"] == 1

    def test_output(self, run: Run) -> None:
        """The answer is printed in any form of `get`."""
        shown = run("patch", "deploy", "web", "-p", '{"spec": {"replicas": 2}}', "-o", "jsonpath={.spec.replicas}")
        assert shown == (OK, "2", "")

    def test_refused(self, run: Run) -> None:
        """What the server refuses is told in its words; the others are patched."""
        shown = run("patch", "deploy", "missing", "web", "-p", "{}")
        assert (shown.code, shown.lines) == (REFUSED, ["deployment.apps/web patched"])
        assert 'deployments.apps "missing" not found' in shown.err

    @pytest.mark.parametrize(
        ("words", "problem"),
        [
            (["deploy", "web"], "what is to change?"),
            (["deploy", "web", "-p", "{}", "--patch-file", "x"], "what is to change?"),
            (["deploy", "web", "-p", "[]"], "a patch of type strategic is an object"),
            (["deploy", "web", "--type=json", "-p", "{}"], "a patch of type json is a list of operations"),
            (["deploy", "web", "-p", "{"], "line"),
            (["deploy", "web", "--type=smart", "-p", "{}"], "invalid choice: 'smart'"),
            (["deploy", "web", "--patch-file", "/nowhere/p"], "/nowhere/p"),
            (["deploy", "-p", "{}"], "say which objects"),
            (["deploy", "web", "-p", "{}", "--subresource=../x"], "subresource '..'"),
            (["deploy", "web", "-p", "{}", "--subresource=scales"], "no subresource 'scales'"),
        ],
    )
    def test_mistakes(self, run: Run, words: list[str], problem: str) -> None:
        """What cannot be meant exits with 2 and one line."""
        shown = run("patch", *words)
        assert (shown.code, shown.out) == (USAGE, "")
        assert problem in shown.err
        assert shown.err.count("\n") == 1


class TestScale:
    def test_replicas(self, run: Run, deployments: Resource) -> None:
        """The scale subresource is what changes."""
        assert run("scale", "deploy", "web", "--replicas=3") == (OK, "deployment.apps/web scaled\n", "")
        assert deployments.get("web")["spec"]["replicas"] == 3

    def test_several(self, run: Run, deployments: Resource) -> None:
        """Names, selectors and files mean objects as everywhere."""
        assert run("scale", "deploy", "--all", "--replicas=0", "-o", "name").code == OK
        assert [obj["spec"]["replicas"] for obj in deployments.list()["items"]] == [0, 0]

    def test_only_from(self, run: Run, deployments: Resource) -> None:
        """`--current-replicas` changes nothing where the number is another."""
        assert run("scale", "deploy/web", "--replicas=5", "--current-replicas=1").code == OK
        shown = run("scale", "deploy/web", "--replicas=7", "--current-replicas=1")
        assert (shown.code, shown.out) == (REFUSED, "")
        assert shown.err == "error: deployment.apps/web has 5 replicas, not 1: left as it is\n"
        assert deployments.get("web")["spec"]["replicas"] == 5

    def test_a_conflict_is_looked_at_again(
        self, run: Run, server: APIServer, deployments: Resource, namespace: str
    ) -> None:
        """A status written between look and change does not stop it: it looks again."""
        now = deployments.get("web")["spec"]["replicas"]
        server.inject(
            "error", status=409, method="PATCH", path=f"*/namespaces/{namespace}/deployments/web/scale*", count=1
        )
        assert run("scale", "deploy", "web", f"--current-replicas={now}", "--replicas=5").code == OK
        assert deployments.get("web")["spec"]["replicas"] == 5

    @pytest.mark.parametrize(
        ("words", "problem"),
        [
            (["deploy", "web"], "--replicas"),
            (["deploy", "web", "--replicas=many"], "invalid int value: 'many'"),
            (["deploy", "web", "--replicas=-1"], "--replicas cannot be -1"),
            (["cm", "web", "--replicas=1"], "no subresource 'scale'"),
        ],
    )
    def test_mistakes(self, run: Run, words: list[str], problem: str) -> None:
        """What cannot be meant exits with 2 and one line."""
        shown = run("scale", *words)
        assert (shown.code, shown.out) == (USAGE, "")
        assert problem in shown.err


@pytest.mark.parametrize(
    ("command", "field", "done"), [("label", "labels", "labeled"), ("annotate", "annotations", "annotated")]
)
class TestMarks:
    @pytest.fixture(autouse=True)
    def marked(self, dyn: DynamicClient, namespace: str, field: str) -> Resource:
        """Make a config map that bears a mark."""
        resource = dyn.resource("cm").namespace(namespace)
        resource.create(config_map("a", **{field: {"old": "1"}}))
        return resource

    def test_set_and_removed(self, run: Run, marked: Resource, command: str, field: str, done: str) -> None:
        """KEY=VALUE sets, KEY- removes; a value may hold "=" and be empty."""
        assert run(command, "cm", "a", "new=", "old-") == (OK, f"configmap/a {done}\n", "")
        assert marked.get("a")["metadata"][field] == {"new": ""}

    def test_nothing_to_do(self, run: Run, command: str, field: str, done: str) -> None:
        """Where everything is as wished nothing is sent, and the line says so."""
        assert run(command, "cm/a", "old=1", "absent-").out == f"configmap/a not {done}\n"

    def test_none_is_replaced_by_accident(
        self, run: Run, marked: Resource, command: str, field: str, done: str
    ) -> None:
        """Another value is replaced with `--overwrite` only."""
        shown = run(command, "cm", "a", "old=2")
        assert (shown.code, shown.out) == (REFUSED, "")
        assert shown.err == "error: configmap/a has old=1 already: --overwrite replaces it; left as it is\n"
        assert run(command, "cm", "a", "old=2", "--overwrite").code == OK
        assert marked.get("a")["metadata"][field] == {"old": "2"}

    def test_a_conflict_is_looked_at_again(
        self, run: Run, server: APIServer, marked: Resource, namespace: str, command: str, field: str, done: str
    ) -> None:
        """A status written between look and patch does not stop it: it looks again."""
        server.inject("error", status=409, method="PATCH", path=f"*/namespaces/{namespace}/configmaps/a*", count=1)
        assert run(command, "cm", "a", "new=1") == (OK, f"configmap/a {done}\n", "")
        assert marked.get("a")["metadata"][field] == {"old": "1", "new": "1"}

    def test_selected(self, run: Run, marked: Resource, command: str, field: str, done: str) -> None:
        """Selectors mean objects as everywhere; a dry run stores nothing."""
        shown = run(command, "cm", "--field-selector=metadata.name=a", "new=x", "--dry-run=server")
        assert shown.out == f"configmap/a {done} (server dry run)\n"
        assert "new" not in marked.get("a")["metadata"][field]

    @pytest.mark.parametrize(
        ("words", "problem"),
        [
            (["cm", "a"], "For example: dynkube"),
            (["cm", "a", "=x"], "'=x' has no key"),
            (["cm", "a", "-", "b=c"], "'-' has no key"),
            (["cm", "a", "k=1", "k=2"], "'k' is given twice"),
            (["cm", "k=v"], "say which objects"),
            (["k=v"], "which resource?"),
        ],
    )
    def test_mistakes(self, run: Run, words: list[str], problem: str, command: str, field: str, done: str) -> None:
        """What cannot be meant exits with 2 and one line."""
        shown = run(command, *words)
        assert (shown.code, shown.out) == (USAGE, "")
        assert problem in shown.err
