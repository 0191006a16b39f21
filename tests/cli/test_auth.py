"""`dynkube auth`: what a user may do, and who they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from dynkube.cli.exits import OK, REFUSED, USAGE

if TYPE_CHECKING:
    from cli.running import Run
    from dynkube.dynamic import DynamicClient


@pytest.fixture(autouse=True)
def jane(dyn: DynamicClient, namespace: str) -> None:
    """Let jane read config maps, one secret and scales in the test's namespace."""
    rbac = "rbac.authorization.k8s.io"
    rules = [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["mine"], "verbs": ["get"]},
        {"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["get"]},
    ]
    dyn.resource(f"{rbac}/v1", "roles").namespace(namespace).create({"metadata": {"name": "reader"}, "rules": rules})
    dyn.resource(f"{rbac}/v1", "rolebindings").namespace(namespace).create(
        {
            "metadata": {"name": "jane"},
            "subjects": [{"kind": "User", "apiGroup": rbac, "name": "jane"}],
            "roleRef": {"kind": "Role", "apiGroup": rbac, "name": "reader"},
        }
    )


class TestCanI:
    @pytest.mark.parametrize(
        ("words", "allowed"),
        [
            (["get", "cm"], True),
            (["get", "configmaps/a"], True),
            (["delete", "cm"], False),
            (["list", "cm", "-A"], False),
            (["get", "secrets"], False),
            (["get", "secret/mine"], True),
            (["get", "deploy"], False),
            (["get", "deployments.apps", "--subresource=scale"], True),
            (["get", "/healthz"], True),
            (["get", "/metrics"], False),
            (["*", "*"], False),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else None,
    )
    def test_answers(self, run: Run, words: list[str], allowed: bool) -> None:
        """One word says it, and the exit code."""
        shown = run("auth", "can-i", *words, "--as=jane")
        assert shown == ((OK, "yes\n", "") if allowed else (REFUSED, "no\n", ""))

    def test_everything(self, run: Run) -> None:
        """An administrator may do all."""
        assert run("auth", "can-i", "*", "*").out == "yes\n"

    def test_quiet(self, run: Run) -> None:
        """For scripts the exit code is enough."""
        assert run("auth", "can-i", "get", "cm", "-q", "--as=jane") == (OK, "", "")
        assert run("auth", "can-i", "get", "pods", "-q", "--as=jane") == (REFUSED, "", "")

    def test_what_nobody_serves(self, run: Run) -> None:
        """It is asked about all the same, with a warning: it may be misspelt, or have rules before its definition."""
        shown = run("auth", "can-i", "get", "nosuch.example.com")
        assert shown == (OK, "yes\n", "Warning: the server doesn't have a resource type 'nosuch.example.com'\n")

    def test_whom_one_may_impersonate(self, run: Run) -> None:
        """Users and groups are no resources of the server, and still what rules may be about."""
        assert run("auth", "can-i", "impersonate", "users") == (OK, "yes\n", "")

    def test_what_has_no_namespace(self, run: Run) -> None:
        """It is asked about in the scope of the cluster: a role of the namespace says nothing of it."""
        shown = run("auth", "can-i", "get", "nodes", "--as=jane")
        assert shown == (REFUSED, "no\n", "Warning: resource 'nodes' is not namespace scoped\n")

    def test_list(self, run: Run) -> None:
        """`--list` shows every rule once, resources and then URLs."""
        shown = run("auth", "can-i", "--list", "--as=jane")
        rows = [line.split() for line in shown.lines]
        assert rows[0] == ["Resources", "Non-Resource", "URLs", "Resource", "Names", "Verbs"]
        assert ["configmaps", "[]", "[]", "[get", "list]"] in rows
        assert ["secrets", "[]", "[mine]", "[get]"] in rows
        assert ["deployments.apps/scale", "[]", "[]", "[get]"] in rows
        assert ["[/healthz]", "[]", "[get]"] in rows
        assert len(set(map(tuple, rows))) == len(rows)

    @pytest.mark.parametrize(
        "words", [[], ["get"], ["get", "cm", "--list"], ["--list", "-A"], ["get", "cm", "a"]], ids=" ".join
    )
    def test_mistakes(self, run: Run, words: list[str]) -> None:
        """What is no question exits with 2."""
        shown = run("auth", "can-i", *words)
        assert (shown.code, shown.out) == (USAGE, "")


class TestWhoAmI:
    def test_attributes(self, run: Run) -> None:
        """Name and groups are those the server sees, impersonation included."""
        shown = run("auth", "whoami", "--as=jane", "--as-group=dev")
        assert [line.split(maxsplit=1) for line in shown.lines] == [
            ["ATTRIBUTE", "VALUE"],
            ["Username", "jane"],
            ["Groups", "[dev system:authenticated]"],
        ]

    def test_whole_answer(self, run: Run) -> None:
        """`-o json` prints the review."""
        review = json.loads(run("auth", "whoami", "-o", "json", "--as=jane").out)
        assert (review["kind"], review["status"]["userInfo"]["username"]) == ("SelfSubjectReview", "jane")
