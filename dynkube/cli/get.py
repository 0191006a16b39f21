"""`dynkube get`: objects of any resource as the server prints them, or as JSON, YAML or names."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from dynkube.cli.columns import Columns
from dynkube.cli.exits import OK, Outcome, UsageError
from dynkube.cli.formats import HELP, METAVAR, output_form, show_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from dynkube.cli.cluster import Cluster
    from dynkube.cli.formats import Show
    from dynkube.cli.parsing import Parser
    from dynkube.cli.questions import Question
    from dynkube.cli.tables import Layout
    from dynkube.names import GroupVersionResource
    from dynkube.objects import JSONObject

#: Objects asked for at a time, as kubectl does.
PAGE = 500


def configure(parser: Parser) -> None:
    """Declare the options of `get`."""
    add = parser.add_argument
    add("targets", nargs="*", metavar="TARGET", help="deploy | deploy,cm | deploy web db | deploy/web cm/x")
    add("-f", "--filename", action="append", default=[], metavar="FILE", help="the objects named in a file")
    parser.switch("-R", "--recursive", text="with -f: folders inside folders too")
    add("-o", "--output", type=output_form, metavar=METAVAR, help=HELP)
    add("--sort-by", metavar="PATH", help="order by what this JSONPath finds: .metadata.creationTimestamp")
    parser.switch("-A", "--all-namespaces", text="objects of every namespace")
    add("-l", "--selector", metavar="LABELS", help="only objects whose labels match: app=web,tier!=db")
    add("--field-selector", metavar="FIELDS", help="only objects whose fields match: metadata.name=web")
    parser.switch("-w", "--watch", text="then show every change until interrupted")
    parser.switch("--watch-only", text="show only changes")
    parser.switch("--output-watch-events", text="with -w: say of each whether it was added, modified or deleted")
    parser.switch("--ignore-not-found", text="an object that does not exist is no failure")
    parser.switch("--no-headers", text="leave the heading out")
    parser.switch("--show-labels", text="add a column with all labels")
    parser.switch("--show-kind", text="put the kind before each name, also where all are of one")
    parser.switch("--show-managed-fields", text="with -o yaml or json: keep metadata.managedFields")
    add("-L", "--label-columns", action="append", default=[], metavar="LABELS", help="add a column for each label")
    add("--subresource", metavar="NAME", help="this subresource of the objects named instead: status, scale")
    add(
        "--raw",
        metavar="PATH",
        help="what the server answers at this path, as it comes: /healthz, /api/v1/nodes?limit=1",
    )
    add("--chunk-size", type=int, default=PAGE, metavar="N", help="objects asked for at a time; 0: all at once")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Show what was asked for; returns the exit code."""
    from dynkube.cli.cluster import Cluster
    from dynkube.cli.questions import questions_of

    show = show_of(options.output, managed_fields=options.show_managed_fields, headers=not options.no_headers)
    if options.raw is not None:
        from dynkube.cli.raw import print_raw

        return print_raw(options)
    watching = options.watch or options.watch_only
    if options.output_watch_events and not watching:
        raise UsageError("--output-watch-events goes with -w and --watch-only")
    if watching and options.subresource:
        raise UsageError("--subresource cannot be watched: leave it out, or -w")
    if watching and options.sort_by:
        raise UsageError("--sort-by needs the whole list: leave it out where changes are watched")
    if options.sort_by:
        from dynkube.watch import JSONPath

        options.sort_by = JSONPath.parse(options.sort_by)
    with Cluster(options) as cluster:
        questions = questions_of(cluster, options)
        if watching:
            from dynkube.cli.get_watch import watch

            return watch(questions, options, show)
        if show is not None:
            return _print_objects(cluster, questions, options, show)
        return _print_tables(cluster, questions, options)


def layout_of(question: Question, options: argparse.Namespace, *, prefixed: bool) -> Layout:
    """Return how a table that answers `question` is shown; `prefixed` puts the kind before each name."""
    from dynkube.cli.tables import Layout

    kind = question.resource.kind.lower()
    qualified = f"{kind}.{question.resource.group}" if question.resource.group else kind
    return Layout(
        wide=options.output == "wide",
        with_namespace=options.all_namespaces and question.resource.namespaced,
        kind_prefix=f"{qualified}/" if prefixed or options.show_kind else "",
        label_columns=[label for labels in options.label_columns for label in labels.split(",")],
        show_labels=options.show_labels,
    )


@contextlib.contextmanager
def _answered(cluster: Cluster, question: Question) -> Iterator[None]:
    """Say of the namespace that it is missing, not of its objects, if it is."""
    from dynkube.errors import NotFound

    try:
        yield
    except NotFound:
        cluster.require_namespace(question.namespace)
        raise


def _print_objects(cluster: Cluster, questions: list[Question], options: argparse.Namespace, show: Show) -> int:
    from dynkube.cli.sorting import sorted_by

    objects: list[JSONObject] = []
    outcome = Outcome()
    for question in questions:
        with outcome.attempt(ignore_not_found=options.ignore_not_found), _answered(cluster, question):
            objects += question.objects()
    single = len(questions) == 1 and questions[0].name is not None
    if options.sort_by:
        objects = sorted_by(options.sort_by, objects, lambda obj: obj)
    if objects or not single:
        show(objects, not single)
    return outcome.code


def _print_tables(cluster: Cluster, questions: list[Question], options: argparse.Namespace) -> int:
    from dynkube.cli.sorting import sorted_by

    outcome = Outcome()
    prefixed = len({question.resource.gvr for question in questions}) > 1
    printed: set[GroupVersionResource] = set()
    columns = Columns()
    for question in questions:
        with outcome.attempt(ignore_not_found=options.ignore_not_found), _answered(cluster, question):
            layout = layout_of(question, options, prefixed=prefixed)
            tables = list(question.tables(with_objects=bool(options.sort_by)))
            listed = [row for table in tables for row in table]
            if options.sort_by:
                listed = sorted_by(options.sort_by, listed, lambda row: row.object)
            rows = [layout.cells(tables[0].columns, row) for row in listed]
            if not rows:
                continue
            if question.resource.gvr not in printed:
                columns = Columns()
                if not options.no_headers:
                    if printed:
                        print()
                    rows.insert(0, layout.heading(tables[0].columns))
            print("\n".join(columns.lines(rows)))
            printed.add(question.resource.gvr)
    if not printed and outcome.code == OK and not options.ignore_not_found:
        _say_nothing_found(questions)
    return outcome.code


def _say_nothing_found(questions: list[Question]) -> None:
    namespaces = {question.namespace for question in questions if question.resource.namespaced}
    everything_namespaced = all(question.resource.namespaced for question in questions)
    one = everything_namespaced and len(namespaces) == 1 and None not in namespaces
    where = f" in {namespaces.pop()} namespace." if one else ""
    print(f"No resources found{where}", file=sys.stderr)
