"""`get --sort-by`: objects in the order of the value a JSONPath finds in each."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from dynkube.cli.exits import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dynkube.watch import JSONPath

_T = TypeVar("_T")

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([KMGTPE]i|[numkMGTPE]))?")
_SUFFIXES = {
    **{
        suffix: Decimal(1000) ** power
        for power, suffix in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"), -3)
    },
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)},
}
_PIECES = re.compile(r"\d+|\D")


def sorted_by(path: JSONPath, rows: Iterable[_T], object_of: Callable[[_T], Any]) -> list[_T]:
    """Return `rows` in the order of what `path` finds in the object of each; those without it come first.

    Numbers and quantities (`100m`, `1Gi`) go by what they amount to, other text as people count: `web-9` before
    `web-10`. Rows of equal value keep their order. Raises UsageError where no object has the field, or where what is
    found is not a single value.
    """
    kept = list(rows)
    found = [path.find(object_of(row)) for row in kept]
    if kept and not any(found):
        raise UsageError(f"--sort-by: none of the objects has a field '{path}'")
    values = [each[0] if each else None for each in found]
    for value in values:
        if isinstance(value, dict | list):
            raise UsageError(
                f"--sort-by: '{path}' is not a single value but {'a list' if isinstance(value, list) else 'an object'}"
            )
    texts = [value for value in values if isinstance(value, str)]
    text_key = _amount if all(map(_QUANTITY.fullmatch, texts)) else natural
    order = sorted(range(len(kept)), key=lambda index: _key(values[index], text_key))
    return [kept[index] for index in order]


def _key(value: Any, text_key: Callable[[str], Any]) -> tuple[int, Any]:
    """Return a key under which values of different kinds can be compared: nothing, booleans, numbers, text."""
    if value is None:
        return 0, 0
    if isinstance(value, bool):
        return 1, value
    return (2, value) if isinstance(value, int | float) else (3, text_key(value))


def _amount(text: str) -> Decimal:
    number, exponent, suffix = _QUANTITY.findall(text)[0]
    return Decimal(number + exponent) * _SUFFIXES[suffix]


def natural(text: str) -> list[tuple[int, int]]:
    """Return a key that orders text as people do: digits that stand together count as the number they are."""
    return [(ord("0"), int(piece)) if piece.isdecimal() else (ord(piece), 0) for piece in _PIECES.findall(text)]
