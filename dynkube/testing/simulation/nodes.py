"""Nodes: some are made at the start; each is Ready, and keeps pods off while it is cordoned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynkube.testing.simulation.conditions import with_condition
from dynkube.testing.simulation.controller import Controller, itself
from dynkube.testing.simulation.scheduler import tolerated
from dynkube.testing.simulation.world import CONTROLLER_MANAGER, NODES, PODS, terminating

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dynkube.objects import JSONObject
    from dynkube.testing.simulation.controller import Concerns
    from dynkube.testing.simulation.options import Simulation
    from dynkube.testing.simulation.world import World
    from dynkube.testing.storage.store import Collection, Key

_NOT_READY = "node.kubernetes.io/not-ready"
_CORDONED = "node.kubernetes.io/unschedulable"
_ROOM = {"cpu": "8", "memory": "16Gi", "ephemeral-storage": "100Gi", "pods": "110"}
_CONDITIONS = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)


def manifest(number: int) -> JSONObject:
    """Return a simulated node."""
    name = f"node-{number}"
    labels = {
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": "simulated",
    }
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {"podCIDR": f"10.244.{number}.0/24", "podCIDRs": [f"10.244.{number}.0/24"]},
    }


def fill(world: World, simulation: Simulation) -> None:
    """Make the nodes of a simulation that are not there yet."""
    for number in range(1, simulation.nodes + 1):
        node = manifest(number)
        if world.get(NODES, ("", node["metadata"]["name"])) is None:
            world.create(NODES, node, manager="kubelet")


class Nodes(Controller):
    """Makes every node Ready, taints cordoned ones, and deletes the pods of nodes that are gone or cast them out."""

    def concerns(self) -> Mapping[Collection, Concerns]:
        """Follow nodes, and pods for the node they are on."""
        return {NODES: itself, PODS: _node_of}

    def reconcile(self, key: Key) -> float | None:
        """See to one node and to its pods."""
        node = self.world.get(NODES, key)
        if node is not None and not terminating(node):
            status = self._alive(node)
            self.world.update_status(NODES, key, status, manager="kubelet")
            self.world.update(NODES, key, _taint, manager=CONTROLLER_MANAGER)
        self._cast_out(key[1])
        return None

    def _alive(self, node: JSONObject) -> JSONObject:
        status = dict(node.get("status") or {})
        conditions = status.get("conditions") or []
        known = {one["type"] for one in conditions}
        for kind, value, reason, message in _CONDITIONS:
            if kind not in known:
                now = self.world.now()
                conditions = with_condition(conditions, kind, value, now, reason=reason, message=message)
                conditions = [{"lastHeartbeatTime": now, **one} if one["type"] == kind else one for one in conditions]
        status["conditions"] = conditions
        status.setdefault("capacity", _ROOM)
        status.setdefault("allocatable", _ROOM)
        number = sum(map(ord, node["metadata"]["name"])) % 250 + 2
        addresses = [
            {"type": "InternalIP", "address": f"172.18.0.{number}"},
            {"type": "Hostname", "address": node["metadata"]["name"]},
        ]
        status.setdefault("addresses", addresses)
        info = status.get("nodeInfo") or {}
        if not info.get("kubeletVersion"):
            version = str(self.world.cluster.registry.server_version.get("gitVersion", ""))
            status["nodeInfo"] = {
                **info,
                "architecture": "amd64",
                "containerRuntimeVersion": "simulated://1.0.0",
                "kernelVersion": "simulated",
                "kubeletVersion": version,
                "kubeProxyVersion": "",
                "operatingSystem": "linux",
                "osImage": "dynkube simulation",
            }
            for name in ("bootID", "machineID", "systemUUID"):
                status["nodeInfo"].setdefault(name, node["metadata"]["uid"])
        return status

    def _cast_out(self, name: str) -> None:
        """Delete the pods of a node that is gone (pod collector), and those its NoExecute taints do not bear."""
        node = self.world.get(NODES, ("", name))
        taints = [one for one in (node or {"spec": {}})["spec"].get("taints") or [] if one["effect"] == "NoExecute"]
        if node is not None and not taints:
            return
        for pod in self.world.objects(PODS):
            if pod["spec"].get("nodeName") != name or terminating(pod):
                continue
            tolerations = pod["spec"].get("tolerations") or []
            if node is None:
                self.world.delete(PODS, pod, grace=0)
            elif not all(tolerated(taint, tolerations) for taint in taints):
                self.world.delete(PODS, pod)


def _node_of(pod: JSONObject) -> Iterable[Key]:
    name = pod["spec"].get("nodeName")
    return (("", name),) if name else ()


def _taint(node: JSONObject) -> None:
    spec = node["spec"]
    taints = [one for one in spec.get("taints") or [] if one["key"] not in (_NOT_READY, _CORDONED)]
    if spec.get("unschedulable"):
        old = next((one for one in spec.get("taints") or [] if one["key"] == _CORDONED), None)
        taints.append(old or {"key": _CORDONED, "effect": "NoSchedule"})
    if taints:
        spec["taints"] = taints
    else:
        spec.pop("taints", None)
