"""Discovering and mapping a cluster with a thousand CRDs: time, memory, lookups, against json.loads of the same bytes.

``python -m benchmarks.discovery`` prints the figures and the targets, and exits 1 where one is missed. It needs no
network: the transport hands over canned bytes, so that what is measured is what this package does with them.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import time
import tracemalloc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dynkube.config import UNSET, Config
from dynkube.discovery import DiscoveryClient
from dynkube.mapping import RESTMapper
from dynkube.rest import RESTClient
from dynkube.transport import HTTPResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.config import TimeoutLike, Unset
    from dynkube.transport import HTTPRequest

V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
VERBS = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"]

#: Decoding and mapping may cost this many times what json.loads costs for the same bytes, json.loads included.
TIME_TARGET = 2.0
#: What stays in memory may be this many times the decoded documents.
MEMORY_TARGET = 2.0
#: Seconds a lookup in a warm mapper may take.
LOOKUP_TARGET = 5e-6


def _resource(group: str, plural: str, kind: str, short_name: str) -> dict[str, Any]:
    response = {"group": group, "version": "v1", "kind": kind}
    return {
        "resource": plural,
        "responseKind": response,
        "scope": "Namespaced",
        "singularResource": kind.lower(),
        "verbs": VERBS,
        "shortNames": [short_name],
        "categories": ["all"],
        "subresources": [{"subresource": "status", "responseKind": response, "verbs": ["get", "patch", "update"]}],
    }


def surface(count: int, per_group: int) -> bytes:
    """Return the aggregated answer of /apis for ``count`` CRDs, ``per_group`` to a group, as a server words it."""
    items = []
    for number in range(count // per_group):
        group = f"group{number}.example.com"
        resources = [
            _resource(group, f"widget{number}x{i}s", f"Widget{number}x{i}", f"w{number}x{i}") for i in range(per_group)
        ]
        versions = [{"version": "v1", "resources": resources, "freshness": "Current"}]
        items.append({"metadata": {"name": group, "creationTimestamp": None}, "versions": versions})
    document = {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}
    return json.dumps(document, separators=(",", ":")).encode()


class Canned:
    """A transport that answers /apis with ``body`` and /api with an empty list, and counts."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.requests = 0

    def send(
        self,
        request: HTTPRequest,
        *,
        timeout: TimeoutLike | Unset = UNSET,  # noqa: ARG002 - the protocol's
        stream: bool = False,  # noqa: ARG002
    ) -> HTTPResponse:
        """Answer from memory."""
        self.requests += 1
        empty = b'{"kind":"APIGroupDiscoveryList","items":[]}'
        return HTTPResponse(200, {"Content-Type": V2}, self.body if request.target == "/apis" else empty)

    def close(self) -> None:
        """Release nothing."""


def _best(jobs: list[Callable[[], object]], rounds: int) -> list[float]:
    """Return the least processor time each job took: taking turns, so that a busy machine troubles all alike."""
    best = [float("inf")] * len(jobs)
    for _ in range(rounds):
        for number, job in enumerate(jobs):
            gc.collect()
            start = time.process_time()
            kept = job()
            best[number] = min(best[number], time.process_time() - start)
            del kept
    return best


def _retained(job: Callable[[], object]) -> int:
    gc.collect()
    tracemalloc.start()
    kept = job()
    gc.collect()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del kept
    return size


@dataclass(frozen=True)
class Figures:
    """What was measured for one surface."""

    size: int
    requests: int
    loads: float
    mapped: float
    memory: float
    lookups: dict[str, float]

    @property
    def time_ratio(self) -> float:
        """Decoding and mapping, json.loads included, as a multiple of json.loads."""
        return self.mapped / self.loads


def measure(count: int, per_group: int, rounds: int) -> Figures:
    """Measure a surface of ``count`` CRDs."""
    body = surface(count, per_group)
    transport = Canned(body)

    def cold() -> RESTMapper:
        mapper = RESTMapper(DiscoveryClient(RESTClient(Config(), transport=transport)))
        mapper.resolve(None, "widget3x0s")
        return mapper

    mapper = cold()
    requests = transport.requests
    forms = {
        "plural": (None, "widget3x0s"),
        "singular": (None, "widget3x0"),
        "kind": (None, "Widget3x0"),
        "short name": (None, "w3x0"),
        "plural.group": (None, "widget3x0s.group3.example.com"),
        "plural.version.group": (None, "widget3x0s.v1.group3.example.com"),
        "Kind.group": (None, "Widget3x0.group3.example.com"),
        "in a group version": ("group3.example.com/v1", "Widget3x0"),
    }
    lookups = {}
    for form, (group_version, name) in forms.items():
        mapper.resolve(group_version, name)

        def look_up(group_version: str | None = group_version, name: str = name) -> None:
            for _ in range(1000):
                mapper.resolve(group_version, name)

        lookups[form] = _best([look_up], min(rounds, 10))[0] / 1000
    loads, mapped = _best([lambda: json.loads(body), cold], rounds)
    memory = _retained(cold) / _retained(lambda: json.loads(body))
    return Figures(len(body), requests, loads, mapped, memory, lookups)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and return 0 where every target is held."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.discovery", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="CRDs (default 1000)")
    parser.add_argument("--per-group", type=int, help="CRDs in a group (default 10, and then 1)")
    parser.add_argument("--rounds", type=int, default=100, help="runs, of which the best counts (default 100)")
    options = parser.parse_args(arguments)
    if options.per_group is not None:
        return 0 if _shown(options.count, options.per_group, options.rounds) else 1
    # A group costs more than a resource does: most clusters are like the first surface, the second is the worst case.
    # Each has a process of its own: the heap the first leaves behind would slow the second.
    command = [sys.executable, "-m", __spec__.name, f"--count={options.count}", f"--rounds={options.rounds}"]
    ended = [subprocess.run([*command, f"--per-group={each}"], check=False).returncode for each in (10, 1)]
    return max(ended)


def _shown(count: int, per_group: int, rounds: int) -> bool:
    """Measure a surface and print what came out; return whether every target is held."""
    figures = measure(count, per_group, rounds)
    slowest = max(figures.lookups.values())
    print(f"{count} CRDs, {per_group} to a group, {figures.size / 1e3:.0f} kB of discovery")
    print(f"  json.loads alone      {figures.loads * 1e3:8.2f} ms")
    print(f"  discovered and mapped {figures.mapped * 1e3:8.2f} ms   {figures.time_ratio:.2f} x json.loads")
    print(f"  memory kept           {figures.memory:8.2f} x the decoded document")
    for form, seconds in figures.lookups.items():
        print(f"  lookup, {form:<21} {seconds * 1e6:6.2f} µs")
    judged = [
        (figures.requests == 2, f"two requests: {figures.requests}"),
        (figures.time_ratio <= TIME_TARGET, f"time at most {TIME_TARGET:g} x json.loads: {figures.time_ratio:.2f}"),
        (figures.memory <= MEMORY_TARGET, f"memory at most {MEMORY_TARGET:g} x the document: {figures.memory:.2f}"),
        (slowest < LOOKUP_TARGET, f"lookups under {LOOKUP_TARGET * 1e6:g} µs: {slowest * 1e6:.2f}"),
    ]
    for held, sentence in judged:
        print(f"{'held  ' if held else 'MISSED'}  {sentence}")
    return all(held for held, _ in judged)


if __name__ == "__main__":
    sys.exit(main())
