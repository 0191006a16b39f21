"""What stands between a client and its cluster, or in its place: informers and watches get along with it."""

from __future__ import annotations

import gzip
import json
import os
import queue
import socket
import threading
import warnings
from contextlib import ExitStack
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
from transport.certificates import Authority
from transport.servers import CHUNKED, Server, answer, chunk

from chaos.adversary import PODS
from chaos.simulated import Arrival, SkippingClock, counted, highest_rate
from dynkube.config import Config, Timeout
from dynkube.dynamic import DynamicClient
from dynkube.informer import SharedInformer
from dynkube.rest import RESTClient
from dynkube.transport import Transport
from dynkube.watch import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from transport.servers import Peer, Received

PATIENCE = 30.0
HTML = answer(b"<!DOCTYPE html><title>Sign in</title>", content_type="text/html")


def _pod(name: str, version: int, **fields: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default", "resourceVersion": str(version), "uid": f"uid-{name}"}
    return {"kind": "Pod", "apiVersion": "v1", "metadata": metadata, **fields}


def _event(kind: str, obj: dict[str, Any]) -> bytes:
    return json.dumps({"type": kind, "object": obj}).encode() + b"\n"


def _list(version: int, *items: dict[str, Any]) -> bytes:
    metadata = {"resourceVersion": str(version)}
    return answer({"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": list(items)})


def _is_watch(request: Received) -> bool:
    return "watch=true" in request.target


class _Place:
    """An informer whose pauses are skipped, and the server it talks to; ends both."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.clock = SkippingClock(0.001)
        self.arrivals: list[Arrival] = []
        self.told: queue.Queue[tuple[str, str]] = queue.Queue()

    def serve(self, handle: Callable[[Peer, Received], None], **options: Any) -> Server:
        """Start a server that lets `handle` answer."""

        def note(peer: Peer, request: Received) -> None:
            self.arrivals.append(Arrival(self.clock.monotonic(), request.target))
            handle(peer, request)

        server = Server(note, **options)
        self._stack.callback(server.close)
        return server

    def client(self, host: str, **options: Any) -> DynamicClient:
        """Return a client whose pauses are skipped."""
        options.setdefault("timeout", Timeout(5.0, 0.5))
        config = Config(host=host, **options)
        transport = Transport(config, sleep=self.clock.sleep)
        self._stack.callback(transport.close)
        return self._stack.enter_context(DynamicClient(config, rest=RESTClient(config, transport=transport)))

    def informer(self, client: DynamicClient, *, idle_timeout: float = 0.5, stream: bool = False) -> SharedInformer:
        """Start an informer that tells `told`."""
        informer = SharedInformer(
            client.resource(PODS).namespace("default").lister_watcher(),
            idle_timeout=idle_timeout,
            stream=stream,
            clock=self.clock,
        )
        informer.add_handler(
            on_add=lambda obj, _: self.told.put(("added", obj["metadata"]["name"])),
            on_update=lambda _, obj: self.told.put(("updated", obj["metadata"]["name"])),
            on_delete=lambda obj, _: self.told.put(("deleted", obj["metadata"]["name"])),
        )
        return self._stack.enter_context(informer)

    def next(self) -> tuple[str, str]:
        """Return what the handler is told next."""
        return self.told.get(timeout=PATIENCE)

    def close(self) -> None:
        """End everything."""
        self._stack.close()
        assert highest_rate(counted(self.arrivals)) <= 5 if self.arrivals else True


@pytest.fixture
def place() -> Iterator[_Place]:
    """Return where a client meets a strange server; requests are found to have been few in the end."""
    place = _Place()
    yield place
    place.close()


def test_a_login_page_in_place_of_the_server(place: _Place) -> None:
    """While a proxy answers everything with 200 and a web page nothing is stored; after the login all is as ever."""
    logged_in = threading.Event()
    asked = threading.Semaphore(0)

    def handle(peer: Peer, request: Received) -> None:
        asked.release()
        if not logged_in.is_set():
            peer.send(HTML)
        elif _is_watch(request):
            peer.send(CHUNKED + chunk(_event("ADDED", _pod("b", 6))))
            peer.wait_closed()
        else:
            peer.send(_list(5, _pod("a", 5)))

    informer = place.informer(place.client(place.serve(handle).url), stream=True)
    for _ in range(8):
        assert asked.acquire(timeout=PATIENCE)
    assert not informer.has_synced
    logged_in.set()
    assert {place.next(), place.next()} == {("added", "a"), ("added", "b")}


def test_a_login_page_in_the_middle_of_the_night(place: _Place) -> None:
    """The session of a proxy runs out while a watch stands: what is stored stays, and what was missed comes later."""
    steps = iter([_list(5, _pod("a", 5)), CHUNKED + chunk(b""), HTML, HTML, HTML])

    def handle(peer: Peer, request: Received) -> None:
        step = next(steps, None)
        if step is not None:
            peer.send(step)
        elif _is_watch(request):
            peer.send(CHUNKED + chunk(_event("MODIFIED", _pod("a", 9))))
            peer.wait_closed()
        else:
            peer.send(_list(8, _pod("a", 8)))

    place.informer(place.client(place.serve(handle).url))
    assert place.next() == ("added", "a")
    assert place.next() == ("updated", "a")


def test_one_object_of_a_hundred_megabytes(place: _Place) -> None:
    """A frame of any size is an event, in the time it takes to read it once."""
    size = 100_000_000

    def handle(peer: Peer, request: Received) -> None:
        head, _, tail = _event("ADDED", _pod("big", 6, text="@")).partition(b"@")
        peer.send(CHUNKED + chunk(head))
        block = chunk(b"x" * 1_000_000)
        for _ in range(size // 1_000_000):
            peer.send(block)
        peer.send(chunk(tail))
        peer.wait_closed()

    client = place.client(place.serve(handle).url, timeout=Timeout(5.0, PATIENCE))
    source = client.resource(PODS).namespace("default").lister_watcher()
    started = monotonic()
    with Watcher(source, resource_version="5") as watcher:
        assert len(next(watcher)["object"]["text"]) == size
    assert monotonic() - started < 20


def test_a_watch_in_gzip(place: _Place) -> None:
    """A proxy compresses the stream: each event is handed out when it came, not when a block is full."""
    told = threading.Event()

    def handle(peer: Peer, request: Received) -> None:
        if not _is_watch(request):
            peer.send(answer(gzip.compress(_list(5).partition(b"\r\n\r\n")[2]), headers=[("Content-Encoding", "gzip")]))
            return
        peer.send(CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n"))
        peer.send(chunk(gzip.compress(_event("ADDED", _pod("a", 6)))))
        assert told.wait(PATIENCE)
        peer.send(chunk(gzip.compress(_event("MODIFIED", _pod("a", 7)))))
        peer.wait_closed()

    place.informer(place.client(place.serve(handle).url), idle_timeout=PATIENCE)
    assert place.next() == ("added", "a")
    told.set()
    assert place.next() == ("updated", "a")


@pytest.mark.parametrize("stream", [True, False], ids=["streaming", "listing"])
def test_a_proxy_that_holds_every_stream_back(place: _Place, *, stream: bool) -> None:
    """Nothing of a watch arrives before its end, which is too late: the state is taken by lists, again and again."""
    version = [5]

    def handle(peer: Peer, request: Received) -> None:
        if _is_watch(request):
            peer.wait_closed()
        else:
            version[0] += 1
            peer.send(_list(version[0], _pod("a", version[0])))

    place.informer(place.client(place.serve(handle).url), idle_timeout=0.05, stream=stream)
    assert place.next() == ("added", "a")
    assert place.next() == ("updated", "a")
    assert place.next() == ("updated", "a")


def test_a_half_open_connection_that_takes_bytes(place: _Place) -> None:
    """The machine behind a load balancer is gone, which goes on taking what is sent: the next one is asked instead."""

    def handle(peer: Peer, request: Received) -> None:
        if not _is_watch(request):
            peer.send(_list(5, _pod("a", 5)))
        elif peer.number == 1:
            peer.send(CHUNKED)
            peer.wait_closed()
        else:
            peer.send(CHUNKED + chunk(_event("MODIFIED", _pod("a", 6))))
            peer.wait_closed()

    place.informer(place.client(place.serve(handle).url), idle_timeout=0.2)
    assert place.next() == ("added", "a")
    assert place.next() == ("updated", "a")


def test_versions_that_go_back(place: _Place) -> None:
    """The cluster was restored from a backup: what the store had of a later time is told deleted."""
    steps: list[Any] = [
        _list(1000, _pod("a", 900), _pod("late", 950)),
        CHUNKED + chunk(b""),
    ]
    too_large = {
        "kind": "Status",
        "status": "Failure",
        "reason": "Timeout",
        "code": 504,
        "message": "Timeout: Too large resource version: 1000, current: 20",
        "details": {"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]},
    }

    def handle(peer: Peer, request: Received) -> None:
        if steps:
            peer.send(steps.pop(0))
        elif "resourceVersion=1000" in request.target:
            peer.send(answer(too_large, 504))
        elif _is_watch(request):
            peer.send(CHUNKED + chunk(_event("ADDED", _pod("new", 21))))
            peer.wait_closed()
        else:
            peer.send(_list(20, _pod("a", 10)))

    place.informer(place.client(place.serve(handle).url))
    assert {place.next(), place.next()} == {("added", "a"), ("added", "late")}
    assert {place.next(), place.next(), place.next()} == {("deleted", "late"), ("updated", "a"), ("added", "new")}


def test_a_name_that_cannot_be_looked_up_for_a_while(place: _Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS fails and comes back: the name is asked for at the pace of the backoff, and the informer goes on."""

    def handle(peer: Peer, request: Received) -> None:
        if _is_watch(request):
            peer.send(CHUNKED)
            peer.wait_closed()
        else:
            peer.send(_list(5, _pod("a", 5)))

    server = place.serve(handle)
    asked: list[float] = []
    look_up = socket.getaddrinfo

    def failing(host: Any, *arguments: Any, **options: Any) -> Any:
        if host != "cluster.test":
            return look_up(host, *arguments, **options)
        asked.append(place.clock.monotonic())
        if len(asked) <= 10:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return look_up("127.0.0.1", *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", failing)
    place.informer(place.client(f"http://cluster.test:{server.port}"), idle_timeout=PATIENCE)
    assert place.next() == ("added", "a")
    assert highest_rate(asked) <= 3


def test_a_token_that_ends_in_the_middle_of_a_watch(place: _Place, tmp_path: Path) -> None:
    """The stream ends, the old token is refused, the file holds a new one: the watch goes on from where it was."""
    token = tmp_path / "token"
    token.write_text("first")
    valid = ["first"]
    versions: list[str] = []

    def handle(peer: Peer, request: Received) -> None:
        if request.header("Authorization") != f"Bearer {valid[0]}":
            # The kubelet writes the next token about now.
            token.write_text(valid[0])
            peer.send(answer({"kind": "Status", "status": "Failure", "reason": "Unauthorized", "code": 401}, 401))
        elif not _is_watch(request):
            peer.send(_list(5, _pod("a", 5)))
        elif valid[0] == "first":
            valid[0] = "second"
            peer.send(CHUNKED + chunk(_event("MODIFIED", _pod("a", 6))) + chunk(b""))
        else:
            versions.append(request.target)
            peer.send(CHUNKED + chunk(_event("DELETED", _pod("a", 7))))
            peer.wait_closed()

    place.informer(place.client(place.serve(handle).url, bearer_token_file=str(token)), idle_timeout=PATIENCE)
    assert [place.next(), place.next(), place.next()] == [("added", "a"), ("updated", "a"), ("deleted", "a")]
    assert "resourceVersion=6" in versions[0]
    assert sum(not _is_watch_target(arrival.target) for arrival in place.arrivals) == 1


def test_certificates_that_are_replaced_under_a_watch(place: _Place, tmp_path: Path) -> None:
    """Authority, server and client get new certificates; the next connection is made with them, and nothing is lost."""
    authority, folder = Authority("first"), tmp_path / "client"
    folder.mkdir()

    def renew(authority: Authority) -> None:
        client = authority.issue(client=True)
        for name, content in (("crt", client.certificate), ("key", client.key), ("ca", authority.certificate)):
            (folder / "new").write_bytes(content)
            (folder / "new").replace(folder / name)

    def handle(peer: Peer, request: Received) -> None:
        if not _is_watch(request):
            peer.send(_list(5, _pod("a", 5)))
        elif "resourceVersion=5" in request.target:
            peer.send(CHUNKED + chunk(_event("MODIFIED", _pod("a", 6))))
            second = Authority("second")
            server.context = second.issue().server_context(tmp_path, client_ca=second.certificate)
            renew(second)
            peer.close()
        else:
            peer.send(CHUNKED + chunk(_event("DELETED", _pod("a", 7))))
            peer.wait_closed()

    renew(authority)
    server = place.serve(handle, context=authority.issue().server_context(tmp_path, client_ca=authority.certificate))
    files = {"ca_file": str(folder / "ca"), "cert_file": str(folder / "crt"), "key_file": str(folder / "key")}
    place.informer(place.client(server.url, **files), idle_timeout=PATIENCE)
    assert [place.next(), place.next(), place.next()] == [("added", "a"), ("updated", "a"), ("deleted", "a")]


def _is_watch_target(target: str) -> bool:
    return "watch=true" in target


def test_the_wall_clock_jumps(place: _Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of day is set back by a year and forward by ten: pauses and idle times are none of its business."""
    times = iter([0.0, 3e7, -3e7, 3e8] * 100_000)
    monkeypatch.setattr("time.time", lambda: next(times))
    steps: list[Any] = [answer(b"", 503, [("Retry-After", "1")]), _list(5, _pod("a", 5)), CHUNKED + chunk(b"")]

    def handle(peer: Peer, request: Received) -> None:
        if steps:
            peer.send(steps.pop(0))
        else:
            peer.send(CHUNKED + chunk(_event("MODIFIED", _pod("a", 6))))
            peer.wait_closed()

    place.informer(place.client(place.serve(handle).url), idle_timeout=PATIENCE)
    assert [place.next(), place.next()] == [("added", "a"), ("updated", "a")]


def test_a_hundred_informers_on_one_client_stop_within_a_second(place: _Place) -> None:
    """All streams stand at once, each on a connection of its own; all are closed and all threads gone in a second."""

    def handle(peer: Peer, request: Received) -> None:
        if _is_watch(request):
            peer.send(CHUNKED)
            peer.wait_closed()
        else:
            peer.send(_list(5, _pod("a", 5)))

    config = Config(host=place.serve(handle).url)
    before = set(threading.enumerate())
    with DynamicClient(config) as client:
        source = client.resource(PODS).namespace("default")
        informers = [source.informer(stream=False) for _ in range(100)]
        for informer in informers:
            informer.add_handler(on_add=lambda obj, is_initial: None)
            informer.start()
        for informer in informers:
            assert informer.wait_for_sync(PATIENCE)
        started = monotonic()
        for informer in informers:
            informer.stop(0.0)
        ended = [informer.stop() for informer in informers]
        assert all(ended)
        assert monotonic() - started < 1.0
    left = [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("dynkube")]
    assert left == []
    place.arrivals.clear()  # a hundred informers at once are no fault of one


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_with_an_informer_running(place: _Place) -> None:
    """A child can read the store, stop its copy and use the client; the parent's watch does not notice."""
    forked = threading.Event()

    def handle(peer: Peer, request: Received) -> None:
        if not _is_watch(request):
            peer.send(_list(5, _pod("a", 5)))
            return
        peer.send(CHUNKED)
        version = 6
        while not forked.is_set() and not peer.closed:
            peer.send(chunk(_event("MODIFIED", _pod("a", version))))
            version += 1
        peer.send(chunk(_event("ADDED", _pod("after", version))))
        peer.wait_closed()

    client = place.client(place.serve(handle).url)
    informer = place.informer(client, idle_timeout=PATIENCE)
    assert informer.wait_for_sync()
    codes = []
    for _ in range(10):
        assert place.next()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            code = 1
            try:
                known = [obj["metadata"]["name"] for obj in informer.indexer.values()] == ["a"]
                informer.stop()
                listed = client.resource(PODS).namespace("default").list()["items"]
                code = 0 if known and len(listed) == 1 else 2
            finally:
                os._exit(code)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    assert codes == [0] * 10
    forked.set()
    while place.next() != ("added", "after"):
        pass
    place.arrivals.clear()  # those of the children are not this informer's
