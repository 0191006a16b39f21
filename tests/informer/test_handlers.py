"""Tests of what a handler is told while others come, go, fail and write."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest
from watch.fakes import MemoryServer

from dynkube.informer import SharedInformer
from informer.recording import Recorder

pytestmark = pytest.mark.usefixtures("no_threads_left")


@pytest.fixture
def server() -> MemoryServer:
    """Return an empty server."""
    return MemoryServer()


class _Gate:
    """A handler that stays in each call until it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.left = threading.Semaphore(0)
        self.names: list[str] = []

    def on_add(self, obj: dict[str, Any], is_initial: bool) -> None:
        self.names.append(obj["metadata"]["name"])
        self.entered.release()
        assert self.left.acquire(timeout=30)


def test_the_backlog_counts_what_was_taken_and_not_yet_told(server: MemoryServer) -> None:
    """A slow handler takes many deltas at once; they still wait until their call begins."""
    for index in range(5):
        server.apply(f"o{index}")
    gate = _Gate()
    with SharedInformer(server) as informer:
        assert informer.wait_for_sync(30)
        handler = informer.add_handler(on_add=gate.on_add)
        for waiting in (5, 4, 3, 2, 1):  # with the mark that ends the initial state
            assert gate.entered.acquire(timeout=30)
            assert handler.backlog == waiting
            gate.left.release()
        assert handler.wait_for_sync(30)
        assert handler.backlog == 0


@pytest.mark.parametrize("exception", [SystemExit, KeyboardInterrupt, RuntimeError])
def test_no_exception_ends_the_delivery(
    server: MemoryServer, caplog: pytest.LogCaptureFixture, exception: type[BaseException]
) -> None:
    """A handler that raises, and be it by `sys.exit`, is told what comes next all the same."""
    recorder = Recorder()

    def fail(obj: dict[str, Any], is_initial: bool) -> None:
        recorder.on_add(obj, is_initial)
        if exception is SystemExit:
            sys.exit("from a handler")
        raise exception

    with SharedInformer(server) as informer:
        handler = informer.add_handler(on_add=fail)
        server.apply("a")
        server.apply("b")
        assert [call[1] for call in recorder.wait_calls(2)] == ["a", "b"]
        assert handler.wait_for_sync(30)
    assert exception.__name__ in caplog.text


def test_the_version_is_never_ahead_of_the_store(server: MemoryServer) -> None:
    """Whoever sees a version on the informer finds what happened at it in the store."""
    at: dict[str, str] = {}

    def look(obj: dict[str, Any]) -> list[str]:
        at.setdefault(obj["metadata"]["resourceVersion"], informer.resource_version)
        return []

    recorder = Recorder()
    with SharedInformer(server) as informer:
        informer.add_handler(**recorder.functions)
        assert informer.wait_for_sync(30)
        informer.add_indexers({"look": look})
        assert informer.indexer.index_values("look") == []  # from now on asked in the middle of each write
        server.apply("a")
        server.apply("a", n=1)
        recorder.wait_calls(2)
    assert at == {"2": "1", "3": "2"}


def test_the_version_is_not_behind_what_a_handler_was_told(server: MemoryServer) -> None:
    """When an addition, an update or a deletion is told the informer's version is that of the event, or later."""
    behind: list[str] = []

    def check(obj: dict[str, Any], *_: Any) -> None:
        if int(informer.resource_version) < int(obj["metadata"]["resourceVersion"]):
            behind.append(obj["metadata"]["resourceVersion"])

    recorder = Recorder()
    informer = SharedInformer(server)
    informer.add_handler(on_add=check, on_update=lambda _, new: check(new), on_delete=check)
    informer.add_handler(**recorder.functions)
    with informer:
        server.apply("a")
        server.apply("a", n=1)
        server.delete("a")
        recorder.wait_last("delete", "a")
    assert behind == []
