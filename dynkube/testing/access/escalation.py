"""Nobody grants what he does not hold: the check of every write of a role or a binding (RBAC's escalation rule).

A role may only be given rules its writer has himself, unless he may ``escalate`` roles; a binding may only hand out a
role whose rules its writer has, unless he may ``bind`` it. Members of ``system:masters`` may do both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.testing.access.authentication import MASTERS
from dynkube.testing.access.authorization import RBAC, Attributes, Authorizer, role_key
from dynkube.testing.http import failures
from dynkube.testing.objects.report import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from dynkube.testing.flows.cluster import Call

    Rule = Mapping[str, Any]
    Guard = Callable[[dict[str, Any], dict[str, Any] | None], None]

_KINDS = frozenset({"roles", "clusterroles", "rolebindings", "clusterrolebindings"})
_LISTS = ("apiGroups", "resources", "nonResourceURLs", "resourceNames", "verbs")
_PRINTED = {"apiGroups": "APIGroups", "nonResourceURLs": "NonResourceURLs", "resourceNames": "ResourceNames"}
#: What of a role grants something.
_GRANTING = ("rules", "aggregationRule")
_EVERYTHING = (
    {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
    {"nonResourceURLs": ["*"], "verbs": ["*"]},
)


def guard(call: Call) -> Guard | None:
    """Return the check of what the request writes, None when there is nothing to check."""
    route = call.route
    if route.group != RBAC or route.resource not in _KINDS or MASTERS in call.user.groups:
        return None
    authorizer = Authorizer(call.cluster)
    check = _check_binding if route.resource.endswith("bindings") else _check_role

    def guarded(obj: dict[str, Any], old: dict[str, Any] | None) -> None:
        check(call, authorizer, obj, old)

    return guarded


def _may(call: Call, authorizer: Authorizer, verb: str, resource: str, name: str) -> bool:
    ask = Attributes(
        user=call.user, verb=verb, group=RBAC, version="v1", resource=resource, namespace=call.key[0], name=name
    )
    return authorizer.allows(ask)


def _check_role(call: Call, authorizer: Authorizer, obj: dict[str, Any], old: dict[str, Any] | None) -> None:
    name, rules = str(obj["metadata"].get("name", "")), obj.get("rules") or []
    kept = old is not None and all((obj.get(key) or None) == (old.get(key) or None) for key in _GRANTING)
    if kept or _may(call, authorizer, "escalate", call.route.resource, name):
        return
    _confirm(call, authorizer, name, rules)
    if obj.get("aggregationRule") and _missing(_held(call, authorizer), _EVERYTHING):
        why = "must have cluster-admin privileges to use the aggregationRule"
        raise failures.forbidden(RBAC, call.route.resource, name, why)


def _check_binding(call: Call, authorizer: Authorizer, obj: dict[str, Any], old: dict[str, Any] | None) -> None:
    ref = obj.get("roleRef") or {}
    same = old is not None and ref == old.get("roleRef") and obj.get("subjects") == old.get("subjects")
    plural, key = role_key(ref, call.key[0])
    if same or not ref.get("name") or _may(call, authorizer, "bind", plural, key[1]):
        return
    if call.cluster.store.get((RBAC, plural), key) is None:
        # The server names the resource of the request, and the role that is not there.
        raise failures.not_found(RBAC, call.route.resource, key[1])
    _confirm(call, authorizer, str(obj["metadata"].get("name", "")), list(authorizer.role_rules(ref, call.key[0])))


def _held(call: Call, authorizer: Authorizer) -> list[Rule]:
    return list(authorizer.rules(call.user, call.key[0]))


def _confirm(call: Call, authorizer: Authorizer, name: str, rules: Iterable[Rule]) -> None:
    missing = _missing(_held(call, authorizer), rules)
    if missing:
        groups = "[" + " ".join(quote(group) for group in call.user.groups) + "]"
        who = f"user {quote(call.user.name)} (groups={groups})"
        head = f"{who} is attempting to grant RBAC permissions not currently held:"
        raise failures.forbidden(RBAC, call.route.resource, name, "\n".join([head, *sorted(set(missing))]))


def _single(rule: Rule) -> Iterator[dict[str, list[str]]]:
    """Yield a rule as rules of one group, one resource, one verb and at most one name each."""
    verbs = rule.get("verbs") or ()
    for group in rule.get("apiGroups") or ():
        for resource in rule.get("resources") or ():
            for verb in verbs:
                one = {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
                names = rule.get("resourceNames")
                yield from ({**one, "resourceNames": [name]} for name in names) if names else (one,)
    for url in rule.get("nonResourceURLs") or ():
        for verb in verbs:
            yield {"nonResourceURLs": [url], "verbs": [verb]}


def _missing(held: Iterable[Rule], wanted: Iterable[Rule]) -> list[str]:
    """Return what of the wanted rules none of the held ones covers, printed; verbs of one resource are joined."""
    owned = list(held)
    joined: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for rule in wanted:
        for one in _single(rule):
            if not any(_covers(own, one) for own in owned):
                simple = "resourceNames" not in one and "nonResourceURLs" not in one
                key = tuple(tuple(one.get(part) or ()) for part in _LISTS[:4])
                joined.setdefault((*key, () if simple else tuple(one["verbs"])), []).extend(one["verbs"])
    return [_printed(dict(zip(_LISTS, [*key[:4], verbs], strict=True))) for key, verbs in joined.items()]


def _printed(rule: Mapping[str, Iterable[str]]) -> str:
    parts = []
    for key in _LISTS:
        values = " ".join(quote(value) for value in rule[key])
        if values:
            parts.append(f"{_PRINTED.get(key, key.capitalize())}:[{values}]")
    return "{" + ", ".join(parts) + "}"


def _covers(own: Rule, one: Mapping[str, list[str]]) -> bool:
    if not _has(own, "verbs", one["verbs"][0]):
        return False
    if "nonResourceURLs" in one:
        return any(_covers_url(pattern, one["nonResourceURLs"][0]) for pattern in own.get("nonResourceURLs") or ())
    resource = one["resources"][0]
    _, slash, part = resource.partition("/")
    named = _has(own, "resources", resource) or bool(slash and f"*/{part}" in (own.get("resources") or ()))
    if not named or not _has(own, "apiGroups", one["apiGroups"][0]):
        return False
    names = own.get("resourceNames")
    return not names or (one.get("resourceNames") or [""])[0] in names


def _has(rule: Rule, key: str, value: str) -> bool:
    values = rule.get(key) or ()
    return value in values or "*" in values


def _covers_url(pattern: str, url: str) -> bool:
    return pattern in ("*", url) or (pattern.endswith("*") and url.startswith(pattern.rstrip("*")))
