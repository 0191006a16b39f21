"""The canned bytes every client is measured on: pods as a busy cluster has them, their pages, their watch events."""

from __future__ import annotations

import json
from typing import Any

#: How many pods the list jobs read; about 31 MB of JSON, the size the targets were set on.
PODS = 5_000
#: How many small objects the second informer job holds.
CONFIG_MAPS = 50_000
#: So many of them are in the one namespace that is listed by itself.
FEW_CONFIG_MAPS = 5_000
#: How many objects a page of the paged list has: what every client here asks for.
PAGE = 500
NAMESPACE = "bench"


#: What admission gives every pod.
_TOKEN_VOLUME = {
    "name": "kube-api-access",
    "projected": {
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {
                "downwardAPI": {
                    "items": [
                        {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
                    ]
                }
            },
        ],
        "defaultMode": 420,
    },
}


def pod(number: int) -> dict[str, Any]:
    """Return one pod of about 6 KB: managed fields, environment, conditions and statuses as real ones have."""
    name = f"web-{number % 97:02d}-{number:05d}"
    labels = {
        "app": f"web-{number % 97:02d}",
        "tier": "front",
        "pod-template-hash": f"{number * 2654435761 % 2**32:08x}",
    }
    time = f"2026-11-21T06:{number // 60 % 60:02d}:{number % 60:02d}Z"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "generateName": name[:7] + "-",
            "namespace": NAMESPACE,
            "uid": f"00000000-0000-4000-8000-{number:012d}",
            "resourceVersion": str(100_000 + number),
            "creationTimestamp": time,
            "labels": labels,
            "annotations": {"checksum/config": f"{number:064x}", "prometheus.io/scrape": "true"},
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "name": name[:7],
                    "uid": f"00000000-0000-4000-9000-{number % 97:012d}",
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
            "managedFields": [_managed("kube-controller-manager", time), _managed("kubelet", time, "status")],
        },
        "spec": {
            "containers": [_container("web", number), _container("sidecar", number)],
            "volumes": [_TOKEN_VOLUME],
            "nodeName": f"node-{number % 50}",
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "default",
            "serviceAccount": "default",
            "securityContext": {},
            "schedulerName": "default-scheduler",
            "tolerations": [
                {
                    "key": f"node.kubernetes.io/{why}",
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": 300,
                }
                for why in ("not-ready", "unreachable")
            ],
            "priority": 0,
            "enableServiceLinks": True,
            "preemptionPolicy": "PreemptLowerPriority",
        },
        "status": {
            "phase": "Running",
            "conditions": [
                {"type": kind, "status": "True", "lastProbeTime": None, "lastTransitionTime": time}
                for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
            ],
            "hostIP": f"10.1.0.{number % 50}",
            "podIP": f"10.2.{number // 250}.{number % 250}",
            "podIPs": [{"ip": f"10.2.{number // 250}.{number % 250}"}],
            "startTime": time,
            "containerStatuses": [
                {
                    "name": container,
                    "state": {"running": {"startedAt": time}},
                    "lastState": {},
                    "ready": True,
                    "restartCount": 0,
                    "image": f"registry.example.com/{container}:1.{number % 7}",
                    "imageID": f"registry.example.com/{container}@sha256:{number % 7:064x}",
                    "containerID": f"containerd://{number:064x}",
                    "started": True,
                }
                for container in ("web", "sidecar")
            ],
            "qosClass": "Burstable",
        },
    }


