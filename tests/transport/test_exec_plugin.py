"""Credential plug-ins: real commands where the process matters, a stand-in where only time does."""

from __future__ import annotations

import base64
import json
import os
import ssl
import sys
import threading
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.config import Config, ExecConfig
from dynkube.errors import AuthenticationError
from dynkube.transport import HTTPRequest, Transport
from dynkube.transport import exec_plugin as plugin_module
from dynkube.transport.exec_plugin import ExecCredentials, Outcome, parse_time
from transport.servers import answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from transport.certificates import Authority, Identity
    from transport.servers import Peer, Received, Server

GET = HTTPRequest("GET", "/api")
V1 = "client.authentication.k8s.io/v1"
V1BETA1 = "client.authentication.k8s.io/v1beta1"


def _reply(version: str = V1, **status: Any) -> bytes:
    return json.dumps({"kind": "ExecCredential", "apiVersion": version, "status": status}).encode()


def _script(tmp_path: Path, source: str, **options: Any) -> ExecConfig:
    path = tmp_path / "plugin.py"
    path.write_text(source)
    settings: dict[str, Any] = {"api_version": V1, "interactive_mode": "Never", **options}
    arguments = ("-I", "-S", str(path), *settings.pop("args", ()))
    return ExecConfig(command=sys.executable, args=arguments, **settings)


def _stand_in(*replies: bytes, exit_code: int = 0, stderr: str = "") -> Callable[..., Outcome]:
    left = list(replies)

    def run(command: ExecConfig, environment: Mapping[str, str], interactive: bool) -> Outcome:
        return Outcome(exit_code, left.pop(0) if len(left) > 1 else left[0], stderr)

    return run


def _config(**options: Any) -> Config:
    provider = ExecConfig(command="plugin", api_version=V1, interactive_mode="Never", **options)
    return Config(host="https://x", exec_provider=provider)


PRINT_ALL = """
import json, os, sys
print(json.dumps({"kind": "ExecCredential", "apiVersion": "%s", "status": {"token": json.dumps({
    "args": sys.argv[1:], "env": os.environ.get("MY_VARIABLE"), "inherited": "PATH" in os.environ,
    "info": json.loads(os.environ["KUBERNETES_EXEC_INFO"]), "stdin": sys.stdin.read()})}}))
"""


@pytest.mark.parametrize("version", [V1, V1BETA1])
def test_the_plugin_is_told_what_is_configured(version: str, tmp_path: Path, authority: Authority) -> None:
    """Arguments, environment and KUBERNETES_EXEC_INFO with the cluster reach the command; standard input does not."""
    ca_file = tmp_path / "ca.crt"
    ca_file.write_bytes(authority.certificate)
    provider = _script(
        tmp_path,
        PRINT_ALL % version,
        api_version=version,
        args=("get-token", "--cluster=a b"),
        env=(("MY_VARIABLE", "mine"),),
        provide_cluster_info=True,
        cluster_extension={"audience": "x"},
    )
    config = Config(
        host="https://kube.example:6443",
        ca_file=str(ca_file),
        tls_server_name="name",
        proxy_url="http://proxy:3128",
        disable_compression=True,
        exec_provider=provider,
    )
    grant = ExecCredentials(config).grant()
    told = json.loads(grant.authorization.decode().removeprefix("Authorization: Bearer "))
    assert told["args"] == ["get-token", "--cluster=a b"]
    assert (told["env"], told["inherited"], told["stdin"]) == ("mine", True, "")
    assert told["info"] == {
        "kind": "ExecCredential",
        "apiVersion": version,
        "spec": {
            "interactive": False,
            "cluster": {
                "server": "https://kube.example:6443",
                "tls-server-name": "name",
                "certificate-authority-data": base64.b64encode(authority.certificate).decode(),
                "proxy-url": "http://proxy:3128",
                "disable-compression": True,
                "config": {"audience": "x"},
            },
        },
    }


def test_the_cluster_is_not_told_unless_asked_for(tmp_path: Path) -> None:
    """Without provideClusterInfo the plug-in learns nothing of the cluster."""
    grant = ExecCredentials(Config(host="https://x", exec_provider=_script(tmp_path, PRINT_ALL % V1))).grant()
    told = json.loads(grant.authorization.decode().removeprefix("Authorization: Bearer "))
    assert told["info"]["spec"] == {"interactive": False}


