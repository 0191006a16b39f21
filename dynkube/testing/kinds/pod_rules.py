"""Rules of pod specs, wherever they stand (``pkg/apis/core/v1/validation``)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dynkube.testing.objects import formats, metadata_rules
from dynkube.testing.objects.quantities import parse
from dynkube.testing.objects.report import quote

if TYPE_CHECKING:
    from dynkube.testing.objects.report import Report

_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_MESSAGE_POLICIES = ("FallbackToLogsOnError", "File")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_RESTARTS = ("Always", "Never", "OnFailure")
_DNS_POLICIES = ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
_EFFECTS = ("NoExecute", "NoSchedule", "PreferNoSchedule")
_NOT_EPHEMERAL = ("ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "resources", "resizePolicy")
NOT_NEGATIVE = "must be greater than or equal to 0"
_MUTABLE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def not_negative(spec: dict[str, Any], key: str, path: str, report: Report) -> None:
    """Check that a number, if given, is not below zero."""
    value = spec.get(key)
    if isinstance(value, int) and value < 0:
        report.invalid(f"{path}.{key}", value, NOT_NEGATIVE)


def one_of(spec: dict[str, Any], key: str, path: str, known: tuple[str, ...], report: Report) -> None:
    """Check that a word, if given, is one of a closed list."""
    value = spec.get(key)
    if value is not None and value not in known:
        report.unsupported(f"{path}.{key}", value, known)


def pod_spec(spec: dict[str, Any], path: str, report: Report) -> None:
    """Check a PodSpec."""
    volumes = _volumes(spec.get("volumes") or [], f"{path}.volumes", report)
    names: set[str] = set()
    containers = spec.get("containers") or []
    if not containers:
        report.required(f"{path}.containers")
    for index, container in enumerate(containers):
        _container(container, f"{path}.containers[{index}]", names, volumes, report)
    for index, container in enumerate(spec.get("initContainers") or []):
        _container(container, f"{path}.initContainers[{index}]", names, volumes, report)
    one_of(spec, "restartPolicy", path, _RESTARTS, report)
    one_of(spec, "dnsPolicy", path, _DNS_POLICIES, report)
    metadata_rules.check_labels(spec.get("nodeSelector"), f"{path}.nodeSelector", report)
    if spec.get("serviceAccountName"):
        for problem in formats.subdomain(spec["serviceAccountName"]):
            report.invalid(f"{path}.serviceAccountName", spec["serviceAccountName"], problem)
    if spec.get("nodeName"):
        for problem in formats.subdomain(spec["nodeName"]):
            report.invalid(f"{path}.nodeName", spec["nodeName"], problem)
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= 2**31 - 1:
        report.invalid(f"{path}.activeDeadlineSeconds", deadline, "must be between 1 and 2147483647, inclusive")
    for key in ("hostname", "subdomain"):
        if spec.get(key):
            for problem in formats.label(spec[key]):
                report.invalid(f"{path}.{key}", spec[key], problem)
    _tolerations(spec.get("tolerations") or [], f"{path}.tolerations", report)
    _identities(spec, path, ("runAsUser", "runAsGroup", "fsGroup"), report)


def _identities(owner: dict[str, Any], path: str, keys: tuple[str, ...], report: Report) -> None:
    """Check the numbers of users and groups a pod or container runs as."""
    context = owner.get("securityContext") or {}
    found = [(f"{path}.securityContext.{key}", context[key]) for key in keys if context.get(key) is not None]
    groups = context.get("supplementalGroups") or []
    found += [(f"{path}.securityContext.supplementalGroups[{index}]", one) for index, one in enumerate(groups)]
    for where, number in found:
        if not 0 <= number <= 2**31 - 1:
            report.invalid(where, number, "must be between 0 and 2147483647, inclusive")


def _tolerations(tolerations: list[dict[str, Any]], path: str, report: Report) -> None:
    for index, toleration in enumerate(tolerations):
        here = f"{path}[{index}]"
        if toleration.get("key"):
            for problem in formats.qualified_name(toleration["key"]):
                report.invalid(f"{here}.key", toleration["key"], problem)
        elif toleration.get("operator") != "Exists":
            why = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            report.invalid(f"{here}.operator", toleration.get("operator", ""), why)
        if toleration.get("tolerationSeconds") is not None and toleration.get("effect") != "NoExecute":
            why = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            report.invalid(f"{here}.effect", toleration.get("effect", ""), why)
        if toleration.get("operator") == "Exists" and toleration.get("value"):
            why = "value must be empty when `operator` is 'Exists'"
            report.invalid(f"{here}.operator", toleration, why)
        one_of(toleration, "effect", here, _EFFECTS, report)


def _volumes(volumes: list[dict[str, Any]], path: str, report: Report) -> set[str]:
    names: set[str] = set()
    for index, volume in enumerate(volumes):
        here = f"{path}[{index}]"
        name = volume.get("name") or ""
        if not name:
            report.required(f"{here}.name")
        for problem in formats.label(name) if name else []:
            report.invalid(f"{here}.name", name, problem)
        if name in names:
            report.duplicate(f"{here}.name", name)
        names.add(name)
        sources = [key for key in volume if key != "name"]
        for extra in sources[1:]:
            report.forbidden(f"{here}.{extra}", "may not specify more than 1 volume type")
        if not sources:
            report.required(here, "must specify a volume type")
        if "secret" in volume and not (volume["secret"] or {}).get("secretName"):
            report.required(f"{here}.secret.secretName")
        if "configMap" in volume and not (volume["configMap"] or {}).get("name"):
            report.required(f"{here}.configMap.name")
        if "persistentVolumeClaim" in volume and not (volume["persistentVolumeClaim"] or {}).get("claimName"):
            report.required(f"{here}.persistentVolumeClaim.claimName")
        if "hostPath" in volume:
            host_path(volume["hostPath"] or {}, f"{here}.hostPath", report)
    return names


def host_path(source: dict[str, Any], path: str, report: Report) -> None:
    """Check a path on a node."""
    where = source.get("path") or ""
    if not where:
        report.required(f"{path}.path")
    elif ".." in where.split("/"):
        report.invalid(f"{path}.path", where, "must not contain '..'")


def _container(container: dict[str, Any], path: str, names: set[str], volumes: set[str], report: Report) -> None:
    name = container.get("name") or ""
    if not name:
        report.required(f"{path}.name")
    for problem in formats.label(name) if name else []:
        report.invalid(f"{path}.name", name, problem)
    if name in names:
        report.duplicate(f"{path}.name", name)
    names.add(name)
    image = container.get("image") or ""
    if not image:
        report.required(f"{path}.image")
    elif image != image.strip():
        report.invalid(f"{path}.image", image, "must not have leading or trailing whitespace")
    one_of(container, "terminationMessagePolicy", path, _MESSAGE_POLICIES, report)
    _ports(container.get("ports") or [], f"{path}.ports", report)
    _environment(container.get("env") or [], f"{path}.env", report)
    _mounts(container.get("volumeMounts") or [], f"{path}.volumeMounts", volumes, report)
    one_of(container, "imagePullPolicy", path, _PULL_POLICIES, report)
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        if isinstance(container.get(kind), dict):
            _probe(container[kind], f"{path}.{kind}", report)
    resources(container.get("resources") or {}, f"{path}.resources", report)
    _identities(container, path, ("runAsUser", "runAsGroup"), report)


def _ports(ports: list[dict[str, Any]], path: str, report: Report) -> None:
    names: set[str] = set()
    for index, port in enumerate(ports):
        here = f"{path}[{index}]"
        name = port.get("name")
        if name:
            for problem in formats.port_name(name):
                report.invalid(f"{here}.name", name, problem)
            if name in names:
                report.duplicate(f"{here}.name", name)
            names.add(name)
        number = port.get("containerPort") or 0
        if not number:
            report.required(f"{here}.containerPort")
        for problem in formats.port_number(number) if number else []:
            report.invalid(f"{here}.containerPort", number, problem)
        for problem in formats.port_number(port["hostPort"]) if port.get("hostPort") else []:
            report.invalid(f"{here}.hostPort", port["hostPort"], problem)
        one_of(port, "protocol", here, _PROTOCOLS, report)


def _environment(variables: list[dict[str, Any]], path: str, report: Report) -> None:
    for index, variable in enumerate(variables):
        here = f"{path}[{index}]"
        name = variable.get("name") or ""
        if not name:
            report.required(f"{here}.name")
        for problem in formats.environment_name(name) if name else []:
            report.invalid(f"{here}.name", name, problem)
        source = variable.get("valueFrom")
        if source is not None:
            if not source:
                why = "must specify one of: `configMapKeyRef`, `fieldRef`, `fileKeyRef`, "
                why += "`resourceFieldRef` or `secretKeyRef`"
                report.invalid(f"{here}.valueFrom", "", why)
                continue
            _source(source, f"{here}.valueFrom", report)
            if variable.get("value"):
                report.invalid(f"{here}.valueFrom", "", "may not be specified when `value` is not empty")
            elif len(source) > 1:
                report.invalid(f"{here}.valueFrom", "", "may not have more than one field specified at a time")


def _source(source: dict[str, Any], path: str, report: Report) -> None:
    """Check what a variable's value is taken from."""
    for kind in ("configMapKeyRef", "secretKeyRef"):
        reference = source.get(kind)
        if reference is None:
            continue
        for problem in formats.subdomain(reference.get("name") or ""):
            report.invalid(f"{path}.{kind}.name", reference.get("name") or "", problem)
        if not reference.get("key"):
            report.required(f"{path}.{kind}.key")


