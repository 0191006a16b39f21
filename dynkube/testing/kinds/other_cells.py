"""The cells of rows for everything that does not run: network, storage, RBAC, policy, cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dynkube.testing.durations import human, parse_time, since
from dynkube.testing.kinds.cells import NONE, UNSET, age, labels, name, selector, spec, status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynkube.testing.kinds.cells import Cells

_ROLE_PREFIX = "node-role.kubernetes.io/"
#: Characters shown of a load balancer's addresses without ``-o wide``.
_ADDRESS_WIDTH = 16
_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}


def _join(values: Iterable[Any], separator: str = ",") -> str:
    return separator.join(str(value) for value in values if value)


def config_map(obj: dict[str, Any]) -> list[Any]:
    """Return a config map's cells."""
    return [name(obj), len(obj.get("data") or {}) + len(obj.get("binaryData") or {}), age(obj)]


def secret(obj: dict[str, Any]) -> list[Any]:
    """Return a secret's cells."""
    return [name(obj), obj.get("type", ""), len(obj.get("data") or {}), age(obj)]


def named(obj: dict[str, Any]) -> list[Any]:
    """Return the cells of a kind that shows name and age."""
    return [name(obj), age(obj)]


def namespace(obj: dict[str, Any]) -> list[Any]:
    """Return a namespace's cells."""
    return [name(obj), status(obj).get("phase", ""), age(obj)]


def _external(obj: dict[str, Any]) -> str:
    wanted = spec(obj)
    ips = wanted.get("externalIPs") or []
    kind = wanted.get("type")
    if kind == "ExternalName":
        return str(wanted.get("externalName") or NONE)
    if kind == "LoadBalancer":
        found = [*_ingress(obj), *ips]
        return ",".join(found) if found else "<pending>"
    return ",".join(ips) or NONE


def _ingress(obj: dict[str, Any]) -> list[str]:
    points = (status(obj).get("loadBalancer") or {}).get("ingress") or []
    return list(
        dict.fromkeys(str(p.get("ip") or p.get("hostname")) for p in points if p.get("ip") or p.get("hostname"))
    )


def service(obj: dict[str, Any]) -> list[Any]:
    """Return a service's cells."""
    ports = [
        f"{p.get('port')}{':' + str(p['nodePort']) if p.get('nodePort') else ''}/{p.get('protocol', 'TCP')}"
        for p in spec(obj).get("ports") or []
    ]
    address = next(iter(spec(obj).get("clusterIPs") or []), "") or spec(obj).get("clusterIP") or NONE
    rest = [_external(obj), ",".join(ports) or NONE, age(obj), labels(spec(obj).get("selector"))]
    return [name(obj), spec(obj).get("type", ""), address, *rest]


def ingress(obj: dict[str, Any]) -> list[Any]:
    """Return an ingress's cells."""
    wanted = spec(obj)
    hosts = list(dict.fromkeys(rule.get("host") or "*" for rule in wanted.get("rules") or []))
    shown = ",".join(hosts[:3]) + (f" + {len(hosts) - 3} more..." if len(hosts) > 3 else "")
    ports = "80, 443" if wanted.get("tls") else "80"
    return [name(obj), wanted.get("ingressClassName") or NONE, shown or "*", ",".join(_ingress(obj)), ports, age(obj)]


def ingress_class(obj: dict[str, Any]) -> list[Any]:
    """Return an ingress class's cells."""
    found = spec(obj).get("parameters") or {}
    kind = f"{found.get('kind')}.{found.get('apiGroup')}" if found.get("apiGroup") else str(found.get("kind", ""))
    return [name(obj), spec(obj).get("controller", ""), f"{kind}/{found.get('name')}" if found else NONE, age(obj)]


def network_policy(obj: dict[str, Any]) -> list[Any]:
    """Return a network policy's cells."""
    return [name(obj), selector(spec(obj).get("podSelector")), age(obj)]


