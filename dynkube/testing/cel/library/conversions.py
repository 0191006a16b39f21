"""From one type to another: ``int()``, ``string()`` and the like."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dynkube.testing.cel import moments, values
from dynkube.testing.cel.declarations import Overload, plain
from dynkube.testing.cel.library.operators import integer, unsigned
from dynkube.testing.cel.values import Duration, EvaluationError, Timestamp, UInt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_FLOAT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|infinity)|nan", re.ASCII | re.IGNORECASE)


def overloads() -> Iterator[Overload]:
    """Yield the conversions."""
    yield plain("type", "A", "type(A)", values.type_of)
    yield plain("dyn", "A", "dyn", _same)
    for kind in ("bool", "bytes", "double", "duration", "int", "string", "timestamp", "uint"):
        yield plain(kind, kind, kind, _same)
    yield plain("bool", "string", "bool", _bool)
    yield plain("bytes", "string", "bytes", str.encode)
    yield plain("double", "int", "double", float)
    yield plain("double", "uint", "double", float)
    yield plain("double", "string", "double", _double)
    yield plain("duration", "int", "duration", Duration)
    yield plain("duration", "string", "duration", _parsed("google.protobuf.Duration", moments.parse_duration))
    yield plain("int", "double", "int", _truncated)
    yield plain("int", "duration", "int", lambda span: span.nanoseconds)
    yield plain("int", "string", "int", _int)
    yield plain("int", "timestamp", "int", lambda moment: moment.nanoseconds // moments.SECOND)
    yield plain("int", "uint", "int", lambda value: integer(int(value)))
    yield plain("timestamp", "int", "timestamp", lambda seconds: moments.timestamp(seconds * moments.SECOND))
    yield plain("timestamp", "string", "timestamp", _parsed("google.protobuf.Timestamp", moments.parse_timestamp))
    yield plain("uint", "double", "uint", _truncated_uint)
    yield plain("uint", "int", "uint", unsigned)
    yield plain("uint", "string", "uint", _uint)
    for kind in ("bool", "bytes", "double", "duration", "int", "timestamp", "uint"):
        yield plain("string", kind, "string", text)


def _same(value: Any) -> Any:
    return value


def _not(wanted: str) -> EvaluationError:
    return EvaluationError(f"type conversion error from 'string' to '{wanted}'")


def _bool(text: str) -> bool:
    if text in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    if text in ("0", "f", "F", "false", "FALSE", "False"):
        return False
    raise _not("bool")


def _double(text: str) -> float:
    if _FLOAT.fullmatch(text) is None:
        raise _not("double")
    return float(text)


def _int(text: str) -> int:
    if re.fullmatch(r"[+-]?\d+", text, re.ASCII) is None or not -(2**63) <= int(text) < 2**63:
        raise _not("int")
    return int(text)


def _uint(text: str) -> UInt:
    if re.fullmatch(r"\d+", text, re.ASCII) is None or int(text) >= 2**64:
        raise _not("uint")
    return UInt(text)


def _truncated(value: float) -> int:
    # The largest double below 2**63 is the limit: cel-go refuses 2**63 - 1 itself, which no double is.
    if not math.isfinite(value) or not -(2**63) < value < 2**63:
        raise EvaluationError("integer overflow")
    return int(value)


def _truncated_uint(value: float) -> UInt:
    if not math.isfinite(value) or not 0 <= value < 2**64:
        raise EvaluationError("unsigned integer overflow")
    return UInt(int(value))


def _parsed(name: str, parse: Callable[[str], Any]) -> Callable[[str], Any]:
    def convert(text: str) -> Any:
        found = parse(text)
        if found is None:
            raise _not(name)
        return found

    return convert


def double_text(value: float) -> str:
    """Return a double as Go's ``%g`` prints it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    sign, digits, power = Decimal(repr(value)).normalize().as_tuple()
    exponent = len(digits) - 1 + int(power)
    if -4 <= exponent < 6 or not value:
        return f"{Decimal(repr(value)).normalize():f}"
    fraction = "".join(map(str, digits[1:]))
    return f"{'-' if sign else ''}{digits[0]}{'.' + fraction if fraction else ''}e{exponent:+03d}"


def text(value: Any) -> str:
    """Return a value as ``string()`` prints it. Raises EvaluationError."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return double_text(value)
    if isinstance(value, Duration):
        return moments.print_duration(value)
    if isinstance(value, Timestamp):
        return moments.print_timestamp(value)
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise EvaluationError("invalid UTF-8 in bytes, cannot convert to string") from None
    return str(value)
