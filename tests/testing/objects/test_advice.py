"""Warnings about objects that are stored nevertheless."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from dynkube.names import GroupVersionKind
from dynkube.testing.objects.advice import advice
from dynkube.testing.objects.schemas import Schema
from testing.recorded import gvk_of, schema_of

PATH = "spec.template.spec.containers[0]"


@dataclass(frozen=True)
class Resource:
    """The little advice asks of a resource."""

    group: str
    kind: str


def warned(obj: dict[str, Any], old: dict[str, Any] | None = None) -> list[str]:
    """Return the warnings about a built-in object."""
    gvk = gvk_of(obj)
    return advice(obj, old, Resource(gvk.group, gvk.kind), schema_of(gvk))


def deployment(name: str = "web", **container: Any) -> dict[str, Any]:
    """Return a deployment with one container."""
    spec = {"containers": [{"name": "c", **container}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"template": {"spec": spec}},
    }


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (deployment(), []),
        (
            deployment(env=[{"name": "A"}, {"name": "A"}]),
            [f'{PATH}.env[1]: hides previous definition of "A", which may be dropped when using apply'],
        ),
        (
            deployment(resources={"limits": {"memory": "100m"}}),
            [f'{PATH}.resources.limits[memory]: fractional byte value "100m" is invalid, must be an integer'],
        ),
        (
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "Ingress",
                "metadata": {"name": "i", "annotations": {"kubernetes.io/ingress.class": "x"}},
            },
            ["annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead"],
        ),
    ],
)
def test_what_the_server_advises_against_is_told(obj: dict[str, Any], expected: list[str]) -> None:
    """Each doubtful content has its warning at its path."""
    assert warned(obj) == expected


def test_names_that_are_no_host_names_are_told_on_create_only() -> None:
    """A dotted deployment name is warned about once, when it is created."""
    dotted = deployment("a.b")
    assert [text.partition(":")[0] for text in warned(dotted)] == ["metadata.name"]
    assert warned(dotted, dotted) == []


def test_rules_and_formats_that_are_not_checked_are_told() -> None:
    """A CRD with CEL rules or unknown formats is told that nobody looks at them."""
    schema = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "x-kubernetes-validations": [{"rule": "self.a < 3"}],
                "properties": {"a": {"type": "string", "format": "made-up"}, "b": {"type": "string", "format": "uri"}},
            }
        },
    }
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "ws.e.com"},
        "spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": schema}}]},
    }
    root = "spec.versions[0].schema.openAPIV3Schema.properties[spec]"
    assert warned(crd) == [
        f"{root}.x-kubernetes-validations: CEL rules are not evaluated by this server",
        'unrecognized format "made-up"',
    ]


def test_new_finalizers_of_custom_objects_should_be_qualified() -> None:
    """A finalizer without a domain is warned about when it is added."""
    gvk = GroupVersionKind("e.com", "v1", "W")
    schema = Schema.from_crd({"type": "object"})
    obj = {"metadata": {"name": "x", "finalizers": ["bare", "e.com/sound"]}}
    assert len(advice(obj, None, Resource(gvk.group, gvk.kind), schema)) == 1
    assert advice(obj, obj, Resource(gvk.group, gvk.kind), schema) == []
