"""Rules of webhooks and policies that look at requests (``pkg/apis/admissionregistration/validation``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dynkube.testing.kinds.selector_rules import selector
from dynkube.testing.kinds.value_rules import one_of
from dynkube.testing.objects import formats

if TYPE_CHECKING:
    from dynkube.testing.objects.report import Report

_OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_SCOPES = ("*", "Cluster", "Namespaced")
_REVIEWS = ("v1", "v1beta1")
_LONGEST_WAIT = 30
_URL_FORM = "; desired format: https://host[/path]"
_MOST_CONDITIONS = 64
_REASONS = ("Forbidden", "Invalid", "RequestEntityTooLarge")
_BOTH = (
    "must not contain both Deny and Warn (repeating the same validation failure information in the API response and "
    "headers serves no purpose)"
)
_ACTIONS = ("Audit", "Deny", "Warn")
_RESERVED = frozenset({"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in"})


def webhooks(obj: dict[str, Any], _old: dict[str, Any] | None, report: Report) -> None:
    """Check a configuration of webhooks, validating or mutating."""
    names: set[str] = set()
    for index, hook in enumerate(obj.get("webhooks") or []):
        path, name = f"webhooks[{index}]", hook.get("name") or ""
        _hook(hook, path, report)
        if name and name in names:
            report.duplicate(f"{path}.name", name)
        names.add(name)
    for index, hook in enumerate(obj.get("webhooks") or []):
        _review_versions(
            hook.get("admissionReviewVersions") or [], f"webhooks[{index}].admissionReviewVersions", report
        )


def _hook(hook: dict[str, Any], path: str, report: Report) -> None:
    name = hook.get("name") or ""
    qualified(name, f"{path}.name", report)
    for index, rule in enumerate(hook.get("rules") or []):
        rule_with_operations(rule, f"{path}.rules[{index}]", report)
    one_of(hook, "failurePolicy", path, ("Fail", "Ignore"), report)
    one_of(hook, "matchPolicy", path, ("Equivalent", "Exact"), report)
    effects = hook.get("sideEffects")
    if effects is None:
        report.required(f"{path}.sideEffects", "must specify one of None, NoneOnDryRun")
    elif effects not in {"None", "NoneOnDryRun"}:
        report.unsupported(f"{path}.sideEffects", effects, ("None", "NoneOnDryRun"))
    wait = hook.get("timeoutSeconds")
    if wait is not None and not 1 <= wait <= _LONGEST_WAIT:
        report.invalid(
            f"{path}.timeoutSeconds", wait, f"the timeout value must be between 1 and {_LONGEST_WAIT} seconds"
        )
    for key in ("namespaceSelector", "objectSelector"):
        if hook.get(key) is not None:
            selector(hook[key], f"{path}.{key}", report)
    one_of(hook, "reinvocationPolicy", path, ("IfNeeded", "Never"), report)
    client(hook.get("clientConfig") or {}, f"{path}.clientConfig", report)
    match_conditions(hook.get("matchConditions") or [], f"{path}.matchConditions", report)


def qualified(name: str, path: str, report: Report) -> None:
    """Check a name that must belong to somebody's domain: three parts at least."""
    if not name:
        report.required(path)
        return
    problems = formats.subdomain(name)
    report.malformed(path, name, problems)
    if not problems and len(name.split(".")) < 3:
        report.invalid(path, name, "should be a domain with at least three segments separated by dots")


def client(config: dict[str, Any], path: str, report: Report) -> None:
    """Check where a webhook is: at a URL or behind a service, not both."""
    url, service = config.get("url"), config.get("service")
    if (url is None) == (service is None):
        report.required(path, "exactly one of url or service is required")
    elif url is not None:
        webhook_url(url, f"{path}.url", report)
    else:
        webhook_service(service or {}, f"{path}.service", report)


