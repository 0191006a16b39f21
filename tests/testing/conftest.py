"""A fresh server for each test, and a plain HTTP caller of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynkube.testing import APIServer
from testing.calling import Caller

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[APIServer]:
    """Return a running server that lets everybody do everything; its controllers act almost at once."""
    with APIServer(controller_delay=0.05) as running:
        yield running


@pytest.fixture
def call(server: APIServer) -> Caller:
    """Return a caller of the server."""
    return Caller(server.url)
