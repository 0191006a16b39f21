"""What `get -o` takes, and how objects are printed in each of the forms that are not the server's table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from dynkube.cli.exits import UsageError
from dynkube.objects import JSONObject

#: Forms with a name alone; "wide" is a table.
PLAIN = ("wide", "yaml", "json", "name")
#: Forms that say after "=" what is printed.
TEMPLATES = ("jsonpath", "jsonpath-as-json", "jsonpath-file", "custom-columns")
#: For the help.
METAVAR = "FORM"
HELP = (
    "wide, yaml, json, name, jsonpath=TEMPLATE, jsonpath-as-json=TEMPLATE, jsonpath-file=FILE "
    "or custom-columns=HEADING:PATH,..."
)


#: Prints objects; the second argument says that they were not asked for as one single object.
Show: TypeAlias = Callable[[list[JSONObject], bool], None]


def output_form(text: str) -> str:
    """Return the form `text` means (argparse's `type`), in any letter case; raises argparse.ArgumentTypeError."""
    form, equals, value = text.partition("=")
    if not equals and form.lower() in PLAIN:
        return form.lower()
    if form not in TEMPLATES:
        raise argparse.ArgumentTypeError(f"invalid choice: {text!r} (choose from {HELP})")
    if not value:
        raise argparse.ArgumentTypeError(f"{form} needs to be told what to print: {form}=...")
    return text


def show_of(output: str | None, *, managed_fields: bool, headers: bool = True) -> Show | None:
    """Return what prints objects in the form `output`; None where that is a table.

    Nothing is asked of a server. Raises InvalidRequestError for a template that cannot be understood, UsageError for
    columns that cannot, and OSError for a file that cannot be read.
    """
    if output is None or output == "wide":
        return None
    form, _, value = output.partition("=")
    if form == "custom-columns":
        return _columns(value, headers=headers)
    if form == "jsonpath-file":
        return _template(Path(value).read_text(encoding="utf-8"))
    if form in {"jsonpath", "jsonpath-as-json"}:
        return _template(value, as_json=form == "jsonpath-as-json")
    return _plain(form, managed_fields=managed_fields)


def answers_of(output: str | None) -> Callable[[JSONObject], None] | None:
    """Return what prints the answers of a command, one after another, in the form `output`; None: a line tells of each.

    YAML is one stream of documents. Raises as `show_of`, so before anything is written.
    """
    show = show_of(output, managed_fields=False)
    if show is None:
        return None
    first = True

    def show_one(obj: JSONObject) -> None:
        nonlocal first
        if not first and output == "yaml":
            print("---")
        first = False
        show([obj], False)
        sys.stdout.flush()

    return show_one


def _plain(form: str, *, managed_fields: bool) -> Show:
    from dynkube.cli.printers import print_objects

    def show(objects: list[JSONObject], as_list: bool) -> None:
        print_objects(objects, output=form, as_list=as_list, managed_fields=managed_fields)

    return show


def _template(text: str, *, as_json: bool = False) -> Show:
    from dynkube.cli.printers import list_of
    from dynkube.cli.template import Template

    template = Template.parse(text, as_json=as_json)

    def show(objects: list[JSONObject], as_list: bool) -> None:
        for body in [list_of(objects)] if as_list else objects:
            sys.stdout.write(template.render(body))

    return show


def _columns(text: str, *, headers: bool) -> Show:
    """Return what prints a column for each `HEADING:PATH`; the heading is printed once, the columns stay aligned."""
    from dynkube.cli.columns import Columns
    from dynkube.watch import JSONPath
    from dynkube.watch.json_path import printed

    headings, paths = [], []
    for each in text.split(","):
        heading, colon, path = each.partition(":")
        if not (heading and colon and path):
            raise UsageError(f"custom-columns: {each!r} is not HEADING:PATH, as in NAME:.metadata.name")
        headings.append(heading)
        paths.append(JSONPath.parse(path))
    columns, heading_rows = Columns(), [headings] if headers else []

    def show(objects: list[JSONObject], _: bool) -> None:
        rows = [[",".join(map(printed, path.find(obj))) or "<none>" for path in paths] for obj in objects]
        for line in columns.lines([*heading_rows, *rows]):
            print(line)
        heading_rows.clear()

    return show
