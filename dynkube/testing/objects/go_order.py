"""The order in which Go writes the fields of its structs: JSON of built-in objects is not sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

    from dynkube.testing.objects.schemas import Schema


def ordered(value: Any, schema: Schema | None, remade: Collection[str] = (), path: str = "") -> Any:
    """Return a copy of a built-in object with its keys in Go's order.

    ``remade`` names paths (``spec``, ``""`` the top) of objects that a patch took apart: Go prints those sorted.
    """
    if isinstance(value, dict):
        known = schema.go_positions if schema is not None and path not in remade else {}
        keys = sorted(value, key=lambda key: (known.get(key, len(known)), key))
        return {
            key: ordered(value[key], schema.field(key) if schema is not None else None, remade, _below(path, key))
            for key in keys
        }
    if isinstance(value, list):
        items = schema.items if schema is not None else None
        return [ordered(one, items, remade, f"{path}[{index}]") for index, one in enumerate(value)]
    return value


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
