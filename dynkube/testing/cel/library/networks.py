"""IP addresses and networks."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dynkube.testing.cel import types
from dynkube.testing.cel.declarations import Overload, member, plain
from dynkube.testing.cel.values import EvaluationError
from dynkube.testing.objects.report import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dynkube.testing.cel.types import Type

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address
    Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface


@dataclass(frozen=True)
class IP:
    """An address."""

    address: Address
    cel_type: ClassVar[Type] = types.IP

    def __str__(self) -> str:
        return str(self.address)


@dataclass(frozen=True)
class CIDR:
    """A network, with the bits of the address it was written with."""

    network: Interface
    cel_type: ClassVar[Type] = types.CIDR

    def __str__(self) -> str:
        return str(self.network)


def overloads() -> Iterator[Overload]:
    """Yield the functions of addresses and networks."""
    yield plain("ip", "string", "ip", parse_ip)
    yield plain("isIP", "string", "bool", lambda text: _reads(parse_ip, text))
    yield plain("ip.isCanonical", "string", "bool", lambda text: str(parse_ip(text)) == text)
    yield plain("string", "ip", "string", str)
    yield member("family", "ip", "int", lambda ip: ip.address.version)
    yield member("isUnspecified", "ip", "bool", lambda ip: ip.address.is_unspecified)
    yield member("isLoopback", "ip", "bool", lambda ip: ip.address.is_loopback)
    yield member("isLinkLocalMulticast", "ip", "bool", lambda ip: _is_local_multicast(ip.address))
    yield member("isLinkLocalUnicast", "ip", "bool", lambda ip: ip.address.is_link_local)
    yield member("isGlobalUnicast", "ip", "bool", lambda ip: _is_global(ip.address))
    yield plain("cidr", "string", "cidr", parse_cidr)
    yield plain("isCIDR", "string", "bool", lambda text: _reads(parse_cidr, text))
    yield plain("string", "cidr", "string", str)
    yield member("containsIP", "cidr, string", "bool", lambda cidr, text: _contains(cidr, parse_ip(text)))
    yield member("containsIP", "cidr, ip", "bool", _contains)
    yield member("containsCIDR", "cidr, string", "bool", lambda cidr, text: _covers(cidr, parse_cidr(text)))
    yield member("containsCIDR", "cidr, cidr", "bool", _covers)
    yield member("ip", "cidr", "ip", lambda cidr: IP(cidr.network.ip))
    yield member("prefixLength", "cidr", "int", lambda cidr: cidr.network.network.prefixlen)
    yield member("masked", "cidr", "cidr", lambda cidr: CIDR(ipaddress.ip_interface(str(cidr.network.network))))


def _reads(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except EvaluationError:
        return False
    return True


def _address(text: str) -> Address:
    """Return an address. Raises ValueError, worded as Go's ``netip`` does where the text looks like IPv4."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        raise ValueError(f"ParseAddr({quote(text)}): {_address_problem(text)}") from None


def _address_problem(text: str) -> str:
    first = next((char for char in text if char in ".:%"), "")
    if first == "%":
        return "missing IPv6 address"
    return _ipv4_problem(text) if first == "." else "unable to parse IP"


def _ipv4_problem(text: str) -> str:
    fields = 1
    digits = ""
    for at, char in enumerate(text):
        rest = f"(at {quote(text[at:])})"
        if char == ".":
            if not digits or at == len(text) - 1:
                return f"IPv4 field must have at least one digit {rest}"
            if fields == 4:
                return "IPv4 address too long"
            fields, digits = fields + 1, ""
        elif not ("0" <= char <= "9"):
            return f"unexpected character {rest}"
        elif digits == "0":
            return "IPv4 field has octet with leading zero"
        else:
            digits += char
            if int(digits) > 255:
                return "IPv4 field has value >255"
    return "IPv4 address too short"


def parse_ip(text: str) -> IP:
    """Return an address. Raises EvaluationError."""
    try:
        found = _address(text)
    except ValueError as error:
        raise EvaluationError(f"IP Address {quote(text)} parse error during conversion from string: {error}") from None
    if isinstance(found, ipaddress.IPv6Address) and found.scope_id:
        raise EvaluationError(f"IP address {quote(text)} with zone value is not allowed")
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        raise EvaluationError(f"IPv4-mapped IPv6 address {quote(text)} is not allowed")
    return IP(found)


def parse_cidr(text: str) -> CIDR:
    """Return a network. Raises EvaluationError."""
    address, slash, bits = text.rpartition("/")
    what = "network address parse error during conversion from string"
    try:
        if not slash:
            raise ValueError("no '/'")
        found = _address(address)
        if re.fullmatch(r"0|[1-9][0-9]*", bits) is None:
            raise ValueError(f"bad bits after slash: {quote(bits)}")
        if "%" in address:
            raise ValueError("IPv6 zones cannot be present in a prefix")
        if int(bits) > found.max_prefixlen:
            raise ValueError("prefix length out of range")
    except ValueError as error:
        raise EvaluationError(f"{what}: {what}: netip.ParsePrefix({quote(text)}): {error}") from None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        raise EvaluationError(f"{what}: IPv4-mapped IPv6 address {quote(text)} is not allowed")
    return CIDR(ipaddress.ip_interface(text))


def _is_local_multicast(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return address in ipaddress.IPv4Network("224.0.0.0/24")
    return address.packed[0] == 0xFF and address.packed[1] & 0x0F == 0x02


def _is_global(address: Address) -> bool:
    """Tell whether an address is a unicast one beyond its link, private ones included (Go ``IsGlobalUnicast``)."""
    special = address.is_unspecified or address.is_loopback or address.is_multicast or address.is_link_local
    return not special and str(address) != "255.255.255.255"


def _contains(cidr: CIDR, ip: IP) -> bool:
    return ip.address in cidr.network.network


def _covers(cidr: CIDR, other: CIDR) -> bool:
    outer, inner = cidr.network.network, other.network.network
    return outer.version == inner.version and inner.network_address in outer and outer.prefixlen <= inner.prefixlen
