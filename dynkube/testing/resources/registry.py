"""What the server serves: the recorded resources of kube-apiserver 1.36, and those that CRDs add while it runs."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Any

from dynkube.names import GroupVersion, GroupVersionKind, GroupVersionResource
from dynkube.testing.resources.conversion import convert

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dynkube.testing.objects.schemas import Schema
    from dynkube.testing.storage.store import Collection

#: Resources stored as another group's or version's: the same objects, seen through two group versions.
#: (group, plural) → what they are stored as; ``storageVersionHash`` of the recorded discovery tells.
_STORED_AS = {
    ("events.k8s.io", "events"): GroupVersionKind("", "v1", "Event"),
    ("autoscaling", "horizontalpodautoscalers"): GroupVersionKind("autoscaling", "v2", "HorizontalPodAutoscaler"),
    ("apiextensions.k8s.io", "customresourcedefinitions"): GroupVersionKind(
        "apiextensions.k8s.io", "v1beta1", "CustomResourceDefinition"
    ),
}


_CORE = GroupVersionKind("", "", "")


@dataclass(frozen=True, slots=True)
class Subresource:
    """A subresource such as ``scale``: the kind it speaks and what may be done with it."""

    name: str
    group: str
    version: str
    kind: str
    verbs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resource:
    """A served resource in one version. ``name`` is the plural; ``custom`` tells whether a CRD defines it."""

    group: str
    version: str
    name: str
    kind: str
    namespaced: bool
    verbs: tuple[str, ...]
    singular_name: str = ""
    list_kind: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: Mapping[str, Subresource] = field(default_factory=dict)
    storage: GroupVersionKind = _CORE
    custom: bool = False
    deprecation: str = ""
    #: The CRD version's own entry of ``spec.versions``, {} for built-in resources.
    definition: Mapping[str, Any] = field(default_factory=dict)
    schema: Schema | None = None

    @property
    def gvk(self) -> GroupVersionKind:
        """Group, version and kind."""
        return GroupVersionKind(self.group, self.version, self.kind)

    @property
    def gvr(self) -> GroupVersionResource:
        """Group, version and plural."""
        return GroupVersionResource(self.group, self.version, self.name)

    @property
    def group_version(self) -> GroupVersion:
        """Group and version."""
        return GroupVersion(self.group, self.version)

    @property
    def api_version(self) -> str:
        """``v1``, ``apps/v1``: what objects of it carry."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def collection(self) -> Collection:
        """Where its objects are stored; the same for all its versions."""
        return (self.storage.group, self.name)

    @property
    def has_status(self) -> bool:
        """Whether status is written through a subresource of its own."""
        return "status" in self.subresources

    @property
    def virtual(self) -> bool:
        """Whether objects of it are only answered, never stored (access reviews, bindings)."""
        return self.verbs == ("create",)


def _subresource(entry: Mapping[str, Any], group: str, version: str) -> Subresource:
    kind = entry["responseKind"]
    # An empty group and version mean "as the list" in discovery.
    group, version = (kind["group"], kind["version"]) if kind["version"] else (group, version)
    return Subresource(entry["subresource"], group, version, kind["kind"], tuple(entry["verbs"]))


def _recorded_resource(entry: Mapping[str, Any], group: str, version: str) -> Resource:
    kind = entry["responseKind"]["kind"]
    stored = _STORED_AS.get((group, entry["resource"]), GroupVersionKind(group, version, kind))
    deprecation = ""
    if (group, version) == ("", "v1") and entry["resource"] == "endpoints":
        deprecation = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"
    if (group, version) == ("", "v1") and entry["resource"] == "componentstatuses":
        deprecation = "v1 ComponentStatus is deprecated in v1.19+"
    return Resource(
        group=group,
        version=version,
        name=entry["resource"],
        kind=kind,
        namespaced=entry["scope"] == "Namespaced",
        verbs=tuple(entry["verbs"]),
        singular_name=entry.get("singularResource", ""),
        list_kind=f"{kind}List",
        short_names=tuple(entry.get("shortNames", ())),
        categories=tuple(entry.get("categories", ())),
        subresources={sub["subresource"]: _subresource(sub, group, version) for sub in entry.get("subresources", ())},
        storage=stored,
        deprecation=deprecation,
    )


