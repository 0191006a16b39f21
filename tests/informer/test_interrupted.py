"""Tests of stopping an informer in the middle of what a thread is doing with it, as a signal handler does."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from interrupting import interrupted
from watch.fakes import page, thing

from dynkube.errors import InvalidRequestError
from dynkube.informer import InformerFactory, SharedInformer
from dynkube.names import GroupVersionResource
from dynkube.transport.latch import Latch
from informer.recording import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.usefixtures("no_threads_left")


class _Source:
    """Has one object, about which nothing happens."""

    def list(self, **options: Any) -> Any:
        return page(thing("a"), version=1)

    def watch(self, **options: Any) -> Any:
        return _Quiet()


class _Quiet:
    def __init__(self) -> None:
        self._closed = Latch()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self

    def __next__(self) -> dict[str, Any]:
        assert self._closed.wait(60)
        raise StopIteration

    def close(self) -> None:
        self._closed.set()


def _interrupted(call: Callable[[], object], at: int, handler: Callable[[], object]) -> bool:
    def unless_stopped() -> None:
        with suppress(InvalidRequestError):  # it was stopped before it took the handler
            call()

    return interrupted(unless_stopped, at, handler)


@pytest.mark.parametrize("what", ["wait", "wait for a handler", "add", "remove", "start", "stop"])
def test_stop_may_come_in_the_middle_of_anything(what: str) -> None:
    """Whatever the main thread does with an informer, a signal handler may stop it."""
    at = 0
    reached = True
    while reached:
        at += 1
        informer = SharedInformer(_Source(), stream=False)
        handler = informer.add_handler(**Recorder().functions)
        if what != "start":
            informer.start()
        calls: dict[str, Callable[[], object]] = {
            "wait": informer.wait_for_sync,
            "wait for a handler": handler.wait_for_sync,
            "add": lambda: informer.add_handler(**Recorder().functions),  # noqa: B023
            "remove": lambda: handler.remove(1.0),  # noqa: B023
            "start": informer.start,
            "stop": informer.stop,
        }
        reached = _interrupted(calls[what], at, lambda: informer.stop(0.0))  # noqa: B023
        assert informer.stop(20)
    assert at > 5, "that is no test"


@pytest.mark.parametrize("what", ["make", "start", "wait", "shut down"])
def test_shutdown_may_come_in_the_middle_of_anything(what: str) -> None:
    """Whatever the main thread does with a factory, a signal handler may shut it down."""
    at = 0
    reached = True
    while reached:
        at += 1
        factory = InformerFactory(lambda selection: _Source(), stream=False)
        factory.informer(GroupVersionResource("", "v1", "pods"))
        if what != "start":
            factory.start()
        calls: dict[str, Callable[[], object]] = {
            "make": lambda: factory.informer(GroupVersionResource("", "v1", "nodes")),  # noqa: B023
            "start": factory.start,
            "wait": factory.wait_for_sync,
            "shut down": factory.shutdown,
        }
        reached = _interrupted(calls[what], at, lambda: factory.shutdown(0.0))  # noqa: B023
        assert factory.shutdown(20)
    assert at > 5, "that is no test"
