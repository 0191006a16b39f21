"""Tables the server printed: asking for them, and laying them out as kubectl does.

The columns are the server's (a resource's own printer, or a CRD's additionalPrinterColumns): the client knows no kind.
The form is meta.k8s.io's Table (k8s.io/apimachinery, pkg/apis/meta/v1/types.go).
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dynkube.rest import encode_query, resource_path
from dynkube.transport import HTTPRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dynkube.discovery import APIResource
    from dynkube.objects import JSONObject
    from dynkube.rest import RESTClient

#: Both versions of Table kubectl asks for, and plain objects for servers that print nothing themselves.
ACCEPT = (
    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which objects are to be shown: one by its name, or all that match."""

    resource: APIResource
    namespace: str | None
    name: str | None = None
    label_selector: str | None = None
    field_selector: str | None = None
    limit: int | None = None

    def request(self, *, accept: str = ACCEPT, **parameters: str | int | bool | None) -> HTTPRequest:
        """Return the request that asks it, for a Table unless told otherwise; `parameters` are added to the query."""
        path = resource_path(
            self.resource.gvr.group_version, self.resource.name, namespace=self.namespace, name=self.name
        )
        query = encode_query(
            {
                "labelSelector": self.label_selector,
                "fieldSelector": self.field_selector,
                "limit": self.limit,
                **parameters,
            }
        )
        verb = "watch" if parameters.get("watch") else "get" if self.name else "list"
        return HTTPRequest("GET", f"{path}?{query}" if query else path, headers=(("Accept", accept),), verb=verb)

    def as_watch(self) -> Question:
        """Return the question a watch asks: a single object is selected by its name, and nothing is paged."""
        if self.name is None:
            return replace(self, limit=None)
        terms = [self.field_selector] if self.field_selector else []
        return replace(self, name=None, limit=None, field_selector=",".join([*terms, f"metadata.name={self.name}"]))


def fetch(rest: RESTClient, question: Question) -> JSONObject:
    """Return the Table that answers `question`, all its pages in one."""
    table = as_table(rest.request(question.request()))
    token = table["metadata"].get("continue")
    while token:
        page = as_table(rest.request(question.request(**{"continue": token})))
        table["rows"] += page["rows"]
        table["metadata"] = page["metadata"]
        token = page["metadata"].get("continue")
    return table


def as_table(body: JSONObject) -> JSONObject:
    """Return `body` if it is a Table, or a table of names and ages for a server that sent plain objects."""
    if body.get("kind") == "Table":
        return {**body, "metadata": body.get("metadata") or {}, "rows": body.get("rows") or []}
    objects = body["items"] if isinstance(body.get("items"), list) else [body]
    columns = [{"name": "Name", "type": "string", "format": "name"}, {"name": "Age", "type": "string"}]
    rows = [{"cells": [_metadata(obj).get("name", ""), _age(obj)], "object": obj} for obj in objects]
    return {"kind": "Table", "metadata": body.get("metadata") or {}, "columnDefinitions": columns, "rows": rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a table is to be shown."""

    wide: bool = False
    with_namespace: bool = False
    kind_prefix: str = ""
    label_columns: Sequence[str] = ()
    show_labels: bool = False

    def heading(self, columns: Sequence[Mapping[str, Any]]) -> list[str]:
        """Return the heading for a server's `columns`."""
        named = [str(column.get("name", "")).upper() for column in self._shown(columns)]
        extra = [label.rpartition("/")[2].upper() for label in self.label_columns]
        return [*["NAMESPACE"][: self.with_namespace], *named, *extra, *["LABELS"][: self.show_labels]]

    def row(self, columns: Sequence[Mapping[str, Any]], row: Mapping[str, Any]) -> list[str]:
        """Return the cells of one row as text."""
        metadata = _metadata(row.get("object") or {})
        cells = list(row.get("cells") or [])
        texts = []
        for index, column in enumerate(columns):
            if not self._is_shown(column):
                continue
            text = cell_text(cells[index]) if index < len(cells) else ""
            texts.append(f"{self.kind_prefix}{text}" if column.get("format") == "name" else text)
        labels = metadata.get("labels") or {}
        return [
            *[str(metadata.get("namespace", ""))][: self.with_namespace],
            *texts,
            *[str(labels.get(label, "")) for label in self.label_columns],
            *[_labels_text(labels)][: self.show_labels],
        ]

    def _shown(self, columns: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        return [column for column in columns if self._is_shown(column)]

    def _is_shown(self, column: Mapping[str, Any]) -> bool:
        return self.wide or not column.get("priority")


def cell_text(cell: Any) -> str:
    """Return one cell as text: nothing for null, and JSON's words for what is neither text nor a number."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(cell)


def _labels_text(labels: Mapping[str, Any]) -> str:
    return ",".join(f"{key}={labels[key]}" for key in sorted(labels)) or "<none>"


def _metadata(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata: Mapping[str, Any] = obj.get("metadata") or {}
    return metadata


def _age(obj: Mapping[str, Any]) -> str:
    created = _metadata(obj).get("creationTimestamp")
    if not created:
        return "<unknown>"
    from dynkube.cli.durations import age

    born = datetime.datetime.strptime(str(created), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
    return age((datetime.datetime.now(datetime.timezone.utc) - born).total_seconds())
