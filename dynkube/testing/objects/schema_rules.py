"""Validation of custom objects against their structural schema, worded as the server's OpenAPI validator.

On update, values that did not change are not judged again (validation ratcheting).
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import math
import re
import uuid
from typing import TYPE_CHECKING, Any

from dynkube.testing.cel import moments
from dynkube.testing.objects import go_json, metadata_rules
from dynkube.testing.objects.go_patterns import matches
from dynkube.testing.objects.report import Report, show
from dynkube.testing.objects.schemas import Schema
from dynkube.testing.objects.typed_reading import is_quantity
from dynkube.testing.patches.json_patch import equal

if TYPE_CHECKING:
    from dynkube.testing.http.failures import Cause

_MISSING: Any = object()
#: The field of a cause that is about a value as a whole.
_NOWHERE = "<nil>"


def check(obj: Any, old: Any, schema: Schema, report: Report) -> None:
    """Add every way in which a custom object breaks its schema; ``old`` is None on create."""
    before = _MISSING if old is None else old
    for key, field in schema.properties.items():
        if key in obj and field.custom and key not in {"apiVersion", "kind"}:
            _value(obj[key], _child(before, key), field, key, report)
    _object_keywords(obj, schema.raw, "", report, skip_required=frozenset({"apiVersion", "kind", "metadata"}))
    _combine(obj, schema.raw, "", report)
    _lists(obj, before, schema, "", report)


def check_part(key: str, obj: Any, old: Any, schema: Schema, report: Report) -> None:
    """Add what is wrong with the part of an object a subresource writes; messages name the place inside of it."""
    field = schema.properties.get(key)
    if field is not None and key in obj:
        _inside(obj[key], _child(old, key), field, key, report)


def _inside(value: Any, old: Any, schema: Schema, path: str, report: Report) -> None:
    """Check a value as a document of its own, and report what is wrong below ``path``."""
    inside = Report()
    _value(value, old, schema, "", inside)
    _lists(value, old, schema, "", inside)
    report.causes += [cause._replace(field=_below(path, cause.field)) for cause in inside.causes]


def check_value(value: Any, raw: dict[str, Any], path: str, report: Report) -> None:
    """Add every way in which one value (a CRD's default) breaks one schema; messages name the place inside of it."""
    _inside(value, _MISSING, Schema(raw, {}, custom=True), path, report)


def _below(path: str, field: str) -> str:
    """Return where something found inside a value stands; what has no field stands at the value itself."""
    if field in {"", _NOWHERE}:
        return path
    return f"{path}.{field}"


def _child(old: Any, key: str | int) -> Any:
    if isinstance(old, dict) and isinstance(key, str):
        return old.get(key, _MISSING)
    if isinstance(old, list) and isinstance(key, int) and key < len(old):
        return old[key]
    return _MISSING


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)) and _holds_integer(value, ""):
        return "integer"
    names = {float: "number", int: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "object")


def _type_fits(value: Any, raw: dict[str, Any]) -> bool:
    if raw.get("x-kubernetes-int-or-string"):
        return isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))
    wanted, found = raw.get("type"), _kind(value)
    if value is None:
        return bool(raw.get("nullable")) or not wanted
    return not wanted or found == wanted or (wanted == "number" and found == "integer")


def _value(value: Any, old: Any, schema: Schema, path: str, report: Report) -> None:
    if old is not _MISSING and equal(value, old):
        return
    raw: dict[str, Any] = dict(schema.raw)
    if not _type_fits(value, raw):
        _mistyped(value, raw, path, report)
        return
    if value is None:
        return
    _keywords(value, raw, path, report)
    _combine(value, raw, path, report)
    if isinstance(value, dict):
        if schema.embedded_resource:
            _embedded(value, path, report)
        for key, inner in value.items():
            field = schema.field(key)
            if field is not None and not (schema.embedded_resource and key == "metadata"):
                _value(inner, _child(old, key), field, f"{path}.{key}" if path else key, report)
    elif isinstance(value, list) and schema.items is not None:
        for index, inner in enumerate(value):
            _value(inner, _child(old, index), schema.items, f"{path}[{index}]", report)


def _mistyped(value: Any, raw: dict[str, Any], path: str, report: Report) -> None:
    """Say that a value has the wrong type; rules of numbers and enums are applied to it all the same."""
    wanted = "integer,string" if raw.get("x-kubernetes-int-or-string") else raw.get("type")
    found = _kind(value)
    if wanted == "integer" and found == "number" and raw.get("format"):
        wanted, found = raw["format"], "float64"
    report.mistyped(path, found, f"{path} in body must be of type {wanted}: {show(found)}")
    if value is not None and not isinstance(value, (list, dict)):
        _keywords(value, raw, path, report)


