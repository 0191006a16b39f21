"""The fields a field selector may name, per kind, beyond ``metadata.name`` and ``metadata.namespace``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    Getter = Callable[[dict[str, Any]], str]


def at(path: str, default: str = "") -> Getter:
    """Return a function that reads ``path`` as text: booleans as Go prints them, absent as ``default``."""
    keys = path.split(".")

    def read(obj: dict[str, Any]) -> str:
        value: Any = obj
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if value is None:
            return default
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value)

    return read


def _paths(*paths: str, **defaults: str) -> dict[str, Getter]:
    return {path: at(path, defaults.get(path.rpartition(".")[2], "")) for path in paths}


def _pod_ips(obj: dict[str, Any]) -> str:
    return ",".join(ip.get("ip", "") for ip in (obj.get("status") or {}).get("podIPs") or [])


def _event_source(obj: dict[str, Any]) -> str:
    component = (obj.get("source") or obj.get("deprecatedSource") or {}).get("component")
    return str(component or obj.get("reportingComponent") or obj.get("reportingController") or "")


_REFERENCE = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_REPLICAS = _paths("status.replicas", replicas="0")

BY_KIND: Final[dict[tuple[str, str], dict[str, Getter]]] = {
    ("", "Pod"): {
        **_paths(
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
            hostNetwork="false",
        ),
        "status.podIPs": _pod_ips,
    },
    ("", "Event"): {
        **_paths(*(f"involvedObject.{key}" for key in _REFERENCE), "reason", "reportingComponent", "type"),
        "source": _event_source,
    },
    ("events.k8s.io", "Event"): {
        **_paths(*(f"regarding.{key}" for key in _REFERENCE), "reason", "reportingController", "type"),
    },
    ("", "Namespace"): _paths("status.phase"),
    ("", "Node"): _paths("spec.unschedulable", unschedulable="false"),
    ("", "Secret"): _paths("type"),
    ("", "Service"): _paths("spec.clusterIP", "spec.type"),
    ("", "ReplicationController"): _REPLICAS,
    ("batch", "Job"): _paths("status.successful", successful="0") | {"status.successful": at("status.succeeded", "0")},
    ("certificates.k8s.io", "CertificateSigningRequest"): _paths("spec.signerName"),
}
