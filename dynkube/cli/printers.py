"""Objects as JSON, YAML and names: the machine-readable outputs, laid out as kubectl lays them out."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynkube.objects import JSONObject


def qualified_name(obj: Mapping[str, Any]) -> str:
    """Return `deployment.apps/web`: the lower-case kind, its group unless it is the core one, and the name."""
    group, slash, _ = str(obj.get("apiVersion", "")).partition("/")
    kind = str(obj.get("kind", "")).lower()
    name = (obj.get("metadata") or {}).get("name", "")
    return f"{kind}.{group}/{name}" if slash else f"{kind}/{name}"


def print_objects(objects: list[JSONObject], *, output: str, as_list: bool, managed_fields: bool = False) -> None:
    """Print `objects` in the form `output`: "json", "yaml" or "name".

    `as_list` wraps them in a List, as kubectl does for whatever was not asked for as one single object.
    """
    if output == "name":
        for obj in objects:
            print(qualified_name(obj))
        return
    if not managed_fields:
        objects = [without_managed_fields(obj) for obj in objects]
    if as_list:
        sys.stdout.write(as_text(list_of(objects), output))
        return
    for index, obj in enumerate(objects):
        if index and output == "yaml":
            print("---")
        sys.stdout.write(as_text(obj, output))


def list_of(objects: list[JSONObject]) -> JSONObject:
    """Return a List of `objects`, as kubectl makes one of whatever was not asked for as one single object."""
    return {"apiVersion": "v1", "items": objects, "kind": "List", "metadata": {"resourceVersion": ""}}


def as_text(body: JSONObject, output: str) -> str:
    """Return `body` as "json" or "yaml", keys sorted as kubectl sorts them, ending in a newline."""
    if output == "json":
        return json.dumps(body, indent=4, sort_keys=True, ensure_ascii=False) + "\n"
    from dynkube.objects import dump_yaml

    return dump_yaml(_sorted(body))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(each) for each in value] if isinstance(value, list) else value


def without_managed_fields(obj: JSONObject) -> JSONObject:
    """Return `obj` without metadata.managedFields, which drown what a person looks for; `obj` itself is not changed."""
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict) or "managedFields" not in metadata:
        return obj
    return {**obj, "metadata": {key: value for key, value in metadata.items() if key != "managedFields"}}
