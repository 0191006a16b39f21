"""Every built-in kind goes through the whole engine with random content, and nothing but a Status comes out."""

from __future__ import annotations

import copy
import json
import random
from dataclasses import dataclass
from typing import Any

import pytest

from dynkube.names import GroupVersionKind
from dynkube.testing.http.failures import Failure
from dynkube.testing.kinds import kind_rules
from dynkube.testing.objects import decoding
from dynkube.testing.objects.defaults import apply_defaults
from dynkube.testing.objects.go_shape import shape
from dynkube.testing.objects.schemas import Schema, SchemaSet
from dynkube.testing.objects.validation import validate
from dynkube.testing.patches import managed_fields, merge_patch, server_side_apply, strategic_patch
from dynkube.testing.printing import tables

KINDS = sorted(
    GroupVersionKind(kind["group"], kind["version"], kind["kind"])
    for raw in SchemaSet.builtin().definitions.values()
    for kind in raw.get("x-kubernetes-group-version-kind", ())
    if not kind["kind"].endswith(("List", "Options", "Review", "Event", "Status", "Group", "Versions"))
)


@dataclass(frozen=True)
class Resource:
    """The little validation asks of a resource."""

    group: str
    kind: str


def value(schema: Schema, dice: random.Random, depth: int) -> Any:
    """Return a random value that fits the schema; deep down, small ones."""
    if dice.random() < 0.05:
        return None
    scalars: dict[str, list[Any]] = {
        "any": [{}, {"a": 1}],
        "time": ["2026-01-01T00:00:00Z"],
        "microtime": ["2026-01-01T00:00:00.000000Z"],
        "duration": ["1s"],
        "quantity": ["1", "100m", "2Gi"],
        "int-or-string": [1, "25%", "http"],
    }
    if schema.scalar:
        return dice.choice(scalars[schema.scalar])
    if schema.type == "array":
        items = schema.items
        return [value(items, dice, depth - 1) for _ in range(dice.randrange(3))] if items and depth > 0 else []
    if schema.type == "object" or schema.properties:
        return struct(schema, dice, depth)
    if schema.type == "boolean":
        return dice.random() < 0.5
    if schema.type in {"integer", "number"}:
        return dice.choice([0, 1, 80, -1])
    return dice.choice(
        [*schema.raw.get("enum", ()), "", "a", "x.y", "A B", "MTIz"] if schema.format != "byte" else ["MTIz"]
    )


def struct(schema: Schema, dice: random.Random, depth: int) -> dict[str, Any]:
    """Return a random object of the schema."""
    if schema.is_map and schema.additional is not None:
        return {
            key: value(schema.additional, dice, depth - 1) for key in dice.sample(["a", "b/c", "!"], dice.randrange(3))
        }
    if depth <= 0:
        return {}
    chance = 0.5 if depth > 4 else 0.35
    return {key: value(field, dice, depth - 1) for key, field in schema.properties.items() if dice.random() < chance}


def document(gvk: GroupVersionKind, schema: Schema, dice: random.Random) -> dict[str, Any]:
    """Return a random object of the kind with a sound name."""
    found = struct(schema, dice, 7)
    metadata = {k: v for k, v in (found.get("metadata") or {}).items() if k in {"labels", "annotations", "finalizers"}}
    type_meta = {"apiVersion": gvk.group_version.api_version, "kind": gvk.kind}
    return {**found, **type_meta, "metadata": {**metadata, "name": "x", "uid": "u"}}


@pytest.mark.parametrize("gvk", KINDS, ids=lambda gvk: f"{gvk.kind}.{gvk.group_version.api_version}")
def test_random_objects_pass_through_or_are_refused(gvk: GroupVersionKind) -> None:
    """Decode, default, prepare, validate, own, print, patch and apply: no step fails but with a Failure."""
    schema = SchemaSet.builtin().schema_for(gvk)
    assert schema is not None
    dice = random.Random(str(gvk))
    rules, resource, stored = kind_rules(gvk), Resource(gvk.group, gvk.kind), None
    for _ in range(60):
        body = document(gvk, schema, dice)
        try:
            obj, _ = decoding.decode(json.dumps(body).encode(), "application/json", gvk=gvk, schema=schema)
            apply_defaults(obj, schema, gvk)
            once = copy.deepcopy(obj)
            assert apply_defaults(once, schema, gvk) == obj
            fields = {"manager": "m", "api_version": body["apiVersion"], "schema": schema, "time": "t"}
            entries = managed_fields.record_update(stored, obj, **fields)
            (rules.prepare_create(obj) if stored is None else rules.prepare_update(obj, stored))
            shape(obj, schema)
            assert shape(copy.deepcopy(obj), schema) == obj
            validate(obj, stored, resource, schema)
            if entries:
                obj["metadata"]["managedFields"] = entries
            table = tables.table([obj], gvk=gvk)
            assert len(table["rows"][0]["cells"]) == len(table["columnDefinitions"])
            again, _ = decoding.redecode(obj, gvk=gvk, schema=schema)
            assert again == obj
            patch = document(gvk, schema, dice)
            merge_patch.apply(obj, patch)
            stored = obj
            strategic_patch.apply(obj, patch, schema)
            arguments = {
                "manager": "n",
                "force": True,
                "api_version": body["apiVersion"],
                "schema": schema,
                "time": "t",
            }
            server_side_apply.apply(obj, patch, defaults=lambda o: apply_defaults(o, schema, gvk), **arguments)
        except Failure:
            continue
