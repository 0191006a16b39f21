"""Tables the server printed, laid out as kubectl lays them out.

The columns are the server's (a resource's own printer, or a CRD's additionalPrinterColumns): the command knows no kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dynkube.dynamic import Column, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a table is to be shown."""

    wide: bool = False
    with_namespace: bool = False
    #: Put before each name, as in `deployment.apps/`.
    kind_prefix: str = ""
    label_columns: Sequence[str] = ()
    show_labels: bool = False

    def heading(self, columns: Sequence[Column]) -> list[str]:
        """Return the heading for the server's `columns`."""
        return [
            *["NAMESPACE"][: self.with_namespace],
            *[column.name.upper() for column in columns if self._shows(column)],
            *[label.rpartition("/")[2].upper() for label in self.label_columns],
            *["LABELS"][: self.show_labels],
        ]

    def cells(self, columns: Sequence[Column], row: Row) -> list[str]:
        """Return the cells of one row as text."""
        labels = row.metadata.get("labels") or {}
        return [
            *[row.namespace][: self.with_namespace],
            *[
                f"{self.kind_prefix}{cell_text(cell)}" if column.format == "name" else cell_text(cell)
                for column, cell in zip(columns, row.cells, strict=False)
                if self._shows(column)
            ],
            *[str(labels.get(label, "")) for label in self.label_columns],
            *[_labels_text(labels)][: self.show_labels],
        ]

    def _shows(self, column: Column) -> bool:
        return self.wide or not column.wide


def cell_text(cell: Any) -> str:
    """Return one cell as text: nothing for null, and JSON's words for booleans."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(cell)


def _labels_text(labels: Mapping[str, Any]) -> str:
    return ",".join(f"{key}={labels[key]}" for key in sorted(labels)) or "<none>"
