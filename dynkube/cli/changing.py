"""What the commands that change objects in place share: their options, and a line for each object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynkube.cli import selection
from dynkube.cli.exits import Outcome
from dynkube.cli.printers import print_objects

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
    add("-o", "--output", choices=("yaml", "json", "name"), help="print what the server answered")


def print_changed(one: Chosen, after: JSONObject, what: str, options: argparse.Namespace) -> None:
    """Say what became of one object (`deployment.apps/web scaled`), or print what the server answered.

    The line names the object itself, also where a subresource of it was changed.
    """
    if options.output in {"yaml", "json"}:
        print_objects([after], output=options.output, as_list=False)
    elif options.output == "name":
        print(f"{one.kind}/{one.name}", flush=True)
    else:
        print(f"{one.kind}/{one.name} {what}{' (server dry run)' if options.dry_run == 'server' else ''}", flush=True)


def change_each(
    options: argparse.Namespace, change: Callable[[Chosen], tuple[JSONObject, str]], *, example: str
) -> int:
    """Call `change` with every object meant and print what it returns: the object and what became of it.

    Later objects are changed also when an earlier one is refused. Returns the exit code: of several the highest.
    """
    from dynkube.cli.cluster import Cluster

    outcome = Outcome()
    with Cluster(options) as cluster:
        for one in selection.chosen(cluster, options, example=example):
            with outcome.attempt():
                after, what = change(one)
                print_changed(one, after, what, options)
    return outcome.code
