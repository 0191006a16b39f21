"""Decoding APIGroupDiscoveryList: every group, version and resource of one endpoint in one document."""

from __future__ import annotations

from typing import Any

from dynkube.discovery.discovered import ResourceRow, SubresourceRow
from dynkube.discovery.part import Part
from dynkube.discovery.resources import APIGroup
from dynkube.discovery.shape import Interner, expect_list, expect_name, expect_object, expect_string
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
    part = Part()
    interner = Interner()
    for item in expect_list(document, "items", "the aggregated discovery document"):
        group = expect_object(item, "an item of the aggregated discovery document")
        metadata = expect_object(group.get("metadata") or {}, "the metadata of a group")
        name = expect_string(metadata, "name", "the metadata of a group")
        if (name == "") != core:
            part.misplaced(name, core=core)
            continue
        _decode_group(part, name, group, interner)
    return part


def _decode_group(part: Part, name: str, group: dict[str, Any], interner: Interner) -> None:
    versions: list[str] = []
    for item in expect_list(group, "versions", f"group {name!r}"):
        entry = expect_object(item, f"a version of group {name!r}")
        version = expect_name(entry, "version", f"a version of group {name!r}")
        group_version = GroupVersion(name, version)
        if part.knows(group_version):
            continue
        if entry.get("freshness") == "Stale":
            part.failed[group_version] = DiscoveryError(
                f"the resources of {group_version} are stale on the server: the API behind it does not answer",
                group_version=str(group_version),
            )
            continue
        try:
            part.resources[group_version] = _decode_resources(group_version, entry, interner)
        except DiscoveryError as error:
            part.failed[group_version] = DiscoveryError(f"{group_version}: {error}", group_version=str(group_version))
            continue
        versions.append(version)
    part.add_group(APIGroup(name, tuple(versions), versions[0] if versions else ""))


def _decode_resources(group_version: GroupVersion, entry: dict[str, Any], interner: Interner) -> list[ResourceRow]:
    rows: dict[str, ResourceRow] = {}
    for resource in expect_list(entry, "resources", "the version"):
        name = expect_name(expect_object(resource, "a resource"), "resource", "a resource")
        if name in rows:
            continue
        namespaced = resource.get("scope") == "Namespaced"
        subresources = _decode_subresources(group_version, resource, name, namespaced, interner)
        response = _response_kind(group_version, resource, name)
        if response is None:
            # Nothing can be read or written at the resource itself; what hangs below it may still be of use.
            for row in subresources:
                rows.setdefault(f"{name}/{row.name}", row.alone(name))
            continue
        kind, response_group, response_version = response
        rows[name] = ResourceRow(
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
    return list(rows.values())


def _decode_subresources(
    group_version: GroupVersion, resource: dict[str, Any], parent: str, namespaced: bool, interner: Interner
) -> tuple[SubresourceRow, ...]:
    if not resource.get("subresources"):
        return ()
    rows: dict[str, SubresourceRow] = {}
    for item in expect_list(resource, "subresources", parent):
        name = expect_name(
            expect_object(item, f"a subresource of {parent}"), "subresource", f"a subresource of {parent}"
        )
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
    what = f"the responseKind of {name}"
    kind = expect_string(expect_object(response, what), "kind", what)
    if not kind:
        return None
    group, version = expect_string(response, "group", what), expect_string(response, "version", what)
    if not version:
        return kind, group or group_version.group, group_version.version
    return kind, group, version
