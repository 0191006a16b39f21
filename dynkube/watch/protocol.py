"""What a watch needs of the layer that sends: one list request, one watch request, nothing resumed or retried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynkube.objects import JSONObject
    from dynkube.transport.cancellation import Cancellation

#: Silence after which the peer counts as dead, in seconds. Servers send a bookmark about once a minute.
IDLE_TIMEOUT = 90.0


class EventStream(Protocol):
    """The events of one connection, as `RESTClient.watch` returns them.

    Iteration ends when the server closes the stream. It raises `StatusError` for an ERROR event and for an HTTP answer
    that is a failure, `RequestTimeoutError` for a silence longer than the read timeout, and another `TransportError`
    for a connection that broke or a frame that cannot be read.
    """

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Return the iterator over `{"type": ..., "object": ...}`."""

    def __next__(self) -> dict[str, Any]:
        """Return the next event."""

    def close(self) -> None:
        """End the stream, from any thread, also while another one is blocked in it; may be called again."""


class ListerWatcher(Protocol):
    """One resource, namespace and selection: where its objects are listed and watched.

    Each call sends one request. An option that is None is left out of the query. `timeout` is the read timeout in
    seconds. `cancellation` ends the request from another thread, also before its answer has begun.
    """

    def list(
        self,
        *,
        resource_version: str | None = None,
        resource_version_match: str | None = None,
        limit: int | None = None,
        continue_: str | None = None,
        cancellation: Cancellation | None = None,
    ) -> JSONObject:
        """Return one page, as the server sent it."""

    def watch(
        self,
        *,
        resource_version: str | None = None,
        resource_version_match: str | None = None,
        timeout_seconds: int | None = None,
        allow_watch_bookmarks: bool = False,
        send_initial_events: bool | None = None,
        timeout: float | None = None,
        cancellation: Cancellation | None = None,
    ) -> EventStream:
        """Open one watch and return its events."""
