"""What makes a schema of a custom resource definition structural (apiextensions ``schema`` and ``validation``).

Typed everywhere, no keywords that cannot be pruned by, no clash of maps and structs, list keys that are always there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.testing.objects import go_patterns, schema_rules
from dynkube.testing.objects.pruning import unknown_fields
from dynkube.testing.objects.schemas import Schema

if TYPE_CHECKING:
    from collections.abc import Iterator

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
#: What the schemas below allOf, anyOf, oneOf and not must leave out, and how the server says so.
_VALUES_ONLY = {
    "additionalProperties": "must be undefined to be structural",
    "default": "must be undefined to be structural",
    "description": "must be empty to be structural",
    "nullable": "must be false to be structural",
    "title": "must be empty to be structural",
    "type": "must be empty to be structural",
    "x-kubernetes-embedded-resource": "must be false to be structural",
    "x-kubernetes-int-or-string": "must be false to be structural",
    "x-kubernetes-list-map-keys": "must be empty to be structural",
    "x-kubernetes-list-type": "must be undefined to be structural",
    "x-kubernetes-map-type": "must be undefined to be structural",
    "x-kubernetes-preserve-unknown-fields": "must be false to be structural",
    "x-kubernetes-validations": "must be empty to be structural",
}
#: Keywords that ask for a type, as the server names them.
_EMBEDDED, _LIST, _MAP = (
    "x-kubernetes-embedded-resource is true",
    "x-kubernetes-list-type is specified",
    "x-kubernetes-map-type is specified",
)
#: The one place where types may stand below anyOf: how generators spell "integer or string".
_INT_OR_STRING = [{"type": "integer"}, {"type": "string"}]


def structural(schema: dict[str, Any], path: str, report: Report, *, root: bool = False) -> None:
    """Report everything that keeps a schema from being structural.

    The server looks at it twice: at its shape, then at its keywords. A schema with keywords that the first pass has no
    place for is told of these alone; defaults are looked at where the shape is whole.
    """
    before = len(report.causes)
    if _has_a_shape(schema):
        _shape(schema, path, report, root=root)
        if len(report.causes) == before:
            _defaults(schema, path, report)
    _validity(schema, path, report)


def _children(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the schemas right inside of one, with their places."""
    for name, inner in (schema.get("properties") or {}).items():
        yield f"{path}.properties[{name}]", inner
    for key in ("additionalProperties", "items"):
        if isinstance(schema.get(key), dict):
            yield f"{path}.{key}", schema[key]


def _has_a_shape(schema: dict[str, Any]) -> bool:
    if any(schema.get(key) for key in _FORBIDDEN) or isinstance(schema.get("items"), list):
        return False
    if schema.get("x-kubernetes-preserve-unknown-fields") is False:
        return False
    return all(_has_a_shape(inner) for _, inner in _children(schema, ""))


# The shape.


def _shape(schema: dict[str, Any], path: str, report: Report, *, root: bool = False) -> None:
    if root:
        _root(schema, path, report)
    _junctors(schema, path, report)
    pattern = schema.get("pattern")
    if pattern:
        problem = go_patterns.problem(pattern)
        if problem:
            why = f"must be a valid regular expression, but isn't: {problem}"
            report.invalid(f"{path}.pattern", pattern, why)
    for place, inner in sorted(_children(schema, path)):
        if not (root and place == f"{path}.properties[metadata]"):
            _shape(inner, place, report)
    if schema.get("type") == "array" and not isinstance(schema.get("items"), dict):
        report.required(f"{path}.items", "must be specified")
    _embedding(schema, path, report)
    _type(schema, path, report, root=root)


def _embedding(schema: dict[str, Any], path: str, report: Report) -> None:
    if schema.get("x-kubernetes-int-or-string"):
        # A type beside it is fine, whatever it is: VolumeSnapshots have one.
        for key in ("x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"):
            if schema.get(key):
                report.invalid(f"{path}.{key}", True, "must be false if x-kubernetes-int-or-string is true")
    if schema.get("x-kubernetes-embedded-resource"):
        if schema.get("additionalProperties"):
            why = "must not be used if x-kubernetes-embedded-resource is set"
            report.forbidden(f"{path}.additionalProperties", why)
        if not schema.get("properties") and not schema.get("x-kubernetes-preserve-unknown-fields"):
            why = "must not be empty if x-kubernetes-embedded-resource is true without "
            report.required(f"{path}.properties", f"{why}x-kubernetes-preserve-unknown-fields")


