"""Warnings about objects that are stored nevertheless: doubtful content, and formats no server checks."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from dynkube.testing.objects import formats, metadata_rules
from dynkube.testing.objects.schema_rules import KNOWN_FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dynkube.testing.objects.schemas import Schema
    from dynkube.testing.objects.validation import ResourceInfo

#: Kinds with a pod template, and where it stands.
_TEMPLATES = {
    ("", "ReplicationController"): "spec.template",
    ("apps", "DaemonSet"): "spec.template",
    ("apps", "Deployment"): "spec.template",
    ("apps", "ReplicaSet"): "spec.template",
    ("apps", "StatefulSet"): "spec.template",
    ("batch", "CronJob"): "spec.jobTemplate.spec.template",
    ("batch", "Job"): "spec.template",
}
#: Kinds whose name becomes part of their pods' host names.
_NAMES_PODS = frozenset(
    {("apps", "Deployment"), ("apps", "ReplicaSet"), ("batch", "Job"), ("", "ReplicationController")}
)
_OLD_NODE_LABELS = {
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "beta.kubernetes.io/os": "kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
}
_INGRESS_CLASS = "kubernetes.io/ingress.class"


def advice(
    obj: Mapping[str, Any], old: Mapping[str, Any] | None, resource: ResourceInfo, schema: Schema | None
) -> list[str]:
    """Return the warnings to send along with a create (``old`` None) or an update."""
    key = (resource.group, resource.kind)
    found: list[str] = []
    if schema is not None and schema.custom:
        found += _finalizers(obj, old)
    elif key == ("", "Pod"):
        found += _pod(obj.get("spec") or {}, "spec")
    elif key in _TEMPLATES:
        found += _pod(_at(obj, f"{_TEMPLATES[key]}.spec"), f"{_TEMPLATES[key]}.spec")
    elif key == ("networking.k8s.io", "Ingress"):
        if _INGRESS_CLASS in ((obj.get("metadata") or {}).get("annotations") or {}):
            found.append(f"annotation \"{_INGRESS_CLASS}\" is deprecated, please use 'spec.ingressClassName' instead")
    elif key == ("apiextensions.k8s.io", "CustomResourceDefinition"):
        for index, version in enumerate((obj.get("spec") or {}).get("versions") or []):
            root = (version.get("schema") or {}).get("openAPIV3Schema")
            found += _definition(root, f"spec.versions[{index}].schema.openAPIV3Schema")
    elif key in _OF_KIND:
        found += _OF_KIND[key](obj)
    if old is None:
        found = [*_name(obj, key), *found]
    return found


def _service(obj: Mapping[str, Any]) -> Iterator[str]:
    spec = obj.get("spec") or {}
    if spec.get("externalIPs"):
        yield "spec.externalIPs is deprecated and may no longer be implemented in some clusters"
    if spec.get("trafficDistribution") == "PreferClose":
        yield 'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"'


def _secret(obj: Mapping[str, Any]) -> Iterator[str]:
    encoded = (obj.get("data") or {}).get("tls.crt") or ""
    if obj.get("type") == "kubernetes.io/tls" and b"-----BEGIN" not in base64.b64decode(encoded):
        yield "tls: failed to find any PEM data in certificate input"


def _csi_driver(obj: Mapping[str, Any]) -> Iterator[str]:
    spec = obj.get("spec") or {}
    if spec.get("tokenRequests") and spec.get("serviceAccountTokenInSecrets") is None:
        why = "if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes"
        yield f"spec.serviceAccountTokenInSecrets is unset; {why}"


_OF_KIND: Final[dict[tuple[str, str], Callable[[Mapping[str, Any]], Iterator[str]]]] = {
    ("", "Secret"): _secret,
    ("", "Service"): _service,
    ("storage.k8s.io", "CSIDriver"): _csi_driver,
}


def _at(obj: Mapping[str, Any], path: str) -> dict[str, Any]:
    found: Any = obj
    for key in path.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _name(obj: Mapping[str, Any], key: tuple[str, str]) -> Iterator[str]:
    problems = formats.label(str((obj.get("metadata") or {}).get("name", "")))
    if not problems:
        return
    where = {("", "Pod"): "the Pod's hostname"}.get(key) or ("Pod names and hostnames" if key in _NAMES_PODS else "")
    if where:
        why = f"this is used in {where}, which can result in surprising behavior; a DNS label is recommended"
        yield f"metadata.name: {why}: [{' '.join(problems)}]"


def _finalizers(obj: Mapping[str, Any], old: Mapping[str, Any] | None) -> Iterator[str]:
    before = set(((old or {}).get("metadata") or {}).get("finalizers") or [])
    for name in (obj.get("metadata") or {}).get("finalizers") or []:
        if name not in before and not metadata_rules.is_qualified_finalizer(name):
            path = " including a path (/)" if "." in name else ""
            why = f"prefer a domain-qualified finalizer name{path}"
            yield f'metadata.finalizers: "{name}": {why} to avoid accidental conflicts with other finalizer writers'


def _pod(spec: Mapping[str, Any], path: str) -> Iterator[str]:
    for label, instead in _OLD_NODE_LABELS.items():
        if label in (spec.get("nodeSelector") or {}):
            since = "v1.14" if label.startswith("beta") else "v1.17"
            yield f'{path}.nodeSelector[{label}]: deprecated since {since}; use "{instead}" instead'
    yield from _pull_secrets(spec, path)
    yield from _affinities(spec.get("affinity") or {}, f"{path}.affinity")
    for kind in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(kind) or []):
            yield from _container(container, f"{path}.{kind}[{index}]")


def _pull_secrets(spec: Mapping[str, Any], path: str) -> Iterator[str]:
    names: set[str] = set()
    for index, one in enumerate(spec.get("imagePullSecrets") or []):
        name = one.get("name") or ""
        if not name:
            yield f'{path}.imagePullSecrets[{index}].name: invalid empty name ""'
        elif name in names:
            yield f'{path}.imagePullSecrets[{index}].name: duplicate name "{name}"'
        names.add(name)


def _affinities(affinity: Mapping[str, Any], path: str) -> Iterator[str]:
    why = "a null labelSelector results in matching no pod"
    for kind in ("podAffinity", "podAntiAffinity"):
        for when in ("required", "preferred"):
            key = f"{when}DuringSchedulingIgnoredDuringExecution"
            for index, term in enumerate((affinity.get(kind) or {}).get(key) or []):
                here, inner = f"{path}.{kind}.{key}[{index}]", term
                if when == "preferred":
                    here, inner = f"{here}.podAffinityTerm", term.get("podAffinityTerm") or {}
                if inner.get("labelSelector") is None:
                    yield f"{here}.labelSelector: {why}"


def _container(container: Mapping[str, Any], path: str) -> Iterator[str]:
    for part in ("limits", "requests"):
        for name, value in ((container.get("resources") or {}).get(part) or {}).items():
            if name in {"memory", "ephemeral-storage"} and str(value).endswith("m"):
                yield f'{path}.resources.{part}[{name}]: fractional byte value "{value}" is invalid, must be an integer'
    names: set[str] = set()
    for index, variable in enumerate(container.get("env") or []):
        name = variable.get("name", "")
        if name in names:
            why = f'hides previous definition of "{name}", which may be dropped when using apply'
            yield f"{path}.env[{index}]: {why}"
        names.add(name)
    ports: dict[tuple[Any, Any], int] = {}
    for index, port in enumerate(container.get("ports") or []):
        key = (port.get("containerPort"), port.get("protocol"))
        if key in ports:
            yield f"{path}.ports[{index}]: duplicate port definition with {path}.ports[{ports[key]}]"
        ports.setdefault(key, index)


def _definition(schema: Any, path: str) -> Iterator[str]:
    """Tell which formats of a schema are not looked at, as the server does not know them."""
    if not isinstance(schema, dict):
        return
    form = schema.get("format")
    if form and form not in KNOWN_FORMATS:
        yield f'unrecognized format "{form}"'
    for name, inner in (schema.get("properties") or {}).items():
        yield from _definition(inner, f"{path}.properties[{name}]")
    for key in ("items", "additionalProperties"):
        yield from _definition(schema.get(key), f"{path}.{key}")
