"""What the commands that change objects in place share: their options, and a line for each object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynkube.cli import selection
from dynkube.cli.exits import Outcome
from dynkube.cli.formats import HELP, METAVAR, answers_of, output_form

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from dynkube.cli.parsing import Parser
    from dynkube.cli.selection import Chosen
    from dynkube.objects import JSONObject


def add_options(parser: Parser) -> None:
    """Declare which objects, and what every change takes."""
    selection.add_options(parser)
    add = parser.add_argument
    add("--field-manager", default="dynkube", metavar="NAME", help="owner of the fields changed (default: %(default)s)")
    add("--dry-run", choices=("none", "server"), default="none", help="server: check, but store nothing")
    add("-o", "--output", type=output_form, metavar=METAVAR, help=f"print what the server answered: {HELP}")


def _print_changed(
    one: Chosen, after: JSONObject, what: str, options: argparse.Namespace, show: Callable[[JSONObject], None] | None
) -> None:
    """Say what became of one object (`deployment.apps/web scaled`), or print what the server answered.

    The line names the object itself, also where a subresource of it was changed.
    """
    if options.output == "name":
        print(f"{one.kind}/{one.name}", flush=True)
    elif show is not None:
        show(after)
    else:
        print(f"{one.kind}/{one.name} {what}{' (server dry run)' if options.dry_run == 'server' else ''}", flush=True)


def change_each(
    options: argparse.Namespace, change: Callable[[Chosen], tuple[JSONObject, str]], *, example: str
) -> int:
    """Call `change` with every object meant and print what it returns: the object and what became of it.

    Later objects are changed also when an earlier one is refused. Returns the exit code: of several the highest.
    """
    from dynkube.cli.cluster import Cluster

    show = answers_of(options.output)
    outcome = Outcome()
    with Cluster(options) as cluster:
        for one in selection.chosen(cluster, options, example=example):
            with outcome.attempt():
                after, what = change(one)
                _print_changed(one, after, what, options, show)
    return outcome.code
