"""Rules of volume sources, of pods and of persistent volumes (``pkg/apis/core/validation``)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dynkube.testing.kinds.security_rules import local_path
from dynkube.testing.objects import formats
from dynkube.testing.objects.quantities import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.testing.objects.report import Report

    Source = Callable[[dict[str, Any], str, Report], None]

_HOST_PATHS = (
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
)
_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_MODE = "must be a number between 0 and 0777 (octal), both inclusive"
_INITIATOR = re.compile(
    r"(iqn\.\d{4}-\d{2}\.([a-zA-Z0-9.\-]+)(:[^,;*&$|\s]+)$|eui.[a-zA-Z0-9]{16}$|naa.[a-zA-Z0-9]{32}$)"
)
_LONGEST_DRIVER = 63
_SHORTEST_TOKEN, _LONGEST_TOKEN = 600, 1 << 32
#: What a container's own fields and the fields of its pod are called in downward API references.
_POD_FIELDS = frozenset(
    {"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"}
)
_VARIABLE_FIELDS = frozenset(
    {
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
        "spec.nodeName",
        "spec.serviceAccountName",
        "status.hostIP",
        "status.hostIPs",
        "status.podIP",
        "status.podIPs",
    }
)
_OTHER_FIELDS = frozenset({"spec.restartPolicy", "spec.schedulerName", "spec.hostNetwork", "status.phase"})
_SUBSCRIPT = re.compile(r"(metadata\.(?:annotations|labels))\['([^']*)'\]")
_AMOUNTS = ("cpu", "ephemeral-storage", "memory")
_RESOURCES = tuple(f"{kind}.{name}" for kind in ("limits", "requests") for name in _AMOUNTS)
#: Divisors by what is divided.
_DIVISORS = {
    "cpu": ("1m", "1"),
    "memory": ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"),
}


def mode(source: dict[str, Any], key: str, path: str, report: Report) -> None:
    """Check the permissions of a file, if given."""
    found = source.get(key)
    if found is not None and not 0 <= found <= 0o777:
        report.invalid(f"{path}.{key}", found, _MODE)


def local_name(path: str, where: str, report: Report) -> None:
    """Check the path of a file inside a volume."""
    local_path(path, where, report)
    if path.startswith(".."):
        report.invalid(where, path, "must not start with '..'")


def _items(source: dict[str, Any], path: str, report: Report) -> None:
    mode(source, "defaultMode", path, report)
    projected_items(source, path, report)


def projected_items(source: dict[str, Any], path: str, report: Report) -> None:
    """Check which keys become which files."""
    for index, item in enumerate(source.get("items") or []):
        here = f"{path}.items[{index}]"
        if not item.get("key"):
            report.required(f"{here}.key")
        if not item.get("path"):
            report.required(f"{here}.path")
        else:
            local_name(item["path"], f"{here}.path", report)
        mode(item, "mode", here, report)


def _empty_dir(source: dict[str, Any], path: str, report: Report) -> None:
    if source.get("sizeLimit") is not None and parse(source["sizeLimit"]) < 0:
        report.forbidden(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity")


def host_path(source: dict[str, Any], path: str, report: Report) -> None:
    """Check a path on a node."""
    where = source.get("path") or ""
    if not where:
        report.required(f"{path}.path")
        return
    if ".." in where.split("/"):
        report.invalid(f"{path}.path", where, "must not contain '..'")
    if source.get("type") is not None and source["type"] not in _HOST_PATHS:
        report.unsupported(f"{path}.type", source["type"], _HOST_PATHS)


def _secret(source: dict[str, Any], path: str, report: Report) -> None:
    if not source.get("secretName"):
        report.required(f"{path}.secretName")
    _items(source, path, report)


def _config_map(source: dict[str, Any], path: str, report: Report) -> None:
    if not source.get("name"):
        report.required(f"{path}.name")
    _items(source, path, report)


def _claim(source: dict[str, Any], path: str, report: Report) -> None:
    if not source.get("claimName"):
        report.required(f"{path}.claimName")


def nfs(source: dict[str, Any], path: str, report: Report) -> None:
    """Check an NFS export."""
    if not source.get("server"):
        report.required(f"{path}.server")
    where = source.get("path") or ""
    if not where:
        report.required(f"{path}.path")
    if not where.startswith("/"):
        report.invalid(f"{path}.path", where, "must be an absolute path")


def iscsi(source: dict[str, Any], path: str, report: Report) -> None:
    """Check an iSCSI target."""
    if not source.get("targetPortal"):
        report.required(f"{path}.targetPortal")
    name = source.get("iqn") or ""
    if not name:
        report.required(f"{path}.iqn")
    elif not _INITIATOR.match(name):
        report.invalid(f"{path}.iqn", name, "must be valid format starting with iqn, eui, or naa")
    if not 0 <= (source.get("lun") or 0) <= 255:
        report.invalid(f"{path}.lun", source["lun"], "must be between 0 and 255, inclusive")


def driver_name(name: str, path: str, report: Report) -> None:
    """Check the name of a CSI driver."""
    if not name:
        report.required(path)
    if len(name) > _LONGEST_DRIVER:
        report.too_long(path, _LONGEST_DRIVER)
    if name:
        report.malformed(path, name, formats.subdomain(name.lower()))


def _inline_csi(source: dict[str, Any], path: str, report: Report) -> None:
    driver_name(source.get("driver") or "", f"{path}.driver", report)
    reference = source.get("nodePublishSecretRef")
    if reference is not None:
        if not reference.get("name"):
            report.required(f"{path}.nodePublishSecretRef.name")
        else:
            report.malformed(f"{path}.name", reference["name"], formats.subdomain(reference["name"]))


def _downward(source: dict[str, Any], path: str, report: Report) -> None:
    mode(source, "defaultMode", path, report)
    downward_files(source, path, report)


def downward_files(source: dict[str, Any], path: str, report: Report) -> None:
    """Check the files that tell a container about itself."""
    for item in source.get("items") or []:
        if not item.get("path"):
            report.required(f"{path}.path")
        else:
            local_name(item["path"], f"{path}.path", report)
        field, resource = item.get("fieldRef"), item.get("resourceFieldRef")
        if field is not None:
            field_reference(field, f"{path}.fieldRef", report, volume=True)
            if resource is not None:
                report.invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously")
        elif resource is not None:
            resource_reference(resource, f"{path}.resourceFieldRef", report, volume=True)
        else:
            report.required(path, "one of fieldRef and resourceFieldRef is required")
        mode(item, "mode", path, report)


def field_reference(found: dict[str, Any], path: str, report: Report, *, volume: bool) -> None:
    """Check a reference to a field of the pod: volumes may name others than variables."""
    name = found.get("fieldPath") or ""
    version = found.get("apiVersion") or ""
    if not version:
        report.required(f"{path}.apiVersion")
        return
    if not name:
        report.required(f"{path}.fieldPath")
        return
    subscript = _SUBSCRIPT.fullmatch(name)
    if subscript is not None:
        kind, key = subscript.groups()
        problems = formats.qualified_name(key.lower() if kind.endswith("annotations") else key)
        report.malformed(path, key, problems)
        return
    if name.endswith("]") and "[" in name:
        base = name.partition("[")[0]
        report.invalid(f"{path}.fieldPath", base, "does not support subscript")
        return
    if version != "v1":
        why = f"error converting fieldPath: unsupported pod version: {version}"
        report.invalid(f"{path}.fieldPath", name, why)
        return
    if name not in _POD_FIELDS | _VARIABLE_FIELDS | _OTHER_FIELDS:
        report.invalid(f"{path}.fieldPath", name, f"error converting fieldPath: field label not supported: {name}")
        return
    known = _POD_FIELDS if volume else _VARIABLE_FIELDS
    if name not in known:
        report.unsupported(f"{path}.fieldPath", name, sorted(known))


def resource_reference(found: dict[str, Any], path: str, report: Report, *, volume: bool) -> None:
    """Check a reference to a limit or request of a container."""
    name = found.get("resource") or ""
    if volume and not found.get("containerName"):
        report.required(f"{path}.containerName")
    elif not name:
        report.required(f"{path}.resource")
    elif name not in _RESOURCES and not re.fullmatch(r"(limits|requests)\.hugepages-.+", name):
        report.unsupported(f"{path}.resource", name, _RESOURCES)
    divisor = str(found.get("divisor") or "0")
    if parse(divisor) == 0 or not name:
        return
    kind = "cpu" if name.endswith(".cpu") else "memory"
    if name in _RESOURCES and divisor not in _DIVISORS[kind]:
        known = _DIVISORS[kind]
        shown = " and ".join((", ".join(known[:-1]), known[-1]))
        what = name.partition(".")[2]
        report.invalid(f"{path}.divisor", name, f"only divisor's values {shown} are supported with the {what} resource")


def _projected(source: dict[str, Any], path: str, report: Report) -> None:
    mode(source, "defaultMode", path, report)
    files: set[str] = set()
    for index, one in enumerate(source.get("sources") or []):
        here = f"{path}.sources[{index}]"
        kinds = [
            key for key in ("secret", "configMap", "downwardAPI", "serviceAccountToken") if one.get(key) is not None
        ]
        for number, kind in enumerate(kinds):
            if number:
                report.forbidden(f"{here}.{kind}", "may not specify more than 1 volume type")
                continue
            _projection(kind, one[kind], here, path, report)
            for file in _projected_files(kind, one[kind]):
                if file in files:
                    _conflict(kind, one[kind], path, report)
                files.add(file)


def _projection(kind: str, source: dict[str, Any], here: str, path: str, report: Report) -> None:
    if kind in {"secret", "configMap"}:
        if not source.get("name"):
            report.required(f"{here}.{kind}.name")
        projected_items(source, f"{here}.{kind}", report)
    elif kind == "downwardAPI":
        downward_files(source, f"{here}.{kind}", report)
    else:
        seconds = source.get("expirationSeconds")
        if seconds is not None and seconds < _SHORTEST_TOKEN:
            why = "may not specify a duration less than 10 minutes"
            report.invalid(f"{here}.{kind}.expirationSeconds", seconds, why)
        elif seconds is not None and seconds > _LONGEST_TOKEN:
            why = "may not specify a duration larger than 2^32 seconds"
            report.invalid(f"{here}.{kind}.expirationSeconds", seconds, why)
        if not source.get("path"):
            report.required(f"{path}.path")
        else:
            local_name(source["path"], f"{path}.path", report)


def _projected_files(kind: str, source: dict[str, Any]) -> list[str]:
    if kind == "serviceAccountToken":
        return [source["path"]] if source.get("path") else []
    return [item["path"] for item in source.get("items") or [] if item.get("path")]


def _conflict(kind: str, source: dict[str, Any], path: str, report: Report) -> None:
    if kind == "downwardAPI":
        report.invalid(path, _projected_files(kind, source)[0], "conflicting duplicate paths")
    else:
        report.invalid(path, source.get("name") or source.get("path") or "", "conflicting duplicate paths")


def _image(source: dict[str, Any], path: str, report: Report) -> None:
    if not source.get("reference"):
        report.required(f"{path}.reference")
    policy = source.get("pullPolicy")
    if policy and policy not in _PULL_POLICIES:
        report.unsupported(f"{path}.pullPolicy", policy, _PULL_POLICIES)


#: Where each source stands in the order in which a server looks at them.
_ORDER = {
    source: position
    for position, source in enumerate(
        (
            *("emptyDir", "hostPath", "gitRepo", "gcePersistentDisk", "awsElasticBlockStore", "secret", "nfs", "iscsi"),
            *("glusterfs", "flocker", "persistentVolumeClaim", "rbd", "cinder", "cephfs", "quobyte", "downwardAPI"),
            *("fc", "flexVolume", "configMap", "azureFile", "vsphereVolume", "photonPersistentDisk"),
            *("portworxVolume", "azureDisk", "storageos", "projected", "scaleIO", "csi", "ephemeral", "image"),
        )
    )
}
#: The sources with rules, as far as both pods and persistent volumes can have them or pods alone.
OF_PODS: dict[str, Source] = {
    "emptyDir": _empty_dir,
    "hostPath": host_path,
    "secret": _secret,
    "configMap": _config_map,
    "persistentVolumeClaim": _claim,
    "nfs": nfs,
    "iscsi": iscsi,
    "csi": _inline_csi,
    "downwardAPI": _downward,
    "projected": _projected,
    "image": _image,
}


def pod_volumes(volumes: list[dict[str, Any]], path: str, pod: str, report: Report) -> dict[str, dict[str, Any]]:
    """Check the volumes of a pod and return by name those that are fine. ``pod`` is its name, "" if not known yet."""
    from dynkube.testing.kinds import storage_rules

    fine: dict[str, dict[str, Any]] = {}
    for index, volume in enumerate(volumes):
        here, name, before = f"{path}[{index}]", volume.get("name") or "", len(report.causes)
        sources = sorted(
            (key for key in volume if key != "name" and volume[key] is not None),
            key=lambda key: _ORDER.get(key, len(_ORDER)),
        )
        for extra in sources[1:]:
            report.forbidden(f"{here}.{extra}", "may not specify more than 1 volume type")
        if not sources:
            report.required(here, "must specify a volume type")
        for key in sources[:1]:
            if key == "ephemeral":
                storage_rules.ephemeral(volume[key], f"{here}.ephemeral", report)
                _claim_name(f"{pod}-{name}" if pod and name else "", name, here, report)
            elif key in OF_PODS:
                OF_PODS[key](volume[key], f"{here}.{key}", report)
        if not name:
            report.required(f"{here}.name")
        else:
            report.malformed(f"{here}.name", name, formats.label(name))
        if name in fine:
            report.duplicate(f"{here}.name", name)
        elif len(report.causes) == before:
            fine[name] = volume
    return fine


def _claim_name(claim: str, name: str, path: str, report: Report) -> None:
    for problem in formats.subdomain(claim) if claim else []:
        report.invalid(f"{path}.name", name, f'PVC name "{claim}": {problem}')
