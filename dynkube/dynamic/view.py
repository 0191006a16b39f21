"""A resource in one scope: what all groups of verbs stand on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.dynamic import requests
from dynkube.dynamic.endpoint import JSON, Endpoint, prepare
from dynkube.errors import NamespaceNotAllowedError, ResponseError, UnsupportedVerbError
from dynkube.rest.paths import quote_segment

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

    from dynkube.discovery import APIResource
    from dynkube.dynamic.binding import Binding
    from dynkube.names import GroupVersionResource
    from dynkube.objects import JSONObject
    from dynkube.rest import RESTClient
    from dynkube.transport import Cancellation, HTTPRequest


class View:
    """One resource in one scope, and under one representation: plain objects, unless a subclass says otherwise."""

    #: Media types asked for of an object and of a list; None: the same.
    _accept = JSON
    _accept_list: str | None = None
    #: Where a list keeps its objects.
    _rows = "items"
    #: Query parameters each read carries.
    _fixed_query: tuple[tuple[str, str], ...] = ()

    def __init__(
        self,
        binding: Binding,
        *,
        namespace: str | None = None,
        everywhere: bool = False,
        cancellation: Cancellation | None = None,
    ) -> None:
        self._binding = binding
        self._cancellation = cancellation
        self._namespace = namespace
        self._everywhere = everywhere
        self._prepared: Endpoint | None = None

    def namespace(self, name: str) -> Self:
        """Return this resource in the namespace `name`; raises InvalidNameError for what cannot be one."""
        quote_segment(name, "namespace")
        return self._copy(namespace=name, everywhere=False)

    def all_namespaces(self) -> Self:
        """Return this resource across all namespaces, for list, iter, pages and watch."""
        return self._copy(namespace=None, everywhere=True)

    def cancellable(self, cancellation: Cancellation) -> Self:
        """Return this view with every request, reads and writes, ended by `cancellation.cancel()` from any thread.

        A request that is cancelled raises ConnectFailedError, one made afterwards as well.
        """
        return self._copy(cancellation=cancellation)

    @property
    def gvr(self) -> GroupVersionResource:
        """Group, version and plural name; asks discovery on first use unless they were given."""
        return self._binding.gvr()

    @property
    def rest(self) -> RESTClient:
        """The client that sends."""
        return self._binding.rest

    def api_resource(self) -> APIResource | None:
        """Return what discovery says of this resource; None for an exact GroupVersionResource, never looked up."""
        return self._binding.api()

    def endpoint(self, verb: str = "", subresource: str = "") -> Endpoint:
        """Return the prepared paths and rules of this view, from which `dynkube.dynamic.requests` builds requests.

        Asks discovery on first use. Raises UnsupportedVerbError if the resource does not offer `verb` or has no such
        `subresource`, and NamespaceNotAllowedError for a namespace on a cluster-scoped resource; not before discovery
        was asked again, if what it said is older than this call.
        """
        since = self._binding.now()
        try:
            return self._look_up(verb, subresource)
        except (UnsupportedVerbError, NamespaceNotAllowedError):
            if not self._binding.reconsider(since):
                raise
        self._prepared = None
        return self._look_up(verb, subresource)

    def wrote(self, request: HTTPRequest, answer: JSONObject) -> None:
        """Take note of a write by hand; what is written through the verbs is known already.

        Written definitions and APIServices have this client ask the server anew what it serves.
        """
        self._binding.wrote(request, answer)

    def path(self, name: str | None = None, *, subresource: str | None = None) -> str:
        """Return the validated, encoded path of the collection, of one object, or of its subresource."""
        return requests.object_path(self.endpoint(), name, subresource)

    def __repr__(self) -> str:
        scope = "all namespaces" if self._everywhere else self._namespace
        return f"<{type(self).__name__} {self._binding}{f' in {scope}' if scope else ''}>"

    def _look_up(self, verb: str, subresource: str) -> Endpoint:
        # Kept between calls: saves 6 % of a get, 10 % of a create.
        found = self._prepared
        if found is None:
            api = self._binding.api()
            found = self._prepared = prepare(
                self._binding.gvr(),
                api,
                namespace=self._namespace,
                everywhere=self._everywhere,
                default_namespace=self._binding.default_namespace,
                accept=self._accept,
                accept_list=self._accept_list,
                fixed_query=self._fixed_query,
                cancellation=self._cancellation,
            )
        if subresource:
            found = found.subresource(subresource)
        if verb:
            found.require(verb)
        return found

    def _copy(self, **changes: Any) -> Self:
        """Return this view with attributes changed: a subclass may have more of them than are known here."""
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__, _prepared=None, **{f"_{name}": value for name, value in changes.items()})
        return view

    def _one(self, answer: JSONObject) -> JSONObject:
        """Turn one answer into what the verb returns; another representation does more here."""
        return answer

    def _event_changer(self) -> Callable[[JSONObject], JSONObject] | None:
        """Return what turns the object of an event into what the view shows; None: nothing does."""
        return None

    def _as_list(self, answer: JSONObject) -> JSONObject:
        """Turn one answer of a list into a list object, for readers that know no other form."""
        return self._many(answer)

    def _many(self, answer: JSONObject) -> JSONObject:
        """Give each item the apiVersion and kind the server left out, from the list's own (client-go does the same)."""
        items = answer["items"] = items_of(answer)
        kind, api_version = str(answer.get("kind")), answer.get("apiVersion")
        if kind.endswith("List"):
            own = kind[: -len("List")]
            for item in items:
                if "kind" not in item and "apiVersion" not in item:
                    item["apiVersion"], item["kind"] = api_version, own
        return answer


def items_of(answer: JSONObject) -> list[JSONObject]:
    """Return the objects of a list. Go writes none as null, and some servers leave the field out then.

    Raises ResponseError for what is no list, one object for instance: an empty one would say that all objects are gone.
    """
    items = answer.get("items")
    if items is None and ("items" in answer or str(answer.get("kind")).endswith("List")):
        return []
    if not isinstance(items, list) or not {dict}.issuperset(map(type, items)):
        raise ResponseError(f"the answer is no list of objects, but of kind {answer.get('kind')!r}")
    return items
