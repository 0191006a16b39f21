"""kr8s, through its synchronous facade."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import kr8s
from kr8s.objects import ConfigMap, Pod

from benchmarks.canned import NAMESPACE


class Client:
    """One api for every job."""

    def __init__(self, url: str, ca_file: str) -> None:
        """Configure through a kubeconfig file: kr8s takes nothing else with a CA."""
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "bench",
            "clusters": [{"name": "bench", "cluster": {"server": url, "certificate-authority": ca_file}}],
            "users": [{"name": "bench", "user": {"token": "bench"}}],
            "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench", "namespace": NAMESPACE}}],
        }
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "config"
            path.write_text(json.dumps(document))
            self._api = kr8s.api(kubeconfig=str(path))
            self._api.version()

    def get(self) -> Any:
        """Read one pod."""
        return Pod.get("web-00-00000", namespace=NAMESPACE, api=self._api)

    def list_pods(self) -> Any:
        """Read all pods: kr8s always pages, 100 at a time."""
        return list(self._api.get("pods", namespace=kr8s.ALL))

    def watch_events(self, count: int) -> int:
        """Read `count` events."""
        seen = 0
        for _ in self._api.watch("pods", namespace=kr8s.ALL, since="1"):
            seen += 1
            if seen == count:
                break
        return seen

    def create(self, body: dict[str, Any]) -> Any:
        """Create one config map."""
        config_map = ConfigMap(body, api=self._api)
        config_map.create()
        return config_map


def cold_start(url: str, ca_file: str) -> None:
    """Import, configure, discover, get."""
    Client(url, ca_file).get()
