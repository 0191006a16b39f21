"""The view in which the server prints: rows and columns, as kubectl shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dynkube.config import UNSET
from dynkube.dynamic.keywords import names_nearest_option
from dynkube.dynamic.paging import PAGE_SIZE
from dynkube.dynamic.resource import Resource
from dynkube.dynamic.view import items_of
from dynkube.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import TracebackType

    from typing_extensions import Self

    from dynkube.config import TimeoutLike, Unset
    from dynkube.dynamic.options import FieldSelectorLike, LabelSelectorLike, ResourceVersionMatch
    from dynkube.objects import JSONObject
    from dynkube.watch import Watcher

    Rows = list["Row"]

#: What kubectl asks for (cli-runtime, cmd/get): the table as v1 or v1beta1, plain objects from a server that has none.
ACCEPT = (
    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
)

#: What a row can carry of its object: nothing, its metadata (PartialObjectMetadata), or all of it.
_INCLUDE = ("None", "Metadata", "Object")


@dataclass(frozen=True, slots=True)
class Column:
    """One column: metav1.TableColumnDefinition."""

    name: str
    #: OpenAPI type of the cells: "string", "integer", "number", "boolean", "date".
    type: str = "string"
    format: str = ""
    description: str = ""
    #: 0 is always shown; above, only in wide output.
    priority: int = 0

    @property
    def wide(self) -> bool:
        """Whether the column belongs to wide output only."""
        return self.priority > 0


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the cells, in the order of the columns, and what was asked for of the object itself."""

    cells: tuple[Any, ...]
    #: PartialObjectMetadata, the whole object, or None: see `Resource.table`.
    object: JSONObject | None = None
    conditions: tuple[JSONObject, ...] = ()

    @property
    def name(self) -> str:
        """Name of the row's object; "" if the row does not carry it."""
        return str(self.metadata.get("name", ""))

    @property
    def namespace(self) -> str:
        """Namespace of the row's object; "" if it has none, or the row does not carry it."""
        return str(self.metadata.get("namespace", ""))

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Metadata of the row's object; empty if the row does not carry it."""
        return (self.object or {}).get("metadata") or {}


@dataclass(frozen=True, slots=True)
class Table:
    """What the server printed. Iterating yields rows; `headers` and `cells` leave wide columns out unless asked."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    #: The list's metadata: resourceVersion, continue, remainingItemCount.
    metadata: Mapping[str, Any]

    @classmethod
    def from_dict(cls, table: JSONObject, *, columns: tuple[Column, ...] = ()) -> Table:
        """Read a `Table` of meta.k8s.io; `columns` stand in where it has none (later events of a watch)."""
        own = tuple(_column(definition) for definition in table.get("columnDefinitions") or ())
        return cls(
            columns=own or columns,
            rows=tuple(_row(row) for row in table.get("rows") or ()),
            metadata=table.get("metadata") or {},
        )

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def headers(self, *, wide: bool = False) -> list[str]:
        """Return the names of the columns shown."""
        return [column.name for column in self.columns if wide or not column.wide]

    def cells(self, *, wide: bool = False) -> list[list[Any]]:
        """Return each row's cells under `headers` with the same `wide`."""
        shown = [index for index, column in enumerate(self.columns) if wide or not column.wide]
        return [[row.cells[index] for index in shown if index < len(row.cells)] for row in self.rows]


