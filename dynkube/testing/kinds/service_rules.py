"""Rules of services (``pkg/apis/core/validation``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.testing.kinds.addresses import NO_ADDRESS, NO_NETWORK, is_address, is_network, special_address
from dynkube.testing.kinds.go_internal import internal
from dynkube.testing.kinds.value_rules import one_of
from dynkube.testing.objects import formats, metadata_rules

if TYPE_CHECKING:
    from dynkube.testing.objects.report import Report

_PROTOCOLS = ("SCTP", "TCP", "UDP")
_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_NODE_PORTS = range(30_000, 32_768)
_FAMILIES = ("IPv4", "IPv6")
_LONGEST_AFFINITY = 86_400
_DISTRIBUTIONS = ("PreferClose", "PreferSameZone", "PreferSameNode")
_BALANCER_ONLY = "may only be used when `type` is 'LoadBalancer'"


def service(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a service."""
    spec = obj.get("spec") or {}
    kind, ports = spec.get("type") or "ClusterIP", spec.get("ports") or []
    _by_type(spec, kind, ports, report)
    names: set[str] = set()
    for index, port in enumerate(ports):
        _port(port, f"spec.ports[{index}]", names, report, named=len(ports) > 1)
    metadata_rules.check_labels(spec.get("selector"), "spec.selector", report)
    _affinity(spec, report)
    one_of(spec, "type", "spec", _TYPES, report)
    for index, address in enumerate(spec.get("externalIPs") or []):
        why = special_address(address) if is_address(address) else NO_ADDRESS
        if why:
            report.invalid(f"spec.externalIPs[{index}]", address, why)
    _unique_ports(ports, report)
    _node_ports(ports, kind, report)
    _balancer(spec, kind, report)
    _addresses(spec, kind, report)
    _external_traffic(spec, kind, report)
    one_of(spec, "internalTrafficPolicy", "spec", ("Cluster", "Local"), report)
    if spec.get("trafficDistribution") is not None:
        one_of(spec, "trafficDistribution", "spec", _DISTRIBUTIONS, report)
    if old is not None:
        _update(spec, old.get("spec") or {}, report)


def _by_type(spec: dict[str, Any], kind: str, ports: list[dict[str, Any]], report: Report) -> None:
    headless = spec.get("clusterIP") == "None"
    if not ports and not headless and kind != "ExternalName":
        report.required("spec.ports")
    if kind in {"LoadBalancer", "NodePort"} and headless:
        report.invalid("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {kind} services")
    if kind == "ExternalName":
        if spec.get("clusterIPs"):
            report.forbidden("spec.clusterIPs", "may not be set for ExternalName services")
        name = spec.get("externalName") or ""
        bare = name.removesuffix(".")
        if not bare:
            report.required("spec.externalName")
        else:
            report.malformed("spec.externalName", bare, formats.subdomain(bare))


def _affinity(spec: dict[str, Any], report: Report) -> None:
    if not spec.get("sessionAffinity"):
        report.required("spec.sessionAffinity")
    one_of(spec, "sessionAffinity", "spec", ("ClientIP", "None"), report)
    config = spec.get("sessionAffinityConfig")
    if spec.get("sessionAffinity") == "ClientIP" and config is not None:
        seconds = (config.get("clientIP") or {}).get("timeoutSeconds")
        path = "spec.sessionAffinityConfig.clientIP"
        if seconds is None:
            report.required(f"{path}.timeoutSeconds" if config.get("clientIP") is not None else path)
        elif not 0 < seconds <= _LONGEST_AFFINITY:
            why = f"must be greater than 0 and less than {_LONGEST_AFFINITY}"
            report.invalid(f"{path}.timeoutSeconds", seconds, why)
    elif spec.get("sessionAffinity") == "None" and config is not None:
        report.forbidden("spec.sessionAffinityConfig", "must not be set when session affinity is None")


def _port(port: dict[str, Any], path: str, names: set[str], report: Report, *, named: bool) -> None:
    name = port.get("name") or ""
    if not name and named:
        report.required(f"{path}.name")
    if name:
        report.malformed(f"{path}.name", name, formats.label(name))
        if name in names:
            report.duplicate(f"{path}.name", name)
        names.add(name)
    number = port.get("port") or 0
    report.malformed(f"{path}.port", number, formats.port_number(number))
    if not port.get("protocol"):
        report.required(f"{path}.protocol")
    one_of(port, "protocol", path, _PROTOCOLS, report)
    target = port.get("targetPort")
    if target is not None:
        problems = formats.port_name(target) if isinstance(target, str) else formats.port_number(target)
        report.malformed(f"{path}.targetPort", target, problems)
    if port.get("appProtocol") is not None:
        report.malformed(f"{path}.appProtocol", port["appProtocol"], formats.qualified_name(port["appProtocol"]))


def _unique_ports(ports: list[dict[str, Any]], report: Report) -> None:
    seen: set[tuple[Any, Any]] = set()
    taken: set[tuple[Any, Any]] = set()
    for index, port in enumerate(ports):
        node = (port.get("protocol"), port.get("nodePort"))
        if node[1] and node in taken:
            report.duplicate(f"spec.ports[{index}].nodePort", node[1])
        taken.add(node)
    for index, port in enumerate(ports):
        key = (port.get("protocol"), port.get("port"))
        if key in seen:
            report.duplicate(f"spec.ports[{index}]", internal("ServicePort", {"protocol": key[0], "port": key[1]}))
        seen.add(key)


