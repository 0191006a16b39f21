"""Files to and from a container: tar at both ends of a command's streams, as kubectl cp does it."""

from __future__ import annotations

import os
import posixpath
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynkube.errors import CommandFailedError, ConnectFailedError, InvalidRequestError, ResponseError
from dynkube.stream.extraction import Extraction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from os import PathLike

    from dynkube.stream.process import ExecResult, RemoteProcess

    #: Starts a command in the container; the flag says whether it has an input.
    Start = Callable[[Sequence[str], bool], RemoteProcess]

#: Bytes of standard error that are kept, for the message.
_STDERR_KEPT = 1 << 16


class _Output:
    """Standard output of a process as tarfile reads it; standard error is kept aside."""

    def __init__(self, process: RemoteProcess) -> None:
        self._process = process
        self.stderr = bytearray()

    def read(self, _size: int) -> bytes:
        """Return the next piece, however long; nothing at the end."""
        while (output := self._process.read()) is not None:
            if output.channel == "stdout":
                return output.data
            if len(self.stderr) < _STDERR_KEPT:
                self.stderr += output.data
        return b""

    def finish(self) -> None:
        """Read to the end. Raises CommandFailedError if the command failed."""
        while self.read(0):
            continue
        code = self._process.wait()
        if code:
            raise CommandFailedError(code, stderr=bytes(self.stderr))


class _Input:
    """Standard input of a process as tarfile writes it."""

    def __init__(self, process: RemoteProcess) -> None:
        self._process = process

    def write(self, data: bytes) -> int:
        """Send all of it."""
        self._process.write(data)
        return len(data)


def copy_from(start: Start, remote: str, local: str | PathLike[str]) -> Path:
    """Copy a file or directory out of a container; see `Resource.copy_from`."""
    directory, base = _split(remote)
    target = Path(local)
    if os.fspath(local).endswith(("/", os.sep)):
        target.mkdir(parents=True, exist_ok=True)
    extraction = Extraction(target, base)
    # "./": a name may begin with "-".
    with start(["tar", "cf", "-", "-C", directory, f"./{base}"], False) as process:
        output = _Output(process)
        source: Any = output
        try:
            with tarfile.open(fileobj=source, mode="r|") as archive:
                for member in archive:
                    extraction.add(archive, member)
        except tarfile.TarError as error:
            output.finish()  # a tar that failed has more to say than its half an archive
            raise ResponseError(f"what tar sent of {remote} is no whole archive: {error}") from error
        finally:
            extraction.finish()
        output.finish()
    if extraction.written is None:
        raise ResponseError(f"tar sent nothing of {remote}")
    return extraction.written


def copy_to(
    start: Start,
    test: Callable[[Sequence[str]], ExecResult],
    local: str | PathLike[str],
    remote: str,
    *,
    preserve: bool,
) -> str:
    """Copy a file or directory into a container; see `Resource.copy_to`."""
    source = Path(local)
    source.lstat()  # what is not there is told before anything is sent
    directory, base = _split(remote)
    within = remote.endswith("/") or test(["test", "-d", remote]).exit_code == 0
    if within:
        directory, base = posixpath.join(directory, base), source.resolve().name
    keep = [] if preserve else ["--no-same-permissions", "--no-same-owner"]
    options = "xmpf" if preserve else "xmf"
    with start(["tar", *keep, f"-{options}", "-", "-C", directory or "/"], True) as process:
        if not process.ends_stdin:
            process.close_stdin()  # says why it cannot
        output = _Output(process)
        sink: Any = _Input(process)
        try:
            with tarfile.open(fileobj=sink, mode="w|", format=tarfile.GNU_FORMAT) as archive:
                archive.add(source, arcname=base, filter=_anonymous)
            process.close_stdin()
        except ConnectFailedError:
            output.finish()  # tar has ended before its input: it says why
            raise
        output.finish()
    return posixpath.join(directory, base)


def _split(remote: Any) -> tuple[str, str]:
    """Return directory and name of a path in a container. Raises InvalidRequestError for one without a name."""
    if not isinstance(remote, str) or not remote or "\0" in remote:
        raise InvalidRequestError(f"a path in a container is text, not {remote!r}")
    directory, base = posixpath.split(remote.rstrip("/") or "/")
    if base in (".", ".."):
        raise InvalidRequestError(f"{remote!r} has no name of its own: write the path without . and .. at its end")
    return directory or ".", base


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out who owns a file here: in a container the number is somebody else's."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
