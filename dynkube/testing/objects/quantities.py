"""Resource quantities (``500m``, ``1.5Gi``): as numbers, and in the one form the server shows them in."""

from __future__ import annotations

import re
from decimal import ROUND_UP, Decimal, DecimalException, InvalidOperation

_FACTORS = {
    "n": Decimal(10) ** -9,
    "u": Decimal(10) ** -6,
    "m": Decimal(10) ** -3,
    "": Decimal(1),
    "k": Decimal(10) ** 3,
    "M": Decimal(10) ** 6,
    "G": Decimal(10) ** 9,
    "T": Decimal(10) ** 12,
    "P": Decimal(10) ** 15,
    "E": Decimal(10) ** 18,
    "Ki": Decimal(2) ** 10,
    "Mi": Decimal(2) ** 20,
    "Gi": Decimal(2) ** 30,
    "Ti": Decimal(2) ** 40,
    "Pi": Decimal(2) ** 50,
    "Ei": Decimal(2) ** 60,
}


def parse(text: object) -> Decimal:
    """Return a quantity's value; 0 for what is none (decoding refused that already)."""
    found = str(text)
    digits = found.rstrip("numkKMGTPEi")
    try:
        return Decimal(digits) * _FACTORS.get(found[len(digits) :], Decimal(1))
    except InvalidOperation:
        return Decimal(0)


_PARTS = re.compile(r"([+-]?[0-9]*\.?[0-9]*)([A-Za-z]*)([+-]?[0-9]*)")
#: Nothing is larger (apimachinery ``resource.Quantity`` keeps an int64), and nothing finer than a billionth.
_LARGEST = Decimal(2**63 - 1)
_DECIMAL = {-9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E"}
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


def canonical(text: str) -> str:
    """Return a well-formed quantity as Go prints it once read: no fraction, the largest suffix that needs none.

    ``0.5`` is shown as ``500m``, ``1024Mi`` as ``1Gi``, ``1000`` as ``1k``; the family of the suffix stays.
    """
    found = _PARTS.fullmatch(text)
    if found is None:
        return text
    digits, suffix, power = found.groups()
    exponent = suffix in ("e", "E") and bool(power)
    try:
        value = Decimal(digits) * (Decimal(10) ** int(power[:6]) if exponent else _FACTORS[suffix])
    except (DecimalException, KeyError):
        return text
    sign, size = "-" if value < 0 else "", min(abs(value), _LARGEST)
    if suffix.endswith("i") and size >= 1024 and size == int(size):
        return sign + _binary(int(size))
    return sign + _decimal(size, exponent=exponent)


def _binary(size: int) -> str:
    step = 0
    while size % 1024 == 0 and step < len(_BINARY) - 1:
        size, step = size // 1024, step + 1
    return f"{size}{_BINARY[step]}"


def _decimal(size: Decimal, *, exponent: bool) -> str:
    count, power = int((size * 10**9).to_integral_value(ROUND_UP)), -9
    if count == 0:
        return "0"
    while count % 1000 == 0 and power < 18:
        count, power = count // 1000, power + 3
    if exponent:
        return f"{count}e{power}" if power else str(count)
    return f"{count}{_DECIMAL[power]}"
