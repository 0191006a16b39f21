"""The forms names, labels and keys must have, in the server's words (apimachinery ``util/validation``).

Each function returns what is wrong with a text, one message a rule; an empty list means it is fine.
"""

from __future__ import annotations

import re

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_LABEL_1035 = r"[a-z]([-a-z0-9]*[a-z0-9])?"
_QUALIFIED = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = rf"({_QUALIFIED})?"
_CONFIG_KEY = r"[-._a-zA-Z0-9]+"
_PORT_NAME = r"[-a-z0-9]+"

#: The longest DNS name, and the longest part of one.
SUBDOMAIN_LENGTH, LABEL_LENGTH = 253, 63

_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    f"end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')"
)
_UNDERSCORED = r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*"
_UNDERSCORED_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must "
    f"start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_UNDERSCORED}')"
)
_WILDCARD_TEXT = (
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of "
    "lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', "
    rf"regex used for validation is '\*\.{_SUBDOMAIN}')"
)
_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    f"an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{_LABEL}')"
)
_LABEL_1035_TEXT = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    f"'{_LABEL_1035}')"
)
_NAME_PART = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    f"(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_QUALIFIED}')"
)
_LABEL_VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    f"'{_LABEL_VALUE}')"
)
_CONFIG_KEY_TEXT = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
    f"'key-name', regex used for validation is '{_CONFIG_KEY}')"
)


def _too_long(limit: int, unit: str = "bytes") -> str:
    return f"must be no more than {limit} {unit}"


def _plain(text: str, pattern: str, limit: int, message: str, unit: str = "characters") -> list[str]:
    problems = [_too_long(limit, unit)] if len(text.encode()) > limit else []
    return problems if re.fullmatch(pattern, text) else [*problems, message]


def subdomain(text: str) -> list[str]:
    """Check a DNS subdomain (RFC 1123): the name of most objects."""
    return _plain(text, _SUBDOMAIN, SUBDOMAIN_LENGTH, _SUBDOMAIN_TEXT)


def underscored_subdomain(text: str) -> list[str]:
    """Check a DNS subdomain whose parts may have underscores, as names of services in DNS have."""
    return _plain(text, _UNDERSCORED, SUBDOMAIN_LENGTH, _UNDERSCORED_TEXT)


def wildcard(text: str) -> list[str]:
    """Check a DNS subdomain whose first part is ``*``."""
    return _plain(text, rf"\*\.{_SUBDOMAIN}", SUBDOMAIN_LENGTH, _WILDCARD_TEXT)


def label(text: str) -> list[str]:
    """Check a DNS label (RFC 1123): namespaces, containers."""
    return _plain(text, _LABEL, LABEL_LENGTH, _LABEL_TEXT)


def label_1035(text: str) -> list[str]:
    """Check a DNS label (RFC 1035, starts with a letter): services."""
    return _plain(text, _LABEL_1035, LABEL_LENGTH, _LABEL_1035_TEXT)


def path_segment(text: str) -> list[str]:
    """Check what may stand in a URL path: names of RBAC objects."""
    if text in {".", ".."}:
        return [f"may not be '{text}'"]
    return [f"may not contain '{char}'" for char in "/%" if char in text]


def qualified_name(text: str) -> list[str]:
    """Check a label or annotation key: an optional DNS prefix, a slash, a name."""
    problems: list[str] = []
    prefix, slash, name = text.rpartition("/")
    if slash and "/" in prefix:
        return [
            f"a valid label key {_NAME_PART} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        ]
    if slash and not prefix:
        problems.append("prefix part must be non-empty")
    elif slash:
        problems += [f"prefix part {problem}" for problem in subdomain(prefix)]
    if not name:
        problems.append("name part must be non-empty")
    elif len(name.encode()) > LABEL_LENGTH:
        problems.append(f"name part {_too_long(LABEL_LENGTH)}")
    if not re.fullmatch(_QUALIFIED, name):
        problems.append(f"name part {_NAME_PART}")
    return problems


def label_value(text: str) -> list[str]:
    """Check a label's value."""
    return _plain(text, _LABEL_VALUE, LABEL_LENGTH, _LABEL_VALUE_TEXT, "bytes")


def config_key(text: str) -> list[str]:
    """Check a key of a config map or secret."""
    problems = _plain(text, _CONFIG_KEY, SUBDOMAIN_LENGTH, _CONFIG_KEY_TEXT)
    if text == ".":
        problems.append("must not be '.'")
    elif text == "..":
        problems.append("must not be '..'")
    elif text.startswith(".."):
        problems.append("must not start with '..'")
    return problems


def environment_name(text: str) -> list[str]:
    """Check the name of an environment variable: printable ASCII without ``=``."""
    if text and all(" " <= char <= "~" and char != "=" for char in text):
        return []
    return ["a valid environment variable name must consist only of printable ASCII characters other than '='"]


def c_identifier(text: str) -> list[str]:
    """Check an identifier of C, or of CEL: letters, digits, underscores."""
    return [] if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text) else ["must be a valid C identifier"]


def domain_prefixed_path(text: str) -> list[str]:
    """Check a path below a domain, as controllers and managers of jobs are named (``acme.io/foo``)."""
    host, slash, path = text.partition("/")
    if not host or not slash or not path:
        return ['must be a domain-prefixed path (such as "acme.io/foo")']
    problems = subdomain(host)
    if not re.fullmatch(r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+", path):
        problems.append("Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')")
    return problems


def header_name(text: str) -> list[str]:
    """Check the name of an HTTP header."""
    if re.fullmatch(r"[-A-Za-z0-9]+", text):
        return []
    why = "a valid HTTP header must consist of alphanumeric characters or '-'"
    return [f"{why} (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')"]


def port_name(text: str) -> list[str]:
    """Check an IANA service name: ports of containers and services."""
    problems: list[str] = []
    if len(text) > 15:
        problems.append("must be no more than 15 characters")
    if not re.fullmatch(_PORT_NAME, text):
        problems.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search(r"[a-z]", text):
        problems.append("must contain at least one letter (a-z)")
    if "--" in text:
        problems.append("must not contain consecutive hyphens")
    if text.startswith("-") or text.endswith("-"):
        problems.append("must not begin or end with a hyphen")
    return problems


def port_number(number: int) -> list[str]:
    """Check a port number."""
    return [] if 1 <= number <= 65_535 else ["must be between 1 and 65535, inclusive"]
