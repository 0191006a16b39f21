"""OpenAPI v3: an index and a document for each group version, made from the schemas, CRDs included.

Good enough for what clients do with them: ``kubectl explain``, ``kubectl create --validate`` (which looks for the
fieldValidation parameter), and generators that read component schemas.
"""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING, Any

from dynkube.testing.http.negotiation import encode_json
from dynkube.testing.resources import openapi_v2

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dynkube.names import GroupVersion, GroupVersionKind
    from dynkube.testing.flows.cluster import Cluster
    from dynkube.testing.resources.registry import Resource

_PREFIX = "#/components/schemas/"
_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_METHODS = {"get": "get", "update": "put", "patch": "patch", "delete": "delete", "create": "post", "list": "get"}
_LIST_PARAMETERS = (
    ("allowWatchBookmarks", "boolean"),
    ("continue", "string"),
    ("fieldSelector", "string"),
    ("labelSelector", "string"),
    ("limit", "integer"),
    ("resourceVersion", "string"),
    ("resourceVersionMatch", "string"),
    ("sendInitialEvents", "boolean"),
    ("timeoutSeconds", "integer"),
    ("watch", "boolean"),
)
_WRITE_PARAMETERS = (("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string"))
_DELETE_PARAMETERS = (
    ("dryRun", "string"),
    ("gracePeriodSeconds", "integer"),
    ("orphanDependents", "boolean"),
    ("propagationPolicy", "string"),
)
_PATCH_TYPES = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)
_PARAMETERS_OF = {
    "list": _LIST_PARAMETERS,
    "create": _WRITE_PARAMETERS,
    "update": _WRITE_PARAMETERS,
    "patch": (*_WRITE_PARAMETERS, ("force", "boolean")),
    "delete": _DELETE_PARAMETERS,
    "deletecollection": (*_DELETE_PARAMETERS, *_LIST_PARAMETERS),
}


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        target = node.get("$ref")
        if isinstance(target, str) and target.startswith(_PREFIX):
            yield target[len(_PREFIX) :]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _parameter(name: str, kind: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": True}}


def custom_name(resource: Resource, kind: str) -> str:
    """Return the component name of a custom kind: ``com.example.stable.v1.Widget``."""
    return ".".join([*reversed(resource.group.split(".")), resource.version, kind])


def _kind(gvk: GroupVersionKind) -> dict[str, str]:
    return {"group": gvk.group, "kind": gvk.kind, "version": gvk.version}


class OpenAPI:
    """The index and the documents; made when asked for, anew when the served resources have changed."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._lock = threading.Lock()
        self._generation = -1
        self._documents: dict[str, tuple[bytes, str]] = {}
        self._version_2: tuple[int, dict[bool, bytes]] | None = None
        definitions = cluster.schemas.definitions
        self._names: dict[tuple[str, str, str], str] = {}
        for name, definition in definitions.items():
            for kind in definition.get("x-kubernetes-group-version-kind", ()):
                self._names.setdefault((kind["group"], kind["version"], kind["kind"]), name)

    def index(self) -> dict[str, Any]:
        """Return ``GET /openapi/v3``."""
        paths = {}
        for gv in self._cluster.registry.group_versions():
            path = _path_of(gv)
            paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={self._made(path, gv)[1]}"}
        return {"paths": dict(sorted(paths.items()))}

    def version_2(self, *, protobuf: bool) -> bytes:
        """Return ``GET /openapi/v2`` as JSON or as protobuf; made once for each set of served resources."""
        generation = self._cluster.registry.generation
        with self._lock:
            kept = self._version_2
            if kept is not None and kept[0] == generation:
                return kept[1][protobuf]
        schemas: dict[str, Any] = {}
        paths: dict[str, Any] = {}
        for gv in self._cluster.registry.group_versions():
            for resource in self._cluster.registry.resources(gv.group, gv.version):
                self._add_resource(resource, paths, schemas)
        self._close(schemas)
        version = self._cluster.registry.server_version["gitVersion"]
        made = openapi_v2.document(version, schemas, paths)
        encoded = {False: encode_json(made), True: openapi_v2.to_protobuf(made)}
        with self._lock:
            self._version_2 = (generation, encoded)
        return encoded[protobuf]

    def document(self, path: str) -> tuple[bytes, str] | None:
        """Return the document of ``api/v1`` or ``apis/<group>/<version>`` and its hash, None if it is not served."""
        for gv in self._cluster.registry.group_versions():
            if _path_of(gv) == path:
                return self._made(path, gv)
        return None

    def _made(self, path: str, gv: GroupVersion) -> tuple[bytes, str]:
        with self._lock:
            generation = self._cluster.registry.generation
            if generation != self._generation:
                kept = self._cluster.registry.builtin_group
                self._documents = {
                    known: made for known, made in self._documents.items() if kept(_group_of_path(known))
                }
                self._generation = generation
            if path not in self._documents:
                body = encode_json(self._document(gv))
                self._documents[path] = (body, hashlib.sha512(body).hexdigest().upper())
            return self._documents[path]

    def _document(self, gv: GroupVersion) -> dict[str, Any]:
        paths: dict[str, Any] = {}
        schemas: dict[str, Any] = {}
        for resource in self._cluster.registry.resources(gv.group, gv.version):
            self._add_resource(resource, paths, schemas)
        for name in ("DeleteOptions", "Patch", "Status"):
            schemas.setdefault(_META + name, self._definition(_META + name))
        self._close(schemas)
        return {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": self._cluster.registry.server_version["gitVersion"]},
            "paths": paths,
            "components": {"schemas": dict(sorted(schemas.items()))},
        }

    def _definition(self, name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._cluster.schemas.definitions.get(name, {"type": "object"})
        return found

    def _close(self, schemas: dict[str, Any]) -> None:
        """Add every schema that one in the document refers to."""
        open_names = [name for schema in list(schemas.values()) for name in _references(schema)]
        while open_names:
            name = open_names.pop()
            if name not in schemas:
                schemas[name] = self._definition(name)
                open_names += _references(schemas[name])

    def _component(self, resource: Resource, gvk: GroupVersionKind, schemas: dict[str, Any]) -> str:
        name = self._names.get((gvk.group, gvk.version, gvk.kind))
        if resource.custom and gvk == resource.gvk:
            name = custom_name(resource, resource.kind)
            schemas[name] = self._custom_schema(resource)
        elif name is None:
            name = _META + "Status"
        else:
            schemas[name] = self._definition(name)
        return _PREFIX + name

    @staticmethod
    def _custom_schema(resource: Resource) -> dict[str, Any]:
        raw = dict((resource.definition.get("schema") or {}).get("openAPIV3Schema") or {"type": "object"})
        properties = dict(raw.get("properties") or {})
        properties["apiVersion"] = {"type": "string", "description": "APIVersion defines the version of this object."}
        properties["kind"] = {"type": "string", "description": "Kind is the name of this object's type."}
        properties["metadata"] = {"allOf": [{"$ref": f"{_PREFIX}{_META}ObjectMeta"}]}
        return {**raw, "properties": properties, "x-kubernetes-group-version-kind": [_kind(resource.gvk)]}

    def _list_component(self, resource: Resource, item: str, schemas: dict[str, Any]) -> str:
        if not resource.custom:
            name = self._names.get((resource.group, resource.version, resource.list_kind))
            if name is not None:
                schemas[name] = self._definition(name)
                return _PREFIX + name
        name = custom_name(resource, resource.list_kind) if resource.custom else _META + "Status"
        if resource.custom:
            schemas[name] = {
                "type": "object",
                "required": ["items"],
                "properties": {
                    "apiVersion": {"type": "string"},
                    "kind": {"type": "string"},
                    "metadata": {"allOf": [{"$ref": f"{_PREFIX}{_META}ListMeta"}]},
                    "items": {"type": "array", "items": {"$ref": item}},
                },
                "x-kubernetes-group-version-kind": [{**_kind(resource.gvk), "kind": resource.list_kind}],
            }
        return _PREFIX + name

    def _add_resource(self, resource: Resource, paths: dict[str, Any], schemas: dict[str, Any]) -> None:
        reference = self._component(resource, resource.gvk, schemas)
        root = f"/api/{resource.version}" if not resource.group else f"/apis/{resource.group}/{resource.version}"
        inside = f"{root}/namespaces/{{namespace}}" if resource.namespaced else root
        listed = self._list_component(resource, reference, schemas) if "list" in resource.verbs else reference
        collection, single = f"{inside}/{resource.name}", f"{inside}/{resource.name}/{{name}}"
        for verb in resource.verbs:
            if verb == "watch":
                continue
            one = verb in ("get", "update", "patch", "delete")
            answer = listed if verb == "list" else reference
            method = "delete" if verb == "deletecollection" else _METHODS[verb]
            target = paths.setdefault(single if one else collection, _path_item(resource, named=one))
            target[method] = _operation(verb, resource.gvk, reference, answer)
        if resource.namespaced and "list" in resource.verbs:
            item = paths.setdefault(f"{root}/{resource.name}", {})
            item["get"] = _operation("list", resource.gvk, reference, listed)
        for sub in resource.subresources.values():
            gvk = type(resource.gvk)(sub.group, sub.version, sub.kind)
            own = self._component(resource, gvk, schemas)
            target = paths.setdefault(f"{single}/{sub.name}", _path_item(resource, named=True))
            for verb in sub.verbs:
                if verb in _METHODS:
                    target[_METHODS[verb]] = _operation(verb, gvk, own, own)


def _path_of(gv: GroupVersion) -> str:
    return f"apis/{gv.group}/{gv.version}" if gv.group else f"api/{gv.version}"


def _group_of_path(path: str) -> str:
    parts = path.split("/")
    return parts[1] if parts[0] == "apis" else ""


def _path_item(resource: Resource, *, named: bool) -> dict[str, Any]:
    parameters = [_parameter("pretty", "string")]
    for name in (["name"] if named else []) + (["namespace"] if resource.namespaced else []):
        parameter = {"name": name, "in": "path", "required": True, "schema": {"type": "string", "uniqueItems": True}}
        parameters.insert(0, parameter)
    return {"parameters": parameters}


def _operation(verb: str, gvk: GroupVersionKind, body: str, answer: str) -> dict[str, Any]:
    actions = {"create": "post", "update": "put"}
    content = {"application/json": {"schema": {"$ref": answer}}, "application/yaml": {"schema": {"$ref": answer}}}
    operation: dict[str, Any] = {
        "tags": [f"{gvk.group or 'core'}_{gvk.version}"],
        "operationId": f"{verb}{gvk.group.title().replace('.', '')}{gvk.version.title()}{gvk.kind}",
        "parameters": [_parameter(name, kind) for name, kind in _PARAMETERS_OF.get(verb, ())],
        "responses": {"200": {"description": "OK", "content": content}},
        "x-kubernetes-action": actions.get(verb, verb),
        "x-kubernetes-group-version-kind": _kind(gvk),
    }
    if verb in ("create", "update"):
        operation["requestBody"] = {"content": {"*/*": {"schema": {"$ref": body}}}, "required": True}
    elif verb == "patch":
        patch = {"schema": {"$ref": f"{_PREFIX}{_META}Patch"}}
        operation["requestBody"] = {"content": dict.fromkeys(_PATCH_TYPES, patch), "required": True}
    elif verb in ("delete", "deletecollection"):
        options = {"schema": {"$ref": f"{_PREFIX}{_META}DeleteOptions"}}
        operation["requestBody"] = {"content": {"*/*": options}}
    return operation
