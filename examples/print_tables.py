"""Print what `kubectl get` prints: the server knows the columns of every kind."""

from __future__ import annotations

import sys

import dynkube


def show(table: dynkube.Table, *, wide: bool = False) -> None:
    """Print headers and rows in columns."""
    lines = [[header.upper() for header in table.headers(wide=wide)], *table.cells(wide=wide)]
    widths = [max(len(str(line[column])) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        print("   ".join(str(cell).ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def main(dyn: dynkube.DynamicClient, *names: str) -> None:
    """Show the tables of the kinds named."""
    for name in names or ("namespaces", "services"):
        show(dyn.resource(name).all_namespaces().table().list(), wide=True)
        print()


if __name__ == "__main__":
    with dynkube.connect() as client:
        main(client, *sys.argv[1:])