def _embedded(value: dict[str, Any], path: str, report: Report) -> None:
    for key in ("apiVersion", "kind"):
        if not value.get(key):
            report.required(f"{path}.{key}")
    metadata = value.get("metadata")
    if isinstance(metadata, dict):
        metadata_rules.check(metadata, report, f"{path}.metadata")


def _keywords(value: Any, raw: dict[str, Any], path: str, report: Report) -> None:
    if "enum" in raw and not any(equal(value, one) for one in raw["enum"]):
        report.unsupported(path, value, raw["enum"])
    if isinstance(value, str):
        _text(value, raw, path, report)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        _number(value, raw, path, report)
    elif isinstance(value, list):
        if "maxItems" in raw and len(value) > raw["maxItems"]:
            report.too_many(path, len(value), raw["maxItems"])
        if "minItems" in raw and len(value) < raw["minItems"]:
            report.invalid(path, len(value), f"{path} in body should have at least {raw['minItems']} items")
        if raw.get("uniqueItems") and any(equal(a, b) for i, a in enumerate(value) for b in value[:i]):
            report.invalid(path, value, f"{path} in body shouldn't contain duplicates")
    elif isinstance(value, dict):
        _object_keywords(value, raw, path, report)


def _object_keywords(
    value: dict[str, Any],
    raw: Any,
    path: str,
    report: Report,
    *,
    skip_required: frozenset[str] = frozenset(),
) -> None:
    for key in raw.get("required") or ():
        if key not in value and key not in skip_required:
            report.required(f"{path}.{key}" if path else key)
    if "maxProperties" in raw and len(value) > raw["maxProperties"]:
        report.too_many(path, len(value), raw["maxProperties"])
    if "minProperties" in raw and len(value) < raw["minProperties"]:
        report.invalid(path, len(value), f"{path} in body should have at least {raw['minProperties']} properties")


def _text(value: str, raw: dict[str, Any], path: str, report: Report) -> None:
    # The server stops at the first of these; the format is looked at in any case.
    if "maxLength" in raw and len(value) > raw["maxLength"]:
        report.too_long(path, raw["maxLength"])
    elif "minLength" in raw and len(value) < raw["minLength"]:
        report.invalid(path, value, f"{path} in body should be at least {raw['minLength']} chars long")
    elif "pattern" in raw and not matches(raw["pattern"], value):
        report.invalid(path, value, f"{path} in body should match '{raw['pattern']}'")
    form = raw.get("format")
    if form and not has_format(value, form):
        report.mistyped(path, value, f"{path} in body must be of type {form}: {show(value)}")


def _number(value: float, raw: dict[str, Any], path: str, report: Report) -> None:
    if raw.get("type") == "integer" and not _holds_integer(value, raw.get("format", "")):
        form = f"with format {raw['format']}" if raw.get("format") else "(default format)"
        report.invalid(_NOWHERE, "", f"Checked value must be of type integer {form} in {path}")
    limit = raw.get("maximum")
    if limit is not None and (value > limit or (value == limit and raw.get("exclusiveMaximum"))):
        how = "less than" if raw.get("exclusiveMaximum") else "less than or equal to"
        report.invalid(path, value, f"{path} in body should be {how} {go_json.dumps(limit)}")
    limit = raw.get("minimum")
    if limit is not None and (value < limit or (value == limit and raw.get("exclusiveMinimum"))):
        how = "greater than" if raw.get("exclusiveMinimum") else "greater than or equal to"
        report.invalid(path, value, f"{path} in body should be {how} {go_json.dumps(limit)}")
    factor = raw.get("multipleOf")
    if factor and not math.isclose(value / factor, round(value / factor), abs_tol=1e-9):
        report.invalid(path, value, f"{path} in body should be a multiple of {go_json.dumps(factor)}")


def _holds_integer(value: float, form: str) -> bool:
    """Whether a number is one that Go's integer of a format (64 bits without one) can hold."""
    low, high = {"int32": (-(2**31), 2**31), "uint32": (0, 2**32), "uint64": (0, 2**64)}.get(form, (-(2**63), 2**63))
    return (isinstance(value, int) or value.is_integer()) and low <= value < high


def _failures(value: Any, raw: dict[str, Any], path: str) -> list[Cause]:
    """Return what is wrong with a value by a schema of a logical junctor (these only carry value rules)."""
    report = Report()
    _value(value, _MISSING, Schema(raw, {}, custom=True), path, report)
    return report.causes


