"""The order of fields on the wire."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dynkube.testing.objects.go_order import ordered
from testing.recorded import creates, gvk_of, schema_of

CREATES = creates()


@pytest.mark.parametrize("answer", [c[2] for c in CREATES], ids=[c[0] for c in CREATES])
def test_a_recorded_object_is_put_back_in_its_order(answer: dict[str, Any]) -> None:
    """Shuffled (here: sorted) keys come back in the very order the real server wrote."""
    shuffled = json.loads(json.dumps(answer, sort_keys=True))
    assert json.dumps(ordered(shuffled, schema_of(gvk_of(answer)))) == json.dumps(answer)


def test_what_a_patch_took_apart_is_sorted() -> None:
    """Remade objects and types never seen come sorted by name."""
    schema = schema_of(gvk_of({"apiVersion": "v1", "kind": "ConfigMap"}))
    obj = {"metadata": {"name": "x"}, "kind": "ConfigMap", "apiVersion": "v1"}
    assert list(ordered(obj, schema)) == ["kind", "apiVersion", "metadata"]
    assert list(ordered(obj, schema, {""})) == ["apiVersion", "kind", "metadata"]
    assert list(ordered({"b": 1, "a": [{"d": 1, "c": 1}]}, None)) == ["a", "b"]
