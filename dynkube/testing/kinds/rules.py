"""One answer per kind to everything schemas do not say: `kind_rules` collects the tables of this package."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from dynkube.testing.kinds import preparation, selectable
from dynkube.testing.patches.json_patch import equal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dynkube.names import GroupVersionKind

_ADMISSION = "admissionregistration.k8s.io"
_FLOW = "flowcontrol.apiserver.k8s.io"
_NETWORK = "networking.k8s.io"
_RBAC = "rbac.authorization.k8s.io"
_STORAGE = "storage.k8s.io"

#: Kinds whose ``metadata.generation`` counts changes of what is wanted.
_WITH_GENERATION: Final = frozenset(
    {
        ("", "Pod"),
        ("", "ReplicationController"),
        ("", "PodTemplate"),
        ("apps", "DaemonSet"),
        ("apps", "Deployment"),
        ("apps", "ReplicaSet"),
        ("apps", "StatefulSet"),
        ("batch", "CronJob"),
        ("batch", "Job"),
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
        ("discovery.k8s.io", "EndpointSlice"),
        ("policy", "PodDisruptionBudget"),
        ("resource.k8s.io", "DeviceClass"),
        (_ADMISSION, "MutatingAdmissionPolicy"),
        (_ADMISSION, "MutatingAdmissionPolicyBinding"),
        (_ADMISSION, "MutatingWebhookConfiguration"),
        (_ADMISSION, "ValidatingAdmissionPolicy"),
        (_ADMISSION, "ValidatingAdmissionPolicyBinding"),
        (_ADMISSION, "ValidatingWebhookConfiguration"),
        (_FLOW, "FlowSchema"),
        (_FLOW, "PriorityLevelConfiguration"),
        (_NETWORK, "Ingress"),
        (_NETWORK, "IngressClass"),
        (_NETWORK, "NetworkPolicy"),
        (_STORAGE, "CSIDriver"),
    }
)
#: Kinds whose generation counts changes from none.
_NO_FIRST_GENERATION: Final = frozenset({(_STORAGE, "CSIDriver")})
#: Kinds that start with a generation which counts nothing.
_ONE_GENERATION: Final = frozenset({("scheduling.k8s.io", "PriorityClass")})
#: Kinds whose PUT must carry a resourceVersion.
_CONDITIONAL_UPDATE: Final = frozenset(
    {
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
        ("apiregistration.k8s.io", "APIService"),
        ("coordination.k8s.io", "Lease"),
        ("node.k8s.io", "RuntimeClass"),
        ("policy", "PodDisruptionBudget"),
        (_ADMISSION, "MutatingWebhookConfiguration"),
        (_ADMISSION, "ValidatingAdmissionPolicy"),
        (_ADMISSION, "ValidatingAdmissionPolicyBinding"),
        (_ADMISSION, "ValidatingWebhookConfiguration"),
        (_STORAGE, "CSIDriver"),
        (_STORAGE, "CSINode"),
        (_STORAGE, "CSIStorageCapacity"),
        (_STORAGE, "VolumeAttachment"),
    }
)
#: Kinds a PUT may create.
_CREATE_ON_UPDATE: Final = frozenset(
    {
        ("", "Endpoints"),
        ("", "Event"),
        ("", "LimitRange"),
        ("", "Service"),
        ("coordination.k8s.io", "Lease"),
        ("events.k8s.io", "Event"),
        (_RBAC, "ClusterRole"),
        (_RBAC, "ClusterRoleBinding"),
        (_RBAC, "Role"),
        (_RBAC, "RoleBinding"),
    }
)
#: Kinds whose DELETE answers the deleted object even when it is gone at once.
_DELETE_RETURNS_OBJECT: Final = frozenset(
    {
        ("", "PersistentVolume"),
        ("", "PersistentVolumeClaim"),
        ("", "Pod"),
        ("", "PodTemplate"),
        ("", "ResourceQuota"),
        ("", "Service"),
        ("", "ServiceAccount"),
        (_STORAGE, "CSIDriver"),
        (_STORAGE, "CSINode"),
        (_STORAGE, "CSIStorageCapacity"),
        (_STORAGE, "StorageClass"),
        (_STORAGE, "VolumeAttachment"),
    }
)
#: Kinds that keep a status sent with a create: nodes register themselves.
_STATUS_ON_CREATE: Final = frozenset({("", "Node"), ("", "Event")})
#: Kinds whose generation also counts changes of annotations.
_GENERATION_BY_ANNOTATIONS: Final = frozenset({("apps", "Deployment")})


def _nobody() -> Iterable[dict[str, Any]]:
    return ()


@dataclass(frozen=True)
class KindRules:
    """What is special about one kind."""

    group: str
    kind: str
    custom: bool = False
    has_status: bool = True
    has_generation: bool = False
    unconditional_update: bool = True
    create_on_update: bool = False
    delete_returns_object: bool = False
    fields: Mapping[str, Callable[[dict[str, Any]], str]] = field(default_factory=dict)

    def prepare_create(self, obj: dict[str, Any], others: Callable[[], Iterable[dict[str, Any]]] = _nobody) -> None:
        """Make a new object ready to be stored, in place: status dropped, values allocated, admission's additions.

        ``others`` lists the stored objects of the kind (services look there for taken addresses).
        """
        key = (self.group, self.kind)
        if self.has_status and key not in _STATUS_ON_CREATE:
            obj.pop("status", None)
        act = None if self.custom else preparation.CREATE.get(key)
        if act is not None:
            act(obj, others)

    def prepare_update(
        self, obj: dict[str, Any], old: dict[str, Any], others: Callable[[], Iterable[dict[str, Any]]] = _nobody
    ) -> None:
        """Make an update of the main resource ready, in place: the status is the old one, allocated values stay."""
        if self.has_status:
            _copy_over(obj, old, "status")
        act = None if self.custom else preparation.UPDATE.get((self.group, self.kind))
        if act is not None:
            act(obj, old, others)

    def prepare_status_update(self, obj: dict[str, Any], old: dict[str, Any]) -> None:
        """Make an update of the status subresource ready, in place: everything else is the old object's."""
        for key in {*obj, *old} - {"apiVersion", "kind", "metadata", "status"}:
            _copy_over(obj, old, key)
        metadata, before = obj.setdefault("metadata", {}), old.get("metadata") or {}
        keep = {"resourceVersion", "managedFields"}
        if not self.custom:
            keep |= {"annotations", "finalizers"}
        for key in {*metadata, *before} - keep:
            _copy_over(metadata, before, key)

    def prepare_part_update(self, obj: dict[str, Any], old: dict[str, Any], part: str) -> None:
        """Make an update of a part of the spec ready, in place: everything else is the old object's."""
        if part == "resize":
            found: Any = preparation.resized(obj, old)
            part = "containers"
        else:
            part = "ephemeralContainers"
            found = (obj.get("spec") or {}).get(part)
        for key in {*obj, *old} - {"apiVersion", "kind", "metadata"}:
            _copy_over(obj, old, key)
        metadata, before = obj.setdefault("metadata", {}), old.get("metadata") or {}
        for key in {*metadata, *before} - {"resourceVersion", "managedFields"}:
            _copy_over(metadata, before, key)
        obj["spec"].pop(part, None)
        if found:
            obj["spec"][part] = found

    @property
    def starts_with_generation(self) -> bool:
        """Whether a new object has generation 1."""
        return self.has_generation and (self.group, self.kind) not in _NO_FIRST_GENERATION

    def spec_changed(self, obj: dict[str, Any], old: dict[str, Any]) -> bool:
        """Whether an update bumps ``metadata.generation``."""
        if (self.group, self.kind) in _ONE_GENERATION:
            return False
        ignored = {"apiVersion", "kind", "metadata"} | ({"status"} if self.has_status else set())
        if (self.group, self.kind) in _GENERATION_BY_ANNOTATIONS:
            now, before = obj.get("metadata") or {}, old.get("metadata") or {}
            if (now.get("annotations") or {}) != (before.get("annotations") or {}):
                return True
        return any(not equal(obj.get(key), old.get(key)) for key in {*obj, *old} - ignored)

    def unknown_field(self, label: str) -> str:
        """Return how the server refuses a field selector on ``label``."""
        if not self.fields and not self.custom:
            return f'"{label}" is not a known field selector: only "metadata.name", "metadata.namespace"'
        if (self.group, self.kind) == ("batch", "Job"):
            return f'field label "{label}" not supported for Job'
        return f"field label not supported: {label}"


