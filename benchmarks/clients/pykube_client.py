"""pykube-ng: static classes, no discovery."""

from __future__ import annotations

from typing import Any

import pykube

from benchmarks.canned import NAMESPACE


class Client:
    """One HTTPClient for every job and thread."""

    def __init__(self, url: str, ca_file: str) -> None:
        """Configure; nothing is sent."""
        document = {
            "current-context": "bench",
            "clusters": [{"name": "bench", "cluster": {"server": url, "certificate-authority": ca_file}}],
            "users": [{"name": "bench", "user": {"token": "bench"}}],
            "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
        }
        self._api = pykube.HTTPClient(pykube.KubeConfig(document), timeout=60)

    def get(self) -> Any:
        """Read one pod."""
        return pykube.Pod.objects(self._api).filter(namespace=NAMESPACE).get_by_name("web-00-00000")

    def list_pods(self) -> Any:
        """Read all pods in one request."""
        return list(pykube.Pod.objects(self._api).filter(namespace=pykube.all))

    def watch_events(self, count: int) -> int:
        """Read `count` events."""
        seen = 0
        for _ in pykube.Pod.objects(self._api).filter(namespace=pykube.all).watch(since="1"):
            seen += 1
            if seen == count:
                break
        return seen

    def create(self, body: dict[str, Any]) -> Any:
        """Create one config map."""
        config_map = pykube.ConfigMap(self._api, body)
        config_map.create()
        return config_map


def cold_start(url: str, ca_file: str) -> None:
    """Import, configure, get: there is no discovery."""
    Client(url, ca_file).get()
