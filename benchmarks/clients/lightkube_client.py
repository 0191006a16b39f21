"""lightkube: generated types, no discovery."""

from __future__ import annotations

from typing import Any

from lightkube import Client as LightkubeClient
from lightkube import KubeConfig
from lightkube.config.models import Cluster, User
from lightkube.resources.core_v1 import ConfigMap, Pod

from benchmarks.canned import NAMESPACE, PAGE


class Client:
    """One Client for every job and thread."""

    def __init__(self, url: str, ca_file: str) -> None:
        """Configure; nothing is sent."""
        cluster = Cluster(server=url, certificate_auth=ca_file)
        config = KubeConfig.from_one(cluster=cluster, user=User(token="bench"), namespace=NAMESPACE)
        self._client = LightkubeClient(config)

    def get(self) -> Any:
        """Read one pod."""
        return self._client.get(Pod, "web-00-00000", namespace=NAMESPACE)

    def list_pods(self) -> Any:
        """Read all pods in one request."""
        return list(self._client.list(Pod, namespace="*", chunk_size=0))

    def iterate_pods(self) -> int:
        """Read all pods page by page."""
        return sum(1 for _ in self._client.list(Pod, namespace="*", chunk_size=PAGE))

    def watch_events(self, count: int) -> int:
        """Read `count` events."""
        seen = 0
        for _ in self._client.watch(Pod, namespace="*", resource_version="1"):
            seen += 1
            if seen == count:
                break
        return seen

    def create(self, body: dict[str, Any]) -> Any:
        """Create one config map."""
        return self._client.create(ConfigMap.from_dict(body), namespace=NAMESPACE)


def cold_start(url: str, ca_file: str) -> None:
    """Import, configure, get: there is no discovery."""
    Client(url, ca_file).get()
