"""Collecting the causes of an invalid object in the words of apimachinery's ``field`` errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.testing.http import failures
from dynkube.testing.http.failures import Cause
from dynkube.testing.objects import go_json

if TYPE_CHECKING:
    from collections.abc import Iterable


def show(value: Any) -> str:
    """Print a value as an error does: text quoted, the rest as JSON."""
    if isinstance(value, str):
        return quote(value)
    return go_json.dumps(value)


def quote(text: str) -> str:
    """Quote text as Go's %q does."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r") + '"'


class Report:
    """The causes found so far; each method adds one for the field at ``path``."""

    def __init__(self) -> None:
        self.causes: list[Cause] = []

    def _add(self, reason: str, path: str, message: str) -> None:
        self.causes.append(Cause(reason, message, path))

    def required(self, path: str, why: str = "") -> None:
        """Say that nothing is there, and something must be."""
        self._add(failures.REQUIRED, path, f"Required value: {why}" if why else "Required value")

    def invalid(self, path: str, value: Any, why: str) -> None:
        """Say that the value breaks a rule."""
        self._add(failures.INVALID, path, f"Invalid value: {show(value)}" + (f": {why}" if why else ""))

    def unquoted(self, path: str, value: str, why: str) -> None:
        """Say that a number breaks a rule, where the server prints it bare though it comes as text."""
        self._add(failures.INVALID, path, f"Invalid value: {value}: {why}")

    def unexplained(self, path: str, why: str) -> None:
        """Say that a rule is broken, where the server quotes no value (it may be too large to be shown)."""
        self._add(failures.INVALID, path, f"Invalid value: {why}")

    def malformed(self, path: str, value: Any, problems: Iterable[str]) -> None:
        """Say everything that is wrong with the form of a value (what a function of `formats` returns)."""
        for problem in problems:
            self.invalid(path, value, problem)

    def internal(self, path: str, why: str) -> None:
        """Say that the server could not do its part."""
        self._add(failures.INTERNAL, path, f"Internal error: {why}")

    def mistyped(self, path: str, value: Any, why: str) -> None:
        """Say that the value has the wrong type."""
        self._add(failures.TYPE_INVALID, path, f"Invalid value: {show(value)}: {why}")

    def duplicate(self, path: str, value: Any, why: str = "", *, omitted: bool = False) -> None:
        """Say that the value is there already; ``omitted`` leaves it out, as it is too large to be shown."""
        shown = "" if omitted else f": {show(value)}"
        self._add(failures.DUPLICATE, path, f"Duplicate value{shown}" + (f": {why}" if why else ""))

    def unsupported(self, path: str, value: Any, supported: Iterable[Any]) -> None:
        """Say that the value is none of a closed list."""
        known = ", ".join(show(one) for one in supported)
        self._add(failures.NOT_SUPPORTED, path, f"Unsupported value: {show(value)}: supported values: {known}")

    def forbidden(self, path: str, why: str) -> None:
        """Say that the field may not be set (now)."""
        self._add(failures.FORBIDDEN, path, f"Forbidden: {why}")

    def too_long(self, path: str, limit: int) -> None:
        """Say that the text has more than ``limit`` bytes."""
        why = f"may not be more than {limit} bytes" if limit >= 0 else "value is too long"
        self._add(failures.TOO_LONG, path, f"Too long: {why}")

    def too_many(self, path: str, count: int, limit: int) -> None:
        """Say that the list has more than ``limit`` elements."""
        items = "item" if limit == 1 else "items"
        self._add(failures.TOO_MANY, path, f"Too many: {count}: must have at most {limit} {items}")

    def not_found(self, path: str, value: Any) -> None:
        """Say that the value names something that is not there."""
        self._add(failures.NOT_FOUND, path, f"Not found: {show(value)}")

    def unchanged(self, path: str, new: Any, old: Any) -> None:
        """Add a cause if an immutable field changed."""
        if new != old:
            self.invalid(path, new, "field is immutable")
