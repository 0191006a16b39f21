"""``python -m benchmarks``: measure, print the table and the targets, write JSON and the chart."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from benchmarks import discovery, embedded_server, events, publishing, real_server
from benchmarks.clients import MODULES
from benchmarks.jobs import JOBS
from benchmarks.measuring import available, canned_server, run

#: Fewer runs than this give a median nobody should believe.
ROUNDS = 5


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmarks; 0 when every target that was measured is met, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"runs of each job (default {ROUNDS})")
    parser.add_argument("--jobs", nargs="*", choices=[job.name for job in JOBS], help="only these")
    parser.add_argument(
        "--clients", nargs="*", choices=list(MODULES), default=list(MODULES), help="only these, and the floor"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("benchmarks/results"), help="folder of results.json and chart.svg"
    )
    parser.add_argument(
        "--publish", action="store_true", help="put the figures into docs/ and the README, for the next commit"
    )
    parser.add_argument("--kubeconfig", help="measure on this real server instead, with the jobs that make sense there")
    parser.add_argument(
        "--embedded",
        action="store_true",
        help="the same on the embedded server with 5,000 pods, where there is no other",
    )
    parser.add_argument(
        "--write", action="store_true", help="with --kubeconfig: also create, in a namespace that is deleted afterwards"
    )
    options = parser.parse_args(arguments)
    if options.write and not options.kubeconfig:
        parser.error("--write goes with --kubeconfig: what is created must not be left to a default")
    if options.embedded:
        with real_server.embedded_server() as kubeconfig:
            return real_server.main(kubeconfig, options.rounds)
    if options.kubeconfig:
        return real_server.main(options.kubeconfig, options.rounds, write=options.write)
    if options.publish and options.jobs:
        parser.error("--publish goes with a run of all jobs")
    jobs = [job for job in JOBS if not options.jobs or job.name in options.jobs]
    clients = available(["floor", *(client for client in options.clients if client != "floor")])
    with canned_server() as addresses:
        results = run(jobs, clients, options.rounds, addresses)
    document = publishing.document(results, options.rounds, cores=os.cpu_count(), load=os.getloadavg())
    print(publishing.text(document), end="")
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "results.json").write_text(json.dumps(document, indent=1))
    (options.output / "chart.svg").write_text(publishing.chart(document))
    if options.publish:
        publishing.publish(document)
    held = all(target["held"] for target in document["targets"])
    if not options.jobs:
        for part in (discovery, events, embedded_server):
            print()
            held = part.main([]) == 0 and held
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
