"""Tests of stopping an informer in the middle of what a thread is doing with it, as a signal handler does."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
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
    """Run a call in a thread and the handler in the middle of it, before its line number `at`; say if it got there.

    Python runs signal handlers in the main thread between any two steps; a trace function comes between any two lines
    of any thread, which is the same to the code that is interrupted.
    """
    lines = 0

    def trace(frame: Any, kind: str, _: Any) -> Any:
        nonlocal lines
        if kind == "line":
            lines += 1
            if lines == at:
                sys.settrace(None)
                handler()
                return None
        return trace

    def run() -> None:
        sys.settrace(trace)
        try:
            call()
        except InvalidRequestError:
            pass  # it was stopped before it took the handler
        finally:
            sys.settrace(None)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive(), f"it hangs, interrupted before line {at}"
    return lines >= at


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
