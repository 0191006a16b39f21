"""`dynkube label` and `dynkube annotate`: marks set and removed, none replaced by accident."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from dynkube.cli.changing import add_options, change_each
from dynkube.cli.exits import DeclinedError, UsageError
from dynkube.controller.conflicts import retry_on_conflict
from dynkube.objects import nested_get

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from dynkube.cli.parsing import Parser
    from dynkube.cli.selection import Chosen
    from dynkube.objects import JSONObject


def configure_label(parser: Parser) -> None:
    """Declare the options of `label`."""
    _configure(parser, "labels", "label", "labeled")


def configure_annotate(parser: Parser) -> None:
    """Declare the options of `annotate`."""
    _configure(parser, "annotations", "annotate", "annotated")


def _configure(parser: Parser, field: str, command: str, done: str) -> None:
    add_options(parser)
    parser.epilog = f"KEY=VALUE sets, KEY- removes: dynkube {command} deployment web tier=front old-"
    parser.switch("--overwrite", text="replace a value that is there already")
    parser.set_defaults(run=functools.partial(run, field=field, command=command, done=done))


def run(options: argparse.Namespace, *, field: str, command: str, done: str) -> int:
    """Set and remove marks in metadata.`field` of every object meant; returns the exit code."""
    marks = _marks(options)
    if not marks:
        raise UsageError(f"which {field}? For example: dynkube {command} deployment web tier=front old-")

    def attempt(one: Chosen) -> tuple[JSONObject, str]:
        before = one.view.get(one.name)
        present: Mapping[str, str] = nested_get(before, "metadata", field) or {}
        news = {key: value for key, value in marks.items() if present.get(key) != value}
        if not news:
            return before, f"not {done}"
        for key in () if options.overwrite else news.keys() & present.keys():
            if news[key] is not None:
                raise DeclinedError(
                    f"{one.kind}/{one.name} has {key}={present[key]} already: --overwrite replaces it; left as it is"
                )
        # With the version just looked at, so that nothing set since is replaced unseen. A status written in between
        # is a conflict too, and no reason to give up: look again.
        metadata = {field: news, "resourceVersion": before["metadata"]["resourceVersion"]}
        after = one.view.patch(
            one.name,
            {"metadata": metadata},
            type="merge",
            dry_run=options.dry_run == "server",
            field_manager=options.field_manager,
        )
        return after, "unlabeled" if field == "labels" and set(marks.values()) == {None} else done

    def change(one: Chosen) -> tuple[JSONObject, str]:
        return retry_on_conflict(lambda: attempt(one))

    return change_each(options, change, example=f"dynkube {command} deployment web tier=front")


def _marks(options: argparse.Namespace) -> dict[str, str | None]:
    """Take the marks out of the positional words; None stands for one to remove."""
    marks: dict[str, str | None] = {}
    rest = []
    for word in options.targets:
        key, equals, value = word.partition("=")
        removed = not equals and word.endswith("-")
        if not (equals or removed):
            rest.append(word)
            continue
        key = key.removesuffix("-") if removed else key
        if not key:
            raise UsageError(f"{word!r} has no key")
        if key in marks:
            raise UsageError(f"{key!r} is given twice")
        marks[key] = None if removed else value
    options.targets = rest
    return marks
