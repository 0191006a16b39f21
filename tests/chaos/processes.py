"""Modules of these tests that run in a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

#: Where these packages are, and the package under test.
PLACES = (Path(__file__).parent.parent, Path(__file__).parent.parent.parent)


def environment() -> dict[str, str]:
    """Return the environment of such a process."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, PLACES))}


def run_module(module: str, *arguments: object) -> Any:
    """Run a module and return the JSON it printed; an error of it, a warning too, fails the test."""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-m", module, *map(str, arguments)],
        cwd=PLACES[0],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    print(report)  # noqa: T201 - shown when the test fails
    return report