def test_a_reply_in_yaml_will_do() -> None:
    """The reply may be YAML, as client-go's decoder accepts it."""
    reply = f"kind: ExecCredential\napiVersion: {V1}\nstatus:\n  token: yaml-token\n".encode()
    assert ExecCredentials(_config(), run=_stand_in(reply)).grant().authorization.endswith(b"yaml-token\r\n")


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (b"hunter2 {", "neither JSON nor YAML|did not print an ExecCredential"),
        (b" \n", "printed nothing"),
        (b"[]", "did not print an ExecCredential"),
        (json.dumps({"kind": "Pod", "apiVersion": V1}).encode(), "did not print an ExecCredential"),
        (_reply(V1BETA1, token="hunter2"), "v1beta1' is|answered in version"),
        (json.dumps({"kind": "ExecCredential", "apiVersion": V1}).encode(), "without a status"),
        (_reply(), "neither a token nor a client certificate"),
        (_reply(token=""), "neither a token nor a client certificate"),
        (_reply(token=7), "no string"),
        (_reply(clientCertificateData="x"), "only one of"),
        (_reply(clientKeyData="hunter2"), "only one of"),
        (_reply(token="hunter2", expirationTimestamp="tomorrow"), "no RFC 3339 time"),
        (_reply(token="hunter2\r\nX: y"), "cannot stand in a header"),
    ],
)
def test_a_reply_that_is_none_is_explained(reply: bytes, message: str) -> None:
    """Whatever is wrong with a reply is an AuthenticationError that names the command and shows nothing secret."""
    with pytest.raises(AuthenticationError, match=message) as caught:
        ExecCredentials(_config(), run=_stand_in(reply)).grant()
    assert "credential plug-in 'plugin'" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.command == "plugin"


def test_a_failing_plugin_says_why_without_its_secrets(tmp_path: Path) -> None:
    """Exit code and standard error are in the exception; secrets in them are masked, and the install hint follows."""
    source = """
import sys
sys.stderr.write("login failed: password=hunter2 token: hunter3 envy eyJhbGciOi.eyJzdWIiOiIx.c2ln\\n")
sys.exit(3)
"""
    provider = _script(tmp_path, source, env=(("SECRET", "envy"),), install_hint="Install it with care.")
    with pytest.raises(AuthenticationError) as caught:
        ExecCredentials(Config(host="https://x", exec_provider=provider)).grant()
    error = caught.value
    assert (error.exit_code, error.command) == (3, sys.executable)
    assert "login failed" in str(error)
    assert "Install it with care." in str(error)
    for secret in ("hunter2", "hunter3", "envy", "eyJhbGciOi"):
        assert secret not in str(error) + error.stderr


def test_a_missing_command_is_named_with_its_hint() -> None:
    """A command that is not installed is named, with the way to get it."""
    provider = ExecConfig(
        command="no-such-plugin-at-all", api_version=V1, interactive_mode="Never", install_hint="See https://x"
    )
    with pytest.raises(AuthenticationError, match=r"(?s)'no-such-plugin-at-all' was not found.*See https://x"):
        ExecCredentials(Config(host="https://x", exec_provider=provider)).grant()


