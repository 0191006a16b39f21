"""Rules of structural schemas: what a custom resource definition may say about its objects (apiextensions)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.testing.objects import schema_rules

if TYPE_CHECKING:
    from dynkube.testing.objects.report import Report

_TYPES = ("array", "boolean", "integer", "number", "object", "string")
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
    _lists(schema, path, report)


def _values(schema: dict[str, Any], path: str, report: Report) -> None:
    """Check the pattern, and that the default fits the schema it stands in."""
    pattern = schema.get("pattern")
    if pattern:
        problem = schema_rules.pattern_problem(pattern)
        if problem:
            why = f"must be a valid regular expression, but isn't: {problem}"
            report.invalid(f"{path}.pattern", pattern, why)
    for index, rule in enumerate(schema.get("x-kubernetes-validations") or []):
        if not (rule.get("rule") or "").strip():
            report.required(f"{path}.x-kubernetes-validations[{index}].rule", "rule is not specified")
    if schema.get("default") is not None:
        schema_rules.check_value(schema["default"], schema, f"{path}.default", report)


def _lists(schema: dict[str, Any], path: str, report: Report) -> None:
    kind, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys") or []
    if kind is not None and not schema.get("type"):
        report.required(f"{path}.type", "must be array if x-kubernetes-list-type is specified")
    elif kind is not None and schema["type"] != "array":
        report.invalid(f"{path}.type", schema["type"], "must be array if x-kubernetes-list-type is specified")
    here, where = f"{path}.x-kubernetes-list-type", f"{path}.x-kubernetes-list-map-keys"
    if kind not in {None, "atomic", "set", "map"}:
        report.unsupported(here, kind, ["atomic", "set", "map"])
    if keys and kind is None:
        report.required(here, "must be map if x-kubernetes-list-map-keys is non-empty")
    elif keys and kind != "map":
        report.invalid(here, kind, "must be map if x-kubernetes-list-map-keys is non-empty")
    if kind != "map":
        return
    if not keys:
        report.required(where, "must not be empty if x-kubernetes-list-type is map")
    items = schema.get("items")
    if not isinstance(items, dict):
        report.required(f"{path}.items", "must have a schema if x-kubernetes-list-type is map")
        return
    if items.get("type") != "object":
        why = "must be object if parent array's x-kubernetes-list-type is map"
        report.invalid(f"{path}.items.type", items.get("type") or "", why)
    _map_keys(items, keys, path, where, report)


def _map_keys(items: dict[str, Any], keys: list[str], path: str, where: str, report: Report) -> None:
    properties, required = items.get("properties") or {}, items.get("required") or []
    if len(set(keys)) < len(keys):
        report.invalid(where, keys, "must not contain duplicate entries")
    for key in dict.fromkeys(keys):
        found = properties.get(key)
        if found is None:
            if properties or items.get("type") == "object":
                report.invalid(where, keys, "entries must all be names of item properties")
            continue
        if key not in required and found.get("default") is None:
            why = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"
            report.required(f"{path}.items.properties[{key}].default", why)
