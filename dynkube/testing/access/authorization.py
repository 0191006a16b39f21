"""Who may do what: RBAC over the roles and bindings stored in the server, as kube-apiserver evaluates them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dynkube.testing.access import aggregation
from dynkube.testing.access.authentication import MASTERS, User, service_account
from dynkube.testing.http import failures
from dynkube.testing.objects.report import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dynkube.testing.flows.cluster import Cluster
    from dynkube.testing.http.connections import Headers
    from dynkube.testing.http.routing import Route

RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """One question: may this user do this? ``path`` is set instead of a resource for everything outside the tree."""

    user: User
    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def what(self) -> str:
        """The resource as rules name it: ``pods`` or ``pods/log``."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


def attributes_of(user: User, route: Route) -> Attributes:
    """Return the question a request asks."""
    if not route.resource:
        return Attributes(user=user, verb=route.method.lower(), path=route.path)
    return Attributes(
        user=user,
        verb=route.verb,
        group=route.group,
        version=route.version,
        resource=route.resource,
        subresource=route.subresource,
        namespace=route.namespace,
        name=route.name or _selected_name(route),
    )


def _selected_name(route: Route) -> str:
    """Return the one name a list or watch is limited to: rules with resourceNames allow that (RequestInfo)."""
    if route.verb not in ("list", "watch"):
        return ""
    for term in route.query.get("fieldSelector").split(","):
        field, equals, name = term.replace("==", "=").partition("=")
        if equals and field.strip() == "metadata.name":
            return name.strip()
    return ""


def _has(values: Any, wanted: str) -> bool:
    return isinstance(values, list) and ("*" in values or wanted in values)


def _rule_allows(rule: Mapping[str, Any], ask: Attributes) -> bool:
    if not _has(rule.get("verbs"), ask.verb):
        return False
    if not ask.resource:
        return any(_path_matches(pattern, ask.path) for pattern in rule.get("nonResourceURLs") or ())
    if not _has(rule.get("apiGroups"), ask.group):
        return False
    resources = rule.get("resources") or []
    named = ask.what in resources or "*" in resources
    if not named and not (ask.subresource and f"*/{ask.subresource}" in resources):
        return False
    names = rule.get("resourceNames")
    return not names or ask.name in names


def _path_matches(pattern: str, path: str) -> bool:
    if pattern in ("*", path):
        return True
    return pattern.endswith("*") and path.startswith(pattern.rstrip("*"))


def _subject_is(subject: Mapping[str, Any], user: User, namespace: str) -> bool:
    kind, name = subject.get("kind"), subject.get("name")
    if kind == "User":
        return name == user.name
    if kind == "Group":
        return name in user.groups
    if kind == "ServiceAccount":
        return user.name == f"system:serviceaccount:{subject.get('namespace') or namespace}:{name}"
    return False


def role_key(ref: Mapping[str, Any], namespace: str) -> tuple[str, tuple[str, str]]:
    """Return collection and key of the role a binding in ``namespace`` refers to."""
    name = str(ref.get("name", ""))
    return ("clusterroles", ("", name)) if ref.get("kind") == "ClusterRole" else ("roles", (namespace, name))


def _describe(binding: Mapping[str, Any], subject: Mapping[str, Any], namespace: str) -> str:
    """Return a binding as the reason of an answer names it."""
    ref, kind, name = binding.get("roleRef") or {}, subject.get("kind"), str(subject.get("name", ""))
    if kind == "ServiceAccount":
        name = f"{name}/{subject.get('namespace') or namespace}"
    own = str(binding["metadata"]["name"])
    what = f"RoleBinding {quote(f'{own}/{namespace}')}" if namespace else f"ClusterRoleBinding {quote(own)}"
    return f"{what} of {ref.get('kind')} {quote(str(ref.get('name', '')))} to {kind} {quote(name)}"


