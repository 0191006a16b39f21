"""Pruning of custom objects: fields no structural schema declares, and nulls that are no value, are dropped."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dynkube.testing.objects.schemas import Schema

#: Kept in every object and every embedded one, declared or not.
_TYPE_META = frozenset({"apiVersion", "kind", "metadata"})


def unknown_fields(value: Any, schema: Schema) -> bool:
    """Tell whether a value holds fields its schema does not declare."""
    pruned = copy.deepcopy(value)
    _prune(pruned, schema)
    return bool(pruned != value)


def prune(obj: dict[str, Any], schema: Schema | None) -> dict[str, Any]:
    """Drop undeclared fields of a custom object, in place, and return it; built-in objects are left alone."""
    if schema is not None and schema.custom:
        _prune_object(obj, schema, root=True)
    return obj


def drop_nulls(obj: dict[str, Any], schema: Schema | None) -> dict[str, Any]:
    """Drop the nulls a custom object was sent with where null is no value and there is no default, in place.

    Objects that are applied keep theirs, which validation then refuses (apiextensions ``schema/defaulting``).
    """
    if schema is not None and schema.custom:
        _drop_nulls(obj, schema)
    return obj


def _drop_nulls(value: Any, schema: Schema) -> None:
    if isinstance(value, list):
        if schema.items is not None:
            for element in value:
                _drop_nulls(element, schema.items)
        return
    if not isinstance(value, dict):
        return
    for key in list(value):
        field = schema.field(key)
        if field is None or not field.custom:
            continue
        if value[key] is not None:
            _drop_nulls(value[key], field)
        elif not field.nullable and "default" not in field.raw:
            del value[key]


def _prune_object(value: dict[str, Any], schema: Schema, *, root: bool) -> None:
    whole = root or schema.embedded_resource
    for key in list(value):
        if whole and key in _TYPE_META:
            continue
        field = schema.field(key)
        if field is not None:
            _prune(value[key], field)
        elif not schema.open:
            del value[key]


def _prune(value: Any, schema: Schema) -> None:
    if isinstance(value, dict):
        _prune_object(value, schema, root=False)
    elif isinstance(value, list) and schema.items is not None:
        for element in value:
            _prune(element, schema.items)
