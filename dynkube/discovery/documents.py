"""Fetching discovery documents: sent only when needed, revalidated with the ETag the server gave."""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from dynkube.errors import DiscoveryError
from dynkube.rest.decoding import check_status, decode_object
from dynkube.transport import HTTPRequest
from dynkube.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.rest import RESTClient


_log = logging.getLogger("dynkube.discovery")

_T = TypeVar("_T")


class Document(Value):
    """A document as the server sent it. ``fetched`` is when the server last vouched for it, in seconds of the epoch."""

    path: str
    accept: str
    content_type: str
    etag: str
    body: bytes
    fetched: float


class DocumentStore(Protocol):
    """Where documents outlive the process. No method raises: what cannot be read is absent."""

    def load(self, path: str, accept: str) -> Document | None:
        """Return what was stored for this request, of whatever age, or None."""

    def save(self, document: Document) -> None:
        """Store ``document`` in place of what was there for the same request."""

    def is_current(self, document: Document) -> bool:
        """Whether ``document`` is young enough to be used without asking the server."""


class _Kept(Generic[_T]):
    def __init__(self, etag: str, value: _T) -> None:
        self.etag = etag
        self.value = value


class DocumentFetcher:
    """Gets documents through a RESTClient, keeping what it decoded for as long as the server says it is unchanged."""

    def __init__(self, rest: RESTClient, store: DocumentStore | None = None) -> None:
        self._rest = rest
        self._store = store
        self._kept: dict[tuple[str, str], _Kept[Any]] = {}
        self._not_before = 0.0

    def invalidate(self) -> None:
        """Take no stored document for current that the server vouched for before this moment."""
        self._not_before = time.time()

    def fetch(
        self, path: str, accept: str, decode: Callable[[str, Any], _T], *, used: list[Document] | None = None
    ) -> _T:
        """Return ``decode(content_type, document)`` of the answer to ``GET path``.

        A stored document that answers in the server's place is added to ``used``.

        The same object comes back for as long as the server answers 304. Raises DiscoveryError where ``decode``
        refuses the document; StatusError and TransportError (ResponseError for HTML, or JSON that breaks off) as the
        RESTClient does.
        """
        kept: _Kept[_T] | None = self._kept.get((path, accept))
        stored = self._store.load(path, accept) if self._store is not None else None
        restored = self._restore(stored, kept, decode)
        if stored is None or restored is None:
            return self._ask(path, accept, kept, None, decode)
        if self._is_current(stored):
            self._kept[path, accept] = restored
            if used is not None:
                used.append(stored)
            return restored.value
        return self._ask(path, accept, restored, stored, decode)

    def _is_current(self, stored: Document) -> bool:
        return self._store is not None and stored.fetched > self._not_before and self._store.is_current(stored)

    def _restore(
        self, stored: Document | None, kept: _Kept[_T] | None, decode: Callable[[str, Any], _T]
    ) -> _Kept[_T] | None:
        if stored is None:
            return None
        if kept is not None and kept.etag and kept.etag == stored.etag:
            return kept
        try:
            return _Kept(stored.etag, decode(stored.content_type, json.loads(stored.body)))
        except (ValueError, DiscoveryError) as error:
            _log.warning("ignored the stored answer of %s: %s", stored.path, error)
            return None

    def _ask(
        self,
        path: str,
        accept: str,
        kept: _Kept[_T] | None,
        stored: Document | None,
        decode: Callable[[str, Any], _T],
    ) -> _T:
        etag = kept.etag if kept is not None else ""
        headers = (("Accept", accept), *((("If-None-Match", etag),) if etag else ()))
        response = self._rest.send(HTTPRequest("GET", path, headers, verb="get", template=path))
        if response.status == 304 and kept is not None:
            self._kept[path, accept] = kept
            if stored is not None:
                self._save(path, accept, stored.content_type, stored.etag, stored.body)
            return kept.value
        check_status(response)
        content_type = response.headers.get("Content-Type", "")
        # Decoding uses the body up.
        body = b"" if self._store is None else response.read()
        value = decode(content_type, decode_object(response))
        etag = response.headers.get("ETag", "")
        if etag:
            self._kept[path, accept] = _Kept(etag, value)
        else:
            self._kept.pop((path, accept), None)
        self._save(path, accept, content_type, etag, body)
        return value

    def _save(self, path: str, accept: str, content_type: str, etag: str, body: bytes) -> None:
        if self._store is not None:
            self._store.save(Document(path, accept, content_type, etag, body, time.time()))
