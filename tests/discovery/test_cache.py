"""CachedDiscovery: one run for many callers, its age, its refreshes and how they are rationed."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from mapping.fakes import FakeDiscovery, res, surface

from dynkube.discovery import APIGroup, CachedDiscovery, Discovered
from dynkube.discovery.cache import REFRESH_BURST, REFRESH_INTERVAL, TOGETHER, UNSETTLED_AGE
from dynkube.errors import ConnectFailedError, DiscoveryError
from dynkube.names import GroupVersionResource

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return what time it is."""
        return self.now


def numbered(number: int) -> Discovered:
    """Return a value that is unlike those of other numbers."""
    return Discovered((APIGroup(f"g{number}.example", ("v1",), "v1"),))


def counting() -> FakeDiscovery:
    """Return a Discoverer whose every run finds something new."""
    fake = FakeDiscovery(Discovered())
    fake.found = lambda: numbered(fake.asked)
    return fake


@pytest.fixture
def clock() -> Clock:
    """Make a clock."""
    return Clock()


def elsewhere(call: Callable[[], object]) -> None:
    """Run ``call`` in a thread of its own and wait for it."""
    thread = threading.Thread(target=call)
    thread.start()
    thread.join(timeout=30)
    assert not thread.is_alive()


def test_asked_once(clock: Clock) -> None:
    """Nothing is asked before the first use, and once for any number of uses within the age."""
    fake = counting()
    cache = CachedDiscovery(fake, max_age=100, clock=clock)
    assert fake.asked == 0
    assert not cache.fresh
    first = cache.discover()
    assert cache.fresh
    clock.now += 99
    assert cache.discover() is first
    assert fake.asked == 1


def test_age(clock: Clock) -> None:
    """Past its age a run is made again on the next use, and not before."""
    fake = counting()
    cache = CachedDiscovery(fake, max_age=100, clock=clock)
    first = cache.discover()
    clock.now += 101
    assert not cache.fresh
    assert fake.asked == 1
    assert cache.discover() != first
    assert fake.asked == 2


def test_invalidate(clock: Clock) -> None:
    """After invalidate() the next use asks again; what is wrapped is told, too."""
    fake = counting()
    cache = CachedDiscovery(fake, clock=clock)
    first = cache.discover()
    cache.invalidate()
    assert not cache.fresh
    assert fake.invalidated == 1
    assert fake.asked == 1
    assert cache.discover() != first


def test_failures_are_not_remembered(clock: Clock) -> None:
    """A failed run is raised and leaves nothing behind; the next use asks again."""
    fake = counting()
    answers: list[Discovered | Exception] = [ConnectFailedError("refused"), numbered(1)]

    def answer() -> Discovered:
        value = answers.pop(0)
        if isinstance(value, Exception):
            raise value
        return value

    fake.found = answer
    cache = CachedDiscovery(fake, clock=clock)
    with pytest.raises(ConnectFailedError):
        cache.discover()
    assert not cache.fresh
    assert cache.discover() == numbered(1)


def test_a_failed_refresh_keeps_what_was_known(clock: Clock) -> None:
    """A refresh that fails raises; what was remembered still answers."""
    fake = counting()
    cache = CachedDiscovery(fake, clock=clock)
    loaded = cache.load()

    def fail() -> Discovered:
        raise ConnectFailedError("refused")

    fake.found = fail
    clock.now += 1
    with pytest.raises(ConnectFailedError):
        cache.refresh(loaded, since=clock.now)
    assert cache.discover() is loaded.discovered


def test_refresh(clock: Clock) -> None:
    """A miss in what was known before the call is settled by a new run, which goes past any disk cache."""
    fake = counting()
    cache = CachedDiscovery(fake, clock=clock)
    seen = cache.load()
    clock.now += 1
    newer = cache.refresh(seen, since=clock.now)
    assert newer.generation == seen.generation + 1
    assert (fake.asked, fake.invalidated) == (2, 1)
    assert cache.discover() is newer.discovered


def test_refresh_after_ones_own_load(clock: Clock) -> None:
    """A caller who found nothing in a run made for that very call is not worth another run."""
    fake = counting()
    cache = CachedDiscovery(fake, clock=clock)
    since = cache.now()
    clock.now += 1
    seen = cache.load()
    assert cache.refresh(seen, since=since) is seen
    assert fake.asked == 1