def recorded_discovery() -> dict[str, Any]:
    """Return what was recorded of a 1.36 server: ``core`` and ``groups`` (aggregated), ``version``, ``checks``."""
    text = (resources.files("dynkube.testing") / "data" / "discovery.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


class Registry:
    """The resources served at this moment. Safe to use from any thread; ``generation`` moves with every change."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        recorded = recorded_discovery()
        self.server_version: dict[str, Any] = recorded["version"]
        self.checks: tuple[str, ...] = tuple(recorded["checks"])
        self._versions: dict[GroupVersion, dict[str, Resource]] = {}
        self.generation = 0
        for item in [*recorded["core"], *recorded["groups"]]:
            group = item["metadata"].get("name", "")
            for version in item["versions"]:
                found = [_recorded_resource(entry, group, version["version"]) for entry in version["resources"]]
                self._versions[GroupVersion(group, version["version"])] = {
                    resource.name: resource for resource in found
                }
        self._builtin_groups = frozenset(gv.group for gv in self._versions)

    def builtin_group(self, group: str) -> bool:
        """Tell whether the group is one of the recorded ones."""
        return group in self._builtin_groups

    def has_group_version(self, group: str, version: str) -> bool:
        """Tell whether anything is served in this group version."""
        return GroupVersion(group, version) in self._versions

    def find(self, group: str, version: str, name: str) -> Resource | None:
        """Return the resource of this plural name, None if it is not served."""
        return self._versions.get(GroupVersion(group, version), {}).get(name)

    def by_kind(self, group: str, version: str, kind: str) -> Resource | None:
        """Return the resource of this kind, None if it is not served."""
        for resource in self._versions.get(GroupVersion(group, version), {}).values():
            if resource.kind == kind:
                return resource
        return None

    def any_version(self, collection: Collection) -> Resource | None:
        """Return a resource through which a collection can be seen, in the version it is stored in."""
        with self._lock:
            found = [r for table in self._versions.values() for r in table.values() if r.collection == collection]
        for resource in found:
            if resource.gvk == resource.storage:
                return resource
        return found[0] if found else None

    def group_versions(self) -> list[GroupVersion]:
        """Return every served group version: groups in the order of discovery, the preferred version of each first."""
        with self._lock:
            builtin = [gv for gv in self._versions if gv.group in self._builtin_groups]
            custom = sorted({gv.group for gv in self._versions} - self._builtin_groups)
            by_group = {group: sorted(self._of_group(group), key=version_priority) for group in custom}
        return builtin + [gv for group in custom for gv in by_group[group]]

    def _of_group(self, group: str) -> list[GroupVersion]:
        return [gv for gv in self._versions if gv.group == group]

    def groups(self) -> dict[str, list[str]]:
        """Return the versions of every group, core included under "", in the order of discovery."""
        found: dict[str, list[str]] = {}
        for gv in self.group_versions():
            found.setdefault(gv.group, []).append(gv.version)
        return found

    def resources(self, group: str, version: str) -> list[Resource]:
        """Return the resources of a group version in the order of discovery."""
        return list(self._versions.get(GroupVersion(group, version), {}).values())

    def all(self) -> list[Resource]:
        """Return every served resource in every version."""
        with self._lock:
            return [resource for table in list(self._versions.values()) for resource in table.values()]

    def set_custom(self, group: str, name: str, found: Iterable[Resource]) -> None:
        """Serve exactly these versions of a custom resource, nothing of it when there are none."""
        with self._lock:
            versions = {gv: dict(table) for gv, table in self._versions.items()}
            for gv, table in list(versions.items()):
                if gv.group == group and name in table and table[name].custom:
                    del table[name]
            for resource in found:
                table = versions.setdefault(resource.group_version, {})
                table[resource.name] = resource
            for gv in [gv for gv, table in versions.items() if not table and gv.group not in self._builtin_groups]:
                del versions[gv]
            # Replaced as a whole: readers without the lock see the old table or the new one.
            self._versions = versions
            self.generation += 1

    def reset_custom(self) -> None:
        """Forget every custom resource."""
        with self._lock:
            kept = {
                gv: {name: resource for name, resource in table.items() if not resource.custom}
                for gv, table in self._versions.items()
            }
            self._versions = {gv: table for gv, table in kept.items() if table}
            self.generation += 1


def version_priority(gv: GroupVersion) -> tuple[int, int, int, str]:
    """Order versions as Kubernetes does: v2, v1, v1beta2, v1beta1, v1alpha1, then the rest by name."""
    stage, major, minor = _parse_version(gv.version)
    return (-stage, -major, -minor, gv.version)


def _parse_version(version: str) -> tuple[int, int, int]:
    rest = version[1:] if version.startswith("v") else ""
    for stage, word in ((1, "beta"), (0, "alpha")):
        major, found, minor = rest.partition(word)
        if found and major.isdigit() and minor.isdigit():
            return stage, int(major), int(minor)
    return (2, int(rest), 0) if rest.isdigit() else (-1, 0, 0)


def as_version(resource: Resource, obj: dict[str, Any]) -> dict[str, Any]:
    """Return the object as this version of its resource shows it."""
    if obj.get("apiVersion") == resource.api_version:
        return obj
    return convert(obj, resource.api_version, resource.kind)
