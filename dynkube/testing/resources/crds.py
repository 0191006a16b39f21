"""CustomResourceDefinitions at work: names accepted, resources served and, at the end, everything removed."""

from __future__ import annotations

import copy
from collections import deque
from typing import TYPE_CHECKING, Any

from dynkube.names import GroupVersionKind
from dynkube.testing.flows import deleting
from dynkube.testing.http import failures
from dynkube.testing.http.options import DeleteOptions
from dynkube.testing.objects.schemas import Schema
from dynkube.testing.patches import managed_fields
from dynkube.testing.resources.registry import Resource, Subresource
from dynkube.testing.storage.store import DELETED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dynkube.testing.flows.cluster import Cluster
    from dynkube.testing.storage.store import Collection, Event, Key

CRDS: Collection = ("apiextensions.k8s.io", "customresourcedefinitions")

_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
_PART_VERBS = ("get", "patch", "update")
_IN_PROGRESS = "InstanceDeletionInProgress"
#: Names in the order conflicts are looked for, each with the reason of its conflict.
_NAME_FIELDS = (
    ("plural", "PluralConflict"),
    ("singular", "SingularConflict"),
    ("shortNames", "ShortNamesConflict"),
    ("kind", "KindConflict"),
    ("listKind", "ListKindConflict"),
)


def custom_resources(crd: Mapping[str, Any]) -> Iterator[Resource]:
    """Yield the resource of every served version of a CRD."""
    spec = crd["spec"]
    names = (crd.get("status") or {}).get("acceptedNames") or spec["names"]
    versions = spec.get("versions") or []
    stored = next((version["name"] for version in versions if version.get("storage")), versions[0]["name"])
    for version in versions:
        if version.get("served"):
            yield _resource(spec, names, version, stored)


def _resource(spec: Mapping[str, Any], names: Mapping[str, Any], version: Mapping[str, Any], stored: str) -> Resource:
    group, kind = spec["group"], names["kind"]
    parts = version.get("subresources") or {}
    subresources = {}
    if parts.get("status") is not None:
        subresources["status"] = Subresource("status", group, version["name"], kind, _PART_VERBS)
    if parts.get("scale") is not None:
        subresources["scale"] = Subresource("scale", "autoscaling", "v1", "Scale", _PART_VERBS)
    deprecation = ""
    if version.get("deprecated"):
        deprecation = version.get("deprecationWarning") or f"{group}/{version['name']} {kind} is deprecated"
    open_schema = (version.get("schema") or {}).get("openAPIV3Schema")
    return Resource(
        group=group,
        version=version["name"],
        name=names["plural"],
        kind=kind,
        namespaced=spec.get("scope") == "Namespaced",
        verbs=_VERBS,
        singular_name=names.get("singular", ""),
        list_kind=names.get("listKind") or f"{kind}List",
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=subresources,
        storage=GroupVersionKind(group, stored, kind),
        custom=True,
        deprecation=deprecation,
        definition=version,
        schema=Schema.from_crd(open_schema, has_status="status" in subresources) if open_schema else None,
    )


