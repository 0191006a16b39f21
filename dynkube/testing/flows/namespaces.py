"""The life of namespaces: they must exist, nothing new is made in one that goes away, and some cannot go."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from dynkube.testing.flows.cluster import NAMESPACES
from dynkube.testing.http import failures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynkube.testing.flows.cluster import Cluster
    from dynkube.testing.resources.registry import Resource

#: Namespaces every server starts with.
INITIAL = ("default", "kube-node-lease", "kube-public", "kube-system")
#: Namespaces nobody may delete.
PROTECTED = frozenset({"default", "kube-public", "kube-system"})


def admit_create(cluster: Cluster, resource: Resource, namespace: str, name: str) -> None:
    """Raise the Failure of a create in a namespace that does not exist (404) or is being terminated (403)."""
    record = cluster.store.get(NAMESPACES, ("", namespace))
    if record is None:
        raise failures.not_found("", "namespaces", namespace)
    if "deletionTimestamp" in record.object["metadata"]:
        raise failures.namespace_terminating(resource.group, resource.name, name, namespace)


def check_deletable(name: str) -> None:
    """Raise the 403 Failure for namespaces the system needs."""
    if name in PROTECTED:
        raise failures.forbidden("", "namespaces", name, "this namespace may not be deleted")


def check_preconditions(metadata: Mapping[str, Any], preconditions: Mapping[str, Any]) -> None:
    """Raise the 409 Failure of a delete that is about another namespace or version: their storage has its own words."""
    for field, word in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        wanted = preconditions.get(field)
        if wanted is not None and wanted != metadata[field]:
            why = f"Precondition failed: {word} in precondition: {wanted}, {word} in object meta: {metadata[field]}"
            raise failures.conflict("", "namespaces", metadata["name"], why)


def terminating(obj: dict[str, Any], now: str) -> dict[str, Any]:
    """Return a namespace on its way out: deletionTimestamp and phase set."""
    changed = copy.deepcopy(obj)
    changed["metadata"]["deletionTimestamp"] = now
    changed["status"] = {**changed.get("status", {}), "phase": "Terminating"}
    return changed
