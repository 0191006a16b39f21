"""A TLS server with tokens for the other clients: they meet what they would meet on a cluster."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from dynkube.testing import APIServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[APIServer]:
    """Run one server for the session, with a certificate authority of its own and an administrator's token."""
    tokens = tmp_path_factory.mktemp("tokens") / "tokens.csv"
    tokens.write_text('sesame,alice,1,"system:masters"\n')
    with APIServer(tls=True, token_auth_file=tokens) as server:
        yield server


@pytest.fixture
def space(cluster: APIServer) -> Iterator[str]:
    """Return a namespace of the test's own."""
    name = f"client-{uuid.uuid4().hex[:10]}"
    cluster.load([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}])
    yield name
    cluster.drop_namespace(name)


@pytest.fixture
def kubeconfig(cluster: APIServer, space: str, tmp_path: Path) -> str:
    """Return the path of an administrator's kubeconfig whose namespace is the test's."""
    return str(cluster.write_kubeconfig(tmp_path / "kubeconfig", namespace=space))
