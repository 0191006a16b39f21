"""Rules of which requests wait for which (``pkg/apis/flowcontrol/validation``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.testing.kinds.go_internal import internal
from dynkube.testing.objects import formats

if TYPE_CHECKING:
    from dynkube.testing.objects.report import Report

_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch")
_LAST_PRECEDENCE = 10_000
_KINDS = {"Group": "group", "ServiceAccount": "serviceAccount", "User": "user"}
_MOST_QUEUES = 10_000_000


def flow_schema(obj: dict[str, Any], _old: dict[str, Any] | None, report: Report) -> None:
    """Check which requests are of a flow."""
    spec, name = obj.get("spec") or {}, (obj.get("metadata") or {}).get("name")
    precedence = spec.get("matchingPrecedence") or 0
    if precedence <= 0:
        report.invalid("spec.matchingPrecedence", precedence, "must be a positive value")
    if precedence > _LAST_PRECEDENCE:
        report.invalid("spec.matchingPrecedence", precedence, f"must not be greater than {_LAST_PRECEDENCE}")
    if precedence == 1 and name != "exempt":
        why = "only the schema named 'exempt' may have matchingPrecedence 1"
        report.invalid("spec.matchingPrecedence", precedence, why)
    method = spec.get("distinguisherMethod")
    if method is not None and method.get("type") not in {"ByNamespace", "ByUser"}:
        shown = internal("Distinguisher", method)
        report.unsupported("spec.distinguisherMethod.type", shown, ("ByNamespace", "ByUser"))
    level = (spec.get("priorityLevelConfiguration") or {}).get("name") or ""
    if not level:
        report.required("spec.priorityLevelConfiguration.name", "must reference a priority level")
    else:
        report.malformed("spec.priorityLevelConfiguration.name", level, formats.subdomain(level))
    for index, rule in enumerate(spec.get("rules") or []):
        _rule(rule, f"spec.rules[{index}]", report)


def _rule(rule: dict[str, Any], path: str, report: Report) -> None:
    subjects = rule.get("subjects") or []
    if not subjects:
        report.required(f"{path}.subjects", "subjects must contain at least one value")
    for index, subject in enumerate(subjects):
        _subject(subject, f"{path}.subjects[{index}]", report)
    resources, urls = rule.get("resourceRules") or [], rule.get("nonResourceRules") or []
    if not resources and not urls:
        report.required(path, "at least one of resourceRules and nonResourceRules has to be non-empty")
    for index, one in enumerate(resources):
        _resource_rule(one, f"{path}.resourceRules[{index}]", report)
    for index, one in enumerate(urls):
        _url_rule(one, f"{path}.nonResourceRules[{index}]", report)


def _subject(subject: dict[str, Any], path: str, report: Report) -> None:
    kind = subject.get("kind") or ""
    if kind not in _KINDS:
        report.unsupported(f"{path}.kind", kind, sorted(_KINDS))
        return
    for other, key in sorted(_KINDS.items()):
        found = subject.get(key)
        if other != kind and found is not None:
            why = f"{key} is forbidden when subject kind is not '{other}'"
            report.forbidden(f"{path}.{key}", why)
        elif other == kind and found is None:
            report.required(f"{path}.{key}", f"{key} is required when subject kind is '{kind}'")
        elif other == kind and found is not None:
            _named(found, f"{path}.{key}", report, account=key == "serviceAccount")


def _named(found: dict[str, Any], path: str, report: Report, *, account: bool) -> None:
    name, namespace = found.get("name") or "", found.get("namespace") or ""
    if not name:
        report.required(f"{path}.name")
    elif account and name != "*":
        report.malformed(f"{path}.name", name, formats.subdomain(name))
    if account and not namespace:
        report.required(f"{path}.namespace", "must specify namespace for service account")
    elif account:
        report.malformed(f"{path}.namespace", namespace, formats.label(namespace))


def _verbs(verbs: list[str], path: str, report: Report) -> None:
    if not verbs:
        report.required(f"{path}.verbs", "verbs must contain at least one value")
    elif "*" in verbs:
        if len(verbs) > 1:
            report.invalid(f"{path}.verbs", verbs, "if '*' is present, must not specify other verbs")
    elif not set(verbs) <= set(_VERBS):
        report.unsupported(f"{path}.verbs", verbs, _VERBS)


def _resource_rule(rule: dict[str, Any], path: str, report: Report) -> None:
    _verbs(rule.get("verbs") or [], path, report)
    for key, what, others in (("apiGroups", "api group", "api groups"), ("resources", "resource", "resources")):
        values = rule.get(key) or []
        if not values:
            report.required(f"{path}.{key}", f"resource rules must supply at least one {what}")
        elif "*" in values and len(values) > 1:
            report.invalid(f"{path}.{key}", values, f"if '*' is present, must not specify other {others}")
    namespaces = rule.get("namespaces") or []
    if not namespaces and not rule.get("clusterScope"):
        why = "resource rules that are not cluster scoped must supply at least one namespace"
        report.required(f"{path}.namespaces", why)
    elif "*" in namespaces:
        if len(namespaces) > 1:
            report.invalid(f"{path}.namespaces", namespaces, "if '*' is present, must not specify other namespaces")
    else:
        for index, namespace in enumerate(namespaces):
            for problem in formats.label(namespace):
                why = f"each member of this list must be '*' or a DNS-1123 label; {problem}"
                report.invalid(f"{path}.namespaces[{index}]", namespace, why)


def _url_rule(rule: dict[str, Any], path: str, report: Report) -> None:
    _verbs(rule.get("verbs") or [], path, report)
    urls = rule.get("nonResourceURLs") or []
    if not urls:
        report.required(f"{path}.nonResourceURLs", "nonResourceURLs must contain at least one value")
        return
    if "*" in urls:
        if len(urls) > 1:
            report.invalid(
                f"{path}.nonResourceURLs", urls, "if '*' is present, must not specify other non-resource URLs"
            )
        return
    for index, url in enumerate(urls):
        here = f"{path}.nonResourceURLs[{index}]"
        if not url:
            report.invalid(here, url, "must not be empty")
        elif not url.startswith("/"):
            report.invalid(here, url, "must start with slash")
        elif " " in url:
            report.invalid(here, url, "must not contain white-space")
        elif "//" in url:
            report.invalid(here, url, "must not contain double slash")
        elif "*" in url.removesuffix("/*"):
            why = "wildcard can only do suffix matching on the last segment" if url.endswith("*") else "wildcard"
            report.invalid(here, url, why)


def priority_level(obj: dict[str, Any], _old: dict[str, Any] | None, report: Report) -> None:
    """Check how many requests of a level are served at once."""
    spec = obj.get("spec") or {}
    kind, limited = spec.get("type") or "", spec.get("limited")
    if kind == "Limited":
        if limited is None:
            report.required("spec.limited", "must not be empty when type is Limited")
        else:
            _limited(limited, "spec.limited", report)
    elif kind == "Exempt":
        if limited is not None:
            report.forbidden("spec.limited", "must be nil if the type is not Limited")
    else:
        report.unsupported("spec.type", kind, ("Exempt", "Limited"))


def _limited(limited: dict[str, Any], path: str, report: Report) -> None:
    shares, lend, borrow = (
        limited.get(key) for key in ("nominalConcurrencyShares", "lendablePercent", "borrowingLimitPercent")
    )
    if shares is not None and shares < 0:
        report.invalid(f"{path}.nominalConcurrencyShares", shares, "must be a non-negative integer")
    response = limited.get("limitResponse") or {}
    here = f"{path}.limitResponse"
    kind, queuing = response.get("type") or "", response.get("queuing")
    if kind == "Reject":
        if queuing is not None:
            report.forbidden(f"{here}.queuing", "must be nil if limited.limitResponse.type is not Limited")
    elif kind == "Queue":
        if queuing is None:
            report.required(f"{here}.queuing", "must not be empty if limited.limitResponse.type is Limited")
        else:
            _queuing(queuing, f"{here}.queuing", report)
    else:
        report.unsupported(f"{here}.type", kind, ("Queue", "Reject"))
    if lend is not None and not 0 <= lend <= 100:
        report.invalid(f"{path}.lendablePercent", lend, "must be between 0 and 100, inclusive")
    if borrow is not None and borrow < 0:
        report.invalid(f"{path}.borrowingLimitPercent", borrow, "if specified, must be a non-negative integer")


def _queuing(found: dict[str, Any], path: str, report: Report) -> None:
    length, queues, hand = (found.get(key) or 0 for key in ("queueLengthLimit", "queues", "handSize"))
    if length <= 0:
        report.invalid(f"{path}.queueLengthLimit", length, "must be positive")
    if queues <= 0:
        report.invalid(f"{path}.queues", queues, "must be positive")
    elif queues > _MOST_QUEUES:
        report.invalid(f"{path}.queues", queues, f"must not be greater than {_MOST_QUEUES}")
    if hand <= 0:
        report.invalid(f"{path}.handSize", hand, "must be positive")
    elif hand > queues:
        report.invalid(f"{path}.handSize", hand, f"should not be greater than queues ({queues})")
