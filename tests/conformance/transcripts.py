"""Reading transcripts, and comparing an answer with a recorded one, volatile values masked."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "fixtures" / "transcripts"
SCENARIOS = sorted(path.stem for path in FOLDER.glob("*.jsonl"))

#: Values that differ from run to run, by key.
_VOLATILE = {"uid", "resourceVersion", "continue", "clusterIP"}
_TIME_KEYS = {"creationTimestamp", "deletionTimestamp", "time", "lastTransitionTime", "lastUpdateTime", "lastProbeTime"}
_MASKS = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<uid>"),
    (re.compile(r"\bgen-[a-z0-9]{5}\b"), "gen-<random>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"), "<time>"),
    (re.compile(r"\b10\.0\.0\.\d+\b"), "<ip>"),
    (re.compile(r"in (precondition|the precondition|record) \(\d+\)"), r"in \1 (<version>)"),
    (re.compile(r'\\"resourceVersion\\":\\"\d+\\"'), '"resourceVersion":"<version>"'),
    (re.compile(r"(current:) \d+"), r"\1 <version>"),
)
_AGE = re.compile(r"^(\d+[smhdy])+$|^<unknown>$")
#: Answers whose bodies describe the machine they were recorded on: compared by status alone.
STATUS_ONLY = frozenset({"/version", "/openapi/v3", "/livez?verbose"})


def steps(scenario: str) -> list[dict[str, Any]]:
    """Return the steps of a scenario."""
    lines = (FOLDER / f"{scenario}.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines[1:]]


def fill(value: Any, names: dict[str, str]) -> Any:
    """Put saved values in the place of their names."""
    if isinstance(value, str):
        return re.sub(r"\$\{(\w+)\}", lambda found: str(names.get(found[1], found[0])), value)
    if isinstance(value, dict):
        return {fill(key, names): fill(item, names) for key, item in value.items()}
    return [fill(item, names) for item in value] if isinstance(value, list) else value


def look_up(document: Any, path: str) -> Any:
    """Return what a dotted path leads to."""
    for part in path.split("."):
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


def _mask_text(text: str) -> str:
    for pattern, replacement in _MASKS:
        text = pattern.sub(replacement, text)
    return text


def masked(value: Any, key: str = "") -> Any:
    """Return a document with everything volatile replaced, and unordered lists sorted."""
    if isinstance(value, dict):
        return {_mask_text(name): masked(item, name) for name, item in value.items()}
    if isinstance(value, list):
        if key == "cells":
            return ["<age>" if isinstance(item, str) and _AGE.match(item) else masked(item) for item in value]
        found = [masked(item, key if key == "clusterIPs" else "") for item in value]
        unordered = key in ("managedFields", "causes")
        return sorted(found, key=lambda item: json.dumps(item, sort_keys=True)) if unordered else found
    if not isinstance(value, str):
        return value
    if key in _VOLATILE and value not in ("", "None"):
        return f"<{key}>"
    return "<time>" if key in _TIME_KEYS and value else _mask_text(value)


def events(stream: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the events of a watch without the bookmarks that come when the server pleases."""
    kept = []
    for event in stream:
        metadata = (event.get("object") or {}).get("metadata") or {}
        if event["type"] != "BOOKMARK" or metadata.get("annotations"):
            kept.append(event)
    return kept


def comparable(answer: dict[str, Any], path: str) -> dict[str, Any]:
    """Return what of an answer must agree."""
    headers = answer["headers"]
    shown: dict[str, Any] = {"status": answer["status"]}
    if path in STATUS_ONLY:
        return shown
    shown["content-type"] = headers.get("content-type", "").split(";")[0]
    shown["warning"] = headers.get("warning")
    if "stream" in answer:
        shown["stream"] = masked(events(answer["stream"]))
    elif "body" in answer:
        shown["body"] = masked(answer["body"])
    return shown
