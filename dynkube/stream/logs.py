"""What a container has written, line by line: so far, or for as long as it writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynkube.config import UNSET, Timeout
from dynkube.errors import InvalidRequestError, TransportError
from dynkube.transport import Cancellation
from dynkube.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from typing_extensions import Self

    from dynkube.config import TimeoutLike, Unset
    from dynkube.rest import RESTClient
    from dynkube.transport import HTTPRequest, HTTPResponse

#: What `LogStream.ended` says.
CLOSED = "closed by the caller"
COMPLETE = "the server ended the log"
NOWHERE = "the pod runs nowhere yet"


class LogStream:
    r"""The log of one container. Iterate over it for its lines as text, or take the whole with `read`.

    Nothing is sent before the first line is asked for. Lines end with `\n` alone and come without it, each as soon as
    it is complete, a last unfinished one too; bytes that are no UTF-8 read as U+FFFD (`raw_lines` has them as they
    are). It can be read once.

    Iterating ends when the server ends the log or the stream is closed; `ended` tells which. Everything else raises: a
    StatusError if the server has no log to give, a TransportError if the connection breaks or is silent for longer than
    its read timeout, ClientClosedError when the client is closed. A server that ends a log that was followed does not
    say why: the container has ended, or the kubelet did, or something in between had waited long enough. The pod's
    status tells the first from the others.

    `close()` from any thread, or leaving a `with` block, ends it at once.
    """

    def __init__(
        self, rest: RESTClient, request: HTTPRequest, *, follow: bool, timeout: TimeoutLike | Unset = UNSET
    ) -> None:
        if timeout is UNSET and follow:
            # A container may say nothing for days, and until it speaks some servers do not even answer. TCP probes,
            # which every connection has, tell a peer that is gone from one that is silent.
            timeout = Timeout(rest.config.timeout.connect, None, rest.config.timeout.total)
        elif timeout is not UNSET:
            Timeout.of(timeout)
        self._rest = rest
        self._stop = Cancellation()
        self._outer = request.cancellation
        self._request = replace(request, cancellation=self._stop)
        self._timeout = timeout
        self._begun = False
        self._iterator: Iterator[str] | None = None
        self._ended: str | None = None
        self._response: HTTPResponse | None = None

    @property
    def ended(self) -> str | None:
        """How the log ended, in words; None before that, and where an exception said it."""
        return self._ended

    def __iter__(self) -> Iterator[str]:
        if self._iterator is None:
            self._iterator = (line.decode("utf-8", "replace") for line in self.raw_lines())
        return self._iterator

    def __next__(self) -> str:
        return next(iter(self))

    def raw_lines(self) -> Iterator[bytes]:
        r"""Return an iterator over the lines as bytes, without their `\n`; otherwise as iterating over the log."""
        self._begin()
        return self._generate(lines=True)

    def chunks(self) -> Iterator[bytes]:
        """Return an iterator over the bytes as they arrive; otherwise as iterating over the log."""
        self._begin()
        return self._generate(lines=False)

    def read(self) -> str:
        """Return the whole log as text; of one that is followed, once it has ended."""
        return b"".join(self.chunks()).decode("utf-8", "replace")

    def close(self) -> None:
        """End the log, from any thread; may be called again."""
        self._end(CLOSED)
        self._stop.cancel()
        if self._response is not None:
            # Of a reader that is not inside of a read right now nobody else would.
            self._response.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._request.target.partition('?')[0]}>"

    def _end(self, how: str) -> None:
        self._ended = self._ended or how

    def _begin(self) -> None:
        if self._begun:
            raise InvalidRequestError("a log can be read once; ask for it again, with since_time to go on")
        self._begun = True

    def _generate(self, *, lines: bool) -> Iterator[bytes]:
        if self._ended is not None:
            return
        unhook = self._outer.on_cancel(self.close) if self._outer is not None else None
        try:
            response = self._response = self._rest.open(self._request, timeout=self._timeout)
            for piece in response.lines() if lines else response.chunks():
                if self._ended is not None:
                    return
                yield piece
            self._end(NOWHERE if response.status == 204 else COMPLETE)
        except TransportError:
            # Whoever closes it cuts the connection, which cannot be told from one that broke.
            if self._ended is None:
                raise
        except GeneratorExit:
            self._end(CLOSED)
            raise
        finally:
            if unhook is not None:
                unhook()
            if self._response is not None:
                self._response.close()
