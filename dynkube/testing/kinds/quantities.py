"""Reading resource quantities (``500m``, ``1.5Gi``) as numbers."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

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
