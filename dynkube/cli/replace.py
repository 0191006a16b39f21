"""`dynkube replace`: objects that exist become what manifests say, and nothing else stays of them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from dynkube.cli.writing import add_options, print_written, write_each
from dynkube.controller.conflicts import retry_on_conflict
from dynkube.objects import nested_get

if TYPE_CHECKING:
    import argparse

    from dynkube.cli.cluster import Cluster
    from dynkube.cli.parsing import Parser
    from dynkube.objects import JSONObject


def configure(parser: Parser) -> None:
    """Declare the options of `replace`."""
    add_options(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Replace what every manifest names; returns the exit code."""
    return write_each(options, "replace", functools.partial(_replace, options))


def _replace(options: argparse.Namespace, cluster: Cluster, manifest: JSONObject) -> None:
    from dynkube.dynamic.bodies import name_of
    from dynkube.errors import Forbidden

    view = cluster.view_of(manifest)
    name = name_of(manifest, why="replace replaces the object of that name")

    def update(body: JSONObject) -> JSONObject:
        return view.update(
            body,
            field_manager=options.field_manager,
            dry_run=options.dry_run == "server",
            field_validation=options.validate.capitalize(),
        )

    def attempt() -> JSONObject:
        # Custom kinds cannot be updated without a version.
        try:
            version = view.get(name)["metadata"]["resourceVersion"]
        except Forbidden:
            return update(manifest)
        return update({**manifest, "metadata": {**manifest["metadata"], "resourceVersion": version}})

    # A version that is given is meant: the server compares. Without one whatever is there is to be replaced, and so is
    # what a controller writes between the two requests.
    versioned = nested_get(manifest, "metadata", "resourceVersion")
    print_written(update(manifest) if versioned else retry_on_conflict(attempt), "replaced", options)
