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
from typing import Any

from dynkube.testing.objects import go_json, metadata_rules
from dynkube.testing.objects.report import Report, show
from dynkube.testing.objects.schemas import Schema
from dynkube.testing.objects.typed_reading import is_quantity
from dynkube.testing.patches.json_patch import equal

_MISSING: Any = object()


def check(obj: Any, old: Any, schema: Schema, report: Report) -> None:
    """Add every way in which a custom object breaks its schema; ``old`` is None on create."""
    before = _MISSING if old is None else old
    for key, field in schema.properties.items():
        if key in obj and field.custom and key not in {"apiVersion", "kind"}:
            _value(obj[key], _child(before, key), field, key, report)
    _object_keywords(obj, schema.raw, "", report, skip_required=frozenset({"apiVersion", "kind", "metadata"}))
    _combine(obj, schema.raw, "", report)
    _lists(obj, before, schema, "", report)


def check_value(value: Any, raw: dict[str, Any], path: str, report: Report) -> None:
    """Add every way in which one value (a CRD's default) breaks one schema."""
    schema, found = Schema(raw, {}, custom=True), Report()
    _value(value, _MISSING, schema, "", found)
    _lists(value, _MISSING, schema, "", found)
    # The validator sees the value alone: its words name places inside of it, the cause the whole path.
    report.causes += [cause._replace(field=f"{path}.{cause.field}" if cause.field else path) for cause in found.causes]


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
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return "integer"
    names = {float: "number", str: "string", list: "array", dict: "object"}
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
        wanted = "integer,string" if raw.get("x-kubernetes-int-or-string") else raw.get("type")
        found = _kind(value)
        report.mistyped(path, found, f"{path} in body must be of type {wanted}: {show(found)}")
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


def _embedded(value: dict[str, Any], path: str, report: Report) -> None:
    for key in ("apiVersion", "kind"):
        if not value.get(key):
            report.required(f"{path}.{key}", "must not be empty")
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
        report.invalid(path, value, f"{path} in body should have at least {raw['minProperties']} properties")


def _text(value: str, raw: dict[str, Any], path: str, report: Report) -> None:
    # Of length and pattern only the first one that is broken is told.
    if "maxLength" in raw and len(value) > raw["maxLength"]:
        report.too_long(path, raw["maxLength"])
    elif "minLength" in raw and len(value) < raw["minLength"]:
        report.invalid(path, value, f"{path} in body should be at least {raw['minLength']} chars long")
    elif "pattern" in raw and not matches(raw["pattern"], value):
        report.invalid(path, value, f"{path} in body should match '{raw['pattern']}'")
    form = raw.get("format")
    if form and not has_format(value, form):
        report.invalid(path, value, f"{path} in body must be of type {form}: {show(value)}")


def _number(value: float, raw: dict[str, Any], path: str, report: Report) -> None:
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
    bits = {"int32": 31, "int64": 63}.get(raw.get("format", ""))
    if bits and not -(2**bits) <= value < 2**bits:
        report.invalid(path, value, f"{path} in body must be of type {raw['format']}: {show(str(value))}")


def _fits(value: Any, raw: dict[str, Any]) -> bool:
    """Whether a value satisfies a schema of a logical junctor (these only carry value rules)."""
    if not _type_fits(value, raw):
        return False
    report = Report()
    if value is not None:
        _keywords(value, raw, "", report)
        _combine(value, raw, "", report)
    if report.causes:
        return False
    if isinstance(value, dict):
        rest = raw.get("additionalProperties")
        for key, inner in value.items():
            schema = (raw.get("properties") or {}).get(key, rest)
            if isinstance(schema, dict) and not _fits(inner, schema):
                return False
    elif isinstance(value, list) and isinstance(raw.get("items"), dict):
        return all(_fits(inner, raw["items"]) for inner in value)
    return True


def _combine(value: Any, raw: Any, path: str, report: Report) -> None:
    """Check allOf, anyOf, oneOf and not; the server reports these without a field."""
    shown = show(path)
    for schema in raw.get("allOf") or ():
        if not _fits(value, schema):
            report.invalid("<nil>", "", f"{shown} must validate all the schemas (allOf)")
            break
    choices = raw.get("anyOf") or ()
    if choices and not raw.get("x-kubernetes-int-or-string") and not any(_fits(value, schema) for schema in choices):
        report.invalid("<nil>", "", f"{shown} must validate at least one schema (anyOf)")
    choices = raw.get("oneOf") or ()
    if choices:
        count = sum(1 for schema in choices if _fits(value, schema))
        if count != 1:
            found = "Found none valid" if not count else f"Found {count} valid alternatives"
            report.invalid("<nil>", "", f"{shown} must validate one and only one schema (oneOf). {found}")
    if isinstance(raw.get("not"), dict) and _fits(value, raw["not"]):
        report.invalid("<nil>", "", f"{shown} must not validate the schema (not)")


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
        for index, inner in enumerate(value):
            name = _identity(inner, schema)
            if name is not _MISSING and any(equal(name, one) for one in seen):
                report.duplicate(f"{path}[{index}]", name)
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


#: Go's POSIX classes, spelt out for Python.
_CLASSES = {
    "[:alpha:]": "a-zA-Z",
    "[:digit:]": "0-9",
    "[:alnum:]": "a-zA-Z0-9",
    "[:upper:]": "A-Z",
    "[:lower:]": "a-z",
    "[:space:]": r"\s",
    "[:word:]": r"\w",
    "[:xdigit:]": "0-9A-Fa-f",
}
#: Escapes of Go's dialect that Python has no word for.
_GO_ONLY = re.compile(r"\\[pPQEC]")


def _python_pattern(pattern: str) -> str:
    """Return a Go regular expression in Python's dialect: classes spelt out, end anchors only at the very end."""
    for name, members in _CLASSES.items():
        pattern = pattern.replace(name, members)
    pattern = re.sub(r"\\z", r"\\Z", pattern)
    return re.sub(r"(?<!\\)\$$", r"\\Z", pattern)


def pattern_problem(pattern: str) -> str:
    """Return why a pattern is no regular expression; "" when it is one, or is Go's own and cannot be judged here."""
    if _GO_ONLY.search(pattern):
        return ""
    try:
        re.compile(_python_pattern(pattern))
    except (re.error, RecursionError, OverflowError) as error:
        return str(error)
    return ""


def matches(pattern: str, text: str) -> bool:
    """Whether a Go regular expression is found in ``text``; one Python cannot read matches everything."""
    try:
        return re.search(_python_pattern(pattern), text) is not None
    except (re.error, RecursionError, OverflowError):
        return True


_FORMATS = {
    "date": r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])",
    "date-time": r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)",
    "datetime": r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)",
    "duration": r"-?(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d|w|y)?((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d|w|y))*",
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
    {*_FORMATS, "ipv4", "ipv6", "cidr", "uuid", "uuid3", "uuid4", "uuid5", "byte", "quantity", "int32", "int64"}
    | {"float", "double", "password", "creditcard", "rgbcolor", "isbn", "k8s-long-name", "int-or-string"}
)


def has_format(text: str, form: str) -> bool:
    """Whether ``text`` has an OpenAPI format; formats the server does not know are ignored."""
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
