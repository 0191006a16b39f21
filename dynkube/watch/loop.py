"""Does what the watch machine says: sends its requests, keeps its time, and can be stopped from any thread."""

from __future__ import annotations

import logging
import math
import random as random_module
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from dynkube.errors import DynkubeError
from dynkube.transport.cancellation import Cancellation
from dynkube.transport.latch import Latch
from dynkube.watch.actions import Fail, ListPage, Meaning, OpenStream, Pause, ReadStream
from dynkube.watch.backoff import Backoff
from dynkube.watch.clock import SYSTEM_CLOCK, Clock
from dynkube.watch.machine import WatchMachine
from dynkube.watch.protocol import IDLE_TIMEOUT
from dynkube.watch.reading import gather, list_metadata, list_objects, object_key, read_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dynkube.objects import JSONObject
    from dynkube.rest.known_members import KnownMembers
    from dynkube.watch.actions import Policy
    from dynkube.watch.clock import Alarm
    from dynkube.watch.protocol import EventStream, ListerWatcher

_logger = logging.getLogger("dynkube.watch")

#: Bounds of the random time after which the server is asked to end a watch, in seconds (client-go's reflector).
SERVER_TIMEOUT = (300, 600)
#: How much longer than the server's own limit a silence may last where it may not send bookmarks (kube-rs).
_GRACE = 5.0
#: Seconds between two requests that each take the place of one that just failed or ended.
_HASTE = 1.0


@dataclass(frozen=True, slots=True)
class State:
    """The state taken anew: every object there is, as of `resource_version`."""

    by_key: dict[str, JSONObject]
    resource_version: str

    @property
    def objects(self) -> list[JSONObject]:
        """The objects without their keys."""
        return list(self.by_key.values())


class Change(NamedTuple):
    """One event after the state; `event` is the dict the server sent. `repeatable`: it may come again."""

    event: dict[str, Any]
    repeatable: bool = False


@dataclass(frozen=True, slots=True)
class Bookmark:
    """The server's word that nothing else happened up to `event["object"]["metadata"]["resourceVersion"]`."""

    event: dict[str, Any]


Signal: TypeAlias = State | Change | Bookmark


