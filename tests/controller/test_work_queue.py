"""Tests of the work queue and its workers."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from watch.fakes import FakeClock, ManualClock

from controller.objects import refusal
from dynkube.controller import ExponentialFailures, Workers, WorkQueue
from dynkube.errors import InvalidRequestError


def _queue(clock: Any = None) -> WorkQueue[str]:
    return WorkQueue(rate_limiter=ExponentialFailures(1.0, 60.0), clock=clock or FakeClock())


def test_first_come_first_served() -> None:
    """Items come in the order they were added."""
    queue = _queue()
    for item in "abc":
        queue.add(item)
    assert len(queue) == 3
    assert [queue.get(), queue.get(), queue.get()] == ["a", "b", "c"]
    assert len(queue) == 0


def test_what_waits_is_not_queued_again() -> None:
    """Adding an item any number of times before a worker has it is adding it once."""
    queue = _queue()
    for item in "abab":
        queue.add(item)
    assert len(queue) == 2
    assert [queue.get(), queue.get(), queue.get(0)] == ["a", "b", None]


def test_what_is_worked_on_comes_again_when_done() -> None:
    """An item added while a worker has it is handed out once more, not before that worker is done."""
    queue = _queue()
    queue.add("a")
    assert queue.get() == "a"
    for _ in range(3):
        queue.add("a")
    assert (len(queue), queue.get(0)) == (0, None)
    queue.done("a")
    assert (len(queue), queue.get()) == (1, "a")
    queue.done("a")
    assert queue.get(0) is None


def test_done_without_news_queues_nothing() -> None:
    """Giving an item back, even one never taken, adds nothing."""
    queue = _queue()
    queue.done("a")
    queue.add("a")
    queue.get()
    queue.done("a")
    assert queue.get(0) is None


def test_an_item_added_again_queues_behind_the_others() -> None:
    """A busy item does not hold up the rest."""
    queue = _queue()
    queue.add("busy")
    queue.add("other")
    assert queue.get() == "busy"
    queue.add("busy")
    queue.done("busy")
    assert [queue.get(), queue.get()] == ["other", "busy"]


def test_none_is_no_item() -> None:
    """None stands for the end and is refused."""
    with pytest.raises(InvalidRequestError):
        WorkQueue[Any]().add(None)
    with pytest.raises(InvalidRequestError):
        WorkQueue[Any]().add_after(None, 5)


# Delays


def test_a_delayed_item_comes_when_its_time_has() -> None:
    """Before that the queue is empty for everyone."""
    clock = FakeClock()
    queue = _queue(clock)
    queue.add_after("a", 5.0)
    clock.advance(4.9)
    assert (len(queue), queue.get(0)) == (0, None)
    clock.advance(0.2)
    assert (len(queue), queue.get(0)) == (1, "a")


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_no_delay_is_now(seconds: float) -> None:
    """Zero and less queue at once."""
    queue = _queue()
    queue.add_after("a", seconds)
    assert queue.get(0) == "a"


@pytest.mark.parametrize("delays", [(5.0, 1.0), (1.0, 5.0)])
def test_the_earlier_time_counts(delays: tuple[float, float]) -> None:
    """An item delayed twice comes once, at the earlier time."""
    clock = FakeClock()
    queue = _queue(clock)
    for delay in delays:
        queue.add_after("a", delay)
    clock.advance(1.5)
    assert queue.get(0) == "a"
    queue.done("a")
    clock.advance(10)
    assert queue.get(0) is None


def test_delayed_items_come_in_the_order_of_their_times() -> None:
    """Whatever order they were added in; equal times keep it."""
    clock = FakeClock()
    queue = _queue(clock)
    for item, delay in [("c", 3.0), ("a", 1.0), ("b", 2.0), ("b2", 2.0)]:
        queue.add_after(item, delay)
    clock.advance(5)
    assert [queue.get(0) for _ in range(4)] == ["a", "b", "b2", "c"]


def test_get_waits_for_the_next_time() -> None:
    """A worker that waits gets the delayed item when it is due, without anybody adding something."""
    clock = FakeClock()
    queue = _queue(clock)
    queue.add_after("a", 5.0)
    assert queue.get() == "a"
    assert clock.pauses == [5.0]


def test_get_waits_no_longer_than_asked() -> None:
    """With a limit it returns None although something is due later."""
    clock = FakeClock()
    queue = _queue(clock)
    queue.add_after("a", 5.0)
    assert queue.get(2.0) is None
    assert clock.pauses == [2.0]


def test_an_earlier_item_wakes_a_waiting_worker() -> None:
    """A worker waiting for a late item is given an earlier one."""
    clock = ManualClock()
    queue = _queue(clock)
    queue.add_after("late", 100.0)
    got: list[Any] = []
    thread = threading.Thread(target=lambda: got.append(queue.get()))
    thread.start()
    clock.wait_for_waiter(1100.0)
    queue.add_after("early", 10.0)
    clock.wait_for_waiter(1010.0)
    clock.advance(10.0)
    thread.join(10)
    assert got == ["early"]


def test_failures_wait_longer_each_time() -> None:
    """The pause follows the rate limiter and is forgotten with success."""
    clock = FakeClock()
    queue = _queue(clock)
    for expected in (1.0, 2.0, 4.0):
        assert queue.add_rate_limited("a") == expected
        assert queue.get() == "a"
        queue.done("a")
    assert clock.pauses == [1.0, 2.0, 4.0]
    assert queue.failures("a") == 3
    queue.forget("a")
    assert queue.failures("a") == 0
    assert queue.add_rate_limited("a") == 1.0


# Ends


def test_shutdown_hands_out_what_waits() -> None:
    """After it nothing is taken, delayed items are forgotten, and the end is None."""
    clock = FakeClock()
    queue = _queue(clock)
    queue.add("a")
    queue.add_after("later", 1.0)
    queue.shut_down()
    assert queue.shutting_down
    queue.add("b")
    queue.add_after("c", 0)
    queue.add_after("d", 1.0)
    clock.advance(10)
    assert [queue.get(), queue.get()] == ["a", None]


def test_shutdown_can_drop_what_waits() -> None:
    """With `drop` the end comes at once."""
    queue = _queue()
    queue.add("a")
    queue.shut_down(drop=True)
    assert queue.get() is None


def test_shutdown_wakes_every_worker() -> None:
    """Workers blocked in `get` see the end."""
    queue: WorkQueue[str] = WorkQueue()
    got: list[Any] = []
    threads = [threading.Thread(target=lambda: got.append(queue.get())) for _ in range(3)]
    for thread in threads:
        thread.start()
    queue.shut_down()
    for thread in threads:
        thread.join(10)
    assert got == [None, None, None]


def test_drain_waits_for_what_is_worked_on() -> None:
    """It returns when every item was given back, those added again meanwhile included."""
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    queue.add("b")
    assert queue.get() == "a"
    queue.add("a")
    drained: list[bool] = []
    thread = threading.Thread(target=lambda: drained.append(queue.drain(30)))
    thread.start()
    assert queue.get() == "b"
    queue.done("b")
    queue.done("a")
    assert queue.get() == "a"
    assert drained == []
    queue.done("a")
    thread.join(10)
    assert drained == [True]


def test_drain_gives_up_when_its_time_is_over() -> None:
    """A worker that does not give back is not waited for longer than asked."""
    queue = _queue()
    queue.add("a")
    queue.get()
    assert queue.drain(5.0) is False
    queue.done("a")
    assert queue.drain(5.0) is True


def test_drain_of_an_idle_queue_is_immediate() -> None:
    """Nothing to wait for."""
    assert _queue().drain()


@given(
    st.lists(st.tuples(st.sampled_from(["add", "get", "done", "later", "tick"]), st.sampled_from("abc")), max_size=60)
)
def test_never_twice_at_once_and_never_lost(steps: list[tuple[str, str]]) -> None:
    """For any order of calls: no item is with two workers, and whatever was added is handed out afterwards."""
    clock = FakeClock()
    queue = _queue(clock)
    held: set[str] = set()
    owed: set[str] = set()
    for step, item in steps:
        if step == "add":
            queue.add(item)
            owed.add(item)
        elif step == "later":
            queue.add_after(item, 3.0)
            owed.add(item)
        elif step == "tick":
            clock.advance(1.0)
        elif step == "get":
            got = queue.get(0)
            if got is not None:
                assert got not in held
                held.add(got)
                owed.discard(got)
        elif item in held:
            held.discard(item)
            queue.done(item)
    for item in held:
        queue.done(item)
    clock.advance(10.0)
    left = set()
    while (got := queue.get(0)) is not None:
        left.add(got)
        queue.done(got)
    assert owed <= left


# Workers


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
        Workers(_queue(), lambda item: None, count=0)
