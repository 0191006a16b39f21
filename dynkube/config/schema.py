"""What a kubeconfig may say: its sections, their fields and the fields' types.

Types are strict, as in client-go: an unquoted ``token: 123`` is a number where text belongs, and an error. Null counts
as absent. Unknown fields are no error; they are kept when the file is written again.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

#: A place within a document: keys and list indexes.
Place = tuple["str | int", ...]
#: What is wrong, and where.
Problem = tuple[Place, str]
#: Yields what is wrong with a value.
Check = Callable[[Any, Place], "list[Problem]"]


def _text(value: Any, place: Place) -> list[Problem]:
    return [] if isinstance(value, str) else [_mismatch(value, place, "a string")]


def _flag(value: Any, place: Place) -> list[Problem]:
    return [] if isinstance(value, bool) else [_mismatch(value, place, "true or false")]


def _data(value: Any, place: Place) -> list[Problem]:
    if not isinstance(value, str):
        return [_mismatch(value, place, "base64 text")]
    try:
        decode_data(value)
    except ValueError:
        return [(place, "is not valid base64")]
    return []


def _any(value: Any, place: Place) -> list[Problem]:  # noqa: ARG001 - one signature for all checks
    return []


def _list_of(check: Check) -> Check:
    def check_list(value: Any, place: Place) -> list[Problem]:
        if not isinstance(value, list):
            return [_mismatch(value, place, "a list")]
        return [problem for index, entry in enumerate(value) for problem in check(entry, (*place, index))]

    return check_list


def _map_of(check: Check) -> Check:
    def check_map(value: Any, place: Place) -> list[Problem]:
        if not isinstance(value, dict):
            return [_mismatch(value, place, "a mapping")]
        return [problem for key, entry in value.items() for problem in check(entry, (*place, key))]

    return check_map


def _record(fields: Mapping[str, Check]) -> Check:
    def check_record(value: Any, place: Place) -> list[Problem]:
        if not isinstance(value, dict):
            return [_mismatch(value, place, "a mapping")]
        return [
            problem
            for key, check in fields.items()
            if value.get(key) is not None
            for problem in check(value[key], (*place, key))
        ]

    return check_record


def _extensions(value: Any, place: Place) -> list[Problem]:
    problems = _list_of(_record({"name": _text, "extension": _any}))(value, place)
    if problems:
        return problems
    names = [entry.get("name") for entry in value]
    return [
        ((*place, index), f"is a second extension named {name!r}")
        for index, name in enumerate(names)
        if name in names[:index]
    ]


EXTENSIONS: Check = _extensions

CLUSTER_FIELDS: Mapping[str, Check] = MappingProxyType(
    {
        "server": _text,
        "tls-server-name": _text,
        "insecure-skip-tls-verify": _flag,
        "certificate-authority": _text,
        "certificate-authority-data": _data,
        "proxy-url": _text,
        "disable-compression": _flag,
        "extensions": EXTENSIONS,
    }
)

EXEC_FIELDS: Mapping[str, Check] = MappingProxyType(
    {
        "apiVersion": _text,
        "command": _text,
        "args": _list_of(_text),
        "env": _list_of(_record({"name": _text, "value": _text})),
        "installHint": _text,
        "provideClusterInfo": _flag,
        "interactiveMode": _text,
    }
)

USER_FIELDS: Mapping[str, Check] = MappingProxyType(
    {
        "client-certificate": _text,
        "client-certificate-data": _data,
        "client-key": _text,
        "client-key-data": _data,
        "token": _text,
        "tokenFile": _text,
        "as": _text,
        "as-uid": _text,
        "as-groups": _list_of(_text),
        "as-user-extra": _map_of(_list_of(_text)),
        "username": _text,
        "password": _text,
        "auth-provider": _record({"name": _text, "config": _map_of(_text)}),
        "exec": _record(EXEC_FIELDS),
        "extensions": EXTENSIONS,
    }
)

CONTEXT_FIELDS: Mapping[str, Check] = MappingProxyType(
    {"cluster": _text, "user": _text, "namespace": _text, "extensions": EXTENSIONS}
)

TOP_FIELDS: Mapping[str, Check] = MappingProxyType(
    {
        "apiVersion": _text,
        "kind": _text,
        "current-context": _text,
        "preferences": _record({"colors": _flag, "extensions": EXTENSIONS}),
        "extensions": EXTENSIONS,
    }
)

#: The lists of named stanzas: section, the key of the stanza within an entry, its fields.
SECTIONS: Mapping[str, tuple[str, Mapping[str, Check]]] = MappingProxyType(
    {
        "clusters": ("cluster", CLUSTER_FIELDS),
        "users": ("user", USER_FIELDS),
        "contexts": ("context", CONTEXT_FIELDS),
    }
)

#: Fields that hold paths, relative to the file they stand in.
PATH_FIELDS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
#: Fields whose value must never be shown.
SECRET_FIELDS = ("token", "password")
DATA_FIELDS = ("certificate-authority-data", "client-certificate-data", "client-key-data")


def check_document(document: Any) -> list[Problem]:
    """Return everything about the document that no kubeconfig may have; empty if it is one (None is an empty one)."""
    if document is None:
        return []
    if not isinstance(document, dict):
        return [_mismatch(document, (), "a mapping")]
    problems = _record(TOP_FIELDS)(document, ())
    for key, expected in (("apiVersion", "v1"), ("kind", "Config")):
        value = document.get(key)
        if isinstance(value, str) and value not in ("", expected):
            problems.append(((key,), f"is {value!r}, not {expected!r}: this is no kubeconfig"))
    for section, (stanza, fields) in SECTIONS.items():
        entries = document.get(section)
        if entries is not None:
            problems.extend(_check_section(entries, section, stanza, fields))
    return problems


def unknown_fields(document: Mapping[str, Any]) -> list[tuple[Place, str]]:
    """Return the unknown fields of a valid document that look like a known one misspelt, each with that one."""
    found: list[tuple[Place, str]] = []
    for section, (stanza, fields) in SECTIONS.items():
        known = {_folded(field): field for field in fields}
        for index, entry in enumerate(document.get(section) or ()):
            for key in entry.get(stanza) or ():
                if key in fields:
                    continue
                import difflib  # rarely needed

                near = difflib.get_close_matches(_folded(key), known, 1, 0.9)
                if near:
                    found.append(((section, index, stanza, key), known[near[0]]))
    return found


def decode_data(value: str) -> bytes:
    """Return the bytes of a ``*-data`` field; line breaks within are allowed. Raises ValueError."""
    try:
        return base64.b64decode("".join(value.split()), validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def _check_section(entries: Any, section: str, stanza: str, fields: Mapping[str, Check]) -> list[Problem]:
    if not isinstance(entries, list):
        return [_mismatch(entries, (section,), "a list")]
    problems: list[Problem] = []
    names: set[str] = set()
    check = _record({"name": _text, stanza: _record(fields)})
    for index, entry in enumerate(entries):
        place = (section, index)
        found = check(entry, place)
        problems.extend(found)
        if found or not isinstance(entry, dict):
            continue
        name = entry.get("name")
        if not name:
            problems.append((place, "has no name"))
        elif name in names:
            problems.append((place, f"is a second {stanza} named {name!r}"))
        else:
            names.add(name)
    return problems


def _mismatch(value: Any, place: Place, expected: str) -> Problem:
    # The value itself may be a secret: say only what it is.
    kinds = {str: "a string", bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "a mapping"}
    found = "null" if value is None else kinds.get(type(value), type(value).__name__)
    hint = "; put it in quotes" if expected == "a string" and isinstance(value, bool | int | float) else ""
    return place, f"must be {expected}, not {found}{hint}"


def _folded(field: str) -> str:
    return field.replace("-", "").replace("_", "").lower()
