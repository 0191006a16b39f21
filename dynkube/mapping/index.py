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
from itertools import chain
from operator import ne
from typing import TYPE_CHECKING

from dynkube.discovery.discovered import ResourceLists
from dynkube.errors import AmbiguousError
from dynkube.mapping.query import Query
from dynkube.names import GroupVersion

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dynkube.discovery.discovered import Discovered
    from dynkube.discovery.resources import APIResource
    from dynkube.discovery.table import Key, ResourceTable


#: Stands for a resource: resources are numbered group version by group version, the best group version first.
Place = int

#: A name, as it is looked up → the one place, or the places, of the resources that bear it, best first.
_Names = dict[str, "Place | list[Place]"]


def priority(discovered: Discovered) -> list[GroupVersion]:
    """Return the discovered group versions that have resources, the one that wins first.

    The order is that of client-go's ``NewDiscoveryRESTMapper``: core v1 before everything, then the server's.
    """
    return [GroupVersion(*key) for key in _priority(discovered, ResourceLists.of(discovered.resources).table)]


def _priority(discovered: Discovered, table: ResourceTable) -> list[Key]:
    if table.in_order:
        return list(table.spans)
    by_group: dict[str, list[str]] = {}
    for group, version in table.spans:
        by_group.setdefault(group, []).append(version)
    order: list[Key] = []
    for each in discovered.groups:
        served = by_group.pop(each.name, [])
        if len(served) > 1:
            ranks = {version: rank for rank, version in enumerate(each.versions)}
            ranks[each.preferred_version] = -1
            served.sort(key=lambda version, ranks=ranks: ranks.get(version, len(ranks)))  # type: ignore[misc]
        order += [(each.name, version) for version in served]
    core = ("", "v1")
    if core in table.spans:
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
        served = self._lists.table
        self._order = _priority(discovered, served)
        self._table = served.ordered(self._order)
        #: The first place of each group version, which is what tells the group version of a place.
        self._starts = [span.start for span in self._table.spans.values()]
        places = range(len(self._table.plurals))
        #: Entries with a slash are subresources whose parent cannot be addressed: never what a name means.
        self._places: Sequence[Place] = places
        if "/" in "".join(self._table.plurals):
            self._places = [place for place in places if "/" not in self._table.plurals[place]]
        self._names = self._named(_lowered(self._table.plurals), _lowered(self._table.singulars))

    def _named(self, *columns: list[str]) -> _Names:
        """Return the places by the names in these columns."""
        places = self._places
        if len(places) < len(self._table.plurals):
            columns = tuple([column[place] for place in places] for column in columns)
        return _first(list(chain.from_iterable(columns)), [*places] * len(columns))

    @cached_property
    def _short_names(self) -> _Names:
        """Short names in lower case."""
        shorts = self._table.short_names
        return _first(
            [short.lower() for place in self._places for short in shorts[place] or ()],
            [place for place in self._places for _ in shorts[place] or ()],
        )

    @cached_property
    def _kinds(self) -> _Names:
        """Kinds as they are spelt."""
        return self._named(self._table.kinds)

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
        for place in self._places:
            for category in self._table.categories[place] or ():
                _add(categories, category, place)
        return categories

    def group_version(self, place: Place) -> GroupVersion:
        """Return the group version a place belongs to."""
        return GroupVersion(*self._key(place))

    def resource(self, place: Place) -> APIResource:
        """Return the resource that stands at ``place``."""
        rank = bisect_right(self._starts, place) - 1
        return self._lists.at(GroupVersion(*self._order[rank]), place - self._starts[rank])

    def _key(self, place: Place) -> Key:
        # Of several that start at one place all but the last have no resources.
        return self._order[bisect_right(self._starts, place) - 1]

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

    def short_of_others(self, name: str, chosen: APIResource) -> list[str]:
        """Return the resources that have ``name`` for a short name as the chosen one has, and lost to it."""
        lowered = name.lower()
        if lowered in self._names or lowered not in chosen.short_names:
            return []
        others = dict.fromkeys(self.resource(place).group_resource for place in _places(self._short_names, lowered))
        return [str(other) for other in others if other != chosen.group_resource]

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
            own_group, own_version = self._key(place)
            if version is not None and own_version != version:
                continue
            if group is None or (own_group == group if exact_group else own_group.startswith(group)):
                found.append(place)
        return found


def _first(names: list[str], places: list[Place]) -> _Names:
    """Return the place of each name, or, sorted, those of one that several bear."""
    # The first to bear a name is written last. Those who share one are few: they are found by not being there.
    found: _Names = dict(zip(reversed(names), reversed(places), strict=True))
    if any(map(ne, map(found.__getitem__, names), places)):
        several: dict[str, set[Place]] = {}
        for name, place in zip(names, places, strict=True):
            if found[name] != place:
                several.setdefault(name, set()).add(place)
        for name, others in several.items():
            first = found[name]
            found[name] = sorted(others.union(first if isinstance(first, list) else (first,)))
    return found


def _lowered(names: list[str]) -> list[str]:
    # Nearly always they are in lower case already.
    return names if "".join(names).islower() else [name.lower() for name in names]


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
