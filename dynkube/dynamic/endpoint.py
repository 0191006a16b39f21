"""Where one view of one resource lives: its paths, prepared once, so that a request costs one string concatenation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynkube.errors import (
    InvalidRequestError,
    NamespaceNotAllowedError,
    NamespaceRequiredError,
    UnsupportedVerbError,
)
from dynkube.names import GroupVersionKind, GroupVersionResource, check_path_segment
from dynkube.rest.paths import quote_segment
from dynkube.values import Value, replace

if TYPE_CHECKING:
    from dynkube.discovery import APIResource
    from dynkube.transport import Cancellation

#: The media type of every plain answer; client-go's dynamic client asks for exactly this.
JSON = "application/json"

Headers = tuple[tuple[str, str], ...]


class Endpoint(Value):
    """One resource in one scope (a namespace, all of them, or the cluster), under one representation.

    `api` is what discovery says of the resource; None for a GroupVersionResource taken as it is, where nothing is
    known and nothing but names is checked.
    """

    gvr: GroupVersionResource
    api: APIResource | None
    #: The namespace in the path; None in the scope of the cluster and across all namespaces.
    namespace: str | None
    #: True if the caller named the namespace; False if it is the context's, which a body may override.
    chosen: bool
    #: True after `all_namespaces()`.
    everywhere: bool
    #: Encoded path of the collection, as in "/apis/apps/v1/namespaces/prod/deployments".
    collection: str
    #: The same with a placeholder, for metrics: "/apis/apps/v1/namespaces/{namespace}/deployments".
    template: str
    #: Encoded path under each object: "" or as in "/scale".
    suffix: str = ""
    #: The kind of the bodies sent here, when known: the resource's own, or the subresource's.
    body_kind: GroupVersionKind | None = None
    #: Headers of a request without a body, about one object and about a collection; and of one with a JSON body.
    headers: Headers = (("Accept", JSON),)
    collection_headers: Headers = (("Accept", JSON),)
    json_headers: Headers = (("Accept", JSON), ("Content-Type", JSON))
    #: Query parameters every read carries (Table's includeObject).
    fixed_query: tuple[tuple[str, str], ...] = ()
    #: What ends each request made here from another thread; None: nothing.
    cancellation: Cancellation | None = None

    @property
    def described(self) -> str:
        """The resource as messages name it: "deployments (apps/v1)"."""
        return describe(self.gvr, self.suffix)

    def item(self, name: str) -> str:
        """Return the encoded path of the object called `name`; raise if no single object can be meant here."""
        if self.everywhere and (self.api is None or self.api.namespaced):
            raise NamespaceRequiredError(
                f"one object of {self.described} cannot be named across all namespaces; say .namespace(...) first"
            )
        return f"{self.collection}/{quote_segment(name, 'name')}{self.suffix}"

    def item_template(self) -> str:
        """Return the path of one object with placeholders in place of namespace and name."""
        return f"{self.template}/{{name}}{self.suffix}"

    def within(self, namespace: str) -> Endpoint:
        """Return this endpoint in `namespace`, as a body that carries one asks for."""
        collection, template = _paths(self.gvr, namespace)
        return replace(self, namespace=namespace, everywhere=False, collection=collection, template=template)

    def require(self, verb: str) -> None:
        """Raise UnsupportedVerbError if discovery says that this resource does not offer `verb`."""
        api = self.api
        if api is None or not api.verbs or verb in api.verbs:
            return
        offered = ", ".join(sorted(api.verbs))
        raise UnsupportedVerbError(f"{self.described} does not offer {verb}; the server offers: {offered}")

    def subresource(self, name: str) -> Endpoint:
        """Return the endpoint of a subresource of each object here ("scale", "proxy/metrics").

        Raises UnsupportedVerbError if discovery knows the resource and not this subresource of it.
        """
        parts = name.split("/")
        suffix = "".join("/" + quote_segment(part, "subresource") for part in parts)
        if self.api is None:
            own = GroupVersionKind(self.gvr.group, self.gvr.version, "")
            return replace(self, suffix=suffix, body_kind=own if name == "status" else None)
        found = self.api.subresource(parts[0])
        if found is None:
            offered = ", ".join(sorted(each.name.partition("/")[2] for each in self.api.subresources)) or "none"
            raise UnsupportedVerbError(f"{self.described} has no subresource {name!r}; the server offers: {offered}")
        # Some servers leave `namespaced` out of subresources; it is the parent's.
        api = found if found.namespaced == self.api.namespaced else replace(found, namespaced=self.api.namespaced)
        return replace(self, api=api, suffix=suffix, body_kind=found.gvk)


def prepare(
    gvr: GroupVersionResource,
    api: APIResource | None,
    *,
    namespace: str | None,
    everywhere: bool,
    default_namespace: str,
    accept: str = JSON,
    accept_list: str | None = None,
    fixed_query: tuple[tuple[str, str], ...] = (),
    cancellation: Cancellation | None = None,
) -> Endpoint:
    """Build the endpoint of `gvr` for the scope a view asks for.

    With no namespace named, a namespaced resource is met in `default_namespace` (the context's), as kubectl does. A
    GroupVersionResource that discovery was not asked about is taken literally: no namespace means none in the path.
    Raises NamespaceNotAllowedError for a namespace on a cluster-scoped resource, InvalidNameError for an impossible
    name.
    """
    chosen = namespace is not None
    if api is not None and not api.namespaced:
        if chosen:
            raise NamespaceNotAllowedError(
                f"{describe(gvr)} is cluster-scoped, so it has no objects in namespace {namespace!r}; "
                "leave .namespace(...) out"
            )
    elif namespace is None and api is not None and not everywhere:
        namespace = default_namespace
    collection, template = _paths(gvr, namespace)
    kind = api.gvk if api is not None else GroupVersionKind(gvr.group, gvr.version, "")
    return Endpoint(
        gvr=gvr,
        api=api,
        namespace=namespace,
        chosen=chosen,
        everywhere=everywhere,
        collection=collection,
        template=template,
        body_kind=kind,
        headers=(("Accept", accept),),
        collection_headers=(("Accept", accept_list or accept),),
        json_headers=(("Accept", accept), ("Content-Type", JSON)),
        fixed_query=fixed_query,
        cancellation=cancellation,
    )


def describe(gvr: GroupVersionResource, suffix: str = "") -> str:
    """Return a resource as messages name it: "deployments (apps/v1)", "deployments/scale (apps/v1)"."""
    return f"{gvr.resource}{suffix} ({gvr.api_version})"


def check_resource_names(gvr: GroupVersionResource) -> GroupVersionResource:
    """Return `gvr` if its parts can stand in a path; client-go lets "../../evil" through as a resource.

    Raises InvalidNameError, or InvalidRequestError if a subresource was put into the resource's name.
    """
    if "/" in gvr.resource and ".." not in gvr.resource.split("/"):
        resource, _, rest = gvr.resource.partition("/")
        raise InvalidRequestError(
            f"{gvr.resource!r} names a subresource: ask for {resource!r} and then .subresource({rest!r})"
        )
    if gvr.group:
        check_path_segment(gvr.group, "group")
    check_path_segment(gvr.version, "version")
    check_path_segment(gvr.resource, "resource")
    return gvr


def _paths(gvr: GroupVersionResource, namespace: str | None) -> tuple[str, str]:
    group, version = gvr.group, quote_segment(gvr.version, "version")
    resource = quote_segment(gvr.resource, "resource")
    root = f"/apis/{quote_segment(group, 'group')}/{version}" if group else f"/api/{version}"
    if namespace is None:
        return f"{root}/{resource}", f"{root}/{resource}"
    return (
        f"{root}/namespaces/{quote_segment(namespace, 'namespace')}/{resource}",
        f"{root}/namespaces/{{namespace}}/{resource}",
    )
