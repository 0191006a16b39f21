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

from typing import TYPE_CHECKING, NamedTuple

from dynkube.discovery.discovered import ResourceLists
from dynkube.errors import AmbiguousError
from dynkube.mapping.query import Query
from dynkube.names import GroupVersion

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynkube.discovery.discovered import Discovered, ResourceRow
    from dynkube.discovery.resources import APIResource


class Place(NamedTuple):
    """Where a resource stands: the rank of its group version in the priority order, and its position in that list."""

    rank: int
    position: int


#: A name, as it is looked up → the places of the resources that bear it, best first.
_Names = dict[str, list[Place]]


def priority(discovered: Discovered) -> tuple[GroupVersion, ...]:
    """Return the discovered group versions that have resources, the one that wins first.

    The order is that of client-go's ``NewDiscoveryRESTMapper``: core v1 before everything, then the server's.
    """
    order: list[GroupVersion] = []
    for group in discovered.groups:
        versions = [group.preferred_version, *(v for v in group.versions if v != group.preferred_version)]
        order += [
            gv for gv in (GroupVersion(group.name, version) for version in versions) if gv in discovered.resources
        ]
    order.sort(key=lambda group_version: group_version != GroupVersion("", "v1"))
    return tuple(dict.fromkeys(order))


class ResourceIndex:
    """The resources of one Discovered by every name they have. Never changes; lookups from many threads are safe."""

    def __init__(self, discovered: Discovered) -> None:
        self.discovered = discovered
        self.order = priority(discovered)
        self._lists = ResourceLists.of(discovered.resources)
        self._names: _Names = {}
        self._short_names: _Names = {}
        self._kinds: _Names = {}
        self._categories: _Names = {}
        self._fill()
        #: What RESTMapper.resolve answered from this index, by its arguments.
        self.answers: dict[tuple[str | None, str], APIResource] = {}

    def _fill(self) -> None:
        names, short_names, kinds, categories = self._names, self._short_names, self._kinds, self._categories
        for rank, group_version in enumerate(self.order):
            for position, row in enumerate(self._lists.rows(group_version)):
                name = row.name
                if "/" in name:
                    continue
                place = Place(rank, position)
                plural = name.lower()
                names.setdefault(plural, []).append(place)
                singular = row.singular_name.lower()
                if singular != plural:
                    names.setdefault(singular, []).append(place)
                kinds.setdefault(row.kind, []).append(place)
                lowered = row.kind.lower()
                if lowered != row.kind:
                    kinds.setdefault(lowered, []).append(place)
                for short_name in row.short_names:
                    short_names.setdefault(short_name.lower(), []).append(place)
                for category in row.categories:
                    categories.setdefault(category, []).append(place)

    def resource(self, place: Place) -> APIResource:
        """Return the resource that stands at ``place``."""
        return self._lists.at(self.order[place.rank], place.position)

    def row(self, place: Place) -> ResourceRow:
        """Return the compact form of the resource at ``place``."""
        return self._lists.rows(self.order[place.rank])[place.position]

    def find(self, query: Query, *, kinds: bool = True) -> list[Place]:
        """Return the places the name may mean once step 1 of the rule is applied, best first; empty if there are none.

        ``kinds=False`` leaves kinds out of it.
        """
        for exact_group in (True, False):
            if not exact_group and (not query.group or query.version is not None):
                break
            for named in self._meanings(query.name, kinds=kinds):
                found = self._narrow(named, query, exact_group=exact_group)
                if found:
                    return found
        return []

    def find_kind(self, kind: str, group: str | None, version: str | None) -> list[Place]:
        """Return the places of a kind, best first: as it is spelt, or else in any case."""
        query = Query(kind, group, version)
        return self._narrow(self._kinds.get(kind, []), query, exact_group=True) or self._narrow(
            self._kinds.get(kind.lower(), []), query, exact_group=True
        )

    def choose(self, places: list[Place], asked: str) -> APIResource:
        """Return the one resource steps 2 and 3 of the rule choose; AmbiguousError if they do not."""
        best = places[0].rank
        tied = [place for place in places if place.rank == best]
        if len(tied) > 1:
            most = max(len(self.row(place).verbs) for place in tied)
            tied = [place for place in tied if len(self.row(place).verbs) == most]
        if len(tied) > 1:
            candidates = [str(self.resource(place).group_resource) for place in tied]
            raise AmbiguousError(
                f"{asked!r} is ambiguous in {self.order[best]}: it may be {' or '.join(candidates)};"
                " use the plural name of the one you mean",
                candidates=candidates,
            )
        return self.resource(tied[0])

    def category(self, name: str) -> tuple[APIResource, ...]:
        """Return the resources of a category, each in the best version that lists it there."""
        chosen: dict[object, APIResource] = {}
        for place in self._categories.get(name, ()):
            resource = self.resource(place)
            chosen.setdefault(resource.group_resource, resource)
        return tuple(chosen.values())

    def known_names(self, group_version: GroupVersion | None = None) -> dict[str, Place]:
        """Return every name, lower-cased, and the best place that bears it; those of one group version if given."""
        known: dict[str, Place] = {}
        for names in (self._names, self._short_names, self._kinds):
            for name, places in names.items():
                for place in places:
                    if group_version is None or self.order[place.rank] == group_version:
                        known.setdefault(name.lower(), place)
                        break
        return known

    def _meanings(self, name: str, *, kinds: bool) -> Iterator[list[Place]]:
        lowered = name.lower()
        if kinds and name != lowered:
            yield self._kinds.get(name, [])
        yield self._names.get(lowered, [])
        yield self._short_names.get(lowered, [])
        if kinds:
            yield self._kinds.get(lowered, [])

    def _narrow(self, places: Iterable[Place], query: Query, *, exact_group: bool) -> list[Place]:
        found: dict[Place, None] = {}
        for place in places:
            group_version = self.order[place.rank]
            if query.version is not None and group_version.version != query.version:
                continue
            if query.group is not None and not (
                group_version.group == query.group if exact_group else group_version.group.startswith(query.group)
            ):
                continue
            found[place] = None
        return list(found)
