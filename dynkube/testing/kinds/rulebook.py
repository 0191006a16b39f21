"""Which rules hold for which kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dynkube.testing.kinds import (
    admission_rules,
    autoscaler_rules,
    cluster_rules,
    definition_rules,
    endpoint_rules,
    flow_rules,
    job_rules,
    limit_rules,
    network_rules,
    other_rules,
    pod_rules,
    service_rules,
    storage_rules,
    workload_rules,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.testing.objects.report import Report

    Rules = Callable[[dict[str, Any], dict[str, Any] | None, Report], None]

_ADMISSION = "admissionregistration.k8s.io"
_FLOW = "flowcontrol.apiserver.k8s.io"
_STORAGE = "storage.k8s.io"
_RBAC = "rbac.authorization.k8s.io"
_NETWORK = "networking.k8s.io"
#: Called with the object, the stored one (None on create) and the report to add causes to.
BY_KIND: Final[dict[tuple[str, str], Rules]] = {
    ("", "ConfigMap"): other_rules.config_map,
    ("", "Endpoints"): endpoint_rules.endpoints,
    ("", "Event"): other_rules.event,
    ("", "LimitRange"): limit_rules.limit_range,
    ("", "Namespace"): cluster_rules.namespace,
    ("", "Node"): cluster_rules.node,
    ("", "PersistentVolume"): storage_rules.volume,
    ("", "PersistentVolumeClaim"): storage_rules.claim,
    ("", "Pod"): pod_rules.pod,
    ("", "PodTemplate"): pod_rules.pod_template,
    ("", "ReplicationController"): workload_rules.replication_controller,
    ("", "ResourceQuota"): limit_rules.resource_quota,
    ("", "Secret"): other_rules.secret,
    ("", "Service"): service_rules.service,
    (_ADMISSION, "MutatingWebhookConfiguration"): admission_rules.webhooks,
    (_ADMISSION, "ValidatingAdmissionPolicy"): admission_rules.policy,
    (_ADMISSION, "ValidatingAdmissionPolicyBinding"): admission_rules.policy_binding,
    (_ADMISSION, "ValidatingWebhookConfiguration"): admission_rules.webhooks,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): definition_rules.definition,
    ("apiregistration.k8s.io", "APIService"): other_rules.api_service,
    ("apps", "ControllerRevision"): workload_rules.controller_revision,
    ("apps", "DaemonSet"): workload_rules.daemon_set,
    ("apps", "Deployment"): workload_rules.deployment,
    ("apps", "ReplicaSet"): workload_rules.replica_set,
    ("apps", "StatefulSet"): workload_rules.stateful_set,
    ("autoscaling", "HorizontalPodAutoscaler"): autoscaler_rules.autoscaler,
    ("batch", "CronJob"): job_rules.cron_job,
    ("batch", "Job"): job_rules.job,
    ("certificates.k8s.io", "CertificateSigningRequest"): cluster_rules.signing_request,
    ("coordination.k8s.io", "Lease"): other_rules.lease,
    ("discovery.k8s.io", "EndpointSlice"): endpoint_rules.endpoint_slice,
    ("events.k8s.io", "Event"): other_rules.new_event,
    (_FLOW, "FlowSchema"): flow_rules.flow_schema,
    (_FLOW, "PriorityLevelConfiguration"): flow_rules.priority_level,
    (_NETWORK, "IPAddress"): network_rules.ip_address,
    (_NETWORK, "Ingress"): network_rules.ingress,
    (_NETWORK, "IngressClass"): network_rules.ingress_class,
    (_NETWORK, "NetworkPolicy"): network_rules.network_policy,
    (_NETWORK, "ServiceCIDR"): network_rules.service_cidr,
    ("node.k8s.io", "RuntimeClass"): cluster_rules.runtime_class,
    ("policy", "PodDisruptionBudget"): workload_rules.disruption_budget,
    (_RBAC, "ClusterRole"): other_rules.role,
    (_RBAC, "ClusterRoleBinding"): other_rules.binding,
    (_RBAC, "Role"): other_rules.role,
    (_RBAC, "RoleBinding"): other_rules.binding,
    ("scheduling.k8s.io", "PriorityClass"): other_rules.priority_class,
    (_STORAGE, "CSIDriver"): storage_rules.csi_driver,
    (_STORAGE, "CSINode"): storage_rules.csi_node,
    (_STORAGE, "CSIStorageCapacity"): storage_rules.csi_capacity,
    (_STORAGE, "StorageClass"): storage_rules.storage_class,
    (_STORAGE, "VolumeAttachment"): storage_rules.attachment,
    (_STORAGE, "VolumeAttributesClass"): storage_rules.attributes_class,
}
#: The rules for an update of a part of an object by a subresource that has rules of its own.
BY_PART: Final[dict[tuple[str, str, str], Callable[[dict[str, Any], dict[str, Any], Report], None]]] = {
    ("", "Pod", "ephemeralcontainers"): pod_rules.ephemeral_containers,
    ("", "Pod", "resize"): pod_rules.resize,
}
