"""The cells of rows about what is configured: data, network, storage, resource claims."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dynkube.testing.printing.cells import NONE, UNSET, age, labels, name, selector, spec, status
from dynkube.testing.printing.durations import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynkube.testing.printing.cells import Cells

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


def scale(obj: dict[str, Any]) -> list[Any]:
    """Return a scale's cells."""
    wanted, present = spec(obj).get("replicas", 0), (obj.get("status") or {}).get("replicas", 0)
    return [name(obj), wanted, present, age(obj)]


def component_status(obj: dict[str, Any]) -> list[Any]:
    """Return a component's cells."""
    healthy, message, error = "Unknown", "", ""
    for condition in obj.get("conditions") or []:
        if condition.get("type") == "Healthy":
            healthy = {"True": "Healthy", "False": "Unhealthy"}.get(str(condition.get("status")), "Unknown")
            message, error = condition.get("message", ""), condition.get("error", "")
    return [name(obj), healthy, message, error]


def generic(obj: dict[str, Any]) -> list[Any]:
    """Return the cells of a kind without a printer: its name and when it was created."""
    created = (obj.get("metadata") or {}).get("creationTimestamp")
    known = isinstance(created, str) and parse_time(created) is not None
    return [name(obj), created if known else "<unknown>"]


BY_KIND: Final[dict[str, Cells]] = {
    "ComponentStatus": component_status,
    "ConfigMap": config_map,
    "autoscaling/Scale": scale,
    "Secret": secret,
    "ServiceAccount": named,
    "Namespace": namespace,
    "Service": service,
    "Endpoints": endpoints,
    "PersistentVolume": volume,
    "PersistentVolumeClaim": claim,
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
    "resource.k8s.io/DeviceClass": named,
    "resource.k8s.io/ResourceClaim": resource_claim,
    "resource.k8s.io/ResourceClaimTemplate": named,
    "resource.k8s.io/ResourceSlice": resource_slice,
}
