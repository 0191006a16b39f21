"""Watch: the events of a collection as a stream, from a version on, seen through a selection."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

from dynkube.testing.flows.selection import selection
from dynkube.testing.http import failures
from dynkube.testing.http.answers import as_table, encoded, included, warning_headers
from dynkube.testing.http.connections import HTTPResponse
from dynkube.testing.http.negotiation import COLLECTION_TYPES, JSON, YAML, encode_json
from dynkube.testing.http.options import ListOptions, list_options, parse_version
from dynkube.testing.printing import tables
from dynkube.testing.storage.store import ADDED, DELETED, MODIFIED, CompactedError, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dynkube.testing.flows.cluster import Call
    from dynkube.testing.resources.registry import Resource
    from dynkube.testing.storage.store import Event

#: Seconds between looks at whether the client of an idle watch is still there.
_HEARTBEAT = 1.0
#: Seconds between bookmarks.
_BOOKMARK_EVERY = 60.0
#: Seconds before the end of a watch at which a last bookmark is sent.
_BOOKMARK_BEFORE_END = 2.0
#: Without timeoutSeconds a watch lasts this many seconds, times a random factor between 1 and 2.
_DEFAULT_TIMEOUT = 1800.0
#: The media types a stream can have.
_STREAMS = [kind for kind in COLLECTION_TYPES if kind.endswith(";stream=watch")]
_INITIAL_EVENTS_END = "k8s.io/initial-events-end"


def watch(call: Call, resource: Resource) -> HTTPResponse:
    """Answer a watch with a stream. Raises a Failure only for what the real server refuses before the first event."""
    options = list_options(call.route.query, watching=True)
    try:
        version = parse_version(options.resource_version) if options.resource_version else 0
    except ValueError as error:
        # Worded and coded as there: the watch cache's parser error escapes unclassified.
        raise failures.Failure("", str(error), code=500) from None
    if call.representation.media_type == YAML:
        raise failures.not_acceptable(_STREAMS)
    if call.representation.transform == "Table":
        included(call)  # said now: once the stream has begun it could only break off
    matches = selection(resource, options)
    if call.route.name:
        # Legacy path /api/v1/watch/namespaces/ns/configmaps/name: one object.
        name, others = call.route.name, matches
        matches = lambda obj: obj["metadata"]["name"] == name and (others is None or others(obj))  # noqa: E731
    headers = {"Cache-Control": "no-cache, private", "Content-Type": JSON}
    stream = _Watch(call, resource, options, matches, version)
    return HTTPResponse(200, headers, stream=stream.run(), warnings=warning_headers(call.warnings))


class _Watch:
    """One running watch."""

    def __init__(
        self,
        call: Call,
        resource: Resource,
        options: ListOptions,
        matches: Callable[[dict[str, Any]], bool] | None,
        version: int,
    ) -> None:
        self.call = call
        self.cluster = call.cluster
        self.store = call.cluster.store
        self.resource = resource
        self.options = options
        self.matches = matches
        self.version = version
        self.start = version
        self.namespace = call.route.namespace if call.route.in_namespace else None
        self.columns_sent = False
        limit = options.timeout_seconds
        # The random factor only spreads load.
        self.lasting = float(limit) if limit else _DEFAULT_TIMEOUT * (1 + random.random())  # noqa: S311
        self.end = time.monotonic() + self.lasting

    def run(self) -> Iterator[bytes]:
        """Yield the frames; an empty one now and then, so that a client that has gone is noticed."""
        initial = self.options.send_initial_events
        legacy = initial is None and self.options.resource_version in ("", "0")
        epoch = self.store.epoch
        if self.lasting < 0:
            return
        if initial and self.version > self.store.version:
            yield self._error(failures.too_large_resource_version(self.version, self.store.version))
            return
        if initial is False and self.options.resource_version in ("", "0"):
            # From whatever is the newest state, without saying what that is.
            self.version = self.store.version
        try:
            position = None if initial or legacy else self.store.position(self.resource.collection, self.version)
        except CompactedError as error:
            yield self._error(failures.expired(f"too old resource version: {error.requested} ({error.oldest})"))
            return
        if position is None:
            with self.store.transaction():
                found, version = self.store.objects(self.resource.collection, self.namespace)
                position = self.store.position(self.resource.collection, version)
            for _, record in found:
                if self.matches is None or self.matches(self._shown(record)):
                    yield self._frame(ADDED, record)
            self.version = version
            if self.options.bookmarks:
                yield self._bookmark(version, {_INITIAL_EVENTS_END: "true"})
        yield from self._follow(position, epoch)

    def _follow(self, position: int, epoch: int) -> Iterator[bytes]:
        collection = self.resource.collection
        next_bookmark = self._next_bookmark()
        while not self.cluster.stopping.is_set():
            try:
                with self.store.changed:
                    if not self.store.pending(collection, position):
                        moment = min(self.end, next_bookmark)
                        self.store.changed.wait(min(_HEARTBEAT, max(0.0, moment - time.monotonic())))
                    if self.store.epoch != epoch:
                        raise CompactedError(self.version, self.store.version)
                    events, position = self.store.events(collection, position)
                    seen = self.store.version
            except CompactedError as error:
                oldest = error.oldest
                yield self._error(failures.expired(f"too old resource version: {self.version} ({oldest})"))
                return
            frames = [frame for event in events for frame in self._frames(event)]
            yield b"".join(frames)
            self.version = max(self.version, seen)
            now = time.monotonic()
            if now >= next_bookmark:
                next_bookmark = self._next_bookmark()
                yield self._bookmark(self.version, {})
            if now >= self.end or not self._served():
                return

    def _next_bookmark(self) -> float:
        """Return when the next bookmark is due: every minute, and once shortly before the end."""
        if not self.options.bookmarks:
            return self.end + _BOOKMARK_EVERY
        now = time.monotonic()
        before_end = self.end - min(_BOOKMARK_BEFORE_END, self.lasting / 2)
        return min(now + _BOOKMARK_EVERY, before_end) if now < before_end else self.end + _BOOKMARK_EVERY

    def _served(self) -> bool:
        """Tell whether the resource is still served; a watch ends with its CRD."""
        resource = self.resource
        return not resource.custom or self.cluster.registry.find(*_name(resource)) is not None

    def _frames(self, event: Event) -> Iterator[bytes]:
        if event.version <= self.start:
            # A watch from a version that is still to come.
            return
        if self.namespace is not None and event.key[0] != self.namespace:
            return
        if self.matches is None:
            yield self._frame(event.type, event.record)
            return
        before = event.previous is not None and self.matches(self._shown(event.previous))
        after = event.type != DELETED and self.matches(self._shown(event.record))
        if after:
            yield self._frame(MODIFIED if before else ADDED, event.record)
        elif before and event.type == DELETED:
            yield self._frame(DELETED, event.record)
        elif before and event.previous is not None:
            # It left the selection: watchers see it go in its last matching state, at the version it left.
            metadata = {**event.previous.object["metadata"], "resourceVersion": str(event.version)}
            yield self._frame(DELETED, Record({**event.previous.object, "metadata": metadata}, event.version))

    def _shown(self, record: Record) -> dict[str, Any]:
        return self.cluster.shown(self.resource, record)

    def _frame(self, kind: str, record: Record) -> bytes:
        transform = self.call.representation.transform
        if not transform:
            return b'{"type":"%s","object":%s}\n' % (kind.encode(), encoded(self.resource, record))
        obj = self._shown(record)
        if transform == "Table":
            return self._event(kind, self._row(obj))
        return self._event(kind, tables.partial_metadata(obj, self.call.representation.version))

    def _row(self, obj: dict[str, Any]) -> dict[str, Any]:
        """Return an object as a Table of one row; only the first one of a watch explains the columns."""
        table = as_table(self.call, self.resource, [obj], {"resourceVersion": obj["metadata"]["resourceVersion"]})
        if self.columns_sent:
            table["columnDefinitions"] = None
        self.columns_sent = True
        return table

    def _event(self, kind: str, obj: dict[str, Any]) -> bytes:
        return encode_json({"type": kind, "object": obj}) + b"\n"

    def _bookmark(self, version: int, annotations: dict[str, str]) -> bytes:
        metadata: dict[str, Any] = {"resourceVersion": str(version)}
        if annotations:
            metadata["annotations"] = annotations
        kind, api_version = self.resource.kind, self.resource.api_version
        if self.call.representation.transform == "PartialObjectMetadata":
            kind, api_version = "PartialObjectMetadata", f"meta.k8s.io/{self.call.representation.version}"
        obj = {"kind": kind, "apiVersion": api_version, "metadata": metadata}
        return self._event("BOOKMARK", self._row(obj) if self.call.representation.transform == "Table" else obj)

    def _error(self, failure: failures.Failure) -> bytes:
        return self._event("ERROR", failure.status)


def _name(resource: Resource) -> tuple[str, str, str]:
    return resource.group, resource.version, resource.name
