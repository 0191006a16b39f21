"""RESTMapper: from what a caller writes to the resource the server serves."""

from __future__ import annotations

import logging
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from dynkube.discovery.cache import CachedDiscovery
from dynkube.errors import InvalidNameError
from dynkube.mapping.index import ResourceIndex
from dynkube.mapping.misses import no_match
from dynkube.mapping.query import Query, parse_name
from dynkube.names import GroupVersion, GroupVersionKind, GroupVersionResource

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.discovery.cache import Discoverer, Loaded
    from dynkube.discovery.discovered import Discovered
    from dynkube.discovery.resources import APIResource
    from dynkube.errors import DynkubeError
    from dynkube.mapping.index import Place
    from dynkube.names import GroupKind

_log = logging.getLogger("dynkube.mapping")

_T = TypeVar("_T")


class RESTMapping(NamedTuple):
    """A kind and the resource that serves it (client-go's ``meta.RESTMapping``)."""

    resource: GroupVersionResource
    kind: GroupVersionKind
    namespaced: bool


class RESTMapper:
    """Resolves names to resources by what discovery found; the rule is in `dynkube.mapping.index` and the manual.

    ``discovery`` is a `CachedDiscovery`, or a `DiscoveryClient`, which is then cached with the default age. Nothing is
    sent before the first lookup. A lookup that finds nothing has discovery refreshed once, rationed as
    `CachedDiscovery.refresh` says, before it raises NoMatchError: a CRD created meanwhile is found. Safe to share
    between threads.

    Every lookup also raises what discovery raises. DiscoveryError with a ``group_version`` means that the one group
    version asked for could not be discovered.
    """

    def __init__(self, discovery: Discoverer | CachedDiscovery) -> None:
        self._cache = discovery if isinstance(discovery, CachedDiscovery) else CachedDiscovery(discovery)
        self._lock = Lock()
        self._index: ResourceIndex | None = None
        #: Short names that were warned about.
        self._warned: set[str] = set()

    def resolve(self, group_version: str | None, name: str) -> APIResource:
        """Return the resource a caller means by ``name``.

        With a ``group_version`` ("apps/v1", "v1") the name is a plural, singular, kind or short name in exactly that
        group version. With None it is whatever kubectl accepts: those four, alone or followed by a group
        ("deployments.apps", "Deployment.apps") or a version and a group ("deployments.v1.apps").

        Raises NoMatchError (its ``candidates`` are the nearest known names), AmbiguousError, and InvalidNameError for
        an empty name or an impossible group version.
        """
        since = self._cache.now()
        loaded = self._cache.load()
        index = self._index
        if index is not None and index.discovered is loaded.discovered:
            answer = index.answers.get((group_version, name))
            if answer is not None:
                return answer
        pinned = None if group_version is None else GroupVersion.parse(group_version)
        readings = parse_name(_check(name)) if pinned is None else (Query(_check(name), *_fields(pinned)),)

        def look(index: ResourceIndex) -> APIResource | None:
            for query in readings:
                places = index.find(query)
                if places:
                    return index.choose(places, name)
            return None

        resource, index = self._search(look, lambda index: no_match(index, name, pinned), since)
        index.answers[group_version, name] = resource
        if group_version is None and name not in self._warned:
            self._warn(name, resource, index)
        return resource

    def api_resource(self, resource: GroupVersionResource) -> APIResource:
        """Return the resource of exactly this group, version and plural name; raises NoMatchError."""
        query = Query(_check(resource.resource), resource.group, resource.version)

        def look(index: ResourceIndex) -> APIResource | None:
            places = index.find(query, kinds=False)
            return next((found for found in map(index.resource, places) if found.name == resource.resource), None)

        return self._search(look, lambda index: no_match(index, resource.resource, resource.group_version))[0]

    def mapping_for_gvk(self, kind: GroupVersionKind) -> APIResource:
        """Return the resource for objects of this apiVersion and kind; raises NoMatchError and AmbiguousError."""

        def look(index: ResourceIndex) -> APIResource | None:
            places = index.find_kind(_check(kind.kind), kind.group, kind.version)
            return index.choose(places, kind.kind) if places else None

        return self._search(look, lambda index: no_match(index, kind.kind, kind.group_version))[0]

    def resource_for(self, partial: GroupVersionResource) -> GroupVersionResource:
        """Return the one resource that a resource with group or version left empty ("") means.

        The name may be plural, singular or short. An empty group is any group, the core group first. A group without a
        version may be the beginning of a group's name. Raises NoMatchError and AmbiguousError.
        """
        return self._one(partial).gvr

    def resources_for(self, partial: GroupVersionResource) -> tuple[GroupVersionResource, ...]:
        """Return every resource ``partial`` may mean, in the order of priority; see `resource_for`."""
        return tuple(resource.gvr for resource in self._all(partial))

    def kind_for(self, partial: GroupVersionResource) -> GroupVersionKind:
        """Return the kind of the one resource ``partial`` means; see `resource_for`."""
        return _kind(self._one(partial))

    def kinds_for(self, partial: GroupVersionResource) -> tuple[GroupVersionKind, ...]:
        """Return the kinds of every resource ``partial`` may mean, in the order of priority; see `resource_for`."""
        return tuple(dict.fromkeys(_kind(resource) for resource in self._all(partial)))

    def mapping(self, kind: GroupKind, *versions: str) -> RESTMapping:
        """Return where ``kind`` is served: in the first of ``versions`` that serves it, or, without any, the preferred.

        The group is exact. Raises NoMatchError, also where the kind is served in none of ``versions``, and
        AmbiguousError.
        """

        def look(index: ResourceIndex) -> APIResource | None:
            for places in _by_version(index, kind, versions):
                return index.choose(places, kind.kind)
            return None

        return _mapping(self._search(look, lambda index: _no_kind(index, kind, versions))[0])

    def mappings(self, kind: GroupKind, *versions: str) -> tuple[RESTMapping, ...]:
        """Return every place where ``kind`` is served, those in ``versions`` only if any are given; see `mapping`."""

        def look(index: ResourceIndex) -> list[APIResource] | None:
            return [index.resource(place) for places in _by_version(index, kind, versions) for place in places] or None

        return tuple(map(_mapping, self._search(look, lambda index: _no_kind(index, kind, versions))[0]))

    def category(self, name: str) -> tuple[APIResource, ...]:
        """Return the resources of a category ("all"), best first, each in one version; none for an unknown one.

        An unknown category does not have discovery refreshed: most names tried as a category are none.
        """
        return self._index_of(self._cache.load()).category(name)

    def discovered(self) -> Discovered:
        """Return what the answers are drawn from at present."""
        return self._cache.load().discovered

    def invalidate(self, *, settling: float = 0.0) -> None:
        """Forget what was discovered; the next lookup asks the server.

        Whoever knows that the served APIs changed calls this, as a DynamicClient does that has written a CRD. It costs
        nothing until the next lookup. ``settling``: the server may take so many seconds until it serves what changed;
        what is found meanwhile is remembered for a second only.
        """
        self._cache.invalidate(settling=settling)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._cache!r}>"

    def _warn(self, name: str, chosen: APIResource, index: ResourceIndex) -> None:
        """Say once that a short name could mean something else: what it means changes with what else is installed."""
        others = index.short_of_others(name, chosen)
        if others:
            self._warned.add(name)
            _log.warning("short name %r means %s, and could mean %s", name, chosen.group_resource, ", ".join(others))

    def _one(self, partial: GroupVersionResource) -> APIResource:
        query = _partial(partial)

        def look(index: ResourceIndex) -> APIResource | None:
            places = index.find(query, kinds=False)
            return index.choose(places, partial.resource) if places else None

        return self._search(look, lambda index: _no_resource(index, partial))[0]

    def _all(self, partial: GroupVersionResource) -> list[APIResource]:
        query = _partial(partial)

        def look(index: ResourceIndex) -> list[APIResource] | None:
            return [index.resource(place) for place in index.find(query, kinds=False)] or None

        return self._search(look, lambda index: _no_resource(index, partial))[0]

    def _search(
        self,
        look: Callable[[ResourceIndex], _T | None],
        miss: Callable[[ResourceIndex], DynkubeError],
        since: float | None = None,
    ) -> tuple[_T, ResourceIndex]:
        if since is None:
            since = self._cache.now()
        loaded = self._cache.load()
        index = self._index_of(loaded)
        found = look(index)
        if found is None:
            newer = self._cache.refresh(loaded, since=since)
            if newer.discovered is not loaded.discovered:
                index = self._index_of(newer)
                found = look(index)
        if found is None:
            raise miss(index)
        return found, index

    def _index_of(self, loaded: Loaded) -> ResourceIndex:
        with self._lock:
            if self._index is None or self._index.discovered is not loaded.discovered:
                self._index = ResourceIndex(loaded.discovered)
            return self._index


