"""The terminal of whoever runs the command, joined to a process in a container: keys, output, size, and back again."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from dynkube.cli.exits import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from dynkube.stream import RemoteProcess

_PIECE = 32 << 10


def wants_terminal(*, stdin: bool, tty: bool, quiet: bool) -> bool:
    """Tell whether `-t` can be had: only with `-i` and on a terminal, as kubectl has it; else that is said."""
    if not tty or not stdin:
        return False
    fd = _descriptor(sys.stdin)
    if fd is not None and os.isatty(fd):
        return True
    if not quiet:
        print("Unable to use a TTY - input is not a terminal or the right kind of file", file=sys.stderr)
    return False


def converse(process: RemoteProcess, *, stdin: bool, tty: bool) -> int:
    """Pass input, output and the terminal's size until the process ends; return its exit code.

    The terminal is given back as it was, whatever happens.
    """
    with contextlib.ExitStack() as stack:
        fd = _descriptor(sys.stdin)
        if tty and fd is not None:
            stack.enter_context(_raw(fd))
        if stdin:
            stack.enter_context(_Keyboard(process, fd, tty=tty))
        for output in process:
            write_bytes(sys.stdout if output.channel == "stdout" else sys.stderr, output.data)
        return process.wait()


def write_bytes(stream: Any, data: bytes) -> None:
    """Write bytes to standard output or error at once: they need not be UTF-8."""
    binary = getattr(stream, "buffer", None)
    if binary is None:
        stream.write(data.decode("utf-8", "replace"))
    else:
        binary.write(data)
    stream.flush()


class _Keyboard:
    """A thread that sends what is typed, or comes from a pipe, and how big the terminal is."""

    def __init__(self, process: RemoteProcess, fd: int | None, *, tty: bool) -> None:
        self._process = process
        self._fd = fd
        self._tty = tty
        self._awake, self._wake = os.pipe()
        self._before: Any = None
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="dynkube-stdin", daemon=True)

    def __enter__(self) -> None:
        if self._tty:
            # A handler runs in the middle of anything: it only wakes the thread, which may wait for its turn to send.
            self._before = signal.signal(signal.SIGWINCH, self._resized)
            self._resized(0, None)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        if self._tty:
            signal.signal(signal.SIGWINCH, self._before)
        self._process.close()
        os.close(self._wake)
        self._thread.join(5.0)
        if not self._thread.is_alive():
            os.close(self._awake)
        if self._failure is not None:
            raise self._failure

    def _resized(self, _number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake, b"w")

    def _run(self) -> None:
        from dynkube.errors import TransportError

        try:
            if self._fd is None:
                self._process.write(sys.stdin.read().encode())
                self._process.close_stdin()
            else:
                self._copy(self._fd)
        except TransportError:
            return  # the process has ended: the thread that reads tells how
        except Exception as error:  # noqa: BLE001 - raised by the thread that reads
            self._failure = error
            self._process.close()

    def _copy(self, fd: int) -> None:
        inputs = [fd, self._awake]
        while True:
            ready, _, _ = select.select(inputs, [], [])
            if self._awake in ready:
                if not os.read(self._awake, 64):
                    return
                width, height = os.get_terminal_size(fd)
                self._process.resize(width, height)
            if fd in ready:
                data = os.read(fd, _PIECE)
                if data:
                    self._process.write(data)
                else:
                    inputs.remove(fd)
                    self._process.close_stdin()


@contextlib.contextmanager
def _raw(fd: int) -> Iterator[None]:
    """Let the keys go to the process as they are, Ctrl-C too."""
    try:
        import termios
        import tty
    except ImportError:
        raise UsageError("-t needs a terminal as Unix has them") from None
    before = termios.tcgetattr(fd)
    try:
        tty.setraw(fd)
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def _descriptor(stream: Any) -> int | None:
    try:
        return int(stream.fileno())
    except (OSError, ValueError, AttributeError):
        return None
