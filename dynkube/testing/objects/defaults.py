"""What the server fills in: defaults of the schema, of Go types, and of kinds.

Schema defaults are generic (custom objects have nothing else). Built-in types and kinds add theirs from the tables in
`dynkube.testing.kinds`; zero values that Go always prints are no defaults and belong to `go_shape`.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from dynkube.testing.kinds import other_defaults, pod_defaults, workload_defaults
from dynkube.testing.objects.go_shape import shape

if TYPE_CHECKING:
    from dynkube.names import GroupVersionKind
    from dynkube.testing.objects.schemas import Schema

#: Values that are Go's zero, not somebody's choice.
_ZERO = ("", 0, False)


def apply_defaults(obj: dict[str, Any], schema: Schema | None, gvk: GroupVersionKind | None = None) -> dict[str, Any]:
    """Fill in every default, in place, and return the object in its Go form; idempotent.

    ``gvk`` names a built-in kind; without it only the schema's and its types' defaults are filled in.
    """
    if schema is None:
        return obj
    if schema.custom:
        _custom(obj, schema)
        return shape(obj, schema)
    _typed(obj, schema)
    if gvk is not None:
        key = (gvk.group, gvk.kind)
        fill = workload_defaults.BY_KIND.get(key) or other_defaults.BY_KIND.get(key)
        if fill is not None:
            fill(obj)
    return shape(obj, schema)


def _typed(value: dict[str, Any], schema: Schema) -> None:
    for key, field in schema.properties.items():
        current = value.get(key)
        if current is None:
            default = field.raw.get("default")
            if default is not None and default != {} and default not in _ZERO:
                value[key] = copy.deepcopy(default)
        elif not field.scalar:
            _descend(current, field)
    fill = pod_defaults.BY_TYPE.get(schema.name)
    if fill is not None:
        fill(value)


def _descend(value: Any, schema: Schema) -> None:
    if isinstance(value, dict):
        if schema.is_map:
            if schema.additional is not None:
                for inner in value.values():
                    _descend(inner, schema.additional)
        elif not schema.open:
            _typed(value, schema)
    elif isinstance(value, list) and schema.items is not None:
        for inner in value:
            _descend(inner, schema.items)


def _custom(value: Any, schema: Schema) -> None:
    if isinstance(value, dict):
        for key, field in schema.properties.items():
            if not field.custom:
                continue  # metadata: a Go struct
            if key in value and value[key] is None and not field.nullable:
                del value[key]  # as if it had not been sent (apiextensions' PruneNonNullableNulls...)
            if key not in value and "default" in field.raw:
                value[key] = copy.deepcopy(field.raw["default"])
            if key in value:
                _custom(value[key], field)
        if schema.additional is not None:
            for key in [key for key in value if key not in schema.properties]:
                if value[key] is None and not schema.additional.nullable:
                    del value[key]
                else:
                    _custom(value[key], schema.additional)
    elif isinstance(value, list) and schema.items is not None:
        for inner in value:
            _custom(inner, schema.items)
