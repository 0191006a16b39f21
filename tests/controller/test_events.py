"""Tests of the event recorder and of which events it writes."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest
from watch.fakes import FakeClock

from controller.objects import MemoryObjects, refusal
from dynkube.controller import EventCorrelator, event_correlation
from dynkube.controller.event_recorder import QUEUE_SIZE, TRIES, EventRecorder
from dynkube.errors import ConnectFailedError, InvalidRequestError

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "prod", "uid": "u1", "resourceVersion": "7"},
}


def _recorder(objects: MemoryObjects, clock: Any = None) -> EventRecorder:
    return EventRecorder(objects, "scheduler", host="node-1", clock=clock or FakeClock(), random=lambda: 0.5)


def _events(objects: MemoryObjects) -> list[dict[str, Any]]:
    return list(objects.stored.values())


def _event(message: str = "m", reason: str = "R", kind: str = "Normal", name: str = "web") -> dict[str, Any]:
    return {
        "metadata": {"name": f"{name}.1"},
        "involvedObject": {"kind": "Pod", "name": name},
        "type": kind,
        "reason": reason,
        "message": message,
        "count": 1,
        "firstTimestamp": "t0",
        "lastTimestamp": "t1",
        "source": {"component": "c", "host": "h"},
    }


def _correlator(clock: FakeClock | None = None, **options: Any) -> EventCorrelator:
    return EventCorrelator(clock=clock or FakeClock(), **options)


# What is written


def test_an_event_says_who_reports_what_about_whom() -> None:
    """Name, reference, times, count and source are what kubectl shows and other clients write."""
    objects = MemoryObjects()
    recorder = _recorder(objects)
    assert recorder.event(POD, "Normal", "Scheduled", "bound to node-1", annotations={"a": "b"})
    assert recorder.close(30)
    (event,) = _events(objects)
    metadata = event.pop("metadata")
    assert metadata["name"] == f"web.{1893456000 * 10**9:x}"
    assert (metadata["namespace"], metadata["annotations"]) == ("prod", {"a": "b"})
    assert event == {
        "apiVersion": "v1",
        "kind": "Event",
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": "web",
            "namespace": "prod",
            "uid": "u1",
            "resourceVersion": "7",
        },
        "type": "Normal",
        "reason": "Scheduled",
        "message": "bound to node-1",
        "firstTimestamp": "2030-01-01T00:00:00Z",
        "lastTimestamp": "2030-01-01T00:00:00Z",
        "count": 1,
        "source": {"component": "scheduler", "host": "node-1"},
        "reportingComponent": "scheduler",
        "reportingInstance": "node-1",
    }


def test_events_of_cluster_scoped_objects_go_to_default() -> None:
    """An event has to live somewhere; its reference has no namespace."""
    objects = MemoryObjects()
    with _recorder(objects) as recorder:
        recorder.event({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}}, "Warning", "R", "m")
        assert recorder.close(30)
    (event,) = _events(objects)
    assert event["metadata"]["namespace"] == "default"
    assert event["involvedObject"] == {"apiVersion": "v1", "kind": "Node", "name": "n"}


@pytest.mark.parametrize("name", ["system:node", "x" * 250])
def test_names_that_make_no_event_name_are_replaced(name: str) -> None:
    """Roles may have colons in their names, events may not."""
    objects = MemoryObjects()
    with _recorder(objects) as recorder:
        recorder.event({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}, "Normal", "R", "m")
        assert recorder.close(30)
    (event,) = _events(objects)
    assert len(event["metadata"]["name"]) == 36


def test_the_same_again_is_counted() -> None:
    """The second time the event is patched: count, time and message."""
    objects = MemoryObjects()
    with _recorder(objects) as recorder:
        for _ in range(3):
            recorder.event(POD, "Warning", "Failed", "no")
        assert recorder.close(30)
    (event,) = _events(objects)
    assert event["count"] == 3
    assert [verb for verb, _ in objects.requests] == ["create", "patch strategic", "patch strategic"]


def test_an_event_that_is_gone_is_made_anew_with_its_count() -> None:
    """Servers drop events after an hour; the count goes on."""
    objects = MemoryObjects()
    recorder = _recorder(objects)
    recorder.event(POD, "Warning", "Failed", "no")
    objects.before = lambda verb, name: objects.stored.clear() if verb == "patch strategic" else None
    recorder.event(POD, "Warning", "Failed", "no")
    assert recorder.close(30)
    (event,) = _events(objects)
    assert event["count"] == 2


@pytest.mark.parametrize("type_", ["Error", "", "normal"])
def test_types_are_normal_and_warning(type_: str) -> None:
    """Anything else is a mistake of the caller."""
    with pytest.raises(InvalidRequestError, match="Normal or Warning"):
        _recorder(MemoryObjects()).event(POD, type_, "R", "m")


@pytest.mark.parametrize("missing", ["apiVersion", "kind", "metadata"])
def test_an_object_needs_an_identity(missing: str) -> None:
    """Without version, kind and name there is nothing to refer to."""
    obj = {key: value for key, value in POD.items() if key != missing}
    with pytest.raises(InvalidRequestError, match="apiVersion, kind"):
        _recorder(MemoryObjects()).event(obj, "Normal", "R", "m")


def test_a_recorder_needs_a_component() -> None:
    """Events without a source help nobody."""
    with pytest.raises(InvalidRequestError):
        EventRecorder(MemoryObjects(), "")


# What goes wrong


def test_a_refusal_is_final(caplog: pytest.LogCaptureFixture) -> None:
    """What the server refused it would refuse again: logged, dropped, and the next event is sent."""
    objects = MemoryObjects()

    def refuse(verb: str, name: str) -> None:
        objects.before = lambda verb, name: None
        raise refusal(403, "Forbidden")

    objects.before = refuse
    clock = FakeClock()
    with caplog.at_level(logging.WARNING, "dynkube.controller"):
        recorder = _recorder(objects, clock)
        recorder.event(POD, "Normal", "First", "m")
        recorder.event(POD, "Normal", "Second", "m")
        assert recorder.close(30)
    assert [event["reason"] for event in _events(objects)] == ["Second"]
    assert "refused" in caplog.text
    assert clock.pauses == []


def test_an_event_that_exists_already_is_written() -> None:
    """An earlier try may have come through without its answer."""
    objects = MemoryObjects()

    def lose_answer(verb: str, name: str) -> None:
        objects.after = lambda verb, name: None
        raise ConnectFailedError("reset")

    objects.after = lose_answer
    recorder = _recorder(objects)
    recorder.event(POD, "Normal", "R", "m")
    assert recorder.close(30)
    assert len(_events(objects)) == 1
    assert len(objects.requests) == 2


def test_an_absent_server_is_tried_twelve_times(caplog: pytest.LogCaptureFixture) -> None:
    """Ten seconds apart, the first pause random; then the event is dropped with a log."""
    objects = MemoryObjects()

    def refuse(verb: str, name: str) -> None:
        raise ConnectFailedError("refused")

    objects.before = refuse
    clock = FakeClock()
    with caplog.at_level(logging.ERROR, "dynkube.controller"):
        recorder = _recorder(objects, clock)
        recorder.event(POD, "Normal", "R", "m")
        assert recorder.close(30)
    assert len(objects.requests) == TRIES
    assert clock.pauses == [5.0] + [10.0] * (TRIES - 1)
    assert "dropped" in caplog.text


def test_reporting_never_blocks(caplog: pytest.LogCaptureFixture) -> None:
    """While the server hangs, a thousand events wait and the rest are dropped; closing ends in its time."""
    objects = MemoryObjects()
    entered, gate = threading.Event(), threading.Event()

    def hang(verb: str, name: str) -> None:
        entered.set()
        assert gate.wait(30)

    objects.before = hang
    recorder = _recorder(objects)
    assert recorder.event(POD, "Normal", "R", "first")
    assert entered.wait(30)
    with caplog.at_level(logging.ERROR, "dynkube.controller"):
        taken = [recorder.event(POD, "Normal", "R", f"m{number}") for number in range(QUEUE_SIZE + 5)]
    assert taken.count(False) == 5
    assert "too many events" in caplog.text
    assert recorder.close(0.01) is False
    gate.set()
    assert recorder.close(30)


def test_a_closed_recorder_takes_nothing() -> None:
    """After the end events are not taken; closing again is harmless, and an unused recorder has no thread."""
    before = threading.active_count()
    recorder = _recorder(MemoryObjects())
    assert threading.active_count() == before
    assert recorder.close()
    assert recorder.close()
    assert recorder.event(POD, "Normal", "R", "m") is False


# Correlation


def test_different_events_are_kept_apart() -> None:
    """Object, reason, type and message make the difference."""
    correlator = _correlator()
    for event in [_event(), _event("other"), _event(reason="X"), _event(kind="Warning"), _event(name="db")]:
        verdict = correlator.judge(event)
        assert verdict is not None
        assert (verdict.patch, verdict.event["count"]) == (None, 1)


def test_repetitions_carry_the_first_name_and_time() -> None:
    """The stored event is the one that is patched."""
    correlator = _correlator()
    correlator.judge(_event())
    again = _event()
    again["metadata"]["name"] = "web.2"
    again["firstTimestamp"] = again["lastTimestamp"] = "t9"
    verdict = correlator.judge(again)
    assert verdict is not None
    assert verdict.patch == {"count": 2, "lastTimestamp": "t9", "message": "m"}
    assert (verdict.event["metadata"]["name"], verdict.event["firstTimestamp"]) == ("web.1", "t0")
    assert again["metadata"]["name"] == "web.2"


def test_what_the_server_stored_is_counted_on() -> None:
    """If another recorder counted the same event, its count is the base."""
    correlator = _correlator()
    correlator.judge(_event())
    correlator.written({**_event(), "count": 5})
    verdict = correlator.judge(_event())
    assert verdict is not None
    assert verdict.event["count"] == 6


def test_ten_messages_about_one_thing_become_one_event() -> None:
    """From the tenth on they are combined, and combined ones are counted together."""
    correlator = _correlator()
    verdicts = [correlator.judge(_event(f"m{number}")) for number in range(12)]
    messages = [verdict.event["message"] for verdict in verdicts if verdict is not None]
    assert messages[:9] == [f"m{number}" for number in range(9)]
    assert messages[9:] == [f"{event_correlation.COMBINED}m{number}" for number in range(9, 12)]
    assert [verdict.event["count"] for verdict in verdicts[9:] if verdict is not None] == [1, 2, 3]
    assert verdicts[11] is not None
    assert verdicts[11].patch is not None
    assert verdicts[11].patch["message"].endswith("m11")


def test_combining_ends_after_ten_quiet_minutes() -> None:
    """The window counts from the last similar event."""
    clock = FakeClock()
    correlator = _correlator(clock)
    for number in range(10):
        correlator.judge(_event(f"m{number}"))
    clock.advance(599)
    verdict = correlator.judge(_event("late"))
    assert verdict is not None
    assert verdict.event["message"].startswith(event_correlation.COMBINED)
    clock.advance(601)
    verdict = correlator.judge(_event("later"))
    assert verdict is not None
    assert verdict.event["message"] == "later"


def test_the_same_message_is_never_combined() -> None:
    """Repetition is counted, only variety is combined."""
    correlator = _correlator()
    for count in range(1, 21):
        verdict = correlator.judge(_event())
        assert verdict is not None
        assert (verdict.event["message"], verdict.event["count"]) == ("m", count)


def test_one_source_has_a_limited_share_of_one_object() -> None:
    """Twenty-five at once, then one in five minutes, whatever the reason; other objects have their own share."""
    clock = FakeClock()
    correlator = _correlator(clock)
    allowed = [correlator.judge(_event(reason=f"R{number % 3}")) is not None for number in range(30)]
    assert allowed == [True] * 25 + [False] * 5
    assert correlator.judge(_event(name="db")) is not None
    assert correlator.judge(_event(kind="Warning")) is not None
    clock.advance(301)
    assert [correlator.judge(_event()) is not None for _ in range(2)] == [True, False]


def test_what_was_held_back_is_still_counted() -> None:
    """The next event that may be written carries the whole count."""
    clock = FakeClock()
    correlator = _correlator(clock)
    for _ in range(40):
        correlator.judge(_event())
    clock.advance(301)
    verdict = correlator.judge(_event())
    assert verdict is not None
    assert verdict.event["count"] == 41


def test_memory_is_bounded() -> None:
    """The least recently seen is forgotten first."""
    correlator = _correlator(cache_size=10)
    for number in range(100):
        correlator.judge(_event(name=f"o{number}"))
    verdict = correlator.judge(_event(name="o99"))
    assert verdict is not None
    assert verdict.event["count"] == 2
    verdict = correlator.judge(_event(name="o0"))
    assert verdict is not None
    assert verdict.event["count"] == 1
