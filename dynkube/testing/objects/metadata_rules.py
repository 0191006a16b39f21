"""Rules of ``metadata`` that hold for every kind (apimachinery ``api/validation``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dynkube.testing.objects import formats
from dynkube.testing.objects.report import quote

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.testing.objects.report import Report

#: All annotations of an object together may have this many bytes.
MAX_ANNOTATIONS = 256 * 1024
#: Finalizers without a domain.
STANDARD_FINALIZERS: Final = frozenset({"foregroundDeletion", "kubernetes", "orphan"})
#: What a server says of others that belong to nobody's domain.
UNQUALIFIED_FINALIZER: Final = "name is neither a standard finalizer name nor is it fully qualified"
_RBAC = "rbac.authorization.k8s.io"
_NAME_FORMS: Final[dict[tuple[str, str], Callable[[str], list[str]]]] = {
    ("", "Namespace"): formats.label,
    ("", "Service"): formats.label,
    (_RBAC, "Role"): formats.path_segment,
    (_RBAC, "ClusterRole"): formats.path_segment,
    (_RBAC, "RoleBinding"): formats.path_segment,
    (_RBAC, "ClusterRoleBinding"): formats.path_segment,
    ("certificates.k8s.io", "ClusterTrustBundle"): formats.path_segment,
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"): formats.subdomain,
    ("apiregistration.k8s.io", "APIService"): formats.path_segment,
}
#: A cron job's name leaves room for the suffix of its jobs.
_CRON_JOB_NAME = 52


def check_name(metadata: dict[str, Any], group: str, kind: str, report: Report) -> None:
    """Check name and generateName."""
    form = _NAME_FORMS.get((group, kind), formats.subdomain)
    name, prefix = metadata.get("name") or "", metadata.get("generateName") or ""
    if prefix:
        # The random suffix follows, so a trailing dash is fine.
        candidate = prefix[:-1] + "a" if prefix.endswith("-") and len(prefix) > 1 else prefix
        for problem in form(candidate):
            report.invalid("metadata.generateName", prefix, problem)
    if not name:
        report.required("metadata.name", "name or generateName is required")
        return
    for problem in form(name):
        report.invalid("metadata.name", name, problem)
    if (group, kind) == ("batch", "CronJob") and len(name) > _CRON_JOB_NAME:
        report.invalid("metadata.name", name, f"must be no more than {_CRON_JOB_NAME} characters")


def check(metadata: dict[str, Any], report: Report, path: str = "metadata") -> None:
    """Check labels, annotations, owners and finalizers."""
    _check_texts(metadata, report, path)
    finalizers = metadata.get("finalizers") or []
    for finalizer in finalizers:
        for problem in formats.qualified_name(finalizer):
            report.invalid(f"{path}.finalizers", finalizer, problem)
    if {"orphan", "foregroundDeletion"} <= set(finalizers):
        report.invalid(f"{path}.finalizers", finalizers, "finalizer orphan and foregroundDeletion cannot be both set")


def _check_texts(metadata: dict[str, Any], report: Report, path: str) -> None:
    check_labels(metadata.get("labels"), f"{path}.labels", report)
    annotations = metadata.get("annotations") or {}
    for key in annotations:
        for problem in formats.qualified_name(key.lower()):
            report.invalid(f"{path}.annotations", key, problem)
    if sum(len(str(k).encode()) + len(str(v).encode()) for k, v in annotations.items()) > MAX_ANNOTATIONS:
        report.too_long(f"{path}.annotations", MAX_ANNOTATIONS)
    _check_owners(metadata.get("ownerReferences") or [], f"{path}.ownerReferences", report)


def is_qualified_finalizer(name: str) -> bool:
    """Tell whether a finalizer is well-known or belongs to somebody's domain."""
    return "/" in name or name in STANDARD_FINALIZERS


def check_finalizer_names(finalizers: list[str], path: str, report: Report) -> None:
    """Check that finalizers of a built-in object are well-known or belong to somebody's domain."""
    for index, name in enumerate(finalizers):
        if not is_qualified_finalizer(name):
            report.invalid(f"{path}[{index}]", name, UNQUALIFIED_FINALIZER)


def check_labels(labels: dict[str, Any] | None, path: str, report: Report) -> None:
    """Check label keys and values; the causes name the map, as the server's do."""
    for key, value in (labels or {}).items():
        for problem in formats.qualified_name(key):
            report.invalid(path, key, problem)
        for problem in formats.label_value(str(value)):
            report.invalid(path, value, problem)


def _check_owners(owners: list[dict[str, Any]], path: str, report: Report) -> None:
    controller = ""
    for owner in owners:
        # The server does not tell which of the references it means.
        version = str(owner.get("apiVersion") or "")
        if not version.rpartition("/")[2] or version.count("/") > 1:
            report.invalid(f"{path}.apiVersion", version, "version must not be empty")
        for field in ("kind", "name", "uid"):
            if not owner.get(field):
                report.invalid(f"{path}.{field}", owner.get(field) or "", "must not be empty")
        if owner.get("kind") == "Event" and version in {"v1", "events.k8s.io/v1"}:
            shown = version if "/" in version else f"/{version}"
            report.invalid(path, owner, f"{shown}, Kind=Event is disallowed from being an owner")
        if owner.get("controller"):
            if controller:
                report.invalid(
                    path,
                    owners,
                    'Only one reference can have Controller set to true. Found "true" in references for '
                    f"{controller} and {owner.get('kind')}/{owner.get('name')}",
                )
            controller = f"{owner.get('kind')}/{owner.get('name')}"


def check_update(metadata: dict[str, Any], old: dict[str, Any], report: Report) -> None:
    """Check what an update may not do to metadata, and the texts in it."""
    before = set(old.get("finalizers") or [])
    added = sorted(set(metadata.get("finalizers") or []) - before)
    if old.get("deletionTimestamp") and added:
        shown = "[]string{" + ", ".join(quote(name) for name in added) + "}"
        why = f"no new finalizers can be added if the object is being deleted, found new finalizers {shown}"
        report.forbidden("metadata.finalizers", why)
    for field in ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"):
        new = metadata.get(field)
        if new not in (None, ""):
            report.unchanged(f"metadata.{field}", new, old.get(field))
    _check_texts(metadata, report, "metadata")
