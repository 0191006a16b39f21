"""Explaining kinds and fields from OpenAPI v3: built-in and custom ones, and documents that are wrong."""

from __future__ import annotations

from typing import Any

import pytest

from discovery.documents_of_schemas import openapi_server
from discovery.fakes import Answer, FakeServer, transcript
from dynkube.config import Config
from dynkube.discovery.explain import Field
from dynkube.discovery.openapi import DOCUMENTS, OpenAPIClient
from dynkube.errors import DiscoveryError, NoMatchError, NotFound
from dynkube.names import GroupVersion, GroupVersionKind
from dynkube.rest import RESTClient

DEPLOYMENT = GroupVersionKind("apps", "v1", "Deployment")
WIDGET = GroupVersionKind("example.com", "v1", "Widget")


@pytest.fixture(scope="module")
def openapi() -> OpenAPIClient:
    """Make a client of the recorded schemas and a custom kind."""
    return OpenAPIClient(openapi_server().rest)


@pytest.mark.parametrize(
    ("path", "type_", "required"),
    [
        ("", "Deployment", False),
        ("apiVersion", "string", False),
        ("metadata", "ObjectMeta", False),
        ("metadata.labels", "map[string]string", False),
        ("metadata.creationTimestamp", "string", False),
        ("metadata.ownerReferences", "[]OwnerReference", False),
        ("metadata.ownerReferences.uid", "string", True),
        ("metadata.managedFields.fieldsV1", "FieldsV1", False),
        ("spec", "DeploymentSpec", False),
        ("spec.replicas", "integer", False),
        ("spec.selector", "LabelSelector", True),
        ("spec.template", "PodTemplateSpec", True),
        ("spec.strategy.rollingUpdate.maxSurge", "IntOrString", False),
        ("spec.template.spec.containers", "[]Container", True),
        ("spec.template.spec.containers.name", "string", True),
        ("spec.template.spec.containers.resources.limits", "map[string]Quantity", False),
        ("spec.template.spec.containers.command", "[]string", False),
        ("spec.paused", "boolean", False),
    ],
)
def test_fields_of_a_deployment(openapi: OpenAPIClient, path: str, type_: str, required: bool) -> None:
    """Types are worded as kubectl words them, through references, lists and maps."""
    field = openapi.explain(DEPLOYMENT, path)
    if path:
        assert (field.type, field.required) == (type_, required)
    assert field.path == ".".join(["Deployment", *filter(None, [path])])
    assert openapi.explain(DEPLOYMENT, path.split(".") if path else ()) == field


@pytest.mark.parametrize(
    ("path", "type_"),
    [
        ("spec", "Object"),
        ("spec.size", "integer"),
        ("spec.port", "Object"),
        ("spec.either", "Object"),
        ("spec.free", "Object"),
        ("spec.any", "Object"),
        ("spec.list", "[]Object"),
        ("spec.list.b", "number"),
        ("spec.map", "map[string][]string"),
        ("spec.objects", "map[string]Object"),
        ("spec.objects.q", "boolean"),
        ("spec.nested", "[][]Object"),
        ("spec.nested.deep", "string"),
    ],
)
def test_fields_of_a_custom_kind(openapi: OpenAPIClient, path: str, type_: str) -> None:
    """A custom kind's inline schema is explained like a built-in one's."""
    assert openapi.explain(WIDGET, path).type == type_


def test_everything_about_a_field(openapi: OpenAPIClient) -> None:
    """Description, allowed values and default come along; a default of null is told from none."""
    size = openapi.explain(WIDGET, "spec.size")
    assert (size.name, size.description, size.enum, size.default, size.has_default) == (
        "size",
        "How big.",
        (1, 2, 3),
        2,
        True,
    )
    assert openapi.explain(WIDGET).description == "Widget is a thing."
    assert openapi.explain(WIDGET, "metadata").description == "Standard metadata."
    empty, port = openapi.explain(WIDGET, "spec.empty"), openapi.explain(WIDGET, "spec.port")
    assert (empty.default, empty.has_default) == (None, True)
    assert (port.default, port.has_default) == (None, False)
    assert openapi.explain(DEPLOYMENT, "spec.strategy.type").enum == ("Recreate", "RollingUpdate")


def test_description_of_the_type() -> None:
    """What is said of a named type comes beside what is said of the field."""
    schemas = {"a.Inner": {"type": "object", "description": "Inner is a type."}}
    reference = {"description": "The field.", "allOf": [{"$ref": "#/components/schemas/a.Inner"}]}
    (field,) = Field.of_kind("Outer", {"properties": {"inner": reference}}, schemas).fields()
    assert (field.description, field.type_description, field.type) == ("The field.", "Inner is a type.", "Inner")


def test_fields_are_sorted(openapi: OpenAPIClient) -> None:
    """The fields below a field come by name; a plain value has none."""
    spec = openapi.explain(DEPLOYMENT, "spec")
    names = [field.name for field in spec.fields()]
    assert names == sorted(names)
    assert "template" in names
    assert openapi.explain(DEPLOYMENT, "spec.replicas").fields() == ()
    assert openapi.explain(WIDGET, "spec.free").fields() == ()


