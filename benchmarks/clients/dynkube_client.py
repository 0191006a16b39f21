"""dynkube, as its README uses it."""

from __future__ import annotations

from typing import Any

import dynkube
from benchmarks.canned import NAMESPACE, PAGE


class Client:
    """One DynamicClient for every job and thread."""

    def __init__(self, url: str, ca_file: str, *, compress: bool | None = None, cache: str | None = None) -> None:
        """Configure; nothing is sent."""
        options: dict[str, Any] = {} if compress is None else {"disable_compression": not compress}
        config = dynkube.Config(host=url, ca_file=ca_file, bearer_token="bench", **options)
        self._client = dynkube.DynamicClient(config, cache=cache)
        self._pods = self._client.resource("v1", "pods")
        self._pod = self._pods.namespace(NAMESPACE)
        self._config_maps = self._client.resource("v1", "configmaps").namespace(NAMESPACE)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def warm_up(self) -> None:
        """Connect, discover, and load what loads on its first use."""
        self.get()
        self._synced(self._client.resource("v1", "configmaps"), start=False)

    def get(self) -> Any:
        """Read one pod."""
        return self._pod.get("web-00-00000")

    def list_pods(self) -> Any:
        """Read all pods in one request."""
        return self._pods.all_namespaces().list()

    def iterate_pods(self) -> int:
        """Read all pods page by page."""
        return sum(1 for _ in self._pods.all_namespaces().iter(limit=PAGE))

    def watch_events(self, count: int) -> int:
        """Read `count` events."""
        seen = 0
        with self._pods.all_namespaces().watch(resource_version="1") as events:
            for _ in events:
                seen += 1
                if seen == count:
                    break
        return seen

    def informer_pods(self) -> Any:
        """Sync an informer on all pods."""
        return self._synced(self._pods.all_namespaces())

    def informer_config_maps(self) -> Any:
        """Sync an informer on all config maps."""
        return self._synced(self._client.resource("v1", "configmaps").all_namespaces())

    def informer_few_config_maps(self) -> Any:
        """Sync an informer on the config maps of one namespace."""
        return self._synced(self._config_maps)

    def _synced(self, resource: Any, *, start: bool = True) -> Any:
        informer = resource.informer()
        if not start:
            return informer
        informer.start()
        if not informer.wait_for_sync(timeout=120):
            raise TimeoutError("the informer did not sync")
        return informer

    def create(self, body: dict[str, Any]) -> Any:
        """Create one config map."""
        return self._config_maps.create(body)


def cold_start(url: str, ca_file: str) -> None:
    """Import, configure, discover, get."""
    Client(url, ca_file).get()


def cold_start_with_disk_cache(url: str, ca_file: str, cache: str) -> None:
    """Import, configure, read the discovery cache of an earlier process, get."""
    Client(url, ca_file, cache=cache).get()
