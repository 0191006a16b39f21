"""Defaults of pod specs wherever they stand: pods, templates, cron jobs (``pkg/apis/core/v1/defaults.go``).

Each function takes one decoded struct and fills in what is missing, in place. `BY_TYPE` names its Go type;
`dynkube.testing.objects.defaults` calls it for every value of that type.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

#: Mode bits of files in volumes, 0644.
_FILE_MODE = 0o644
#: A tag or digest behind the last slash of an image reference.
_TAG = re.compile(r"(?::(?P<tag>[\w][\w.-]*))?(?P<digest>@.+)?$")
#: What is an image reference at all: for others nobody asks which tag is meant.
_IMAGE = re.compile(r"[a-zA-Z0-9][\w./:\-]*(@[\w+.:\-]+)?|")


def pod_spec(spec: dict[str, Any]) -> None:
    """Fill in a PodSpec's own fields."""
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")
    # Two names for one field: the server writes both.
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account


def pull_policy(image: str) -> str:
    """Return the default imagePullPolicy: Always for ``latest`` (said or meant), IfNotPresent for the rest."""
    if not _IMAGE.fullmatch(image):
        return "IfNotPresent"
    name = image.rpartition("/")[2]
    found = _TAG.search(name)
    tag, digest = (found["tag"], found["digest"]) if found else (None, None)
    return "IfNotPresent" if digest or (tag and tag != "latest") else "Always"


def container(value: dict[str, Any]) -> None:
    """Fill in a container (of any of the three lists)."""
    value.setdefault("terminationMessagePath", "/dev/termination-log")
    value.setdefault("terminationMessagePolicy", "File")
    value.setdefault("imagePullPolicy", pull_policy(value.get("image") or ""))


def probe(value: dict[str, Any]) -> None:
    """Fill in a probe's timings."""
    for key, default in (
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ):
        if not value.get(key):
            value[key] = default
    if isinstance(value.get("grpc"), dict) and value["grpc"].get("service") is None:
        value["grpc"]["service"] = ""


def http_get(value: dict[str, Any]) -> None:
    """Fill in an HTTP probe or hook."""
    value.setdefault("path", "/")
    value.setdefault("scheme", "HTTP")


def volume(value: dict[str, Any]) -> None:
    """Make a volume without a source an emptyDir."""
    if all(key == "name" or source is None for key, source in value.items()):
        value["emptyDir"] = {}


def _mode(value: dict[str, Any]) -> None:
    value.setdefault("defaultMode", _FILE_MODE)


def _expiration(value: dict[str, Any]) -> None:
    value.setdefault("expirationSeconds", 3600)


def _field_selector(value: dict[str, Any]) -> None:
    value.setdefault("apiVersion", "v1")


def _host_path(value: dict[str, Any]) -> None:
    value.setdefault("type", "")


def _image(value: dict[str, Any]) -> None:
    if not value.get("pullPolicy"):
        value["pullPolicy"] = pull_policy(value.get("reference") or "")


def _on_condition(value: dict[str, Any]) -> None:
    if not value.get("status"):
        value["status"] = "True"


def _exact_request(value: dict[str, Any]) -> None:
    value.setdefault("allocationMode", "ExactCount")
    if value["allocationMode"] == "ExactCount":
        value.setdefault("count", 1)


def _divisor(value: dict[str, Any]) -> None:
    value.setdefault("divisor", "0")


def _claim_template(value: dict[str, Any]) -> None:
    value.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")


def resource_requests(spec: dict[str, Any]) -> None:
    """Copy limits to requests that are not given; only pods themselves get this, not their templates."""
    for one in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]:
        resources = one.get("resources") or {}
        limits = resources.get("limits")
        if limits:
            resources["requests"] = {**limits, **(resources.get("requests") or {})}


def host_ports(spec: dict[str, Any]) -> None:
    """Give ports of pods that share their node's network the same number there; their templates do not get this."""
    if spec.get("hostNetwork"):
        for one in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]:
            for port in one.get("ports") or []:
                port.setdefault("hostPort", port.get("containerPort"))


BY_TYPE: Final[dict[str, Callable[[dict[str, Any]], None]]] = {
    "PodSpec": pod_spec,
    "Container": container,
    "EphemeralContainer": container,
    "Probe": probe,
    "HTTPGetAction": http_get,
    "Volume": volume,
    "SecretVolumeSource": _mode,
    "ConfigMapVolumeSource": _mode,
    "DownwardAPIVolumeSource": _mode,
    "ProjectedVolumeSource": _mode,
    "ServiceAccountTokenProjection": _expiration,
    "ObjectFieldSelector": _field_selector,
    "ExactDeviceRequest": _exact_request,
    "HostPathVolumeSource": _host_path,
    "ImageVolumeSource": _image,
    "PodFailurePolicyOnPodConditionsPattern": _on_condition,
    "ResourceFieldSelector": _divisor,
    "PersistentVolumeClaimTemplate": _claim_template,
}
