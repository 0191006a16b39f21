"""Rules of what selects by labels or fields: label and node selectors, affinity, tolerations, spreading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.testing.objects import formats, metadata_rules

if TYPE_CHECKING:
    from collections.abc import Collection

    from dynkube.testing.objects.report import Report

_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_HEAVIEST = 100


def selector(found: dict[str, Any], path: str, report: Report) -> None:
    """Check a label selector."""
    metadata_rules.check_labels(found.get("matchLabels"), f"{path}.matchLabels", report)
    for index, expression in enumerate(found.get("matchExpressions") or []):
        here = f"{path}.matchExpressions[{index}]"
        operator, values = expression.get("operator") or "", expression.get("values") or []
        if operator in {"In", "NotIn"} and not values:
            report.required(f"{here}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        elif operator in {"Exists", "DoesNotExist"} and values:
            why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            report.forbidden(f"{here}.values", why)
        elif operator not in {"In", "NotIn", "Exists", "DoesNotExist"}:
            report.invalid(f"{here}.operator", operator, "not a valid selector operator")
        report.malformed(
            f"{here}.key", expression.get("key") or "", formats.qualified_name(expression.get("key") or "")
        )
        for number, value in enumerate(values):
            report.malformed(f"{here}.values[{number}]", value, formats.label_value(value))


def readable(found: dict[str, Any] | None) -> bool:
    """Whether a label selector can be turned into requirements at all."""
    if found is None:
        return True
    labels = found.get("matchLabels") or {}
    if any(formats.qualified_name(key) or formats.label_value(str(value)) for key, value in labels.items()):
        return False
    for expression in found.get("matchExpressions") or []:
        operator, values = expression.get("operator"), expression.get("values") or []
        if operator not in {"In", "NotIn", "Exists", "DoesNotExist"} or bool(values) != (operator in {"In", "NotIn"}):
            return False
        if formats.qualified_name(expression.get("key") or "") or any(map(formats.label_value, values)):
            return False
    return True


def ordered_selector(found: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a selector with its keys in the order errors show them."""
    if found is None:
        return None
    shown: dict[str, Any] = {}
    if found.get("matchLabels"):
        shown["matchLabels"] = dict(sorted(found["matchLabels"].items()))
    if found.get("matchExpressions"):
        order = ("key", "operator", "values")
        shown["matchExpressions"] = [
            {key: one.get(key, "") for key in order if key != "values" or one.get("values")}
            for one in found["matchExpressions"]
        ]
    return shown


def selects(found: dict[str, Any] | None, labels: dict[str, Any]) -> bool:
    """Whether a label selector takes an object with ``labels``; a missing one takes nothing."""
    if found is None:
        return False
    if any(labels.get(key) != value for key, value in (found.get("matchLabels") or {}).items()):
        return False
    for expression in found.get("matchExpressions") or []:
        key, values = expression.get("key"), expression.get("values") or []
        present = key in labels
        holds = {
            "In": present and labels.get(key) in values,
            "NotIn": not present or labels.get(key) not in values,
            "Exists": present,
            "DoesNotExist": not present,
        }
        if not holds.get(expression.get("operator"), False):
            return False
    return True


def node_selector(found: dict[str, Any], path: str, report: Report) -> None:
    """Check a node selector: terms over labels and fields of nodes."""
    terms = found.get("nodeSelectorTerms") or []
    if not terms:
        report.required(f"{path}.nodeSelectorTerms", "must have at least one node selector term")
    for index, term in enumerate(terms):
        node_selector_term(term, f"{path}.nodeSelectorTerms[{index}]", report)


def node_selector_term(term: dict[str, Any], path: str, report: Report) -> None:
    """Check one term of a node selector."""
    for index, requirement in enumerate(term.get("matchExpressions") or []):
        _node_requirement(requirement, f"{path}.matchExpressions[{index}]", report)
    for index, requirement in enumerate(term.get("matchFields") or []):
        _node_field(requirement, f"{path}.matchFields[{index}]", report)