def test_refresh_by_somebody_else(clock: Clock) -> None:
    """A caller whose view was replaced meanwhile gets the newer run without another."""
    fake = counting()
    cache = CachedDiscovery(fake, clock=clock)
    seen = cache.load()
    clock.now += 1
    since = clock.now
    clock.now += 1
    newer = cache.refresh(seen, since=clock.now)
    clock.now += 1
    assert cache.refresh(seen, since=since) is newer
    assert fake.asked == 2


def test_misses_of_many_threads_together(clock: Clock) -> None:
    """Threads that miss within a moment of each other share a run; the one that had its answer may ask again."""
    fake = counting()
    cache = CachedDiscovery(fake, clock=clock)
    seen = cache.load()
    clock.now += 1
    newer = cache.refresh(seen, since=clock.now)
    clock.now += TOGETHER / 2
    elsewhere(lambda: cache.refresh(newer, since=clock.now))
    assert fake.asked == 2
    assert cache.refresh(newer, since=clock.now).generation == newer.generation + 1
    assert fake.asked == 3
    clock.now += TOGETHER * 2
    elsewhere(lambda: cache.refresh(cache.load(), since=clock.now))
    assert fake.asked == 4


def test_refreshes_are_rationed(clock: Clock) -> None:
    """A burst of refreshes is allowed, then one an interval; what is refused is answered from what is known."""
    fake = counting()
    cache = CachedDiscovery(fake, max_age=1e9, clock=clock)

    def miss() -> None:
        clock.now += 0.001
        cache.refresh(cache.load(), since=clock.now)

    cache.load()
    for _ in range(50):
        miss()
    assert fake.asked == 1 + REFRESH_BURST
    clock.now += REFRESH_INTERVAL
    miss()
    miss()
    assert fake.asked == 2 + REFRESH_BURST
    clock.now += 1000 * REFRESH_INTERVAL
    for _ in range(50):
        miss()
    assert fake.asked == 2 + 2 * REFRESH_BURST


def test_single_flight() -> None:
    """However many threads need an answer at once, one asks and all get the same."""
    started, go = threading.Event(), threading.Event()
    fake = counting()

    def slow() -> Discovered:
        started.set()
        assert go.wait(timeout=30)
        return numbered(fake.asked)

    fake.found = slow
    cache = CachedDiscovery(fake)
    with ThreadPoolExecutor(32) as pool:
        futures = [pool.submit(cache.discover) for _ in range(32)]
        assert started.wait(timeout=30)
        go.set()
        results = [future.result(timeout=30) for future in futures]
    assert fake.asked == 1
    assert len({id(result) for result in results}) == 1


def test_a_failure_reaches_all_who_wait() -> None:
    """A failed run is raised in every thread that waited for it, and nothing is remembered."""
    entered, leave = threading.Event(), threading.Event()
    fake = counting()

    def fail() -> Discovered:
        entered.set()
        assert leave.wait(timeout=30)
        raise ConnectFailedError("refused")

    fake.found = fail
    cache = CachedDiscovery(fake)
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(cache.discover) for _ in range(8)]
        assert entered.wait(timeout=30)
        leave.set()
        for future in waiting:
            with pytest.raises(ConnectFailedError):
                future.result(timeout=30)
    assert not cache.fresh


def test_an_interrupted_run() -> None:
    """Where the thread that asks is interrupted, it is interrupted alone; others get an error they can handle."""
    entered, leave = threading.Event(), threading.Event()
    fake = counting()

    def interrupted() -> Discovered:
        if fake.asked > 1:
            raise DiscoveryError("came too late to join the first run")
        entered.set()
        assert leave.wait(timeout=30)
        raise KeyboardInterrupt

    fake.found = interrupted
    cache = CachedDiscovery(fake)
    with ThreadPoolExecutor(4) as pool:
        leader = pool.submit(cache.discover)
        assert entered.wait(timeout=30)
        followers = [pool.submit(cache.discover) for _ in range(3)]
        leave.set()
        assert isinstance(leader.exception(timeout=30), KeyboardInterrupt)
        for follower in followers:
            assert isinstance(follower.exception(timeout=30), DiscoveryError)


