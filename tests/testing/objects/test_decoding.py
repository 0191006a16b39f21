"""Bodies: what is read, what is warned about, what is refused and how."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynkube.names import GroupVersionKind
from dynkube.testing.http.failures import Failure
from dynkube.testing.objects import decoding, go_json
from dynkube.testing.objects.schemas import Schema
from testing.recorded import schema_of

CONFIG_MAP = GroupVersionKind("", "v1", "ConfigMap")
DEPLOYMENT = GroupVersionKind("apps", "v1", "Deployment")
POD = GroupVersionKind("", "v1", "Pod")
Validation = Literal["Ignore", "Warn", "Strict"]


def read(
    body: Any,
    gvk: GroupVersionKind = CONFIG_MAP,
    content_type: str = "application/json",
    validation: Validation = "Warn",
) -> tuple[dict[str, Any], list[str]]:
    """Decode a body given as text or as a document."""
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return decoding.decode(raw, content_type, gvk=gvk, schema=schema_of(gvk), validation=validation)


def refusal(body: Any, gvk: GroupVersionKind = CONFIG_MAP, **more: Any) -> str:
    """Return how a body is refused."""
    with pytest.raises(Failure) as failure:
        read(body, gvk, **more)
    assert failure.value.code == 400
    return str(failure.value)


UNREADABLE = (
    "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: "
)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("{not json", "invalid character 'n' looking for beginning of object key string ({not json)"),
        ("", "unexpected end of JSON input (<empty>)"),
        ('{"a": 1,}', "invalid character '}' looking for beginning of object key string ({\"a\": 1,})"),
        ('{"a" 1}', "invalid character '1' after object key ({\"a\" 1})"),
        ('{"a": tru}', "invalid character '}' in literal true (expecting 'e') ({\"a\": tru})"),
        ('{"a": 1} x', "invalid character 'x' after top-level value ({\"a\": 1} x)"),
        ('{"a": [1 2]}', "invalid character '2' after array element ({\"a\": [1 2]})"),
        ("nope", "invalid character 'o' in literal null (expecting 'u') (6e6f7065)"),
        ('{"a":"' + "x" * 40, 'unexpected end of JSON input ({"a":"' + "x" * 24 + " ...)"),
    ],
)
def test_text_that_is_no_json_is_refused_in_go_s_words(body: str, why: str) -> None:
    """The parser's complaint and a piece of the body stand in the message."""
    assert refusal(body) == UNREADABLE + why


