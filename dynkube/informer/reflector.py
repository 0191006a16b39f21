"""The thread that lists and watches for an informer and never gives up."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from dynkube.errors import ClientClosedError, InvalidRequestError
from dynkube.transport.latch import Latch
from dynkube.watch.actions import Policy, Start
from dynkube.watch.backoff import Backoff
from dynkube.watch.loop import Change, State, WatchLoop

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.objects import JSONObject
    from dynkube.rest.known_members import KnownMembers
    from dynkube.watch.clock import Clock
    from dynkube.watch.protocol import ListerWatcher

_logger = logging.getLogger("dynkube.informer")


class Sink(Protocol):
    """What takes over states and changes."""

    def replaced(self, objects: dict[str, JSONObject], resource_version: str) -> None:
        """Take over a complete state: objects by key, in a dict that is the sink's from now on."""

    def changed(self, kind: str, obj: JSONObject) -> None:
        """Take over one event."""

    def bookmarked(self, resource_version: str) -> None:
        """Take note of a version up to which nothing else happened."""

    def ended(self) -> None:
        """Take note that nothing more will come."""


class Reflector:
    """Runs a patient, relisting watch loop into a sink, in a thread of its own.

    Raises `InvalidRequestError` for limits that no request could have: its thread would meet them again and again.
    """

    def __init__(
        self,
        source: ListerWatcher,
        sink: Sink,
        *,
        name: str,
        stream: bool,
        page_size: int | None,
        idle_timeout: float | None,
        on_error: Callable[[Exception], None] | None,
        backoff: Backoff | None,
        clock: Clock,
        random: Callable[[], float],
        known: KnownMembers | None = None,
    ) -> None:
        if page_size is not None and page_size < 1:
            raise InvalidRequestError(f"page_size is a number of objects from 1, not {page_size!r}")
        if idle_timeout is not None and idle_timeout <= 0:
            raise InvalidRequestError(f"idle_timeout is a positive number of seconds, not {idle_timeout!r}")
        self._source = source
        self._sink = sink
        self._name = name
        self._policy = Policy(
            start=Start.STREAM if stream else Start.LIST, relist=True, patient=True, page_size=page_size
        )
        self._idle_timeout = idle_timeout
        self._on_error = on_error
        self._known = known
        self._clock = clock
        self._random = random
        self._backoff = backoff if backoff is not None else Backoff(clock=clock, random=random)
        self._stopped = Latch()  # a signal handler may stop what it interrupts
        self._loop = self._new_loop(None)
        self._thread = threading.Thread(target=self._run, name=f"dynkube-reflector-{name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout: float | None) -> bool:
        """End, from any thread; return whether the thread has ended within `timeout` seconds."""
        self._stopped.set()
        self._loop.stop()
        if self._thread is threading.current_thread():
            return False
        if self._thread.is_alive():  # not before its start is over: a signal handler may interrupt that
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _new_loop(self, version: str | None) -> WatchLoop:
        return WatchLoop(
            self._source,
            replace(self._policy, resource_version=version),
            idle_timeout=self._idle_timeout,
            backoff=self._backoff,
            clock=self._clock,
            random=self._random,
            on_error=self._failed,
            known=self._known,
        )

    def _run(self) -> None:
        sink = self._sink
        while not self._stopped.is_set():
            try:
                for signal in self._loop.signals():
                    if isinstance(signal, Change):
                        event = signal.event
                        sink.changed(event["type"], event["object"])
                    elif isinstance(signal, State):
                        sink.replaced(signal.by_key, signal.resource_version)
                    else:
                        sink.bookmarked(signal.event["object"]["metadata"]["resourceVersion"])
                    # Else a state would be held beside the store for as long as nothing happens after it.
                    del signal
            except ClientClosedError as error:  # noqa: PERF203 - the loop is about what goes wrong
                _logger.warning("the informer of %s ends, for its client was closed before it was stopped", self._name)
                self._stopped.set()
                self._failed(error)
                self._sink.ended()
            # SystemExit too: nothing anywhere below may leave a store that silently ages.
            except BaseException as error:
                _logger.exception("the informer of %s failed and starts anew", self._name)
                if isinstance(error, Exception):
                    self._failed(error)
                self._clock.wait(self._stopped, self._backoff.next())
                # Not older than what the sink has been told, as after any other failure.
                self._loop = self._new_loop(self._loop.resource_version)
                # `stop` sets first and then ends the loop it finds: it finds this one, or it is seen here.

    def _failed(self, error: Exception) -> None:
        if self._on_error is None:
            return
        try:
            self._on_error(error)
        except BaseException:  # SystemExit too: a user's function must not stop the informer
            _logger.exception("on_error of the informer of %s failed", self._name)
