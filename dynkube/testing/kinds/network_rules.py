"""Rules of ingresses, network policies and the addresses of services (``pkg/apis/networking/validation``)."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from dynkube.testing.kinds.addresses import NO_NETWORK, is_address, is_network
from dynkube.testing.kinds.go_internal import internal
from dynkube.testing.kinds.selector_rules import selector
from dynkube.testing.kinds.value_rules import one_of
from dynkube.testing.objects import formats

if TYPE_CHECKING:
    from dynkube.testing.objects.report import Report

_PROTOCOLS = ("TCP", "UDP", "SCTP")
#: What the path of an ingress may not have inside, and at its end.
_NOT_IN_PATHS = ("//", "/./", "/../", "%2f", "%2F")
_NOT_AT_END = ("/..", "/.")
_LONGEST_CONTROLLER = 250


def ingress(obj: dict[str, Any], _old: dict[str, Any] | None, report: Report) -> None:
    """Check an ingress."""
    spec = obj.get("spec") or {}
    rules = spec.get("rules") or []
    if not rules and spec.get("defaultBackend") is None:
        report.invalid("spec", rules or None, "either `defaultBackend` or `rules` must be specified")
    if spec.get("defaultBackend") is not None:
        _backend(spec["defaultBackend"], "spec.defaultBackend", report)
    for index, rule in enumerate(rules):
        _ingress_rule(rule, f"spec.rules[{index}]", report)
    for index, tls in enumerate(spec.get("tls") or []):
        here = f"spec.tls[{index}]"
        for number, host in enumerate(tls.get("hosts") or []):
            _host(host, f"{here}.hosts[{number}]", report)
        if tls.get("secretName"):
            report.malformed(f"{here}.secretName", tls["secretName"], formats.subdomain(tls["secretName"]))
    name = spec.get("ingressClassName")
    if name is not None:
        report.malformed("spec.ingressClassName", name, formats.subdomain(name))


def _host(host: str, path: str, report: Report) -> None:
    if not host.startswith("*."):
        report.malformed(path, host, formats.subdomain(host))
        return
    report.malformed(path, host, formats.wildcard(host))


def _ingress_rule(rule: dict[str, Any], path: str, report: Report) -> None:
    host = rule.get("host") or ""
    if host:
        if is_address(host):
            report.invalid(f"{path}.host", host, "must be a DNS name, not an IP address")
        _host(host, f"{path}.host", report)
    if rule.get("http") is None:
        return
    paths = rule["http"].get("paths") or []
    if not paths:
        report.required(f"{path}.http.paths")
    for index, one in enumerate(paths):
        _path(one, f"{path}.http.paths[{index}]", report)


def _path(one: dict[str, Any], path: str, report: Report) -> None:
    kind, where = one.get("pathType"), str(one.get("path") or "")
    if kind is None:
        report.required(f"{path}.pathType", "pathType must be specified")
        return
    if kind in {"Exact", "Prefix"}:
        if not where.startswith("/"):
            report.invalid(f"{path}.path", where, "must be an absolute path")
        if where:
            for part in _NOT_IN_PATHS:
                if part in where:
                    report.invalid(f"{path}.path", where, f"must not contain '{part}'")
            for end in _NOT_AT_END:
                if where.endswith(end):
                    report.invalid(f"{path}.path", where, f"cannot end with '{end}'")
    elif kind == "ImplementationSpecific":
        if where and not where.startswith("/"):
            report.invalid(f"{path}.path", where, "must be an absolute path")
    else:
        report.unsupported(f"{path}.pathType", kind, ["Exact", "ImplementationSpecific", "Prefix"])
    _backend(one.get("backend") or {}, f"{path}.backend", report)


def _backend(backend: dict[str, Any], path: str, report: Report) -> None:
    target, resource = backend.get("service"), backend.get("resource")
    if resource is not None and target is not None:
        report.invalid(path, "", "cannot set both resource and service backends")
        return
    if resource is not None:
        _typed_reference(resource, f"{path}.resource", report)
        return
    if target is None:
        report.invalid(path, "", "resource or service backend is required")
        return
    if not target.get("name"):
        report.required(f"{path}.service.name")
    else:
        report.malformed(f"{path}.service.name", target["name"], formats.label(target["name"]))
    port = target.get("port") or {}
    if port.get("name") and port.get("number"):
        report.invalid(path, "", "cannot set both port name & port number")
    elif port.get("name"):
        report.malformed(f"{path}.service.port.name", port["name"], formats.port_name(port["name"]))
    elif port.get("number"):
        report.malformed(f"{path}.service.port.number", port["number"], formats.port_number(port["number"]))
    else:
        report.required(path, "port name or number is required")


def _typed_reference(found: dict[str, Any], path: str, report: Report) -> None:
    if found.get("apiGroup") is not None:
        report.malformed(f"{path}.apiGroup", found["apiGroup"], formats.subdomain(found["apiGroup"]))
    for key in ("kind", "name"):
        if not found.get(key):
            report.required(f"{path}.{key}")
        else:
            report.malformed(f"{path}.{key}", found[key], formats.path_segment(found[key]))


def ingress_class(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check an ingress class."""
    spec = obj.get("spec") or {}
    controller = spec.get("controller") or ""
    if old is not None:
        report.unchanged("spec.controller", controller, (old.get("spec") or {}).get("controller"))
    if not controller:
        report.required("spec.controller")
    if len(controller) > _LONGEST_CONTROLLER:
        report.too_long("spec.controller", _LONGEST_CONTROLLER)
    if controller:
        report.malformed("spec.controller", controller, formats.domain_prefixed_path(controller))
    parameters = spec.get("parameters")
    if parameters is not None:
        _class_parameters(parameters, "spec.parameters", report)


