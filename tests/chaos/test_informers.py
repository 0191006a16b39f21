"""Informers of three kinds under writes and faults of every sort: they end equal to the server, and miss nothing.

`DYNKUBE_CHAOS_FAULTS=500` makes the run as long as wished, `DYNKUBE_CHAOS_SEED=n` repeats one.
"""

from __future__ import annotations

import os

import pytest

from chaos.processes import run_module

FAULTS = int(os.environ.get("DYNKUBE_CHAOS_FAULTS", "40"))
SEED = int(os.environ.get("DYNKUBE_CHAOS_SEED", "1"))
#: Requests that may arrive from one informer in any second.
MOST = 5
#: Blocks of memory that may come and go with what each thread has in hand: a few objects, decoded.
IN_HAND = 120
#: Blocks that may come and go where no thread is left: what was measured itself, caches of the standard library.
LOOSE = 45


@pytest.mark.timeout(90 + 3 * FAULTS)
def test_informers_survive_everything() -> None:
    """Stores equal the server's lists, handlers were told all last states and deletions, few requests, flat memory."""
    print(f"DYNKUBE_CHAOS_SEED={SEED} DYNKUBE_CHAOS_FAULTS={FAULTS}")  # noqa: T201 - shown when the test fails
    # In a process of its own: this one keeps what is said and raised, to look for secrets in it.
    report = run_module("chaos.run", FAULTS, SEED)
    assert report["struck"] > 0.4 * FAULTS, "most faults found something to strike"
    assert report["writes"] > FAULTS
    assert max(report["rates"].values()) <= MOST
    assert report["objects"] == {}
    assert report["blocks"] <= IN_HAND
    assert report["threads"] == []
    assert report["links"] == 0


def test_faults_leave_nothing_behind() -> None:
    """After 1,600 requests in trouble as much is held as after 400; one object left by every tenth would be seen."""
    report = run_module("chaos.steady", SEED)
    assert report["blocks"] <= LOOSE
    assert report["objects"] == {}
    assert report["leaked objects"] > LOOSE
    assert report["blocks with the leak"] >= report["leaked objects"] - LOOSE
