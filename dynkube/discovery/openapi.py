"""OpenAPIClient: OpenAPI v3 documents, fetched one group version at a time and no more often than needed."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING, Any

from cachetools import LRUCache, TTLCache

from dynkube.discovery.explain import Field, FieldName
from dynkube.discovery.media_types import JSON
from dynkube.discovery.shape import expect_name, expect_object
from dynkube.errors import DiscoveryError, NoMatchError
from dynkube.names import GroupVersion, GroupVersionKind
from dynkube.transport import HTTPRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dynkube.rest import RESTClient

#: Where the index of documents is.
INDEX = "/openapi/v3"

#: How long the index is remembered by default, in seconds.
DEFAULT_MAX_AGE = 600.0

#: How many documents are remembered. That of the core group alone is megabytes once decoded.
DOCUMENTS = 16


class OpenAPIClient:
    """Gets OpenAPI v3 documents. Nothing is sent before the first call; safe to share between threads.

    The index is remembered for ``max_age`` seconds. It names each document with a hash of its content, so that a
    document is fetched again only when it has changed; a server that gives no hash has its documents remembered as long
    as its index.
    """

    def __init__(
        self,
        rest: RESTClient,
        *,
        max_age: float = DEFAULT_MAX_AGE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rest = rest
        self._lock = Lock()
        self._index: TTLCache[str, Mapping[str, str]] = TTLCache(maxsize=1, ttl=max_age, timer=clock)
        self._documents: LRUCache[str, dict[str, Any]] = LRUCache(maxsize=DOCUMENTS)

    def index(self) -> Mapping[str, str]:
        """Return the documents there are: "api/v1", "apis/apps/v1" and so on, and where each is.

        Raises NotFound on a server without OpenAPI v3 (before Kubernetes 1.24).
        """
        with self._lock:
            index = self._index.get(INDEX)
        if index is None:
            index = _decode_index(self._rest.request(_get(INDEX)))
            with self._lock:
                self._index[INDEX] = index
                for url in [url for url in self._documents if not _is_hashed(url) or url not in index.values()]:
                    del self._documents[url]
        return index

    def document(self, group_version: GroupVersion | str) -> dict[str, Any]:
        """Return the OpenAPI document of a group version; NoMatchError where the server has none. Do not change it."""
        if isinstance(group_version, str):
            group_version = GroupVersion.parse(group_version)
        name = f"apis/{group_version}" if group_version.group else f"api/{group_version.version}"
        url = self.index().get(name)
        if url is None:
            raise NoMatchError(f"the server has no OpenAPI document of {group_version}")
        with self._lock:
            document = self._documents.get(url)
        if document is None:
            document = expect_object(self._rest.request(_get(self._target(url))), "the OpenAPI document of", name)
            with self._lock:
                self._documents[url] = document
        return document

    def schema(self, kind: GroupVersionKind) -> dict[str, Any]:
        """Return the schema of a kind, its references unresolved; NoMatchError where the server describes none."""
        return _find_schema(self._document_of(kind), kind)

    def explain(self, kind: GroupVersionKind, path: FieldName = ()) -> Field:
        """Return what the server says of a kind or, with ``path`` ("spec.template" or its parts), of a field of it.

        A kind not described yet, as that of a CRD just created, has the index fetched again once. Raises NoMatchError
        for a kind that is not described, and for a field that does not exist (``candidates``: the nearest names).
        """
        document = self._document_of(kind)
        return Field.of_kind(kind.kind, _find_schema(document, kind), _schemas(document)).descend(path)

    def invalidate(self) -> None:
        """Forget the index; documents whose hash the next one still names are kept."""
        with self._lock:
            self._index.clear()

    def _document_of(self, kind: GroupVersionKind) -> dict[str, Any]:
        try:
            document = self.document(kind.group_version)
            _find_schema(document, kind)
        except NoMatchError:
            self.invalidate()
            document = self.document(kind.group_version)
        return document

    def _target(self, url: str) -> str:
        """Return where a document is, below the base path of the cluster.

        What begins with the index's own path is below it already; anything else counts from the root of the host.
        """
        base = self._rest.config.base_url.path.rstrip("/")
        if not url.startswith(INDEX) and base and url.startswith(f"{base}/"):
            return url[len(base) :]
        return url


def _get(target: str) -> HTTPRequest:
    return HTTPRequest("GET", target, (("Accept", JSON),), verb="get", template=target.partition("?")[0])


def _is_hashed(url: str) -> bool:
    return "hash=" in url.partition("?")[2]


def _decode_index(document: dict[str, Any]) -> dict[str, str]:
    index: dict[str, str] = {}
    for name, item in _members(document, "paths").items():
        url = expect_name(expect_object(item, "the OpenAPI index entry of", name), "serverRelativeURL", name)
        if not url.startswith("/") or url.startswith("//") or not url.isascii() or not url.isprintable() or " " in url:
            raise DiscoveryError(f"the OpenAPI document of {name} is at {url!r}, which is no path of this server")
        index[name] = url
    return index


def _schemas(document: dict[str, Any]) -> dict[str, Any]:
    return _members(_members(document, "components"), "schemas")


def _members(document: dict[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key)
    return {} if value is None else expect_object(value, "the member", key, "of an OpenAPI document")


def _find_schema(document: dict[str, Any], kind: GroupVersionKind) -> dict[str, Any]:
    wanted = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    for schema in _schemas(document).values():
        if isinstance(schema, dict) and wanted in (schema.get("x-kubernetes-group-version-kind") or ()):
            return schema
    raise NoMatchError(f"the server does not describe {kind.kind} of {kind.group_version}")
