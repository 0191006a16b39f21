"""``format``: the clauses of cel-go's string extension (``%s``, ``%d``, ``%.2f``, ``%x``...)."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

from dynkube.testing.cel.library import conversions
from dynkube.testing.cel.types import Type
from dynkube.testing.cel.values import Duration, EvaluationError, ListValue, MapValue, Timestamp, type_of
from dynkube.testing.objects.report import quote

if TYPE_CHECKING:
    from collections.abc import Callable

_PRECISION = 6
_CLAUSE = re.compile(r"%(%|(?:\.(\d*))?(.)|$)", re.DOTALL)
_SUPERSCRIPT = str.maketrans("0123456789+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻")
_SPECIAL = ("NaN", "Infinity", "-Infinity")


def formatted(template: str, arguments: ListValue) -> str:
    """Return a template with its clauses filled in. Raises EvaluationError."""
    rest = list(arguments.elements())
    used = 0

    def fill(match: re.Match[str]) -> str:
        nonlocal used
        if match[1] == "%":
            return "%"
        if not match[1]:
            raise EvaluationError("unexpected end of string")
        if used >= len(rest):
            raise EvaluationError(f"index {used} out of range")
        used += 1
        precision = int(match[2]) if match[2] else _PRECISION
        try:
            return _clause(match[3], rest[used - 1], precision)
        except EvaluationError as error:
            raise EvaluationError(f"error during formatting: {error}") from None

    found = _CLAUSE.sub(fill, template)
    if used < len(rest):
        counts = f"(expected {used}, got {len(rest)})"
        raise EvaluationError(f"too many arguments supplied to string.format {counts}")
    return found


def _clause(letter: str, value: Any, precision: int) -> str:
    if letter == "s":
        return _text(value)
    if letter == "d":
        return _decimal(value)
    if letter in "fe":
        return _double(value, precision, scientific=letter == "e")
    by_letter: dict[str, Callable[[Any], str]] = {
        "b": _binary,
        "x": _hexadecimal,
        "X": lambda one: _hexadecimal(one).upper(),
        "o": _octal,
    }
    if letter not in by_letter:
        raise unknown_clause(letter)
    return by_letter[letter](value)


_STRING_TYPES = "strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps"
#: By clause: the kinds of types it takes, and what is said of others.
CLAUSES: Final = {
    "s": (
        {"string", "bool", "bytes", "int", "uint", "double", "map", "list", "type", "null_type"}
        | {"google.protobuf.Duration", "google.protobuf.Timestamp"},
        f"string clause can only be used on {_STRING_TYPES}",
    ),
    "d": ({"int", "uint"}, "decimal clause can only be used on integers"),
    "f": ({"double", "string"}, "fixed-point clause can only be used on doubles"),
    "e": ({"double", "string"}, "scientific clause can only be used on doubles"),
    "b": ({"int", "uint", "bool"}, "only integers and bools can be formatted as binary"),
    "x": (
        {"int", "uint", "string", "bytes"},
        "only integers, byte buffers, and strings can be formatted as hex",
    ),
    "o": ({"int", "uint"}, "octal clause can only be used on integers"),
}
CLAUSES["X"] = CLAUSES["x"]


def _refuse(letter: str, value: Any) -> EvaluationError:
    return EvaluationError(f"{CLAUSES[letter][1]}, was given {type_of(value).name}")


def clauses(template: str) -> list[str]:
    """Return the letters of a template's clauses. Raises EvaluationError."""
    found: list[str] = []
    for match in _CLAUSE.finditer(template):
        if not match[1]:
            raise EvaluationError("unexpected end of string")
        if match[1] == "%":
            continue
        if match[3] not in CLAUSES:
            raise unknown_clause(match[3])
        found.append(match[3])
    return found


def unknown_clause(letter: str) -> EvaluationError:
    """Return what is said of a letter that stands for nothing."""
    return EvaluationError(f'could not parse formatting clause: unrecognized formatting clause "{letter}"')


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _decimal(value: Any) -> str:
    if not _is_integer(value):
        raise _refuse("d", value)
    return str(value)


def _binary(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if not _is_integer(value):
        raise _refuse("b", value)
    return f"{value:b}"


def _octal(value: Any) -> str:
    if not _is_integer(value):
        raise _refuse("o", value)
    return f"{value:o}"


def _hexadecimal(value: Any) -> str:
    if isinstance(value, (str, bytes)):
        return (value.encode() if isinstance(value, str) else value).hex()
    if not _is_integer(value):
        raise _refuse("x", value)
    return f"{value:x}"


def _double(value: Any, precision: int, *, scientific: bool) -> str:
    if isinstance(value, str) and value in _SPECIAL:
        value = float(value)
    if not isinstance(value, float):
        raise _refuse("e" if scientific else "f", value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if not scientific:
        return f"{value:,.{precision}f}"
    mantissa, _, exponent = f"{value:.{precision}e}".partition("e")
    # golang.org/x/text prints the exponent in superscript, between narrow spaces that do not break.
    return f"{mantissa}\u202f\u00d7\u202f10{exponent.lstrip('+').translate(_SUPERSCRIPT)}"


def _text(value: Any) -> str:
    if isinstance(value, ListValue):
        return f"[{', '.join(map(_inner, value.elements()))}]"
    if isinstance(value, MapValue):
        pairs = sorted((_inner(key), _inner(value.get(key))) for key in value)
        return f"{{{', '.join(f'{key}:{held}' for key, held in pairs)}}}"
    if value is None:
        return "null"
    if isinstance(value, Type):
        return value.name
    if isinstance(value, (bool, int, float, str, bytes, Duration, Timestamp)):
        return conversions.text(value)
    raise _refuse("s", value)


def _inner(value: Any) -> str:
    """Return a part of a list or a map as CEL writes it."""
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, bytes):
        return f"b{quote(conversions.text(value))}"
    if isinstance(value, Timestamp):
        return f"timestamp({quote(conversions.text(value))})"
    if isinstance(value, Duration):
        return f"duration({quote(conversions.text(value))})"
    if isinstance(value, float):
        return f"{value:.{_PRECISION}f}" if math.isfinite(value) else quote(conversions.text(value))
    if isinstance(value, (ListValue, MapValue, bool, int, Type)) or value is None:
        return _text(value)
    raise EvaluationError(f"no formatting function for {type_of(value).name}")
