"""The launcher of the real binaries, tried with programs that stand for them; real ones are not needed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from dynkube.dynamic import connect
from dynkube.errors import ConfigError, InvalidRequestError
from dynkube.objects import load_yaml
from dynkube.testing import APIServer
from dynkube.testing.envtest import ControlPlane, ExistingCluster, from_environment
from dynkube.testing.envtest_places import Duration, free_port
from testing.calling import config_map, definition

VARIABLES = ("KUBEBUILDER_ASSETS", "TEST_ASSET_ETCD", "TEST_ASSET_KUBE_APISERVER", "USE_EXISTING_CLUSTER")

COMMON = """#!{python}
import json, os, pathlib, signal, sys
here = pathlib.Path(__file__).parent
if "--help" in sys.argv:
    print(open(here / (pathlib.Path(__file__).name + ".help")).read())
    raise SystemExit(0)
flags = dict(word.removeprefix("--").split("=", 1) for word in sys.argv[1:])
flags.update(pid=str(os.getpid()), session=str(os.getsid(0)), words="\\n".join(sys.argv))
with open(here / (pathlib.Path(__file__).name + ".runs"), "a") as file:
    file.write(json.dumps(flags) + "\\n")
"""
ETCD = """
import http.server, urllib.parse
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", urllib.parse.urlsplit(flags["listen-client-urls"]).port), Handler).serve_forever()
"""
#: The embedded server with the certificate it is told to use.
APISERVER = """
import threading
from dynkube.testing import APIServer
from dynkube.testing.access.certificates import ServingCertificate
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
server = APIServer(port=int(flags["secure-port"]), tls=True)
folder = pathlib.Path(flags["cert-dir"])
certificate, key = ((folder / name).read_bytes() for name in ("apiserver.crt", "apiserver.key"))
assert "KEY" in pathlib.Path(flags["service-account-signing-key-file"]).read_text()
server._certificate = ServingCertificate(b"", certificate, key)
with server:
    stop.wait()
