"""What the commands that write manifests share: their options, one line an object, and going on after a refusal."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from dynkube.cli.exits import Outcome, UsageError
from dynkube.cli.formats import HELP, METAVAR, answers_of, output_form
from dynkube.cli.printers import qualified_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dynkube.cli.cluster import Cluster
    from dynkube.cli.parsing import Parser
    from dynkube.objects import JSONObject


def add_manifest_options(parser: Parser) -> None:
    """Declare which manifests, and as whom and how strictly they are sent."""
    parser.add_argument(
        "-f",
        "--filename",
        action="append",
        default=[],
        metavar="FILE",
        help="a file, a folder, or - for standard input",
    )
    parser.switch("-R", "--recursive", text="folders inside folders too")
    parser.add_argument(
        "--field-manager", default="dynkube", metavar="NAME", help="owner of the fields written (default: %(default)s)"
    )
    parser.add_argument(
        "--validate",
        nargs="?",
        const="strict",
        type=_validation,
        default="strict",
        metavar="HOW",
        help="what is done about unknown and duplicate fields: strict (default, also true), warn, ignore (or false)",
    )


def add_options(parser: Parser) -> None:
    """Declare the options every command that writes manifests has."""
    add_manifest_options(parser)
    parser.add_argument(
        "--dry-run", choices=("none", "server"), default="none", help="server: check, but store nothing"
    )
    parser.add_argument(
        "-o", "--output", type=output_form, metavar=METAVAR, help=f"print what the server answered: {HELP}"
    )


def _validation(text: str) -> str:
    how = {"true": "strict", "false": "ignore"}.get(text.lower(), text.lower())
    if how not in {"strict", "warn", "ignore"}:
        raise argparse.ArgumentTypeError(f"invalid choice: {text!r} (choose from strict, warn, ignore)")
    return how


def write_each(
    options: argparse.Namespace,
    command: str,
    write: Callable[[Cluster, JSONObject], None],
    *,
    check: Callable[[Cluster, Sequence[JSONObject]], None] | None = None,
    finish: Callable[[Cluster, int], None] | None = None,
) -> int:
    """Read all manifests, then `write` each of them in the order of their kinds: definitions, namespaces, and so on.

    A definition is waited for until its kind is served. Later manifests are written also when an earlier one is
    refused. `check` sees all of them before the first is written, and `finish`, at the end, the exit code so far.
    Returns the exit code: of several failures the highest.
    """
    from dynkube.cli.cluster import Cluster
    from dynkube.cli.manifests import read_manifests
    from dynkube.dynamic.kind_order import CRD_KIND, in_kind_order

    if not options.filename:
        raise UsageError(f"which manifests? For example: dynkube {command} -f web.yaml")
    manifests = in_kind_order(read_manifests(options.filename, recursive=options.recursive))
    options.show = answers_of(options.output)
    outcome = Outcome()
    with Cluster(options) as cluster:
        if check is not None:
            check(cluster, manifests)
        for manifest in manifests:
            with outcome.attempt():
                write(cluster, manifest)
                if manifest["kind"] == CRD_KIND and options.dry_run == "none":
                    cluster.dyn.crds().wait_established(manifest)
        if finish is not None:
            with outcome.attempt():
                finish(cluster, outcome.code)
    return outcome.code


def print_written(obj: JSONObject, what: str, options: argparse.Namespace) -> None:
    """Say what became of one object (`deployment.apps/web configured`), or print it in the form asked for."""
    if options.show is not None:
        options.show(obj)
        return
    print(f"{qualified_name(obj)} {what}{' (server dry run)' if options.dry_run == 'server' else ''}", flush=True)
