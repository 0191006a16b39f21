"""The form a built-in object has once it went through Go's structs: dropped empties, written zero values.

Custom objects are kept as sent (the real server holds them unstructured); only their metadata is a Go struct.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.testing.objects import go_structs

if TYPE_CHECKING:
    from dynkube.testing.objects.go_structs import GoField
    from dynkube.testing.objects.schemas import Schema

#: Named types (``v1.Protocol``) and plain ones are the same to the schema, which knows what they are made of.
_ZERO_OF = {"string": "", "integer": 0, "number": 0, "boolean": False}


def shape(obj: dict[str, Any], schema: Schema | None, *, stored: bool = False) -> dict[str, Any]:
    """Bring ``obj`` into Go's form, in place, and return it; calling it twice changes nothing.

    ``stored`` gives it the form it comes out of storage in: there an empty list is the same as none.
    """
    if schema is None:
        return obj
    if schema.custom:
        metadata = obj.get("metadata")
        inner = schema.properties.get("metadata")
        if isinstance(metadata, dict) and inner is not None:
            _struct(metadata, inner, stored=stored)
        return obj
    _struct(obj, schema, stored=stored)
    return obj


def empty(api_version: str, kind: str, schema: Schema | None) -> dict[str, Any]:
    """Return what a freshly made object of the kind looks like: the start of every managed-fields comparison."""
    return shape({"apiVersion": api_version, "kind": kind, "metadata": {}}, schema)


def _struct(value: dict[str, Any], schema: Schema, *, stored: bool = False) -> None:
    for key, go_field in schema.go_fields.items():
        field = schema.properties.get(key)
        if field is None:
            continue
        if value.get(key) is None:
            _absent(value, key, go_field, field)
        else:
            _present(value, key, go_field, field, stored=stored)


def _absent(owner: dict[str, Any], key: str, go_field: GoField, field: Schema) -> None:
    """Leave the field out, or write the zero value that Go writes whatever the tag says."""
    if go_field.pointer or _is_collection(field) or field.scalar == "any":
        if go_field.omitempty or go_field.omitzero:
            owner.pop(key, None)
        else:
            owner[key] = None
        return
    structure = field.type in {"", "object"} or bool(field.scalar)
    if go_field.omitzero or (go_field.omitempty and not structure):
        owner.pop(key, None)
        return
    if not structure:
        owner[key] = _ZERO_OF.get(field.type, "")
        return
    zero = go_structs.zero(go_field.type) if field.scalar else {}
    if isinstance(zero, dict):
        _struct(zero, field)
    owner[key] = zero


def _present(owner: dict[str, Any], key: str, go_field: GoField, field: Schema, *, stored: bool) -> None:
    value = owner[key]
    if isinstance(value, (dict, list)) and (field.scalar == "any" or field.open):
        return
    if value in ([], {}) and _is_collection(field) and not go_field.pointer:
        _empty_collection(owner, key, go_field, stored=stored)
    elif isinstance(value, (dict, list)):
        _nested(value, field, stored=stored)
    elif not go_field.pointer and _drops_zero(value, go_field, field):
        del owner[key]


def _is_collection(field: Schema) -> bool:
    """Whether Go keeps the field in a slice or map: nil is its zero value, and printed as null."""
    return field.type == "array" or field.is_map


def _empty_collection(owner: dict[str, Any], key: str, go_field: GoField, *, stored: bool) -> None:
    if go_field.omitempty or go_field.omitzero:
        del owner[key]
    elif stored and owner[key] == []:
        owner[key] = None


def _nested(value: Any, schema: Schema, *, stored: bool) -> None:
    if isinstance(value, list):
        if schema.items is not None:
            for element in value:
                _nested(element, schema.items, stored=stored)
    elif isinstance(value, dict):
        if schema.is_map:
            for inner in value.values():
                if schema.additional is not None:
                    _nested(inner, schema.additional, stored=stored)
        elif not schema.open:
            _struct(value, schema, stored=stored)


def _drops_zero(value: Any, go_field: GoField, field: Schema) -> bool:
    """Whether Go leaves this scalar out: the zero value of a field marked to go when empty."""
    if field.scalar:
        return field.scalar in {"time", "microtime"} and value == ""
    return (go_field.omitempty or go_field.omitzero) and value in ("", 0, False)
