"""The jobs that make sense on a real server: dynkube and the floor in turns, in one process, with one kubeconfig."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import dynkube
from benchmarks import canned, creating
from benchmarks.jobs import CREATE_CPU, CREATE_SPEED_UP
from dynkube.transport.tls import TLSSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

#: Small reads of one round.
GETS = 50


class Floor:
    """``http.client`` on one connection a thread, with the token or certificate of a configuration."""

    def __init__(self, config: dynkube.Config) -> None:
        """Prepare; the connection is made by the first request of each thread."""
        self._base = config.base_url
        self._headers = {"Accept": "application/json"}
        if config.bearer_token:
            self._headers["Authorization"] = f"Bearer {config.bearer_token}"
        self._context = TLSSettings(config).context() if self._base.scheme == "https" else None
        self._local = threading.local()
        self._made: list[http.client.HTTPConnection] = []

    def read(self, path: str) -> Any:
        """Return the object at `path`."""
        return json.loads(self._send("GET", path).read())

    def create(self, path: str, body: dict[str, Any]) -> Any:
        """Return the object that was created."""
        return json.loads(self._send("POST", path, json.dumps(body, separators=(",", ":")).encode()).read())

    def pages(self, path: str) -> int:
        """Return how many objects there are at `path`, holding a page at a time."""
        count, token = 0, ""
        while True:
            page = self.read(f"{path}?limit={canned.PAGE}&continue={quote(token)}")
            count += len(page["items"])
            token = page["metadata"].get("continue", "")
            if not token:
                return count

    def events(self, path: str, count: int) -> int:
        """Read so many events of those a watch at `path` begins with, one for each object there is."""
        connection = self._connection()
        seen = 0
        for line in self._send("GET", f"{path}?watch=1&resourceVersion=0"):
            json.loads(line)
            seen += 1
            if seen == count:
                break
        connection.close()  # an answer without an end; the next request connects again, as it does in a client
        return seen

    def close(self) -> None:
        """Close the connections of all threads."""
        for connection in self._made:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            host, port = self._base.host, self._base.port
            connection = (
                http.client.HTTPConnection(host, port)
                if self._context is None
                else http.client.HTTPSConnection(host, port, context=self._context)
            )
            self._local.connection = connection
            self._made.append(connection)
        return connection

    def _send(self, method: str, path: str, body: bytes | None = None) -> http.client.HTTPResponse:
        connection = self._connection()
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        connection.request(method, self._base.path + path, body, headers)
        response = connection.getresponse()
        if response.status not in (200, 201):
            raise SystemExit(f"the floor speaks tokens and certificates only: {response.status} for {method} {path}")
        return response


@contextmanager
def embedded_server(pods: int = canned.PODS) -> Iterator[str]:
    """Run the embedded server with so many pods, in a process of its own; yield the path of its kubeconfig."""
    with tempfile.TemporaryDirectory(prefix="dynkube-bench-") as name:
        manifest, kubeconfig = Path(name) / "pods.json", Path(name) / "config"
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": canned.NAMESPACE}}
        items = [namespace, *(canned.to_create(canned.pod(number)) for number in range(pods))]
        manifest.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
        command = [sys.executable, "-m", "dynkube.cli", "serve", "--tls", "--no-controllers"]
        command += ["--load", str(manifest), "--kubeconfig-out", str(kubeconfig)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                if not server.stdout.readline():
                    raise SystemExit("the embedded server did not start")
                yield str(kubeconfig)
            finally:
                server.terminate()


def main(kubeconfig: str, rounds: int, *, write: bool = False) -> int:
    """Print medians and ratios of reads of whatever pods the server has; with `write`, of creates too.

    What is created are config maps in a namespace of their own, which is deleted again. 1 when a create misses a
    target, 0 otherwise: how long a read takes is the server's affair more than the client's.
    """
    config = dynkube.load_config(kubeconfig=kubeconfig or None).replace(disable_compression=True)
    floor = Floor(config)
    with closing(floor), dynkube.DynamicClient(config) as client:
        pods = client.resource("v1", "pods").all_namespaces()
        namespaces = client.resource("v1", "namespaces")
        number = len(pods.list()["items"])
        jobs: Mapping[str, tuple[Callable[[], object], Callable[[], object], int]] = {
            "get of a namespace": (lambda: floor.read("/api/v1/namespaces/default"),
                                   lambda: namespaces.get("default"), GETS),
            "list of all pods": (lambda: floor.read("/api/v1/pods"), pods.list, 1),
            "all pods, page by page": (lambda: floor.pages("/api/v1/pods"), lambda: sum(1 for _ in pods.iter()), 1),
            "an event for each pod": (lambda: floor.events("/api/v1/pods", number), lambda: _events(pods, number), 1),
            "informer of all pods": (lambda: floor.read("/api/v1/pods"), lambda: _sync(pods), 1),
        }  # fmt: skip
        print(f"{config.base_url}: {number} pods; medians of {rounds}, not compressed")
        print(f"{'job':26}{'floor':>12}{'dynkube':>12}{'ratio':>8}  CPU ratio")
        for title, (reference, job, repeated) in jobs.items():
            ours, floors = [], []
            for _ in range(rounds + 1):
                floors.append(_time(reference, repeated))
                ours.append(_time(job, repeated))
            _print_row(title, floors[1:], ours[1:])
        return 1 if write and not _create(client, floor, rounds) else 0


def _print_row(title: str, floors: list[tuple[float, float]], ours: list[tuple[float, float]]) -> float:
    """Print the medians and ratios of (seconds, seconds of CPU) and return the ratio of CPU."""
    wall = median(one[0] / other[0] for one, other in zip(ours, floors, strict=True))
    cpu = median(one[1] / other[1] for one, other in zip(ours, floors, strict=True))
    shown = [f"{median(each[0] for each in times) * 1000:9.2f} ms" for times in (floors, ours)]
    print(f"{title:26}{shown[0]}{shown[1]}{wall:8.2f}{cpu:11.2f}")
    return cpu


def _create(client: dynkube.DynamicClient, floor: Floor, rounds: int) -> bool:
    """Print what a create costs with one thread and eight, and whether the targets are held."""
    namespaces = client.resource("v1", "namespaces")
    made = namespaces.create({"metadata": {"generateName": "dynkube-bench-"}})["metadata"]["name"]
    config_maps = client.resource("v1", "configmaps").namespace(made)
    path, numbers = f"/api/v1/namespaces/{made}/configmaps", count()

    def renamed(body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "metadata": {**body["metadata"], "namespace": made, "name": f"settings-{next(numbers)}"}}

    creates = (lambda body: floor.create(path, renamed(body)), lambda body: config_maps.create(renamed(body)))
    alone: tuple[list[Any], list[Any]] = ([], [])
    eight: tuple[list[Any], list[Any]] = ([], [])
    try:
        for _ in range(rounds):
            for create, one, many in zip(creates, alone, eight, strict=True):
                one.append(creating.one_thread(create, creating.FEW_CREATES))
                many.append(creating.threads_in_turn(create, creating.FEW_CREATES, creating.FEW))
    finally:
        namespaces.delete(made)
    held = True
    for title, (floors, ours) in {"create, 1 thread": alone, "create, 8 threads": eight}.items():
        seconds = [[(run["wall_ms"] / 1000, run["cpu_ms"] / 1000) for run in runs] for runs in (floors, ours)]
        held = _print_row(title, *seconds) <= CREATE_CPU and held
    floor_rate, rate = (median(run["speed_up"] for run in runs) for runs in eight)
    print(f"{'8 threads over 1: rate':26}{floor_rate:10.2f} x{rate:10.2f} x")
    held = rate >= CREATE_SPEED_UP and held
    print(f"{'held' if held else 'MISSED'}: CPU of creates at most {CREATE_CPU:g}, rate at least {CREATE_SPEED_UP:g}")
    return held


def _events(pods: dynkube.Resource, number: int) -> None:
    seen = 0
    with pods.watch(resource_version="0") as events:
        while seen < number:
            next(events)
            seen += 1


def _sync(pods: dynkube.Resource) -> None:
    with pods.informer() as informer:
        if not informer.wait_for_sync(300):
            raise TimeoutError("the informer did not sync")


def _time(job: Callable[[], object], count: int) -> tuple[float, float]:
    began, cpu = time.perf_counter(), time.process_time()
    for _ in range(count):
        job()
    return (time.perf_counter() - began) / count, (time.process_time() - cpu) / count
