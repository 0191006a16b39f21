"""The resources of many group versions side by side, in columns, decoded no further than they are used."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from dynkube.names import GroupVersion

    #: Group and version: what a GroupVersion says, hashed by C code.
    Key = tuple[str, str]


class SubresourceRow(NamedTuple):
    """A subresource in its compact form; ``name`` is the part after the slash."""

    name: str
    kind: str
    namespaced: bool
    verbs: tuple[str, ...]
    response_group: str
    response_version: str
    storage_version_hash: str

    def alone(self, parent: str) -> ResourceRow:
        """Return the row of a subresource whose parent cannot be addressed, as in ``custom.metrics.k8s.io``."""
        return ResourceRow(
            f"{parent}/{self.name}", "", self.kind, self.namespaced, self.verbs, (), (), *self[4:7], subresources=()
        )


class ResourceRow(NamedTuple):
    """A resource in its compact form: everything an APIResource is made of."""

    name: str
    singular_name: str
    kind: str
    namespaced: bool
    verbs: tuple[str, ...]
    short_names: tuple[str, ...]
    categories: tuple[str, ...]
    response_group: str
    response_version: str
    storage_version_hash: str
    subresources: tuple[SubresourceRow, ...]


def _is_decoded(_group_version: GroupVersion, source: ResourceRow) -> ResourceRow:
    return source


class ResourceTable:
    """Columns of what resources are called, one position a resource; those of one group version stand together.

    A cluster may have a thousand group versions: what is done for each of them, or each resource, before the first is
    used is left to C code as far as that goes. ``sources`` are decoded by ``decode`` when asked for. Grows while it is
    put together, and never changes afterwards.
    """

    def __init__(self) -> None:
        #: Group version → the positions of its resources, in server order. (No collector ever looks at a range.)
        self.spans: dict[Key, range] = {}
        self.plurals: list[str] = []
        self.singulars: list[str] = []
        self.kinds: list[str] = []
        self.short_names: list[Sequence[str] | None] = []
        self.categories: list[Sequence[str] | None] = []
        #: Whether the group versions are known to stand in the order of the mapper's priority.
        self.in_order = False
        self._sources: list[Any] = []
        self._decode: list[Callable[[GroupVersion, Any], ResourceRow]] = []

    @classmethod
    def of_columns(
        cls,
        spans: dict[Key, range],
        names: tuple[list[str], list[str], list[str]],
        lists: tuple[list[Sequence[str] | None], list[Sequence[str] | None]],
        sources: list[Any],
        decode: Callable[[GroupVersion, Any], ResourceRow],
    ) -> ResourceTable:
        """Return a table of these columns: (plurals, singulars, kinds), (short names, categories)."""
        table = cls()
        table.spans = spans
        table.plurals, table.singulars, table.kinds = names
        table.short_names, table.categories = lists
        table._sources = sources
        table._decode = [decode] * len(sources)
        return table

    def add(self, group: str, version: str, rows: Sequence[ResourceRow]) -> None:
        """Add the resources of one group version, decoded."""
        start = len(self.plurals)
        self.plurals += [row.name for row in rows]
        self.singulars += [row.singular_name for row in rows]
        self.kinds += [row.kind for row in rows]
        self.short_names += [row.short_names for row in rows]
        self.categories += [row.categories for row in rows]
        self._sources += rows
        self._decode += [_is_decoded] * len(rows)
        self.spans[group, version] = range(start, len(self.plurals))

    def followed_by(self, other: ResourceTable) -> ResourceTable:
        """Return a table of the group versions of both, none of which they have in common."""
        if not other.spans:
            return self
        start = len(self.plurals)
        joined = ResourceTable()
        moved = other.spans
        if start:
            moved = {key: range(span.start + start, span.stop + start) for key, span in moved.items()}
        joined.spans = {**self.spans, **moved} if self.spans else moved
        joined.plurals = self.plurals + other.plurals
        joined.singulars = self.singulars + other.singulars
        joined.kinds = self.kinds + other.kinds
        joined.short_names = self.short_names + other.short_names
        joined.categories = self.categories + other.categories
        joined._sources = self._sources + other._sources
        joined._decode = self._decode + other._decode
        joined.in_order = (self.in_order or not self.spans) and other.in_order
        return joined

    def ordered(self, keys: Iterable[Key]) -> ResourceTable:
        """Return a table of these group versions in this order; itself if that is how they stand."""
        keys = list(keys)
        if keys == list(self.spans):
            return self
        spans = [self.spans[key] for key in keys]

        def column(values: list[Any]) -> list[Any]:
            return list(chain.from_iterable(values[span.start : span.stop] for span in spans))

        table = ResourceTable()
        position = 0
        for key, span in zip(keys, spans, strict=True):
            table.spans[key] = range(position, position + len(span))
            position += len(span)
        table.plurals, table.singulars, table.kinds = map(column, (self.plurals, self.singulars, self.kinds))
        table.short_names, table.categories = map(column, (self.short_names, self.categories))
        table._sources, table._decode = column(self._sources), column(self._decode)
        return table

    def row(self, group_version: GroupVersion, position: int) -> ResourceRow:
        """Return everything about the resource at ``position``, which is one of ``group_version``."""
        return self._decode[position](group_version, self._sources[position])
