"""The same calls through dynkube and through the floor, to a server in another process."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dynkube
from dynkube.names import GroupVersionResource
from performance import canned_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATH = "/api/v1/namespaces/default/configmaps"
BODY = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default"}, "data": {"k": "v"}}


@dataclass(frozen=True)
class Calls:
    """A get, whose answer is that of the server, and a create."""

    get: Callable[[], object]
    create: Callable[[], object]


@contextmanager
def side_by_side(answer: bytes, folder: Path) -> Iterator[tuple[Calls, Calls]]:
    """Yield the calls of dynkube and those of the floor, all on connections that stand."""
    path = folder / "answer.json"
    path.write_bytes(answer)
    command = [sys.executable, str(canned_server.__file__), str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        port = int(server.stdout.readline())
        floor = http.client.HTTPConnection("127.0.0.1", port)

        def send(method: str, path: str, body: bytes | None = None) -> Any:
            headers = {"Accept": "application/json", "Content-Type": "application/json"}
            floor.request(method, path, body, headers)
            return json.loads(floor.getresponse().read())

        config = dynkube.Config(host=f"http://127.0.0.1:{port}", disable_compression=True)
        with dynkube.DynamicClient(config) as client, closing(floor), server.stdin:
            config_maps = client.resource(GroupVersionResource("", "v1", "configmaps")).namespace("default")
            ours = Calls(lambda: config_maps.get("a"), lambda: config_maps.create(BODY))
            floors = Calls(
                lambda: send("GET", f"{PATH}/a"),
                lambda: send("POST", PATH, json.dumps(BODY, separators=(",", ":")).encode()),
            )
            for _ in range(3):
                for calls in (ours, floors):
                    calls.get()
                    calls.create()
            yield ours, floors
