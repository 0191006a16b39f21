"""The embedded API server as one object: start it, talk to it, look at what it was asked, stop it."""

from __future__ import annotations

import collections
import contextlib
import json
import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynkube.config import Config
from dynkube.errors import InvalidRequestError, ManifestError
from dynkube.names import GroupVersion
from dynkube.objects import load_manifests
from dynkube.testing.access import certificates, kubeconfig
from dynkube.testing.access.authentication import MASTERS, Authenticator, read_token_file
from dynkube.testing.controllers import bootstrap
from dynkube.testing.controllers.garbage import DELAY, Controllers
from dynkube.testing.faults import Fault, Faults, answered
from dynkube.testing.flows import writing
from dynkube.testing.flows.api import API, failed, plain
from dynkube.testing.flows.cluster import NAMESPACES, Cluster
from dynkube.testing.http.connections import HTTPResponse, HTTPServer
from dynkube.testing.http.failures import Failure
from dynkube.testing.http.negotiation import encode_json
from dynkube.testing.objects.decoding import decode
from dynkube.testing.storage.durability import Journal
from dynkube.testing.storage.store import Store

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from typing_extensions import Self

    from dynkube.dynamic import DynamicClient
    from dynkube.testing.containers import Containers
    from dynkube.testing.http.connections import HTTPRequest
    from dynkube.testing.simulation import Simulation
    from dynkube.testing.simulation.life import Life
    from dynkube.testing.storage.store import Snapshot

logger = logging.getLogger("dynkube.testing.server")

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
#: How many requests are remembered.
_REMEMBERED = 10_000
#: Where faults are asked for over HTTP, below the server's URL.
CONTROL = "/dynkube"


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request the server answered. ``path`` is without the query; ``body`` is decoded JSON, or the raw bytes."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: Any
    status: int
    seconds: float