def test_a_command_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    """A file without permission to execute is an error, not an anonymous request."""
    path = tmp_path / "plugin"
    path.write_text("#!/bin/sh\n")
    provider = ExecConfig(command=str(path), api_version=V1, interactive_mode="Never")
    with pytest.raises(AuthenticationError, match="could not be started: Permission denied"):
        ExecCredentials(Config(host="https://x", exec_provider=provider)).grant()


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("/no/such/folder/login", r"'/no/such/folder/login' was not found: there is no such file"),
        ("{folder}/orphan", r"orphan' cannot be run: the interpreter that its first line names was not found"),
        ("{folder}/killed", r"killed' was killed by SIGKILL \(signal 9\)"),
    ],
)
def test_a_command_that_comes_to_nothing_says_how(command: str, message: str, tmp_path: Path) -> None:
    """A missing file, a script without its interpreter and a death by signal are told apart."""
    for name, text in (("orphan", "#!/no/such/interpreter\n"), ("killed", "#!/bin/sh\nkill -9 $$\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    provider = ExecConfig(command=command.format(folder=tmp_path), api_version=V1, interactive_mode="Never")
    with pytest.raises(AuthenticationError, match=message):
        ExecCredentials(Config(host="https://x", exec_provider=provider)).grant()


def test_a_credential_that_has_expired_already_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """A plug-in whose own login ran out may hand out what it has: the request is tried, and the log says why not."""
    reply = _reply(token="late-token", expirationTimestamp="2020-01-01T00:00:00Z")
    ExecCredentials(_config(), run=_stand_in(reply)).grant()
    assert "gave a credential that expired at 2020-01-01T00:00:00Z" in caplog.text
    assert "late-token" not in caplog.text


def test_a_plugin_that_hangs_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nobody to answer its questions a plug-in has a limit; past it, it is killed with its children."""
    monkeypatch.setattr(plugin_module, "PLUGIN_SECONDS", 0.3)
    provider = _script(tmp_path, "import subprocess\nsubprocess.run(['sleep', '60'])\n")
    with pytest.raises(AuthenticationError, match="did not finish within"):
        ExecCredentials(Config(host="https://x", exec_provider=provider)).grant()


def test_interactive_always_needs_a_terminal() -> None:
    """InteractiveMode Always without a terminal is an error, and the command is not run."""
    provider = ExecConfig(command="plugin", api_version=V1, interactive_mode="Always")
    source = ExecCredentials(Config(host="https://x", exec_provider=provider), run=_stand_in(b""))
    with pytest.raises(AuthenticationError, match="no terminal"):
        source.grant()


@pytest.mark.parametrize(("mode", "expected"), [("Never", False), ("IfAvailable", True), ("Always", True)])
def test_a_terminal_is_lent_as_the_mode_says(mode: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal, Never runs the plug-in without it, the other modes with it."""
    asked: list[bool] = []

    def run(command: ExecConfig, environment: Mapping[str, str], interactive: bool) -> Outcome:
        asked.append(interactive)
        assert json.loads(environment["KUBERNETES_EXEC_INFO"])["spec"]["interactive"] is expected
        return Outcome(0, _reply(token="t"), "")

    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    provider = ExecConfig(command="plugin", api_version=V1, interactive_mode=mode)
    ExecCredentials(Config(host="https://x", exec_provider=provider), run=run).grant()
    assert asked == [expected]


def test_static_credentials_keep_the_plugin_from_running(
    serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """Beside a token a configured plug-in is not run at all."""
    server = serve()
    provider = ExecConfig(command="no-such-plugin", api_version=V1, interactive_mode="Never")
    connect(server, bearer_token="static", exec_provider=provider).send(GET)
    assert server.received[0].header("Authorization") == "Bearer static"


class Issuer:
    """A stand-in for a plug-in that counts its runs and hands out numbered tokens of a given life."""

    def __init__(self, clock: list[float], life: float | None) -> None:
        self.clock = clock
        self.life = life
        self.runs = 0
        self.running = 0

    def __call__(self, command: ExecConfig, environment: Mapping[str, str], interactive: bool) -> Outcome:
        """Run."""
        self.running += 1
        assert self.running == 1, "two runs at a time"
        self.runs += 1
        status: dict[str, Any] = {"token": f"token-{self.runs}"}
        if self.life is not None:
            moment = datetime.fromtimestamp(self.clock[0] + self.life, timezone.utc)
            status["expirationTimestamp"] = moment.isoformat().replace("+00:00", "Z")
        self.running -= 1
        return Outcome(0, _reply(**status), "")


def test_the_plugin_runs_once_per_expiry_for_all_threads(
    serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """Eight threads of a hundred requests each run a plug-in with a two-second expiry once per expiry, no more."""
    clock = [1_000_000.0]
    lock = threading.Lock()

    def handle(peer: Peer, request: Received) -> None:
        with lock:
            clock[0] += 0.01
        peer.send(answer({"kind": "Pod"}))

    server = serve(handle)
    client = connect(server, exec_provider=ExecConfig(command="p", api_version=V1, interactive_mode="Never"))
    issuer = Issuer(clock, 2.0)
    client._processes[os.getpid()].credentials = ExecCredentials(client._config, clock=lambda: clock[0], run=issuer)
    statuses = _hammer(client)
    assert statuses == [200] * 800
    # 800 requests of 10 ms: 8 s, with a renewal every 1.8 s (2 s less the margin of a tenth).
    assert issuer.runs == 5
    assert len({request.header("Authorization") for request in server.received}) == issuer.runs


def test_a_401_in_the_middle_is_refreshed_once_for_all(
    serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """When the server stops taking a token, one thread runs the plug-in again and every request is replayed."""
    lock = threading.Lock()
    served = [0]

    def handle(peer: Peer, request: Received) -> None:
        with lock:
            served[0] += 1
            bad = served[0] > 300 and request.header("Authorization") == "Bearer token-1"
        peer.send(answer(b"", 401) if bad else answer({"kind": "Pod"}))

    client = connect(serve(handle), exec_provider=ExecConfig(command="p", api_version=V1, interactive_mode="Never"))
    issuer = Issuer([0.0], None)
    client._processes[os.getpid()].credentials = ExecCredentials(client._config, run=issuer)
    assert _hammer(client) == [200] * 800
    assert issuer.runs == 2


def test_a_401_that_stays_is_returned_after_one_replay(
    serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """Fresh credentials that are refused too are not refreshed for ever: one replay, then the 401 is the answer."""
    server = serve(answer(b"", 401))
    client = connect(server, exec_provider=ExecConfig(command="p", api_version=V1, interactive_mode="Never"))
    issuer = Issuer([0.0], None)
    client._processes[os.getpid()].credentials = ExecCredentials(client._config, run=issuer)
    assert client.send(GET).status == 401
    assert (issuer.runs, len(server.received)) == (2, 2)


COUNTING = """
import json, pathlib
runs = pathlib.Path(__file__).with_name("runs")
count = int(runs.read_text() or 0) + 1 if runs.exists() else 1
runs.write_text(str(count))
print(json.dumps({"kind": "ExecCredential", "apiVersion": "%s", "status": {"token": "t0ken-of-run-%%d" %% count}}))
"""


def test_clients_of_one_plugin_share_its_credentials(
    serve: Callable[..., Server], connect: Callable[..., Transport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several clients of one plug-in run it once, and once more for all after a 401; another identity has its own."""
    refused: set[str] = set()

    def handle(peer: Peer, request: Received) -> None:
        bad = request.header("Authorization") in refused
        peer.send(answer(b"", 401) if bad else answer({"kind": "Pod"}))

    server = serve(handle)
    provider = _script(tmp_path, COUNTING % V1)
    clients = [connect(server, exec_provider=provider) for _ in range(3)]
    assert [client.send(GET).status for client in clients] == [200] * 3
    assert (tmp_path / "runs").read_text() == "1"
    refused.add("Bearer t0ken-of-run-1")
    assert [client.send(GET).status for client in clients] == [200] * 3
    assert (tmp_path / "runs").read_text() == "2"
    monkeypatch.setenv("AWS_PROFILE", "another")
    connect(server, exec_provider=provider).send(GET)
    assert (tmp_path / "runs").read_text() == "3"


def test_what_a_plugin_is_told_keeps_credentials_apart(tmp_path: Path) -> None:
    """Clusters share a plug-in's credentials unless it is told of the cluster; arguments and variables count always."""
    quiet, told = _script(tmp_path, ""), _script(tmp_path, "", provide_cluster_info=True)
    hosts = ("https://a", "https://b")
    same = [ExecCredentials.shared(Config(host=host, exec_provider=quiet)) for host in hosts]
    assert same[0] is same[1]
    apart = [ExecCredentials.shared(Config(host=host, exec_provider=told)) for host in hosts]
    apart += [ExecCredentials.shared(Config(exec_provider=_script(tmp_path, "", args=("--role=x",))))]
    apart += [ExecCredentials.shared(Config(exec_provider=_script(tmp_path, "", env=(("A", "1"),))))]
    assert len({id(credentials) for credentials in [*same, *apart]}) == 5


def test_the_same_token_again_is_neither_replayed_nor_asked_for_again() -> None:
    """A plug-in that repeats itself after a 401 is not run for each further one within ten seconds."""
    runs = [0]
    clock = [0.0]

    def run(command: ExecConfig, environment: Mapping[str, str], interactive: bool) -> Outcome:
        runs[0] += 1
        return Outcome(0, _reply(token="same"), "")

    source = ExecCredentials(_config(), clock=lambda: clock[0], run=run)
    grant = source.grant()
    assert [source.refused(grant) for _ in range(5)] == [False] * 5
    assert runs == [2]
    clock[0] = 11.0
    assert not source.refused(grant)
    assert runs == [3]


def test_a_write_is_replayed_after_a_401(serve: Callable[..., Server], connect: Callable[..., Transport]) -> None:
    """A 401 says that nothing was done, so a write is replayed too, with its body."""

    def handle(peer: Peer, request: Received) -> None:
        good = request.header("Authorization") == "Bearer token-2"
        peer.send(answer({"kind": "Pod"}) if good else answer(b"", 401))

    server = serve(handle)
    client = connect(server, exec_provider=ExecConfig(command="p", api_version=V1, interactive_mode="Never"))
    client._processes[os.getpid()].credentials = ExecCredentials(client._config, run=Issuer([0.0], None))
    assert client.send(HTTPRequest("POST", "/api", body=b"{}")).status == 200
    assert [request.body for request in server.received] == [b"{}", b"{}"]


def test_client_certificates_of_a_plugin_are_presented_and_renewed(
    serve: Callable[..., Server], connect: Callable[..., Transport], authority: Authority, tmp_path: Path
) -> None:
    """A plug-in's certificate is used for TLS; another one brings new connections, the same one keeps the old."""
    clock = [0.0]
    identities = [authority.issue(client=True, common_name=name) for name in ("first", "first", "second")]
    identities[1] = identities[0]

    def handle(peer: Peer, request: Received) -> None:
        assert isinstance(peer.sock, ssl.SSLSocket)
        certificate: Any = peer.sock.getpeercert()
        peer.send(answer({"name": dict(item[0] for item in certificate["subject"])["commonName"]}))

    def reply(identity: Identity, until: int) -> bytes:
        return _reply(
            clientCertificateData=identity.certificate.decode(),
            clientKeyData=identity.key.decode(),
            expirationTimestamp=f"1970-01-01T00:{until:02d}:00Z",
        )

    replies = [reply(identity, 1 + number) for number, identity in enumerate(identities)]
    server = serve(handle, context=authority.issue().server_context(tmp_path, client_ca=authority.certificate))
    provider = ExecConfig(command="p", api_version=V1, interactive_mode="Never")
    client = connect(server, ca_data=authority.certificate, exec_provider=provider)
    client._processes[os.getpid()].credentials = ExecCredentials(
        client._config, clock=lambda: clock[0], run=_stand_in(*replies)
    )
    seen = []
    for moment in (0.0, 61.0, 121.0):
        clock[0] = moment
        seen.append((json.loads(client.send(GET).read())["name"], server.connections))
    assert seen == [("first", 1), ("first", 1), ("second", 2)]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:10Z", 10.0),
        ("1970-01-01t01:00:00z", 3600.0),
        ("1970-01-01T02:00:00+02:00", 0.0),
        ("1970-01-01T00:00:01.123456789Z", 1.123456789),
        ("1970-01-01", None),
        ("1970-13-01T00:00:00Z", None),
        ("soon", None),
    ],
)
def test_times_are_read_as_rfc_3339(text: str, seconds: float | None) -> None:
    """Zones, fractions of any length and lower case are understood; anything else is refused."""
    assert parse_time(text) == (None if seconds is None else pytest.approx(seconds))


def _hammer(client: Transport) -> list[int]:
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.extend(client.send(GET).status for _ in range(100))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return statuses
