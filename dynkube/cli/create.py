"""`dynkube create`: objects that must not exist yet, from manifests."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from dynkube.cli.writing import add_options, print_written, write_each

if TYPE_CHECKING:
    import argparse

    from dynkube.cli.cluster import Cluster
    from dynkube.cli.parsing import Parser
    from dynkube.objects import JSONObject


def configure(parser: Parser) -> None:
    """Declare the options of `create`."""
    add_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Create every manifest; returns the exit code."""
    return write_each(options, "create", functools.partial(_create, options))


def _create(options: argparse.Namespace, cluster: Cluster, manifest: JSONObject) -> None:
    created = cluster.view_of(manifest).create(
        manifest,
        field_manager=options.field_manager,
        dry_run=options.dry_run == "server",
        field_validation=options.validate.capitalize(),
    )
    print_written(created, "created", options)
