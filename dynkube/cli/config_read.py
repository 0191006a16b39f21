"""`dynkube config get-contexts`, `current-context`, `get-clusters`, `get-users`: what the kubeconfig files say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynkube.cli.columns import Columns
from dynkube.cli.exits import OK, USAGE, complain

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from dynkube.cli.parsing import Parser
    from dynkube.config import Kubeconfig

HEADING = ("CURRENT", "NAME", "CLUSTER", "AUTHINFO", "NAMESPACE")


def configure_get_contexts(parser: Parser) -> None:
    """Declare the options of `config get-contexts`."""
    parser.add_argument("names", nargs="*", metavar="CONTEXT", help="only these contexts")
    parser.add_argument("-o", "--output", choices=("name",), help="names alone")
    parser.switch("--no-headers", text="leave the heading out")
    parser.set_defaults(run=get_contexts)


def configure_current_context(parser: Parser) -> None:
    """Declare the options of `config current-context`: it has none of its own."""
    parser.set_defaults(run=current_context)


def configure_get_clusters(parser: Parser) -> None:
    """Declare the options of `config get-clusters`: it has none of its own."""
    parser.set_defaults(run=lambda options: _print_names(load(options).clusters))


def configure_get_users(parser: Parser) -> None:
    """Declare the options of `config get-users`: it has none of its own."""
    parser.set_defaults(run=lambda options: _print_names(load(options).users))


def load(options: argparse.Namespace) -> Kubeconfig:
    """Return the kubeconfig `--kubeconfig` names, or the environment's; no context has to exist in it."""
    from dynkube.config import Kubeconfig

    return Kubeconfig.load(options.kubeconfig)


def get_contexts(options: argparse.Namespace) -> int:
    """Print the contexts, the current one marked; a name that does not exist is reported after the others."""
    kubeconfig = load(options)
    contexts = kubeconfig.contexts
    missing = [name for name in options.names if name not in contexts]
    shown = sorted(name for name in contexts if not options.names or name in options.names)
    rows = [] if options.no_headers or options.output else [list(HEADING)]
    for name in shown:
        context = contexts[name]
        marked = "*" if name == kubeconfig.current_context else ""
        row = [marked, name, context.text("cluster"), context.text("user"), context.text("namespace")]
        rows.append([name] if options.output else row)
    for line in Columns().lines(rows):
        print(line)
    for name in missing:
        complain(f"error: context {name} not found")
    return USAGE if missing else OK


def current_context(options: argparse.Namespace) -> int:
    """Print the name of the current context; without one, say so and return USAGE."""
    current = load(options).current_context
    if not current:
        complain("error: current-context is not set")
        return USAGE
    print(current)
    return OK


def _print_names(names: Iterable[str]) -> int:
    print("NAME")
    for name in sorted(names):
        print(name)
    return OK
