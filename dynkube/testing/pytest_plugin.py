"""The pytest plug-in: ``apiserver``, ``dyn`` and ``namespace`` as fixtures.

Installed with dynkube as the plug-in ``dynkube``. One server serves a test session (one for each worker of
pytest-xdist); each test has a namespace of its own, so tests do not see each other's objects. Which server it is the
environment says: the embedded one, or a real one, as `dynkube.testing.envtest.from_environment` does.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynkube.dynamic import DynamicClient


@pytest.fixture(scope="session")
def apiserver_options() -> dict[str, Any]:
    """Return the keywords `APIServer` is made with; override it in a conftest.py to load manifests, use TLS..."""
    return {}


@pytest.fixture(scope="session")
def apiserver(apiserver_options: dict[str, Any]) -> Iterator[Any]:
    """Return a running server, shared by the session: the one the environment asks for, by default an `APIServer`.

    Tests that need what the embedded server alone can do (faults, recorded requests, snapshots) override this fixture
    with one that makes an `APIServer`.
    """
    from dynkube.testing.envtest import from_environment

    with from_environment(**apiserver_options) as server:
        yield server


@pytest.fixture
def namespace(apiserver: Any) -> Iterator[str]:
    """Return the name of a namespace nobody else uses; it is deleted with everything in it after the test."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    apiserver.load([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}])
    yield name
    apiserver.drop_namespace(name)


@pytest.fixture
def dyn(apiserver: Any, namespace: str) -> Iterator[DynamicClient]:
    """Return a client of the server whose default namespace is the test's own."""
    with apiserver.client(namespace=namespace) as client:
        yield client
