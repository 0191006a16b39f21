"""The shapes of kinds: one Schema for built-in kinds (recorded OpenAPI) and for custom ones (structural schemas).

A Schema is a lazy view on the JSON document it came from: children are made when they are first asked for, and ``$ref``
and the one-element ``allOf`` that wraps it are followed without a trace. Recursive types cost nothing until walked.
"""

from __future__ import annotations

import functools
import gzip
import json
from importlib import resources
from typing import TYPE_CHECKING, Any

from dynkube.names import GroupVersionKind
from dynkube.testing.objects import go_structs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynkube.testing.objects.go_structs import GoField

#: How a ``$ref`` of the recorded documents starts.
_REF_PREFIX = "#/components/schemas/"
_OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"

#: Definitions that carry meaning of their own: what JSON value they accept is decided by their name.
_SCALARS = {
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "time",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "microtime",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Duration": "duration",
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "int-or-string",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "any",
    "io.k8s.apimachinery.pkg.runtime.RawExtension": "any",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON": "any",
}
#: Go unions of a schema with a boolean or a list: an object among them is read as a JSONSchemaProps.
_SCHEMA_UNIONS = frozenset({"JSONSchemaPropsOrArray", "JSONSchemaPropsOrBool", "JSONSchemaPropsOrStringArray"})
_SCHEMA_PROPS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"


