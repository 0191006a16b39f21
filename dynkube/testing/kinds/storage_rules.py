"""Rules of volumes, claims on them and who provides them (``pkg/apis/core`` and ``pkg/apis/storage``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.testing.kinds import selector_rules, volume_rules
from dynkube.testing.kinds.go_internal import internal
from dynkube.testing.kinds.selector_rules import ordered_selector
from dynkube.testing.kinds.value_rules import NOT_NEGATIVE, one_of
from dynkube.testing.objects import formats, metadata_rules
from dynkube.testing.objects.quantities import parse

if TYPE_CHECKING:
    from dynkube.testing.objects.report import Report

_ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_POSITIVE = "must be greater than zero"
_RECLAIM = ("Delete", "Recycle", "Retain")
#: Fields of a volume's spec beside its source.
_NO_SOURCES = frozenset(
    {
        "accessModes",
        "capacity",
        "claimRef",
        "mountOptions",
        "nodeAffinity",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "volumeAttributesClassName",
        "volumeMode",
    }
)
_MOST_PARAMETERS, _PARAMETERS_SIZE = 512, 256 * 1024
_LONGEST_NODE_ID = 256


def _modes(modes: list[str], path: str, report: Report) -> None:
    for mode in modes:
        if mode not in _ACCESS_MODES:
            report.unsupported(path, mode, _ACCESS_MODES)
    if "ReadWriteOncePod" in modes and len(modes) > 1:
        report.forbidden(path, "may not use ReadWriteOncePod with other access modes")


def claim_spec(spec: dict[str, Any], path: str, report: Report) -> None:
    """Check what a claim wants, wherever it stands."""
    modes = spec.get("accessModes") or []
    if not modes:
        report.required(f"{path}.accessModes", "at least 1 access mode is required")
    if spec.get("selector") is not None:
        selector_rules.selector(spec["selector"], f"{path}.selector", report)
    _modes(modes, f"{path}.accessModes", report)
    storage = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if storage is None:
        report.required(f"{path}.resources[storage]")
    elif parse(storage) <= 0:
        report.invalid(f"{path}.resources[storage]", storage, _POSITIVE)
    name = spec.get("storageClassName")
    if name:
        report.malformed(f"{path}.storageClassName", name, formats.subdomain(name))
    one_of(spec, "volumeMode", path, ("Block", "Filesystem"), report)
    for key in ("dataSource", "dataSourceRef"):
        if spec.get(key) is not None:
            _data_source(spec[key], f"{path}.{key}", report)
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    if source is not None and reference is not None and not _same_source(source, reference):
        shown = path.rpartition(".")[2] if "." not in path else path
        report.invalid(shown, {}, "must match dataSourceRef")


def _same_source(one: dict[str, Any], other: dict[str, Any]) -> bool:
    keys = ("apiGroup", "kind", "name")
    return all((one.get(key) or "") == (other.get(key) or "") for key in keys) and not other.get("namespace")


def _data_source(source: dict[str, Any], path: str, report: Report) -> None:
    if not source.get("name"):
        report.required(f"{path}.name")
    if not source.get("kind"):
        report.required(f"{path}.kind")
    group = source.get("apiGroup") or ""
    if group:
        report.malformed(f"{path}.apiGroup", group, formats.subdomain(group))
    elif source.get("kind") != "PersistentVolumeClaim":
        why = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
        report.invalid(path, source.get("kind") or "", why)


def ephemeral(source: dict[str, Any], path: str, report: Report) -> None:
    """Check a volume of a pod that lives as long as the pod."""
    wanted, here = source.get("volumeClaimTemplate"), f"{path}.volumeClaimTemplate"
    if wanted is None:
        report.required(here)
        return
    metadata = wanted.get("metadata") or {}
    metadata_rules.check_labels(metadata.get("labels"), f"{here}.metadata.labels", report)
    for key in metadata.get("annotations") or {}:
        report.malformed(f"{here}.metadata.annotations", key, formats.qualified_name(key.lower()))
    claim_spec(wanted.get("spec") or {}, f"{here}.spec", report)


def claim(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a persistent volume claim."""
    spec = obj.get("spec") or {}
    claim_spec(spec, "spec", report)
    if old is not None:
        before = old.get("spec") or {}
        bound = (old.get("status") or {}).get("phase") == "Bound"
        free = {"resources", "volumeAttributesClassName"} if bound else set()
        free |= set() if before.get("volumeName") else {"volumeName"}
        if any(spec.get(key) != before.get(key) for key in {*spec, *before} - free):
            why = "except resources.requests and volumeAttributesClassName for bound claims"
            report.forbidden("spec", f"spec is immutable after creation {why}\n")


