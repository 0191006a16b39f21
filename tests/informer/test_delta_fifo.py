"""Tests of what a handler has yet to be told."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from watch.fakes import ManualClock, thing

from dynkube.informer import Delta, DeltaFIFO, DeltaType

ADDED, UPDATED, DELETED = DeltaType.ADDED, DeltaType.UPDATED, DeltaType.DELETED
SYNC, SYNCED = DeltaType.SYNC, DeltaType.SYNCED


def _delta(kind: DeltaType, name: str = "a", version: int = 1, old: int | None = None) -> Delta:
    return Delta(kind, name, thing(name, version), None if old is None else thing(name, old))


def _drain(queue: DeltaFIFO) -> list[Delta]:
    deltas: list[Delta] = []
    while True:
        batch = queue.pop(0)
        if not batch:
            return deltas
        deltas.extend(batch)


def _merged(*deltas: Delta) -> list[Delta]:
    queue = DeltaFIFO(coalesce=True)
    for delta in deltas:
        queue.push(delta)
    return _drain(queue)


def test_keeps_the_order_of_arrival() -> None:
    """Without merging everything comes out as it went in."""
    queue = DeltaFIFO()
    deltas = [_delta(ADDED), _delta(ADDED, "b"), _delta(UPDATED), _delta(DELETED, "b"), _delta(SYNC)]
    queue.push(*deltas[:2])
    queue.push(*deltas[2:])
    assert len(queue) == 5
    assert queue.pop() == deltas
    assert len(queue) == 0


def test_merging_hands_out_one_key_at_a_time() -> None:
    """All that waits for a key comes together, and keys come in the order of their first delta."""
    queue = DeltaFIFO(coalesce=True)
    queue.push(_delta(DELETED, "b"), _delta(ADDED, "a"), _delta(ADDED, "b"))
    assert len(queue) == 3
    assert [delta.key for delta in queue.pop()] == ["b", "b"]
    assert [delta.key for delta in queue.pop()] == ["a"]


def test_updates_merge_into_what_waits() -> None:
    """The oldest old object and the newest new one remain."""
    assert _merged(_delta(UPDATED, version=2, old=1), _delta(UPDATED, version=3, old=2)) == [
        _delta(UPDATED, version=3, old=1)
    ]
    assert _merged(_delta(ADDED, version=1), _delta(UPDATED, version=2, old=1)) == [_delta(ADDED, version=2)]
    assert _merged(_delta(SYNC), _delta(UPDATED, version=2, old=1)) == [_delta(UPDATED, version=2, old=1)]


def test_a_merged_addition_stays_initial() -> None:
    """An addition of the initial state that takes up an update is still part of that state."""
    first = _delta(ADDED)._replace(flag=True)
    assert _merged(first, _delta(UPDATED, version=2, old=1)) == [_delta(ADDED, version=2)._replace(flag=True)]


def test_a_resync_merges_into_anything() -> None:
    """Telling an object again is void where something about it waits; two resyncs are one."""
    assert _merged(_delta(ADDED), _delta(SYNC)) == [_delta(ADDED)]
    assert _merged(_delta(DELETED), _delta(SYNC)) == [_delta(DELETED)]
    assert _merged(_delta(SYNC), _delta(SYNC)) == [_delta(SYNC)]


def test_deletions_of_what_the_reader_knows_are_never_lost() -> None:
    """It is told that the one it knew is gone, and of the one that has its name now."""
    deletion, addition = _delta(DELETED, version=3), _delta(ADDED, version=4)
    assert _merged(deletion, addition) == [deletion, addition]
    update = _delta(UPDATED, version=2, old=1)
    assert _merged(update, deletion, addition) == [update, deletion, addition]
    assert _merged(_delta(SYNC), deletion) == [_delta(SYNC), deletion]


def test_what_came_and_went_meanwhile_is_not_told() -> None:
    """Created and deleted while the handler slept, once or often, is nothing: it never knew of it."""
    assert _merged(_delta(ADDED), _delta(DELETED)) == []
    assert _merged(_delta(ADDED), _delta(UPDATED, version=2, old=1), _delta(DELETED, version=3)) == []
    deletion = _delta(DELETED, version=1)
    assert _merged(deletion, _delta(ADDED, version=2), _delta(DELETED, version=3)) == [deletion]
    assert _merged(_delta(ADDED), _delta(DELETED), _delta(ADDED, version=3)) == [_delta(ADDED, version=3)]


def test_merging_bounds_what_waits() -> None:
    """A reader that never comes holds up at most three deltas for each object that is there or that it knew."""
    queue = DeltaFIFO(coalesce=True)
    queue.push(*(_delta(UPDATED, name, 1, 0) for name in "abc"))
    for version in range(2, 1000):
        for name in "abc":
            queue.push(_delta(DELETED, name, version), _delta(ADDED, name, version))
        short_lived = f"short-lived-{version}"
        queue.push(_delta(ADDED, short_lived), _delta(UPDATED, short_lived, 2, 1), _delta(DELETED, short_lived, 3))
    assert len(queue) == 3 * 3


def test_the_end_of_the_initial_state_stays_behind_it() -> None:
    """The mark comes after every addition queued before it, whatever is merged."""
    mark = Delta(SYNCED, "")
    merged = _merged(_delta(ADDED, "a"), _delta(ADDED, "b"), mark, _delta(UPDATED, "a", 2, 1), _delta(ADDED, "c"))
    assert [delta.type for delta in merged] == [ADDED, ADDED, SYNCED, ADDED]
    assert merged[0].obj == thing("a", 2)


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from(["write", "delete", "sync"]), st.booleans()),
        max_size=40,
    )
)
def test_merging_tells_the_same_story(steps: list[tuple[str, str, bool]]) -> None:
    """For any history and any moments of popping, a reader ends at the last state, by a story without a gap."""
    queue = DeltaFIFO(coalesce=True)
    truth: dict[str, int] = {}
    told: list[Delta] = []
    for version, (name, step, pop) in enumerate(steps):
        old = truth.get(name)
        if step == "write":
            queue.push(_delta(ADDED if old is None else UPDATED, name, version, old))
            truth[name] = version
        elif old is not None and step == "delete":
            queue.push(_delta(DELETED, name, version))
            del truth[name]
        elif old is not None:
            queue.push(_delta(SYNC, name, old))
        if pop:
            told.extend(queue.pop(0))
    told.extend(_drain(queue))
    assert len(queue) == 0
    seen: dict[str, str] = {}
    for delta in told:
        assert delta.obj is not None
        if delta.type is DELETED:
            assert delta.key in seen
            del seen[delta.key]
        else:
            assert (delta.key in seen) is (delta.type is not ADDED)
            if delta.type is UPDATED:
                assert delta.old is not None
                assert delta.old["metadata"]["resourceVersion"] == seen[delta.key]
            seen[delta.key] = delta.obj["metadata"]["resourceVersion"]
    assert seen == {name: str(version) for name, version in truth.items()}


def test_pop_waits_for_a_push() -> None:
    """A reader blocks until there is something to tell."""
    queue = DeltaFIFO()
    got: list[list[Delta]] = []
    thread = threading.Thread(target=lambda: got.append(queue.pop()))
    thread.start()
    queue.push(_delta(ADDED))
    thread.join(10)
    assert got == [[_delta(ADDED)]]


@pytest.mark.parametrize("coalesce", [False, True], ids=["every", "latest"])
def test_what_several_push_stays_in_the_order_of_each(coalesce: bool) -> None:
    """Two threads push at once, a third pops meanwhile: everything comes out, each thread's in its order."""
    queue = DeltaFIFO(coalesce=coalesce)
    seen: dict[str, list[int]] = {"a": [], "b": []}

    def push(who: str) -> None:
        for number in range(300):
            queue.push(Delta(ADDED, f"{who}{number}"))

    def pop() -> None:
        while sum(map(len, seen.values())) < 600:
            for delta in queue.pop(30):
                seen[delta.key[0]].append(int(delta.key[1:]))

    threads = [threading.Thread(target=pop), *(threading.Thread(target=push, args=(who,)) for who in seen)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert seen == {"a": list(range(300)), "b": list(range(300))}


def test_closing_wakes_everyone_who_pops() -> None:
    """However many threads are blocked in `pop`."""
    queue = DeltaFIFO()
    threads = [threading.Thread(target=queue.pop) for _ in range(5)]
    for thread in threads:
        thread.start()
    queue.close()
    queue.close()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def test_pop_ends_when_the_queue_is_closed() -> None:
    """A blocked reader wakes with nothing; what waited and what comes later is dropped."""
    queue = DeltaFIFO()
    got: list[Any] = []
    thread = threading.Thread(target=lambda: got.append(queue.pop()))
    thread.start()
    queue.close()
    thread.join(10)
    assert got == [[]]
    queue.push(_delta(ADDED))
    assert (queue.closed, len(queue), queue.pop(0)) == (True, 0, [])


def test_closing_drops_what_waits() -> None:
    """A removed handler is told nothing more."""
    for coalesce in (False, True):
        queue = DeltaFIFO(coalesce=coalesce)
        queue.push(_delta(ADDED))
        queue.close()
        assert queue.pop() == []


def test_pop_gives_up_when_its_time_is_over() -> None:
    """With a limit an empty queue is left with nothing to tell."""
    clock = ManualClock()
    queue = DeltaFIFO(clock=clock)
    got: list[Any] = []
    thread = threading.Thread(target=lambda: got.append(queue.pop(5.0)))
    thread.start()
    clock.wait_for_waiter(1005.0)
    clock.advance(4.0)
    clock.wait_for_waiter(1005.0)
    clock.advance(1.0)
    thread.join(10)
    assert got == [[]]


class _Consumer:
    """A thread that takes what is there, as a handler's does, and is slow when told to be."""

    def __init__(self, queue: DeltaFIFO) -> None:
        self.queue = queue
        self.allowed = threading.Event()
        self.allowed.set()
        self.taken = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        while not self.queue.closed:
            if self.queue.pop(60):
                self.taken.set()
                assert self.allowed.wait(60)

    def close(self) -> None:
        """End the thread."""
        self.allowed.set()
        self.queue.close()
        self.thread.join(60)


@pytest.mark.parametrize("coalesce", [False, True])
def test_one_can_wait_until_everything_has_been_told(coalesce: bool) -> None:
    """When the thread that tells comes back for more it has let go of what was there."""
    consumer = _Consumer(DeltaFIFO(coalesce=coalesce))
    for _ in range(100):
        consumer.queue.push(_delta(ADDED))
        consumer.queue.wait_idle(60)
        assert len(consumer.queue) == 0
        assert consumer.taken.is_set()
        consumer.taken.clear()
    consumer.close()


def test_who_is_slow_is_waited_for_once() -> None:
    """After a wait in vain there is none until everything has been told."""
    consumer = _Consumer(DeltaFIFO())
    consumer.allowed.clear()
    consumer.queue.push(_delta(ADDED))
    consumer.queue.wait_idle(0.01)
    consumer.queue.wait_idle(3600)  # the limit of the test is shorter
    assert consumer.taken.wait(60)
    consumer.queue.push(_delta(ADDED))
    consumer.queue.wait_idle(3600)
    consumer.allowed.set()
    while len(consumer.queue) or consumer.queue._late:
        consumer.queue.wait_idle(60)
    consumer.queue.push(_delta(ADDED))
    consumer.queue.wait_idle(60)
    assert len(consumer.queue) == 0
    consumer.close()


def test_closing_ends_the_wait_for_what_has_not_been_told() -> None:
    """Who waits does not outlast the queue."""
    queue = DeltaFIFO()
    queue.push(_delta(ADDED))
    closing = threading.Timer(0.01, queue.close)
    closing.start()
    queue.wait_idle(3600)
    closing.join()
    queue.wait_idle(3600)