def test_walk(openapi: OpenAPIClient) -> None:
    """The walk lists all fields, parents first, with their depth."""
    walked = [(depth, field.path.removeprefix("Widget.")) for depth, field in openapi.explain(WIDGET).walk()]
    assert walked.index((0, "spec")) < walked.index((1, "spec.list")) < walked.index((2, "spec.list.a"))
    assert (1, "metadata.labels") in walked
    assert len(walked) == len(set(walked))


def test_walk_of_a_type_that_contains_itself(openapi: OpenAPIClient) -> None:
    """A type inside itself is listed and not entered again."""
    schema = GroupVersionKind("apiextensions.k8s.io", "v1", "CustomResourceDefinition")
    walked = [field.path for _, field in openapi.explain(schema, "spec.versions.schema").walk()]
    inside = "CustomResourceDefinition.spec.versions.schema.openAPIV3Schema"
    assert f"{inside}.allOf" in walked
    assert f"{inside}.externalDocs.url" in walked
    assert not any(path.startswith(f"{inside}.allOf.") for path in walked)
    assert openapi.explain(schema, "spec.versions.schema.openAPIV3Schema.not.not.allOf.format").type == "string"


def test_references_in_a_circle() -> None:
    """Schemas that refer to each other and to nothing else, or to schemas that are not there, are harmless."""
    schemas = {
        "a.A": {"$ref": "#/components/schemas/a.B"},
        "a.B": {"$ref": "#/components/schemas/a.A"},
        "a.L": {"type": "array", "items": {"$ref": "#/components/schemas/a.L"}},
    }
    properties = {name: {"$ref": f"#/components/schemas/a.{name}"} for name in ("A", "B", "Missing")}
    kind = Field.of_kind("K", {"properties": {**properties, "odd": {"$ref": "elsewhere"}, "bad": 7}}, schemas)
    assert [(field.name, field.fields()) for _, field in kind.walk()] == [
        ("A", ()),
        ("B", ()),
        ("Missing", ()),
        ("odd", ()),
    ]


def test_parts_put_together() -> None:
    """A schema made of several parts has the fields and requirements of all."""
    schemas = {"a.Base": {"properties": {"id": {"type": "string"}}, "required": ["id"]}}
    parts = [{"$ref": "#/components/schemas/a.Base"}, {"properties": {"size": {"type": "integer"}}}]
    kind = Field.of_kind("K", {"allOf": parts, "properties": {"own": {"type": "boolean"}}}, schemas)
    assert [(field.name, field.required) for field in kind.fields()] == [("id", True), ("own", False), ("size", False)]


def test_unknown_fields(openapi: OpenAPIClient) -> None:
    """A field that does not exist raises NoMatchError with the nearest names, saying where it was looked for."""
    with pytest.raises(NoMatchError, match=r"Deployment\.spec has no field 'replica'") as caught:
        openapi.explain(DEPLOYMENT, "spec.replica.x")
    assert caught.value.candidates[0] == "replicas"
    with pytest.raises(NoMatchError):
        openapi.explain(DEPLOYMENT, "spec.replicas.x")


def test_what_is_sent() -> None:
    """The index once, each document once, and nothing before the first question."""
    server = openapi_server()
    client = OpenAPIClient(server.rest)
    assert server.paths == []
    client.explain(DEPLOYMENT, "spec")
    client.explain(GroupVersionKind("apps", "v1", "StatefulSet"))
    client.explain(WIDGET)
    client.schema(DEPLOYMENT)
    assert server.paths == [
        "/openapi/v3",
        "/openapi/v3/apis/apps/v1?hash=1",
        "/openapi/v3/apis/example.com/v1?hash=1",
    ]


def test_documents_are_kept_by_their_hash() -> None:
    """Past the index's age the index is asked for again, and a document only where its hash has changed."""
    now = [0.0]
    server = openapi_server()
    client = OpenAPIClient(server.rest, max_age=60, clock=lambda: now[0])
    client.explain(DEPLOYMENT)
    client.explain(WIDGET)
    now[0] = 61
    index = server.answers["/openapi/v3"]
    assert isinstance(index, Answer)
    index.body["paths"]["apis/example.com/v1"]["serverRelativeURL"] = "/openapi/v3/apis/example.com/v1?hash=2"
    server.answers["/openapi/v3/apis/example.com/v1?hash=2"] = server.answers["/openapi/v3/apis/example.com/v1?hash=1"]
    server.requests.clear()
    client.explain(DEPLOYMENT)
    client.explain(WIDGET)
    assert server.paths == ["/openapi/v3", "/openapi/v3/apis/example.com/v1?hash=2"]