def test_invalidate_during_a_run() -> None:
    """A run that was under way when everything was invalidated is not remembered, nor joined by later callers."""
    entered, leave = threading.Event(), threading.Event()
    fake = counting()

    def slow_at_first() -> Discovered:
        number = fake.asked
        if number == 1:
            entered.set()
            assert leave.wait(timeout=30)
        return numbered(number)

    fake.found = slow_at_first
    cache = CachedDiscovery(fake)
    with ThreadPoolExecutor(1) as pool:
        early = pool.submit(cache.discover)
        assert entered.wait(timeout=30)
        cache.invalidate()
        assert cache.discover() == numbered(2)
        leave.set()
        assert early.result(timeout=30) == numbered(1)
    assert cache.discover() == numbered(2)
    assert fake.asked == 2


def test_settling(clock: Clock) -> None:
    """For as long as the server settles after a change an answer is remembered for a second; then for its full age."""
    fake = counting()
    cache = CachedDiscovery(fake, max_age=100, clock=clock)
    cache.invalidate(settling=5)
    cache.discover()
    clock.now += UNSETTLED_AGE / 2
    cache.discover()
    assert fake.asked == 1
    clock.now += UNSETTLED_AGE
    cache.discover()
    assert fake.asked == 2
    clock.now += 5
    cache.discover()
    assert fake.asked == 3
    clock.now += 99
    cache.discover()
    assert fake.asked == 3


def test_settling_makes_no_age_longer(clock: Clock) -> None:
    """An age shorter than that of unsettled answers stays, and a shorter settling does not end a longer one."""
    fake = counting()
    cache = CachedDiscovery(fake, max_age=UNSETTLED_AGE / 4, clock=clock)
    cache.invalidate(settling=5)
    cache.invalidate()
    cache.discover()
    clock.now += UNSETTLED_AGE / 2
    cache.discover()
    assert fake.asked == 2


class TestExpected:
    """What somebody has just had the server serve, and it does not yet."""

    WIDGETS = GroupVersionResource("example.com", "v1", "widgets")

    def cache(self, clock: Clock, *, listed_in_run: int) -> tuple[CachedDiscovery, FakeDiscovery]:
        """Return a cache of a server that lists widgets from a certain run on; pauses let time pass."""
        fake = FakeDiscovery(Discovered())
        served = surface(("example.com/v1", [res("widgets", "Widget")]))
        fake.found = lambda: served if fake.asked >= listed_in_run else Discovered()

        def sleep(seconds: float) -> None:
            clock.now += seconds

        return CachedDiscovery(fake, clock=clock, sleep=sleep), fake

    def test_a_miss_waits_for_it(self, clock: Clock) -> None:
        """A miss asks until the server lists what is expected, and once only from then on."""
        cache, fake = self.cache(clock, listed_in_run=4)
        seen = cache.load()
        cache.expect([self.WIDGETS], within=10)
        found = cache.refresh(seen, since=clock.now)
        assert self.WIDGETS.group_version in found.discovered.resources
        assert fake.asked == 4
        cache.refresh(found, since=clock.now + 1)
        assert fake.asked == 5

    def test_it_is_given_up(self, clock: Clock) -> None:
        """What never comes is waited for until its time is over, and then no longer."""
        cache, fake = self.cache(clock, listed_in_run=1000)
        seen = cache.load()
        began = clock.now
        cache.expect([self.WIDGETS], within=10)
        cache.refresh(seen, since=clock.now)
        assert 10 <= clock.now - began < 11
        asked = fake.asked
        assert asked < 40
        cache.refresh(cache.load(), since=clock.now + 1)
        assert fake.asked == asked + 1

    def test_it_is_taken_back(self, clock: Clock) -> None:
        """What is not expected any more is not waited for."""
        cache, fake = self.cache(clock, listed_in_run=1000)
        seen = cache.load()
        cache.expect([self.WIDGETS], within=10)
        cache.expect_nothing()
        cache.refresh(seen, since=clock.now + 1)
        assert fake.asked == 2

    def test_finding_other_things_waits_for_nothing(self, clock: Clock) -> None:
        """Who misses nothing is not held up."""
        cache, fake = self.cache(clock, listed_in_run=1000)
        cache.expect([self.WIDGETS], within=10)
        cache.discover()
        assert fake.asked == 1
