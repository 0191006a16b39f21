"""The order in which Go writes the fields of its structs, as recorded: JSON of built-in objects is not sorted.

Only types that were seen in recorded answers are known; their unseen fields and all other types come sorted by name.
"""

from __future__ import annotations

import functools
import json
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

    from dynkube.testing.objects.schemas import Schema


@functools.cache
def _positions() -> dict[str, dict[str, int]]:
    text = resources.files("dynkube.testing").joinpath("data").joinpath("field_order.json").read_bytes()
    return {name: {field: at for at, field in enumerate(fields)} for name, fields in json.loads(text).items()}


def ordered(value: Any, schema: Schema | None, remade: Collection[str] = (), path: str = "") -> Any:
    """Return a copy of a built-in object with its keys in Go's order.

    ``remade`` names paths (``spec``, ``""`` the top) of objects that a patch took apart: Go prints those sorted.
    """
    if isinstance(value, dict):
        known = _positions().get(schema.definition, {}) if schema is not None and path not in remade else {}
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
