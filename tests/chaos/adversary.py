"""A server in trouble: everything it can answer wrongly, one after the other or by chance."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from transport.servers import CHUNKED, Server, answer, chunk

from chaos.simulated import Arrival, SkippingClock
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
#: Silence after which a connection counts as dead; the 90 s it stands for are not added to the simulated time.
IDLE = 0.05
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


class Ordeal:
    """An informer of pods and a server that answers each of its requests with the fault `choose` returns."""

    def __init__(self, choose: Callable[[], Any], *, stream: bool, reset_after: float = 120.0) -> None:
        self.clock = SkippingClock(0.0005)
        self._choose = choose
        self._version = 10
        self.arrivals: list[Arrival] = []
        self._lock = threading.Condition()
        self.server = Server(self._handle)
        config = Config(host=self.server.url, timeout=Timeout(5.0, IDLE))
        self.transport = Transport(config, sleep=self.clock.sleep)
        self._client = DynamicClient(config, rest=RESTClient(config, transport=self.transport))
        self.informer = SharedInformer(
            self._client.resource(PODS).namespace("default").lister_watcher(),
            idle_timeout=IDLE,
            stream=stream,
            clock=self.clock,
            backoff=Backoff(clock=self.clock, reset_after=reset_after),
        )

    def endure(self, *, seconds: float = 0.0, requests: int = 0) -> None:
        """Let the informer live until so many simulated seconds have passed and so many requests have arrived."""
        until = self.clock.monotonic() + seconds
        with self.informer, self._lock:
            done = self._lock.wait_for(
                lambda: len(self.arrivals) >= max(1, requests) and self.arrivals[-1].at >= until, 120
            )
        self.transport.close()
        self.server.close()
        assert done

    def _handle(self, peer: Peer, request: Received) -> None:
        fault = self._choose()
        with self._lock:
            self.arrivals.append(Arrival(self.clock.monotonic(), request.target))
            self._version += 1
            self._lock.notify_all()
        if isinstance(fault, bytes):
            peer.send(fault)
        else:
            fault(peer, request, self._version)
