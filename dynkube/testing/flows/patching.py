"""Patches, in any of the four formats: what the request says of the object, done to the stored one."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from dynkube.testing.flows import writing
from dynkube.testing.http import failures
from dynkube.testing.http.options import write_options
from dynkube.testing.objects import go_json
from dynkube.testing.objects.decoding import redecode
from dynkube.testing.objects.defaults import apply_defaults
from dynkube.testing.objects.pruning import drop_nulls
from dynkube.testing.patches import json_patch, merge_patch, server_side_apply, strategic_patch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dynkube.testing.flows.cluster import Call
    from dynkube.testing.http.answers import ObjectAnswer
    from dynkube.testing.http.options import WriteOptions
    from dynkube.testing.objects.schemas import Schema
    from dynkube.testing.resources.registry import Resource
    from dynkube.testing.storage.store import Record

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


def patch(call: Call, resource: Resource) -> ObjectAnswer:
    """Answer a PATCH of an object or of its status, in any of the four patch formats."""
    kinds = [JSON_PATCH, MERGE_PATCH, APPLY_PATCH] if resource.custom else None
    if kinds is not None and call.content_type not in kinds:
        raise failures.unsupported_media_type(kinds)
    if call.content_type == APPLY_PATCH:
        return _apply(call, resource)
    editor = patch_editor(call, call.cluster.schema_of(resource))
    options = write_options(call.route.query, "PatchOptions")
    change = writing.change_of(call, options, subresource=call.route.subresource)
    cluster, schema = call.cluster, call.cluster.schema_of(resource)
    validation: Any = options.field_validation
    with cluster.store.transaction():
        record = cluster.get(resource, call.key)
        patched = editor(copy.deepcopy(cluster.shown(resource, record)))
        merging = call.content_type in (MERGE_PATCH, STRATEGIC_PATCH)
        parsed = merge_patch.parse(call.request.body) if merging else None
        obj, warnings = redecode(
            patched,
            gvk=resource.gvk,
            schema=schema,
            validation=validation,
            patch=parsed if call.content_type == STRATEGIC_PATCH else None,
            found=go_json.duplicates(parsed),
            touched=_touched(call),
        )
        call.warnings += warnings
        drop_nulls(obj, schema)
        if not isinstance(obj.get("metadata"), dict):
            obj["metadata"] = {}
        _check_patched_name(call, obj["metadata"])
        return writing.replace(cluster, resource, record, obj, change, checked=not _names_version(obj, record))


def _touched(call: Call) -> set[str]:
    """Return the objects that the request's patch takes apart, as `redecode` wants to know them."""
    if call.content_type == MERGE_PATCH:
        return set(_merged(merge_patch.parse(call.request.body), ""))
    if call.content_type != JSON_PATCH:
        return set()
    found: set[str] = set()
    for operation in json_patch.parse(call.request.body):
        path = ""
        for part in json_patch.segments(operation["path"])[:-1]:
            path += f"[{part}]" if part.isdecimal() else f".{part}" if path else part
            found.add(path)
    return found


def _merged(patch: Any, path: str) -> Iterator[str]:
    if isinstance(patch, dict):
        yield path
        for key, value in patch.items():
            yield from _merged(value, f"{path}.{key}" if path else key)


def _names_version(obj: dict[str, Any], record: Record) -> bool:
    """Tell whether the patch itself named a resourceVersion: then it is a precondition."""
    version = obj["metadata"].get("resourceVersion")
    return bool(version and version != record.object["metadata"]["resourceVersion"])


def _check_patched_name(call: Call, metadata: dict[str, Any]) -> None:
    writing.check_name(call, metadata)
    wanted = call.key[0]
    namespace = metadata.setdefault("namespace", wanted) if wanted else ""
    if namespace != wanted:
        text = "the namespace of the provided object does not match the namespace sent on the request"
        raise failures.bad_request(text)


def patch_editor(call: Call, schema: Schema | None) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return the function that applies the request's patch to a document. Raises the 415 Failure.

    The patch is read when it is applied: of an object that is not there the server says so, whatever the patch is.
    """
    body, kind = call.request.body, call.content_type
    if kind == JSON_PATCH:
        return lambda document: _object(json_patch.apply(document, json_patch.parse(body)))
    if kind == MERGE_PATCH:
        return lambda document: _object(merge_patch.apply(document, merge_patch.parse(body)))
    if kind == STRATEGIC_PATCH:
        return lambda document: strategic_patch.apply(document, body, schema)
    raise failures.Failure("UnsupportedMediaType", "415: Unsupported Media Type", details={})


def _object(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise failures.rejected()
    return document


def configuration(call: Call, options: WriteOptions) -> dict[str, Any]:
    """Return what the request applies; warnings go to the call. Raises a 400 Failure."""
    repeated: list[str] = []
    applied = server_side_apply.parse(call.request.body, repeated)
    if repeated and options.field_validation == "Strict":
        raise failures.bad_request(f"error strict decoding YAML: {', '.join(repeated)}")
    if options.field_validation == "Warn":
        call.warnings += repeated
    metadata = applied.setdefault("metadata", {})
    if not isinstance(metadata, dict):
        raise failures.bad_request("metadata must be an object")
    if metadata.get("managedFields") is not None:
        raise failures.bad_request("metadata.managedFields must be nil")
    writing.check_namespace(call, dict(metadata))
    if "name" in metadata:
        writing.check_name(call, metadata)
    return applied


def _apply(call: Call, resource: Resource) -> ObjectAnswer:
    options = write_options(call.route.query, "PatchOptions", applying=True)
    cluster, schema = call.cluster, call.cluster.schema_of(resource)
    applied = configuration(call, options)
    metadata = applied["metadata"]
    change = writing.change_of(call, options, subresource=call.route.subresource, recorded=True)
    with cluster.store.transaction():
        record = cluster.store.get(resource.collection, call.key)
        if record is None:
            writing.check_name(call, metadata)
        if record is None and change.subresource:
            raise failures.not_found(resource.group, resource.name, call.route.name)
        if record is None and metadata.get("uid"):
            why = f"uid mismatch: the provided object specified uid {metadata['uid']}, and no existing object was found"
            raise failures.conflict(resource.group, resource.name, call.route.name, why)
        live = copy.deepcopy(cluster.shown(resource, record)) if record else None
        obj = server_side_apply.apply(
            live,
            applied,
            manager=change.manager,
            force=bool(options.force),
            api_version=resource.api_version,
            subresource=change.subresource,
            schema=schema,
            time=cluster.now(),
            defaults=lambda obj: apply_defaults(obj, schema, resource.gvk),
        )
        if record is None:
            writing.check_namespace(call, obj["metadata"])
            writing.name_requester(call, resource, obj)
            return writing.create_object(cluster, resource, obj, change)
        version = applied["metadata"].get("resourceVersion")
        if version:
            obj["metadata"]["resourceVersion"] = version
        return writing.replace(cluster, resource, record, obj, change, checked=not version)
