"""A server whose workloads live fast, and a client of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynkube.testing import APIServer, Simulation
from testing.simulation.living import Place

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server() -> Iterator[APIServer]:
    """Return a running server with a quick simulation on three nodes, shared by a module's tests."""
    with APIServer(simulate=Simulation(delay=0.01, nodes=3), controller_delay=0.02) as running:
        yield running


@pytest.fixture
def place(server: APIServer) -> Iterator[Place]:
    """Return a namespace of the test's own."""
    with server.client() as dyn:
        yield Place.fresh(server, dyn)
