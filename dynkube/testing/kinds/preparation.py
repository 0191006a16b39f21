"""What happens to an object between its defaults and its storage: strategies and default admission plug-ins.

Fields set here belong to no manager (the real server computes managed fields before). Every function works in place.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

from dynkube.testing.kinds.allocation import allocate_service
from dynkube.testing.kinds.workload_defaults import JOB_UID

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.testing.kinds.allocation import Others

    Create = Callable[[dict[str, Any], Others], None]
    Update = Callable[[dict[str, Any], dict[str, Any], Others], None]

_TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"
#: Seconds a pod may stay on a node that is gone, added by the DefaultTolerationSeconds admission plug-in.
_TOLERATION_SECONDS = 300
#: Types of services that have a port on every node.
_WITH_NODE_PORTS = frozenset({"NodePort", "LoadBalancer"})


def quality(spec: dict[str, Any]) -> str:
    """Return a pod's QoS class from the cpu and memory its containers ask for."""
    containers = [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]
    guaranteed = bool(containers)
    burstable = False
    for container in containers:
        resources = container.get("resources") or {}
        limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
        for name in ("cpu", "memory"):
            if name in limits or name in requests:
                burstable = True
            if name not in limits or requests.get(name, limits[name]) != limits[name]:
                guaranteed = False
    return "Guaranteed" if guaranteed else "Burstable" if burstable else "BestEffort"


