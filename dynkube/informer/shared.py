"""The informer: one watch, one store, many handlers."""

from __future__ import annotations

import gc
import inspect
import logging
import random as random_module
import threading
from typing import TYPE_CHECKING

from dynkube.errors import InvalidRequestError
from dynkube.informer.delta_fifo import Delta, DeltaType
from dynkube.informer.handler import Filter, HandlerRegistration, OnAdd, OnDelete, OnUpdate
from dynkube.informer.indexer import (
    NAMESPACE_INDEX,
    Indexer,
    IndexFunction,
    index_by_namespace,
    same_object,
    same_version,
)
from dynkube.informer.lister import Lister
from dynkube.informer.reflector import Reflector
from dynkube.informer.transforms import drop_managed_fields, share_unchanged
from dynkube.rest.known_members import KnownMembers
from dynkube.transport.latch import Latch
from dynkube.watch.clock import SYSTEM_CLOCK, Clock, countdown
from dynkube.watch.protocol import IDLE_TIMEOUT
from dynkube.watch.reading import object_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from typing_extensions import Self

    from dynkube.informer.transforms import Transform
    from dynkube.objects import JSONObject
    from dynkube.watch.backoff import Backoff
    from dynkube.watch.protocol import ListerWatcher

_logger = logging.getLogger("dynkube.informer")

_SYNCED = Delta(DeltaType.SYNCED, "")


