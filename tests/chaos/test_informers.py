"""Informers of three kinds under writes and faults of every sort: they end equal to the server, and miss nothing.

`DYNKUBE_CHAOS_FAULTS=500` makes the run as long as wished, `DYNKUBE_CHAOS_SEED=n` repeats one.
"""

from __future__ import annotations

import gc
import logging
import os
import random
import threading
import time
import tracemalloc
from contextlib import ExitStack, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import dynkube
from chaos.proxy import ANSWERS, REQUEST_FAULTS, STREAM_FAULTS, FaultyProxy
from dynkube.config import Timeout
from dynkube.errors import DynkubeError, NotFound
from dynkube.informer import HandlerRegistration, SharedInformer
from dynkube.testing import APIServer
from dynkube.watch import Backoff, SystemClock
from dynkube.watch.reading import object_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.dynamic import DynamicClient, Resource
    from dynkube.watch import EventStream
    from dynkube.watch.clock import Waitable

#: How much faster the informers' clock runs: their pauses keep their proportions and the test its patience.
SPEED = 200.0
#: Silence after which a connection counts as dead, in real seconds.
IDLE = 0.4
KINDS = ("configmaps", "secrets", "services")
FAULTS = int(os.environ.get("DYNKUBE_CHAOS_FAULTS", "40"))
#: What is done to the server itself.
SERVER_FAULTS = ("compact", "restart")
END = "zz-end"
#: The layers whose memory has to stay flat; the server and the writers live in the same process.
LAYERS = ("watch", "informer", "rest", "transport", "dynamic")
#: How many bytes they may hold more after the faults than among them: as much as the stores differ, which are full or
#: nearly empty by chance. An exception with its traceback left behind by each of 500 faults would be far more.
FLAT = 300_000


class _QuickClock(SystemClock):
    """A clock on which more time passes."""

    def monotonic(self) -> float:
        return time.monotonic() * SPEED

    def now(self) -> datetime:
        return datetime.now(timezone.utc)

    def wait(self, signal: Waitable, timeout: float | None) -> bool:
        return signal.wait(None if timeout is None else timeout / SPEED)


class _Counting:
    """A ListerWatcher that notes when requests are sent, on the quick clock."""

    def __init__(self, source: Any, clock: _QuickClock) -> None:
        self._source = source
        self._clock = clock
        self.sent: list[float] = []

    def list(self, **options: Any) -> dict[str, Any]:
        if options.get("continue_") is None:  # the pages of one list are one request to this count
            self.sent.append(self._clock.monotonic())
        answer: dict[str, Any] = self._source.list(**options)
        return answer

    def watch(self, **options: Any) -> EventStream:
        self.sent.append(self._clock.monotonic())
        stream: EventStream = self._source.watch(**options)
        return stream


