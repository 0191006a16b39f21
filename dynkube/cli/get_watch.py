"""`dynkube get --watch`: the rows as they are, then a row for every change, until interrupted or out of time."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from dynkube.cli.columns import Columns
from dynkube.cli.common import request_limit
from dynkube.cli.exits import OK, UsageError
from dynkube.cli.get import layout_of
from dynkube.cli.printers import without_managed_fields

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from dynkube.cli.formats import Show
    from dynkube.cli.questions import Question
    from dynkube.dynamic import Table
    from dynkube.objects import JSONObject


def watch(questions: Sequence[Question], options: argparse.Namespace, show: Show | None) -> int:
    """Show the answer to one question and then its changes, through `show` or, where that is None, as a table.

    The watch rides over closed connections and expired versions, so this ends only when it is interrupted or refused,
    or after `--request-timeout`.
    """
    if len(questions) != 1:
        raise UsageError("only one resource, all of it or one object, can be watched at a time")
    if options.output_watch_events and (options.output or "").partition("=")[0] in {"name", "custom-columns"}:
        raise UsageError("--output-watch-events goes with tables, json, yaml and jsonpath")
    if show is not None:
        events_as_lines = options.output_watch_events and options.output == "json"
        return _watch_objects(questions[0], options, _print_line if events_as_lines else show)
    return _watch_tables(questions[0], options)


def _watch_tables(question: Question, options: argparse.Namespace) -> int:
    rows = _Rows(question, options)
    tables = []
    for table in question.listed_tables():
        tables.append(table)
        if not options.watch_only:
            rows.show("ADDED", table)
    view, version = question.view.table(), tables[0].metadata.get("resourceVersion")
    limit = request_limit(options)
    with view.watch(**question.changes(), resource_version=version, relist=True, known=tables, timeout=limit) as events:
        for event in events:
            rows.show(event["type"], event["object"])
    return OK


def _watch_objects(question: Question, options: argparse.Namespace, show: Show) -> int:
    pages = list(question.listed_objects())
    present = [obj for page in pages for obj in page["items"]]
    version = pages[0]["metadata"].get("resourceVersion")
    if not options.watch_only:
        for obj in present:
            show_changed(_named("ADDED", obj, options), options.output, show)
    limit = request_limit(options)
    with question.view.watch(
        **question.changes(), resource_version=version, relist=True, known=present, timeout=limit
    ) as events:
        for event in events:
            show_changed(_named(event["type"], event["object"], options), options.output, show)
    return OK


def show_changed(obj: JSONObject, output: str, show: Show) -> None:
    """Show one object of many that come one after another, each a document of its own."""
    if output == "yaml":
        print("---")
    show([obj], False)
    sys.stdout.flush()


def _print_line(objects: list[JSONObject], _: bool) -> None:
    """Print each on a line of its own, as the server sends events: whoever reads them reads lines."""
    for obj in objects:
        print(json.dumps(obj, separators=(",", ":"), ensure_ascii=False))


def _named(kind: str, obj: JSONObject, options: argparse.Namespace) -> JSONObject:
    """Return the object, or the event it came in if those are asked for."""
    if not options.output_watch_events:
        return obj
    return {"type": kind, "object": obj if options.show_managed_fields else without_managed_fields(obj)}


class _Rows:
    """Shows tables: the heading once, then a row an object, all aligned."""

    def __init__(self, question: Question, options: argparse.Namespace) -> None:
        self._layout = layout_of(question, options, prefixed=False)
        self._columns = Columns()
        self._headed = options.no_headers
        self._with_kind = options.output_watch_events

    def show(self, kind: str, table: Table) -> None:
        rows = [[*[kind][: self._with_kind], *self._layout.cells(table.columns, row)] for row in table]
        if rows and not self._headed:
            rows.insert(0, [*["EVENT"][: self._with_kind], *self._layout.heading(table.columns)])
            self._headed = True
        for line in self._columns.lines(rows):
            print(line, flush=True)
