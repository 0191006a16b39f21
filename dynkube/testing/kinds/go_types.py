"""What OpenAPI leaves out about Go's structs: which zero values are written and which are dropped.

Built-in objects pass through Go structs on a real server. A field tagged ``omitempty`` loses ``""``, ``0``, ``false``
and empty lists; a pointer keeps them; a struct without ``omitempty`` is always written. The schemas tell only the last
case (they carry a zero ``default``); these tables tell the others. Names stand for all types unless one narrows them.
"""

from __future__ import annotations

from typing import Final

#: ``time.Time`` values (no pointers): written as null while unset.
NULL_TIMES: Final = {
    "Event": frozenset(
        {"eventTime", "firstTimestamp", "lastTimestamp", "deprecatedFirstTimestamp", "deprecatedLastTimestamp"}
    ),
    "EventSeries": frozenset({"lastObservedTime"}),
    "ContainerStateRunning": frozenset({"startedAt"}),
    "ContainerStateTerminated": frozenset({"startedAt", "finishedAt"}),
}
#: The same for every ``...Condition`` type.
NULL_CONDITION_TIMES: Final = frozenset({"lastTransitionTime", "lastUpdateTime", "lastProbeTime", "lastHeartbeatTime"})
#: Slices and maps without ``omitempty`` that are not required either: written as null while empty.
NULL_LISTS: Final = frozenset(
    {
        ("Role", "rules"),
        ("ClusterRole", "rules"),
        ("CustomResourceDefinitionStatus", "conditions"),
        ("CustomResourceDefinitionStatus", "storedVersions"),
        ("HorizontalPodAutoscalerStatus", "currentMetrics"),
        ("EndpointSlice", "ports"),
    }
)
#: Required lists that nevertheless are ``omitempty``.
OMITTED_REQUIRED_LISTS: Final = frozenset({("ServiceSpec", "ports"), ("CustomResourceDefinitionNames", "shortNames")})
#: Plain (non-pointer) ``omitempty`` integers: zero is dropped.
PLAIN_INTEGERS: Final = frozenset(
    {
        "active",
        "availableReplicas",
        "count",
        "currentReplicas",
        "failed",
        "failureThreshold",
        "fullyLabeledReplicas",
        "generation",
        "hostPort",
        "initialDelaySeconds",
        "minReadySeconds",
        "nodePort",
        "numberAvailable",
        "numberUnavailable",
        "observedGeneration",
        "periodSeconds",
        "readyReplicas",
        "signal",
        "succeeded",
        "successThreshold",
        "unavailableReplicas",
        "updatedNumberScheduled",
        "updatedReplicas",
    }
)
#: Integers dropped at zero in some types only.
PLAIN_INTEGERS_OF: Final = frozenset(
    {
        ("Probe", "timeoutSeconds"),
        ("DeploymentStatus", "replicas"),
        ("ScaleSpec", "replicas"),
        ("CustomResourceColumnDefinition", "priority"),
    }
)
#: Plain ``omitempty`` booleans: false is dropped.
PLAIN_BOOLEANS: Final = frozenset(
    {
        "exclusiveMaximum",
        "exclusiveMinimum",
        "globalDefault",
        "hostIPC",
        "hostNetwork",
        "hostPID",
        "insecureSkipTLSVerify",
        "nullable",
        "paused",
        "preserveUnknownFields",
        "publishNotReadyAddresses",
        "readOnly",
        "stdin",
        "stdinOnce",
        "tty",
        "uniqueItems",
        "unschedulable",
        "x-kubernetes-embedded-resource",
        "x-kubernetes-int-or-string",
    }
)
#: String pointers: an empty string is a value of its own.
POINTER_STRINGS: Final = frozenset(
    {
        ("PersistentVolumeClaimSpec", "storageClassName"),
        ("PersistentVolumeClaimSpec", "volumeAttributesClassName"),
        ("IngressSpec", "ingressClassName"),
        ("LeaseSpec", "holderIdentity"),
        ("CronJobSpec", "timeZone"),
        ("EndpointPort", "name"),
        ("EndpointPort", "appProtocol"),
        ("ServicePort", "appProtocol"),
        ("Endpoint", "nodeName"),
        ("Endpoint", "zone"),
        ("Endpoint", "hostname"),
        ("HostPathVolumeSource", "type"),
        ("PodSpec", "runtimeClassName"),
        ("PodSpec", "hostnameOverride"),
        ("CustomResourceValidation", "reason"),
    }
)
#: List-typed status fields whose name an integer table would catch.
NOT_INTEGERS: Final = frozenset({("CronJobStatus", "active")})
