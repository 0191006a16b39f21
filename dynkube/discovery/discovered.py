"""Everything one discovery run learned, decoded no further than it is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import overload

from dynkube.discovery.resources import APIGroup, APIResource
from dynkube.discovery.table import ResourceRow, ResourceTable, SubresourceRow
from dynkube.names import GroupVersion
from dynkube.values import Value


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


class ResourceLists(Mapping[GroupVersion, tuple[APIResource, ...]]):
    """Group version → its resources, in server order; each APIResource is made when first asked for, then kept.

    A cluster with a thousand CRDs is asked about a handful of them. Safe to read from many threads: two that ask for
    the same resource at once may each make it, and the values are equal.
    """

    def __init__(self, table: ResourceTable) -> None:
        self.table = table
        self._built: dict[tuple[GroupVersion, int], APIResource] = {}
        self._lists: dict[GroupVersion, tuple[APIResource, ...]] = {}

    @classmethod
    def of(cls, resources: Mapping[GroupVersion, Iterable[APIResource]]) -> ResourceLists:
        """Return ``resources`` itself if it is one already, otherwise one that is equal to it."""
        if isinstance(resources, ResourceLists):
            return resources
        table = ResourceTable()
        for group_version, listed in resources.items():
            table.add(group_version.group, group_version.version, [_row(resource) for resource in listed])
        return cls(table)

    def at(self, group_version: GroupVersion, position: int) -> APIResource:
        """Return the resource at ``position`` of its group version's list, making no other."""
        key = (group_version, position)
        resource = self._built.get(key)
        if resource is None:
            place = self.table.spans[group_version.group, group_version.version][position]
            resource = self._built[key] = _build(group_version, self.table.row(group_version, place))
        return resource

    def __getitem__(self, group_version: GroupVersion) -> tuple[APIResource, ...]:
        listed = self._lists.get(group_version)
        if listed is None:
            span = self.table.spans.get((group_version.group, group_version.version))
            if span is None:
                raise KeyError(group_version)
            listed = tuple(self.at(group_version, position) for position in range(len(span)))
            self._lists[group_version] = listed
        return listed

    def __contains__(self, group_version: object) -> bool:
        # The mixin's would decode the whole group version to find out.
        return isinstance(group_version, GroupVersion) and (
            (group_version.group, group_version.version) in self.table.spans
        )

    def __iter__(self) -> Iterator[GroupVersion]:
        return (GroupVersion(group, version) for group, version in self.table.spans)

    def __len__(self) -> int:
        return len(self.table.spans)

    def __repr__(self) -> str:
        return f"ResourceLists({', '.join(map(str, self))})"


class Groups(Sequence[APIGroup]):
    """Groups in server order; equal to a tuple of the same.

    They are made when first looked at: saves 7 % of the discovery of 1,000 CRDs with a group each.
    """

    def __init__(self, versions: Mapping[str, tuple[tuple[str, ...], str]]) -> None:
        #: Group → its versions, and the preferred one.
        self.versions = versions
        self._made: tuple[APIGroup, ...] | None = None

    def _all(self) -> tuple[APIGroup, ...]:
        if self._made is None:
            self._made = tuple(APIGroup(name, *versions) for name, versions in self.versions.items())
        return self._made

    @overload
    def __getitem__(self, index: int) -> APIGroup: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[APIGroup, ...]: ...

    def __getitem__(self, index: int | slice) -> APIGroup | tuple[APIGroup, ...]:
        return self._all()[index]

    def __len__(self) -> int:
        return len(self.versions)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Groups):
            other = other._all()
        return self._all() == other if isinstance(other, tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._all())

    def __repr__(self) -> str:
        return repr(self._all())


class Discovered(Value, not_compared=("stored",)):
    """What a server serves, as of one discovery run. A value: it never changes and sends nothing.

    ``groups`` are in server order with the core group first; that order is the priority the RESTMapper uses.
    ``failed`` holds what could not be learned, by group version: the rest of the value is complete without it.
    """

    groups: Sequence[APIGroup] = ()
    resources: Mapping[GroupVersion, tuple[APIResource, ...]] = MappingProxyType({})
    failed: Mapping[GroupVersion, Exception] = MappingProxyType({})
    #: Whether documents kept on disk had a part in this, so that the server may serve something else by now.
    stored: bool = False

    def __repr__(self) -> str:
        failed = f", failed: {', '.join(map(str, self.failed))}" if self.failed else ""
        return f"<{type(self).__name__} {len(self.groups)} groups, {len(self.resources)} group versions{failed}>"

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