class CustomResources:
    """Follows the stored CRDs and keeps registry and statuses in step, in the thread that caused the change.

    The store tells it what changed; ``settle`` does what follows, before the request that caused it is answered, so a
    CRD is served and discoverable as soon as its POST returns.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._due: deque[Key] = deque()
        self._terminating: dict[Collection, Key] = {}
        cluster.listen(self._notice)

    def _notice(self, collection: Collection, event: Event) -> None:
        if collection == CRDS:
            self._due.append(event.key)
        elif event.type == DELETED and collection in self._terminating:
            self._due.append(self._terminating[collection])

    def settle(self) -> None:
        """Do what the changes since the last call ask for."""
        while self._due:
            with self._cluster.store.transaction():
                while self._due:
                    self._reconcile(self._due.popleft())

    def load(self) -> None:
        """Serve what the stored CRDs define, after a restore or a start from disk."""
        self._cluster.registry.reset_custom()
        self._terminating.clear()
        for key, _ in self._cluster.store.objects(CRDS)[0]:
            self._due.append(key)
        self.settle()

    def _reconcile(self, key: Key) -> None:
        record = self._cluster.store.get(CRDS, key)
        if record is None:
            plural, _, group = key[1].partition(".")
            self._terminating.pop((group, plural), None)
            self._cluster.registry.set_custom(group, plural, ())
            return
        crd = record.object
        spec = crd["spec"]
        if "deletionTimestamp" in crd["metadata"]:
            self._terminate(key, crd)
            return
        status = self._status(crd)
        if status != crd.get("status"):
            unserved = not _is_true(crd, "Established")
            crd = self._write_status(key, crd, status)
            if unserved and _is_true(crd, "Established"):
                # The watch cache of the kind starts here: what was before it cannot be followed.
                self._cluster.store.begin((spec["group"], spec["names"]["plural"]))
        served = list(custom_resources(crd)) if _is_true(crd, "Established") else []
        self._cluster.registry.set_custom(spec["group"], spec["names"]["plural"], served)

    def _write_status(self, key: Key, crd: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
        cluster = self._cluster
        resource = cluster.resource("apiextensions.k8s.io", "v1", "customresourcedefinitions")
        changed = {**copy.deepcopy(crd), "status": status}
        fields = managed_fields.record_update(
            copy.deepcopy(crd),
            changed,
            manager="kube-apiserver",
            operation="Update",
            api_version=resource.api_version,
            subresource="status",
            schema=cluster.schema_of(resource),
            time=cluster.now(),
        )
        changed["metadata"]["managedFields"] = fields
        return cluster.store.replace(CRDS, key, changed).object

    def _status(self, crd: dict[str, Any]) -> dict[str, Any]:
        """Return the status the CRD should have: accepted names, conditions, stored versions."""
        spec, old = crd["spec"], crd.get("status") or {}
        conflict, accepted = self._accepted(crd)
        if conflict is None:
            conditions = [("NamesAccepted", "True", "NoConflicts", "no conflicts found")]
        else:
            reason, name = conflict
            conditions = [("NamesAccepted", "False", reason, f'"{name}" is already in use')]
        if conflict is None or _is_true(crd, "Established"):
            message = "the initial names have been accepted"
            conditions.append(("Established", "True", "InitialNamesAccepted", message))
        else:
            conditions.append(("Established", "False", "NotAccepted", "not all names are accepted"))
        versions = list(old.get("storedVersions") or ())
        versions += [v["name"] for v in spec["versions"] if v.get("storage") and v["name"] not in versions]
        return {
            "conditions": self._conditions(old.get("conditions") or [], conditions),
            "acceptedNames": accepted,
            "storedVersions": versions,
        }

    def _conditions(self, old: list[dict[str, Any]], wanted: list[tuple[str, str, str, str]]) -> list[dict[str, Any]]:
        known = {condition["type"]: condition for condition in old}
        result = []
        for kind, status, reason, message in wanted:
            before = known.pop(kind, {})
            same = before.get("status") == status and "lastTransitionTime" in before
            moment = before["lastTransitionTime"] if same else self._cluster.now()
            result.append(
                {
                    "type": kind,
                    "status": status,
                    "lastTransitionTime": moment,
                    "reason": reason,
                    "message": message,
                }
            )
        return result + list(known.values())

    def _accepted(self, crd: dict[str, Any]) -> tuple[tuple[str, str] | None, dict[str, Any]]:
        """Return the last conflict of names with other CRDs of the group, and the names that are free."""
        spec = crd["spec"]
        names: set[str] = set()
        kinds: set[str] = set()
        for key, record in self._cluster.store.objects(CRDS)[0]:
            other = record.object
            if key[1] != crd["metadata"]["name"] and other["spec"]["group"] == spec["group"]:
                taken = (other.get("status") or {}).get("acceptedNames") or {}
                names |= {taken.get("plural", ""), taken.get("singular", ""), *(taken.get("shortNames") or ())}
                kinds |= {taken.get("kind", ""), taken.get("listKind", "")}
        accepted: dict[str, Any] = {"plural": "", "kind": ""} | copy.deepcopy(spec["names"])
        conflict = None
        for field, reason in _NAME_FIELDS:
            value = spec["names"].get(field) or []
            wanted = [value] if isinstance(value, str) else value
            used = [name for name in wanted if name and name in (kinds if field in ("kind", "listKind") else names)]
            if used:
                conflict = (reason, used[-1])
                before = ((crd.get("status") or {}).get("acceptedNames") or {}).get(field)
                accepted.pop(field, None)
                if before or field in ("plural", "kind"):
                    accepted[field] = before or ""
        return conflict, accepted

    def _terminate(self, key: Key, crd: dict[str, Any]) -> None:
        """Delete the objects of a CRD that is being deleted, and then the CRD itself."""
        spec = crd["spec"]
        collection: Collection = (spec["group"], spec["names"]["plural"])
        self._terminating[collection] = key
        store = self._cluster.store
        resource = self._cluster.registry.any_version(collection)
        for name, record in store.objects(collection)[0]:
            if resource is None:
                store.delete(collection, name)
            elif "deletionTimestamp" not in record.object["metadata"]:
                deleting.delete_object(self._cluster, resource, name, DeleteOptions(grace_period=0))
        if store.objects(collection)[0]:
            self._deleting(key, crd)
            return
        finalizers = [f for f in crd["metadata"].get("finalizers", ()) if f != deleting.CRD_FINALIZER]
        metadata = {name: value for name, value in crd["metadata"].items() if name != "finalizers"}
        if finalizers:
            if finalizers != crd["metadata"]["finalizers"]:
                store.replace(CRDS, key, {**crd, "metadata": {**metadata, "finalizers": finalizers}})
            return
        store.delete(CRDS, key, {**crd, "metadata": metadata})

    def _deleting(self, key: Key, crd: dict[str, Any]) -> None:
        """Write into the status that objects are still being deleted (the finalizer that keeps the CRD)."""
        conditions = [dict(condition) for condition in crd["status"]["conditions"]]
        for condition in conditions:
            if condition["type"] == "Terminating" and condition["reason"] != _IN_PROGRESS:
                condition |= {"reason": _IN_PROGRESS, "message": "CustomResource deletion is in progress"}
                self._write_status(key, crd, {**crd["status"], "conditions": conditions})


def _is_true(crd: Mapping[str, Any], kind: str) -> bool:
    conditions = (crd.get("status") or {}).get("conditions") or ()
    return any(condition["type"] == kind and condition["status"] == "True" for condition in conditions)


def check_creatable(cluster: Cluster, resource: Resource, name: str) -> None:
    """Raise the 403 Failure of a create while the definition of the kind is being deleted."""
    crd = cluster.store.get(CRDS, ("", f"{resource.name}.{resource.group}"))
    if crd is not None and "deletionTimestamp" in crd.object["metadata"]:
        why = "create not allowed while custom resource definition is terminating"
        raise failures.forbidden(resource.group, resource.name, name, why)
