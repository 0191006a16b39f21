"""`dynkube events`: what happened lately, to everything in a namespace or to one object."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from dynkube.cli.columns import Columns
from dynkube.cli.common import request_limit
from dynkube.cli.exits import OK, UsageError
from dynkube.cli.formats import HELP, METAVAR, output_form, show_of
from dynkube.cli.get_watch import show_changed
from dynkube.cli.tables import Layout

if TYPE_CHECKING:
    import argparse

    from dynkube.cli.cluster import Cluster
    from dynkube.cli.formats import Show
    from dynkube.cli.parsing import Parser
    from dynkube.dynamic import Resource, Row, Table
    from dynkube.objects import JSONObject


def configure(parser: Parser) -> None:
    """Declare the options of `events`."""
    add = parser.add_argument
    add("--for", dest="about", metavar="TARGET", help="only events about this object: deploy/web")
    add("--types", metavar="TYPES", help="only events of these types: Warning,Normal")
    parser.switch("-A", "--all-namespaces", text="events of every namespace")
    parser.switch("-w", "--watch", text="then show every further event until interrupted")
    parser.switch("--no-headers", text="leave the heading out")
    add("-o", "--output", type=output_form, metavar=METAVAR, help=HELP)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Show the events, the oldest first; returns the exit code."""
    from dynkube.cli.cluster import Cluster

    show = show_of(options.output, managed_fields=False, headers=not options.no_headers)
    with Cluster(options) as cluster:
        resource = cluster.dyn.mapper.resolve("v1", "events")
        view = cluster.view(resource, cluster.scope(resource, all_namespaces=options.all_namespaces))
        fields = _about(cluster, options.about)
        kept = _types(options.types)
        if show is not None:
            return _show_objects(view, fields, kept, options, show)
        printer = _Rows(kept, options)
        table = view.table(include_object="Object")
        pages = list(table.pages(field_selector=fields))
        printer.show(pages)
        if not options.watch:
            return printer.finish(cluster, options)
        version = pages[0].metadata.get("resourceVersion")
        limit = request_limit(options)
        with table.watch(
            field_selector=fields, resource_version=version, relist=True, known=pages, timeout=limit
        ) as changes:
            for change in changes:
                if change["type"] != "DELETED":
                    printer.show([change["object"]])
    return OK


def when(event: JSONObject) -> str:
    """Return when an event last happened, in a form that sorts: each generation of the API has a field of its own."""
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    created = (event.get("metadata") or {}).get("creationTimestamp")
    return str(next((time for time in times if time), created) or "")


def _about(cluster: Cluster, text: str | None) -> dict[str, str] | None:
    if text is None:
        return None
    resource, slash, name = text.partition("/")
    if not slash or not resource or not name:
        raise UsageError(f"--for takes resource/name, not {text!r}")
    kind = cluster.find(resource).gvk
    return {
        "involvedObject.kind": kind.kind,
        "involvedObject.name": name,
        "involvedObject.apiVersion": kind.group_version.api_version,
    }


def _types(text: str | None) -> frozenset[str] | None:
    if text is None:
        return None
    known = {"normal": "Normal", "warning": "Warning"}
    words = [word.strip().lower() for word in text.split(",")]
    unknown = [word for word in words if word not in known]
    if unknown:
        raise UsageError(f"--types takes Normal and Warning, not {unknown[0]!r}")
    return frozenset(known[word] for word in words)


def _show_objects(
    view: Resource,
    fields: dict[str, str] | None,
    kept: frozenset[str] | None,
    options: argparse.Namespace,
    show: Show,
) -> int:
    pages = list(view.pages(field_selector=fields))
    present = [event for page in pages for event in page["items"]]
    events = sorted((event for event in present if kept is None or event.get("type") in kept), key=when)
    if not options.watch:
        show(events, True)
        return OK
    for event in events:
        show_changed(event, options.output, show)
    version = pages[0]["metadata"].get("resourceVersion")
    limit = request_limit(options)
    with view.watch(
        field_selector=fields, resource_version=version, relist=True, known=present, timeout=limit
    ) as changes:
        for change in changes:
            event = change["object"]
            if change["type"] != "DELETED" and (kept is None or event.get("type") in kept):
                show_changed(event, options.output, show)
    return OK


class _Rows:
    """Shows events as rows, with one heading before the first."""

    def __init__(self, kept: frozenset[str] | None, options: argparse.Namespace) -> None:
        self._kept = kept
        self._layout = Layout(wide=options.output == "wide", with_namespace=options.all_namespaces)
        self._columns = Columns()
        self._headed = options.no_headers
        self._any = False

    def show(self, tables: list[Table]) -> None:
        rows = sorted(
            (row for table in tables for row in table if self._is_kept(row)), key=lambda row: when(_event(row))
        )
        lines = [self._layout.cells(tables[0].columns, row) for row in rows]
        if lines and not self._headed:
            lines.insert(0, self._layout.heading(tables[0].columns))
            self._headed = True
        for line in self._columns.lines(lines):
            print(line, flush=True)
        self._any = self._any or bool(rows)

    def finish(self, cluster: Cluster, options: argparse.Namespace) -> int:
        if not self._any:
            where = "" if options.all_namespaces else f" in {cluster.namespace} namespace."
            print(f"No events found{where}", file=sys.stderr)
        return OK

    def _is_kept(self, row: Row) -> bool:
        return self._kept is None or _event(row).get("type") in self._kept


def _event(row: Row) -> dict[str, Any]:
    return row.object or {}