def endpoints(obj: dict[str, Any]) -> list[Any]:
    """Return an Endpoints object's cells."""
    found = [
        f"{address.get('ip')}:{port.get('port')}" if port else str(address.get("ip"))
        for subset in obj.get("subsets") or []
        for port in subset.get("ports") or [{}]
        for address in subset.get("addresses") or []
    ]
    shown = ",".join(found[:3]) + (f" + {len(found) - 3} more..." if len(found) > 3 else "")
    return [name(obj), shown or NONE, age(obj)]


def endpoint_slice(obj: dict[str, Any]) -> list[Any]:
    """Return an endpoint slice's cells."""

    def few(values: list[str]) -> str:
        return (",".join(values[:3]) + (f" + {len(values) - 3} more..." if len(values) > 3 else "")) or UNSET

    ports = [str(port.get("port", "*")) for port in obj.get("ports") or []]
    addresses = [str(a) for e in obj.get("endpoints") or [] for a in e.get("addresses") or []]
    return [name(obj), obj.get("addressType", ""), few(ports), few(addresses), age(obj)]


def _modes(values: list[str] | None) -> str:
    return ",".join(short for mode, short in _MODES.items() if mode in (values or []))


def claim(obj: dict[str, Any]) -> list[Any]:
    """Return a persistent volume claim's cells."""
    wanted, state = spec(obj), status(obj)
    bound = bool(wanted.get("volumeName"))
    deleted = (obj.get("metadata") or {}).get("deletionTimestamp")
    capacity = str((state.get("capacity") or {}).get("storage", "0")) if bound else ""
    return [
        name(obj),
        "Terminating" if deleted else state.get("phase", ""),
        wanted.get("volumeName", ""),
        capacity,
        _modes(state.get("accessModes")) if bound else "",
        wanted.get("storageClassName", ""),
        wanted.get("volumeAttributesClassName") or UNSET,
        age(obj),
        wanted.get("volumeMode") or UNSET,
    ]


def volume(obj: dict[str, Any]) -> list[Any]:
    """Return a persistent volume's cells."""
    wanted, state = spec(obj), status(obj)
    held = wanted.get("claimRef") or {}
    deleted = (obj.get("metadata") or {}).get("deletionTimestamp")
    return [
        name(obj),
        str((wanted.get("capacity") or {}).get("storage", "0")),
        _modes(wanted.get("accessModes")),
        wanted.get("persistentVolumeReclaimPolicy", ""),
        "Terminating" if deleted else state.get("phase", ""),
        f"{held.get('namespace', '')}/{held.get('name', '')}" if held else "",
        wanted.get("storageClassName", ""),
        wanted.get("volumeAttributesClassName") or UNSET,
        state.get("reason", ""),
        age(obj),
        wanted.get("volumeMode") or UNSET,
    ]


def storage_class(obj: dict[str, Any]) -> list[Any]:
    """Return a storage class's cells."""
    annotations = (obj.get("metadata") or {}).get("annotations") or {}
    default = annotations.get("storageclass.kubernetes.io/is-default-class") == "true"
    shown = f"{name(obj)} (default)" if default else name(obj)
    policies = [obj.get("reclaimPolicy") or "Delete", obj.get("volumeBindingMode") or "Immediate"]
    return [shown, obj.get("provisioner", ""), *policies, bool(obj.get("allowVolumeExpansion")), age(obj)]


def csi_node(obj: dict[str, Any]) -> list[Any]:
    """Return a CSI node's cells."""
    return [name(obj), len(spec(obj).get("drivers") or []), age(obj)]


def csi_driver(obj: dict[str, Any]) -> list[Any]:
    """Return a CSI driver's cells."""
    wanted = spec(obj)
    tokens = ",".join(str(t.get("audience", "")) for t in wanted.get("tokenRequests") or []) or UNSET
    flags = [bool(wanted.get(key)) for key in ("attachRequired", "podInfoOnMount", "storageCapacity")]
    modes = ",".join(wanted.get("volumeLifecycleModes") or []) or NONE
    return [name(obj), *flags, tokens, bool(wanted.get("requiresRepublish")), modes, age(obj)]


