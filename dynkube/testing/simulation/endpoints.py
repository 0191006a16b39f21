"""Endpoints and EndpointSlices: the addresses of the pods a service selects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.controller import set_controller
from dynkube.selectors import LabelSelector
from dynkube.testing.simulation import pods
from dynkube.testing.simulation.controller import Controller, itself
from dynkube.testing.simulation.world import ENDPOINT_SLICES, ENDPOINTS, PODS, SERVICES, key_of, terminating

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dynkube.objects import JSONObject
    from dynkube.testing.simulation.controller import Concerns
    from dynkube.testing.storage.store import Collection, Key

_SERVICE = "kubernetes.io/service-name"
_MANAGED = "endpointslice.kubernetes.io/managed-by"
_CONTROLLER = "endpointslice-controller.k8s.io"


class Endpoints(Controller):
    """Writes both forms for services with a selector."""

    def concerns(self) -> Mapping[Collection, Concerns]:
        """Follow services, pods, and what was written in case it is changed or deleted."""
        return {SERVICES: itself, PODS: self._selecting, ENDPOINTS: itself, ENDPOINT_SLICES: _service_of}

    def _selecting(self, pod: JSONObject) -> Iterable[Key]:
        labels = pod["metadata"].get("labels") or {}
        services = self.world.objects(SERVICES, pod["metadata"]["namespace"])
        return [key_of(one) for one in services if _selects(one, labels)]

    def reconcile(self, key: Key) -> float | None:
        """Write the endpoints of one service, or remove those of one that is gone."""
        service = self.world.get(SERVICES, key)
        slices = [one for one in self.world.objects(ENDPOINT_SLICES, key[0]) if _ours(one, key[1])]
        if service is None:
            for one in slices:
                self.world.delete(ENDPOINT_SLICES, one)
            known = self.world.get(ENDPOINTS, key)
            if known is not None:
                self.world.delete(ENDPOINTS, known)
            return None
        if not service["spec"].get("selector") or service["spec"].get("type") == "ExternalName" or terminating(service):
            return None
        chosen = [
            pod for pod in self.world.objects(PODS, key[0]) if _selects(service, pod["metadata"].get("labels") or {})
        ]
        chosen = [
            pod for pod in chosen if pods.phase(pod) not in pods.FINISHED and (pod.get("status") or {}).get("podIP")
        ]
        self._write_endpoints(key, service, chosen)
        self._write_slice(service, chosen, slices)
        return None

    def _write_endpoints(self, key: Key, service: JSONObject, chosen: list[JSONObject]) -> None:
        tolerant = bool(service["spec"].get("publishNotReadyAddresses"))
        subsets: dict[str, JSONObject] = {}
        for pod in (one for one in chosen if not terminating(one)):
            ports = _ports(service, pod)
            place = "addresses" if tolerant or pods.ready(pod) else "notReadyAddresses"
            address = {
                "ip": pod["status"]["podIP"],
                "nodeName": pod["spec"].get("nodeName"),
                "targetRef": _reference(pod),
            }
            subset = subsets.setdefault(str(ports), {"ports": ports} if ports else {})
            subset.setdefault(place, []).append(address)
        labels = {
            **(service["metadata"].get("labels") or {}),
            "endpoints.kubernetes.io/managed-by": "endpoint-controller",
        }

        def fill(obj: JSONObject) -> None:
            obj["metadata"]["labels"] = labels
            obj.pop("subsets", None)
            if subsets:
                obj["subsets"] = list(subsets.values())

        if self.world.get(ENDPOINTS, key) is None:
            made: JSONObject = {"metadata": {"name": key[1], "namespace": key[0]}}
            fill(made)
            self.world.create(ENDPOINTS, made)
        else:
            self.world.update(ENDPOINTS, key, fill)

    def _write_slice(self, service: JSONObject, chosen: list[JSONObject], slices: list[JSONObject]) -> None:
        tolerant = bool(service["spec"].get("publishNotReadyAddresses"))
        endpoints = []
        for pod in chosen:
            works, going = pods.ready(pod), terminating(pod)
            conditions = {"ready": tolerant or (works and not going), "serving": works, "terminating": going}
            endpoints.append(
                {
                    "addresses": [pod["status"]["podIP"]],
                    "conditions": conditions,
                    "nodeName": pod["spec"].get("nodeName"),
                    "targetRef": _reference(pod),
                }
            )
        ports = _ports(service, chosen[0] if chosen else None)
        name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
        labels = {**(service["metadata"].get("labels") or {}), _MANAGED: _CONTROLLER, _SERVICE: name}

        def fill(obj: JSONObject) -> None:
            obj["metadata"]["labels"] = labels
            obj["endpoints"] = endpoints
            obj["ports"] = [{"name": "", **one} for one in ports]

        if slices:
            self.world.update(ENDPOINT_SLICES, key_of(slices[0]), fill)
            return
        made: JSONObject = {
            "metadata": {"generateName": f"{name}-", "namespace": namespace},
            "addressType": "IPv4",
        }
        set_controller(made, service)
        fill(made)
        self.world.create(ENDPOINT_SLICES, made)


def _selects(service: JSONObject, labels: Mapping[str, str]) -> bool:
    selector = service["spec"].get("selector") or {}
    return bool(selector) and LabelSelector.from_spec({"matchLabels": selector}).matches(labels)


def _ours(obj: JSONObject, service: str) -> bool:
    labels = obj["metadata"].get("labels") or {}
    return labels.get(_MANAGED) == _CONTROLLER and labels.get(_SERVICE) == service


def _service_of(obj: JSONObject) -> Iterable[Key]:
    labels = obj["metadata"].get("labels") or {}
    name = labels.get(_SERVICE)
    return ((obj["metadata"]["namespace"], name),) if name and labels.get(_MANAGED) == _CONTROLLER else ()


def _reference(pod: JSONObject) -> JSONObject:
    metadata = pod["metadata"]
    return {"kind": "Pod", "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"]}


def _ports(service: JSONObject, pod: JSONObject | None) -> list[JSONObject]:
    """Return the ports a pod is reached at: a named target port is looked up among its containers' ports."""
    found: list[JSONObject] = []
    for port in service["spec"].get("ports") or []:
        target: Any = port.get("targetPort", port["port"])
        if isinstance(target, str) and pod is not None:
            known = [one for container in pod["spec"]["containers"] for one in container.get("ports") or []]
            target = next((one["containerPort"] for one in known if one.get("name") == target), None)
        if isinstance(target, int):
            entry = {"port": target, "protocol": port.get("protocol", "TCP")}
            found.append({"name": port["name"], **entry} if port.get("name") else entry)
    return found
