"""Rules of configuration, RBAC and the small kinds."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from dynkube.testing.kinds import selector_rules
from dynkube.testing.kinds.go_internal import internal
from dynkube.testing.kinds.value_rules import NOT_NEGATIVE
from dynkube.testing.objects import formats, go_json

if TYPE_CHECKING:
    from dynkube.testing.objects.report import Report

#: A config map or secret holds at most this many bytes.
MAX_DATA = 1024 * 1024
_IMMUTABLE = "field is immutable when `immutable` is set"
_SHORTEST_SERIES, _LONGEST_WORD, _LONGEST_NOTE = 2, 128, 1024
_RBAC = "rbac.authorization.k8s.io"
#: Secret types, and the keys their data must have.
_SECRET_KEYS = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}
_ACCOUNT = "kubernetes.io/service-account.name"


def _keys(values: dict[str, Any], path: str, report: Report) -> None:
    for key in values:
        for problem in formats.config_key(key):
            report.invalid(f"{path}[{key}]", key, problem)


def _frozen(obj: dict[str, Any], old: dict[str, Any] | None, keys: tuple[str, ...], report: Report) -> None:
    if old is None or not old.get("immutable"):
        return
    if not obj.get("immutable"):
        report.forbidden("immutable", _IMMUTABLE)
    for key in keys:
        if (obj.get(key) or {}) != (old.get(key) or {}):
            report.forbidden(key, _IMMUTABLE)


def config_map(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a config map."""
    _frozen(obj, old, ("data", "binaryData"), report)
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    for key in data:
        for problem in formats.config_key(key):
            report.invalid(f"data[{key}]", key, problem)
        if key in binary:
            report.invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
    _keys(binary, "binaryData", report)
    size = sum(len(str(value).encode()) for value in data.values())
    size += sum(len(base64.b64decode(value)) for value in binary.values())
    if size > MAX_DATA:
        report.too_long("[]", MAX_DATA)


