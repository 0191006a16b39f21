"""The watch a caller iterates over: events that go on through everything a night can bring."""

from __future__ import annotations

import random as random_module
from typing import TYPE_CHECKING, Any

from dynkube.errors import InvalidRequestError
from dynkube.watch.actions import Policy, Start
from dynkube.watch.clock import SYSTEM_CLOCK, Clock
from dynkube.watch.difference import Difference
from dynkube.watch.loop import Bookmark, Change, State, WatchLoop
from dynkube.watch.machine import INITIAL_EVENTS_END
from dynkube.watch.protocol import IDLE_TIMEOUT
from dynkube.watch.reading import object_key

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from types import TracebackType

    from typing_extensions import Self

    from dynkube.objects import JSONObject
    from dynkube.watch.backoff import Backoff
    from dynkube.watch.protocol import ListerWatcher


class Watcher:
    """The events of one selection of objects, as dicts `{"type": "ADDED" | "MODIFIED" | "DELETED", "object": {...}}`.

    Iterating ends when the watch is closed or its `timeout` (seconds) is over, and for no other reason: connections
    that end, break or fall silent are replaced, from the last resourceVersion seen, and a server that is overloaded
    or failing is asked again after growing pauses (see `Backoff`). What cannot pass by itself is raised: `Forbidden`,
    `Unauthorized`, `NotFound` and their like, and a `TransportError` of the very first request.

    `resource_version`: events after this one. Without it the watch begins with an ADDED event for every object.
    `relist`: without it `Expired` (410) is raised when the server no longer has the events since the last one seen,
    because some are lost. With it the objects are listed, at the start and after each 410, and
    what differs from the events handed out so far comes as events: a missed deletion as DELETED with the last known
    object, an object deleted and made again under the same name as DELETED and ADDED, one that only reads differently,
    by new defaults of its definition, as MODIFIED. This keeps every object in memory; one you change in place counts
    as changed. `known`: the objects you have already, of the list whose version is `resource_version` or from an
    earlier run; they count as handed out. Of those without more than metadata the version tells.
    `send_initial_events`: ask the server to mark the end of the initial ADDED events with a bookmark (streaming lists).
    `allow_bookmarks`: hand out BOOKMARK events too; they are always asked for and used. With `relist` one marked as the
    end of initial events, as streaming lists have it, follows each state taken anew.
    `idle_timeout`: silence after which a connection counts as dead, in seconds; None: 5 s after the time at which the
    server was asked to end the watch (5 to 10 min).

    A new watch sends nothing before the first event is asked for. It can be iterated over once. `close()` from any
    thread ends it within a moment, as do leaving a `with` block and closing the generator that `iter()` returns.
    """

    def __init__(
        self,
        source: ListerWatcher,
        *,
        resource_version: str | None = None,
        relist: bool = False,
        known: Iterable[JSONObject] = (),
        timeout: float | None = None,
        allow_bookmarks: bool = False,
        send_initial_events: bool = False,
        idle_timeout: float | None = IDLE_TIMEOUT,
        backoff: Backoff | None = None,
        clock: Clock = SYSTEM_CLOCK,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        if timeout is not None and timeout < 0:
            raise InvalidRequestError(f"the timeout of a watch is a number of seconds from 0, not {timeout!r}")
        if idle_timeout is not None and idle_timeout <= 0:
            raise InvalidRequestError(f"idle_timeout is a positive number of seconds, not {idle_timeout!r}")
        known = tuple(known)
        if known and not relist:
            raise InvalidRequestError("known objects are what relist=True compares with; leave them out without it")
        start = Start.WATCH
        if relist and resource_version is None:
            start = Start.STREAM if send_initial_events else Start.LIST
        policy = Policy(
            start=start,
            relist=relist,
            send_initial_events=send_initial_events,
            resource_version=resource_version,
            # What is known may be newer than what the server has in memory, and would seem to be undone.
            most_recent=bool(known),
        )
        self._allow_bookmarks = allow_bookmarks
        self._difference = Difference(known) if relist else None
        self._seen: dict[str, str] | None = {}
        self._loop = WatchLoop(
            source, policy, deadline=timeout, idle_timeout=idle_timeout, backoff=backoff, clock=clock, random=random
        )
        self._events: Generator[dict[str, Any], None, None] | None = None
        self._begun = False

    @property
    def resource_version(self) -> str | None:
        """The resourceVersion a later watch can go on from without missing anything handed out so far."""
        return self._loop.resource_version

    @property
    def closed(self) -> bool:
        """Whether the watch is over."""
        return self._loop.stopped

    def close(self) -> None:
        """End the watch, from any thread; may be called again."""
        self._loop.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Generator[dict[str, Any], None, None]:
        if self._events is not None:
            return self._events
        if self._begun:
            raise InvalidRequestError("a watch can be iterated over once; make a new one with its resource_version")
        self._begun = True
        # Not kept: when a `for` loop is left early its generator is freed, which closes the connection.
        return self._generate()

    def __next__(self) -> dict[str, Any]:
        if self._events is None:
            self._events = iter(self)
        return next(self._events)

    def _generate(self) -> Generator[dict[str, Any], None, None]:
        try:
            for signal in self._loop.signals():
                if isinstance(signal, Change):
                    if not signal.repeatable:
                        self._seen = None
                    elif self._repeated(signal.event):
                        continue
                    if self._difference is not None:
                        self._difference.event(signal.event)
                    yield signal.event
                elif isinstance(signal, Bookmark):
                    self._seen = None
                    if self._allow_bookmarks:
                        yield signal.event
                else:
                    yield from self._changes(signal)
        finally:
            self.close()

    def _changes(self, state: State) -> Generator[dict[str, Any], None, None]:
        if self._difference is not None:
            yield from self._difference.state(state.objects)
            if self._allow_bookmarks:
                annotations = {INITIAL_EVENTS_END: "true"}
                metadata = {"resourceVersion": state.resource_version, "annotations": annotations}
                yield {"type": "BOOKMARK", "object": {"metadata": metadata}}

    def _repeated(self, event: dict[str, Any]) -> bool:
        """Tell whether this initial ADDED was handed out already, over a connection that broke too early to resume."""
        obj = event["object"]
        if self._seen is None or obj.get("kind") == "Table":
            return False
        key: str = object_key(obj)
        version: str = obj["metadata"]["resourceVersion"]
        repeated = self._seen.get(key) == version
        self._seen[key] = version
        return repeated