class SharedInformer:
    """Keeps a copy of a selection of objects up to date and tells handlers what changes.

    `start()` begins, `stop()` ends it, for good; a `with` block does both. It lives through everything a watch lives
    through, 410 and refused permissions included: `on_error` is told each failure (also logged), and it goes on trying.

    `indexers`: functions by name, besides the index `namespace`, whose name is taken. `transform` changes objects
    before they are stored; it must give the same result for an object it has already changed. `resync_period`: seconds
    after which handlers are told every object again, as an update from itself; 0: never. No request is sent for it.
    `stream`: ask for the initial state as a streaming list, falling back to pages of `page_size`. `name` appears in
    thread names and in the `NotFound` of the lister, for instance "pods" or "deployments.apps".
    """

    def __init__(
        self,
        source: ListerWatcher,
        *,
        name: str = "objects",
        indexers: Mapping[str, IndexFunction] | None = None,
        transform: Transform | None = None,
        resync_period: float = 0.0,
        stream: bool = True,
        page_size: int | None = None,
        idle_timeout: float | None = IDLE_TIMEOUT,
        on_error: Callable[[Exception], None] | None = None,
        backoff: Backoff | None = None,
        clock: Clock = SYSTEM_CLOCK,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        _refuse_coroutines(transform, on_error, *({} if indexers is None else indexers).values())
        self.name = name
        #: The store. Read it, never change what is in it.
        self.indexer = Indexer({NAMESPACE_INDEX: index_by_namespace})
        self.indexer.add_indexers({} if indexers is None else indexers)
        self._transform = transform
        self._resync_period = _checked_period(resync_period)
        self._clock = clock
        self._lock = threading.RLock()  # held while the store is written and the handlers are queued for
        self._handlers: list[HandlerRegistration] = []
        self._leaving: list[HandlerRegistration] = []  # removed, and perhaps still in their last call
        self._synced = False
        self._settled = Latch()  # synced, or stopped before that
        self._started = False
        self._stopped = False
        self._reflector = Reflector(
            source,
            self,
            name=name,
            stream=stream,
            page_size=page_size,
            idle_timeout=idle_timeout,
            on_error=on_error,
            backoff=backoff,
            clock=clock,
            random=random,
            # Another transform may change in place what it gets, and what is stored is not what was decoded.
            known=KnownMembers(self._stored) if transform in (None, drop_managed_fields) else None,
        )

    # State

    @property
    def lister(self) -> Lister:
        """The store as someone who looks for objects by name and label wants it."""
        return Lister(self.indexer, self.name)

    @property
    def has_synced(self) -> bool:
        """Whether the first complete state is in the store; handlers may not have been told yet."""
        return self._synced

    @property
    def resource_version(self) -> str:
        """The version of the last state, event or bookmark; "" before the first."""
        return self.indexer.resource_version

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stopped

    def wait_for_sync(self, timeout: float | None = None) -> bool:
        """Block until the store and every handler added so far have the initial state, at most `timeout` seconds.

        Returns whether they have; False at once when the informer is stopped, and for a handler that asks before it has
        been told everything itself.
        """
        left = countdown(timeout, self._clock)
        if not self._clock.wait(self._settled, timeout) or not self._synced:
            return False
        with self._lock:
            handlers = list(self._handlers)
        for handler in handlers:
            if not handler.wait_for_sync(left()) and not handler.removed:
                return False
        return not self._stopped

    # Life

    def start(self) -> None:
        """Begin listing and watching in a thread of its own. A second call does nothing.

        Raises `InvalidRequestError` after `stop`: make a new informer instead.
        """
        with self._lock:
            if self._stopped:
                raise InvalidRequestError(f"the informer of {self.name} was stopped and cannot be started again")
            if not self._started:
                self._started = True
                for handler in self._handlers:
                    handler.start()
                self._reflector.start()

    def stop(self, timeout: float | None = 1.0) -> bool:
        """End watching and telling, from any thread; may be called again, and by a handler.

        What waits for handlers is dropped. Returns whether all threads have ended within `timeout` seconds (None: as
        long as it takes); only a handler that is still running can make that False.
        """
        # No lock: a signal handler comes in the middle of what may hold one, with another thread waiting for both.
        self._stopped = True
        self._settled.set()
        handlers = [*self._handlers, *self._leaving]
        for handler in handlers:
            handler.close()
        left = countdown(timeout)  # threads end in real time
        return all([self._reflector.stop(timeout), *(handler.join(left()) for handler in handlers)])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = "stopped" if self._stopped else "synced" if self._synced else "not synced"
        return f"<{type(self).__name__} {self.name}, {state}, {len(self.indexer)} objects>"

    # Handlers

    def add_handler(
        self,
        *,
        on_add: OnAdd | None = None,
        on_update: OnUpdate | None = None,
        on_delete: OnDelete | None = None,
        selected: Filter | None = None,
        resync_period: float | None = None,
        coalesce: bool = False,
    ) -> HandlerRegistration:
        """Tell these functions what changes, from a thread of their own, one call at a time and in order.

        `on_add(obj, is_initial)`, `on_update(old, new)`, `on_delete(obj, is_missed)`. Objects that are there already
        come as additions with `is_initial`, before any later change. `is_missed`: the deletion happened while the watch
        was down, and `obj` is the last state known. `selected` restricts the objects; one that comes into the selection
        or leaves it is added or deleted. `coalesce`: a slow handler is told the latest of several updates only, and
        nothing of an object that came and went meanwhile. `resync_period` None: the informer's. The same functions may
        be added twice and are then called twice.

        Raises `InvalidRequestError` after `stop`, if there is nothing to call, and for a coroutine function.
        """
        if on_add is None and on_update is None and on_delete is None:
            raise InvalidRequestError("a handler needs at least one of on_add, on_update and on_delete")
        _refuse_coroutines(on_add, on_update, on_delete, selected)
        period = self._resync_period if resync_period is None else _checked_period(resync_period)
        handler = HandlerRegistration(
            name=self.name,
            on_add=on_add,
            on_update=on_update,
            on_delete=on_delete,
            selected=selected,
            coalesce=coalesce,
            resync_period=period,
            resync=self._resync,
            forget=self._forget,
            clock=self._clock,
        )
        with self._lock:
            if self._stopped:
                raise InvalidRequestError(f"the informer of {self.name} was stopped and takes no handlers")
            handler.push(*(Delta(DeltaType.ADDED, object_key(obj), obj, None, True) for obj in self.indexer.values()))
            if self._synced:
                handler.push(_SYNCED)
            if self._started:
                handler.start()
            self._handlers.append(handler)
        if self._stopped:  # meanwhile: who stopped it may not have seen this handler
            handler.close()
        return handler

    def add_indexers(self, indexers: Mapping[str, IndexFunction]) -> None:
        """Add indexes to the store, at any time. Raises `InvalidRequestError` for a name in use."""
        _refuse_coroutines(*indexers.values())
        self.indexer.add_indexers(indexers)

    def _forget(self, handler: HandlerRegistration) -> None:
        with self._lock:
            if handler in self._handlers:
                self._leaving = [*(each for each in self._leaving if each.running), handler]
                self._handlers.remove(handler)

    def _resync(self, handler: HandlerRegistration) -> None:
        with self._lock:
            if self._synced:
                handler.push(*(Delta(DeltaType.SYNC, object_key(obj), obj, obj) for obj in self.indexer.values()))

    def _stored(self, obj: JSONObject) -> JSONObject | None:
        return self.indexer.get(object_key(obj))

    # What the reflector tells

    def replaced(self, objects: dict[str, JSONObject], resource_version: str) -> None:
        """Take over a complete state: objects by key, in a dict that belongs to the informer from now on."""
        if self._transform is not None:
            objects = self._transformed_all(objects)
        with self._lock:
            initial = not self._synced
            if initial and not self._handlers:
                self.indexer.fill(objects, resource_version)
                self._synced = True
                self._settled.set()
                return
            changes = self.indexer.replace(objects.values(), resource_version)
            deltas = [Delta(DeltaType.DELETED, key, old, None, True) for key, old in changes.deleted]
            for key, old, new in changes.written:
                if old is None:
                    deltas.append(Delta(DeltaType.ADDED, key, new, None, initial))
                elif same_object(old, new):
                    deltas.append(Delta(DeltaType.UPDATED, key, new, old))
                else:
                    deltas.append(Delta(DeltaType.DELETED, key, old, None, True))
                    deltas.append(Delta(DeltaType.ADDED, key, new))
            if initial:
                deltas.append(_SYNCED)
            for handler in self._handlers:
                handler.push(*deltas)
            self._synced = True
            self._settled.set()

    def changed(self, kind: str, obj: JSONObject) -> None:
        """Take over one event: ADDED, MODIFIED or DELETED."""
        self._take_over(kind, obj)
        # The states that wait for handlers in a burst of events are what starts the collector, which finds them all
        # alive, and after some rounds goes through the whole store. Told before there are so many, they are gone.
        # Saves 40 % of 5,000 events that change the status of pods, and pauses of a second.
        if gc.isenabled() and 0 < gc.get_threshold()[0] // 2 < gc.get_count()[0]:
            for handler in self._handlers:
                handler.catch_up()

    def _take_over(self, kind: str, obj: JSONObject) -> None:
        version: str = obj["metadata"]["resourceVersion"]
        key = object_key(obj)
        deltas: tuple[Delta, ...] = ()
        if kind == "DELETED":
            final = self._transformed(obj) if key in self.indexer else None
            with self._lock:
                known = self.indexer.remove(key)
                self.indexer.resource_version = version
                if known is not None:
                    deltas = (Delta(DeltaType.DELETED, key, known if final is None else final),)
                    self._push(deltas)
            return
        new = self._transformed(obj)
        with self._lock:
            old = self.indexer.get(key)
            if new is None or (old is not None and same_version(old, new) and old == new):
                self.indexer.resource_version = version
                return
            if old is None:
                deltas = (Delta(DeltaType.ADDED, key, new),)
            elif same_object(old, new):
                share_unchanged(old, new)
                deltas = (Delta(DeltaType.UPDATED, key, new, old),)
            else:
                deltas = (Delta(DeltaType.DELETED, key, old, None, True), Delta(DeltaType.ADDED, key, new))
            self.indexer.put(key, new)
            self.indexer.resource_version = version  # not before: who sees the version finds the object
            self._push(deltas)

    def bookmarked(self, resource_version: str) -> None:
        """Take note of a version up to which nothing else happened."""
        self.indexer.resource_version = resource_version

    def ended(self) -> None:
        """Stop: the client was closed."""
        self.stop(0.0)

    def _push(self, deltas: tuple[Delta, ...]) -> None:
        for handler in self._handlers:
            handler.push(*deltas)

    def _transformed(self, obj: JSONObject) -> JSONObject | None:
        """Return the object to store; None if the transform failed and what is stored has to stay."""
        if self._transform is None:
            return obj
        key = object_key(obj)
        try:
            changed = self._transform(obj)
            if object_key(changed) != key:
                raise ValueError(f"the transform made {object_key(changed)} of it")
        except BaseException:  # SystemExit too: a user's function must not stop the informer
            _logger.exception("the transform of the informer of %s failed for %s", self.name, key)
            return None
        return changed

    def _transformed_all(self, objects: dict[str, JSONObject]) -> dict[str, JSONObject]:
        kept: dict[str, JSONObject] = {}
        for key, obj in objects.items():
            changed = self._transformed(obj)
            if changed is None:
                # Not a deletion: what is known stays.
                changed = self.indexer.get(key)
            if changed is not None:
                kept[key] = changed
        return kept


def _checked_period(seconds: float) -> float:
    if not 0 <= seconds <= threading.TIMEOUT_MAX:
        raise InvalidRequestError(f"resync_period is a number of seconds from 0, not {seconds!r}")
    return seconds


def _refuse_coroutines(*functions: object) -> None:
    """Refuse functions whose calls nobody would await: they would never do anything, without a word."""
    for function in functions:
        if inspect.iscoroutinefunction(function):
            raise InvalidRequestError(
                f"{function.__qualname__} is a coroutine function, and informers call from threads: give a function "
                "that hands over to the event loop (asyncio.run_coroutine_threadsafe)"
            )
