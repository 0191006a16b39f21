"""Which schemas a definition may carry, and where the server says they are wrong (heard from a kube-apiserver 1.36)."""

from __future__ import annotations

from typing import Any

import pytest

from dynkube.testing.objects import go_patterns
from testing.objects.test_validation import causes, crd

OBJECT: dict[str, Any] = {"type": "object"}
TEXT: dict[str, Any] = {"type": "string"}
INTEGER: dict[str, Any] = {"type": "integer"}
ITEM = {"type": "object", "properties": {"a": TEXT}, "required": ["a"]}
#: A list whose elements are told apart by their ``a``.
KEYED: dict[str, Any] = {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a"]}
KEYS = "x-kubernetes-list-map-keys"
ROOT = "spec.validation.openAPIV3Schema"
SPEC = f"{ROOT}.properties[spec]"


def told(found: list[Any]) -> list[str]:
    """Return the places and messages."""
    return [str(cause) for cause in found]


def of_spec(schema: dict[str, Any]) -> list[str]:
    """Return what is said about a definition whose ``spec`` has this schema."""
    return told(causes(crd({"type": "object", "properties": {"spec": schema}})))


@pytest.mark.parametrize(
    "schema",
    [
        {**OBJECT, "additionalProperties": False},
        {**OBJECT, "properties": {"a": TEXT}, "additionalProperties": True},
        {"x-kubernetes-int-or-string": True, "type": "string"},
        {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
        {
            "x-kubernetes-int-or-string": True,
            "allOf": [{"anyOf": [{"type": "integer"}, {"type": "string"}]}, {"maximum": 5}],
        },
        {**OBJECT, "anyOf": [{"properties": {"b": {"minLength": 1}}}]},
        {"type": "array", "items": ITEM, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a"]},
        {"type": "array", "items": {**ITEM, "x-kubernetes-map-type": "atomic"}, "x-kubernetes-list-type": "set"},
    ],
)
def test_structural_schemas_are_taken(schema: dict[str, Any]) -> None:
    """What a real server stores is stored."""
    assert of_spec(schema) == []


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (
            {**OBJECT, "properties": {"a": TEXT}, "additionalProperties": False},
            ["additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive"],
        ),
        (
            {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "string"}, {"type": "integer"}]},
            [
                "anyOf[0].type: Forbidden: must be empty to be structural",
                "anyOf[1].type: Forbidden: must be empty to be structural",
            ],
        ),
        (
            {**OBJECT, "allOf": [{"default": {}}]},
            ["allOf[0].default: Forbidden: must be undefined to be structural"],
        ),
        (
            {**OBJECT, "not": {"nullable": True, "title": "t"}},
            [
                "not.nullable: Forbidden: must be false to be structural",
                "not.title: Forbidden: must be empty to be structural",
            ],
        ),
        (
            {**OBJECT, "x-kubernetes-embedded-resource": True},
            [
                (
                    "properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without "
                    "x-kubernetes-preserve-unknown-fields"
                )
            ],
        ),
        (
            {**OBJECT, "x-kubernetes-preserve-unknown-fields": False},
            ["x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined"],
        ),
        (
            {**TEXT, "x-kubernetes-map-type": "atomic"},
            ['type: Invalid value: "string": must be object if x-kubernetes-map-type is specified'],
        ),
        (
            {**OBJECT, "x-kubernetes-map-type": "zz"},
            ['x-kubernetes-map-type: Unsupported value: "zz": supported values: "atomic", "granular"'],
        ),
        (
            {"type": "array", "items": TEXT, "x-kubernetes-list-type": "map"},
            [
                "x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map",
                'items.type: Invalid value: "string": must be object if parent array\'s x-kubernetes-list-type is map',
            ],
        ),
        (
            {
                "type": "array",
                "items": {"type": "object", "properties": {"a": TEXT}},
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["a", "b"],
            },
            [
                'x-kubernetes-list-map-keys: Invalid value: ["a","b"]: entries must all be names of item properties',
                (
                    "items.properties[a].default: Required value: this property is in x-kubernetes-list-map-keys, "
                    "so it must have a default or be a required property"
                ),
            ],
        ),
        (
            {"type": "array", "items": ITEM, "x-kubernetes-list-map-keys": ["a"]},
            ["x-kubernetes-list-type: Required value: must be map if x-kubernetes-list-map-keys is non-empty"],
        ),
        (
            {"type": "array", "items": ITEM, "x-kubernetes-list-type": "set"},
            [
                (
                    "items.x-kubernetes-map-type: Invalid value: null: "
                    "must be atomic as item of a list with x-kubernetes-list-type=set"
                )
            ],
        ),
        (
            {"type": "array", "items": {**TEXT, "nullable": True}, "x-kubernetes-list-type": "set"},
            ["items.nullable: Forbidden: cannot be nullable when x-kubernetes-list-type is set"],
        ),
        (
            {**OBJECT, "properties": {"a": TEXT}, "default": {"zz": 1}},
            ['default: Invalid value: {"zz":1}: must not have unknown fields'],
        ),
        (
            {**INTEGER, "default": "x"},
            ['default: Invalid value: "string":  in body must be of type integer: "string"'],
        ),
        (
            {**OBJECT, "properties": {"a": TEXT}, "default": {"a": 1}},
            ['default.a: Invalid value: "integer": a in body must be of type string: "integer"'],
        ),
    ],
)
def test_what_is_not_structural_is_refused(schema: dict[str, Any], expected: list[str]) -> None:
    """A real server names the keyword; of a single version it speaks as if it stood above the versions."""
    assert of_spec(schema) == [f"{SPEC}.{message}" for message in expected]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        # Shape before keywords, what is inside before what is around it, fields by name.
        (
            {**OBJECT, "properties": {"x": {"type": "bad", "properties": {"y": {}}}, "z": {"type": "array"}}},
            ["properties[x].properties[y].type", "properties[z].items", "properties[x].type"],
        ),
        (
            {"x-kubernetes-list-type": "atomic", "properties": {"y": {}, "a": {}}},
            ["properties[a].type", "properties[y].type", "type", "type"],
        ),
        (
            {**OBJECT, "uniqueItems": True, "properties": {"a": {"type": "array"}}},
            ["properties[a].items", "uniqueItems"],
        ),
        (
            {**OBJECT, "properties": {"x": {**TEXT, "x-kubernetes-list-type": "bad"}, "y": {}}},
            ["properties[y].type", "properties[x].type", "properties[x].x-kubernetes-list-type"],
        ),
        # A keyword that the first pass has no place for.
        ({"type": "bad", "id": "x", "properties": {"b": {}}}, ["type", "id"]),
        (
            {**OBJECT, "x-kubernetes-preserve-unknown-fields": False, "properties": {"a": {"type": "bad"}}},
            ["properties[a].type", "x-kubernetes-preserve-unknown-fields"],
        ),
        # Defaults are for schemas that have a shape, and are told before keywords.
        ({**OBJECT, "properties": {"y": {**TEXT, "default": 1}, "z": {}}}, ["properties[z].type"]),
        (
            {**OBJECT, "properties": {"y": {**TEXT, "default": 1}, "z": {"type": "bad"}}},
            ["properties[y].default", "properties[z].type"],
        ),
        # Lists by key.
        ({**KEYED}, ["items", "items"]),
        ({**KEYED, "items": {}}, ["items.type", "items.type"]),
        ({**KEYED, "items": TEXT}, ["items.type"]),
        ({**KEYED, "x-kubernetes-list-map-keys": ["a", "b", "a"], "items": ITEM}, [KEYS, KEYS]),
        (
            {"type": "array", "items": {**OBJECT, "nullable": True}, "x-kubernetes-list-type": "set"},
            ["items.x-kubernetes-map-type", "items.nullable"],
        ),
        # Below junctors.
        (
            {**OBJECT, "anyOf": [{**TEXT, "properties": {"q": {"type": "bad"}}}]},
            ["anyOf[0].properties[q].type", "anyOf[0].type", "anyOf[0].properties[q].type"],
        ),
        # Rules are compiled in sound schemas alone; that one is missing is always told.
        ({**OBJECT, "x-kubernetes-validations": [{"rule": "x +"}], "properties": {"z": {}}}, ["properties[z].type"]),
        (
            {**OBJECT, "x-kubernetes-validations": [{"rule": ""}], "properties": {"z": {"type": "bad"}}},
            ["properties[z].type", "x-kubernetes-validations[0].rule"],
        ),
    ],
)
def test_a_schema_is_looked_at_twice(schema: dict[str, Any], expected: list[str]) -> None:
    """What is told, and in which order: a real server's first pass is about the shape, its second about keywords."""
    found = causes(crd({"type": "object", "properties": {"spec": schema}}))
    assert [cause.field for cause in found] == [f"{SPEC}.{place}" for place in expected]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (
            {"x-kubernetes-list-type": "atomic", "x-kubernetes-preserve-unknown-fields": True},
            "type: Required value: must be array if x-kubernetes-list-type is specified",
        ),
        (
            {"x-kubernetes-map-type": "atomic", "x-kubernetes-preserve-unknown-fields": True},
            "type: Required value: must be object if x-kubernetes-map-type is specified",
        ),
        (
            {"x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True},
            "type: Required value: must be object if x-kubernetes-embedded-resource is true",
        ),
    ],
)
def test_a_type_that_is_missing_is_required(schema: dict[str, Any], expected: str) -> None:
    """Keywords ask for a type; one that is not there is not called invalid."""
    assert of_spec(schema) == [f"{SPEC}.{expected}"]


