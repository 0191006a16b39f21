"""One resource and its verbs: what `dyn.resource(...)` returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.config import UNSET
from dynkube.dynamic import options, requests
from dynkube.dynamic.endpoint import JSON, Endpoint, prepare, segment
from dynkube.dynamic.keywords import names_nearest_option
from dynkube.dynamic.paging import PAGE_SIZE, pages
from dynkube.errors import NotFound
from dynkube.watch import Watcher
from dynkube.watch.loop import IDLE_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Self

    from dynkube.config import TimeoutLike, Unset
    from dynkube.discovery import APIResource
    from dynkube.dynamic.binding import Binding
    from dynkube.dynamic.lister_watcher import ResourceListerWatcher
    from dynkube.dynamic.metadata import MetadataResource
    from dynkube.dynamic.options import (
        FieldSelectorLike,
        FieldValidation,
        LabelSelectorLike,
        PatchType,
        PropagationPolicy,
        ResourceVersionMatch,
    )
    from dynkube.dynamic.subresource import Subresource
    from dynkube.dynamic.table import TableView
    from dynkube.names import GroupVersionResource
    from dynkube.objects import JSONObject
    from dynkube.rest import RESTClient
    from dynkube.transport import HTTPRequest

    JSONPatch = list[JSONObject]


@names_nearest_option
class Resource:
    """A resource of a cluster in one scope: a namespace, all namespaces, or the cluster.

    Views are cheap and never change: `namespace()` and `all_namespaces()` return new ones. Without either, a
    namespaced resource is met in the context's namespace, as kubectl does. Objects go in and come out as plain dicts.
    Safe to share between threads.

    Common to the verbs: `timeout` is the read timeout in seconds, a (connect, read) pair, or None for no limit; left
    out, the configuration's applies. Refusals of the server raise a StatusError, calls that cannot be right an
    InvalidRequestError before anything is sent, and a connection that fails a TransportError.
    """

    #: Media types asked for, and query parameters each read carries; a view of another representation has its own.
    _accept = JSON
    _accept_list: str | None = None
    _rows = "items"
    _fixed_query: tuple[tuple[str, str], ...] = ()

    def __init__(self, binding: Binding, *, namespace: str | None = None, everywhere: bool = False) -> None:
        self._binding = binding
        self._namespace = namespace
        self._everywhere = everywhere
        self._prepared: Endpoint | None = None

    # -- views ---------------------------------------------------------------------------------------------------

    def namespace(self, name: str) -> Self:
        """Return this resource in the namespace `name`; raises InvalidNameError for what cannot be one."""
        segment(name, "namespace")
        return self._view(namespace=name)

    def all_namespaces(self) -> Self:
        """Return this resource across all namespaces, for list, iter, pages and watch."""
        return self._view(everywhere=True)

    def subresource(self, name: str) -> Subresource:
        """Return the verbs on a subresource of each object: "status", "scale", "eviction", "binding", "token"."""
        from dynkube.dynamic.subresource import Subresource

        for part in name.split("/"):
            segment(part, "subresource")
        return Subresource(self, name)

    def table(self, *, include_object: str = "Metadata") -> TableView:
        """Return the view in which the server prints: rows and columns as kubectl shows them."""
        from dynkube.dynamic.table import TableView

        return TableView(self._binding, self._namespace, self._everywhere, include_object=include_object)

    def metadata(self) -> MetadataResource:
        """Return the view in which objects are PartialObjectMetadata: names, labels, owners; no spec, no status."""
        from dynkube.dynamic.metadata import MetadataResource

        return MetadataResource(self._binding, namespace=self._namespace, everywhere=self._everywhere)

    # -- reading -------------------------------------------------------------------------------------------------

    def get(
        self, name: str, *, resource_version: str | None = None, timeout: TimeoutLike | Unset = UNSET
    ) -> JSONObject:
        """Return the object called `name`; raises NotFound if there is none.

        `resource_version="0"` accepts what the server has cached, which may be old.
        """
        endpoint = self._prepared or self.endpoint()
        request = requests.get(endpoint, name, resource_version)
        return self._one(self._binding.rest.request(request, timeout=timeout))

    def get_or_none(
        self, name: str, *, resource_version: str | None = None, timeout: TimeoutLike | Unset = UNSET
    ) -> JSONObject | None:
        """Return the object called `name`, or None if there is none.

        A resource the server does not serve is NotFound all the same: only the object may be absent.
        """
        try:
            return self.get(name, resource_version=resource_version, timeout=timeout)
        except NotFound as error:
            # A path the server does not know is answered without details.name; an absent object names itself.
            if error.details.get("name") != name:
                raise
            return None

    def exists(self, name: str, *, timeout: TimeoutLike | Unset = UNSET) -> bool:
        """Tell whether there is an object called `name`."""
        return self.get_or_none(name, timeout=timeout) is not None

    def list(
        self,
        *,
        label_selector: LabelSelectorLike = None,
        field_selector: FieldSelectorLike = None,
        limit: int | None = None,
        continue_: str | None = None,
        resource_version: str | None = None,
        resource_version_match: ResourceVersionMatch | None = None,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> JSONObject:
        """Return the list object, from one request; its objects are in `["items"]`.

        Selectors are text, a mapping ({"app": "web", "tier": ["a", "b"], "old": None} for equal, in, exists) or
        parsed. With `limit`, `["metadata"]["continue"]` tells whether there is more; `iter` and `pages` follow it.
        Items bear apiVersion and kind, which the server leaves out of them.
        """
        params = options.list_params(
            label_selector,
            field_selector,
            limit,
            continue_,
            resource_version=resource_version,
            resource_version_match=resource_version_match,
        )
        request = requests.list_(self.endpoint(), params)
        return self._many(self._binding.rest.request(request, timeout=timeout))

    def pages(
        self,
        *,
        label_selector: LabelSelectorLike = None,
        field_selector: FieldSelectorLike = None,
        limit: int = PAGE_SIZE,
        continue_: str | None = None,
        resource_version: str | None = None,
        resource_version_match: ResourceVersionMatch | None = None,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> Iterator[JSONObject]:
        """Return an iterator over the pages of a list, `limit` objects each; a page is read when it is asked for.

        An expired continue token does not end it: see `dynkube.dynamic.paging` for what is promised then. The options
        are checked at once.
        """
        params = options.list_params(
            label_selector,
            field_selector,
            limit,
            continue_,
            resource_version=resource_version,
            resource_version_match=resource_version_match,
        )
        del params["continue"]
        endpoint = self.endpoint()
        requests.list_(endpoint, params)

        def read(token: str | None, size: int | None, first: bool) -> JSONObject:
            page = {**params, "limit": size, "continue": token}
            if not first:
                page["resourceVersion"] = page["resourceVersionMatch"] = None
            request = requests.list_(endpoint, page)
            return self._many(self._binding.rest.request(request, timeout=timeout))

        return pages(read, limit=limit or PAGE_SIZE, continue_=continue_, rows=self._rows)

    def iter(
        self,
        *,
        label_selector: LabelSelectorLike = None,
        field_selector: FieldSelectorLike = None,
        limit: int = PAGE_SIZE,
        resource_version: str | None = None,
        resource_version_match: ResourceVersionMatch | None = None,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> Iterator[JSONObject]:
        """Return an iterator over every object of a list, read lazily in pages of `limit`; otherwise as `pages`."""
        each_page = self.pages(
            label_selector=label_selector,
            field_selector=field_selector,
            limit=limit,
            resource_version=resource_version,
            resource_version_match=resource_version_match,
            timeout=timeout,
        )
        return _items(each_page)

    def watch(
        self,
        *,
        label_selector: LabelSelectorLike = None,
        field_selector: FieldSelectorLike = None,
        resource_version: str | None = None,
        relist: bool = False,
        allow_bookmarks: bool = False,
        send_initial_events: bool = False,
        idle_timeout: float | None = IDLE_TIMEOUT,
        timeout: float | None = None,
    ) -> Watcher:
        """Return the changes, as an endless iterator of {"type": "ADDED" | "MODIFIED" | "DELETED", "object": {...}}.

        With no `resource_version`, what exists comes first, as ADDED. Connections that end or break are replaced and
        the watch goes on where it was; `with` and `close()`, from any thread, end it at once, as does `timeout`
        (seconds for the whole watch; None: none). When the server no longer has the events since the last one seen,
        Gone is raised; with `relist`, the differences come as events instead. See `dynkube.watch.Watcher`.
        """
        source = self.lister_watcher(label_selector=label_selector, field_selector=field_selector)
        source.check()
        return Watcher(
            source,
            resource_version=resource_version,
            relist=relist,
            timeout=timeout,
            allow_bookmarks=allow_bookmarks,
            send_initial_events=send_initial_events,
            idle_timeout=idle_timeout,
        )

    def lister_watcher(
        self, *, label_selector: LabelSelectorLike = None, field_selector: FieldSelectorLike = None
    ) -> ResourceListerWatcher:
        """Return what the watch and informer layers read this view through: single requests, nothing resumed."""
        from dynkube.dynamic.lister_watcher import ResourceListerWatcher

        return ResourceListerWatcher(
            self, label_selector, field_selector, as_list=self._as_list, change_object=self._event_changer()
        )

    # -- writing -------------------------------------------------------------------------------------------------

    def create(
        self,
        obj: JSONObject,
        *,
        dry_run: bool = False,
        field_manager: str | None = None,
        field_validation: FieldValidation | None = None,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> JSONObject:
        """Create `obj` and return it as stored; raises AlreadyExists if its name is taken.

        It may have metadata.generateName in place of a name. apiVersion and kind may be left out where discovery
        knows them. `dry_run` goes through admission and validation and stores nothing.
        """
        params = options.write_params(dry_run=dry_run, field_manager=field_manager, field_validation=field_validation)
        return self._send(requests.create(self.endpoint(), obj, params), timeout)

    def update(
        self,
        obj: JSONObject,
        *,
        dry_run: bool = False,
        field_manager: str | None = None,
        field_validation: FieldValidation | None = None,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> JSONObject:
        """Replace the object of `obj`'s name and return it as stored.

        With the metadata.resourceVersion it was read with, raises Conflict if it changed since.
        """
        params = options.write_params(dry_run=dry_run, field_manager=field_manager, field_validation=field_validation)
        return self._send(requests.update(self.endpoint(), obj, params), timeout)

    def update_status(
        self,
        obj: JSONObject,
        *,
        dry_run: bool = False,
        field_manager: str | None = None,
        field_validation: FieldValidation | None = None,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> JSONObject:
        """Replace the status of the object of `obj`'s name; the server ignores the rest of `obj`."""
        params = options.write_params(dry_run=dry_run, field_manager=field_manager, field_validation=field_validation)
        return self._send(requests.update(self.endpoint().subresource("status"), obj, params), timeout)

    def patch(
        self,
        name: str,
        body: JSONObject | JSONPatch,
        *,
        type: PatchType | None = None,  # noqa: A002 - the word everybody has for it
        dry_run: bool = False,
        field_manager: str | None = None,
        field_validation: FieldValidation | None = None,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> JSONObject:
        """Change the object called `name` and return it as stored.

        A dict is a merge patch (RFC 7386: null removes), a list a JSON patch (RFC 6902). `type="strategic"` merges
        lists by key, for built-in kinds only: the server answers UnsupportedMediaType for custom resources.
        """
        params = options.write_params(dry_run=dry_run, field_manager=field_manager, field_validation=field_validation)
        return self._send(requests.patch(self.endpoint(), name, body, params, type), timeout)

    def apply(
        self,
        obj: JSONObject,
        *,
        field_manager: str,
        force: bool = False,
        dry_run: bool = False,
        field_validation: FieldValidation | None = None,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> JSONObject:
        """Apply `obj` server-side: create it, or make the fields it has as it says; return it as stored.

        The server remembers that `field_manager` owns these fields. Raises Conflict, with a cause for each field that
        another manager owns; `force` takes them over. managedFields in `obj` are left out of what is sent.
        """
        params = options.apply_params(
            dry_run=dry_run, field_manager=field_manager, field_validation=field_validation, force=force
        )
        return self._send(requests.apply(self.endpoint(), obj, params), timeout)

    def apply_status(
        self,
        obj: JSONObject,
        *,
        field_manager: str,
        force: bool = False,
        dry_run: bool = False,
        field_validation: FieldValidation | None = None,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> JSONObject:
        """Apply the status of `obj` server-side; the object must exist. Otherwise as `apply`."""
        params = options.apply_params(
            dry_run=dry_run, field_manager=field_manager, field_validation=field_validation, force=force
        )
        return self._send(requests.apply(self.endpoint().subresource("status"), obj, params), timeout)

    def delete(
        self,
        name: str,
        *,
        propagation_policy: PropagationPolicy | None = None,
        grace_period_seconds: int | None = None,
        uid: str | None = None,
        resource_version: str | None = None,
        dry_run: bool = False,
        ignore_store_read_error: bool = False,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> JSONObject:
        """Delete the object called `name`.

        Returns the object if the server sends it (it may still be there, with a deletionTimestamp, until its
        finalizers are done), else a Status. With `uid` or `resource_version`, raises Conflict if the object is not
        that one. `propagation_policy` says what becomes of its dependents; `grace_period_seconds=0` means at once.
        """
        body = options.delete_options(
            propagation_policy=propagation_policy,
            grace_period_seconds=grace_period_seconds,
            uid=uid,
            resource_version=resource_version,
            dry_run=dry_run,
            ignore_store_read_error=ignore_store_read_error,
        )
        return self._send(requests.delete(self.endpoint(), name, body), timeout)

    def delete_collection(
        self,
        *,
        label_selector: LabelSelectorLike = None,
        field_selector: FieldSelectorLike = None,
        limit: int | None = None,
        resource_version: str | None = None,
        resource_version_match: ResourceVersionMatch | None = None,
        propagation_policy: PropagationPolicy | None = None,
        grace_period_seconds: int | None = None,
        dry_run: bool = False,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> JSONObject:
        """Delete every object a list with these selectors has, in one namespace or the cluster's scope.

        Returns the list of what was deleted, or a Status. No selector means all of them.
        """
        params = options.list_params(
            label_selector,
            field_selector,
            limit,
            None,
            resource_version=resource_version,
            resource_version_match=resource_version_match,
        )
        body = options.delete_options(
            propagation_policy=propagation_policy,
            grace_period_seconds=grace_period_seconds,
            uid=None,
            resource_version=None,
            dry_run=dry_run,
        )
        request = requests.delete_collection(self.endpoint(), params, body)
        return self._binding.rest.request(request, timeout=timeout)

    # -- what it is ----------------------------------------------------------------------------------------------

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

    def endpoint(self) -> Endpoint:
        """Return the prepared paths and rules of this view, from which `dynkube.dynamic.requests` builds requests.

        Asks discovery on first use. Raises NamespaceNotAllowedError for a namespace on a cluster-scoped resource.
        """
        if self._prepared is None:
            api = self._binding.api()
            self._prepared = prepare(
                self._binding.gvr(),
                api,
                namespace=self._namespace,
                everywhere=self._everywhere,
                default_namespace=self._binding.default_namespace,
                accept=self._accept,
                accept_list=self._accept_list,
                fixed_query=self._fixed_query,
            )
        return self._prepared

    def path(self, name: str | None = None, *, subresource: str | None = None) -> str:
        """Return the validated, encoded path of the collection, of one object, or of its subresource."""
        return requests.object_path(self.endpoint(), name, subresource)

    def __repr__(self) -> str:
        scope = "all namespaces" if self._everywhere else self._namespace
        return f"<{type(self).__name__} {self._binding}{f' in {scope}' if scope else ''}>"

    # -- inside --------------------------------------------------------------------------------------------------

    def _view(self, *, namespace: str | None = None, everywhere: bool = False) -> Self:
        return type(self)(self._binding, namespace=namespace, everywhere=everywhere)

    def _send(self, request: HTTPRequest, timeout: TimeoutLike | Unset) -> JSONObject:
        return self._one(self._binding.rest.request(request, timeout=timeout))

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
        items = answer.get("items")
        if items is None:
            answer["items"] = []
            return answer
        kind, api_version = answer.get("kind", ""), answer.get("apiVersion")
        if items and kind.endswith("List") and "kind" not in items[0]:
            own = kind[: -len("List")]
            for item in items:
                if "kind" not in item and "apiVersion" not in item:
                    item["apiVersion"], item["kind"] = api_version, own
        return answer


def _items(each_page: Iterator[JSONObject]) -> Iterator[JSONObject]:
    for page in each_page:
        items: list[Any] = page.pop("items")
        items.reverse()
        while items:  # handed over one by one, so that what the caller drops is freed
            yield items.pop()
        del page, items
