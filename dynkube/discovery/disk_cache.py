"""DiskCache: discovery documents kept in files that nobody else can have written.

Discovery decides where requests go: whoever can write the cache can have a client read Secrets where it asked for Pods
(CVE-2019-11244 is kubectl's own case of it). So the directories are 0700 and the files 0600; a directory or file that
someone else owns or may write, whose checksum is wrong, or that claims to come from the future is ignored, and a
warning says so.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynkube.discovery.documents import Document

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.config import Config

_log = logging.getLogger("dynkube.discovery")

#: How long a stored document is used without asking the server, in seconds; kubectl's six hours.
DEFAULT_MAX_AGE = 6 * 3600.0

#: Documents of another format are not read. Part of the directory's name, too, so that old and new clients coexist.
FORMAT = 1

#: How far in the future a document may seem to be without being distrusted, in seconds: clocks are set back a little.
CLOCK_SKEW = 60.0

#: Directories left alone for so many seconds are removed when a new one is made.
ABANDONED = 30 * 24 * 3600.0

#: Files still unfinished after so many seconds are those of processes that died; the next that stores removes them.
UNFINISHED = 600.0

_CANNOT = "discovery cannot be cached in %s: %s"

_PREFIX = f"v{FORMAT}-"


class DiskCache:
    """Stores documents in ``directory``, one file a request; see `for_config` for the directory to use.

    Several processes may read and write at once: a file appears complete or not at all. Nothing here raises for a
    file system that refuses; the cache is then as good as empty. ``clock`` is seconds of the epoch.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        max_age: float = DEFAULT_MAX_AGE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.directory = Path(directory)
        self._max_age = max_age
        self._clock = clock
        self._swept = False
        self._complained = False

    @classmethod
    def for_config(
        cls,
        config: Config,
        root: str | os.PathLike[str] | None = None,
        *,
        max_age: float = DEFAULT_MAX_AGE,
        clock: Callable[[], float] = time.time,
    ) -> DiskCache:
        """Return the cache of one host as one user sees it, below ``root`` (default: `default_root`).

        Host, certificate authority and user are all part of the directory's name: what one server said is never taken
        for what another one says, nor what one user may see for what another may.
        """
        base = Path(root).expanduser() if root is not None else default_root()
        return cls(base / directory_name(config), max_age=max_age, clock=clock)

    def load(self, path: str, accept: str) -> Document | None:
        """Return what was stored for this request, of whatever age; None where there is nothing to trust."""
        file = self._file(path, accept)
        try:
            if not self._is_private(self.directory.lstat(), self.directory, directory=True):
                return None
            descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
            with os.fdopen(descriptor, "rb") as stream:
                if not self._is_private(os.fstat(stream.fileno()), file, directory=False):
                    return None
                header, _, body = stream.read().partition(b"\n")
        except FileNotFoundError:
            return None
        except OSError as error:
            _log.warning("ignored the discovery cache: %s", error)
            return None
        return self._checked(file, path, accept, header, body)

    def save(self, document: Document) -> None:
        """Store ``document``, replacing what was there in one step; a warning where that is not possible."""
        header = {
            "format": FORMAT,
            "path": document.path,
            "accept": document.accept,
            "content_type": document.content_type,
            "etag": document.etag,
            "fetched": document.fetched,
            "sha256": _checksum(document.body),
        }
        try:
            self._prepare()
            descriptor, temporary = tempfile.mkstemp(dir=self.directory, prefix=".", suffix=".tmp")
            try:
                with os.fdopen(descriptor, "wb") as stream:
                    stream.write(json.dumps(header).encode() + b"\n" + document.body)
                Path(temporary).replace(self._file(document.path, document.accept))
            except BaseException:
                with suppress(OSError):
                    Path(temporary).unlink()
                raise
        except OSError as error:
            # Once is enough: each document of each discovery would say the same.
            _log.log(logging.DEBUG if self._complained else logging.WARNING, _CANNOT, self.directory, error)
            self._complained = True

    def is_current(self, document: Document) -> bool:
        """Whether ``document`` is younger than the age limit."""
        return self._clock() - document.fetched < self._max_age

    def clear(self) -> None:
        """Remove every stored document of this host and user."""
        with suppress(FileNotFoundError):
            for file in self.directory.iterdir():
                with suppress(FileNotFoundError):
                    file.unlink()
            self.directory.rmdir()

    def _file(self, path: str, accept: str) -> Path:
        name = re.sub(r"[^A-Za-z0-9.-]+", "_", path.strip("/"))[:60]
        digest = hashlib.sha256(f"{path}\0{accept}".encode()).hexdigest()[:16]
        return self.directory / f"{name}-{digest}"

    def _is_private(self, status: os.stat_result, place: Path, *, directory: bool) -> bool:
        """Whether this directory or file is what it should be, ours, and writable by us alone."""
        if hasattr(os, "geteuid") and status.st_uid != os.geteuid():
            problem = f"it belongs to user {status.st_uid}"
        elif not (stat.S_ISDIR(status.st_mode) if directory else stat.S_ISREG(status.st_mode)):
            problem = "it is not a directory" if directory else "it is not a regular file"
        elif os.name == "posix" and status.st_mode & 0o022:
            problem = f"others may write it (mode {stat.S_IMODE(status.st_mode):04o})"
        else:
            return True
        _log.warning("ignored the discovery cache %s: %s", place, problem)
        return False

    def _checked(self, file: Path, path: str, accept: str, header: bytes, body: bytes) -> Document | None:
        try:
            said: dict[str, Any] = json.loads(header)
            document = Document(
                str(said["path"]),
                str(said["accept"]),
                str(said["content_type"]),
                str(said["etag"]),
                body,
                float(said["fetched"]),
            )
            checksum, written_as = said["sha256"], said["format"]
        except (ValueError, KeyError, TypeError):
            _log.warning("ignored the discovery cache %s: it is damaged", file)
            return None
        if written_as != FORMAT:
            return None
        if checksum != _checksum(body) or (document.path, document.accept) != (path, accept):
            _log.warning("ignored the discovery cache %s: it was tampered with, or is damaged", file)
            return None
        if not document.fetched <= self._clock() + CLOCK_SKEW:
            _log.warning("ignored the discovery cache %s: it comes from the future", file)
            return None
        return document

    def _prepare(self) -> None:
        if self.directory.is_dir():
            if not self._is_private(self.directory.lstat(), self.directory, directory=True):
                raise PermissionError(f"{self.directory} is not private to this user")
            if not self._swept:
                self._swept = True
                self._remove_unfinished()
            return
        for parent in (*reversed(self.directory.parents), self.directory):
            # One by one: mkdir(parents=True) would give those in between the mode of the umask.
            with suppress(FileExistsError):
                parent.mkdir(mode=0o700)
        self._sweep()

    def _remove_unfinished(self) -> None:
        before = time.time() - UNFINISHED
        for file in self.directory.glob(".*.tmp"):
            with suppress(OSError):
                if file.lstat().st_mtime < before:
                    file.unlink()

    def _sweep(self) -> None:
        """Remove what was abandoned: caches of clusters no longer used."""
        before = time.time() - ABANDONED
        for directory in self.directory.parent.glob(f"{_PREFIX}*"):
            with suppress(OSError):
                if directory.is_symlink() or not directory.is_dir():
                    continue
                for file in directory.iterdir():
                    if file.lstat().st_mtime < before:
                        file.unlink()
                if directory != self.directory:
                    directory.rmdir()


