"""Everything live stops within a second from another thread, over real sockets, and leaves no thread and no socket."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.config import Config
from dynkube.controller import EventRecorder, LeaderElector
from dynkube.dynamic import DynamicClient
from dynkube.errors import DynkubeError
from dynkube.informer import SharedInformer
from dynkube.names import GroupVersionResource
from dynkube.testing import APIServer
from dynkube.watch import Wait, Watcher, created

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PODS = GroupVersionResource("", "v1", "pods")
LEASES = GroupVersionResource("coordination.k8s.io", "v1", "leases")
EVENTS = GroupVersionResource("", "v1", "events")
POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "default"}}


class _Mute:
    """A server that accepts connections, reads requests and says nothing."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked = threading.Semaphore(0)
        self._threads: list[threading.Thread] = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._read, args=(connection,)))
            self._threads[-1].start()

    def _read(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while connection.recv(1 << 16):
                self.asked.release()

    def close(self) -> list[threading.Thread]:
        """Stop accepting and return the threads of connections the client has not closed after a second."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(1.0)
        return [thread for thread in self._threads if thread.is_alive()]


@pytest.fixture
def mute() -> Iterator[_Mute]:
    """Return a mute server; in the end every connection to it has to be closed by the client."""
    before = set(threading.enumerate())
    server = _Mute()
    yield server
    assert server.close() == [], "a socket is left"
    for thread in set(threading.enumerate()) - before:
        thread.join(1.0)
        assert not thread.is_alive(), f"{thread.name} is left"


def _resource(client: DynamicClient, gvr: GroupVersionResource) -> Any:
    return client.resource(gvr).namespace("default")


def _watch(client: DynamicClient) -> tuple[Callable[[], object], Callable[[], object]]:
    watcher = Watcher(_resource(client, PODS).lister_watcher(), resource_version="1")
    return lambda: list(watcher), watcher.close


def _wait(client: DynamicClient) -> tuple[Callable[[], object], Callable[[], object]]:
    wait = Wait(_resource(client, PODS).lister_watcher(field_selector="metadata.name=web"), created())
    return wait.result, wait.close


def _informer(client: DynamicClient) -> tuple[Callable[[], object], Callable[[], object]]:
    informer = _resource(client, PODS).informer()
    informer.add_handler(on_add=lambda obj, is_initial: None)
    informer.start()
    return informer.wait_for_sync, informer.stop


def _election(client: DynamicClient) -> tuple[Callable[[], object], Callable[[], object]]:
    elector = LeaderElector(_resource(client, LEASES), "lock", "me", on_started_leading=lambda ended: ended.wait(30))
    return elector.run, elector.stop


def _recorder(client: DynamicClient) -> tuple[Callable[[], object], Callable[[], object]]:
    recorder = EventRecorder(client.resource(EVENTS), "tester", host="here")
    recorder.event(POD, "Normal", "Test", "somebody listens")
    closed = threading.Event()

    def close() -> None:
        recorder.close(0.3)
        closed.set()

    return lambda: closed.wait(30), close


ALL = {"watch": _watch, "wait": _wait, "informer": _informer, "election": _election, "recorder": _recorder}


def _stops(make: Any, client: DynamicClient, ready: Callable[[], object]) -> None:
    """Run something in a thread, stop it when it is ready, and see it end within a second."""
    run, stop = make(client)

    def work() -> None:
        with suppress(DynkubeError):
            run()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        ready()
    finally:
        stop()
        thread.join(1.0)
    assert not thread.is_alive()


@pytest.mark.parametrize("what", ALL)
def test_stops_while_the_server_says_nothing(mute: _Mute, what: str) -> None:
    """The request was sent and no answer begins: the stop does not wait for the read timeout."""
    config = Config(host=mute.url)
    with DynamicClient(config) as client:
        _stops(ALL[what], client, lambda: mute.asked.acquire(timeout=30))


@pytest.mark.parametrize("what", ["watch", "wait", "informer"])
def test_stops_in_the_middle_of_a_stream(what: str) -> None:
    """The watch stands and nothing happens: the stop ends the blocked read, and the server sees the connection go."""
    with APIServer() as server, server.client() as client:
        pods = client.resource(PODS).namespace("default")
        arrived = threading.Event()

        class _Noticing:
            """Lets the test know when a stream stands."""

            def __init__(self, source: Any) -> None:
                self._source = source

            def list(self, **options: Any) -> Any:
                return self._source.list(**options)

            def watch(self, **options: Any) -> Any:
                stream = self._source.watch(**options)
                arrived.set()
                return stream

        source = _Noticing(pods.lister_watcher())
        watcher, wait, informer = Watcher(source, resource_version="1"), Wait(source, created()), SharedInformer(source)
        makers: dict[str, Any] = {
            "watch": lambda _: (lambda: list(watcher), watcher.close),
            "wait": lambda _: (wait.result, wait.close),
            "informer": lambda _: (informer.start, informer.stop),
        }
        before = {thread for thread in threading.enumerate() if thread.name.startswith("dynkube-reflector")}
        _stops(makers[what], client, lambda: arrived.wait(30))
        assert {thread for thread in threading.enumerate() if thread.name.startswith("dynkube-reflector")} == before
