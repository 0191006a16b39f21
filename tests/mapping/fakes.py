"""Discovery as a value, for the mapper to work on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dynkube.discovery import APIGroup, APIResource, Discovered
from dynkube.names import GroupVersion

if TYPE_CHECKING:
    from collections.abc import Callable


def res(name: str, kind: str, **fields: Any) -> dict[str, Any]:
    """Return the fields of a namespaced resource that stands in some group version."""
    return {"name": name, "kind": kind, **fields}


def surface(*lists: tuple[str, list[dict[str, Any]]], preferred: dict[str, str] | None = None) -> Discovered:
    """Return what a server would have that lists these group versions in this order.

    The first version of a group is its preferred one, unless ``preferred`` says otherwise.
    """
    versions: dict[str, list[str]] = {}
    resources: dict[GroupVersion, tuple[APIResource, ...]] = {}
    for api_version, entries in lists:
        gv = GroupVersion.parse(api_version)
        versions.setdefault(gv.group, []).append(gv.version)
        resources[gv] = tuple(
            APIResource(
                **{
                    "group": gv.group,
                    "version": gv.version,
                    "singular_name": entry["kind"].lower(),
                    "namespaced": True,
                    "verbs": ("get", "list"),
                    **entry,
                }
            )
            for entry in entries
        )
    groups = tuple(APIGroup(name, tuple(vs), (preferred or {}).get(name, vs[0])) for name, vs in versions.items())
    return Discovered(groups, resources)


@dataclass
class FakeDiscovery:
    """A Discoverer that returns ``found`` (or calls it), and counts how often it was asked."""

    found: Discovered | Callable[[], Discovered]
    asked: int = 0
    invalidated: int = 0
    after_invalidate: list[Discovered] = field(default_factory=list)

    def discover(self) -> Discovered:
        """Return what is found now."""
        self.asked += 1
        return self.found() if callable(self.found) else self.found

    def invalidate(self) -> None:
        """Move on to the next surface, if there is one."""
        self.invalidated += 1
        if self.after_invalidate:
            self.found = self.after_invalidate.pop(0)
