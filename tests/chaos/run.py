"""One run of chaos, in a process of its own: informers of three kinds, what they are told, and what they hold.

`python -m chaos.run FAULTS SEED` prints one JSON object, or fails with what was not as it should be.
"""

from __future__ import annotations

import json
import logging
import os
import random
import sys
import threading
import time
from collections import deque
from contextlib import ExitStack
from typing import Any

from chaos.memory import Held, held
from chaos.proxy import ANSWERS, REQUEST_FAULTS, STREAM_FAULTS, FaultyProxy
from chaos.serving import KINDS, Serving
from chaos.simulated import SkippingClock, counted, highest_rate
from dynkube.config import Config, Timeout
from dynkube.dynamic import DynamicClient
from dynkube.informer import HandlerRegistration, SharedInformer
from dynkube.rest import RESTClient
from dynkube.transport import Transport
from dynkube.watch import Backoff, SystemClock
from dynkube.watch.reading import object_key

#: Silence after which a connection counts as dead, in real seconds.
IDLE = 0.4
#: Seconds a pause really takes at most; the rest of it is skipped.
LONGEST_PAUSE = 0.02
#: What is done to the server itself.
SERVER_FAULTS = ("compact", "restart")


class _ForgivingClock(SystemClock):
    """A clock so fast that a backoff starts anew after a moment without trouble: the shortest pauses, all the time."""

    def monotonic(self) -> float:
        return time.monotonic() * 200.0


