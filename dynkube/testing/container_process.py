"""A process in a container that is not there: what a function of a test sees of the streams of an exec or attach."""

from __future__ import annotations

import collections
import io
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from dynkube.errors import TransportError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dynkube.stream.websocket import WebSocket


class ProcessGoneError(Exception):
    """Nobody is at the other end any more; it ends the function."""


class NotRunnableError(Exception):
    """The command cannot be run: what the container runtime says of it."""


class InputStream(io.RawIOBase):
    """Standard input: what the client sent, in its order, and then its end."""

    def __init__(self) -> None:
        self._pieces: collections.deque[bytes] = collections.deque()
        self._ended = False
        self._changed = threading.Condition()

    def feed(self, data: bytes) -> None:
        """Append what the client sent."""
        with self._changed:
            self._pieces.append(data)
            self._changed.notify_all()

    def end(self) -> None:
        """Let nothing follow."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def readable(self) -> bool:
        """Return True: it is read from."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for something to read, and take it; nothing at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._pieces or self._ended)
            if not self._pieces:
                return 0
            piece = self._pieces.popleft()
            taken = min(len(buffer), len(piece))
            buffer[:taken] = piece[:taken]
            if taken < len(piece):
                self._pieces.appendleft(piece[taken:])
            return taken


class Writer:
    """Standard output or error: each write is a frame of its own."""

    def __init__(self, websocket: WebSocket, channel: int, *, wanted: bool) -> None:
        self._websocket = websocket
        self._channel = channel
        self._wanted = wanted

    def write(self, data: bytes | str) -> None:
        """Send bytes, or text as UTF-8. Raises ProcessGoneError when the client is gone."""
        payload = data.encode() if isinstance(data, str) else bytes(data)
        if not payload or not self._wanted:
            return
        try:
            self._websocket.send(bytes((self._channel,)) + payload)
        except TransportError as error:
            raise ProcessGoneError(str(error)) from error


@dataclass(slots=True)
class ContainerProcess:
    """One run of a command, or one attachment: `args` are the words of the command, none of an attachment.

    `stdin` is a binary file, empty where the client has none to send; `stdout` and `stderr` take `write`. On a
    terminal (`tty`), `size` is (width, height) as last told and `resized` is set with each change.
    """

    args: Sequence[str]
    namespace: str
    pod: str
    container: str
    tty: bool
    stdin: io.BufferedReader
    stdout: Writer
    stderr: Writer
    size: tuple[int, int] | None = None
    resized: threading.Event = field(default_factory=threading.Event)
    #: Set when the client is gone.
    gone: threading.Event = field(default_factory=threading.Event)


def _echo(process: ContainerProcess) -> None:
    process.stdout.write(" ".join(process.args[1:]) + "\n")


def _cat(process: ContainerProcess) -> None:
    while piece := process.stdin.read1(1 << 16):
        process.stdout.write(piece)


def _hostname(process: ContainerProcess) -> None:
    process.stdout.write(f"{process.pod}\n")


#: What every container can run unless a test says otherwise.
PROGRAMS: dict[str, Callable[[ContainerProcess], int | None]] = {
    "echo": _echo,
    "cat": _cat,
    "hostname": _hostname,
    "true": lambda _: 0,
    "false": lambda _: 1,
}


def unknown_program(process: ContainerProcess) -> NoReturn:
    """Fail as containerd with runc does where there is no such program."""
    raise NotRunnableError(
        "OCI runtime exec failed: exec failed: unable to start container process: "
        f'exec: "{process.args[0]}": executable file not found in $PATH: unknown'
    )
