"""`dynkube delete`: by name, by selector or by manifest, and waiting until the objects are gone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from dynkube.cli.durations import seconds
from dynkube.cli.exits import Outcome
from dynkube.cli.selection import add_options, chosen

if TYPE_CHECKING:
    import argparse

    from dynkube.cli.parsing import Parser
    from dynkube.cli.selection import Chosen
    from dynkube.dynamic.options import PropagationPolicy

#: kubectl's words for what happens to dependents, and the API's (DeleteOptions.propagationPolicy).
CASCADE: dict[str, PropagationPolicy] = {
    "background": "Background",
    "foreground": "Foreground",
    "orphan": "Orphan",
}


def configure(parser: Parser) -> None:
    """Declare the options of `delete`."""
    add_options(parser)
    add = parser.add_argument
    add("--cascade", choices=tuple(CASCADE), default="background", help="how dependents go (default: %(default)s)")
    add("--grace-period", type=int, metavar="SECONDS", help="time an object may take to stop")
    parser.switch("--wait", default=True, text="return when the objects are gone (default)")
    add("--timeout", type=seconds, metavar="TIME", help="longest wait for that (default, and 0: no limit)")
    parser.switch("--ignore-not-found", text="an object that does not exist is no failure")
    add("--dry-run", choices=("none", "server"), default="none", help="server: check, but delete nothing")
    add("-o", "--output", choices=("name",), help="print only names")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Delete what was asked for, then wait for it to be gone; returns the exit code."""
    from dynkube.cli.cluster import Cluster

    outcome = Outcome()
    with Cluster(options) as cluster:
        going: list[tuple[Chosen, str | None]] = []
        for each in chosen(cluster, options, example="dynkube delete deployment web"):
            with outcome.attempt(ignore_not_found=options.ignore_not_found):
                going.append((each, _delete(each, options)))
        if options.wait and options.dry_run == "none":
            _wait_until_gone(going, options.timeout or None)
    return outcome.code


def _delete(one: Chosen, options: argparse.Namespace) -> str | None:
    """Delete one object and return its uid, if the server tells it."""
    answer = one.view.delete(
        one.name,
        propagation_policy=CASCADE[options.cascade],
        grace_period_seconds=options.grace_period,
        dry_run=options.dry_run == "server",
    )
    dry = " (server dry run)" if options.dry_run == "server" else ""
    print(f"{one.kind}/{one.name}" if options.output else f'{one.kind} "{one.name}" deleted{dry}', flush=True)
    # The answer is the object, or a Status whose details carry the uid.
    uid: str | None = (answer.get("details") or answer.get("metadata") or {}).get("uid")
    return uid


def _wait_until_gone(going: list[tuple[Chosen, str | None]], timeout: float | None) -> None:
    from dynkube.watch import deleted, wait_for

    deadline = None if timeout is None else time.monotonic() + timeout
    for one, uid in going:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        wait_for(one.view.lister_watcher(field_selector={"metadata.name": one.name}), deleted(uid), timeout=left)
