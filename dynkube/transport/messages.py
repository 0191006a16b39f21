"""What travels: one HTTP request as data, one HTTP response, and the protocol of whatever carries them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from dynkube.errors import ResponseError
from dynkube.values import Value

if TYPE_CHECKING:
    import socket
    from types import TracebackType

    from dynkube.config import TimeoutLike, Unset
    from dynkube.errors import TransportError
    from dynkube.transport.cancellation import Cancellation


class HTTPRequest(Value, not_compared=("cancellation",)):
    """One request, built without I/O.

    `target` is the encoded path and query below the base path of the cluster. `verb` (get, list, watch, create …) and
    `template` (the path with `{namespace}` and `{name}`) never reach the wire: hooks and logs count by them.
    Of the verb "connect", which runs a command over an upgraded GET, nothing is sent twice, as of a write.
    `cancellation` lets another thread end the request.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    verb: str = ""
    template: str = ""
    cancellation: Cancellation | None = None

    def __repr__(self) -> str:
        # Not the headers and the body, which may hold secrets.
        return f"HTTPRequest({self.method} {self.target}, verb={self.verb!r}, template={self.template!r})"


class Headers(Mapping[str, str]):
    """Response headers: names compare without case; a repeated header reads as its values joined by a comma."""

    def __init__(self, pairs: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        items = pairs.items() if isinstance(pairs, Mapping) else pairs
        self._pairs: list[tuple[str, str]] = list(items)

    def __getitem__(self, name: str) -> str:
        values = self.get_all(name)
        if not values:
            raise KeyError(name)
        return values[0] if len(values) == 1 else ", ".join(values)

    def get_all(self, name: str) -> list[str]:
        """Every value of `name` in the order received, `[]` when absent."""
        wanted = name.lower()
        return [value for key, value in self._pairs if key.lower() == wanted]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.get_all(name))

    def __iter__(self) -> Iterator[str]:
        return iter({key.lower(): None for key, _ in self._pairs})

    def __len__(self) -> int:
        return len({key.lower() for key, _ in self._pairs})

    def __repr__(self) -> str:
        return f"<Headers {', '.join(self)}>"


class HTTPResponse:
    """An answer of any status whose body is in memory; an open one (`stream=True`) reads its body from the wire.

    Use it in a `with` block, or read it to the end: both give its connection back. `remark` is what the transport knows
    about an error and the server does not say: the credentials that were refused, how often it was tried; mostly "".
    """

    def __init__(
        self,
        status: int,
        headers: Headers | Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        method: str = "GET",
        url: str = "",
    ) -> None:
        self.status = status
        self.headers = headers if isinstance(headers, Headers) else Headers(headers)
        self.method = method
        self.url = url
        self.remark = ""
        self._body: bytes | None = body

    @property
    def media_type(self) -> str:
        """The Content-Type without parameters, in lower case; `""` when the header is missing."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def read(self) -> bytes:
        """Return the whole body, decompressed; the connection is free afterwards. A second call returns the same bytes.

        Raises ResponseError when the body ends before its announced end, RequestTimeoutError when nothing came for
        longer than the read timeout.
        """
        return self._body or b""

    def load(self) -> None:
        """Take the whole body off the wire, so that the connection is free; raises as `read` does."""

    def consume(self) -> list[bytes]:
        """Return the whole body, a long one in pieces, and forget it: the caller frees each piece once it is decoded.

        Raises as `read` does, which returns nothing afterwards.
        """
        body = self.read()
        self._body = b""
        return [body]

    def chunks(self) -> Iterator[bytes]:
        """Yield the body in pieces as they arrive, decompressed; a piece is never held back to fill a buffer."""
        if self._body:
            yield self._body

    def lines(self) -> Iterator[bytes]:
        r"""Yield the body's lines without their `\n`, each as soon as it is complete; a last unfinished one too.

        Split on `\n` only: U+0085 and U+2028 may stand raw inside a JSON string or a log line.
        """
        return split_lines(self.chunks())

    def shutdown(self) -> None:
        """End the transfer from any thread: a reader that is blocked wakes at once and sees the end. Idempotent."""

    def close(self) -> None:
        """Release the connection; what was not read is dropped. Idempotent, safe from any thread."""

    def detach(self) -> tuple[socket.socket, bytes]:
        """Hand over the socket of a 101 answer, with the bytes received behind its headers.

        From then on `shutdown()` and `close()` are about that socket; the client, when closed, shuts it down as well.
        """
        raise ValueError(f"the answer {self.status} to {self.method} {self.url} has no connection to hand over")

    def failure(self, error: Exception) -> TransportError:
        """Return the exception for a connection handed over by `detach` that broke with `error`."""
        return ResponseError(str(error), method=self.method, url=self.url, code=self.status)

    def __enter__(self) -> HTTPResponse:  # noqa: PYI034 - Self is not in the typing of Python 3.10
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status} {self.method} {self.url}>"


class Sender(Protocol):
    """Whatever carries requests: the real `Transport`, or the mock of `dynkube.testing`."""

    def send(
        self,
        request: HTTPRequest,
        *,
        timeout: TimeoutLike | Unset = ...,
        stream: bool = False,
    ) -> HTTPResponse:
        """Send `request` and return the answer, whatever its status. Raises kinds of TransportError only."""

    def close(self) -> None:
        """Close every connection. Idempotent."""


def split_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    r"""Cut a stream of chunks, cut anywhere themselves, into lines on `\n` only.

    A line's pieces are joined once, when it is complete: cost stays linear for a line of many megabytes.
    """
    pieces: list[bytes] = []
    for chunk in chunks:
        *complete, rest = chunk.split(b"\n")
        if complete and pieces:
            pieces.append(complete[0])
            complete[0] = b"".join(pieces)
            pieces.clear()
        yield from complete
        if rest:
            pieces.append(rest)
    if pieces:
        yield b"".join(pieces)
