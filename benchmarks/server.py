"""A TLS server in a process of its own that answers with canned bytes, faster than any client can read them.

The embedded API server is not used for this: its speed would hide the client's. It only lends its discovery documents,
recorded once at the start. ``python -m benchmarks.server DIR`` writes the certificate authority to DIR/ca.crt and
prints the ports it serves on: one as fast as loopback is, one held to 100 Mbit/s, one that stores as slowly as etcd.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import signal
import socket
import sys
import threading
import time
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from benchmarks import canned
from dynkube.testing import APIServer
from dynkube.testing.access.certificates import generate

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Iterator

#: A link of 100 Mbit/s carries this many bytes a second.
SLOW_LINK = 12_500_000
#: Bytes that are written, and waited for, at a time on that link: 5 ms of it.
STEP = 65_536
#: Seconds that a pause may last too long and be made up for; more of it means that there was nothing to send.
OVERSLEPT = 0.005
#: Bytes Go's net/http collects before they become a chunk (server.go, bufferBeforeChunkingSize).
GO_BUFFER = 2048
#: Seconds a create takes a real API server at least: etcd's own documentation has 1.6 ms for one put by one client, on
#: three machines with SSDs (etcd.io, "Performance"); authentication, admission and encoding come on top of it.
CREATE_SECONDS = 0.002

CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


@dataclass
class Canned:
    """Every answer, encoded once; lists and events in chunks."""

    pods: list[bytes] = field(default_factory=list)
    pod_list_writes: list[bytes] = field(default_factory=list)
    pod_list: bytes = b""
    one_pod_list: bytes = b""
    pod_pages: list[bytes] = field(default_factory=list)
    pod_events: bytes = b""
    pod_initial_events: bytes = b""
    config_map_list: bytes = b""
    config_map_pages: list[bytes] = field(default_factory=list)
    config_map_initial_events: bytes = b""
    few_config_map_list: bytes = b""
    few_config_map_initial_events: bytes = b""
    created: bytes = b""
    documents: dict[tuple[str, bool], tuple[str, bytes]] = field(default_factory=dict)

    @classmethod
    def build(cls) -> Canned:
        """Encode the pods, the config maps, their pages and events, and record the discovery documents."""
        pods = [canned.pod(number) for number in range(canned.PODS)]
        maps = [canned.config_map(number) for number in range(canned.CONFIG_MAPS)]
        pod_items = [canned.list_item(pod) for pod in pods]
        map_items = [canned.list_item(config_map) for config_map in maps]
        whole = canned.list_writes("PodList", pod_items)
        few = canned.FEW_CONFIG_MAPS
        end = {kind: canned.bookmark(kind, initial_events_end=True) for kind in ("Pod", "ConfigMap")}
        return cls(
            pods=[canned.compact(pod) for pod in pods[:10]],
            pod_list_writes=whole,
            pod_list=chunked(whole) + LAST_CHUNK,
            one_pod_list=chunked(canned.list_writes("PodList", pod_items[:1])) + LAST_CHUNK,
            pod_pages=pages("PodList", pod_items),
            pod_events=chunked(canned.event("MODIFIED", pod) for pod in pods),
            pod_initial_events=chunked([*(canned.event("ADDED", pod) for pod in pods), end["Pod"]]),
            config_map_list=chunked(canned.list_writes("ConfigMapList", map_items)) + LAST_CHUNK,
            config_map_pages=pages("ConfigMapList", map_items),
            config_map_initial_events=chunked([*(canned.event("ADDED", item) for item in maps), end["ConfigMap"]]),
            few_config_map_list=chunked(canned.list_writes("ConfigMapList", map_items[:few])) + LAST_CHUNK,
            few_config_map_initial_events=chunked(
                [*(canned.event("ADDED", item) for item in maps[:few]), end["ConfigMap"]]
            ),
            created=canned.compact(maps[0]),
            documents=record_discovery(),
        )


def chunked(writes: Iterable[bytes]) -> bytes:
    """Return what is written in the chunks of a Go server that has much to write: net/http collects 2 KiB.

    A write that is larger, with nothing collected before it, is a chunk of its own.
    """
    chunks: list[bytes] = []
    waiting = b""
    for each in writes:
        rest = each
        while len(waiting) + len(rest) > GO_BUFFER:
            taken = len(rest) if not waiting else GO_BUFFER - len(waiting)
            chunks.append(waiting + rest[:taken])
            waiting, rest = b"", rest[taken:]
        waiting += rest
    if waiting:
        chunks.append(waiting)
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)


def pages(kind: str, items: list[bytes]) -> list[bytes]:
    """Return the pages of a list; page N is fetched with the continue token ``N``."""
    count = -(-len(items) // canned.PAGE)
    return [
        chunked(
            canned.list_writes(
                kind,
                items[number * canned.PAGE : (number + 1) * canned.PAGE],
                continue_=str(number + 1) if number + 1 < count else "",
            )
        )
        + LAST_CHUNK
        for number in range(count)
    ]


def record_discovery() -> dict[tuple[str, bool], tuple[str, bytes]]:
    """Return (path, aggregated?) → (content type, body) of every discovery document of the embedded server."""
    import http.client

    documents: dict[tuple[str, bool], tuple[str, bytes]] = {}
    with APIServer() as server:
        where = urlsplit(server.url)
        connection = http.client.HTTPConnection(str(where.hostname), where.port or 80)

        def record(path: str, *, aggregated: bool = False) -> dict[str, object]:
            connection.request(
                "GET", path, headers={"Accept": f"{DISCOVERY},application/json" if aggregated else "application/json"}
            )
            response = connection.getresponse()
            body = response.read()
            documents[path, aggregated] = (response.headers["Content-Type"], body)
            return json.loads(body)  # type: ignore[no-any-return]

        with contextlib.closing(connection):
            for root in ("/api", "/apis"):
                record(root, aggregated=True)
            record("/version")
            record("/api")
            record("/api/v1")
            groups = record("/apis")["groups"]
            assert isinstance(groups, list)
            for group in groups:
                record(f"/apis/{group['name']}")
                for version in group["versions"]:
                    record(f"/apis/{version['groupVersion']}")
    return documents


@dataclass(frozen=True)
class Kind:
    """What makes one address of the server slower than another."""

    bytes_per_second: int | None = None
    create_seconds: float = 0.0


#: The addresses of the server, by name.
KINDS = {"fast": Kind(), "slow": Kind(bytes_per_second=SLOW_LINK), "storing": Kind(create_seconds=CREATE_SECONDS)}


class Connection:
    """One client's connection: reads requests, sends canned answers, until the client goes."""

    def __init__(self, stream: ssl.SSLSocket, answers: Canned, kind: Kind) -> None:
        """Take the connection; nothing is read before serve()."""
        self.stream = stream
        self.answers = answers
        self.kind = kind
        #: When the link is through with what was written of the answer.
        self.busy_until = 0.0

    def serve(self) -> None:
        """Answer until the peer closes."""
        with self.stream, contextlib.suppress(OSError):
            for method, target, headers in self.requests():
                self.answer(method, target, headers)

    def requests(self) -> Iterator[tuple[str, str, dict[str, str]]]:
        """Yield each request's method, target and headers; its body is read and dropped."""
        buffered = b""
        while True:
            while b"\r\n\r\n" not in buffered:
                received = self.stream.recv(65_536)
                if not received:
                    return
                buffered += received
            head, buffered = buffered.split(b"\r\n\r\n", 1)
            request, *lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            length = int(headers.get("content-length", "0"))
            while len(buffered) < length:
                buffered += self.stream.recv(65_536)
            buffered = buffered[length:]
            method, target, _ = request.split(" ", 2)
            yield method, target, headers

    def answer(self, method: str, target: str, headers: dict[str, str]) -> None:
        """Send the canned answer of one request."""
        self.busy_until = time.perf_counter()
        path, _, query_text = target.partition("?")
        query = {name: values[-1] for name, values in parse_qs(query_text).items()}
        if method == "POST":
            time.sleep(self.kind.create_seconds)  # other threads and clients go on meanwhile, as on a real server
            self.send(201, self.answers.created)
        elif query.get("watch") in ("1", "true", "True"):
            self.send_watch(path, query)
        elif path.endswith(("/pods", "/configmaps")):
            self.send_list(path, query, headers)
        elif "/pods/" in path:
            self.send(200, self.answers.pods[0])
        else:
            aggregated = "apidiscovery" in headers.get("accept", "")
            path = path.rstrip("/")  # as the API server does
            document = self.answers.documents.get((path, aggregated)) or self.answers.documents.get((path, False))
            if document is None:
                self.send(404, canned.compact({"kind": "Status", "apiVersion": "v1", "status": "Failure",
                                               "reason": "NotFound", "message": path, "code": 404}))  # fmt: skip
            else:
                self.send(200, document[1], content_type=document[0])

    def send_list(self, path: str, query: dict[str, str], headers: dict[str, str]) -> None:
        """Send the whole list, or the page its limit and continue ask for."""
        pods = path.endswith("/pods")
        all_pages = self.answers.pod_pages if pods else self.answers.config_map_pages
        if "fieldSelector" in query:  # how kr8s reads one object
            self.write(CHUNKED + self.answers.one_pod_list)
        elif query.get("limit", "0") != "0" or query.get("continue"):
            self.write(CHUNKED + all_pages[int(query.get("continue") or 0)])
        elif pods and "gzip" in headers.get("accept-encoding", "") and self.kind.bytes_per_second is not None:
            self.send_compressed(self.answers.pod_list_writes)
        elif pods:
            self.write(CHUNKED + self.answers.pod_list)
        else:
            few = "/namespaces/" in path
            self.write(CHUNKED + (self.answers.few_config_map_list if few else self.answers.config_map_list))

    def send_compressed(self, writes: list[bytes]) -> None:
        """Compress a list while it is sent, at level 1, as the API server does with 128 KiB and more."""
        self.write(CHUNKED.replace(b"Transfer", b"Content-Encoding: gzip\r\nTransfer"))
        packer = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS | 16)
        for each in writes:
            packed = packer.compress(each)
            if packed:
                self.write(chunked([packed]))
        self.write(chunked([packer.flush()]) + LAST_CHUNK)

    def send_watch(self, path: str, query: dict[str, str]) -> None:
        """Send the events at once, then stay silent until the client goes, as a quiet watch does."""
        pods = path.endswith("/pods")
        if query.get("sendInitialEvents") == "true":
            few = "/namespaces/" in path
            maps = self.answers.few_config_map_initial_events if few else self.answers.config_map_initial_events
            body = self.answers.pod_initial_events if pods else maps
        else:
            body = self.answers.pod_events if pods and query.get("resourceVersion") != "999999" else b""
        self.write(CHUNKED + body)
        with contextlib.suppress(OSError):
            self.stream.recv(1)
        raise ConnectionAbortedError

    def send(self, status: int, body: bytes, *, content_type: str = "application/json") -> None:
        """Send a whole answer as Go does: with its length if it is short, otherwise as one chunk."""
        reason = {200: "OK", 201: "Created"}.get(status, "Not Found")
        head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: {content_type}\r\n".encode()
        if len(body) <= GO_BUFFER:
            self.write(b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body))
        else:
            self.write(b"%bTransfer-Encoding: chunked\r\n\r\n%b%b" % (head, chunked([body]), LAST_CHUNK))

    def write(self, data: bytes) -> None:
        """Send all of `data`, no faster than the link is."""
        rate = self.kind.bytes_per_second
        if rate is None:
            self.stream.sendall(data)
            return
        view = memoryview(data)
        for start in range(0, len(view), STEP):
            piece = view[start : start + STEP]
            # By the clock, not by pauses added up: each is a little longer than was asked for, and that is made up for.
            self.busy_until = max(self.busy_until, time.perf_counter() - OVERSLEPT) + len(piece) / rate
            rest = self.busy_until - time.perf_counter()
            if rest > 0:
                time.sleep(rest)
            self.stream.sendall(piece)


