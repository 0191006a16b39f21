"""The official client through its dynamic client."""

from __future__ import annotations

from typing import Any

import kubernetes
from kubernetes.dynamic import DynamicClient

from benchmarks.canned import NAMESPACE, PAGE


class Client:
    """One DynamicClient for every job and thread."""

    def __init__(self, url: str, ca_file: str) -> None:
        """Configure; the constructor of the dynamic client discovers."""
        configuration = kubernetes.client.Configuration()
        configuration.host = url
        configuration.ssl_ca_cert = ca_file
        configuration.api_key = {"authorization": "Bearer bench", "BearerToken": "Bearer bench"}
        client = DynamicClient(kubernetes.client.ApiClient(configuration))
        self._pods = client.resources.get(api_version="v1", kind="Pod")
        self._config_maps = client.resources.get(api_version="v1", kind="ConfigMap")

    def get(self) -> Any:
        """Read one pod."""
        return self._pods.get(name="web-00-00000", namespace=NAMESPACE)

    def list_pods(self) -> Any:
        """Read all pods in one request."""
        return self._pods.get()

    def iterate_pods(self) -> int:
        """Read all pods page by page."""
        count, token = 0, None
        while True:
            page = self._pods.get(limit=PAGE, _continue=token)
            for _ in page.items:
                count += 1
            token = page.metadata["continue"]
            if not token:
                return count

    def watch_events(self, count: int) -> int:
        """Read `count` events."""
        seen = 0
        for _ in self._pods.watch(resource_version="1", timeout=60):
            seen += 1
            if seen == count:
                break
        return seen

    def create(self, body: dict[str, Any]) -> Any:
        """Create one config map."""
        return self._config_maps.create(body=body, namespace=NAMESPACE)


def cold_start(url: str, ca_file: str) -> None:
    """Import, configure, discover, get."""
    Client(url, ca_file).get()
