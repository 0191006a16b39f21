"""The scheduler: a node for each pod that may run there, the emptiest first."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from dynkube.testing.simulation import pods
from dynkube.testing.simulation.conditions import with_condition
from dynkube.testing.simulation.controller import Controller, itself
from dynkube.testing.simulation.world import NODES, PODS, terminating

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dynkube.objects import JSONObject
    from dynkube.testing.simulation.controller import Concerns
    from dynkube.testing.simulation.options import Simulation
    from dynkube.testing.simulation.world import World
    from dynkube.testing.storage.store import Collection, Key

_NAME = "default-scheduler"


class Scheduler(Controller):
    """Binds pods that name no other scheduler; those that fit nowhere are told so, and tried when nodes change."""

    def __init__(self, world: World, simulation: Simulation) -> None:
        super().__init__(world)
        self._delay = simulation.seconds("scheduling")
        self._seen: dict[str, float] = {}

    def concerns(self) -> Mapping[Collection, Concerns]:
        """Follow pods, and nodes for the pods that wait for one."""
        return {PODS: itself, NODES: self._waiting}

    def _waiting(self, _node: JSONObject) -> Iterable[Key]:
        return [
            (pod["metadata"]["namespace"], pod["metadata"]["name"]) for pod in self.world.objects(PODS) if _waits(pod)
        ]

    def reconcile(self, key: Key) -> float | None:
        """Bind a pod once its time has come."""
        pod = self.world.get(PODS, key)
        if pod is None or not _waits(pod):
            if pod is not None:
                self._seen.pop(pod["metadata"]["uid"], None)
            return None
        uid = pod["metadata"]["uid"]
        left = self._seen.setdefault(uid, time.monotonic()) + self._delay - time.monotonic()
        if left > 0:
            return left
        nodes = self.world.objects(NODES)
        fitting = [node for node in nodes if fits(pod, node)]
        if not fitting:
            self._refuse(key, pod, nodes)
            return None
        del self._seen[uid]
        load = dict.fromkeys((node["metadata"]["name"] for node in fitting), 0)
        for other in self.world.objects(PODS):
            name = other["spec"].get("nodeName", "")
            if name in load and pods.phase(other) not in pods.FINISHED:
                load[name] += 1
        self._bind(key, pod, min(load, key=lambda name: (load[name], name)))
        return None

    def _bind(self, key: Key, pod: JSONObject, node: str) -> None:
        status = dict(pod.get("status") or {})
        conditions = with_condition(status.get("conditions") or (), "PodScheduled", "True", self.world.now())
        status["conditions"] = [
            {name: value for name, value in one.items() if one["type"] != "PodScheduled" or name not in _WHY}
            for one in conditions
        ]
        # A binding writes the pod as it is: it has no field manager.
        self.world.cluster.store.replace(
            PODS, key, {**pod, "spec": {**pod["spec"], "nodeName": node}, "status": status}
        )
        where = f"Successfully assigned {key[0]}/{key[1]} to {node}"
        self.world.tell(pod, "Scheduled", where, component=_NAME)

    def _refuse(self, key: Key, pod: JSONObject, nodes: list[JSONObject]) -> None:
        message = f"0/{len(nodes)} nodes are available" + ("." if nodes else ": no nodes are there.")
        reasons: dict[str, int] = {}
        for node in nodes:
            why = misfit(pod, node)
            reasons[why] = reasons.get(why, 0) + 1
        if reasons:
            counted = ", ".join(f"{count} {why}" for why, count in sorted(reasons.items()))
            message = f"0/{len(nodes)} nodes are available: {counted}."
        status = dict(pod.get("status") or {})
        status["conditions"] = with_condition(
            status.get("conditions") or (),
            "PodScheduled",
            "False",
            self.world.now(),
            reason="Unschedulable",
            message=message,
        )
        if status["conditions"] != (pod.get("status") or {}).get("conditions"):
            self.world.tell(pod, "FailedScheduling", message, component=_NAME, warning=True)
        self.world.update_status(PODS, key, status, manager="kube-scheduler")


_WHY = ("reason", "message")


def _waits(pod: JSONObject) -> bool:
    spec = pod["spec"]
    ours = spec.get("schedulerName", _NAME) == _NAME and not spec.get("schedulingGates")
    return ours and not spec.get("nodeName") and not terminating(pod) and pods.phase(pod) not in pods.FINISHED


def fits(pod: JSONObject, node: JSONObject) -> bool:
    """Tell whether a pod may run on a node."""
    return not misfit(pod, node)


def misfit(pod: JSONObject, node: JSONObject) -> str:
    """Return why a pod cannot run on a node, "" if it can; worded as the scheduler's plug-ins do."""
    spec, labels = pod["spec"], node["metadata"].get("labels") or {}
    tolerations = spec.get("tolerations") or []
    if terminating(node):
        return "node(s) were terminating"
    unschedulable = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    if node["spec"].get("unschedulable") and not tolerated(unschedulable, tolerations):
        return "node(s) were unschedulable"
    for taint in node["spec"].get("taints") or []:
        if taint["effect"] in ("NoSchedule", "NoExecute") and not tolerated(taint, tolerations):
            return "node(s) had untolerated taint(s)"
    selected = all(labels.get(name) == value for name, value in (spec.get("nodeSelector") or {}).items())
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if not selected or (required and not any(_term(term, node) for term in required.get("nodeSelectorTerms") or [])):
        return "node(s) didn't match Pod's node affinity/selector"
    return ""


def tolerated(taint: Mapping[str, Any], tolerations: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether one of the tolerations covers a taint."""
    for one in tolerations:
        if one.get("effect") not in (None, "", taint["effect"]) or one.get("key") not in (None, "", taint["key"]):
            continue
        if one.get("operator") == "Exists" or one.get("value", "") == taint.get("value", ""):
            return True
    return False


def _term(term: Mapping[str, Any], node: JSONObject) -> bool:
    labels = node["metadata"].get("labels") or {}
    fields = {"metadata.name": node["metadata"]["name"]}
    asked = [(labels, one) for one in term.get("matchExpressions") or []]
    asked += [(fields, one) for one in term.get("matchFields") or []]
    return bool(asked) and all(_matches(values, one) for values, one in asked)


def _matches(values: Mapping[str, str], wanted: Mapping[str, Any]) -> bool:
    value, operator = values.get(wanted["key"]), wanted["operator"]
    if operator == "Exists":
        return value is not None
    if operator == "DoesNotExist":
        return value is None
    if operator == "In":
        return value in (wanted.get("values") or [])
    if operator == "NotIn":
        return value not in (wanted.get("values") or [])
    if value is None or not value.lstrip("-").isdigit():
        return False
    limit = int(wanted["values"][0])
    return int(value) > limit if operator == "Gt" else int(value) < limit
