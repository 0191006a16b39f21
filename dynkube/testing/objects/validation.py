"""Whether an object may be stored: rules of metadata, of schemas, and of kinds, as causes of a 422."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from dynkube.testing.kinds import status_rules
from dynkube.testing.kinds.rulebook import BY_KIND, BY_PART
from dynkube.testing.objects import metadata_rules, schema_rules
from dynkube.testing.objects.report import Report

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynkube.testing.http.failures import Cause
    from dynkube.testing.objects.schemas import Schema


_RBAC = "rbac.authorization.k8s.io"
#: How often the rules of a kind look at the whole metadata on update, where it is not once.
_CHECKS_OF_METADATA: Final = {
    ("", "ConfigMap"): 2,
    ("policy", "PodDisruptionBudget"): 0,
    **{(_RBAC, kind): 2 for kind in ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")},
}
#: Groups that do not ask for the domain of a finalizer, as kinds of the others do.
_PLAIN_GROUPS: Final = frozenset(
    {
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "coordination.k8s.io",
        "policy",
    }
)


def _names_finalizers(resource: ResourceInfo, schema: Schema | None) -> bool:
    return (schema is None or not schema.custom) and resource.group not in _PLAIN_GROUPS


class ResourceInfo(Protocol):
    """What validation wants to know of the resource an object is written to."""

    @property
    def group(self) -> str:
        """The API group, "" for core."""

    @property
    def kind(self) -> str:
        """The kind's name."""


def validate(
    obj: dict[str, Any],
    old: dict[str, Any] | None,
    resource: ResourceInfo,
    schema: Schema | None,
    *,
    subresource: str = "",
    warnings: list[str] | None = None,
) -> list[Cause]:
    """Return everything that is wrong with ``obj``, in the server's order; empty when it may be stored.

    ``old`` is the stored object of an update, None on create. A write of a subresource has its metadata checked, what
    the subresource is about and, for custom kinds, its schema and its rules. What is wrong but was so before is added
    to ``warnings``.
    """
    report = Report()
    metadata = obj.get("metadata") or {}
    if old is None and schema is not None and schema.custom and obj.get("kind") != resource.kind:
        # Nothing else is looked at in a new custom object of another kind.
        report.invalid("kind", obj.get("kind"), f"must be {resource.kind}")
        return report.causes
    if old is None:
        metadata_rules.check_name(metadata, resource.group, resource.kind, report)
        metadata_rules.check(metadata, report)
        if _names_finalizers(resource, schema):
            metadata_rules.check_finalizer_names(metadata.get("finalizers") or [], "metadata.finalizers", report)
    else:
        metadata_rules.check_update(metadata, old.get("metadata") or {}, report)
        # Both the generic registry and the kind's strategy check metadata on update: the server reports it twice.
        report.causes *= 2
        for _ in range(_CHECKS_OF_METADATA.get((resource.group, resource.kind), 1)):
            metadata_rules.check(metadata, report)
            if _names_finalizers(resource, schema):
                metadata_rules.check_finalizer_names(metadata.get("finalizers") or [], "metadata.finalizers", report)
    if schema is not None and schema.custom:
        _custom(obj, old, resource, schema, report, part=subresource)
        found = _rules(obj, old, schema, report)
        if warnings is not None:
            warnings += found
    elif old is not None and (resource.group, resource.kind, subresource) in BY_PART:
        BY_PART[resource.group, resource.kind, subresource](obj, old, report)
    elif old is not None and subresource == "status":
        check = status_rules.BY_KIND.get((resource.group, resource.kind))
        if check is not None:
            check(obj, old, report)
    elif not subresource:
        rules = BY_KIND.get((resource.group, resource.kind))
        if rules is not None:
            rules(obj, old, report)
    return report.causes


def _custom(
    obj: dict[str, Any],
    old: dict[str, Any] | None,
    resource: ResourceInfo,
    schema: Schema,
    report: Report,
    *,
    part: str,
) -> None:
    if obj.get("kind") != resource.kind:
        report.invalid("kind", obj.get("kind"), f"must be {resource.kind}")
        return
    if part == "status":
        schema_rules.check_part(part, obj, old or {}, schema, report)
    else:
        schema_rules.check(obj, old, schema, report)
    definition: Mapping[str, Any] = getattr(resource, "definition", None) or {}
    scale = (definition.get("subresources") or {}).get("scale") or {}
    for key in ("specReplicasPath", "statusReplicasPath"):
        if scale.get(key):
            _replicas(obj, scale[key], report)


def _rules(obj: dict[str, Any], old: dict[str, Any] | None, schema: Schema, report: Report) -> list[str]:
    """Check the rules in CEL, if the kind has some, and return the warnings about them."""
    if not schema.has_rules:
        return []
    from dynkube.testing.cel import rules, validation

    node = rules.rules_of(schema)
    return [] if node is None else validation.check(node, obj, old, report)


def _replicas(obj: dict[str, Any], path: str, report: Report) -> None:
    """Check the number a scale subresource stands for."""
    found: Any = obj
    for key in path.lstrip(".").split("."):
        found = found.get(key) if isinstance(found, dict) else None
    if found is None:
        return
    if isinstance(found, bool) or not isinstance(found, int):
        shown = found if isinstance(found, str) else str(found)
        names = {bool: "bool", float: "float64", str: "string", dict: "map[string]interface {}", list: "[]interface {}"}
        why = f"{path} accessor error: {shown} is of the type {names.get(type(found), 'string')}, expected int64"
        report.invalid(path, 0, why)
    elif found < 0:
        report.invalid(path, found, "should be a non-negative integer")
    elif found > 2**31 - 1:
        report.invalid(path, found, f"should be less than or equal to {2**31 - 1}")
