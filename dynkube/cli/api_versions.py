"""`dynkube api-versions`: every group/version the server offers, one a line, sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from dynkube.cli.parsing import Parser


def configure(parser: Parser) -> None:
    """Declare the options of `api-versions`: it has none of its own."""
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the group versions; one that could not be discovered is named on standard error as well."""
    from dynkube.cli.api_resources import say_failed
    from dynkube.cli.cluster import Cluster

    with Cluster(options) as cluster:
        cluster.dyn.discovery.invalidate()
        discovered = cluster.dyn.discovery.discover()
    for line in sorted(str(each) for group in discovered.groups for each in group.group_versions):
        print(line)
    return say_failed(discovered.failed)
