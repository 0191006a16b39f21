"""Which objects a command acts on: named, selected, or those of manifests; never all of them by accident."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dynkube.cli.exits import UsageError
from dynkube.cli.targets import parse_targets
from dynkube.objects import nested_get

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from dynkube.cli.cluster import Cluster
    from dynkube.cli.parsing import Parser
    from dynkube.discovery import APIResource
    from dynkube.dynamic import Resource


class Chosen(NamedTuple):
    """One object: its name, and the view it is in."""

    resource: APIResource
    view: Resource
    name: str

    @property
    def kind(self) -> str:
        """The kind as commands print it: `deployment.apps`, `configmap`."""
        kind = self.resource.kind.lower()
        return f"{kind}.{self.resource.group}" if self.resource.group else kind


def add_options(parser: Parser) -> None:
    """Declare the options that say which objects."""
    add = parser.add_argument
    add("targets", nargs="*", metavar="TARGET", help="deploy web db | deploy/web cm/x | deploy, with -l or --all")
    add("-f", "--filename", action="append", default=[], metavar="FILE", help="the objects named in a file")
    parser.switch("-R", "--recursive", text="with -f: folders inside folders too")
    add("-l", "--selector", metavar="LABELS", help="the objects whose labels match: app=web,tier!=db")
    add("--field-selector", metavar="FIELDS", help="the objects whose fields match: metadata.name=web")
    parser.switch("--all", text="all objects of the resource in the namespace")
    parser.switch("-A", "--all-namespaces", text="with a selector or --all: of every namespace")


def chosen(cluster: Cluster, options: argparse.Namespace, *, example: str) -> Iterator[Chosen]:
    """Yield the objects the options mean.

    `example` is a complete command, shown when they mean nothing. A selection is listed whole before its first object
    is yielded: what is done to one must not change what the next page holds. Raises UsageError.
    """
    everything = options.all or options.selector or options.field_selector
    if options.filename:
        if options.targets or everything:
            raise UsageError("-f names the objects itself: leave out resources, names and selectors")
        yield from _from_files(cluster, options)
        return
    targets = parse_targets(options.targets, example=example)
    for target in targets:
        if bool(target.names) == bool(everything):
            raise UsageError("say which objects: either names, or one of -l, --field-selector and --all")
        if target.names and options.all_namespaces:
            raise UsageError("an object cannot be meant by its name in all namespaces")
    for target in targets:
        for resource in cluster.expand(target.resource):
            if target.names:
                view = cluster.view(resource, cluster.scope(resource))
                yield from (Chosen(resource, view, name) for name in target.names)
            else:
                yield from _selected(cluster, resource, options)


def _selected(cluster: Cluster, resource: APIResource, options: argparse.Namespace) -> Iterator[Chosen]:
    view = cluster.view(resource, cluster.scope(resource, all_namespaces=options.all_namespaces))
    for obj in list(view.iter(label_selector=options.selector, field_selector=options.field_selector)):
        metadata = obj["metadata"]
        yield Chosen(resource, cluster.view(resource, metadata.get("namespace")), metadata["name"])


def _from_files(cluster: Cluster, options: argparse.Namespace) -> Iterator[Chosen]:
    from dynkube.cli.manifests import read_manifests

    for manifest in read_manifests(options.filename, recursive=options.recursive):
        resource = cluster.dyn.mapper.resolve(manifest["apiVersion"], manifest["kind"])
        name = nested_get(manifest, "metadata", "name", default="")
        yield Chosen(resource, cluster.view_of(manifest), name)
