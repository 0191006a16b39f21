"""Which pod and which container a command means: a pod, or the best one of what something else selects."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from dynkube.cli.exits import DeclinedError, UsageError
from dynkube.objects import nested_get

if TYPE_CHECKING:
    from dynkube.cli.cluster import Cluster
    from dynkube.dynamic import Resource
    from dynkube.objects import JSONObject

#: The annotation by which a pod says which container is meant (kubectl's).
DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"


class Pod(NamedTuple):
    """One pod as it is, and the view it is in."""

    view: Resource
    obj: JSONObject

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.obj["metadata"]["name"])

    @property
    def containers(self) -> list[str]:
        """The names of its containers, those that start before the others last."""
        kinds = ("containers", "initContainers", "ephemeralContainers")
        return [str(one["name"]) for kind in kinds for one in nested_get(self.obj, "spec", kind) or ()]

    def container(self, wanted: str | None, *, quiet: bool = False) -> str:
        """Return the container that is meant: the one wanted, that of the annotation, or the first; say which."""
        if wanted:
            if wanted not in self.containers:
                known = " ".join(self.containers)
                raise DeclinedError(f"container {wanted} is not valid for pod {self.name} out of: {known}")
            return wanted
        annotated = nested_get(self.obj, "metadata", "annotations", DEFAULT_CONTAINER)
        if annotated in self.containers:
            return str(annotated)
        ordinary = [str(one["name"]) for one in self.obj["spec"]["containers"]]
        if len(self.containers) > 1 and not quiet:
            print(f'Defaulted container "{ordinary[0]}" out of: {", ".join(self.containers)}', file=sys.stderr)
        return ordinary[0]


def pods_view(cluster: Cluster) -> Resource:
    """Return the pods of the namespace a command works in."""
    return cluster.dyn.resource("v1", "pods").namespace(cluster.namespace)


def find_pod(cluster: Cluster, target: str, *, example: str) -> Pod:
    """Return the pod `target` means: its name, `pod/name`, or the best pod of `deploy/name`, `job/name`, `svc/name`.

    `example` is a complete command shown when it means nothing. Raises UsageError, DeclinedError, and NotFound.
    """
    resource, slash, name = target.rpartition("/")
    if not name or (slash and not resource) or "/" in resource:
        raise UsageError(f"{target!r} is neither a pod nor resource/name. For example: {example}")
    view = pods_view(cluster)
    if not slash or cluster.find(resource).gvr.group_resource == view.gvr.group_resource:
        return Pod(view, view.get(name))
    owner = cluster.view(cluster.find(resource), cluster.namespace).get(name)
    selector = pod_selector(owner)
    if not selector:
        raise DeclinedError(f"{target} selects no pods")
    found = sorted(view.iter(label_selector=selector), key=_readiness)
    if not found:
        raise DeclinedError(f"{target} has no pods")
    if len(found) > 1:
        print(f"Found {len(found)} pods, using pod/{found[0]['metadata']['name']}", file=sys.stderr)
    return Pod(view, found[0])


def pod_selector(owner: JSONObject) -> str | None:
    """Return the selector of the pods something is about, as text; None if it is about none."""
    from dynkube.selectors import LabelSelector

    selector: Any = nested_get(owner, "spec", "selector")
    if isinstance(selector, str):
        return selector
    if not isinstance(selector, dict) or not selector:
        return None
    structured = not set(selector) - {"matchLabels", "matchExpressions"}
    return str(LabelSelector.from_spec(selector) if structured else LabelSelector.from_mapping(selector))


def _readiness(pod: JSONObject) -> tuple[bool, bool, str]:
    """Order pods so that the one most likely to answer comes first: running, ready, oldest."""
    conditions = nested_get(pod, "status", "conditions") or ()
    ready = any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)
    running = nested_get(pod, "status", "phase") == "Running"
    return (not running, not ready, str(pod["metadata"].get("creationTimestamp")))
