"""One pure builder a verb: an endpoint and the verb's options in, an `HTTPRequest` out, nothing sent.

The wire of each is held by the files in tests/golden; it is client-go's dynamic client's for the same call, but for the
newline Go writes after a JSON body. Names, bodies and options are checked here; whether the resource offers the verb at
all was checked when the endpoint was asked for (`View.endpoint`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.dynamic import bodies, options
from dynkube.errors import InvalidRequestError, NamespaceRequiredError
from dynkube.rest.json_text import encode_applied, encode_body
from dynkube.rest.paths import encode_query, quote_segment
from dynkube.transport import HTTPRequest

if TYPE_CHECKING:
    from dynkube.dynamic.endpoint import Endpoint, Headers
    from dynkube.objects import JSONObject
    from dynkube.transport import Cancellation

#: Content types by the name `patch(type=...)` takes. Apply is a patch on the wire, a verb of its own here.
PATCH_MEDIA_TYPES = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}

#: The body is JSON all the same, as far as that is YAML: this is the type every server version knows.
APPLY_MEDIA_TYPE = "application/apply-patch+yaml"


def get(endpoint: Endpoint, name: str, resource_version: str | None = None) -> HTTPRequest:
    """Read one object, or its subresource where the endpoint is one."""
    params = {**options.get_params(resource_version), **dict(endpoint.fixed_query)}
    target = _with_query(endpoint.item(name), params)
    return _request(endpoint, "GET", target, endpoint.headers, verb="get")


def list_(endpoint: Endpoint, params: options.Params, cancellation: Cancellation | None = None) -> HTTPRequest:
    """Read the collection; `params` are those of `options.list_params`."""
    target = _with_query(endpoint.collection, {**params, **dict(endpoint.fixed_query)})
    return _request(
        endpoint,
        "GET",
        target,
        endpoint.collection_headers,
        verb="list",
        cancellation=cancellation,
        template=endpoint.template,
    )


def watch(endpoint: Endpoint, params: options.Params, cancellation: Cancellation | None = None) -> HTTPRequest:
    """Watch the collection; `params` are those of `options.watch_params`."""
    target = _with_query(endpoint.collection, {**params, **dict(endpoint.fixed_query)})
    return _request(
        endpoint, "GET", target, endpoint.headers, verb="watch", cancellation=cancellation, template=endpoint.template
    )


def create(endpoint: Endpoint, body: JSONObject, params: options.Params, *, name: str | None = None) -> HTTPRequest:
    """Create an object; with `name`, POST to that object's subresource instead (eviction, binding, token)."""
    endpoint = bodies.place(endpoint, body, name=name)
    content = encode_body(bodies.complete(body, endpoint.body_kind))
    if endpoint.suffix:
        name = name if name is not None else bodies.name_of(body, why="it tells whose subresource is created")
        path, template = endpoint.item(name), None
    else:
        path, template = endpoint.collection, endpoint.template
    target = _with_query(path, params)
    headers = endpoint.json_headers
    return _request(endpoint, "POST", target, headers, verb="create", body=content, template=template)


def update(endpoint: Endpoint, body: JSONObject, params: options.Params, *, name: str | None = None) -> HTTPRequest:
    """Replace an object, or its subresource."""
    endpoint = bodies.place(endpoint, body, name=name)
    name = name if name is not None else bodies.name_of(body, why="update replaces the object of that name")
    content = encode_body(bodies.complete(body, endpoint.body_kind))
    target = _with_query(endpoint.item(name), params)
    return _request(endpoint, "PUT", target, endpoint.json_headers, verb="update", body=content)