def _type(schema: dict[str, Any], path: str, report: Report, *, root: bool) -> None:
    kind = schema.get("type") or ""
    free = schema.get("x-kubernetes-int-or-string") or schema.get("x-kubernetes-preserve-unknown-fields")
    if root and not kind:
        report.required(f"{path}.type", "must not be empty at the root")
    elif root and kind != "object":
        report.invalid(f"{path}.type", kind, "must be object at the root")
    elif schema.get("x-kubernetes-embedded-resource"):
        _is_there("object", kind, _EMBEDDED, path, report)
        _is("object", kind, _EMBEDDED, path, report)
    elif not kind and not free:
        where = "array items" if path.endswith(".items") else "object fields"
        report.required(f"{path}.type", f"must not be empty for specified {where}")
    if schema.get("x-kubernetes-list-type") is not None:
        _is_there("array", kind, _LIST, path, report)
    if schema.get("x-kubernetes-map-type") is not None:
        _is_there("object", kind, _MAP, path, report)


def _is_there(wanted: str, kind: str, condition: str, path: str, report: Report) -> None:
    """Check that there is a type where another keyword asks for one."""
    if not kind:
        report.required(f"{path}.type", f"must be {wanted} if {condition}")


def _is(wanted: str, kind: str, condition: str, path: str, report: Report) -> None:
    """Check that a type is the one that another keyword asks for."""
    if kind and kind != wanted:
        report.invalid(f"{path}.type", kind, f"must be {wanted} if {condition}")


def _root(schema: dict[str, Any], path: str, report: Report) -> None:
    """Check what the root alone must keep: the fields every object has."""
    if schema.get("nullable"):
        report.forbidden(f"{path}.nullable", "nullable cannot be true at the root")
    if schema.get("additionalProperties"):
        report.forbidden(f"{path}.additionalProperties", "must not be used at the root")
    properties = schema.get("properties") or {}
    for name in ("apiVersion", "kind"):
        kind = properties.get(name, {}).get("type", "string")
        if kind != "string":
            report.invalid(f"{path}.properties[{name}].type", kind, "must be string")
    metadata = properties.get("metadata")
    if metadata is None:
        return
    kind = metadata.get("type", "")
    if kind != "object":
        report.invalid(f"{path}.properties[metadata].type", kind, "must be object")
    others = set(metadata) - {"type", "properties"}
    if others or set(metadata.get("properties") or {}) - {"name", "generateName"}:
        why = "must not specify anything other than name and generateName, but metadata is implicitly specified"
        report.forbidden(f"{path}.properties[metadata]", why)


# The keywords.


def _validity(schema: dict[str, Any], path: str, report: Report) -> None:
    kind = schema.get("type")
    if kind and kind not in _TYPES:
        report.unsupported(f"{path}.type", kind, _TYPES)
    for key, why in _FORBIDDEN.items():
        if schema.get(key):
            report.forbidden(f"{path}.{key}", why)
    if schema.get("uniqueItems"):
        why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        report.forbidden(f"{path}.uniqueItems", why)
    rest = schema.get("additionalProperties")
    if rest is not None and rest is not True and schema.get("properties"):
        why = "additionalProperties and properties are mutual exclusive"
        report.forbidden(f"{path}.additionalProperties", why)
    if isinstance(schema.get("items"), list):
        report.forbidden(f"{path}.items", "items must be a schema object and not an array")
    for place, inner in _children(schema, path):
        _validity(inner, place, report)
    for key in ("allOf", "anyOf", "oneOf"):
        for index, inner in enumerate(schema.get(key) or []):
            _validity(inner, f"{path}.{key}[{index}]", report)
    if isinstance(schema.get("not"), dict):
        _validity(schema["not"], f"{path}.not", report)
    if schema.get("x-kubernetes-preserve-unknown-fields") is False:
        report.invalid(f"{path}.x-kubernetes-preserve-unknown-fields", False, "must be true or undefined")
    form = schema.get("x-kubernetes-map-type")
    if form is not None:
        _is("object", kind or "", _MAP, path, report)
    if form is not None and form not in {"atomic", "granular"}:
        report.unsupported(f"{path}.x-kubernetes-map-type", form, ["atomic", "granular"])
    _lists(schema, path, report)


