"""What a signal handler may do in the middle of anything: stop an election, shut a queue down, close a recorder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from interrupting import interrupted
from watch.fakes import FakeClock

from controller.objects import MemoryObjects
from dynkube.controller import EventRecorder, LeaderElector, WorkQueue

if TYPE_CHECKING:
    import threading

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "prod"}}


@pytest.mark.parametrize("first", range(5))
def test_a_signal_handler_may_stop_an_election(first: int) -> None:
    """Wherever in the middle of `run` it comes, what leads is ended and `run` returns."""
    at = first + 1
    while True:
        objects = MemoryObjects()
        begun: list[threading.Event] = []
        told: list[str] = []

        def lead(ended: threading.Event, begun: list[threading.Event] = begun) -> None:
            begun.append(ended)
            assert ended.wait(30)

        # The clock makes the lease run out after some renewals, so that a run ends also where nobody stops it.
        elector = LeaderElector(
            objects, "lock", "me", on_started_leading=lead, on_new_leader=told.append, clock=FakeClock()
        )
        reached = interrupted(elector.run, at, elector.stop)
        assert all(ended.is_set() for ended in begun)
        assert not elector.is_leader
        if not reached:
            break
        at += 5
    assert at > 100


def test_a_signal_handler_may_shut_a_queue_down() -> None:
    """Wherever in the middle of its methods it comes, nothing hangs, nothing is raised, and the end is seen."""
    at, reached = 0, True
    while reached:
        at += 1
        queue: WorkQueue[str] = WorkQueue(clock=FakeClock())
        failures: list[BaseException] = []

        def use(queue: WorkQueue[str] = queue, failures: list[BaseException] = failures) -> None:
            try:
                queue.add("a")
                queue.add_after("b", 1.0)
                item = queue.get(5.0)
                queue.add("a")
                if item is not None:
                    queue.done(item)
                for item in ("a", "b", "c"):
                    queue.add(item)
                    queue.get(5.0)
                    queue.done(item)
                queue.add_after("d", 1.0)
                queue.get(5.0)
            except BaseException as error:  # noqa: BLE001 - told by the test
                failures.append(error)

        reached = interrupted(use, at, lambda queue=queue: queue.shut_down(drop=True))  # type: ignore[misc]
        assert failures == []
        queue.shut_down(drop=True)
        assert queue.get(0) is None
    assert at > 50


def test_a_signal_handler_may_close_a_recorder() -> None:
    """Wherever in the middle of reporting it comes: what was taken is written, and the thread has ended."""
    at, reached = 0, True
    while reached:
        at += 1
        objects = MemoryObjects()
        recorder = EventRecorder(objects, "tester", host="here", clock=FakeClock())
        taken: list[str] = []

        def report(recorder: EventRecorder = recorder, taken: list[str] = taken) -> None:
            taken.extend(reason for reason in ("First", "Second") if recorder.event(POD, "Normal", reason, "m"))

        reached = interrupted(report, at, lambda recorder=recorder: recorder.close(10.0))  # type: ignore[misc]
        assert recorder.close(10.0)
        assert {event["reason"] for event in objects.stored.values()} >= set(taken)
    assert at > 30
