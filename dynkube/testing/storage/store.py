"""A versioned object store: one resourceVersion counter, an event log per resource, lists as of any logged version.

Objects are kept by *collection* (the group and plural of the storage resource), so that several API versions, or
several groups, can read the same objects. A stored object is never changed: a write replaces it. That makes snapshots,
watch events and cached encodings free of copies; whoever wants to edit an object copies it first.

A list as of an older version is had by undoing the logged events newer than it, so continue tokens cost nothing until
they are used, and expire exactly when the log no longer reaches back to them.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: (group, plural) of the resource objects are stored as.
Collection = tuple[str, str]
#: (namespace, name); the namespace of cluster-scoped objects is "".
Key = tuple[str, str]

ADDED = "ADDED"
MODIFIED = "MODIFIED"
DELETED = "DELETED"

#: The version a fresh store starts at. Real clusters show neither 0 nor 1 on an object, and "0" has its own meaning.
FIRST_VERSION = 1


class CompactedError(Exception):
    """The version asked for is older than the log reaches back; ``.oldest`` is the oldest one that would do."""

    def __init__(self, requested: int, oldest: int) -> None:
        super().__init__(f"too old resource version: {requested} ({oldest})")
        self.requested = requested
        self.oldest = oldest


class ExistsError(Exception):
    """Create found an object of that key."""


class Record:
    """One stored version of an object; ``encodings`` keeps answers serialised from it, by keys of the reader."""

    __slots__ = ("encodings", "object", "version")

    def __init__(self, obj: dict[str, Any], version: int) -> None:
        self.object = obj
        self.version = version
        self.encodings: dict[Any, bytes] = {}


class Event(NamedTuple):
    """One change: ``record`` is the object after it (before it, with the deletion's version, for DELETED)."""

    version: int
    type: str
    key: Key
    record: Record
    previous: Record | None


class _Log:
    """The objects and the history of one collection."""

    __slots__ = ("base", "events", "oldest", "records", "versions")

    def __init__(self) -> None:
        self.records: dict[Key, Record] = {}
        self.events: list[Event] = []
        self.versions: list[int] = []
        # How many events were compacted away, so that a reader's position stays valid across compaction.
        self.base = 0
        # Lists and watches at this version or later can be answered.
        self.oldest = 0


class Store:
    """Every object of the server. All methods are safe to call from any thread.

    ``history`` is the number of events kept for each collection before the oldest are compacted away.
    """

    def __init__(self, *, history: int = 20_000) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.history = history
        self._version = FIRST_VERSION
        self._logs: dict[Collection, _Log] = {}
        self._listeners: list[Callable[[Collection, Event], None]] = []
        self._epoch = 0

    @property
    def version(self) -> int:
        """The resourceVersion of the newest write."""
        return self._version

    @property
    def epoch(self) -> int:
        """Counts restores: a watch begun in another epoch sees a store it knows nothing of."""
        return self._epoch

    def transaction(self) -> threading.Condition:
        """Return the lock that makes several calls one: ``with store.transaction(): ...``."""
        return self.changed

    def listen(self, listener: Callable[[Collection, Event], None]) -> None:
        """Call ``listener`` with every event from now on, under the store's lock: it must be quick and never write."""
        with self.changed:
            self._listeners.append(listener)

    def _log(self, collection: Collection) -> _Log:
        return self._logs.setdefault(collection, _Log())

    def get(self, collection: Collection, key: Key) -> Record | None:
        """Return the newest version of an object."""
        with self.changed:
            return self._log(collection).records.get(key)

    def create(self, collection: Collection, key: Key, obj: dict[str, Any]) -> Record:
        """Store a new object and stamp its resourceVersion. Raises ExistsError."""
        with self.changed:
            log = self._log(collection)
            if key in log.records:
                raise ExistsError(key)
            return self._append(collection, ADDED, key, obj, None)

    def replace(self, collection: Collection, key: Key, obj: dict[str, Any]) -> Record:
        """Store a new version of an existing object and stamp its resourceVersion. Raises KeyError."""
        with self.changed:
            log = self._log(collection)
            return self._append(collection, MODIFIED, key, obj, log.records[key])

    def delete(self, collection: Collection, key: Key, last: dict[str, Any] | None = None) -> Record:
        """Remove an object; ``last`` is its state as watchers see it, the stored one by default. Raises KeyError."""
        with self.changed:
            log = self._log(collection)
            previous = log.records[key]
            return self._append(collection, DELETED, key, last or previous.object, previous)

    def _append(
        self, collection: Collection, kind: str, key: Key, obj: dict[str, Any], previous: Record | None
    ) -> Record:
        log = self._log(collection)
        self._version += 1
        stamped = {**obj, "metadata": {**obj.get("metadata", {}), "resourceVersion": str(self._version)}}
        record = Record(stamped, self._version)
        if kind == DELETED:
            del log.records[key]
        else:
            log.records[key] = record
        event = Event(self._version, kind, key, record, previous)
        log.events.append(event)
        log.versions.append(self._version)
        if len(log.events) > self.history:
            self._drop(log, len(log.events) - self.history * 3 // 4)
        for listener in self._listeners:
            listener(collection, event)
        self.changed.notify_all()
        return record

    @staticmethod
    def _drop(log: _Log, count: int) -> None:
        if count <= 0:
            return
        log.oldest = log.versions[count - 1]
        log.base += count
        del log.events[:count]
        del log.versions[:count]

    def begin(self, collection: Collection) -> None:
        """Start the history of a collection now: lists and watches at an earlier version find it compacted."""
        with self.changed:
            log = self._log(collection)
            self._drop(log, len(log.events))
            log.oldest = self._version
            self.changed.notify_all()

    def compact(self) -> int:
        """Forget all history, as etcd's compaction does; return the version from which lists and watches work again."""
        with self.changed:
            for log in self._logs.values():
                self._drop(log, len(log.events))
                log.oldest = self._version
            self.changed.notify_all()
            return self._version

    def objects(self, collection: Collection, namespace: str | None = None) -> tuple[list[tuple[Key, Record]], int]:
        """Return the objects (of one namespace, or all) sorted by key, and the version of the store at that moment."""
        with self.changed:
            records = self._log(collection).records
            if namespace is None:
                found = list(records.items())
            else:
                found = [item for item in records.items() if item[0][0] == namespace]
            version = self._version
        found.sort(key=_by_key)
        return found, version

    def objects_at(
        self, collection: Collection, version: int, namespace: str | None = None
    ) -> list[tuple[Key, Record]]:
        """Return the objects as they were at ``version``, sorted. Raises CompactedError."""
        with self.changed:
            log = self._log(collection)
            if version < log.oldest:
                raise CompactedError(version, log.oldest)
            records = dict(log.records)
            for event in reversed(log.events):
                if event.version <= version:
                    break
                if event.previous is None:
                    records.pop(event.key, None)
                else:
                    records[event.key] = event.previous
        found = [item for item in records.items() if namespace is None or item[0][0] == namespace]
        found.sort(key=_by_key)
        return found

    def position(self, collection: Collection, version: int) -> int:
        """Return where to start reading the events after ``version``. Raises CompactedError."""
        with self.changed:
            log = self._log(collection)
            if version < log.oldest:
                raise CompactedError(version, log.oldest)
            return log.base + bisect_right(log.versions, version)

    def events(self, collection: Collection, position: int) -> tuple[list[Event], int]:
        """Return the events from ``position`` on, and where to go on. Raises CompactedError if some are gone."""
        with self.changed:
            log = self._log(collection)
            if position < log.base:
                raise CompactedError(0, log.oldest)
            return log.events[position - log.base :], log.base + len(log.events)

    def pending(self, collection: Collection, position: int) -> bool:
        """Tell whether ``events`` would return anything (or fail)."""
        log = self._log(collection)
        return position != log.base + len(log.events)

    def collections(self) -> list[Collection]:
        """Return the collections that hold at least one object."""
        with self.changed:
            return [collection for collection, log in self._logs.items() if log.records]

    def everything(self) -> Iterator[tuple[Collection, Key, Record]]:
        """Yield every object, collection by collection, as of the call."""
        with self.changed:
            snapshot = [(collection, dict(log.records)) for collection, log in self._logs.items()]
        for collection, records in snapshot:
            for key, record in records.items():
                yield collection, key, record

    def snapshot(self) -> Snapshot:
        """Return the present state, to go back to. Costs milliseconds: objects are shared, not copied."""
        with self.changed:
            return Snapshot({collection: dict(log.records) for collection, log in self._logs.items()}, self._version)

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot. The counter goes on, so no version is used twice; history before it is compacted."""
        with self.changed:
            self._epoch += 1
            self._version = max(self._version, snapshot.version) + 1
            collections = {*self._logs, *snapshot.records}
            for collection in collections:
                log = self._log(collection)
                self._drop(log, len(log.events))
                log.records = dict(snapshot.records.get(collection, {}))
                log.oldest = self._version
            self.changed.notify_all()


class Snapshot(NamedTuple):
    """A state of the store: opaque to everyone else."""

    records: dict[Collection, dict[Key, Record]]
    version: int


def path_of(key: Key) -> str:
    """Return the storage path of a key. Lists are ordered by it, as in etcd: ``a-b/x`` comes before ``a/x``."""
    return f"{key[0]}/{key[1]}" if key[0] else key[1]


def _by_key(item: tuple[Key, Record]) -> str:
    return path_of(item[0])
