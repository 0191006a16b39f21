"""DiscoveryClient: asks a server what it serves."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from dynkube.discovery.aggregated import decode_aggregated
from dynkube.discovery.discovered import Groups, ResourceLists
from dynkube.discovery.documents import DocumentFetcher
from dynkube.discovery.legacy import decode_groups, decode_resource_list, decode_versions
from dynkube.discovery.media_types import AGGREGATED, JSON, is_aggregated
from dynkube.discovery.part import Part
from dynkube.discovery.table import ResourceTable
from dynkube.errors import DynkubeError, Forbidden, NotAcceptable, NotFound, StatusError
from dynkube.names import GroupVersion
from dynkube.rest import quote_segment
from dynkube.transport import HTTPRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dynkube.discovery.discovered import Discovered
    from dynkube.discovery.documents import Document, DocumentStore
    from dynkube.discovery.resources import APIGroup, APIResource
    from dynkube.discovery.table import ResourceRow
    from dynkube.rest import RESTClient

_log = logging.getLogger("dynkube.discovery")

#: How many group versions are fetched at once from a server without aggregated discovery.
PARALLEL_FETCHES = 8


class DiscoveryClient:
    """Asks one server for its groups, resources and version.

    Nothing is sent before the first call, and nothing is remembered but the ETags of the last answers: every call asks
    the server again (`CachedDiscovery` remembers). On a server with aggregated discovery (Kubernetes 1.26 and later)
    `discover` is two requests. Safe to share between threads.

    ``aggregated=False`` asks for the per-group documents only. ``store`` keeps documents beyond the process; while it
    holds current ones, nothing is sent at all.
    """

    def __init__(self, rest: RESTClient, *, aggregated: bool = True, store: DocumentStore | None = None) -> None:
        self._rest = rest
        self._accept = AGGREGATED if aggregated else JSON
        self._documents = DocumentFetcher(rest, store)
        # One object, so that a server without /api is recognised as unchanged, too.
        self._no_core = Part()
        self._last: tuple[Part, Part, Discovered] | None = None

    def discover(self) -> Discovered:
        """Return everything the server serves.

        ``/api`` and ``/apis`` each answer in the aggregated form or not, as they like; the resources of a group version
        that neither listed are fetched by themselves, several at a time. What cannot be learned is in ``failed``, and
        one warning names it. A server without ``/api`` (an aggregated API served by itself) has no core group.

        The same object is returned for as long as the server answers that nothing changed. Raises StatusError,
        TransportError or DiscoveryError where ``/api`` or ``/apis`` as a whole cannot be had.
        """
        used: list[Document] = []
        core, named = self._endpoints(used)
        if self._last is not None and self._last[0] is core and self._last[1] is named:
            return self._last[2]
        whole = core.joined(named)
        self._fetch_pending(whole, used)
        discovered = whole.finish(stored=bool(used))
        if whole.failed:
            _log.warning(
                "discovery is incomplete, these group versions are left out: %s",
                "; ".join(f"{group_version} ({error})" for group_version, error in whole.failed.items()),
            )
        # Group versions fetched by themselves carry no ETag: nothing says that they are unchanged.
        self._last = None if whole.pending else (core, named, discovered)
        return discovered

    def groups(self) -> tuple[APIGroup, ...]:
        """Return the groups in server order, the core group ("") first. Two requests at most; raises as `discover`."""
        core, named = self._endpoints([])
        return tuple(Groups({**core.groups, **named.groups}))

    def resources(self, group_version: GroupVersion | str) -> tuple[APIResource, ...]:
        """Return the resources of one group version ("apps/v1", "v1"), asking for that one alone.

        A server without the core group answers none for "v1"; any other group version it does not serve raises
        NotFound.
        """
        if isinstance(group_version, str):
            group_version = GroupVersion.parse(group_version)
        table = ResourceTable()
        table.add(group_version.group, group_version.version, self._resource_list(group_version, []))
        return ResourceLists(table)[group_version]

    def preferred_resources(self) -> tuple[APIResource, ...]:
        """Return every resource once, as `Discovered.preferred_resources` of a new `discover` does."""
        return self.discover().preferred_resources()

    def namespaced_resources(self) -> tuple[APIResource, ...]:
        """Return the preferred resources that live in namespaces; see `preferred_resources`."""
        return self.discover().namespaced_resources()

    def server_version(self) -> dict[str, Any]:
        """Return what ``/version`` says: ``major``, ``minor``, ``gitVersion``, ``platform`` and more. Never cached."""
        return self._rest.request(HTTPRequest("GET", "/version", (("Accept", JSON),), verb="get", template="/version"))

    def invalidate(self) -> None:
        """Trust no stored document from before this moment; the next call asks the server."""
        self._documents.invalidate()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._rest!r}>"

    def _endpoints(self, used: list[Document]) -> tuple[Part, Part]:
        try:
            core = self._endpoint("/api", used, core=True)
        except NotFound:
            core = self._no_core
        return core, self._endpoint("/apis", used, core=False)

    def _endpoint(self, path: str, used: list[Document], *, core: bool) -> Part:
        def decode(content_type: str, document: Any) -> Part:
            if is_aggregated(content_type):
                return decode_aggregated(document, core=core)
            return decode_versions(document) if core else decode_groups(document)

        try:
            return self._documents.fetch(path, self._accept, decode, used=used)
        except (Forbidden, NotAcceptable) as error:
            # Proxies and old servers exist that refuse an Accept header they do not know instead of ignoring it.
            if self._accept == JSON:
                raise
            _log.debug("%s refuses aggregated discovery (%s); asking for the plain documents", path, error)
            return self._documents.fetch(path, JSON, decode, used=used)

    def _fetch_pending(self, part: Part, used: list[Document]) -> None:
        if not part.pending:
            return
        with ThreadPoolExecutor(min(PARALLEL_FETCHES, len(part.pending)), "dynkube-discovery") as pool:
            futures = {gv: pool.submit(self._ask_twice, gv, used) for gv in part.pending}
        for group_version, future in futures.items():
            error = future.exception()
            if error is None:
                part.add_resources(group_version, future.result())
            elif isinstance(error, DynkubeError):
                part.failed[group_version] = error
            else:
                raise error

    def _ask_twice(self, group_version: GroupVersion, used: list[Document]) -> Sequence[ResourceRow]:
        """Return what a group version serves; if the server stumbles over it, ask once more at once.

        client-go asks for everything a second time then. A connection that cannot be had is not tried again: that may
        take as long as the timeouts say, and others wait for it.
        """
        try:
            return self._resource_list(group_version, used)
        except StatusError as error:
            if error.code < 500:
                raise
            _log.debug("%s answers %d; asking once more", group_version, error.code)
        return self._resource_list(group_version, used)

    def _resource_list(self, group_version: GroupVersion, used: list[Document]) -> Sequence[ResourceRow]:
        version = quote_segment(group_version.version, "API version")
        if group_version.group:
            path = f"/apis/{quote_segment(group_version.group, 'API group')}/{version}"
        else:
            path = f"/api/{version}"

        def decode(_content_type: str, document: Any) -> Sequence[ResourceRow]:
            return decode_resource_list(group_version, document)

        try:
            return self._documents.fetch(path, JSON, decode, used=used)
        except NotFound:
            if group_version == GroupVersion("", "v1"):
                return ()
            raise
