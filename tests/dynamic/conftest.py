"""An embedded server for a module's tests, and a client in a namespace of its own for each test."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from dynkube.testing import APIServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynkube.dynamic import DynamicClient


@pytest.fixture(scope="module")
def server() -> Iterator[APIServer]:
    """Run a server."""
    with APIServer() as running:
        yield running


@pytest.fixture
def dyn(server: APIServer) -> Iterator[DynamicClient]:
    """Return a client that works in a namespace of its own."""
    name = f"dynamic-{uuid.uuid4().hex[:10]}"
    with server.client(namespace=name) as client:
        client.resource("v1", "namespaces").create({"metadata": {"name": name}})
        yield client
