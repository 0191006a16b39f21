"""Everything one discovery run learned, decoded no further than it is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from dynkube.discovery.resources import APIGroup, APIResource
from dynkube.names import GroupVersion


class SubresourceRow(NamedTuple):
    """A subresource in its compact form; ``name`` is the part after the slash."""

    name: str
    kind: str
    namespaced: bool
    verbs: tuple[str, ...]
    response_group: str
    response_version: str
    storage_version_hash: str

    def alone(self, parent: str) -> ResourceRow:
        """Return the row of a subresource whose parent cannot be addressed, as in ``custom.metrics.k8s.io``."""
        return ResourceRow(
            f"{parent}/{self.name}", "", self.kind, self.namespaced, self.verbs, (), (), *self[4:7], subresources=()
        )


class ResourceRow(NamedTuple):
    """A resource in its compact form: everything an APIResource is made of."""

    name: str
    singular_name: str
    kind: str
    namespaced: bool
    verbs: tuple[str, ...]
    short_names: tuple[str, ...]
    categories: tuple[str, ...]
    response_group: str
    response_version: str
    storage_version_hash: str
    subresources: tuple[SubresourceRow, ...]


def _build(group_version: GroupVersion, row: ResourceRow) -> APIResource:
    group, version = group_version.group, group_version.version
    return APIResource(
        group,
        version,
        *row[:-1],
        subresources=tuple(
            APIResource(
                group=group,
                version=version,
                name=f"{row.name}/{subresource.name}",
                singular_name="",
                kind=subresource.kind,
                namespaced=subresource.namespaced,
                verbs=subresource.verbs,
                response_group=subresource.response_group,
                response_version=subresource.response_version,
                storage_version_hash=subresource.storage_version_hash,
            )
            for subresource in row.subresources
        ),
    )


def _row(resource: APIResource) -> ResourceRow:
    return ResourceRow(
        resource.name,
        resource.singular_name,
        resource.kind,
        resource.namespaced,
        resource.verbs,
        resource.short_names,
        resource.categories,
        resource.response_group,
        resource.response_version,
        resource.storage_version_hash,
        tuple(
            SubresourceRow(
                subresource.name.partition("/")[2],
                subresource.kind,
                subresource.namespaced,
                subresource.verbs,
                subresource.response_group,
                subresource.response_version,
                subresource.storage_version_hash,
            )
            for subresource in resource.subresources
        ),
    )


#: What a resource can be called: plural, singular, kind, short names; and the categories it is in.
Names = tuple[str, str, str, Sequence[str], Sequence[str]]


class VersionResources(Protocol):
    """The resources of one group version, in server order, decoded no further than asked."""

    def __len__(self) -> int:
        """How many there are."""

    def names(self) -> Iterable[Names]:
        """Return what each is called."""

    def row(self, position: int) -> ResourceRow:
        """Return everything about one of them."""


class ResourceRows:
    """Resources that are decoded already."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Iterable[ResourceRow] = ()) -> None:
        self._rows = tuple(rows)

    def __len__(self) -> int:
        return len(self._rows)

    def names(self) -> Iterator[Names]:
        """Return what each resource is called."""
        return ((row.name, row.singular_name, row.kind, row.short_names, row.categories) for row in self._rows)

    def row(self, position: int) -> ResourceRow:
        """Return everything about the resource at ``position``."""
        return self._rows[position]


class ResourceLists(Mapping[GroupVersion, tuple[APIResource, ...]]):
    """Group version → its resources, in server order; each APIResource is made when first asked for, then kept.

    A cluster with a thousand CRDs is asked about a handful of them. Safe to read from many threads: two that ask for
    the same resource at once may each make it, and the values are equal.
    """

    __slots__ = ("_built", "_lists", "_versions")

    def __init__(self, versions: Mapping[GroupVersion, VersionResources]) -> None:
        self._versions = versions
        self._built: dict[tuple[GroupVersion, int], APIResource] = {}
        self._lists: dict[GroupVersion, tuple[APIResource, ...]] = {}

    @classmethod
    def of(cls, resources: Mapping[GroupVersion, Iterable[APIResource]]) -> ResourceLists:
        """Return ``resources`` itself if it is one already, otherwise one that is equal to it."""
        if isinstance(resources, ResourceLists):
            return resources
        return cls({gv: ResourceRows(_row(resource) for resource in listed) for gv, listed in resources.items()})

    def version(self, group_version: GroupVersion) -> VersionResources:
        """Return the resources of a group version as they are; KeyError where it was not discovered."""
        return self._versions[group_version]

    def at(self, group_version: GroupVersion, position: int) -> APIResource:
        """Return the resource at ``position`` of its group version's list, making no other."""
        key = (group_version, position)
        resource = self._built.get(key)
        if resource is None:
            row = self._versions[group_version].row(position)
            resource = self._built[key] = _build(group_version, row)
        return resource

    def __getitem__(self, group_version: GroupVersion) -> tuple[APIResource, ...]:
        listed = self._lists.get(group_version)
        if listed is None:
            count = len(self._versions[group_version])
            listed = tuple(self.at(group_version, position) for position in range(count))
            self._lists[group_version] = listed
        return listed

    def __contains__(self, group_version: object) -> bool:
        # The mixin's would decode the whole group version to find out.
        return group_version in self._versions

    def __iter__(self) -> Iterator[GroupVersion]:
        return iter(self._versions)

    def __len__(self) -> int:
        return len(self._versions)

    def __repr__(self) -> str:
        return f"ResourceLists({', '.join(str(gv) for gv in self._versions)})"


@dataclass(frozen=True, slots=True)
class Discovered:
    """What a server serves, as of one discovery run. A value: it never changes and sends nothing.

    ``groups`` are in server order with the core group first; that order is the priority the RESTMapper uses.
    ``failed`` holds what could not be learned, by group version: the rest of the value is complete without it.
    """

    groups: tuple[APIGroup, ...] = ()
    resources: Mapping[GroupVersion, tuple[APIResource, ...]] = field(default_factory=dict)
    failed: Mapping[GroupVersion, Exception] = field(default_factory=dict)
    #: Whether documents kept on disk had a part in this, so that the server may serve something else by now.
    stored: bool = field(default=False, compare=False)

    def group(self, name: str) -> APIGroup | None:
        """Return the group called ``name`` ("" is the core group), or None where the server has none."""
        return next((group for group in self.groups if group.name == name), None)

    def preferred_resources(self) -> tuple[APIResource, ...]:
        """Return every resource once: in its group's preferred version, or else in the first version that has it.

        The rule is client-go's ServerPreferredResources: a resource served only in a version that is not preferred is
        included. Subresources hang below their parents and are not listed by themselves.
        """
        chosen: list[APIResource] = []
        for group in self.groups:
            versions = sorted(group.versions, key=lambda version, group=group: version != group.preferred_version)  # type: ignore[misc]
            seen: set[str] = set()
            for version in versions:
                for resource in self.resources.get(GroupVersion(group.name, version), ()):
                    if resource.name not in seen and "/" not in resource.name:
                        seen.add(resource.name)
                        chosen.append(resource)
        return tuple(chosen)

    def namespaced_resources(self) -> tuple[APIResource, ...]:
        """Return the preferred resources whose objects live in a namespace."""
        return tuple(resource for resource in self.preferred_resources() if resource.namespaced)
