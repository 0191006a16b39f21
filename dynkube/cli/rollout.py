"""`dynkube rollout`: how far rollouts are, their history, and going on, back or over them again."""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING, Any

from dynkube.cli import changing, selection
from dynkube.cli.columns import Columns
from dynkube.cli.durations import seconds
from dynkube.cli.exits import TIMED_OUT, DeclinedError, Outcome, UsageError, complain
from dynkube.cli.formats import HELP, METAVAR, output_form, show_of
from dynkube.errors import InvalidRequestError, WaitFailedError, WaitTimeoutError
from dynkube.objects import dump_yaml, nested_get

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from dynkube.cli.formats import Show
    from dynkube.cli.parsing import Parser
    from dynkube.cli.selection import Chosen
    from dynkube.dynamic.rollouts import Rollout
    from dynkube.objects import JSONObject

    #: Changes an object; returns it as it is now and what became of it.
    Change = Callable[[Chosen, Rollout, Mapping[str, Any]], tuple[JSONObject, str]]


def configure_status(parser: Parser) -> None:
    """Declare the options of `rollout status`."""
    selection.add_options(parser)
    parser.switch("-w", "--watch", default=True, text="until it is over (default); false: say where it is")
    parser.add_argument("--revision", type=int, metavar="N", help="fail where the deployment is of another revision")
    parser.add_argument(
        "--timeout", type=seconds, default=0.0, metavar="TIME", help="longest wait for all of it; 0 (default): no limit"
    )
    parser.set_defaults(run=status)


def configure_history(parser: Parser) -> None:
    """Declare the options of `rollout history`."""
    selection.add_options(parser)
    parser.add_argument("--revision", type=int, metavar="N", help="show the pod template of this one")
    parser.add_argument("-o", "--output", type=output_form, metavar=METAVAR, help=f"print what keeps them: {HELP}")
    parser.set_defaults(run=history)


def configure_undo(parser: Parser) -> None:
    """Declare the options of `rollout undo`."""
    changing.add_options(parser)
    parser.add_argument("--to-revision", type=int, default=0, metavar="N", help="default: the one before the newest")
    parser.set_defaults(run=functools.partial(_change_each, command="undo", change=_undo))


def configure_restart(parser: Parser) -> None:
    """Declare the options of `rollout restart`."""
    changing.add_options(parser)
    parser.set_defaults(run=functools.partial(_change_each, command="restart", change=_restart))


def configure_pause(parser: Parser) -> None:
    """Declare the options of `rollout pause`."""
    changing.add_options(parser)
    parser.set_defaults(run=functools.partial(_change_each, command="pause", change=_pause))


def configure_resume(parser: Parser) -> None:
    """Declare the options of `rollout resume`."""
    changing.add_options(parser)
    parser.set_defaults(run=functools.partial(_change_each, command="resume", change=_resume))


def status(options: argparse.Namespace) -> int:
    """Say how far each rollout is, until it is over; returns the exit code."""
    from dynkube.cli.cluster import Cluster

    deadline = time.monotonic() + options.timeout if options.timeout > 0 else None
    outcome = Outcome()
    with Cluster(options) as cluster:
        for one in selection.chosen(cluster, options, example="dynkube rollout status deployment/web"):
            with outcome.attempt():
                one.view.rollout(one.name)  # refuses what is not rolled out
                outcome.code = max(outcome.code, _follow(one, options, deadline))
    return outcome.code


def _follow(one: Chosen, options: argparse.Namespace, deadline: float | None) -> int:
    from dynkube.watch import deleted
    from dynkube.watch.rolling_out import rolled_out, rollout_failed

    present = one.view.get(one.name)  # what does not exist is a mistake, not something to wait for
    _check_revision(one, present, options.revision)
    kind = one.resource.kind.lower()
    finished, told = rolled_out(), ""

    def tell(obj: JSONObject | None) -> bool:
        nonlocal told
        left = "" if obj is None else finished.instead(obj)
        line = f'Waiting for {kind} "{one.name}": {left}' if left else f'{kind} "{one.name}" successfully rolled out'
        if obj is not None and line != told:
            print(line, flush=True)
            told = line
        return finished(obj)

    if not options.watch:
        tell(present)
        return 0
    left = None if deadline is None else max(0.0, deadline - time.monotonic())
    try:
        one.view.wait(one.name, tell, timeout=left, raise_for=(deleted(), rollout_failed()))
    except WaitTimeoutError:
        complain(f"error: timed out waiting for the rollout of {one.kind}/{one.name}")
        return TIMED_OUT
    except WaitFailedError as error:
        raise DeclinedError(f"{one.kind}/{one.name} will not be rolled out: it is {error.condition}") from error
    return 0


