"""The options that take the place of single fields of the kubeconfig, by kubectl's names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynkube.cli import main
from dynkube.cli.cluster import Cluster
from dynkube.cli.exits import OK, REFUSED, USAGE
from dynkube.cli.parsing import COMMANDS, parse
from dynkube.testing import APIServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cli.running import Run
    from dynkube.config import Config

#: Two clusters, two users and a context that uses the first of each.
KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: one
contexts:
- {name: one, context: {cluster: first, user: alice}}
clusters:
- {name: first, cluster: {server: "https://first.example:6443", tls-server-name: inside.example}}
- {name: second, cluster: {server: "https://second.example:6443"}}
users:
- {name: alice, user: {token: of-alice}}
- {name: bob, user: {token: of-bob}}
"""


@pytest.fixture
def kubeconfig_of_two(tmp_path: Path) -> Path:
    """Write the kubeconfig above."""
    path = tmp_path / "two"
    path.write_text(KUBECONFIG)
    return path


def config_of(kubeconfig: Path, *words: str) -> Config:
    """Return the configuration `dynkube --kubeconfig ... WORDS version` would use."""
    with Cluster(parse(["--kubeconfig", str(kubeconfig), *words, "version"])) as cluster:
        return cluster.dyn.config


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        ([], "host", "https://first.example:6443"),
        (["--cluster", "second"], "host", "https://second.example:6443"),
        (["--user=bob"], "bearer_token", "of-bob"),
        (["-s", "https://third.example"], "host", "https://third.example"),
        (["--server", "https://third.example"], "tls_server_name", None),
        (["--token", "mine"], "bearer_token", "mine"),
        (["--certificate-authority", "/etc/ca.crt"], "ca_file", "/etc/ca.crt"),
        (["--tls-server-name", "other.example"], "tls_server_name", "other.example"),
        (["--insecure-skip-tls-verify"], "insecure", True),
        (["--insecure-skip-tls-verify=true"], "insecure", True),
        (["--insecure-skip-tls-verify=false"], "insecure", False),
        (["--disable-compression"], "disable_compression", True),
    ],
)
def test_fields(kubeconfig_of_two: Path, words: list[str], field: str, value: object) -> None:
    """Each option wins over the kubeconfig's field."""
    assert getattr(config_of(kubeconfig_of_two, *words), field) == value


def test_client_certificate(kubeconfig_of_two: Path) -> None:
    """A certificate and its key are given together."""
    config = config_of(kubeconfig_of_two, "--client-certificate=/etc/me.crt", "--client-key=/etc/me.key")
    assert (config.cert_file, config.key_file) == ("/etc/me.crt", "/etc/me.key")


def test_basic_authentication(kubeconfig_of_two: Path, tmp_path: Path) -> None:
    """A name and a password are used where the kubeconfig's user has no token."""
    path = tmp_path / "no-user"
    path.write_text(KUBECONFIG.replace(", user: alice}", "}"))
    config = config_of(path, "--username", "me", "--password", "sesame")
    assert (config.username, config.password) == ("me", "sesame")


def test_impersonation(kubeconfig_of_two: Path) -> None:
    """`--as`, `--as-uid` and `--as-group` name whom to act as."""
    config = config_of(kubeconfig_of_two, "--as", "jane", "--as-uid", "7", "--as-group", "a", "--as-group", "b")
    assert config.impersonate is not None
    assert (config.impersonate.user, config.impersonate.uid, config.impersonate.groups) == ("jane", "7", ("a", "b"))