class PrintedResource(Resource):
    """The resource whose answers are Tables, as dicts."""

    _accept = ACCEPT
    _rows = "rows"

    def including(self, include_object: str) -> Self:
        """Return this with rows that carry "None", "Metadata" or "Object" of their objects."""
        if include_object not in _INCLUDE:
            raise InvalidRequestError(f"include_object must be one of {', '.join(_INCLUDE)}, not {include_object!r}")
        # Metadata is the server's default: left out, as kubectl leaves it out.
        query = (("includeObject", include_object),) if include_object != "Metadata" else ()
        return self._copy(fixed_query=query)

    @property
    def followable(self) -> bool:
        """Whether rows carry the metadata a watch goes by."""
        return ("includeObject", "None") not in self._fixed_query

    def part(self, name: str, subresource: str, *, timeout: TimeoutLike | Unset = UNSET) -> JSONObject:
        """Return the table of a subresource of one object."""
        return self._one(self.subresource(subresource).get(name, timeout=timeout))

    def _one(self, answer: JSONObject) -> JSONObject:
        return answer if answer.get("kind") == "Table" else _plain_table([answer], answer.get("metadata") or {})

    def _many(self, answer: JSONObject) -> JSONObject:
        if answer.get("kind") == "Table":
            return answer
        return _plain_table(items_of(answer), answer.get("metadata") or {})

    def _as_list(self, answer: JSONObject) -> JSONObject:
        table = self._many(answer)
        columns = table.get("columnDefinitions")
        items = [_object_of_row(row, columns) for row in table.get("rows") or ()]
        return {"apiVersion": "v1", "kind": "List", "metadata": table.get("metadata") or {}, "items": items}

    def _event_changer(self) -> Callable[[JSONObject], JSONObject]:
        return self._object_of_event

    def _object_of_event(self, obj: JSONObject) -> JSONObject:
        if obj.get("kind") == "Table" and not obj.get("rows"):
            return obj  # a bookmark, which has no row
        if obj.get("kind") == "Status":
            return obj
        table = self._one(obj)
        return _object_of_row(table["rows"][0], table.get("columnDefinitions"))


@names_nearest_option
class TableView:
    """A resource as the server prints it: get and list return a `Table`, iter yields rows, watch events carry Tables.

    A server that cannot print (an aggregated one, perhaps) gets kubectl's fallback: columns Name and Created At.
    """

    def __init__(self, printed: PrintedResource) -> None:
        self._printed = printed

    def namespace(self, name: str) -> TableView:
        """Return this view in the namespace `name`."""
        return TableView(self._printed.namespace(name))

    def all_namespaces(self) -> TableView:
        """Return this view across all namespaces."""
        return TableView(self._printed.all_namespaces())

    def part(self, name: str, subresource: str, *, timeout: TimeoutLike | Unset = UNSET) -> Table:
        """Return a table of one row for a subresource ("scale") of an object; raises as `Subresource.get`."""
        return Table.from_dict(self._printed.part(name, subresource, timeout=timeout))

    def get(self, name: str, *, resource_version: str | None = None, timeout: TimeoutLike | Unset = UNSET) -> Table:
        """Return a table of one row; raises NotFound if there is no such object."""
        return Table.from_dict(self._printed.get(name, resource_version=resource_version, timeout=timeout))

    def list(
        self,
        *,
        label_selector: LabelSelectorLike = None,
        field_selector: FieldSelectorLike = None,
        limit: int | None = None,
        continue_: str | None = None,
        resource_version: str | None = None,
        resource_version_match: ResourceVersionMatch | None = None,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> Table:
        """Return the table of one list request; the options are those of `Resource.list`."""
        return Table.from_dict(
            self._printed.list(
                label_selector=label_selector,
                field_selector=field_selector,
                limit=limit,
                continue_=continue_,
                resource_version=resource_version,
                resource_version_match=resource_version_match,
                timeout=timeout,
            )
        )

    def pages(
        self,
        *,
        label_selector: LabelSelectorLike = None,
        field_selector: FieldSelectorLike = None,
        limit: int = PAGE_SIZE,
        resource_version: str | None = None,
        resource_version_match: ResourceVersionMatch | None = None,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> Iterator[Table]:
        """Return an iterator over the tables of a list's pages; each has its columns. As `Resource.pages`."""
        each_page = self._printed.pages(
            label_selector=label_selector,
            field_selector=field_selector,
            limit=limit,
            resource_version=resource_version,
            resource_version_match=resource_version_match,
            timeout=timeout,
        )
        return map(Table.from_dict, each_page)

    def iter(
        self,
        *,
        label_selector: LabelSelectorLike = None,
        field_selector: FieldSelectorLike = None,
        limit: int = PAGE_SIZE,
        resource_version: str | None = None,
        resource_version_match: ResourceVersionMatch | None = None,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> Iterator[Row]:
        """Return an iterator over the rows of every page, lazily; take `pages` for the columns too."""
        each_page = self.pages(
            label_selector=label_selector,
            field_selector=field_selector,
            limit=limit,
            resource_version=resource_version,
            resource_version_match=resource_version_match,
            timeout=timeout,
        )
        return (row for table in each_page for row in table.rows)

    def watch(
        self,
        *,
        label_selector: LabelSelectorLike = None,
        field_selector: FieldSelectorLike = None,
        resource_version: str | None = None,
        relist: bool = False,
        known: Iterable[Table] = (),
        timeout: float | None = None,
    ) -> TableWatch:
        """Return the changes as {"type": ..., "object": Table}, each a table of one row with its columns.

        As resilient as `Resource.watch`; `known` are tables, the pages of a list. Rows must carry at least their
        object's metadata.
        """
        if not self._printed.followable:
            raise InvalidRequestError('a watch needs the metadata of its rows: include_object="None" leaves it out')
        known = tuple(known)
        rows = [{"cells": row.cells, "object": row.object} for table in known for row in table]
        events = self._printed.watch(
            label_selector=label_selector,
            field_selector=field_selector,
            resource_version=resource_version,
            relist=relist,
            known=[_object_of_row(row, None) for row in rows],
            timeout=timeout,
        )
        return TableWatch(events, columns=known[0].columns if known else ())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._printed!r}>"


class TableWatch:
    """The events of a watch on a `TableView`. Close it, or leave its `with` block, from any thread."""

    def __init__(self, events: Watcher, *, columns: tuple[Column, ...] = ()) -> None:
        self._events = events
        # The server sends the columns with the first event of each connection only.
        self._columns = columns

    def __iter__(self) -> TableWatch:
        return self

    def __next__(self) -> dict[str, Any]:
        event = next(self._events)
        obj = event["object"]
        printed_row: _PrintedRow = obj["row"]
        table = {"columnDefinitions": printed_row.columns, "rows": [printed_row.row], "metadata": {}}
        version = obj["metadata"].get("resourceVersion")
        if version:
            table["metadata"] = {"resourceVersion": version}
        printed = Table.from_dict(table, columns=self._columns)
        self._columns = printed.columns
        return {"type": event["type"], "object": printed}

    def close(self) -> None:
        """End the watch, from any thread; may be called again."""
        self._events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class _PrintedRow:
    """A row and its columns, beside the object they are about.

    Equal to every other: ages in cells change by themselves, so the object alone tells whether anything happened.
    """

    __slots__ = ("columns", "row")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, row: JSONObject, columns: Any) -> None:
        self.row = row
        self.columns = columns

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _PrintedRow)