def patch(
    endpoint: Endpoint,
    name: str,
    body: JSONObject | list[JSONObject],
    params: options.Params,
    patch_type: str | None = None,
) -> HTTPRequest:
    """Patch an object. A list is a JSON patch, a dict a merge patch, unless the type is given.

    Merge is the default, since it works on custom resources too; strategic patches are for built-in kinds only (415).
    """
    if patch_type is None:
        patch_type = "json" if isinstance(body, list) else "merge"
    if patch_type not in PATCH_MEDIA_TYPES:
        way_out = "; for server-side apply call .apply(...)" if patch_type == "apply" else ""
        raise InvalidRequestError(f"type must be merge, json or strategic, not {patch_type!r}{way_out}")
    target = endpoint.item(name)
    if patch_type == "json":
        if not isinstance(body, list):
            raise InvalidRequestError(f"a JSON patch is a list of operations, not a {type(body).__name__}")
        bodies.check_json_patch(body)
    else:
        if not isinstance(body, dict):
            raise InvalidRequestError(f"a {patch_type} patch is a dict, not a {type(body).__name__}")
        bodies.place(endpoint, body, name=name, writes_object=False)
    headers = _typed(endpoint.headers, PATCH_MEDIA_TYPES[patch_type])
    target = _with_query(target, params)
    return _request(endpoint, "PATCH", target, headers, verb="patch", body=encode_body(body))


def apply(endpoint: Endpoint, body: JSONObject, params: options.Params, *, name: str | None = None) -> HTTPRequest:
    """Apply an object server-side.

    managedFields are dropped from a copy: the server refuses them, and a body read from it always has them.
    """
    endpoint = bodies.place(endpoint, body, name=name)
    name = name if name is not None else bodies.name_of(body, why="apply creates or changes the object of that name")
    content = encode_applied(bodies.complete(bodies.without_managed_fields(body), endpoint.body_kind))
    headers = _typed(endpoint.headers, APPLY_MEDIA_TYPE)
    target = _with_query(endpoint.item(name), params)
    return _request(endpoint, "PATCH", target, headers, verb="patch", body=content)


def delete(endpoint: Endpoint, name: str, delete_options: JSONObject) -> HTTPRequest:
    """Delete one object; the options are always sent, in the body."""
    return _request(
        endpoint,
        "DELETE",
        endpoint.item(name),
        endpoint.json_headers,
        verb="delete",
        body=encode_body(delete_options),
    )


def delete_collection(endpoint: Endpoint, params: options.Params, delete_options: JSONObject) -> HTTPRequest:
    """Delete what a list with the same options would return. There is no such call across namespaces."""
    if endpoint.everywhere and (endpoint.api is None or endpoint.api.namespaced):
        raise NamespaceRequiredError(
            f"the server deletes {endpoint.described} one namespace at a time; say .namespace(...) first"
        )
    target = _with_query(endpoint.collection, params)
    content = encode_body(delete_options)
    return _request(
        endpoint,
        "DELETE",
        target,
        endpoint.json_headers,
        verb="deletecollection",
        body=content,
        template=endpoint.template,
    )


def stream(endpoint: Endpoint, name: str, params: dict[str, Any], *, verb: str, headers: Headers = ()) -> HTTPRequest:
    """Open a stream of bytes: a log, or with the headers of an upgrade what speaks both ways."""
    target = _with_query(endpoint.item(name), params)
    return _request(endpoint, "GET", target, (("Accept", "*/*"), *headers), verb=verb)


def object_path(endpoint: Endpoint, name: str | None = None, subresource: str | None = None) -> str:
    """Return the encoded path of the collection, of one object, or of its subresource, for requests built elsewhere."""
    if name is None:
        if subresource is not None:
            raise InvalidRequestError(f"subresource {subresource!r} needs the name of an object")
        return endpoint.collection
    path = endpoint.item(name)
    if subresource is None:
        return path
    return path + "".join("/" + quote_segment(part, "subresource") for part in subresource.split("/"))


def _request(
    endpoint: Endpoint,
    method: str,
    target: str,
    headers: Headers,
    *,
    verb: str,
    body: bytes | None = None,
    template: str | None = None,
    cancellation: Cancellation | None = None,
) -> HTTPRequest:
    """Return a request about one object, or, with a `template`, about the collection."""
    return HTTPRequest(
        method,
        target,
        headers,
        body,
        verb=verb,
        template=endpoint.item_template() if template is None else template,
        cancellation=cancellation or endpoint.cancellation,
    )


def _with_query(path: str, params: dict[str, Any]) -> str:
    query = encode_query(params)
    return f"{path}?{query}" if query else path


def _typed(headers: Headers, content_type: str) -> Headers:
    return (*headers, ("Content-Type", content_type))
