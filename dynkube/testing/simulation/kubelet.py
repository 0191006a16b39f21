"""The kubelets of all nodes: pods start, become Ready, finish, fail as they are told to, and go when deleted."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from dynkube.testing.simulation import pods
from dynkube.testing.simulation.conditions import with_condition
from dynkube.testing.simulation.controller import Controller, itself
from dynkube.testing.simulation.options import OUTCOME
from dynkube.testing.simulation.world import NODES, PODS, terminating

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynkube.objects import JSONObject
    from dynkube.testing.simulation.controller import Concerns
    from dynkube.testing.simulation.options import Simulation
    from dynkube.testing.simulation.world import World
    from dynkube.testing.storage.store import Collection, Key


class Kubelet(Controller):
    """Lives the pods that have a node. Without one that exists a pod stays as it is."""

    def __init__(self, world: World, simulation: Simulation) -> None:
        super().__init__(world)
        self._simulation = simulation
        #: When a pod entered the step it is in, by uid: times in objects are whole seconds, too coarse for delays.
        self._since: dict[str, tuple[str, float]] = {}
        self._addresses: dict[str, str] = {}

    def concerns(self) -> Mapping[Collection, Concerns]:
        """Follow pods."""
        return {PODS: itself}

    def reconcile(self, key: Key) -> float | None:
        """Take a pod one step further when its time has come."""
        pod = self.world.get(PODS, key)
        if pod is None or not pod["spec"].get("nodeName"):
            return None
        if self.world.get(NODES, ("", pod["spec"]["nodeName"])) is None:
            return None
        if terminating(pod):
            return self._stop(pod)
        if pods.phase(pod) in pods.FINISHED:
            self._since.pop(pod["metadata"]["uid"], None)
            return None
        if not (pod.get("status") or {}).get("startTime"):
            self._begin(key, pod)
        if pods.phase(pod) == "Running":
            return self._run(key, pod)
        left = self._left(pod, "starting")
        if left > 0:
            return left
        self._start(key, pod)
        return None

    def _left(self, pod: JSONObject, step: str) -> float:
        """Return the seconds left of a step; the first question about it starts its clock."""
        uid, now = pod["metadata"]["uid"], time.monotonic()
        known, began = self._since.get(uid, ("", now))
        if known != step:
            began = now
            self._since[uid] = (step, began)
        return began + self._simulation.seconds(step) - now

    def _stop(self, pod: JSONObject) -> float | None:
        grace = pod["metadata"].get("deletionGracePeriodSeconds", 0)
        left = self._left(pod, "stopping")
        if left > 0 and grace:
            return min(left, float(grace))
        uid = pod["metadata"]["uid"]
        self._since.pop(uid, None)
        self._addresses.pop(uid, None)
        if not pod["metadata"].get("finalizers"):
            names = [one["name"] for one in pod["spec"]["containers"]]
            for name in names:
                self._tell(pod, "Killing", f"Stopping container {name}")
        self.world.delete(PODS, pod, grace=0, propagation=None)
        return None

    def _outcome(self, pod: JSONObject) -> str:
        return str((pod["metadata"].get("annotations") or {}).get(OUTCOME, ""))

    def _tell(self, pod: JSONObject, reason: str, message: str, *, warning: bool = False) -> None:
        self.world.tell(pod, reason, message, component="kubelet", warning=warning)

    def _address(self, pod: JSONObject) -> str:
        """Return an address no other living pod has."""
        uid = pod["metadata"]["uid"]
        if uid not in self._addresses:
            taken = {(one.get("status") or {}).get("podIP") for one in self.world.objects(PODS)}
            taken |= set(self._addresses.values())
            numbers = (f"10.244.{high}.{low}" for high in range(256) for low in range(2, 255))
            self._addresses[uid] = next(address for address in numbers if address not in taken)
        return self._addresses[uid]

    def _begin(self, key: Key, pod: JSONObject) -> None:
        """Accept a pod: its containers are being created."""
        waiting = {"waiting": {"reason": "ContainerCreating"}}
        self._write(key, pod, "Pending", [self._container(one, waiting) for one in pod["spec"]["containers"]])

    def _start(self, key: Key, pod: JSONObject) -> None:
        """Start a pod's containers, or fail to as it is told to."""
        containers, outcome = pod["spec"]["containers"], self._outcome(pod)
        if outcome == "unpullable":
            why = {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{containers[0]["image"]}"'}
            for one in containers:
                self._tell(pod, "Failed", f'Failed to pull image "{one["image"]}"', warning=True)
            self._write(key, pod, "Pending", [self._container(one, {"waiting": why}) for one in containers])
            return
        for one in containers:
            self._tell(pod, "Pulled", f'Container image "{one["image"]}" already present on machine')
            self._tell(pod, "Created", f"Created container: {one['name']}")
            self._tell(pod, "Started", f"Started container {one['name']}")
        now = self.world.now()
        if outcome == "crash" and pod["spec"].get("restartPolicy", "Always") != "Never":
            ended = {"exitCode": 1, "reason": "Error", "startedAt": now, "finishedAt": now}
            why = {"reason": "CrashLoopBackOff", "message": f"back-off restarting failed container in pod {key[1]}"}
            self._tell(pod, "BackOff", why["message"], warning=True)
            states = [
                {**self._container(one, {"waiting": why}), "lastState": {"terminated": ended}, "restartCount": 1}
                for one in containers
            ]
            self._write(key, pod, "Running", states)
            return
        states = [
            self._container(one, {"running": {"startedAt": now}}, ready=outcome != "unready") for one in containers
        ]
        self._write(key, pod, "Running", states)

    def _run(self, key: Key, pod: JSONObject) -> float | None:
        """End the containers that are not restarted when they have run long enough."""
        outcome = self._outcome(pod)
        if pod["spec"].get("restartPolicy", "Always") == "Always" or outcome in ("unready", "crash"):
            return None
        left = self._left(pod, "running")
        if left > 0:
            return left
        failed = outcome == "failure"
        now = self.world.now()
        ended = {"exitCode": int(failed), "reason": "Error" if failed else "Completed", "finishedAt": now}
        started = (pod.get("status") or {}).get("startTime", now)
        states = [
            self._container(one, {"terminated": {**ended, "startedAt": started}}) for one in pod["spec"]["containers"]
        ]
        self._write(key, pod, "Failed" if failed else "Succeeded", states)
        return None

    def _container(self, container: JSONObject, state: JSONObject, *, ready: bool = False) -> JSONObject:
        digest = hashlib.sha256(container["image"].encode()).hexdigest()
        begun = "waiting" not in state
        return {
            "name": container["name"],
            "image": container["image"],
            "imageID": f"simulated://sha256:{digest}" if begun else "",
            "ready": ready,
            "started": "running" in state,
            "restartCount": 0,
            "state": state,
            "lastState": {},
        }

    def _write(self, key: Key, pod: JSONObject, phase: str, containers: list[JSONObject]) -> None:
        """Write a pod's status: phase, addresses, containers, and the conditions that follow from them."""
        old = pod.get("status") or {}
        now = self.world.now()
        status: JSONObject = {**old, "phase": phase, "startTime": old.get("startTime", now)}
        status["containerStatuses"] = containers
        initial = pod["spec"].get("initContainers") or []
        done = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}}
        if initial:
            begun = any("waiting" not in one["state"] for one in containers)
            state = done if begun else {"waiting": {"reason": "PodInitializing"}}
            status["initContainerStatuses"] = [self._container(one, state, ready=begun) for one in initial]
        node = self.world.get(NODES, ("", pod["spec"]["nodeName"])) or {}
        found = [
            one["address"] for one in (node.get("status") or {}).get("addresses") or [] if one["type"] == "InternalIP"
        ]
        if found:
            status |= {"hostIP": found[0], "hostIPs": [{"ip": found[0]}]}
        if phase == "Running":
            address = found[0] if found and pod["spec"].get("hostNetwork") else self._address(pod)
            status |= {"podIP": address, "podIPs": [{"ip": address}]}
        status["conditions"] = self._conditions(pod, phase, containers)
        self.world.update_status(PODS, key, status, manager="kubelet")

    def _conditions(self, pod: JSONObject, phase: str, containers: list[JSONObject]) -> list[JSONObject]:
        now = self.world.now()
        conditions = (pod.get("status") or {}).get("conditions") or []
        started = phase != "Pending"
        unready = [one["name"] for one in containers if not one["ready"]]
        why = {"reason": "ContainersNotReady", "message": f"containers with unready status: [{' '.join(unready)}]"}
        if phase == "Succeeded":
            why = {"reason": "PodCompleted", "message": ""}
        elif phase == "Failed":
            why = {"reason": "PodFailed", "message": ""}
        for kind, holds, text in (
            ("PodReadyToStartContainers", phase == "Running", {}),
            ("Initialized", started or not pod["spec"].get("initContainers"), {}),
            ("Ready", not unready, why),
            ("ContainersReady", not unready, why),
            ("PodScheduled", True, {}),
        ):
            told = {} if holds else text
            conditions = with_condition(conditions, kind, "True" if holds else "False", now, **told)
            if holds:
                conditions = [
                    {
                        name: value
                        for name, value in one.items()
                        if one["type"] != kind or name not in ("reason", "message")
                    }
                    for one in conditions
                ]
        return conditions
