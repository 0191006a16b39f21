"""`dynkube delete`: by name, by selector or by manifest, and waiting until the objects are gone."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from dynkube.cli.durations import seconds
from dynkube.cli.exits import OK, TIMED_OUT, Outcome, UsageError, complain
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

#: kubectl's words.
_UNCONFIRMED = (
    "Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. "
    "The resource may continue to run on the cluster indefinitely."
)


def configure(parser: Parser) -> None:
    """Declare the options of `delete`."""
    add_options(parser)
    add = parser.add_argument
    add("--cascade", choices=tuple(CASCADE), default="background", help="how dependents go (default: %(default)s)")
    add("--grace-period", type=int, metavar="SECONDS", help="time an object may take to stop; 0 only with --force")
    parser.switch("--now", text="as --grace-period=1")
    parser.switch("--force", text="take objects away at once, without waiting for the word of what runs them")
    parser.switch("--wait", default=True, text="return when the objects are gone (default)")
    add("--timeout", type=seconds, metavar="TIME", help="longest wait for that (default, and 0: no limit)")
    parser.switch("--ignore-not-found", text="an object that does not exist is no failure")
    add("--dry-run", choices=("none", "server"), default="none", help="server: check, but delete nothing")
    add("-o", "--output", choices=("name",), help="print only names")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Delete what was asked for, then wait for it to be gone; returns the exit code."""
    from dynkube.cli.cluster import Cluster

    grace = _grace_period(options)
    if options.force:
        complain(_UNCONFIRMED)
    outcome = Outcome()
    with Cluster(options) as cluster:
        going: list[tuple[Chosen, str | None]] = []
        for each in chosen(cluster, options, example="dynkube delete deployment web"):
            with outcome.attempt(ignore_not_found=options.ignore_not_found):
                going.append((each, _delete(each, grace, options)))
        if not going and outcome.code == OK and not options.ignore_not_found:
            complain("No resources found")
        if options.wait and options.dry_run == "none":
            outcome.code = max(outcome.code, _wait_until_gone(going, options.timeout or None))
    return outcome.code


def _grace_period(options: argparse.Namespace) -> int | None:
    """Return the seconds each object gets to stop, None for its own; raises UsageError.

    kubectl's rules: zero, which leaves processes running that nobody knows of any more, takes `--force`.
    """
    given: int | None = options.grace_period
    if given is not None and given < 0:
        given = None
    if options.now:
        if given is not None:
            raise UsageError("--now and --grace-period cannot be specified together")
        given = 1
    if options.force:
        if given:
            raise UsageError("--force and --grace-period greater than 0 cannot be specified together")
        return 0
    return 1 if given == 0 else given


def _delete(one: Chosen, grace_period: int | None, options: argparse.Namespace) -> str | None:
    """Delete one object and return its uid, if the server tells it."""
    answer = one.view.delete(
        one.name,
        propagation_policy=CASCADE[options.cascade],
        grace_period_seconds=grace_period,
        dry_run=options.dry_run == "server",
    )
    dry = " (server dry run)" if options.dry_run == "server" else ""
    done = "force deleted" if options.force else "deleted"
    print(f"{one.kind}/{one.name}" if options.output else f'{one.kind} "{one.name}" {done}{dry}', flush=True)
    # The answer is the object, or a Status whose details carry the uid.
    uid: str | None = (answer.get("details") or answer.get("metadata") or {}).get("uid")
    return uid


def _wait_until_gone(going: list[tuple[Chosen, str | None]], timeout: float | None) -> int:
    """Wait for all of them, together `timeout` seconds; say what is still there and return the exit code."""
    from dynkube.errors import Forbidden, MethodNotAllowed, UnsupportedVerbError, WaitTimeoutError
    from dynkube.watch import Wait, deleted

    deadline = None if timeout is None else time.monotonic() + timeout
    code = OK
    for one, uid in going:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        source = one.view.lister_watcher(field_selector={"metadata.name": one.name})
        # Who may delete need not be allowed to look: the server has taken the deletion, which is what was asked for.
        with (
            contextlib.suppress(Forbidden, MethodNotAllowed, UnsupportedVerbError),
            Wait(source, deleted(uid), timeout=left) as wait,
        ):
            try:
                wait.result()
            except WaitTimeoutError:
                instead = f": {wait.instead}" if wait.instead else ""
                complain(f"error: timed out waiting for the condition on {one.kind}/{one.name}{instead}")
                code = TIMED_OUT
    return code
