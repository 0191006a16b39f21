"""Rules of services, ingresses, network policies and endpoints."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from dynkube.testing.kinds.pod_rules import one_of
from dynkube.testing.kinds.workload_rules import selector
from dynkube.testing.objects import formats, metadata_rules

if TYPE_CHECKING:
    from dynkube.testing.objects.report import Report

_PROTOCOLS = ("SCTP", "TCP", "UDP")
_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_NODE_PORTS = range(30_000, 32_768)


def is_address(text: str) -> bool:
    """Whether ``text`` is an IP address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_network(text: str) -> bool:
    """Whether ``text`` is an address with a prefix length, as in ``10.9.8.0/24``."""
    address, slash, length = text.partition("/")
    if not slash or not is_address(address) or not length.isdecimal() or not length.isascii():
        return False
    return int(length) <= (128 if ":" in address else 32)


#: Addresses no endpoint can have, with the server's words for them.
_SPECIAL = (
    ("is_unspecified", "may not be unspecified (0.0.0.0 or ::)"),
    ("is_loopback", "may not be in the loopback range (127.0.0.0/8, ::1/128)"),
    ("is_link_local", "may not be in the link-local range (169.254.0.0/16, fe80::/10)"),
)
_NO_ADDRESS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"


def special_address(text: str) -> str:
    """Return why a well-formed address cannot be an endpoint's, "" if it can."""
    found = ipaddress.ip_address(text)
    return next((why for attribute, why in _SPECIAL if getattr(found, attribute)), "")


