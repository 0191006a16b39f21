"""How often a server in trouble is asked: requests counted where they arrive, all retries of all layers included."""

from __future__ import annotations

import logging
import os
import random

import pytest

from chaos.adversary import FAULTS, Ordeal
from chaos.simulated import counted, highest_rate

#: The bound of the issue: requests that arrive in any second, from one informer.
MOST = 5
#: Simulated seconds of the adversary.
FAULTY_SECONDS = 300.0 * int(os.environ.get("DYNKUBE_CHAOS_FAULTS", "40"))
SEED = int(os.environ.get("DYNKUBE_CHAOS_SEED", "1"))
#: What is answered at the pace of a server that ends every stream after its first event: once a second.
PASSING = {"a stream of one event", "429 that wants a second"}


@pytest.fixture(autouse=True)
def _silence(caplog: pytest.LogCaptureFixture) -> None:
    """Keep a thousand warnings out of the report."""
    caplog.set_level(logging.CRITICAL, "dynkube")


@pytest.mark.parametrize("stream", [True, False], ids=["streaming", "listing"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_lasts_meets_few_requests(fault: str, *, stream: bool) -> None:
    """Ten minutes of one fault: never more than five requests a second, two on average in a minute, few in the end."""
    ordeal = Ordeal(lambda: FAULTS[fault], stream=stream)
    ordeal.endure(seconds=600.0)
    times = counted(ordeal.arrivals)
    assert highest_rate(times) <= MOST
    assert highest_rate(times, 60.0) <= 120
    if fault not in PASSING:
        assert len([at for at in times if at > times[0] + 300.0]) <= 160


@pytest.mark.parametrize("stream", [True, False], ids=["streaming", "listing"])
def test_an_adversary_meets_few_requests(*, stream: bool) -> None:
    """Every request meets another fault, chosen by chance, and pauses start anew all the time: still five a second."""
    print(f"DYNKUBE_CHAOS_SEED={SEED}")  # noqa: T201 - shown when the test fails
    rng = random.Random(SEED)
    faults = list(FAULTS.values())
    ordeal = Ordeal(lambda: rng.choice(faults), stream=stream, reset_after=5.0)
    ordeal.endure(seconds=FAULTY_SECONDS)
    assert len(ordeal.arrivals) > FAULTY_SECONDS / 100
    assert highest_rate(counted(ordeal.arrivals)) <= MOST
