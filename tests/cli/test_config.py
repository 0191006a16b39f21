"""`dynkube config`: what kubeconfig files say, and changing them."""

from __future__ import annotations

import base64
import json
import stat
from typing import TYPE_CHECKING

import pytest

from dynkube.cli import main
from dynkube.cli.exits import OK, USAGE
from dynkube.objects import load_yaml

if TYPE_CHECKING:
    from pathlib import Path

KUBECONFIG = """
apiVersion: v1
kind: Config
note: kept by whoever wrote it
clusters:
- {name: a, cluster: {server: "https://a.example:6443"}}
- {name: b, cluster: {server: "https://b.example:6443", insecure-skip-tls-verify: true}}
contexts:
- {name: one, context: {cluster: a, user: u}}
- {name: two, context: {cluster: b, user: u, namespace: shop}}
users:
- {name: u, user: {token: very-secret}}
current-context: one
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a kubeconfig with two contexts and make it the environment's."""
    path = tmp_path / "config"
    path.write_text(KUBECONFIG)
    path.chmod(0o640)
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path


def run(*words: str) -> int:
    """Run `dynkube config WORDS...`."""
    return main(["config", *words])


class TestReading:
    def test_contexts(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Contexts are printed by name, the current one marked."""
        assert run("get-contexts") == OK
        assert capsys.readouterr().out.splitlines() == [
            "CURRENT   NAME   CLUSTER   AUTHINFO   NAMESPACE",
            "*         one    a         u          ",
            "          two    b         u          shop",
        ]

    def test_names_of_contexts(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """`-o name` prints names alone; a name that does not exist is reported."""
        assert run("get-contexts", "-o", "name") == OK
        assert capsys.readouterr().out == "one\ntwo\n"
        assert run("get-contexts", "two", "nosuch", "-o", "name") == USAGE
        shown = capsys.readouterr()
        assert (shown.out, shown.err) == ("two\n", "error: context nosuch not found\n")

    def test_clusters_and_users(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Clusters and users are printed by name."""
        assert run("get-clusters") == OK
        assert run("get-users") == OK
        assert capsys.readouterr().out == "NAME\na\nb\nNAME\nu\n"

    def test_current_context(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """The current context is printed; none is an error."""
        assert run("current-context") == OK
        assert capsys.readouterr().out == "one\n"
        path.write_text("{apiVersion: v1, kind: Config}")
        assert run("current-context") == USAGE
        assert capsys.readouterr().err == "error: current-context is not set\n"

    def test_view_hides_secrets(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """`view` shows the configuration and no token; `--raw` shows all of it."""
        assert run("view") == OK
        shown = capsys.readouterr().out
        assert "very-secret" not in shown
        assert [each["name"] for each in load_yaml(shown)["contexts"]] == ["one", "two"]
        assert run("view", "--raw", "-o", "json") == OK
        assert json.loads(capsys.readouterr().out)["users"][0]["user"]["token"] == "very-secret"

    def test_view_of_one_context(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """`--minify` keeps what one context uses."""
        assert run("view", "--minify", "--context", "two") == OK
        assert [each["name"] for each in load_yaml(capsys.readouterr().out)["clusters"]] == ["b"]

    def test_a_broken_file(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """A file that cannot be read as a kubeconfig is named, in one line."""
        path.write_text("clusters: [")
        assert run("view") == USAGE
        err = capsys.readouterr().err
        assert str(path) in err
        assert err.count("\n") == 1


class TestWriting:
    def test_use_context(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """The current context changes, and nothing else: mode and unknown fields stay."""
        assert run("use-context", "two") == OK
        assert capsys.readouterr().out == 'Switched to context "two".\n'
        document = load_yaml(path.read_text())
        assert document["current-context"] == "two"
        assert document["note"] == "kept by whoever wrote it"
        assert stat.S_IMODE(path.stat().st_mode) == 0o640

    def test_use_a_context_that_is_not_there(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """A context that does not exist is refused and the file left alone."""
        before = path.read_bytes()
        assert run("use-context", "nosuch") == USAGE
        assert "nosuch" in capsys.readouterr().err
        assert path.read_bytes() == before

    def test_set_cluster(self, path: Path, tmp_path: Path) -> None:
        """Fields of a cluster change, the others stay; an authority ends skipping verification."""
        (tmp_path / "ca.pem").write_text("certificate")
        authority = str(tmp_path / "ca.pem")
        assert run("set-cluster", "b", "--certificate-authority", authority, "--embed-certs") == OK
        cluster = load_yaml(path.read_text())["clusters"][1]["cluster"]
        assert cluster == {
            "server": "https://b.example:6443",
            "certificate-authority-data": base64.b64encode(b"certificate").decode(),
        }
        assert run("set-cluster", "b", "--insecure-skip-tls-verify") == OK
        assert load_yaml(path.read_text())["clusters"][1]["cluster"] == {
            "server": "https://b.example:6443",
            "insecure-skip-tls-verify": True,
        }

    def test_set_credentials(self, path: Path) -> None:
        """One way of authentication replaces another that excludes it."""
        assert run("set-credentials", "u", "--username", "admin", "--password", "x") == OK
        assert load_yaml(path.read_text())["users"][0]["user"] == {"username": "admin", "password": "x"}
        assert run("set-credentials", "u", "--token", "t") == OK
        assert load_yaml(path.read_text())["users"][0]["user"] == {"token": "t"}

    def test_set_credentials_of_a_program(self, path: Path) -> None:
        """A program that produces the credential, its arguments and environment."""
        words = ("--exec-command", "login", "--exec-arg=--now", "--exec-env", "A=b=c")
        assert run("set-credentials", "p", *words) == OK
        users = {each["name"]: each["user"] for each in load_yaml(path.read_text())["users"]}
        assert users["p"]["exec"] == {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "login",
            "args": ["--now"],
            "env": [{"name": "A", "value": "b=c"}],
            "interactiveMode": "IfAvailable",
        }

    def test_set_context(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """A context is changed or added; an empty word removes a field."""
        assert run("set-context", "--current", "--namespace", "prod") == OK
        assert run("set-context", "three", "--cluster", "a", "--user", "u") == OK
        assert run("set-context", "two", "--namespace=") == OK
        assert capsys.readouterr().out.splitlines() == [
            'Context "one" modified.',
            'Context "three" created.',
            'Context "two" modified.',
        ]
        contexts = {each["name"]: each["context"] for each in load_yaml(path.read_text())["contexts"]}
        assert contexts["one"] == {"cluster": "a", "user": "u", "namespace": "prod"}
        assert contexts["three"] == {"cluster": "a", "user": "u"}
        assert contexts["two"] == {"cluster": "b", "user": "u"}

    def test_delete(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Stanzas go, each from its file, which is named."""
        assert run("delete-context", "two") == OK
        assert run("delete-cluster", "b") == OK
        assert run("delete-user", "u") == OK
        assert capsys.readouterr().out.splitlines() == [
            f"deleted context two from {path}",
            f"deleted cluster b from {path}",
            f"deleted user u from {path}",
        ]
        document = load_yaml(path.read_text())
        assert [each["name"] for each in document["contexts"]] == ["one"]
        assert [each["name"] for each in document["clusters"]] == ["a"]
        assert not document.get("users")

    def test_rename_context(self, path: Path) -> None:
        """A context gets another name, and stays the current one if it was."""
        assert run("rename-context", "one", "uno") == OK
        document = load_yaml(path.read_text())
        assert [each["name"] for each in document["contexts"]] == ["uno", "two"]
        assert document["current-context"] == "uno"

    def test_the_first_file(self, tmp_path: Path) -> None:
        """The first `set-…` makes the file, for its owner alone."""
        path = tmp_path / "new" / "config"
        for words in (("set-cluster", "c", "--server=https://c.example"), ("set-context", "c", "--cluster=c")):
            assert run(*words, "--kubeconfig", str(path)) == OK
        assert load_yaml(path.read_text())["clusters"][0]["cluster"]["server"] == "https://c.example"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["set-context"], "which context?"),
            (["set-context", "one", "--current"], "which context?"),
            (["set-credentials", "u", "--token=t", "--username=x"], "exclude each other"),
            (["set-credentials", "u", "--exec-arg=x"], "--exec-command"),
            (["set-credentials", "u", "--exec-command=x", "--exec-env=oops"], "NAME=VALUE"),
            (["set-cluster", "a", "--embed-certs", "--certificate-authority=/dev/null/x"], "/dev/null/x"),
            (["delete-user", "nosuch"], "nosuch"),
            (["rename-context", "nosuch", "x"], "nosuch"),
            (["rename-context", "one", "two"], "two"),
            (["use-context"], "CONTEXT"),
        ],
    )
    def test_mistakes(self, path: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
        """What cannot be meant exits with 2, one line, and leaves the file alone."""
        before = path.read_bytes()
        assert run(*words) == USAGE
        err = capsys.readouterr().err
        assert message in err
        assert err.count("\n") == 1
        assert path.read_bytes() == before
