"""Rules of configuration, storage, RBAC and the small kinds."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from dynkube.testing.kinds.pod_rules import NOT_NEGATIVE, one_of
from dynkube.testing.objects import formats, go_json
from dynkube.testing.objects.quantities import parse

if TYPE_CHECKING:
    from dynkube.testing.objects.report import Report

#: A config map or secret holds at most this many bytes.
MAX_DATA = 1024 * 1024
_IMMUTABLE = "field is immutable when `immutable` is set"
_ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
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


def claim(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a persistent volume claim."""
    spec = obj.get("spec") or {}
    modes = spec.get("accessModes") or []
    if not modes:
        report.required("spec.accessModes", "at least 1 access mode is required")
    for mode in modes:
        if mode not in _ACCESS_MODES:
            report.unsupported("spec.accessModes", mode, _ACCESS_MODES)
    storage = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if storage is None:
        report.required("spec.resources[storage]")
    elif parse(storage) <= 0:
        report.invalid("spec.resources[storage]", storage, "must be greater than zero")
    one_of(spec, "volumeMode", "spec", ("Block", "Filesystem"), report)
    name = spec.get("storageClassName")
    for problem in formats.subdomain(name) if name else []:
        report.invalid("spec.storageClassName", name, problem)
    if old is not None:
        before = old.get("spec") or {}
        bound = (old.get("status") or {}).get("phase") == "Bound"
        free = {"resources", "volumeAttributesClassName"} if bound else set()
        free |= set() if before.get("volumeName") else {"volumeName"}
        if any(spec.get(key) != before.get(key) for key in {*spec, *before} - free):
            why = "except resources.requests and volumeAttributesClassName for bound claims"
            report.forbidden("spec", f"spec is immutable after creation {why}\n")


def volume(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a persistent volume."""
    spec = obj.get("spec") or {}
    modes = spec.get("accessModes") or []
    if not modes:
        report.required("spec.accessModes")
    for mode in modes:
        if mode not in _ACCESS_MODES:
            report.unsupported("spec.accessModes", mode, _ACCESS_MODES)
    capacity = spec.get("capacity")
    if not capacity:
        report.required("spec.capacity")
    if set(capacity or ()) != {"storage"}:
        report.unsupported("spec.capacity", capacity, ["storage"])
    one_of(spec, "persistentVolumeReclaimPolicy", "spec", ("Delete", "Recycle", "Retain"), report)
    known = {
        "accessModes",
        "capacity",
        "claimRef",
        "mountOptions",
        "nodeAffinity",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "volumeAttributesClassName",
        "volumeMode",
    }
    sources = [key for key in spec if key not in known]
    if not sources:
        report.required("spec", "must specify a volume type")
    for extra in sources[1:]:
        report.forbidden(f"spec.{extra}", "may not specify more than 1 volume type")
    if old is not None:
        before = old.get("spec") or {}
        for key in sources:
            if spec.get(key) != before.get(key):
                report.forbidden(
                    "spec.persistentvolumesource", "spec.persistentvolumesource is immutable after creation\n"
                )


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
        report.invalid("roleRef", ref, "cannot change roleRef")


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


def storage_class(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a storage class."""
    if not obj.get("provisioner"):
        report.required("provisioner")
    one_of(obj, "reclaimPolicy", "", ("Delete", "Retain"), report)
    if old is not None:
        for key in ("parameters", "provisioner", "reclaimPolicy"):
            if (obj.get(key) or None) != (old.get(key) or None):
                report.forbidden(key, f"updates to {key} are forbidden.")
        report.unchanged("volumeBindingMode", obj.get("volumeBindingMode"), old.get("volumeBindingMode"))


def priority_class(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a priority class."""
    name, value = str((obj.get("metadata") or {}).get("name", "")), obj.get("value", 0)
    if name.startswith("system-") and name not in {"system-cluster-critical", "system-node-critical"}:
        why = "priority class names with 'system-' prefix are reserved for system use only. error: \"" + name + '"'
        report.forbidden("metadata.name", why + " is not a known system priority class")
    elif value > 1_000_000_000 and not name.startswith("system-"):
        report.forbidden("value", "maximum allowed value of a user defined priority is 1000000000")
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
    event(obj, old, report)
    if old is not None:
        return
    if not obj.get("eventTime"):
        report.required("eventTime")
    if not obj.get("reportingController"):
        report.required("reportingController")
    else:
        for problem in formats.qualified_name(obj["reportingController"]):
            report.invalid("reportingController", obj["reportingController"], problem)
    for key in ("reportingInstance", "action", "reason"):
        if not obj.get(key):
            report.required(key)
    if obj.get("type") not in {"Normal", "Warning"}:
        report.invalid("type", "", f"has invalid value: {obj.get('type') or ''}")


def event(obj: dict[str, Any], _old: dict[str, Any] | None, report: Report) -> None:
    """Check that an event lives in the namespace of what it is about."""
    target = obj.get("involvedObject") or obj.get("regarding") or {}
    where, here = target.get("namespace") or "", (obj.get("metadata") or {}).get("namespace") or ""
    field = "involvedObject.namespace"
    if (where and where != here) or (not where and here not in {"default", "kube-system"}):
        report.invalid(field, where, "does not match event.namespace")


def namespace(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check that a namespace that lives says so."""
    phase = (obj.get("status") or {}).get("phase") or ""
    if old is not None and "deletionTimestamp" not in obj["metadata"] and phase != "Active":
        report.invalid("status.Phase", phase, "may only be 'Active' if `deletionTimestamp` is empty")


def runtime_class(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a runtime class: its handler is a label and stays what it is."""
    handler = obj.get("handler") or ""
    for problem in formats.label(handler):
        report.invalid("handler", handler, problem)
    if old is not None:
        report.unchanged("handler", handler, old.get("handler"))


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
    if insecure and spec.get("caBundle"):
        report.invalid("spec.insecureSkipTLSVerify", True, "may not be true if caBundle is present")