class WatchLoop:
    """The endless sequence of states and changes of one selection of objects.

    `signals()` is to be iterated once, by one thread; `stop()` may be called from any. The sequence ends `deadline`
    seconds after the iteration began. `on_error` is told each failure that is ridden over, before the pause. `known` is
    handed to streams that can recall what they need not decode; it is for those who change no object they get.
    """

    def __init__(
        self,
        source: ListerWatcher,
        policy: Policy,
        *,
        deadline: float | None = None,
        idle_timeout: float | None = IDLE_TIMEOUT,
        backoff: Backoff | None = None,
        clock: Clock = SYSTEM_CLOCK,
        random: Callable[[], float] = random_module.random,
        on_error: Callable[[Exception], None] | None = None,
        known: KnownMembers | None = None,
    ) -> None:
        self._source = source
        self._machine = WatchMachine(policy)
        self._clock = clock
        self._backoff = backoff if backoff is not None else Backoff(clock=clock, random=random)
        self._random = random
        self._idle_timeout = idle_timeout
        self._on_error = on_error
        self._known = known
        self._cancellation = Cancellation()
        # No lock: `stop` in a signal handler comes in the middle of what its own thread does here.
        self._stopped = Latch()
        self._stream: EventStream | None = None
        self._listed: dict[str, JSONObject] = {}
        self._limit = deadline
        self._deadline: float | None = None
        self._alarm: Alarm | None = None
        self._failures = 0
        self._trouble: DynkubeError | None = None
        self._hasty = False  # what was asked for last did not come about, and there was no pause since
        self._hasty_at = -math.inf

    @property
    def resource_version(self) -> str | None:
        """The version a new watch would resume from."""
        return self._machine.resource_version

    @property
    def stopped(self) -> bool:
        """Whether the sequence has been ended, by `stop`, by the deadline or by a failure."""
        return self._stopped.is_set()

    @property
    def failing(self) -> bool:
        """Whether something went wrong since the watch last stood."""
        return self._failures > 0

    def stop(self) -> None:
        """End the sequence now; a thread blocked in it gets its end within a moment. May be called again."""
        self._end()
        alarm, self._alarm = self._alarm, None
        if alarm is not None:
            alarm.cancel()

    def _end(self) -> None:
        self._stopped.set()
        self._cancellation.cancel()
        stream = self._stream
        if stream is not None:
            stream.close()

    def signals(self) -> Iterator[Signal]:
        """Yield states and changes until stopped; raise what the policy does not ride over."""
        if self._limit is not None and not self._stopped.is_set():
            self._deadline = self._clock.monotonic() + self._limit
            self._alarm = self._clock.call_later(self._limit, self._end)
        try:
            while not self._over():
                action = self._machine.action
                if isinstance(action, ReadStream):
                    yield from self._read()
                elif isinstance(action, OpenStream):
                    self._open(action)
                elif isinstance(action, ListPage):
                    yield from self._list(action)
                elif isinstance(action, Pause):
                    self._pause(action)
                else:
                    raise action.error
        finally:
            self.stop()

    def _list(self, page: ListPage) -> Iterator[State]:
        listed, self._listed = self._listed, {}
        self._forget()
        if self._held_back():
            return
        try:
            answer = self._source.list(
                resource_version=page.resource_version,
                limit=page.limit,
                continue_=page.continue_,
                cancellation=self._cancellation,
            )
            metadata = list_metadata(answer, page.continue_)
            objects = list_objects(answer)
        except DynkubeError as error:
            self._failed(error)
            return
        if self._over():
            return
        if not page.first:
            listed.update(objects)
            objects = listed
        if self._machine.listed(metadata):
            del answer, listed
            yield State(objects, self._machine.resource_version or "")
        else:
            self._listed = objects

    def _open(self, action: OpenStream) -> None:
        if self._held_back():
            return
        self._hasty = True  # whatever ends it
        server_timeout = SERVER_TIMEOUT[0] + int(self._random() * (SERVER_TIMEOUT[1] - SERVER_TIMEOUT[0] + 1))
        silence = server_timeout + _GRACE
        if self._idle_timeout is not None:
            silence = min(silence, self._idle_timeout)
        if self._deadline is not None:
            left = max(self._deadline - self._clock.monotonic(), 0.001)
            server_timeout = min(server_timeout, max(1, math.ceil(left)))
        initial = action.send_initial_events
        if initial:
            self._forget()
        since = self._clock.monotonic()
        try:
            stream = self._source.watch(
                resource_version=action.resource_version,
                # Validation wants the one with the other, and refuses either alone.
                resource_version_match="NotOlderThan" if initial else None,
                timeout_seconds=server_timeout,
                allow_watch_bookmarks=True,
                send_initial_events=True if initial else None,
                timeout=silence,
                cancellation=self._cancellation,
            )
        except DynkubeError as error:
            self._failed(error)
            return
        self._stream = stream
        if self._stopped.is_set():  # asked after `stop` can find the stream: one of the two closes it
            self._stream = None
            stream.close()
            return
        recall = getattr(stream, "recall", None)
        if self._known is not None and recall is not None:
            recall(self._known)
        self._machine.opened(since)
        if self._failures:
            _logger.info(
                "watch stands again, from version %s, after %d failures", action.resource_version, self._failures
            )
            self._failures = 0

    def _read(self) -> Iterator[Signal]:
        stream = self._stream
        if stream is None:
            return
        machine = self._machine
        initial: dict[str, JSONObject] = {}
        added = getattr(stream, "added", None)
        try:
            for event in stream:
                if self._stopped.is_set():
                    return
                kind, version, annotations = read_event(event)
                meaning = machine.event(kind, version, annotations)
                if meaning is Meaning.CHANGE:
                    yield Change(event, machine.unordered)
                elif meaning is Meaning.INITIAL:
                    if kind == "DELETED":
                        initial.pop(object_key(event["object"]), None)
                    else:
                        initial[object_key(event["object"])] = event["object"]
                        # A stream that hands out many at a time, as EventStream does, is taken up on it.
                        for objects in added() if added is not None else ():
                            gather(objects, initial)
                            del objects  # or the last of them lived as long as the stream, changed or deleted since
                            if self._over():
                                return
                elif meaning is Meaning.COMPLETE:
                    state, initial = State(initial, version), {}
                    yield state
                    del state
                elif meaning is Meaning.BOOKMARK:
                    yield Bookmark(event)
                else:
                    _logger.info("the server does not mark the end of an initial state, listing instead")
                    return
                if self._over():
                    return
        except DynkubeError as error:
            self._failed(error)
        else:
            if not self._over():
                machine.ended(self._clock.monotonic())
                if isinstance(machine.action, ListPage):
                    _logger.info("watch ended before its initial state was complete, listing instead")
                else:
                    _logger.debug("watch ended, resuming from %s", machine.resource_version)
        finally:
            self._stream = None
            stream.close()

    def _failed(self, error: DynkubeError) -> None:
        if self._over():
            return  # the failure is our own stop, as the other end of the socket sees it
        machine = self._machine
        self._hasty = True
        machine.failed(error, self._clock.monotonic())
        if not isinstance(machine.action, Fail):
            self._failures += 1
            if isinstance(machine.action, Pause):
                self._trouble = error  # logged with the pause it leads to
            else:
                _logger.info("watch interrupted at version %s, going on at once: %s", machine.resource_version, error)
            if self._on_error is not None:
                self._on_error(error)

    def _pause(self, action: Pause) -> None:
        seconds = max(action.at_least, self._backoff.next() if action.backoff else 0.0)
        if self._deadline is not None:
            seconds = min(seconds, max(0.0, self._deadline - self._clock.monotonic()))
        error, self._trouble = self._trouble, None
        if error is not None:
            version = self._machine.resource_version
            _logger.warning("watch interrupted at version %s, trying again in %.1f s: %s", version, seconds, error)
        elif action.backoff:
            version = self._machine.resource_version
            _logger.warning("watch closed at once at version %s, trying again in %.1f s", version, seconds)
        self._hasty = False
        if not self._clock.wait(self._stopped, seconds):
            self._machine.paused()

    def _held_back(self) -> bool:
        """Wait before a request that takes the place of another at once if that is the second in a second.

        One follows from the other where a server refuses everything, streaming list, list and full list: each is worth
        a try, and all of them together are many requests of many watchers. Return whether the watch is over.
        """
        if self._hasty:
            self._hasty = False
            left = self._hasty_at + _HASTE - self._clock.monotonic()
            if left > 0:
                self._clock.wait(self._stopped, left)
            self._hasty_at = self._clock.monotonic()
        return self._over()

    def _forget(self) -> None:
        if self._known is not None:
            self._known.forget()  # or what is gone by now would be remembered for ever

    def _over(self) -> bool:
        if self._stopped.is_set():
            return True
        return self._deadline is not None and self._clock.monotonic() >= self._deadline
