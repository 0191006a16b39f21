"""Rules of single values, whatever kind they are of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dynkube.testing.objects.report import Report

NOT_NEGATIVE = "must be greater than or equal to 0"


def not_negative(spec: dict[str, Any], key: str, path: str, report: Report) -> None:
    """Check that a number, if given, is not below zero."""
    value = spec.get(key)
    if isinstance(value, int) and value < 0:
        report.invalid(f"{path}.{key}" if path else key, value, NOT_NEGATIVE)


def one_of(spec: dict[str, Any], key: str, path: str, known: tuple[str, ...], report: Report) -> None:
    """Check that a word, if given, is one of a closed list."""
    value = spec.get(key)
    if value is not None and value not in known:
        report.unsupported(f"{path}.{key}" if path else key, value, known)