def listen(context: ssl.SSLContext, answers: Canned, kind: Kind, listener: socket.socket) -> None:
    """Serve what `listener` accepts, until it is shut down, in threads of this process; return at once."""

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                raw, _ = listener.accept()
                threading.Thread(target=handle, args=(raw,), daemon=True).start()

    def handle(raw: socket.socket) -> None:
        with raw, contextlib.suppress(OSError):
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Connection(context.wrap_socket(raw, server_side=True), answers, kind).serve()

    threading.Thread(target=accept, daemon=True).start()


def main(arguments: list[str] | None = None, announce: Callable[[str], object] = print) -> None:
    """Serve until standard input closes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where ca.crt is written")
    folder: Path = parser.parse_args(arguments).folder
    certificate = generate(["127.0.0.1", "localhost"])
    (folder / "ca.crt").write_bytes(certificate.ca)
    context = certificate.context()
    answers = Canned.build()
    # Everything lives as long as the server: the collector need not look at it, nor copy its pages after a fork.
    gc.freeze()
    listeners = {name: socket.create_server(("127.0.0.1", 0), backlog=128) for name in KINDS}

    def serve() -> None:
        for name, listener in listeners.items():
            listen(context, answers, KINDS[name], listener)

    # A process for each core: the threads of one would answer eight clients no faster than one, and hide what they do.
    helpers: list[int] = []
    for _ in range((os.cpu_count() or 1) - 1):
        helper = os.fork()
        if not helper:
            serve()
            threading.Event().wait()
        helpers.append(helper)
    serve()
    announce(json.dumps({name: listener.getsockname()[1] for name, listener in listeners.items()}))
    sys.stdout.flush()
    sys.stdin.read()
    for helper in helpers:
        os.kill(helper, signal.SIGTERM)
        os.waitpid(helper, 0)


if __name__ == "__main__":
    main()