def _container(name: str, number: int) -> dict[str, Any]:
    return {
        "name": name,
        "image": f"registry.example.com/{name}:1.{number % 7}",
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": [{"name": f"SETTING_{i}", "value": f"value-{i}-of-{number}"} for i in range(8)],
        "resources": {"limits": {"memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
        "volumeMounts": [
            {"name": "kube-api-access", "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
        ],
        "livenessProbe": {
            "httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"},
            "timeoutSeconds": 1,
            "periodSeconds": 10,
            "successThreshold": 1,
            "failureThreshold": 3,
        },
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
    }


def _managed(manager: str, time: str, subresource: str = "") -> dict[str, Any]:
    fields: dict[str, Any] = {
        "f:metadata": {"f:labels": {".": {}, "f:app": {}, "f:tier": {}, "f:pod-template-hash": {}}},
        "f:spec": {
            "f:containers": {
                f'k:{{"name":"{name}"}}': {
                    part: {}
                    for part in (".", "f:env", "f:image", "f:imagePullPolicy", "f:livenessProbe", "f:name", "f:ports",
                                 "f:resources", "f:terminationMessagePath", "f:terminationMessagePolicy")
                }
                for name in ("web", "sidecar")
            }
        },
    }  # fmt: skip
    if subresource:
        fields = {
            "f:status": {
                "f:conditions": {
                    f'k:{{"type":"{kind}"}}': {
                        ".": {},
                        "f:lastProbeTime": {},
                        "f:lastTransitionTime": {},
                        "f:status": {},
                    }
                    for kind in ("ContainersReady", "Initialized", "PodReadyToStartContainers", "Ready")
                },
                **{part: {} for part in ("f:containerStatuses", "f:hostIP", "f:phase", "f:podIP", "f:startTime")},
            }
        }
    entry = {"manager": manager, "operation": "Update", "apiVersion": "v1", "time": time, "fieldsType": "FieldsV1"}
    return {**entry, "fieldsV1": fields, **({"subresource": subresource} if subresource else {})}


def config_map(number: int) -> dict[str, Any]:
    """Return one config map of about 400 bytes."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": f"settings-{number:05d}",
            "namespace": NAMESPACE,
            "uid": f"00000000-0000-4000-a000-{number:012d}",
            "resourceVersion": str(200_000 + number),
            "creationTimestamp": "2026-11-21T06:00:00Z",
            "labels": {"app": f"web-{number % 97:02d}"},
        },
        "data": {"colour": "green", "number": str(number), "text": "some text of a setting " * 3},
    }


def to_create(obj: dict[str, Any]) -> dict[str, Any]:
    """Return an object without what the server gives it, as a create sends it."""
    given = ("uid", "resourceVersion", "creationTimestamp", "managedFields")
    return {**obj, "metadata": {key: value for key, value in obj["metadata"].items() if key not in given}}


def compact(value: object) -> bytes:
    """Return `value` as the API server writes it: JSON without spaces."""
    return json.dumps(value, separators=(",", ":")).encode()


def list_document(kind: str, encoded_items: list[bytes], *, continue_: str = "") -> bytes:
    """Return a list of items that are already encoded; items carry no kind of their own, as in a real list."""
    return b"".join(list_writes(kind, encoded_items, continue_=continue_))


def list_writes(kind: str, encoded_items: list[bytes], *, continue_: str = "") -> list[bytes]:
    """Return a list as the API server writes it: an item at a time (since 1.33, StreamingCollectionEncodingToJSON)."""
    metadata: dict[str, Any] = {"resourceVersion": "999999", **({"continue": continue_} if continue_ else {})}
    head = compact({"kind": kind, "apiVersion": "v1", "metadata": metadata})[:-1]
    writes = [head + b',"items":[']
    for item in encoded_items:
        writes += [item, b","]
    return [*writes[:-1], b"]}\n"]


def list_item(item: dict[str, Any]) -> bytes:
    """Return an object as an item of a built-in list: without apiVersion and kind."""
    return compact({key: value for key, value in item.items() if key not in ("apiVersion", "kind")})


def event(event_type: str, item: dict[str, Any]) -> bytes:
    """Return one frame of a watch."""
    return compact({"type": event_type, "object": item}) + b"\n"


def bookmark(kind: str, *, initial_events_end: bool) -> bytes:
    """Return the bookmark frame; with the annotation that ends the initial events when asked."""
    metadata: dict[str, Any] = {"resourceVersion": "999999", "creationTimestamp": None}
    if initial_events_end:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    return event("BOOKMARK", {"kind": kind, "apiVersion": "v1", "metadata": metadata})
