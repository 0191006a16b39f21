"""A command in a container, or the container's own process: its output, its input, and how it ended."""

from __future__ import annotations

import json
import threading
from time import monotonic
from typing import TYPE_CHECKING, Literal, NamedTuple

from dynkube.config import UNSET, Timeout
from dynkube.errors import (
    CommandFailedError,
    ConnectFailedError,
    InvalidRequestError,
    RequestTimeoutError,
    TransportError,
)
from dynkube.stream import channels
from dynkube.stream.frames import BINARY, NORMAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import BinaryIO

    from typing_extensions import Self

    from dynkube.config import TimeoutLike, Unset
    from dynkube.rest import RESTClient
    from dynkube.stream.websocket import WebSocket
    from dynkube.transport import HTTPRequest

#: Bytes of standard input sent in one frame (client-go's buffer).
PIECE = 32 << 10
#: Seconds a server may take to close the connection once it said how the command ended.
_GOODBYE = 10.0
_NAMES: dict[int, Literal["stdout", "stderr"]] = {channels.STDOUT: "stdout", channels.STDERR: "stderr"}


class Output(NamedTuple):
    """A piece of what a process wrote, as it arrived: on a terminal everything is "stdout"."""

    channel: Literal["stdout", "stderr"]
    data: bytes


class ExecResult(NamedTuple):
    """How a command ended and what it wrote; a code other than 0 is a result, too."""

    exit_code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Its standard output as text; what is no UTF-8 reads as U+FFFD."""
        return self.stdout.decode("utf-8", "replace")

    def check(self) -> ExecResult:
        """Return this, or raise CommandFailedError if the exit code is not 0."""
        if self.exit_code:
            raise CommandFailedError(self.exit_code, stdout=self.stdout, stderr=self.stderr)
        return self


class RemoteProcess:
    """A process in a container, over one connection. Iterate over it for its output; leave a `with` block to let go.

    One thread may read, another write, any close. Closing the connection is not the end of the process: what becomes of
    it then is the container runtime's business. `exit_code` is None until the output was read to its end.

    Trouble raises a TransportError, ClientClosedError when the client is closed, and a StatusError if the server says
    that the command could not be run.
    """

    def __init__(
        self,
        websocket: WebSocket,
        protocol: str,
        *,
        method: str,
        url: str,
        tty: bool,
        unhook: Callable[[], object] | None = None,
    ) -> None:
        self._websocket = websocket
        #: The subprotocol the server chose; in v4.channel.k8s.io standard input has no end.
        self.protocol = protocol
        self.tty = tty
        self._method = method
        self._url = url
        self._unhook = unhook
        self._status = b""
        self._last_word: float | None = None
        self._over = False
        self._exit_code: int | None = None

    @property
    def exit_code(self) -> int | None:
        """The code the process ended with; None as long as that is not known."""
        return self._exit_code

    def read(self, timeout: float | None = None) -> Output | None:
        """Return the next piece of output; None at its end. Raises RequestTimeoutError after `timeout` seconds."""
        deadline = None if timeout is None else monotonic() + timeout
        while not self._over:
            left = None if deadline is None else max(0.0, deadline - monotonic())
            patience = left
            if self._last_word is not None:
                goodbye = max(0.0, self._last_word + _GOODBYE - monotonic())
                patience = goodbye if left is None else min(left, goodbye)
            try:
                message = self._websocket.receive(patience)
            except TransportError:
                if self._last_word is None or (left is not None and left <= 0):
                    if self._websocket.broken:
                        self.close()
                    raise
                message = None  # it has said how the command ended, and then did not close in due form
            if message is None:
                self._end()
                return None
            if message.kind != BINARY or not message.data:
                continue
            channel, data = message.data[0], message.data[1:]
            if channel in _NAMES and data:
                return Output(_NAMES[channel], data)
            if channel == channels.ERROR and data:
                self._status += data
                self._last_word = monotonic()
        return None

    def __iter__(self) -> Iterator[Output]:
        return iter(self.read, None)

    def write(self, data: bytes, *, timeout: float | None = None) -> None:
        """Send `data` to the standard input and return once it is on its way.

        A process that reads nothing blocks this, at most for `timeout` seconds. Raises ConnectFailedError if the
        process has ended.
        """
        view = memoryview(data)
        for start in range(0, len(view), PIECE):
            self._send(channels.STDIN, bytes(view[start : start + PIECE]), timeout)

    @property
    def ends_stdin(self) -> bool:
        """Whether the server's protocol can say that the standard input has ended (v5)."""
        return self.protocol == channels.V5

    def close_stdin(self) -> None:
        """Let the standard input end. Raises InvalidRequestError where the server's protocol cannot say that (v4)."""
        if not self.ends_stdin:
            raise InvalidRequestError(
                f"the server speaks {self.protocol}, in which standard input cannot be ended, as Kubernetes 1.30 and "
                "newer can: run a command that knows from its input when to stop, such as head -c"
            )
        self._send(channels.CLOSE, bytes((channels.STDIN,)), None)

    def resize(self, width: int, height: int) -> None:
        """Tell the process the size of its terminal, in characters."""
        size = json.dumps({"Width": width, "Height": height}).encode()
        self._send(channels.RESIZE, size, None)

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code once the process has ended, at most after `timeout` seconds; its output is dropped."""
        self._collect({}, timeout)
        return self._code()

    def communicate(self, stdin: bytes | BinaryIO | None = None, *, timeout: float | None = None) -> ExecResult:
        """Send `stdin` and its end, read all of the output, and return it with the exit code.

        A file is read in a thread of its own until it ends or the process has. Raises RequestTimeoutError after
        `timeout` seconds, and closes the connection then.
        """
        feeder = None
        if stdin is not None:
            if not self.ends_stdin:
                self.close_stdin()
            feeder = _Feeder(self, stdin)
            feeder.start()
        pieces: dict[str, list[bytes]] = {"stdout": [], "stderr": []}
        try:
            self._collect(pieces, timeout)
        finally:
            self.close()
            if feeder is not None:
                feeder.stop()
        if feeder is not None and feeder.failure is not None:
            raise feeder.failure
        code = self._code()
        return ExecResult(code, b"".join(pieces["stdout"]), b"".join(pieces["stderr"]))

    def close(self) -> None:
        """Let go of the process, from any thread; a blocked `read` returns None. Idempotent."""
        if self._unhook is not None:
            self._unhook()
        self._websocket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._websocket.closed else "open"
        ended = f", ended with {self._exit_code}" if self._exit_code is not None else ""
        return f"<{type(self).__name__} {self._url.partition('?')[0]} {state}{ended}>"

    def _collect(self, pieces: dict[str, list[bytes]], timeout: float | None) -> None:
        deadline = None if timeout is None else monotonic() + timeout
        while True:
            left = None if deadline is None else max(0.0, deadline - monotonic())
            try:
                output = self.read(left)
            except RequestTimeoutError as error:
                if deadline is None or monotonic() < deadline:
                    raise
                raise RequestTimeoutError(
                    "the command did not end in time; it may still run in the container",
                    method=self._method,
                    url=self._url,
                ) from error
            if output is None:
                return
            if pieces:
                pieces[output.channel].append(output.data)

    def _code(self) -> int:
        if self._exit_code is None:
            raise ConnectFailedError(
                "the connection was closed before the command ended", method=self._method, url=self._url
            )
        return self._exit_code

    def _end(self) -> None:
        """Take note of the end of the connection; raises what the server said of it."""
        self._over = True
        ended, closed_here = self._websocket.ended, self._websocket.closed
        self.close()
        if self._status:
            self._exit_code = channels.exit_code_of(self._status, method=self._method, url=self._url)
        elif not closed_here:
            code = ended.code if ended is not None else NORMAL
            reason = f": {ended.reason}" if ended is not None and ended.reason else ""
            raise ConnectFailedError(
                f"the server ended the stream ({code}{reason}) without saying how the command ended; "
                "it may still run in the container",
                method=self._method,
                url=self._url,
            )

    def _send(self, channel: int, data: bytes, timeout: float | None) -> None:
        self._websocket.send(bytes((channel,)) + data, timeout=timeout)


def open_process(
    rest: RESTClient, request: HTTPRequest, *, tty: bool, timeout: TimeoutLike | Unset = UNSET
) -> RemoteProcess:
    """Send `request`, for an exec or attach subresource, and return the process it leads to.

    `timeout` is about the answer to the request. The request's cancellation closes the process.
    """
    websocket, protocol = channels.open_websocket(rest, request, channels.COMMAND_PROTOCOLS, timeout=timeout)
    cancellation = request.cancellation
    unhook = cancellation.on_cancel(websocket.close) if cancellation is not None else None
    url = str(rest.config.base_url) + request.target
    return RemoteProcess(websocket, protocol, method=request.method, url=url, tty=tty, unhook=unhook)


def run_command(
    rest: RESTClient,
    request: HTTPRequest,
    *,
    stdin: bytes | BinaryIO | None,
    tty: bool,
    check: bool,
    timeout: float | None,
) -> ExecResult:
    """Run the command of a request for an exec subresource to its end; see `Resource.exec`."""
    limits = None if timeout is None else Timeout.of(timeout)
    until = None if timeout is None else monotonic() + timeout
    with open_process(rest, request, tty=tty, timeout=UNSET if limits is None else limits) as process:
        left = None if until is None else max(0.0, until - monotonic())
        result = process.communicate(stdin, timeout=left)
    return result.check() if check else result


class _Feeder(threading.Thread):
    """Sends standard input while another thread reads the output: each side may wait for the other."""

    def __init__(self, process: RemoteProcess, source: bytes | BinaryIO) -> None:
        super().__init__(name="dynkube-stdin", daemon=True)
        self._process = process
        self._source = source
        #: What reading the source raised.
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            if isinstance(self._source, bytes | bytearray | memoryview):
                self._process.write(bytes(self._source))
            else:
                self._copy(self._source)
            self._process.close_stdin()
        except TransportError:
            return  # the process has ended, or the connection has: whoever reads is told which
        except Exception as error:  # noqa: BLE001 - raised by the thread that waits
            self.failure = error
            self._process.close()

    def _copy(self, source: BinaryIO) -> None:
        # What is there, where a file can say so: a pipe is not waited for until it has filled a buffer.
        read = getattr(source, "read1", source.read)
        while piece := read(PIECE):
            self._process.write(piece)

    def stop(self) -> None:
        """Wait for the thread, but not for a file that is itself waited for: that thread ends with it."""
        self.join(1.0 if not isinstance(self._source, bytes | bytearray | memoryview) else 10.0)
