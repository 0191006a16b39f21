"""Which events are written, and how, so that a loop gone wild does not fill the cluster with them.

client-go's rules and numbers (`tools/record/events_cache.go`): the same event again is counted, many different
messages about one thing become one event, and one source has a limited number of events for one object.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from dynkube.watch.clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from collections.abc import Hashable

    from dynkube.objects import JSONObject

#: How many keys each cache remembers.
CACHE_SIZE = 4096
#: Different messages about one thing, within the window, from which on they become one event.
MAX_SIMILAR = 10
#: Seconds since the last similar event after which counting starts anew.
WINDOW = 600.0
#: Events one source may send about one object at once, and seconds until one more is allowed.
BURST, REFILL = 25, 300.0
#: What a combined event's message begins with.
COMBINED = "(combined from similar events): "

_Value = TypeVar("_Value")


class _Recent(Generic[_Value]):
    """A dict of limited size that forgets what was put into it least recently; whatever is looked up is put back."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Hashable, _Value] = OrderedDict()

    def get(self, key: Hashable) -> _Value | None:
        return self._values.get(key)

    def put(self, key: Hashable, value: _Value) -> None:
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self._size:
            self._values.popitem(last=False)


@dataclass
class _Similar:
    messages: set[str] = field(default_factory=set)
    last: float = 0.0


@dataclass(frozen=True, slots=True)
class _Written:
    """What has to be known of an event to count it on."""

    name: str
    first: str
    count: int

    @classmethod
    def of(cls, event: JSONObject) -> _Written:
        return cls(event["metadata"]["name"], event["firstTimestamp"], event["count"])


@dataclass
class _Bucket:
    tokens: float
    at: float


@dataclass(frozen=True)
class Verdict:
    """What to do with an event: `event` is to be written; `patch` is set where it was written before under `name`."""

    event: JSONObject
    patch: JSONObject | None = None


class EventCorrelator:
    """Decides on one event after the other. Not for several threads at once."""

    def __init__(self, *, clock: Clock = SYSTEM_CLOCK, cache_size: int = CACHE_SIZE) -> None:
        self._clock = clock
        self._similar: _Recent[_Similar] = _Recent(cache_size)
        self._written: _Recent[_Written] = _Recent(cache_size)
        self._buckets: _Recent[_Bucket] = _Recent(cache_size)

    def judge(self, event: JSONObject) -> Verdict | None:
        """Return how to write the event, or None if its source has had its share."""
        event = copy.deepcopy(event)
        key = self._combine(event)
        written = self._written.get(key)
        patch: JSONObject | None = None
        if written is not None:
            event["metadata"]["name"] = written.name
            event["firstTimestamp"] = written.first
            event["count"] = written.count + 1
            patch = {name: event[name] for name in ("count", "lastTimestamp", "message")}
        self._written.put(key, _Written.of(event))
        return Verdict(event, patch) if self._allowed(event) else None

    def written(self, event: JSONObject) -> None:
        """Take note of the event as the server stored it."""
        self._written.put(self._key(event), _Written.of(event))

    def _combine(self, event: JSONObject) -> Hashable:
        """Turn one similar event too many into the combined one, in place; return the key to count it by."""
        group = _group_key(event)
        now = self._clock.monotonic()
        similar = self._similar.get(group)
        if similar is None or now - similar.last > WINDOW:
            similar = _Similar()
        similar.messages.add(event["message"])
        similar.last = now
        if len(similar.messages) >= MAX_SIMILAR:
            # The first nine stay events of their own, and every other is combined. (client-go forgets any of the ten.)
            similar.messages.discard(event["message"])
            event["message"] = COMBINED + event["message"]
            self._similar.put(group, similar)
            return group
        self._similar.put(group, similar)
        return _full_key(event)

    def _key(self, event: JSONObject) -> Hashable:
        return _group_key(event) if event["message"].startswith(COMBINED) else _full_key(event)

    def _allowed(self, event: JSONObject) -> bool:
        key = (_source(event), _object(event), event["type"])
        now = self._clock.monotonic()
        bucket = self._buckets.get(key) or _Bucket(float(BURST), now)
        bucket.tokens = min(float(BURST), bucket.tokens + (now - bucket.at) / REFILL)
        bucket.at = now
        allowed = bucket.tokens >= 1.0
        if allowed:
            bucket.tokens -= 1.0
        self._buckets.put(key, bucket)
        return allowed


def _source(event: JSONObject) -> tuple[Any, ...]:
    source = event["source"]
    return source.get("component"), source.get("host")


def _object(event: JSONObject) -> tuple[Any, ...]:
    about = event["involvedObject"]
    return tuple(about.get(name) for name in ("kind", "namespace", "name", "uid", "apiVersion"))


def _group_key(event: JSONObject) -> tuple[Any, ...]:
    reporting = (event.get("reportingComponent"), event.get("reportingInstance"))
    return (_source(event), _object(event), event["type"], event["reason"], reporting)


def _full_key(event: JSONObject) -> tuple[Any, ...]:
    return (*_group_key(event), event["involvedObject"].get("fieldPath"), event["message"])