def _lists(schema: dict[str, Any], path: str, report: Report) -> None:
    kind, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys") or []
    if kind is not None:
        _is("array", schema.get("type") or "", _LIST, path, report)
    if kind not in {None, "atomic", "set", "map"}:
        report.unsupported(f"{path}.x-kubernetes-list-type", kind, ["atomic", "set", "map"])
    if keys and kind != "map":
        why = "must be map if x-kubernetes-list-map-keys is non-empty"
        if kind is None:
            report.required(f"{path}.x-kubernetes-list-type", why)
        else:
            report.invalid(f"{path}.x-kubernetes-list-type", kind, why)
    items = schema.get("items")
    if kind == "map":
        _keyed(items, keys, path, report)
    elif kind == "set" and isinstance(items, dict):
        if items.get("type") == "object" and items.get("x-kubernetes-map-type") != "atomic":
            why = "must be atomic as item of a list with x-kubernetes-list-type=set"
            report.invalid(f"{path}.items.x-kubernetes-map-type", items.get("x-kubernetes-map-type"), why)
        if items.get("nullable"):
            report.forbidden(f"{path}.items.nullable", "cannot be nullable when x-kubernetes-list-type is set")


def _keyed(items: Any, keys: list[str], path: str, report: Report) -> None:
    """Check a list whose elements are told apart by keys: each must be a scalar that is always there."""
    here = f"{path}.x-kubernetes-list-map-keys"
    if not keys:
        report.required(here, "must not be empty if x-kubernetes-list-type is map")
    if isinstance(items, dict) and items.get("type") != "object":
        why = "must be object if parent array's x-kubernetes-list-type is map"
        report.invalid(f"{path}.items.type", items.get("type") or "", why)
    if not isinstance(items, dict):
        report.required(f"{path}.items", "must have a schema if x-kubernetes-list-type is map")
        return
    if items.get("type") != "object":
        return
    properties = items.get("properties") or {}
    for key in dict.fromkeys(keys):
        if key not in properties:
            report.invalid(here, keys, "entries must all be names of item properties")
            continue
        kind, place = properties[key].get("type", "string"), f"{path}.items.properties[{key}]"
        if kind in {"array", "object"}:
            why = "must be a scalar type if parent array's x-kubernetes-list-type is map"
            # The server means the key and shows the type of the element.
            report.invalid(f"{place}.type", items["type"], why)
    if len(set(keys)) != len(keys):
        report.invalid(here, keys, "must not contain duplicate entries")
    for key in dict.fromkeys(keys):
        place, why = f"{path}.items.properties[{key}]", "this property is in x-kubernetes-list-map-keys, so it"
        if key not in properties:
            continue
        if "default" not in properties[key] and key not in (items.get("required") or ()):
            report.required(f"{place}.default", f"{why} must have a default or be a required property")
        if properties[key].get("nullable"):
            report.forbidden(f"{place}.nullable", f"{why} cannot be nullable")


def _junctors(schema: dict[str, Any], path: str, report: Report) -> None:
    either = schema.get("x-kubernetes-int-or-string")
    for key in ("allOf", "anyOf", "oneOf"):
        alternatives = schema.get(key) or []
        if either and key == "anyOf" and alternatives == _INT_OR_STRING:
            continue
        for index, inner in enumerate(alternatives):
            if either and key == "allOf" and inner.get("anyOf") == _INT_OR_STRING:
                continue
            _values_only(inner, f"{path}.{key}[{index}]", report)
    if isinstance(schema.get("not"), dict):
        _values_only(schema["not"], f"{path}.not", report)


def _values_only(schema: dict[str, Any], path: str, report: Report) -> None:
    """Check that a schema below a junctor judges values and says nothing about the shape."""
    _junctors(schema, path, report)
    for name, inner in (schema.get("properties") or {}).items():
        _values_only(inner, f"{path}.properties[{name}]", report)
    if isinstance(schema.get("items"), dict):
        _values_only(schema["items"], f"{path}.items", report)
    for key, why in _VALUES_ONLY.items():
        if schema.get(key) or (key == "default" and schema.get(key) is not None):
            report.forbidden(f"{path}.{key}", why)


def _defaults(schema: dict[str, Any], path: str, report: Report) -> None:
    """Check that the defaults in a schema fit the schemas they stand in."""
    default = schema.get("default")
    if default is not None:
        here = f"{path}.default"
        if unknown_fields(default, Schema(schema, {}, custom=True)):
            report.invalid(here, default, "must not have unknown fields")
        schema_rules.check_value(default, schema, here, report)
    for place, inner in _children(schema, path):
        _defaults(inner, place, report)
