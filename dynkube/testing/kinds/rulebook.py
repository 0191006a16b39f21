"""Which rules hold for which kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dynkube.testing.kinds import definition_rules, limit_rules, network_rules, other_rules, pod_rules, workload_rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.testing.objects.report import Report

    Rules = Callable[[dict[str, Any], dict[str, Any] | None, Report], None]

_RBAC = "rbac.authorization.k8s.io"
_NETWORK = "networking.k8s.io"
#: Called with the object, the stored one (None on create) and the report to add causes to.
BY_KIND: Final[dict[tuple[str, str], Rules]] = {
    ("", "ConfigMap"): other_rules.config_map,
    ("", "Endpoints"): network_rules.endpoints,
    ("", "Event"): other_rules.event,
    ("", "LimitRange"): limit_rules.limit_range,
    ("", "Namespace"): other_rules.namespace,
    ("", "PersistentVolume"): other_rules.volume,
    ("", "PersistentVolumeClaim"): other_rules.claim,
    ("", "Pod"): pod_rules.pod,
    ("", "ReplicationController"): workload_rules.replication_controller,
    ("", "ResourceQuota"): limit_rules.resource_quota,
    ("", "Secret"): other_rules.secret,
    ("", "Service"): network_rules.service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): definition_rules.definition,
    ("apiregistration.k8s.io", "APIService"): other_rules.api_service,
    ("apps", "DaemonSet"): workload_rules.daemon_set,
    ("apps", "Deployment"): workload_rules.deployment,
    ("apps", "ReplicaSet"): workload_rules.replica_set,
    ("apps", "StatefulSet"): workload_rules.stateful_set,
    ("autoscaling", "HorizontalPodAutoscaler"): workload_rules.autoscaler,
    ("batch", "CronJob"): workload_rules.cron_job,
    ("batch", "Job"): workload_rules.job,
    ("coordination.k8s.io", "Lease"): other_rules.lease,
    ("discovery.k8s.io", "EndpointSlice"): network_rules.endpoint_slice,
    ("events.k8s.io", "Event"): other_rules.new_event,
    (_NETWORK, "Ingress"): network_rules.ingress,
    (_NETWORK, "IngressClass"): network_rules.ingress_class,
    (_NETWORK, "NetworkPolicy"): network_rules.network_policy,
    ("node.k8s.io", "RuntimeClass"): other_rules.runtime_class,
    ("policy", "PodDisruptionBudget"): workload_rules.disruption_budget,
    (_RBAC, "ClusterRole"): other_rules.role,
    (_RBAC, "ClusterRoleBinding"): other_rules.binding,
    (_RBAC, "Role"): other_rules.role,
    (_RBAC, "RoleBinding"): other_rules.binding,
    ("scheduling.k8s.io", "PriorityClass"): other_rules.priority_class,
    ("storage.k8s.io", "StorageClass"): other_rules.storage_class,
}
#: The rules for an update of a part of an object by a subresource that has rules of its own.
BY_PART: Final[dict[tuple[str, str, str], Callable[[dict[str, Any], dict[str, Any], Report], None]]] = {
    ("", "Pod", "ephemeralcontainers"): pod_rules.ephemeral_containers,
}
