"""Defaults of the kinds that run no pods: services, storage, policy, RBAC, admission, definitions."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_RBAC = "rbac.authorization.k8s.io"
#: Seconds a client sticks to one backend unless said otherwise: three hours.
_AFFINITY_SECONDS = 10_800
_NAME_LABEL = "kubernetes.io/metadata.name"
_CPU_TARGET = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
}


def _spec(obj: dict[str, Any]) -> dict[str, Any]:
    spec = obj.setdefault("spec", {})
    return spec if isinstance(spec, dict) else {}


def service(obj: dict[str, Any]) -> None:
    """Fill in a service's policies and ports; addresses are given out when it is stored."""
    spec = _spec(obj)
    spec.setdefault("sessionAffinity", "None")
    if spec["sessionAffinity"] == "ClientIP":
        client_ip = spec.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {})
        client_ip.setdefault("timeoutSeconds", _AFFINITY_SECONDS)
    elif spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    kind = spec.setdefault("type", "ClusterIP")
    for port in spec.get("ports") or []:
        port.setdefault("protocol", "TCP")
        if port.get("targetPort") in (None, 0, ""):
            port["targetPort"] = port.get("port", 0)
    if kind in {"NodePort", "LoadBalancer"} or (kind == "ClusterIP" and spec.get("externalIPs")):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if kind != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if kind == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)


def secret(obj: dict[str, Any]) -> None:
    """Fill in a secret's type and fold the write-only ``stringData`` into ``data``."""
    texts = obj.pop("stringData", None)
    if texts:
        data = obj.get("data") or {}
        obj["data"] = {**data, **{key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}}
    obj.setdefault("type", "Opaque")


def namespace(obj: dict[str, Any]) -> None:
    """Label a namespace with its name."""
    metadata = obj.setdefault("metadata", {})
    if metadata.get("name"):
        metadata["labels"] = {**(metadata.get("labels") or {}), _NAME_LABEL: metadata["name"]}


def claim(obj: dict[str, Any]) -> None:
    """Fill in a persistent volume claim."""
    _spec(obj).setdefault("volumeMode", "Filesystem")
    obj.setdefault("status", {}).setdefault("phase", "Pending")


def volume(obj: dict[str, Any]) -> None:
    """Fill in a persistent volume."""
    spec = _spec(obj)
    spec.setdefault("persistentVolumeReclaimPolicy", "Retain")
    spec.setdefault("volumeMode", "Filesystem")
    if isinstance(spec.get("hostPath"), dict):
        spec["hostPath"].setdefault("type", "")
    obj.setdefault("status", {}).setdefault("phase", "Pending")


def endpoints(obj: dict[str, Any]) -> None:
    """Fill in the protocols of an Endpoints' ports."""
    for subset in obj.get("subsets") or []:
        for port in subset.get("ports") or []:
            port.setdefault("protocol", "TCP")


def endpoint_slice(obj: dict[str, Any]) -> None:
    """Fill in the names and protocols of an endpoint slice's ports."""
    for port in obj.get("ports") or []:
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")


def network_policy(obj: dict[str, Any]) -> None:
    """Fill in the directions a network policy speaks about."""
    spec = _spec(obj)
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
    for rule in [*(spec.get("ingress") or []), *(spec.get("egress") or [])]:
        for port in rule.get("ports") or []:
            port.setdefault("protocol", "TCP")


def autoscaler(obj: dict[str, Any]) -> None:
    """Fill in a horizontal pod autoscaler of either version."""
    spec = _spec(obj)
    spec.setdefault("minReplicas", 1)
    if obj.get("apiVersion") == "autoscaling/v1":
        return
    if not spec.get("metrics"):
        spec["metrics"] = [_CPU_TARGET]
    behavior = spec.get("behavior")
    if isinstance(behavior, dict):
        _scaling(behavior, "scaleUp", 0, [("Pods", 4, 15), ("Percent", 100, 15)])
        _scaling(behavior, "scaleDown", None, [("Percent", 100, 15)])


