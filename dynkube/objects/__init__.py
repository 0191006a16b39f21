"""Kubernetes objects as plain dicts: reaching into them, and reading and writing them as YAML or JSON."""

from __future__ import annotations

from dynkube.objects.fields import (
    JSONObject,
    add_finalizer,
    get_condition,
    nested_get,
    nested_set,
    owner_reference,
    remove_finalizer,
)
from dynkube.objects.manifests import load_manifests
from dynkube.objects.yaml_rules import dump_yaml, load_yaml

__all__ = [
    "JSONObject",
    "add_finalizer",
    "dump_yaml",
    "get_condition",
    "load_manifests",
    "load_yaml",
    "nested_get",
    "nested_set",
    "owner_reference",
    "remove_finalizer",
]
