"""Decoding APIGroupDiscoveryList: every group, version and resource of one endpoint in one document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.discovery.discovered import ResourceRow, ResourceRows, SubresourceRow
from dynkube.discovery.part import Part
from dynkube.discovery.resources import APIGroup
from dynkube.discovery.shape import Interner, expect_list, expect_name, expect_object, expect_string
from dynkube.errors import DiscoveryError
from dynkube.names import GroupVersion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynkube.discovery.discovered import Names, VersionResources

#: Members of a resource that are lists of strings.
_LISTS = ("verbs", "shortNames", "categories")


def decode_aggregated(document: Any, *, core: bool) -> Part:
    """Decode the aggregated answer of ``/api`` (``core``) or ``/apis``; apidiscovery v2 and v2beta1 alike.

    A version marked Stale, and a version whose resources cannot be read, is recorded as failed and left out of its
    group's versions (client-go ``SplitGroupsAndResources``). Raises DiscoveryError where the document as a whole is not
    an APIGroupDiscoveryList.
    """
    document = expect_object(document, "the aggregated discovery document")
    kind = document.get("kind")
    if kind != "APIGroupDiscoveryList":
        raise DiscoveryError(f"the aggregated discovery document is of kind {kind!r}, not APIGroupDiscoveryList")
    part = Part()
    interner = Interner()
    for item in expect_list(document, "items", "the aggregated discovery document"):
        name, versions = _read_group(item)
        if (name == "") != core:
            part.misplaced(name, core=core)
        else:
            _decode_group(part, name, versions, interner)
    return part


def _read_group(item: Any) -> tuple[str, list[Any]]:
    # A cluster may have a thousand groups of one resource each. What is in good order is not worth a call to check it,
    # here and below.
    group = item if type(item) is dict else expect_object(item, "an item of the aggregated discovery document")
    metadata = group.get("metadata")
    if type(metadata) is not dict:
        metadata = expect_object(metadata or {}, "the metadata of a group")
    name = metadata.get("name")
    if type(name) is not str:
        name = expect_string(metadata, "name", "the metadata of a group")
    versions = group.get("versions")
    return name, versions if type(versions) is list else expect_list(group, "versions", "group", name)


def _decode_group(part: Part, name: str, items: list[Any], interner: Interner) -> None:
    versions: list[str] = []
    for item in items:
        entry = item if type(item) is dict else expect_object(item, "a version of group", name)
        version = entry.get("version")
        if not version or type(version) is not str:
            version = expect_name(entry, "version", "a version of group", name)
        group_version = GroupVersion(name, version)
        if (versions or name in part.groups) and part.knows(group_version):
            continue
        if entry.get("freshness") == "Stale":
            part.failed[group_version] = DiscoveryError(
                f"the resources of {group_version} are stale on the server: the API behind it does not answer",
                group_version=str(group_version),
            )
            continue
        try:
            part.resources[group_version] = _version_resources(group_version, entry, interner)
        except DiscoveryError as error:
            part.failed[group_version] = DiscoveryError(f"{group_version}: {error}", group_version=str(group_version))
            continue
        versions.append(version)
    part.add_group(APIGroup(name, tuple(versions), versions[0] if versions else ""))


class _Entries:
    """The entries of one version as the server sent them, found to be in good order and decoded one by one."""

    __slots__ = ("_entries", "_group_version", "_interner")

    def __init__(self, group_version: GroupVersion, entries: list[dict[str, Any]], interner: Interner) -> None:
        self._group_version = group_version
        self._entries = entries
        self._interner = interner

    def __len__(self) -> int:
        return len(self._entries)

    def names(self) -> Iterator[Names]:
        """Return what each resource is called."""
        for entry in self._entries:
            kind = entry["responseKind"]["kind"]
            yield (
                entry["resource"],
                entry.get("singularResource") or kind.lower(),
                kind,
                entry.get("shortNames") or (),
                entry.get("categories") or (),
            )

    def row(self, position: int) -> ResourceRow:
        """Decode the resource at ``position``."""
        rows = _decode_resource(self._group_version, self._entries[position], self._interner)
        return rows[0]


def _version_resources(group_version: GroupVersion, entry: dict[str, Any], interner: Interner) -> VersionResources:
    entries = expect_list(entry, "resources", "the version")
    if _is_orderly(entries):
        return _Entries(group_version, entries, interner)
    rows: dict[str, ResourceRow] = {}
    for resource in entries:
        for row in _decode_resource(group_version, resource, interner):
            rows.setdefault(row.name, row)
    return ResourceRows(rows.values())


def _is_orderly(entries: list[Any]) -> bool:
    """Whether decoding these entries one by one, later, cannot fail, and gives each of them one row.

    This runs over every resource of a cluster before the first of them is used. It leaves telling strings from other
    things to C code: joining a list fails unless it holds nothing but strings.
    """
    strings: list[str] = []
    names: set[str] = set()
    try:
        for entry in entries:
            name, response = entry["resource"], entry["responseKind"]
            if not name or not response["kind"]:
                return False
            names.add(name)
            strings.append(name)
            # values() also takes in members nobody reads; a surprise there costs the short cut, not correctness.
            strings += response.values()
            singular = entry.get("singularResource")
            if singular is not None:
                strings.append(singular)
            for key in _LISTS:
                value = entry.get(key)
                if value is not None:
                    if type(value) is not list:
                        return False
                    strings += value
            children = entry.get("subresources")
            if children is None:
                continue
            if type(children) is not list:
                return False
            for child in children:
                name, verbs = child["subresource"], child.get("verbs")
                if not name or (verbs is not None and type(verbs) is not list):
                    return False
                strings.append(name)
                strings += verbs or ()
                response = child.get("responseKind")
                if response is not None:
                    strings += response.values()
        "".join(strings)
    except (TypeError, KeyError, AttributeError):
        return False
    return len(names) == len(entries)


def _decode_resource(group_version: GroupVersion, resource: Any, interner: Interner) -> list[ResourceRow]:
    """Return the row of a resource; for one that says no kind of its own, those of its subresources."""
    name = expect_name(expect_object(resource, "a resource"), "resource", "a resource")
    namespaced = resource.get("scope") == "Namespaced"
    subresources = _decode_subresources(group_version, resource, name, namespaced, interner)
    response = _response_kind(group_version, resource, name)
    if response is None:
        return [row.alone(name) for row in subresources]
    kind, response_group, response_version = response
    return [
        ResourceRow(
            name,
            expect_string(resource, "singularResource", name) or kind.lower(),
            kind,
            namespaced,
            interner.strings(resource, "verbs", name),
            interner.strings(resource, "shortNames", name),
            interner.strings(resource, "categories", name),
            response_group,
            response_version,
            "",
            subresources,
        )
    ]


def _decode_subresources(
    group_version: GroupVersion, resource: dict[str, Any], parent: str, namespaced: bool, interner: Interner
) -> tuple[SubresourceRow, ...]:
    if resource.get("subresources") is None:
        return ()
    rows: dict[str, SubresourceRow] = {}
    for item in expect_list(resource, "subresources", parent):
        name = expect_name(expect_object(item, "a subresource of", parent), "subresource", "a subresource of", parent)
        response = _response_kind(group_version, item, name)
        if response is None or name in rows:
            continue
        rows[name] = SubresourceRow(
            name, response[0], namespaced, interner.strings(item, "verbs", name), *response[1:], ""
        )
    return tuple(rows.values())


def _response_kind(group_version: GroupVersion, entry: dict[str, Any], name: str) -> tuple[str, str, str] | None:
    """Return kind, group and version of what is answered; None where the server does not say.

    Group and version both empty mean the resource's own. With a version, an empty group is the core group.
    """
    response = entry.get("responseKind")
    if response is None:
        return None
    what = ("the responseKind of", name)
    kind = expect_string(expect_object(response, *what), "kind", *what)
    if not kind:
        return None
    group, version = expect_string(response, "group", *what), expect_string(response, "version", *what)
    if not version:
        return kind, group or group_version.group, group_version.version
    return kind, group, version
