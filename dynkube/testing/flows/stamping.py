"""What the server itself writes into metadata: names, uids, times, generations, in the order the wire shows them."""

from __future__ import annotations

import random
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The order of ObjectMeta's fields on the wire.
_ORDER = (
    "name",
    "generateName",
    "namespace",
    "selfLink",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
)
#: Letters of generated names: no vowels, so no words (apimachinery's rand).
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
#: A generated name is at most 63 characters with its 5 random ones.
_LONGEST_BASE = 58
#: Fields of metadata that an update never changes: what it says of them does not matter.
_KEPT = ("creationTimestamp", "selfLink", "generation")
#: Fields that an update may leave out, or repeat; validation refuses other values.
_REPEATED = ("uid", "deletionTimestamp", "deletionGracePeriodSeconds")


def ordered(obj: dict[str, Any], *, custom: bool = False) -> dict[str, Any]:
    """Return the object with kind, apiVersion and metadata first, and metadata's fields in wire order."""
    metadata = obj.get("metadata") or {}
    known = {name: metadata[name] for name in _ORDER if name in metadata}
    head = ("apiVersion", "kind") if custom else ("kind", "apiVersion")
    result: dict[str, Any] = {name: obj[name] for name in head if name in obj}
    result["metadata"] = known | {name: value for name, value in metadata.items() if name not in known}
    return result | {name: value for name, value in obj.items() if name not in result}


def without_repeats(metadata: dict[str, Any]) -> list[str]:
    """Drop owners that are named twice, in place, and return the warning about them if there were some."""
    owners = metadata.get("ownerReferences")
    if not isinstance(owners, list):
        return []
    kept: list[Any] = []
    doubled: list[str] = []
    for owner in owners:
        if owner in kept:
            doubled.append(str(owner.get("uid", "")))
        else:
            kept.append(owner)
    if not doubled:
        return []
    metadata["ownerReferences"] = kept
    why = (
        "contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests as early"
    )
    uids = ", ".join(dict.fromkeys(doubled))
    what = f"please fix your requests; duplicate UID(s) observed: {uids}"
    return [f".metadata.ownerReferences {why} as 1.24; {what}"]


def generated_name(base: str) -> str:
    """Return a name made of ``generateName`` and five random letters."""
    return base[:_LONGEST_BASE] + "".join(random.choices(_LETTERS, k=5))  # noqa: S311 - a name, not a secret


def new_uid() -> str:
    """Return a fresh uid."""
    return str(uuid.uuid4())


def stamp_new(metadata: dict[str, Any], *, now: str, generation: bool) -> None:
    """Set what the server decides about a new object; what clients may not decide is overwritten."""
    for name in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "resourceVersion"):
        metadata.pop(name, None)
    metadata["uid"] = new_uid()
    metadata["creationTimestamp"] = now
    if generation:
        metadata["generation"] = 1


def stamp_update(metadata: dict[str, Any], old: Mapping[str, Any]) -> None:
    """Carry over what an update may not change."""
    for name in _KEPT:
        if name in old:
            metadata[name] = old[name]
        else:
            metadata.pop(name, None)
    for name in _REPEATED:
        if metadata.get(name) in (None, ""):
            metadata.pop(name, None)
            if name in old:
                metadata[name] = old[name]
