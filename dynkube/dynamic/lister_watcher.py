"""What the watch and informer layers read a resource through: one request a call, nothing resumed or retried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.config import UNSET
from dynkube.dynamic import options, requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dynkube.dynamic.view import View
    from dynkube.objects import JSONObject
    from dynkube.transport import Cancellation
    from dynkube.watch import EventStream


class ResourceListerWatcher:
    """A view of a resource with a selection, as `dynkube.watch.ListerWatcher` wants it."""

    def __init__(
        self,
        resource: View,
        label_selector: options.LabelSelectorLike = None,
        field_selector: options.FieldSelectorLike = None,
        *,
        as_list: Callable[[JSONObject], JSONObject],
        change_object: Callable[[JSONObject], JSONObject] | None = None,
    ) -> None:
        self._resource = resource
        self._as_list = as_list
        self._change_object = change_object
        # Parsed once: a selector that cannot be right fails here, not in some thread's first request.
        self._selection = options.list_params(label_selector, field_selector)

    def check(self) -> None:
        """Raise what the first list or watch would refuse before it sent anything."""
        self._resource.endpoint("watch")

    def list(
        self,
        *,
        resource_version: str | None = None,
        resource_version_match: str | None = None,
        limit: int | None = None,
        continue_: str | None = None,
        cancellation: Cancellation | None = None,
    ) -> JSONObject:
        """Return one page; its items bear apiVersion and kind."""
        params = options.list_params(
            None,
            None,
            limit,
            continue_,
            resource_version=resource_version or None,
            resource_version_match=resource_version_match,
        )
        params["labelSelector"], params["fieldSelector"] = self._selectors()
        request = requests.list_(self._resource.endpoint("list"), params, cancellation)
        return self._as_list(self._resource.rest.request(request))

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
        """Open one watch; `timeout` is the longest silence in seconds, None the configuration's."""
        params = options.watch_params(
            None,
            None,
            resource_version or None,
            resource_version_match,
            allow_bookmarks=allow_watch_bookmarks,
            send_initial_events=send_initial_events,
            timeout_seconds=timeout_seconds,
        )
        params["labelSelector"], params["fieldSelector"] = self._selectors()
        request = requests.watch(self._resource.endpoint("watch"), params, cancellation)
        stream = self._resource.rest.watch(request, timeout=UNSET if timeout is None else timeout)
        return stream if self._change_object is None else _Changed(stream, self._change_object)

    def _selectors(self) -> tuple[Any, Any]:
        return self._selection["labelSelector"], self._selection["fieldSelector"]

    def __repr__(self) -> str:
        chosen = " ".join(str(each) for each in self._selectors() if each)
        return f"<{type(self).__name__} {self._resource!r}{f' {chosen}' if chosen else ''}>"


class _Changed:
    """A stream whose objects are in another form than the server sent."""

    def __init__(self, stream: EventStream, change: Callable[[JSONObject], JSONObject]) -> None:
        self._stream = stream
        self._change = change

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self

    def __next__(self) -> dict[str, Any]:
        event = next(self._stream)
        event["object"] = self._change(event["object"])
        return event

    def close(self) -> None:
        self._stream.close()