@pytest.mark.parametrize(
    ("body", "gvk", "why"),
    [
        ({"data": {"k": 1}}, CONFIG_MAP, "number into Go struct field ConfigMap.data of type string"),
        (
            {"metadata": {"labels": {"a": True}}},
            CONFIG_MAP,
            "bool into Go struct field ObjectMeta.metadata.labels of type string",
        ),
        ({"data": []}, CONFIG_MAP, "array into Go struct field ConfigMap.data of type map[string]string"),
        (
            {"spec": {"replicas": "two"}},
            DEPLOYMENT,
            "string into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            {"spec": {"replicas": 1.5}},
            DEPLOYMENT,
            "number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            {"spec": {"replicas": 2**40}},
            DEPLOYMENT,
            f"number {2**40} into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        ({"spec": "x"}, DEPLOYMENT, "string into Go struct field Deployment.spec of type v1.DeploymentSpec"),
        (
            {"spec": {"containers": {}}},
            POD,
            "object into Go struct field PodSpec.spec.containers of type []v1.Container",
        ),
        (
            {"spec": {"containers": [{"tty": 1}]}},
            POD,
            "number into Go struct field Container.spec.containers.tty of type bool",
        ),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_in_go_s_words(body: Any, gvk: GroupVersionKind, why: str) -> None:
    """The message names the innermost struct, the path of names and the Go type."""
    prefix = f'{gvk.kind} in version "v1" cannot be handled as a {gvk.kind}: json: cannot unmarshal '
    assert refusal(body, gvk) == prefix + why


@pytest.mark.parametrize(
    ("body", "gvk", "why"),
    [
        (
            {"spec": {"containers": [{"resources": {"limits": {"cpu": "many"}}}]}},
            POD,
            "quantities must match the regular expression",
        ),
        (
            {"metadata": {"creationTimestamp": "yesterday"}},
            POD,
            'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"',
        ),
        ({"binaryData": {"k": "***"}}, CONFIG_MAP, "illegal base64 data at input byte 0"),
    ],
)
def test_values_with_a_form_of_their_own_are_checked(body: Any, gvk: GroupVersionKind, why: str) -> None:
    """Quantities, times and base64 are read while decoding."""
    assert why in refusal(body, gvk)


def test_another_kind_or_version_is_refused() -> None:
    """A known kind cannot be converted, an unknown one is not registered."""
    assert refusal({"apiVersion": "v1", "kind": "Secret"}).endswith(
        "cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion"
    )
    assert 'no kind "ConfigMap" is registered for version "v2" in scheme' in refusal(
        {"apiVersion": "v2", "kind": "ConfigMap"}
    )


def test_a_missing_kind_is_the_path_s() -> None:
    """Kind and apiVersion may be left out."""
    assert read({"metadata": {"name": "x"}})[0] == {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}


UNKNOWN = {"spec": {"x": 1, "template": {"spec": {"containers": [{"name": "c", "y": 2}]}}}, "z": 3}
COMPLAINTS = ['unknown field "spec.x"', 'unknown field "spec.template.spec.containers[0].y"', 'unknown field "z"']


def test_unknown_fields_are_dropped_and_told() -> None:
    """Warn tells every unknown field by its path, Ignore is silent, Strict refuses."""
    obj, warnings = read(UNKNOWN, DEPLOYMENT)
    assert warnings == COMPLAINTS
    assert "z" not in obj
    assert read(UNKNOWN, DEPLOYMENT, validation="Ignore")[1] == []
    assert refusal(UNKNOWN, DEPLOYMENT, validation="Strict").endswith("strict decoding error: " + ", ".join(COMPLAINTS))


def test_duplicate_fields_are_told_and_the_last_counts() -> None:
    """A key given twice is a warning in JSON and in YAML."""
    obj, warnings = read('{"data":{"a":"1","a":"2"}}')
    assert (obj["data"], warnings) == ({"a": "2"}, ['duplicate field "data.a"'])
    obj, warnings = read("data: {a: '1', a: '2'}", content_type="application/yaml")
    assert (obj["data"], warnings) == ({"a": "2"}, ['yaml: unmarshal errors:\n  line 1: key "a" already set in map'])


def test_yaml_is_read_as_go_reads_it() -> None:
    """Times stay text, and a body that is no YAML is a 400."""
    obj, _ = read(
        "metadata: {annotations: {t: '2024-01-02'}}\ndata:\n  k: |\n    text\n", content_type="application/yaml"
    )
    assert obj["data"] == {"k": "text\n"}
    assert "yaml parse error" in refusal("a: [", content_type="application/yaml")


def test_built_in_objects_take_their_go_form() -> None:
    """Empty optional fields vanish, structs that are always written appear, pointers without omitempty are null."""
    obj, _ = read(
        {"metadata": {"name": "d", "labels": {}}, "spec": {"minReadySeconds": 0, "paused": False, "replicas": 0}},
        DEPLOYMENT,
    )
    assert obj["metadata"] == {"name": "d"}
    template = {"metadata": {}, "spec": {"containers": None}}
    assert obj["spec"] == {"replicas": 0, "selector": None, "strategy": {}, "template": template}
    assert obj["status"] == {}


def test_unset_times_of_conditions_are_null() -> None:
    """Go's zero time in a condition is written as null."""
    obj, _ = read({"status": {"conditions": [{"type": "Available", "status": "True"}]}}, DEPLOYMENT)
    assert obj["status"]["conditions"] == [
        {"type": "Available", "status": "True", "lastUpdateTime": None, "lastTransitionTime": None}
    ]


def test_a_patched_document_is_read_again() -> None:
    """Unknown fields of a patch are warned about; Strict refuses with a 422 about the patch."""
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "bogus": 1}
    schema = schema_of(CONFIG_MAP)
    obj, warnings = decoding.redecode(document, gvk=CONFIG_MAP, schema=schema)
    assert ("bogus" in obj, warnings) == (False, ['unknown field "bogus"'])
    with pytest.raises(Failure) as failure:
        decoding.redecode(document, gvk=CONFIG_MAP, schema=schema, validation="Strict")
    assert failure.value.code == 422
    assert failure.value.status["details"]["causes"][0]["field"] == "patch"
    assert str(failure.value).endswith('strict decoding error: unknown field "bogus"')
    with pytest.raises(Failure, match=r'Invalid value: "map\[data:map\[k:1\]\]"'):
        decoding.redecode({"data": {"k": 1}}, gvk=CONFIG_MAP, schema=schema, patch={"data": {"k": 1}})


def test_keys_given_twice_in_a_patch_are_told_too() -> None:
    """Complaints about the patch's own text come first."""
    twice = go_json.duplicates(go_json.loads('{"data":{"a":"1","a":"2"},"l":[{"x":1,"x":2}]}'))
    assert twice == ['duplicate field "data.a"', 'duplicate field "l[0].x"']
    document = {"metadata": {"name": "c"}, "bogus": 1}
    _, warnings = decoding.redecode(document, gvk=CONFIG_MAP, schema=schema_of(CONFIG_MAP), found=twice[:1])
    assert warnings == ['duplicate field "data.a"', 'unknown field "bogus"']


def test_a_strategic_patch_of_the_wrong_type_is_told_in_the_converter_s_words() -> None:
    """Maps that never were JSON text are refused by another part of the server, with other words."""
    for value, why in ((1, "cannot convert int64 to string"), ({}, "unrecognized type: string")):
        with pytest.raises(Failure, match=why):
            decoding.redecode(
                {"data": {"k": value}}, gvk=CONFIG_MAP, schema=schema_of(CONFIG_MAP), patch={"data": {"k": value}}
            )


CUSTOM = Schema.from_crd(
    {"type": "object", "properties": {"spec": {"type": "object", "properties": {"n": {"type": "integer"}}}}}
)
WIDGET = GroupVersionKind("example.com", "v1", "Widget")


def test_custom_objects_are_not_typed_but_unknown_fields_are_told() -> None:
    """Types are for validation; what pruning will drop is warned about; metadata is typed."""
    body = b'{"apiVersion":"example.com/v1","kind":"Widget","spec":{"n":"text","m":1}}'
    obj, warnings = decoding.decode(body, "application/json", gvk=WIDGET, schema=CUSTOM)
    assert (obj["spec"], warnings) == ({"n": "text", "m": 1}, ['unknown field "spec.m"'])
    typed = b'{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"labels":{"a":1}}}'
    with pytest.raises(Failure, match=r"ObjectMeta\.labels of type string"):
        decoding.decode(typed, "application/json", gvk=WIDGET, schema=CUSTOM)
    with pytest.raises(Failure, match="Object 'Kind' is missing in"):
        decoding.decode(b'{"metadata":{}}', "application/json", gvk=WIDGET, schema=CUSTOM)
    with pytest.raises(Failure, match="does not match the expected API version"):
        decoding.decode(
            b'{"apiVersion":"example.com/v2","kind":"Widget"}', "application/json", gvk=WIDGET, schema=CUSTOM
        )


def test_of_several_yaml_documents_the_first_is_read() -> None:
    """What follows it is not looked at, as in Go."""
    body = b"kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\n---\nkind: [\n"
    gvk = GroupVersionKind("", "v1", "ConfigMap")
    obj, _ = decoding.decode(body, "application/yaml", gvk=gvk, schema=schema_of(gvk))
    assert obj["metadata"] == {"name": "a"}


@given(st.text('{}[]:,"ab1e.-tn \\', max_size=12))
def test_bad_json_always_gets_a_complaint(text: str) -> None:
    """Whatever the text, it is read or refused with a message; never anything else."""
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(go_json.JSONSyntaxError, match=r"."):
            go_json.loads(text)
    else:
        assert go_json.loads(text) == expected


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["spec", "metadata", "name", "labels", "template", "containers", "data"]), inner, max_size=3
        )
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["spec", "metadata", "status", "data"]), VALUES, max_size=3))
def test_any_document_is_read_or_refused(document: dict[str, Any]) -> None:
    """No body makes the decoder fail other than with a Status, and what it reads it reads again unchanged."""
    for gvk in (DEPLOYMENT, POD, CONFIG_MAP):
        try:
            obj, _ = read(document, gvk)
        except Failure:
            continue
        assert read(obj, gvk)[0] == obj
