"""Tests of telling who leads."""

from __future__ import annotations

import logging
import threading

import pytest

from dynkube.controller.heralds import Herald


def test_tells_each_change_in_order() -> None:
    """Nobody is no leader, and the same leader after nobody is no news."""
    told: list[str] = []
    herald = Herald(told.append, "lock")
    for leader in ("", "a", "a", "", "a", "b", "a"):
        herald.tell(leader)
    herald.close()
    for left in threading.enumerate():
        if left.name == "dynkube-leader-news-lock":
            left.join(10)
    assert told == ["a", "b", "a"]


def test_without_news_there_is_no_thread() -> None:
    """An election that never saw a leader has nothing to end."""
    before = threading.active_count()
    herald = Herald(lambda _: None, "lock")
    herald.tell("")
    assert threading.active_count() == before
    herald.close()


@pytest.mark.parametrize("failure", [RuntimeError(), SystemExit()])
def test_a_listener_that_raises_is_told_the_next_all_the_same(
    failure: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """What it raises is logged."""
    told: list[str] = []
    second = threading.Event()

    def listen(leader: str) -> None:
        told.append(leader)
        if leader == "a":
            raise failure
        second.set()

    herald = Herald(listen, "lock")
    with caplog.at_level(logging.ERROR, "dynkube.controller"):
        herald.tell("a")
        herald.tell("b")
        assert second.wait(30)
        herald.close()
    assert told == ["a", "b"]
    assert "on_new_leader failed" in caplog.text


def test_closing_does_not_wait_for_a_listener_that_hangs() -> None:
    """The end of an election is not in the hands of who listens."""
    entered, gate = threading.Event(), threading.Event()

    def listen(_: str) -> None:
        entered.set()
        assert gate.wait(30)

    herald = Herald(listen, "lock")
    herald.tell("a")
    assert entered.wait(30)
    closing = threading.Thread(target=herald.close)
    closing.start()
    closing.join(10)
    assert not closing.is_alive()
    gate.set()
