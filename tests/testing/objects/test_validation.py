"""Validation: recorded answers, rules of common kinds, structural schemas."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynkube.names import GroupVersionKind
from dynkube.testing.kinds import kind_rules
from dynkube.testing.kinds.job_rules import cron_problem
from dynkube.testing.objects import decoding, formats
from dynkube.testing.objects.defaults import apply_defaults
from dynkube.testing.objects.schemas import Schema
from dynkube.testing.objects.validation import validate
from testing.recorded import gvk_of, schema_of, steps

if TYPE_CHECKING:
    from dynkube.testing.http import failures


@dataclass(frozen=True)
class Resource:
    """The little validation asks of a resource."""

    group: str
    kind: str


def causes(obj: dict[str, Any], old: dict[str, Any] | None = None) -> list[failures.Cause]:
    """Return what is wrong with a built-in object after decoding, defaults and preparation."""
    gvk = gvk_of(obj)
    return validate(prepared(obj, old), prepared(old) if old else None, Resource(gvk.group, gvk.kind), schema_of(gvk))


def prepared(obj: dict[str, Any], old: dict[str, Any] | None = None) -> dict[str, Any]:
    """Decode, default and prepare an object."""
    gvk = gvk_of(obj)
    schema = schema_of(gvk)
    found, _ = decoding.decode(json.dumps(obj).encode(), "application/json", gvk=gvk, schema=schema)
    apply_defaults(found, schema, gvk)
    found["metadata"].setdefault("uid", "u")
    if old is None:
        kind_rules(gvk).prepare_create(found)
    else:
        kind_rules(gvk).prepare_update(found, prepared(old))
    return found


def told(found: list[failures.Cause]) -> list[str]:
    """Return causes as ``field: message``."""
    return [str(cause) for cause in found]


def recorded_refusals() -> list[Any]:
    """Return every recorded create of a built-in object that was answered 422 with causes."""
    found = []
    for title, step in steps():
        request, answer = step["request"], step["response"]
        body = request.get("body")
        if request["method"] == "POST" and answer["status"] == 422 and isinstance(body, dict):
            status = answer["body"]
            if "example.com" in body["apiVersion"] or status["details"].get("group") == "meta.k8s.io":
                continue
            found.append(pytest.param(body, status["details"]["causes"], id=title))
    return found


@pytest.mark.parametrize(("body", "expected"), recorded_refusals())
def test_a_recorded_refusal_is_repeated(body: dict[str, Any], expected: list[dict[str, str]]) -> None:
    """Every recorded 422 comes with the same causes: reason, message and field."""
    assert [cause.as_dict() for cause in causes(body)] == expected


CONTAINER = {"name": "c", "image": "i"}
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [CONTAINER]}}
JOB_TEMPLATE = {"spec": {"restartPolicy": "Never", "containers": [CONTAINER]}}
SELECTOR = {"matchLabels": {"a": "b"}}


def made(api_version: str, kind: str, **body: Any) -> dict[str, Any]:
    """Return an object with a name."""
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x", "namespace": "n"}, **body}


def pod(**spec: Any) -> dict[str, Any]:
    """Return a pod."""
    return made("v1", "Pod", spec={"containers": [CONTAINER], **spec})


def deployment(**spec: Any) -> dict[str, Any]:
    """Return a deployment."""
    return made("apps/v1", "Deployment", spec={"selector": SELECTOR, "template": TEMPLATE, **spec})


def service(**spec: Any) -> dict[str, Any]:
    """Return a service."""
    return made("v1", "Service", spec={"ports": [{"port": 80}], **spec})


def crd(schema: dict[str, Any] | None = None, name: str = "ws.e.com", **spec: Any) -> dict[str, Any]:
    """Return a custom resource definition."""
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema or {"type": "object"}},
    }
    whole = {
        "group": "e.com",
        "scope": "Namespaced",
        "names": {"plural": "ws", "kind": "W"},
        "versions": [version],
        **spec,
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name},
        "spec": whole,
    }


INGRESS_PATH = {"pathType": "Prefix", "path": "/", "backend": {"service": {"name": "s", "port": {"number": 80}}}}


def ingress(**path: Any) -> dict[str, Any]:
    """Return an ingress with one path."""
    rules = [{"http": {"paths": [{**INGRESS_PATH, **path}]}}]
    return made("networking.k8s.io/v1", "Ingress", spec={"rules": rules})


@pytest.mark.parametrize(
    "obj",
    [
        pod(),
        deployment(),
        service(),
        service(clusterIP="None", ports=[]),
        service(type="ExternalName", externalName="example.com", ports=[]),
        ingress(),
        crd(),
        made("v1", "ConfigMap", data={"a": "b"}),
        made("v1", "Secret", stringData={"a": "b"}),
        made("batch/v1", "Job", spec={"template": JOB_TEMPLATE}),
        made(
            "batch/v1", "CronJob", spec={"schedule": "*/5 * * * *", "jobTemplate": {"spec": {"template": JOB_TEMPLATE}}}
        ),
        made("apps/v1", "StatefulSet", spec={"selector": SELECTOR, "template": TEMPLATE}),
        made("apps/v1", "DaemonSet", spec={"selector": SELECTOR, "template": TEMPLATE}),
        made("apps/v1", "ReplicaSet", spec={"selector": SELECTOR, "template": TEMPLATE}),
        made(
            "v1",
            "PersistentVolumeClaim",
            spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        ),
        made(
            "rbac.authorization.k8s.io/v1", "Role", rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
        ),
        made(
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            roleRef={"kind": "Role", "name": "r"},
            subjects=[{"kind": "User", "name": "u"}],
        ),
        made("networking.k8s.io/v1", "NetworkPolicy", spec={"podSelector": {}}),
        made("policy/v1", "PodDisruptionBudget", spec={"minAvailable": "50%", "selector": SELECTOR}),
        made(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            spec={"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "a/v1", "kind": "D", "name": "d"}},
        ),
        made("storage.k8s.io/v1", "StorageClass", provisioner="p"),
        made("scheduling.k8s.io/v1", "PriorityClass", value=10),
        made("coordination.k8s.io/v1", "Lease", spec={"leaseDurationSeconds": 1}),
        made("v1", "Event", involvedObject={"kind": "Pod", "namespace": "n"}),
        made("v1", "ResourceQuota", spec={"hard": {"pods": "10"}}),
        made("v1", "LimitRange", spec={"limits": [{"type": "Container", "max": {"cpu": "1"}}]}),
        made("v1", "ReplicationController", spec={"selector": {"a": "b"}, "template": TEMPLATE}),
    ],
    ids=lambda obj: obj["kind"],
)
def test_a_sound_object_has_nothing_wrong(obj: dict[str, Any]) -> None:
    """A minimal object of each common kind is valid, and stays valid when it is put again unchanged."""
    assert told(causes(obj)) == []
    stored = prepared(obj)
    gvk = gvk_of(obj)
    assert validate(copy.deepcopy(stored), stored, Resource(gvk.group, gvk.kind), schema_of(gvk)) == []


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (pod(containers=[{"image": "i"}]), "spec.containers[0].name: Required value"),
        (pod(containers=[{"name": "c"}]), "spec.containers[0].image: Required value"),
        (
            pod(containers=[{**CONTAINER, "imagePullPolicy": "Sometimes"}]),
            'spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"',  # noqa: E501
        ),
        (
            pod(containers=[{**CONTAINER, "ports": [{"containerPort": 70000}]}]),
            "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
        ),
        (
            pod(containers=[{**CONTAINER, "volumeMounts": [{"name": "v", "mountPath": "/v"}]}]),
            'spec.containers[0].volumeMounts[0].name: Not found: "v"',
        ),
        (
            pod(containers=[{**CONTAINER, "resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}}]),
            'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
        ),
        (
            pod(restartPolicy="Sometimes"),
            'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
        ),
        (pod(volumes=[{"name": "v"}, {"name": "v"}]), 'spec.volumes[1].name: Duplicate value: "v"'),
        (deployment(replicas=-1), "spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
        (deployment(selector={}), "spec.selector: Invalid value: {}: empty selector is invalid for deployment"),
        (
            deployment(strategy={"type": "Recreate", "rollingUpdate": {}}),
            "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
        ),
        (
            deployment(strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}),
            "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0",
        ),
        (
            deployment(template={**TEMPLATE, "spec": {"containers": [CONTAINER], "restartPolicy": "Never"}}),
            'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
        ),
        (service(ports=[{"port": 0}]), "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"),
        (service(ports=[{"port": 1}, {"port": 2, "name": "b"}]), "spec.ports[0].name: Required value"),
        (
            service(type="Magic"),
            'spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',  # noqa: E501
        ),
        (
            service(ports=[{"port": 80, "nodePort": 30000}]),
            "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
        ),
        (ingress(pathType=None), "spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified"),
        (ingress(path="x"), 'spec.rules[0].http.paths[0].path: Invalid value: "x": must be an absolute path'),
        (
            made("networking.k8s.io/v1", "Ingress", spec={}),
            "spec: Invalid value: null: either `defaultBackend` or `rules` must be specified",
        ),
        (
            made("batch/v1", "Job", spec={"template": TEMPLATE}),
            'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
        ),
        (
            made("batch/v1", "CronJob", spec={"schedule": "bad", "jobTemplate": {"spec": {"template": JOB_TEMPLATE}}}),
            'spec.schedule: Invalid value: "bad": expected exactly 5 fields, found 1: [bad]',
        ),
        (
            made(
                "v1",
                "PersistentVolumeClaim",
                spec={"accessModes": ["Sometimes"], "resources": {"requests": {"storage": "1"}}},
            ),
            'spec.accessModes: Unsupported value: "Sometimes": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',  # noqa: E501
        ),
        (made("v1", "Secret", type="kubernetes.io/tls"), "data[tls.crt]: Required value"),
        (
            made("v1", "ConfigMap", data={"k": "v"}, binaryData={"k": "dg=="}),
            'data[k]: Invalid value: "k": duplicate of key present in binaryData',
        ),
        (
            made("rbac.authorization.k8s.io/v1", "Role", rules=[{"resources": ["x"], "apiGroups": [""]}]),
            "rules[0].verbs: Required value: verbs must contain at least one value",
        ),
        (
            made("rbac.authorization.k8s.io/v1", "RoleBinding", roleRef={"kind": "Rolle", "name": "r"}),
            'roleRef.kind: Unsupported value: "Rolle": supported values: "Role", "ClusterRole"',
        ),
        (
            made(
                "autoscaling/v2",
                "HorizontalPodAutoscaler",
                spec={"maxReplicas": 0, "scaleTargetRef": {"apiVersion": "a/v1", "kind": "D", "name": "d"}},
            ),
            "spec.maxReplicas: Required value: must be set and greater than 0",
        ),
        (
            made("policy/v1", "PodDisruptionBudget", spec={"minAvailable": 1, "maxUnavailable": 1}),
            'spec: Invalid value: {"MinAvailable":1,"Selector":null,"MaxUnavailable":1,"UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both set',  # noqa: E501
        ),
        (crd(scope="Sideways"), 'spec.scope: Unsupported value: "Sideways": supported values: "Cluster", "Namespaced"'),
        (
            crd(schema={"type": "array"}),
            'spec.validation.openAPIV3Schema.type: Invalid value: "array": must be object at the root',
        ),
        (
            crd(schema={"type": "object", "properties": {"spec": {}}}),
            "spec.validation.openAPIV3Schema.properties[spec].type: Required value: must not be empty for specified object fields",  # noqa: E501
        ),
        (
            crd(schema={"type": "object", "properties": {"l": {"type": "array"}}}),
            "spec.validation.openAPIV3Schema.properties[l].items: Required value: must be specified",
        ),
        (
            made("v1", "Event", involvedObject={"namespace": "other"}),
            'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
        ),
    ],
)
def test_a_broken_rule_is_told_in_the_server_s_words(obj: dict[str, Any], expected: str) -> None:
    """Each rule gives its cause, at its field, with its message."""
    assert expected in told(causes(obj))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            made("v1", "ConfigMap", data={"a": "1"}, immutable=True),
            made("v1", "ConfigMap", data={"a": "2"}, immutable=True),
            "data: Forbidden: field is immutable when `immutable` is set",
        ),
        (
            made("v1", "ConfigMap", immutable=True),
            made("v1", "ConfigMap"),
            "immutable: Forbidden: field is immutable when `immutable` is set",
        ),
        (
            made("v1", "Secret", type="a"),
            made("v1", "Secret", type="b"),
            'type: Invalid value: "b": field is immutable',
        ),
        (
            made("rbac.authorization.k8s.io/v1", "RoleBinding", roleRef={"kind": "Role", "name": "r"}),
            made("rbac.authorization.k8s.io/v1", "RoleBinding", roleRef={"kind": "Role", "name": "s"}),
            'roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"Role","Name":"s"}: cannot change roleRef',  # noqa: E501
        ),
        (
            made("scheduling.k8s.io/v1", "PriorityClass", value=1),
            made("scheduling.k8s.io/v1", "PriorityClass", value=2),
            "value: Forbidden: may not be changed in an update.",
        ),
        (
            made("apps/v1", "StatefulSet", spec={"selector": SELECTOR, "template": TEMPLATE}),
            made("apps/v1", "StatefulSet", spec={"selector": SELECTOR, "template": TEMPLATE, "serviceName": "s"}),
            "spec: Forbidden: updates to statefulset spec for fields other than",
        ),
        (
            pod(),
            pod(containers=[CONTAINER, {"name": "d", "image": "i"}]),
            "spec.containers: Forbidden: pod updates may not add or remove containers",
        ),
        (pod(), pod(hostname="other"), "spec: Forbidden: pod updates may not change fields other than"),
        (crd(), crd(group="f.com", name="ws.f.com"), 'spec.group: Invalid value: "f.com": field is immutable'),
    ],
)
def test_what_may_not_change_is_told(old: dict[str, Any], new: dict[str, Any], expected: str) -> None:
    """An update of an immutable field is refused at that field."""
    assert any(text.startswith(expected) for text in told(causes(new, old)))


def test_metadata_of_an_update_is_told_several_times() -> None:
    """Registry, strategy and the rules of the kind all check metadata on update: the real server lists each cause."""
    old = made("v1", "ConfigMap")
    new = copy.deepcopy(old)
    new["metadata"]["labels"] = {"a": "not valid!"}
    assert [cause.field for cause in causes(new, old)] == ["metadata.labels"] * 4


def test_pods_may_change_their_image() -> None:
    """The few mutable fields of a pod are let through."""
    stored = prepared(pod())
    new = copy.deepcopy(stored)
    new["spec"]["containers"][0]["image"] = "j"
    new["spec"]["activeDeadlineSeconds"] = 5
    assert validate(new, stored, Resource("", "Pod"), schema_of(GroupVersionKind("", "v1", "Pod"))) == []


SCHEMA = Schema.from_crd(
    {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "required": ["must"],
                "properties": {
                    "must": {"type": "string"},
                    "n": {"type": "integer", "minimum": 1, "maximum": 3, "exclusiveMaximum": True},
                    "m": {"type": "number", "multipleOf": 0.5},
                    "e": {"type": "string", "enum": ["a", "b"]},
                    "p": {"type": "string", "pattern": "^a+$", "minLength": 2, "maxLength": 4},
                    "t": {"type": "string", "format": "date-time"},
                    "l": {"type": "array", "maxItems": 2, "minItems": 1, "items": {"type": "string"}},
                    "s": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
                    "k": {
                        "type": "array",
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["name"],
                        "items": {"type": "object", "properties": {"name": {"type": "string"}}},
                    },
                    "i": {"x-kubernetes-int-or-string": True},
                    "nil": {"type": "string", "nullable": True},
                    "o": {
                        "type": "object",
                        "oneOf": [{"required": ["x"]}, {"required": ["y"]}],
                        "properties": {"x": {"type": "string"}, "y": {"type": "string"}},
                    },
                    "map": {"type": "object", "maxProperties": 1, "additionalProperties": {"type": "integer"}},
                },
            }
        },
    }
)


def custom(old: Any = None, **spec: Any) -> list[str]:
    """Return what is wrong with a custom object."""
    obj = {"apiVersion": "e.com/v1", "kind": "W", "metadata": {"name": "x"}, "spec": {"must": "m", **spec}}
    return told(validate(obj, old, Resource("e.com", "W"), SCHEMA))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"n": 0}, "spec.n: Invalid value: 0: spec.n in body should be greater than or equal to 1"),
        ({"n": 3}, "spec.n: Invalid value: 3: spec.n in body should be less than 3"),
        ({"n": "1"}, 'spec.n: Invalid value: "string": spec.n in body must be of type integer: "string"'),
        ({"n": None}, 'spec.n: Invalid value: "null": spec.n in body must be of type integer: "null"'),
        ({"m": 0.7}, "spec.m: Invalid value: 0.7: spec.m in body should be a multiple of 0.5"),
        ({"e": "c"}, 'spec.e: Unsupported value: "c": supported values: "a", "b"'),
        ({"p": "ab"}, "spec.p: Invalid value: \"ab\": spec.p in body should match '^a+$'"),
        ({"p": "a"}, 'spec.p: Invalid value: "a": spec.p in body should be at least 2 chars long'),
        ({"p": "aaaaa"}, "spec.p: Too long: may not be more than 4 bytes"),
        ({"t": "now"}, 'spec.t: Invalid value: "now": spec.t in body must be of type date-time: "now"'),
        ({"l": []}, "spec.l: Invalid value: 0: spec.l in body should have at least 1 items"),
        ({"l": ["a", "b", "c"]}, "spec.l: Too many: 3: must have at most 2 items"),
        ({"l": [1]}, 'spec.l[0]: Invalid value: "integer": spec.l[0] in body must be of type string: "integer"'),
        ({"s": ["a", "a"]}, 'spec.s[1]: Duplicate value: "a"'),
        ({"k": [{"name": "a"}, {"name": "a"}]}, 'spec.k[1]: Duplicate value: {"name":"a"}'),
        ({"i": True}, 'spec.i: Invalid value: "boolean": spec.i in body must be of type integer,string: "boolean"'),
        ({"map": {"a": 1, "b": 2}}, "spec.map: Too many: 2: must have at most 1 item"),
        (
            {"map": {"a": "x"}},
            'spec.map.a: Invalid value: "string": spec.map.a in body must be of type integer: "string"',
        ),
    ],
)
def test_a_custom_object_is_held_to_its_schema(spec: dict[str, Any], expected: str) -> None:
    """Every keyword of a structural schema has its message."""
    assert custom(**spec) == [expected]


def test_of_alternatives_that_all_fail_the_first_is_told() -> None:
    """That none of oneOf fits has no field; what keeps the first one from fitting follows."""
    nothing = '<nil>: Invalid value: "": "spec.o" must validate one and only one schema (oneOf). Found none valid'
    assert custom(o={}) == [nothing, "spec.o.x: Required value"]


def test_a_sound_custom_object_passes() -> None:
    """Values within the schema raise nothing; null passes where it is nullable."""
    assert custom(n=2, m=1.5, e="a", p="aa", t="2026-01-01T00:00:00Z", l=["a"], i="x", nil=None, o={"x": "1"}) == []


def test_defaults_and_patterns_of_a_definition_are_checked() -> None:
    """A pattern must be one; a default must fit its own schema, which is looked at once that is whole."""
    size = {"type": "integer", "maximum": 3, "default": 9}
    name = {"type": "string", "pattern": "[", "default": "x"}
    found = causes(
        crd(
            schema={
                "type": "object",
                "properties": {"size": size, "name": name, "ok": {"type": "string", "default": "x"}},
            }
        )
    )
    root = "spec.validation.openAPIV3Schema.properties"
    assert [cause.field for cause in found] == [f"{root}[name].pattern"]
    whole = causes(crd(schema={"type": "object", "properties": {"size": size}}))
    assert [cause.field for cause in whole] == [f"{root}[size].default"]


def test_a_missing_field_is_required() -> None:
    """Required fields are named with their path."""
    assert told(
        validate({"kind": "W", "metadata": {"name": "x"}, "spec": {}}, None, Resource("e.com", "W"), SCHEMA)
    ) == ["spec.must: Required value"]


def test_unchanged_wrong_values_do_not_block_an_update() -> None:
    """What was wrong before and is not touched is not judged again."""
    old = {"apiVersion": "e.com/v1", "kind": "W", "metadata": {"name": "x"}, "spec": {"must": "m", "n": 99, "e": "z"}}
    assert custom(old, n=99, e="y") == ['spec.e: Unsupported value: "y": supported values: "a", "b"']


@pytest.mark.parametrize(
    ("schedule", "problem"),
    [
        ("*/5 0 1,15 * 1-5", ""),
        ("@hourly", ""),
        ("@sometimes", "unrecognized descriptor: @sometimes"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("0 0 * jan mon", ""),
        ("5-2 * * * *", "beginning of range (5) beyond end of range (2): 5-2"),
    ],
)
def test_cron_schedules_are_read(schedule: str, problem: str) -> None:
    """A schedule is five fields or a known word; ranges must fit."""
    assert cron_problem(schedule) == problem


@pytest.mark.parametrize(
    ("name", "sound"),
    [
        ("a", True),
        ("a.b-c", True),
        ("A", False),
        ("-a", False),
        ("a" * 253, True),
        ("a" * 254, False),
        ("", False),
        ("a\n", False),
    ],
)
def test_names_are_dns_subdomains(name: str, sound: bool) -> None:
    """Most names are DNS subdomains of at most 253 bytes."""
    assert (formats.subdomain(name) == []) is sound


@given(st.text(max_size=8))
def test_format_checks_never_fail_otherwise(text: str) -> None:
    """Any text is judged, none makes a check fail."""
    for check in (
        formats.subdomain,
        formats.label,
        formats.qualified_name,
        formats.label_value,
        formats.config_key,
        formats.port_name,
    ):
        assert isinstance(check(text), list)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("nmeptlskio"), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["must", "n", "m", "e", "p", "t", "l", "s", "k", "i", "nil", "o", "map"]), VALUES, max_size=5
    )
)
def test_any_custom_object_is_judged(spec: dict[str, Any]) -> None:
    """Whatever stands in a custom object, validation answers with causes, and an unchanged one passes."""
    custom(**spec)
    obj = {"apiVersion": "e.com/v1", "kind": "W", "metadata": {"name": "x"}, "spec": {"must": "m", **spec}}
    assert validate(copy.deepcopy(obj), obj, Resource("e.com", "W"), SCHEMA) == []


def test_a_type_may_stand_beside_int_or_string() -> None:
    """Definitions in use have one (VolumeSnapshot); what the values may be is said by the extension alone."""
    free = {"x-kubernetes-int-or-string": True, "x-kubernetes-preserve-unknown-fields": True}
    typed = {"type": "string", "x-kubernetes-int-or-string": True}
    where = "spec.validation.openAPIV3Schema.properties[free].x-kubernetes-preserve-unknown-fields"
    why = "Invalid value: true: must be false if x-kubernetes-int-or-string is true"
    found = causes(crd(schema={"type": "object", "properties": {"typed": typed, "free": free}}))
    assert told(found) == [f"{where}: {why}"]
