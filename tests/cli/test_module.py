"""The package as a program."""

from __future__ import annotations

import subprocess
import sys


def test_the_package_is_the_command() -> None:
    """``python -m dynkube`` runs what the console script runs, where that is not on the path."""
    ran = subprocess.run(
        [sys.executable, "-m", "dynkube", "version", "--help"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("usage: dynkube version")
