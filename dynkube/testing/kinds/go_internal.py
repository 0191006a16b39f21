"""How errors print values of the server's own Go structs.

Those carry no JSON names: every field is shown by its own name, set or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The fields of the structs that errors quote, in order: name in Go, name in JSON, and either the value that stands
#: for nothing or the struct it holds.
_STRUCTS: Final[dict[str, tuple[tuple[str, str, Any], ...]]] = {
    "SecurityContext": (
        ("Capabilities", "capabilities", "Capabilities"),
        ("Privileged", "privileged", None),
        ("SELinuxOptions", "seLinuxOptions", "SELinuxOptions"),
        ("WindowsOptions", "windowsOptions", "WindowsOptions"),
        ("RunAsUser", "runAsUser", None),
        ("RunAsGroup", "runAsGroup", None),
        ("RunAsNonRoot", "runAsNonRoot", None),
        ("ReadOnlyRootFilesystem", "readOnlyRootFilesystem", None),
        ("AllowPrivilegeEscalation", "allowPrivilegeEscalation", None),
        ("ProcMount", "procMount", None),
        ("SeccompProfile", "seccompProfile", "Profile"),
        ("AppArmorProfile", "appArmorProfile", "Profile"),
    ),
    "Capabilities": (("Add", "add", None), ("Drop", "drop", None)),
    "SELinuxOptions": (("User", "user", ""), ("Role", "role", ""), ("Type", "type", ""), ("Level", "level", "")),
    "WindowsOptions": (
        ("GMSACredentialSpecName", "gmsaCredentialSpecName", None),
        ("GMSACredentialSpec", "gmsaCredentialSpec", None),
        ("RunAsUserName", "runAsUserName", None),
        ("HostProcess", "hostProcess", None),
    ),
    "Profile": (("Type", "type", ""), ("LocalhostProfile", "localhostProfile", None)),
    "Strategy": (("Type", "type", ""), ("RollingUpdate", "rollingUpdate", "RollingUpdate")),
    "RollingUpdate": (("MaxUnavailable", "maxUnavailable", 0), ("MaxSurge", "maxSurge", 0)),
    "StatefulSetStrategy": (("Type", "type", ""), ("RollingUpdate", "rollingUpdate", "Partition")),
    "Partition": (("Partition", "partition", 0), ("MaxUnavailable", "maxUnavailable", None)),
    "ServicePort": (
        ("Name", "name", ""),
        ("Protocol", "protocol", ""),
        ("AppProtocol", "appProtocol", None),
        ("Port", "port", 0),
        ("TargetPort", "targetPort", 0),
        ("NodePort", "nodePort", 0),
    ),
    "Taint": (("Key", "key", ""), ("Value", "value", ""), ("Effect", "effect", ""), ("TimeAdded", "timeAdded", None)),
    "Toleration": (
        ("Key", "key", ""),
        ("Operator", "operator", ""),
        ("Value", "value", ""),
        ("Effect", "effect", ""),
        ("TolerationSeconds", "tolerationSeconds", None),
    ),
    "ScopeSelector": (("MatchExpressions", "matchExpressions", ["ScopeRequirement"]),),
    "ScopeRequirement": (("ScopeName", "scopeName", ""), ("Operator", "operator", ""), ("Values", "values", None)),
    "SuccessPolicy": (("Rules", "rules", ["SuccessRule"]),),
    "SuccessRule": (
        ("SucceededIndexes", "succeededIndexes", None),
        ("SucceededCount", "succeededCount", None),
    ),
    "VolumeNodeAffinity": (("Required", "required", "NodeSelector"),),
    "NodeSelector": (("NodeSelectorTerms", "nodeSelectorTerms", ["NodeSelectorTerm"]),),
    "NodeSelectorTerm": (
        ("MatchExpressions", "matchExpressions", ["NodeSelectorRequirement"]),
        ("MatchFields", "matchFields", ["NodeSelectorRequirement"]),
    ),
    "NodeSelectorRequirement": (("Key", "key", ""), ("Operator", "operator", ""), ("Values", "values", None)),
    "CSINodeDriver": (
        ("Name", "name", ""),
        ("NodeID", "nodeID", ""),
        ("TopologyKeys", "topologyKeys", None),
        ("Allocatable", "-", None),
    ),
    "VolumeAttachmentSpec": (
        ("Attacher", "attacher", ""),
        ("Source", "source", "VolumeAttachmentSource"),
        ("NodeName", "nodeName", ""),
    ),
    "VolumeAttachmentSource": (
        ("PersistentVolumeName", "persistentVolumeName", None),
        ("InlineVolumeSpec", "inlineVolumeSpec", None),
    ),
    "RoleRef": (("APIGroup", "apiGroup", ""), ("Kind", "kind", ""), ("Name", "name", "")),
    "ParentReference": (
        ("Group", "group", ""),
        ("Resource", "resource", ""),
        ("Namespace", "namespace", ""),
        ("Name", "name", ""),
    ),
    "ObjectReference": (
        ("Kind", "kind", ""),
        ("Namespace", "namespace", ""),
        ("Name", "name", ""),
        ("UID", "uid", ""),
        ("APIVersion", "apiVersion", ""),
        ("ResourceVersion", "resourceVersion", ""),
        ("FieldPath", "fieldPath", ""),
    ),
    "Distinguisher": (("Type", "type", ""),),
    "DisruptionBudgetSpec": (
        ("MinAvailable", "minAvailable", None),
        ("Selector", "selector", None),
        ("MaxUnavailable", "maxUnavailable", None),
        ("UnhealthyPodEvictionPolicy", "unhealthyPodEvictionPolicy", None),
    ),
    "ValidationRule": (
        ("Rule", "rule", ""),
        ("Message", "message", ""),
        ("MessageExpression", "messageExpression", ""),
        ("Reason", "reason", None),
        ("FieldPath", "fieldPath", ""),
        ("OptionalOldSelf", "optionalOldSelf", None),
    ),
}


def internal(struct: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value as an error prints the Go struct named ``struct`` that holds it."""
    return {name: _field(kind, value.get(key)) for name, key, kind in _STRUCTS[struct]}


def _field(kind: Any, value: Any) -> Any:
    if isinstance(kind, list):
        return None if value is None else [internal(kind[0], one) for one in value]
    if isinstance(kind, str) and kind:
        return None if value is None else internal(kind, value)
    return kind if value is None else value
