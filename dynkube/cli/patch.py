"""`dynkube patch`: parts of objects changed, by a strategic, merge or JSON patch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynkube.cli.changing import add_options, change_each
from dynkube.cli.exits import UsageError

if TYPE_CHECKING:
    import argparse

    from dynkube.cli.parsing import Parser
    from dynkube.cli.selection import Chosen
    from dynkube.dynamic import Resource, Subresource
    from dynkube.objects import JSONObject

TYPES = ("strategic", "merge", "json")


def configure(parser: Parser) -> None:
    """Declare the options of `patch`."""
    add_options(parser)
    add = parser.add_argument
    add("-p", "--patch", metavar="PATCH", help='JSON or YAML: {"spec": {"replicas": 3}}')
    add("--patch-file", metavar="FILE", help="a file with the patch instead")
    add(
        "--type",
        choices=TYPES,
        default="strategic",
        help="strategic (default) merges lists by key, for built-in kinds; merge replaces them; json: operations",
    )
    add("--subresource", metavar="NAME", help="change this subresource instead: status, scale")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Patch every object meant; returns the exit code."""
    patch = _patch(options)

    def change(one: Chosen) -> tuple[JSONObject, str]:
        target: Resource | Subresource = one.view
        if options.subresource:
            target = one.view.subresource(options.subresource)
        after = target.patch(
            one.name,
            patch,
            type=options.type,
            dry_run=options.dry_run == "server",
            field_manager=options.field_manager,
        )
        return after, "patched"

    return change_each(options, change, example='dynkube patch deployment web -p \'{"spec": {"replicas": 3}}\'')


def _patch(options: argparse.Namespace) -> Any:
    from dynkube.objects import load_yaml

    if (options.patch is None) == (options.patch_file is None):
        raise UsageError("what is to change? Either -p PATCH or --patch-file FILE")
    text = options.patch if options.patch is not None else Path(options.patch_file).read_text(encoding="utf-8")
    patch = load_yaml(text)
    wanted = list if options.type == "json" else dict
    if not isinstance(patch, wanted):
        shape = "a list of operations" if wanted is list else "an object"
        raise UsageError(f"a patch of type {options.type} is {shape}, not {text.strip()!r}")
    return patch
