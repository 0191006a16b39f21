"""`dynkube get --watch`: the rows as they are, then a row for every change, until interrupted."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from dynkube.cli.columns import Columns
from dynkube.cli.exits import UsageError
from dynkube.cli.get import layout_of
from dynkube.cli.printers import print_objects
from dynkube.cli.tables import ACCEPT, as_table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from dynkube.cli.cluster import Cluster
    from dynkube.cli.tables import Question
    from dynkube.objects import JSONObject


def watch(cluster: Cluster, questions: Sequence[Question], options: argparse.Namespace) -> int:
    """Show the answer to one question and then its changes; returns only when the stream is interrupted or refused."""
    if len(questions) != 1:
        raise UsageError("only one resource, all of it or one object, can be watched at a time")
    question = questions[0]
    printer = _Objects(question, options) if options.output in {"yaml", "json", "name"} else _Rows(question, options)
    version = _show_present(cluster, question, printer, silent=options.watch_only)
    while True:
        request = question.as_watch().request(
            accept=printer.accept, watch=True, resourceVersion=version, allowWatchBookmarks=True
        )
        with cluster.dyn.rest.watch(request, timeout=None) as stream:
            for event in stream:
                version = version_of(event["object"]) or version
                if event["type"] != "BOOKMARK":
                    printer.show(event["object"])


def _show_present(cluster: Cluster, question: Question, printer: _Rows | _Objects, *, silent: bool) -> str | None:
    """Show what there is now and return the resourceVersion changes are to be shown from."""
    version = token = None
    while True:
        body = cluster.dyn.rest.request(question.request(accept=printer.accept, **{"continue": token}))
        version = version_of(body) or version
        if not silent:
            printer.show(body)
        token = (body.get("metadata") or {}).get("continue")
        if not token:
            return version


def version_of(body: JSONObject) -> str | None:
    """Return the resourceVersion of an object, a list or a Table."""
    version: str | None = (body.get("metadata") or {}).get("resourceVersion")
    return version


class _Rows:
    """Shows tables: the heading once, then a row an object, all aligned."""

    accept = ACCEPT

    def __init__(self, question: Question, options: argparse.Namespace) -> None:
        self._layout = layout_of(question, options, prefixed=False)
        self._columns = Columns()
        self._definitions: list[dict[str, Any]] = []
        self._headed = options.no_headers

    def show(self, body: JSONObject) -> None:
        table = as_table(body)
        # A watch sends the columns with its first event only.
        self._definitions = table.get("columnDefinitions") or self._definitions
        rows = [self._layout.row(self._definitions, row) for row in table["rows"]]
        if rows and not self._headed:
            rows.insert(0, self._layout.heading(self._definitions))
            self._headed = True
        for line in self._columns.lines(rows):
            print(line, flush=True)


class _Objects:
    """Shows whole objects or their names, one after the other."""

    accept = "application/json"

    def __init__(self, question: Question, options: argparse.Namespace) -> None:
        self._identity = {
            "apiVersion": question.resource.gvk.group_version.api_version,
            "kind": question.resource.gvk.kind,
        }
        self._output: str = options.output
        self._managed_fields: bool = options.show_managed_fields
        self._shown = False

    def show(self, body: JSONObject) -> None:
        objects = body["items"] if isinstance(body.get("items"), list) else [body]
        for obj in objects:
            if self._shown and self._output == "yaml":
                print("---")
            # The items of a list carry no apiVersion and kind of their own.
            print_objects(
                [{**self._identity, **obj}], output=self._output, as_list=False, managed_fields=self._managed_fields
            )
            self._shown = True
        sys.stdout.flush()
