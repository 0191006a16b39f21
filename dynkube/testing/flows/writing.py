"""Create and update: one way for every kind, from the decoded body to the stored object."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dynkube.testing.access import escalation
from dynkube.testing.flows import admission, namespaces
from dynkube.testing.flows.selection import rules_of
from dynkube.testing.flows.stamping import generated_name, ordered, stamp_new, stamp_update, without_repeats
from dynkube.testing.http import failures
from dynkube.testing.http.answers import ObjectAnswer
from dynkube.testing.http.failures import Cause
from dynkube.testing.http.negotiation import BODY_TYPES, JSON, YAML
from dynkube.testing.http.options import WriteOptions, manager_name, write_options
from dynkube.testing.kinds.rulebook import BY_PART
from dynkube.testing.objects.advice import advice
from dynkube.testing.objects.decoding import decode
from dynkube.testing.objects.defaults import apply_defaults
from dynkube.testing.objects.go_shape import shape
from dynkube.testing.objects.pruning import drop_nulls, prune
from dynkube.testing.objects.validation import validate
from dynkube.testing.patches import managed_fields
from dynkube.testing.resources.crds import check_creatable
from dynkube.testing.storage.store import ExistsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dynkube.testing.flows.cluster import Call, Cluster
    from dynkube.testing.objects.schemas import Schema
    from dynkube.testing.resources.registry import Resource
    from dynkube.testing.storage.store import Key, Record


#: Subresources that write ``status`` and nothing else.
STATUS_PARTS = frozenset({"status", "approval"})
#: What the server says about who asks for a certificate.
_REQUESTER = frozenset({"username", "uid", "groups", "extra"})
#: Tries to find a free generated name before giving up, as the real server does.
_NAME_TRIES = 8


@dataclass(frozen=True, slots=True)
class Change:
    """How a write is done: by whom it is recorded and through which subresource."""

    manager: str
    subresource: str = ""
    operation: str = "Update"
    dry_run: bool = False
    #: managedFields are already right (server-side apply computed them).
    recorded: bool = False
    #: Texts for Warning headers, added to while the object is checked.
    warnings: list[str] = field(default_factory=list, compare=False)
    #: Raises a Failure when whoever writes may not write this: called with the new and the stored object.
    guard: Callable[[dict[str, Any], dict[str, Any] | None], None] | None = field(default=None, compare=False)


def change_of(call: Call, options: WriteOptions, *, subresource: str = "", recorded: bool = False) -> Change:
    """Return how the request's write is recorded."""
    manager = manager_name(options, call.header("user-agent"))
    return Change(
        manager,
        subresource,
        dry_run=options.dry_run,
        recorded=recorded,
        warnings=call.warnings,
        guard=escalation.guard(call),
    )


def decoded(call: Call, resource: Resource, options: WriteOptions) -> dict[str, Any]:
    """Return the object in the request's body; warnings go to the call. Raises a 400 or 415 Failure."""
    if call.content_type not in (JSON, YAML):
        raise failures.unsupported_media_type(BODY_TYPES)
    validation: Any = options.field_validation
    obj, warnings = decode(
        call.request.body,
        call.content_type,
        gvk=resource.gvk,
        resource=resource,
        schema=call.cluster.schema_of(resource),
        validation=validation,
    )
    call.warnings += warnings
    if not isinstance(obj.get("metadata"), dict):
        obj["metadata"] = {}
    return drop_nulls(obj, call.cluster.schema_of(resource))


def check_namespace(call: Call, metadata: dict[str, Any]) -> None:
    """Compare the namespace of the body with the path's, and fill it in. Raises a 400 Failure."""
    wanted = call.key[0]
    if metadata.get("namespace", "") not in ("", wanted):
        text = "the namespace of the provided object does not match the namespace sent on the request"
        raise failures.bad_request(text)
    if wanted:
        metadata["namespace"] = wanted
    else:
        metadata.pop("namespace", None)


def check_name(call: Call, metadata: dict[str, Any]) -> None:
    """Compare the name of the body with the path's. Raises a 400 Failure."""
    wanted, name = call.route.name, metadata.get("name", "")
    if not name:
        text = f"the name of the object ({wanted} based on URL) was undeterminable: name must be provided"
        raise failures.bad_request(text)
    if name != wanted:
        raise failures.bad_request(f"the name of the object ({name}) does not match the name on the URL ({wanted})")


def create(call: Call, resource: Resource) -> ObjectAnswer:
    """Answer a POST to a collection."""
    if call.route.name:
        raise failures.method_not_allowed()
    options = write_options(call.route.query, "CreateOptions")
    obj = decoded(call, resource, options)
    check_namespace(call, obj["metadata"])
    name_requester(call, resource, obj)
    return create_object(call.cluster, resource, obj, change_of(call, options))


def name_requester(call: Call, resource: Resource, obj: dict[str, Any]) -> None:
    """Write into a certificate signing request who asks for it: the server's word, not the client's."""
    if resource.collection == ("certificates.k8s.io", "certificatesigningrequests"):
        asked = {key: value for key, value in (obj.get("spec") or {}).items() if key not in _REQUESTER}
        obj["spec"] = {**asked, **call.user.as_dict()}


