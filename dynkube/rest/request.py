"""A request put together call by call, as client-go's `rest.Request`; checked as it grows, sent by its last call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dynkube.config import UNSET, Timeout
from dynkube.errors import InvalidNameError, InvalidRequestError
from dynkube.names import GroupVersion
from dynkube.rest.decoding import check_status, decode_object
from dynkube.rest.json_text import encode_applied, encode_body
from dynkube.rest.paths import encode_query, quote_segment
from dynkube.transport.messages import HTTPRequest, HTTPResponse

if TYPE_CHECKING:
    from dynkube.config import TimeoutLike, Unset
    from dynkube.rest.client import RESTClient
    from dynkube.rest.events import EventStream
    from dynkube.transport.messages import Headers

#: Short names of the patch types and what they are called on the wire.
PATCH_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "json": "application/json-patch+json",
        "merge": "application/merge-patch+json",
        "strategic": "application/strategic-merge-patch+json",
        "apply": "application/apply-patch+yaml",
    }
)
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_VERBS: Mapping[str, str] = MappingProxyType({"POST": "create", "PUT": "update", "PATCH": "patch"})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def patch_media_type(type: str) -> str:  # noqa: A002 - the same word as in the call it serves
    """Return the media type of a patch type; a media type stands for itself. Raises InvalidRequestError."""
    known = PATCH_TYPES.get(type, type if "/" in type else None)
    if known is None:
        raise InvalidRequestError(f"patch type {type!r} is unknown; use one of {', '.join(PATCH_TYPES)}")
    return known


class Result:
    """The answer of `Request.do()`, a 2xx; raised failures never get here."""

    def __init__(self, response: HTTPResponse) -> None:
        self._response = response

    @property
    def status_code(self) -> int:
        """The HTTP status, 200 to 299; 201 tells a create from an update."""
        return self._response.status

    @property
    def headers(self) -> Headers:
        """The headers of the answer."""
        return self._response.headers

    def into(self) -> dict[str, Any]:
        """Return the object of the answer; raises ResponseError if there is none."""
        # From a copy: `into()` and `raw()` may both be called.
        response = self._response
        copy = HTTPResponse(
            response.status, response.headers, response.read(), method=response.method, url=response.url
        )
        return decode_object(copy)

    def raw(self) -> bytes:
        """Return the body as it came."""
        return self._response.read()

    def __repr__(self) -> str:
        return f"<Result {self._response.status} {self._response.url}>"


class Request:
    """One request in the making. Every call returns the request itself; a wrong or repeated one raises at once.

    The path is `/api/v1` or `/apis/GROUP/VERSION` by `api_version`, or what `abs_path` says, then
    `namespaces/NAMESPACE`, resource, name and subresource as far as given.
    """

    def __init__(self, client: RESTClient, method: str, *, api_version: str | GroupVersion | None = None) -> None:
        if method not in _METHODS:
            raise InvalidRequestError(f"HTTP method {method!r} is not one of {', '.join(sorted(_METHODS))}")
        self._client = client
        self._method = method
        self._api_version = _group_version(api_version) if api_version is not None else None
        self._abs_path: str | None = None
        self._namespace: str | None = None
        self._resource: str | None = None
        self._name: str | None = None
        self._subresource: str | None = None
        self._params: dict[str, list[str]] = {}
        self._headers: list[tuple[str, str]] = []
        self._body: bytes | None = None
        self._timeout: TimeoutLike | Unset = UNSET

    def api_version(self, value: str | GroupVersion) -> Request:
        """Go to this API group and version, "v1" or "apps/v1", instead of the client's."""
        if self._abs_path is not None:
            raise InvalidRequestError(f"api_version {value} contradicts the absolute path {self._abs_path!r}")
        self._api_version = _group_version(value)
        return self

    def abs_path(self, *segments: str) -> Request:
        """Go below this path instead of an API version's: one ready path, "/api/v1", or segments to be joined.

        The path is taken as plain text, unencoded; `.`, `..`, `%` and empty segments are refused.
        """
        self._unset("absolute path", self._abs_path)
        parts = "/".join(part.strip("/") if len(segments) > 1 else part for part in segments)
        plain = parts.strip("/")
        encoded = "/".join(quote_segment(part, f"segment of the path {parts!r}") for part in plain.split("/") if plain)
        # A trailing slash is kept: some servers behind a proxy subresource tell the two apart.
        self._abs_path = "/" + encoded + ("/" if plain and parts.endswith("/") else "")
        return self

    def namespace(self, namespace: str) -> Request:
        """Address a namespace; leave the call out for all namespaces or a cluster-scoped resource."""
        self._unset("namespace", self._namespace)
        quote_segment(namespace, "namespace")
        self._namespace = namespace
        return self

    def resource(self, resource: str) -> Request:
        """Address a resource by its plural name, such as "deployments"."""
        self._unset("resource", self._resource)
        quote_segment(resource, "resource")
        self._resource = resource
        return self

    def name(self, name: str) -> Request:
        """Address one object."""
        self._unset("name", self._name)
        quote_segment(name, "name")
        self._name = name
        return self

    def subresource(self, *segments: str) -> Request:
        """Address a part of the object: "status", "scale", or "proxy" and what lies below it."""
        self._unset("subresource", self._subresource)
        if not segments:
            raise InvalidNameError("subresource is empty; name one, such as 'status'")
        self._subresource = "/".join(quote_segment(segment, "subresource") for segment in segments)
        return self

    def param(self, name: str, value: str | int | bool | Sequence[str] | None) -> Request:
        """Add a query parameter; a second call with the same name repeats it, None adds nothing."""
        encode_query({name: value})
        if value is not None:
            values = value if isinstance(value, Sequence) and not isinstance(value, str) else (value,)
            self._params.setdefault(name, []).extend(
                ("true" if item else "false") if isinstance(item, bool) else str(item) for item in values
            )
        return self

    def header(self, name: str, *values: str) -> Request:
        """Add a header, one line for each value."""
        self._headers += ((name, value) for value in values)
        return self

    def body(self, value: Any) -> Request:
        """Send this: bytes as they are, dicts and lists as JSON (with its Content-Type unless one is set).

        As YAML, which is JSON but for long keys, after the Content-Type of server-side apply.
        """
        self._unset("body", self._body)
        if self._method not in _WITH_BODY:
            raise InvalidRequestError(f"{self._method} carries no body")
        if isinstance(value, bytes | bytearray | memoryview):
            self._body = bytes(value)
            return self
        if not isinstance(value, Mapping | list | tuple):
            raise InvalidRequestError(f"a body is a dict, a list or bytes, not {type(value).__name__}")
        encode = encode_applied if ("Content-Type", PATCH_TYPES["apply"]) in self._headers else encode_body
        self._body = encode(dict(value) if isinstance(value, Mapping) else value)
        if not self._has_header("content-type"):
            self._headers.append(("Content-Type", "application/json"))
        return self

    def timeout(self, value: TimeoutLike) -> Request:
        """Limit this request. A plain number of seconds is also told to the server, as `timeout` of the query."""
        Timeout.of(value)
        self._timeout = value
        return self

    def build(self, *, watch: bool = False) -> HTTPRequest:
        """Return the request as data; nothing is sent. Raises InvalidRequestError for what is missing."""
        params: dict[str, Any] = dict(self._params)
        if watch:
            params["watch"] = "true"
        elif isinstance(self._timeout, int | float):
            params["timeout"] = go_duration(self._timeout)
        query = encode_query(params)
        path = self._path()
        headers = tuple(self._headers)
        if not self._has_header("accept"):
            headers = (("Accept", "application/json" if watch else "application/json, */*"), *headers)
        return HTTPRequest(
            self._method,
            f"{path}?{query}" if query else path,
            headers,
            self._body,
            verb="watch" if watch or "watch" in params else self._verb(),
            template=self._template(),
        )

    def do(self) -> Result:
        """Send the request and return its answer; raises the StatusError for anything but a 2xx."""
        response = self._client.send(self.build(), timeout=self._timeout)
        check_status(response)
        return Result(response)

    def into(self) -> dict[str, Any]:
        """Send the request and return the object of the answer."""
        return self.do().into()

    def raw(self) -> bytes:
        """Send the request and return the body of the answer as it came."""
        return self.do().raw()

    def stream(self) -> HTTPResponse:
        """Send the request and return the answer with its body still open."""
        return self._client.open(self.build(), timeout=self._timeout)

    def watch(self) -> EventStream:
        """Send the request with `watch=true` and return its events."""
        return self._client.watch(self.build(watch=True), timeout=self._timeout)

    def __repr__(self) -> str:
        return f"<Request {self._method} {self._template() or '?'}>"

    def _path(self) -> str:
        dangling = self._namespace is not None or self._name is not None
        if dangling and self._resource is None and self._abs_path is None:
            raise InvalidRequestError("a namespace or name needs a resource; call resource() too")
        if self._subresource is not None and self._name is None:
            raise InvalidRequestError(f"subresource {self._subresource!r} needs the name of an object; call name() too")
        return self._join(
            quote_segment(self._namespace, "namespace") if self._namespace is not None else None,
            quote_segment(self._name, "name") if self._name is not None else None,
        )

    def _join(self, namespace: str | None, name: str | None) -> str:
        if self._abs_path is not None:
            parts = [self._abs_path]
        elif self._api_version is not None:
            version = self._api_version
            parts = ["/apis", version.group, version.version] if version.group else ["/api", version.version]
        else:
            raise InvalidRequestError("the request has no path; call api_version('apps/v1') or abs_path('/version')")
        if namespace is not None:
            parts += ["namespaces", namespace]
        if self._resource is not None:
            parts.append(quote_segment(self._resource, "resource"))
        parts += [part for part in (name, self._subresource) if part is not None]
        return parts[0] if len(parts) == 1 else "/".join([parts[0].rstrip("/"), *parts[1:]])

    def _template(self) -> str:
        if self._abs_path is None and self._api_version is None:
            return ""
        return self._join(
            "{namespace}" if self._namespace is not None else None, "{name}" if self._name is not None else None
        )

    def _verb(self) -> str:
        if self._method in ("GET", "DELETE"):
            many = self._resource is not None and self._name is None
            return {"GET": "list", "DELETE": "deletecollection"}[self._method] if many else self._method.lower()
        return _VERBS.get(self._method, self._method.lower())

    def _has_header(self, name: str) -> bool:
        return any(key.lower() == name for key, _ in self._headers)

    @staticmethod
    def _unset(what: str, value: object) -> None:
        if value is not None:
            shown = "" if what == "body" else f" to {value!r}"
            raise InvalidRequestError(f"{what} was already set{shown}; a request takes it once")


def go_duration(seconds: float) -> str:
    """Return a duration as Go prints it, which is what the query parameter `timeout` holds: 90 → "1m30s"."""
    if seconds < 1:
        return f"{seconds * 1000:.6g}ms"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    text = f"{rest:.9g}s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text


def _group_version(value: str | GroupVersion) -> GroupVersion:
    parsed = value if isinstance(value, GroupVersion) else GroupVersion.parse(value)
    quote_segment(parsed.version, "API version")
    if parsed.group:
        quote_segment(parsed.group, "API group")
    return parsed
