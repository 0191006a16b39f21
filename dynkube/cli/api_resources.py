"""`dynkube api-resources`: what the server offers, in kubectl's rows and order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynkube.cli.columns import Columns
from dynkube.cli.exits import OK, REFUSED, complain

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from dynkube.cli.parsing import Parser
    from dynkube.discovery import APIResource
    from dynkube.names import GroupVersion

HEADING = ("NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND")
WIDE_HEADING = (*HEADING, "VERBS", "CATEGORIES")


def configure(parser: Parser) -> None:
    """Declare the options of `api-resources`."""
    parser.switch("--namespaced", default=None, text="only namespaced resources; =false: only the others")
    parser.add_argument("--verbs", metavar="VERBS", help="only resources offering all of these: list,watch")
    parser.add_argument("--api-group", metavar="GROUP", help="only this group's; an empty word is the core group")
    parser.add_argument("--categories", metavar="NAMES", help="only resources in all of these categories: all")
    parser.add_argument("-o", "--output", choices=("wide", "name"), help="more columns, or names alone")
    parser.add_argument("--sort-by", choices=("name", "kind"), help="instead of by group and name")
    parser.switch("--no-headers", text="leave the heading out")
    parser.switch("--cached", text="with --cache-dir: what was kept there will do")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the resources; a group version that could not be discovered is named on standard error."""
    from dynkube.cli.cluster import Cluster

    with Cluster(options) as cluster:
        if not options.cached:
            cluster.dyn.discovery.invalidate()
        discovered = cluster.dyn.discovery.discover()
        resources = [each for each in discovered.preferred_resources() if _is_chosen(each, options)]
    resources.sort(key=_order(options.sort_by))
    rows = [_row(each, wide=options.output == "wide") for each in resources]
    if options.output == "name":
        rows = [[str(each.group_resource)] for each in resources]
    elif not options.no_headers:
        rows.insert(0, list(WIDE_HEADING if options.output == "wide" else HEADING))
    for line in Columns().lines(rows):
        print(line)
    return say_failed(discovered.failed)


def _is_chosen(resource: APIResource, options: argparse.Namespace) -> bool:
    return (
        bool(resource.verbs)
        and options.namespaced in {None, resource.namespaced}
        and options.api_group in {None, resource.group}
        and resource.supports(*_words(options.verbs))
        and set(_words(options.categories)) <= set(resource.categories)
    )


def _words(text: str | None) -> list[str]:
    return [word for word in (text or "").split(",") if word]


def _order(sort_by: str | None) -> Callable[[APIResource], tuple[str, str]]:
    if sort_by == "kind":
        return lambda resource: (resource.kind, resource.name)
    if sort_by == "name":
        return lambda resource: (resource.name, "")
    return lambda resource: (resource.group, resource.name)


def _row(resource: APIResource, *, wide: bool) -> list[str]:
    row = [
        resource.name,
        ",".join(resource.short_names),
        resource.group_version.api_version,
        "true" if resource.namespaced else "false",
        resource.kind,
    ]
    return [*row, ",".join(resource.verbs), ",".join(resource.categories)] if wide else row


def say_failed(failed: Mapping[GroupVersion, Exception]) -> int:
    """Name each group version that could not be discovered; returns the exit code."""
    for group_version, error in failed.items():
        complain(f"error: {group_version} could not be discovered: {error}")
    return REFUSED if failed else OK
