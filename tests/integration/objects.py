"""The objects the suite works with."""

from __future__ import annotations

from typing import Any


def config_map(name: str, data: dict[str, str] | None = None, **metadata: Any) -> dict[str, Any]:
    """Return a ConfigMap manifest."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}, "data": data or {}}


def widget(name: str, color: str = "blue", **metadata: Any) -> dict[str, Any]:
    """Return a manifest of the suite's own kind, without the apiVersion, which the resource fills in."""
    return {"metadata": {"name": name, **metadata}, "spec": {"color": color}}


def deployment(name: str, replicas: int = 1) -> dict[str, Any]:
    """Return a paused Deployment: where controllers run they make nothing of it."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "example.com/none"}]}}
    spec = {"replicas": replicas, "paused": True, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def pod(name: str, **spec: Any) -> dict[str, Any]:
    """Return a Pod that no scheduler takes and that needs no service account made by a controller.

    The account `runner` is the test's to make: in a new namespace of a cluster `default` appears some time later, and
    where no controllers run it never does.
    """
    containers = [{"name": "main", "image": "example.com/none"}]
    own = {"serviceAccountName": "runner", "automountServiceAccountToken": False, "schedulerName": "nobody"}
    metadata = {"name": name, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers, **own, **spec}}


def definition(group: str, plural: str = "widgets", kind: str = "Widget", **names: Any) -> dict[str, Any]:
    """Return a definition with status, scale, a printer column, defaults, limits, and a field to select by."""
    spec = {
        "type": "object",
        "properties": {
            "color": {"type": "string", "default": "white"},
            "size": {"type": "integer", "minimum": 1, "maximum": 10},
            "replicas": {"type": "integer"},
            "tags": {"type": "object", "additionalProperties": {"type": "string"}},
            "notes": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            "parts": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {"name": {"type": "string"}, "weight": {"type": "integer"}},
                },
            },
        },
    }
    status = {
        "type": "object",
        "properties": {
            "phase": {"type": "string"},
            "replicas": {"type": "integer"},
            "conditions": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"type": {"type": "string"}, "status": {"type": "string"}},
                },
            },
        },
    }
    schema = {"type": "object", "properties": {"spec": spec, "status": status}}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {
            "status": {},
            "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"},
        },
        "additionalPrinterColumns": [{"name": "Color", "type": "string", "jsonPath": ".spec.color"}],
        "selectableFields": [{"jsonPath": ".spec.color"}],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List", **names},
            "versions": [version],
        },
    }
