"""Rules of custom resource definitions: names, versions, structural schemas (apiextensions ``validation``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.testing.objects import formats, schema_rules

if TYPE_CHECKING:
    from dynkube.testing.objects.report import Report

_APPROVAL = "api-approved.kubernetes.io"
_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
#: Keywords a structural schema may not use, and what the server says about them.
_FORBIDDEN = {
    "$ref": "$ref is not supported",
    "definitions": "definitions is not supported",
    "dependencies": "dependencies is not supported",
    "id": "id is not supported",
    "patternProperties": "patternProperties is not supported",
    "deprecated": "must not be specified",
    "discriminator": "must not be specified",
    "readOnly": "must not be specified",
    "writeOnly": "must not be specified",
    "xml": "must not be specified",
}


def definition(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a definition and what an update may not change of it."""
    spec = obj.get("spec") or {}
    names, group = spec.get("names") or {}, spec.get("group") or ""
    wanted = f"{names.get('plural', '')}.{group}"
    name = (obj.get("metadata") or {}).get("name") or ""
    if name != wanted:
        report.invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group')
    _group(group, report)
    if not spec.get("scope"):
        report.required("spec.scope")
    elif spec["scope"] not in {"Cluster", "Namespaced"}:
        report.unsupported("spec.scope", spec["scope"], ["Cluster", "Namespaced"])
    _versions(spec.get("versions") or [], report)
    if spec.get("preserveUnknownFields"):
        why = "must be false in order to use defaults in the schema"
        report.invalid("spec.preserveUnknownFields", True, why)
    _names(names, report)
    _conversion(spec.get("conversion") or {}, report)
    _approval(obj, group, report)
    if old is not None:
        _update(spec, old, report)


def _group(group: str, report: Report) -> None:
    if not group:
        report.required("spec.group")
        return
    problems = formats.subdomain(group)
    for problem in problems:
        report.invalid("spec.group", group, problem)
    if not problems and "." not in group:
        report.invalid("spec.group", group, "should be a domain with at least one dot")


def _approval(obj: dict[str, Any], group: str, report: Report) -> None:
    protected = group == "k8s.io" or group.endswith((".k8s.io", ".kubernetes.io")) or group == "kubernetes.io"
    annotations = (obj.get("metadata") or {}).get("annotations") or {}
    if protected and not annotations.get(_APPROVAL):
        why = f'protected groups must have approval annotation "{_APPROVAL}", '
        why += "see https://github.com/kubernetes/enhancements/pull/1111"
        report.required(f"metadata.annotations[{_APPROVAL}]", why)


def _names(names: dict[str, Any], report: Report) -> None:
    if not names.get("plural"):
        report.required("spec.names.plural")
    if not names.get("kind"):
        report.required("spec.names.kind")
    for key in ("plural", "singular"):
        if names.get(key):
            for problem in formats.label_1035(names[key]):
                report.invalid(f"spec.names.{key}", names[key], problem)
    for key in ("kind", "listKind"):
        if names.get(key):
            for problem in formats.label_1035(names[key].lower()):
                why = f"may have mixed case, but should otherwise match: {problem}"
                report.invalid(f"spec.names.{key}", names[key], why)
    for key in ("shortNames", "categories"):
        for index, one in enumerate(names.get(key) or []):
            for problem in formats.label_1035(one):
                report.invalid(f"spec.names.{key}[{index}]", one, problem)
    if names.get("kind") and names["kind"] == names.get("listKind"):
        report.invalid("spec.names.listKind", names["listKind"], "kind and listKind may not be the same")


def _versions(versions: list[dict[str, Any]], report: Report) -> None:
    seen: set[str] = set()
    unique = True
    for index, version in enumerate(versions):
        path = f"spec.versions[{index}]"
        name = version.get("name") or ""
        unique = unique and name not in seen
        seen.add(name)
        for problem in formats.label_1035(name):
            report.invalid(f"{path}.name", name, problem)
        _version(version, path, report)
    if sum(1 for version in versions if version.get("storage")) != 1:
        why = "must have exactly one version marked as storage version"
        report.invalid("spec.versions", versions, why)
    if not unique:
        report.invalid("spec.versions", versions, "must contain unique version names")


def _version(version: dict[str, Any], path: str, report: Report) -> None:
    root = (version.get("schema") or {}).get("openAPIV3Schema")
    here = f"{path}.schema.openAPIV3Schema"
    if root is None:
        report.required(here)
    else:
        kind = root.get("type")
        if not kind:
            report.required(f"{here}.type", "must not be empty at the root")
        elif kind != "object":
            report.invalid(f"{here}.type", kind, "must be object at the root")
        structural(root, here, report, root=True)
    _subresources(version.get("subresources") or {}, f"{path}.subresources", report)
    for index, column in enumerate(version.get("additionalPrinterColumns") or []):
        _column(column, f"{path}.additionalPrinterColumns[{index}]", report)


def _column(column: dict[str, Any], path: str, report: Report) -> None:
    if not column.get("name"):
        report.required(f"{path}.name")
    if not column.get("type"):
        report.required(f"{path}.type", f"must be one of {','.join(_COLUMN_TYPES)}")
    elif column["type"] not in _COLUMN_TYPES:
        report.invalid(f"{path}.type", column["type"], f"must be one of {','.join(_COLUMN_TYPES)}")
    if not column.get("jsonPath"):
        report.required(f"{path}.jsonPath")


