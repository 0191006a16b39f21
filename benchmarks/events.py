"""Informers against json.loads of the same bytes: taking over a state, and telling one handler of events.

``python -m benchmarks.events`` prints the figures and the targets, and exits 1 where one is missed. It needs no
network: the transport hands over canned bytes, so that what is measured is what this package does with them.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import threading
import time
import tracemalloc
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from benchmarks import canned
from dynkube.config import UNSET, Config
from dynkube.dynamic import DynamicClient
from dynkube.names import GroupVersionResource
from dynkube.rest import RESTClient
from dynkube.transport import HTTPResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dynkube.config import TimeoutLike, Unset
    from dynkube.informer import SharedInformer
    from dynkube.transport import HTTPRequest

#: Events reach one handler at no less than this share of the rate at which json.loads alone decodes them.
EVENT_RATE_TARGET = 0.7
#: A synced informer may cost this many times the processor time of json.loads of the list's bytes…
SYNC_TARGET = 1.3
#: …and hold this many times the memory of the decoded list.
MEMORY_TARGET = 1.02
_CHUNK = 1 << 16


class _Body:
    """Hands a body over in pieces, then keeps silent until it is closed, as a watch does."""

    def __init__(self, body: bytes, gate: threading.Event) -> None:
        self._body = body
        self._gate = gate
        self._over = threading.Event()

    def pieces(self) -> Iterator[bytes]:
        """Yield the body in the pieces a socket would give, once the gate is open."""
        self._gate.wait()
        for start in range(0, len(self._body), _CHUNK):
            yield self._body[start : start + _CHUNK]
        self._over.wait()

    def close(self) -> None:
        """End the silence."""
        self._over.set()


class _Answer(HTTPResponse):
    """A streaming answer from memory."""

    def __init__(self, body: bytes, gate: threading.Event) -> None:
        super().__init__(200, {"Content-Type": "application/json"}, b"")
        self._pieces = _Body(body, gate)

    def chunks(self) -> Iterator[bytes]:
        """Yield the body in pieces."""
        return self._pieces.pieces()

    def close(self) -> None:
        """End the stream."""
        self._pieces.close()


class Canned:
    """A transport that answers lists and watches of one resource from memory."""

    def __init__(self, listed: bytes, streamed: bytes, events: bytes, gate: threading.Event) -> None:
        self._gate = gate
        self._listed = listed
        self._streamed = streamed
        self._events = events
        self.lists = 0

    def send(
        self,
        request: HTTPRequest,
        *,
        timeout: TimeoutLike | Unset = UNSET,  # noqa: ARG002 - the protocol's
        stream: bool = False,  # noqa: ARG002
    ) -> HTTPResponse:
        """Answer from memory."""
        query = parse_qs(urlsplit(request.target).query)
        if "watch" not in query:
            self.lists += 1
            return HTTPResponse(200, {"Content-Type": "application/json"}, self._listed)
        if "sendInitialEvents" in query:
            return _Answer(self._streamed + self._events, self._gate)
        return _Answer(self._events, self._gate)

    def close(self) -> None:
        """Release nothing."""


class Workload:
    """Some objects of one kind as a list, as a streaming list and as events."""

    def __init__(self, kind: str, plural: str, objects: list[dict[str, Any]], events: int) -> None:
        self.resource = GroupVersionResource("", "v1", plural)
        self.count = len(objects)
        self.listed = canned.list_document(f"{kind}List", [canned.list_item(obj) for obj in objects])
        initial = [canned.event("ADDED", obj) for obj in objects]
        self.streamed = b"".join([*initial, canned.bookmark(kind, initial_events_end=True)])
        self.events = b"".join(
            canned.event("MODIFIED", _changed(objects[number % len(objects)], number)) for number in range(events)
        )
        self.event_count = events
        self.gate = threading.Event()
        self.gate.set()

    def informer(self, *, stream: bool, events: bool) -> SharedInformer:
        """Return an informer over these bytes, not yet started."""
        transport = Canned(self.listed, self.streamed, self.events if events else b"", self.gate)
        config = Config()
        client = DynamicClient(config, rest=RESTClient(config, transport=transport))
        return client.resource(self.resource).informer(stream=stream)


def _changed(obj: dict[str, Any], number: int) -> dict[str, Any]:
    metadata = {**obj["metadata"], "resourceVersion": str(10_000_000 + number)}
    return {**obj, "metadata": metadata}


def _synced(workload: Workload, *, stream: bool) -> SharedInformer:
    informer = workload.informer(stream=stream, events=False)
    informer.start()
    if not informer.wait_for_sync(120):
        raise TimeoutError("the informer did not sync")
    return informer


def _told(workload: Workload) -> float:
    """Return the seconds from the first event on the wire to the last one told, after the state was taken over."""
    informer, gate = workload.informer(stream=False, events=True), workload.gate
    left, done = [workload.event_count], threading.Event()

    def count(old: dict[str, Any], new: dict[str, Any]) -> None:  # noqa: ARG001 - the signature of a handler
        left[0] -= 1
        if left[0] == 0:
            done.set()

    gate.clear()
    informer.add_handler(on_update=count)
    with informer:
        if not informer.wait_for_sync(120):
            raise TimeoutError("the informer did not sync")
        gc.collect()
        start = time.perf_counter()
        gate.set()
        if not done.wait(120):
            raise TimeoutError("the handler was not told everything")
        return time.perf_counter() - start


def _decoded(lines: list[bytes]) -> None:
    for line in lines:
        json.loads(line)


def _stored(listed: bytes, lines: list[bytes], rounds: int) -> float:
    """Return the least wall time of decoding events into a dict that has the state: what any cache has to do."""
    store = {obj["metadata"]["name"]: obj for obj in json.loads(listed)["items"]}

    def update() -> None:
        for line in lines:
            obj = json.loads(line)["object"]
            store[obj["metadata"]["name"]] = obj

    return _seconds(update, rounds)


def _seconds(job: Callable[[], Any], rounds: int) -> float:
    """Return the least wall time of a job; what it returns is stopped outside of the measurement."""
    best = float("inf")
    for _ in range(rounds):
        gc.collect()
        start = time.perf_counter()
        kept = job()
        best = min(best, time.perf_counter() - start)
        if hasattr(kept, "stop"):
            kept.stop()
        del kept
    return best


def _retained(job: Callable[[], Any]) -> int:
    gc.collect()
    tracemalloc.start()
    kept = job()
    gc.collect()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    if hasattr(kept, "stop"):
        kept.stop()
    return size


def measure(workload: Workload, rounds: int) -> list[tuple[bool, str]]:
    """Measure one workload; return what was promised, and whether it held."""
    name = f"{workload.count:,} {workload.resource.resource}"
    loads = _seconds(lambda: json.loads(workload.listed), rounds)
    memory = _retained(lambda: json.loads(workload.listed))
    verdicts: list[tuple[bool, str]] = []
    for stream, way in ((False, "list"), (True, "streaming list")):
        synced = _seconds(lambda: _synced(workload, stream=stream), rounds)  # noqa: B023 - called at once
        held = _retained(lambda: _synced(workload, stream=stream))  # noqa: B023
        print(f"{name}, {way}: synced in {synced * 1e3:.0f} ms ({synced / loads:.2f} x json.loads)")
        print(f"{name}, {way}: {held / 1e6:.1f} MB held ({held / memory:.3f} x the decoded list)")
        verdicts.append((synced <= SYNC_TARGET * loads, f"{name}, {way}: sync at most {SYNC_TARGET} x json.loads"))
        verdicts.append((held <= MEMORY_TARGET * memory, f"{name}, {way}: memory at most {MEMORY_TARGET} x the list"))
    if workload.event_count:
        lines = workload.events.splitlines()
        told = min(_told(workload) for _ in range(rounds))
        for alone, way in (
            (_seconds(lambda: _decoded(lines), rounds), "thrown away"),
            (_stored(workload.listed, lines, rounds), "kept by key"),
        ):
            share = alone / told
            print(f"{name}: {workload.event_count:,} events in {told * 1e3:.0f} ms, {share:.0%} of json.loads, {way}")
            promise = f"{name}: events at {EVENT_RATE_TARGET:.0%} of json.loads' rate, {way}"
            verdicts.append((share >= EVENT_RATE_TARGET, promise))
    return verdicts


def main(arguments: list[str] | None = None) -> int:
    """Measure and judge; 0 when every target is met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.events", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pods", type=int, default=canned.PODS)
    parser.add_argument("--config-maps", type=int, default=canned.CONFIG_MAPS)
    options = parser.parse_args(arguments)
    workloads = [
        Workload("Pod", "pods", [canned.pod(number) for number in range(options.pods)], options.pods),
        Workload("ConfigMap", "configmaps", [canned.config_map(number) for number in range(options.config_maps)], 0),
    ]
    verdicts = [verdict for workload in workloads for verdict in measure(workload, options.rounds)]
    for held, sentence in verdicts:
        print(f"{'held  ' if held else 'MISSED'}  {sentence}")
    return 0 if all(held for held, _ in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
