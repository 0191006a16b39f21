"""Waiting for what a server does in its own time and tells nobody: schemas it publishes, rights it hears of."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds, and between two looks.
PATIENCE, PAUSE = 30.0, 0.05


def eventually(look: Callable[[], object], what: str) -> None:
    """Look until there is something to be seen. Raises AssertionError saying what did not come."""
    deadline = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < deadline, f"not after {PATIENCE:g} s: {what}"
        time.sleep(PAUSE)
