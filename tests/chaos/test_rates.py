"""How often a server in trouble is asked: requests counted where they arrive, all retries of all layers included."""

from __future__ import annotations

import json
import logging
import os
import random
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from transport.servers import CHUNKED, Server, answer, chunk

from chaos.simulated import Arrival, SkippingClock, counted, highest_rate
from dynkube.config import Config, Timeout
from dynkube.dynamic import DynamicClient
from dynkube.informer import SharedInformer
from dynkube.names import GroupVersionResource
from dynkube.rest import RESTClient
from dynkube.transport import Transport
from dynkube.watch import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable

    from transport.servers import Peer, Received

PODS = GroupVersionResource("", "v1", "pods")
#: The bound of the issue: requests that arrive in any second, from one informer.
MOST = 5
#: Silence after which a connection counts as dead; the 90 s it stands for are not added to the simulated time.
IDLE = 0.05
#: Simulated seconds of the adversary.
FAULTY_SECONDS = 300.0 * int(os.environ.get("DYNKUBE_CHAOS_FAULTS", "40"))
SEED = int(os.environ.get("DYNKUBE_CHAOS_SEED", "1"))
END = {"k8s.io/initial-events-end": "true"}


def _status(code: int, reason: str, message: str = "no") -> bytes:
    return answer({"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}, code)


def _event(kind: str, obj: dict[str, Any]) -> bytes:
    return chunk(json.dumps({"type": kind, "object": obj}).encode() + b"\n")


def _pod(version: int) -> dict[str, Any]:
    metadata = {"name": "web", "namespace": "default", "resourceVersion": str(version), "uid": "u"}
    return {"kind": "Pod", "apiVersion": "v1", "metadata": metadata}


def _list(version: int, *items: dict[str, Any]) -> bytes:
    metadata = {"resourceVersion": str(version)}
    return answer({"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": list(items)})


def _ok(peer: Peer, request: Received, version: int) -> None:
    """Answer as a healthy server does that ends every stream at once."""
    if "watch=true" not in request.target:
        peer.send(_list(version, _pod(version)))
    elif "sendInitialEvents" in request.target:
        end = {"kind": "Pod", "metadata": {"resourceVersion": str(version), "annotations": END}}
        peer.send(CHUNKED + _event("ADDED", _pod(version)) + _event("BOOKMARK", end) + chunk(b""))
    else:
        peer.send(CHUNKED + _event("MODIFIED", _pod(version)) + chunk(b""))


def _list_and_close(peer: Peer, request: Received, version: int) -> None:
    peer.send(_list(version))
    peer.close()


def _cut(peer: Peer, request: Received, version: int) -> None:
    peer.send(CHUNKED + b"ff\r\n{")
    peer.close()


def _lists_and(data: bytes) -> Callable[[Peer, Received, int], None]:
    """Answer lists, and every watch with these bytes."""

    def handle(peer: Peer, request: Received, version: int) -> None:
        peer.send(data if "watch=true" in request.target else _list(version))

    return handle


EXPIRED = {"kind": "Status", "status": "Failure", "code": 410, "reason": "Expired", "message": "too old"}
TOO_LARGE = _status(504, "Timeout", "Timeout: Too large resource version: 9, current: 2")
FAULTS: dict[str, Any] = {
    "410 to everything": _status(410, "Expired"),
    "410 to watches": _lists_and(_status(410, "Expired")),
    "410 in the stream": _lists_and(CHUNKED + _event("ERROR", EXPIRED) + chunk(b"")),
    "403": _status(403, "Forbidden"),
    "401": _status(401, "Unauthorized"),
    "404": _status(404, "NotFound"),
    "422": _status(422, "Invalid"),
    "500": _status(500, "InternalError"),
    "503": _status(503, "ServiceUnavailable"),
    "503 that wants no pause": answer(b"", 503, [("Retry-After", "0")]),
    "429 that wants no pause": answer(b"", 429, [("Retry-After", "0")]),
    "429 that wants a second": answer(b"", 429, [("Retry-After", "1")]),
    "a version of the future": TOO_LARGE,
    "a stream closed at once": _lists_and(CHUNKED + chunk(b"")),
    "a stream of one event": _ok,
    "closed without an answer": lambda peer, request, version: peer.close(),
    "reset": lambda peer, request, version: peer.reset(),
    "a stream cut": _cut,
    "a login page": answer(b"<html>Sign in</html>", content_type="text/html"),
    "closed after each list": _list_and_close,
    "a silent socket": lambda peer, request, version: peer.wait_closed(),
}
#: What is answered at the pace of a server that ends every stream after its first event: once a second.
PASSING = {"a stream of one event", "429 that wants a second"}


class _Server:
    """Answers everything with one fault, or each request with another, for a simulated time."""

    def __init__(self, clock: SkippingClock, seconds: float, choose: Callable[[], Any]) -> None:
        self._clock = clock
        self._until = clock.monotonic() + seconds
        self._choose = choose
        self._version = 10
        self.arrivals: list[Arrival] = []
        self.over = threading.Event()
        self.server = Server(self._handle)

    def _handle(self, peer: Peer, request: Received) -> None:
        self.arrivals.append(Arrival(self._clock.monotonic(), request.target))
        self._version += 1
        fault = self._choose()
        if self.arrivals[-1].at > self._until:
            self.over.set()
        if isinstance(fault, bytes):
            peer.send(fault)
        else:
            fault(peer, request, self._version)


def _arrivals(seconds: float, choose: Callable[[], Any], *, stream: bool, reset_after: float = 120.0) -> list[Arrival]:
    """Let an informer run into a server for a simulated time; return what arrived."""
    clock = SkippingClock(0.0005)
    with ExitStack() as stack:
        server = _Server(clock, seconds, choose)
        stack.callback(server.server.close)
        config = Config(host=server.server.url, timeout=Timeout(5.0, IDLE))
        transport = Transport(config, sleep=clock.sleep)
        stack.callback(transport.close)
        client = stack.enter_context(DynamicClient(config, rest=RESTClient(config, transport=transport)))
        source = client.resource(PODS).namespace("default").lister_watcher()
        backoff = Backoff(clock=clock, reset_after=reset_after)
        stack.enter_context(SharedInformer(source, idle_timeout=IDLE, stream=stream, clock=clock, backoff=backoff))
        assert server.over.wait(60)
    return server.arrivals


@pytest.fixture(autouse=True)
def _silence(caplog: pytest.LogCaptureFixture) -> None:
    """Keep a thousand warnings out of the report."""
    caplog.set_level(logging.CRITICAL, "dynkube")


@pytest.mark.parametrize("stream", [True, False], ids=["streaming", "listing"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_lasts_meets_few_requests(fault: str, *, stream: bool) -> None:
    """Ten minutes of one fault: never more than five requests a second, two on average in a minute, few in the end."""
    times = counted(_arrivals(600.0, lambda: FAULTS[fault], stream=stream))
    assert highest_rate(times) <= MOST
    assert highest_rate(times, 60.0) <= 120
    if fault not in PASSING:
        assert len([at for at in times if at > times[0] + 300.0]) <= 160


@pytest.mark.parametrize("stream", [True, False], ids=["streaming", "listing"])
def test_an_adversary_meets_few_requests(*, stream: bool) -> None:
    """Every request meets another fault, chosen by chance, and pauses start anew all the time: still five a second."""
    print(f"DYNKUBE_CHAOS_SEED={SEED}")  # noqa: T201 - shown when the test fails
    rng = random.Random(SEED)
    faults = list(FAULTS.values())
    arrivals = _arrivals(FAULTY_SECONDS, lambda: rng.choice(faults), stream=stream, reset_after=5.0)
    assert len(arrivals) > FAULTY_SECONDS / 100
    assert highest_rate(counted(arrivals)) <= MOST