def resized(obj: dict[str, Any], old: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the containers of a pod with the resources a resize asks for; other containers are kept, to be refused."""
    before = {container.get("name"): container for container in (old.get("spec") or {}).get("containers") or []}
    found = []
    for container in (obj.get("spec") or {}).get("containers") or []:
        kept = copy.deepcopy(before.get(container.get("name"), container))
        for key in ("resources", "resizePolicy"):
            if key in container:
                kept[key] = copy.deepcopy(container[key])
            else:
                kept.pop(key, None)
        found.append(kept)
    return found


def create_pod(obj: dict[str, Any], _others: Others) -> None:
    """Give a new pod its status, priority and default tolerations."""
    spec = obj.setdefault("spec", {})
    if spec.get("terminationGracePeriodSeconds", 0) < 0:
        spec["terminationGracePeriodSeconds"] = 1
    obj["status"] = {"phase": "Pending", "qosClass": quality(spec)}
    if spec.get("schedulingGates"):
        why = {"reason": "SchedulingGated", "message": "Scheduling is blocked due to non-empty scheduling gates"}
        obj["status"]["conditions"] = [{"type": "PodScheduled", "status": "False", **why}]
    _tolerate(spec)
    spec.setdefault("priority", 0)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")


def _tolerate(spec: dict[str, Any]) -> None:
    """Let a pod stay for a while on a node that is gone (DefaultTolerationSeconds), new or updated."""
    tolerations = spec.get("tolerations") or []
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(_tolerates(toleration, key) for toleration in tolerations):
            wanted = {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _TOLERATION_SECONDS}
            tolerations = [*tolerations, wanted]
    spec["tolerations"] = tolerations


def _tolerates(toleration: dict[str, Any], key: str) -> bool:
    return toleration.get("key") in {key, None, ""} and toleration.get("effect") in {"NoExecute", None, ""}


def update_pod(obj: dict[str, Any], old: dict[str, Any], _others: Others) -> None:
    """Keep what the server itself put into a pod when an update leaves it out."""
    spec, before = obj.setdefault("spec", {}), old.get("spec") or {}
    _tolerate(spec)
    for key in ("priority", "preemptionPolicy", "nodeName", "serviceAccount", "serviceAccountName"):
        if key not in spec and key in before:
            spec[key] = copy.deepcopy(before[key])


def create_namespace(obj: dict[str, Any], _others: Others) -> None:
    """Hold a new namespace by the finalizer its contents' removal waits for."""
    spec = obj.setdefault("spec", {})
    if "kubernetes" not in (spec.get("finalizers") or []):
        spec["finalizers"] = [*(spec.get("finalizers") or []), "kubernetes"]
    obj["status"] = {"phase": "Active"}


def update_namespace(obj: dict[str, Any], old: dict[str, Any], _others: Others) -> None:
    """Only the finalize subresource may touch a namespace's finalizers."""
    obj.setdefault("spec", {})["finalizers"] = copy.deepcopy((old.get("spec") or {}).get("finalizers") or [])


def create_service(obj: dict[str, Any], others: Others) -> None:
    """Allocate addresses and ports."""
    obj["status"] = {"loadBalancer": {}}
    allocate_service(obj, others)


def update_service(obj: dict[str, Any], old: dict[str, Any], others: Others) -> None:
    """Keep allocated addresses and ports that the update leaves out."""
    spec, before = obj.setdefault("spec", {}), old.get("spec") or {}
    _drop_what_was_needed(spec, before)
    _agree_on_addresses(spec, before)
    if spec.get("type") != "ExternalName" and before.get("type") != "ExternalName":
        for key in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if key not in spec and key in before:
                spec[key] = copy.deepcopy(before[key])
        if spec.get("type") in _WITH_NODE_PORTS:
            # A port is the same as long as its name is.
            held = {port.get("name", ""): port.get("nodePort") for port in before.get("ports") or []}
            for port in spec.get("ports") or []:
                kept = held.get(port.get("name", ""))
                if kept and not port.get("nodePort"):
                    port["nodePort"] = kept
    allocate_service(obj, others)


def _drop_what_was_needed(spec: dict[str, Any], before: dict[str, Any]) -> None:
    """Clear values the service needed and needs no more, unless the update itself sets others."""
    old, new, balancer = before.get("type"), spec.get("type"), "LoadBalancer"
    # Ports may come and go, as long as none is given a port of the nodes that it had not before.
    if old in _WITH_NODE_PORTS and new not in _WITH_NODE_PORTS and _node_ports(spec) <= _node_ports(before):
        for port in spec.get("ports") or []:
            port.pop("nodePort", None)
    gone: list[str] = []
    if _checked_by_port(before) and not _checked_by_port(spec):
        gone.append("healthCheckNodePort")
    if old == balancer and new != balancer:
        gone += ["allocateLoadBalancerNodePorts", "loadBalancerClass"]
    if _reached_from_outside(before) and not _reached_from_outside(spec):
        gone.append("externalTrafficPolicy")
    for key in gone:
        if spec.get(key) == before.get(key):
            spec.pop(key, None)


def _node_ports(spec: dict[str, Any]) -> set[int]:
    return {port["nodePort"] for port in spec.get("ports") or [] if port.get("nodePort")}


def _reached_from_outside(spec: dict[str, Any]) -> bool:
    kind = spec.get("type")
    return kind in _WITH_NODE_PORTS or (kind == "ClusterIP" and bool(spec.get("externalIPs")))


def _checked_by_port(spec: dict[str, Any]) -> bool:
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def _agree_on_addresses(spec: dict[str, Any], before: dict[str, Any]) -> None:
    """Let whichever of clusterIP and clusterIPs the update changed decide about the other."""
    one, many = spec.get("clusterIP"), spec.get("clusterIPs")
    if one and one != before.get("clusterIP") and many in (None, [], before.get("clusterIPs")):
        spec["clusterIPs"] = [one, *(many or [])[1:]]
    elif many and many != before.get("clusterIPs") and one == before.get("clusterIP"):
        spec["clusterIP"] = many[0]


def create_claim(obj: dict[str, Any], _others: Others) -> None:
    """Protect a claim in use (StorageObjectInUseProtection), start it as Pending, name its source by both fields."""
    spec = obj.get("spec") or {}
    for one, other in (("dataSource", "dataSourceRef"), ("dataSourceRef", "dataSource")):
        if spec.get(one) is not None and spec.get(other) is None:
            spec[other] = copy.deepcopy(spec[one])
    obj["status"] = {"phase": "Pending"}
    _add_finalizer(obj, "kubernetes.io/pvc-protection")


def create_volume(obj: dict[str, Any], _others: Others) -> None:
    """Protect a volume in use and start it as Pending."""
    now = (obj.get("metadata") or {}).get("creationTimestamp")
    obj["status"] = {"phase": "Pending", "lastPhaseTransitionTime": now}
    _add_finalizer(obj, "kubernetes.io/pv-protection")


def create_stateful_set(obj: dict[str, Any], _others: Others) -> None:
    """Drop what is behind a feature gate that is off."""
    (((obj.get("spec") or {}).get("updateStrategy") or {}).get("rollingUpdate") or {}).pop("maxUnavailable", None)


def update_stateful_set(obj: dict[str, Any], _old: dict[str, Any], others: Others) -> None:
    """Drop what is behind a feature gate that is off."""
    create_stateful_set(obj, others)


def create_attributes_class(obj: dict[str, Any], _others: Others) -> None:
    """Protect a volume attributes class in use."""
    _add_finalizer(obj, "kubernetes.io/vac-protection")


def update_signing_request(obj: dict[str, Any], old: dict[str, Any], _others: Others) -> None:
    """Keep what was asked to be signed: a write of the object itself changes metadata alone."""
    obj["spec"] = copy.deepcopy(old.get("spec") or {})


def update_endpoint_slice(obj: dict[str, Any], _old: dict[str, Any], others: Others) -> None:
    """Forget what only slices of retired versions may say."""
    create_endpoint_slice(obj, others)


def create_endpoint_slice(obj: dict[str, Any], _others: Others) -> None:
    """Forget what only slices of retired versions may say."""
    for endpoint in obj.get("endpoints") or []:
        endpoint.pop("deprecatedTopology", None)


def _add_finalizer(obj: dict[str, Any], name: str) -> None:
    metadata = obj.setdefault("metadata", {})
    if name not in (metadata.get("finalizers") or []):
        metadata["finalizers"] = [*(metadata.get("finalizers") or []), name]


def create_node(obj: dict[str, Any], _others: Others) -> None:
    """Keep the scheduler off a new node until it is ready (TaintNodesByCondition)."""
    taint = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
    spec = obj.setdefault("spec", {})
    if not any(t.get("key") == taint["key"] and t.get("effect") == taint["effect"] for t in spec.get("taints") or []):
        spec["taints"] = [*(spec.get("taints") or []), taint]


def create_job(obj: dict[str, Any], _others: Others) -> None:
    """Generate a job's selector and the labels of its pods from its uid."""
    obj["status"] = {}
    spec, metadata = obj.setdefault("spec", {}), obj.setdefault("metadata", {})
    if not spec.get("manualSelector"):
        _select_pods(spec, metadata)
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    if labels and not metadata.get("labels"):
        metadata["labels"] = dict(labels)


def _select_pods(spec: dict[str, Any], metadata: dict[str, Any]) -> None:
    """Have a job select its pods by its own uid, and its pods bear it."""
    uid, name = metadata.get("uid", ""), metadata.get("name", "")
    labels = {
        JOB_UID: uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }
    template = spec.setdefault("template", {}).setdefault("metadata", {})
    template["labels"] = {**(template.get("labels") or {}), **labels}
    selector = spec.setdefault("selector", {})
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), JOB_UID: uid}


