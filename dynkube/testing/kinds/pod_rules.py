"""Rules of pod specs, wherever they stand (``pkg/apis/core/validation``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.testing.kinds import container_rules, security_rules, selector_rules, volume_rules
from dynkube.testing.kinds.addresses import NO_ADDRESS, is_address
from dynkube.testing.kinds.pod_update_rules import pod_resize, pod_update
from dynkube.testing.kinds.value_rules import one_of
from dynkube.testing.objects import formats, metadata_rules
from dynkube.testing.objects.report import quote

if TYPE_CHECKING:
    from dynkube.testing.objects.report import Report

_RESTARTS = ("Always", "OnFailure", "Never")
_CONTAINER_RESTARTS = ("Always", "Never", "OnFailure")
_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_SYSTEMS = ("linux", "windows")
_LONGEST_GRACE = 30
_NAME_SERVERS, _SEARCHES, _SEARCH_LENGTH = 3, 32, 2048
_NOT_EPHEMERAL = ("ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "resources", "resizePolicy")


def pod_spec(spec: dict[str, Any], path: str, report: Report, *, pod: str = "") -> None:
    """Check a PodSpec; ``pod`` is the name of the pod it belongs to, "" in templates."""
    volumes = volume_rules.pod_volumes(spec.get("volumes") or [], f"{path}.volumes", pod, report)
    _projected_tokens(spec, f"{path}.volumes", report)
    _containers(spec, path, volumes, report)
    one_of(spec, "restartPolicy", path, _RESTARTS, report)
    one_of(spec, "dnsPolicy", path, _DNS_POLICIES, report)
    metadata_rules.check_labels(spec.get("nodeSelector"), f"{path}.nodeSelector", report)
    security_rules.pod_security(spec, path, report)
    selector_rules.affinity(spec.get("affinity") or {}, f"{path}.affinity", report)
    _dns(spec, path, report)
    for index, gate in enumerate(spec.get("readinessGates") or []):
        kind = gate.get("conditionType") or ""
        report.malformed(f"{path}.readinessGates[{index}].conditionType", kind, formats.qualified_name(kind))
    _scheduling_gates(spec.get("schedulingGates") or [], f"{path}.schedulingGates", report)
    constraints = spec.get("topologySpreadConstraints") or []
    selector_rules.spread_constraints(constraints, f"{path}.topologySpreadConstraints", report)
    _names(spec, path, report)
    selector_rules.tolerations(spec.get("tolerations") or [], f"{path}.tolerations", report)
    _host_aliases(spec.get("hostAliases") or [], f"{path}.hostAliases", report)
    for key in ("priorityClassName", "runtimeClassName"):
        if spec.get(key):
            report.malformed(f"{path}.{key}", spec[key], formats.subdomain(spec[key]))
    one_of(spec, "preemptionPolicy", path, ("Never", "PreemptLowerPriority"), report)
    if spec.get("overhead"):
        container_rules.resources({"limits": spec["overhead"]}, f"{path}.overhead", report)
    system = spec.get("os")
    if system is not None and not system.get("name"):
        report.required(f"{path}.os.name")
    elif system is not None and system["name"] not in _SYSTEMS:
        report.unsupported(f"{path}.os", system["name"], _SYSTEMS)


def _projected_tokens(spec: dict[str, Any], path: str, report: Report) -> None:
    if spec.get("serviceAccountName"):
        return
    for index, volume in enumerate(spec.get("volumes") or []):
        for number, source in enumerate((volume.get("projected") or {}).get("sources") or []):
            if source.get("serviceAccountToken") is not None:
                where = f"{path}[{index}].projected.sources[{number}].serviceAccountToken"
                report.forbidden(where, "must not be specified when serviceAccountName is not set")


def _containers(spec: dict[str, Any], path: str, volumes: dict[str, Any], report: Report) -> None:
    names: set[str] = set()
    host_network = bool(spec.get("hostNetwork"))
    grace = spec.get("terminationGracePeriodSeconds")
    grace = _LONGEST_GRACE if grace is None else grace
    containers = spec.get("containers") or []
    if not containers:
        report.required(f"{path}.containers")
    for index, container in enumerate(containers):
        here = f"{path}.containers[{index}]"
        container_rules.common(container, here, volumes, report, host_network=host_network)
        _unique(container, here, names, report)
        container_rules.running(container, here, grace, report)
    container_rules.host_ports(containers, f"{path}.containers", report)
    starting: set[str] = set()
    for index, container in enumerate(spec.get("initContainers") or []):
        here = f"{path}.initContainers[{index}]"
        container_rules.common(container, here, volumes, report, host_network=host_network)
        one_of(container, "restartPolicy", here, _CONTAINER_RESTARTS, report)
        if container.get("name") in names:
            report.duplicate(f"{here}.name", container["name"])
        _unique(container, here, starting, report)
        if container.get("restartPolicy") == "Always":
            container_rules.running(container, here, grace, report)
        else:
            container_rules.starting(container, here, report)
        container_rules.host_ports([container], f"{path}.initContainers", report)


def _unique(container: dict[str, Any], path: str, names: set[str], report: Report) -> None:
    name = container.get("name") or ""
    if name in names:
        report.duplicate(f"{path}.name", name)
    elif name:
        names.add(name)


def _dns(spec: dict[str, Any], path: str, report: Report) -> None:
    config, here = spec.get("dnsConfig"), f"{path}.dnsConfig"
    if spec.get("dnsPolicy") == "None":
        if config is None:
            why = "must provide `dnsConfig` when `dnsPolicy` is None"
            report.required(here, why)
            return
        if not config.get("nameservers"):
            report.required(f"{here}.nameservers", "must provide at least one DNS nameserver when `dnsPolicy` is None")
    if config is None:
        return
    servers, searches = config.get("nameservers") or [], config.get("searches") or []
    if len(servers) > _NAME_SERVERS:
        why = f"must not have more than {_NAME_SERVERS} nameservers"
        report.invalid(f"{here}.nameservers", servers, why)
    for index, server in enumerate(servers):
        if not is_address(server):
            report.invalid(f"{here}.nameservers[{index}]", server, NO_ADDRESS)
    if len(searches) > _SEARCHES:
        report.invalid(f"{here}.searches", searches, f"must not have more than {_SEARCHES} search paths")
    if len(" ".join(searches)) > _SEARCH_LENGTH:
        why = "must not have more than 2048 characters (including spaces) in the search list"
        report.invalid(f"{here}.searches", searches, why)
    for index, search in enumerate(searches):
        if search != ".":
            name = search.removesuffix(".")
            report.malformed(f"{here}.searches[{index}]", name, formats.underscored_subdomain(name))
    for index, option in enumerate(config.get("options") or []):
        if not option.get("name"):
            report.required(f"{here}.options[{index}]", "must not be empty")


def _scheduling_gates(gates: list[dict[str, Any]], path: str, report: Report) -> None:
    names: set[str] = set()
    for index, gate in enumerate(gates):
        name = gate.get("name") or ""
        report.malformed(f"{path}[{index}]", name, formats.qualified_name(name))
        if name in names:
            report.duplicate(f"{path}[{index}]", name)
        names.add(name)


def _names(spec: dict[str, Any], path: str, report: Report) -> None:
    for key in ("serviceAccountName", "nodeName"):
        if spec.get(key):
            report.malformed(f"{path}.{key}", spec[key], formats.subdomain(spec[key]))
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= 2**31 - 1:
        report.invalid(f"{path}.activeDeadlineSeconds", deadline, "must be between 1 and 2147483647, inclusive")
    for key in ("hostname", "subdomain"):
        if spec.get(key):
            report.malformed(f"{path}.{key}", spec[key], formats.label(spec[key]))


def _host_aliases(aliases: list[dict[str, Any]], path: str, report: Report) -> None:
    for index, alias in enumerate(aliases):
        here, address = f"{path}[{index}]", alias.get("ip") or ""
        if not is_address(address):
            report.invalid(f"{here}.ip", address, NO_ADDRESS)
        for number, name in enumerate(alias.get("hostnames") or []):
            report.malformed(f"{here}.hostnames[{number}]", name, formats.subdomain(name))


def template(value: dict[str, Any] | None, path: str, report: Report) -> None:
    """Check a pod template."""
    found = value or {}
    metadata = found.get("metadata") or {}
    metadata_rules.check_labels(metadata.get("labels"), f"{path}.labels", report)
    for key in metadata.get("annotations") or {}:
        report.malformed(f"{path}.annotations", key, formats.qualified_name(key.lower()))
    pod_spec(found.get("spec") or {}, f"{path}.spec", report)
    if (found.get("spec") or {}).get("ephemeralContainers"):
        report.forbidden(f"{path}.spec.ephemeralContainers", "ephemeral containers not allowed in pod template")


def pod_template(obj: dict[str, Any], _old: dict[str, Any] | None, report: Report) -> None:
    """Check a pod template that is an object of its own."""
    template(obj.get("template"), "template", report)


def pod(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a pod and what an update changes of it."""
    spec, name = obj.get("spec") or {}, str((obj.get("metadata") or {}).get("name") or "")
    pod_spec(spec, "spec", report, pod=name)
    if old is None:
        if spec.get("ephemeralContainers"):
            report.forbidden("spec.ephemeralContainers", "cannot be set on create")
        if spec.get("nodeName") and spec.get("schedulingGates"):
            report.forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared")
    else:
        pod_update(spec, old.get("spec") or {}, report)