def _scaling(behavior: dict[str, Any], way: str, window: int | None, rules: list[tuple[str, int, int]]) -> None:
    found = behavior.setdefault(way, {})
    if window is not None:
        found.setdefault("stabilizationWindowSeconds", window)
    found.setdefault("selectPolicy", "Max")
    if not found.get("policies"):
        found["policies"] = [{"type": kind, "value": value, "periodSeconds": period} for kind, value, period in rules]


def storage_class(obj: dict[str, Any]) -> None:
    """Fill in a storage class."""
    obj.setdefault("reclaimPolicy", "Delete")
    obj.setdefault("volumeBindingMode", "Immediate")


def csi_driver(obj: dict[str, Any]) -> None:
    """Fill in a CSI driver."""
    spec = _spec(obj)
    spec.setdefault("attachRequired", True)
    for flag in ("podInfoOnMount", "storageCapacity", "requiresRepublish", "seLinuxMount"):
        spec.setdefault(flag, False)
    spec.setdefault("fsGroupPolicy", "ReadWriteOnceWithFSType")
    if not spec.get("volumeLifecycleModes"):
        spec["volumeLifecycleModes"] = ["Persistent"]


def priority_class(obj: dict[str, Any]) -> None:
    """Fill in a priority class."""
    obj.setdefault("preemptionPolicy", "PreemptLowerPriority")


def binding(obj: dict[str, Any]) -> None:
    """Fill in the API groups of a (cluster) role binding's role and subjects."""
    role = obj.get("roleRef")
    if isinstance(role, dict) and not role.get("apiGroup"):
        role["apiGroup"] = _RBAC
    for subject in obj.get("subjects") or []:
        if subject.get("kind") in {"User", "Group"}:
            subject.setdefault("apiGroup", _RBAC)


def webhooks(obj: dict[str, Any]) -> None:
    """Fill in the webhooks of an admission configuration."""
    mutating = obj.get("kind") == "MutatingWebhookConfiguration"
    for hook in obj.get("webhooks") or []:
        hook.setdefault("failurePolicy", "Fail")
        hook.setdefault("matchPolicy", "Equivalent")
        hook.setdefault("namespaceSelector", {})
        hook.setdefault("objectSelector", {})
        hook.setdefault("timeoutSeconds", 10)
        if mutating:
            hook.setdefault("reinvocationPolicy", "Never")
        for rule in hook.get("rules") or []:
            rule.setdefault("scope", "*")
        called = (hook.get("clientConfig") or {}).get("service")
        if isinstance(called, dict):
            called.setdefault("port", 443)


def admission_policy(obj: dict[str, Any]) -> None:
    """Fill in a validating admission policy."""
    spec = _spec(obj)
    spec.setdefault("failurePolicy", "Fail")
    constraints = spec.get("matchConstraints")
    if isinstance(constraints, dict):
        match_resources(constraints)


def admission_binding(obj: dict[str, Any]) -> None:
    """Fill in a validating admission policy binding."""
    constraints = _spec(obj).get("matchResources")
    if isinstance(constraints, dict):
        match_resources(constraints)


def match_resources(value: dict[str, Any]) -> None:
    """Fill in which resources a policy looks at."""
    value.setdefault("matchPolicy", "Equivalent")
    value.setdefault("namespaceSelector", {})
    value.setdefault("objectSelector", {})
    for rule in [*(value.get("resourceRules") or []), *(value.get("excludeResourceRules") or [])]:
        rule.setdefault("scope", "*")


def api_service(obj: dict[str, Any]) -> None:
    """Fill in the port of an aggregated API's service."""
    called = _spec(obj).get("service")
    if isinstance(called, dict):
        called.setdefault("port", 443)


