"""Objects that left a set of manifests: found by label and field manager, and deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynkube.dynamic.kind_order import CRD_KIND, rank
from dynkube.names import GroupKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynkube.discovery import APIResource
    from dynkube.dynamic.client import DynamicClient
    from dynkube.dynamic.resource import Resource
    from dynkube.objects import JSONObject
    from dynkube.selectors import LabelSelector

#: Kinds that are looked through for what is to be pruned although none of the manifests is of them: kubectl's list
#: (cmd/apply/prune.go) without what holds data, whose removal cannot be undone.
PRUNED_KINDS = (
    *(GroupKind("", kind) for kind in ("ConfigMap", "Pod", "ReplicationController", "Secret", "Service")),
    *(GroupKind("apps", kind) for kind in ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet")),
    *(GroupKind("batch", kind) for kind in ("CronJob", "Job")),
    GroupKind("networking.k8s.io", "Ingress"),
)

#: Kinds whose removal takes other people's objects or data along: pruned only if named in `prune_kinds`.
_PRECIOUS = frozenset((CRD_KIND, "Namespace", "PersistentVolume", "PersistentVolumeClaim"))


@dataclass(frozen=True, slots=True)
class Pruning:
    """What is to go: it matches `selector`, was applied by `field_manager`, and is not among those kept."""

    client: DynamicClient
    selector: LabelSelector
    field_manager: str
    #: Kinds to look through beside those of the manifests and `PRUNED_KINDS`.
    kinds: tuple[GroupKind, ...] = ()
    dry_run: bool = False

    def run(self, kept: set[str], places: dict[APIResource, set[str]]) -> list[JSONObject]:
        """Delete what is to go and return the metadata of each, in the order deleted: what others need goes last.

        `kept` are the uids of the objects applied, `places` their resources with the namespaces they are in.
        """
        found = list(self._found(kept, places))
        found.sort(key=lambda each: -rank(each[1]))
        for view, _, obj in found:
            metadata = obj["metadata"]
            view.delete(metadata["name"], uid=metadata["uid"], propagation_policy="Background", dry_run=self.dry_run)
        return [
            {"apiVersion": view.gvr.api_version, "kind": kind, "metadata": obj["metadata"]} for view, kind, obj in found
        ]

    def _found(self, kept: set[str], places: dict[APIResource, set[str]]) -> Iterator[tuple[Resource, str, JSONObject]]:
        namespaces = sorted({namespace for visited in places.values() for namespace in visited if namespace})
        seen = set(kept)
        for api in self._resources(places):
            resource = self.client.resource(api)
            for view in [resource.namespace(each) for each in namespaces] if api.namespaced else [resource]:
                for obj in view.metadata().iter(label_selector=self.selector):
                    metadata = obj["metadata"]
                    if metadata["uid"] in seen or "deletionTimestamp" in metadata or not self._ours(metadata):
                        continue
                    seen.add(metadata["uid"])
                    yield view, api.kind, obj

    def _ours(self, metadata: JSONObject) -> bool:
        # The label alone is no proof: anybody may set it, and controllers copy labels to what they make.
        managers = metadata.get("managedFields") or ()
        return any(each.get("manager") == self.field_manager and each.get("operation") == "Apply" for each in managers)

    def _resources(self, places: dict[APIResource, set[str]]) -> list[APIResource]:
        """Return the resources to look through, each once: of the manifests, of kubectl's list, and named."""
        mapper = self.client.mapper
        served = {resource.group_kind for listed in mapper.discovered().resources.values() for resource in listed}
        found = {(api.group, api.name): api for api in places if api.kind not in _PRECIOUS}
        for kind in (*PRUNED_KINDS, *self.kinds):
            # Kinds of the list may be unknown to a small server; one the caller names must be known.
            if kind in served or kind in self.kinds:
                api = mapper.api_resource(mapper.mapping(kind).resource)
                found.setdefault((api.group, api.name), api)
        return [api for api in found.values() if api.supports("list", "delete")]
