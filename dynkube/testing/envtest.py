"""The real thing with the interface of `APIServer`: etcd and kube-apiserver from `KUBEBUILDER_ASSETS`, or a cluster.

The conventions are those of controller-runtime's envtest: the same variables, flags and readiness checks. There is no
controller manager, scheduler or kubelet, as with envtest: namespaces never finish terminating and pods stay Pending.
"""

from __future__ import annotations

import contextlib
import http.client
import logging
import os
import shutil
import ssl
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from dynkube.config import Config, load_config
from dynkube.errors import AlreadyExists, ConfigError, DynkubeError, InvalidRequestError, NotFound
from dynkube.objects import load_manifests
from dynkube.testing.access import certificates
from dynkube.testing.access.kubeconfig import write
from dynkube.testing.envtest_credentials import administrator, service_account_key, with_client_certificate
from dynkube.testing.envtest_places import Duration, binary, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from dynkube.dynamic import DynamicClient
    from dynkube.testing.server import APIServer

logger = logging.getLogger("dynkube.testing.envtest")

_ADDRESS: Final = "127.0.0.1"
#: How often the control plane is tried to be started.
_ATTEMPTS: Final = 5
#: Seconds between two looks at whether something is ready.
_PAUSE: Final = 0.1
#: Seconds the namespace ``default`` may take to appear after the server is ready.
_NAMESPACE: Final = 5.0
#: Requests a second of an administrator's client, and how many of them at once.
_QPS, _BURST = 1000.0, 2000
_MANAGER: Final = "dynkube-load"


class _RealServer:
    """What a control plane of our own and a cluster of somebody else's have in common."""

    def config(self, **overrides: Any) -> Config:
        """Return the configuration of an administrator's client; keywords replace fields of it."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        """Where it is reached."""
        return self.config().host

    def client(self, **overrides: Any) -> DynamicClient:
        """Return a dynkube client of an administrator. Close it when done."""
        from dynkube.dynamic import DynamicClient as Client

        return Client(self.config(**overrides))

    def load(self, manifests: str | Path | bytes | Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Create objects, CRDs first, and return them as stored. An object that exists is changed to the manifest.

        A CRD is waited for until discovery lists its versions. Raises what the server refuses it with.
        """
        if isinstance(manifests, (str, bytes, Path)):
            objects = load_manifests(manifests)
        else:
            objects = [dict(one) for one in manifests]
        order = {"CustomResourceDefinition": 0, "Namespace": 1}
        objects.sort(key=lambda one: order.get(str(one.get("kind")), 2))
        with self.client() as dyn:
            return [self._load_one(dyn, one) for one in objects]

    @staticmethod
    def _load_one(dyn: DynamicClient, manifest: dict[str, Any]) -> dict[str, Any]:
        if manifest.get("kind") == "CustomResourceDefinition":
            dyn.crds().install(manifest, field_manager=_MANAGER, force=True, timeout=10)
            return dyn.for_object(manifest).get(manifest["metadata"]["name"])
        resource = dyn.for_object(manifest)
        try:
            return resource.create(manifest)
        except AlreadyExists:
            return resource.apply(manifest, field_manager=_MANAGER, force=True)

    def drop_namespace(self, name: str) -> None:
        """Delete a namespace; where no controllers run it stays Terminating, and so its name is not used again."""
        with self.client() as dyn, contextlib.suppress(NotFound):
            dyn.resource("v1", "namespaces").delete(name)

    def start(self) -> Self:
        """Make it ready to answer; return it."""
        raise NotImplementedError

    def stop(self) -> None:
        """End what was started."""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class ExistingCluster(_RealServer):
    """A cluster that runs already, as a kubeconfig names it. Nothing is started, and nothing stopped."""

    def __init__(self, *, kubeconfig: str | None = None, context: str | None = None) -> None:
        self._config = load_config(context, kubeconfig=kubeconfig)

    def config(self, **overrides: Any) -> Config:
        """Return the kubeconfig's configuration; keywords replace fields of it."""
        return self._config.replace(**overrides)

    def start(self) -> Self:
        """Do nothing; return the cluster."""
        return self