def test_documents_without_a_hash_live_as_long_as_the_index() -> None:
    """A server that gives no hashes has its documents asked for again with the index."""
    server = FakeServer({"/openapi/v3": Answer({"paths": {"api/v1": {"serverRelativeURL": "/openapi/v3/api/v1"}}})})
    server.answers["/openapi/v3/api/v1"] = Answer({"components": {"schemas": {}}})
    client = OpenAPIClient(server.rest)
    client.document("v1")
    client.document(GroupVersion("", "v1"))
    client.invalidate()
    client.document("v1")
    assert server.paths == ["/openapi/v3", "/openapi/v3/api/v1"] * 2


def test_few_documents_are_kept() -> None:
    """Documents are large: no more than a few are kept, those used last."""
    urls = {f"apis/g{n}/v1": {"serverRelativeURL": f"/openapi/v3/apis/g{n}/v1?hash=1"} for n in range(DOCUMENTS + 1)}
    server = FakeServer({"/openapi/v3": Answer({"paths": urls})})
    server.answers.update({entry["serverRelativeURL"]: Answer({}) for entry in urls.values()})
    client = OpenAPIClient(server.rest)
    for n in [*range(DOCUMENTS + 1), DOCUMENTS, 0]:
        client.document(f"g{n}/v1")
    assert len(server.paths) == 1 + DOCUMENTS + 2


def test_a_kind_described_later_is_found() -> None:
    """A kind that is not described yet, as just after its CRD was created, has the index asked for once more."""
    server = openapi_server()
    complete = server.answers["/openapi/v3"]
    assert isinstance(complete, Answer)
    paths = {name: entry for name, entry in complete.body["paths"].items() if name != "apis/example.com/v1"}
    server.answers["/openapi/v3"] = Answer({"paths": paths})
    client = OpenAPIClient(server.rest)
    with pytest.raises(NoMatchError, match=r"no OpenAPI document of example\.com/v1"):
        client.explain(WIDGET)
    assert server.paths == ["/openapi/v3"] * 2
    server.answers["/openapi/v3"] = complete
    assert client.explain(WIDGET).name == "Widget"


def test_kinds_that_are_not_described(openapi: OpenAPIClient) -> None:
    """A kind the document does not hold is a NoMatchError that names it."""
    with pytest.raises(NoMatchError, match=r"does not describe Nothing of apps/v1"):
        openapi.explain(GroupVersionKind("apps", "v1", "Nothing"))


def test_a_server_without_openapi_v3() -> None:
    """A server older than OpenAPI v3 answers NotFound, and that is what is raised."""
    with pytest.raises(NotFound):
        OpenAPIClient(FakeServer({}).rest).index()


def test_the_recorded_index() -> None:
    """The recorded index names a document for every group version the recorded server serves."""
    server = transcript("discovery-legacy")
    index = OpenAPIClient(server.rest).index()
    assert index["api/v1"].startswith("/openapi/v3/api/v1?hash=")
    assert "apis/apps/v1" in index


@pytest.mark.parametrize(
    ("index", "document"),
    [
        ({"paths": []}, {}),
        ({"paths": {"api/v1": "x"}}, {}),
        ({"paths": {"api/v1": {}}}, {}),
        ({"paths": {"api/v1": {"serverRelativeURL": 7}}}, {}),
        ({"paths": {"api/v1": {"serverRelativeURL": "//evil.example/x"}}}, {}),
        ({"paths": {"api/v1": {"serverRelativeURL": "https://evil.example/x"}}}, {}),
        ({"paths": {"api/v1": {"serverRelativeURL": "/x y"}}}, {}),
        ({"paths": {"api/v1": {"serverRelativeURL": "/x\r\nHost: evil"}}}, {}),
        (None, {"components": 7}),
        (None, {"components": {"schemas": []}}),
    ],
)
def test_malformed_documents(index: Any, document: Any) -> None:
    """An index or document of the wrong shape, or one that points elsewhere, is refused."""
    index = index or {"paths": {"api/v1": {"serverRelativeURL": "/openapi/v3/api/v1"}}}
    server = FakeServer({"/openapi/v3": Answer(index), "/openapi/v3/api/v1": Answer(document)})
    with pytest.raises(DiscoveryError):
        OpenAPIClient(server.rest).explain(GroupVersionKind("", "v1", "Pod"))


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("/openapi/v3/api/v1?hash=1", "/openapi/v3/api/v1?hash=1"),
        ("/clusters/one/openapi/v3/api/v1", "/openapi/v3/api/v1"),
        ("/elsewhere/v1", "/elsewhere/v1"),
    ],
)
def test_behind_a_base_path(url: str, target: str) -> None:
    """Behind a proxy's path prefix documents are asked for below it, whether the index says so or not."""
    server = FakeServer({"/openapi/v3": Answer({"paths": {"api/v1": {"serverRelativeURL": url}}}), target: Answer({})})
    rest = RESTClient(Config(host="https://proxy.example/clusters/one"), transport=server)
    OpenAPIClient(rest).document("v1")
    assert server.paths == ["/openapi/v3", target]
