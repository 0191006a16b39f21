"""The jobs that make sense on a real server: dynkube and the floor in turns, in one process, with one kubeconfig."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import dynkube
from benchmarks import canned
from dynkube.transport.tls import TLSSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

#: Small reads of one round.
GETS = 50


class Floor:
    """``http.client`` on one connection, with the token or certificate of a configuration."""

    def __init__(self, config: dynkube.Config) -> None:
        """Prepare; the connection is made by the first request."""
        base = config.base_url
        self._path = base.path
        self._headers = {"Accept": "application/json"}
        if config.bearer_token:
            self._headers["Authorization"] = f"Bearer {config.bearer_token}"
        if base.scheme == "https":
            context = TLSSettings(config).context()
            self._connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                base.host, base.port, context=context
            )
        else:
            self._connection = http.client.HTTPConnection(base.host, base.port)

    def read(self, path: str) -> Any:
        """Return the object at `path`."""
        self._connection.request("GET", self._path + path, headers=self._headers)
        response = self._connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise SystemExit(f"the floor speaks tokens and certificates only: {response.status} for {path}")
        return json.loads(body)

    def pages(self, path: str) -> int:
        """Return how many objects there are at `path`, holding a page at a time."""
        count, token = 0, ""
        while True:
            page = self.read(f"{path}?limit={canned.PAGE}&continue={quote(token)}")
            count += len(page["items"])
            token = page["metadata"].get("continue", "")
            if not token:
                return count

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


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


def main(kubeconfig: str, rounds: int) -> int:
    """Print medians and ratios of a get, a list, pages and an informer, of whatever pods the server has; 0."""
    config = dynkube.load_config(kubeconfig=kubeconfig or None).replace(disable_compression=True)
    floor = Floor(config)
    with closing(floor), dynkube.DynamicClient(config) as client:
        pods = client.resource("v1", "pods").all_namespaces()
        namespaces = client.resource("v1", "namespaces")
        jobs: Mapping[str, tuple[Callable[[], object], Callable[[], object], int]] = {
            "get of a namespace": (lambda: floor.read("/api/v1/namespaces/default"),
                                   lambda: namespaces.get("default"), GETS),
            "list of all pods": (lambda: floor.read("/api/v1/pods"), pods.list, 1),
            "all pods, page by page": (lambda: floor.pages("/api/v1/pods"), lambda: sum(1 for _ in pods.iter()), 1),
            "informer of all pods": (lambda: floor.read("/api/v1/pods"), lambda: _sync(pods), 1),
        }  # fmt: skip
        print(f"{config.base_url}: {len(pods.list()['items'])} pods; medians of {rounds}, not compressed")
        print(f"{'job':26}{'floor':>12}{'dynkube':>12}{'ratio':>8}  CPU ratio")
        for title, (reference, job, count) in jobs.items():
            ours, floors = [], []
            for _ in range(rounds + 1):
                floors.append(_time(reference, count))
                ours.append(_time(job, count))
            wall = median(one[0] / other[0] for one, other in zip(ours[1:], floors[1:], strict=True))
            cpu = median(one[1] / other[1] for one, other in zip(ours[1:], floors[1:], strict=True))
            shown = [f"{median(each[0] for each in times[1:]) * 1000:9.2f} ms" for times in (floors, ours)]
            print(f"{title:26}{shown[0]}{shown[1]}{wall:8.2f}{cpu:11.2f}")
    return 0


def _sync(pods: dynkube.Resource) -> None:
    with pods.informer() as informer:
        if not informer.wait_for_sync(300):
            raise TimeoutError("the informer did not sync")


def _time(job: Callable[[], object], count: int) -> tuple[float, float]:
    began, cpu = time.perf_counter(), time.process_time()
    for _ in range(count):
        job()
    return (time.perf_counter() - began) / count, (time.process_time() - cpu) / count
