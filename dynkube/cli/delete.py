"""`dynkube delete`: by name, by selector or by manifest, and waiting until the objects are gone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from dynkube.cli.durations import seconds
from dynkube.cli.exits import Outcome, UsageError
from dynkube.cli.targets import parse_targets

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from dynkube.cli.cluster import Cluster
    from dynkube.cli.parsing import Parser
    from dynkube.discovery import APIResource
    from dynkube.dynamic import Resource
    from dynkube.dynamic.options import PropagationPolicy

#: kubectl's words for what happens to dependents, and the API's (DeleteOptions.propagationPolicy).
CASCADE: dict[str, PropagationPolicy] = {"background": "Background", "foreground": "Foreground", "orphan": "Orphan"}


def configure(parser: Parser) -> None:
    """Declare the options of `delete`."""
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help="deploy web db | deploy/web cm/x | deploy -l app=web"
    )
    parser.add_argument(
        "-f", "--filename", action="append", default=[], metavar="FILE", help="the objects named in a file"
    )
    parser.switch("-R", "--recursive", text="with -f: folders inside folders too")
    parser.add_argument("-l", "--selector", metavar="LABELS", help="the objects whose labels match")
    parser.add_argument("--field-selector", metavar="FIELDS", help="the objects whose fields match")
    parser.switch("--all", text="all objects of the resource in the namespace")
    parser.switch("-A", "--all-namespaces", text="with a selector or --all: of every namespace")
    parser.add_argument(
        "--cascade", choices=tuple(CASCADE), default="background", help="how dependents go (default: %(default)s)"
    )
    parser.add_argument("--grace-period", type=int, metavar="SECONDS", help="time an object may take to stop")
    parser.switch("--wait", default=True, text="return when the objects are gone (default)")
    parser.add_argument("--timeout", type=seconds, metavar="TIME", help="longest wait for that (default: no limit)")
    parser.switch("--ignore-not-found", text="an object that does not exist is no failure")
    parser.add_argument(
        "--dry-run", choices=("none", "server"), default="none", help="server: check, but delete nothing"
    )
    parser.add_argument("-o", "--output", choices=("name",), help="print only names")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Delete what was asked for, then wait for it to be gone; returns the exit code."""
    from dynkube.cli.cluster import Cluster

    outcome = Outcome()
    with Cluster(options) as cluster:
        going: list[_Going] = []
        for view, resource, name in _chosen(cluster, options):
            with outcome.attempt(ignore_not_found=options.ignore_not_found):
                going.append(_delete(view, resource, name, options))
        if options.wait and options.dry_run == "none":
            _wait_until_gone(going, options.timeout)
    return outcome.code


class _Going(NamedTuple):
    """An object whose deletion the server accepted."""

    view: Resource
    label: str
    name: str
    uid: str | None


def _chosen(cluster: Cluster, options: argparse.Namespace) -> Iterator[tuple[Resource, APIResource, str]]:
    if options.filename:
        yield from _from_files(cluster, options)
        return
    everything = options.all or options.selector or options.field_selector
    for target in parse_targets(options.targets, example="dynkube delete deployment web"):
        if bool(target.names) == bool(everything):
            raise UsageError("say which objects: either names, or one of -l, --field-selector and --all")
        if target.names and options.all_namespaces:
            raise UsageError("an object cannot be deleted by its name in all namespaces")
        for resource in cluster.expand(target.resource):
            if target.names:
                view = cluster.view(resource, cluster.scope(resource))
                yield from ((view, resource, name) for name in target.names)
            else:
                yield from _selected(cluster, resource, options)


def _selected(
    cluster: Cluster, resource: APIResource, options: argparse.Namespace
) -> Iterator[tuple[Resource, APIResource, str]]:
    view = cluster.view(resource, cluster.scope(resource, all_namespaces=options.all_namespaces))
    # All are listed before the first one goes: a continue token must not outlive what it counts.
    for obj in list(view.iter(label_selector=options.selector, field_selector=options.field_selector)):
        namespace = obj["metadata"].get("namespace")
        yield cluster.view(resource, namespace), resource, obj["metadata"]["name"]


def _from_files(cluster: Cluster, options: argparse.Namespace) -> Iterator[tuple[Resource, APIResource, str]]:
    from dynkube.cli.manifests import read_manifests
    from dynkube.objects import nested_get

    if options.targets or options.selector or options.field_selector or options.all:
        raise UsageError("-f names the objects itself: leave out resources, names and selectors")
    for manifest in read_manifests(options.filename, recursive=options.recursive):
        resource = cluster.dyn.mapper.resolve(manifest["apiVersion"], manifest["kind"])
        yield cluster.view_of(manifest), resource, nested_get(manifest, "metadata", "name", default="")


def _delete(view: Resource, resource: APIResource, name: str, options: argparse.Namespace) -> _Going:
    answer = view.delete(
        name,
        propagation_policy=CASCADE[options.cascade],
        grace_period_seconds=options.grace_period,
        dry_run=options.dry_run == "server",
    )
    kind = resource.kind.lower()
    label = f"{kind}.{resource.group}" if resource.group else kind
    dry = " (server dry run)" if options.dry_run == "server" else ""
    print(f"{label}/{name}" if options.output == "name" else f'{label} "{name}" deleted{dry}', flush=True)
    # The server answers with the object, or with a Status whose details carry its uid.
    details = answer.get("details") or answer.get("metadata") or {}
    return _Going(view, label, name, details.get("uid"))


def _wait_until_gone(going: list[_Going], timeout: float | None) -> None:
    from dynkube.watch import deleted

    deadline = None if timeout is None else time.monotonic() + timeout
    for each in going:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        each.view.wait(each.name, deleted(each.uid), timeout=left)
