"""Decoding the documents every server speaks: APIVersions, APIGroupList and one APIResourceList a group version."""

from __future__ import annotations

from typing import Any

from dynkube.discovery.part import Part
from dynkube.discovery.shape import Interner, expect_list, expect_name, expect_object, expect_string
from dynkube.discovery.table import ResourceRow, SubresourceRow
from dynkube.errors import DiscoveryError
from dynkube.names import GroupVersion


def decode_versions(document: Any) -> Part:
    """Decode ``/api``: the core group, its first version preferred. No versions still make an (empty) core group."""
    document = _expect_kind(document, "APIVersions", "versions", "/api")
    versions: list[str] = []
    for version in expect_list(document, "versions", "APIVersions"):
        if not isinstance(version, str) or not version:
            raise DiscoveryError("a version of APIVersions is not a string")
        versions.append(version)
    part = Part()
    part.add_group("", versions, versions[0] if versions else "")
    part.pending = _served(part)
    return part


def decode_groups(document: Any) -> Part:
    """Decode ``/apis``: every named group, its versions and the preferred one as the server says."""
    document = _expect_kind(document, "APIGroupList", "groups", "/apis")
    part = Part()
    for item in expect_list(document, "groups", "APIGroupList"):
        group = expect_object(item, "a group of APIGroupList")
        name = expect_string(group, "name", "a group of APIGroupList")
        if not name:
            part.misplaced(name, core=False)
            continue
        versions = [_version(item, name) for item in expect_list(group, "versions", "group", name)]
        preferred = group.get("preferredVersion")
        preferred_version = _version(preferred, name) if preferred else ""
        if preferred_version not in versions:
            preferred_version = versions[0] if versions else ""
        part.add_group(name, versions, preferred_version)
    part.pending = _served(part)
    return part


def _served(part: Part) -> list[GroupVersion]:
    return [GroupVersion(group, version) for group, (versions, _) in part.groups.items() for version in versions]


def _version(item: Any, name: str) -> str:
    entry = expect_object(item, "a version of group", name)
    version = expect_string(entry, "version", "a version of group", name)
    return version or expect_name(entry, "groupVersion", "a version of group", name).rpartition("/")[2]


def decode_resource_list(group_version: GroupVersion, document: Any) -> list[ResourceRow]:
    """Decode the APIResourceList of one group version; raises DiscoveryError where it is none, or another's."""
    what = f"the resource list of {group_version}"
    document = expect_object(document, what)
    if document.get("kind") not in ("APIResourceList", None, ""):
        raise DiscoveryError(f"{what} is of kind {document['kind']!r}", group_version=str(group_version))
    said = expect_string(document, "groupVersion", what)
    if said not in ("", str(group_version)):
        raise DiscoveryError(f"{what} says it is that of {said}", group_version=str(group_version))
    try:
        return _decode_entries(group_version, document)
    except DiscoveryError as error:
        raise DiscoveryError(f"{group_version}: {error}", group_version=str(group_version)) from None


def _decode_entries(group_version: GroupVersion, document: dict[str, Any]) -> list[ResourceRow]:
    interner = Interner()
    rows: dict[str, ResourceRow] = {}
    children: dict[str, dict[str, SubresourceRow]] = {}
    # Keeps the server's order although a parent is complete only once all its subresources are seen.
    order: list[tuple[str, str]] = []
    for item in expect_list(document, "resources", "the list"):
        entry = expect_object(item, "a resource")
        full_name = expect_name(entry, "name", "a resource")
        kind = expect_string(entry, "kind", full_name)
        if not kind:
            continue
        parent, slash, child = full_name.partition("/")
        namespaced = entry.get("namespaced", False)
        if not isinstance(namespaced, bool):
            raise DiscoveryError(f"namespaced of {full_name} is not a boolean")
        verbs = interner.strings(entry, "verbs", full_name)
        response_group = expect_string(entry, "group", full_name) or group_version.group
        response_version = expect_string(entry, "version", full_name) or group_version.version
        storage_hash = expect_string(entry, "storageVersionHash", full_name)
        if slash:
            siblings = children.setdefault(parent, {})
            if child not in siblings:
                siblings[child] = SubresourceRow(
                    child, kind, namespaced, verbs, response_group, response_version, storage_hash
                )
                order.append((parent, child))
        elif full_name not in rows:
            rows[full_name] = ResourceRow(
                full_name,
                expect_string(entry, "singularName", full_name) or kind.lower(),
                kind,
                namespaced,
                verbs,
                interner.strings(entry, "shortNames", full_name),
                interner.strings(entry, "categories", full_name),
                response_group,
                response_version,
                storage_hash,
                (),
            )
            order.append((full_name, ""))
    return [
        children[parent][child].alone(parent)
        if child
        else rows[parent]._replace(subresources=tuple(children.get(parent, {}).values()))
        for parent, child in order
        if not (child and parent in rows)
    ]


def _expect_kind(document: Any, kind: str, key: str, endpoint: str) -> dict[str, Any]:
    """Return the document if it is of ``kind``, or if it says no kind but has the member it would be read for."""
    said = expect_object(document, "the answer of", endpoint)
    if said.get("kind") != kind and not (said.get("kind") is None and key in said):
        raise DiscoveryError(f"the answer of {endpoint} is of kind {said.get('kind')!r}, not {kind}")
    return said
