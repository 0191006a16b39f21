"""OpenAPI v2 (``/openapi/v2``), which kubectl before 1.27 validates, explains and merges by: as JSON and as protobuf.

The protobuf form is gnostic's ``openapi.v2.Document``. What is written of it is what clients read: definitions with
their extensions, and for each path the PATCH operation with its query parameters (how kubectl learns that dry run is
known).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: The media type of the answer. Clients ask for it with an ``@`` in place of the second dot, which no parser of media
#: types takes; that is why the real server answers with a dot.
PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"

_V3_PREFIX = "#/components/schemas/"
_V2_PREFIX = "#/definitions/"
#: Schemas of these scalar types are plain strings in v2.
_STRINGS = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "int-or-string",
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "",
}
#: Keywords v2 has no place for.
_UNKNOWN_TO_V2 = frozenset({"oneOf", "anyOf", "not", "nullable", "default"})


def definition(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a v3 component schema as a v2 definition."""
    if name in _STRINGS:
        return {"type": "string"} | ({"format": _STRINGS[name]} if _STRINGS[name] else {})
    return _converted(schema)


def _converted(schema: Mapping[str, Any]) -> dict[str, Any]:
    target = schema.get("$ref")
    only: list[Mapping[str, Any]] = list(schema.get("allOf") or [])
    if target is None and len(only) == 1:
        target = only[0].get("$ref")
    if isinstance(target, str):
        # Nothing but extensions may stand beside a reference; kubectl reads the patch strategy there.
        beside = {key: value for key, value in schema.items() if key.startswith("x-")}
        return {"$ref": _V2_PREFIX + target.removeprefix(_V3_PREFIX), **beside}
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": "string", "format": "int-or-string"}
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        # Old clients would refuse what the schema does not name.
        return {key: value for key, value in schema.items() if key in ("type", "description") or key.startswith("x-")}
    result: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _UNKNOWN_TO_V2 or key == "allOf":
            continue
        if key == "properties":
            result[key] = {name: _converted(item) for name, item in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            result[key] = _converted(value)
        else:
            result[key] = value
    return result


def document(version: str, schemas: Mapping[str, Any], paths: Mapping[str, Any]) -> dict[str, Any]:
    """Return the v2 document of v3 schemas and paths."""
    return {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": version},
        "paths": {path: {"patch": _operation(item["patch"])} for path, item in paths.items() if "patch" in item},
        "definitions": {name: definition(name, schema) for name, schema in schemas.items()},
    }


def _operation(operation: Mapping[str, Any]) -> dict[str, Any]:
    parameters = [
        {"name": parameter["name"], "in": "query", "type": parameter["schema"]["type"], "uniqueItems": True}
        for parameter in operation["parameters"]
    ]
    kept = ("operationId", "x-kubernetes-action", "x-kubernetes-group-version-kind")
    return {**{key: operation[key] for key in kept}, "parameters": parameters, "responses": {}}


# The protobuf form.


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _part(number: int, data: bytes | str) -> bytes:
    raw = data.encode() if isinstance(data, str) else data
    return _varint(number << 3 | 2) + _varint(len(raw)) + raw


def _true(number: int) -> bytes:
    return _varint(number << 3) + b"\x01"


def _named(name: str, value: bytes) -> bytes:
    return _part(1, name) + _part(2, value)


def _any(value: Any) -> bytes:
    # gnostic keeps free values as YAML text; JSON is YAML.
    return _part(2, json.dumps(value))


def _extensions(number: int, schema: Mapping[str, Any]) -> bytes:
    found = [(key, value) for key, value in schema.items() if key.startswith("x-")]
    return b"".join(_part(number, _named(key, _any(value))) for key, value in found)


def _schema(schema: Mapping[str, Any]) -> bytes:
    parts: list[bytes] = []
    for number, key in ((1, "$ref"), (2, "format"), (3, "title"), (4, "description"), (13, "pattern")):
        if isinstance(schema.get(key), str):
            parts.append(_part(number, schema[key]))
    parts += [_part(19, name) for name in schema.get("required") or ()]
    parts += [_part(20, _any(value)) for value in schema.get("enum") or ()]
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        parts.append(_part(21, _part(1, _schema(extra))))
    elif extra is True:
        parts.append(_part(21, _true(2)))
    if isinstance(schema.get("type"), str) and schema["type"]:
        parts.append(_part(22, _part(1, schema["type"])))
    if isinstance(schema.get("items"), dict):
        parts.append(_part(23, _part(1, _schema(schema["items"]))))
    if schema.get("properties"):
        parts.append(_part(25, _schemas(schema["properties"].items())))
    parts.append(_extensions(31, schema))
    return b"".join(parts)


def _schemas(items: Iterable[tuple[str, Any]]) -> bytes:
    return b"".join(_part(1, _named(name, _schema(schema))) for name, schema in items)


def _path(item: Mapping[str, Any]) -> bytes:
    patch = item["patch"]
    parts = [_part(5, patch["operationId"])]
    for parameter in patch["parameters"]:
        query = _part(2, "query") + _part(4, parameter["name"]) + _part(6, parameter["type"])
        # ParametersItem > Parameter > NonBodyParameter > QueryParameterSubSchema
        parts.append(_part(8, _part(1, _part(2, _part(3, query)))))
    return _part(8, b"".join(parts) + _extensions(13, patch))


def to_protobuf(made: Mapping[str, Any]) -> bytes:
    """Return a v2 document in gnostic's protobuf form."""
    info = _part(1, made["info"]["title"]) + _part(2, made["info"]["version"])
    paths = b"".join(_part(2, _named(path, _path(item))) for path, item in made["paths"].items())
    definitions = _schemas(made["definitions"].items())
    return _part(1, made["swagger"]) + _part(2, info) + _part(8, paths) + _part(9, definitions)