def _combine(value: Any, raw: Any, path: str, report: Report) -> None:
    """Check allOf, anyOf, oneOf and not; the server reports these without a field.

    What the alternatives complain about follows: of all of them for allOf, of the first one for the others.
    """
    shown = show(path)
    found = [_failures(value, schema, path) for schema in raw.get("allOf") or ()]
    if any(found):
        report.causes += [cause for causes in found for cause in causes]
        none = ". None validated" if all(found) else ""
        report.invalid(_NOWHERE, "", f"{shown} must validate all the schemas (allOf){none}")
    found = [_failures(value, schema, path) for schema in raw.get("anyOf") or ()]
    if found and not raw.get("x-kubernetes-int-or-string") and all(found):
        report.invalid(_NOWHERE, "", f"{shown} must validate at least one schema (anyOf)")
        report.causes += found[0]
    found = [_failures(value, schema, path) for schema in raw.get("oneOf") or ()]
    valid = found.count([])
    if found and valid != 1:
        why = f"Found {valid} valid alternatives" if valid else "Found none valid"
        report.invalid(_NOWHERE, "", f"{shown} must validate one and only one schema (oneOf). {why}")
        report.causes += [] if valid else found[0]
    if isinstance(raw.get("not"), dict) and not _failures(value, raw["not"], path):
        report.invalid(_NOWHERE, "", f"{shown} must not validate the schema (not)")


def _lists(value: Any, old: Any, schema: Schema, path: str, report: Report) -> None:
    """Check that sets and keyed lists hold no element twice."""
    if old is not _MISSING and equal(value, old):
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            field = schema.field(key)
            if field is not None and field.custom:
                _lists(inner, _child(old, key), field, f"{path}.{key}" if path else key, report)
    elif isinstance(value, list):
        seen: list[Any] = []
        told: list[Any] = []
        for index, inner in enumerate(value):
            name = _identity(inner, schema)
            if name is not _MISSING and any(equal(name, one) for one in seen):
                if not any(equal(name, one) for one in told):
                    report.duplicate(f"{path}[{index}]", name)
                    told.append(name)
            elif name is not _MISSING:
                seen.append(name)
            if schema.items is not None:
                _lists(inner, _child(old, index), schema.items, f"{path}[{index}]", report)


def _identity(element: Any, schema: Schema) -> Any:
    if schema.list_type == "set":
        return element
    if schema.list_type == "map" and isinstance(element, dict):
        return {key: element[key] for key in schema.map_keys if key in element}
    return _MISSING


_FORMATS = {
    "date": r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])",
    "date-time": r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)",
    "datetime": r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)",
    "email": r"[^@\s]+@[^@\s]+",
    "hostname": r"[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?)*",
    "hexcolor": r"#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})",
    "mac": r"([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}",
    "bsonobjectid": r"[0-9a-fA-F]{24}",
    "isbn10": r"[\d-]{9,12}[\dXx]",
    "isbn13": r"[\d-]{13,17}",
    "ssn": r"\d{3}[- ]?\d{2}[- ]?\d{4}",
    "k8s-short-name": r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?",
    "uri": r"[A-Za-z][A-Za-z0-9+.-]*:\S*|/\S*",
}


#: Formats the server knows; others are ignored (a CRD that names one is warned).
KNOWN_FORMATS = frozenset(
    {
        *_FORMATS,
        "duration",
        "ipv4",
        "ipv6",
        "cidr",
        "uuid",
        "uuid3",
        "uuid4",
        "uuid5",
        "byte",
        "quantity",
        "int32",
        "int64",
    }
    | {"float", "double", "password", "creditcard", "rgbcolor", "isbn", "k8s-long-name", "int-or-string"}
)


def has_format(text: str, form: str) -> bool:
    """Whether ``text`` has an OpenAPI format; formats the server does not know are ignored."""
    if form == "duration":
        return moments.parse_long_duration(text) is not None
    if form in _FORMATS:
        return re.fullmatch(_FORMATS[form], text) is not None
    try:
        if form in {"ipv4", "ipv6"}:
            return ipaddress.ip_address(text).version == int(form[-1])
        if form == "cidr":
            ipaddress.ip_interface(text)
            return "/" in text
        if form in {"uuid", "uuid3", "uuid4", "uuid5"}:
            found = uuid.UUID(text)
            return form == "uuid" or found.version == int(form[-1])
        if form == "byte":
            base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return False
    return is_quantity(text) if form == "quantity" else True
