"""Tests of what informers need not decode again: remembered over connections, forgotten with the state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from watch.fakes import FakeClock, bookmark, event, page, thing

from dynkube.informer import SharedInformer, drop_managed_fields
from dynkube.rest.events import EventStream
from dynkube.rest.known_members import LARGE, KnownMembers
from dynkube.transport import HTTPResponse
from dynkube.watch.actions import Policy, Start
from dynkube.watch.loop import Change, State, WatchLoop
from informer.recording import Recorder

if TYPE_CHECKING:
    from dynkube.objects import JSONObject

pytestmark = pytest.mark.usefixtures("no_threads_left")

LONG = {"text": "x" * LARGE}
END = bookmark(1, end=True)


class _Wire:
    """Answers lists with no objects, and each watch with the bytes of its events, as long as there are any."""

    def __init__(self, *connections: list[dict[str, Any]]) -> None:
        self._bodies = [
            b"".join(json.dumps(each, separators=(",", ":")).encode() + b"\n" for each in events)
            for events in connections
        ]

    def list(self, **_: Any) -> JSONObject:
        return page(version=50)

    def watch(self, **_: Any) -> EventStream:
        return EventStream(HTTPResponse(200, {}, self._bodies.pop(0) if self._bodies else b""))


class _Store:
    """A watch loop and the store that takes over what it says."""

    def __init__(self, *connections: list[dict[str, Any]], start: Start = Start.STREAM) -> None:
        self.objects: dict[str, JSONObject] = {}
        self.known = KnownMembers(lambda obj: self.objects.get(f"ns/{obj['metadata']['name']}"))
        policy = Policy(start=start, relist=True, patient=True)
        clock = FakeClock()
        self._loop = WatchLoop(_Wire(*connections), policy, clock=clock, random=lambda: 0.0, known=self.known)
        self._signals = self._loop.signals()

    def next(self) -> None:
        """Take over the next state or change."""
        signal = next(self._signals)
        if isinstance(signal, State):
            self.objects = signal.by_key
        elif isinstance(signal, Change):
            obj = signal.event["object"]
            self.objects[f"ns/{obj['metadata']['name']}"] = obj

    def close(self) -> None:
        """End the loop."""
        self._signals.close()  # type: ignore[attr-defined]


def test_another_connection_still_knows() -> None:
    """Watches are ended every few minutes; what is known belongs to the store, not to one of them."""
    store = _Store([event("ADDED", "a", 1, spec=LONG), END], [event("MODIFIED", "a", 2, spec=LONG)])
    store.next()
    before = store.objects["ns/a"]
    store.next()
    assert store.objects["ns/a"]["metadata"]["resourceVersion"] == "2"
    assert store.objects["ns/a"]["spec"] is before["spec"]
    store.close()


@pytest.mark.parametrize("after", [[bookmark(9, end=True)], [event("ADDED", "b", 9), bookmark(9, end=True)], []])
def test_a_state_taken_anew_forgets_the_one_before(after: list[dict[str, Any]]) -> None:
    """Who vanished while the watch was down is not remembered for ever, streamed (or listed) anew."""
    gone = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}}
    store = _Store([event("ADDED", "a", 1, spec=LONG), END, gone], after)
    store.next()
    assert len(store.known) == 1
    store.next()
    assert "ns/a" not in store.objects
    assert len(store.known) == 0
    store.close()


def test_a_listed_state_is_known_from_the_first_event_on() -> None:
    """Lists are decoded without a look at where members begin; events are not."""
    events = [event("MODIFIED", "a", version, spec=LONG) for version in (51, 52)]
    store = _Store(events, start=Start.LIST)
    store.next()
    store.next()
    first = store.objects["ns/a"]
    store.next()
    assert store.objects["ns/a"]["spec"] is first["spec"]
    store.close()


def test_what_a_definition_adds_to_objects_is_not_lost() -> None:
    """An object read anew may have its old version and new defaults: those are stored, told, and taken over."""
    gone = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}}
    modern = {**LONG, "mode": "fast"}
    informer = SharedInformer(
        _Wire(
            [event("ADDED", "a", 1, spec=LONG), END, gone],
            [event("ADDED", "a", 1, spec=modern), bookmark(9, end=True), event("MODIFIED", "a", 10, spec=modern)],
        )
    )
    recorder = Recorder()
    informer.add_handler(**recorder.functions)
    informer.start()
    recorder.wait_calls(3)
    informer.stop()
    told = [(obj["metadata"]["resourceVersion"], obj["spec"]) for obj in recorder.objects]
    assert told == [("1", LONG), ("1", modern), ("10", modern)]
    assert informer.indexer.values() == recorder.objects[-1:]


def test_a_transform_gets_an_object_of_its_own() -> None:
    """It may change it in place, so no part of it can be one that handlers have seen."""

    def count(obj: JSONObject) -> JSONObject:
        obj["status"]["version"] = obj["metadata"]["resourceVersion"]
        return obj

    events = [event("MODIFIED", "a", version, status=LONG) for version in (2, 3)]
    informer = SharedInformer(_Wire([event("ADDED", "a", 1, status=LONG), END, *events]), transform=count)
    recorder = Recorder()
    informer.add_handler(**recorder.functions)
    informer.start()
    recorder.wait_calls(3)
    informer.stop()
    assert [obj["status"]["version"] for obj in recorder.objects[:3]] == ["1", "2", "3"]


def test_without_managed_fields_as_much_is_known() -> None:
    """Dropping them is in the metadata, which every event brings anew."""
    events = [event("MODIFIED", "a", version, status=LONG) for version in (2, 3)]
    for each in events:
        each["object"]["metadata"]["managedFields"] = [{"manager": "me"}]
    source = _Wire([event("ADDED", "a", 1, status=LONG), END, *events])
    informer = SharedInformer(source, transform=drop_managed_fields)
    recorder = Recorder()
    informer.add_handler(**recorder.functions)
    informer.start()
    recorder.wait_calls(3)
    informer.stop()
    first, second, third = recorder.objects[:3]
    assert first["status"] is second["status"] is third["status"]
    assert "managedFields" not in third["metadata"]


def test_thing_is_large_enough() -> None:
    """The objects of these tests are none that are left alone for their size."""
    assert len(json.dumps(thing("a", spec=LONG))) > LARGE
