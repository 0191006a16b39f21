"""Telling the users of an object what happened to it, without ever holding up the one who tells."""

from __future__ import annotations

import logging
import queue
import random as random_module
import re
import socket
import threading
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from dynkube.controller.event_correlation import EventCorrelator, Verdict
from dynkube.errors import AlreadyExists, ClientClosedError, DynkubeError, InvalidRequestError, NotFound, StatusError
from dynkube.transport.cancellation import Cancellation
from dynkube.transport.latch import Latch
from dynkube.watch.clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from typing_extensions import Self

    from dynkube.controller.protocol import Cancellable
    from dynkube.objects import JSONObject

_logger = logging.getLogger("dynkube.controller")

#: Events that may wait to be written; more are dropped.
QUEUE_SIZE = 1000
#: Tries to write one event, and the seconds between them.
TRIES, PAUSE = 12, 10.0
#: Seconds that the thread gets to end once `close` has cancelled what it was about.
_ENDING = 0.5
#: The cause of a refusal that says nothing of importance: what is told about goes, and its events with it.
_TERMINATING = "NamespaceTerminating"

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


class Events(Protocol):
    """The resource `events` of group "" and version v1."""

    def namespace(self, namespace: str) -> Cancellable:
        """Return the events of one namespace."""


class EventRecorder:
    """Writes events (core/v1) about objects from a thread of its own (client-go `tools/record`).

    `component` says who reports. `event` returns at once: events are counted, combined and limited (see
    `EventCorrelator`), at most 1000 wait, and while the server cannot be reached each is tried 12 times, 10 s apart.
    What cannot be written is logged and dropped: events are for people, nothing may depend on them. `close()`
    writes what waits, within its timeout, and ends the thread. So does closing the client, which loses what waits.

    Two recorders know nothing of each other: each counts for itself.
    """

    def __init__(
        self,
        events: Events,
        component: str,
        *,
        host: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        if not component:
            raise InvalidRequestError("an event recorder needs the name of who reports")
        self._events = events
        self._component = component
        self._host = socket.gethostname() if host is None else host
        self._clock = clock
        self._random = random
        self._correlator = EventCorrelator(clock=clock)
        self._queue: queue.SimpleQueue[JSONObject | None] = queue.SimpleQueue()
        self._stopped = Latch()
        self._closed = False
        self._client_closed = False
        self._cancellation = Cancellation()
        self._lock = threading.RLock()  # a signal handler may close what its own thread is reporting to
        self._stamp = 0
        self._thread: threading.Thread | None = None

    def event(
        self,
        obj: Mapping[str, Any],
        type: str,  # noqa: A002 - the field's own name
        reason: str,
        message: str,
        *,
        annotations: Mapping[str, str] | None = None,
        field_path: str | None = None,
    ) -> bool:
        """Report something about `obj`, which needs apiVersion, kind and name; return whether it was taken.

        `type` is "Normal" or "Warning", `reason` one word in CamelCase for machines, `message` a sentence for people.
        `field_path` names the part of the object it is about (``spec.containers{web}``). An event is not taken after
        `close`, and when too many wait. Raises `InvalidRequestError` for another type, for a reason or message that is
        no text, and for an object that cannot be referred to.
        """
        if type not in {"Normal", "Warning"}:
            raise InvalidRequestError(f"the type of an event is Normal or Warning, not {type!r}")
        for name, text in {"reason": reason, "message": message, **(annotations or {})}.items():
            if not isinstance(text, str):
                raise InvalidRequestError(f"the {name} of an event is text, not {text!r}")
        event = self._event(obj, type, reason, message, field_path)
        if annotations:
            event["metadata"]["annotations"] = dict(annotations)
        with self._lock:
            if self._closed:
                return False
            full = self._queue.qsize() >= QUEUE_SIZE
            if not full:
                self._queue.put(event)
            taken = not full and not self._closed  # closed by a handler in the middle of this
            if self._thread is None:
                thread = threading.Thread(target=self._write, name="dynkube-events", daemon=True)
                thread.start()
                self._thread = thread  # not before: a handler that closes joins it
        if full:
            _logger.error("too many events wait, dropped: %s %s", reason, message)
        return taken

    def close(self, timeout: float = 0.5) -> bool:
        """Write what waits for at most `timeout` seconds and end; return whether the thread has ended. Repeatable.

        From any thread or signal handler. A request without an answer is ended then, which takes half a second at most.
        """
        with self._lock:
            thread, first, self._closed = self._thread, not self._closed, True
            if first:
                self._queue.put(None)
        if thread is None:
            return True
        if thread is not threading.current_thread():
            thread.join(timeout)
            if thread.is_alive():
                self._stopped.set()  # ends the pauses and what still waits
                self._cancellation.cancel()
                thread.join(_ENDING)
        return not thread.is_alive()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _event(
        self, obj: Mapping[str, Any], kind: str, reason: str, message: str, field_path: str | None
    ) -> JSONObject:
        metadata = obj.get("metadata") or {}
        name, api_version, object_kind = metadata.get("name"), obj.get("apiVersion"), obj.get("kind")
        if not (name and api_version and object_kind):
            raise InvalidRequestError("an event is about an object with apiVersion, kind and metadata.name")
        namespace = metadata.get("namespace") or ""
        about = {
            "kind": object_kind,
            "apiVersion": api_version,
            "name": name,
            "namespace": namespace,
            "uid": metadata.get("uid"),
            "resourceVersion": metadata.get("resourceVersion"),
            "fieldPath": field_path,
        }
        now = self._clock.now()
        own_name = f"{name}.{self._next_stamp(int(now.timestamp() * 1e6) * 1000):x}"
        if len(own_name) > 253 or not _SUBDOMAIN.fullmatch(own_name):
            own_name = str(uuid.uuid4())
        stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": own_name, "namespace": namespace or "default"},
            "involvedObject": {key: value for key, value in about.items() if value},
            "type": kind,
            "reason": reason,
            "message": message,
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
            "source": {"component": self._component, "host": self._host},
            "reportingComponent": self._component,
            "reportingInstance": self._host,
        }

    def _next_stamp(self, nanoseconds: int) -> int:
        """Return the time for the name of an event: never the same twice, or the second event would not be written."""
        with self._lock:
            self._stamp = max(nanoseconds, self._stamp + 1)
            return self._stamp

    def _write(self) -> None:
        late = 0
        while (event := self._queue.get()) is not None:
            if self._stopped.is_set():
                late += 1
                continue
            try:
                verdict = self._correlator.judge(event)
                if verdict is not None:
                    self._try(verdict)
            except Exception:  # one event must not end the thread that writes them
                _logger.exception("an event could not be written")
        if self._client_closed:
            _logger.warning("an event recorder ends, for its client was closed before it: %d events are lost", late + 1)
        elif late:
            _logger.warning("closed with %d events left to write", late)

    def _try(self, verdict: Verdict) -> None:
        for attempt in range(TRIES):
            try:
                stored = self._send(verdict)
            except AlreadyExists:  # noqa: PERF203 - the loop is about these exceptions
                return  # an earlier try came through without its answer
            except (StatusError, InvalidRequestError) as error:
                # The server decided, or what it was to be sent is no request; it would be the same again.
                quiet = isinstance(error, StatusError) and error.has_cause(_TERMINATING)
                _logger.log(logging.DEBUG if quiet else logging.WARNING, "an event was refused: %s", error)
                return
            except ClientClosedError:
                self._end_with_client()
                return
            except DynkubeError as error:
                _logger.debug("an event could not be sent: %s", error)
                # The first pause is random, so that many clients do not come back together.
                if self._clock.wait(self._stopped, PAUSE * self._random() if attempt == 0 else PAUSE):
                    _logger.warning("closed before an event could be written: %s", error)
                    return
            else:
                self._correlator.written(stored)
                return
        _logger.error("an event was tried %d times and is dropped: %s", TRIES, verdict.event["message"])

    def _end_with_client(self) -> None:
        """Take no more events, and have the thread end behind those that wait."""
        with self._lock:
            first, self._closed = not self._closed, True
            if first:
                self._queue.put(None)
        self._client_closed = True
        self._stopped.set()

    def _send(self, verdict: Verdict) -> JSONObject:
        event = verdict.event
        objects = self._events.namespace(event["metadata"]["namespace"]).cancellable(self._cancellation)
        if verdict.patch is not None:
            # An event the server has dropped by now is made anew, with its count.
            with suppress(NotFound):
                return objects.patch(event["metadata"]["name"], verdict.patch, type="strategic")
        return objects.create(event)
