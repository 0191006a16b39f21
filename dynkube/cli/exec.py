"""`dynkube exec` and `dynkube attach`: a command in a container, or the container's own process, on this terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from dynkube.cli.exits import UsageError, complain
from dynkube.cli.pods import find_pod
from dynkube.cli.terminal import converse, wants_terminal

if TYPE_CHECKING:
    import argparse

    from dynkube.cli.parsing import Parser

_EXAMPLE = "dynkube exec -it web -c app -- sh"
_ATTACH = "dynkube attach -it web -c app"


def configure_exec(parser: Parser) -> None:
    """Declare the options of `exec`; what follows `--` is the command."""
    _declare(parser)
    parser.set_defaults(run=run_exec, trailing=[])


def configure_attach(parser: Parser) -> None:
    """Declare the options of `attach`."""
    _declare(parser)
    parser.set_defaults(run=run_attach)


def _declare(parser: Parser) -> None:
    add = parser.add_argument
    add("target", metavar="POD", help="a pod, or resource/name: deploy/web is the best of its pods")
    add("-c", "--container", metavar="NAME", help="the container (default: the pod's default, or its first)")
    parser.switch("-i", "--stdin", text="pass standard input on")
    parser.switch("-t", "--tty", text="with -i, on a terminal: give the process one, too")
    parser.switch("-q", "--quiet", text="say nothing but what the process says")


def run_exec(options: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    from dynkube.cli.cluster import Cluster

    if not options.trailing:
        raise UsageError(f"which command? It stands behind --. For example: {_EXAMPLE}")
    tty = wants_terminal(stdin=options.stdin, tty=options.tty, quiet=options.quiet)
    with Cluster(options) as cluster:
        pod = find_pod(cluster, options.target, example=_EXAMPLE)
        container = pod.container(options.container, quiet=options.quiet)
        with pod.view.open_exec(
            pod.name, options.trailing, container=container, stdin=options.stdin, tty=tty
        ) as process:
            code = converse(process, stdin=options.stdin, tty=tty)
    if code and not options.quiet:
        complain(f"command terminated with exit code {code}")
    return code


def run_attach(options: argparse.Namespace) -> int:
    """Attach to the container's process until it ends; returns its exit code."""
    from dynkube.cli.cluster import Cluster

    tty = wants_terminal(stdin=options.stdin, tty=options.tty, quiet=options.quiet)
    with Cluster(options) as cluster:
        pod = find_pod(cluster, options.target, example=_ATTACH)
        container = pod.container(options.container, quiet=options.quiet)
        with pod.view.attach(pod.name, container=container, stdin=options.stdin, tty=tty) as process:
            if not options.quiet:
                print("If you don't see a command prompt, try pressing enter.", file=sys.stderr)
            return converse(process, stdin=options.stdin, tty=tty)
