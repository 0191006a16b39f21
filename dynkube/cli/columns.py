"""Text in columns, spaced as kubectl spaces it, with terminal control sequences made harmless."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Blanks between the widest cell of a column and the next column.
GAP = 3
#: No column but the last is narrower than this.
NARROWEST = 6


class Columns:
    """Lays rows out in columns and remembers the widths, so that rows which come later (a watch) stay aligned.

    A row that comes late may be wider than all before it; then the columns grow from that row on.
    """

    def __init__(self) -> None:
        self._widths: list[int] = []

    def lines(self, rows: Iterable[Sequence[str]]) -> list[str]:
        """Return one line a row. The last cell of a row is not padded."""
        rows = [[visible(cell) for cell in row] for row in rows]
        for row in rows:
            self._widths.extend([NARROWEST] * (len(row) - len(self._widths)))
            for index, cell in enumerate(row[:-1]):
                self._widths[index] = max(self._widths[index], len(cell) + GAP)
        return [self._line(row) for row in rows]

    def _line(self, row: Sequence[str]) -> str:
        padded = [cell.ljust(width) for cell, width in zip(row[:-1], self._widths, strict=False)]
        return "".join([*padded, *row[-1:]])


def visible(text: str) -> str:
    """Return the first line of `text` with control characters written out.

    An object's text may come from anybody who can write to the cluster; it must not be able to move the cursor, rename
    the window or forge a row. A cut-off rest is marked with "...", as kubectl marks it.
    """
    first, *rest = text.replace("\r", "\n").replace("\f", "\n").split("\n", 1)
    shown = (
        first if first.isprintable() else "".join(each if each.isprintable() else _written_out(each) for each in first)
    )
    return f"{shown}..." if rest else shown


def _written_out(character: str) -> str:
    return "^[" if character == "\x1b" else character.encode("unicode_escape").decode("ascii")
