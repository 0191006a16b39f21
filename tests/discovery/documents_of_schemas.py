"""OpenAPI documents made of the recorded schemas and a custom kind, as a server would serve them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from discovery.fakes import Answer, FakeServer, resource, transcript

_DATA = Path(__file__).parents[2] / "dynkube" / "testing" / "data" / "schemas.json.gz"

#: A custom kind with every shape of field a CRD can have.
WIDGET: dict[str, Any] = {
    "type": "object",
    "description": "Widget is a thing.",
    "required": ["spec"],
    "properties": {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {
            "description": "Standard metadata.",
            "allOf": [{"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}],
        },
        "spec": {
            "type": "object",
            "description": "What is wished.",
            "required": ["size", "list"],
            "properties": {
                "size": {"type": "integer", "description": "How big.", "enum": [1, 2, 3], "default": 2},
                "port": {"x-kubernetes-int-or-string": True},
                "either": {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "any": {"x-kubernetes-preserve-unknown-fields": True},
                "list": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["a"],
                        "properties": {"a": {"type": "string", "enum": ["x", "y"]}, "b": {"type": "number"}},
                    },
                },
                "map": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
                "objects": {
                    "type": "object",
                    "additionalProperties": {"type": "object", "properties": {"q": {"type": "boolean"}}},
                },
                "nested": {
                    "type": "array",
                    "items": {
                        "type": "array",
                        "items": {"type": "object", "properties": {"deep": {"type": "string"}}},
                    },
                },
                "filled": {"type": "object", "default": {"a": 1}, "properties": {"a": {"type": "integer"}}},
                "empty": {"type": "string", "default": None, "nullable": True},
            },
        },
        "status": {"type": "object", "properties": {"ok": {"type": "boolean"}}},
    },
    "x-kubernetes-group-version-kind": [{"group": "example.com", "kind": "Widget", "version": "v1"}],
}


def schemas() -> dict[str, Any]:
    """Return every recorded schema and that of the custom kind."""
    with gzip.open(_DATA) as stream:
        recorded: dict[str, Any] = json.load(stream)
    return {**recorded["schemas"], "com.example.v1.Widget": WIDGET}


def _list_path(prefix: str, entry: dict[str, Any]) -> str:
    middle = "/namespaces/{namespace}" if entry["scope"] == "Namespaced" else ""
    return f"{prefix}{middle}/{entry['resource']}"


def openapi_server() -> FakeServer:
    """Return the recorded server with OpenAPI documents and a custom kind."""
    server = transcript("discovery-aggregated")
    core, named = server.answers["/api"], server.answers["/apis"]
    assert isinstance(core, Answer)
    assert isinstance(named, Answer)
    custom = [{"version": "v1", "freshness": "Current", "resources": [resource("widgets")]}]
    named.body["items"].append({"metadata": {"name": "example.com"}, "versions": custom})
    components = {"schemas": schemas()}
    index: dict[str, Any] = {}
    for item in [*core.body["items"], *named.body["items"]]:
        group = item["metadata"].get("name", "")
        for version in item["versions"]:
            name = f"apis/{group}/{version['version']}" if group else f"api/{version['version']}"
            paths = {
                _list_path(f"/{name}", entry): {
                    "get": {
                        "x-kubernetes-action": "list",
                        "x-kubernetes-group-version-kind": {
                            "group": group,
                            "version": version["version"],
                            "kind": entry["responseKind"]["kind"],
                        },
                    }
                }
                for entry in version["resources"]
            }
            url = f"/openapi/v3/{name}?hash=1"
            index[name] = {"serverRelativeURL": url}
            document = {"openapi": "3.0.0", "info": {"title": "t", "version": "v"}, "paths": paths}
            server.answers[url] = Answer({**document, "components": components})
    server.answers["/openapi/v3"] = Answer({"paths": index}, content_type="text/plain; charset=utf-8")
    return server
