"""Subresources that are more than a part of their object: scale, binding, eviction, finalize, approval, token, log."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dynkube.names import GroupVersionKind
from dynkube.objects import nested_get
from dynkube.selectors import LabelSelector
from dynkube.testing.flows import deleting, tokens, writing
from dynkube.testing.http import failures
from dynkube.testing.http.answers import ObjectAnswer
from dynkube.testing.http.connections import HTTPResponse
from dynkube.testing.http.failures import Cause
from dynkube.testing.http.negotiation import BODY_TYPES, JSON, YAML
from dynkube.testing.http.options import DeleteOptions, write_options
from dynkube.testing.objects.decoding import decode, redecode
from dynkube.testing.objects.report import Report
from dynkube.testing.patches import scale_fields, server_side_apply
from dynkube.testing.patches.managed_fields import Ownership

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dynkube.testing.flows.cluster import Call
    from dynkube.testing.http.options import WriteOptions
    from dynkube.testing.resources.registry import Resource, Subresource
    from dynkube.testing.storage.store import Key

    Editor = Callable[[dict[str, Any]], dict[str, Any]]
    Handler = Callable[[Call, Resource, Subresource], ObjectAnswer | HTTPResponse]

#: Phases in which a pod serves nobody: its eviction disrupts nothing.
_UNPROTECTED = frozenset({"Pending", "Succeeded", "Failed"})


def handle(call: Call, resource: Resource, sub: Subresource) -> ObjectAnswer | HTTPResponse:
    """Answer a request for a subresource."""
    handler = _HANDLERS.get((resource.collection, sub.name)) or _HANDLERS.get((("*", "*"), sub.name))
    if handler is not None:
        return handler(call, resource, sub)
    return _part(call, resource)


def _part(call: Call, resource: Resource) -> ObjectAnswer:
    """Answer for a subresource that is a part of the object itself: status, ephemeralcontainers, resize."""
    if call.route.verb == "get":
        record = call.cluster.get(resource, call.key)
        return ObjectAnswer(call.cluster.shown(resource, record), resource, record=record)
    if call.route.verb == "update":
        return writing.update(call, resource)
    if call.route.verb == "patch":
        return writing.patch(call, resource)
    raise failures.method_not_allowed()


def _body(call: Call, sub: Subresource, validation: Any = "Warn") -> dict[str, Any]:
    """Return the body as an object of the subresource's own kind. Raises a 4xx Failure."""
    if call.content_type not in (JSON, YAML):
        raise failures.unsupported_media_type(BODY_TYPES)
    gvk = GroupVersionKind(sub.group, sub.version, sub.kind)
    schema = call.cluster.schemas.schema_for(gvk)
    obj, warnings = decode(
        call.request.body,
        call.content_type,
        gvk=gvk,
        schema=schema,
        validation=validation,
    )
    call.warnings += warnings
    return obj


def _success(code: int = 201) -> ObjectAnswer:
    document = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": code}
    return ObjectAnswer(document, status=code)


# Scale


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


def _scale(call: Call, resource: Resource, sub: Subresource) -> ObjectAnswer:
    cluster = call.cluster
    if call.route.verb == "get":
        record = cluster.get(resource, call.key)
        obj = cluster.shown(resource, record)
        spec_path = _scale_paths(resource)[0]
        if resource.custom and nested_get(obj, *spec_path) is None:
            raise failures.internal(f'the spec replicas field ".{".".join(spec_path)}" does not exist')
        return ObjectAnswer(scale_of(resource, obj))
    if call.content_type == writing.APPLY_PATCH:
        return _applied_scale(call, resource)
    patching = call.route.verb == "patch"
    options = write_options(call.route.query, "PatchOptions" if patching else "UpdateOptions")
    sent = None if patching else _body(call, sub, options.field_validation)
    editor = writing.patch_editor(call, call.cluster.schemas.schema_for(_SCALE)) if patching else None
    with cluster.store.transaction():
        record = cluster.get(resource, call.key)
        old = cluster.shown(resource, record)
        scale = sent or _patched_scale(call, editor, scale_of(resource, old), options)
        metadata, spec = scale.get("metadata") or {}, scale.get("spec") or {}
        if metadata.get("name") != call.route.name:
            writing.check_name(call, metadata)
        replicas = _checked_replicas(resource, spec.get("replicas", 0), call.route.name)
        obj = _with_replicas(resource, copy.deepcopy(old), replicas)
        version = metadata.get("resourceVersion")
        if version:
            obj["metadata"]["resourceVersion"] = version
        change = writing.change_of(call, options, subresource="scale", recorded=not _owned(resource, old))
        answer = writing.replace(cluster, resource, record, obj, change, checked=not version)
    return ObjectAnswer(scale_of(resource, answer.document))


