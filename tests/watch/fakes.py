# ruff: noqa: D102, D103 - what the protocols they stand for already say
"""What the tests of everything live share: a clock that jumps, scripted sources, and an API server of one resource."""

from __future__ import annotations

import copy
import threading
from collections import deque
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from dynkube.errors import ConnectFailedError, RequestTimeoutError, ResponseError, StatusError, status_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from dynkube.transport.cancellation import Cancellation
    from dynkube.watch.clock import Waitable

EPOCH = datetime(2030, 1, 1, tzinfo=timezone.utc)


class _FakeAlarm:
    def __init__(self, clock: FakeClock, at: float, call: Callable[[], object]) -> None:
        self.at = at
        self.call = call
        self._clock = clock

    def cancel(self) -> None:
        if self in self._clock.alarms:
            self._clock.alarms.remove(self)


class FakeClock:
    """A clock whose waits are over at once and take the time they were given.

    `pauses` are the waits there were; `until(seconds, call)` calls once that much time has gone by.
    """

    def __init__(self, start: float = 1000.0) -> None:
        self.time = start
        self.start = start
        self.pauses: list[float] = []
        self.alarms: list[_FakeAlarm] = []

    def monotonic(self) -> float:
        return self.time

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.time - self.start)

    def wait(self, signal: Waitable, timeout: float | None) -> bool:
        if signal.wait(0):
            return True
        assert timeout is not None, "a fake clock cannot wait for ever"
        self.pauses.append(timeout)
        self.advance(timeout)
        return signal.wait(0)

    def call_later(self, seconds: float, call: Callable[[], object]) -> _FakeAlarm:
        alarm = _FakeAlarm(self, self.time + seconds, call)
        self.alarms.append(alarm)
        return alarm

    def until(self, seconds: float, call: Callable[[], object]) -> None:
        self.call_later(seconds, call)

    def advance(self, seconds: float) -> None:
        self.time += seconds
        for alarm in list(self.alarms):
            if alarm.at <= self.time and alarm in self.alarms:
                self.alarms.remove(alarm)
                alarm.call()


class ManualClock:
    """A clock that stands still until `advance`, which wakes those whose time has come; waits really block.

    Only conditions can be waited for with a limit; events without one, or without waiting at all.
    """

    def __init__(self) -> None:
        self.time = 1000.0
        self._waiters = threading.Condition()
        self._waiting: list[tuple[float, threading.Condition]] = []

    def monotonic(self) -> float:
        return self.time

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.time - 1000.0)

    def wait(self, signal: Waitable, timeout: float | None) -> bool:
        if timeout is None or not isinstance(signal, threading.Condition):
            return signal.wait(30)
        entry = (self.time + timeout, signal)
        with self._waiters:
            self._waiting.append(entry)
            self._waiters.notify_all()
        signal.wait(30)
        with self._waiters:
            self._waiting.remove(entry)
        return self.time < entry[0]

    def call_later(self, seconds: float, call: Callable[[], object]) -> _FakeAlarm:
        """Put the call off for ever: nothing that uses this clock depends on it."""
        return _FakeAlarm(FakeClock(), seconds, call)

    def wait_for_waiter(self, due: float | None = None) -> None:
        """Block until someone waits (for that moment)."""
        with self._waiters:
            found = self._waiters.wait_for(lambda: any(due is None or at == due for at, _ in self._waiting), 30)
            assert found, "nobody came to wait"

    def advance(self, seconds: float) -> None:
        with self._waiters:
            self.time += seconds
            waiting = list(self._waiting)
        for _, condition in waiting:
            with condition:
                condition.notify_all()


def failure(code: int, reason: str = "", *, retry_after: int | None = None, message: str = "no") -> StatusError:
    """Return what the server's refusal becomes in the client."""
    details = {} if retry_after is None else {"retryAfterSeconds": retry_after}
    status = {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}
    return status_error({**status, "details": details}, method="GET", url="https://test/things", code=code)


def expired() -> StatusError:
    return failure(410, "Expired", message="too old resource version")


