"""Delete and deletecollection: preconditions, grace periods, finalizers and what becomes of dependents."""

from __future__ import annotations

import copy
import datetime
from typing import TYPE_CHECKING, Any

from dynkube.testing.flows import namespaces
from dynkube.testing.flows.cluster import NAMESPACES
from dynkube.testing.flows.reading import list_with
from dynkube.testing.flows.selection import rules_of
from dynkube.testing.flows.stamping import ordered
from dynkube.testing.http import failures
from dynkube.testing.http.answers import ListAnswer, ObjectAnswer
from dynkube.testing.http.options import DeleteOptions, delete_options, list_options

if TYPE_CHECKING:
    from dynkube.testing.flows.cluster import Call, Cluster
    from dynkube.testing.resources.registry import Resource
    from dynkube.testing.storage.store import Key, Record

ORPHAN = "orphan"
FOREGROUND = "foregroundDeletion"
#: Seconds a pod may take to stop when it does not say.
_DEFAULT_GRACE = 30
#: The finalizer that keeps a CRD until its objects are gone.
CRD_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"

_PODS = ("", "pods")
_CRDS = ("apiextensions.k8s.io", "customresourcedefinitions")
#: Deleting these leaves their pods alone unless the request says otherwise (their registries' default policy).
_ORPHANING = frozenset({("", "replicationcontrollers"), ("batch", "jobs")})
_JOB_WARNING = (
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set "
    "propagationPolicy=Orphan to suppress this warning"
)


def delete(call: Call, resource: Resource) -> ObjectAnswer:
    """Answer a DELETE of one object."""
    options = delete_options(call.route.query, call.request.body, call.header("content-type"))
    if resource.collection == ("batch", "jobs") and options.propagation is None and options.orphan_dependents is None:
        call.warnings.append(_JOB_WARNING)
    return delete_object(call.cluster, resource, call.key, options)


def delete_object(cluster: Cluster, resource: Resource, key: Key, options: DeleteOptions) -> ObjectAnswer:
    """Delete one object as the options say; the answer is the object or a Status. Raises a 4xx Failure."""
    if resource.collection == NAMESPACES:
        namespaces.check_deletable(key[1])
    with cluster.store.transaction():
        record = cluster.get(resource, key)
        obj = cluster.shown(resource, record)
        _check_preconditions(resource, obj["metadata"], options)
        if resource.collection == NAMESPACES:
            return _delete_namespace(cluster, resource, record, options)
        return _delete_record(cluster, resource, key, record, options)


def _check_preconditions(resource: Resource, metadata: dict[str, Any], options: DeleteOptions) -> None:
    if resource.collection == NAMESPACES:
        namespaces.check_preconditions(metadata, options.preconditions)
    uid = options.preconditions.get("uid")
    if uid is not None and uid != metadata["uid"]:
        why = (
            f"the UID in the precondition ({uid}) does not match the UID in record ({metadata['uid']}). "
            "The object might have been deleted and then recreated"
        )
        raise failures.conflict(resource.group, resource.kind, metadata["name"], why)
    version = options.preconditions.get("resourceVersion")
    if version is not None and version != metadata["resourceVersion"]:
        why = (
            f"the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record "
            f"({metadata['resourceVersion']}). The object might have been modified"
        )
        raise failures.conflict(resource.group, resource.kind, metadata["name"], why)


def _finalizers(resource: Resource, obj: dict[str, Any], options: DeleteOptions) -> list[str]:
    """Return the finalizers the object has once the propagation policy is written into them."""
    current = list(obj["metadata"].get("finalizers") or ())
    policy = options.propagation
    if policy is None and options.orphan_dependents is not None:
        policy = "Orphan" if options.orphan_dependents else "Background"
    if policy is None:
        if ORPHAN in current or FOREGROUND in current:
            return current
        policy = "Orphan" if resource.collection in _ORPHANING else "Background"
    wanted = {"Orphan": ORPHAN, "Foreground": FOREGROUND}.get(policy)
    kept = [finalizer for finalizer in current if finalizer not in (ORPHAN, FOREGROUND)]
    if wanted is not None:
        kept.append(wanted)
    if resource.collection == _CRDS and CRD_FINALIZER not in kept:
        kept.append(CRD_FINALIZER)
    return kept


def _grace(resource: Resource, obj: dict[str, Any], options: DeleteOptions) -> int:
    """Return the seconds an object may take to stop; only pods get any."""
    if resource.collection != _PODS:
        return 0
    grace = options.grace_period
    if grace is None:
        grace = obj.get("spec", {}).get("terminationGracePeriodSeconds", _DEFAULT_GRACE)
    if not obj.get("spec", {}).get("nodeName") or obj.get("status", {}).get("phase") in ("Failed", "Succeeded"):
        return 0
    # Less than nothing is taken for the shortest time there is.
    return 1 if grace < 0 else int(grace)


