"""The real thing with the interface of `APIServer`: etcd and kube-apiserver from `KUBEBUILDER_ASSETS`, or a cluster.

The conventions are those of controller-runtime's envtest: the same variables, flags and readiness checks. There is no
controller manager, scheduler or kubelet, as with envtest: namespaces never finish terminating and pods stay Pending.
docs/testing.rst says where it differs.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from dynkube.config import Config, load_config
from dynkube.config.kubeconfig import Kubeconfig
from dynkube.config.view import flattened, merged, minified
from dynkube.errors import AlreadyExists, ConfigError, DynkubeError, InvalidRequestError, NotFound
from dynkube.objects import load_manifests
from dynkube.testing.access import certificates
from dynkube.testing.access.kubeconfig import write
from dynkube.testing.envtest_credentials import administrator, service_account_key, with_client_certificate
from dynkube.testing.envtest_places import Duration, binary, free_port
from dynkube.testing.envtest_process import PAUSE, Program, flags_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from dynkube.dynamic import DynamicClient
    from dynkube.testing.server import APIServer

logger = logging.getLogger("dynkube.testing.envtest")

_ADDRESS: Final = "127.0.0.1"
#: How often the control plane is tried to be started.
_ATTEMPTS: Final = 5
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

    def kubeconfig(self, *, namespace: str = "") -> dict[str, Any]:
        """Return a kubeconfig of an administrator."""
        raise NotImplementedError

    def write_kubeconfig(self, path: str | os.PathLike[str], *, namespace: str = "") -> Path:
        """Write the kubeconfig, readable by the owner alone, and return its path."""
        return write(Path(path), self.kubeconfig(namespace=namespace))

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
    """A cluster that runs already, as a kubeconfig names it. Nothing is started, and nothing stopped.

    ``load`` names manifests to create at the start; they stay, since others may use them by the time this one ends.
    Raises ConfigError for a kubeconfig that cannot be used.
    """

    def __init__(
        self,
        *,
        kubeconfig: str | None = None,
        context: str | None = None,
        load: Iterable[str | os.PathLike[str]] = (),
    ) -> None:
        self._config = load_config(context, kubeconfig=kubeconfig)
        self._place = kubeconfig
        self._load = tuple(load)

    def config(self, **overrides: Any) -> Config:
        """Return the kubeconfig's configuration; keywords replace fields of it."""
        return self._config.replace(**overrides)

    def kubeconfig(self, *, namespace: str = "") -> dict[str, Any]:
        """Return the kubeconfig reduced to its context, with certificates and keys as data instead of files."""
        own = merged(flattened(minified(Kubeconfig.load(self._place), self._config.context)))
        if namespace:
            own["contexts"][0]["context"]["namespace"] = namespace
        return own

    def start(self) -> Self:
        """Load the manifests; return the cluster."""
        for source in self._load:
            self.load(Path(source))
        return self

    def __repr__(self) -> str:
        return f"<ExistingCluster {self._config.host}>"


