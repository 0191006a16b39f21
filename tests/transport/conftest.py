"""Fixtures of the transport's tests: authorities, servers, clients, and the check that nothing is left behind."""

from __future__ import annotations

import contextlib
import gc
import tempfile
import threading
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.config import Config
from dynkube.transport import Transport
from transport.certificates import Authority, Identity
from transport.servers import Server, answer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from transport.servers import Peer, Received


_POD = answer({"kind": "Pod"})


@pytest.fixture(scope="session")
def authority() -> Authority:
    """Return an authority that clients of these tests trust."""
    return Authority()


@pytest.fixture(scope="session")
def server_identity(authority: Authority) -> Identity:
    """Return a good certificate for loopback."""
    return authority.issue()


@pytest.fixture
def tls(server_identity: Identity, tmp_path: Path) -> ssl.SSLContext:
    """Return a context that serves with the good certificate."""
    return server_identity.server_context(tmp_path)


@pytest.fixture
def serve(nothing_left: None) -> Iterator[Callable[..., Server]]:
    """Start servers that the end of the test closes."""
    servers: list[Server] = []

    def start(handle: Callable[[Peer, Received], None] | bytes = _POD, **options: Any) -> Server:
        def send(peer: Peer, request: Received) -> None:
            assert isinstance(handle, bytes)
            peer.send(handle)

        servers.append(Server(send if isinstance(handle, bytes) else handle, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def connect(nothing_left: None) -> Iterator[Callable[..., Transport]]:
    """Make transports that the end of the test closes; pauses are skipped unless `sleep` says otherwise."""
    transports: list[Transport] = []

    def make(server: Server | str, **options: Any) -> Transport:
        own = {name: options.pop(name) for name in ("retry", "backoff", "hook", "sleep") if name in options}
        own.setdefault("sleep", lambda seconds: None)
        host = server if isinstance(server, str) else server.url
        transports.append(Transport(Config(host=host, **options), **own))
        return transports[-1]

    yield make
    for transport in transports:
        transport.close()


@pytest.fixture
def nothing_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that leaves a socket, a thread or a temporary file behind."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    sockets, threads = _sockets(), set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - threads:
        thread.join(10)
        assert not thread.is_alive(), f"{thread} is left"
    deadline = monotonic() + 10
    while _sockets() - sockets and monotonic() < deadline:
        gc.collect()
    assert not _sockets() - sockets
    assert not list(temporary.iterdir())


def _sockets() -> set[str]:
    found = set()
    descriptors = Path("/proc/self/fd")
    for entry in descriptors.iterdir() if descriptors.is_dir() else ():
        with contextlib.suppress(OSError):
            target = str(entry.readlink())
            if target.startswith("socket:"):
                found.add(target)
    return found


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Count the faults that were tried and survived, over all worker processes."""
    faults = {
        value
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == "fault"
    }
    if faults:
        terminalreporter.write_line(f"transport: {len(faults)} distinct faults tried and survived")
