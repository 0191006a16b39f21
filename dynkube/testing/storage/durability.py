"""Objects that survive a restart and a kill: a journal of every write in a directory, read back at the start.

Each write is appended to the journal before it is answered, as one line of JSON, with one ``write`` call: once the
request is acknowledged the kernel has it, whatever happens to the process. (Not to the machine: nothing is synced to
the disk on every write.) At a start the journal is read, a last line that a kill cut short is dropped, and what is
there is written anew as one line for each object.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynkube.errors import ConfigError
from dynkube.testing.storage.store import DELETED, Record, Snapshot

if TYPE_CHECKING:
    from dynkube.testing.storage.store import Collection, Event, Key, Store

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows has no advisory locks; there two servers must not share a directory
    fcntl = None  # type: ignore[assignment]

_JOURNAL = "journal.jsonl"
_LOCK = "lock"
#: The journal is written anew when it has grown to this many bytes and to twice what it would be.
_REWRITE_FROM = 64 * 1024 * 1024


class Journal:
    """The journal of one data directory. Raises ConfigError when it cannot be used, or another server uses it."""

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.directory / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigError(f"the data directory {self.directory} cannot be used: {error}") from error
        if fcntl is not None:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(self._lock)
                raise ConfigError(f"the data directory {self.directory} is in use by another server") from None
        self._path = self.directory / _JOURNAL
        self._store: Store | None = None
        self._file: int | None = None
        self._size = 0
        self._floor = 0

    def read(self) -> Snapshot | None:
        """Return what the journal holds, None when there is none yet. Raises ConfigError for a broken one."""
        try:
            lines = self._path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return None
        # What follows the last line end was cut short by a kill, and never acknowledged.
        lines.pop()
        records: dict[Collection, dict[Key, Record]] = {}
        version = 0
        for number, line in enumerate(lines, start=1):
            version = max(version, self._replayed(records, line, number))
        return Snapshot(records, version)

    def _replayed(self, records: dict[Collection, dict[Key, Record]], line: bytes, number: int) -> int:
        """Do what one line says and return its version. Raises ConfigError naming the line."""
        try:
            entry = json.loads(line)
            if "k" in entry:
                _apply(records, entry)
            return int(entry["v"])
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise ConfigError(f"{self._path}, line {number}: {error!r}", path=str(self._path)) from None

    def follow(self, store: Store) -> None:
        """Write the store's present contents and from now on each of its writes."""
        self._store = store
        self.rewrite()
        store.listen(self._append)

    def rewrite(self) -> None:
        """Replace the journal by the store's present contents, in one step."""
        if self._store is None:
            return
        temporary = self._path.with_suffix(".new")
        with self._store.transaction():
            with temporary.open("wb") as file:
                temporary.chmod(0o600)
                file.write(_line({"v": self._store.version}))
                for collection, key, record in self._store.everything():
                    file.write(_line(_entry(record.version, collection, key, record.object)))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
            if self._file is not None:
                os.close(self._file)
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND)
            self._size = self._floor = self._path.stat().st_size

    def _append(self, collection: Collection, event: Event) -> None:
        if self._file is None:
            return
        obj = None if event.type == DELETED else event.record.object
        data = _line(_entry(event.version, collection, event.key, obj))
        written = 0
        while written < len(data):
            written += os.write(self._file, data[written:])
        self._size += len(data)
        if self._size > max(_REWRITE_FROM, 2 * self._floor):
            self.rewrite()

    def close(self) -> None:
        """Let go of the directory."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        with contextlib.suppress(OSError):
            os.close(self._lock)


def _entry(version: int, collection: Collection, key: Key, obj: dict[str, Any] | None) -> dict[str, Any]:
    entry: dict[str, Any] = {"v": version, "c": list(collection), "k": list(key)}
    return entry if obj is None else {**entry, "o": obj}


def _line(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


def _apply(records: dict[Collection, dict[Key, Record]], entry: dict[str, Any]) -> None:
    group, plural = entry["c"]
    namespace, name = entry["k"]
    found = records.setdefault((group, plural), {})
    if "o" in entry:
        found[namespace, name] = Record(entry["o"], entry["v"])
    else:
        found.pop((namespace, name), None)
