"""What the namespace controller says of a namespace on its way out: five conditions, in its order and words."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class _Good(NamedTuple):
    """What is said of a condition while there is nothing to tell."""

    type: str
    reason: str
    message: str


_DISCOVERED = _Good("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered")
_PARSED = _Good(
    "NamespaceDeletionGroupVersionParsingFailure", "ParsedGroupVersions", "All legacy kube types successfully parsed"
)
_DELETED = _Good(
    "NamespaceDeletionContentFailure",
    "ContentDeleted",
    "All content successfully deleted, may be waiting on finalization",
)
_REMOVED = _Good("NamespaceContentRemaining", "ContentRemoved", "All content successfully removed")
_FINALIZED = _Good(
    "NamespaceFinalizersRemaining", "ContentHasNoFinalizers", "All content-preserving finalizers finished"
)


def told(resources: Mapping[str, int], finalizers: Mapping[str, int]) -> list[dict[str, str]]:
    """Return the conditions, without times: ``resources`` and ``finalizers`` count the objects that are still there."""
    remaining = ", ".join(f"{what} has {count} resource instances" for what, count in sorted(resources.items()))
    held = ", ".join(f"{name} in {count} resource instances" for name, count in sorted(finalizers.items()))
    return [
        _condition(_DISCOVERED),
        _condition(_PARSED),
        _condition(_DELETED),
        _condition(_REMOVED, "SomeResourcesRemain", f"Some resources are remaining: {remaining}", bad=bool(remaining)),
        _condition(
            _FINALIZED,
            "SomeFinalizersRemain",
            f"Some content in the namespace has finalizers remaining: {held}",
            bad=bool(held),
        ),
    ]


def _condition(good: _Good, reason: str = "", message: str = "", *, bad: bool = False) -> dict[str, str]:
    status = "True" if bad else "False"
    if not bad:
        reason, message = good.reason, good.message
    return {"type": good.type, "status": status, "reason": reason, "message": message}