def _class_parameters(found: dict[str, Any], path: str, report: Report) -> None:
    _typed_reference(found, path, report)
    scope, namespace = found.get("scope"), found.get("namespace")
    if scope is None:
        return
    if scope not in {"Cluster", "Namespace"}:
        report.unsupported(f"{path}.scope", scope, ("Cluster", "Namespace"))
    elif scope == "Cluster" and namespace is not None:
        report.forbidden(f"{path}.namespace", "`parameters.scope` is set to 'Cluster'")
    elif scope == "Namespace" and namespace is None:
        report.required(f"{path}.namespace", "`parameters.scope` is set to 'Namespace'")
    elif scope == "Namespace":
        report.malformed(f"{path}.namespace", namespace, formats.label(namespace or ""))


def network_policy(obj: dict[str, Any], _old: dict[str, Any] | None, report: Report) -> None:
    """Check a network policy."""
    spec = obj.get("spec") or {}
    selector(spec.get("podSelector") or {}, "spec.podSelector", report)
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(spec.get(direction) or []):
            path = f"spec.{direction}[{index}]"
            for number, port in enumerate(rule.get("ports") or []):
                _policy_port(port, f"{path}.ports[{number}]", report)
            for number, peer in enumerate(rule.get(peers) or []):
                _peer(peer, f"{path}.{peers}[{number}]", report)
    kinds = spec.get("policyTypes") or []
    if len(kinds) > 2:
        report.invalid("spec.policyTypes", kinds, "may not specify more than two policyTypes")
        return
    for index, kind in enumerate(kinds):
        if kind not in {"Egress", "Ingress"}:
            report.unsupported(f"spec.policyTypes[{index}]", kind, ["Ingress", "Egress"])