def default_root() -> Path:
    """Return where caches are kept: ``dynkube/discovery`` in ``$XDG_CACHE_HOME``, or else in ``~/.cache``."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification has a relative path ignored.
    base = Path(configured) if Path(configured).is_absolute() else Path.home() / ".cache"
    return base / "dynkube" / "discovery"


def directory_name(config: Config) -> str:
    """Return the name of the directory for the host, certificate authority and user of ``config``.

    It begins with the host, for those who look; the rest is a digest. A password is no part of it, since a digest of
    one could be guessed from.
    """
    host = re.sub(r"[^A-Za-z0-9.-]+", "_", str(config.base_url).partition("://")[2])[:60]
    exec_provider, auth_provider = config.exec_provider, config.auth_provider
    identity = [
        str(config.base_url),
        [_digest(config.ca_data, config.ca_file), config.tls_server_name, config.insecure],
        [config.username, _digest(config.bearer_token, None), config.bearer_token_file],
        _digest(config.cert_data, config.cert_file),
        repr(config.impersonate),
        exec_provider and [exec_provider.command, list(exec_provider.args), _digest(repr(exec_provider.env), None)],
        auth_provider and [auth_provider.name, auth_provider.user, auth_provider.path],
    ]
    return f"{_PREFIX}{host}-{_checksum(json.dumps(identity).encode())[:32]}"


def _digest(data: bytes | str | None, file: str | None) -> str | None:
    if data is None and file is not None:
        try:
            data = Path(file).read_bytes()
        except OSError:
            return file
    if data is None:
        return None
    return _checksum(data.encode() if isinstance(data, str) else data)


def _checksum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