def _mounts(mounts: list[dict[str, Any]], path: str, volumes: set[str], report: Report) -> None:
    paths: set[str] = set()
    for index, mount in enumerate(mounts):
        here = f"{path}[{index}]"
        name, where = mount.get("name") or "", mount.get("mountPath") or ""
        if not name:
            report.required(f"{here}.name")
        elif name not in volumes:
            report.not_found(f"{here}.name", name)
        if not where:
            report.required(f"{here}.mountPath")
        if where in paths:
            report.invalid(f"{here}.mountPath", where, "must be unique")
        paths.add(where)


def _probe(probe: dict[str, Any], path: str, report: Report) -> None:
    handlers = [key for key in ("exec", "grpc", "httpGet", "tcpSocket") if probe.get(key) is not None]
    if not handlers:
        report.required(path, "must specify a handler type")
    for extra in handlers[1:]:
        report.forbidden(f"{path}.{extra}", "may not specify more than 1 handler type")
    for kind in ("httpGet", "tcpSocket", "grpc"):
        if probe.get(kind) is not None:
            _probe_port(probe[kind].get("port", 0), f"{path}.{kind}.port", report)
    if probe.get("exec") is not None and not probe["exec"].get("command"):
        report.required(f"{path}.exec.command")
    for key in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
        not_negative(probe, key, path, report)