class _Audience:
    """What a handler was told, by uid; complains at once about what cannot be."""

    def __init__(self) -> None:
        self.live: dict[str, dict[str, Any]] = {}
        self.deleted: set[str] = set()
        self.wrong: list[str] = []
        self.told = 0
        self.changed = threading.Condition()

    def on_add(self, obj: dict[str, Any], is_initial: bool) -> None:
        """Take note of an addition."""
        self._note(obj, None, known=False)

    def on_update(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        """Take note of an update, which has to follow on what was told before."""
        self._note(new, old, known=True)

    def on_delete(self, obj: dict[str, Any], is_missed: bool) -> None:
        """Take note of a deletion."""
        with self.changed:
            self.told += 1
            uid = obj["metadata"]["uid"]
            if self.live.pop(uid, None) is None:
                self.wrong.append(f"deleted without having been added: {object_key(obj)}")
            self.deleted.add(uid)
            self.changed.notify_all()

    def names(self) -> set[str]:
        """Return the names of what is there."""
        return {obj["metadata"]["name"] for obj in self.live.values()}

    def _note(self, obj: dict[str, Any], old: dict[str, Any] | None, *, known: bool) -> None:
        with self.changed:
            self.told += 1
            uid = obj["metadata"]["uid"]
            before = self.live.get(uid)
            if (before is not None) is not known or uid in self.deleted:
                self.wrong.append(f"{'updated' if known else 'added'} out of turn: {object_key(obj)}")
            if old is not None and before is not None and old != before:
                self.wrong.append(f"an update that does not follow on the last: {object_key(obj)}")
            self.live[uid] = obj
            self.changed.notify_all()


class _Writer:
    """Creates, changes and deletes objects of one kind without the proxy, until it is told to end."""

    def __init__(self, client: DynamicClient, kind: str, rng: random.Random) -> None:
        self._resource: Resource = client.resource("v1", kind).namespace("default")
        self._kind = kind
        self._rng = rng
        self._ended = threading.Event()
        self.writes = 0
        self.thread = threading.Thread(target=self._write, name=f"writer-{kind}")
        self.thread.start()

    def end(self) -> None:
        """Stop writing, and write one last object."""
        self.stop()
        self._surely(lambda: self._resource.create(self._object(END, 0)))

    def stop(self) -> None:
        """Stop writing."""
        self._ended.set()
        self.thread.join(30)

    def _write(self) -> None:
        while not self._ended.wait(0.003):
            name = f"o{self._rng.randrange(30)}"
            with suppress(DynkubeError):
                if self._rng.random() < 0.3:
                    self._resource.delete(name)
                else:
                    self._put(name)
                self.writes += 1

    def _put(self, name: str) -> None:
        try:
            present = self._resource.get(name)
        except NotFound:
            self._resource.create(self._object(name, 0))
        else:
            present["metadata"].setdefault("labels", {})["turn"] = str(self.writes)
            self._resource.update(present)

    def _object(self, name: str, turn: int) -> dict[str, Any]:
        obj: dict[str, Any] = {"metadata": {"name": name, "labels": {"turn": str(turn)}}}
        if self._kind == "services":
            obj["spec"] = {"ports": [{"port": 80}]}
        else:
            obj["data"] = {"text": "ZGF0" * self._rng.randrange(1, 200)}
        return obj

    def _surely(self, call: Callable[[], object]) -> None:
        for _ in range(50):
            try:
                call()
            except DynkubeError as error:  # noqa: PERF203 - the server may just be restarting
                last = error
                self._ended.wait(0.01)
            else:
                return
        pytest.fail(f"the last object could not be written: {last}")


class _Chaos:
    """One run: server, proxy, informers, writers, and the faults of one seed."""

    def __init__(self, stack: ExitStack, seed: int) -> None:
        self.rng = random.Random(seed)
        self.server = stack.enter_context(APIServer(controllers=False, history=400))
        self.proxy = FaultyProxy(self.server.port)
        stack.callback(self.proxy.stop)
        self.clock = _QuickClock()
        direct = stack.enter_context(self.server.client(qps=-1.0))
        self.direct = direct
        host = f"http://127.0.0.1:{self.proxy.port}"
        through = stack.enter_context(self.server.client(host=host, qps=-1.0, timeout=Timeout(1.0, IDLE)))
        self.sources: dict[str, _Counting] = {}
        self.informers: dict[str, SharedInformer] = {}
        self.audiences: dict[str, list[_Audience]] = {}
        self.handlers: dict[str, list[HandlerRegistration]] = {}
        for kind in KINDS:
            source = _Counting(through.resource("v1", kind).namespace("default").lister_watcher(), self.clock)
            informer = SharedInformer(
                source,
                name=kind,
                stream=kind != "secrets",
                page_size=7 if kind == "services" else None,
                idle_timeout=IDLE,
                backoff=Backoff(clock=self.clock),
                clock=self.clock,
            )
            self.sources[kind], self.informers[kind] = source, informer
            self.audiences[kind] = [_Audience(), _Audience()]
            self.handlers[kind] = [
                informer.add_handler(
                    on_add=audience.on_add,
                    on_update=audience.on_update,
                    on_delete=audience.on_delete,
                    coalesce=number == 1,
                )
                for number, audience in enumerate(self.audiences[kind])
            ]
            stack.enter_context(informer)
        self.writers = [_Writer(direct, kind, random.Random(self.rng.random())) for kind in KINDS]
        for writer in self.writers:
            stack.callback(writer.stop)
        self.struck = 0
        self.held_before = 0

    def disturb(self, faults: int) -> None:
        """Let that many faults happen, one after the other."""
        kinds = [*STREAM_FAULTS, *map(str, ANSWERS), *REQUEST_FAULTS, *SERVER_FAULTS]
        for number in range(faults):
            self._see_life()
            if number == faults // 4:
                self.held_before = _held()
            fault = self.rng.choice(kinds)
            if fault == "compact":
                self.server.compact()
                self.struck += 1
            elif fault == "restart":
                self.server.restart()
                self.struck += 1
            else:
                self.struck += self.proxy.strike(fault, self.rng)

    def _see_life(self) -> None:
        """Let some changes through, so that faults strike what works and not what is down already."""
        audience = self.rng.choice(self.audiences[self.rng.choice(KINDS)])
        with audience.changed:
            before = audience.told
            audience.changed.wait_for(lambda: audience.told >= before + 3, 0.3)

    def settle(self) -> None:
        """End the faults and the writes and wait until every handler was told of the last object."""
        self.proxy.calm()
        for writer in self.writers:
            writer.end()
        for kind in KINDS:
            for audience in self.audiences[kind]:
                with audience.changed:
                    assert audience.changed.wait_for(lambda: END in audience.names(), 60), kind  # noqa: B023


def _held() -> int:
    """Return the bytes that the layers under test hold."""
    gc.collect()
    package = Path(dynkube.__file__).parent
    filters = [tracemalloc.Filter(inclusive=True, filename_pattern=str(package / layer / "*")) for layer in LAYERS]
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces(filters).traces)


