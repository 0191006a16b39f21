"""Subresources, and the small handlers of those that are more than a part of their object: binding, log, finalize."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING

from dynkube.objects import nested_get
from dynkube.testing.flows import (
    container_logs,
    container_ports,
    container_streams,
    eviction,
    parts,
    patching,
    scaling,
    tokens,
    writing,
)
from dynkube.testing.http import failures
from dynkube.testing.http.answers import ObjectAnswer
from dynkube.testing.http.options import write_options
from dynkube.testing.objects.report import Report

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.testing.flows.cluster import Call
    from dynkube.testing.http.connections import HTTPResponse
    from dynkube.testing.resources.registry import Resource, Subresource

    Handler = Callable[[Call, Resource, Subresource], ObjectAnswer | HTTPResponse]


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
        return patching.patch(call, resource)
    raise failures.method_not_allowed()


# Pods


def bind(call: Call, pods: Resource) -> ObjectAnswer:
    """Answer a POST to the bindings of a namespace: the binding itself names its pod."""
    sub = pods.subresources["binding"]
    name = nested_get(parts.body(call, sub, "Ignore"), "metadata", "name") or ""
    call.route = replace(call.route, name=name)
    return _binding(call, pods, sub)


def _binding(call: Call, resource: Resource, sub: Subresource) -> ObjectAnswer:
    options = write_options(call.route.query, "CreateOptions")
    binding = parts.body(call, sub, options.field_validation)
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
        parts.set_condition(obj, {"type": "PodScheduled", "status": "True"}, cluster.now())
        if not options.dry_run:
            cluster.store.replace(resource.collection, call.key, obj)
    return parts.success()


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


_POD = ("", "pods")
_HANDLERS: dict[tuple[tuple[str, str], str], Handler] = {
    (("*", "*"), "scale"): scaling.handle,
    (_POD, "binding"): _binding,
    (_POD, "eviction"): eviction.evict,
    (_POD, "log"): container_logs.log,
    (_POD, "exec"): container_streams.exec_,
    (_POD, "attach"): container_streams.attach,
    (_POD, "portforward"): container_ports.port_forward,
    (_POD, "proxy"): _unreachable,
    (("", "services"), "proxy"): _unreachable,
    (("", "nodes"), "proxy"): _unreachable,
    (("", "namespaces"), "finalize"): _finalize,
    (("", "serviceaccounts"), "token"): tokens.issue,
}
