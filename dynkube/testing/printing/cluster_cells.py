"""The cells of rows about the cluster itself: nodes, events, RBAC, quotas, admission, aggregated APIs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dynkube.testing.printing.cells import NONE, UNSET, age, name, spec, status
from dynkube.testing.printing.durations import human, since

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynkube.testing.printing.cells import Cells

_ROLE_PREFIX = "node-role.kubernetes.io/"
_ADMISSION = "admissionregistration.k8s.io"


def _join(values: Iterable[Any], separator: str = ",") -> str:
    return separator.join(str(value) for value in values if value)


def role_binding(obj: dict[str, Any]) -> list[Any]:
    """Return a (cluster) role binding's cells."""
    role = obj.get("roleRef") or {}
    by_kind: dict[str, list[str]] = {"User": [], "Group": [], "ServiceAccount": []}
    for subject in obj.get("subjects") or []:
        shown = subject.get("name", "")
        if subject.get("kind") == "ServiceAccount":
            shown = f"{subject.get('namespace', '')}/{shown}"
        by_kind.setdefault(subject.get("kind", ""), []).append(shown)
    subjects = [", ".join(by_kind[kind]) for kind in ("User", "Group", "ServiceAccount")]
    return [name(obj), f"{role.get('kind', '')}/{role.get('name', '')}", age(obj), *subjects]


def lease(obj: dict[str, Any]) -> list[Any]:
    """Return a lease's cells."""
    return [name(obj), spec(obj).get("holderIdentity", ""), age(obj)]


def node(obj: dict[str, Any]) -> list[Any]:
    """Return a node's cells."""
    state, metadata = status(obj), obj.get("metadata") or {}
    shown = [
        "Ready" if condition.get("status") == "True" else "NotReady"
        for condition in state.get("conditions") or []
        if condition.get("type") == "Ready"
    ] or ["Unknown"]
    if spec(obj).get("unschedulable"):
        shown.append("SchedulingDisabled")
    roles = {key[len(_ROLE_PREFIX) :] for key in metadata.get("labels") or {} if key.startswith(_ROLE_PREFIX)}
    roles |= {(metadata.get("labels") or {}).get("kubernetes.io/role", "")}
    addresses = {a.get("type"): a.get("address") for a in reversed(state.get("addresses") or [])}
    info = state.get("nodeInfo") or {}
    unknown = "<unknown>"
    return [
        name(obj),
        ",".join(shown),
        ",".join(sorted(role for role in roles if role)) or NONE,
        age(obj),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP") or NONE,
        addresses.get("ExternalIP") or NONE,
        info.get("osImage") or unknown,
        info.get("kernelVersion") or unknown,
        info.get("containerRuntimeVersion") or unknown,
    ]


def event(obj: dict[str, Any]) -> list[Any]:
    """Return an event's cells, of either API."""
    target = obj.get("involvedObject") or obj.get("regarding") or {}
    source = obj.get("source") or obj.get("deprecatedSource") or {}
    series = obj.get("series") or {}
    first = obj.get("firstTimestamp") or obj.get("deprecatedFirstTimestamp") or obj.get("eventTime")
    last = obj.get("lastTimestamp") or obj.get("deprecatedLastTimestamp")
    count = obj.get("count") or obj.get("deprecatedCount") or 0
    if series:
        last, count = series.get("lastObservedTime"), series.get("count", count)
    component = source.get("component") or obj.get("reportingComponent") or obj.get("reportingController") or ""
    host = source.get("host") or ""
    return [
        since(last or first),
        obj.get("type", ""),
        obj.get("reason", ""),
        f"{str(target.get('kind', '')).lower()}/{target.get('name', '')}",
        target.get("fieldPath", ""),
        f"{component}, {host}" if host else component,
        str(obj.get("message") or obj.get("note") or "").strip(),
        since(first),
        count or 1,
        name(obj),
    ]


def resource_quota(obj: dict[str, Any]) -> list[Any]:
    """Return a resource quota's cells: requests and limits apart."""
    hard = status(obj).get("hard") or spec(obj).get("hard") or {}
    used = status(obj).get("used") or {}
    shown = {key: f"{key}: {used.get(key, '0')}/{hard[key]}" for key in sorted(hard)}
    limits = ", ".join(text for key, text in shown.items() if key.startswith("limits"))
    return [name(obj), ", ".join(text for key, text in shown.items() if not key.startswith("limits")), limits, age(obj)]


def priority_class(obj: dict[str, Any]) -> list[Any]:
    """Return a priority class's cells."""
    return [name(obj), obj.get("value", 0), bool(obj.get("globalDefault")), age(obj), obj.get("preemptionPolicy", "")]


