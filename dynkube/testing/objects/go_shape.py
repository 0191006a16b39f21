"""The form a built-in object has once it went through Go's structs: dropped empties, written zero values.

Custom objects are kept as sent (the real server holds them unstructured); only their metadata is a Go struct.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.testing.kinds import go_types

if TYPE_CHECKING:
    from dynkube.testing.objects.schemas import Schema

#: Zero values a schema's ``default`` may hold; any other default is a real one, applied by `defaults`.
_ZERO_DEFAULTS = ("", 0, False)


def shape(obj: dict[str, Any], schema: Schema | None) -> dict[str, Any]:
    """Bring ``obj`` into Go's form, in place, and return it; calling it twice changes nothing."""
    if schema is None:
        return obj
    if schema.custom:
        metadata = obj.get("metadata")
        inner = schema.properties.get("metadata")
        if isinstance(metadata, dict) and inner is not None:
            _struct(metadata, inner)
        return obj
    _struct(obj, schema)
    return obj


def empty(api_version: str, kind: str, schema: Schema | None) -> dict[str, Any]:
    """Return what a freshly made object of the kind looks like: the start of every managed-fields comparison."""
    return shape({"apiVersion": api_version, "kind": kind, "metadata": {}}, schema)


def _struct(value: dict[str, Any], schema: Schema) -> None:
    for key, field in schema.properties.items():
        if key in value:
            _present(value, key, field, schema)
        if key not in value:
            _absent(value, key, field, schema)


def _present(owner: dict[str, Any], key: str, field: Schema, schema: Schema) -> None:
    value = owner[key]
    if value is None:
        if not field.nullable and field.scalar != "any":
            del owner[key]
    elif isinstance(value, dict):
        if field.scalar == "any" or field.open:
            return
        if field.is_map:
            _map(owner, key, value, field, schema)
        else:
            _struct(value, field)
    elif isinstance(value, list):
        if not value and not writes_null(key, field, schema):
            del owner[key]
        elif not value:
            owner[key] = None
        elif field.items is not None:
            for element in value:
                _nested(element, field.items)
    elif drops_zero(key, value, field, schema):
        del owner[key]


def _map(owner: dict[str, Any], key: str, value: dict[str, Any], field: Schema, schema: Schema) -> None:
    if not value:
        if key not in schema.required:
            del owner[key]
        return
    if field.additional is not None:
        for element in value.values():
            _nested(element, field.additional)


def _nested(element: Any, schema: Schema) -> None:
    if isinstance(element, dict):
        if schema.is_map:
            for inner in element.values():
                if schema.additional is not None:
                    _nested(inner, schema.additional)
        elif not schema.open:
            _struct(element, schema)


def _absent(owner: dict[str, Any], key: str, field: Schema, schema: Schema) -> None:
    default = field.raw.get("default")
    if isinstance(default, dict) and not default:
        fresh: dict[str, Any] = {}
        if not field.is_map and not field.open:
            _struct(fresh, field)
        owner[key] = fresh
    elif "default" in field.raw and not isinstance(default, dict) and default in _ZERO_DEFAULTS:
        # A copy of the schema's literal: False and 0 are equal in Python, not in JSON.
        owner[key] = default
    elif writes_null(key, field, schema) or _null_time(key, field, schema):
        owner[key] = None


def writes_null(key: str, field: Schema, schema: Schema) -> bool:
    """Whether an empty list or map of this field is written as null instead of being left out."""
    if (schema.name, key) in go_types.NULL_LISTS:
        return True
    if (schema.name, key) in go_types.OMITTED_REQUIRED_LISTS:
        return False
    return field.type == "array" and key in schema.required


def _null_time(key: str, field: Schema, schema: Schema) -> bool:
    if field.scalar not in {"time", "microtime"}:
        return False
    if schema.name.endswith("Condition"):
        return key in go_types.NULL_CONDITION_TIMES
    return key in go_types.NULL_TIMES.get(schema.name, ())


def drops_zero(key: str, value: Any, field: Schema, schema: Schema) -> bool:
    """Whether Go leaves this scalar out: the zero value of a plain ``omitempty`` field."""
    if field.scalar or ("default" in field.raw and field.raw["default"] in _ZERO_DEFAULTS):
        return field.scalar in {"time", "microtime"} and value == ""
    if isinstance(value, bool):
        return not value and key in go_types.PLAIN_BOOLEANS
    if isinstance(value, (int, float)):
        return value == 0 and (
            (key in go_types.PLAIN_INTEGERS and (schema.name, key) not in go_types.NOT_INTEGERS)
            or (schema.name, key) in go_types.PLAIN_INTEGERS_OF
        )
    return value == "" and (schema.name, key) not in go_types.POINTER_STRINGS
