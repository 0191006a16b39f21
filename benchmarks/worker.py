"""One job of one client, in this process, measured; the figures are printed as one JSON object.

Imports nothing heavy itself: a cold start begins with this module's first line of work.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
import threading
import time
from statistics import median
from typing import Any

from benchmarks.clients import MODULES

#: Warm gets that are measured, after WARM_UP that are not.
GETS, WARM_UP = 400, 40
#: Objects that the create jobs make, over all threads.
CREATES = 2_000
#: In how many parts eight threads make them, one thread making as many before each.
TURNS = 10
#: Events that the watch job reads.
EVENTS = 5_000


def main(arguments: list[str]) -> None:
    """Run ``CLIENT JOB URL CA_FILE [EXTRA]`` and print the figures."""
    client_name, job, url, ca_file, *extra = arguments
    figures = measure(client_name, job, url, ca_file, extra)
    if figures is None:
        print(json.dumps({"unsupported": True}))
        return
    figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(figures), flush=True)


def measure(client_name: str, job: str, url: str, ca_file: str, extra: list[str]) -> dict[str, float] | None:
    """Return the figures of one job, None when the client has no way to do it."""
    began, began_cpu = time.perf_counter(), time.process_time()
    if job == "import":
        module = importlib.import_module({"floor": "requests", "pykube-ng": "pykube"}.get(client_name, client_name))
        if client_name == "dynkube":
            module.DynamicClient  # noqa: B018 - names load when first used; without this nothing would be measured
        return _since(began, began_cpu)
    module_name = MODULES[client_name]
    if job.startswith("cold_start"):
        cold_start = getattr(importlib.import_module(module_name), job, None)
        if cold_start is None:
            return None
        cold_start(url, ca_file, *extra)
        return _since(began, began_cpu)
    module = importlib.import_module(module_name)
    options: dict[str, Any] = {"compress": job == "list_pods_gzip"} if job.startswith("list_pods_") else {}
    client = module.Client(url, ca_file, **options)
    name = {"create_1": "create", "create_8": "create"}.get(job, "list_pods" if job.startswith("list_pods_") else job)
    method = getattr(client, name, None)
    if method is None:
        return None
    if job == "get":
        return _repeat(method, WARM_UP, GETS)
    if name == "create":
        return _create(method, 8 if job == "create_8" else 1)
    # Connected, resolved and imported: what that costs is the cold start's row.
    getattr(client, "warm_up", client.get)()
    arguments = (EVENTS,) if job == "watch_events" else ()
    began, began_cpu = time.perf_counter(), time.process_time()
    kept = method(*arguments)
    figures = _since(began, began_cpu)
    if kept is None:
        raise SystemExit(f"{client_name} {job}: nothing came back")
    return figures


def _since(wall: float, cpu: float, operations: int = 1) -> dict[str, float]:
    return {
        "wall_ms": (time.perf_counter() - wall) * 1000 / operations,
        "cpu_ms": (time.process_time() - cpu) * 1000 / operations,
    }


def _repeat(call: Any, warm_up: int, count: int) -> dict[str, float]:
    for _ in range(warm_up):
        call()
    began, began_cpu = time.perf_counter(), time.process_time()
    for _ in range(count):
        call()
    return _since(began, began_cpu, count)


def _create(create: Any, threads: int) -> dict[str, float]:
    from benchmarks.canned import config_map

    bodies = [config_map(number) for number in range(CREATES)]
    for body in bodies:
        for made_by_the_server in ("uid", "resourceVersion", "creationTimestamp"):
            del body["metadata"][made_by_the_server]
    create(bodies[0])

    def work(share: list[Any]) -> None:
        for body in share:
            create(body)

    def spread(bodies: list[Any], threads: int) -> None:
        workers = [threading.Thread(target=work, args=(bodies[number::threads],)) for number in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    if threads == 1:
        began, began_cpu = time.perf_counter(), time.process_time()
        spread(bodies, 1)
        return _since(began, began_cpu, CREATES)
    # One thread and eight take turns within a second, so that what else the machine does falls on both.
    step = CREATES // TURNS
    figures: dict[str, list[float]] = {"wall_ms": [], "cpu_ms": [], "speed_up": []}
    for start in range(0, CREATES, step):
        share = bodies[start : start + step]
        began = time.perf_counter()
        spread(share, 1)
        alone = time.perf_counter() - began
        began, began_cpu = time.perf_counter(), time.process_time()
        spread(share, threads)
        for name, value in _since(began, began_cpu, step).items():
            figures[name].append(value)
        figures["speed_up"].append(alone / (time.perf_counter() - began))
    return {name: median(values) for name, values in figures.items()}


if __name__ == "__main__":
    main(sys.argv[1:])
