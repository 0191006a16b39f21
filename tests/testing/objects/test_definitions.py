"""What a definition says of its versions, and where a server finds fault with it (heard from a kube-apiserver 1.36)."""

from __future__ import annotations

from typing import Any

import pytest

from testing.objects.test_validation import causes, crd

SELECTABLE = [{"jsonPath": ".a"}]


def version(name: str = "v1", **more: Any) -> dict[str, Any]:
    """Return a version of a definition; only v1 is stored."""
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"a": {"type": "string"}}}}
    return {"name": name, "served": True, "storage": name == "v1", "schema": schema, **more}


def places(**spec: Any) -> list[str]:
    """Return where a definition is wrong."""
    return [cause.field for cause in causes(crd(**spec))]


def messages(**spec: Any) -> list[str]:
    """Return what is said of a definition."""
    return [str(cause) for cause in causes(crd(**spec))]


def test_each_version_comes_before_the_first_one_as_that_of_the_definition() -> None:
    """The older form of definitions had one version, and a name that is none is told there, too."""
    assert places(versions=[version("V 1", storage=True)]) == ["spec.versions[0].name", "spec.version"]
    assert places(versions=[version("", storage=True)]) == ["spec.versions[0].name"]


def test_what_all_versions_share_comes_after_the_names() -> None:
    """Shared parts stand at the definition itself, and are looked at late; conversion follows."""
    columns = [{"name": "x"}]
    versions = [version(additionalPrinterColumns=columns), version("v2", additionalPrinterColumns=columns)]
    found = places(name="x", versions=versions, names={"kind": "W", "singular": "w", "listKind": "Ws"}, conversion={})
    assert found == [
        "metadata.name",
        "spec.names.plural",
        "spec.additionalPrinterColumns[0].type",
        "spec.additionalPrinterColumns[0].JSONPath",
        "spec.conversion.strategy",
    ]


def test_versions_are_alone_with_their_name_and_one_of_them_is_stored() -> None:
    """The status of a new definition has the first version that is marked: the others are missed there."""
    found = messages(versions=[version(), version()])
    assert [message.partition(":")[0] for message in found] == [
        "spec.versions",
        "spec.versions",
        "status.storedVersions",
    ]
    assert found[0].endswith("must contain unique version names")
    assert found[1].endswith("must have exactly one version marked as storage version")
    assert found[2] == 'status.storedVersions: Invalid value: ["v1"]: must have the storage version v1'


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({"deprecationWarning": "x"}, ["can only be set for deprecated versions"]),
        ({"deprecated": True, "deprecationWarning": "x"}, []),
        ({"deprecated": True, "deprecationWarning": ""}, ["must not be an empty string"]),
        (
            {"deprecated": True, "deprecationWarning": "é\n"},
            ["must only contain printable UTF-8 characters; non-printable character found at index 2"],
        ),
        ({"deprecated": True, "deprecationWarning": "é" * 129}, ["must be <= 256 characters long"]),
    ],
)
def test_warnings_of_deprecated_versions_are_short_lines(own: dict[str, Any], expected: list[str]) -> None:
    """Clients print them; characters are counted as bytes."""
    found = messages(versions=[version(**own)])
    assert [message.rpartition('": ')[2] for message in found] == expected


def test_selectable_fields_stand_where_their_schema_stands() -> None:
    """Fields of one version beside a schema of all, or the other way round, find no schema."""
    other = {"openAPIV3Schema": {"type": "object"}}
    why = "may only be set when `version.schema.openAPIV3Schema` is not included"
    own = [version(selectableFields=SELECTABLE), version("v2")]
    assert messages(versions=own) == [f'spec.versions[0].selectableFields: Invalid value: "": {why}']
    shared = [version(selectableFields=SELECTABLE), version("v2", selectableFields=SELECTABLE, schema=other)]
    why = "may only be set when validations.schema is included"
    assert messages(versions=shared) == [f'spec.selectableFields: Invalid value: "": {why}']


def test_eight_fields_may_be_selectable() -> None:
    """More are too many."""
    fields = [{"jsonPath": f".f{number}"} for number in range(9)]
    properties = {f"f{number}": {"type": "string"} for number in range(9)}
    schema = {"openAPIV3Schema": {"type": "object", "properties": properties}}
    assert messages(versions=[version(schema=schema, selectableFields=fields)]) == [
        "spec.selectableFields: Too many: 9: must have at most 8 items"
    ]


def test_fields_of_metadata_that_a_schema_declares_are_not_selectable() -> None:
    """Its name has a selector already; that metadata is no scalar is told besides."""
    metadata = {"type": "object", "properties": {"name": {"type": "string"}}}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"metadata": metadata}}}
    here = "spec.selectableFields[0].jsonPath: Invalid value:"
    named = messages(versions=[version(schema=schema, selectableFields=[{"jsonPath": ".metadata.name"}])])
    assert named == [f'{here} ".metadata.name": must not point to fields in metadata']
    whole = messages(versions=[version(schema=schema, selectableFields=[{"jsonPath": ".metadata"}])])
    assert [message.partition("must ")[2].partition(" ")[0] for message in whole] == ["not", "point"]


def test_a_root_with_a_status_is_an_object() -> None:
    """A status of any version is enough for the schema of all."""
    schema = {"openAPIV3Schema": {"type": "string"}}
    versions = [version(schema=schema, subresources={"status": {}}), version("v2", schema=schema)]
    root = 'spec.validation.openAPIV3Schema.type: Invalid value: "string":'
    assert messages(versions=versions) == [
        f'{root} only "object" is allowed as the type at the root of the schema if the status subresource is enabled',
        f"{root} must be object at the root",
    ]


@pytest.mark.parametrize("client", [{}, {"url": "https://x", "service": {"namespace": "a", "name": "b"}}])
def test_a_webhook_that_converts_is_at_one_address(client: dict[str, Any]) -> None:
    """It has a URL or a service, and not both."""
    conversion = {"strategy": "Webhook", "webhook": {"clientConfig": client, "conversionReviewVersions": ["v1"]}}
    assert messages(conversion=conversion) == [
        "spec.conversion.webhookClientConfig: Required value: exactly one of url or service is required"
    ]


def test_paths_of_a_scale_begin_with_a_dot() -> None:
    """That comes before where they lead to."""
    paths = {"specReplicasPath": ".spec.a", "statusReplicasPath": ".status.a", "labelSelectorPath": "spec.b"}
    why = "must be a simple json path starting with ."
    assert messages(versions=[version(subresources={"scale": paths})]) == [
        f'spec.subresources.scale.labelSelectorPath: Invalid value: "spec.b": {why}'
    ]