def create_object(cluster: Cluster, resource: Resource, obj: dict[str, Any], change: Change) -> ObjectAnswer:
    """Store a new object after everything the server does to it. Raises a 4xx Failure."""
    metadata = obj["metadata"]
    namespace = metadata.get("namespace", "") if resource.namespaced else ""
    version = metadata.get("resourceVersion")
    base = "" if metadata.get("name") else metadata.get("generateName") or ""
    with cluster.store.transaction():
        if resource.namespaced:
            namespaces.admit_create(cluster, resource, namespace, metadata.get("name", ""))
        if resource.custom:
            check_creatable(cluster, resource, metadata.get("name", ""))
        if change.guard is not None:
            change.guard(obj, None)
        if base:
            metadata["name"] = _free_name(cluster, resource, namespace, base)
        _complete_new(cluster, resource, obj, change)
        if version not in (None, "", "0") and not change.dry_run and not change.recorded:
            raise failures.Failure("", "resourceVersion should not be set on objects to be created", code=500)
        key = (namespace, metadata["name"])
        if change.dry_run:
            if cluster.store.get(resource.collection, key) is not None:
                raise _taken(cluster, resource, key)
            return ObjectAnswer(ordered(obj, custom=resource.custom), resource, 201)
        metadata["resourceVersion"] = ""
        try:
            record = cluster.store.create(resource.collection, key, ordered(obj, custom=resource.custom))
        except ExistsError:
            raise _taken(cluster, resource, key) from None
    return ObjectAnswer(cluster.shown(resource, record), resource, 201, record)


def _taken(cluster: Cluster, resource: Resource, key: Key) -> failures.Failure:
    """Return the 409 Failure of a name that is taken; of an object on its way out it says so."""
    failure = failures.already_exists(resource.group, resource.name, key[1])
    record = cluster.store.get(resource.collection, key)
    if record is not None and "deletionTimestamp" in record.object["metadata"]:
        failure.status["message"] = f"object is being deleted: {failure.status['message']}"
    return failure


def _free_name(cluster: Cluster, resource: Resource, namespace: str, base: str) -> str:
    name = ""
    for _ in range(_NAME_TRIES):
        name = generated_name(base)
        if cluster.store.get(resource.collection, (namespace, name)) is None:
            return name
    raise failures.generate_name_exhausted(resource.group, resource.name, name)


def _complete_new(cluster: Cluster, resource: Resource, obj: dict[str, Any], change: Change) -> None:
    rules, schema = rules_of(resource), cluster.schema_of(resource)
    now = cluster.now()
    stamp_new(obj["metadata"], now=now, generation=rules.starts_with_generation)
    change.warnings.extend(without_repeats(obj["metadata"]))
    prune(obj, schema)
    apply_defaults(obj, schema, resource.gvk)
    fields = _recorded_fields(obj, None, resource, change, schema=schema, now=now)
    if not resource.custom:
        admission.admit_create(cluster, resource, obj)
    rules.prepare_create(obj, _others(cluster, resource))
    shape(obj, schema)
    _set_fields(obj, fields)
    causes = validate(obj, None, resource, schema, warnings=change.warnings)
    if causes:
        # Of a custom object the kind is what was sent.
        name = obj["metadata"].get("name", "")
        raise failures.invalid(resource.storage.group, obj.get("kind", ""), name, causes)
    shape(obj, schema, stored=True)
    change.warnings.extend(advice(obj, None, resource, schema))


def _others(cluster: Cluster, resource: Resource) -> Callable[[], Iterable[dict[str, Any]]]:
    """Return how to see the stored objects of the kind: values such as cluster IPs must not be given out twice."""
    return lambda: (record.object for _, record in cluster.store.objects(resource.collection)[0])


def _recorded_fields(
    obj: dict[str, Any],
    old: dict[str, Any] | None,
    resource: Resource,
    change: Change,
    *,
    schema: Schema | None,
    now: str,
) -> list[dict[str, Any]]:
    """Return managedFields after this write. Taken before the server's own strategies touch the object."""
    if change.recorded:
        return list(obj["metadata"].get("managedFields") or ())
    return managed_fields.record_update(
        old,
        obj,
        manager=change.manager,
        operation=change.operation,
        api_version=resource.api_version,
        subresource=change.subresource,
        schema=schema,
        # The scale handler is the one that records no time.
        time=None if change.subresource == "scale" else now,
    )


def _set_fields(obj: dict[str, Any], fields: list[dict[str, Any]]) -> None:
    obj["metadata"].pop("managedFields", None)
    if fields:
        obj["metadata"]["managedFields"] = fields


def update(call: Call, resource: Resource) -> ObjectAnswer:
    """Answer a PUT of an object or of its status."""
    options = write_options(call.route.query, "UpdateOptions")
    obj = decoded(call, resource, options)
    check_namespace(call, obj["metadata"])
    check_name(call, obj["metadata"])
    change = change_of(call, options, subresource=call.route.subresource)
    cluster = call.cluster
    with cluster.store.transaction():
        record = cluster.store.get(resource.collection, call.key)
        if record is None:
            if rules_of(resource).create_on_update and not change.subresource:
                return create_object(cluster, resource, obj, change)
            raise failures.not_found(resource.group, resource.name, call.route.name)
        return replace(cluster, resource, record, obj, change)


