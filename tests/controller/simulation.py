"""Several processes in simulated time: one runs at a moment, everything is decided by one seed."""

# ruff: noqa: D102 - what the protocols they stand for already say
from __future__ import annotations

import heapq
import itertools
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from watch.fakes import EPOCH, ManualClock

from dynkube.transport.latch import Latch

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from dynkube.watch.clock import Waitable


class Simulation:
    """Runs processes (functions) in threads that hand each other the turn, in the order of simulated time."""

    def __init__(self) -> None:
        self.time = 0.0
        self.over = False
        self._order = itertools.count()
        self._heap: list[tuple[float, int, threading.Semaphore]] = []
        self._kernel = threading.Semaphore(0)
        self._threads: list[threading.Thread] = []
        self.failures: list[BaseException] = []

    def spawn(self, process: Callable[[], object], *, after: float = 0.0) -> None:
        """Add a process that begins that many seconds from now."""
        turn = threading.Semaphore(0)

        def run() -> None:
            turn.acquire()
            try:
                if not self.over:
                    process()
            except _OverError:
                pass
            except BaseException as error:  # noqa: BLE001 - told by `run`
                self.failures.append(error)
            finally:
                self._kernel.release()

        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        heapq.heappush(self._heap, (self.time + after, next(self._order), turn))
        thread.start()

    def sleep(self, seconds: float) -> None:
        """Let others run until that much time has passed; ends the process when the simulation is over."""
        turn = threading.Semaphore(0)
        heapq.heappush(self._heap, (self.time + max(0.0, seconds), next(self._order), turn))
        self._kernel.release()
        turn.acquire()
        if self.over:
            raise _OverError

    def run(self, seconds: float, check: Callable[[], object]) -> None:
        """Run everything for that much time, calling `check` before each turn, then end every process."""
        while self._heap:
            if self._heap[0][0] > seconds or self.failures:
                self.over = True
            at, _, turn = heapq.heappop(self._heap)
            if not self.over:
                self.time = at
                check()
            turn.release()
            self._kernel.acquire()
        for thread in self._threads:
            thread.join(10)
        if self.failures:
            raise self.failures[0]


class _OverError(Exception):
    """Ends a process at the end of the simulation."""


class SkewedClock:
    """A process's own clock: shows another time and runs at another speed than the others."""

    def __init__(self, simulation: Simulation, *, offset: float = 0.0, rate: float = 1.0) -> None:
        self._simulation = simulation
        self._offset = offset
        self._rate = rate

    def monotonic(self) -> float:
        return self._offset + self._simulation.time * self._rate

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.monotonic())

    def wait(self, signal: Waitable, timeout: float | None) -> bool:
        assert timeout is not None
        self._simulation.sleep(timeout / self._rate)
        return signal.wait(0)

    def call_later(self, seconds: float, call: Callable[[], object]) -> Any:
        return _NoAlarm()


class _NoAlarm:
    def cancel(self) -> None:
        """Do nothing: the simulated requests end by their timeouts."""


class SteppedClock(ManualClock):
    """A manual clock that latches can be waited for with, too."""

    def wait(self, signal: Waitable, timeout: float | None) -> bool:
        if timeout is None or not isinstance(signal, Latch):
            return super().wait(signal, timeout)
        entry = (self.time + timeout, threading.Condition())
        with self._waiters:
            self._waiting.append(entry)
            self._waiters.notify_all()
        # Nothing but itself can wake who waits for a latch, so whether time has passed is looked at in between.
        while not signal.wait(0.005) and self.time < entry[0]:
            continue
        with self._waiters:
            self._waiting.remove(entry)
        return signal.is_set()
