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
from statistics import median
from typing import TYPE_CHECKING, Any, TypeAlias
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

#: Makes of an object in place what an update made of it.
Change: TypeAlias = "Callable[[dict[str, Any]], None]"

#: Events reach one handler at no less than this share of the rate at which json.loads alone decodes them.
EVENT_RATE_TARGET = 0.7
#: A synced informer holds at most this many times the memory of the decoded list.
MEMORY_TARGET = 1.02
_CHUNK = 1 << 16


class _Body:
    """Hands a body over in pieces, then keeps silent until it is closed, as a watch does."""

    def __init__(self, state: bytes, events: bytes, gate: threading.Event) -> None:
        self._state = state
        self._events = events
        self._gate = gate
        self._over = threading.Event()

    def pieces(self) -> Iterator[bytes]:
        """Yield the state at once and the events when the gate is open, in the pieces a socket would give."""
        yield from _cut(self._state)
        self._gate.wait()
        yield from _cut(self._events)
        self._over.wait()

    def close(self) -> None:
        """End the silence."""
        self._over.set()


def _cut(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), _CHUNK):
        yield data[start : start + _CHUNK]


class _Answer(HTTPResponse):
    """A streaming answer from memory."""

    def __init__(self, state: bytes, events: bytes, gate: threading.Event) -> None:
        super().__init__(200, {"Content-Type": "application/json"}, b"")
        self._pieces = _Body(state, events, gate)

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
            return _Answer(self._streamed, self._events, self._gate)
        return _Answer(b"", self._events, self._gate)

    def close(self) -> None:
        """Release nothing."""


class Workload:
    """Some objects of one kind as a list, as a streaming list and, for each way they change, as events."""

    def __init__(self, kind: str, plural: str, objects: list[dict[str, Any]], changes: dict[str, Change]) -> None:
        self.resource = GroupVersionResource("", "v1", plural)
        self.count = len(objects)
        self.listed = canned.list_document(f"{kind}List", [canned.list_item(obj) for obj in objects])
        initial = [canned.event("ADDED", obj) for obj in objects]
        self.streamed = b"".join([*initial, canned.bookmark(kind, initial_events_end=True)])
        self.events = {
            what: b"".join(
                canned.event("MODIFIED", _changed(obj, number, change)) for number, obj in enumerate(objects)
            )
            for what, change in changes.items()
        }
        self.gate = threading.Event()
        self.gate.set()

    def informer(self, *, stream: bool, events: bytes = b"") -> SharedInformer:
        """Return an informer over these bytes, not yet started."""
        transport = Canned(self.listed, self.streamed, events, self.gate)
        config = Config()
        client = DynamicClient(config, rest=RESTClient(config, transport=transport))
        return client.resource(self.resource).informer(stream=stream)


def _changed(obj: dict[str, Any], number: int, change: Change) -> dict[str, Any]:
    """Return the next state of an object: another version, and a part that is no longer what it was."""
    new: dict[str, Any] = json.loads(json.dumps(obj))
    new["metadata"]["resourceVersion"] = str(10_000_000 + number)
    change(new)
    return new


def _label(pod: dict[str, Any]) -> None:
    pod["metadata"]["labels"]["tier"] = "back"


def _status(pod: dict[str, Any]) -> None:
    pod["metadata"]["managedFields"][1]["time"] = "2026-11-21T07:00:00Z"
    pod["status"]["containerStatuses"][0]["restartCount"] = 1


def _everything(pod: dict[str, Any]) -> None:
    _status(pod)
    pod["spec"]["nodeName"] = "another"


#: How the pods change, and which of these the target is for: what is new has to be decoded and stored, and json.loads
#: alone does the former only.
CHANGES: dict[str, Change] = {"a label": _label, "the status": _status, "spec and status": _everything}
PROMISED = ("a label",)


def _synced(workload: Workload, *, stream: bool) -> SharedInformer:
    informer = workload.informer(stream=stream)
    informer.start()
    if not informer.wait_for_sync(120):
        raise TimeoutError("the informer did not sync")
    return informer


def _told(workload: Workload, events: bytes) -> float:
    """Return the seconds from the first event on the wire to the last one told, after the state was taken over."""
    informer, gate = workload.informer(stream=True, events=events), workload.gate
    left, done = [workload.count], threading.Event()

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


def _share(workload: Workload, events: bytes, rounds: int) -> float:
    """Return how many times the rate of json.loads, its results thrown away, is that of being told of the events.

    The median of rounds in which both take turns, for the machine is faster at one time than at another.
    """
    lines = events.splitlines()

    def decoded() -> None:
        for line in lines:
            json.loads(line)

    return median(_seconds(decoded, 1) / _told(workload, events) for _ in range(rounds))


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
    """Measure one workload; return what was promised, and whether it held.

    How long the state may take is promised against a list over a connection, which `python -m benchmarks` measures.
    """
    name = f"{workload.count:,} {workload.resource.resource}"
    loads = _seconds(lambda: json.loads(workload.listed), rounds)
    memory = _retained(lambda: json.loads(workload.listed))
    verdicts: list[tuple[bool, str]] = []
    for stream, way in ((False, "list"), (True, "streaming list")):
        synced = _seconds(lambda: _synced(workload, stream=stream), rounds)  # noqa: B023 - called at once
        held = _retained(lambda: _synced(workload, stream=stream))  # noqa: B023
        print(f"{name}, {way}: synced in {synced * 1e3:.0f} ms ({synced / loads:.2f} x json.loads)")
        print(f"{name}, {way}: {held / 1e6:.1f} MB held ({held / memory:.3f} x the decoded list)")
        if stream:  # unless told otherwise
            promise = f"{name}, {way}: memory at most {MEMORY_TARGET} x the decoded list"
            verdicts.append((held <= MEMORY_TARGET * memory, promise))
    for what, events in workload.events.items():
        share = _share(workload, events, rounds)
        print(f"{name}: events that change {what}: told at {share:.0%} of the rate of json.loads")
        if what in PROMISED:
            promise = f"{name}: events that change {what} at {EVENT_RATE_TARGET:.0%} of the rate of json.loads"
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
        Workload("Pod", "pods", [canned.pod(number) for number in range(options.pods)], CHANGES),
        Workload("ConfigMap", "configmaps", [canned.config_map(number) for number in range(options.config_maps)], {}),
    ]
    verdicts = [verdict for workload in workloads for verdict in measure(workload, options.rounds)]
    for held, sentence in verdicts:
        print(f"{'held  ' if held else 'MISSED'}  {sentence}")
    return 0 if all(held for held, _ in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