def attachment(obj: dict[str, Any]) -> list[Any]:
    """Return a volume attachment's cells."""
    wanted = spec(obj)
    source = (wanted.get("source") or {}).get("persistentVolumeName", "")
    attached = bool(status(obj).get("attached"))
    return [name(obj), wanted.get("attacher", ""), source, wanted.get("nodeName", ""), attached, age(obj)]


def attributes_class(obj: dict[str, Any]) -> list[Any]:
    """Return a volume attributes class's cells."""
    return [name(obj), obj.get("driverName", ""), age(obj)]


def role_binding(obj: dict[str, Any]) -> list[Any]:
    """Return a (cluster) role binding's cells."""
    role = obj.get("roleRef") or {}
    by_kind: dict[str, list[str]] = {"User": [], "Group": [], "ServiceAccount": []}
    for subject in obj.get("subjects") or []:
        shown = subject.get("name", "")
        if subject.get("kind") == "ServiceAccount":
            shown = f"{subject.get('namespace', '')}/{shown}"
        by_kind.setdefault(subject.get("kind", ""), []).append(shown)
    subjects = [", ".join(by_kind[kind]) for kind in ("User", "Group", "ServiceAccount")]
    return [name(obj), f"{role.get('kind', '')}/{role.get('name', '')}", age(obj), *subjects]


def lease(obj: dict[str, Any]) -> list[Any]:
    """Return a lease's cells."""
    return [name(obj), spec(obj).get("holderIdentity", ""), age(obj)]


def node(obj: dict[str, Any]) -> list[Any]:
    """Return a node's cells."""
    state, metadata = status(obj), obj.get("metadata") or {}
    shown = [
        "Ready" if condition.get("status") == "True" else "NotReady"
        for condition in state.get("conditions") or []
        if condition.get("type") == "Ready"
    ] or ["Unknown"]
    if spec(obj).get("unschedulable"):
        shown.append("SchedulingDisabled")
    roles = {key[len(_ROLE_PREFIX) :] for key in metadata.get("labels") or {} if key.startswith(_ROLE_PREFIX)}
    roles |= {(metadata.get("labels") or {}).get("kubernetes.io/role", "")}
    addresses = {a.get("type"): a.get("address") for a in reversed(state.get("addresses") or [])}
    info = state.get("nodeInfo") or {}
    unknown = "<unknown>"
    return [
        name(obj),
        ",".join(shown),
        ",".join(sorted(role for role in roles if role)) or NONE,
        age(obj),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP") or NONE,
        addresses.get("ExternalIP") or NONE,
        info.get("osImage") or unknown,
        info.get("kernelVersion") or unknown,
        info.get("containerRuntimeVersion") or unknown,
    ]


def event(obj: dict[str, Any]) -> list[Any]:
    """Return an event's cells, of either API."""
    target = obj.get("involvedObject") or obj.get("regarding") or {}
    source = obj.get("source") or obj.get("deprecatedSource") or {}
    series = obj.get("series") or {}
    first = obj.get("firstTimestamp") or obj.get("deprecatedFirstTimestamp") or obj.get("eventTime")
    last = obj.get("lastTimestamp") or obj.get("deprecatedLastTimestamp")
    count = obj.get("count") or obj.get("deprecatedCount") or 0
    if series:
        last, count = series.get("lastObservedTime"), series.get("count", count)
    component = source.get("component") or obj.get("reportingComponent") or obj.get("reportingController") or ""
    host = source.get("host") or ""
    return [
        since(last or first),
        obj.get("type", ""),
        obj.get("reason", ""),
        f"{str(target.get('kind', '')).lower()}/{target.get('name', '')}",
        target.get("fieldPath", ""),
        f"{component}, {host}" if host else component,
        str(obj.get("message") or obj.get("note") or "").strip(),
        since(first),
        count or 1,
        name(obj),
    ]