def _check(name: str) -> str:
    if not name:
        raise InvalidNameError(f"a resource name must be a string that is not empty, not {name!r}")
    return name


def _fields(group_version: GroupVersion) -> tuple[str, str]:
    return group_version.group, group_version.version


def _kind(resource: APIResource) -> GroupVersionKind:
    return GroupVersionKind(resource.group, resource.version, resource.kind)


def _mapping(resource: APIResource) -> RESTMapping:
    return RESTMapping(resource.gvr, _kind(resource), resource.namespaced)


def _partial(partial: GroupVersionResource) -> Query:
    return Query(_check(partial.resource), partial.group or None, partial.version or None)


def _by_version(index: ResourceIndex, kind: GroupKind, versions: tuple[str, ...]) -> list[list[Place]]:
    if not versions:
        places = index.find_kind(_check(kind.kind), kind.group, None)
        return [places] if places else []
    each = [index.find_kind(_check(kind.kind), kind.group, version) for version in dict.fromkeys(versions)]
    return [places for places in each if places]


def _no_resource(index: ResourceIndex, partial: GroupVersionResource) -> DynkubeError:
    if partial.version:
        return no_match(index, partial.resource, partial.group_version)
    return no_match(index, str(partial.group_resource))


def _no_kind(index: ResourceIndex, kind: GroupKind, versions: tuple[str, ...]) -> DynkubeError:
    if versions:
        return no_match(index, kind.kind, GroupVersion(kind.group, versions[0]))
    return no_match(index, str(kind))