def _applied_scale(call: Call, resource: Resource) -> ObjectAnswer:
    """Apply a Scale: who owns the object's replicas owns the scale's, and the other way round."""
    options = write_options(call.route.query, "PatchOptions", applying=True)
    applied = writing.configuration(call, options)
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
        replicas = _checked_replicas(resource, (scale.get("spec") or {}).get("replicas", 0), call.route.name)
        obj = _with_replicas(resource, copy.deepcopy(old), replicas)
        mine = Ownership.read(scale["metadata"].get("managedFields"))
        obj["metadata"]["managedFields"] = scale_fields.of_object(owned, mine, path, resource.api_version).write()
        version = applied["metadata"].get("resourceVersion")
        if version:
            obj["metadata"]["resourceVersion"] = version
        answer = writing.replace(cluster, resource, record, obj, change, checked=not version)
    return ObjectAnswer(scale_of(resource, answer.document))


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


_SCALE = GroupVersionKind("autoscaling", "v1", "Scale")


def _owned(resource: Resource, obj: Mapping[str, Any]) -> bool:
    """Tell whether somebody owns the replicas. A Scale owned by nobody is an object that never had managed fields."""
    path = tuple(f"f:{name}" for name in _scale_paths(resource)[0])
    return bool(scale_fields.of_scale(Ownership.read(obj["metadata"].get("managedFields")), path).sets)


def _checked_replicas(resource: Resource, replicas: Any, name: str) -> int:
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise failures.bad_request("Scale.spec.replicas must be a number")
    # Those of custom objects are looked at with the object as a whole, as its own field.
    if replicas < 0 and not resource.custom:
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


# Pods


def bind(call: Call, pods: Resource) -> ObjectAnswer:
    """Answer a POST to the bindings of a namespace: the binding itself names its pod."""
    sub = pods.subresources["binding"]
    name = nested_get(_body(call, sub, "Ignore"), "metadata", "name") or ""
    call.route = replace(call.route, name=name)
    return _binding(call, pods, sub)


def _binding(call: Call, resource: Resource, sub: Subresource) -> ObjectAnswer:
    options = write_options(call.route.query, "CreateOptions")
    binding = _body(call, sub, options.field_validation)
    node, kind = nested_get(binding, "target", "name") or "", nested_get(binding, "target", "kind") or ""
    report = Report()
    if kind not in ("", "Node"):
        report.unsupported("target.kind", kind, ["Node", "<empty>"])
    if not node:
        report.required("target.name")
    if report.causes:
        # The registry hands its errors on as they are, outside of any Status.
        raise failures.Failure("", failures.join_causes(report.causes), code=500)
    cluster = call.cluster
    with cluster.store.transaction():
        record = cluster.get(resource, call.key)
        old = cluster.shown(resource, record)
        assigned = nested_get(old, "spec", "nodeName")
        if assigned:
            why = f'pod {call.route.name} is already assigned to node "{assigned}"'
            raise failures.conflict("", "pods/binding", call.route.name, why)
        obj = copy.deepcopy(old)
        obj["spec"]["nodeName"] = node
        _set_condition(obj, {"type": "PodScheduled", "status": "True"}, cluster.now())
        if not options.dry_run:
            cluster.store.replace(resource.collection, call.key, obj)
    return _success()


def _set_condition(obj: dict[str, Any], condition: dict[str, Any], now: str) -> None:
    full = {**condition, "lastProbeTime": None, "lastTransitionTime": now}
    ordered = {name: full[name] for name in ("type", "status", "lastProbeTime", "lastTransitionTime")}
    status = obj.setdefault("status", {})
    others = [known for known in status.get("conditions") or () if known.get("type") != condition["type"]]
    status["conditions"] = [*others, ordered | full]