class ControlPlane(_RealServer):
    """An etcd and a kube-apiserver of our own, on free ports of loopback, with nothing in them.

    ``assets`` is the folder of the binaries; `TEST_ASSET_ETCD`, `TEST_ASSET_KUBE_APISERVER` and `KUBEBUILDER_ASSETS`
    come before it, ``/usr/local/kubebuilder/bin`` after it. ``load`` names manifests to create at the start. Timeouts
    are seconds; by default what `KUBEBUILDER_CONTROLPLANE_START_TIMEOUT` and `…_STOP_TIMEOUT` say, or 20.
    ``etcd_flags`` and ``apiserver_flags`` are added to the command lines, in place of flags of the same name:
    ``--disable-admission-plugins=`` brings the admission plug-in for service accounts back.

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
        self._programs: list[Program] = []
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
        """Stop kube-apiserver, then etcd (SIGTERM, and SIGKILL after the timeout), and remove their files.

        What ended before by itself is told to the log. Called at the end of the process if nobody did.
        """
        atexit.unregister(self.stop)
        ended = [each for each in self._programs if not each.running]
        if self._config is not None:
            for each in ended:
                logger.warning("the control plane did not last: %s", each)
        while self._programs:
            # kube-apiserver without etcd does not heed SIGTERM: it waits for what it cannot write any more.
            self._programs.pop().stop(0.0 if ended else self._stop_timeout)
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

    def __repr__(self) -> str:
        return f"<ControlPlane {self._config.host if self._config else 'stopped'}>"

    # Starting

    def _start(self) -> None:
        self._folder = folder = Path(tempfile.mkdtemp(prefix="k8s_test_framework_"))
        atexit.register(self.stop)
        clients, port = f"http://{_ADDRESS}:{free_port(_ADDRESS)}", free_port(_ADDRESS)
        self._run(self._etcd_command(folder, clients), folder, f"{clients}/health")
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
        self._run(self._apiserver_command(folder, clients, port), folder, f"{url}/healthz")
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
        if "unsafe-no-fsync" in flags_of(self._etcd):
            command.append("--unsafe-no-fsync=true")
        return _with_flags(command, self._flags[0])

    def _apiserver_command(self, folder: Path, etcd: str, port: int) -> list[str]:
        command = [
            str(self._apiserver),
            f"--etcd-servers={etcd}",
            f"--cert-dir={folder}",
            f"--bind-address={_ADDRESS}",
            f"--secure-port={port}",
            # Unlike envtest: else the address of a default route is advertised, and without one it does not start.
            # An Endpoints object of a loopback address is invalid, so none is written for the service "kubernetes".
            f"--advertise-address={_ADDRESS}",
            "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--allow-privileged=true",
            "--disable-admission-plugins=ServiceAccount",
            "--authorization-mode=RBAC",
            f"--client-ca-file={folder / 'client-ca.crt'}",
            f"--service-account-issuer=https://{_ADDRESS}:{port}/",
            f"--service-account-key-file={folder / 'sa-signer.key'}",
            f"--service-account-signing-key-file={folder / 'sa-signer.key'}",
        ]
        if "--insecure-port" in flags_of(self._apiserver):
            command.append("--insecure-port=0")
        return _with_flags(command, self._flags[1])

    def _run(self, command: list[str], folder: Path, url: str) -> None:
        """Start a program and wait until a URL of it answers 200."""
        program = Program(command, folder, attached=self._attached)
        self._programs.append(program)
        program.wait_ready(url, self._start_timeout)

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
                time.sleep(PAUSE / 2)


def _with_flags(command: list[str], given: Sequence[str]) -> list[str]:
    """Return a command line with further flags: kube-apiserver takes lists given twice together."""
    names = {flag.partition("=")[0] for flag in given}
    return [*(word for word in command if word.partition("=")[0] not in names), *given]


def from_environment(**options: Any) -> APIServer | ControlPlane | ExistingCluster:
    """Return the server the environment asks for, not started: so one test suite runs on all of them.

    `KUBECONFIG_INTEGRATION` names the kubeconfig of a cluster; `USE_EXISTING_CLUSTER=true` takes the usual one;
    `KUBEBUILDER_ASSETS` (or `TEST_ASSET_KUBE_APISERVER`) starts the real binaries. Otherwise it is the embedded
    server, made with ``options``, of which the others heed ``load`` alone.
    """
    load = options.get("load", ())
    kubeconfig = os.environ.get("KUBECONFIG_INTEGRATION")
    if kubeconfig:
        return ExistingCluster(kubeconfig=kubeconfig, load=load)
    if os.environ.get("USE_EXISTING_CLUSTER", "").lower() == "true":
        return ExistingCluster(load=load)
    if os.environ.get("KUBEBUILDER_ASSETS") or os.environ.get("TEST_ASSET_KUBE_APISERVER"):
        return ControlPlane(load=load)
    from dynkube.testing.server import APIServer as Embedded

    return Embedded(**options)


__all__ = ["ControlPlane", "ExistingCluster", "from_environment"]