def _object_of_row(row: JSONObject, columns: Any) -> JSONObject:
    """Return a row as the watch layer can follow it: an object with metadata, the row and its columns along with it."""
    obj = row.get("object") or {}
    return {**obj, "metadata": obj.get("metadata") or {}, "row": _PrintedRow(row, columns)}


def _plain_table(objects: list[JSONObject], metadata: JSONObject) -> JSONObject:
    """Print objects as the server does those of kinds it has no columns for (apiserver registry/rest/table.go)."""
    kept = ("resourceVersion", "continue", "remainingItemCount")
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {key: metadata[key] for key in kept if key in metadata},
        "columnDefinitions": [
            {"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0},
            {"name": "Created At", "type": "date", "format": "", "description": "", "priority": 0},
        ],
        "rows": [
            {"cells": [_metadata(obj).get("name"), _metadata(obj).get("creationTimestamp")], "object": obj}
            for obj in objects
        ],
    }


def _metadata(obj: JSONObject) -> Mapping[str, Any]:
    return obj.get("metadata") or {}


def _column(definition: JSONObject) -> Column:
    return Column(
        name=definition.get("name", ""),
        type=definition.get("type", "string"),
        format=definition.get("format", ""),
        description=definition.get("description", ""),
        priority=definition.get("priority", 0),
    )


def _row(row: JSONObject) -> Row:
    return Row(tuple(row.get("cells") or ()), row.get("object"), tuple(row.get("conditions") or ()))