def resource_quota(obj: dict[str, Any]) -> list[Any]:
    """Return a resource quota's cells: requests and limits apart."""
    hard = status(obj).get("hard") or spec(obj).get("hard") or {}
    used = status(obj).get("used") or {}
    shown = {key: f"{key}: {used.get(key, '0')}/{hard[key]}" for key in sorted(hard)}
    limits = ", ".join(text for key, text in shown.items() if key.startswith("limits"))
    return [name(obj), ", ".join(text for key, text in shown.items() if not key.startswith("limits")), limits, age(obj)]


def priority_class(obj: dict[str, Any]) -> list[Any]:
    """Return a priority class's cells."""
    return [name(obj), obj.get("value", 0), bool(obj.get("globalDefault")), age(obj), obj.get("preemptionPolicy", "")]


def runtime_class(obj: dict[str, Any]) -> list[Any]:
    """Return a runtime class's cells."""
    return [name(obj), obj.get("handler", ""), age(obj)]


def signing_request(obj: dict[str, Any]) -> list[Any]:
    """Return a certificate signing request's cells."""
    wanted, state = spec(obj), status(obj)
    seconds = wanted.get("expirationSeconds")
    conditions = [c.get("type") for c in state.get("conditions") or []]
    shown = next((word for word in ("Denied", "Approved") if word in conditions), "Pending")
    parts = [shown, "Failed" if "Failed" in conditions else "", "Issued" if state.get("certificate") else ""]
    duration = human(seconds) if seconds else NONE
    return [name(obj), age(obj), wanted.get("signerName", ""), wanted.get("username", ""), duration, _join(parts)]


def webhooks(obj: dict[str, Any]) -> list[Any]:
    """Return an admission webhook configuration's cells."""
    return [name(obj), len(obj.get("webhooks") or []), age(obj)]


def admission_policy(obj: dict[str, Any]) -> list[Any]:
    """Return a validating admission policy's cells."""
    kind = spec(obj).get("paramKind")
    shown = f"{kind.get('apiVersion')}/{kind.get('kind')}" if kind else UNSET
    return [name(obj), len(spec(obj).get("validations") or []), shown, age(obj)]


def admission_binding(obj: dict[str, Any]) -> list[Any]:
    """Return a validating admission policy binding's cells."""
    parameters = spec(obj).get("paramRef") or {}
    shown = _join([parameters.get("namespace"), parameters.get("name")], "/") if parameters else UNSET
    return [name(obj), spec(obj).get("policyName", ""), shown or "*", age(obj)]


def api_service(obj: dict[str, Any]) -> list[Any]:
    """Return an aggregated API's cells."""
    called = spec(obj).get("service")
    where = f"{called.get('namespace')}/{called.get('name')}" if called else "Local"
    found: dict[str, Any] = next((c for c in status(obj).get("conditions") or [] if c.get("type") == "Available"), {})
    text = str(found.get("status", "Unknown"))
    if text != "True" and found.get("reason"):
        text = f"{text} ({found['reason']})"
    return [name(obj), where, text, age(obj)]


def flow_schema(obj: dict[str, Any]) -> list[Any]:
    """Return a flow schema's cells."""
    wanted = spec(obj)
    level = (wanted.get("priorityLevelConfiguration") or {}).get("name", NONE)
    method = (wanted.get("distinguisherMethod") or {}).get("type", NONE)
    dangling: dict[str, Any] = next((c for c in status(obj).get("conditions") or [] if c.get("type") == "Dangling"), {})
    return [name(obj), level, wanted.get("matchingPrecedence", 0), method, age(obj), dangling.get("status", "?")]


def priority_level(obj: dict[str, Any]) -> list[Any]:
    """Return a priority level configuration's cells."""
    limited = spec(obj).get("limited") or spec(obj).get("exempt") or {}
    queuing = (limited.get("limitResponse") or {}).get("queuing") or {}
    numbers = [queuing.get(key, NONE) for key in ("queues", "handSize", "queueLengthLimit")]
    return [name(obj), spec(obj).get("type", ""), limited.get("nominalConcurrencyShares", 0), *numbers, age(obj)]


