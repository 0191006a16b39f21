"""The names of everything discovered, and the rule that chooses among resources that share one.

The rule, in the order it is applied:

1. How the name is meant. Written with a capital letter it is a kind, if any kind is spelt so. Otherwise it is a plural
   or singular name, if any resource is called so; otherwise a short name; otherwise a kind in any case. The first of
   these that any resource (in the group and version asked for) answers to is the only one considered.
2. Where it is served. The group version that comes first wins: v1 of the core group, then group by group in the
   server's order, in each group the preferred version first and the others in the server's order.
3. Within that one group version the resource that offers the most verbs wins. If two offer equally many, the name is
   ambiguous and the caller is told the candidates.

A group is matched exactly. Only where nothing of that name is served in it, and no version is given, it may be the
beginning of a group's name: "deployments.app".
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

from dynkube.discovery.discovered import ResourceLists
from dynkube.errors import AmbiguousError
from dynkube.mapping.query import Query
from dynkube.names import GroupVersion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynkube.discovery.discovered import Discovered, VersionResources
    from dynkube.discovery.resources import APIResource


#: Stands for a resource: resources are numbered group version by group version, the best group version first.
Place = int

#: A name, as it is looked up → the one place, or the places, of the resources that bear it, best first.
_Names = dict[str, "Place | list[Place]"]


def priority(discovered: Discovered) -> list[GroupVersion]:
    """Return the discovered group versions that have resources, the one that wins first.

    The order is that of client-go's ``NewDiscoveryRESTMapper``: core v1 before everything, then the server's.
    """
    by_group: dict[str, list[GroupVersion]] = {}
    for group_version in discovered.resources:
        by_group.setdefault(group_version.group, []).append(group_version)
    order: list[GroupVersion] = []
    for group in discovered.groups:
        served = by_group.pop(group.name, [])
        if len(served) > 1:
            ranks = {version: rank for rank, version in enumerate(group.versions)}
            ranks[group.preferred_version] = -1
            ranked = sorted((ranks.get(gv.version, len(ranks)), number, gv) for number, gv in enumerate(served))
            served = [gv for _, _, gv in ranked]
        order += served
    core = GroupVersion("", "v1")
    if core in discovered.resources:
        order.remove(core)
        order.insert(0, core)
    return order


class ResourceIndex:
    """The resources of one Discovered by every name they have. Never changes; lookups from many threads are safe."""

    def __init__(self, discovered: Discovered) -> None:
        self.discovered = discovered
        #: What RESTMapper.resolve answered from this index, by its arguments.
        self.answers: dict[tuple[str | None, str], APIResource] = {}
        self._lists = ResourceLists.of(discovered.resources)
        self._order = priority(discovered)
        self._versions = [self._lists.version(group_version) for group_version in self._order]
        #: The first place of each group version, which is what tells the group version of a place.
        self._starts = list(accumulate(map(len, self._versions), initial=0))[:-1]
        self._names: _Names = {}
        self._short_names: _Names = {}
        for start, version in zip(self._starts, self._versions, strict=True):
            self._index(start, version)

    def _index(self, start: Place, version: VersionResources) -> None:
        names, short_names = self._names, self._short_names
        for place, (name, singular_name, _, shorts, _) in enumerate(version.names(), start):
            if "/" in name:
                continue
            plural, singular = name.lower(), singular_name.lower()
            if names.setdefault(plural, place) is not place:
                _add(names, plural, place)
            if names.setdefault(singular, place) is not place:
                _add(names, singular, place)
            for short in shorts:
                lowered = short.lower()
                if short_names.setdefault(lowered, place) is not place:
                    _add(short_names, lowered, place)

    @cached_property
    def _kinds(self) -> _Names:
        """Kinds as they are spelt."""
        kinds: _Names = {}
        for start, version in zip(self._starts, self._versions, strict=True):
            for place, (name, _, kind, _, _) in enumerate(version.names(), start):
                if "/" not in name:
                    _add(kinds, kind, place)
        return kinds

    @cached_property
    def _lowered_kinds(self) -> _Names:
        """Kinds in lower case."""
        lowered: _Names = {}
        # The places of one lower-case name come from several spellings: they are put in order again.
        spelt = ((place, kind) for kind in self._kinds for place in _places(self._kinds, kind))
        for place, kind in sorted(spelt):
            _add(lowered, kind.lower(), place)
        return lowered

    @cached_property
    def _categories(self) -> _Names:
        categories: _Names = {}
        for start, version in zip(self._starts, self._versions, strict=True):
            for place, (name, _, _, _, members) in enumerate(version.names(), start):
                if "/" not in name:
                    for category in members:
                        _add(categories, category, place)
        return categories

    def group_version(self, place: Place) -> GroupVersion:
        """Return the group version a place belongs to."""
        return self._order[bisect_right(self._starts, place) - 1]

    def resource(self, place: Place) -> APIResource:
        """Return the resource that stands at ``place``."""
        rank = bisect_right(self._starts, place) - 1
        return self._lists.at(self._order[rank], place - self._starts[rank])

    def find(self, query: Query, *, kinds: bool = True) -> list[Place]:
        """Return the places the name may mean once step 1 of the rule is applied, best first; empty if there are none.

        ``kinds=False`` leaves kinds out of it.
        """
        for exact_group in (True, False):
            if not exact_group and (not query.group or query.version is not None):
                break
            for places in self._meanings(query.name, kinds=kinds):
                found = self._narrow(places, query, exact_group=exact_group)
                if found:
                    return found
        return []

    def find_kind(self, kind: str, group: str | None, version: str | None) -> list[Place]:
        """Return the places of a kind, best first: as it is spelt, or else in any case."""
        query = Query(kind, group, version)
        exact = self._narrow(_places(self._kinds, kind), query, exact_group=True)
        return exact or self._narrow(_places(self._lowered_kinds, kind.lower()), query, exact_group=True)

    def choose(self, places: list[Place], asked: str) -> APIResource:
        """Return the one resource steps 2 and 3 of the rule choose; AmbiguousError if they do not."""
        best = self.group_version(places[0])
        tied = [self.resource(place) for place in places if self.group_version(place) == best]
        most = max(len(resource.verbs) for resource in tied)
        tied = [resource for resource in tied if len(resource.verbs) == most]
        if len(tied) > 1:
            candidates = [str(resource.group_resource) for resource in tied]
            raise AmbiguousError(
                f"{asked!r} is ambiguous in {best}: it may be {' or '.join(candidates)};"
                " use the plural name of the one you mean",
                candidates=candidates,
            )
        return tied[0]

    def category(self, name: str) -> tuple[APIResource, ...]:
        """Return the resources of a category, each in the best version that lists it there."""
        chosen: dict[object, APIResource] = {}
        for place in _places(self._categories, name):
            resource = self.resource(place)
            chosen.setdefault(resource.group_resource, resource)
        return tuple(chosen.values())

    def known_names(self, group_version: GroupVersion | None = None) -> dict[str, Place]:
        """Return every name, lower-cased, and the best place that bears it; those of one group version if given."""
        known: dict[str, Place] = {}
        for names in (self._names, self._short_names, self._lowered_kinds):
            for name in names:
                for place in _places(names, name):
                    if group_version is None or self.group_version(place) == group_version:
                        known.setdefault(name.lower(), place)
                        break
        return known

    def _meanings(self, name: str, *, kinds: bool) -> Iterator[list[Place]]:
        lowered = name.lower()
        if kinds and name != lowered:
            yield _places(self._kinds, name)
        yield _places(self._names, lowered)
        yield _places(self._short_names, lowered)
        if kinds:
            yield _places(self._lowered_kinds, lowered)

    def _narrow(self, places: list[Place], query: Query, *, exact_group: bool) -> list[Place]:
        _, group, version = query
        if group is None and version is None:
            return places
        found: list[Place] = []
        for place in places:
            group_version = self.group_version(place)
            if version is not None and group_version.version != version:
                continue
            if group is None or (
                group_version.group == group if exact_group else group_version.group.startswith(group)
            ):
                found.append(place)
        return found


def _add(names: _Names, name: str, place: Place) -> None:
    held = names.setdefault(name, place)
    if isinstance(held, list):
        if held[-1] != place:
            held.append(place)
    elif held != place:
        names[name] = [held, place]


def _places(names: _Names, name: str) -> list[Place]:
    held = names.get(name)
    if held is None:
        return []
    return held if isinstance(held, list) else [held]
