"""The scale of what runs pods: read, written, patched and applied in the place of the object that has it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

from dynkube.names import GroupVersionKind
from dynkube.objects import nested_get
from dynkube.testing.flows import parts, patching, writing
from dynkube.testing.http import failures
from dynkube.testing.http.answers import ObjectAnswer
from dynkube.testing.http.failures import Cause
from dynkube.testing.http.options import write_options
from dynkube.testing.objects.decoding import redecode
from dynkube.testing.patches import scale_fields, server_side_apply
from dynkube.testing.patches.managed_fields import Ownership
from dynkube.testing.resources.registry import Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dynkube.testing.flows.cluster import Call
    from dynkube.testing.http.options import WriteOptions
    from dynkube.testing.resources.registry import Subresource

    Editor = Callable[[dict[str, Any]], dict[str, Any]]

_SCALE: Final = GroupVersionKind("autoscaling", "v1", "Scale")
#: What the answers are about: scales have tables of their own.
_SHOWN: Final = Resource("autoscaling", "v1", "scales", "Scale", True, ("get", "update", "patch"))


def _scale_paths(resource: Resource) -> tuple[list[str], list[str], list[str]]:
    """Return where an object keeps its wanted replicas, its present ones and its selector."""
    if resource.custom:
        paths = (resource.definition.get("subresources") or {}).get("scale") or {}
        names = ("specReplicasPath", "statusReplicasPath", "labelSelectorPath")
        spec, status, selector = ([part for part in str(paths.get(name) or "").split(".") if part] for name in names)
        return spec, status, selector
    return ["spec", "replicas"], ["status", "replicas"], ["spec", "selector"]


def selector_text(selector: Any) -> str:
    """Return a selector of an object (a map, or a LabelSelector) in the form of a query."""
    if isinstance(selector, str):
        return selector
    if not isinstance(selector, dict):
        return ""
    is_map = not {"matchLabels", "matchExpressions"} & set(selector)
    labels = selector if is_map else selector.get("matchLabels") or {}
    parts = [f"{key}={value}" for key, value in labels.items()]
    for requirement in () if is_map else selector.get("matchExpressions") or ():
        key, operator = requirement.get("key", ""), requirement.get("operator")
        values = ",".join(sorted(requirement.get("values") or ()))
        forms = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": key}
        parts.append(forms.get(str(operator), f"!{key}"))
    return ",".join(sorted(parts))


def scale_of(resource: Resource, obj: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Scale of an object."""
    spec_path, status_path, selector_path = _scale_paths(resource)
    metadata = obj["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    spec: dict[str, Any] = {}
    wanted = nested_get(obj, *spec_path) if spec_path else None
    if wanted:
        spec["replicas"] = wanted
    status: dict[str, Any] = {"replicas": (nested_get(obj, *status_path) if status_path else None) or 0}
    selector = selector_text(nested_get(obj, *selector_path)) if selector_path else ""
    if selector:
        status["selector"] = selector
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: metadata[name] for name in kept if name in metadata},
        "spec": spec,
        "status": status,
    }


def handle(call: Call, resource: Resource, sub: Subresource) -> ObjectAnswer:
    """Answer a request for the scale of an object."""
    cluster = call.cluster
    if call.route.verb == "get":
        record = cluster.get(resource, call.key)
        obj = cluster.shown(resource, record)
        spec_path = _scale_paths(resource)[0]
        if resource.custom and nested_get(obj, *spec_path) is None:
            raise failures.internal(f'the spec replicas field ".{".".join(spec_path)}" does not exist')
        return ObjectAnswer(scale_of(resource, obj), _SHOWN)
    if call.content_type == patching.APPLY_PATCH:
        return _applied_scale(call, resource)
    changed = call.route.verb == "patch"
    options = write_options(call.route.query, "PatchOptions" if changed else "UpdateOptions")
    sent = None if changed else parts.body(call, sub, options.field_validation)
    editor = patching.patch_editor(call, call.cluster.schemas.schema_for(_SCALE)) if changed else None
    with cluster.store.transaction():
        record = cluster.get(resource, call.key)
        old = cluster.shown(resource, record)
        scale = sent or _patched_scale(call, editor, scale_of(resource, old), options)
        metadata, spec = scale.get("metadata") or {}, scale.get("spec") or {}
        if metadata.get("name") != call.route.name:
            writing.check_name(call, metadata)
        replicas = _checked_replicas(spec.get("replicas", 0), call.route.name, custom=resource.custom)
        obj = _with_replicas(resource, copy.deepcopy(old), replicas)
        version = metadata.get("resourceVersion")
        if version:
            obj["metadata"]["resourceVersion"] = version
        change = writing.change_of(call, options, subresource="scale", recorded=not _owned(resource, old))
        answer = writing.replace(cluster, resource, record, obj, change, checked=not version)
    return ObjectAnswer(scale_of(resource, answer.document), _SHOWN)


