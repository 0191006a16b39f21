"""The ways to write the name of a resource, taken apart."""

from __future__ import annotations

from typing import NamedTuple


class Query(NamedTuple):
    """A name and where it is looked for. ``None`` leaves the group or version open; the group "" is the core group."""

    name: str
    group: str | None = None
    version: str | None = None


def parse_name(text: str) -> tuple[Query, ...]:
    """Return what ``text`` may mean, the first reading that matches anything being the one that counts.

    ``deployments.v1.apps`` may be resource, version and group, and it may be resource and a group ``v1.apps``: with two
    dots or more the first is tried before the second, as kubectl does (``schema.ParseResourceArg``). A dot at the end
    pins the core group: ``events.`` and ``events.v1.`` are never those of events.k8s.io.
    """
    name, dot, rest = text.partition(".")
    if not dot:
        return (Query(name),)
    version, second_dot, group = rest.partition(".")
    if not second_dot:
        return (Query(name, rest),)
    return (Query(name, group, version), Query(name, rest))
