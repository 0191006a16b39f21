"""`dynkube wait`: until objects are created, deleted, or in a condition."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from dynkube.cli.durations import seconds
from dynkube.cli.exits import Outcome
from dynkube.cli.selection import add_options, chosen

if TYPE_CHECKING:
    import argparse

    from dynkube.cli.parsing import Parser

#: How long is waited if nothing is said, in seconds: kubectl's.
TIMEOUT = 30.0


def configure(parser: Parser) -> None:
    """Declare the options of `wait`."""
    add_options(parser)
    parser.add_argument(
        "--for",
        dest="wished",
        required=True,
        metavar="CONDITION",
        help="create | delete | condition=Ready[=False] | jsonpath={.status.phase}[=Running]",
    )
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=TIMEOUT,
        metavar="TIME",
        help="longest wait for all of it (default: 30s); 0: look once; negative: no limit",
    )
    parser.add_argument("-o", "--output", choices=("yaml", "json", "name"), help="print the objects instead")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Wait for every object; returns the exit code."""
    from dynkube.cli.cluster import Cluster
    from dynkube.cli.printers import print_objects
    from dynkube.watch import parse_condition, wait_for

    wished = parse_condition(options.wished)
    absent = options.wished in {"create", "delete"}
    deadline = None if options.timeout < 0 else time.monotonic() + options.timeout
    outcome = Outcome()
    with Cluster(options) as cluster:
        for one in chosen(cluster, options, example="dynkube wait --for=condition=Available deployment/web"):
            with outcome.attempt():
                if not absent:
                    # A condition of an object that does not exist is a mistake, not something to wait for.
                    one.view.get(one.name)
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                source = one.view.lister_watcher(field_selector={"metadata.name": one.name})
                found = wait_for(source, wished, timeout=left)
                if options.output and found is not None:
                    print_objects([found], output=options.output, as_list=False)
                else:
                    print(f"{one.kind}/{one.name} condition met", flush=True)
    return outcome.code