def webhook_url(url: str, path: str, report: Report) -> None:
    """Check the URL of a webhook."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        report.required(path, f"url must be a valid URL: {error}{_URL_FORM}")
        return
    if parts.scheme != "https":
        report.invalid(path, parts.scheme, f"'https' is the only allowed URL scheme{_URL_FORM}")
    if not parts.hostname:
        report.invalid(path, parts.netloc, f"host must be specified{_URL_FORM}")
    if parts.username is not None:
        report.invalid(path, parts.netloc.partition("@")[0], "user information is not permitted in the URL")
    if parts.fragment:
        report.invalid(path, parts.fragment, "fragments are not permitted in the URL")
    if parts.query:
        report.invalid(path, parts.query, "query parameters are not permitted in the URL")


def webhook_service(service: dict[str, Any], path: str, report: Report) -> None:
    """Check the service a webhook is behind."""
    # A real server swaps the two in its errors.
    if not service.get("name"):
        report.required(f"{path}.namespace")
    if not service.get("namespace"):
        report.required(f"{path}.name")
    port = service.get("port")
    for problem in formats.port_number(port) if port is not None else []:
        report.invalid(f"{path}.port", port, f"port is not valid: {problem}")
    where = service.get("path")
    if where is None or where in {"", "/"}:
        return
    here = f"{path}.path"
    if where == "//":
        report.invalid(here, where, "segment[0] may not be empty")
        return
    if not where.startswith("/"):
        report.invalid(here, where, "must start with a '/'")
    for index, step in enumerate(where[1:].removesuffix("/").split("/")):
        if not step:
            report.invalid(here, where, f"segment[{index}] may not be empty")
            continue
        for problem in formats.subdomain(step):
            report.invalid(here, where, f"segment[{index}]: {problem}")


def rule_with_operations(rule: dict[str, Any], path: str, report: Report) -> None:
    """Check which requests a webhook or policy wants to see."""
    operations = rule.get("operations") or []
    if not operations:
        report.required(f"{path}.operations")
    if "*" in operations and len(operations) > 1:
        why = "if '*' is present, must not specify other operations"
        report.invalid(f"{path}.operations", operations, why)
    for index, operation in enumerate(operations):
        if operation not in _OPERATIONS:
            report.unsupported(f"{path}.operations[{index}]", operation, _OPERATIONS)
    for key, what in (("apiGroups", "API groups"), ("apiVersions", "API versions")):
        values = rule.get(key) or []
        if not values:
            report.required(f"{path}.{key}")
        if "*" in values and len(values) > 1:
            report.invalid(f"{path}.{key}", values, f"if '*' is present, must not specify other {what}")
        for index, value in enumerate(values if key == "apiVersions" else []):
            if not value:
                report.required(f"{path}.{key}[{index}]")
    _resources(rule.get("resources") or [], f"{path}.resources", report)
    one_of(rule, "scope", path, _SCOPES, report)


def _resources(resources: list[str], path: str, report: Report) -> None:
    if not resources:
        report.required(path)
    with_any = {one.partition("/")[2] for one in resources if one.startswith("*/")}
    any_of = {one.partition("/")[0] for one in resources if one.endswith("/*")}
    for index, one in enumerate(resources):
        here = f"{path}[{index}]"
        if not one:
            report.required(here)
        elif one == "*" and len(resources) > 1 and any("/" not in other for other in resources if other != "*"):
            report.invalid(path, resources, "if '*' is present, must not specify other resources without subresources")
        elif one == "*/*" and len(resources) > 1:
            report.invalid(path, resources, "if '*/*' is present, must not specify other resources")
        else:
            name, slash, sub = one.partition("/")
            if slash and sub != "*" and name in any_of:
                report.invalid(here, one, f"if '{name}/*' is present, must not specify {one}")
            elif slash and name != "*" and sub in with_any:
                report.invalid(here, one, f"if '*/{sub}' is present, must not specify {one}")


def _review_versions(versions: list[str], path: str, report: Report) -> None:
    if not versions:
        report.required(path, f"must specify one of {', '.join(_REVIEWS)}")
        return
    seen: set[str] = set()
    for index, version in enumerate(versions):
        if version in seen:
            report.invalid(f"{path}[{index}]", version, "duplicate version")
            continue
        seen.add(version)
        report.malformed(f"{path}[{index}]", version, formats.label_1035(version))
    if not seen & set(_REVIEWS):
        report.invalid(path, versions, f"must include at least one of {', '.join(_REVIEWS)}")


def match_conditions(conditions: list[dict[str, Any]], path: str, report: Report) -> None:
    """Check further conditions, written in CEL (whose meaning is not looked at)."""
    if len(conditions) > _MOST_CONDITIONS:
        report.too_many(path, len(conditions), _MOST_CONDITIONS)
    names: set[str] = set()
    for index, condition in enumerate(conditions):
        here, name = f"{path}[{index}]", condition.get("name") or ""
        if not (condition.get("expression") or "").strip():
            report.required(f"{here}.expression")
        if not name:
            report.required(f"{here}.name")
        else:
            report.malformed(f"{here}.name", name, formats.qualified_name(name))
            if name in names:
                report.duplicate(f"{here}.name", name)
        names.add(name)


def policy(obj: dict[str, Any], _old: dict[str, Any] | None, report: Report) -> None:
    """Check a validating admission policy."""
    spec, name = obj.get("spec") or {}, str((obj.get("metadata") or {}).get("name") or "")
    one_of(spec, "failurePolicy", "spec", ("Fail", "Ignore"), report)
    if spec.get("paramKind") is not None:
        _param_kind(spec["paramKind"], "spec.paramKind", report)
    constraints = spec.get("matchConstraints")
    if constraints is None:
        report.required("spec.matchConstraints")
    else:
        match_resources(constraints, "spec.matchConstraints", report)
        if not constraints.get("resourceRules"):
            report.required("spec.matchConstraints.resourceRules")
    match_conditions(spec.get("matchConditions") or [], "spec.matchConditions", report)
    _variables(spec.get("variables") or [], report)
    validations, annotations = spec.get("validations") or [], spec.get("auditAnnotations") or []
    if not validations and not annotations:
        for key in ("validations", "auditAnnotations"):
            report.required(f"spec.{key}", "validations or auditAnnotations must contain at least one item")
    for index, one in enumerate(validations):
        here = f"spec.validations[{index}]"
        if not (one.get("expression") or "").strip():
            report.required(f"{here}.expression", "expression is not specified")
        one_of(one, "reason", here, _REASONS, report)
    _audit_annotations(annotations, name, report)


def _variables(variables: list[dict[str, Any]], report: Report) -> None:
    for index, one in enumerate(variables):
        here, name = f"spec.variables[{index}]", one.get("name") or ""
        if not name:
            report.required(f"{here}.name", "name is not specified")
        elif formats.c_identifier(name) or name in _RESERVED:
            report.invalid(f"{here}.name", name, "must be a valid CEL identifier")
        if not (one.get("expression") or "").strip():
            report.required(f"{here}.expression", "expression is not specified")


def _audit_annotations(annotations: list[dict[str, Any]], name: str, report: Report) -> None:
    keys: set[str] = set()
    for index, one in enumerate(annotations):
        here, key = f"spec.auditAnnotations[{index}]", one.get("key") or ""
        full = f"{name}/{key}"
        report.malformed(f"{here}.key", full, formats.qualified_name(full))
        if key in keys:
            report.duplicate(f"{here}.key", key)
        keys.add(key)
        if not (one.get("valueExpression") or "").strip():
            report.required(f"{here}.valueExpression", "valueExpression is not specified")


def _param_kind(found: dict[str, Any], path: str, report: Report) -> None:
    version, kind = found.get("apiVersion") or "", found.get("kind") or ""
    if not version:
        report.required(f"{path}.apiVersion")
    else:
        group, slash, name = version.rpartition("/")
        if slash:
            report.malformed(f"{path}.apiVersion", group, formats.subdomain(group))
        report.malformed(f"{path}.apiVersion", name, formats.label_1035(name))
    if not kind:
        report.required(f"{path}.kind")
    for problem in formats.label_1035(kind.lower()) if kind else []:
        report.invalid(f"{path}.kind", kind, f"may have mixed case, but should otherwise match: {problem}")


def match_resources(found: dict[str, Any], path: str, report: Report) -> None:
    """Check what a policy is about."""
    one_of(found, "matchPolicy", path, ("Equivalent", "Exact"), report)
    for key in ("namespaceSelector", "objectSelector"):
        if found.get(key) is not None:
            selector(found[key], f"{path}.{key}", report)
    for key in ("resourceRules", "excludeResourceRules"):
        for index, rule in enumerate(found.get(key) or []):
            rule_with_operations(rule, f"{path}.{key}[{index}]", report)


def policy_binding(obj: dict[str, Any], _old: dict[str, Any] | None, report: Report) -> None:
    """Check the binding of a validating admission policy."""
    spec = obj.get("spec") or {}
    name = spec.get("policyName") or ""
    if not name:
        report.required("spec.policyName")
    else:
        report.malformed("spec.policyName", name, formats.subdomain(name))
    if spec.get("paramRef") is not None:
        _param_ref(spec["paramRef"], "spec.paramRef", report)
    if spec.get("matchResources") is not None:
        match_resources(spec["matchResources"], "spec.matchResources", report)
    actions = spec.get("validationActions") or []
    if not actions:
        report.required("spec.validationActions", "at least one validation action is required")
    for index, action in enumerate(actions):
        here = f"spec.validationActions[{index}]"
        if action not in _ACTIONS:
            report.unsupported(here, action, _ACTIONS)
        if action in actions[:index]:
            report.duplicate(here, action)
    if {"Deny", "Warn"} <= set(actions):
        report.invalid("spec.validationActions", actions, _BOTH)


def _param_ref(found: dict[str, Any], path: str, report: Report) -> None:
    name, chosen = found.get("name") or "", found.get("selector")
    if name:
        report.malformed(f"{path}.name", name, formats.path_segment(name))
        if chosen is not None:
            report.forbidden(f"{path}.name", "name and selector are mutually exclusive")
    elif chosen is not None:
        selector(chosen, f"{path}.selector", report)
    else:
        report.required(path, "one of name or selector must be specified")
    action = found.get("parameterNotFoundAction")
    if not action:
        report.required(f"{path}.parameterNotFoundAction")
    elif action not in {"Deny", "Allow"}:
        report.unsupported(f"{path}.parameterNotFoundAction", action, ("Deny", "Allow"))
