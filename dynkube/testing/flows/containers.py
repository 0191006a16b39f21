"""Which container of which pod is meant, and whether anybody can be asked about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.objects import nested_get
from dynkube.testing.http import failures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynkube.testing.flows.cluster import Call
    from dynkube.testing.resources.registry import Resource

#: Where the containers of a pod are, in its spec and in its status.
_KINDS = {
    "containers": "containerStatuses",
    "initContainers": "initContainerStatuses",
    "ephemeralContainers": "ephemeralContainerStatuses",
}


def pod_of(call: Call, resource: Resource) -> dict[str, Any]:
    """Return the pod the path names. Raises the 404 Failure."""
    return call.cluster.get(resource, call.key).object


def container_of(call: Call, pod: Mapping[str, Any]) -> str:
    """Return the name of the container the query means. Raises the 400 Failure of a wrong or missing name."""
    name = call.route.name
    containers = [str(one["name"]) for one in nested_get(pod, "spec", "containers") or ()]
    known = {str(one["name"]) for kind in _KINDS for one in nested_get(pod, "spec", kind) or ()}
    asked = call.route.query.get("container")
    if asked and asked not in known:
        raise failures.bad_request(f"container {asked} is not valid for pod {name}")
    if not asked and len(containers) > 1:
        shown = " ".join(containers)
        raise failures.bad_request(f"a container name must be specified for pod {name}, choose one of: [{shown}]")
    return asked or containers[0]


def check_node(call: Call, pod: Mapping[str, Any]) -> None:
    """Raise the 404 Failure of a pod whose node is not there: a real server says it in exactly these words."""
    node = nested_get(pod, "spec", "nodeName") or ""
    if call.cluster.store.get(("", "nodes"), ("", node)) is None:
        raise failures.not_found("", "pods", node)


def waiting(pod: Mapping[str, Any], container: str) -> str:
    """Return the reason why a container has not started, "" if it has."""
    for kind in _KINDS.values():
        for status in nested_get(pod, "status", kind) or ():
            if status.get("name") == container:
                state = status.get("state") or {}
                return str((state.get("waiting") or {}).get("reason", "")) if "waiting" in state else ""
    return "ContainerCreating"


def reached(call: Call, resource: Resource, *, anything: bool = False) -> str:
    """Return the container that is meant, or with `anything` one of the pod's, if it can be reached.

    Raises the Failures of a real server.
    """
    pod = pod_of(call, resource)
    container = str(pod["spec"]["containers"][0]["name"]) if anything else container_of(call, pod)
    if not call.cluster.containers.knows((*call.key, container)):
        if not nested_get(pod, "spec", "nodeName"):
            raise failures.bad_request(f"pod {call.route.name} does not have a host assigned")
        check_node(call, pod)
        if waiting(pod, container):
            raise failures.internal(f'unable to upgrade connection: container not found ("{container}")')
    return container
