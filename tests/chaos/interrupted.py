"""Signal handlers that stop what the main thread is in the middle of, at random moments, in a process of its own.

`python -m chaos.interrupted ROUNDS SEED` prints how many rounds of each kind there were. What hangs is shown with all
threads, and ends the process.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import random
import signal
import sys
import threading
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from transport.servers import Server

from chaos.adversary import FAULTS, PODS
from dynkube.config import Config
from dynkube.dynamic import DynamicClient
from dynkube.errors import DynkubeError
from dynkube.informer import SharedInformer
from dynkube.testing import APIServer
from dynkube.transport import Cancellation, HTTPRequest, Transport
from dynkube.watch import Backoff, Wait, Watcher, created

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds after which something hangs.
PATIENCE = 20.0
#: Signals come within so many seconds of the beginning.
SPREAD = 0.004

#: What is done in the main thread, and what the handler does to end it.
Pair = tuple["Callable[[], object]", "Callable[[], object]"]


def _watch(source: Any) -> Pair:
    watcher = Watcher(source, resource_version="1", relist=True, backoff=Backoff(initial=0.001, limit=0.002))
    return lambda: list(watcher), watcher.close


def _bounded_watch(source: Any) -> Pair:
    watcher = Watcher(source, timeout=30.0, backoff=Backoff(initial=0.001, limit=0.002))
    return lambda: list(watcher), watcher.close


def _wait(source: Any) -> Pair:
    wait = Wait(source, created(), timeout=30.0, backoff=Backoff(initial=0.001, limit=0.002))
    return wait.result, wait.close


def _informer(source: Any) -> Pair:
    informer = SharedInformer(source, backoff=Backoff(initial=0.001, limit=0.002))

    def run() -> None:
        informer.add_handler(on_add=lambda obj, is_initial: None)
        informer.start()
        while not informer.stopped:
            informer.wait_for_sync(30.0)
            informer.add_handler(on_add=lambda obj, is_initial: None).remove()
        assert informer.stop(10.0)

    return run, informer.stop


def _stop_twice(source: Any) -> Pair:
    informer = SharedInformer(source)

    def run() -> None:
        for _ in range(30):
            informer.stop()

    informer.start()
    return run, informer.stop


def _request(source: Any) -> Pair:
    """Send requests that pause before each retry, through a client that the handler closes."""
    transport = Transport(source)
    request = HTTPRequest("GET", "/api", cancellation=Cancellation())

    def run() -> None:
        while True:
            transport.send(request)

    return run, transport.close


class _Signals:
    """Runs a call in the main thread and the handler in the middle of it, whenever the alarm comes."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._end: Callable[[], object] = lambda: None
        self._came = 0
        signal.signal(signal.SIGALRM, self._handle)

    def _handle(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._came += 1
        self._end()

    def interrupt(self, pair: Pair) -> None:
        """Do it once."""
        call, self._end = pair
        came = self._came
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        # Again if need be: between CPython's last look for signals and the system call that blocks, one goes unnoticed
        # until the call returns. The program gets its handler only then, whatever it is that blocks.
        signal.setitimer(signal.ITIMER_REAL, self._rng.uniform(0.00001, SPREAD), 0.1)
        with suppress(DynkubeError):
            call()
        while self._came == came:
            signal.sigtimedwait([], 0.001)
        faulthandler.cancel_dump_traceback_later()


def main(rounds: int, seed: int) -> None:
    """Interrupt everything so many times."""
    logging.disable(logging.CRITICAL)
    rng = random.Random(seed)
    signals = _Signals(rng)
    with ExitStack() as stack:
        api = stack.enter_context(APIServer(controllers=False))
        mute = Server(lambda peer, request: peer.wait_closed())
        stack.callback(mute.close)
        busy = Server(lambda peer, request: peer.send(FAULTS["503"]))
        stack.callback(busy.close)
        sources = []
        for url in (api.url, mute.url, busy.url):
            client = stack.enter_context(DynamicClient(Config(host=url)))
            sources.append(client.resource(PODS).namespace("default").lister_watcher())
        kinds: dict[str, Callable[[], Pair]] = {}
        for make in (_watch, _bounded_watch, _wait, _informer):
            for place, source in zip(("healthy", "mute", "busy"), sources, strict=True):
                kinds[f"{make.__name__[1:]} {place}"] = lambda make=make, source=source: make(source)  # type: ignore[misc]
        kinds["stop in stop"] = lambda: _stop_twice(sources[0])
        kinds["request"] = lambda: _request(Config(host=busy.url))
        for _ in range(rounds):
            for pair in kinds.values():
                signals.interrupt(pair())
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(10)
    left = [thread.name for thread in threading.enumerate() if thread.is_alive()][1:]
    print(json.dumps({"interrupted": rounds * len(kinds), "left": left}))  # noqa: T201 - the way back


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