def _copy_over(obj: dict[str, Any], old: Mapping[str, Any], key: str) -> None:
    if key in old:
        obj[key] = copy.deepcopy(old[key])
    else:
        obj.pop(key, None)


def kind_rules(
    gvk: GroupVersionKind,
    *,
    custom: bool = False,
    has_status: bool = True,
    selectable_fields: Iterable[str] = (),
) -> KindRules:
    """Return the rules of a kind.

    ``custom`` says it comes from a CRD; then ``has_status`` tells whether it has the status subresource and
    ``selectable_fields`` are the JSON paths (``.spec.color``) field selectors may name.
    """
    if custom:
        fields = {path.lstrip("."): selectable.at(path.lstrip(".")) for path in selectable_fields}
        return KindRules(
            gvk.group,
            gvk.kind,
            custom=True,
            has_status=has_status,
            has_generation=True,
            unconditional_update=False,
            fields=fields,
        )
    key = (gvk.group, gvk.kind)
    return KindRules(
        gvk.group,
        gvk.kind,
        has_generation=key in _WITH_GENERATION | _ONE_GENERATION,
        unconditional_update=key not in _CONDITIONAL_UPDATE,
        create_on_update=key in _CREATE_ON_UPDATE,
        delete_returns_object=key in _DELETE_RETURNS_OBJECT,
        fields=selectable.BY_KIND.get(key, {}),
    )