def test_a_key_that_is_no_scalar_is_told_with_the_type_of_the_element() -> None:
    """The server means the key and shows the object it is in."""
    item = {"type": "object", "properties": {"a": {"type": "array", "items": TEXT}}, "required": ["a"]}
    why = "must be a scalar type if parent array's x-kubernetes-list-type is map"
    assert of_spec({**KEYED, "items": item}) == [f'{SPEC}.items.properties[a].type: Invalid value: "object": {why}']


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({**OBJECT, "nullable": True}, "nullable: Forbidden: nullable cannot be true at the root"),
        ({**OBJECT, "additionalProperties": TEXT}, "additionalProperties: Forbidden: must not be used at the root"),
        (
            {**OBJECT, "properties": {"apiVersion": INTEGER}},
            'properties[apiVersion].type: Invalid value: "integer": must be string',
        ),
        (
            {**OBJECT, "properties": {"metadata": {**OBJECT, "properties": {"name": TEXT, "labels": OBJECT}}}},
            (
                "properties[metadata]: Forbidden: must not specify anything other than name and generateName, "
                "but metadata is implicitly specified"
            ),
        ),
    ],
)
def test_the_root_keeps_what_every_object_has(schema: dict[str, Any], expected: str) -> None:
    """The root is an object with apiVersion, kind and metadata; schemas cannot change that."""
    assert told(causes(crd(schema))) == [f"{ROOT}.{expected}"]


