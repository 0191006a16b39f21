"""How much the rules of a definition may cost, each and together, as the server estimates it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dynkube.testing.cel.spans import plus

if TYPE_CHECKING:
    from dynkube.testing.objects.report import Report

#: The limit of one expression, for all the places it is evaluated at, and that of a whole schema.
EXPRESSION_LIMIT: Final = 10_000_000
SCHEMA_LIMIT: Final = 100_000_000
#: How many of the most expensive expressions are named when a schema costs too much.
_NAMED: Final = 4


def _too_much(what: str, cost: int, limit: int) -> str:
    times = cost / limit
    factor = "more than 100x" if times > 100 else f"{times:f}x" if times < 1.5 else f"{times:.1f}x"
    how = "adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared"
    return f"{what} exceeds budget by factor of {factor} (try simplifying the rule, or {how})"


class Budget:
    """What the expressions of a schema cost so far; those that cost too much are reported."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._total = 0
        self._most: list[tuple[int, str]] = []

    def spend(self, path: str, what: str, cost: int) -> None:
        """Count an expression: ``what`` is ``rule`` or ``messageExpression``."""
        if cost > EXPRESSION_LIMIT:
            self._report.forbidden(path, _too_much(f"estimated {what} cost", cost, EXPRESSION_LIMIT))
        self._total = plus(self._total, cost)
        if cost >= SCHEMA_LIMIT // 100:
            self._most = sorted([*self._most, (cost, path)], key=lambda one: -one[0])[:_NAMED]

    def close(self, path: str) -> None:
        """Report a schema that costs too much as a whole."""
        if self._total <= SCHEMA_LIMIT:
            return
        for _, expensive in self._most:
            why = "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema"
            self._report.forbidden(expensive, why)
        what = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema"
        self._report.forbidden(path, _too_much(what, self._total, SCHEMA_LIMIT))