def _eviction(call: Call, resource: Resource, sub: Subresource) -> ObjectAnswer:
    options = write_options(call.route.query, "CreateOptions")
    eviction = _body(call, sub, options.field_validation)
    if nested_get(eviction, "metadata", "name") != call.route.name:
        raise failures.bad_request("name in URL does not match name in Eviction object")
    asked = eviction.get("deleteOptions") or {}
    dry_run = options.dry_run or bool(asked.get("dryRun"))
    cluster = call.cluster
    with cluster.store.transaction():
        record = cluster.get(resource, call.key)
        obj = copy.deepcopy(cluster.shown(resource, record))
        if "deletionTimestamp" not in obj["metadata"] and nested_get(obj, "status", "phase") not in _UNPROTECTED:
            budgets = _check_budgets(call, obj)
            for key, budget in () if dry_run else budgets:
                _disrupt(call, key, budget, call.route.name)
        if not dry_run:
            condition = {
                "type": "DisruptionTarget",
                "status": "True",
                "reason": "EvictionByEvictionAPI",
                "message": "Eviction API: evicting",
            }
            _set_condition(obj, condition, cluster.now())
            cluster.store.replace(resource.collection, call.key, obj)
            preconditions = {k: v for k, v in (asked.get("preconditions") or {}).items() if isinstance(v, str)}
            delete = DeleteOptions(grace_period=asked.get("gracePeriodSeconds"), preconditions=preconditions)
            deleting.delete_object(cluster, resource, call.key, delete)
    return _success()


def _disrupt(call: Call, key: Key, budget: dict[str, Any], pod: str) -> None:
    """Take one eviction off a budget at once: the next one must not wait for the controller to count anew."""
    status = budget["status"]
    disrupted = {**(status.get("disruptedPods") or {}), pod: call.cluster.now()}
    changed = {**status, "disruptionsAllowed": status["disruptionsAllowed"] - 1, "disruptedPods": disrupted}
    call.cluster.store.replace(("policy", "poddisruptionbudgets"), key, {**budget, "status": changed})


def _check_budgets(call: Call, pod: Mapping[str, Any]) -> list[tuple[Key, dict[str, Any]]]:
    """Return the budget an eviction of this pod counts against, if any.

    Raises the 429 Failure when it has nothing left or was not counted yet, and the 500 one of two budgets for one pod.
    """
    found = [
        (key, record.object)
        for key, record in call.cluster.store.objects(("policy", "poddisruptionbudgets"), call.key[0])[0]
        if _covers(record.object, pod["metadata"].get("labels") or {})
    ]
    if len(found) > 1:
        text = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        raise failures.Failure("", text, code=500)
    for _, budget in found:
        status = budget.get("status") or {}
        desired, healthy = status.get("desiredHealthy", 0), status.get("currentHealthy", 0)
        if not _ready(pod) and healthy >= desired > 0:
            return []
        name = budget["metadata"]["name"]
        if status.get("observedGeneration", 0) < budget["metadata"].get("generation", 0):
            raise _over_budget(f"The disruption budget {name} is still being processed by the server.", 10)
        if status.get("disruptionsAllowed", 0) < 0:
            raise failures.forbidden("policy", "poddisruptionbudget", name, "pdb disruptions allowed is negative")
        if not status.get("disruptionsAllowed"):
            raise _over_budget(f"The disruption budget {name} needs {desired} healthy pods and has {healthy} currently")
    return found