@pytest.mark.parametrize(("words", "limit"), [(["--request-timeout=1m30s"], 90.0), (["--request-timeout", "0"], None)])
def test_request_timeout(kubeconfig_of_two: Path, words: list[str], limit: float | None) -> None:
    """A length of time limits connecting and every wait for data; 0 takes the limits away."""
    timeout = config_of(kubeconfig_of_two, *words).timeout
    assert (timeout.connect, timeout.read) == (limit, limit)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--cluster", "thrid"], "cluster 'thrid' is not defined"),
        (["--user", "bbo"], "user 'bbo' is not defined; did you mean 'bob'?"),
        (["--context", "two"], "context 'two' is not defined"),
        (["--as-uid", "7"], "needs a user"),
        (["--client-certificate", "/etc/me.crt"], "its key is missing"),
        (["--insecure-skip-tls-verify", "--certificate-authority=/etc/ca.crt"], "choose one"),
        (["--server", "ftp://x"], "ftp"),
        (["--insecure-skip-tls-verify=maybe"], "--insecure-skip-tls-verify"),
        (["--token", "with\nbreak"], "token"),
    ],
)
def test_mistakes(kubeconfig_of_two: Path, words: list[str], problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be used exits with 2 and one line; nothing is sent, and no secret is shown."""
    assert main(["--kubeconfig", str(kubeconfig_of_two), *words, "get", "pods"]) == USAGE
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert problem in shown.err
    assert "of-alice" not in shown.err


def test_without_a_kubeconfig(
    server: APIServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--server` is enough where there is no kubeconfig at all."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    assert main(["-s", server.url, "get", "ns", "default", "-o", "name"]) == OK
    assert capsys.readouterr().out == "namespace/default\n"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[APIServer]:
    """Run a server behind TLS that lets in who has its token."""
    tokens = tmp_path_factory.mktemp("tokens") / "tokens"
    tokens.write_text('sesame,alice,1,"system:masters"\n')
    with APIServer(tls=True, token_auth_file=tokens) as server:
        yield server


def test_a_guarded_server(guarded: APIServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Address, authority, name and token on the command line are all it takes; without one there is no way in."""
    authority = tmp_path / "ca.crt"
    assert guarded.ca is not None
    authority.write_bytes(guarded.ca)
    empty = tmp_path / "empty"
    empty.write_text("apiVersion: v1\nkind: Config\n")
    words = ["--kubeconfig", str(empty), "get", "ns", "default", "-o", "name", "--server", guarded.url]
    trusted = ["--certificate-authority", str(authority)]
    assert main([*words, "--token=sesame", *trusted]) == OK
    assert main([*words, "--token=sesame", *trusted, "--tls-server-name=kubernetes.default.svc"]) == OK
    assert main([*words, "--token=sesame", "--insecure-skip-tls-verify"]) == OK
    capsys.readouterr()
    for refused in (
        ["--token=sesame"],
        ["--token=sesame", *trusted, "--tls-server-name=elsewhere.example"],
        ["--token=wrong", *trusted],
        trusted,
    ):
        assert main([*words, *refused]) == REFUSED
        shown = capsys.readouterr()
        assert (shown.out, shown.err.count("\n")) == ("", 1)
        assert "sesame" not in shown.err


def test_which_credential_was_refused(guarded: APIServer, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A server that does not know the caller is no riddle: the kind of credential and where it is from are said."""
    guarded.write_kubeconfig(tmp_path / "config")
    assert main(["--kubeconfig", str(tmp_path / "config"), "--token=wrong-one", "get", "ns"]) == REFUSED
    shown = capsys.readouterr().err
    assert shown.startswith("Error from server (Unauthorized): Unauthorized (sent: bearer token")
    assert "wrong-one" not in shown


def test_a_folder_for_discovery(server: APIServer, run: Run, tmp_path: Path) -> None:
    """`--cache-dir` keeps what the server offers, so that the next command does not ask again."""
    words = ("get", "cm", "-o", "name", "--cache-dir", str(tmp_path / "cache"))
    run(*words)
    server.clear_requests()
    assert run(*words).code == OK
    assert [request.path for request in server.requests if request.path in {"/api", "/apis"}] == []
    assert run("api-resources", "--cached", "--cache-dir", str(tmp_path / "cache")).code == OK
    assert [request.path for request in server.requests if request.path in {"/api", "/apis"}] == []
    assert run("api-resources", "--cache-dir", str(tmp_path / "cache")).code == OK
    assert sorted({request.path for request in server.requests} & {"/api", "/apis"}) == ["/api", "/apis"]


@pytest.mark.parametrize("command", [each.name for each in COMMANDS if not each.name.startswith("config ")])
def test_every_command_takes_them(command: str) -> None:
    """The options stand before any command that speaks to a cluster; `config` has its own of these names."""
    required = {
        "wait": ["--for=delete"],
        "scale": ["--replicas=1"],
        "explain": ["pods"],
        "exec": ["web"],
        "attach": ["web"],
        "port-forward": ["web", "80"],
        "cp": ["web:/etc/hosts", "hosts"],
    }
    options = parse(["--server", "get", "--user", "delete", *command.split(), *required.get(command, [])])
    assert (options.server, options.user) == ("get", "delete")