def _probe_port(port: Any, path: str, report: Report) -> None:
    for problem in formats.port_name(port) if isinstance(port, str) else formats.port_number(port):
        report.invalid(path, port, problem)


def resources(found: dict[str, Any], path: str, report: Report) -> None:
    """Check limits and requests of a container."""
    limits, requests = found.get("limits") or {}, found.get("requests") or {}
    for kind, values in (("limits", limits), ("requests", requests)):
        for name, value in values.items():
            if parse(value) < Decimal(0):
                report.invalid(f"{path}.{kind}[{name}]", value, NOT_NEGATIVE)
    for name, value in requests.items():
        limit = limits.get(name)
        if limit is not None and parse(value) > parse(limit):
            report.invalid(f"{path}.requests", value, f"must be less than or equal to {name} limit of {limit}")


def template(value: dict[str, Any] | None, path: str, report: Report) -> None:
    """Check a pod template."""
    found = value or {}
    metadata = found.get("metadata") or {}
    metadata_rules.check_labels(metadata.get("labels"), f"{path}.labels", report)
    for key in metadata.get("annotations") or {}:
        for problem in formats.qualified_name(key.lower()):
            report.invalid(f"{path}.annotations", key, problem)
    pod_spec(found.get("spec") or {}, f"{path}.spec", report)


def pod(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a pod and what an update changes of it."""
    pod_spec(obj.get("spec") or {}, "spec", report)
    if old is None and (obj.get("spec") or {}).get("ephemeralContainers"):
        report.forbidden("spec.ephemeralContainers", "cannot be set on create")
    if old is not None:
        _pod_update(obj.get("spec") or {}, old.get("spec") or {}, report)


def ephemeral_containers(obj: dict[str, Any], old: dict[str, Any], report: Report) -> None:
    """Check the one thing a write of the subresource may do: add ephemeral containers."""
    spec, path = obj.get("spec") or {}, "spec.ephemeralContainers"
    volumes = {volume.get("name", "") for volume in spec.get("volumes") or []}
    regular = {c.get("name", "") for kind in ("containers", "initContainers") for c in spec.get(kind) or []}
    names = set(regular)
    found = spec.get("ephemeralContainers") or []
    for index, container in enumerate(found):
        here = f"{path}[{index}]"
        _container({k: v for k, v in container.items() if k not in _NOT_EPHEMERAL}, here, names, volumes, report)
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


def _pod_update(spec: dict[str, Any], old: dict[str, Any], report: Report) -> None:
    for kind in ("containers", "initContainers"):
        if len(spec.get(kind) or []) != len(old.get(kind) or []):
            report.forbidden(f"spec.{kind}", "pod updates may not add or remove containers")
            return
    if any(toleration not in (spec.get("tolerations") or []) for toleration in old.get("tolerations") or []):
        why = "existing toleration can not be modified except its tolerationSeconds"
        report.forbidden("spec.tolerations", why)
        return
    if _fixed(spec) != _fixed(old):
        report.forbidden("spec", _MUTABLE + "\n")


def _fixed(spec: dict[str, Any]) -> dict[str, Any]:
    free = {"activeDeadlineSeconds", "tolerations", "schedulingGates", "terminationGracePeriodSeconds"}
    rest = {key: value for key, value in spec.items() if key not in free}
    for kind in ("containers", "initContainers"):
        if kind in rest:
            rest[kind] = [{k: v for k, v in c.items() if k not in {"image", "resizePolicy"}} for c in rest[kind]]
    if spec.get("schedulingGates"):
        rest.pop("nodeSelector", None)
        rest.pop("affinity", None)
    return rest
