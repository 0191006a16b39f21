"""Decoding APIGroupDiscoveryList: every group, version and resource of one endpoint in one document."""

from __future__ import annotations

from itertools import chain
from typing import Any

from dynkube.discovery.orderly import orderly_columns
from dynkube.discovery.part import Part
from dynkube.discovery.shape import Interner, expect_list, expect_name, expect_object, expect_string
from dynkube.discovery.table import ResourceRow, ResourceTable, SubresourceRow
from dynkube.errors import DiscoveryError
from dynkube.names import GroupVersion


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
    items = expect_list(document, "items", "the aggregated discovery document")
    return _decode_orderly(items, core=core) or _decode_carefully(items, core=core)


def _decode_orderly(items: list[Any], *, core: bool) -> Part | None:
    """Return what the groups say if everything about them is in good order, otherwise None.

    This runs over every group and resource of a cluster before the first of them is used.
    """
    part = Part()
    groups, spans = part.groups, part.table.spans
    entries: list[dict[str, Any]] = []
    #: Most groups have one version, and most of those the same.
    only: dict[str, tuple[tuple[str, ...], str]] = {}
    try:
        for item in items:
            name = item["metadata"].get("name", "")
            if name in groups or (name == "") is not core:
                return None
            versions = item["versions"]
            if type(versions) is not list:
                return None
            served: list[str] = []
            for entry in versions:
                version = entry["version"]
                key = (name, version)
                if not version or key in spans:
                    return None
                if entry.get("freshness") == "Stale":
                    part.failed[GroupVersion(name, version)] = _stale(GroupVersion(name, version))
                    continue
                resources = entry["resources"]
                if type(resources) is not list:
                    return None
                if len(resources) > 1 and len({each["resource"] for each in resources}) < len(resources):
                    return None
                start = len(entries)
                entries += resources
                spans[key] = range(start, len(entries))
                served.append(version)
            if len(served) == 1:
                version = served[0]
                groups[name] = only.get(version) or only.setdefault(version, ((version,), version))
            else:
                groups[name] = (tuple(served), served[0]) if served else ((), "")
        "".join(groups)
        "".join(chain.from_iterable(spans))
        if part.failed:
            "".join(group_version.version for group_version in part.failed)
    except (TypeError, KeyError, AttributeError):
        return None
    columns = orderly_columns(entries)
    if columns is None:
        return None
    interner = Interner()

    def decode(group_version: GroupVersion, entry: dict[str, Any]) -> ResourceRow:
        return _decode_resource(group_version, entry, interner)[0]

    part.table = ResourceTable.of_columns(spans, *columns, entries, decode)
    # The order of the mapper's rule, unless another version of the core group stands before v1.
    part.table.in_order = not core or next(iter(spans), ("", "v1"))[1] == "v1"
    return part


def _decode_carefully(items: list[Any], *, core: bool) -> Part:
    """Return what the groups say, one by one, leaving out what cannot be read."""
    part = Part()
    interner = Interner()
    for item in items:
        group = expect_object(item, "an item of the aggregated discovery document")
        metadata = expect_object(group.get("metadata") or {}, "the metadata of a group")
        name = expect_string(metadata, "name", "the metadata of a group")
        versions = expect_list(group, "versions", "group", name)
        if (name == "") != core:
            part.misplaced(name, core=core)
        else:
            _decode_group(part, name, versions, interner)
    return part


def _decode_group(part: Part, name: str, items: list[Any], interner: Interner) -> None:
    versions: list[str] = []
    for item in items:
        entry = expect_object(item, "a version of group", name)
        version = expect_name(entry, "version", "a version of group", name)
        group_version = GroupVersion(name, version)
        if part.knows(group_version):
            continue
        if entry.get("freshness") == "Stale":
            part.failed[group_version] = _stale(group_version)
            continue
        try:
            rows = _version_resources(group_version, entry, interner)
        except DiscoveryError as error:
            part.failed[group_version] = DiscoveryError(f"{group_version}: {error}", group_version=str(group_version))
            continue
        part.add_resources(group_version, rows)
        versions.append(version)
    part.add_group(name, versions, versions[0] if versions else "")


def _stale(group_version: GroupVersion) -> DiscoveryError:
    return DiscoveryError(
        f"the resources of {group_version} are stale on the server: the API behind it does not answer",
        group_version=str(group_version),
    )


def _version_resources(group_version: GroupVersion, entry: dict[str, Any], interner: Interner) -> list[ResourceRow]:
    rows: dict[str, ResourceRow] = {}
    for resource in expect_list(entry, "resources", "the version"):
        for row in _decode_resource(group_version, resource, interner):
            rows.setdefault(row.name, row)
    return list(rows.values())


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

    Group and version both empty mean the resource's own, as does a version or group that is no text: that is not worth
    looking at every one of them beforehand. With a version, an empty group is the core group.
    """
    response = entry.get("responseKind")
    if response is None:
        return None
    what = ("the responseKind of", name)
    kind = expect_string(expect_object(response, *what), "kind", *what)
    if not kind:
        return None
    group, version = response.get("group") or "", response.get("version") or ""
    if not (isinstance(group, str) and isinstance(version, str)):
        group = version = ""
    if not version:
        return kind, group or group_version.group, group_version.version
    return kind, group, version
