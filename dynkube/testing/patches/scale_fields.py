"""Who owns the replicas: an object and its Scale tell the same, each in its own fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dynkube.testing.patches.field_sets import FieldSet
from dynkube.testing.patches.managed_fields import Manager, Ownership

if TYPE_CHECKING:
    from dynkube.testing.patches.field_sets import Path

_SCALE: Final = "autoscaling/v1"
_REPLICAS: Final = ("f:spec", "f:replicas")


def of_scale(owned: Ownership, path: Path) -> Ownership:
    """Return who owns the scale's replicas: those who own the object's at ``path``."""
    result = Ownership()
    for manager, fields in owned.sets.items():
        if fields.has(path):
            inner = Manager(manager.name, manager.operation, _SCALE, manager.subresource)
            result.sets[inner] = FieldSet([_REPLICAS])
            result.times[inner] = owned.times.get(manager)
    return result


def of_object(owned: Ownership, scale: Ownership, path: Path, api_version: str) -> Ownership:
    """Return who owns what of the object, ``owned`` before its scale was written to and ``scale`` after that."""
    result = Ownership()
    left = {m: fields for m, fields in scale.sets.items() if fields.has(_REPLICAS)}
    for manager, fields in owned.sets.items():
        inner = Manager(manager.name, manager.operation, _SCALE, manager.subresource)
        kept = fields if left.pop(inner, None) is not None else fields - FieldSet([path])
        if kept:
            result.sets[manager] = kept
            result.times[manager] = owned.times.get(manager)
    for manager in left:
        outer = Manager(manager.name, manager.operation, api_version, manager.subresource)
        result.sets[outer] = result.sets.get(outer, FieldSet()) | FieldSet([path])
        result.times[outer] = scale.times.get(manager)
    return result
