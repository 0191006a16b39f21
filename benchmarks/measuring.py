"""Run the jobs: each in a process of its own, clients in turn within a round, so that noise falls on all alike."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.clients import MODULES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.jobs import Job

#: A job that takes longer than this many seconds is given up and reported as such.
LIMIT = 300
#: Why a client has no figures of a job that it has no call for.
NO_SUCH_JOB = "has no such job"


@dataclass
class Results:
    """Every figure of every run: job → client → figure → values."""

    values: dict[str, dict[str, dict[str, list[float]]]] = field(default_factory=dict)
    failures: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, job: str, client: str, figures: dict[str, float]) -> None:
        """Keep the figures of one run."""
        kept = self.values.setdefault(job, {}).setdefault(client, {})
        for name, value in figures.items():
            kept.setdefault(name, []).append(value)

    def median(self, job: str, client: str, figure: str) -> float | None:
        """Return the median of a figure, None when it was not measured."""
        values = self.values.get(job, {}).get(client, {}).get(figure)
        return median(values) if values else None

    def spread(self, job: str, client: str, figure: str) -> float:
        """Return (largest - smallest) / median: how far to trust the median."""
        values = self.values.get(job, {}).get(client, {}).get(figure) or [0.0]
        return (max(values) - min(values)) / (median(values) or 1.0)

    def ratio(self, job: str, client: str, figure: str, reference: str = "floor") -> float | None:
        """Return the median of the ratios to the floor, or another client, each to that of the same round.

        The two run seconds apart, so what else the machine does falls on both: steadier than a ratio of medians.
        """
        ours, floor = (self.values.get(job, {}).get(each, {}).get(figure, []) for each in (client, reference))
        ratios = [one / other for one, other in zip(ours, floor, strict=False) if other]
        return median(ratios) if ratios else None


@dataclass(frozen=True)
class Addresses:
    """Where the canned server listens, by the kind of server it is there (`benchmarks.server.KINDS`)."""

    urls: Mapping[str, str]
    ca_file: str


@contextmanager
def canned_server() -> Iterator[Addresses]:
    """Start the canned server in a process of its own; it ends with the block."""
    with tempfile.TemporaryDirectory(prefix="dynkube-bench-") as folder:
        command = [sys.executable, "-m", "benchmarks.server", folder]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            ports = json.loads(process.stdout.readline())
            ca_file = str(Path(folder) / "ca.crt")
            try:
                yield Addresses({kind: f"https://127.0.0.1:{port}" for kind, port in ports.items()}, ca_file)
            finally:
                process.stdin.close()


def run(jobs: list[Job], clients: list[str], rounds: int, addresses: Addresses) -> Results:
    """Measure every job `rounds` times for every client that can do it."""
    results = Results()
    with tempfile.TemporaryDirectory(prefix="dynkube-bench-cache-") as cache:
        for job in [job for job in jobs if not job.of]:
            missing: set[str] = set()
            for number in range(rounds * job.repeated):
                for client in clients:
                    if client in missing or (job.own and client not in ("floor", "dynkube", job.rival)):
                        continue
                    figures = run_once(job, client, addresses, cache)
                    if isinstance(figures, str):
                        missing.add(client)
                        results.failures.setdefault(job.name, {})[client] = figures
                    else:
                        results.add(job.name, client, figures)
                print(
                    f"\r{job.title}: round {number // job.repeated + 1} of {rounds}",
                    end="",
                    file=sys.stderr,
                    flush=True,
                )
            print(file=sys.stderr)
    return results


def run_once(job: Job, client: str, addresses: Addresses, cache: str) -> dict[str, float] | str:
    """Return the figures of one run in a fresh process, or why there are none."""
    if job.name == "help":
        return time_help(client)
    url = addresses.urls[job.server]
    name = job.name
    if client == job.rival:
        name = "cold_start"
    elif client == "floor":
        name = {"cold_start_with_disk_cache": "cold_start"}.get(name, "list_pods" if job.server == "slow" else name)
    command = [sys.executable, "-m", "benchmarks.worker", client, name, url, addresses.ca_file]
    if name == "cold_start_with_disk_cache":
        command.append(cache)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False, env=environment())
    except subprocess.TimeoutExpired:
        return f"more than {LIMIT} s"
    if done.returncode != 0:
        return (done.stderr.strip().splitlines() or ["no message"])[-1][:160]
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return NO_SUCH_JOB if "unsupported" in figures else figures


def environment() -> dict[str, str]:
    """Return the environment of a worker: with compiled modules kept, as an installed package has them."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def time_help(client: str) -> dict[str, float]:
    """Return the time of ``dynkube --help``; the floor is a process that imports requests."""
    command = (
        [sys.executable, "-c", "import requests"]
        if client == "floor"
        else [sys.executable, "-m", "dynkube.cli", "--help"]
    )
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=environment())
    return {"wall_ms": (time.perf_counter() - began) * 1000}


def available(clients: list[str]) -> list[str]:
    """Return those of `clients` whose package is installed here; the floor and dynkube always are."""
    import importlib.util

    package = {"pykube-ng": "pykube"}
    return [
        client
        for client in clients
        if client in MODULES
        and (client == "floor" or importlib.util.find_spec(package.get(client, client)) is not None)
    ]