class _Audience:
    """What a handler was told, by uid; complains at once about what cannot be."""

    def __init__(self) -> None:
        self.live: dict[str, dict[str, Any]] = {}
        self.deleted: set[bytes] = set()
        self.wrong: list[str] = []
        self.told = 0
        self.changed = threading.Condition()
        #: The last calls, to tell what led to something wrong.
        self._calls: deque[str] = deque(maxlen=400)

    def on_add(self, obj: dict[str, Any], is_initial: bool) -> None:
        """Take note of an addition."""
        self._call("add", obj, is_initial)
        self._note(obj, None, known=False)

    def on_update(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        """Take note of an update, which has to follow on what was told before."""
        self._call("update", new, old["metadata"]["resourceVersion"])
        self._note(new, old, known=True)

    def on_delete(self, obj: dict[str, Any], is_missed: bool) -> None:
        """Take note of a deletion."""
        with self.changed:
            self.told += 1
            uid = obj["metadata"]["uid"]
            self._call("delete", obj, is_missed)
            if self.live.pop(uid, None) is None:
                self._complain("deleted without having been added", obj)
            self.deleted.add(uid.encode())  # a copy, not a part of the informer's object
            self.changed.notify_all()

    def forget(self) -> None:
        """Drop what is remembered of the past."""
        self.deleted.clear()
        self._calls.clear()

    def versions(self) -> dict[str, str]:
        """Return the version of what is there, by name."""
        return {obj["metadata"]["name"]: obj["metadata"]["resourceVersion"] for obj in self.live.values()}

    def _note(self, obj: dict[str, Any], old: dict[str, Any] | None, *, known: bool) -> None:
        with self.changed:
            self.told += 1
            uid = obj["metadata"]["uid"]
            before = self.live.get(uid)
            if (before is not None) is not known or uid.encode() in self.deleted:
                self._complain(f"{'updated' if known else 'added'} out of turn", obj)
            if old is not None and before is not None and old != before:
                self._complain("an update that does not follow on the last", obj)
            self.live[uid] = obj
            self.changed.notify_all()

    def _call(self, kind: str, obj: dict[str, Any], more: object) -> None:
        metadata = obj["metadata"]
        self._calls.append(f"{object_key(obj)} {kind} {metadata['uid'][:8]} {metadata['resourceVersion']} {more}")

    def _complain(self, what: str, obj: dict[str, Any]) -> None:
        key = object_key(obj)
        led_to_it = [call for call in self._calls if call.startswith(f"{key} ")][-8:]
        self.wrong.append("\n".join([f"{what}: {key}", *led_to_it]))


class _Followed:
    """One kind: its informer, with a client and a proxy of its own, and who listens to it."""

    def __init__(self, stack: ExitStack, port: int, kind: str) -> None:
        self.kind = kind
        #: The highest number of requests in any second of the rounds so far.
        self.rate = 0
        clock = SkippingClock(LONGEST_PAUSE)
        self.proxy = FaultyProxy(port, clock.monotonic)
        stack.callback(self.proxy.stop)
        config = Config(host=f"http://127.0.0.1:{self.proxy.port}", timeout=Timeout(connect=1.0, read=IDLE))
        self.transport = Transport(config, sleep=clock.sleep)
        stack.callback(self.transport.close)
        client = stack.enter_context(DynamicClient(config, rest=RESTClient(config, transport=self.transport)))
        self.informer = SharedInformer(
            client.resource("v1", kind).namespace("default").lister_watcher(),
            name=kind,
            stream=kind != "secrets",
            page_size=7 if kind == "services" else None,
            idle_timeout=IDLE,
            backoff=Backoff(clock=_ForgivingClock()),
            clock=clock,
        )
        self.audiences = [_Audience(), _Audience()]
        self.handlers: list[HandlerRegistration] = [
            self.informer.add_handler(
                on_add=audience.on_add,
                on_update=audience.on_update,
                on_delete=audience.on_delete,
                coalesce=number == 1,
            )
            for number, audience in enumerate(self.audiences)
        ]
        stack.enter_context(self.informer)

    def settle(self, listed: list[dict[str, Any]]) -> None:
        """Wait until every handler was told of what is there, and of nothing else."""
        expected = {obj["metadata"]["name"]: obj["metadata"]["resourceVersion"] for obj in listed}
        for audience in self.audiences:
            with audience.changed:
                settled = audience.changed.wait_for(lambda: audience.versions() == expected, 60)  # noqa: B023
                assert settled, f"{self.kind}: {audience.versions()} instead of {expected}"

    def check(self, listed: list[dict[str, Any]]) -> None:
        """Assert that the store is the server's list, handlers were told everything; count requests."""
        expected = {object_key(obj): obj["metadata"]["resourceVersion"] for obj in listed}
        stored = self.informer.indexer.values()
        assert {object_key(obj): obj["metadata"]["resourceVersion"] for obj in stored} == expected
        contents = {object_key(obj): obj.get("data", obj.get("spec")) for obj in listed}
        assert {object_key(obj): obj.get("data", obj.get("spec")) for obj in stored} == contents
        for audience in self.audiences:
            if audience.wrong:
                asked = [arrival.target.partition("?")[2] for arrival in self.proxy.arrivals]
                raise AssertionError("\n".join([*audience.wrong[:5], "requests:", *asked]))
            told = {object_key(obj): obj["metadata"]["resourceVersion"] for obj in audience.live.values()}
            assert told == expected
        assert all(handler.backlog == 0 for handler in self.handlers)
        first, second = self.audiences
        assert first.told >= second.told > 0, "what is coalesced is told no more often"
        self.rate = max(self.rate, highest_rate(counted(self.proxy.arrivals)))

    def forget(self) -> None:
        """Drop what the test itself keeps of requests and deletions, and the connections that are not in use."""
        self.proxy.arrivals.clear()
        for audience in self.audiences:
            audience.forget()
        self.transport._processes[os.getpid()].route.pool.distrust()


class _Chaos:
    """One run: server and writers, proxies, informers, and the faults of one seed."""

    def __init__(self, stack: ExitStack, seed: int) -> None:
        self._rng = random.Random(seed)
        self.serving = Serving(seed)
        stack.callback(self.serving.stop)
        self.followed = [_Followed(stack, self.serving.port, kind) for kind in KINDS]
        self.struck = 0
        self._rounds = 0

    @property
    def connections(self) -> int:
        """How many connections the informers have made."""
        return sum(followed.proxy.accepted for followed in self.followed)

    def disturb(self, faults: int) -> Held:
        """Let that many faults happen under writes, one after the other; return what is held when all is calm again."""
        self.serving.resume()
        kinds = [*STREAM_FAULTS, *map(str, ANSWERS), *REQUEST_FAULTS, *SERVER_FAULTS]
        for _ in range(faults):
            self._see_life()
            fault = self._rng.choice(kinds)
            if fault == "compact":
                self.serving.compact()
                self.struck += 1
            elif fault == "restart":
                self.serving.restart()
                self.struck += 1
            else:
                self.struck += self._rng.choice(self.followed).proxy.strike(fault, self._rng)
        for followed in self.followed:
            followed.proxy.calm()
        self._rounds += 1
        self._settle(self.serving.pause(f"zz-end-{self._rounds}"))
        return self._measure()

    def _measure(self) -> Held:
        """Return what is held while each informer has one connection, whose last news was one small event."""
        for _ in range(50):
            listed = self.serving.touch()
            self._settle(listed)
            for followed in self.followed:
                followed.check(listed[followed.kind])
                followed.forget()
            proxies = [followed.proxy for followed in self.followed]
            if not all(proxy.wait_for_links(1) for proxy in proxies):
                continue
            connections = self.connections
            seen = held()
            # The connections of these informers are replaced after a moment of silence: not in the middle of this.
            if self.connections == connections and all(proxy.open_links == 1 for proxy in proxies):
                return seen
        raise AssertionError("the informers do not come to rest")

    def _settle(self, listed: dict[str, list[dict[str, Any]]]) -> None:
        for followed in self.followed:
            followed.settle(listed[followed.kind])

    def _see_life(self) -> None:
        """Let some changes through, so that faults strike what works and not what is down already."""
        audience = self._rng.choice(self._rng.choice(self.followed).audiences)
        with audience.changed:
            before = audience.told
            audience.changed.wait_for(lambda: audience.told >= before + 3, 0.3)


def main(faults: int, seed: int) -> None:
    """Make the run and print what came of it."""
    logging.disable(logging.CRITICAL)
    report: dict[str, Any] = {}
    with ExitStack() as stack:
        chaos = _Chaos(stack, seed)
        half = 2 * faults // 5
        chaos.disturb(faults - 2 * half)  # what is made once is made now
        counts, blocks, types = [chaos.connections], [], []
        for _ in range(2):
            seen = chaos.disturb(half)
            counts.append(chaos.connections)
            blocks.append(seen.blocks)
            types.append(seen.objects)
        report["struck"] = chaos.struck
        report["rates"] = {followed.kind: followed.rate for followed in chaos.followed}
        report["connections"] = counts[2] - counts[1]
        report["blocks"] = blocks[1] - blocks[0]
        report["objects"] = {
            name: count - types[0][name] for name, count in types[1].items() if count != types[0][name]
        }
        report["writes"] = chaos.serving.writes()
        proxies = [followed.proxy for followed in chaos.followed]
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(10)
    report["threads"] = [thread.name for thread in threading.enumerate() if thread.is_alive()][1:]
    report["links"] = sum(proxy.open_links for proxy in proxies)
    print(json.dumps(report))  # noqa: T201 - the way back


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
