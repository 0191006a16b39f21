"""Rules of what a cluster is made of: nodes, namespaces, runtime classes, requests for certificates."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from dynkube.testing.kinds import container_rules, selector_rules
from dynkube.testing.kinds.addresses import NO_NETWORK, is_network
from dynkube.testing.kinds.go_internal import internal
from dynkube.testing.kinds.value_rules import NOT_NEGATIVE
from dynkube.testing.objects import formats, metadata_rules
from dynkube.testing.objects.quantities import parse

if TYPE_CHECKING:
    from dynkube.testing.objects.report import Report

_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_USAGES = (
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
)
_SHORTEST_CERTIFICATE = 600


def node(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a node: its taints, its ranges of addresses, its resources."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    ranges = spec.get("podCIDRs") or []
    _taints(spec.get("taints") or [], report)
    for key in ("capacity", "allocatable"):
        for name, value in sorted((status.get(key) or {}).items()):
            path = f"status.{key}.{name}"
            container_rules.node_resource_name(name, path, report)
            if parse(value) < 0:
                report.invalid(path, value, NOT_NEGATIVE)
    _ranges(ranges, report)
    if old is not None:
        _taints(spec.get("taints") or [], report)
        before = old.get("spec") or {}
        was = before.get("podCIDRs") or []
        if was and was != ranges:
            report.forbidden("spec.podCIDRs", 'node updates may not change podCIDR except from "" to valid')
        if before.get("providerID") and before.get("providerID") != spec.get("providerID"):
            report.forbidden("spec.providerID", 'node updates may not change providerID except from "" to valid')


def _taints(taints: list[dict[str, Any]], report: Report) -> None:
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate(taints):
        here = f"metadata.taints[{index}]"
        key, value, effect = (taint.get(name) or "" for name in ("key", "value", "effect"))
        report.malformed(f"{here}.key", key, formats.qualified_name(key))
        report.malformed(f"{here}.value", value, formats.label_value(value))
        if not effect:
            report.required(f"{here}.effect")
        elif effect not in _EFFECTS:
            report.unsupported(f"{here}.effect", effect, _EFFECTS)
        if (effect, key) in seen:
            report.duplicate(here, internal("Taint", taint), "taints must be unique by key and effect pair")
        seen.add((effect, key))


def _ranges(ranges: list[str], report: Report) -> None:
    for index, one in enumerate(ranges):
        if not is_network(one):
            report.invalid(f"spec.podCIDRs[{index}]", one, NO_NETWORK)
    families = [":" in one for one in ranges]
    if len(families) > len(set(families)) or len(ranges) > 2:
        report.invalid("spec.podCIDRs", ranges, "may specify no more than one CIDR for each IP family")


def namespace(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check that a namespace is held by known things, and that one that lives says so."""
    for name in (obj.get("spec") or {}).get("finalizers") or []:
        report.malformed("spec.finalizers", name, formats.qualified_name(name))
        if not metadata_rules.is_qualified_finalizer(name):
            report.invalid("spec.finalizers", name, metadata_rules.UNQUALIFIED_FINALIZER)
    phase = (obj.get("status") or {}).get("phase") or ""
    if old is not None and "deletionTimestamp" not in obj["metadata"] and phase != "Active":
        report.invalid("status.Phase", phase, "may only be 'Active' if `deletionTimestamp` is empty")


def runtime_class(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a runtime class: its handler is a label and stays what it is."""
    handler = obj.get("handler") or ""
    if not handler:
        report.required("handler")
    else:
        report.malformed("handler", handler, formats.label(handler))
    fixed = (obj.get("overhead") or {}).get("podFixed") or {}
    if fixed:
        container_rules.resources({"limits": fixed}, "overhead", report)
    scheduling = obj.get("scheduling") or {}
    metadata_rules.check_labels(scheduling.get("nodeSelector"), "scheduling.nodeSelector", report)
    tolerations = scheduling.get("tolerations") or []
    for index, toleration in enumerate(tolerations):
        selector_rules.toleration(toleration, f"scheduling.tolerations[{index}]", report)
        if toleration in tolerations[:index]:
            report.duplicate(f"scheduling.tolerations[{index}]", internal("Toleration", toleration))
    if old is not None:
        report.unchanged("handler", handler, old.get("handler"))


def signing_request(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a request for a certificate."""
    spec = obj.get("spec") or {}
    request = spec.get("request") or ""
    if not _is_request(request):
        report.invalid("spec.request", request or None, "PEM block type must be CERTIFICATE REQUEST")
    usages = spec.get("usages") or []
    if not usages and old is None:
        report.required("spec.usages")
    for index, usage in enumerate(usages):
        if usage not in _USAGES:
            report.unsupported(f"spec.usages[{index}]", usage, _USAGES)
        if usage in usages[:index]:
            report.duplicate(f"spec.usages[{index}]", usage)
    name = spec.get("signerName") or ""
    _signer_name(name, "spec.signerName", report)
    seconds = spec.get("expirationSeconds")
    if seconds is not None and seconds < _SHORTEST_CERTIFICATE:
        why = "may not specify a duration less than 600 seconds (10 minutes)"
        report.invalid("spec.expirationSeconds", seconds, why)


def _is_request(encoded: str) -> bool:
    return b"-----BEGIN CERTIFICATE REQUEST-----" in base64.b64decode(encoded + "==", validate=False)


def _signer_name(name: str, path: str, report: Report) -> None:
    if not name:
        report.required(path)
        return
    domain, slash, rest = name.partition("/")
    if not slash:
        report.invalid(path, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")
        return
    problems = formats.subdomain(domain)
    if problems:
        for problem in problems:
            report.invalid(path, name, f"validating label {_quoted(domain)}: {problem}")
    if "." not in domain:
        report.invalid(path, domain, "should be a domain with at least two segments separated by dots")
    if not rest:
        report.invalid(path, name, 'validating label "": must not be empty')


def _quoted(text: str) -> str:
    return f'"{text}"'
