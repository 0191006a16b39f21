"""What ends waiting: set from any thread, and in the middle of anything the waiting thread itself does."""

from __future__ import annotations

import threading

import pytest
from interrupting import interrupted

from dynkube.transport import Cancellation
from dynkube.transport.latch import Latch


def test_everyone_who_waits_is_woken() -> None:
    """One `set()` lets all waiting threads go on, and everyone who comes later."""
    latch = Latch()
    woken: list[bool] = []
    threads = [threading.Thread(target=lambda: woken.append(latch.wait(60))) for _ in range(20)]
    for thread in threads:
        thread.start()
    latch.set()
    for thread in threads:
        thread.join(10)
    assert woken == [True] * 20
    assert latch.wait()
    assert latch.is_set()


def test_setting_at_once_from_many_threads_is_setting_once() -> None:
    """Threads that set the same latch, and wait for it, do not get in each other's way."""
    for _ in range(50):
        latch, barrier = Latch(), threading.Barrier(6)
        outcome: list[bool] = []

        def work(latch: Latch = latch, barrier: threading.Barrier = barrier, outcome: list[bool] = outcome) -> None:
            barrier.wait(10)
            latch.set()
            outcome.append(latch.wait(10))

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert outcome == [True] * 6


@pytest.mark.parametrize("timeout", [0.0, 0.001, -5.0])
def test_a_wait_ends_with_its_time(timeout: float) -> None:
    """A latch that nobody sets is waited for as long as asked, and not set afterwards; negative times are none."""
    latch = Latch()
    assert not latch.wait(timeout)
    assert not latch.is_set()
    latch.set()
    assert latch.wait(timeout)


def test_a_latch_may_be_set_in_the_middle_of_anything() -> None:
    """A handler that sets the latch between any two lines of waiting and setting ends the one and harms no other."""
    at = 0
    while True:
        at += 1
        latch = Latch()
        if not interrupted(lambda latch=latch: (latch.wait(0.0), latch.set(), latch.wait(5.0)), at, latch.set):  # type: ignore[misc]
            break
        assert latch.is_set()
    assert at > 8


def test_a_request_may_be_cancelled_in_the_middle_of_registering() -> None:
    """Whenever a handler cancels, each callback is called once or was taken back in time: never both, never neither."""
    at = 0
    while True:
        at += 1
        cancellation = Cancellation()
        calls: list[int] = []
        taken_back: list[bool] = []

        def work(
            cancellation: Cancellation = cancellation, calls: list[int] = calls, taken_back: list[bool] = taken_back
        ) -> None:
            for number in range(3):
                unhook = cancellation.on_cancel(lambda number=number: calls.append(number))  # type: ignore[misc]
                taken_back.append(unhook())
            cancellation.on_cancel(lambda: calls.append(3))
            cancellation.cancel()

        if not interrupted(work, at, cancellation.cancel):
            break
        assert sorted([*calls, *(number for number, back in enumerate(taken_back) if back)]) == [0, 1, 2, 3]
    assert at > 20
