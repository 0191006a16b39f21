"""Rules of the rights pods and containers run with (``pkg/apis/core/validation``)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dynkube.testing.kinds.go_internal import internal

if TYPE_CHECKING:
    from dynkube.testing.objects.report import Report

_PROFILES = ("Localhost", "RuntimeDefault", "Unconfined")
_LARGEST_ID = 2**31 - 1
_SYSCTL = r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_LONGEST_SYSCTL = 253
#: Kernel parameters of the pod's own namespaces, and the field that gives the pod the host's instead.
_SYSCTL_NAMESPACES = (
    (("kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue."), "hostIPC"),
    (("net.",), "hostNetwork"),
)


def pod_security(spec: dict[str, Any], path: str, report: Report) -> None:
    """Check a pod's security context, and the host's namespaces it may share."""
    context = spec.get("securityContext") or {}
    here = f"{path}.securityContext"
    for key in ("fsGroup", "runAsUser", "runAsGroup"):
        _identity(context.get(key), f"{here}.{key}", report)
    for index, group in enumerate(context.get("supplementalGroups") or []):
        _identity(group, f"{here}.supplementalGroups[{index}]", report)
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        why = "ShareProcessNamespace and HostPID cannot both be enabled"
        report.invalid(f"{here}.shareProcessNamespace", True, why)
    _sysctls(spec, context.get("sysctls") or [], f"{here}.sysctls", report)
    for key, known in (
        ("fsGroupChangePolicy", ("Always", "OnRootMismatch")),
        ("supplementalGroupsPolicy", ("Merge", "Strict")),
        ("seLinuxChangePolicy", ("MountOption", "Recursive")),
    ):
        if context.get(key) is not None and context[key] not in known:
            report.unsupported(f"{here}.{key}", context[key], known)
    _profiles(context, here, report)


def container_security(container: dict[str, Any], path: str, report: Report) -> None:
    """Check a container's security context."""
    context = container.get("securityContext")
    if context is None:
        return
    here = f"{path}.securityContext"
    for key in ("runAsUser", "runAsGroup"):
        _identity(context.get(key), f"{here}.{key}", report)
    mount = context.get("procMount")
    if mount is not None and mount not in {"Default", "Unmasked"}:
        report.unsupported(f"{here}.procMount", mount, ("Default", "Unmasked"))
    _profiles(context, here, report)
    if context.get("allowPrivilegeEscalation") is False:
        added = (context.get("capabilities") or {}).get("add") or []
        shown = internal("SecurityContext", context)
        if context.get("privileged"):
            report.invalid(here, shown, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true")
        if "CAP_SYS_ADMIN" in added:
            why = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
            report.invalid(here, shown, why)


def _identity(number: Any, path: str, report: Report) -> None:
    if number is not None and not 0 <= number <= _LARGEST_ID:
        report.invalid(path, number, f"must be between 0 and {_LARGEST_ID}, inclusive")


def _profiles(context: dict[str, Any], path: str, report: Report) -> None:
    for key, word in (("seccompProfile", "seccomp type"), ("appArmorProfile", "AppArmor type")):
        profile = context.get(key)
        if profile is None:
            continue
        here, kind, name = f"{path}.{key}", profile.get("type") or "", profile.get("localhostProfile")
        if not kind:
            report.required(f"{here}.type", f"type is required when {key} is set")
        elif kind not in _PROFILES:
            report.unsupported(f"{here}.type", kind, _PROFILES)
        if kind == "Localhost":
            if name is None:
                report.required(f"{here}.localhostProfile", f"must be set when {word} is Localhost")
            elif key == "seccompProfile":
                local_path(name, f"{here}.localhostProfile", report)
            elif not name.strip():
                report.required(f"{here}.localhostProfile", f"must be set when {word} is Localhost")
            elif name.strip() != name:
                report.invalid(f"{here}.localhostProfile", name, "must not be padded with whitespace")
        elif name is not None:
            shown = internal("Profile", profile) if key == "seccompProfile" else name
            report.invalid(f"{here}.localhostProfile", shown, f"can only be set when {word} is Localhost")


def local_path(path: str, where: str, report: Report) -> None:
    """Check a path that must stay below the place it is used in."""
    if path.startswith("/"):
        report.invalid(where, path, "must be a relative path")
    if ".." in path.split("/"):
        report.invalid(where, path, "must not contain '..'")


def _sysctls(spec: dict[str, Any], found: list[dict[str, Any]], path: str, report: Report) -> None:
    names: set[str] = set()
    for index, one in enumerate(found):
        here, name = f"{path}[{index}].name", one.get("name") or ""
        if not name:
            report.required(here)
        elif len(name) > _LONGEST_SYSCTL or not re.fullmatch(_SYSCTL, name):
            why = f"must have at most {_LONGEST_SYSCTL} characters and match regex ^{_SYSCTL}$"
            report.invalid(here, name, why)
        elif name in names:
            report.duplicate(here, name)
        for prefixes, host in _SYSCTL_NAMESPACES:
            if spec.get(host) and name.replace("/", ".").startswith(prefixes):
                report.invalid(here, name, f"may not be specified when '{host}' is true")
        names.add(name)
