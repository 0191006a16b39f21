"""Tests of the work queue."""

from __future__ import annotations

import threading
import weakref
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from watch.fakes import FakeClock, ManualClock

from dynkube.controller import ExponentialFailures, Handled, WorkQueue
from dynkube.errors import InvalidRequestError


def _queue(clock: Any = None) -> WorkQueue[str]:
    return WorkQueue(rate_limiter=ExponentialFailures(1.0, 60.0), clock=clock or FakeClock())


class _Item:
    """Equal to every item of its name, as keys read twice are, and something a weak reference can watch."""

    def __init__(self, name: str, payload: int = 0) -> None:
        self.name = name
        self.payload = payload

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Item) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)


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


def test_giving_back_what_waits_does_not_queue_it_twice() -> None:
    """A worker that calls `done` once too often does not bring the item to two workers."""
    queue = _queue()
    queue.add("a")
    queue.get()
    queue.done("a")
    queue.add("a")
    queue.done("a")
    assert len(queue) == 1


def test_what_was_given_back_is_not_kept() -> None:
    """The queue holds no reference to an item it is done with."""
    queue: WorkQueue[_Item] = WorkQueue()
    item = _Item("a")
    alive = weakref.ref(item)
    queue.add(item)
    queue.done(queue.get() or item)
    del item
    assert alive() is None


def test_a_blocked_worker_gets_the_item_when_the_other_is_done() -> None:
    """Of an item added twice while one worker has it the next worker gets one, the moment it is given back."""
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    assert queue.get() == "a"
    for _ in range(2):
        queue.add("a")
    got: list[Any] = []
    thread = threading.Thread(target=lambda: got.append(queue.get(30)))
    thread.start()
    assert got == []
    queue.done("a")
    thread.join(10)
    assert (got, len(queue)) == (["a"], 0)


def test_many_producers_and_workers_end_with_nothing_left() -> None:
    """Fifty producers and ten workers that add each item once more: a shutdown ends them all with an empty queue."""
    queue: WorkQueue[int] = WorkQueue()
    added = threading.Barrier(51)
    handled: list[int] = []

    def produce(item: int) -> None:
        queue.add(item)
        added.wait(30)

    def consume() -> None:
        seen: set[int] = set()
        for item in queue:
            handled.append(item)
            if item not in seen:
                seen.add(item)
                queue.add(item)

    threads = [threading.Thread(target=produce, args=(item,)) for item in range(50)]
    threads += [threading.Thread(target=consume) for _ in range(10)]
    for thread in threads:
        thread.start()
    added.wait(30)
    queue.shut_down()
    queue.add(99)
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert (len(queue), set(handled)) == (0, set(range(50)))


def test_a_flood_of_one_producer_does_not_starve_another() -> None:
    """An item queued behind a thousand others comes after those, however many the first producer adds meanwhile."""
    queue: WorkQueue[tuple[str, int]] = WorkQueue(clock=FakeClock())
    for number in range(1000):
        queue.add(("flood", number))
    queue.add(("other", 0))
    for turn in range(1001):
        item = queue.get(0)
        assert item is not None
        queue.done(item)
        queue.add(("flood", 1000 + turn))
        if item == ("other", 0):
            break
    assert turn == 1000


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
    assert clock.time == clock.start + 5.0


def test_get_waits_no_longer_than_asked() -> None:
    """With a limit it returns None although something is due later."""
    clock = FakeClock()
    queue = _queue(clock)
    queue.add_after("a", 5.0)
    assert queue.get(2.0) is None
    assert clock.time == clock.start + 2.0


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


def test_adding_at_once_leaves_the_later_time_standing() -> None:
    """A delayed item that is added now comes now, and again at its time."""
    clock = FakeClock()
    queue = _queue(clock)
    queue.add_after("a", 5.0)
    queue.add("a")
    assert queue.get(0) == "a"
    queue.done("a")
    assert queue.get(0) is None
    clock.advance(5.0)
    assert queue.get(0) == "a"


def test_an_item_is_delayed_again_after_it_came() -> None:
    """The time of an earlier round means nothing for the next one."""
    clock = FakeClock()
    queue = _queue(clock)
    for _ in range(3):
        queue.add_after("a", 5.0)
        clock.advance(4.0)
        assert queue.get(0) is None
        clock.advance(1.0)
        assert queue.get(0) == "a"
        queue.done("a")