def _applied_scale(call: Call, resource: Resource) -> ObjectAnswer:
    """Apply a Scale: who owns the object's replicas owns the scale's, and the other way round."""
    options = write_options(call.route.query, "PatchOptions", applying=True)
    applied = patching.configuration(call, options)
    change = writing.change_of(call, options, subresource="scale", recorded=True)
    cluster = call.cluster
    with cluster.store.transaction():
        record = cluster.get(resource, call.key)
        old = cluster.shown(resource, record)
        live = scale_of(resource, old)
        path = tuple(f"f:{name}" for name in _scale_paths(resource)[0])
        owned = Ownership.read(old["metadata"].get("managedFields"))
        live["metadata"]["managedFields"] = scale_fields.of_scale(owned, path).write()
        scale = server_side_apply.apply(
            live,
            applied,
            manager=change.manager,
            force=bool(options.force),
            api_version=live["apiVersion"],
            subresource="scale",
            schema=cluster.schemas.schema_for(_SCALE),
            time=None,
        )
        if resource.custom:
            raise _no_scale_of_custom(applied)
        replicas = _checked_replicas((scale.get("spec") or {}).get("replicas", 0), call.route.name, custom=False)
        obj = _with_replicas(resource, copy.deepcopy(old), replicas)
        mine = Ownership.read(scale["metadata"].get("managedFields"))
        obj["metadata"]["managedFields"] = scale_fields.of_object(owned, mine, path, resource.api_version).write()
        version = applied["metadata"].get("resourceVersion")
        if version:
            obj["metadata"]["resourceVersion"] = version
        answer = writing.replace(cluster, resource, record, obj, change, checked=not version)
    return ObjectAnswer(scale_of(resource, answer.document), _SHOWN)


def _no_scale_of_custom(applied: Mapping[str, Any]) -> failures.Failure:
    """Return what a real server says of a Scale applied to a custom object: it does not get beyond conflicts."""
    metadata = applied["metadata"]
    who = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}; autoscaling/v1, Kind=Scale"
    why = "request to convert CR to an invalid group/version: autoscaling/v1"
    return failures.Failure("", f"failed to convert new object ({who}) to proper version: {why}", code=500)


def _patched_scale(call: Call, editor: Editor | None, scale: dict[str, Any], options: WriteOptions) -> dict[str, Any]:
    if editor is None:
        return scale
    validation: Any = options.field_validation
    schema = call.cluster.schemas.schema_for(_SCALE)
    patched, warnings = redecode(editor(scale), gvk=_SCALE, schema=schema, validation=validation)
    call.warnings += warnings
    return patched


def _owned(resource: Resource, obj: Mapping[str, Any]) -> bool:
    """Tell whether somebody owns the replicas. A Scale owned by nobody is an object that never had managed fields."""
    path = tuple(f"f:{name}" for name in _scale_paths(resource)[0])
    return bool(scale_fields.of_scale(Ownership.read(obj["metadata"].get("managedFields")), path).sets)


def _checked_replicas(replicas: Any, name: str, *, custom: bool) -> int:
    """Return the number asked for; that of a custom object is checked along with the object."""
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise failures.bad_request("Scale.spec.replicas must be a number")
    if replicas < 0 and not custom:
        message = f"Invalid value: {replicas}: must be greater than or equal to 0"
        raise failures.invalid("autoscaling", "Scale", name, [Cause(failures.INVALID, message, "spec.replicas")])
    return replicas


def _with_replicas(resource: Resource, obj: dict[str, Any], replicas: int) -> dict[str, Any]:
    *parents, last = _scale_paths(resource)[0]
    target = obj
    for name in parents:
        target = target.setdefault(name, {})
    target[last] = replicas
    return obj