def _subresources(found: dict[str, Any], path: str, report: Report) -> None:
    scale = found.get("scale")
    if scale is None:
        return
    for key, under in (("specReplicasPath", ".spec"), ("statusReplicasPath", ".status")):
        value = scale.get(key) or ""
        if not value:
            report.required(f"{path}.scale.{key}")
        elif not value.startswith(f"{under}."):
            report.invalid(f"{path}.scale.{key}", value, f"should be a json path under {under}")
    selector = scale.get("labelSelectorPath")
    if selector and not selector.startswith((".spec.", ".status.")):
        report.invalid(
            f"{path}.scale.labelSelectorPath", selector, "should be a json path under either .spec or .status"
        )


def structural(schema: dict[str, Any], path: str, report: Report, *, root: bool = False) -> None:
    """Check that a schema is structural: typed everywhere, no forbidden keywords, no clash of maps and structs."""
    for key, why in _FORBIDDEN.items():
        if schema.get(key):
            report.forbidden(f"{path}.{key}", why)
    if schema.get("uniqueItems"):
        why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        report.forbidden(f"{path}.uniqueItems", why)
    rest = schema.get("additionalProperties")
    if rest is False:
        report.forbidden(f"{path}.additionalProperties", "additionalProperties cannot be set to false")
    if rest is not None and schema.get("properties"):
        why = "additionalProperties and properties are mutual exclusive"
        report.forbidden(f"{path}.additionalProperties", why)
    kind = schema.get("type")
    if kind and kind not in _TYPES:
        report.unsupported(f"{path}.type", kind, _TYPES)
    _lists(schema, path, report)
    _values(schema, path, report)
    free = schema.get("x-kubernetes-int-or-string") or schema.get("x-kubernetes-preserve-unknown-fields")
    if schema.get("x-kubernetes-int-or-string") and kind:
        report.invalid(f"{path}.type", kind, "must be empty if x-kubernetes-int-or-string is true")
    if not kind and not free and not root:
        where = "items" if path.endswith(".items") else "fields"
        why = (
            "must not be empty for specified array items"
            if where == "items"
            else "must not be empty for specified object fields"
        )
        report.required(f"{path}.type", why)
    if root and schema.get("x-kubernetes-embedded-resource"):
        report.forbidden(f"{path}.x-kubernetes-embedded-resource", "must not be used at the root")
    for name, inner in (schema.get("properties") or {}).items():
        if root and name == "metadata":
            continue
        structural(inner, f"{path}.properties[{name}]", report)
    if isinstance(rest, dict):
        structural(rest, f"{path}.additionalProperties", report)
    items = schema.get("items")
    if isinstance(items, dict):
        structural(items, f"{path}.items", report)
    elif isinstance(items, list):
        report.forbidden(f"{path}.items", "items must be a schema object and not an array")
    elif kind == "array":
        report.required(f"{path}.items", "must be specified")


def _values(schema: dict[str, Any], path: str, report: Report) -> None:
    """Check the pattern, and that the default fits the schema it stands in."""
    pattern = schema.get("pattern")
    if pattern:
        problem = schema_rules.pattern_problem(pattern)
        if problem:
            why = f"must be a valid regular expression, but isn't: {problem}"
            report.invalid(f"{path}.pattern", pattern, why)
    if schema.get("default") is not None:
        schema_rules.check_value(schema["default"], schema, f"{path}.default", report)


def _lists(schema: dict[str, Any], path: str, report: Report) -> None:
    kind, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys") or []
    if kind is not None and schema.get("type") != "array":
        report.invalid(f"{path}.type", schema.get("type") or "", "must be array if x-kubernetes-list-type is specified")
    if kind not in {None, "atomic", "set", "map"}:
        report.unsupported(f"{path}.x-kubernetes-list-type", kind, ["atomic", "map", "set"])
    if kind == "map":
        if not keys:
            why = "must not be empty if x-kubernetes-list-type is map"
            report.required(f"{path}.x-kubernetes-list-map-keys", why)
        properties = (schema.get("items") or {}).get("properties") or {}
        for key in keys:
            if key not in properties:
                why = "entries must all be names of item properties"
                report.invalid(f"{path}.x-kubernetes-list-map-keys", key, why)


def _conversion(conversion: dict[str, Any], report: Report) -> None:
    strategy = conversion.get("strategy")
    if strategy not in {"None", "Webhook"}:
        report.unsupported("spec.conversion.strategy", strategy or "", ["None", "Webhook"])
    if strategy == "None" and conversion.get("webhook") is not None:
        why = 'should not be set when strategy is not set to "Webhook"'
        report.forbidden("spec.conversion.webhook", why)
    if strategy == "Webhook" and not (conversion.get("webhook") or {}).get("clientConfig"):
        report.required("spec.conversion.webhook.clientConfig", 'required when strategy is set to "Webhook"')


def _update(spec: dict[str, Any], old: dict[str, Any], report: Report) -> None:
    before, status = old.get("spec") or {}, old.get("status") or {}
    established = any(
        c.get("type") == "Established" and c.get("status") == "True" for c in status.get("conditions") or []
    )
    if established:
        report.unchanged("spec.scope", spec.get("scope"), before.get("scope"))
        kind = (spec.get("names") or {}).get("kind")
        report.unchanged("spec.names.kind", kind, (before.get("names") or {}).get("kind"))
    report.unchanged("spec.group", spec.get("group"), before.get("group"))
    plural = (spec.get("names") or {}).get("plural")
    report.unchanged("spec.names.plural", plural, (before.get("names") or {}).get("plural"))
    present = {version.get("name") for version in spec.get("versions") or []}
    for index, name in enumerate(status.get("storedVersions") or []):
        if name not in present:
            why = (
                f"missing from spec.versions; {name} was previously a storage version, and must remain in spec.versions"
                f" until a storage migration ensures no data remains persisted in {name} and removes {name} from "
                "status.storedVersions"
            )
            report.invalid(f"status.storedVersions[{index}]", name, why)