def _node_requirement(requirement: dict[str, Any], path: str, report: Report) -> None:
    operator, values = requirement.get("operator") or "", requirement.get("values") or []
    if operator in {"In", "NotIn"}:
        if not values:
            report.required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in {"Exists", "DoesNotExist"}:
        if values:
            report.forbidden(f"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
    elif operator in {"Gt", "Lt"}:
        if len(values) != 1:
            why = "must be specified single value when `operator` is 'Lt' or 'Gt'"
            report.required(f"{path}.values", why)
    else:
        report.invalid(f"{path}.operator", operator, "not a valid selector operator")
    report.malformed(f"{path}.key", requirement.get("key") or "", formats.qualified_name(requirement.get("key") or ""))
    for number, value in enumerate(values):
        report.malformed(f"{path}.values[{number}]", value, formats.label_value(value))


def _node_field(requirement: dict[str, Any], path: str, report: Report) -> None:
    operator, values, key = requirement.get("operator") or "", requirement.get("values") or [], requirement.get("key")
    if operator in {"In", "NotIn"}:
        if len(values) != 1:
            why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
            report.required(f"{path}.values", why)
    else:
        report.invalid(f"{path}.operator", operator, "not a valid selector operator")
    if key != "metadata.name":
        report.invalid(f"{path}.key", key or "", "not a valid field selector key")
        return
    for number, value in enumerate(values):
        report.malformed(f"{path}.values[{number}]", value, formats.subdomain(value))


def affinity(found: dict[str, Any], path: str, report: Report) -> None:
    """Check what a pod wants to be near to, and far from."""
    nodes = found.get("nodeAffinity") or {}
    here = f"{path}.nodeAffinity"
    required = nodes.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is not None:
        node_selector(required, f"{here}.requiredDuringSchedulingIgnoredDuringExecution", report)
    for index, term in enumerate(nodes.get("preferredDuringSchedulingIgnoredDuringExecution") or []):
        one = f"{here}.preferredDuringSchedulingIgnoredDuringExecution[{index}]"
        _weight(term, one, report)
        node_selector_term(term.get("preference") or {}, f"{one}.preference", report)
    for kind in ("podAffinity", "podAntiAffinity"):
        pods = found.get(kind) or {}
        for index, term in enumerate(pods.get("requiredDuringSchedulingIgnoredDuringExecution") or []):
            one = f"{path}.{kind}.requiredDuringSchedulingIgnoredDuringExecution[{index}]"
            _pod_affinity_term(term, one, report)
        for index, term in enumerate(pods.get("preferredDuringSchedulingIgnoredDuringExecution") or []):
            one = f"{path}.{kind}.preferredDuringSchedulingIgnoredDuringExecution[{index}]"
            _weight(term, one, report)
            _pod_affinity_term(term.get("podAffinityTerm") or {}, f"{one}.podAffinityTerm", report)


def _weight(term: dict[str, Any], path: str, report: Report) -> None:
    weight = term.get("weight") or 0
    if not 1 <= weight <= _HEAVIEST:
        report.invalid(f"{path}.weight", weight, f"must be in the range 1-{_HEAVIEST}")


def _pod_affinity_term(term: dict[str, Any], path: str, report: Report) -> None:
    for key in ("labelSelector", "namespaceSelector"):
        if term.get(key) is not None:
            selector(term[key], f"{path}.{key}", report)
    for namespace in term.get("namespaces") or []:
        report.malformed(f"{path}.namespace", namespace, formats.label(namespace))
    match, mismatch = term.get("matchLabelKeys") or [], term.get("mismatchLabelKeys") or []
    for key, names in (("matchLabelKeys", match), ("mismatchLabelKeys", mismatch)):
        _label_keys(names, f"{path}.{key}", term.get("labelSelector"), report, merged=key == "matchLabelKeys")
    for index, name in enumerate(match):
        if name in mismatch:
            report.invalid(
                f"{path}.matchLabelKeys[{index}]", name, "exists in both matchLabelKeys and mismatchLabelKeys"
            )
    topology = term.get("topologyKey") or ""
    if not topology:
        report.required(f"{path}.topologyKey", "can not be empty")
    report.malformed(f"{path}.topologyKey", topology, formats.qualified_name(topology))


def _label_keys(
    names: Collection[str], path: str, found: dict[str, Any] | None, report: Report, *, merged: bool = False
) -> None:
    """Check names of labels whose values come from the pod itself: the selector must not speak of them too."""
    if not names:
        return
    if found is None:
        report.forbidden(path, "must not be specified when labelSelector is not set")
        return
    taken = set(found.get("matchLabels") or {}) if not merged else set()
    taken |= {one.get("key", "") for one in found.get("matchExpressions") or []} if not merged else set()
    for index, name in enumerate(names):
        report.malformed(f"{path}[{index}]", name, formats.qualified_name(name))
        if name in taken:
            report.invalid(f"{path}[{index}]", name, "exists in both matchLabelKeys and labelSelector")


def spread_constraints(found: list[dict[str, Any]], path: str, report: Report) -> None:
    """Check how pods are to be spread over the cluster."""
    for index, one in enumerate(found):
        here = f"{path}[{index}]"
        skew, topology, policy = (
            one.get("maxSkew") or 0,
            one.get("topologyKey") or "",
            one.get("whenUnsatisfiable") or "",
        )
        if skew <= 0:
            report.invalid(f"{here}.maxSkew", skew, "must be greater than zero")
        if not topology:
            report.required(f"{here}.topologyKey", "can not be empty")
        if policy not in {"DoNotSchedule", "ScheduleAnyway"}:
            report.unsupported(f"{here}.whenUnsatisfiable", policy, ("DoNotSchedule", "ScheduleAnyway"))
        for later in found[index + 1 :]:
            if (later.get("topologyKey") or "", later.get("whenUnsatisfiable") or "") == (topology, policy):
                report.duplicate(f"{here}.{{topologyKey, whenUnsatisfiable}}", f"{{{topology}, {policy}}}")
                break
        domains = one.get("minDomains")
        if domains is not None:
            if domains <= 0:
                report.invalid(f"{here}.minDomains", domains, "must be greater than zero")
            if policy != "DoNotSchedule":
                why = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {policy}"
                report.invalid(f"{here}.minDomains", domains, why)
        for key in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
            if one.get(key) is not None and one[key] not in {"Honor", "Ignore"}:
                report.unsupported(f"{here}.{key}", one[key], ("Honor", "Ignore"))
        _label_keys(one.get("matchLabelKeys") or [], f"{here}.matchLabelKeys", one.get("labelSelector"), report)
        if one.get("labelSelector") is not None:
            selector(one["labelSelector"], f"{here}.labelSelector", report)


def tolerations(found: list[dict[str, Any]], path: str, report: Report) -> None:
    """Check which taints of nodes a pod bears."""
    for index, one in enumerate(found):
        toleration(one, f"{path}[{index}]", report)


def toleration(found: dict[str, Any], here: str, report: Report) -> None:
    """Check one toleration."""
    key, operator, value, effect = (found.get(name) or "" for name in ("key", "operator", "value", "effect"))
    if key:
        report.malformed(f"{here}.key", key, formats.qualified_name(key))
    if not key and operator != "Exists":
        why = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        report.invalid(f"{here}.operator", operator, why)
    if found.get("tolerationSeconds") is not None and effect != "NoExecute":
        why = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        report.invalid(f"{here}.effect", effect, why)
    if operator in {"Equal", ""}:
        report.malformed(f"{here}.operator", value, formats.label_value(value))
    elif operator == "Exists":
        if value:
            report.invalid(f"{here}.operator", value, "value must be empty when `operator` is 'Exists'")
    else:
        report.unsupported(f"{here}.operator", operator, ("Equal", "Exists"))
    if effect and effect not in _EFFECTS:
        report.unsupported(f"{here}.effect", effect, _EFFECTS)
