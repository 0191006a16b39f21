"""Resource quantities: ``500m``, ``1.5Gi``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from dynkube.testing.cel import types
from dynkube.testing.cel.declarations import Overload, member, plain
from dynkube.testing.cel.values import EvaluationError
from dynkube.testing.objects import quantities
from dynkube.testing.objects.typed_reading import is_quantity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from dynkube.testing.cel.types import Type

_FORM = r"quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


@dataclass(frozen=True)
class Quantity:
    """An amount."""

    amount: Decimal
    cel_type: ClassVar[Type] = types.QUANTITY


def overloads() -> Iterator[Overload]:
    """Yield the functions of quantities."""
    yield plain("quantity", "string", "quantity", parse)
    yield plain("isQuantity", "string", "bool", is_quantity)
    yield plain("sign", "quantity", "int", lambda one: (one.amount > 0) - (one.amount < 0))
    yield member("isGreaterThan", "quantity, quantity", "bool", lambda one, other: one.amount > other.amount)
    yield member("isLessThan", "quantity, quantity", "bool", lambda one, other: one.amount < other.amount)
    yield member("compareTo", "quantity, quantity", "int", _compare)
    yield member("asApproximateFloat", "quantity", "double", lambda one: float(one.amount))
    yield member("asInteger", "quantity", "int", _integer)
    yield member("isInteger", "quantity", "bool", _is_integer)
    yield member("add", "quantity, quantity", "quantity", lambda one, other: Quantity(one.amount + other.amount))
    yield member("add", "quantity, int", "quantity", lambda one, other: Quantity(one.amount + other))
    yield member("sub", "quantity, quantity", "quantity", lambda one, other: Quantity(one.amount - other.amount))
    yield member("sub", "quantity, int", "quantity", lambda one, other: Quantity(one.amount - other))


def parse(text: str) -> Quantity:
    """Return a quantity. Raises EvaluationError."""
    if not is_quantity(text):
        raise EvaluationError(_FORM)
    return Quantity(quantities.parse(text))


def _compare(one: Quantity, other: Quantity) -> int:
    return (one.amount > other.amount) - (one.amount < other.amount)


def _is_integer(one: Quantity) -> bool:
    return one.amount == one.amount.to_integral_value() and -(2**63) <= one.amount < 2**63


def _integer(one: Quantity) -> int:
    if not _is_integer(one):
        raise EvaluationError("cannot convert value to integer")
    return int(one.amount)
