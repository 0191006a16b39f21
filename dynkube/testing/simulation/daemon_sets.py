"""DaemonSets: one pod on each node that may run it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Final

from dynkube.testing.simulation import pods
from dynkube.testing.simulation.controller import Controller, itself, owners, selector_of
from dynkube.testing.simulation.numbers import scaled
from dynkube.testing.simulation.revisions import HASH, forget, revision
from dynkube.testing.simulation.scheduler import fits
from dynkube.testing.simulation.world import DAEMON_SETS, NODES, PODS, key_of, terminating

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dynkube.objects import JSONObject
    from dynkube.testing.simulation.controller import Concerns
    from dynkube.testing.simulation.world import World
    from dynkube.testing.storage.store import Collection, Key

_COMPONENT = "daemonset-controller"
#: What daemons bear that other pods do not.
_TOLERATED: Final = (
    ("not-ready", "NoExecute"),
    ("unreachable", "NoExecute"),
    ("disk-pressure", "NoSchedule"),
    ("memory-pressure", "NoSchedule"),
    ("pid-pressure", "NoSchedule"),
    ("unschedulable", "NoSchedule"),
)


class DaemonSets(Controller):
    """Makes a pod for each node, which the scheduler then binds to it, and replaces outdated ones a few at a time."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._of_pod = owners(world, DAEMON_SETS, "DaemonSet")

    def concerns(self) -> Mapping[Collection, Concerns]:
        """Follow the sets, their pods, and all nodes."""
        return {DAEMON_SETS: itself, PODS: self._of_pod, NODES: self._all}

    def _all(self, _node: JSONObject) -> Iterable[Key]:
        return [key_of(one) for one in self.world.objects(DAEMON_SETS)]

    def reconcile(self, key: Key) -> float | None:
        """Make and delete pods, then write the status."""
        owner = self.world.get(DAEMON_SETS, key)
        if owner is None:
            return None
        mine = pods.claim(self.world, owner, PODS, selector_of(owner))
        if terminating(owner):
            return None
        newest = revision(self.world, owner)
        digest = newest["metadata"]["labels"][HASH]
        nodes = {
            node["metadata"]["name"]: fits(self._pod(owner, node["metadata"]["name"], digest), node)
            for node in self.world.objects(NODES)
        }
        placed: dict[str, list[JSONObject]] = {}
        for pod in mine:
            placed.setdefault(_target(pod), []).append(pod)
        for name, wanted in nodes.items():
            alive = [pod for pod in placed.get(name, ()) if not terminating(pod)]
            for pod in alive:
                if not wanted or pods.phase(pod) in pods.FINISHED:
                    pods.remove(self.world, pod, owner, _COMPONENT)
            if wanted and not placed.get(name):
                pods.make(self.world, self._pod(owner, name, digest), owner, _COMPONENT)
        self._replace(owner, [name for name, wanted in nodes.items() if wanted], placed, digest)
        used = {(pod["metadata"].get("labels") or {}).get(HASH, "") for pod in mine} | {digest}
        forget(self.world, owner, {f"{owner['metadata']['name']}-{one}" for one in used})
        return self._write_status(owner, nodes, digest)

    def _pod(self, owner: JSONObject, node: str, digest: str) -> JSONObject:
        pod = pods.from_template(owner["spec"]["template"], owner)
        pod["metadata"].setdefault("labels", {})[HASH] = digest
        spec = pod["spec"]
        only = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
        affinity = copy.deepcopy(spec.get("affinity") or {})
        around = affinity.setdefault("nodeAffinity", {})
        required = around.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
        terms = [{**term, **only} for term in required.get("nodeSelectorTerms") or [{}]]
        around["requiredDuringSchedulingIgnoredDuringExecution"] = {"nodeSelectorTerms": terms}
        spec["affinity"] = affinity
        borne = [{"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": why} for key, why in _TOLERATED]
        spec["tolerations"] = [*(spec.get("tolerations") or []), *borne]
        return pod

    def _replace(self, owner: JSONObject, nodes: list[str], placed: dict[str, list[JSONObject]], digest: str) -> None:
        """Delete outdated pods while no more than maxUnavailable nodes are without one that is ready."""
        strategy = owner["spec"].get("updateStrategy") or {}
        if strategy.get("type") == "OnDelete":
            return
        limit = scaled((strategy.get("rollingUpdate") or {}).get("maxUnavailable", 1), len(nodes), up=True)
        working = [name for name in nodes if any(pods.ready(p) and not terminating(p) for p in placed.get(name, ()))]
        room = max(limit, 1) - (len(nodes) - len(working))
        for name in nodes:
            for pod in placed.get(name, ()):
                if terminating(pod) or (pod["metadata"].get("labels") or {}).get(HASH) == digest:
                    continue
                if name in working:
                    if room <= 0:
                        continue
                    room -= 1
                pods.remove(self.world, pod, owner, _COMPONENT)

    def _write_status(self, owner: JSONObject, nodes: dict[str, bool], digest: str) -> float | None:
        mine = [pod for pod in self.world.owned(PODS, owner) if pods.active(pod)]
        wanted = [pod for pod in mine if nodes.get(_target(pod))]
        available, wait = pods.available(wanted, owner["spec"].get("minReadySeconds", 0), self.world.clock())
        desired = sum(nodes.values())
        updated = sum((pod["metadata"].get("labels") or {}).get(HASH) == digest for pod in wanted)
        status = {
            "currentNumberScheduled": len({_target(pod) for pod in wanted}),
            "numberMisscheduled": len(mine) - len(wanted),
            "desiredNumberScheduled": desired,
            "numberReady": sum(map(pods.ready, wanted)),
            "observedGeneration": owner["metadata"].get("generation", 1),
            "updatedNumberScheduled": updated or None,
            "numberAvailable": available or None,
            "numberUnavailable": (desired - available) or None,
        }
        self.world.update_status(DAEMON_SETS, key_of(owner), status)
        return wait


def _target(pod: JSONObject) -> str:
    """Return the node a daemon's pod is on, or is made for."""
    if pod["spec"].get("nodeName"):
        return str(pod["spec"]["nodeName"])
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for term in required.get("nodeSelectorTerms") or []:
        for field in term.get("matchFields") or []:
            if field["key"] == "metadata.name":
                return str(field["values"][0])
    return ""
