"""Pruning of custom objects: fields no structural schema declares are dropped before anything is stored."""

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
