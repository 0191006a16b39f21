"""Rules of what stands behind services: endpoints and their slices (``pkg/apis/core``, ``pkg/apis/discovery``)."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from dynkube.testing.kinds.addresses import NO_ADDRESS, is_address, special_address
from dynkube.testing.kinds.value_rules import one_of
from dynkube.testing.objects import formats

if TYPE_CHECKING:
    from dynkube.testing.objects.report import Report

_PROTOCOLS = ("SCTP", "TCP", "UDP")
_TYPES = ("FQDN", "IPv4", "IPv6")
_MOST_ENDPOINTS, _MOST_ADDRESSES, _MOST_PORTS = 1000, 100, 20_000
_MOST_HINTS = 8


def endpoints(obj: dict[str, Any], _old: dict[str, Any] | None, report: Report) -> None:
    """Check an Endpoints object."""
    for index, subset in enumerate(obj.get("subsets") or []):
        path = f"subsets[{index}]"
        ready, others = subset.get("addresses") or [], subset.get("notReadyAddresses") or []
        if not ready and not others:
            report.required(path, "must specify `addresses` or `notReadyAddresses`")
        for key, addresses in (("addresses", ready), ("notReadyAddresses", others)):
            for number, address in enumerate(addresses):
                _address(address, f"{path}.{key}[{number}]", report)
        ports = subset.get("ports") or []
        for number, port in enumerate(ports):
            _port(port, f"{path}.ports[{number}]", report, named=len(ports) > 1)


def _address(address: dict[str, Any], path: str, report: Report) -> None:
    found = address.get("ip") or ""
    if not is_address(found):
        report.invalid(f"{path}.ip", found, NO_ADDRESS)
    if address.get("hostname"):
        report.malformed(f"{path}.hostname", address["hostname"], formats.label(address["hostname"]))
    if address.get("nodeName") is not None:
        report.malformed(f"{path}.nodeName", address["nodeName"], formats.subdomain(address["nodeName"]))
    why = special_address(found) if is_address(found) else "must be a valid IP address"
    if why:
        report.invalid(f"{path}.ip", found, why)


def _port(port: dict[str, Any], path: str, report: Report, *, named: bool) -> None:
    name, number = port.get("name") or "", port.get("port") or 0
    if named and not name:
        report.required(f"{path}.name")
    elif name:
        report.malformed(f"{path}.name", name, formats.label(name))
    report.malformed(f"{path}.port", number, formats.port_number(number))
    if not port.get("protocol"):
        report.required(f"{path}.protocol")
    one_of(port, "protocol", path, _PROTOCOLS, report)
    if port.get("appProtocol") is not None:
        report.malformed(f"{path}.appProtocol", port["appProtocol"], formats.qualified_name(port["appProtocol"]))


def endpoint_slice(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check an endpoint slice."""
    kind, found = obj.get("addressType") or "", obj.get("endpoints") or []
    if not kind:
        report.required("addressType")
    elif kind not in _TYPES:
        report.unsupported("addressType", kind, _TYPES)
    if len(found) > _MOST_ENDPOINTS:
        report.too_many("endpoints", len(found), _MOST_ENDPOINTS)
    for index, endpoint in enumerate(found):
        _endpoint(endpoint, f"endpoints[{index}]", kind, report)
    names: set[str] = set()
    for index, port in enumerate(obj.get("ports") or []):
        _slice_port(port, f"ports[{index}]", names, report)
    if old is not None:
        report.unchanged("addressType", kind, old.get("addressType"))


def _endpoint(endpoint: dict[str, Any], path: str, kind: str, report: Report) -> None:
    addresses = endpoint.get("addresses") or []
    if not addresses:
        report.required(f"{path}.addresses", "must contain at least 1 address")
    elif len(addresses) > _MOST_ADDRESSES:
        report.too_many(f"{path}.addresses", len(addresses), _MOST_ADDRESSES)
    for number, address in enumerate(addresses):
        here = f"{path}.addresses[{number}]"
        if kind in {"IPv4", "IPv6"}:
            _slice_address(address, here, kind, report)
        elif kind == "FQDN":
            report.malformed(here, address, formats.subdomain(address))
    if endpoint.get("nodeName") is not None:
        report.malformed(f"{path}.nodeName", endpoint["nodeName"], formats.subdomain(endpoint["nodeName"]))
    if endpoint.get("hostname") is not None:
        report.malformed(f"{path}.hostname", endpoint["hostname"], formats.label(endpoint["hostname"]))
    hints = endpoint.get("hints") or {}
    for key, what in (("forZones", formats.label_value), ("forNodes", formats.subdomain)):
        names: set[str] = set()
        entries = hints.get(key) or []
        if len(entries) > _MOST_HINTS:
            report.too_many(f"{path}.hints.{key}", len(entries), _MOST_HINTS)
            continue
        for number, entry in enumerate(entries):
            name, here = entry.get("name") or "", f"{path}.hints.{key}[{number}].name"
            if name in names:
                report.duplicate(here, name)
            else:
                report.malformed(here, name, what(name))
            names.add(name)


def _slice_address(address: str, path: str, kind: str, report: Report) -> None:
    if not is_address(address):
        report.invalid(path, address, NO_ADDRESS)
        return
    version = ipaddress.ip_address(address).version
    if f"IPv{version}" != kind:
        report.invalid(path, address, f"must be an {kind} address")
    why = special_address(address)
    if why:
        report.invalid(path, address, why)


def _slice_port(port: dict[str, Any], path: str, names: set[str], report: Report) -> None:
    name = port.get("name") or ""
    if name:
        report.malformed(f"{path}.name", name, formats.label(name))
    if name in names:
        report.duplicate(f"{path}.name", name)
    names.add(name)
    if port.get("protocol") is None:
        report.required(f"{path}.protocol")
    one_of(port, "protocol", path, _PROTOCOLS, report)
    if port.get("appProtocol") is not None:
        report.malformed(f"{path}.appProtocol", port["appProtocol"], formats.qualified_name(port["appProtocol"]))
