"""ReplicaSets and ReplicationControllers: as many pods of one template as they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.testing.simulation import pods
from dynkube.testing.simulation.controller import Controller, itself, owners, selector_of
from dynkube.testing.simulation.world import PODS, REPLICA_SETS, REPLICATION_CONTROLLERS, key_of, terminating

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynkube.objects import JSONObject
    from dynkube.testing.simulation.controller import Concerns
    from dynkube.testing.simulation.world import World
    from dynkube.testing.storage.store import Collection, Key

_COST = "controller.kubernetes.io/pod-deletion-cost"


class ReplicaSets(Controller):
    """Keeps the number of pods, and tells how many there are."""

    collection: Collection = REPLICA_SETS
    kind = "ReplicaSet"
    component = "replicaset-controller"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._of_pod = owners(world, self.collection, self.kind)

    def concerns(self) -> Mapping[Collection, Concerns]:
        """Follow the sets and their pods."""
        return {self.collection: itself, PODS: self._of_pod}

    def reconcile(self, key: Key) -> float | None:
        """Create or delete the difference, then write the status."""
        owner = self.world.get(self.collection, key)
        if owner is None:
            return None
        mine = [pod for pod in pods.claim(self.world, owner, PODS, selector_of(owner)) if pods.active(pod)]
        if not terminating(owner):
            missing = owner["spec"].get("replicas", 1) - len(mine)
            for _ in range(missing):
                template = owner["spec"]["template"]
                mine.append(pods.make(self.world, pods.from_template(template, owner), owner, self.component))
            if missing < 0:
                for pod in sorted(mine, key=_worth)[:-missing]:
                    pods.remove(self.world, pod, owner, self.component)
                    mine.remove(pod)
        return self._write_status(owner, mine)

    def _write_status(self, owner: JSONObject, mine: list[JSONObject]) -> float | None:
        labels = (owner["spec"]["template"].get("metadata") or {}).get("labels") or {}
        labelled = [pod for pod in mine if labels.items() <= (pod["metadata"].get("labels") or {}).items()]
        minimum = owner["spec"].get("minReadySeconds", 0)
        available, wait = pods.available(mine, minimum, self.world.clock())
        status = {
            "replicas": len(mine),
            "fullyLabeledReplicas": len(labelled) or None,
            "readyReplicas": sum(map(pods.ready, mine)) or None,
            "availableReplicas": available or None,
            "observedGeneration": owner["metadata"].get("generation", 1),
            "conditions": (owner.get("status") or {}).get("conditions"),
        }
        self.world.update_status(self.collection, key_of(owner), status)
        return wait


class ReplicationControllers(ReplicaSets):
    """The same for the older kind."""

    collection: Collection = REPLICATION_CONTROLLERS
    kind = "ReplicationController"
    component = "replication-controller"


def _worth(pod: JSONObject) -> tuple[Any, ...]:
    """Order pods by how willingly they are deleted: without a node, not ready, cheap and young ones first."""
    metadata = pod["metadata"]
    cost = (metadata.get("annotations") or {}).get(_COST, "0")
    age = tuple(-ord(letter) for letter in metadata["creationTimestamp"])
    return (
        bool(pod["spec"].get("nodeName")),
        pods.phase(pod) == "Running",
        pods.ready(pod),
        int(cost) if cost.lstrip("-").isdigit() else 0,
        age,
        metadata["name"],
    )