def _policy_port(port: dict[str, Any], path: str, report: Report) -> None:
    one_of(port, "protocol", path, _PROTOCOLS, report)
    found, end = port.get("port"), port.get("endPort")
    if isinstance(found, str):
        if end is not None:
            report.invalid(f"{path}.endPort", end, "may not be specified when `port` is non-numeric")
        report.malformed(f"{path}.port", found, formats.port_name(found))
    elif found is not None:
        report.malformed(f"{path}.port", found, formats.port_number(found))
        if end is not None:
            if end < found:
                report.invalid(f"{path}.endPort", found, "must be greater than or equal to `port`")
            report.malformed(f"{path}.endPort", end, formats.port_number(end))
    elif end is not None:
        report.invalid(f"{path}.endPort", end, "may not be specified when `port` is not specified")


def _peer(peer: dict[str, Any], path: str, report: Report) -> None:
    if not peer:
        report.required(path, "must specify a peer")
    for key in ("podSelector", "namespaceSelector"):
        if isinstance(peer.get(key), dict):
            selector(peer[key], f"{path}.{key}", report)
    block = peer.get("ipBlock")
    if not isinstance(block, dict):
        return
    if len(peer) > 1:
        report.forbidden(path, "may not specify both ipBlock and another peer")
    cidr = block.get("cidr") or ""
    if not cidr:
        report.required(f"{path}.ipBlock.cidr")
        return
    if not is_network(cidr):
        report.invalid(f"{path}.ipBlock.cidr", cidr, NO_NETWORK)
        return
    outer = ipaddress.ip_network(cidr, strict=False)
    for index, exception in enumerate(block.get("except") or []):
        where = f"{path}.ipBlock.except[{index}]"
        if not is_network(exception):
            report.invalid(where, exception, NO_NETWORK)
            continue
        inner = ipaddress.ip_network(exception, strict=False)
        inside = inner.version == outer.version and inner[0] in outer and inner[-1] in outer
        if not inside or inner.prefixlen <= outer.prefixlen:
            report.invalid(where, exception, "must be a strict subset of `cidr`")


def service_cidr(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a range of addresses for services."""
    ranges = (obj.get("spec") or {}).get("cidrs") or []
    if not ranges:
        report.required("spec.cidrs", "at least one CIDR required")
    if len(ranges) > 2:
        why = "may only hold up to 2 values"
        report.invalid("spec.cidrs", ranges, why)
    if len(ranges) == 2 and all(map(is_network, ranges)) and (":" in ranges[0]) == (":" in ranges[1]):
        why = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"
        report.invalid("spec.cidrs", ranges, why)
    for index, one in enumerate(ranges):
        if not is_network(one):
            report.invalid(f"spec.cidrs[{index}]", one, NO_NETWORK)
    if old is not None and ranges != ((old.get("spec") or {}).get("cidrs") or []):
        report.invalid("spec.cidrs", ranges, "field is immutable")


def ip_address(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check an address that is in use by something."""
    name = str((obj.get("metadata") or {}).get("name") or "")
    if not is_address(name):
        report.invalid("metadata.name", name, "must be a valid IP address")
    elif str(ipaddress.ip_address(name)) != name:
        report.invalid("metadata.name", name, f'must be in canonical form ("{ipaddress.ip_address(name)}")')
    parent = (obj.get("spec") or {}).get("parentRef")
    if parent is None:
        report.required("spec.parentRef")
        return
    path = "spec.parentRef"
    if parent.get("group"):
        report.malformed(f"{path}.group", parent["group"], formats.subdomain(parent["group"]))
    if not parent.get("resource"):
        report.required(f"{path}.resource")
    else:
        report.malformed(f"{path}.resource", parent["resource"], formats.path_segment(parent["resource"]))
    if not parent.get("name"):
        report.required(f"{path}.name")
    else:
        report.malformed(f"{path}.name", parent["name"], formats.path_segment(parent["name"]))
    if parent.get("namespace"):
        report.malformed(f"{path}.namespace", parent["namespace"], formats.path_segment(parent["namespace"]))
    if old is not None:
        before = (old.get("spec") or {}).get("parentRef")
        if parent != before:
            report.invalid(path, internal("ParentReference", parent), "field is immutable")
