"""What the embedded API server does in a second: creates, a list of 5,000 pods, changes told to 50 watchers.

``python -m benchmarks.embedded_server`` prints the figures and exits 1 when starting costs more than 0.3 s or a fresh
namespace more than 10 ms.
"""

from __future__ import annotations

import argparse
import http.client
import json
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from dynkube.testing import APIServer

#: Seconds a start and a fresh namespace may take.
START_TARGET, NAMESPACE_TARGET = 0.3, 0.01
NAMESPACE = "/api/v1/namespaces/default"
WATCHERS, CHANGES, CREATES, PODS = 50, 100, 500, 5000


def connect(server: APIServer) -> http.client.HTTPConnection:
    """Return a connection to the server."""
    parts = urlsplit(server.url)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)


def send(link: http.client.HTTPConnection, method: str, path: str, body: Any = None) -> bytes:
    """Send one request and return the body of the answer, which must be a success."""
    link.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
    response = link.getresponse()
    text = response.read()
    if response.status >= 300:
        raise RuntimeError(f"{method} {path}: {response.status} {text[:200]!r}")
    return text


def starting() -> float:
    """Return the seconds the best of three starts took."""
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        with APIServer():
            taken.append(time.perf_counter() - began)
    return min(taken)


def fresh_namespace(server: APIServer) -> float:
    """Return the seconds the best of ten namespaces took."""
    taken = []
    for number in range(10):
        began = time.perf_counter()
        server.load([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"n{number}"}}])
        taken.append(time.perf_counter() - began)
    return min(taken)


def creates(server: APIServer) -> float:
    """Return the config maps one connection creates in a second."""
    link = connect(server)
    began = time.perf_counter()
    for number in range(CREATES):
        send(link, "POST", f"{NAMESPACE}/configmaps", {"metadata": {"name": f"c{number}"}, "data": {"k": "v"}})
    taken = time.perf_counter() - began
    link.close()
    return CREATES / taken


def listing(server: APIServer) -> float:
    """Return the seconds a list of 5,000 pods takes, bytes alone."""
    spec = {"containers": [{"name": "c", "image": "i"}]}
    pods: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"p{number}"}, "spec": spec} for number in range(PODS)
    ]
    server.load(pods)
    link = connect(server)
    began = time.perf_counter()
    send(link, "GET", f"{NAMESPACE}/pods")
    taken = time.perf_counter() - began
    link.close()
    return taken


def fan_out(server: APIServer) -> float:
    """Return the events a second that reach 50 watchers while one writer changes an object."""
    ready = threading.Barrier(WATCHERS + 1)
    threads = [threading.Thread(target=_watch, args=(server, ready), daemon=True) for _ in range(WATCHERS)]
    for thread in threads:
        thread.start()
    ready.wait(60)
    link = connect(server)
    began = time.perf_counter()
    for number in range(CHANGES):
        send(link, "POST", f"{NAMESPACE}/secrets", {"metadata": {"name": f"s{number}"}})
    for thread in threads:
        thread.join(60)
    taken = time.perf_counter() - began
    link.close()
    return WATCHERS * CHANGES / taken


def _watch(server: APIServer, ready: threading.Barrier) -> None:
    link = connect(server)
    link.request("GET", f"{NAMESPACE}/secrets?watch=1")
    response = link.getresponse()
    ready.wait(60)
    for _ in range(CHANGES):
        response.readline()
    response.close()
    link.close()


def main(arguments: list[str] | None = None) -> int:
    """Print the figures; 0 when the targets are met, 1 otherwise."""
    argparse.ArgumentParser(prog="python -m benchmarks.embedded_server", description=__doc__).parse_args(arguments)
    start = starting()
    with APIServer(controllers=False) as server:
        fresh, made, listed, told = fresh_namespace(server), creates(server), listing(server), fan_out(server)
    print(f"embedded server: start {start * 1000:.0f} ms (target {START_TARGET * 1000:.0f} ms)")
    print(f"embedded server: fresh namespace {fresh * 1000:.1f} ms (target {NAMESPACE_TARGET * 1000:.0f} ms)")
    print(f"embedded server: {made:.0f} creates/s over one connection")
    print(f"embedded server: list of {PODS} pods {listed * 1000:.0f} ms")
    print(f"embedded server: {told:.0f} events/s told to {WATCHERS} watchers")
    return 0 if start <= START_TARGET and fresh <= NAMESPACE_TARGET else 1


if __name__ == "__main__":
    raise SystemExit(main())