def _covers(budget: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Tell whether a budget is about a pod with these labels; an empty selector is about none."""
    text = selector_text(nested_get(budget, "spec", "selector"))
    return bool(text) and LabelSelector.parse(text).matches(labels)


def _ready(pod: Mapping[str, Any]) -> bool:
    conditions = nested_get(pod, "status", "conditions") or ()
    return any(found.get("type") == "Ready" and found.get("status") == "True" for found in conditions)


def _over_budget(message: str, retry_after: int = 0) -> failures.Failure:
    text = "Cannot evict pod as it would violate the pod's disruption budget."
    details: dict[str, Any] = {"causes": [{"reason": "DisruptionBudget", "message": message}]}
    if not retry_after:
        return failures.Failure("TooManyRequests", text, details=details)
    details["retryAfterSeconds"] = retry_after
    return failures.Failure("TooManyRequests", text, details=details, headers={"Retry-After": str(retry_after)})


def _log(call: Call, resource: Resource, _sub: Subresource) -> HTTPResponse:
    record = call.cluster.get(resource, call.key)
    pod = record.object
    name = call.route.name
    containers = [str(container["name"]) for container in nested_get(pod, "spec", "containers") or ()]
    inits = [str(container["name"]) for container in nested_get(pod, "spec", "initContainers") or ()]
    container = call.route.query.get("container")
    if container and container not in [*containers, *inits]:
        raise failures.bad_request(f"container {container} is not valid for pod {name}")
    if not container and len(containers) > 1:
        shown = " ".join(containers)
        raise failures.bad_request(f"a container name must be specified for pod {name}, choose one of: [{shown}]")
    text = _scripted_log(call, container or containers[0])
    if text is None:
        node = nested_get(pod, "spec", "nodeName")
        if not node:
            return HTTPResponse(204, {}, b"")  # there is nobody to ask for it yet
        # No kubelet answers here: the real server says it in exactly these words.
        raise failures.not_found("", "pods", node)
    lines = text.splitlines(keepends=True)
    tail = call.route.query.get("tailLines")
    if tail:
        count = int(tail) if tail.isdigit() else 0
        lines = lines[-count:] if count else []
    return HTTPResponse(200, {"Content-Type": "text/plain"}, "".join(lines).encode())


def _scripted_log(call: Call, container: str) -> str | None:
    logs = call.cluster.logs
    namespace, name = call.key
    return logs.get((namespace, name, container), logs.get((namespace, name, "")))


def _unreachable(call: Call, resource: Resource, _sub: Subresource) -> ObjectAnswer:
    """Answer exec, attach, port-forward and proxy: there is no kubelet behind this server."""
    call.cluster.get(resource, call.key)
    message = f"{call.route.subresource} needs a kubelet, and this server has none"
    raise failures.Failure("ServiceUnavailable", message, details={})


# Namespaces, certificates, service accounts


def _finalize(call: Call, resource: Resource, _sub: Subresource) -> ObjectAnswer:
    options = write_options(call.route.query, "UpdateOptions")
    sent = writing.decoded(call, resource, options)
    writing.check_name(call, sent["metadata"])
    cluster = call.cluster
    with cluster.store.transaction():
        record = cluster.get(resource, call.key)
        old = cluster.shown(resource, record)
        version = sent["metadata"].get("resourceVersion")
        if version and version != old["metadata"]["resourceVersion"]:
            raise failures.conflict("", resource.name, call.route.name)
        finalizers = nested_get(sent, "spec", "finalizers") or []
        obj = copy.deepcopy(old)
        obj["spec"] = {**obj.get("spec", {}), "finalizers": list(finalizers)}
        if not finalizers:
            del obj["spec"]["finalizers"]
        if options.dry_run or obj == old:
            return ObjectAnswer(obj, resource)
        if writing.finished(resource, obj):
            cluster.store.delete(resource.collection, call.key, obj)
            return ObjectAnswer(obj, resource)
        stored = cluster.store.replace(resource.collection, call.key, obj)
    return ObjectAnswer(cluster.shown(resource, stored), resource, record=stored)


def _token(call: Call, resource: Resource, sub: Subresource) -> ObjectAnswer:
    options = write_options(call.route.query, "CreateOptions")
    return tokens.issue(call, resource, _body(call, sub, options.field_validation), options)


_POD = ("", "pods")
_HANDLERS: dict[tuple[tuple[str, str], str], Handler] = {
    (("*", "*"), "scale"): _scale,
    (_POD, "binding"): _binding,
    (_POD, "eviction"): _eviction,
    (_POD, "log"): _log,
    (_POD, "exec"): _unreachable,
    (_POD, "attach"): _unreachable,
    (_POD, "portforward"): _unreachable,
    (_POD, "proxy"): _unreachable,
    (("", "services"), "proxy"): _unreachable,
    (("", "nodes"), "proxy"): _unreachable,
    (("", "namespaces"), "finalize"): _finalize,
    (("", "serviceaccounts"), "token"): _token,
}
