"""Defaults, preparation for storage and ownership, held against every recorded create."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from dynkube.names import GroupVersionKind
from dynkube.testing.http.failures import Failure
from dynkube.testing.kinds import kind_rules
from dynkube.testing.kinds.pod_defaults import pull_policy
from dynkube.testing.objects import decoding
from dynkube.testing.objects.defaults import apply_defaults
from dynkube.testing.objects.go_shape import shape
from dynkube.testing.objects.pruning import prune
from dynkube.testing.objects.schemas import Schema
from dynkube.testing.patches import managed_fields
from testing.recorded import creates, gvk_of, schema_of

CREATES = creates()


def decoded(body: dict[str, Any], gvk: GroupVersionKind) -> dict[str, Any]:
    """Decode and default a body."""
    schema = schema_of(gvk)
    obj, _ = decoding.decode(json.dumps(body).encode(), "application/json", gvk=gvk, schema=schema)
    return apply_defaults(obj, schema, gvk)


@pytest.mark.parametrize(("body", "answer"), [c[1:] for c in CREATES], ids=[c[0] for c in CREATES])
def test_a_create_comes_out_as_recorded(body: dict[str, Any], answer: dict[str, Any]) -> None:
    """Decoding, defaulting and preparing a recorded body gives everything the real server answered."""
    gvk = gvk_of(answer)
    obj = decoded(body, gvk)
    obj["metadata"]["uid"] = answer["metadata"]["uid"]
    kind_rules(gvk).prepare_create(obj)
    shape(obj, schema_of(gvk))
    for found in (obj, answer):
        for key in ("clusterIP", "clusterIPs"):
            found.get("spec", {}).pop(key, None)
    assert {k: v for k, v in obj.items() if k != "metadata"} == {k: v for k, v in answer.items() if k != "metadata"}
    for key in ("labels", "annotations", "finalizers", "uid"):
        assert obj["metadata"].get(key) == answer["metadata"].get(key)


@pytest.mark.parametrize(("body", "answer"), [c[1:] for c in CREATES], ids=[c[0] for c in CREATES])
def test_a_create_is_owned_as_recorded(body: dict[str, Any], answer: dict[str, Any]) -> None:
    """The managedFields of a create hold exactly what the real server's do: what differs from an empty struct."""
    gvk = gvk_of(answer)
    entries = managed_fields.record_update(
        None,
        decoded(body, gvk),
        manager="unknown",
        api_version=answer["apiVersion"],
        schema=schema_of(gvk),
        time=answer["metadata"]["creationTimestamp"],
    )
    assert entries == answer["metadata"].get("managedFields", [])


@pytest.mark.parametrize(("body", "answer"), [c[1:] for c in CREATES], ids=[c[0] for c in CREATES])
def test_defaulting_twice_changes_nothing(body: dict[str, Any], answer: dict[str, Any]) -> None:
    """Defaults are idempotent: the server applies them on every read."""
    gvk = gvk_of(answer)
    once = decoded(body, gvk)
    assert apply_defaults(copy.deepcopy(once), schema_of(gvk), gvk) == once


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1.25", "IfNotPresent"),
        ("host:5000/nginx", "Always"),
        ("host:5000/nginx:1", "IfNotPresent"),
        ("nginx@sha256:0123", "IfNotPresent"),
        ("", "Always"),
    ],
)
def test_the_pull_policy_follows_the_tag(image: str, policy: str) -> None:
    """Only an image without a tag, or tagged latest, is always pulled."""
    assert pull_policy(image) == policy


def spec_of(group: str, version: str, kind: str, **body: Any) -> Any:
    """Return a defaulted object."""
    return decoded(body, GroupVersionKind(group, version, kind))


