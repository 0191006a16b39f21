"""Rules of containers, whatever they stand in (``pkg/apis/core/validation``)."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dynkube.testing.kinds import security_rules, volume_rules
from dynkube.testing.kinds.value_rules import NOT_NEGATIVE, not_negative, one_of
from dynkube.testing.objects import formats
from dynkube.testing.objects.quantities import parse

if TYPE_CHECKING:
    from dynkube.testing.objects.report import Report

_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_MESSAGE_POLICIES = ("File", "FallbackToLogsOnError")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_PROPAGATIONS = ("Bidirectional", "HostToContainer", "None")
_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_STANDARD = frozenset({"cpu", "memory", "ephemeral-storage", "storage"})

Volumes = dict[str, dict[str, Any]]


def common(container: dict[str, Any], path: str, volumes: Volumes, report: Report, *, host_network: bool) -> None:
    """Check what holds for every container, ephemeral ones too."""
    name, image = container.get("name") or "", container.get("image") or ""
    if not name:
        report.required(f"{path}.name")
    else:
        report.malformed(f"{path}.name", name, formats.label(name))
    if not image:
        report.required(f"{path}.image")
    elif image != image.strip():
        report.invalid(f"{path}.image", image, "must not have leading or trailing whitespace")
    one_of(container, "terminationMessagePolicy", path, _MESSAGE_POLICIES, report)
    _ports(container.get("ports") or [], f"{path}.ports", report, host_network=host_network)
    _environment(container.get("env") or [], f"{path}.env", report)
    _environment_sources(container.get("envFrom") or [], f"{path}.envFrom", report)
    _mounts(container, path, volumes, report)
    _devices(container, path, volumes, report)
    one_of(container, "imagePullPolicy", path, _PULL_POLICIES, report)
    resources(container.get("resources") or {}, f"{path}.resources", report)
    _resize_policy(container.get("resizePolicy") or [], f"{path}.resizePolicy", report)
    security_rules.container_security(container, path, report)


def running(container: dict[str, Any], path: str, grace: int, report: Report) -> None:
    """Check what holds for containers that run as long as their pod: hooks and probes."""
    lifecycle = container.get("lifecycle") or {}
    for key in ("postStart", "preStop"):
        if lifecycle.get(key) is not None:
            handler(lifecycle[key], f"{path}.lifecycle.{key}", grace, report)
    for kind in _PROBES:
        if container.get(kind) is not None:
            _probe(container[kind], kind, f"{path}.{kind}", report)


def starting(container: dict[str, Any], path: str, report: Report) -> None:
    """Check that an init container that ends before the others start has no hooks and probes."""
    for key in ("lifecycle", *_PROBES):
        if container.get(key) is not None:
            report.forbidden(f"{path}.{key}", "may not be set for init containers without restartPolicy=Always")


def host_ports(containers: list[dict[str, Any]], path: str, report: Report) -> None:
    """Check that no two containers want the same port of the node."""
    taken: set[tuple[str, str, int]] = set()
    for index, container in enumerate(containers):
        for number, port in enumerate(container.get("ports") or []):
            if not port.get("hostPort"):
                continue
            key = (port.get("protocol") or "", port.get("hostIP") or "", port["hostPort"])
            if key in taken:
                text = "/".join(map(str, key))
                report.duplicate(f"{path}[{index}].ports[{number}].hostPort", text)
            taken.add(key)


def _ports(ports: list[dict[str, Any]], path: str, report: Report, *, host_network: bool) -> None:
    names: set[str] = set()
    for index, port in enumerate(ports):
        here, name = f"{path}[{index}]", port.get("name")
        if name:
            problems = formats.port_name(name)
            report.malformed(f"{here}.name", name, problems)
            if not problems and name in names:
                report.duplicate(f"{here}.name", name)
            names.add(name)
        number, host = port.get("containerPort") or 0, port.get("hostPort") or 0
        if not number:
            report.required(f"{here}.containerPort")
        else:
            report.malformed(f"{here}.containerPort", number, formats.port_number(number))
        if host:
            report.malformed(f"{here}.hostPort", host, formats.port_number(host))
            if host_network and host != number:
                report.invalid(f"{here}.hostPort", host, "must match `containerPort` when `hostNetwork` is true")
        one_of(port, "protocol", here, _PROTOCOLS, report)


def _environment(variables: list[dict[str, Any]], path: str, report: Report) -> None:
    for index, variable in enumerate(variables):
        here, name = f"{path}[{index}]", variable.get("name") or ""
        if not name:
            report.required(f"{here}.name")
        else:
            report.malformed(f"{here}.name", name, formats.environment_name(name))
        source = variable.get("valueFrom")
        if source is None:
            continue
        if not any(source.get(kind) is not None for kind in _SOURCES):
            words = [f"`{kind}`" for kind in _SOURCES]
            why = f"must specify one of: {', '.join(words[:-1])} or {words[-1]}"
            report.invalid(f"{here}.valueFrom", "", why)
            continue
        _source(source, f"{here}.valueFrom", report)
        if variable.get("value"):
            report.invalid(f"{here}.valueFrom", "", "may not be specified when `value` is not empty")
        elif sum(source.get(kind) is not None for kind in _SOURCES) > 1:
            report.invalid(f"{here}.valueFrom", "", "may not have more than one field specified at a time")


def _source(source: dict[str, Any], path: str, report: Report) -> None:
    """Check what a variable's value is taken from."""
    if source.get("fieldRef") is not None:
        volume_rules.field_reference(source["fieldRef"], f"{path}.fieldRef", report, volume=False)
    if source.get("resourceFieldRef") is not None:
        volume_rules.resource_reference(source["resourceFieldRef"], f"{path}.resourceFieldRef", report, volume=False)
    for kind in ("configMapKeyRef", "secretKeyRef"):
        reference = source.get(kind)
        if reference is None:
            continue
        name, key = reference.get("name") or "", reference.get("key") or ""
        report.malformed(f"{path}.{kind}.name", name, formats.subdomain(name))
        if not key:
            report.required(f"{path}.{kind}.key")
        else:
            report.malformed(f"{path}.{kind}.key", key, formats.config_key(key))