def address(obj: dict[str, Any]) -> list[Any]:
    """Return an IP address's cells."""
    parent = spec(obj).get("parentRef") or {}
    return [name(obj), _join([parent.get("resource"), parent.get("namespace"), parent.get("name")], "/") or NONE]


def service_cidr(obj: dict[str, Any]) -> list[Any]:
    """Return a service CIDR's cells."""
    return [name(obj), ",".join(spec(obj).get("cidrs") or []), age(obj)]


def resource_claim(obj: dict[str, Any]) -> list[Any]:
    """Return a resource claim's cells."""
    state = status(obj)
    words = [
        "deleted" if (obj.get("metadata") or {}).get("deletionTimestamp") else "",
        "allocated" if state.get("allocation") else "pending",
        "reserved" if state.get("reservedFor") else "",
    ]
    return [name(obj), _join(words), age(obj)]


def resource_slice(obj: dict[str, Any]) -> list[Any]:
    """Return a resource slice's cells."""
    wanted = spec(obj)
    pool = (wanted.get("pool") or {}).get("name", "")
    return [name(obj), wanted.get("nodeName") or UNSET, wanted.get("driver", ""), pool, age(obj)]


def generic(obj: dict[str, Any]) -> list[Any]:
    """Return the cells of a kind without a printer: its name and when it was created."""
    created = (obj.get("metadata") or {}).get("creationTimestamp")
    known = isinstance(created, str) and parse_time(created) is not None
    return [name(obj), created if known else "<unknown>"]


_ADMISSION = "admissionregistration.k8s.io"
BY_KIND: Final[dict[str, Cells]] = {
    "ConfigMap": config_map,
    "Secret": secret,
    "ServiceAccount": named,
    "Namespace": namespace,
    "Service": service,
    "Endpoints": endpoints,
    "PersistentVolume": volume,
    "PersistentVolumeClaim": claim,
    "Node": node,
    "Event": event,
    "events.k8s.io/Event": event,
    "ResourceQuota": resource_quota,
    "networking.k8s.io/Ingress": ingress,
    "networking.k8s.io/IngressClass": ingress_class,
    "networking.k8s.io/NetworkPolicy": network_policy,
    "networking.k8s.io/ServiceCIDR": service_cidr,
    "networking.k8s.io/IPAddress": address,
    "discovery.k8s.io/EndpointSlice": endpoint_slice,
    "storage.k8s.io/StorageClass": storage_class,
    "storage.k8s.io/CSINode": csi_node,
    "storage.k8s.io/CSIDriver": csi_driver,
    "storage.k8s.io/VolumeAttachment": attachment,
    "storage.k8s.io/VolumeAttributesClass": attributes_class,
    "rbac.authorization.k8s.io/RoleBinding": role_binding,
    "rbac.authorization.k8s.io/ClusterRoleBinding": role_binding,
    "coordination.k8s.io/Lease": lease,
    "scheduling.k8s.io/PriorityClass": priority_class,
    "node.k8s.io/RuntimeClass": runtime_class,
    "certificates.k8s.io/CertificateSigningRequest": signing_request,
    f"{_ADMISSION}/MutatingWebhookConfiguration": webhooks,
    f"{_ADMISSION}/ValidatingWebhookConfiguration": webhooks,
    f"{_ADMISSION}/ValidatingAdmissionPolicy": admission_policy,
    f"{_ADMISSION}/ValidatingAdmissionPolicyBinding": admission_binding,
    "apiregistration.k8s.io/APIService": api_service,
    "flowcontrol.apiserver.k8s.io/FlowSchema": flow_schema,
    "flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration": priority_level,
    "resource.k8s.io/DeviceClass": named,
    "resource.k8s.io/ResourceClaim": resource_claim,
    "resource.k8s.io/ResourceClaimTemplate": named,
    "resource.k8s.io/ResourceSlice": resource_slice,
}