class ControlPlane(_RealServer):
    """An etcd and a kube-apiserver of our own, on free ports of loopback, with nothing in them.

    ``assets`` is the folder of the binaries; `TEST_ASSET_ETCD`, `TEST_ASSET_KUBE_APISERVER` and `KUBEBUILDER_ASSETS`
    come before it, ``/usr/local/kubebuilder/bin`` after it. ``load`` names manifests to create at the start. Timeouts
    are seconds; by default what `KUBEBUILDER_CONTROLPLANE_START_TIMEOUT` and `…_STOP_TIMEOUT` say, or 20.
    ``etcd_flags`` and ``apiserver_flags`` are added to the command lines.

    Raises ConfigError when a binary is missing, a variable is wrong, or the ``testing`` extra is not installed.
    """

    def __init__(
        self,
        *,
        assets: str | os.PathLike[str] | None = None,
        load: Iterable[str | os.PathLike[str]] = (),
        start_timeout: float | None = None,
        stop_timeout: float | None = None,
        etcd_flags: Sequence[str] = (),
        apiserver_flags: Sequence[str] = (),
    ) -> None:
        self._etcd = binary("etcd", assets)
        self._apiserver = binary("kube-apiserver", assets)
        self._load = tuple(load)
        self._start_timeout = Duration.of("START", start_timeout)
        self._stop_timeout = Duration.of("STOP", stop_timeout)
        self._flags = (tuple(etcd_flags), tuple(apiserver_flags))
        self._attached = os.environ.get("KUBEBUILDER_ATTACH_CONTROL_PLANE_OUTPUT", "").lower() == "true"
        self._folder: Path | None = None
        self._processes: list[subprocess.Popen[bytes]] = []
        self._config: Config | None = None

    def start(self) -> Self:
        """Start both, tried five times; return the control plane once the namespace ``default`` is there.

        Raises ConfigError with the end of the output of what did not start.
        """
        if self._config is not None:
            return self
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._start()
                break
            except (ConfigError, OSError) as error:
                self.stop()
                if attempt == _ATTEMPTS:
                    raise
                logger.warning("attempt %d to start the control plane failed: %s", attempt, error)
        try:
            self._wait_for_default()
            for source in self._load:
                self.load(Path(source))
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop kube-apiserver, then etcd (SIGTERM, and SIGKILL after the timeout), and remove their files."""
        while self._processes:
            process = self._processes.pop()
            process.terminate()
            try:
                process.wait(self._stop_timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._config = None
        folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def config(self, **overrides: Any) -> Config:
        """Return the configuration of the administrator (CN=admin, O=system:masters); keywords replace fields of it."""
        if self._config is None:
            raise InvalidRequestError("the control plane is not running")
        return self._config.replace(**overrides)

    @property
    def port(self) -> int:
        """The port of kube-apiserver."""
        return int(urlsplit(self.url).port or 443)

    @property
    def ca(self) -> bytes | None:
        """The PEM certificate of the authority clients must trust."""
        return self.config().ca_data

    @property
    def token(self) -> str | None:
        """None: the administrator has a certificate."""
        return None

    def kubeconfig(self, *, namespace: str = "") -> dict[str, Any]:
        """Return a kubeconfig of the administrator."""
        return with_client_certificate(self.config(), namespace)

    def write_kubeconfig(self, path: str | os.PathLike[str], *, namespace: str = "") -> Path:
        """Write the kubeconfig, readable by the owner alone, and return its path."""
        return write(Path(path), self.kubeconfig(namespace=namespace))

    def __repr__(self) -> str:
        return f"<ControlPlane {self._config.host if self._config else 'stopped'}>"

    # Starting

    def _start(self) -> None:
        self._folder = folder = Path(tempfile.mkdtemp(prefix="k8s_test_framework_"))
        clients, port = f"http://{_ADDRESS}:{free_port(_ADDRESS)}", free_port(_ADDRESS)
        self._run(folder, "etcd", self._etcd_command(folder, clients), lambda: _answers(f"{clients}/health"))
        serving = certificates.generate(["localhost", _ADDRESS, "kubernetes", "kubernetes.default"])
        admin = administrator()
        files = {
            "apiserver.crt": serving.certificate,
            "apiserver.key": serving.key,
            "client-ca.crt": admin.ca,
            "sa-signer.key": service_account_key(),
        }
        for name, text in files.items():
            (folder / name).touch(mode=0o600)
            (folder / name).write_bytes(text)
        url = f"https://{_ADDRESS}:{port}"
        command = self._apiserver_command(folder, clients, port)
        self._run(folder, "kube-apiserver", command, lambda: _answers(f"{url}/healthz"))
        self._config = Config(
            host=url, ca_data=serving.ca, cert_data=admin.certificate, key_data=admin.key, qps=_QPS, burst=_BURST
        )

    def _etcd_command(self, folder: Path, clients: str) -> list[str]:
        command = [
            str(self._etcd),
            f"--listen-peer-urls=http://{_ADDRESS}:{free_port(_ADDRESS)}",
            f"--data-dir={folder / 'etcd'}",
            f"--listen-client-urls={clients}",
            f"--advertise-client-urls={clients}",
        ]
        if "unsafe-no-fsync" in _help(self._etcd):
            command.append("--unsafe-no-fsync=true")
        return [*command, *self._flags[0]]

    def _apiserver_command(self, folder: Path, etcd: str, port: int) -> list[str]:
        command = [
            str(self._apiserver),
            f"--etcd-servers={etcd}",
            f"--cert-dir={folder}",
            f"--bind-address={_ADDRESS}",
            f"--secure-port={port}",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--allow-privileged=true",
            "--disable-admission-plugins=ServiceAccount",
            "--authorization-mode=RBAC",
            f"--client-ca-file={folder / 'client-ca.crt'}",
            f"--service-account-issuer=https://{_ADDRESS}:{port}/",
            f"--service-account-key-file={folder / 'sa-signer.key'}",
            f"--service-account-signing-key-file={folder / 'sa-signer.key'}",
        ]
        if "--insecure-port" in _help(self._apiserver):
            command.append("--insecure-port=0")
        return [*command, *self._flags[1]]

    def _run(self, folder: Path, name: str, command: list[str], ready: Callable[[], bool]) -> None:
        """Start a process and wait until it answers. Raises ConfigError when it ends before, or takes too long."""
        output = folder / f"{name}.log"
        with output.open("wb") as file:
            stream = None if self._attached else file
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)  # noqa: S603
        self._processes.append(process)
        deadline = time.monotonic() + self._start_timeout
        while not ready():
            try:
                code = process.wait(_PAUSE)
            except subprocess.TimeoutExpired:
                if time.monotonic() < deadline:
                    continue
                what = f"did not answer within {self._start_timeout:g} s"
            else:
                what = f"ended with code {code}"
            last = "\n".join(output.read_text("utf-8", "replace").splitlines()[-10:])
            raise ConfigError(f"{name} {what}" + (f":\n{last}" if last else ""), path=command[0])

    def _wait_for_default(self) -> None:
        """Wait for the first namespace: requests before that would be refused."""
        deadline = time.monotonic() + _NAMESPACE
        with self.client() as dyn:
            while True:
                try:
                    dyn.resource("v1", "namespaces").get("default")
                    return
                except DynkubeError as error:
                    if time.monotonic() > deadline:
                        raise ConfigError(f"the namespace default did not appear: {error}") from error
                time.sleep(_PAUSE / 2)


def _help(program: Path) -> str:
    """Return what a program says about its flags: they come and go with versions."""
    finished = subprocess.run([str(program), "--help"], capture_output=True, check=False, text=True, timeout=30)  # noqa: S603
    return finished.stdout + finished.stderr


def _answers(url: str) -> bool:
    """Tell whether a URL answers 200; certificates are not looked at, as envtest does."""
    parts = urlsplit(url)
    link: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        link = http.client.HTTPSConnection(parts.netloc, timeout=5, context=context)
    else:
        link = http.client.HTTPConnection(parts.netloc, timeout=5)
    try:
        link.request("GET", parts.path)
        return link.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        link.close()


def from_environment(**options: Any) -> APIServer | ControlPlane | ExistingCluster:
    """Return the server the environment asks for, not started: so one test suite runs on all of them.

    `KUBECONFIG_INTEGRATION` names the kubeconfig of a cluster; `USE_EXISTING_CLUSTER=true` takes the usual one;
    `KUBEBUILDER_ASSETS` (or `TEST_ASSET_KUBE_APISERVER`) starts the real binaries. Otherwise it is the embedded
    server, made with ``options``, of which the others heed ``load`` alone.
    """
    kubeconfig = os.environ.get("KUBECONFIG_INTEGRATION")
    if kubeconfig:
        return ExistingCluster(kubeconfig=kubeconfig)
    if os.environ.get("USE_EXISTING_CLUSTER", "").lower() == "true":
        return ExistingCluster()
    if os.environ.get("KUBEBUILDER_ASSETS") or os.environ.get("TEST_ASSET_KUBE_APISERVER"):
        return ControlPlane(load=options.get("load", ()))
    from dynkube.testing.server import APIServer as Embedded

    return Embedded(**options)


__all__ = ["ControlPlane", "ExistingCluster", "from_environment"]
