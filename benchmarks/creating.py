"""The create jobs: one thread, and eight in turn with one, on connections that were made before."""

from __future__ import annotations

import threading
import time
from queue import SimpleQueue
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.canned import config_map, to_create

if TYPE_CHECKING:
    from collections.abc import Callable

#: Objects that are created, over all threads, and how many where each takes its time.
CREATES, FEW_CREATES = 2_000, 500
#: How many of them one thread, or eight, create at a turn; as many are created before the first turn, to warm up.
STEP, FEW = 200, 100
THREADS = 8


def one_thread(create: Callable[[Any], object], count: int = CREATES) -> dict[str, float]:
    """Return time and CPU per object."""
    bodies = [to_create(config_map(number)) for number in range(count)]
    with Crew(create, 1) as crew:
        crew.make(bodies[:STEP], 1)
        began, began_cpu = time.perf_counter(), time.process_time()
        crew.make(bodies, 1)
        return _per_object(began, began_cpu, count)


def threads_in_turn(create: Callable[[Any], object], count: int = CREATES, step: int = STEP) -> dict[str, float]:
    """Return time and CPU per object with eight threads, and how many times as fast as one they were.

    One and eight take turns within a second, so that what else the machine does falls on both.
    """
    bodies = [to_create(config_map(number)) for number in range(count)]
    turns: list[dict[str, float]] = []
    with Crew(create, THREADS) as crew:
        # Each thread has a connection afterwards, if the client keeps one a thread; eight were in use at once, if not.
        crew.make(bodies[:step], THREADS)
        for start in range(0, count, step):
            share = bodies[start : start + step]
            began = time.perf_counter()
            crew.make(share, 1)
            alone = time.perf_counter() - began
            began, began_cpu = time.perf_counter(), time.process_time()
            crew.make(share, THREADS)
            figures = _per_object(began, began_cpu, step)
            turns.append({**figures, "speed_up": alone * 1000 / step / figures["wall_ms"]})
    return {name: median(turn[name] for turn in turns) for name in turns[0]}


def _few_in_turn(create: Callable[[Any], object]) -> dict[str, float]:
    return threads_in_turn(create, FEW_CREATES, FEW)


#: The jobs by name.
JOBS: dict[str, Callable[[Callable[[Any], object]], dict[str, float]]] = {
    "create_1": one_thread,
    "create_8": threads_in_turn,
    "create_8_storing": _few_in_turn,
}


def _per_object(wall: float, cpu: float, objects: int) -> dict[str, float]:
    return {
        "wall_ms": (time.perf_counter() - wall) * 1000 / objects,
        "cpu_ms": (time.process_time() - cpu) * 1000 / objects,
    }


class Crew:
    """Threads that live as long as the job, so that no turn pays for new ones, nor for connections of theirs."""

    def __init__(self, create: Callable[[Any], object], threads: int) -> None:
        """Start the threads; they wait."""
        self._create = create
        self._shares: list[SimpleQueue[list[Any] | None]] = [SimpleQueue() for _ in range(threads)]
        self._done: SimpleQueue[BaseException | None] = SimpleQueue()
        self._threads = [threading.Thread(target=self._work, args=(share,)) for share in self._shares]
        for thread in self._threads:
            thread.start()

    def make(self, bodies: list[Any], threads: int) -> None:
        """Have the first so many threads create all bodies between them; return when the last is made."""
        for number in range(threads):
            self._shares[number].put(bodies[number::threads])
        for failure in [self._done.get() for _ in range(threads)]:
            if failure is not None:
                raise failure

    def _work(self, shares: SimpleQueue[list[Any] | None]) -> None:
        while (share := shares.get()) is not None:
            failure: BaseException | None = None
            try:
                for body in share:
                    self._create(body)
            except BaseException as error:  # noqa: BLE001 - raised again where the figures are taken
                failure = error
            self._done.put(failure)

    def __enter__(self) -> Crew:  # noqa: PYI034 - Self is not in the typing of Python 3.10
        return self

    def __exit__(self, *_: object) -> None:
        for share in self._shares:
            share.put(None)
        for thread in self._threads:
            thread.join()