class APIServer:
    """A Kubernetes API server in this process, on loopback, that answers like kube-apiserver 1.36.

    It starts with `start` or ``with APIServer() as server:``. ``port`` 0 takes a free one. ``tls`` serves HTTPS with a
    certificate authority of its own (needs the ``testing`` extra). ``token_auth_file`` has kube-apiserver's format;
    without it every caller is an administrator. ``load`` names manifests to create at the start, as `load` does.
    ``advertise_address`` (host:port) is what ``GET /api`` tells clients, its own address by default. ``controllers``
    runs the garbage collector and the namespace controller; ``controller_delay`` is how many seconds a terminating
    namespace, or an object held by a propagation finalizer, stays visible before they deal with it. ``history`` is the
    number of events kept for each resource, which decides when a watch or a continue token is too old. ``data`` names a
    directory that keeps every write, so that a server started with it again has all objects; without, memory alone.
    ``simulate`` gives workloads life: they make pods, which run on nodes that are not there; a
    `dynkube.testing.simulation.Simulation` says how fast and on how many.

    Raises ConfigError for a token file or data directory that cannot be used, and for TLS without its extra.
    """

    def __init__(
        self,
        *,
        address: str = "127.0.0.1",
        port: int = 0,
        tls: bool = False,
        token_auth_file: str | os.PathLike[str] | None = None,
        load: Iterable[str | os.PathLike[str]] = (),
        advertise_address: str | None = None,
        controllers: bool = True,
        controller_delay: float = DELAY,
        history: int = 20_000,
        data: str | os.PathLike[str] | None = None,
        simulate: bool | Simulation = False,
    ) -> None:
        if not 0 <= port <= 65535:
            raise InvalidRequestError(f"port must lie between 0 and 65535, not {port!r}")
        tokens = None if token_auth_file is None else read_token_file(Path(token_auth_file))
        self._address = address
        self._wanted_port = port
        self._advertised = advertise_address
        self._token = next((token for token, user in (tokens or {}).items() if MASTERS in user.groups), None)
        self._certificate = certificates.generate(_certificate_names(address)) if tls else None
        self._load = tuple(load)
        self.cluster = Cluster(authenticator=Authenticator(tokens), store=Store(history=history))
        self._api = API(self.cluster)
        self._controllers = (
            Controllers(self.cluster, self._api.crds.settle, delay=controller_delay) if controllers else None
        )
        self._life: Life | None = None
        if simulate:
            from dynkube.testing.simulation import Simulation as Choices
            from dynkube.testing.simulation.life import Life as Simulated

            choices = simulate if isinstance(simulate, Choices) else Choices()
            self._life = Simulated(self.cluster, choices, self._api.crds.settle)
        self.faults = Faults()
        self._data = data
        self._journal: Journal | None = None
        self._requests: collections.deque[RecordedRequest] = collections.deque(maxlen=_REMEMBERED)
        self._http: HTTPServer | None = None
        self._lock = threading.Lock()

    # Life

    def start(self) -> APIServer:
        """Listen and answer from now on; return the server itself. Raises OSError when the port is taken."""
        with self._lock:
            if self._http is not None:
                return self
            if self._address not in _LOOPBACK:
                logger.warning(
                    "the embedded API server listens on %s: everybody who reaches it is let in", self._address
                )
            context = self._certificate.context() if self._certificate else None
            http = HTTPServer(self._handle, address=self._address, port=self._wanted_port, context=context)
            try:
                self._fill(self._advertised or f"{self._address}:{http.port}")
            except BaseException:
                http.stop()
                if self._journal is not None:
                    self._journal.close()
                raise
            self._wanted_port = http.port
            self._http = http
            http.start()
            if self._controllers is not None:
                self._controllers.start()
            if self._life is not None:
                self._life.start()
        return self

    def _fill(self, address: str) -> None:
        self.cluster.address = address
        if self._data is not None:
            self._journal = Journal(self._data)
            self.cluster.authenticator.issued.keep_key(self._journal.directory / "token-key")
            stored = self._journal.read()
            if stored is not None:
                self.restore(stored)
        if self.cluster.store.get(NAMESPACES, ("", "default")) is None:
            bootstrap.fill(self.cluster)
        for source in self._load:
            self.load(Path(source))
        if self._journal is not None:
            self._journal.follow(self.cluster.store)

    def stop(self) -> None:
        """End every connection and watch, stop all threads and free the port. Does nothing when it is stopped."""
        with self._lock:
            http, self._http = self._http, None
            if http is None:
                return
            self.cluster.stopping.set()
            with self.cluster.store.changed:
                self.cluster.store.changed.notify_all()
            http.stop()
            if self._life is not None:
                self._life.stop()
            if self._controllers is not None:
                self._controllers.stop()
            if self._journal is not None:
                self._journal.close()

    def restart(self, *, downtime: float = 0.0) -> None:
        """Go down and come back on the same port, with every object but without history, as after a crash.

        Open connections are reset; nothing listens for ``downtime`` seconds; watches must start anew (410).
        """
        with self._lock:
            http = self._http
            if http is None:
                raise InvalidRequestError("the server is not running")
            self.cluster.stopping.set()
            with self.cluster.store.changed:
                self.cluster.store.changed.notify_all()
            http.stop()
            time.sleep(downtime)
            self.cluster.store.compact()
            self.cluster.stopping.clear()
            context = self._certificate.context() if self._certificate else None
            self._http = HTTPServer(self._handle, address=self._address, port=http.port, context=context)
            self._http.start()

    def _restart_if_running(self) -> None:
        if self._http is not None:
            with contextlib.suppress(InvalidRequestError):
                self.restart()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<APIServer {self.url if self._http else 'stopped'}>"

    # Addresses

    @property
    def port(self) -> int:
        """The port it listens on. Raises InvalidRequestError before the server is started."""
        if self._http is None:
            raise InvalidRequestError("the server is not running")
        return self._http.port

    @property
    def url(self) -> str:
        """Where it is reached: ``http://127.0.0.1:40123``."""
        host = f"[{self._address}]" if ":" in self._address else self._address
        return f"{'https' if self._certificate else 'http'}://{host}:{self.port}"

    @property
    def ca(self) -> bytes | None:
        """The PEM certificate of the authority clients must trust, None over plain HTTP."""
        return self._certificate.ca if self._certificate else None

    @property
    def token(self) -> str | None:
        """The token of an administrator from the token file, None without a token file."""
        return self._token

    def config(self, **overrides: Any) -> Config:
        """Return the configuration of an administrator's client; keywords replace fields of it."""
        fields: dict[str, Any] = {"host": self.url, "ca_data": self.ca, "bearer_token": self._token}
        return Config(**{name: value for name, value in {**fields, **overrides}.items() if value is not None})

    def client(self, **overrides: Any) -> DynamicClient:
        """Return a dynkube client of an administrator. Close it when done."""
        from dynkube.dynamic import DynamicClient as Client

        return Client(self.config(**overrides))

    def kubeconfig(self, *, namespace: str = "") -> dict[str, Any]:
        """Return a kubeconfig of an administrator."""
        return kubeconfig.document(self.url, ca=self.ca, token=self._token, namespace=namespace)

    def write_kubeconfig(self, path: str | os.PathLike[str], *, namespace: str = "") -> Path:
        """Write the kubeconfig, readable by the owner alone, and return its path."""
        return kubeconfig.write(Path(path), self.kubeconfig(namespace=namespace))

    # Contents

    def load(self, manifests: str | Path | bytes | Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Create objects, CRDs first, and return them as stored. An object that exists is replaced.

        ``manifests`` is YAML or JSON text, a `Path` of a file or folder, or objects. Raises ManifestError naming what
        the server refuses.
        """
        if isinstance(manifests, (str, bytes, Path)):
            objects = load_manifests(manifests)
        else:
            objects = [dict(one) for one in manifests]
        definitions = [one for one in objects if one.get("kind") == "CustomResourceDefinition"]
        spaces = [one for one in objects if one.get("kind") == "Namespace"]
        others = [one for one in objects if one.get("kind") not in ("CustomResourceDefinition", "Namespace")]
        return [self._load_one(one) for one in [*definitions, *spaces, *others]]

    def _load_one(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        what = f"{manifest.get('kind')} {(manifest.get('metadata') or {}).get('name')}"
        gv = GroupVersion.parse(manifest.get("apiVersion", ""))
        resource = self.cluster.registry.by_kind(gv.group, gv.version, manifest.get("kind", ""))
        if resource is None:
            raise ManifestError(f"{what}: {gv} {manifest.get('kind')} is not served")
        metadata = dict(manifest.get("metadata") or {})
        if resource.namespaced:
            metadata.setdefault("namespace", "default")
        text = json.dumps({**manifest, "metadata": metadata}).encode()
        try:
            obj, _ = decode(
                text,
                "application/json",
                gvk=resource.gvk,
                resource=resource,
                schema=self.cluster.schema_of(resource),
                validation="Ignore",
            )
            with self.cluster.store.transaction():
                key = (metadata.get("namespace", ""), metadata.get("name", ""))
                record = self.cluster.store.get(resource.collection, key)
                change = writing.Change("dynkube-load")
                if record is None:
                    stored = writing.create_object(self.cluster, resource, obj, change).document
                else:
                    obj["metadata"].pop("resourceVersion", None)
                    stored = writing.replace(self.cluster, resource, record, obj, change, checked=True).document
        except Failure as failure:
            raise ManifestError(f"{what}: {failure}") from failure
        self._api.crds.settle()
        return stored

    def snapshot(self) -> Snapshot:
        """Return the present contents, to go back to with `restore`; takes a millisecond or so."""
        return self.cluster.store.snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot: objects and served CRDs. Watches end with 410, as after a compaction."""
        with self.cluster.store.transaction():
            self.cluster.store.restore(snapshot)
            self._api.crds.load()
            if self._controllers is not None:
                self._controllers.reload()
            if self._life is not None:
                self._life.reload()
            if self._journal is not None:
                self._journal.rewrite()

    def drop_namespace(self, name: str) -> None:
        """Remove a namespace and everything in it at once, finalizers or not: the quick way to tidy up after a test."""
        store = self.cluster.store
        with store.transaction():
            for collection in store.collections():
                for key, _ in store.objects(collection, name)[0]:
                    store.delete(collection, key)
            if store.get(NAMESPACES, ("", name)) is not None:
                store.delete(NAMESPACES, ("", name))

    def compact(self) -> None:
        """Forget all history: watches and continue tokens from before are answered 410."""
        self.cluster.store.compact()

    @property
    def containers(self) -> Containers:
        """What runs in the pods: logs, commands and ports, as a test scripts them."""
        return self.cluster.containers

    # Requests

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests answered so far, oldest first (the last 10,000)."""
        return list(self._requests)

    def clear_requests(self) -> None:
        """Forget the recorded requests."""
        self._requests.clear()

    def inject(self, kind: str, **rule: Any) -> Fault:
        """Put a fault in force: see `dynkube.testing.faults.Fault` for the fields and kinds."""
        return self.faults.add(Fault(kind=kind, **rule))

    def _handle(self, request: HTTPRequest) -> HTTPResponse:
        started = time.monotonic()
        if request.target.startswith(f"{CONTROL}/"):
            return self._control(request)
        response = self._faulty(request)
        self._remember(request, response, time.monotonic() - started)
        return response

    def _faulty(self, request: HTTPRequest) -> HTTPResponse:
        for fault in self.faults.strike(request):
            if fault.kind != "latency":
                return answered(fault, request, self._api)
            self.cluster.stopping.wait(fault.seconds)
        return self._api(request)

    def _remember(self, request: HTTPRequest, response: HTTPResponse, seconds: float) -> None:
        path, _, query = request.target.partition("?")
        hidden = {name: value for name, value in request.headers.items() if name != "authorization"}
        body: Any = request.body or None
        if body is not None:
            try:
                body = json.loads(body)
            except (ValueError, RecursionError):
                body = request.body
        recorded = RecordedRequest(request.method, path, query, hidden, body, response.status, seconds)
        self._requests.append(recorded)

    def _control(self, request: HTTPRequest) -> HTTPResponse:
        """Answer the control endpoint: faults, compaction, restart, over HTTP for programs outside this process."""
        try:
            user = self.cluster.authenticator.authenticate(request.headers)
        except Failure as failure:
            return failed(failure, request)
        if MASTERS not in user.groups:
            return plain(403, "only administrators control the server\n")
        path = request.target.partition("?")[0].removeprefix(CONTROL)
        try:
            return self._controlled(request, path)
        except (ValueError, TypeError) as error:
            return plain(400, f"{error}\n")

    def _controlled(self, request: HTTPRequest, path: str) -> HTTPResponse:
        method = request.method
        if path == "/faults" and method == "GET":
            rules = [rule.as_dict() for rule in self.faults.rules()]
            return HTTPResponse(200, {"Content-Type": "application/json"}, encode_json(rules) + b"\n")
        if path == "/faults" and method == "POST":
            values = json.loads(request.body or b"null")
            if not isinstance(values, dict):
                raise InvalidRequestError("a fault is a JSON object")
            self.faults.add(Fault.from_mapping(values))
            return plain(201, "ok\n")
        if path == "/faults" and method == "DELETE":
            self.faults.clear()
            return plain(200, "ok\n")
        if path == "/compact" and method == "POST":
            self.compact()
            return plain(200, "ok\n")
        if path == "/restart" and method == "POST":
            # A moment later, so that this very answer still gets out.
            later = threading.Timer(0.1, self._restart_if_running)
            later.daemon = True
            later.start()
            return plain(202, "restarting\n")
        return plain(404, "404 page not found\n")


def _certificate_names(address: str) -> list[str]:
    service = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"]
    names = ["localhost", "127.0.0.1", "::1", *service]
    return names if address in names or address in ("0.0.0.0", "::") else [*names, address]  # noqa: S104 - compared


__all__ = ["CONTROL", "APIServer", "RecordedRequest"]
