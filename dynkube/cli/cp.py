"""`dynkube cp`: files to and from containers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dynkube.cli.exits import OK, UsageError
from dynkube.cli.pods import Pod

if TYPE_CHECKING:
    import argparse

    from dynkube.cli.parsing import Parser

_EXAMPLE = "dynkube cp web:/etc/hosts ./hosts, or dynkube cp ./site prod/web:/srv"


class _Place(NamedTuple):
    """A path here, or in a pod."""

    namespace: str | None
    pod: str | None
    path: str


def configure(parser: Parser) -> None:
    """Declare the options of `cp`."""
    add = parser.add_argument
    add("source", metavar="SOURCE", help="a path here, or POD:PATH, or NAMESPACE/POD:PATH")
    add("target", metavar="TARGET", help="the same; one of both is here")
    add("-c", "--container", metavar="NAME", help="the container (default: the pod's default, or its first)")
    parser.switch("--no-preserve", text="into a pod: leave permissions to the container's umask")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Copy; returns the exit code."""
    from dynkube.cli.cluster import Cluster

    source, target = _place(options.source), _place(options.target)
    if (source.pod is None) == (target.pod is None):
        raise UsageError(f"one of both places is in a pod, the other one here. For example: {_EXAMPLE}")
    there = source if source.pod is not None else target
    with Cluster(options) as cluster:
        view = cluster.dyn.resource("v1", "pods").namespace(there.namespace or cluster.namespace)
        pod = Pod(view, view.get(str(there.pod)))
        container = pod.container(options.container)
        if source.pod is not None:
            view.copy_from(pod.name, source.path, target.path, container=container)
        else:
            preserve = not options.no_preserve
            view.copy_to(pod.name, source.path, target.path, container=container, preserve=preserve)
    return OK


def _place(text: str) -> _Place:
    """Read one place. As for kubectl, what begins with a path's own characters is here, colon or not."""
    where, colon, path = text.partition(":")
    if not colon or text.startswith((".", "/", "~")):
        if not text:
            raise UsageError(f"a path cannot be empty. For example: {_EXAMPLE}")
        return _Place(None, None, text)
    namespace, slash, pod = where.rpartition("/")
    if not pod or not path or (slash and not namespace) or "/" in namespace:
        raise UsageError(f"{text!r} is not POD:PATH. For example: {_EXAMPLE}")
    return _Place(namespace or None, pod, path)