def _node_ports(ports: list[dict[str, Any]], kind: str, report: Report) -> None:
    for index, port in enumerate(ports):
        if port.get("nodePort") and kind == "ClusterIP":
            report.forbidden(f"spec.ports[{index}].nodePort", "may not be used when `type` is 'ClusterIP'")


def _balancer(spec: dict[str, Any], kind: str, report: Report) -> None:
    ranges = spec.get("loadBalancerSourceRanges") or []
    if ranges:
        path = "spec.LoadBalancerSourceRanges"
        if kind != "LoadBalancer":
            report.forbidden(path, _BALANCER_ONLY)
        for index, value in enumerate(ranges):
            if not is_network(value.strip()):
                report.invalid(f"{path}[{index}]", value, NO_NETWORK)
    ports = spec.get("allocateLoadBalancerNodePorts")
    if kind != "LoadBalancer" and ports is not None:
        report.forbidden("spec.allocateLoadBalancerNodePorts", _BALANCER_ONLY)
    if kind == "LoadBalancer" and ports is None:
        report.required("spec.allocateLoadBalancerNodePorts")
    name = spec.get("loadBalancerClass")
    if kind != "LoadBalancer" and name is not None:
        report.forbidden("spec.loadBalancerClass", _BALANCER_ONLY)
    elif name is not None:
        report.malformed("spec.loadBalancerClass", name, formats.qualified_name(name))


def _addresses(spec: dict[str, Any], kind: str, report: Report) -> None:
    addresses, families, policy = (spec.get(key) or [] for key in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"))
    if kind == "ExternalName":
        if families:
            report.forbidden("spec.ipFamilies", "may not be set for ExternalName services")
        if policy:
            report.forbidden("spec.ipFamilyPolicy", "may not be set for ExternalName services")
        return
    if len(families) > 2:
        report.invalid("spec.ipFamilies", families, "may only hold up to 2 values")
    for index, family in enumerate(families):
        if family not in _FAMILIES:
            report.unsupported(f"spec.ipFamilies[{index}]", family, _FAMILIES)
        if family in families[:index]:
            report.duplicate(f"spec.ipFamilies[{index}]", family)
    one_of(spec, "ipFamilyPolicy", "spec", ("PreferDualStack", "RequireDualStack", "SingleStack"), report)
    headless = addresses[:1] == ["None"]
    for index, address in enumerate(addresses):
        if address == "None":
            if len(addresses) > 1:
                report.invalid(f"spec.clusterIPs[{index}]", address, "'None' must be the first and only value")
        elif not is_address(address):
            report.invalid(f"spec.clusterIPs[{index}]", address, NO_ADDRESS)
    if len(addresses) > 2:
        report.invalid("spec.clusterIPs", addresses, "may only hold up to 2 values")
    if policy == "SingleStack":
        if len(addresses) > 1:
            report.invalid("spec.clusterIPs", addresses, "may not hold more than one value for single-stack services")
        if len(set(families)) > 1:
            report.invalid("spec.ipFamilies", families, "may not hold more than one value for single-stack services")
    for index, address in enumerate(addresses if not headless else []):
        if index < len(families) and is_address(address):
            of = "IPv6" if ":" in address else "IPv4"
            if families[index] in _FAMILIES and of != families[index]:
                why = f"expected an {families[index]} value as indicated by `ipFamilies[{index}]`"
                report.invalid(f"spec.clusterIPs[{index}]", address, why)


def _external_traffic(spec: dict[str, Any], kind: str, report: Report) -> None:
    policy, check = spec.get("externalTrafficPolicy") or "", spec.get("healthCheckNodePort") or 0
    accessible = kind in {"LoadBalancer", "NodePort"} or (kind == "ClusterIP" and bool(spec.get("externalIPs")))
    if not accessible and policy:
        why = "may only be set for externally-accessible services"
        report.invalid("spec.externalTrafficPolicy", policy, why)
    elif accessible and not policy:
        report.required("spec.externalTrafficPolicy")
    if policy and policy not in {"Cluster", "Local"}:
        report.unsupported("spec.externalTrafficPolicy", policy, ("Cluster", "Local"))
    if not check:
        return
    if kind != "LoadBalancer" or policy != "Local":
        why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        report.invalid("spec.healthCheckNodePort", check, why)
    else:
        report.malformed("spec.healthCheckNodePort", check, formats.port_number(check))


def _update(spec: dict[str, Any], old: dict[str, Any], report: Report) -> None:
    if "ExternalName" in {spec.get("type"), old.get("type")}:
        return
    before, now = old.get("clusterIPs") or [], spec.get("clusterIPs") or []
    if before and now and before[0] != now[0]:
        report.invalid("spec.clusterIPs[0]", now, "may not change once set")
    was, families = old.get("ipFamilies") or [], spec.get("ipFamilies") or []
    if was and families and was[0] != families[0]:
        report.invalid("spec.ipFamilies[0]", families, "may not change once set")
    if spec.get("type") == "LoadBalancer" == old.get("type"):
        now_class, was_class = spec.get("loadBalancerClass"), old.get("loadBalancerClass")
        if now_class != was_class:
            report.invalid("spec.loadBalancerClass", now_class, "may not change once set")