def _highest_rate(times: list[float]) -> int:
    """Return the highest number of requests in any second of the quick clock."""
    return max(sum(1 for other in times if start <= other < start + 1.0) for start in times)


@pytest.mark.timeout(60 + 3 * FAULTS)
def test_informers_survive_everything() -> None:
    """Stores equal the server's lists, handlers were told every last state and deletion, requests stayed few."""
    seed = int(os.environ.get("DYNKUBE_CHAOS_SEED", "1"))
    print(f"DYNKUBE_CHAOS_SEED={seed} DYNKUBE_CHAOS_FAULTS={FAULTS}")  # noqa: T201 - shown when the test fails
    before = set(threading.enumerate())
    with ExitStack() as stack:
        # pytest keeps every log record, and with it the exception and all it refers to.
        logger = logging.getLogger("dynkube")
        stack.callback(logger.setLevel, logger.level)
        logger.setLevel(logging.CRITICAL)
        tracemalloc.start()
        stack.callback(tracemalloc.stop)
        chaos = _Chaos(stack, seed)
        chaos.disturb(FAULTS)
        chaos.settle()
        held = _held()
        print(f"held: {chaos.held_before} bytes in the middle of it, {held} after it")  # noqa: T201
        assert held <= chaos.held_before + FLAT
        assert chaos.struck > FAULTS / 2, "most faults found something to strike"
        for kind in KINDS:
            listed = chaos.direct.resource("v1", kind).namespace("default").list()["items"]
            expected = {object_key(obj): obj["metadata"]["resourceVersion"] for obj in listed}
            stored = {
                object_key(obj): obj["metadata"]["resourceVersion"] for obj in chaos.informers[kind].indexer.values()
            }
            assert stored == expected
            contents = {object_key(obj): obj.get("data", obj.get("spec")) for obj in listed}
            assert {
                object_key(obj): obj.get("data", obj.get("spec")) for obj in chaos.informers[kind].indexer.values()
            } == contents
            for audience in chaos.audiences[kind]:
                assert audience.wrong == []
                told = {object_key(obj): obj["metadata"]["resourceVersion"] for obj in audience.live.values()}
                assert told == expected
            assert all(handler.backlog == 0 for handler in chaos.handlers[kind])
            first, second = chaos.audiences[kind]
            assert first.told >= second.told > 0, "what is coalesced is told no more often"
            assert _highest_rate(chaos.sources[kind].sent) <= 5
        assert sum(writer.writes for writer in chaos.writers) > FAULTS
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive(), thread.name
    assert chaos.proxy.open_links == 0
