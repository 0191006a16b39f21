"""``fieldPath`` of a rule: a path of fields and map keys, ``.spec['a.b'].c``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dynkube.testing.cel.schema_types import RawSchema

_STEP = re.compile(r"\.([^.\[\]]+)|\['((?:\\.|[^'\\])*)'\]")
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "'": "'", "\\": "\\"}


def normalized(path: str, schema: RawSchema) -> str | None:
    """Return a path as the server prints it below the rule's own; None when the schema has no such field."""
    shown, at, here = "", 0, schema
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            return None
        at = step.end()
        name = step[1] if step[1] is not None else _unescaped(step[2])
        if name is None:
            return None
        properties, rest = here.get("properties"), here.get("additionalProperties")
        if properties:
            if name not in properties:
                return None
            shown, here = f"{shown}.{name}" if shown else name, properties[name]
        elif isinstance(rest, dict):
            shown, here = f"{shown}[{name}]", rest
        else:
            return None
    return shown


def _unescaped(text: str) -> str | None:
    if any(char not in _ESCAPES for char in re.findall(r"\\(.)", text, re.DOTALL)):
        return None
    return re.sub(r"\\(.)", lambda match: _ESCAPES[match[1]], text, flags=re.DOTALL)