def _csi(source: dict[str, Any], path: str, report: Report) -> None:
    volume_rules.driver_name(source.get("driver") or "", f"{path}.driver", report)
    if not source.get("volumeHandle"):
        report.required(f"{path}.volumeHandle")
    for key in (
        "controllerPublishSecretRef",
        "controllerExpandSecretRef",
        "nodePublishSecretRef",
        "nodeExpandSecretRef",
        "nodeStageSecretRef",
    ):
        reference = source.get(key)
        for field, form in (("name", formats.subdomain), ("namespace", formats.label)):
            value = (reference or {}).get(field) or ""
            if reference is not None and not value:
                report.required(f"{path}.{key}.{field}")
            elif value:
                report.malformed(f"{path}.{key}.{field}", value, form(value))


def _local(source: dict[str, Any], path: str, report: Report) -> None:
    if not source.get("path"):
        report.required(f"{path}.path")
    elif ".." in source["path"].split("/"):
        report.invalid(f"{path}.path", source["path"], "must not contain '..'")


_SOURCES = {
    "hostPath": volume_rules.host_path,
    "nfs": volume_rules.nfs,
    "iscsi": volume_rules.iscsi,
    "csi": _csi,
    "local": _local,
}


def volume(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a persistent volume."""
    spec = obj.get("spec") or {}
    _volume(spec, report)
    if old is not None:
        # The strategy checks all of it, and so does the check of the update.
        _volume(spec, report)
        _volume_update(spec, old.get("spec") or {}, report)


def _volume(spec: dict[str, Any], report: Report) -> None:
    modes, capacity = spec.get("accessModes") or [], spec.get("capacity")
    if not modes:
        report.required("spec.accessModes")
    _modes(modes, "spec.accessModes", report)
    if not capacity:
        report.required("spec.capacity")
    if set(capacity or ()) != {"storage"}:
        report.unsupported("spec.capacity", capacity, ["storage"])
    for name, value in sorted((capacity or {}).items()):
        if parse(value) < 0:
            report.unquoted(f"spec.capacity[{name}]", value, "must be a valid resource quantity")
        if parse(value) <= 0:
            report.invalid(f"spec.capacity[{name}]", value, _POSITIVE)
    one_of(spec, "persistentVolumeReclaimPolicy", "spec", _RECLAIM, report)
    _node_affinity(spec, report)
    sources = [key for key in spec if key not in _NO_SOURCES and spec[key] is not None]
    for extra in sources[1:]:
        report.forbidden(f"spec.{extra}", "may not specify more than 1 volume type")
    for key in sources[:1]:
        if key in _SOURCES:
            _SOURCES[key](spec[key], f"spec.{key}", report)
        if key == "local" and spec.get("nodeAffinity") is None:
            report.required("spec.nodeAffinity", "Local volume requires node affinity")
    if not sources:
        report.required("spec", "must specify a volume type")
    path = (spec.get("hostPath") or {}).get("path") or ""
    if path == "/" and spec.get("persistentVolumeReclaimPolicy") == "Recycle":
        report.forbidden("spec.persistentVolumeReclaimPolicy", "may not be 'recycle' for a hostPath mount of '/'")
    if spec.get("storageClassName"):
        name = spec["storageClassName"]
        report.malformed("spec.storageClassName", name, formats.subdomain(name))
    one_of(spec, "volumeMode", "spec", ("Block", "Filesystem"), report)


def _volume_update(spec: dict[str, Any], before: dict[str, Any], report: Report) -> None:
    sources = {key for key in (*spec, *before) if key not in _NO_SOURCES}
    if any(spec.get(key) != before.get(key) for key in sources):
        why = "spec.persistentvolumesource is immutable after creation\n"
        report.forbidden("spec.persistentvolumesource", why)
    report.unchanged("volumeMode", spec.get("volumeMode"), before.get("volumeMode"))
    affinity = before.get("nodeAffinity")
    if affinity is not None and spec.get("nodeAffinity") != affinity:
        now = spec.get("nodeAffinity")
        shown = None if now is None else internal("VolumeNodeAffinity", now)
        why = "field is immutable, except for updating from beta label to GA"
        report.invalid("nodeAffinity", shown, why)


def _node_affinity(spec: dict[str, Any], report: Report) -> None:
    affinity = spec.get("nodeAffinity")
    if affinity is None:
        return
    if affinity.get("required") is None:
        report.required("spec.nodeAffinity.required", "must specify required node constraints")
    else:
        selector_rules.node_selector(affinity["required"], "spec.nodeAffinity.required", report)


def _parameters(parameters: dict[str, Any], path: str, report: Report) -> None:
    if len(parameters) > _MOST_PARAMETERS:
        report.too_many(path, len(parameters), _MOST_PARAMETERS)
    size = 0
    for key, value in parameters.items():
        if not key:
            report.invalid(path, key, "field can not be empty.")
        size += len(key.encode()) + len(str(value).encode())
    if size > _PARAMETERS_SIZE:
        report.too_long(path, _PARAMETERS_SIZE)


def _provisioner(name: str, path: str, report: Report) -> None:
    if not name:
        report.required(path)
    else:
        report.malformed(path, name.lower(), formats.qualified_name(name.lower()))


def storage_class(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a storage class."""
    _provisioner(obj.get("provisioner") or "", "provisioner", report)
    _parameters(obj.get("parameters") or {}, "parameters", report)
    if obj.get("reclaimPolicy"):
        one_of(obj, "reclaimPolicy", "", ("Delete", "Retain"), report)
    one_of(obj, "volumeBindingMode", "", ("Immediate", "WaitForFirstConsumer"), report)
    _topologies(obj.get("allowedTopologies") or [], report)
    if old is not None:
        for key in ("parameters", "provisioner", "reclaimPolicy"):
            report.unchanged(key, obj.get(key), old.get(key))
        report.unchanged("volumeBindingMode", obj.get("volumeBindingMode"), old.get("volumeBindingMode"))


def _topologies(terms: list[dict[str, Any]], report: Report) -> None:
    seen: list[Any] = [{}]
    for index, term in enumerate(terms):
        here = f"allowedTopologies[{index}]"
        expressions = term.get("matchLabelExpressions") or []
        keys: set[str] = set()
        for number, one in enumerate(expressions):
            where, key, values = (
                f"{here}.matchLabelExpressions[{number}]",
                one.get("key") or "",
                one.get("values") or [],
            )
            if not values:
                report.required(f"{where}.values")
            for position, value in enumerate(values):
                if value in values[:position]:
                    report.duplicate(f"{where}.values[{position}]", value)
            report.malformed(f"{where}.key", key, formats.qualified_name(key))
            if key in keys:
                report.duplicate(f"{where}.key", key)
            keys.add(key)
        as_sets = {one.get("key"): frozenset(one.get("values") or ()) for one in expressions}
        if as_sets in seen:
            report.duplicate(f"{here}.matchLabelExpressions", "")
        seen.append(as_sets)


def attributes_class(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a volume attributes class: it says something, and goes on saying it."""
    for key in ("driverName", "parameters"):
        if old is not None and (obj.get(key) or None) != (old.get(key) or None):
            report.forbidden(key, f"updates to {key} are forbidden.")
    _provisioner(obj.get("driverName") or "", "driverName", report)
    parameters = obj.get("parameters") or {}
    if not parameters:
        report.required("parameters", "must contain at least one key/value pair")
    _parameters(parameters, "parameters", report)


def csi_driver(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a CSI driver."""
    name, spec = str((obj.get("metadata") or {}).get("name") or ""), obj.get("spec") or {}
    if len(name) > 63:
        report.too_long("metadata.name", 63)
    for key in ("attachRequired", "podInfoOnMount", "storageCapacity"):
        if spec.get(key) is None:
            report.required(f"spec.{key}")
    one_of(spec, "fsGroupPolicy", "spec", ("File", "None", "ReadWriteOnceWithFSType"), report)
    audiences: set[str] = set()
    for index, request in enumerate(spec.get("tokenRequests") or []):
        here, audience, seconds = (
            f"spec.tokenRequests[{index}]",
            request.get("audience"),
            request.get("expirationSeconds"),
        )
        if audience in audiences:
            report.duplicate(f"{here}.audience", audience)
        audiences.add(audience or "")
        if seconds is not None and seconds < 600:
            report.invalid(f"{here}.expirationSeconds", seconds, "may not specify a duration less than 10 minutes")
        elif seconds is not None and seconds > 1 << 32:
            report.invalid(f"{here}.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds")
    for mode in spec.get("volumeLifecycleModes") or []:
        if mode not in {"Ephemeral", "Persistent"}:
            report.unsupported("spec.volumeLifecycleModes", mode, ("Persistent", "Ephemeral"))
    if old is not None:
        before = old.get("spec") or {}
        # A real server misspells the first one.
        for key, shown in (("attachRequired", "attachedRequired"), ("volumeLifecycleModes", "volumeLifecycleModes")):
            report.unchanged(f"spec.{shown}", spec.get(key), before.get(key))


def csi_node(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check what CSI drivers say of a node."""
    names: set[str] = set()
    drivers = (obj.get("spec") or {}).get("drivers") or []
    for index, driver in enumerate(drivers):
        here, name, node = f"spec.drivers[{index}]", driver.get("name") or "", driver.get("nodeID") or ""
        volume_rules.driver_name(name, f"{here}.name", report)
        if not node:
            report.required(f"{here}.nodeID")
        if len(node) > _LONGEST_NODE_ID:
            report.invalid(f"{here}.nodeID", node, f"must be {_LONGEST_NODE_ID} characters or less")
        count = (driver.get("allocatable") or {}).get("count")
        if count is not None and count < 0:
            report.invalid(f"{here}.allocatable.count", count, NOT_NEGATIVE)
        keys: set[str] = set()
        for key in driver.get("topologyKeys") or []:
            if not key:
                report.required(here)
            if key in keys:
                report.duplicate(here, key)
            keys.add(key)
            report.malformed(here, key, formats.qualified_name(key))
        if name in names:
            report.duplicate(f"{here}.name", name)
        names.add(name)
    if old is not None:
        now = {driver.get("name"): driver for driver in drivers}
        for before in (old.get("spec") or {}).get("drivers") or []:
            changed = now.get(before.get("name"))
            if changed is not None and _identity(changed) != _identity(before):
                report.invalid("spec.drivers", internal("CSINodeDriver", changed), "field is immutable")


def _identity(driver: dict[str, Any]) -> dict[str, Any]:
    """Return what may not change of a driver: how many volumes it takes may."""
    return {key: value for key, value in driver.items() if key != "allocatable"}


def csi_capacity(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check how much storage of a class is left."""
    name = obj.get("storageClassName") or ""
    report.malformed("storageClassName", name, formats.subdomain(name))
    if obj.get("capacity") is not None and parse(obj["capacity"]) < 0:
        report.invalid("capacity", obj["capacity"], NOT_NEGATIVE)
    if obj.get("nodeTopology") is not None:
        selector_rules.selector(obj["nodeTopology"], "nodeTopology", report)
    if old is not None:
        topology = obj.get("nodeTopology")
        if topology != old.get("nodeTopology"):
            report.invalid("nodeTopology", ordered_selector(topology), "field is immutable")
        report.unchanged("storageClassName", name, old.get("storageClassName"))


def attachment(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check that a volume is, or is to be, attached to a node."""
    spec = obj.get("spec") or {}
    attacher = spec.get("attacher") or ""
    volume_rules.driver_name(attacher, "spec.attacher", report)
    source = spec.get("source") or {}
    inline, name = source.get("inlineVolumeSpec"), source.get("persistentVolumeName")
    if inline is None and name is None:
        report.required("spec.source", "must specify exactly one of inlineVolumeSpec and persistentVolumeName")
    if inline is not None and name is not None:
        report.forbidden("spec.source", "must specify exactly one of inlineVolumeSpec and persistentVolumeName")
    if name is not None and not name:
        report.required("spec.source.persistentVolumeName", "must specify non empty persistentVolumeName")
    if name is not None:
        report.malformed("spec.source.persistentVolumeName", name, formats.subdomain(name))
    node = spec.get("nodeName") or ""
    report.malformed("spec.nodeName", node, formats.subdomain(node))
    if old is not None and spec != old.get("spec"):
        report.invalid("spec", internal("VolumeAttachmentSpec", spec), "field is immutable")