def test_versions_that_differ_are_named_one_by_one() -> None:
    """Only what all versions have in common is told of the definition as a whole."""
    broken = {"type": "object", "properties": {"a": {}}}
    versions = [
        {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": OBJECT}},
        {"name": "v2", "served": True, "storage": False, "schema": {"openAPIV3Schema": broken}},
    ]
    where = "spec.versions[1].schema.openAPIV3Schema.properties[a].type"
    assert [cause.field for cause in causes(crd(versions=versions))] == [where]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (".spec.name", ""),
        (".spec.on", ""),
        (".spec.ratio", "must point to a field of type string, boolean or integer. Enum string fields and strings"),
        (".spec", "must point to a field of type string, boolean or integer. Enum string fields and strings"),
        (".spec.nope", "is an invalid path: does not refer to a valid field"),
        (".spec.list[0]", "is an invalid path: array notation is not allowed"),
        (".metadata.name", "is an invalid path: does not refer to a valid field"),
        ("..", "is an invalid path: does not refer to a valid field"),
        ("spec.name", "is an invalid path: expected [ or . but got: spec"),
        (".spec.", "is an invalid path: unexpected end of JSON path"),
    ],
)
def test_selectable_fields_are_scalars_of_the_schema(path: str, why: str) -> None:
    """A field selector compares text: the path leads to a text, number or boolean of the schema, or is refused."""
    properties = {"name": TEXT, "on": {"type": "boolean"}, "ratio": {"type": "number"}}
    properties["list"] = {"type": "array", "items": TEXT}
    definition = crd({"type": "object", "properties": {"spec": {"type": "object", "properties": properties}}})
    definition["spec"]["versions"][0]["selectableFields"] = [{"jsonPath": path}]
    found = told(causes(definition))
    start = f'spec.selectableFields[0].jsonPath: Invalid value: "{path}": {why}'
    assert found == [] if not why else (len(found) == 1 and found[0].startswith(start))


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("(", "missing closing ): `(`"),
        ("[", "missing closing ]: `[`"),
        ("*a", "missing argument to repetition operator: `*`"),
        ("a)", "unexpected ): `a)`"),
    ],
)
def test_what_is_wrong_with_a_pattern_is_said_in_go_s_words(pattern: str, problem: str) -> None:
    """The server quotes its own parser of regular expressions."""
    assert go_patterns.problem(pattern) == f"error parsing regexp: {problem}"


def test_the_name_of_a_stored_definition_is_not_judged_again() -> None:
    """An update that changes the group is told that the group is immutable, and nothing about the name."""
    new = crd()
    new["spec"]["group"] = "f.com"
    assert told(causes(new, crd())) == ['spec.group: Invalid value: "f.com": field is immutable']
