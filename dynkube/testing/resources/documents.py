"""Discovery documents: per group and aggregated, made from what the registry serves at the moment."""

from __future__ import annotations

import base64
import hashlib
import threading
from typing import TYPE_CHECKING, Any

from dynkube.testing.http.negotiation import encode_json

if TYPE_CHECKING:
    from dynkube.testing.resources.registry import Registry, Resource, Subresource


def storage_version_hash(resource: Resource) -> str:
    """Return the hash clients compare to learn that two resources are stored alike (apiserver's discovery package)."""
    stored = resource.storage
    text = f"{stored.group}/{stored.version}/{stored.kind}"
    return base64.b64encode(hashlib.sha256(text.encode()).digest()[:8]).decode("ascii")


def api_versions(address: str) -> dict[str, Any]:
    """Return ``GET /api``."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def _group(name: str, versions: list[str]) -> dict[str, Any]:
    entries = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": entries, "preferredVersion": entries[0]}


def api_group_list(registry: Registry) -> dict[str, Any]:
    """Return ``GET /apis``."""
    groups = [_group(name, versions) for name, versions in registry.groups().items() if name]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def api_group(registry: Registry, name: str) -> dict[str, Any] | None:
    """Return ``GET /apis/<group>``, None when the group is not served."""
    versions = registry.groups().get(name)
    if not name or not versions:
        return None
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)}


def api_resource_list(registry: Registry, group: str, version: str) -> dict[str, Any]:
    """Return ``GET /apis/<group>/<version>`` or ``GET /api/v1``."""
    head: dict[str, Any] = {"kind": "APIResourceList"}
    # The core group's handler writes the list without its apiVersion; clients have long lived with that.
    if group:
        head["apiVersion"] = "v1"
    head["groupVersion"] = f"{group}/{version}" if group else version
    entries: list[dict[str, Any]] = []
    for resource in registry.resources(group, version):
        entries.append(_resource_entry(resource))
        entries += [_subresource_entry(resource, sub) for sub in resource.subresources.values()]
    if registry.builtin_group(group):
        entries.sort(key=lambda entry: str(entry["name"]))
    return {**head, "resources": entries}


def _resource_entry(resource: Resource) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": resource.name,
        "singularName": resource.singular_name,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if "watch" in resource.verbs:
        entry["storageVersionHash"] = storage_version_hash(resource)
    return entry


def _subresource_entry(resource: Resource, sub: Subresource) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": f"{resource.name}/{sub.name}",
        "singularName": "",
        "namespaced": resource.namespaced,
    }
    if (sub.group, sub.version) != (resource.group, resource.version):
        entry |= {"group": sub.group, "version": sub.version}
    return {**entry, "kind": sub.kind, "verbs": list(sub.verbs)}


def _aggregated_resource(resource: Resource) -> dict[str, Any]:
    # Built-in kinds leave group and version of the response kind empty, custom ones write them out.
    own = (resource.group, resource.version) if resource.custom else ("", "")
    entry: dict[str, Any] = {
        "resource": resource.name,
        "responseKind": {"group": own[0], "version": own[1], "kind": resource.kind},
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular_name,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if resource.subresources:
        entry["subresources"] = [
            {
                "subresource": sub.name,
                "responseKind": {"kind": sub.kind, **_aggregated_kind(resource, sub)},
                "verbs": list(sub.verbs),
            }
            for sub in resource.subresources.values()
        ]
    return entry


def _aggregated_kind(resource: Resource, sub: Subresource) -> dict[str, str]:
    if not resource.custom and (sub.group, sub.version) == (resource.group, resource.version):
        return {"group": "", "version": ""}
    return {"group": sub.group, "version": sub.version}


def aggregated(registry: Registry, *, core: bool) -> dict[str, Any]:
    """Return the APIGroupDiscoveryList of ``/api`` (``core``) or ``/apis``."""
    items: list[dict[str, Any]] = []
    for name, versions in registry.groups().items():
        if (name == "") is not core:
            continue
        entries = [
            {
                "version": version,
                "resources": [_aggregated_resource(resource) for resource in registry.resources(name, version)],
                "freshness": "Current",
            }
            for version in versions
        ]
        items.append({"metadata": {"name": name} if name else {}, "versions": entries})
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


class AggregatedDocuments:
    """The two aggregated documents, encoded, with their ETags; made anew when the registry has changed."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._lock = threading.Lock()
        self._made: dict[bool, tuple[int, bytes, str]] = {}

    def get(self, *, core: bool) -> tuple[bytes, str]:
        """Return a document as JSON and its ETag, quotes included."""
        with self._lock:
            generation = self._registry.generation
            made = self._made.get(core)
            if made is None or made[0] != generation:
                body = encode_json(aggregated(self._registry, core=core)) + b"\n"
                etag = f'"{hashlib.sha512(body).hexdigest().upper()}"'
                made = self._made[core] = (generation, body, etag)
            return made[1], made[2]
