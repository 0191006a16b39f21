"""`dynkube explain`: what the server's schema says of a resource's fields, built-in or custom."""

from __future__ import annotations

import contextlib
import textwrap
from typing import TYPE_CHECKING

from dynkube.cli.exits import OK

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from dynkube.cli.cluster import Cluster
    from dynkube.cli.parsing import Parser
    from dynkube.discovery.explain import Field
    from dynkube.names import GroupVersionKind

#: Longest line of a description, in characters.
WIDTH = 80


def configure(parser: Parser) -> None:
    """Declare the options of `explain`."""
    parser.add_argument("target", metavar="RESOURCE[.FIELD...]", help="deploy | deploy.spec.template.spec.containers")
    parser.add_argument("--api-version", metavar="GROUP/VERSION", help="instead of the server's preferred one: apps/v1")
    parser.switch("--recursive", text="the names and types of all fields below, without descriptions")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print what the schema says; returns the exit code."""
    from dynkube.cli.cluster import Cluster
    from dynkube.discovery.openapi import OpenAPIClient

    with Cluster(options) as cluster:
        kind, path = _kind_and_path(cluster, options)
        field = OpenAPIClient(cluster.dyn.rest).explain(kind, path)
        lines = [*_identity(kind), *_heading(field, is_kind=not path), *_fields(field, recursive=options.recursive)]
    for line in lines:
        print(line)
    return OK


def _kind_and_path(cluster: Cluster, options: argparse.Namespace) -> tuple[GroupVersionKind, str]:
    """Take the target apart: `deploy.spec`, or with the group after the resource `deployments.apps.spec`."""
    from dynkube.errors import MappingError

    resource, _, path = options.target.partition(".")
    if path and options.api_version is None:
        groups = {group.name for group in cluster.dyn.mapper.discovered().groups}
        words = path.split(".")
        for count in range(len(words), 0, -1):
            group = ".".join(words[:count])
            if group in groups:
                with contextlib.suppress(MappingError):  # a field may be called as some group is
                    return cluster.find(f"{resource}.{group}").gvk, ".".join(words[count:])
    return cluster.dyn.mapper.resolve(options.api_version, resource).gvk, path


def _identity(kind: GroupVersionKind) -> Iterator[str]:
    if kind.group:
        yield f"GROUP:      {kind.group}"
    yield f"KIND:       {kind.kind}"
    yield f"VERSION:    {kind.version}"
    yield ""


def _heading(field: Field, *, is_kind: bool) -> Iterator[str]:
    if not is_kind:
        yield f"FIELD: {field.name} <{field.type}>"
        if field.enum:
            yield "ENUM:"
            yield from (f"    {value}" for value in field.enum)
        # {} is what schema generators write for a structure without a default of its own.
        if field.has_default and field.default != {}:
            yield f"DEFAULT: {_json(field.default)}"
        yield ""
    yield "DESCRIPTION:"
    texts = [text for text in (field.description, field.type_description) if text]
    for text in dict.fromkeys(texts):
        yield from _wrapped(text, 4)
    if not texts:
        yield "    <empty>"
    yield ""


def _fields(field: Field, *, recursive: bool) -> Iterator[str]:
    listed = list(field.walk()) if recursive else [(0, child) for child in field.fields()]
    if listed:
        yield "FIELDS:"
    for depth, child in listed:
        margin = "  " * (depth + 1)
        yield f"{margin}{child.name}\t<{child.type}>{' -required-' if child.required else ''}"
        if child.enum:
            yield f"{margin}enum: {', '.join(map(str, child.enum))}"
        if not recursive:
            yield from _wrapped(child.description or "<no description>", 4)
            yield ""


def _wrapped(text: str, margin: int) -> Iterator[str]:
    for paragraph in text.splitlines():
        # A word is left whole, however long: most long ones are URLs, for somebody to copy.
        yield textwrap.fill(
            paragraph,
            WIDTH,
            initial_indent=" " * margin,
            subsequent_indent=" " * margin,
            break_long_words=False,
            break_on_hyphens=False,
        )


def _json(value: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)
