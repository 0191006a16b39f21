"""What one document, or several, say of a server, while it is being put together."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dynkube.discovery.discovered import Discovered, ResourceLists
from dynkube.discovery.resources import APIGroup

if TYPE_CHECKING:
    from dynkube.discovery.discovered import VersionResources
    from dynkube.names import GroupVersion

_log = logging.getLogger("dynkube.discovery")


@dataclass(slots=True)
class Part:
    """Groups, resources and failures learned so far. ``pending``: group versions yet to be fetched."""

    groups: dict[str, APIGroup] = field(default_factory=dict)
    resources: dict[GroupVersion, VersionResources] = field(default_factory=dict)
    failed: dict[GroupVersion, Exception] = field(default_factory=dict)
    pending: list[GroupVersion] = field(default_factory=list)

    def knows(self, group_version: GroupVersion) -> bool:
        """Whether this group version was seen before: of duplicates the first counts."""
        return group_version in self.resources or group_version in self.failed

    def add_group(self, group: APIGroup) -> None:
        """Add a group; a second entry of the same name adds its versions behind those of the first."""
        earlier = self.groups.get(group.name)
        if earlier is not None:
            versions = tuple(dict.fromkeys(earlier.versions + group.versions))
            group = APIGroup(group.name, versions, earlier.preferred_version or group.preferred_version)
        self.groups[group.name] = group

    def misplaced(self, name: str, *, core: bool) -> None:
        """Note a group that cannot be addressed: a named one under /api, or one without a name under /apis."""
        endpoint = "/api" if core else "/apis"
        _log.warning("ignored a group that %s cannot serve: its name is %r", endpoint, name)

    def joined(self, other: Part) -> Part:
        """Return both as one. They have no group in common: one holds the core group, the other those with names."""
        return Part(
            {**self.groups, **other.groups},
            {**self.resources, **other.resources},
            {**self.failed, **other.failed},
            self.pending + other.pending,
        )

    def finish(self, *, stored: bool = False) -> Discovered:
        """Return the value. The resources stand in the order of the groups, whichever of them were learned later."""
        resources = self.resources
        if self.pending:
            order = [gv for group in self.groups.values() for gv in group.group_versions if gv in resources]
            resources = {group_version: resources[group_version] for group_version in order}
        return Discovered(tuple(self.groups.values()), ResourceLists(resources), self.failed, stored)