"""
BROKEN = """
print("flag provided but not defined")
raise SystemExit(7)
"""


def install(folder: Path, name: str, text: str, usage: str = "") -> Path:
    """Write a program that records how it was run."""
    path = folder / name
    path.write_text(COMMON.format(python=sys.executable) + text)
    path.chmod(0o755)
    (folder / f"{name}.help").write_text(usage)
    return path


def runs(folder: Path, name: str) -> list[dict[str, str]]:
    """Return the flags of each time a program was run."""
    return [json.loads(line) for line in (folder / f"{name}.runs").read_text().splitlines()]


@pytest.fixture
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with both programs; no variable points elsewhere, and lock files are the test's own."""
    for name in (*VARIABLES, "KUBECONFIG_INTEGRATION", "KUBEBUILDER_ATTACH_CONTROL_PLANE_OUTPUT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "assets"
    folder.mkdir()
    install(folder, "etcd", ETCD, usage="--unsafe-no-fsync disables fsync")
    install(folder, "kube-apiserver", APISERVER)
    return folder


def test_it_serves(assets: Path, tmp_path: Path) -> None:
    """Started, it has the interface of the embedded server; stopped, nothing is left of it."""
    manifest = tmp_path / "one.json"
    manifest.write_text(json.dumps(config_map("loaded")))
    with ControlPlane(assets=assets, load=[manifest]) as plane:
        assert plane.url == f"https://127.0.0.1:{plane.port}"
        with plane.client() as dyn:
            assert dyn.resource("v1", "configmaps").namespace("default").exists("loaded")
        (crd,) = plane.load([definition()])
        assert crd["metadata"]["name"] == "widgets.example.com"
        changed = plane.load([config_map("loaded", {"a": "1"}), {**definition()}])
        assert [one["kind"] for one in changed] == ["CustomResourceDefinition", "ConfigMap"]
        plane.load([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mine"}}])
        plane.drop_namespace("mine")
        plane.drop_namespace("never-was")
        user = plane.kubeconfig()["users"][0]["user"]
        assert set(user) == {"client-certificate-data", "client-key-data"}
        with ExistingCluster(kubeconfig=str(plane.write_kubeconfig(tmp_path / "kubeconfig"))) as cluster:
            assert cluster.url == plane.url
            with cluster.client() as dyn:
                assert dyn.resource("v1", "namespaces").exists("default")
        folder = Path(runs(assets, "kube-apiserver")[0]["cert-dir"])
        assert folder.name.startswith("k8s_test_framework_")
        assert (folder / "apiserver.key").stat().st_mode & 0o077 == 0
    assert not folder.exists()
    with pytest.raises(InvalidRequestError, match="not running"):
        plane.config()


def test_flags(assets: Path) -> None:
    """Both are run with envtest's flags; flags a version does not have are left out, further ones are added."""
    install(assets, "kube-apiserver", APISERVER, usage="--insecure-port int")
    with ControlPlane(assets=assets, etcd_flags=["--name=mine"], apiserver_flags=["--v=4"]):
        (etcd,) = runs(assets, "etcd")
        (server,) = runs(assets, "kube-apiserver")
    assert etcd["listen-client-urls"] == etcd["advertise-client-urls"] == server["etcd-servers"]
    assert etcd["listen-peer-urls"] not in ("", etcd["listen-client-urls"])
    assert (etcd["unsafe-no-fsync"], etcd["name"]) == ("true", "mine")
    assert {name: server[name] for name in ("authorization-mode", "allow-privileged", "insecure-port", "v")} == {
        "authorization-mode": "RBAC",
        "allow-privileged": "true",
        "insecure-port": "0",
        "v": "4",
    }
    assert server["disable-admission-plugins"] == "ServiceAccount"
    assert server["service-cluster-ip-range"] == "10.0.0.0/24"
    assert server["service-account-issuer"] == f"https://127.0.0.1:{server['secure-port']}/"


def test_a_given_flag_takes_the_place_of_the_usual_one(assets: Path) -> None:
    """Two of a name would be taken together: a plug-in that is off could not be had."""
    with ControlPlane(assets=assets, apiserver_flags=["--disable-admission-plugins="]):
        words = runs(assets, "kube-apiserver")[0]["words"].splitlines()
    assert [word for word in words if "admission" in word] == ["--disable-admission-plugins="]


def test_no_network_is_needed(assets: Path) -> None:
    """Loopback is advertised: kube-apiserver looks for a default route otherwise, and does not start without one.

    An Endpoints object of a loopback address is invalid, so that it is told not to write one.
    """
    with ControlPlane(assets=assets):
        (server,) = runs(assets, "kube-apiserver")
    assert (server["advertise-address"], server["endpoint-reconciler-type"]) == ("127.0.0.1", "none")


def test_an_interrupt_from_the_keyboard_is_not_for_the_programs(assets: Path) -> None:
    """They run in sessions of their own: Ctrl-C must leave the server to the tests that tidy up."""
    with ControlPlane(assets=assets):
        sessions = {one["session"] for name in ("etcd", "kube-apiserver") for one in runs(assets, name)}
    assert str(os.getsid(0)) not in sessions


def test_the_end_of_the_process_ends_the_programs(assets: Path) -> None:
    """A script that forgets to stop its control plane leaves nothing running and no files."""
    script = "import sys; from dynkube.testing.envtest import ControlPlane; ControlPlane(assets=sys.argv[1]).start()"
    subprocess.run([sys.executable, "-c", script, str(assets)], check=True, timeout=60)
    for name in ("etcd", "kube-apiserver"):
        (program,) = runs(assets, name)
        with pytest.raises(ProcessLookupError):
            os.kill(int(program["pid"]), 0)
    assert not Path(runs(assets, "kube-apiserver")[0]["cert-dir"]).exists()


def test_nothing_outlives_a_process_that_is_killed(assets: Path) -> None:
    """Where nobody is left to stop the programs a guard does, and removes their files."""
    script = (
        "import os, signal, sys; from dynkube.testing.envtest import ControlPlane;"
        "ControlPlane(assets=sys.argv[1]).start(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(assets)], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    (server,) = runs(assets, "kube-apiserver")
    deadline = time.monotonic() + 30
    while Path(server["cert-dir"]).exists():
        assert time.monotonic() < deadline
    # Not by their ports: another test may have been given one of them by now.
    for program in (server, *runs(assets, "etcd")):
        while alive(int(program["pid"])):
            assert time.monotonic() < deadline


def alive(process: int) -> bool:
    """Tell whether a process runs; one that has ended and that nobody asked about does not."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}


def test_a_program_that_ends_while_it_is_needed(assets: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The log tells of it, and the other, which may wait for it, is not waited for."""
    deaf = APISERVER.replace("lambda *_: stop.set()", "signal.SIG_IGN")
    install(assets, "kube-apiserver", deaf)
    with ControlPlane(assets=assets, stop_timeout=60):
        os.kill(int(runs(assets, "etcd")[0]["pid"]), signal.SIGKILL)
        os.waitid(os.P_PID, int(runs(assets, "etcd")[0]["pid"]), os.WEXITED | os.WNOWAIT)
    assert "the control plane did not last: etcd ended with code -9" in caplog.text


def test_a_binary_that_does_not_start(assets: Path) -> None:
    """It is tried five times; the error names it, its exit code, and the end of what it said."""
    install(assets, "kube-apiserver", BROKEN)
    with pytest.raises(ConfigError, match=r"kube-apiserver ended with code 7:\nflag provided but not defined"):
        ControlPlane(assets=assets).start()
    assert len(runs(assets, "kube-apiserver")) == 5
    assert len(runs(assets, "etcd")) == 5


def test_a_binary_that_never_answers(assets: Path) -> None:
    """It is given up after the timeout, and killed if it does not heed SIGTERM."""
    install(assets, "etcd", "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True:\n    signal.pause()\n")
    with pytest.raises(ConfigError, match=r"etcd did not answer within 0\.3 s"):
        ControlPlane(assets=assets, start_timeout=0.3, stop_timeout=0.2).start()


def test_a_file_that_is_no_program(assets: Path) -> None:
    """What was built for another system or processor is named, with the reason."""
    (assets / "etcd").write_bytes(b"\x7fELF of something else")
    with pytest.raises(ConfigError, match=r"etcd cannot be run: .*/etcd: Exec format error"):
        ControlPlane(assets=assets).start()


def test_a_missing_binary(assets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says where it was looked for, and what to set."""
    with pytest.raises(ConfigError, match="Set KUBEBUILDER_ASSETS"):
        ControlPlane(assets=assets / "nowhere")
    monkeypatch.setenv("TEST_ASSET_ETCD", str(assets / "missing"))
    with pytest.raises(ConfigError, match=r"missing \(TEST_ASSET_ETCD\)"):
        ControlPlane(assets=assets)


def test_single_binaries_come_first(assets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TEST_ASSET_… wins over KUBEBUILDER_ASSETS, which wins over the configured folder."""
    other = tmp_path / "other"
    other.mkdir()
    single = install(other, "etcd", ETCD)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    monkeypatch.setenv("TEST_ASSET_ETCD", str(single))
    with ControlPlane(assets=tmp_path / "nowhere"):
        assert "unsafe-no-fsync" not in runs(other, "etcd")[0]
        assert len(runs(assets, "kube-apiserver")) == 1


def test_the_environment_chooses(assets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded server by default, the binaries or a cluster when variables say so."""
    embedded = from_environment()
    assert isinstance(embedded, APIServer)
    with embedded:
        path = embedded.write_kubeconfig(tmp_path / "kubeconfig")
        monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
        assert isinstance(from_environment(), ControlPlane)
        monkeypatch.setenv("USE_EXISTING_CLUSTER", "true")
        monkeypatch.setenv("KUBECONFIG", str(path))
        assert isinstance(from_environment(), ExistingCluster)
        monkeypatch.setenv("KUBECONFIG_INTEGRATION", str(path))
        cluster: Any = from_environment()
        assert cluster.url == embedded.url
        cluster.load([config_map("x")])


def test_a_cluster_gets_the_manifests_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `load` names is there wherever the tests run."""
    manifest = tmp_path / "one.json"
    manifest.write_text(json.dumps(config_map("loaded")))
    with APIServer() as server, server.client() as dyn:
        monkeypatch.setenv("KUBECONFIG_INTEGRATION", str(server.write_kubeconfig(tmp_path / "kubeconfig")))
        with from_environment(load=[manifest]):
            assert dyn.resource("cm").exists("loaded")


def test_the_kubeconfig_of_a_cluster_stands_alone(tmp_path: Path) -> None:
    """It has the one context that is used, files as data, and the namespace that is asked for."""
    with APIServer(tls=True) as server:
        document = server.kubeconfig()
        (tmp_path / "ca.crt").write_bytes(server.ca or b"")
        document["clusters"][0]["cluster"] = {"server": server.url, "certificate-authority": "ca.crt"}
        document["contexts"].append({"name": "other", "context": {"cluster": "none", "user": "none"}})
        (tmp_path / "config").write_text(json.dumps(document))
        cluster = ExistingCluster(kubeconfig=str(tmp_path / "config"))
        path = cluster.write_kubeconfig(tmp_path / "elsewhere" / "config", namespace="mine")
        written = load_yaml(path.read_text())
        assert [one["context"]["namespace"] for one in written["contexts"]] == ["mine"]
        with connect(kubeconfig=str(path)) as dyn:
            assert dyn.resource("namespaces").exists("default")


@pytest.mark.parametrize(("text", "seconds"), [("20s", 20.0), ("1m30s", 90.0), ("500ms", 0.5), ("1.5h", 5400.0)])
def test_durations(text: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Timeouts are Go's durations; what is given wins over the variable."""
    monkeypatch.setenv("KUBEBUILDER_CONTROLPLANE_START_TIMEOUT", text)
    assert Duration.of("START", None) == pytest.approx(seconds)
    assert Duration.of("START", 3) == 3


@pytest.mark.parametrize("text", ["20", "s", "1x", "1s 2m"])
def test_wrong_durations(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is no duration is an error that names it."""
    monkeypatch.setenv("KUBEBUILDER_CONTROLPLANE_STOP_TIMEOUT", text)
    with pytest.raises(ConfigError, match="KUBEBUILDER_CONTROLPLANE_STOP_TIMEOUT"):
        Duration.of("STOP", None)


def test_ports_are_reserved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port is locked by a file that is removed when it is old."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    ports = {free_port("127.0.0.1") for _ in range(20)}
    locks = tmp_path / "kubebuilder-envtest"
    assert {path.name for path in locks.iterdir()} == {f"port-{port}" for port in ports}
    old = locks / f"port-{min(ports)}"
    os.utime(old, (0, 0))
    new = free_port("127.0.0.1")
    assert old.exists() == (new == min(ports))


def test_ports_are_reserved_where_there_is_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the cache cannot be written to, as in many containers, the locks are among the temporary files."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    port = free_port("127.0.0.1")
    assert (tmp_path / "kubebuilder-envtest" / f"port-{port}").exists()
