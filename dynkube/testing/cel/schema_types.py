"""What rules see of a structural schema: the types of its values, and how large they can become.

After apiserver ``cel/common/schemas.go``; sizes are what the cost of a rule is estimated from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from dynkube.testing.cel import escaping, types

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynkube.testing.cel.types import Type

    RawSchema = Mapping[str, Any]

#: The largest request a server reads, in bytes.
MAX_REQUEST: Final = 3 * 1024 * 1024
_STRING: Final = {"type": "string"}
_METADATA: Final = {"type": "object", "properties": {"name": _STRING, "generateName": _STRING}}
#: By format of a string: the type, the longest text, and the shortest one with its quotes.
_FORMATS: Final = {
    "duration": (types.DURATION, 32, 3),
    "date": (types.TIMESTAMP, 12, 12),
    "date-time": (types.TIMESTAMP, 32, 21),
}
#: By type: how many bytes the shortest value takes.
_NUMBERS: Final = {"boolean": (types.BOOL, 4), "number": (types.DOUBLE, 1), "integer": (types.INT, 1)}


@dataclass(frozen=True)
class Shape:
    """The type of a value, the number of its elements at most, and of its bytes at least."""

    type: Type
    max_elements: int = 0
    min_size: int = 0
    fields: Mapping[str, Shape] = field(default_factory=dict)
    element: Shape | None = None


def with_metadata(schema: RawSchema) -> RawSchema:
    """Return the schema of a whole object with what every object has: kind, apiVersion and its name."""
    known = schema.get("properties") or {}
    inner = (known.get("metadata") or {}).get("properties") or {}
    typed = [known.get("kind"), known.get("apiVersion"), inner.get("name"), inner.get("generateName")]
    if (known.get("metadata") or {}).get("type") == "object" and all(
        (one or {}).get("type") == "string" for one in typed
    ):
        return schema
    return {**schema, "properties": {**known, "kind": _STRING, "apiVersion": _STRING, "metadata": _METADATA}}


def shape_of(schema: RawSchema, *, root: bool = False, name: str = "selfType") -> Shape | None:
    """Return how rules see the values of a schema; None when they do not see them.

    ``root`` says that a whole object stands here (or an embedded one).
    """
    if schema.get("x-kubernetes-int-or-string"):
        return Shape(types.DYN, _text_length(schema), 1)
    if root:
        schema = with_metadata(schema)
    kind = schema.get("type")
    if kind == "array":
        return _list(schema, name)
    if kind == "object":
        return _map(schema, name) if isinstance(schema.get("additionalProperties"), dict) else _object(schema, name)
    if kind == "string":
        return _text(schema)
    if kind in _NUMBERS:
        return Shape(_NUMBERS[kind][0], 0, _NUMBERS[kind][1])
    return None


def child_shape(schema: RawSchema, name: str) -> Shape | None:
    """Return how rules see the values of a schema inside of another one."""
    return shape_of(schema, root=bool(schema.get("x-kubernetes-embedded-resource")), name=name)


def _limit(schema: RawSchema, key: str, otherwise: int) -> int:
    limit = schema.get(key)
    return otherwise if limit is None else max(int(limit), 0)


def _list(schema: RawSchema, name: str) -> Shape | None:
    items = schema.get("items")
    element = child_shape(items, f"{name}.@idx") if isinstance(items, dict) else None
    if element is None:
        return None
    count = _limit(schema, "maxItems", (MAX_REQUEST - 2) // (element.min_size + 1))
    return Shape(types.list_of(element.type), count, 2, element=element)


def _map(schema: RawSchema, name: str) -> Shape | None:
    element = child_shape(schema["additionalProperties"], f"{name}.@elem")
    if element is None:
        return None
    count = _limit(schema, "maxProperties", (MAX_REQUEST - 2) // (element.min_size + 6))
    return Shape(types.map_of(types.STRING, element.type), count, 2, element=element)


def _object(schema: RawSchema, name: str) -> Shape:
    fields: dict[str, Shape] = {}
    size, required = 2, schema.get("required") or ()
    for key, inner in (schema.get("properties") or {}).items():
        identifier = escaping.escape(key)
        shape = child_shape(inner, f"{name}.{identifier}")
        if shape is None:
            continue
        if identifier is not None:
            fields[identifier] = shape
        if key in required and inner.get("default") is None:
            size += len(key) + shape.min_size + 4
    return Shape(types.struct(name, {key: shape.type for key, shape in fields.items()}), 0, size, fields)


def _text(schema: RawSchema) -> Shape:
    form = schema.get("format")
    if form in _FORMATS:
        return Shape(*_FORMATS[form])
    if form == "byte":
        return Shape(types.BYTES, _limit(schema, "maxLength", MAX_REQUEST - 2), 2)
    return Shape(types.STRING, _text_length(schema), 2)


def _text_length(schema: RawSchema) -> int:
    """Return how many bytes a text has at most: a character may take four of them."""
    if schema.get("maxLength") is not None:
        return _limit(schema, "maxLength", 0) * 4
    if schema.get("enum") and not schema.get("x-kubernetes-int-or-string"):
        return max((len(one.encode()) for one in schema["enum"] if isinstance(one, str)), default=0)
    return MAX_REQUEST - 2
