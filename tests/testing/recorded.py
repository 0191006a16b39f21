"""What a real server answered: the recorded transcripts as material for tests of single parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynkube.names import GroupVersion, GroupVersionKind
from dynkube.testing.objects.schemas import Schema, SchemaSet

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parents[2] / "fixtures" / "transcripts"


def steps(*names: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every step of the named transcripts (all of them when none is named) with its title."""
    for path in sorted(FOLDER.glob("*.jsonl")):
        if names and path.stem not in names:
            continue
        for line in path.read_text().splitlines():
            step = json.loads(line)
            if "request" in step:
                yield f"{path.stem}-{step['step']}", step


def gvk_of(obj: dict[str, Any]) -> GroupVersionKind:
    """Return the kind an object says it is."""
    return GroupVersion.parse(obj["apiVersion"]).with_kind(obj["kind"])


def schema_of(gvk: GroupVersionKind) -> Schema:
    """Return a recorded schema."""
    found = SchemaSet.builtin().schema_for(gvk)
    assert found is not None
    return found


def creates() -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Return title, body and answer of every recorded create of a built-in object."""
    found = []
    for title, step in steps():
        request, answer = step["request"], step["response"]
        body = request.get("body")
        if request["method"] != "POST" or answer["status"] != 201 or not isinstance(body, dict):
            continue
        if answer["body"]["kind"].endswith(("Status", "Review")) or "example.com" in answer["body"]["apiVersion"]:
            continue
        found.append((title, body, answer["body"]))
    return found


def tables() -> list[tuple[str, dict[str, Any]]]:
    """Return title and answer of every recorded table with its columns."""
    return [
        (title, step["response"]["body"])
        for title, step in steps()
        if isinstance(step["response"].get("body"), dict) and step["response"]["body"].get("kind") == "Table"
    ]