def _check_revision(one: Chosen, obj: JSONObject, wanted: int | None) -> None:
    from dynkube.dynamic.rollouts import REVISION

    if wanted is None:
        return
    found = nested_get(obj, "metadata", "annotations", REVISION)
    if found != str(wanted):
        raise DeclinedError(f"{one.kind}/{one.name} is of revision {found or 'unknown'}, not {wanted}")


def history(options: argparse.Namespace) -> int:
    """Show which templates are remembered of each object, or one of them; returns the exit code."""
    from dynkube.cli.cluster import Cluster

    show = show_of(options.output, managed_fields=False)
    outcome = Outcome()
    with Cluster(options) as cluster:
        for one in selection.chosen(cluster, options, example="dynkube rollout history deployment/web"):
            with outcome.attempt():
                _show_history(one, options.revision, show)
    return outcome.code


def _show_history(one: Chosen, number: int | None, show: Show | None) -> None:
    known = one.view.rollout(one.name).history()
    if number:
        known = [revision for revision in known if revision.number == number]
        if not known:
            raise DeclinedError(f"{one.kind}/{one.name} has no revision {number}")
    if show is not None:
        show([revision.object for revision in known], not number)
    elif number:
        print(f"{one.kind}/{one.name} with revision #{number}")
        print(dump_yaml(known[0].template), end="")
    else:
        print(f"{one.kind}/{one.name}")
        rows = [("REVISION", "CHANGE-CAUSE")]
        rows += [(str(revision.number), revision.change_cause or "<none>") for revision in known]
        for line in Columns().lines(rows):
            print(line)
        print(flush=True)


def _change_each(options: argparse.Namespace, *, command: str, change: Change) -> int:
    """Change every object meant; returns the exit code."""
    settings = {"dry_run": options.dry_run == "server", "field_manager": options.field_manager}
    if command == "undo":
        if options.to_revision < 0:
            raise UsageError(f"--to-revision cannot be {options.to_revision}: revisions count from 1")
        settings["to_revision"] = options.to_revision or None

    def attempt(one: Chosen) -> tuple[JSONObject, str]:
        rollout = one.view.rollout(one.name)
        try:
            return change(one, rollout, settings)
        except InvalidRequestError as error:  # about the object as it is, not about the words typed
            raise DeclinedError(str(error)) from error

    return changing.change_each(options, attempt, example=f"dynkube rollout {command} deployment/web")


def _undo(one: Chosen, rollout: Rollout, settings: Mapping[str, Any]) -> tuple[JSONObject, str]:
    before = one.view.get(one.name)
    after = rollout.undo(**settings)
    same = before["spec"]["template"] == after["spec"]["template"]
    return after, "skipped rollback (it has that template already)" if same else "rolled back"


def _restart(_one: Chosen, rollout: Rollout, settings: Mapping[str, Any]) -> tuple[JSONObject, str]:
    return rollout.restart(**settings), "restarted"


def _pause(one: Chosen, rollout: Rollout, settings: Mapping[str, Any]) -> tuple[JSONObject, str]:
    before = one.view.get(one.name)
    after = rollout.pause(**settings)
    if nested_get(before, "spec", "paused"):
        raise DeclinedError(f"{rollout} is paused already")
    return after, "paused"


def _resume(one: Chosen, rollout: Rollout, settings: Mapping[str, Any]) -> tuple[JSONObject, str]:
    before = one.view.get(one.name)
    after = rollout.resume(**settings)
    if not nested_get(before, "spec", "paused"):
        raise DeclinedError(f"{rollout} is not paused")
    return after, "resumed"