def runtime_class(obj: dict[str, Any]) -> list[Any]:
    """Return a runtime class's cells."""
    return [name(obj), obj.get("handler", ""), age(obj)]


def signing_request(obj: dict[str, Any]) -> list[Any]:
    """Return a certificate signing request's cells."""
    wanted, state = spec(obj), status(obj)
    seconds = wanted.get("expirationSeconds")
    conditions = [c.get("type") for c in state.get("conditions") or []]
    shown = next((word for word in ("Denied", "Approved") if word in conditions), "Pending")
    parts = [shown, "Failed" if "Failed" in conditions else "", "Issued" if state.get("certificate") else ""]
    duration = human(seconds) if seconds else NONE
    return [name(obj), age(obj), wanted.get("signerName", ""), wanted.get("username", ""), duration, _join(parts)]


def webhooks(obj: dict[str, Any]) -> list[Any]:
    """Return an admission webhook configuration's cells."""
    return [name(obj), len(obj.get("webhooks") or []), age(obj)]


def admission_policy(obj: dict[str, Any]) -> list[Any]:
    """Return the cells of an admission policy, validating or mutating."""
    kind = spec(obj).get("paramKind")
    shown = f"{kind.get('apiVersion')}/{kind.get('kind')}" if kind else UNSET
    return [name(obj), len(spec(obj).get("validations") or spec(obj).get("mutations") or []), shown, age(obj)]


def admission_binding(obj: dict[str, Any]) -> list[Any]:
    """Return a validating admission policy binding's cells."""
    parameters = spec(obj).get("paramRef") or {}
    shown = _join([parameters.get("namespace"), parameters.get("name")], "/") if parameters else UNSET
    return [name(obj), spec(obj).get("policyName", ""), shown or "*", age(obj)]


def api_service(obj: dict[str, Any]) -> list[Any]:
    """Return an aggregated API's cells."""
    called = spec(obj).get("service")
    where = f"{called.get('namespace')}/{called.get('name')}" if called else "Local"
    found: dict[str, Any] = next((c for c in status(obj).get("conditions") or [] if c.get("type") == "Available"), {})
    text = str(found.get("status", "Unknown"))
    if text != "True" and found.get("reason"):
        text = f"{text} ({found['reason']})"
    return [name(obj), where, text, age(obj)]


def flow_schema(obj: dict[str, Any]) -> list[Any]:
    """Return a flow schema's cells."""
    wanted = spec(obj)
    level = (wanted.get("priorityLevelConfiguration") or {}).get("name", NONE)
    method = (wanted.get("distinguisherMethod") or {}).get("type", NONE)
    dangling: dict[str, Any] = next((c for c in status(obj).get("conditions") or [] if c.get("type") == "Dangling"), {})
    return [name(obj), level, wanted.get("matchingPrecedence", 0), method, age(obj), dangling.get("status", "?")]


def priority_level(obj: dict[str, Any]) -> list[Any]:
    """Return a priority level configuration's cells."""
    limited = spec(obj).get("limited") or spec(obj).get("exempt") or {}
    queuing = (limited.get("limitResponse") or {}).get("queuing") or {}
    numbers = [queuing.get(key, NONE) for key in ("queues", "handSize", "queueLengthLimit")]
    return [name(obj), spec(obj).get("type", ""), limited.get("nominalConcurrencyShares", 0), *numbers, age(obj)]


BY_KIND: Final[dict[str, Cells]] = {
    "Node": node,
    "Event": event,
    "events.k8s.io/Event": event,
    "ResourceQuota": resource_quota,
    "rbac.authorization.k8s.io/RoleBinding": role_binding,
    "rbac.authorization.k8s.io/ClusterRoleBinding": role_binding,
    "coordination.k8s.io/Lease": lease,
    "scheduling.k8s.io/PriorityClass": priority_class,
    "node.k8s.io/RuntimeClass": runtime_class,
    "certificates.k8s.io/CertificateSigningRequest": signing_request,
    f"{_ADMISSION}/MutatingWebhookConfiguration": webhooks,
    f"{_ADMISSION}/ValidatingWebhookConfiguration": webhooks,
    f"{_ADMISSION}/MutatingAdmissionPolicy": admission_policy,
    f"{_ADMISSION}/MutatingAdmissionPolicyBinding": admission_binding,
    f"{_ADMISSION}/ValidatingAdmissionPolicy": admission_policy,
    f"{_ADMISSION}/ValidatingAdmissionPolicyBinding": admission_binding,
    "apiregistration.k8s.io/APIService": api_service,
    "flowcontrol.apiserver.k8s.io/FlowSchema": flow_schema,
    "flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration": priority_level,
}
