"""`dynkube config view`: the merged kubeconfig, its secrets hidden unless told otherwise."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from dynkube.cli.exits import OK

if TYPE_CHECKING:
    import argparse

    from dynkube.cli.parsing import Parser


def configure(parser: Parser) -> None:
    """Declare the options of `config view`."""
    parser.switch("--raw", text="show tokens, passwords, keys and certificates")
    parser.switch("--minify", text="only what the current context (or --context) uses")
    parser.switch("--flatten", text="certificates and keys as data instead of files, to move it elsewhere")
    parser.add_argument("-o", "--output", choices=("yaml", "json"), default="yaml", help="default: %(default)s")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the kubeconfig; returns the exit code."""
    from dynkube.cli.config_read import load
    from dynkube.cli.printers import as_text
    from dynkube.config import view

    kubeconfig = load(options)
    if options.minify:
        kubeconfig = view.minified(kubeconfig, options.context)
    if options.flatten:
        kubeconfig = view.flattened(kubeconfig)
    document = view.merged(kubeconfig)
    sys.stdout.write(as_text(document if options.raw else view.redacted(document), options.output))
    return OK
