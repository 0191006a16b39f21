"""The columns of tables, per kind: those of the recorded kinds as recorded, the others by name and type."""

from __future__ import annotations

import functools
import json
from importlib import resources
from typing import Any, Final

#: Columns of kinds that were not recorded: name, then what is not the default (type string, priority 0).
_WIDE = "wide"
_OTHERS: Final[dict[str, tuple[str, ...]]] = {
    "ReplicationController": (
        "Name",
        "Desired:integer",
        "Current:integer",
        "Ready:integer",
        "Age",
        "Containers:string:wide",
        "Images:string:wide",
        "Selector:string:wide",
    ),
    "apps/ReplicaSet": (
        "Name",
        "Desired:integer",
        "Current:integer",
        "Ready:integer",
        "Age",
        "Containers:string:wide",
        "Images:string:wide",
        "Selector:string:wide",
    ),
    "apps/ControllerRevision": ("Name", "Controller", "Revision", "Age"),
    "PodTemplate": ("Name", "Containers", "Images", "Pod Labels"),
    "Endpoints": ("Name", "Endpoints", "Age"),
    "ResourceQuota": ("Name", "Request", "Limit", "Age"),
    "PersistentVolume": (
        "Name",
        "Capacity",
        "Access Modes",
        "Reclaim Policy",
        "Status",
        "Claim",
        "StorageClass",
        "VolumeAttributesClass",
        "Reason",
        "Age",
        "VolumeMode:string:wide",
    ),
    "discovery.k8s.io/EndpointSlice": ("Name", "AddressType", "Ports", "Endpoints", "Age"),
    "networking.k8s.io/IngressClass": ("Name", "Controller", "Parameters", "Age"),
    "networking.k8s.io/NetworkPolicy": ("Name", "Pod-Selector", "Age"),
    "networking.k8s.io/ServiceCIDR": ("Name", "CIDRs", "Age"),
    "networking.k8s.io/IPAddress": ("Name", "ParentRef"),
    "rbac.authorization.k8s.io/ClusterRoleBinding": (
        "Name",
        "Role",
        "Age",
        "Users:string:wide",
        "Groups:string:wide",
        "ServiceAccounts:string:wide",
    ),
    "storage.k8s.io/StorageClass": (
        "Name",
        "Provisioner",
        "ReclaimPolicy",
        "VolumeBindingMode",
        "AllowVolumeExpansion",
        "Age",
    ),
    "storage.k8s.io/CSINode": ("Name", "Drivers:integer", "Age"),
    "storage.k8s.io/CSIDriver": (
        "Name",
        "AttachRequired:boolean",
        "PodInfoOnMount:boolean",
        "StorageCapacity:boolean",
        "TokenRequests",
        "RequiresRepublish:boolean",
        "Modes",
        "Age",
    ),
    "storage.k8s.io/VolumeAttachment": ("Name", "Attacher", "PV", "Node", "Attached:boolean", "Age"),
    "storage.k8s.io/VolumeAttributesClass": ("Name", "DriverName", "Age"),
    "scheduling.k8s.io/PriorityClass": ("Name", "Value:integer", "Global-Default:boolean", "Age", "PreemptionPolicy"),
    "node.k8s.io/RuntimeClass": ("Name", "Handler", "Age"),
    "certificates.k8s.io/CertificateSigningRequest": (
        "Name",
        "Age",
        "SignerName",
        "Requestor",
        "RequestedDuration",
        "Condition",
    ),
    "admissionregistration.k8s.io/MutatingWebhookConfiguration": ("Name", "Webhooks:integer", "Age"),
    "admissionregistration.k8s.io/ValidatingWebhookConfiguration": ("Name", "Webhooks:integer", "Age"),
    "admissionregistration.k8s.io/ValidatingAdmissionPolicy": ("Name", "Validations:integer", "ParamKind", "Age"),
    "admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding": ("Name", "PolicyName", "ParamRef", "Age"),
    "apiregistration.k8s.io/APIService": ("Name", "Service", "Available", "Age"),
    "flowcontrol.apiserver.k8s.io/FlowSchema": (
        "Name",
        "PriorityLevel",
        "MatchingPrecedence:integer",
        "DistinguisherMethod",
        "Age",
        "MissingPL",
    ),
    "flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration": (
        "Name",
        "Type",
        "NominalConcurrencyShares:integer",
        "Queues:integer",
        "HandSize:integer",
        "QueueLengthLimit:integer",
        "Age",
    ),
    "resource.k8s.io/DeviceClass": ("Name", "Age"),
    "resource.k8s.io/ResourceClaim": ("Name", "State", "Age"),
    "resource.k8s.io/ResourceClaimTemplate": ("Name", "Age"),
    "resource.k8s.io/ResourceSlice": ("Name", "Node", "Driver", "Pool", "Age"),
}


@functools.cache
def _recorded() -> dict[str, list[dict[str, Any]]]:
    text = resources.files("dynkube.testing").joinpath("data").joinpath("columns.json").read_bytes()
    found: dict[str, list[dict[str, Any]]] = json.loads(text)
    return found


def _key(group: str, kind: str) -> str:
    return f"{group}/{kind}" if group else kind


def name_description() -> str:
    """Return what the Name column says of itself."""
    return str(_recorded()["Pod"][0]["description"])


def age_description() -> str:
    """Return what Age and Created At columns say of themselves."""
    return next(str(c["description"]) for c in _recorded()["Pod"] if c["name"] == "Age")


def generic() -> list[dict[str, Any]]:
    """Return the columns of kinds nobody wrote a printer for (roles, CRDs, limit ranges)."""
    return _recorded()["*"]


def columns(group: str, kind: str) -> list[dict[str, Any]] | None:
    """Return the column definitions of a built-in kind; None when it only has the generic ones."""
    key = _key(group, kind)
    if key in _recorded():
        return _recorded()[key]
    if key == "events.k8s.io/Event":
        return _recorded()["Event"]
    names = _OTHERS.get(key)
    return [_column(kind, spec) for spec in names] if names is not None else None


def _column(kind: str, spec: str) -> dict[str, Any]:
    name, _, rest = spec.partition(":")
    type_, _, wide = rest.partition(":")
    if name == "Name":
        return _recorded()["Pod"][0]
    shared = {column["name"]: column["description"] for column in _recorded()["apps/Deployment"]}
    description = shared[name] if name in {"Age", "Containers", "Images"} else f"{name} of the {kind}."
    return {
        "name": name,
        "type": type_ or "string",
        "format": "",
        "description": description,
        "priority": 1 if wide == _WIDE else 0,
    }