def service(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a service."""
    spec = obj.get("spec") or {}
    kind = spec.get("type") or "ClusterIP"
    headless = spec.get("clusterIP") == "None"
    ports = spec.get("ports") or []
    if not ports and not headless and kind != "ExternalName":
        report.required("spec.ports")
    if kind == "LoadBalancer" and headless:
        report.invalid("spec.clusterIPs[0]", "None", "may not be set to 'None' for LoadBalancer services")
    if kind == "NodePort" and headless:
        report.invalid("spec.clusterIPs[0]", "None", "may not be set to 'None' for NodePort services")
    if kind == "ExternalName":
        name = spec.get("externalName") or ""
        if not name:
            report.required("spec.externalName")
        for problem in formats.subdomain(name.rstrip(".")) if name else []:
            report.invalid("spec.externalName", name, problem)
    names: set[str] = set()
    for index, port in enumerate(ports):
        _service_port(port, f"spec.ports[{index}]", names, report, named=len(ports) > 1)
    metadata_rules.check_labels(spec.get("selector"), "spec.selector", report)
    one_of(spec, "sessionAffinity", "spec", ("ClientIP", "None"), report)
    one_of(spec, "type", "spec", _TYPES, report)
    for index, address in enumerate(spec.get("externalIPs") or []):
        if not is_address(address):
            report.invalid(
                f"spec.externalIPs[{index}]", address, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
            )
    _unique_ports(ports, report)
    _node_ports(ports, kind, report)
    for index, address in enumerate(spec.get("clusterIPs") or []):
        if address != "None" and not is_address(address):
            why = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
            report.invalid(f"spec.clusterIPs[{index}]", address, why)
    one_of(spec, "externalTrafficPolicy", "spec", ("Cluster", "Local"), report)
    one_of(spec, "internalTrafficPolicy", "spec", ("Cluster", "Local"), report)
    if old is not None:
        _service_update(spec, old.get("spec") or {}, report)


def _service_port(port: dict[str, Any], path: str, names: set[str], report: Report, *, named: bool) -> None:
    name = port.get("name") or ""
    if not name and named:
        report.required(f"{path}.name")
    if name:
        for problem in formats.label(name):
            report.invalid(f"{path}.name", name, problem)
        if name in names:
            report.duplicate(f"{path}.name", name)
        names.add(name)
    number = port.get("port") or 0
    for problem in formats.port_number(number):
        report.invalid(f"{path}.port", number, problem)
    if not port.get("protocol"):
        report.required(f"{path}.protocol")
    one_of(port, "protocol", path, _PROTOCOLS, report)
    target = port.get("targetPort")
    if isinstance(target, int):
        for problem in formats.port_number(target):
            report.invalid(f"{path}.targetPort", target, problem)
    elif isinstance(target, str):
        for problem in formats.port_name(target):
            report.invalid(f"{path}.targetPort", target, problem)


def _unique_ports(ports: list[dict[str, Any]], report: Report) -> None:
    seen: set[tuple[Any, Any]] = set()
    for index, port in enumerate(ports):
        key = (port.get("protocol"), port.get("port"))
        if key in seen:
            # The server prints its internal struct, empty fields and all.
            shown = {
                "Name": "",
                "Protocol": key[0],
                "AppProtocol": None,
                "Port": key[1],
                "TargetPort": 0,
                "NodePort": 0,
            }
            report.duplicate(f"spec.ports[{index}]", shown)
        seen.add(key)


def _node_ports(ports: list[dict[str, Any]], kind: str, report: Report) -> None:
    for index, port in enumerate(ports):
        number = port.get("nodePort")
        if not number:
            continue
        if kind == "ClusterIP":
            report.forbidden(f"spec.ports[{index}].nodePort", "may not be used when `type` is 'ClusterIP'")
        elif number not in _NODE_PORTS:
            why = "provided port is not in the valid range. The range of valid ports is 30000-32767"
            report.invalid(f"spec.ports[{index}].nodePort", number, why)


def _service_update(spec: dict[str, Any], old: dict[str, Any], report: Report) -> None:
    if "ExternalName" in {spec.get("type"), old.get("type")}:
        return
    before, now = old.get("clusterIPs") or [], spec.get("clusterIPs") or []
    if before and now and before[0] != now[0]:
        report.invalid("spec.clusterIPs[0]", now, "may not change once set")


def ingress(obj: dict[str, Any], _old: dict[str, Any] | None, report: Report) -> None:
    """Check an ingress."""
    spec = obj.get("spec") or {}
    rules = spec.get("rules") or []
    if not rules and spec.get("defaultBackend") is None:
        report.invalid("spec", spec, "either `defaultBackend` or `rules` must be specified")
    if spec.get("defaultBackend") is not None:
        _backend(spec["defaultBackend"], "spec.defaultBackend", report)
    for index, rule in enumerate(rules):
        _ingress_rule(rule, f"spec.rules[{index}]", report)
    name = spec.get("ingressClassName")
    for problem in formats.subdomain(name) if name is not None else []:
        report.invalid("spec.ingressClassName", name, problem)


def _ingress_rule(rule: dict[str, Any], path: str, report: Report) -> None:
    host = rule.get("host") or ""
    if host:
        if is_address(host):
            report.invalid(f"{path}.host", host, "must be a DNS name, not an IP address")
        else:
            for problem in formats.subdomain(host.removeprefix("*.")):
                report.invalid(f"{path}.host", host, problem)
    if rule.get("http") is None:
        return
    paths = rule["http"].get("paths") or []
    if not paths:
        report.required(f"{path}.http.paths")
    for index, one in enumerate(paths):
        here = f"{path}.http.paths[{index}]"
        kind = one.get("pathType")
        if kind is None:
            report.required(f"{here}.pathType", "pathType must be specified")
            continue
        if kind in {"Exact", "Prefix"}:
            if not str(one.get("path", "")).startswith("/"):
                report.invalid(f"{here}.path", one.get("path", ""), "must be an absolute path")
        elif kind != "ImplementationSpecific":
            report.unsupported(f"{here}.pathType", kind, ["Exact", "ImplementationSpecific", "Prefix"])
        _backend(one.get("backend") or {}, f"{here}.backend", report)


def _backend(backend: dict[str, Any], path: str, report: Report) -> None:
    target = backend.get("service")
    if backend.get("resource") is not None and target is not None:
        report.invalid(path, "", "cannot set both resource and service backends")
        return
    if backend.get("resource") is not None:
        return
    if target is None:
        report.invalid(path, "", "resource or service backend is required")
        return
    if not target.get("name"):
        report.required(f"{path}.service.name")
    for problem in formats.label_1035(target["name"]) if target.get("name") else []:
        report.invalid(f"{path}.service.name", target["name"], problem)
    port = target.get("port") or {}
    if port.get("name") and port.get("number"):
        report.invalid(path, "", "cannot set both port name & port number")
    elif not port.get("name") and not port.get("number"):
        report.required(path, "port name or number is required")


def ingress_class(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check an ingress class."""
    controller = (obj.get("spec") or {}).get("controller") or ""
    if "/" not in controller:
        why = 'must be a domain-prefixed path (such as "acme.io/foo")'
        report.invalid("spec.controller", controller, why)
    if old is not None:
        report.unchanged("spec.controller", controller, (old.get("spec") or {}).get("controller"))


def network_policy(obj: dict[str, Any], _old: dict[str, Any] | None, report: Report) -> None:
    """Check a network policy."""
    spec = obj.get("spec") or {}
    selector(spec.get("podSelector") or {}, "spec.podSelector", report)
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(spec.get(direction) or []):
            path = f"spec.{direction}[{index}]"
            for number, port in enumerate(rule.get("ports") or []):
                one_of(port, "protocol", f"{path}.ports[{number}]", _PROTOCOLS, report)
                found = port.get("port")
                if isinstance(found, int):
                    for problem in formats.port_number(found):
                        report.invalid(f"{path}.ports[{number}].port", found, problem)
            for number, peer in enumerate(rule.get(peers) or []):
                _peer(peer, f"{path}.{peers}[{number}]", report)
    for index, kind in enumerate(spec.get("policyTypes") or []):
        if kind not in {"Egress", "Ingress"}:
            report.unsupported(f"spec.policyTypes[{index}]", kind, ["Egress", "Ingress"])


def _peer(peer: dict[str, Any], path: str, report: Report) -> None:
    if not peer:
        report.required(path, "must specify a peer")
    for key in ("podSelector", "namespaceSelector"):
        if isinstance(peer.get(key), dict):
            selector(peer[key], f"{path}.{key}", report)
    block = peer.get("ipBlock")
    if isinstance(block, dict):
        if len(peer) > 1:
            report.forbidden(path, "may not specify both ipBlock and another peer")
        if not block.get("cidr"):
            report.required(f"{path}.ipBlock.cidr")
        elif not is_network(block["cidr"]):
            why = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
            report.invalid(f"{path}.ipBlock.cidr", block["cidr"], why)


def endpoints(obj: dict[str, Any], _old: dict[str, Any] | None, report: Report) -> None:
    """Check an Endpoints object."""
    for index, subset in enumerate(obj.get("subsets") or []):
        path = f"subsets[{index}]"
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            report.required(path, "must specify `addresses` or `notReadyAddresses`")
        for number, address in enumerate(subset.get("addresses") or []):
            found = address.get("ip") or ""
            why = special_address(found) if is_address(found) else _NO_ADDRESS
            if why:
                report.invalid(f"{path}.addresses[{number}].ip", found, why)
        for number, port in enumerate(subset.get("ports") or []):
            if len(subset["ports"]) > 1 and not port.get("name"):
                report.required(f"{path}.ports[{number}].name")
            for problem in formats.port_number(port.get("port") or 0):
                report.invalid(f"{path}.ports[{number}].port", port.get("port") or 0, problem)


def endpoint_slice(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check an endpoint slice."""
    kind = obj.get("addressType") or ""
    if not kind:
        report.required("addressType")
    elif kind not in {"FQDN", "IPv4", "IPv6"}:
        report.unsupported("addressType", kind, ["FQDN", "IPv4", "IPv6"])
    for index, endpoint in enumerate(obj.get("endpoints") or []):
        if not endpoint.get("addresses"):
            report.required(f"endpoints[{index}].addresses", "must contain at least 1 address")
    if old is not None:
        report.unchanged("addressType", kind, old.get("addressType"))