def create_definition(obj: dict[str, Any], _others: Others) -> None:
    """Start a definition's status with the version it stores."""
    versions = (obj.get("spec") or {}).get("versions") or []
    stored = [version.get("name") for version in versions if version.get("storage")]
    obj["status"] = {"conditions": None, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": stored}


def update_definition(obj: dict[str, Any], old: dict[str, Any], _others: Others) -> None:
    """Remember every version that ever was stored."""
    status = copy.deepcopy(old.get("status") or {})
    stored = list(status.get("storedVersions") or [])
    for version in (obj.get("spec") or {}).get("versions") or []:
        if version.get("storage") and version.get("name") not in stored:
            stored.append(version.get("name"))
    status["storedVersions"] = stored
    obj["status"] = status


def update_daemon_set(obj: dict[str, Any], old: dict[str, Any], _others: Others) -> None:
    """Count the template's changes in the annotation of the retired API."""
    annotations = obj.setdefault("metadata", {}).setdefault("annotations", {})
    before = int(((old.get("metadata") or {}).get("annotations") or {}).get(_TEMPLATE_GENERATION, "1") or 1)
    changed = (obj.get("spec") or {}).get("template") != (old.get("spec") or {}).get("template")
    annotations[_TEMPLATE_GENERATION] = str(before + 1 if changed else before)


CREATE: Final[dict[tuple[str, str], Create]] = {
    ("", "Pod"): create_pod,
    ("", "Namespace"): create_namespace,
    ("", "Service"): create_service,
    ("", "PersistentVolumeClaim"): create_claim,
    ("", "PersistentVolume"): create_volume,
    ("", "Node"): create_node,
    ("apps", "StatefulSet"): create_stateful_set,
    ("discovery.k8s.io", "EndpointSlice"): create_endpoint_slice,
    ("storage.k8s.io", "VolumeAttributesClass"): create_attributes_class,
    ("batch", "Job"): create_job,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): create_definition,
}
UPDATE: Final[dict[tuple[str, str], Update]] = {
    ("certificates.k8s.io", "CertificateSigningRequest"): update_signing_request,
    ("discovery.k8s.io", "EndpointSlice"): update_endpoint_slice,
    ("", "Pod"): update_pod,
    ("", "Namespace"): update_namespace,
    ("", "Service"): update_service,
    ("apps", "DaemonSet"): update_daemon_set,
    ("apps", "StatefulSet"): update_stateful_set,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): update_definition,
}