def test_a_delayed_item_waits_for_the_worker_that_has_it() -> None:
    """When its time comes while a worker has it, it is handed out once that worker is done."""
    clock = FakeClock()
    queue = _queue(clock)
    queue.add("a")
    queue.get()
    queue.add_after("a", 1.0)
    clock.advance(2.0)
    assert queue.get(0) is None
    queue.done("a")
    assert queue.get(0) == "a"


@pytest.mark.parametrize("delays", [(2.0, 1.0), (1.0, 2.0)])
def test_of_equal_items_the_earlier_is_handed_out(delays: tuple[float, float]) -> None:
    """What an item carries beyond its identity comes from the one whose time was the earliest."""
    clock = FakeClock()
    queue: WorkQueue[_Item] = WorkQueue(clock=clock)
    for number, delay in enumerate(delays):
        queue.add_after(_Item("a", number), delay)
    clock.advance(5.0)
    item = queue.get(0)
    assert item is not None
    assert delays[item.payload] == 1.0
    queue.done(item)
    assert queue.get(0) is None


def test_a_hundred_thousand_delayed_items() -> None:
    """All come, in the order of their times, and nothing of them is left behind."""
    clock = FakeClock()
    queue: WorkQueue[int] = WorkQueue(clock=clock)
    delays = [(number * 7919) % 100_000 + 1 for number in range(100_000)]
    for delay in delays:
        queue.add_after(delay, delay / 100)
    clock.advance(500.0)
    assert len(queue) == 50_000
    clock.advance(500.0)
    order = []
    while (item := queue.get(0)) is not None:
        order.append(item)
        queue.done(item)
    assert order == list(range(1, 100_001))


def test_times_that_were_replaced_take_no_memory() -> None:
    """An item delayed for hours whose time is moved up again and again is kept once, not once for each time."""
    queue: WorkQueue[_Item] = WorkQueue(clock=FakeClock())
    alive: list[weakref.ref[_Item]] = []
    for number in range(10_000):
        item = _Item("a")
        alive.append(weakref.ref(item))
        queue.add_after(item, 36_000.0 - number)
    del item
    assert sum(reference() is not None for reference in alive) <= 200


@pytest.mark.parametrize("seconds", [1e12, 1e300, float("inf")])
def test_a_far_away_time_does_no_harm(seconds: float) -> None:
    """Workers that wait for an item due in ten thousand years, or never, are given what comes before it."""
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("late", seconds)
    got: list[Any] = []
    thread = threading.Thread(target=lambda: got.append(queue.get()))
    thread.start()
    queue.add("now")
    thread.join(10)
    assert got == ["now"]
    queue.done("now")
    assert queue.drain(seconds)


def test_not_a_number_is_no_delay() -> None:
    """NaN would spoil the order of all delayed items, so it is refused."""
    with pytest.raises(InvalidRequestError):
        _queue().add_after("a", float("nan"))


def test_failures_wait_longer_each_time() -> None:
    """The pause follows the rate limiter and is forgotten with success."""
    clock = FakeClock()
    queue = _queue(clock)
    for expected in (1.0, 2.0, 4.0):
        now = clock.time
        assert queue.add_rate_limited("a") == expected
        assert queue.get() == "a"
        assert clock.time == now + expected
        queue.done("a")
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


def test_dropping_forgets_what_was_to_come_again() -> None:
    """An item added while a worker has it does not come back after a shutdown that drops."""
    queue = _queue()
    queue.add("a")
    queue.get()
    queue.add("a")
    queue.shut_down(drop=True)
    queue.done("a")
    assert queue.get() is None


def test_a_shutdown_lets_go_of_what_was_delayed() -> None:
    """What will never come is not kept until its time."""
    queue: WorkQueue[_Item] = WorkQueue()
    item = _Item("a")
    alive = weakref.ref(item)
    queue.add_after(item, 3600.0)
    del item
    queue.shut_down()
    assert alive() is None


def test_the_main_thread_sees_a_shutdown_it_was_not_woken_by() -> None:
    """A signal handler may shut down in the moment before the wait begins: the main thread looks again by itself."""
    queue: WorkQueue[str]

    class _Interrupting(FakeClock):
        """Runs the handler when everything was looked at and the wait is about to begin."""

        def wait(self, signal: Any, timeout: float | None) -> bool:
            assert timeout is not None, "nobody would wake it"
            self.pauses.append(timeout)
            queue.shut_down()
            return False

    clock = _Interrupting()
    queue = WorkQueue(clock=clock)
    assert queue.get() is None
    assert clock.pauses[0] <= 1.0


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


