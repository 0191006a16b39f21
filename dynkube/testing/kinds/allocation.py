"""Addresses and ports that services are given: a cluster IP of 10.0.0.0/16, node ports 30000-32767."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from dynkube.testing.http import failures
from dynkube.testing.objects import go_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Others = Callable[[], Iterable[dict[str, Any]]]

#: The service network's first /24, filled first; .1 belongs to the server itself.
_FIRST, _LAST = 2, 254
_NODE_PORTS = range(30_000, 32_768)


def allocate_service(obj: dict[str, Any], others: Others) -> None:
    """Give a new or changed service the addresses and ports its type calls for, in place.

    ``others`` lists the services that exist; what they hold is not given again. Raises `Failure` 422 for an address
    asked for that is taken.
    """
    spec = obj.setdefault("spec", {})
    kind = spec.get("type", "ClusterIP")
    if kind == "ExternalName":
        for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            spec.pop(key, None)
        return
    uid = (obj.get("metadata") or {}).get("uid")
    present = [other.get("spec") or {} for other in others() if (other.get("metadata") or {}).get("uid") != uid]
    asked = spec.get("clusterIP") or next(iter(spec.get("clusterIPs") or []), "")
    if not asked:
        asked = _free_address(_seed(obj), {str(other.get("clusterIP")) for other in present})
    elif asked != "None" and any(other.get("clusterIP") == asked for other in present):
        why = f"failed to allocate IP {asked}: provided IP is already allocated"
        raise _taken(obj, f"Invalid value: {go_json.dumps([asked])}: {why}", "spec.clusterIPs")
    spec["clusterIP"] = asked
    spec.setdefault("clusterIPs", [asked])
    headless_without_selector = asked == "None" and not spec.get("selector")
    spec.setdefault("ipFamilyPolicy", "RequireDualStack" if headless_without_selector else "SingleStack")
    spec.setdefault("ipFamilies", ["IPv4", "IPv6"] if headless_without_selector else ["IPv4"])
    if kind in {"NodePort", "LoadBalancer"} and spec.get("allocateLoadBalancerNodePorts", True):
        _node_ports(obj, spec, present)
    wants_check = kind == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"
    if wants_check and not spec.get("healthCheckNodePort"):
        taken = {port.get("nodePort") for one in (*present, spec) for port in one.get("ports") or []}
        taken |= {one.get("healthCheckNodePort") for one in present}
        spec["healthCheckNodePort"] = _free_port(_seed(obj), taken)


def _free_port(seed: int, taken: set[Any]) -> int:
    for step in range(len(_NODE_PORTS)):
        candidate = _NODE_PORTS[(seed + step) % len(_NODE_PORTS)]
        if candidate not in taken:
            return candidate
    raise failures.internal("failed to allocate a nodePort: range is full")


def _taken(obj: dict[str, Any], message: str, field: str) -> failures.Failure:
    name = (obj.get("metadata") or {}).get("name", "")
    return failures.invalid("", "Service", name, [failures.Cause(failures.INVALID, message, field)])


def _seed(obj: dict[str, Any]) -> int:
    uid = str((obj.get("metadata") or {}).get("uid") or (obj.get("metadata") or {}).get("name"))
    return int.from_bytes(hashlib.sha256(uid.encode()).digest()[:4], "big")


def _free_address(seed: int, taken: set[str]) -> str:
    size = _LAST - _FIRST + 1
    for third in range(256):
        for step in range(size):
            address = f"10.0.{third}.{_FIRST + (seed + step) % size}"
            if address not in taken:
                return address
    raise failures.internal("failed to allocate a serviceIP: range is full")


def _node_ports(obj: dict[str, Any], spec: dict[str, Any], present: list[dict[str, Any]]) -> None:
    others = {port.get("nodePort") for other in present for port in other.get("ports") or []}
    ports, seed = spec.get("ports") or [], _seed(obj)
    # That one is asked for twice is for the service's validation to say.
    taken = others | {port.get("nodePort") for port in ports}
    for index, port in enumerate(ports):
        asked = port.get("nodePort")
        if not asked:
            port["nodePort"] = _free_port(seed, taken)
            taken.add(port["nodePort"])
        elif asked in others:
            field = f"spec.ports[{index}].nodePort"
            raise _taken(obj, f"Invalid value: {asked}: provided port is already allocated", field)
