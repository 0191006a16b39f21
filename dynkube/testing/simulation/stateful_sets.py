"""StatefulSets: pods with names and claims of their own, made and replaced in order."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from dynkube.testing.simulation import pods
from dynkube.testing.simulation.controller import Controller, itself, owners, selector_of
from dynkube.testing.simulation.revisions import HASH, forget, revision
from dynkube.testing.simulation.world import CLAIMS, PODS, STATEFUL_SETS, key_of, terminating

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynkube.objects import JSONObject
    from dynkube.testing.simulation.controller import Concerns
    from dynkube.testing.simulation.world import World
    from dynkube.testing.storage.store import Collection, Key

_COMPONENT = "statefulset-controller"


class StatefulSets(Controller):
    """Keeps pods 0…n-1: one after the other, unless podManagementPolicy is Parallel."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._of_pod = owners(world, STATEFUL_SETS, "StatefulSet")

    def concerns(self) -> Mapping[Collection, Concerns]:
        """Follow the sets and their pods."""
        return {STATEFUL_SETS: itself, PODS: self._of_pod}

    def reconcile(self, key: Key) -> float | None:
        """Do the next step and write the status."""
        owner = self.world.get(STATEFUL_SETS, key)
        if owner is None:
            return None
        mine = {pod["metadata"]["name"]: pod for pod in pods.claim(self.world, owner, PODS, selector_of(owner))}
        if terminating(owner):
            return None
        update = revision(self.world, owner)
        status = owner.get("status") or {}
        current = status.get("currentRevision") or update["metadata"]["name"]
        self._step(owner, mine, update, current)
        wait = self._write_status(owner, update["metadata"]["name"], current)
        forget(self.world, owner, {update["metadata"]["name"], current})
        return wait

    def _names(self, owner: JSONObject) -> list[str]:
        first = (owner["spec"].get("ordinals") or {}).get("start", 0)
        return [f"{owner['metadata']['name']}-{first + n}" for n in range(owner["spec"].get("replicas", 1))]

    def _step(self, owner: JSONObject, mine: dict[str, JSONObject], update: JSONObject, current: str) -> None:
        """Make what is missing, take what is too much, replace what is outdated: the first that applies."""
        parallel = owner["spec"].get("podManagementPolicy") == "Parallel"
        names = self._names(owner)
        for name in names:
            pod = mine.get(name)
            if pod is not None and pods.phase(pod) in pods.FINISHED and not terminating(pod):
                pods.remove(self.world, pod, owner, _COMPONENT)
            elif pod is None:
                self._make(owner, name, update, current)
            if not parallel and (pod is None or terminating(pod) or not pods.ready(pod)):
                if pod is not None and not terminating(pod):
                    self._replace(owner, [name], mine, update)
                return
        extra = sorted((name for name in mine if name not in names), key=_ordinal, reverse=True)
        for name in extra:
            if not terminating(mine[name]):
                pods.remove(self.world, mine[name], owner, _COMPONENT)
            if not parallel:
                return
        if not extra:
            self._replace(owner, names, mine, update)

    def _replace(self, owner: JSONObject, names: list[str], mine: dict[str, JSONObject], update: JSONObject) -> None:
        """Delete the last outdated pod, once all after it are there and ready."""
        strategy = owner["spec"].get("updateStrategy") or {}
        if strategy.get("type") == "OnDelete":
            return
        partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
        wanted = update["metadata"]["labels"][HASH]
        for name in reversed(names):
            pod = mine.get(name)
            if _ordinal(name) < partition:
                return
            if pod is None or terminating(pod):
                return
            if (pod["metadata"].get("labels") or {}).get(HASH) != wanted:
                pods.remove(self.world, pod, owner, _COMPONENT)
                return
            if not pods.ready(pod):
                return

    def _make(self, owner: JSONObject, name: str, update: JSONObject, current: str) -> None:
        """Create a pod and its claims; below the partition it is of the present revision, not of the new one."""
        strategy = owner["spec"].get("updateStrategy") or {}
        partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
        template, digest = owner["spec"]["template"], update["metadata"]["labels"][HASH]
        if _ordinal(name) < partition and current != update["metadata"]["name"]:
            known = self.world.get(("apps", "controllerrevisions"), (owner["metadata"]["namespace"], current))
            if known is not None:
                template = {k: v for k, v in known["data"]["spec"]["template"].items() if k != "$patch"}
                digest = known["metadata"]["labels"][HASH]
        pod = pods.from_template(template, owner, name=name)
        labels = pod["metadata"].setdefault("labels", {})
        labels[HASH] = digest
        labels["statefulset.kubernetes.io/pod-name"] = name
        labels["apps.kubernetes.io/pod-index"] = str(_ordinal(name))
        spec = pod["spec"]
        spec["hostname"] = name
        if owner["spec"].get("serviceName"):
            spec["subdomain"] = owner["spec"]["serviceName"]
        for claim in owner["spec"].get("volumeClaimTemplates") or []:
            volume = claim["metadata"]["name"]
            full = f"{volume}-{name}"
            self._claim(owner, claim, full)
            others = [one for one in spec.get("volumes") or [] if one["name"] != volume]
            spec["volumes"] = [*others, {"name": volume, "persistentVolumeClaim": {"claimName": full}}]
        made = self.world.create(PODS, pod)
        message = f"create Pod {made['metadata']['name']} in StatefulSet {owner['metadata']['name']} successful"
        self.world.tell(owner, "SuccessfulCreate", message, component=_COMPONENT)

    def _claim(self, owner: JSONObject, template: JSONObject, name: str) -> None:
        namespace = owner["metadata"]["namespace"]
        if self.world.get(CLAIMS, (namespace, name)) is not None:
            return
        labels = {**(template["metadata"].get("labels") or {}), **(owner["spec"]["selector"].get("matchLabels") or {})}
        metadata = {"name": name, "namespace": namespace, "labels": labels}
        self.world.create(CLAIMS, {"metadata": metadata, "spec": copy.deepcopy(template["spec"])})

    def _write_status(self, owner: JSONObject, update: str, current: str) -> float | None:
        mine = [pod for pod in self.world.owned(PODS, owner) if pods.active(pod)]
        wanted = owner["spec"].get("replicas", 1)
        new = [pod for pod in mine if _revision_of(owner, pod) == update]
        available, wait = pods.available(mine, owner["spec"].get("minReadySeconds", 0), self.world.clock())
        complete = len(new) == len(mine) == wanted and sum(map(pods.ready, mine)) == wanted
        if complete:
            current = update
        status = {
            "observedGeneration": owner["metadata"].get("generation", 1),
            "replicas": len(mine),
            "readyReplicas": sum(map(pods.ready, mine)) or None,
            "currentReplicas": sum(_revision_of(owner, pod) == current for pod in mine) or None,
            "updatedReplicas": len(new) or None,
            "currentRevision": current,
            "updateRevision": update,
            "collisionCount": 0,
            "availableReplicas": available,
        }
        self.world.update_status(STATEFUL_SETS, key_of(owner), status)
        return wait


def _revision_of(owner: JSONObject, pod: JSONObject) -> str:
    return f"{owner['metadata']['name']}-{(pod['metadata'].get('labels') or {}).get(HASH, '')}"


def _ordinal(name: str) -> int:
    text = name.rpartition("-")[2]
    return int(text) if text.isdigit() else -1