def too_large() -> StatusError:
    status = {
        "kind": "Status",
        "status": "Failure",
        "code": 504,
        "reason": "Timeout",
        "message": "Timeout: Too large resource version: 9, current: 2",
        "details": {"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]},
    }
    return status_error(status, method="GET", url="https://test/things", code=504)


def refused() -> ConnectFailedError:
    return ConnectFailedError("refused", method="GET", url="https://test/things")


def silent() -> RequestTimeoutError:
    return RequestTimeoutError("nothing was read for 90 s", method="GET", url="https://test/things")


def broken() -> ResponseError:
    return ResponseError("the stream was cut in the middle of a frame", method="GET", url="https://test/things")


def thing(name: str, version: int | str = 1, *, uid: str | None = None, **fields: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "ns", "resourceVersion": str(version), "uid": uid or f"uid-{name}"}
    return {"apiVersion": "test/v1", "kind": "Thing", "metadata": metadata, **fields}


def event(kind: str, name: str, version: int | str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "object": thing(name, version, **fields)}


def bookmark(version: int | str, *, end: bool = False) -> dict[str, Any]:
    metadata: dict[str, Any] = {"resourceVersion": str(version)}
    if end:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    return {"type": "BOOKMARK", "object": {"apiVersion": "test/v1", "kind": "Thing", "metadata": metadata}}


def page(*objects: dict[str, Any], version: int | str, continue_: str | None = None) -> dict[str, Any]:
    metadata = {"resourceVersion": str(version)}
    if continue_ is not None:
        metadata["continue"] = continue_
    return {"apiVersion": "test/v1", "kind": "ThingList", "metadata": metadata, "items": list(objects)}


class Stream:
    """One connection: hands out its events, then ends or raises; `lasts` seconds go by before its end."""

    def __init__(self, *events: Any, lasts: float = 0.0, error: Exception | None = None) -> None:
        self.events = deque(events)
        self.lasts = lasts
        self.error = error
        self.closed = False
        self.clock: FakeClock | None = None

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> dict[str, Any]:
        if self.closed:
            raise StopIteration
        if self.events:
            item = self.events.popleft()
            if callable(item):
                item()
                return next(self)
            assert isinstance(item, dict)
            return item
        if self.clock is not None and self.lasts:
            self.clock.advance(self.lasts)
        self.closed = True
        if self.error is not None:
            raise self.error
        raise StopIteration

    def close(self) -> None:
        self.closed = True


class Source:
    """Answers each request with the next step of its script: a list, a `Stream`, or an exception to raise.

    When the script is over, `then` (a function making the step) answers, or else the clock's time jumps by a day, which
    ends whatever has a deadline.
    """

    def __init__(self, *script: Any, clock: FakeClock | None = None, then: Callable[[], Any] | None = None) -> None:
        self.script = deque(script)
        self.clock = clock
        self.then = then
        self.requests: list[dict[str, Any]] = []
        self.streams: list[Stream] = []
        self.on_end: Callable[[], None] | None = None

    def list(self, **options: Any) -> dict[str, Any]:
        answer = self._answer("list", options)
        return answer if answer is not None else page(version=1)

    def watch(self, **options: Any) -> Stream:
        stream = self._answer("watch", options) or Stream()
        stream.clock = self.clock
        self.streams.append(stream)
        return stream

    def _answer(self, verb: str, options: dict[str, Any]) -> Any:
        options.pop("cancellation", None)
        now = self.clock.monotonic() if self.clock is not None else None
        self.requests.append({"verb": verb, "at": now, **options})
        if self.script:
            step = self.script.popleft()
        elif self.then is not None:
            step = self.then()
        else:
            assert self.on_end is not None, f"the script has no answer to {verb} {options}"
            self.on_end()
            step = None
        if isinstance(step, Exception):
            raise step
        if verb == "list":
            assert step is None or isinstance(step, dict), f"the script wanted no list: {step!r}"
        else:
            assert step is None or isinstance(step, Stream), f"the script wanted no watch: {step!r}"
        return step

    def versions(self, verb: str = "watch") -> Sequence[str | None]:
        """Return the resourceVersion of each request of a verb."""
        return [request["resource_version"] for request in self.requests if request["verb"] == verb]


def rate(source: Source, clock: FakeClock, *, per: float) -> float:
    """Return the highest number of requests in any window of `per` seconds, from the records of the source."""
    times = [request["at"] for request in source.requests]
    assert clock.monotonic() >= times[-1]
    return max(sum(1 for other in times[index:] if other < start + per) for index, start in enumerate(times))


class _MemoryStream:
    """A connection to `MemoryServer`: blocks until there is something to say."""

    def __init__(self, server: MemoryServer, version: int, first: Iterable[dict[str, Any]]) -> None:
        self._server = server
        self._version = version
        self._pending = deque(first)
        self._error: Exception | None = None
        self._closed = False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self

    def __next__(self) -> dict[str, Any]:
        server = self._server
        with server.changed:
            while True:
                if self._closed:
                    server.streams.discard(self)
                    raise StopIteration
                if self._error is not None:
                    server.streams.discard(self)
                    error, self._error = self._error, None
                    self._closed = True
                    raise error
                if self._pending:
                    return self._pending.popleft()
                news = [(version, item) for version, item in server.history if version > self._version]
                if news:
                    self._version = news[-1][0]
                    self._pending.extend(copy.deepcopy(item) for _, item in news)
                    continue
                assert server.changed.wait(60), "nothing happened on the fake server for a minute"

    def close(self) -> None:
        with self._server.changed:
            self._closed = True
            self._server.streams.discard(self)
            self._server.changed.notify_all()

    def fail(self, error: Exception) -> None:
        self._error = error


class MemoryServer:
    """An API server of one resource, in memory, with real blocking watches; refuses what `refusals` holds first."""

    def __init__(self, *, streaming: bool = False, page_limit: bool = True) -> None:
        self.changed = threading.Condition()
        self.streaming = streaming
        self.page_limit = page_limit
        self.objects: dict[str, dict[str, Any]] = {}
        self.history: list[tuple[int, dict[str, Any]]] = []
        self.compacted = 0
        self.version = 1
        self.streams: set[_MemoryStream] = set()
        self.requests: list[dict[str, Any]] = []
        self.refusals: dict[str, deque[Exception]] = {"list": deque(), "watch": deque()}
        self._uids = 0

    # What a cluster's other users do

    def apply(self, name: str, **fields: Any) -> dict[str, Any]:
        """Create or update an object."""
        with self.changed:
            self.version += 1
            old = self.objects.get(name)
            if old is None:
                self._uids += 1
            uid = old["metadata"]["uid"] if old else f"uid-{self._uids}"
            obj = thing(name, self.version, uid=uid, **fields)
            self.objects[name] = obj
            self._log("MODIFIED" if old else "ADDED", obj)
            return obj

    def delete(self, name: str) -> None:
        """Delete an object."""
        with self.changed:
            self.version += 1
            obj = copy.deepcopy(self.objects.pop(name))
            obj["metadata"]["resourceVersion"] = str(self.version)
            self._log("DELETED", obj)

    def bookmark(self) -> None:
        """Send a bookmark to every stream."""
        with self.changed:
            self._log("BOOKMARK", bookmark(self.version)["object"])

    def compact(self) -> None:
        """Forget the history."""
        with self.changed:
            self.history.clear()
            self.compacted = self.version

    def cut(self, error: Exception | None = None) -> None:
        """End every stream, cleanly or with an error."""
        with self.changed:
            for stream in list(self.streams):
                if error is None:
                    stream.close()
                else:
                    stream.fail(error)
            self.changed.notify_all()

    def wait_for(self, predicate: Callable[[], bool]) -> None:
        """Block until the predicate holds; it is evaluated whenever something changes here."""
        with self.changed:
            assert self.changed.wait_for(predicate, 30), "this did not happen"

    def _log(self, kind: str, obj: dict[str, Any]) -> None:
        self.history.append((self.version, {"type": kind, "object": copy.deepcopy(obj)}))
        self.changed.notify_all()

    # ListerWatcher

    def list(self, **options: Any) -> dict[str, Any]:
        with self.changed:
            self._record("list", options)
            start = int(options.get("continue_") or 0)
            limit = options.get("limit") if self.page_limit else None
            names = sorted(self.objects)
            chosen = names[start : start + limit] if limit else names[start:]
            following = str(start + len(chosen)) if start + len(chosen) < len(names) else None
            objects = [copy.deepcopy(self.objects[name]) for name in chosen]
            return page(*objects, version=self.version, continue_=following)

    def watch(self, **options: Any) -> _MemoryStream:
        with self.changed:
            self._record("watch", options)
            version = options.get("resource_version")
            initial = bool(options.get("send_initial_events"))
            if initial and not self.streaming:
                raise failure(422, "Invalid", message="sendInitialEvents: Forbidden")
            first: list[dict[str, Any]] = []
            start = self.version
            if initial or version in {None, "", "0"}:
                first = [{"type": "ADDED", "object": copy.deepcopy(obj)} for obj in self.objects.values()]
                if initial:
                    first.append(bookmark(self.version, end=True))
            else:
                start = int(version)
            stream = _MemoryStream(self, start, first)
            if start < self.compacted:
                stream.fail(expired())
            self.streams.add(stream)
            self.changed.notify_all()
            return stream

    def _record(self, verb: str, options: dict[str, Any]) -> None:
        cancellation: Cancellation | None = options.pop("cancellation", None)
        if cancellation is not None and cancellation.cancelled:
            raise ConnectFailedError("cancelled by the caller")
        self.requests.append({"verb": verb, **options})
        self.changed.notify_all()
        if self.refusals[verb]:
            raise self.refusals[verb].popleft()