def test_a_second_shutdown_ends_a_drain() -> None:
    """Who drains on the first signal can end at once on the second, although a worker does not give back."""
    clock = ManualClock()
    queue: WorkQueue[str] = WorkQueue(clock=clock)
    queue.add("a")
    queue.get()
    drained: list[bool] = []
    thread = threading.Thread(target=lambda: drained.append(queue.drain(600)))
    thread.start()
    clock.wait_for_waiter(1600.0)
    queue.shut_down()
    thread.join(10)
    assert drained == [False]


def test_a_drain_ends_although_workers_add_again() -> None:
    """What is added during it is not taken, so a handler that always adds its item again does not keep it going."""
    queue: WorkQueue[int] = WorkQueue(clock=FakeClock())
    for item in range(5):
        queue.add(item)
    handled: list[int] = []

    def work() -> None:
        for item in queue:
            handled.append(item)
            queue.add(item)
            queue.add_after(item, 0)
            queue.add_rate_limited(item)

    queue.shut_down()
    thread = threading.Thread(target=work)
    thread.start()
    assert queue.drain(30)
    thread.join(10)
    assert handled == [0, 1, 2, 3, 4]


def test_a_shutdown_does_not_wait() -> None:
    """Without draining, what workers still have holds nobody up."""
    queue = _queue()
    for item in "ab":
        queue.add(item)
        queue.get()
    queue.shut_down()
    assert queue.get() is None
    assert set(queue.running()) == {"a", "b"}


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
    st.lists(
        st.tuples(st.sampled_from(["add", "get", "done", "later", "soon", "failed", "tick"]), st.sampled_from("abc")),
        max_size=60,
    )
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
        elif step in {"later", "soon"}:
            queue.add_after(item, {"later": 3.0, "soon": 0.5}[step])
            owed.add(item)
        elif step == "failed":
            queue.add_rate_limited(item)
            owed.add(item)
        elif step == "tick":
            clock.advance(1.0)
        elif step == "get":
            got = queue.get(0)
            if got is not None:
                assert got not in held
                held.add(got)
                owed.discard(got)
        else:  # of an item nobody holds it means nothing
            held.discard(item)
            queue.done(item)
    for item in held:
        queue.done(item)
    clock.advance(60.0)
    left = set()
    while (got := queue.get(0)) is not None:
        left.add(got)
        queue.done(got)
    assert owed <= left


# Measuring


def test_tells_how_long_an_item_waited_and_was_worked_on() -> None:
    """The hook is called with the times and failures of each item given back; repeated adds count from the first."""
    clock = FakeClock()
    handled: list[Handled] = []
    queue: WorkQueue[str] = WorkQueue(rate_limiter=ExponentialFailures(1.0, 60.0), hook=handled.append, clock=clock)
    queue.add("a")
    clock.advance(0.5)
    queue.add("a")
    queue.get()
    clock.advance(1.0)
    queue.add("a")
    clock.advance(2.0)
    queue.add("a")
    queue.add_rate_limited("a")
    queue.done("a")
    queue.get()
    clock.advance(4.0)
    queue.done("a")
    assert handled == [Handled("a", 0.5, 3.0, 1), Handled("a", 2.0, 4.0, 1)]


def test_a_delay_is_no_waiting() -> None:
    """A delayed item waits from when its time has come and was noticed."""
    clock = FakeClock()
    handled: list[Handled] = []
    queue: WorkQueue[str] = WorkQueue(hook=handled.append, clock=clock)
    queue.add_after("a", 5.0)
    clock.advance(5.0)
    assert len(queue) == 1
    clock.advance(2.0)
    queue.get()
    queue.done("a")
    assert handled == [Handled("a", 2.0, 0.0, 0)]


def test_what_workers_have_can_be_seen() -> None:
    """Each item in work with its seconds, so that a worker that hangs is noticed before it ends."""
    clock = FakeClock()
    queue = _queue(clock)
    queue.add("a")
    queue.add("b")
    queue.get()
    clock.advance(3.0)
    queue.get()
    clock.advance(1.0)
    assert queue.running() == {"a": 4.0, "b": 1.0}
    queue.done("a")
    assert queue.running() == {"b": 1.0}


def test_a_hook_that_fails_does_no_harm(caplog: pytest.LogCaptureFixture) -> None:
    """Its exception is logged, and the item is given back all the same."""

    def fail(_: Handled) -> None:
        raise RuntimeError

    queue: WorkQueue[str] = WorkQueue(hook=fail)
    queue.add("a")
    queue.get()
    queue.done("a")
    assert "hook" in caplog.text
    assert queue.drain(1.0)
