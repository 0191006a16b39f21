"""From the figures of one run to the files that show them: table, JSON, chart, and their places in README and manual.

``python -m benchmarks --publish`` does this at the end of a run; ``python -m benchmarks.publishing RESULTS.json`` with
the figures of an earlier one. A test holds that the pages show what docs/performance.json says.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import sys
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.clients import MODULES
from benchmarks.jobs import JOBS
from benchmarks.measuring import NO_SUCH_JOB, Results

ROOT = Path(__file__).resolve().parent.parent
#: Between these two comments a page shows figures; everything there is written anew.
BEGIN, END = ".. figures of python -m benchmarks --publish\n", "\n.. end of figures\n"


def document(results: Results, rounds: int, *, cores: int | None, load: tuple[float, float, float]) -> dict[str, Any]:
    """Return everything about a run that is worth keeping, as JSON has it."""
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": cores,
        "load_average": load,
        "rounds": rounds,
        "values": results.values,
        "failures": results.failures,
        "targets": [{"held": held, "text": sentence} for held, sentence in report.targets(results, list(JOBS))],
    }


def text(run: dict[str, Any]) -> str:
    """Return what a run prints: where it ran, the table, what was not measured and why, and the targets."""
    results, jobs, clients = _parts(run)
    lines = [
        f"Python {run['python']}, {run['machine']}, {run['cores']} cores, load {run['load_average'][0]:.1f} at the end",
        f"floor: median of {run['rounds']}; clients: median of the ratios to it, ± half their spread",
        "",
        report.table(results, jobs, clients),
        *(
            f"not measured: {client}, {job}: {why}"
            for job, failures in results.failures.items()
            for client, why in failures.items()
            if why != NO_SUCH_JOB
        ),
        "",
        *(f"{'held  ' if held else 'MISSED'}  {sentence}" for held, sentence in report.targets(results, jobs)),
    ]
    return "\n".join(lines) + "\n"


def chart(run: dict[str, Any]) -> str:
    """Return the figures as an SVG."""
    results, _, clients = _parts(run)
    return report.chart(results, clients)


def pages(run: dict[str, Any]) -> dict[str, str]:
    """Return what stands between the two comments in each page that shows figures, by its path in the repository."""
    results, jobs, clients = _parts(run)
    rows = [["job", "floor", *clients[1:]], *(report.cells(results, job, clients) for job in jobs)]
    block = "".join(f"   {line}".rstrip() + "\n" for line in text(run).splitlines())
    return {"README.rst": _rst_table(rows), "docs/performance.rst": f"::\n\n{block}"}


def publish(run: dict[str, Any], root: Path = ROOT) -> None:
    """Write the files under docs/ and the figures in the pages."""
    docs = root / "docs"
    (docs / "performance.json").write_text(json.dumps(run, indent=1) + "\n")
    (docs / "performance.txt").write_text(text(run))
    (docs / "performance.svg").write_text(chart(run))
    for path, shown in pages(run).items():
        page = root / path
        before, after = split(page.read_text())
        page.write_text(before + shown + after)


def split(page: str) -> tuple[str, str]:
    """Return what stands before and after the figures of a page, the comments around them included."""
    found = re.fullmatch(f"(.*{re.escape(BEGIN)}\n).*({re.escape(END)}.*)", page, re.DOTALL)
    if found is None:
        raise ValueError(f"the page has no place for figures: {BEGIN.strip()!r} and {END.strip()!r}")
    return found[1], found[2]


def _parts(run: dict[str, Any]) -> tuple[Results, list[Any], list[str]]:
    results = Results(run["values"], run["failures"])
    jobs = [job for job in JOBS if results.median(job.measured, "floor", job.figure) is not None]
    measured = {client for figures in results.values.values() for client in figures}
    return results, jobs, [client for client in MODULES if client in measured]


def _rst_table(rows: list[list[str]]) -> str:
    """Return the rows as a table of reStructuredText, the first of them its head."""
    # A lone hyphen would begin a list.
    rows = [["\\-" if cell == "-" else cell for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rule = "  ".join("=" * width for width in widths)
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([rule, lines[0], rule, *lines[1:], rule]) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Publish the figures of an earlier run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.publishing", description=__doc__)
    parser.add_argument("results", type=Path, help="the results.json of a run of every job")
    publish(json.loads(parser.parse_args(arguments).results.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