def _delete_record(
    cluster: Cluster, resource: Resource, key: Key, record: Record, options: DeleteOptions
) -> ObjectAnswer:
    obj = cluster.shown(resource, record)
    finalizers = _finalizers(resource, obj, options)
    grace = _grace(resource, obj, options)
    returns_object = rules_of(resource).delete_returns_object
    if not finalizers and not grace and resource.collection != _PODS:
        if not options.dry_run:
            cluster.store.delete(resource.collection, key)
        return ObjectAnswer(obj, resource) if returns_object else _status(resource, obj)
    marked = _marked(cluster, resource, obj, finalizers, grace)
    if options.dry_run:
        return ObjectAnswer(marked, resource)
    if marked != obj:
        record = cluster.store.replace(resource.collection, key, marked)
        marked = cluster.shown(resource, record)
    if not finalizers and not grace:
        gone = cluster.store.delete(resource.collection, key)
        marked = cluster.shown(resource, gone)
    return ObjectAnswer(marked, resource)


def _marked(
    cluster: Cluster, resource: Resource, obj: dict[str, Any], finalizers: list[str], grace: int
) -> dict[str, Any]:
    """Return the object marked as terminating. A second delete can only shorten the time left."""
    old = obj["metadata"]
    metadata = copy.copy(old)
    shorter = grace < old.get("deletionGracePeriodSeconds", grace + 1)
    if "deletionTimestamp" not in old or shorter:
        moment = cluster.clock() + datetime.timedelta(seconds=grace)
        metadata["deletionTimestamp"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        if resource.collection != _CRDS:
            metadata["deletionGracePeriodSeconds"] = grace
        if "generation" in metadata and "deletionTimestamp" not in old and resource.collection != _CRDS:
            metadata["generation"] += 1
    metadata.pop("finalizers", None)
    if finalizers:
        metadata["finalizers"] = finalizers
    marked = {**obj, "metadata": metadata}
    if resource.collection == _CRDS and "deletionTimestamp" not in old:
        marked["status"] = _terminating_status(cluster, marked.get("status") or {})
    return ordered(marked, custom=resource.custom)


def _terminating_status(cluster: Cluster, status: dict[str, Any]) -> dict[str, Any]:
    condition = {
        "type": "Terminating",
        "status": "True",
        "lastTransitionTime": cluster.now(),
        "reason": "InstanceDeletionPending",
        "message": "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
    }
    others = [known for known in status.get("conditions") or () if known.get("type") != "Terminating"]
    return {**status, "conditions": [*others, condition]}


def _delete_namespace(cluster: Cluster, resource: Resource, record: Record, options: DeleteOptions) -> ObjectAnswer:
    obj = cluster.shown(resource, record)
    key = ("", str(obj["metadata"]["name"]))
    held = obj.get("spec", {}).get("finalizers") or obj["metadata"].get("finalizers")
    if "deletionTimestamp" in obj["metadata"] and held:
        return ObjectAnswer(obj, resource)
    marked = ordered(namespaces.terminating(obj, cluster.now()))
    finalizers = _finalizers(resource, obj, options)
    marked["metadata"].pop("finalizers", None)
    if finalizers:
        marked["metadata"]["finalizers"] = finalizers
    marked = ordered(marked)
    if options.dry_run:
        return ObjectAnswer(marked, resource)
    if held or finalizers:
        stored = cluster.store.replace(resource.collection, key, marked)
        return ObjectAnswer(cluster.shown(resource, stored), resource)
    gone = cluster.store.delete(resource.collection, key, marked)
    return ObjectAnswer(cluster.shown(resource, gone), resource)


def _status(resource: Resource, obj: dict[str, Any]) -> ObjectAnswer:
    metadata = obj["metadata"]
    details = {"name": metadata["name"], "group": resource.group, "kind": resource.name, "uid": metadata["uid"]}
    document = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {name: value for name, value in details.items() if value},
    }
    return ObjectAnswer(document)


def delete_collection(call: Call, resource: Resource) -> ListAnswer:
    """Answer a DELETE of a collection: every selected object is deleted; the answer lists them as they were."""
    options = delete_options(call.route.query, call.request.body, call.header("content-type"))
    namespace = call.route.namespace if call.route.in_namespace else None
    with call.cluster.store.transaction():
        listed = list_with(call.cluster, resource, namespace, list_options(call.route.query, watching=False))
        for record in listed.records:
            metadata = record.object["metadata"]
            delete_object(call.cluster, resource, (metadata.get("namespace", ""), metadata["name"]), options)
    return listed
