"""IP addresses and networks, and what is said of texts that are none (``k8s.io/apimachinery/pkg/util/validation``)."""

from __future__ import annotations

import ipaddress
from typing import Final

NO_ADDRESS: Final = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
NO_NETWORK: Final = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
#: Addresses no endpoint can have, with the server's words for them.
_SPECIAL: Final = (
    ("is_unspecified", "may not be unspecified (0.0.0.0 or ::)"),
    ("is_loopback", "may not be in the loopback range (127.0.0.0/8, ::1/128)"),
    ("is_link_local", "may not be in the link-local range (169.254.0.0/16, fe80::/10)"),
)


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


def special_address(text: str) -> str:
    """Return why a well-formed address cannot be an endpoint's, "" if it can."""
    found = ipaddress.ip_address(text)
    return next((why for attribute, why in _SPECIAL if getattr(found, attribute)), "")