class Authorizer:
    """Answers questions from the RBAC objects in the store."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def allows(self, ask: Attributes) -> bool:
        """Tell whether the user may do it."""
        return self.decide(ask)[0]

    def decide(self, ask: Attributes) -> tuple[bool, str]:
        """Return whether the user may do it, and what kube-apiserver gives as the reason ("" for administrators)."""
        if MASTERS in ask.user.groups:
            return True, ""
        lost: list[str] = []
        for source, rule in self._bound_rules(ask.user, ask.namespace, lost):
            if _rule_allows(rule, ask):
                return True, f"RBAC: allowed by {source}"
        if not lost:
            return False, ""
        return False, f"RBAC: {lost[0] if len(lost) == 1 else '[' + ', '.join(dict.fromkeys(lost)) + ']'}"

    def rules(self, user: User, namespace: str) -> Iterator[Mapping[str, Any]]:
        """Yield every rule that binds the user in a namespace, cluster-wide ones first."""
        for _, rule in self._bound_rules(user, namespace, []):
            yield rule

    def _bound_rules(self, user: User, namespace: str, lost: list[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield rules, each with a description of its binding; roles that are not there are noted in ``lost``."""
        store = self._cluster.store
        for collection, where in (("clusterrolebindings", ""), ("rolebindings", namespace)):
            if collection == "rolebindings" and not namespace:
                return
            found = store.objects((RBAC, collection), where) if where else store.objects((RBAC, collection))
            for _, record in found[0]:
                binding = record.object
                subject = next((s for s in binding.get("subjects") or () if _subject_is(s, user, where)), None)
                if subject is None:
                    continue
                ref = binding.get("roleRef") or {}
                plural, key = role_key(ref, where)
                if store.get((RBAC, plural), key) is None:
                    lost.append(f"{plural[:-1]}.{RBAC} {quote(key[1])} not found")
                    continue
                source = _describe(binding, subject, where)
                for rule in self.role_rules(ref, where):
                    yield source, rule

    def role_rules(self, ref: Mapping[str, Any], namespace: str) -> Iterator[Mapping[str, Any]]:
        """Yield the rules of the role a binding in ``namespace`` refers to; none when it is not there."""
        plural, key = role_key(ref, namespace)
        record = self._cluster.store.get((RBAC, plural), key)
        if record is None:
            return
        rules = record.object.get("rules") or []
        yield from rules
        # What the controller will write into it soon counts already.
        yield from (rule for rule in aggregation.gathered(self._cluster, record.object) if rule not in rules)

    def check(self, ask: Attributes) -> None:
        """Raise the 403 Failure when the user may not do it."""
        allowed, reason = self.decide(ask)
        if not allowed:
            raise refusal(ask, reason)

    def check_impersonation(self, user: User, wanted: User, headers: Headers) -> None:
        """Raise the 403 Failure unless the user may act as every part of the one wanted."""
        asks = []
        account = service_account(wanted.name)
        if account is not None:
            namespace, name = account
            ask = Attributes(
                user=user, verb="impersonate", resource="serviceaccounts", namespace=namespace, name=name, version="v1"
            )
            asks.append(ask)
        else:
            asks.append(Attributes(user=user, verb="impersonate", resource="users", name=wanted.name, version="v1"))
        asks += [
            Attributes(user=user, verb="impersonate", resource="groups", name=group, version="v1")
            for group in headers.all("impersonate-group")
        ]
        authentication = "authentication.k8s.io"
        if wanted.uid:
            asks.append(
                Attributes(user=user, verb="impersonate", group=authentication, resource="uids", name=wanted.uid)
            )
        for key, values in wanted.extra.items():
            asks += [
                Attributes(
                    user=user,
                    verb="impersonate",
                    group=authentication,
                    resource="userextras",
                    subresource=key,
                    name=value,
                )
                for value in values
            ]
        for ask in asks:
            self.check(ask)


def refusal(ask: Attributes, reason: str = "") -> failures.Failure:
    """Return the 403 Failure for a question answered with no, and why if RBAC has something to say."""
    who, why = f'User "{ask.user.name}" cannot', f": {reason}" if reason else ""
    if not ask.resource:
        return _unsniffed(failures.forbidden_path(f'{who} {ask.verb} path "{ask.path}"{why}'))
    where = f'in the namespace "{ask.namespace}"' if ask.namespace else "at the cluster scope"
    why = f'{who} {ask.verb} resource "{ask.what}" in API group "{ask.group}" {where}{why}'
    return _unsniffed(failures.forbidden(ask.group, ask.resource, ask.name, why))


def _unsniffed(failure: failures.Failure) -> failures.Failure:
    """Return a refusal with the header all refusals of the authorizer carry."""
    failure.headers["X-Content-Type-Options"] = "nosniff"
    return failure


__all__ = ["RBAC", "Attributes", "Authorizer", "attributes_of", "refusal", "role_key"]