def test_probes_volumes_and_env_get_their_defaults() -> None:
    """Defaults of nested types hold wherever the type stands."""
    container = {
        "name": "c",
        "livenessProbe": {"httpGet": {"port": 80}},
        "env": [{"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
    }
    volumes = [{"name": "s", "secret": {"secretName": "x"}}, {"name": "e"}]
    spec = spec_of("", "v1", "Pod", spec={"containers": [container], "volumes": volumes})["spec"]
    probe = spec["containers"][0]["livenessProbe"]
    assert probe == {
        "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    assert spec["containers"][0]["env"][0]["valueFrom"]["fieldRef"]["apiVersion"] == "v1"
    assert spec["volumes"] == [
        {"name": "s", "secret": {"secretName": "x", "defaultMode": 420}},
        {"name": "e", "emptyDir": {}},
    ]


def test_limits_are_requested_by_pods_but_not_by_templates() -> None:
    """A pod requests what it is limited to; a template is left for its pods."""
    spec = {"containers": [{"name": "c", "resources": {"limits": {"cpu": "1"}}}]}
    pod = spec_of("", "v1", "Pod", spec=spec)
    assert pod["spec"]["containers"][0]["resources"]["requests"] == {"cpu": "1"}
    template = spec_of("apps", "v1", "Deployment", spec={"template": {"spec": spec}})["spec"]["template"]
    assert "requests" not in template["spec"]["containers"][0]["resources"]


@pytest.mark.parametrize(
    ("kind", "body", "path", "expected"),
    [
        (("batch", "v1", "Job"), {"spec": {"parallelism": 3}}, "spec.parallelism", 3),
        (("batch", "v1", "Job"), {"spec": {"backoffLimitPerIndex": 1}}, "spec.backoffLimit", 2147483647),
        (("", "v1", "Service"), {"spec": {"type": "NodePort"}}, "spec.externalTrafficPolicy", "Cluster"),
        (
            ("", "v1", "Service"),
            {"spec": {"sessionAffinity": "ClientIP"}},
            "spec.sessionAffinityConfig.clientIP.timeoutSeconds",
            10800,
        ),
        (("", "v1", "PersistentVolumeClaim"), {"spec": {}}, "spec.volumeMode", "Filesystem"),
        (
            ("networking.k8s.io", "v1", "NetworkPolicy"),
            {"spec": {"egress": [{}]}},
            "spec.policyTypes",
            ["Ingress", "Egress"],
        ),
        (("storage.k8s.io", "v1", "StorageClass"), {"provisioner": "p"}, "volumeBindingMode", "Immediate"),
        (
            ("rbac.authorization.k8s.io", "v1", "RoleBinding"),
            {"roleRef": {"kind": "Role", "name": "r"}},
            "roleRef.apiGroup",
            "rbac.authorization.k8s.io",
        ),
        (
            ("autoscaling", "v2", "HorizontalPodAutoscaler"),
            {"spec": {"behavior": {"scaleUp": {}}}},
            "spec.behavior.scaleUp.selectPolicy",
            "Max",
        ),
        (
            ("admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration"),
            {"webhooks": [{"name": "a"}]},
            "webhooks.0.timeoutSeconds",
            10,
        ),
    ],
)
def test_other_kinds_get_their_defaults(
    kind: tuple[str, str, str], body: dict[str, Any], path: str, expected: Any
) -> None:
    """Each kind's table fills in what kube-apiserver documents as its default."""
    found: Any = spec_of(*kind, **body)
    for key in path.split("."):
        found = found[int(key)] if isinstance(found, list) else found[key]
    assert found == expected


def test_services_never_share_an_address_or_port() -> None:
    """Allocation looks at what exists, and an address asked for twice is refused."""
    gvk = GroupVersionKind("", "v1", "Service")
    stored: list[dict[str, Any]] = []
    for number in range(300):
        obj = spec_of(
            "",
            "v1",
            "Service",
            metadata={"name": f"s{number}", "uid": f"u{number}"},
            spec={"type": "NodePort", "ports": [{"port": 80}]},
        )
        kind_rules(gvk).prepare_create(obj, lambda: stored)
        stored.append(obj)
    assert len({s["spec"]["clusterIP"] for s in stored}) == 300
    assert len({s["spec"]["ports"][0]["nodePort"] for s in stored}) == 300
    again = spec_of(
        "",
        "v1",
        "Service",
        metadata={"name": "x"},
        spec={"clusterIP": stored[0]["spec"]["clusterIP"], "ports": [{"port": 80}]},
    )
    with pytest.raises(Failure, match="provided IP is already allocated"):
        kind_rules(gvk).prepare_create(again, lambda: stored)


def test_an_update_keeps_what_was_allocated() -> None:
    """A service put without its addresses keeps them; changing the spec bumps no generation it does not have."""
    gvk = GroupVersionKind("", "v1", "Service")
    rules = kind_rules(gvk)
    old = spec_of(
        "", "v1", "Service", metadata={"name": "s", "uid": "u"}, spec={"type": "NodePort", "ports": [{"port": 80}]}
    )
    rules.prepare_create(old)
    new = spec_of(
        "", "v1", "Service", metadata={"name": "s", "uid": "u"}, spec={"type": "NodePort", "ports": [{"port": 80}]}
    )
    rules.prepare_update(new, old)
    assert new["spec"] == old["spec"]
    assert not rules.has_generation


def test_a_change_of_type_clears_what_the_old_type_was_given() -> None:
    """A load balancer that becomes a plain service loses node ports and policies it no longer may have."""
    gvk = GroupVersionKind("", "v1", "Service")
    rules = kind_rules(gvk)
    old = spec_of("", "v1", "Service", metadata={"uid": "u"}, spec={"type": "LoadBalancer", "ports": [{"port": 80}]})
    rules.prepare_create(old)
    new = copy.deepcopy(old)
    new["spec"]["type"] = "ClusterIP"
    rules.prepare_update(new, old)
    assert "nodePort" not in new["spec"]["ports"][0]
    assert not {"externalTrafficPolicy", "allocateLoadBalancerNodePorts"} & set(new["spec"])


def test_cluster_ip_and_cluster_ips_agree() -> None:
    """Changing one of the two names of an address changes the other, so that validation sees the change."""
    rules = kind_rules(GroupVersionKind("", "v1", "Service"))
    old = spec_of("", "v1", "Service", metadata={"uid": "u"}, spec={"ports": [{"port": 80}]})
    rules.prepare_create(old)
    new = copy.deepcopy(old)
    new["spec"]["clusterIP"] = "10.0.9.9"
    rules.prepare_update(new, old)
    assert new["spec"]["clusterIPs"] == ["10.0.9.9"]


def test_status_updates_touch_only_status() -> None:
    """The status subresource keeps spec and labels of the stored object."""
    rules = kind_rules(GroupVersionKind("apps", "v1", "Deployment"))
    old = {"metadata": {"name": "d", "labels": {"a": "b"}}, "spec": {"replicas": 1}, "status": {}}
    new = {"metadata": {"name": "d", "labels": {}}, "spec": {"replicas": 9}, "status": {"replicas": 3}}
    rules.prepare_status_update(new, old)
    assert new == {**old, "status": {"replicas": 3}}


def test_generation_counts_what_is_wanted() -> None:
    """Spec changes count, metadata and status do not; a deployment's annotations do."""
    rules = kind_rules(GroupVersionKind("apps", "v1", "Deployment"))
    old: dict[str, Any] = {"metadata": {"labels": {"a": "1"}}, "spec": {"replicas": 1}, "status": {}}
    assert not rules.spec_changed({**old, "metadata": {"labels": {"a": "2"}}, "status": {"replicas": 1}}, old)
    assert rules.spec_changed({**old, "spec": {"replicas": 2}}, old)
    assert rules.spec_changed({**old, "metadata": {"annotations": {"x": "y"}}}, old)


CRD = Schema.from_crd(
    {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {
                    "size": {"type": "integer", "default": 3},
                    "inner": {"type": "object", "default": {}, "properties": {"x": {"type": "string", "default": "y"}}},
                    "list": {
                        "type": "array",
                        "items": {"type": "object", "properties": {"n": {"type": "integer", "default": 1}}},
                    },
                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                    "map": {
                        "type": "object",
                        "additionalProperties": {"type": "object", "properties": {"k": {"type": "string"}}},
                    },
                },
            }
        },
    }
)


def test_custom_objects_get_the_defaults_of_their_schema() -> None:
    """Schema defaults reach into defaulted objects and list elements; null stands for absent."""
    obj: dict[str, Any] = {"spec": {"size": None, "list": [{}]}}
    apply_defaults(obj, CRD)
    assert obj["spec"] == {"size": 3, "list": [{"n": 1}], "inner": {"x": "y"}}


def test_pruning_drops_what_is_not_declared() -> None:
    """Undeclared fields go, at every depth, but not below preserved ones."""
    obj: dict[str, Any] = {
        "apiVersion": "a/v1",
        "kind": "K",
        "metadata": {"name": "n"},
        "other": 1,
        "spec": {"bad": 1, "free": {"any": {"thing": 1}}, "map": {"a": {"k": "v", "z": 1}}, "list": [{"n": 1, "m": 2}]},
    }
    assert prune(obj, CRD) == {
        "apiVersion": "a/v1",
        "kind": "K",
        "metadata": {"name": "n"},
        "spec": {"free": {"any": {"thing": 1}}, "map": {"a": {"k": "v"}}, "list": [{"n": 1}]},
    }
