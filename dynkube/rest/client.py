"""The client of one API server: requests built as data or by method chain, answers as dicts or exceptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.config import UNSET
from dynkube.rest.decoding import check_status, decode_object
from dynkube.rest.events import EventStream
from dynkube.rest.request import Request, patch_media_type

if TYPE_CHECKING:
    from types import TracebackType

    from dynkube.config import Config, TimeoutLike, Unset
    from dynkube.names import GroupVersion
    from dynkube.transport import Headers, HTTPRequest, HTTPResponse, Sender


class RESTClient:
    """Sends requests to one API server. Share it between all threads; close it, or use it in a `with` block.

    `transport` stands in for the real one, for instance the mock of `dynkube.testing`. Nothing is sent by the
    constructor, which raises ConfigError for files of the configuration it cannot use. `api_version` ("apps/v1") is
    where fluent requests go that name none themselves.
    """

    def __init__(
        self, config: Config, *, transport: Sender | None = None, api_version: str | GroupVersion | None = None
    ) -> None:
        self.config = config
        self._api_version = api_version
        if transport is None:
            from dynkube.transport.transport import Transport

            transport = Transport(config)
        self._transport: Sender = transport

    @property
    def transport(self) -> Sender:
        """What carries the requests."""
        return self._transport

    def request(self, request: HTTPRequest, *, timeout: TimeoutLike | Unset = UNSET) -> dict[str, Any]:
        """Send a request and return the JSON object of the answer.

        Raises the StatusError for anything but a 2xx, ResponseError for an answer that is no JSON object, and
        TransportError kinds when there is no answer.
        """
        response = self._transport.send(request, timeout=timeout)
        check_status(response)
        return decode_object(response)

    def raw(self, request: HTTPRequest, *, timeout: TimeoutLike | Unset = UNSET) -> tuple[Headers, bytes]:
        """Send a request and return headers and body of the 2xx answer as they are; raises like `request`."""
        response = self._transport.send(request, timeout=timeout)
        check_status(response)
        return response.headers, response.read()

    def open(self, request: HTTPRequest, *, timeout: TimeoutLike | Unset = UNSET) -> HTTPResponse:
        """Send a request and return the 2xx or 101 answer, its body still open: read it to the end or close it."""
        response = self._transport.send(request, timeout=timeout, stream=True)
        if response.status == 101:
            return response
        try:
            check_status(response)
        except BaseException:
            response.close()
            raise
        return response

    def watch(self, request: HTTPRequest, *, timeout: TimeoutLike | Unset = UNSET) -> EventStream:
        """Send a watch request and return its events; one connection, no resuming.

        The read timeout limits the silence between two events: leave it longer than the server's pauses.
        """
        return EventStream(self.open(request, timeout=timeout))

    def send(self, request: HTTPRequest, *, timeout: TimeoutLike | Unset = UNSET, stream: bool = False) -> HTTPResponse:
        """Send a request and return the answer whatever its status, 304 for instance."""
        return self._transport.send(request, timeout=timeout, stream=stream)

    def get(self) -> Request:
        """Begin a GET."""
        return self.verb("GET")

    def post(self) -> Request:
        """Begin a POST."""
        return self.verb("POST")

    def put(self) -> Request:
        """Begin a PUT."""
        return self.verb("PUT")

    def patch(self, type: str) -> Request:  # noqa: A002 - client-go's own word for it
        """Begin a PATCH of `type`: "json", "merge", "strategic", "apply", or a media type."""
        return self.verb("PATCH").header("Content-Type", patch_media_type(type))

    def delete(self) -> Request:
        """Begin a DELETE."""
        return self.verb("DELETE")

    def verb(self, method: str) -> Request:
        """Begin a request with any HTTP method."""
        return Request(self, method, api_version=self._api_version)

    def close(self) -> None:
        """Close all connections. Idempotent."""
        self._transport.close()

    def __enter__(self) -> RESTClient:  # noqa: PYI034 - Self is not in the typing of Python 3.10
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<RESTClient {self.config.base_url}>"
