"""The order in which kinds are created, and, backwards, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynkube.objects import JSONObject

#: The kind whose objects must be served before other manifests can be sent at all.
CRD_KIND = "CustomResourceDefinition"

#: What must be there before what: definitions and namespaces, then accounts and permissions, then configuration and
#: storage, then what others call, then what runs. Kinds not named here, custom ones above all, come after these.
_FIRST = (
    *(
        CRD_KIND,
        "Namespace",
        "PriorityClass",
        "RuntimeClass",
        "StorageClass",
        "IngressClass",
        "ResourceQuota",
        "LimitRange",
    ),
    *("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "NetworkPolicy"),
    *("Secret", "ConfigMap", "PersistentVolume", "PersistentVolumeClaim", "Service", "Endpoints", "EndpointSlice"),
    *("PodDisruptionBudget", "Pod", "ReplicationController", "ReplicaSet", "Deployment", "StatefulSet", "DaemonSet"),
    *("HorizontalPodAutoscaler", "Job", "CronJob", "Ingress"),
)

#: What may get in the way of everything else: last of all.
_LAST = (
    *("APIService", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
    *("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"),
)

_RANK = {kind: rank for rank, kind in enumerate(_FIRST)} | {kind: len(_FIRST) + 1 + r for r, kind in enumerate(_LAST)}


def rank(kind: str) -> int:
    """Return the place of a kind in the order of creation."""
    return _RANK.get(kind, len(_FIRST))


def in_kind_order(manifests: Iterable[JSONObject]) -> list[JSONObject]:
    """Return the manifests in the order to create them in; those of one kind stay in their order."""
    return sorted(manifests, key=lambda manifest: rank(manifest.get("kind", "")))