def secret(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a secret."""
    if old is not None:
        report.unchanged("type", obj.get("type"), old.get("type"))
        _frozen(obj, old, ("data",), report)
    data = obj.get("data") or {}
    _keys(data, "data", report)
    if sum(len(base64.b64decode(value)) for value in data.values()) > MAX_DATA:
        report.too_long("data", MAX_DATA)
    kind = obj.get("type")
    for key in _SECRET_KEYS.get(str(kind), ()):
        if key not in data:
            report.required(f"data[{key}]")
        elif key.startswith(".docker"):
            _docker_config(data[key], f"data[{key}]", report)
    if kind == "kubernetes.io/basic-auth" and not {"username", "password"} & set(data):
        report.required("data[username]")
        report.required("data[password]")
    if kind == "kubernetes.io/service-account-token":
        annotations = (obj.get("metadata") or {}).get("annotations") or {}
        if not annotations.get(_ACCOUNT):
            report.required(f"metadata.annotations[{_ACCOUNT}]")


def _docker_config(encoded: str, path: str, report: Report) -> None:
    try:
        go_json.loads(base64.b64decode(encoded).decode("utf-8", "replace"))
    except ValueError as error:
        report.invalid(path, "<secret contents redacted>", str(error))


def role(obj: dict[str, Any], _old: dict[str, Any] | None, report: Report) -> None:
    """Check a (cluster) role's rules."""
    namespaced = obj.get("kind") == "Role"
    for index, rule in enumerate(obj.get("rules") or []):
        path = f"rules[{index}]"
        if not rule.get("verbs"):
            report.required(f"{path}.verbs", "verbs must contain at least one value")
        urls = rule.get("nonResourceURLs") or []
        if urls:
            if namespaced:
                report.invalid(f"{path}.nonResourceURLs", urls, "namespaced rules cannot apply to non-resource URLs")
            if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
                why = "rules cannot apply to both regular resources and non-resource URLs"
                report.invalid(f"{path}.nonResourceURLs", urls, why)
            continue
        if not rule.get("apiGroups"):
            report.required(f"{path}.apiGroups", "resource rules must supply at least one api group")
        if not rule.get("resources"):
            report.required(f"{path}.resources", "resource rules must supply at least one resource")
    _aggregation(obj.get("aggregationRule"), report)


def _aggregation(rule: dict[str, Any] | None, report: Report) -> None:
    if rule is None:
        return
    selectors = rule.get("clusterRoleSelectors") or []
    if not selectors:
        why = "at least one clusterRoleSelector required if aggregationRule is non-nil"
        report.required("aggregationRule.clusterRoleSelectors", why)
    for index, one in enumerate(selectors):
        path = f"aggregationRule.clusterRoleSelectors[{index}]"
        selector_rules.selector(one, path, report)
        if not selector_rules.readable(one):
            report.invalid(path, None, "invalid label selector.")


def binding(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a (cluster) role binding."""
    ref = obj.get("roleRef") or {}
    if ref.get("apiGroup") != _RBAC:
        report.unsupported("roleRef.apiGroup", ref.get("apiGroup") or "", [_RBAC])
    kinds = ["ClusterRole"] if obj.get("kind") == "ClusterRoleBinding" else ["Role", "ClusterRole"]
    if ref.get("kind") not in kinds:
        report.unsupported("roleRef.kind", ref.get("kind") or "", kinds)
    if not ref.get("name"):
        report.required("roleRef.name")
    else:
        for problem in formats.path_segment(ref["name"]):
            report.invalid("roleRef.name", ref["name"], problem)
    for index, subject in enumerate(obj.get("subjects") or []):
        _subject(subject, f"subjects[{index}]", obj.get("kind") == "ClusterRoleBinding", report)
    if old is not None and ref != old.get("roleRef"):
        report.invalid("roleRef", internal("RoleRef", ref), "cannot change roleRef")


def _subject(subject: dict[str, Any], path: str, cluster: bool, report: Report) -> None:
    if not subject.get("name"):
        report.required(f"{path}.name")
    kind, group = subject.get("kind"), subject.get("apiGroup") or ""
    if kind == "ServiceAccount":
        if subject.get("name"):
            for problem in formats.subdomain(subject["name"]):
                report.invalid(f"{path}.name", subject["name"], problem)
        if group:
            report.unsupported(f"{path}.apiGroup", group, [""])
        if cluster and not subject.get("namespace"):
            report.required(f"{path}.namespace")
    elif kind in {"User", "Group"}:
        if group != _RBAC:
            report.unsupported(f"{path}.apiGroup", group, [_RBAC])
    else:
        report.unsupported(f"{path}.kind", kind or "", ["ServiceAccount", "User", "Group"])


def priority_class(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a priority class."""
    name, value = str((obj.get("metadata") or {}).get("name", "")), obj.get("value", 0)
    if name.startswith("system-") and name not in {"system-cluster-critical", "system-node-critical"}:
        why = "priority class names with 'system-' prefix are reserved for system use only. error: \"" + name + '"'
        report.forbidden("metadata.name", why + " is not a known system priority class")
    elif value > 1_000_000_000 and not name.startswith("system-"):
        report.forbidden("value", "maximum allowed value of a user defined priority is 1000000000")
    policy = obj.get("preemptionPolicy")
    if old is None and not policy:
        report.required("preemptionPolicy")
    elif old is None and policy not in {"PreemptLowerPriority", "Never"}:
        report.unsupported("preemptionPolicy", policy, ("PreemptLowerPriority", "Never"))
    if old is not None and value != old.get("value", 0):
        report.forbidden("value", "may not be changed in an update.")
    if old is not None:
        report.unchanged("preemptionPolicy", obj.get("preemptionPolicy"), old.get("preemptionPolicy"))


def lease(obj: dict[str, Any], _old: dict[str, Any] | None, report: Report) -> None:
    """Check a lease."""
    spec = obj.get("spec") or {}
    duration, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    if duration is not None and duration <= 0:
        report.invalid("spec.leaseDurationSeconds", duration, "must be greater than 0")
    if transitions is not None and transitions < 0:
        report.invalid("spec.leaseTransitions", transitions, NOT_NEGATIVE)


def new_event(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check an event of events.k8s.io: it must say who reports what, and when."""
    _event(obj, old, report, new=True)


def event(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check an event of the core group."""
    _event(obj, old, report, new=False)


def _event(obj: dict[str, Any], old: dict[str, Any] | None, report: Report, *, new: bool) -> None:
    target = obj.get("involvedObject") or obj.get("regarding") or {}
    where, here = target.get("namespace") or "", (obj.get("metadata") or {}).get("namespace") or ""
    timed = bool(obj.get("eventTime"))
    if where:
        # Events with a time of their own may be about what is elsewhere.
        elsewhere = not timed and where != here
    else:
        elsewhere = here not in {"default", "kube-system"} if timed else here not in {"", "default"}
    if elsewhere:
        report.invalid("involvedObject.namespace", where, "does not match event.namespace")
    if timed:
        _reporter(obj, report)
    if not new:
        return
    if old is None and not timed:
        report.required("eventTime")
    if old is None and obj.get("type") not in {"Normal", "Warning"}:
        report.invalid("type", "", f"has invalid value: {obj.get('type') or ''}")
    series = obj.get("series")
    if series is not None:
        if (series.get("count") or 0) < _SHORTEST_SERIES:
            report.invalid("series.count", "", f"should be at least {_SHORTEST_SERIES}")
        if not series.get("lastObservedTime"):
            report.required("series.lastObservedTime")
    if old is not None:
        _same_event(obj, old, report)


def _same_event(obj: dict[str, Any], old: dict[str, Any], report: Report) -> None:
    """Check that an update only tells how often something happened: all else of an event stays what it is."""
    about, before = obj.get("regarding") or {}, old.get("regarding") or {}
    if about != before:
        report.invalid("involvedObject", internal("ObjectReference", about), "field is immutable")
    for key, shown in (
        ("reason", "reason"),
        ("note", "message"),
        ("type", "type"),
        ("eventTime", "eventTime"),
        ("action", "action"),
        ("related", "related"),
        ("reportingController", "reportingController"),
        ("reportingInstance", "reportingInstance"),
    ):
        nothing = None if key in {"eventTime", "related"} else ""
        report.unchanged(shown, obj.get(key) or nothing, old.get(key) or nothing)


def _reporter(obj: dict[str, Any], report: Report) -> None:
    """Check who reports an event, what was done and why: whatever has a time of its own must say that."""
    name = "reportingController" if "regarding" in obj else "reportingComponent"
    reporter = obj.get(name) or ""
    if not reporter:
        report.required(name)
    report.malformed(name, reporter, formats.qualified_name(reporter))
    for key in ("reportingInstance", "action", "reason"):
        value = obj.get(key) or ""
        if not value:
            report.required(key)
        if len(value) > _LONGEST_WORD:
            report.invalid(key, "", f"can have at most {_LONGEST_WORD} characters")
    if len(obj.get("note") or obj.get("message") or "") > _LONGEST_NOTE:
        report.invalid("message", "", f"can have at most {_LONGEST_NOTE} characters")


def api_service(obj: dict[str, Any], _old: dict[str, Any] | None, report: Report) -> None:
    """Check an APIService: its name follows from group and version, its priorities are in range."""
    spec, name = obj.get("spec") or {}, str((obj.get("metadata") or {}).get("name", ""))
    group, version = spec.get("group") or "", spec.get("version") or ""
    wanted = f"{version}.{group}"
    if name != wanted:
        report.invalid("metadata.name", name, f'must be `spec.version+"."+spec.group`: "{wanted}"')
    if not group and version != "v1":
        report.required("spec.group", "only v1 may have an empty group and it better be legacy kube")
    for problem in formats.subdomain(group) if group else []:
        report.invalid("spec.group", group, problem)
    report.malformed("spec.version", version, formats.label_1035(version))
    for key, most in (("groupPriorityMinimum", 20000), ("versionPriority", 1000)):
        if not 0 < (spec.get(key) or 0) <= most:
            report.invalid(f"spec.{key}", spec.get(key) or 0, f"must be positive and less than {most}")
    service, insecure = spec.get("service"), bool(spec.get("insecureSkipTLSVerify"))
    if service is None:
        if insecure:
            report.invalid("spec.insecureSkipTLSVerify", True, "local APIServices may not have insecureSkipTLSVerify")
        return
    for key in ("namespace", "name"):
        if not service.get(key):
            report.required(f"spec.service.{key}")
    port = service.get("port")
    for problem in formats.port_number(port) if port is not None else []:
        report.invalid("spec.service.port", port, f"port is not valid: {problem}")
    if insecure and spec.get("caBundle"):
        report.invalid("spec.insecureSkipTLSVerify", True, "may not be true if caBundle is present")
