"""Numbers that may be percentages, and names of revisions."""

from __future__ import annotations

import json
from typing import Any, Final

#: No vowels and no digits that look like letters: hashes in names spell no words (apimachinery's SafeEncodeString).
_SAFE: Final = "bcdfghjklmnpqrstvwxz2456789"
_FNV_START: Final = 2166136261
_FNV_PRIME: Final = 16777619


def scaled(value: int | str | None, total: int, *, up: bool) -> int:
    """Return a count, or a percentage of ``total`` rounded up or down; None is 0."""
    if isinstance(value, str) and value.endswith("%"):
        share = int(value[:-1]) * total
        return -(-share // 100) if up else share // 100
    return int(value or 0)


def name_hash(value: Any, collisions: int = 0) -> str:
    """Return a short hash of a JSON value that is fit for names and labels; collisions make another one of it.

    FNV-1a as the controllers use it, but over JSON: they hash a printed Go struct, so the letters differ from theirs.
    """
    found = _FNV_START
    for byte in json.dumps([value, collisions] if collisions else value, sort_keys=True).encode():
        found = ((found ^ byte) * _FNV_PRIME) & 0xFFFFFFFF
    return "".join(_SAFE[ord(digit) % len(_SAFE)] for digit in str(found))