def resize(obj: dict[str, Any], old: dict[str, Any], report: Report) -> None:
    """Check what a write of the subresource changes: cpu and memory of containers, within the pod's class."""
    spec, before = obj.get("spec") or {}, old.get("spec") or {}
    pod_spec(spec, "spec", report, pod=str(obj["metadata"].get("name") or ""))
    pod_resize(spec, before, report)


def ephemeral_containers(obj: dict[str, Any], old: dict[str, Any], report: Report) -> None:
    """Check the one thing a write of the subresource may do: add ephemeral containers."""
    spec, path = obj.get("spec") or {}, "spec.ephemeralContainers"
    volumes = {volume.get("name", ""): volume for volume in spec.get("volumes") or []}
    regular = {c.get("name", "") for kind in ("containers", "initContainers") for c in spec.get(kind) or []}
    names = set(regular)
    found = spec.get("ephemeralContainers") or []
    for index, container in enumerate(found):
        here = f"{path}[{index}]"
        plain = {key: value for key, value in container.items() if key not in _NOT_EPHEMERAL}
        container_rules.common(plain, here, volumes, report, host_network=bool(spec.get("hostNetwork")))
        _unique(container, here, names, report)
        target = container.get("targetContainerName")
        if target and target not in regular:
            report.not_found(f"{here}.targetContainerName", target)
        for key in _NOT_EPHEMERAL:
            if container.get(key):
                report.forbidden(f"{here}.{key}", "cannot be set for an Ephemeral Container")
    now = {container.get("name"): container for container in found}
    for before in (old.get("spec") or {}).get("ephemeralContainers") or []:
        who = f"existing ephemeral containers {quote(before['name'])} may not be"
        if before["name"] not in now:
            report.forbidden(path, f"{who} removed\n")
        elif now[before["name"]] != before:
            report.forbidden(path, f"{who} changed\n")
