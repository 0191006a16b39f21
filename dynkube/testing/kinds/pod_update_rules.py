"""Rules of what an update may change of a pod: hardly anything, a little more while it waits for its gates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.testing.kinds.go_internal import internal
from dynkube.testing.kinds.preparation import quality

if TYPE_CHECKING:
    from dynkube.testing.objects.report import Report

_MUTABLE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_RESIZABLE = ("cpu", "memory")
_ONLY_MORE = "(no mutations or deletions)"


def pod_update(spec: dict[str, Any], old: dict[str, Any], report: Report) -> None:
    """Check an update of a pod's spec against the stored one."""
    for kind in ("containers", "initContainers"):
        if len(spec.get(kind) or []) != len(old.get(kind) or []):
            report.forbidden(f"spec.{kind}", "pod updates may not add or remove containers")
            return
    for kind in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(kind) or []):
            image = container.get("image") or ""
            if not image:
                report.required(f"spec.{kind}[{index}].image")
            elif image != image.strip():
                why = "must not have leading or trailing whitespace"
                report.invalid(f"spec.{kind}[{index}].image", image, why)
    _deadline(spec.get("activeDeadlineSeconds"), old.get("activeDeadlineSeconds"), report)
    _gates(spec, old, report)
    if old.get("schedulingGates"):
        _placement(spec, old, report)
    if any(toleration not in (spec.get("tolerations") or []) for toleration in old.get("tolerations") or []):
        why = "existing toleration can not be modified except its tolerationSeconds"
        report.forbidden("spec.tolerations", why)
    if _fixed(spec, old) != _fixed(old, old):
        report.forbidden("spec", _MUTABLE + "\n")


def pod_resize(spec: dict[str, Any], old: dict[str, Any], report: Report) -> None:
    """Check how the resources of a pod's containers change while it runs."""
    now, before = spec.get("containers") or [], old.get("containers") or []
    if [container.get("name") for container in now] != [container.get("name") for container in before]:
        report.forbidden("spec.containers", "containers may not be added or removed on resize")
        return
    if quality(spec) != quality(old):
        report.invalid("spec", quality(old), "Pod QOS Class may not change as a result of resizing")
    for index, (container, earlier) in enumerate(zip(now, before, strict=True)):
        for kind in ("requests", "limits"):
            asked = (container.get("resources") or {}).get(kind) or {}
            had = (earlier.get("resources") or {}).get(kind) or {}
            if any(name in had and name not in asked for name in _RESIZABLE):
                report.forbidden(f"spec.containers[{index}].resources.{kind}", f"resource {kind} cannot be removed")
    if [_rigid(container) for container in now] != [_rigid(container) for container in before]:
        report.forbidden("spec", "only cpu and memory resources are mutable")


def _rigid(container: dict[str, Any]) -> dict[str, Any]:
    """Return a container without what a resize may change."""
    resources = container.get("resources") or {}
    kept = {
        kind: {name: value for name, value in (resources.get(kind) or {}).items() if name not in _RESIZABLE}
        for kind in ("limits", "requests")
    }
    return {**container, "resources": kept}


def _deadline(now: int | None, before: int | None, report: Report) -> None:
    path = "spec.activeDeadlineSeconds"
    if now is None:
        if before is not None:
            report.invalid(path, now, "must not update from a positive integer to nil value")
    elif before is not None and now > before:
        report.invalid(path, now, "must be less than or equal to previous value")


def _gates(spec: dict[str, Any], old: dict[str, Any], report: Report) -> None:
    before = {gate.get("name") for gate in old.get("schedulingGates") or []}
    for index, gate in enumerate(spec.get("schedulingGates") or []):
        name = gate.get("name") or ""
        if name not in before:
            why = f"only deletion is allowed, but found new scheduling gate '{name}'"
            report.forbidden(f"spec.schedulingGates[{index}].name", why)


def _placement(spec: dict[str, Any], old: dict[str, Any], report: Report) -> None:
    """Check that the nodes of a pod that waits for its gates only get fewer."""
    now, before = spec.get("nodeSelector"), old.get("nodeSelector") or {}
    if any((now or {}).get(key) != value for key, value in before.items()):
        report.invalid("spec.nodeSelector", now, f"only additions to spec.nodeSelector are allowed {_ONLY_MORE}")
    terms, was = _terms(spec), _terms(old)
    path = f"spec.affinity.nodeAffinity.{_REQUIRED}.nodeSelectorTerms"
    if not was:
        return
    if len(terms) != len(was):
        why = "no additions/deletions to non-empty NodeSelectorTerms list are allowed"
        shown = [internal("NodeSelectorTerm", term) for term in terms] or None
        report.invalid(path, shown, why)
        return
    for index, (term, earlier) in enumerate(zip(terms, was, strict=True)):
        if not _extends(term, earlier):
            why = f"only additions are allowed {_ONLY_MORE}"
            report.invalid(f"{path}[{index}]", internal("NodeSelectorTerm", term), why)


def _terms(spec: dict[str, Any]) -> list[dict[str, Any]]:
    required = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(_REQUIRED) or {}
    return required.get("nodeSelectorTerms") or []


def _extends(term: dict[str, Any], earlier: dict[str, Any]) -> bool:
    """Whether a term starts with all requirements an earlier one had."""
    for key in ("matchExpressions", "matchFields"):
        now, before = term.get(key) or [], earlier.get(key) or []
        if now[: len(before)] != before:
            return False
    return True


def _fixed(spec: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a spec that may not change; a pod that waited for gates has less of it."""
    free = {"activeDeadlineSeconds", "tolerations", "schedulingGates"}
    if (old.get("terminationGracePeriodSeconds") or 0) < 0:
        free.add("terminationGracePeriodSeconds")
    rest = {key: value for key, value in spec.items() if key not in free}
    for kind in ("containers", "initContainers"):
        if kind in rest:
            rest[kind] = [{k: v for k, v in c.items() if k not in {"image", "resizePolicy"}} for c in rest[kind]]
    if old.get("schedulingGates"):
        rest.pop("nodeSelector", None)
        affinity = rest.get("affinity") or {}
        rest["affinity"] = {key: value for key, value in affinity.items() if key != "nodeAffinity"}
    return rest
