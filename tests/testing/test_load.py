"""Many watchers and writers at once: every watcher sees every change of every object, in order.

``DYNKUBE_LOAD_SECONDS=60`` runs it for a minute with 50 watchers and 20 writers; the normal suite takes a second.
"""

from __future__ import annotations

import json
import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from testing.calling import CMS, Caller, config_map, connection

if TYPE_CHECKING:
    from dynkube.testing import APIServer

SECONDS = float(os.environ.get("DYNKUBE_LOAD_SECONDS", "1"))
WATCHERS, WRITERS = (50, 20) if SECONDS > 5 else (12, 5)
MERGE = {"Content-Type": "application/merge-patch+json"}
#: The object whose creation tells watchers that nothing follows.
LAST = "last"


class Writer(threading.Thread):
    """Creates one object and counts up in it until it is told to stop."""

    def __init__(self, url: str, number: int, stop: threading.Event) -> None:
        super().__init__(name=f"writer-{number}", daemon=True)
        self.object = f"w{number}"
        self.count = 0
        self.failures: list[str] = []
        self._url, self._stopping = url, stop

    def run(self) -> None:
        """Write over one connection."""
        link = connection(self._url)
        try:
            self._send(link, "POST", CMS, config_map(self.object, {"n": "0"}))
            while not self._stopping.is_set():
                self.count += 1
                self._send(link, "PATCH", f"{CMS}/{self.object}", {"data": {"n": str(self.count)}})
        finally:
            link.close()

    def _send(self, link: object, method: str, path: str, body: object) -> None:
        headers = MERGE if method == "PATCH" else {"Content-Type": "application/json"}
        link.request(method, path, json.dumps(body), headers)  # type: ignore[attr-defined]
        response = link.getresponse()  # type: ignore[attr-defined]
        text = response.read()
        if response.status >= 300:
            self.failures.append(f"{method} {path}: {response.status} {text!r}")


class Watcher(threading.Thread):
    """Watches all objects and keeps what it saw of each."""

    def __init__(self, url: str, number: int, version: str) -> None:
        super().__init__(name=f"watcher-{number}", daemon=True)
        self.seen: dict[str, list[int]] = {}
        self.versions: list[int] = []
        self.ended = False
        self._url, self._version = url, version

    def run(self) -> None:
        """Read one stream up to the last object."""
        link = connection(self._url)
        link.timeout = 120
        try:
            link.request("GET", f"{CMS}?watch=1&resourceVersion={self._version}")
            response = link.getresponse()
            while line := response.readline():
                obj = json.loads(line)["object"]
                self.versions.append(int(obj["metadata"]["resourceVersion"]))
                if obj["metadata"]["name"] == LAST:
                    self.ended = True
                    return
                self.seen.setdefault(obj["metadata"]["name"], []).append(int(obj["data"]["n"]))
        finally:
            link.close()


@pytest.mark.timeout(SECONDS * 3 + 120)
def test_no_event_is_lost_or_out_of_order(server: APIServer) -> None:
    """Whatever the load, each watcher gets each object's changes completely and in the order they were written."""
    call = Caller(server.url)
    version = call.ok("GET", CMS)["metadata"]["resourceVersion"]
    watchers = [Watcher(server.url, number, version) for number in range(WATCHERS)]
    stop = threading.Event()
    writers = [Writer(server.url, number, stop) for number in range(WRITERS)]
    for thread in (*watchers, *writers):
        thread.start()
    time.sleep(SECONDS)
    stop.set()
    for writer in writers:
        writer.join(60)
        assert not writer.is_alive()
        assert not writer.failures
    call.ok("POST", CMS, config_map(LAST))
    expected = {writer.object: list(range(writer.count + 1)) for writer in writers}
    for watcher in watchers:
        watcher.join(60 + SECONDS)
        assert not watcher.is_alive(), "a watcher is stuck"
        assert watcher.ended
        assert watcher.seen == expected
        assert watcher.versions == sorted(watcher.versions)


def test_starting_and_a_fresh_namespace_are_quick() -> None:
    """A server starts in 0.3 s and a namespace is there in 10 ms: the best of a few, as other tests run beside."""
    from dynkube.testing import APIServer as Server

    starts, namespaces = [], []
    for _ in range(3):
        began = time.perf_counter()
        with Server() as server:
            starts.append(time.perf_counter() - began)
            for number in range(10):
                began = time.perf_counter()
                server.load([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"n{number}"}}])
                namespaces.append(time.perf_counter() - began)
    assert min(starts) < 0.3
    assert min(namespaces) < 0.01
