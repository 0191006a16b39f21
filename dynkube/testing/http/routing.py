"""From a request line to what is asked for: resource, verb, namespace, name, subresource (apiserver's RequestInfo)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from dynkube.testing.http import failures

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Verbs of the methods that act on one object and on a collection.
_OBJECT_VERBS = {"GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "POST": "create"}
_COLLECTION_VERBS = {
    "GET": "list",
    "HEAD": "list",
    "POST": "create",
    "DELETE": "deletecollection",
    "PUT": "update",
    "PATCH": "patch",
}
#: Subresources that belong to the namespace itself; any other word in that place is a resource in the namespace.
_NAMESPACE_SUBRESOURCES = frozenset({"status", "finalize"})


#: What makes Go drop a pair of the query: an escape that is none, a semicolon.
_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})|;")


class Query:
    """The query parameters: repeated ones keep all their values, the first one counts where one is wanted."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            self._values.setdefault(name, []).append(value)

    def get(self, name: str, default: str = "") -> str:
        """Return the first value of a parameter."""
        found = self._values.get(name)
        return found[0] if found else default

    def all(self, name: str) -> list[str]:
        """Return every value of a parameter."""
        return list(self._values.get(name, ()))

    def flag(self, name: str) -> bool:
        """Tell whether a parameter is set as Go's query conversion sees it: present, and neither "false" nor "0"."""
        return name in self._values and self.get(name).lower() not in {"false", "0"}

    def __contains__(self, name: str) -> bool:
        return name in self._values


@dataclass(frozen=True, slots=True)
class Route:
    """What one request asks for. ``resource`` is "" for paths outside the resource tree."""

    method: str
    path: str
    verb: str
    query: Query
    group: str = ""
    version: str = ""
    namespace: str = ""
    resource: str = ""
    name: str = ""
    subresource: str = ""
    #: What follows the subresource (``services/s/proxy/some/path``).
    rest: str = ""
    #: The namespace is in the path. ``/api/v1/namespaces/x`` names a namespace but is not inside one.
    in_namespace: bool = False

    @property
    def watching(self) -> bool:
        """Whether the answer is a stream of events."""
        return self.verb == "watch"


def query_of(target: str) -> Query:
    """Return the parameters of a request's target; a pair that is not encoded properly counts as not sent."""
    pairs = (pair for pair in target.partition("?")[2].split("&") if pair and not _BROKEN.search(pair))
    return Query(pair for part in pairs for pair in parse_qsl(part, keep_blank_values=True, errors="replace"))


def parse(method: str, target: str) -> Route:
    """Read a request line's method and target. Raises a 400 Failure when the target is not a proper path."""
    raw_path, _, _ = target.partition("?")
    if not raw_path.startswith("/"):
        raise failures.bad_request("the request target must be an absolute path")
    query = query_of(target)
    path = unquote(raw_path, errors="replace")
    # Segments are split before they are unquoted: %2F inside a name must not become a separator.
    parts = [unquote(part, errors="replace") for part in raw_path.split("/")[1:]]
    if parts and parts[-1] == "":
        parts.pop()
    if parts[:1] == ["api"]:
        group, rest = "", parts[1:]
    elif parts[:1] == ["apis"] and len(parts) > 1:
        group, rest = parts[1], parts[2:]
    else:
        return Route(method, path, method.lower(), query)
    if len(rest) < 2:
        return Route(method, path, method.lower(), query, group=group, version=rest[0] if rest else "")
    return _resource_route(Route(method, path, "", query, group=group, version=rest[0]), rest[1:])


def _resource_route(bare: Route, parts: list[str]) -> Route:
    method, query = bare.method, bare.query
    legacy_watch = parts[0] == "watch" and len(parts) > 1
    if legacy_watch:
        parts = parts[1:]
    namespace, in_namespace = "", False
    if parts[0] == "namespaces" and len(parts) > 1:
        namespace = parts[1]
        if len(parts) > 2 and parts[2] not in _NAMESPACE_SUBRESOURCES:
            parts, in_namespace = parts[2:], True
    resource, name, subresource = [*parts[:3], "", ""][:3]
    verb = (_OBJECT_VERBS if name else _COLLECTION_VERBS).get(method, "")
    if (legacy_watch and method == "GET") or (verb == "list" and query.flag("watch")):
        verb = "watch"
    return replace(
        bare,
        verb=verb,
        namespace=namespace,
        resource=resource,
        name=name,
        subresource=subresource,
        rest="/".join(parts[3:]),
        in_namespace=in_namespace,
    )
