"""`dynkube scale`: the number of replicas, through the scale subresource, of whatever kind has one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynkube.cli.changing import add_options, change_each
from dynkube.cli.exits import DeclinedError, UsageError
from dynkube.controller.conflicts import retry_on_conflict
from dynkube.objects import nested_get

if TYPE_CHECKING:
    import argparse

    from dynkube.cli.parsing import Parser
    from dynkube.cli.selection import Chosen
    from dynkube.objects import JSONObject


def configure(parser: Parser) -> None:
    """Declare the options of `scale`."""
    add_options(parser)
    parser.add_argument("--replicas", type=int, required=True, metavar="N", help="how many there are to be")
    parser.add_argument("--current-replicas", type=int, metavar="N", help="only if there are this many now")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Scale every object meant; returns the exit code."""
    if options.replicas < 0:
        raise UsageError(f"--replicas cannot be {options.replicas}: it is 0 or more")

    def attempt(one: Chosen) -> tuple[JSONObject, str]:
        scale = one.view.subresource("scale")
        patch: JSONObject = {"spec": {"replicas": options.replicas}}
        if options.current_replicas is not None:
            present = scale.get(one.name)
            replicas = nested_get(present, "spec", "replicas", default=0)
            if replicas != options.current_replicas:
                raise DeclinedError(
                    f"{one.kind}/{one.name} has {replicas} replicas, not {options.current_replicas}: left as it is"
                )
            # Whoever scales between this look and the change wins: the server answers with a conflict, and the next
            # look tells. A status written in between is a conflict too, and no reason to give up.
            patch["metadata"] = {"resourceVersion": present["metadata"]["resourceVersion"]}
        after = scale.patch(
            one.name,
            patch,
            type="merge",
            dry_run=options.dry_run == "server",
            field_manager=options.field_manager,
        )
        return after, "scaled"

    def change(one: Chosen) -> tuple[JSONObject, str]:
        return retry_on_conflict(lambda: attempt(one))

    return change_each(options, change, example="dynkube scale deployment web --replicas=3")
