"""What one document, or several, say of a server, while it is being put together."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from dynkube.discovery.discovered import Discovered, Groups, ResourceLists
from dynkube.discovery.table import ResourceTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dynkube.discovery.table import ResourceRow
    from dynkube.names import GroupVersion

_log = logging.getLogger("dynkube.discovery")


class Part:
    """Groups, resources and failures learned so far. ``pending``: group versions yet to be fetched."""

    def __init__(self) -> None:
        #: Group → its versions, and the preferred one.
        self.groups: dict[str, tuple[tuple[str, ...], str]] = {}
        self.table = ResourceTable()
        self.failed: dict[GroupVersion, Exception] = {}
        self.pending: list[GroupVersion] = []

    def knows(self, group_version: GroupVersion) -> bool:
        """Whether this group version was seen before: of duplicates the first counts."""
        return (group_version.group, group_version.version) in self.table.spans or group_version in self.failed

    def add_group(self, name: str, versions: Iterable[str], preferred_version: str) -> None:
        """Add a group; a second entry of the same name adds its versions behind those of the first."""
        earlier, preferred = self.groups.get(name, ((), ""))
        self.groups[name] = tuple(dict.fromkeys((*earlier, *versions))), preferred or preferred_version

    def add_resources(self, group_version: GroupVersion, rows: Sequence[ResourceRow]) -> None:
        """Add what one group version serves."""
        self.table.add(group_version.group, group_version.version, rows)

    def misplaced(self, name: str, *, core: bool) -> None:
        """Note a group that cannot be addressed: a named one under /api, or one without a name under /apis."""
        endpoint = "/api" if core else "/apis"
        _log.warning("ignored a group that %s cannot serve: its name is %r", endpoint, name)

    def joined(self, other: Part) -> Part:
        """Return both as one. They have no group in common: one holds the core group, the other those with names."""
        both = Part()
        both.groups = {**self.groups, **other.groups}
        both.table = self.table.followed_by(other.table)
        both.failed = {**self.failed, **other.failed}
        both.pending = self.pending + other.pending
        return both

    def finish(self, *, stored: bool = False) -> Discovered:
        """Return the value. The resources stand in the order of the groups, whichever of them were learned later."""
        table = self.table
        if self.pending:
            listed = [(group, version) for group, (versions, _) in self.groups.items() for version in versions]
            table = table.ordered(key for key in listed if key in table.spans)
        return Discovered(Groups(self.groups), ResourceLists(table), self.failed, stored)