class Schema:
    """One node of a kind's shape.

    ``type`` is the OpenAPI type (``""`` = any); ``scalar`` names values with a form of their own (``time``,
    ``quantity``, ``int-or-string``, ``any``...); ``name`` is the Go type of built-in nodes (``DeploymentSpec``).
    """

    __slots__ = (
        "__dict__",
        "custom",
        "definition",
        "definitions",
        "raw",
        "scalar",
        "type",
    )

    def __init__(
        self,
        raw: Mapping[str, Any],
        definitions: Mapping[str, Any],
        *,
        custom: bool = False,
    ) -> None:
        self.definitions = definitions
        self.custom = custom
        self.raw, self.definition = self._resolve(raw)
        self.type: str = self.raw.get("type", "")
        self.scalar = _SCALARS.get(self.definition, "")
        if not self.scalar and self.raw.get("x-kubernetes-int-or-string"):
            self.scalar = "int-or-string"

    def _resolve(self, raw: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
        """Follow references; keywords that stand beside one (default, patch strategy) stay on top of what it names."""
        definition = ""
        while True:
            target = raw.get("$ref")
            if target is None and not self.custom and len(raw.get("allOf", ())) == 1:
                target = raw["allOf"][0].get("$ref")
            if not isinstance(target, str) or not target.startswith(_REF_PREFIX):
                return raw, definition
            definition = target[len(_REF_PREFIX) :]
            beside = {key: value for key, value in raw.items() if key not in {"$ref", "allOf"}}
            found = self.definitions.get(definition, {})
            raw = {**found, **beside} if beside else found

    @classmethod
    def from_crd(cls, openapi_v3_schema: Mapping[str, Any], *, has_status: bool = True) -> Schema:
        """Return the schema of a custom kind, with the ``apiVersion``, ``kind`` and ``metadata`` every kind has.

        ``has_status`` says the CRD has the status subresource: then ``status`` is owned and written apart.
        """
        root = dict(openapi_v3_schema)
        properties = dict(root.get("properties") or {})
        properties["apiVersion"] = {"type": "string"}
        properties["kind"] = {"type": "string"}
        properties.pop("metadata", None)
        root["properties"] = properties
        schema = cls(root, {}, custom=True)
        schema.status_apart = has_status
        schema.source = openapi_v3_schema
        schema.properties["metadata"] = object_meta()
        return schema

    #: The whole ``openAPIV3Schema`` of a custom kind, as its CRD has it.
    source: Mapping[str, Any] | None = None

    #: Whether ``status`` belongs to a subresource of its own; only CRDs can say no.
    status_apart = True

    @functools.cached_property
    def has_rules(self) -> bool:
        """Whether a custom kind has ``x-kubernetes-validations`` anywhere; those in ``allOf`` alone do not count."""
        return self.source is not None and declares_rules(self.source)

    @functools.cached_property
    def name(self) -> str:
        """The Go type name of a built-in definition (``PodSpec``); empty for inline and custom schemas."""
        return self.definition.rpartition(".")[2]

    @property
    def go_fields(self) -> Mapping[str, GoField]:
        """The fields of the Go struct behind a built-in definition, in its order; empty for everything else."""
        return go_structs.fields(_SCHEMA_PROPS if self.name in _SCHEMA_UNIONS else self.definition)

    @property
    def go_name(self) -> str:
        """The Go struct whose fields these are: what a union with one takes its fields from, else `name`."""
        return "JSONSchemaProps" if self.name in _SCHEMA_UNIONS else self.name

    @functools.cached_property
    def go_positions(self) -> dict[str, int]:
        """Where in the Go struct each field stands."""
        return {name: at for at, name in enumerate(self.go_fields)}

    @functools.cached_property
    def properties(self) -> dict[str, Schema]:
        """The named fields; empty for scalars, maps and lists."""
        found = self.raw.get("properties")
        if found is None and self.name in _SCHEMA_UNIONS:
            found = self.definitions.get(_SCHEMA_PROPS, {}).get("properties")
        return {key: self._child(value) for key, value in (found or {}).items()}

    @functools.cached_property
    def additional(self) -> Schema | None:
        """The schema of a map's values; None when the object is no map."""
        found = self.raw.get("additionalProperties")
        return self._child(found) if isinstance(found, dict) else None

    @functools.cached_property
    def items(self) -> Schema | None:
        """The schema of a list's elements."""
        found = self.raw.get("items")
        return self._child(found) if isinstance(found, dict) else None

    def _child(self, raw: Mapping[str, Any]) -> Schema:
        return Schema(raw, self.definitions, custom=self.custom)

    def field(self, name: str) -> Schema | None:
        """Return the schema below ``name``: a property, else the map's value schema, else None (not declared)."""
        return self.properties.get(name) or self.additional

    @functools.cached_property
    def is_map(self) -> bool:
        """Whether keys are data (labels) rather than fields (a struct)."""
        return not self.properties and self.additional is not None

    @functools.cached_property
    def open(self) -> bool:
        """Whether undeclared fields are kept as they are."""
        raw = self.raw
        if self.preserve_unknown or raw.get("additionalProperties") is True:
            return True
        return self.scalar == "any" or (not self.custom and self.type in {"", "object"} and not self._declares)

    @functools.cached_property
    def _declares(self) -> bool:
        """Whether anything is said about fields; Go's empty structs (``status: {}`` of a CRD) say only their name."""
        return bool(self.properties or self.additional or self.scalar or (self.name and self.type == "object"))

    @functools.cached_property
    def format(self) -> str:
        """The OpenAPI format, ``""`` if none."""
        return str(self.raw.get("format", ""))

    @functools.cached_property
    def list_type(self) -> str:
        """``atomic`` (also when nothing is said), ``set`` or ``map``."""
        return str(self.raw.get("x-kubernetes-list-type", "atomic"))

    @functools.cached_property
    def map_keys(self) -> tuple[str, ...]:
        """The fields that identify an element of a list of type map."""
        return tuple(self.raw.get("x-kubernetes-list-map-keys", ()))

    @functools.cached_property
    def map_type(self) -> str:
        """``granular`` (also when nothing is said) or ``atomic``."""
        return str(self.raw.get("x-kubernetes-map-type", "granular"))

    @functools.cached_property
    def patch_strategies(self) -> frozenset[str]:
        """``merge``, ``replace``, ``retainKeys`` as the field's Go tag says."""
        return frozenset(filter(None, self.raw.get("x-kubernetes-patch-strategy", "").split(",")))

    @functools.cached_property
    def merge_key(self) -> str:
        """The key by which a strategic merge patch finds list elements; ``""`` for lists of scalars."""
        return str(self.raw.get("x-kubernetes-patch-merge-key", ""))

    @functools.cached_property
    def required(self) -> tuple[str, ...]:
        """Fields that must be present."""
        return tuple(self.raw.get("required", ()))

    @functools.cached_property
    def preserve_unknown(self) -> bool:
        """``x-kubernetes-preserve-unknown-fields``."""
        return bool(self.raw.get("x-kubernetes-preserve-unknown-fields", False))

    @functools.cached_property
    def embedded_resource(self) -> bool:
        """``x-kubernetes-embedded-resource``: a whole object with apiVersion, kind and metadata stands here."""
        return bool(self.raw.get("x-kubernetes-embedded-resource", False))

    @functools.cached_property
    def nullable(self) -> bool:
        """Whether null is a value here; elsewhere it means absent."""
        return bool(self.raw.get("nullable", False))

    def __repr__(self) -> str:
        return f"Schema({self.name or self.type or 'any'})"


def declares_rules(raw: Mapping[str, Any]) -> bool:
    """Tell whether a schema, or one inside of it, has ``x-kubernetes-validations``."""
    if raw.get("x-kubernetes-validations"):
        return True
    inner = [raw.get("items"), raw.get("additionalProperties"), *(raw.get("properties") or {}).values()]
    return any(isinstance(one, dict) and declares_rules(one) for one in inner)


class SchemaSet:
    """Every recorded definition, found by group, version and kind."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self.definitions = definitions
        self._schemas: dict[GroupVersionKind, Schema] = {}

    @classmethod
    def builtin(cls) -> SchemaSet:
        """Return the schemas of a 1.36 server, read once a process."""
        return _builtin()

    @functools.cached_property
    def _names(self) -> dict[GroupVersionKind, str]:
        found: dict[GroupVersionKind, str] = {}
        for name, raw in self.definitions.items():
            for kind in raw.get("x-kubernetes-group-version-kind", ()):
                found.setdefault(GroupVersionKind(kind["group"], kind["version"], kind["kind"]), name)
        return found

    def schema_for(self, gvk: GroupVersionKind) -> Schema | None:
        """Return the schema of a built-in kind; None when it is not recorded (a custom kind, or not served by 1.36)."""
        name = self._names.get(gvk)
        if name is None:
            return None
        if gvk not in self._schemas:
            self._schemas[gvk] = Schema({"$ref": _REF_PREFIX + name}, self.definitions)
        return self._schemas[gvk]

    def definition(self, name: str) -> Schema:
        """Return a definition by its full name; KeyError if there is none."""
        self.definitions[name]
        return Schema({"$ref": _REF_PREFIX + name}, self.definitions)


@functools.cache
def _builtin() -> SchemaSet:
    packed = resources.files("dynkube.testing").joinpath("data").joinpath("schemas.json.gz").read_bytes()
    return SchemaSet(json.loads(gzip.decompress(packed))["schemas"])


@functools.cache
def object_meta() -> Schema:
    """Return the schema of ``metadata``, a Go type in custom objects, too."""
    return Schema({"$ref": _REF_PREFIX + _OBJECT_META}, SchemaSet.builtin().definitions)
