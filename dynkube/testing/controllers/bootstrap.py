"""What every server holds from the start: system namespaces, the kubernetes service, priority classes, RBAC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dynkube.names import GroupVersion
from dynkube.testing.access import aggregation
from dynkube.testing.access.authentication import AUTHENTICATED, MASTERS, UNAUTHENTICATED
from dynkube.testing.flows import writing
from dynkube.testing.flows.namespaces import INITIAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dynkube.testing.flows.cluster import Cluster
    from dynkube.testing.storage.store import Collection, Key

_RBAC = "rbac.authorization.k8s.io/v1"
_LABELS = {"kubernetes.io/bootstrapping": "rbac-defaults"}
_ANNOTATIONS = {"rbac.authorization.kubernetes.io/autoupdate": "true"}
_DISCOVERY = [
    "/api",
    "/api/*",
    "/apis",
    "/apis/*",
    "/healthz",
    "/livez",
    "/openapi",
    "/openapi/*",
    "/readyz",
    "/version",
    "/version/",
]
_PUBLIC = ["/healthz", "/livez", "/readyz", "/version", "/version/"]
_READ = ["get", "list", "watch"]
_WRITE = ["create", "delete", "deletecollection", "patch", "update"]
#: What users of a namespace work with, by API group: the reach of the built-in roles view, edit and admin.
_NAMESPACED: dict[str, list[str]] = {
    "": [
        "configmaps",
        "endpoints",
        "events",
        "persistentvolumeclaims",
        "pods",
        "pods/log",
        "pods/status",
        "replicationcontrollers",
        "replicationcontrollers/scale",
        "serviceaccounts",
        "services",
    ],
    "apps": [
        "controllerrevisions",
        "daemonsets",
        "deployments",
        "deployments/scale",
        "replicasets",
        "replicasets/scale",
        "statefulsets",
        "statefulsets/scale",
    ],
    "autoscaling": ["horizontalpodautoscalers"],
    "batch": ["cronjobs", "jobs"],
    "discovery.k8s.io": ["endpointslices"],
    "events.k8s.io": ["events"],
    "networking.k8s.io": ["ingresses", "networkpolicies"],
    "policy": ["poddisruptionbudgets"],
}

_COLLECTIONS: Final[dict[str, Collection]] = {"Namespace": ("", "namespaces"), "Service": ("", "services")}
#: What comes back when somebody deletes it: kube-apiserver's own controllers see to that.
KEPT: Final[frozenset[tuple[Collection, Key]]] = frozenset(
    {
        *((_COLLECTIONS["Namespace"], ("", name)) for name in INITIAL),
        (_COLLECTIONS["Service"], ("default", "kubernetes")),
    }
)


def _rules(verbs: list[str]) -> list[dict[str, Any]]:
    return [{"apiGroups": [group], "resources": names, "verbs": verbs} for group, names in _NAMESPACED.items()]


def _role(name: str, rules: list[dict[str, Any]], **labels: str) -> dict[str, Any]:
    metadata = {"name": name, "labels": {**_LABELS, **labels}, "annotations": _ANNOTATIONS}
    return {"apiVersion": _RBAC, "kind": "ClusterRole", "metadata": metadata, "rules": rules}


def _aggregating(name: str, **labels: str) -> dict[str, Any]:
    key = f"rbac.authorization.k8s.io/aggregate-to-{name}"
    role = _role(name, [], **labels)
    return {**role, "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {key: "true"}}]}}


def _binding(name: str, *groups: str) -> dict[str, Any]:
    return {
        "apiVersion": _RBAC,
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name, "labels": _LABELS, "annotations": _ANNOTATIONS},
        "subjects": [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": group} for group in groups],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
    }


def _to(*names: str) -> dict[str, str]:
    return {f"rbac.authorization.k8s.io/aggregate-to-{name}": "true" for name in names}


def _everything() -> list[dict[str, Any]]:
    return [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
        {"nonResourceURLs": ["*"], "verbs": ["*"]},
    ]


def _own_reviews() -> list[dict[str, Any]]:
    access = ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]
    return [
        {"apiGroups": ["authorization.k8s.io"], "resources": access, "verbs": ["create"]},
        {"apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"], "verbs": ["create"]},
    ]


def objects() -> Iterator[dict[str, Any]]:
    """Yield the manifests of everything that is there from the start, in the order they are made."""
    for name in INITIAL:
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    labels = {"component": "apiserver", "provider": "kubernetes"}
    ports = [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}]
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kubernetes", "namespace": "default", "labels": labels},
        "spec": {"type": "ClusterIP", "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ports": ports},
    }
    for name, value, text in (
        (
            "system-cluster-critical",
            2_000_000_000,
            (
                "Used for system critical pods that must run in the cluster, but can be moved to another node if "
                "necessary."
            ),
        ),
        (
            "system-node-critical",
            2_000_001_000,
            "Used for system critical pods that must not be moved from their current node.",
        ),
    ):
        yield {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name},
            "value": value,
            "description": text,
        }
    yield from _roles()


def _roles() -> Iterator[dict[str, Any]]:
    own = [
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["rolebindings", "roles"], "verbs": _READ + _WRITE},
        {"apiGroups": ["authorization.k8s.io"], "resources": ["localsubjectaccessreviews"], "verbs": ["create"]},
    ]
    secrets = [{"apiGroups": [""], "resources": ["secrets"], "verbs": _READ + _WRITE}]
    acting = [
        {
            "apiGroups": [""],
            "resources": ["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "services/proxy"],
            "verbs": _READ + _WRITE,
        },
        {"apiGroups": [""], "resources": ["pods/eviction", "serviceaccounts/token"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["impersonate"]},
    ]
    namespaces = [{"apiGroups": [""], "resources": ["namespaces"], "verbs": _READ}]
    yield _role("cluster-admin", _everything())
    yield _role("system:discovery", [{"nonResourceURLs": _DISCOVERY, "verbs": ["get"]}])
    yield _role("system:public-info-viewer", [{"nonResourceURLs": _PUBLIC, "verbs": ["get"]}])
    yield _role("system:basic-user", _own_reviews())
    yield _aggregating("admin")
    yield _aggregating("edit", **_to("admin"))
    yield _aggregating("view", **_to("edit"))
    yield _role("system:aggregate-to-admin", own, **_to("admin"))
    yield _role("system:aggregate-to-edit", _rules(_WRITE) + secrets + acting, **_to("edit", "admin"))
    yield _role("system:aggregate-to-view", _rules(_READ) + namespaces, **_to("view", "edit", "admin"))
    yield _binding("cluster-admin", MASTERS)
    yield _binding("system:discovery", AUTHENTICATED)
    yield _binding("system:basic-user", AUTHENTICATED)
    yield _binding("system:public-info-viewer", AUTHENTICATED, UNAUTHENTICATED)


def store_object(cluster: Cluster, manifest: Mapping[str, Any], *, manager: str = "kube-apiserver") -> None:
    """Create one object from inside the server. Raises a Failure as a request would."""
    gv = GroupVersion.parse(manifest["apiVersion"])
    resource = cluster.registry.by_kind(gv.group, gv.version, manifest["kind"])
    if resource is None:
        raise LookupError(f"{manifest['apiVersion']} {manifest['kind']} is not served")
    obj = {**manifest, "metadata": {**manifest["metadata"]}}
    writing.create_object(cluster, resource, obj, writing.Change(manager))


def refill(cluster: Cluster) -> None:
    """Store again what of `KEPT` is not there."""
    for manifest in objects():
        metadata = manifest["metadata"]
        collection = _COLLECTIONS.get(manifest["kind"])
        key = (metadata.get("namespace", ""), metadata["name"])
        if collection and (collection, key) in KEPT and cluster.store.get(collection, key) is None:
            store_object(cluster, manifest)


def fill(cluster: Cluster) -> None:
    """Store everything a fresh server holds."""
    for manifest in objects():
        store_object(cluster, manifest)
    aggregation.settle(cluster)
