"""Give a kind rules in CEL, and see what the server says to objects that break them."""

from __future__ import annotations

from typing import Any

import dynkube
from dynkube.errors import Invalid

SPEC: dict[str, Any] = {
    "type": "object",
    "required": ["size", "largest"],
    "properties": {
        "size": {"type": "integer"},
        "largest": {
            "type": "integer",
            "x-kubernetes-validations": [{"rule": "self >= oldSelf", "message": "it only grows"}],
        },
    },
    "x-kubernetes-validations": [
        {
            "rule": "self.size <= self.largest",
            "messageExpression": "'no size is above %d'.format([self.largest])",
            "fieldPath": ".size",
        }
    ],
}
HATS: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "hats.stable.example.com"},
    "spec": {
        "group": "stable.example.com",
        "scope": "Namespaced",
        "names": {"plural": "hats", "singular": "hat", "kind": "Hat"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": SPEC}}},
            }
        ],
    },
}


def verdict(hats: dynkube.Resource, change: dict[str, int]) -> str:
    """Return what the server says to a change of the hat."""
    try:
        hats.patch("top", {"spec": change})
    except Invalid as error:
        return ", ".join(f"{cause['field']}: {cause['message']}" for cause in error.causes)
    return "fits"


def main(dyn: dynkube.DynamicClient) -> None:
    """Keep the rules once, and break each."""
    hats = dyn.crds().install(HATS, field_manager="validation-rules-example").namespace("default")
    hats.create({"metadata": {"name": "top"}, "spec": {"size": 3, "largest": 5}})
    for change in ({"size": 9}, {"largest": 4}, {"largest": 9, "size": 9}):
        print(change, "->", verdict(hats, change))
    dyn.resource("crd").delete("hats.stable.example.com")


if __name__ == "__main__":
    with dynkube.connect() as client:
        main(client)
