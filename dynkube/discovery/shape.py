"""Checks on the shape of discovery documents: what is missing is empty, what is of the wrong type is an error.

``what`` names the place for the error, in parts that are only joined if there is one.
"""

from __future__ import annotations

from typing import Any

from dynkube.errors import DiscoveryError


def expect_object(value: Any, *what: str) -> dict[str, Any]:
    """Return ``value`` if it is a JSON object; DiscoveryError naming ``what`` otherwise."""
    if not isinstance(value, dict):
        raise DiscoveryError(f"{_joined(what)} is {_named(value)}, not an object")
    return value


def expect_list(document: dict[str, Any], key: str, *what: str) -> list[Any]:
    """Return the list at ``key``. Missing and null are empty: Go prints a nil slice as null."""
    value = document.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise DiscoveryError(f"{key} of {_joined(what)} is {_named(value)}, not a list")
    return value


def expect_string(document: dict[str, Any], key: str, *what: str) -> str:
    """Return the string at ``key``; missing and null are the empty string."""
    value = document.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DiscoveryError(f"{key} of {_joined(what)} is {_named(value)}, not a string")
    return value


def expect_name(document: dict[str, Any], key: str, *what: str) -> str:
    """Return the string at ``key``, which may not be empty."""
    value = expect_string(document, key, *what)
    if not value:
        raise DiscoveryError(f"{_joined(what)} has no {key}")
    return value


class Interner:
    """Turns lists of strings into tuples, one and the same tuple for equal lists.

    Most resources of a cluster share a handful of verb lists; keeping each list once is what makes a discovered
    cluster smaller than the document it came from.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], tuple[str, ...]] = {(): ()}

    def strings(self, document: dict[str, Any], key: str, *what: str) -> tuple[str, ...]:
        """Return the list of strings at ``key``; missing and null are empty."""
        value = document.get(key)
        if not value:
            if value is None or value == []:
                return ()
            raise DiscoveryError(f"{key} of {_joined(what)} is {_named(value)}, not a list")
        if type(value) is not list:
            raise DiscoveryError(f"{key} of {_joined(what)} is {_named(value)}, not a list")
        try:
            known = self._known.get(tuple(value))
        except TypeError:
            known = None
        if known is not None:
            return known
        for item in value:
            if not isinstance(item, str):
                raise DiscoveryError(f"{key} of {_joined(what)} holds {_named(item)} among its strings")
        fresh = tuple(value)
        self._known[fresh] = fresh
        return fresh


def _joined(what: tuple[str, ...]) -> str:
    return " ".join(what)


def _named(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(value), "null")
