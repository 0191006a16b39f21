"""`dynkube wait`: until objects are created, deleted, or in a condition."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from dynkube.cli.durations import seconds
from dynkube.cli.exits import TIMED_OUT, DeclinedError, Outcome, UsageError, complain
from dynkube.cli.formats import HELP, METAVAR, answers_of, output_form
from dynkube.cli.selection import add_options, chosen

if TYPE_CHECKING:
    import argparse

    from dynkube.cli.cluster import Cluster
    from dynkube.cli.parsing import Parser
    from dynkube.cli.selection import Chosen
    from dynkube.objects import JSONObject
    from dynkube.watch import Condition

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
    parser.add_argument("-o", "--output", type=output_form, metavar=METAVAR, help=f"print the objects instead: {HELP}")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Wait for every object; returns the exit code, of those that came too late if there are any."""
    from dynkube.cli.cluster import Cluster
    from dynkube.errors import WaitTimeoutError
    from dynkube.watch import Wait, parse_condition

    # Either letter case, as kubectl has it.
    text = options.wished.lower() if options.wished.lower() in {"create", "delete"} else options.wished
    wished = parse_condition(text)
    show = answers_of(options.output)
    deadline = None if options.timeout < 0 else time.monotonic() + options.timeout
    outcome = Outcome()
    some = False
    with Cluster(options) as cluster:
        for one in chosen(cluster, options, example="dynkube wait --for=condition=Available deployment/web"):
            some = True
            with outcome.attempt():
                if text not in {"create", "delete"}:
                    _check(text, _present(cluster, one))
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                source = one.view.lister_watcher(field_selector={"metadata.name": one.name})
                with Wait(source, wished, timeout=left) as wait:
                    try:
                        found = wait.result()
                    except WaitTimeoutError:
                        outcome.code = max(outcome.code, _too_late(one, wished, wait.instead, options.timeout))
                        continue
                if show is not None and found is not None:
                    show(found)
                else:
                    print(f"{one.kind}/{one.name} condition met", flush=True)
        if not some and text != "delete":
            raise DeclinedError("no matching resources found")
    return outcome.code


def _present(cluster: Cluster, one: Chosen) -> JSONObject:
    """Return the object as it is; raises NotFound, of the namespace if that is what is missing.

    A condition of an object that does not exist is a mistake, not something to wait for.
    """
    from dynkube.errors import NotFound

    try:
        return one.view.get(one.name)
    except NotFound:
        cluster.require_namespace(cluster.scope(one.resource))
        raise


def _check(text: str, obj: JSONObject) -> None:
    """Raise UsageError if this is a path to something in the object that no value can ever equal."""
    from dynkube.watch import JSONPath
    from dynkube.watch.conditions import split_jsonpath

    form, _, rest = text.partition("=")
    if form != "jsonpath":
        return
    path, value = split_jsonpath(rest)
    found = JSONPath.parse(path).find(obj)
    if value is not None and found and (len(found) > 1 or isinstance(found[0], dict | list)):
        what = f"{len(found)} values" if len(found) > 1 else "an object" if isinstance(found[0], dict) else "an array"
        raise UsageError(f"{path} leads to {what}, and only a single value can be waited for")


def _too_late(one: Chosen, wished: Condition, instead: str, timeout: float) -> int:
    """Say what did not come true and what is there instead, in words that begin as kubectl's; return the exit code."""
    what = "condition not met for" if timeout == 0 else "timed out waiting for the condition on"
    complain(f"error: {what} {one.kind}/{one.name}: {wished}" + (f": {instead}" if instead else ""))
    return TIMED_OUT
