"""`dynkube apply`: server-side apply of manifests, each with a line saying what became of it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from dynkube.cli.exits import UsageError
from dynkube.cli.writing import add_options, print_written, write_each
from dynkube.objects import nested_get

if TYPE_CHECKING:
    import argparse

    from dynkube.cli.cluster import Cluster
    from dynkube.cli.parsing import Parser
    from dynkube.objects import JSONObject


def configure(parser: Parser) -> None:
    """Declare the options of `apply`."""
    add_options(parser)
    # The server always does the merging here; the word is known so that a kubectl line works as it is.
    parser.switch("--server-side", default=True, text="as always: the server merges")
    parser.switch("--force-conflicts", text="take fields over from other managers")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Apply every manifest; returns the exit code."""
    if not options.server_side:
        raise UsageError("dynkube applies on the server only; leave --server-side=false out")
    return write_each(options, "apply", functools.partial(_apply, options))


def _apply(options: argparse.Namespace, cluster: Cluster, manifest: JSONObject) -> None:
    view = cluster.view_of(manifest)
    name = nested_get(manifest, "metadata", "name")
    before = view.get_or_none(name) if name else None
    after = view.apply(
        manifest,
        field_manager=options.field_manager,
        force=options.force_conflicts,
        dry_run=options.dry_run == "server",
        field_validation=options.validate.capitalize(),
    )
    print_written(after, _what_happened(before, after), options)


def _what_happened(before: JSONObject | None, after: JSONObject) -> str:
    if before is None:
        return "created"
    unchanged = before["metadata"].get("resourceVersion") == after["metadata"].get("resourceVersion")
    return "unchanged" if unchanged else "configured"
