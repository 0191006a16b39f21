"""Tests of reflectors that are stopped or disturbed in the middle of something."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any

import pytest
from watch.fakes import ManualClock, MemoryServer, Source, expired, failure, page, refused, thing

from dynkube.errors import InvalidRequestError
from dynkube.informer import SharedInformer
from dynkube.informer.reflector import Reflector
from dynkube.watch import SYSTEM_CLOCK, Backoff
from informer.recording import Recorder
from informer.reflecting import Store

if TYPE_CHECKING:
    from dynkube.watch.clock import Waitable


class _Hanging(Source):
    """Answers its script, then hangs in each request until it is cancelled; `reached` says that it does."""

    def __init__(self, *script: Any) -> None:
        super().__init__(*script)
        self.reached = threading.Event()

    def list(self, **options: Any) -> dict[str, Any]:
        """Answer or hang."""
        return super().list(**options) if self.script else self._hang("list", options)

    def watch(self, **options: Any) -> Any:
        """Answer or hang."""
        return super().watch(**options) if self.script else self._hang("watch", options)

    def _hang(self, verb: str, options: dict[str, Any]) -> Any:
        self.requests.append({"verb": verb})
        self.reached.set()
        assert options["cancellation"].wait(30)
        raise refused()


def _reflector(source: Source, **options: Any) -> Reflector:
    arguments: dict[str, Any] = {"name": "things", "stream": False, "page_size": 1, "idle_timeout": 90.0}
    arguments |= {"on_error": None, "backoff": None, "clock": SYSTEM_CLOCK, "random": random.random}
    return Reflector(source, Store(), **{**arguments, **options})


@pytest.mark.parametrize(
    ("script", "stream", "last"),
    [
        ([], False, "list"),
        ([page(thing("a", 1), version=5, continue_="t")], False, "list"),
        ([page(thing("a", 1), version=5)], False, "watch"),
        ([], True, "watch"),
        ([failure(422)], True, "list"),
    ],
    ids=[
        "the first list",
        "between pages",
        "opening the watch",
        "opening a streaming list",
        "the list after its refusal",
    ],
)
def test_stops_in_the_middle_of_a_request(script: list[Any], stream: bool, last: str) -> None:
    """Whatever it waits for, the thread ends within a second and sends nothing more."""
    source = _Hanging(*script)
    errors: list[Exception] = []
    reflector = _reflector(source, stream=stream, on_error=errors.append)
    reflector.start()
    assert source.reached.wait(30)
    assert reflector.stop(1.0)
    assert len(source.requests) == len(script) + 1
    assert source.requests[-1]["verb"] == last
    assert not any(isinstance(error, type(refused())) for error in errors), "the stop itself is no failure"


def test_stops_in_a_pause() -> None:
    """A reflector that backs off for an hour ends within a second, and asks no more."""
    told = threading.Event()
    source = Source(failure(503, retry_after=3600))
    reflector = _reflector(source, on_error=lambda _: told.set())
    reflector.start()
    assert told.wait(30)
    assert reflector.stop(1.0)
    assert len(source.requests) == 1


def test_stops_in_the_pause_after_a_bug() -> None:
    """The pause before it starts anew ends with the stop, too."""
    told = threading.Event()
    source = Source(then=lambda: 1 / 0)
    reflector = _reflector(source, on_error=lambda _: told.set(), backoff=Backoff(initial=3600, limit=3600))
    reflector.start()
    assert told.wait(30)
    assert reflector.stop(1.0)
    assert len(source.requests) == 1


@pytest.mark.parametrize("option", [{"page_size": 0}, {"page_size": -5}, {"idle_timeout": 0.0}, {"idle_timeout": -1.0}])
def test_limits_that_cannot_be_are_refused_at_once(option: dict[str, Any]) -> None:
    """The caller is told, instead of a thread that is refused again and again."""
    with pytest.raises(InvalidRequestError, match=next(iter(option))):
        SharedInformer(Source(), **option)


class _Impatient(ManualClock):
    """A clock on which pauses take no time and only resyncs wait for `advance`."""

    def wait(self, signal: Waitable, timeout: float | None) -> bool:
        """Return at once where a pause is meant."""
        if timeout is not None and not isinstance(signal, threading.Condition):
            return signal.wait(0)
        return super().wait(signal, timeout)


class _Gated(MemoryServer):
    """A server whose lists wait for a gate."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.waiting = threading.Event()

    def list(self, **options: Any) -> dict[str, Any]:
        """Answer once the gate is open."""
        if not self.gate.is_set():
            self.waiting.set()
            assert self.gate.wait(30)
        return super().list(**options)


def test_a_resync_during_a_list_tells_what_is_known() -> None:
    """Handlers are told the present store again, no request is sent for it, and the list is told when it is there."""
    server, clock, recorder = _Gated(), _Impatient(), Recorder()
    server.apply("a")
    informer = SharedInformer(server, clock=clock, stream=False)
    informer.add_handler(**recorder.functions, resync_period=10.0)
    with informer:
        recorder.wait_calls(1)
        server.wait_for(lambda: len(server.streams) == 1)
        server.gate.clear()
        with server.changed:
            server.delete("a")
            for stream in list(server.streams):
                stream.fail(expired())
            server.compact()
        assert server.waiting.wait(30)
        asked = len(server.requests)
        clock.wait_for_waiter()
        clock.advance(10.0)
        assert recorder.wait_calls(2)[1] == ("update", "a", "2", "2")
        assert len(server.requests) == asked
        server.gate.set()
        assert recorder.wait_calls(3)[2] == ("delete", "a", "2", True)
