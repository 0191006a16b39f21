"""Unpacking an archive nobody vouches for: nothing of it is written outside of the target."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from dynkube.errors import ResponseError

if TYPE_CHECKING:
    import tarfile

_log = logging.getLogger("dynkube.stream")

#: Of a mode, what is kept: what runs as somebody else in a container has no business to do so here.
_MODE = 0o777


class Extraction:
    """Writes the members of one archive, all of which are `base` or below it, to `target`.

    A directory is merged into `target`; a file becomes `target`, or goes into it where that is a directory. Names that
    are absolute, hold "..", or are not below `base` raise ResponseError; so does a way through a symbolic link that
    leads out. Links that lead out, devices and pipes are left out, with a warning in the log `dynkube.stream`.
    Permissions and times of modification are kept; owners, setuid, setgid and sticky bits are not.
    """

    def __init__(self, target: Path, base: str) -> None:
        self._target = target
        self._base = base
        #: Where members belong, once the first one says whether that is a directory; its real path.
        self._root: Path | None = None
        self._single = False
        self._directories: list[tuple[Path, int]] = []
        #: What was written, or is there, at the top.
        self.written: Path | None = None

    def add(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Write one member. Raises ResponseError for one that leads out, and OSError."""
        parts = self._parts(member.name)
        path = self._place(parts, is_directory=member.isdir())
        if member.isdir():
            if parts:  # the target itself may be a link: that is the caller's own
                self._check(Path(os.path.realpath(path)), member.name)
            path.mkdir(exist_ok=True)
            self._directories.append((path, member.mode & _MODE))
            return
        if member.isreg():
            self._write(archive, member, path)
        elif member.issym():
            self._link(member, path)
        elif member.islnk():
            self._copy(member, path)
        else:
            _log.warning("%s is a device or pipe: left out", member.name)

    def finish(self) -> None:
        """Set the permissions of directories, which may forbid to write into them."""
        for path, mode in reversed(self._directories):
            path.chmod(mode)

    def _parts(self, name: str) -> tuple[str, ...]:
        """Return where a member is below the base. Raises ResponseError."""
        parts = [part for part in name.split("/") if part not in ("", ".")]
        base = [self._base] if self._base else []
        if name.startswith("/") or ".." in parts or "\0" in name or parts[: len(base)] != base:
            raise ResponseError(f"the archive holds {name!r}, which would lead out of what was asked for")
        return tuple(parts[len(base) :])

    def _place(self, parts: tuple[str, ...], *, is_directory: bool) -> Path:
        if self._root is None:
            self._begin(is_directory=is_directory)
        assert self._root is not None  # noqa: S101 - `_begin` has set it
        if not parts:
            return self._target
        if self._single:
            raise ResponseError(f"the archive holds something below {self._base!r}, which is a file")
        path = self._root.joinpath(*parts)
        parent = Path(os.path.realpath(path.parent))
        self._check(parent, "/".join(parts))
        parent.mkdir(parents=True, exist_ok=True)
        return parent / path.name

    def _begin(self, *, is_directory: bool) -> None:
        if is_directory:
            self._target.mkdir(parents=True, exist_ok=True)
            self._root = Path(os.path.realpath(self._target))
        else:
            if self._target.is_dir():
                self._target /= self._base
            self._target.parent.mkdir(parents=True, exist_ok=True)
            self._root = Path(os.path.realpath(self._target.parent))
            self._single = True
        self.written = self._target

    def _check(self, path: Path, name: str) -> None:
        if path != self._root and self._root not in path.parents:
            raise ResponseError(f"the archive holds {name!r}, which would be written outside of the target, to {path}")

    def _clear(self, path: Path) -> None:
        """Make room: what is written must not go through a link that is there, nor keep another's permissions."""
        if path.is_symlink() or path.is_file():
            path.unlink()

    def _write(self, archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
        source = archive.extractfile(member)
        if source is None:
            raise ResponseError(f"the archive has no content for {member.name!r}")
        self._clear(path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            shutil.copyfileobj(source, file, 1 << 18)
        path.chmod(member.mode & _MODE)
        os.utime(path, (member.mtime, member.mtime))

    def _link(self, member: tarfile.TarInfo, path: Path) -> None:
        leads_to = Path(os.path.realpath(path.parent / member.linkname))
        inside = self._root is not None and (leads_to == self._root or self._root in leads_to.parents)
        if self._single or member.linkname.startswith("/") or not inside:
            _log.warning("%s is a link that leads out, to %s: left out", member.name, member.linkname)
            return
        self._clear(path)
        path.symlink_to(member.linkname)

    def _copy(self, member: tarfile.TarInfo, path: Path) -> None:
        """Write a hard link as a file of its own, from the one that came before."""
        source = self._place(self._parts(member.linkname), is_directory=False)
        if source.is_symlink() or not source.is_file():
            _log.warning("%s is a link to %s, which is not there: left out", member.name, member.linkname)
            return
        self._clear(path)
        shutil.copy2(source, path)
