"""`dynkube get`: objects of any resource as the server prints them, or as JSON, YAML or names."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from dynkube.cli.columns import Columns
from dynkube.cli.exits import OK, Outcome, UsageError
from dynkube.cli.targets import Target, parse_targets

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from dynkube.cli.cluster import Cluster
    from dynkube.cli.parsing import Parser
    from dynkube.cli.tables import Layout, Question
    from dynkube.names import GroupVersionResource
    from dynkube.objects import JSONObject

#: Objects asked for at a time, as kubectl does.
PAGE = 500


def configure(parser: Parser) -> None:
    """Declare the options of `get`."""
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help="deploy | deploy,cm | deploy web db | deploy/web cm/x"
    )
    parser.add_argument(
        "-f", "--filename", action="append", default=[], metavar="FILE", help="the objects named in a file"
    )
    parser.switch("-R", "--recursive", text="with -f: folders inside folders too")
    parser.add_argument("-o", "--output", choices=("wide", "yaml", "json", "name"), help="instead of a table")
    parser.switch("-A", "--all-namespaces", text="objects of every namespace")
    parser.add_argument("-l", "--selector", metavar="LABELS", help="only objects whose labels match: app=web,tier!=db")
    parser.add_argument("--field-selector", metavar="FIELDS", help="only objects whose fields match: metadata.name=web")
    parser.switch("-w", "--watch", text="then show every change until interrupted")
    parser.switch("--watch-only", text="show only changes")
    parser.switch("--ignore-not-found", text="an object that does not exist is no failure")
    parser.switch("--no-headers", text="leave the heading out")
    parser.switch("--show-labels", text="add a column with all labels")
    parser.switch("--show-managed-fields", text="with -o yaml or json: keep metadata.managedFields")
    parser.add_argument(
        "-L", "--label-columns", action="append", default=[], metavar="LABELS", help="a column per label"
    )
    parser.add_argument(
        "--chunk-size", type=int, default=PAGE, metavar="N", help="objects asked for at a time; 0: all at once"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Show what was asked for; returns the exit code."""
    from dynkube.cli.cluster import Cluster

    if options.filename and (options.targets or options.selector):
        raise UsageError("-f names the objects itself: leave out resources, names and selectors")
    with Cluster(options) as cluster:
        questions = _questions(cluster, options)
        if options.watch or options.watch_only:
            from dynkube.cli.get_watch import watch

            return watch(cluster, questions, options)
        if options.output in {"yaml", "json", "name"}:
            return _print_objects(cluster, questions, options)
        return _print_tables(cluster, questions, options)


def _questions(cluster: Cluster, options: argparse.Namespace) -> list[Question]:
    """Return what is to be asked of the server."""
    from dynkube.selectors import field_selector, label_selector

    labels, fields = label_selector(options.selector), field_selector(options.field_selector)
    if options.filename:
        return list(_from_files(cluster, options))
    targets = parse_targets(options.targets, example="dynkube get deployments")
    named = any(target.names for target in targets)
    if named and (labels or fields):
        raise UsageError("a name and a selector cannot be asked for together")
    if named and options.all_namespaces:
        raise UsageError("an object cannot be asked for by its name in all namespaces")
    questions: list[Question] = []
    for target in targets:
        questions += _of_target(cluster, target, options, labels, fields)
    return questions


def _of_target(
    cluster: Cluster, target: Target, options: argparse.Namespace, labels: str | None, fields: str | None
) -> Iterator[Question]:
    from dynkube.cli.tables import Question
    from dynkube.names import check_path_segment

    for resource in cluster.expand(target.resource):
        namespace = cluster.scope(resource, all_namespaces=options.all_namespaces)
        if not target.names:
            yield Question(
                resource=resource,
                namespace=namespace,
                label_selector=labels,
                field_selector=fields,
                limit=options.chunk_size or None,
            )
        for name in target.names:
            yield Question(resource=resource, namespace=namespace, name=check_path_segment(name, "name"))


def _from_files(cluster: Cluster, options: argparse.Namespace) -> Iterator[Question]:
    from dynkube.cli.manifests import read_manifests
    from dynkube.cli.tables import Question
    from dynkube.names import check_path_segment
    from dynkube.objects import nested_get

    for manifest in read_manifests(options.filename, recursive=options.recursive):
        resource = cluster.dyn.mapper.resolve(manifest["apiVersion"], manifest["kind"])
        namespace = nested_get(manifest, "metadata", "namespace") or cluster.namespace
        yield Question(
            resource=resource,
            namespace=namespace if resource.namespaced else None,
            name=check_path_segment(nested_get(manifest, "metadata", "name", default=""), "name"),
        )


def _print_objects(cluster: Cluster, questions: list[Question], options: argparse.Namespace) -> int:
    from dynkube.cli.printers import print_objects

    objects: list[JSONObject] = []
    outcome = Outcome()
    for question in questions:
        with outcome.attempt(ignore_not_found=options.ignore_not_found):
            objects += _objects(cluster, question)
    single = len(questions) == 1 and questions[0].name is not None
    if objects or not single:
        print_objects(objects, output=options.output, as_list=not single, managed_fields=options.show_managed_fields)
    return outcome.code


def _objects(cluster: Cluster, question: Question) -> list[JSONObject]:
    view = cluster.view(question.resource, question.namespace)
    if question.name is not None:
        return [view.get(question.name)]
    return list(
        view.iter(label_selector=question.label_selector, field_selector=question.field_selector, limit=question.limit)
    )


def _print_tables(cluster: Cluster, questions: list[Question], options: argparse.Namespace) -> int:
    from dynkube.cli.tables import fetch

    outcome = Outcome()
    prefixed = len({question.resource.gvr for question in questions}) > 1
    printed: set[GroupVersionResource] = set()
    columns = Columns()
    for question in questions:
        with outcome.attempt(ignore_not_found=options.ignore_not_found):
            table = fetch(cluster.dyn.rest, question)
            if not table["rows"]:
                continue
            layout = layout_of(question, options, prefixed=prefixed)
            rows = [layout.row(table["columnDefinitions"], row) for row in table["rows"]]
            if question.resource.gvr not in printed:
                if printed:
                    print()
                columns = Columns()
                if not options.no_headers:
                    rows.insert(0, layout.heading(table["columnDefinitions"]))
            print("\n".join(columns.lines(rows)))
            printed.add(question.resource.gvr)
    if not printed and outcome.code == OK and not options.ignore_not_found:
        _say_nothing_found(questions)
    return outcome.code


def layout_of(question: Question, options: argparse.Namespace, *, prefixed: bool) -> Layout:
    """Return how a table that answers `question` is shown; `prefixed` puts the kind before each name."""
    from dynkube.cli.tables import Layout

    kind = question.resource.kind.lower()
    qualified = f"{kind}.{question.resource.group}" if question.resource.group else kind
    return Layout(
        wide=options.output == "wide",
        with_namespace=options.all_namespaces and question.resource.namespaced,
        kind_prefix=f"{qualified}/" if prefixed else "",
        label_columns=[label for labels in options.label_columns for label in labels.split(",")],
        show_labels=options.show_labels,
    )


def _say_nothing_found(questions: list[Question]) -> None:
    namespaces = {question.namespace for question in questions if question.resource.namespaced}
    where = f" in {namespaces.pop()} namespace." if len(namespaces) == 1 and None not in namespaces else ""
    print(f"No resources found{where}", file=sys.stderr)
