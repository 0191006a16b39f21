"""Whether an object may be stored: rules of metadata, of schemas, and of kinds, as causes of a 422."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from dynkube.testing.kinds.rulebook import BY_KIND, BY_PART
from dynkube.testing.objects import metadata_rules, schema_rules
from dynkube.testing.objects.report import Report

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynkube.testing.http.failures import Cause
    from dynkube.testing.objects.schemas import Schema


#: Groups whose kinds are held to the rules of metadata all servers have, not to those of kube-apiserver's own.
_GENERIC = frozenset({"admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io"})


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
) -> list[Cause]:
    """Return everything that is wrong with ``obj``, in the server's order; empty when it may be stored.

    ``old`` is the stored object of an update, None on create. A write of the status subresource only has its metadata
    and, for custom kinds, its schema checked.
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
    else:
        metadata_rules.check_update(metadata, old.get("metadata") or {}, report)
        # Both the generic registry and the kind's strategy check metadata on update: the server reports it twice.
        report.causes *= 2
    if resource.group not in _GENERIC and not (schema is not None and schema.custom):
        metadata_rules.check_finalizers(metadata, report)
    if schema is not None and schema.custom:
        _custom(obj, old, resource, schema, report, part=subresource)
    elif old is not None and (resource.group, resource.kind, subresource) in BY_PART:
        BY_PART[resource.group, resource.kind, subresource](obj, old, report)
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
