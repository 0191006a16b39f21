"""What `get` asks of the server: one object by its name, or all that match, of one resource in one scope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dynkube.cli.exits import UsageError
from dynkube.cli.targets import parse_targets
from dynkube.errors import Forbidden
from dynkube.names import check_path_segment
from dynkube.objects import nested_get
from dynkube.selectors import field_selector, label_selector

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from dynkube.cli.cluster import Cluster
    from dynkube.cli.targets import Target
    from dynkube.discovery import APIResource
    from dynkube.dynamic import Resource, Table
    from dynkube.objects import JSONObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One object, or all objects that match; `view` is the resource in the scope asked about."""

    resource: APIResource
    view: Resource
    #: The namespace asked about; None for the cluster's scope and for all namespaces.
    namespace: str | None
    name: str | None = None
    label_selector: str | None = None
    field_selector: str | None = None
    page_size: int = 0
    #: Of one object, the part asked for instead of it.
    subresource: str | None = None

    def objects(self) -> list[JSONObject]:
        """Return the objects; raises NotFound for a name that does not exist."""
        if self.name is not None:
            if self.subresource is not None:
                return [self.view.subresource(self.subresource).get(self.name)]
            return [self.view.get(self.name)]
        if not self.page_size:
            items: list[JSONObject] = self.view.list(**self._selectors())["items"]
            return items
        return list(self.view.iter(**self._selectors(), limit=self.page_size))

    def tables(self, *, with_objects: bool = False) -> Iterator[Table]:
        """Yield what the server prints of them, page by page, on request with the objects; raises as `objects`."""
        table = self.view.table(include_object="Object") if with_objects else self.view.table()
        if self.name is not None:
            yield table.get(self.name) if self.subresource is None else table.part(self.name, self.subresource)
        elif not self.page_size:
            yield table.list(**self._selectors())
        else:
            yield from table.pages(**self._selectors(), limit=self.page_size)

    def listed_objects(self) -> Iterator[JSONObject]:
        """Yield the pages of the list a watch can follow, from the version of the first; raises as `objects`.

        Of a single object too: its own version may be too old to be watched from, that of a list never is. It is
        taken where listing is forbidden.
        """
        if self.name is not None:
            obj = self.view.get(self.name)
            try:
                yield self.view.list(**self.changes())
            except Forbidden:
                yield {"items": [obj], "metadata": obj["metadata"]}
        elif self.page_size:
            yield from self.view.pages(**self.changes(), limit=self.page_size)
        else:
            yield self.view.list(**self.changes())

    def listed_tables(self) -> Iterator[Table]:
        """Yield the tables a watch can follow, as `listed_objects`."""
        if self.name is None:
            yield from self.tables()
            return
        table = self.view.table().get(self.name)
        try:
            yield self.view.table().list(**self.changes())
        except Forbidden:
            yield table

    def changes(self) -> dict[str, Any]:
        """Return the options with which a watch shows what changes here: a single object is selected by its name."""
        if self.name is None:
            return self._selectors()
        return {"field_selector": {"metadata.name": self.name}}

    def _selectors(self) -> dict[str, Any]:
        return {"label_selector": self.label_selector, "field_selector": self.field_selector}


def questions_of(cluster: Cluster, options: argparse.Namespace) -> list[Question]:
    """Return what the command line asks, in its order; raises UsageError and MappingError."""
    if options.subresource == "log":
        raise UsageError("a log is text and no object: dynkube get --raw /api/v1/namespaces/NAMESPACE/pods/NAME/log")
    if options.filename:
        if options.targets or options.selector or options.field_selector:
            raise UsageError("-f names the objects itself: leave out resources, names and selectors")
        return list(_from_files(cluster, options))
    labels, fields = label_selector(options.selector), field_selector(options.field_selector)
    targets = parse_targets(options.targets, example="dynkube get deployments")
    named = any(target.names for target in targets)
    if named and (labels or fields):
        raise UsageError("a name and a selector cannot be asked for together")
    if named and options.all_namespaces:
        raise UsageError("an object cannot be asked for by its name in all namespaces")
    if options.subresource and not all(target.names for target in targets):
        raise UsageError("--subresource is of objects: name them")
    return [question for target in targets for question in _of_target(cluster, target, options, labels, fields)]


def _of_target(
    cluster: Cluster, target: Target, options: argparse.Namespace, labels: str | None, fields: str | None
) -> Iterator[Question]:
    for resource in cluster.expand(target.resource):
        namespace = cluster.scope(resource, all_namespaces=options.all_namespaces)
        view = cluster.view(resource, namespace)
        if not target.names:
            yield Question(
                resource=resource,
                view=view,
                namespace=namespace,
                label_selector=labels,
                field_selector=fields,
                page_size=options.chunk_size,
            )
        for name in target.names:
            yield Question(
                resource=resource,
                view=view,
                namespace=namespace,
                name=check_path_segment(name, "object name"),
                subresource=options.subresource,
            )


def _from_files(cluster: Cluster, options: argparse.Namespace) -> Iterator[Question]:
    from dynkube.cli.manifests import read_manifests

    for manifest in read_manifests(options.filename, recursive=options.recursive):
        resource = cluster.dyn.mapper.resolve(manifest["apiVersion"], manifest["kind"])
        name = nested_get(manifest, "metadata", "name", default="")
        yield Question(
            resource=resource,
            view=cluster.view_of(manifest),
            namespace=nested_get(manifest, "metadata", "namespace") or cluster.scope(resource),
            name=check_path_segment(name, "object name"),
            subresource=options.subresource,
        )
