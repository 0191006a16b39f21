"""Which resource of which cluster a view speaks to: found out on first use, remembered for all its views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from dynkube.dynamic.endpoint import check_resource_names, describe

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.discovery import APIResource
    from dynkube.names import GroupVersionResource
    from dynkube.objects import JSONObject
    from dynkube.rest import RESTClient
    from dynkube.transport import HTTPRequest

#: The groups of the two resources that decide what else a server serves.
API_GROUPS = frozenset(("apiextensions.k8s.io", "apiregistration.k8s.io"))


class Surface(Protocol):
    """What a binding asks about the server: names to resources, and whether it has changed."""

    def now(self) -> float:
        """Return the clock's time, for `changed`."""

    def changed(self, since: float) -> bool:
        """Ask the server again, if that was not done after `since` and not too often; tell whether it now differs."""

    def wrote(self, resource: GroupVersionResource, request: HTTPRequest, answer: JSONObject) -> None:
        """Take note of what was written to a resource of `API_GROUPS`."""


class Binding:
    """One resource of one cluster, shared by every view of it.

    Either `resolve` finds it by discovery on first use, or `api` is what discovery said, or `gvr` names it exactly and
    discovery is never asked. Two threads may resolve at once; both find the same and the mapper asks the server once.
    """

    def __init__(
        self,
        rest: RESTClient,
        default_namespace: str,
        *,
        asked: str,
        resolve: Callable[[], APIResource] | None = None,
        surface: Surface | None = None,
        gvr: GroupVersionResource | None = None,
        api: APIResource | None = None,
    ) -> None:
        self.rest = rest
        self.default_namespace = default_namespace
        self._asked = asked
        self._resolve = resolve
        self._surface = surface
        self._api = api
        self._gvr = api.gvr if api is not None else gvr
        if self._gvr is not None:
            check_resource_names(self._gvr)

    def api(self) -> APIResource | None:
        """Return what discovery says of the resource; None for an exact GroupVersionResource.

        Raises NoMatchError or AmbiguousError, and whatever discovery raises.
        """
        if self._api is None and self._resolve is not None:
            self._api = self._resolve()
            self._gvr = self._api.gvr
        return self._api

    def now(self) -> float:
        """Return the time a call begins, for `reconsider`; 0 where there is nothing to reconsider."""
        return 0.0 if self._surface is None else self._surface.now()

    def reconsider(self, since: float) -> bool:
        """Look the resource up anew before a call that began at `since` is refused; tell whether it is another now.

        What discovery said may be hours old: a definition may have got a status, or another scope, meanwhile.
        """
        if self._surface is None or self._resolve is None or self._api is None:
            return False
        self._surface.changed(since)
        before, self._api = self._api, self._resolve()
        self._gvr = self._api.gvr
        return self._api != before

    def wrote(self, request: HTTPRequest, answer: JSONObject) -> None:
        """Take note of a write: those of definitions and APIServices change what the server serves."""
        gvr = self._gvr
        if gvr is not None and gvr.group in API_GROUPS and self._surface is not None:
            self._surface.wrote(gvr, request, answer)

    def gvr(self) -> GroupVersionResource:
        """Return group, version and plural name; asks discovery if they are not known yet."""
        if self._gvr is None:
            self.api()
        if self._gvr is None:
            raise AssertionError(self._asked)
        return self._gvr

    def __str__(self) -> str:
        return describe(self._gvr) if self._gvr is not None else self._asked
