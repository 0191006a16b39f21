"""A namespace in a simulated cluster: make workloads, and wait for what becomes of them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.dynamic import DynamicClient, Resource
    from dynkube.testing import APIServer

#: Seconds a state may take on a busy machine.
PATIENCE = 30.0


@dataclass(frozen=True)
class Place:
    """One namespace of one server."""

    server: APIServer
    dyn: DynamicClient
    namespace: str

    @classmethod
    def fresh(cls, server: APIServer, dyn: DynamicClient) -> Place:
        """Return a new namespace."""
        name = f"sim-{uuid.uuid4().hex[:10]}"
        dyn.resource("v1", "namespaces").create({"metadata": {"name": name}})
        return cls(server, dyn, name)

    def of(self, kind: str) -> Resource:
        """Return a resource in this namespace."""
        return self.dyn.resource(kind).namespace(self.namespace)

    def create(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """Create an object here."""
        return self.dyn.for_object(manifest).namespace(self.namespace).create(manifest)

    def items(self, kind: str, **selection: Any) -> list[dict[str, Any]]:
        """Return the objects of a kind."""
        return list(self.of(kind).iter(**selection))

    def until(self, met: Callable[[], Any]) -> Any:
        """Wait until a look at the cluster gives something true, looking anew after each write; return that."""
        store = self.server.cluster.store
        seen = -1

        def written() -> bool:
            return store.version != seen

        while True:
            with store.changed:
                assert store.changed.wait_for(written, PATIENCE), f"nothing happens any more: {met()!r}"
                seen = store.version
            found = met()
            if found:
                return found

    def status(self, kind: str, name: str, **wanted: Any) -> dict[str, Any]:
        """Wait until an object's status has these values (None: left out) for its present generation; return it."""

        def met() -> Any:
            obj = self.of(kind).get(name)
            status = obj.get("status") or {}
            same = all(status.get(key) == value for key, value in wanted.items())
            return same and status.get("observedGeneration", 0) in (0, obj["metadata"].get("generation")) and status

        found: dict[str, Any] = self.until(met)
        return found

    def ready(self, **selection: Any) -> list[dict[str, Any]]:
        """Return the pods that are Ready and not on their way out."""
        return [
            pod
            for pod in self.items("pods", **selection)
            if "deletionTimestamp" not in pod["metadata"]
            and any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions") or ())
        ]


def template(image: str = "app:1", **metadata: Any) -> dict[str, Any]:
    """Return a pod template with one container."""
    containers = [{"name": "main", "image": image, "ports": [{"containerPort": 80, "name": "http"}]}]
    return {"metadata": {"labels": {"app": "web"}, **metadata}, "spec": {"containers": containers}}


def workload(kind: str, name: str = "web", *, pod: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """Return a Deployment, ReplicaSet, StatefulSet or DaemonSet."""
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": pod or template(), **spec},
    }


def job(name: str = "work", *, annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """Return a Job whose pods run once."""
    pod = template(annotations=annotations or {})
    pod["metadata"].pop("labels")
    pod["spec"]["restartPolicy"] = "Never"
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": pod, **spec}}
