"""Tests of the threads that reconcile what comes through a work queue."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import Any

import pytest

from controller.objects import refusal
from dynkube.controller import ExponentialFailures, Workers, WorkQueue
from dynkube.errors import InvalidRequestError


def test_workers_reconcile_each_item_once_at_a_time() -> None:
    """Many threads, many adds: every item is seen after its last add, and never by two at once."""
    queue: WorkQueue[int] = WorkQueue()
    lock = threading.Lock()
    state = dict.fromkeys(range(10), 0)
    seen: dict[int, int] = {}
    running: set[int] = set()
    clashes: list[int] = []

    def reconcile(item: int) -> None:
        with lock:
            if item in running:
                clashes.append(item)
            running.add(item)
            value = state[item]
        with lock:
            seen[item] = value
            running.discard(item)

    workers = Workers(queue, reconcile, count=4)
    workers.start()
    for turn in range(50):
        for item in state:
            with lock:
                state[item] = turn
            queue.add(item)
    assert workers.stop(30, drain=True)
    assert seen == state
    assert clashes == []


def test_a_failing_item_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    """An exception is logged and the item is tried again later; success forgets the failures."""
    queue: WorkQueue[str] = WorkQueue(rate_limiter=ExponentialFailures(0.001, 0.01))
    tries: list[str] = []
    done = threading.Event()

    def reconcile(item: str) -> None:
        tries.append(item)
        if len(tries) < 3:
            raise RuntimeError("boom")
        done.set()

    with caplog.at_level(logging.ERROR, "dynkube.controller"), Workers(queue, reconcile):
        queue.add("a")
        assert done.wait(30)
    assert tries == ["a", "a", "a"]
    assert queue.failures("a") == 0
    assert caplog.text.count("reconciling a failed") == 2


@pytest.mark.parametrize("failure", [SystemExit(1), asyncio.CancelledError(), KeyboardInterrupt()])
def test_no_exception_ends_a_worker(failure: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    """Not even those that end programs and tasks: the item is tried again, and by the same thread."""
    queue: WorkQueue[str] = WorkQueue(rate_limiter=ExponentialFailures(0.001, 0.01))
    threads: list[threading.Thread] = []
    done = threading.Event()

    def reconcile(item: str) -> None:
        threads.append(threading.current_thread())
        if len(threads) == 1:
            raise failure
        done.set()

    with caplog.at_level(logging.CRITICAL, "dynkube.controller"), Workers(queue, reconcile):
        queue.add("a")
        assert done.wait(30)
    assert threads[0] is threads[1]


@pytest.mark.parametrize("answer", ["5", {"requeue": True}, float("nan")])
def test_an_answer_that_is_no_number_is_a_failure(answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A `reconcile` that returns nonsense is logged and called again after a pause, and the worker lives on."""
    queue: WorkQueue[str] = WorkQueue(rate_limiter=ExponentialFailures(0.001, 0.01))
    answers = [answer]
    done = threading.Event()

    def reconcile(item: str) -> Any:
        if answers:
            return answers.pop()
        done.set()
        return None

    with caplog.at_level(logging.ERROR, "dynkube.controller"), Workers(queue, reconcile):
        queue.add("a")
        assert done.wait(30)
    assert caplog.text.count("reconciling a failed") == 1


def test_a_conflict_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    """Somebody else having written is normal: tried again, not logged as an error."""
    queue: WorkQueue[str] = WorkQueue(rate_limiter=ExponentialFailures(0.001, 0.01))
    tries: list[str] = []
    done = threading.Event()

    def reconcile(item: str) -> None:
        tries.append(item)
        if len(tries) == 1:
            raise refusal(409, "Conflict")
        done.set()

    with caplog.at_level(logging.INFO, "dynkube.controller"), Workers(queue, reconcile):
        queue.add("a")
        assert done.wait(30)
    assert caplog.text == ""


def test_a_number_means_look_again_later() -> None:
    """What `reconcile` returns is the delay of the next look."""
    queue: WorkQueue[str] = WorkQueue()
    tries: list[str] = []
    done = threading.Event()

    def reconcile(item: str) -> float | None:
        tries.append(item)
        if len(tries) == 2:
            done.set()
            return None
        return 0.001

    with Workers(queue, reconcile):
        queue.add("a")
        assert done.wait(30)
    assert len(tries) == 2


