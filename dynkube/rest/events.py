"""The answer to a watch: a stream of events, decoded as they arrive."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

from dynkube.errors import ResponseError, status_error
from dynkube.rest.decoding import excerpt

if TYPE_CHECKING:
    from types import TracebackType

    from dynkube.transport import HTTPResponse

#: What `metav1.WatchEvent` may say happened; ERROR is raised, not yielded.
EVENT_TYPES = frozenset({"ADDED", "MODIFIED", "DELETED", "BOOKMARK"})

_SPACE = re.compile(r"[ \t\r\n]*")


class EventStream(Iterator[dict[str, Any]]):
    """Yields `{"type": ..., "object": {...}}` for every event of one watch connection.

    Ends when the server ends the stream or somebody calls `close()`, which any thread may; a reader blocked at that
    moment wakes at once. An ERROR event is raised as the StatusError its Status calls for (`Expired` for a resource
    version that is too old). Raises ResponseError for what is no event and for a stream cut in the middle of one,
    RequestTimeoutError when nothing came for longer than the read timeout. After any of these it is closed.
    """

    __slots__ = ("_closed", "_events", "_response")

    def __init__(self, response: HTTPResponse) -> None:
        self._response = response
        self._closed = False
        self._events = self._decode()

    @property
    def response(self) -> HTTPResponse:
        """The answer the events come from: its headers and URL."""
        return self._response

    def close(self) -> None:
        """End the stream and its connection. Idempotent, safe from any thread."""
        self._closed = True
        self._response.close()

    def __next__(self) -> dict[str, Any]:
        if self._closed:
            raise StopIteration
        try:
            return next(self._events)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> EventStream:  # noqa: PYI034 - Self is not in the typing of Python 3.10
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<EventStream {self._response.url}{' closed' if self._closed else ''}>"

    def _decode(self) -> Iterator[dict[str, Any]]:
        for frame in self._frames():
            kind = frame.get("type") if isinstance(frame, dict) else None
            if kind in EVENT_TYPES and isinstance(frame.get("object"), dict):
                if self._closed:
                    return
                yield frame
            else:
                raise self._refused(frame)

    def _frames(self) -> Iterator[Any]:
        """Yield JSON values: the complete lines of one received piece are parsed in one go, sharing their key strings.

        Frames end with a newline; nothing forbids others (pretty-printing proxies), so what does not parse line by
        line is taken up by `_loose_values`.
        """
        rest: list[bytes] = []
        for piece in self._response.chunks():
            head, newline, tail = piece.rpartition(b"\n")
            if not newline:
                rest.append(piece)
                continue
            rest.append(head)
            text = b"".join(rest)
            rest = [tail] if tail else []
            try:
                values = [json.loads(text)] if b"\n" not in text else self._many(text)
            except (ValueError, RecursionError):
                remainder = yield from self._loose_values(text)
                if remainder:
                    rest.insert(0, remainder + b"\n")
                continue
            yield from values
        if self._closed:
            return
        remainder = yield from self._loose_values(b"".join(rest), last=True)
        if remainder:
            raise self._broken("ended in the middle of an event")

    @staticmethod
    def _many(text: bytes) -> list[Any]:
        # The newline stays: a raw one inside a string has to remain the error it is.
        values = json.loads(b"[" + text.replace(b"\n", b",\n") + b"]")
        return values if isinstance(values, list) else [values]

    def _loose_values(self, data: bytes, *, last: bool = False) -> Generator[Any, None, bytes]:
        """Yield the JSON values at the start of `data`, whatever separates them; return the unfinished rest."""
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            raise self._broken(f"is not UTF-8 ({error.reason} at byte {error.start})") from None
        decoder = json.JSONDecoder()
        position = _skip_space(text, 0)
        while position < len(text):
            try:
                value, position = decoder.raw_decode(text, position)
            except json.JSONDecodeError as error:
                # At the end of the stream an object that does not parse was cut; before it, it may go on in a new line.
                if text[position] == "{" and (last or not text[error.pos :].strip()):
                    return text[position:].encode()
                raise self._broken(f"holds what is no JSON: {excerpt(data)}") from None
            except RecursionError:
                raise self._broken("holds JSON nested too deeply") from None
            yield value
            position = _skip_space(text, position)
        return b""

    def _refused(self, frame: Any) -> Exception:
        response = self._response
        if isinstance(frame, dict) and frame.get("type") == "ERROR":
            status = frame.get("object")
            if isinstance(status, dict) and status.get("kind", "Status") == "Status":
                return status_error(status, method=response.method, url=response.url, code=0)
            return self._broken("reports an error that is no Status")
        if isinstance(frame, dict) and frame.get("kind") == "Status":
            return status_error(frame, method=response.method, url=response.url, code=0)
        if isinstance(frame, dict) and isinstance(frame.get("type"), str) and isinstance(frame.get("object"), dict):
            return self._broken(f"holds an event of unknown type {frame['type'][:40]!r}")
        return self._broken("holds JSON that is no event: an object with 'type' and 'object' was expected")

    def _broken(self, what: str) -> ResponseError:
        response = self._response
        return ResponseError(f"the watch stream {what}", method=response.method, url=response.url, code=response.status)


def _skip_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position
