"""Deployments: one ReplicaSet for each pod template they had, and the way from the old ones to the new."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynkube.controller import controller_of
from dynkube.testing.simulation import deployment_scaling as scaling
from dynkube.testing.simulation import pods
from dynkube.testing.simulation.controller import Controller, itself, owners, selector_of
from dynkube.testing.simulation.deployment_revisions import new_set, record_revision, revision_of, same_template
from dynkube.testing.simulation.deployment_status import status_of, with_progress
from dynkube.testing.simulation.world import DEPLOYMENTS, PODS, REPLICA_SETS, key_of, terminating

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dynkube.objects import JSONObject
    from dynkube.testing.simulation.controller import Concerns
    from dynkube.testing.simulation.world import World
    from dynkube.testing.storage.store import Collection, Key

COMPONENT = "deployment-controller"


class Deployments(Controller):
    """One step of a rollout at a time: each ends in a write that wakes the controller again."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._of_set = owners(world, DEPLOYMENTS, "Deployment")

    def concerns(self) -> Mapping[Collection, Concerns]:
        """Follow deployments, their ReplicaSets, and pods: a Recreate waits for the last old one to be gone."""
        return {DEPLOYMENTS: itself, REPLICA_SETS: self._of_set, PODS: self._of_pod}

    def _of_pod(self, pod: JSONObject) -> Iterable[Key]:
        owner = controller_of(pod)
        if owner is None or owner["kind"] != "ReplicaSet":
            return ()
        replica_set = self.world.get(REPLICA_SETS, (pod["metadata"]["namespace"], owner["name"]))
        return () if replica_set is None else self._of_set(replica_set)

    def reconcile(self, key: Key) -> float | None:
        """Do the next step and write the status."""
        deployment = self.world.get(DEPLOYMENTS, key)
        if deployment is None:
            return None
        sets = self._sets(deployment)
        new = next((one for one in sets if same_template(deployment, one)), None)
        if terminating(deployment):
            return self._write_status(key, created=False)
        created = False
        if deployment["spec"].get("paused") or scaling.asked(deployment, sets):
            scaling.scale(self.world, deployment, sets, new)
        elif deployment["spec"]["strategy"]["type"] == "Recreate":
            created = self._recreate(deployment, sets, new)
        else:
            created = self._roll(deployment, sets, new)
        return self._write_status(key, created=created)

    def _sets(self, deployment: JSONObject) -> list[JSONObject]:
        """Return the deployment's ReplicaSets, the oldest first."""
        sets = pods.claim(self.world, deployment, REPLICA_SETS, selector_of(deployment))
        return sorted(sets, key=lambda one: (one["metadata"]["creationTimestamp"], one["metadata"]["name"]))

    def _new(self, deployment: JSONObject, sets: list[JSONObject], new: JSONObject | None, replicas: int) -> JSONObject:
        """Return the ReplicaSet of the present template, made if need be, with the next revision."""
        old = [one for one in sets if new is None or one["metadata"]["uid"] != new["metadata"]["uid"]]
        if new is None:
            new = new_set(self.world, deployment, old, replicas)
            name, text = new["metadata"]["name"], f"from 0 to {replicas}"
            if replicas:
                message = f"Scaled up replica set {name} {text}"
                self.world.tell(deployment, "ScalingReplicaSet", message, component=COMPONENT)
        return record_revision(self.world, deployment, new, old)

    def _recreate(self, deployment: JSONObject, sets: list[JSONObject], new: JSONObject | None) -> bool:
        """Take all old pods away first; return whether a new ReplicaSet was made."""
        uid = new["metadata"]["uid"] if new else ""
        old = [one for one in sets if one["metadata"]["uid"] != uid]
        left = [one for one in old if one["spec"]["replicas"]]
        for one in left:
            scaling.set_scale(self.world, deployment, one, 0)
        running = [pod for one in old for pod in self.world.owned(PODS, one) if pods.phase(pod) not in pods.FINISHED]
        if left or running:
            return False
        wanted = deployment["spec"]["replicas"]
        made = self._new(deployment, sets, new, wanted)
        scaling.set_scale(self.world, deployment, made, wanted)
        self._forget(deployment, old)
        return new is None

    def _roll(self, deployment: JSONObject, sets: list[JSONObject], new: JSONObject | None) -> bool:
        """Scale the new one up as far as the surge allows, else old ones down as far as availability allows."""
        wanted = deployment["spec"]["replicas"]
        surge, _ = scaling.bounds(deployment)
        uid = new["metadata"]["uid"] if new else ""
        old = [one for one in sets if one["metadata"]["uid"] != uid]
        total = sum(one["spec"]["replicas"] for one in sets)
        present = new["spec"]["replicas"] if new else 0
        goal = wanted if present > wanted else present + max(0, min(wanted + surge - total, wanted - present))
        made = self._new(deployment, sets, new, goal)
        scaled = made["spec"]["replicas"] != goal
        if scaled:
            scaling.set_scale(self.world, deployment, made, goal)
        elif new is not None and not scaling.shrink_old(self.world, deployment, made, old):
            self._forget(deployment, old)
        return new is None

    def _forget(self, deployment: JSONObject, old: list[JSONObject]) -> None:
        """Delete the oldest empty ReplicaSets beyond the history limit, once the rollout is complete."""
        limit = deployment["spec"].get("revisionHistoryLimit", 10)
        status = deployment.get("status") or {}
        if status.get("updatedReplicas", 0) != deployment["spec"]["replicas"] or any(
            one["spec"]["replicas"] or (one.get("status") or {}).get("replicas") for one in old
        ):
            return
        for one in sorted(old, key=revision_of)[: max(0, len(old) - limit)]:
            self.world.delete(REPLICA_SETS, one)

    def _write_status(self, key: Key, *, created: bool) -> float | None:
        deployment = self.world.get(DEPLOYMENTS, key)
        if deployment is None:
            return None
        sets = self._sets(deployment)
        new = next((one for one in sets if same_template(deployment, one)), None)
        status = status_of(deployment, sets, new)
        wait = with_progress(deployment, status, new, self.world.now(), self.world.clock(), created=created)
        self.world.update_status(DEPLOYMENTS, key_of(deployment), status)
        return wait