def _environment_sources(sources: list[dict[str, Any]], path: str, report: Report) -> None:
    for index, source in enumerate(sources):
        here, prefix = f"{path}[{index}]", source.get("prefix") or ""
        if prefix:
            report.malformed(f"{here}.prefix", prefix, formats.environment_name(prefix))
        kinds = [kind for kind in ("configMapRef", "secretRef") if source.get(kind) is not None]
        for kind in kinds:
            name = source[kind].get("name") or ""
            if not name:
                report.required(f"{here}.{kind}.name")
            else:
                report.malformed(f"{here}.{kind}.name", name, formats.subdomain(name))
        if not kinds:
            report.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`")
        elif len(kinds) > 1:
            report.invalid(path, "", "may not have more than one field specified at a time")


def _mounts(container: dict[str, Any], path: str, volumes: Volumes, report: Report) -> None:
    all_mounts = f"{path}.volumeMounts"
    devices = container.get("volumeDevices") or []
    paths: set[str] = set()
    for index, mount in enumerate(container.get("volumeMounts") or []):
        here = f"{all_mounts}[{index}]"
        name, where = mount.get("name") or "", mount.get("mountPath") or ""
        if not name:
            report.required(f"{here}.name")
        if name not in volumes:
            report.not_found(f"{here}.name", name)
        if not where:
            report.required(f"{here}.mountPath")
        if where in paths:
            report.invalid(f"{here}.mountPath", where, "must be unique")
        paths.add(where)
        if any(device.get("name") == name for device in devices):
            report.invalid(f"{here}.name", name, "must not already exist in volumeDevices")
        if any(device.get("devicePath") == where for device in devices):
            report.invalid(f"{here}.mountPath", where, "must not already exist as a path in volumeDevices")
        for key in ("subPath", "subPathExpr"):
            if mount.get(key):
                security_rules.local_path(mount[key], f"{all_mounts}.{key}", report)
        if mount.get("subPath") and mount.get("subPathExpr"):
            report.invalid(
                f"{here}.subPathExpr", mount["subPathExpr"], "subPathExpr and subPath are mutually exclusive"
            )
        _propagation(mount.get("mountPropagation"), container, f"{all_mounts}.mountPropagation", report)


def _propagation(found: Any, container: dict[str, Any], path: str, report: Report) -> None:
    if found is None:
        return
    if found not in _PROPAGATIONS:
        report.unsupported(path, found, _PROPAGATIONS)
    if found == "Bidirectional" and not (container.get("securityContext") or {}).get("privileged"):
        report.forbidden(path, "Bidirectional mount propagation is available only to privileged containers")


def _devices(container: dict[str, Any], path: str, volumes: Volumes, report: Report) -> None:
    names: set[str] = set()
    paths: set[str] = set()
    mounts = container.get("volumeMounts") or []
    for index, device in enumerate(container.get("volumeDevices") or []):
        here = f"{path}.volumeDevices[{index}]"
        name, where = device.get("name") or "", device.get("devicePath") or ""
        if not name:
            report.required(f"{here}.name")
        if name in names:
            report.invalid(f"{here}.name", name, "must be unique")
        source = volumes.get(name)
        if source is not None and not {"persistentVolumeClaim", "ephemeral"} & set(source):
            why = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
            report.invalid(f"{here}.name", name, why)
        if source is None:
            report.not_found(f"{here}.name", name)
        if not where:
            report.required(f"{here}.devicePath")
        if where in paths:
            report.invalid(f"{here}.devicePath", where, "must be unique")
        if ".." in where.split("/"):
            report.invalid(f"{here}.devicePath", where, "can not contain backsteps ('..')")
        elif where:
            paths.add(where)
        if any(mount.get("name") == name for mount in mounts):
            report.invalid(f"{here}.name", name, "must not already exist in volumeMounts")
        if any(mount.get("mountPath") == where for mount in mounts):
            report.invalid(f"{here}.devicePath", where, "must not already exist as a path in volumeMounts")
        if name:
            names.add(name)


def _resize_policy(policies: list[dict[str, Any]], path: str, report: Report) -> None:
    names: set[str] = set()
    for index, policy in enumerate(policies):
        name, restart = policy.get("resourceName") or "", policy.get("restartPolicy") or ""
        if name in names:
            report.duplicate(f"{path}[{index}]", name)
        names.add(name)
        for word, known in ((name, ("cpu", "memory")), (restart, ("NotRequired", "RestartContainer"))):
            if not word:
                report.required(path)
            elif word not in known:
                report.unsupported(path, word, known)


def handler(found: dict[str, Any], path: str, grace: int, report: Report) -> None:
    """Check what is done at a point of a container's life."""
    kinds = [kind for kind in ("exec", "httpGet", "tcpSocket", "sleep") if found.get(kind) is not None]
    for extra in kinds[1:]:
        report.forbidden(f"{path}.{extra}", "may not specify more than 1 handler type")
    for kind in kinds[:1]:
        if kind == "sleep":
            seconds = found[kind].get("seconds") or 0
            if not 0 <= seconds <= grace:
                why = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
                report.invalid(f"{path}.sleep", seconds, why)
        else:
            _action(kind, found[kind], f"{path}.{kind}", report)
    if not kinds:
        report.required(path, "must specify a handler type")


def _action(kind: str, found: dict[str, Any], path: str, report: Report) -> None:
    if kind == "exec":
        if not found.get("command"):
            report.required(f"{path}.command")
        return
    if kind == "httpGet" and not found.get("path"):
        report.required(f"{path}.path")
    port = found.get("port", 0)
    problems = formats.port_name(port) if isinstance(port, str) else formats.port_number(port)
    report.malformed(f"{path}.port", port, problems)
    if kind == "httpGet":
        one_of(found, "scheme", path, ("HTTP", "HTTPS"), report)
        for header in found.get("httpHeaders") or []:
            name = header.get("name") or ""
            report.malformed(f"{path}.httpHeaders", name, formats.header_name(name))


def _probe(probe: dict[str, Any], kind: str, path: str, report: Report) -> None:
    handlers = [key for key in ("exec", "httpGet", "tcpSocket", "grpc") if probe.get(key) is not None]
    for extra in handlers[1:]:
        report.forbidden(f"{path}.{extra}", "may not specify more than 1 handler type")
    for key in handlers[:1]:
        _action(key, probe[key], f"{path}.{key}", report)
    if not handlers:
        report.required(path, "must specify a handler type")
    for key in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
        not_negative(probe, key, path, report)
    grace = probe.get("terminationGracePeriodSeconds")
    if kind == "readinessProbe":
        if grace is not None:
            report.invalid(f"{path}.terminationGracePeriodSeconds", grace, "must not be set for readinessProbes")
        return
    if grace is not None and grace <= 0:
        report.invalid(f"{path}.terminationGracePeriodSeconds", grace, "must be greater than 0")
    if probe.get("successThreshold", 1) != 1:
        report.invalid(f"{path}.successThreshold", probe["successThreshold"], "must be 1")


def resources(found: dict[str, Any], path: str, report: Report) -> None:
    """Check limits and requests of a container."""
    limits, requests = found.get("limits") or {}, found.get("requests") or {}
    for name in sorted(limits):
        _resource(name, limits[name], f"{path}.limits", report)
    for name in sorted(requests):
        value, limit = requests[name], limits.get(name)
        where = f"{path}.requests"
        resource_name(name, where, report)
        _not_below_zero(name, value, where, report)
        if limit is not None:
            if not _overcommits(name) and parse(value) != parse(limit):
                report.invalid(where, value, f"must be equal to {name} limit of {limit}")
            elif _overcommits(name) and parse(value) > parse(limit):
                report.invalid(where, value, f"must be less than or equal to {name} limit of {limit}")
        elif not _overcommits(name):
            report.required(f"{path}.limits", "Limit must be set for non overcommitable resources")
        _pages(name, value, where, report)
    huge = any(name.startswith("hugepages-") for name in (*limits, *requests))
    if huge and not {"cpu", "memory"} & {*limits, *requests}:
        report.forbidden(path, "HugePages require cpu or memory")


def _overcommits(name: str) -> bool:
    """Whether more of a resource may be promised than there is: of the standard ones, huge pages not among them."""
    return name in _STANDARD


def _resource(name: str, value: Any, path: str, report: Report) -> None:
    resource_name(name, path, report)
    _not_below_zero(name, value, path, report)
    _pages(name, value, path, report)


def _not_below_zero(name: str, value: Any, path: str, report: Report) -> None:
    if parse(value) < Decimal(0):
        report.invalid(f"{path}[{name}]", value, NOT_NEGATIVE)
    elif not _overcommits(name) and not name.startswith("hugepages-") and parse(value) % 1:
        report.invalid(f"{path}[{name}]", value, "must be an integer")


def node_resource_name(name: str, path: str, report: Report) -> None:
    """Check the name of something a node has."""
    problems = formats.qualified_name(name)
    report.malformed(path, name, problems)
    known = _STANDARD | {"pods"}
    if not problems and "/" not in name and name not in known and not name.startswith(("hugepages-", "attachable-")):
        report.invalid(path, name, "must be a standard resource type or fully qualified")


def resource_name(name: str, path: str, report: Report) -> None:
    """Check the name of something containers may be given."""
    problems = formats.qualified_name(name)
    report.malformed(path, name, problems)
    if "/" in name or name.startswith("hugepages-"):
        return
    if not problems and name not in _STANDARD:
        report.invalid(path, name, "must be a standard resource type or fully qualified")
    if name not in _STANDARD - {"storage"}:
        report.invalid(path, name, "must be a standard resource for containers")


def _pages(name: str, value: Any, path: str, report: Report) -> None:
    if not name.startswith("hugepages-"):
        return
    size = parse(re.sub(r"^hugepages-", "", name))
    if size <= 0 or parse(value) <= 0 or parse(value) % size:
        report.invalid(f"{path}[{name}]", value, f"{value} is not positive integer multiple of {name}")
