"""One job of one client, in this process, measured; the figures are printed as one JSON object.

Imports next to nothing before the clock starts: what a cold start needs is loaded, and paid for, while it runs.
"""

from __future__ import annotations

import importlib
import sys
import time

from benchmarks.clients import MODULES

#: Known to type checkers under this name; `typing` itself would be imported before the clock starts.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Warm gets that are measured, after WARM_UP that are not.
GETS, WARM_UP = 400, 40
#: Events that the watch job reads.
EVENTS = 5_000


def main(arguments: list[str]) -> None:
    """Run ``CLIENT JOB URL CA_FILE [EXTRA]`` and print the figures."""
    client_name, job, url, ca_file, *extra = arguments
    figures = measure(client_name, job, url, ca_file, extra)
    import json
    import resource

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
    name = next((each for each in ("create", "list_pods") if job.startswith(f"{each}_")), job)
    name = "informer_few_config_maps" if job == "informer_growth" else name
    method = getattr(client, name, None)
    if method is None:
        return None
    if job == "get":
        return _repeat(method, WARM_UP, GETS)
    if name == "create":
        from benchmarks import creating

        return creating.JOBS[job](method)
    if job == "informer_growth":
        from benchmarks import growing

        return growing.growth(client)
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


if __name__ == "__main__":
    main(sys.argv[1:])
