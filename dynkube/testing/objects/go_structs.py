"""The Go structs behind built-in kinds: what OpenAPI leaves out about their fields.

``data/go_fields.json.gz`` lists for every definition the JSON fields in the struct's order, each with the type as Go's
JSON decoder prints it, the marks of its tag, and the embedded struct it comes from. They are read off the published
type declarations of v0.36 (``k8s.io/api``, ``apimachinery``, ``apiextensions-apiserver``, ``kube-aggregator``).
"""

from __future__ import annotations

import functools
import gzip
import json
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Structs that print as something else than an object while they hold nothing.
_ZEROS: Final[dict[str, Any]] = {
    "v1.Time": None,
    "v1.MicroTime": None,
    "resource.Quantity": "0",
    "intstr.IntOrString": 0,
    "runtime.RawExtension": None,
    "v1.JSON": None,
}


@dataclass(frozen=True, slots=True)
class GoField:
    """One field of a struct; ``type`` is without the pointer, ``embedded`` names the inlined structs it comes from."""

    type: str
    pointer: bool = False
    omitempty: bool = False
    omitzero: bool = False
    embedded: str = ""


@functools.cache
def _all() -> dict[str, list[list[str]]]:
    packed = resources.files("dynkube.testing").joinpath("data").joinpath("go_fields.json.gz").read_bytes()
    found: dict[str, list[list[str]]] = json.loads(gzip.decompress(packed))
    return found


@functools.cache
def fields(definition: str) -> Mapping[str, GoField]:
    """Return the fields of a definition by JSON name, in the struct's order; empty for what is no known struct."""
    return {
        name: GoField(kind, "p" in marks, "o" in marks, "z" in marks, *embedded)
        for name, kind, marks, *embedded in _all().get(definition, ())
    }


def element(go_type: str) -> str:
    """Return the type of a list's elements or a map's values (``[]v1.Container`` has ``v1.Container``)."""
    return go_type.removeprefix("[]") if go_type.startswith("[]") else go_type.partition("]")[2] or go_type


def zero(go_type: str) -> Any:
    """Return what a struct of the type prints while it holds nothing: ``{}`` unless it has a form of its own."""
    return _ZEROS.get(go_type, {})
