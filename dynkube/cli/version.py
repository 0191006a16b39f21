"""`dynkube version`: which dynkube this is, and which server it speaks to."""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING, Any

from dynkube.cli.exits import OK

if TYPE_CHECKING:
    import argparse

    from dynkube.cli.parsing import Parser


def configure(parser: Parser) -> None:
    """Declare the options of `version`."""
    parser.switch("--client", text="only dynkube's own version: no server is asked")
    parser.add_argument("-o", "--output", choices=("yaml", "json"), help="everything there is to know")
    parser.set_defaults(run=run)


def client_version() -> str:
    """Return the version of the installed package."""
    import dynkube

    return dynkube.__version__


def run(options: argparse.Namespace) -> int:
    """Print the versions; a server that cannot be asked is a failure, but the client's version is printed first."""
    client = {"version": client_version(), "python": platform.python_version(), "platform": platform.platform()}
    if options.output:
        return _print_all({"clientVersion": client}, options)
    print(f"Client Version: {client['version']} (Python {client['python']})", flush=True)
    if not options.client:
        print(f"Server Version: {_server_version(options).get('gitVersion', 'unknown')}")
    return OK


def _print_all(versions: dict[str, Any], options: argparse.Namespace) -> int:
    from dynkube.cli.printers import as_text

    if not options.client:
        versions["serverVersion"] = _server_version(options)
    sys.stdout.write(as_text(versions, options.output))
    return OK


def _server_version(options: argparse.Namespace) -> dict[str, Any]:
    from dynkube.cli.cluster import Cluster

    with Cluster(options) as cluster:
        return dict(cluster.dyn.discovery.server_version())