def definition(obj: dict[str, Any]) -> None:
    """Fill in a custom resource definition: names that follow from the kind, no conversion."""
    spec = _spec(obj)
    names = spec.setdefault("names", {})
    if names.get("kind"):
        names.setdefault("singular", names["kind"].lower())
        names.setdefault("listKind", f"{names['kind']}List")
    conversion = spec.setdefault("conversion", {})
    conversion.setdefault("strategy", "None")
    called = ((conversion.get("webhook") or {}).get("clientConfig") or {}).get("service")
    if isinstance(called, dict):
        called.setdefault("port", 443)


def limit_range(obj: dict[str, Any]) -> None:
    """Fill in a limit range's defaults for containers from its maxima and minima."""
    for item in _spec(obj).get("limits") or []:
        if item.get("type") != "Container":
            continue
        default = {**(item.get("max") or {}), **(item.get("default") or {})}
        if default:
            item["default"] = default
        requests = {**(item.get("min") or {}), **default, **(item.get("defaultRequest") or {})}
        if requests:
            item["defaultRequest"] = requests


def node(obj: dict[str, Any]) -> None:
    """Fill in a node: what it has can all be given away; its range of pod addresses is the first of several."""
    spec = _spec(obj)
    one, many = spec.get("podCIDR"), spec.get("podCIDRs")
    if one and (not many or many[0] != one):
        spec["podCIDRs"] = [one]
    elif many:
        spec["podCIDR"] = many[0]
    status = obj.get("status")
    if isinstance(status, dict) and status.get("capacity") and not status.get("allocatable"):
        status["allocatable"] = dict(status["capacity"])


def ingress_class(obj: dict[str, Any]) -> None:
    """Fill in where an ingress class finds its parameters."""
    parameters = _spec(obj).get("parameters")
    if isinstance(parameters, dict):
        parameters.setdefault("scope", "Cluster")


def flow_schema(obj: dict[str, Any]) -> None:
    """Fill in a flow's precedence."""
    spec = _spec(obj)
    if not spec.get("matchingPrecedence"):
        spec["matchingPrecedence"] = 1000


def priority_level(obj: dict[str, Any]) -> None:
    """Fill in a priority level's shares and queues."""
    spec = _spec(obj)
    exempt = spec.get("exempt")
    if isinstance(exempt, dict):
        exempt.setdefault("nominalConcurrencyShares", 0)
        exempt.setdefault("lendablePercent", 0)
    limited = spec.get("limited")
    if not isinstance(limited, dict):
        return
    if limited.get("nominalConcurrencyShares") is None:
        limited["nominalConcurrencyShares"] = 30
    limited.setdefault("lendablePercent", 0)
    queuing = (limited.get("limitResponse") or {}).get("queuing")
    if isinstance(queuing, dict):
        for key, value in (("handSize", 8), ("queues", 64), ("queueLengthLimit", 50)):
            if not queuing.get(key):
                queuing[key] = value


BY_KIND: Final[dict[tuple[str, str], Callable[[dict[str, Any]], None]]] = {
    ("", "Service"): service,
    ("", "Secret"): secret,
    ("", "Namespace"): namespace,
    ("", "PersistentVolumeClaim"): claim,
    ("", "PersistentVolume"): volume,
    ("", "Endpoints"): endpoints,
    ("", "Node"): node,
    ("", "LimitRange"): limit_range,
    ("discovery.k8s.io", "EndpointSlice"): endpoint_slice,
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"): flow_schema,
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"): priority_level,
    ("networking.k8s.io", "IngressClass"): ingress_class,
    ("networking.k8s.io", "NetworkPolicy"): network_policy,
    ("autoscaling", "HorizontalPodAutoscaler"): autoscaler,
    ("storage.k8s.io", "StorageClass"): storage_class,
    ("storage.k8s.io", "CSIDriver"): csi_driver,
    ("scheduling.k8s.io", "PriorityClass"): priority_class,
    (_RBAC, "RoleBinding"): binding,
    (_RBAC, "ClusterRoleBinding"): binding,
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): webhooks,
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): webhooks,
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"): admission_policy,
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"): admission_binding,
    ("apiregistration.k8s.io", "APIService"): api_service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): definition,
}