def _check_versions(resource: Resource, metadata: dict[str, Any], old: dict[str, Any]) -> None:
    """Raise the Failure of an update that is based on another version or another object of the same name."""
    name, previous = str(old["name"]), old
    uid = metadata.get("uid")
    if uid and uid != previous["uid"]:
        key = f"/registry/{_registry_path(resource)}/{_path(previous)}"
        raise failures.conflict(
            resource.group,
            resource.name,
            name,
            f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: "
            f"Precondition failed: UID in precondition: {uid}, UID in object meta: {previous['uid']}",
        )
    version = metadata.get("resourceVersion") or ""
    if not (version.isascii() and version.isdigit()) and version:
        # The server's number parser fails where nobody expects it to.
        raise failures.Failure("", f'strconv.ParseUint: parsing "{version}": invalid syntax', code=500)
    if version in ("", "0"):
        if not rules_of(resource).unconditional_update:
            cause = Cause(
                failures.INVALID, "Invalid value: 0: must be specified for an update", "metadata.resourceVersion"
            )
            raise failures.invalid(resource.group, resource.name, name, [cause])
    elif version != previous["resourceVersion"]:
        raise failures.conflict(resource.group, resource.name, name)


def _registry_path(resource: Resource) -> str:
    return f"{resource.group}/{resource.name}" if resource.custom else resource.name


def _path(metadata: dict[str, Any]) -> str:
    namespace = metadata.get("namespace")
    return f"{namespace}/{metadata['name']}" if namespace else str(metadata["name"])


def replace(
    cluster: Cluster, resource: Resource, record: Record, obj: dict[str, Any], change: Change, *, checked: bool = False
) -> ObjectAnswer:
    """Store a new version of an object after everything the server does to it; call it inside a transaction.

    ``checked`` skips the comparison of resourceVersion and uid, for writes made from the stored object itself.
    Raises a 4xx Failure.
    """
    old = cluster.shown(resource, record)
    metadata, previous = obj["metadata"], old["metadata"]
    if not checked:
        _check_versions(resource, metadata, previous)
    if change.guard is not None:
        change.guard(obj, old)
    rules, schema = rules_of(resource), cluster.schema_of(resource)
    stamp_update(metadata, previous)
    change.warnings.extend(without_repeats(metadata))
    metadata["resourceVersion"] = previous["resourceVersion"]
    prune(obj, schema)
    apply_defaults(obj, schema, resource.gvk)
    fields = _recorded_fields(obj, old, resource, change, schema=schema, now=cluster.now())
    part = change.subresource if (resource.group, resource.kind, change.subresource) in BY_PART else ""
    if change.subresource in STATUS_PARTS:
        rules.prepare_status_update(obj, old)
    elif part:
        rules.prepare_part_update(obj, old, part)
    else:
        rules.prepare_update(obj, old, _others(cluster, resource))
    metadata = obj["metadata"]
    shape(obj, schema)
    _set_fields(obj, fields)
    if change.subresource not in STATUS_PARTS and rules.has_generation and rules.spec_changed(obj, old):
        metadata["generation"] = previous.get("generation", 0) + 1
    causes = validate(obj, old, resource, schema, subresource=change.subresource, warnings=change.warnings)
    if causes:
        raise failures.invalid(resource.storage.group, obj.get("kind", ""), metadata["name"], causes)
    shape(obj, schema, stored=True)
    change.warnings.extend(advice(obj, old, resource, schema))
    return _store(cluster, resource, record, obj, change)


def _store(cluster: Cluster, resource: Resource, record: Record, obj: dict[str, Any], change: Change) -> ObjectAnswer:
    obj = ordered(obj, custom=resource.custom)
    old = cluster.shown(resource, record)
    if managed_fields.same_but_time(old, obj):
        return ObjectAnswer(old, resource, 200, record)
    if change.dry_run:
        return ObjectAnswer(obj, resource)
    metadata = obj["metadata"]
    key: Key = (metadata.get("namespace", ""), metadata["name"])
    if finished(resource, obj):
        # The last finalizer has gone: this very write removes the object. The answer shows what was written, with the
        # old version; watchers see the object as it was stored, the finalizer with it.
        cluster.store.delete(resource.collection, key)
        return ObjectAnswer(obj, resource)
    stored = cluster.store.replace(resource.collection, key, obj)
    return ObjectAnswer(cluster.shown(resource, stored), resource, 200, stored)


def finished(resource: Resource, obj: dict[str, Any]) -> bool:
    """Tell whether nothing holds a terminating object any more."""
    metadata = obj["metadata"]
    if "deletionTimestamp" not in metadata or metadata.get("finalizers"):
        return False
    if metadata.get("deletionGracePeriodSeconds"):
        return False
    return resource.collection != ("", "namespaces") or not obj.get("spec", {}).get("finalizers")