def test_looking_again_at_once_does_not_hold_up_the_others() -> None:
    """A thousand items that all ask to come again at once are each seen three times."""
    queue: WorkQueue[int] = WorkQueue()
    lock = threading.Lock()
    seen = dict.fromkeys(range(1000), 0)
    all_seen = threading.Event()

    def reconcile(item: int) -> float:
        with lock:
            seen[item] += 1
            if min(seen.values()) >= 3:
                all_seen.set()
        return 0.0

    for item in seen:
        queue.add(item)
    with Workers(queue, reconcile, count=4):
        assert all_seen.wait(60)


def test_no_more_at_once_than_there_are_workers() -> None:
    """Two workers hold two of three items; the third waits for one of them."""
    queue: WorkQueue[str] = WorkQueue()
    entered = {item: threading.Event() for item in "abc"}
    gates = {item: threading.Event() for item in "abc"}

    def reconcile(item: str) -> None:
        entered[item].set()
        assert gates[item].wait(30)

    workers = Workers(queue, reconcile, count=2)
    workers.start()
    for item in "abc":
        queue.add(item)
    assert entered["a"].wait(30)
    assert entered["b"].wait(30)
    assert not entered["c"].is_set()
    assert set(queue.running()) == {"a", "b"}
    gates["a"].set()
    assert entered["c"].wait(30)
    for gate in gates.values():
        gate.set()
    assert workers.stop(30)


def test_stop_drops_what_is_delayed_and_ends_idle_workers() -> None:
    """Workers that wait for an item due in an hour end within a second."""
    queue: WorkQueue[str] = WorkQueue()
    workers = Workers(queue, lambda item: None, count=8)
    workers.start()
    queue.add_after("a", 3600.0)
    assert workers.stop(1.0)


def test_stop_from_within_reconcile() -> None:
    """It does not wait for its own thread, which it therefore reports as running, and which ends afterwards."""
    queue: WorkQueue[str] = WorkQueue()
    stopped: list[bool] = []
    ended = threading.Event()

    def reconcile(item: str) -> None:
        stopped.append(workers.stop(1.0))
        ended.set()

    workers = Workers(queue, reconcile)
    workers.start()
    queue.add("a")
    assert ended.wait(30)
    assert stopped == [False]
    assert workers.stop(30)


def test_the_time_to_stop_is_for_all_workers_together() -> None:
    """Ten workers that hang hold up a stop as long as one does."""
    queue: WorkQueue[int] = WorkQueue()
    gate = threading.Event()
    entered = threading.Barrier(11)

    def reconcile(item: int) -> None:
        entered.wait(30)
        assert gate.wait(60)

    workers = Workers(queue, reconcile, count=10)
    workers.start()
    for item in range(10):
        queue.add(item)
    entered.wait(30)
    begun = time.monotonic()
    assert not workers.stop(0.5)
    assert time.monotonic() - begun < 3.0
    gate.set()
    assert workers.stop(30)


def test_a_second_stop_ends_a_drain() -> None:
    """What waits behind a `reconcile` that hangs is given up when somebody stops without draining."""
    queue: WorkQueue[str] = WorkQueue()
    entered, gate = threading.Event(), threading.Event()
    seen: list[str] = []

    def reconcile(item: str) -> None:
        seen.append(item)
        entered.set()
        assert gate.wait(30)

    workers = Workers(queue, reconcile)
    workers.start()
    queue.add("a")
    queue.add("b")
    assert entered.wait(30)
    patient = threading.Thread(target=workers.stop, args=(60.0,), kwargs={"drain": True})
    patient.start()
    assert not workers.stop(0.0)
    gate.set()
    patient.join(30)
    assert not patient.is_alive()
    assert workers.stop(30)


def test_stop_does_not_wait_for_ever() -> None:
    """A reconcile that hangs is reported, and what waits behind it is dropped."""
    queue: WorkQueue[str] = WorkQueue()
    entered, gate = threading.Event(), threading.Event()
    seen: list[str] = []

    def reconcile(item: str) -> None:
        seen.append(item)
        entered.set()
        assert gate.wait(30)

    workers = Workers(queue, reconcile)
    workers.start()
    queue.add("a")
    queue.add("b")
    assert entered.wait(30)
    assert workers.stop(0.01) is False
    gate.set()
    assert workers.stop(30) is True
    assert seen == ["a"]


def test_at_least_one_worker() -> None:
    """No workers would work on nothing."""
    with pytest.raises(InvalidRequestError):
        Workers(WorkQueue[str](), lambda item: None, count=0)
