"""A signal handler may stop what its own thread is in the middle of."""

from __future__ import annotations

import os

from chaos.processes import run_module

SEED = int(os.environ.get("DYNKUBE_CHAOS_SEED", "1"))


def test_handlers_stop_what_they_interrupt() -> None:
    """Real signals at random moments of watches, waits, informers, stops and requests: all end, and leave no thread."""
    print(f"DYNKUBE_CHAOS_SEED={SEED}")  # noqa: T201 - shown when the test fails
    report = run_module("chaos.interrupted", 40, SEED)
    assert report["interrupted"] >= 500
    assert report["left"] == []
