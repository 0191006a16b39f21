"""Tests of the event recorder and of which events it writes."""

from __future__ import annotations

import copy
import logging
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from watch.fakes import FakeClock, ManualClock

from controller.objects import MemoryObjects, refusal
from dynkube.controller import EventCorrelator, event_correlation
from dynkube.controller.event_recorder import QUEUE_SIZE, TRIES, EventRecorder
from dynkube.errors import (
    ClientClosedError,
    ConnectFailedError,
    InvalidNameError,
    InvalidRequestError,
    ResponseError,
    status_error,
)

if TYPE_CHECKING:
    from dynkube.transport.cancellation import Cancellation

POD: dict[str, Any] = {
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


@pytest.mark.parametrize("name", ["system:node", "2001:db8::1", "Web", "-web", "web..a", "x" * 250])
def test_names_that_make_no_event_name_are_replaced(name: str) -> None:
    """Roles and addresses may have colons in their names, events may not; nor may they be longer than 253."""
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


def test_an_event_may_be_about_a_part() -> None:
    """`field_path` says which container, as kubectl shows it; another part is another event."""
    objects = MemoryObjects()
    with _recorder(objects) as recorder:
        for container in ("web", "sidecar", "web"):
            recorder.event(POD, "Warning", "BackOff", "waits", field_path=f"spec.containers{{{container}}}")
        assert recorder.close(30)
    parts = [(event["involvedObject"]["fieldPath"], event["count"]) for event in _events(objects)]
    assert parts == [("spec.containers{web}", 2), ("spec.containers{sidecar}", 1)]


def test_an_object_without_uid_can_be_told_about() -> None:
    """What was never on the server, or is known by name only, has no uid to refer to."""
    objects = MemoryObjects()
    with _recorder(objects) as recorder:
        recorder.event(
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "n"}}, "Normal", "R", "m"
        )
        assert recorder.close(30)
    (event,) = _events(objects)
    assert event["involvedObject"] == {"apiVersion": "v1", "kind": "Pod", "name": "p", "namespace": "n"}


def test_events_of_one_moment_have_names_of_their_own() -> None:
    """Two events about one object in the same tick of the clock are both written."""
    objects = MemoryObjects()
    with _recorder(objects) as recorder:
        for reason in ("Created", "Started", "Ready"):
            recorder.event(POD, "Normal", reason, "m")
        assert recorder.close(30)
    assert [event["reason"] for event in _events(objects)] == ["Created", "Started", "Ready"]


def test_the_object_is_not_changed_and_not_kept() -> None:
    """What the caller does with object and annotations afterwards does not change the event."""
    objects = MemoryObjects()
    recorder = _recorder(objects)
    pod = copy.deepcopy(POD)
    annotations = {"a": "b"}
    recorder.event(pod, "Normal", "R", "m", annotations=annotations)
    assert pod == POD
    pod["metadata"]["name"] = annotations["a"] = "changed"
    assert recorder.close(30)
    (event,) = _events(objects)
    assert (event["involvedObject"]["name"], event["metadata"]["annotations"]) == ("web", {"a": "b"})


def test_recorders_know_nothing_of_each_other() -> None:
    """A new recorder makes an event of its own of what another has told already."""
    objects = MemoryObjects()
    clock = FakeClock()
    for _ in range(2):
        with _recorder(objects, clock) as recorder:
            for _ in range(2):
                recorder.event(POD, "Normal", "R", "m")
            assert recorder.close(30)
        clock.advance(1.0)
    assert [event["count"] for event in _events(objects)] == [2, 2]


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


@pytest.mark.parametrize(
    "words", [{"reason": 7}, {"message": KeyError("x")}, {"message": None}, {"annotations": {"a": 1}}]
)
def test_the_words_of_an_event_are_text(words: dict[str, Any]) -> None:
    """An exception or a number in place of a message is told to the caller, not to the thread that writes."""
    with pytest.raises(InvalidRequestError, match="is text"):
        _recorder(MemoryObjects()).event(POD, "Normal", **{"reason": "R", "message": "m", **words})


def test_a_recorder_needs_a_component() -> None:
    """Events without a source help nobody."""
    with pytest.raises(InvalidRequestError):
        EventRecorder(MemoryObjects(), "")


# What goes wrong


@pytest.mark.parametrize(
    "error",
    [
        refusal(400, "BadRequest"),
        refusal(403, "Forbidden"),
        refusal(404, "NotFound"),
        refusal(409, "Conflict"),
        refusal(413, "RequestEntityTooLarge"),
        refusal(422, "Invalid"),
        refusal(429, "TooManyRequests"),
        refusal(500, "InternalError"),
        InvalidNameError("no namespace is named so"),
    ],
    ids=lambda error: str(getattr(error, "reason", type(error).__name__)),
)
def test_a_refusal_is_final(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """What the server refused it would refuse again: logged, dropped, and the next event is sent."""
    objects = MemoryObjects()

    def refuse(verb: str, name: str) -> None:
        objects.before = lambda verb, name: None
        raise error

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


def test_a_namespace_that_goes_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    """Events about what is deleted with its namespace are refused; nobody needs to be warned of that."""
    objects = MemoryObjects()
    causes = [{"reason": "NamespaceTerminating", "message": "namespace prod is being terminated"}]
    status = {"kind": "Status", "status": "Failure", "code": 403, "reason": "Forbidden", "details": {"causes": causes}}

    def refuse(verb: str, name: str) -> None:
        raise status_error(status, method="POST", url="https://test/", code=403)

    objects.before = refuse
    with caplog.at_level(logging.INFO, "dynkube.controller"), _recorder(objects) as recorder:
        recorder.event(POD, "Normal", "R", "m")
        assert recorder.close(30)
    assert (len(objects.requests), caplog.text) == (1, "")


def test_what_was_refused_is_made_when_it_repeats() -> None:
    """An event that was never written is created with its whole count, once it may be."""
    objects = MemoryObjects()

    def refuse(verb: str, name: str) -> None:
        objects.before = lambda verb, name: None
        raise refusal(403, "Forbidden")

    objects.before = refuse
    with _recorder(objects) as recorder:
        recorder.event(POD, "Normal", "R", "m")
        recorder.event(POD, "Normal", "R", "m")
        assert recorder.close(30)
    (event,) = _events(objects)
    assert event["count"] == 2
    assert [verb for verb, _ in objects.requests] == ["create", "patch strategic", "create"]


@pytest.mark.parametrize("error", [ConnectFailedError("reset"), ResponseError("HTML")])
def test_what_is_no_answer_is_tried_again(error: Exception) -> None:
    """Connections that fail and answers that are none of the API's are worth another try."""
    objects = MemoryObjects()
    failures = [error, error]

    def fail(verb: str, name: str) -> None:
        if failures:
            raise failures.pop()

    objects.before = fail
    clock = FakeClock()
    with _recorder(objects, clock) as recorder:
        recorder.event(POD, "Normal", "R", "m")
        assert recorder.close(30)
    assert len(_events(objects)) == 1
    assert clock.pauses == [5.0, 10.0]


def test_a_thousand_events_live_through_failures() -> None:
    """None is lost although each needs five tries."""
    objects = MemoryObjects()
    tries: Counter[str] = Counter()

    def fail(verb: str, name: str) -> None:
        tries[name] += 1
        if tries[name] < 5:
            raise ConnectFailedError("reset")

    objects.before = fail
    with _recorder(objects) as recorder:
        for number in range(QUEUE_SIZE):
            pod = {**POD, "metadata": {**POD["metadata"], "name": f"web-{number}"}}
            assert recorder.event(pod, "Normal", f"Reason{number}", "m")
        assert recorder.close(60)
    assert len(_events(objects)) == QUEUE_SIZE
    assert set(tries.values()) == {5}


def test_a_broken_server_does_not_end_the_recorder(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes wrong with one event, the next is written."""
    objects = MemoryObjects()

    def fail(verb: str, name: str) -> None:
        objects.before = lambda verb, name: None
        raise ZeroDivisionError

    objects.before = fail
    with caplog.at_level(logging.CRITICAL, "dynkube.controller"), _recorder(objects) as recorder:
        recorder.event(POD, "Normal", "First", "m")
        recorder.event(POD, "Normal", "Second", "m")
        assert recorder.close(30)
    assert [event["reason"] for event in _events(objects)] == ["Second"]


def test_an_event_is_counted_on_from_what_the_server_made_of_it() -> None:
    """If an event of that name was counted by others, or changed on its way in, its count is the base."""

    class _Counting(MemoryObjects):
        """A server that has seen the event before."""

        def create(self, obj: dict[str, Any], *, timeout: Any = None) -> dict[str, Any]:
            return super().create({**obj, "count": 5}, timeout=timeout)

    objects = _Counting()
    with _recorder(objects) as recorder:
        recorder.event(POD, "Normal", "R", "m")
        recorder.event(POD, "Normal", "R", "m")
        assert recorder.close(30)
    (event,) = _events(objects)
    assert event["count"] == 6


def test_closing_ends_a_request_that_hangs() -> None:
    """A server that does not answer does not hold up the end."""
    entered, gate = threading.Event(), threading.Event()

    class _Silent(MemoryObjects):
        """Answers when the request is cancelled, with a failure."""

        def cancellable(self, cancellation: Cancellation) -> MemoryObjects:
            cancellation.on_cancel(gate.set)
            return self

        def create(self, obj: dict[str, Any], *, timeout: Any = None) -> dict[str, Any]:
            entered.set()
            assert gate.wait(30)
            raise ConnectFailedError("cancelled")

    recorder = EventRecorder(_Silent(), "tester")
    recorder.event(POD, "Normal", "R", "m")
    assert entered.wait(30)
    recorder.close(0.0)
    assert gate.is_set()
    assert recorder.close(30)


def test_an_event_that_exists_already_is_written(caplog: pytest.LogCaptureFixture) -> None:
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
    assert "refused" not in caplog.text


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


def test_what_was_taken_before_the_end_is_written() -> None:
    """A hundred threads that report while it is closed: each event that was taken is written, no other is."""
    objects = MemoryObjects()
    recorder = _recorder(objects)
    taken: list[str] = []
    started = threading.Barrier(101)

    def report(number: int) -> None:
        pod = {**POD, "metadata": {**POD["metadata"], "name": f"web-{number}"}}
        started.wait(30)
        if recorder.event(pod, "Normal", "R", "m"):
            taken.append(f"web-{number}")

    threads = [threading.Thread(target=report, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    started.wait(30)
    recorder.close(30)
    for thread in threads:
        thread.join(10)
    assert recorder.close(30)
    assert sorted(event["involvedObject"]["name"] for event in _events(objects)) == sorted(taken)


def test_closing_ends_the_pause_between_tries(caplog: pytest.LogCaptureFixture) -> None:
    """An event that waits for its next try is given up, and so are those behind it, with a log that says how many."""
    objects = MemoryObjects()
    tried = threading.Event()

    def refuse(verb: str, name: str) -> None:
        tried.set()
        raise ConnectFailedError("refused")

    objects.before = refuse
    with caplog.at_level(logging.WARNING, "dynkube.controller"):
        recorder = _recorder(objects, ManualClock())
        for number in range(3):
            recorder.event(POD, "Normal", f"R{number}", "m")
        assert tried.wait(30)
        assert recorder.close(0.0)
    assert len(objects.requests) == 1
    assert "2 events left" in caplog.text


def test_a_closed_client_ends_the_recorder(caplog: pytest.LogCaptureFixture) -> None:
    """It never comes back: no pause, no other try, no event taken any more, and a warning of how many are lost."""
    objects = MemoryObjects()
    entered, gate = threading.Event(), threading.Event()

    def refuse(verb: str, name: str) -> None:
        entered.set()
        assert gate.wait(30)
        raise ClientClosedError("this client is closed")

    objects.before = refuse
    clock = FakeClock()
    with caplog.at_level(logging.WARNING, "dynkube.controller"):
        recorder = _recorder(objects, clock)
        for number in range(3):
            assert recorder.event(POD, "Normal", f"R{number}", "m")
        assert entered.wait(30)
        gate.set()
        _until_over(recorder)
    assert (len(objects.requests), clock.pauses) == (1, [])
    assert recorder.event(POD, "Normal", "R", "m") is False
    assert recorder.close(0.0)
    messages = [record.getMessage() for record in caplog.records]
    assert messages == ["an event recorder ends, for its client was closed before it: 3 events are lost"]


def _until_over(recorder: EventRecorder) -> None:
    """Wait until the recorder's thread has ended by itself."""
    thread = recorder._thread
    assert thread is not None
    thread.join(30)
    assert not thread.is_alive()


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
    stored = {**_event(), "count": 5}
    stored["metadata"]["resourceVersion"] = "77"
    correlator.written(stored)
    verdict = correlator.judge(_event())
    assert verdict is not None
    assert verdict.event["count"] == 6
    assert "resourceVersion" not in verdict.event["metadata"], "it may have to be made anew"


def test_what_the_server_stored_of_a_combined_event_is_counted_on() -> None:
    """Whatever message it carries now, it is the one that all further similar events go into."""
    correlator = _correlator()
    combined = None
    for number in range(10):
        combined = correlator.judge(_event(f"m{number}"))
    assert combined is not None
    correlator.written({**combined.event, "count": 5})
    verdict = correlator.judge(_event("m10"))
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


def test_parts_are_counted_apart_and_combined_together() -> None:
    """The same message about another container is another event; ten messages are one, whatever they are about."""
    correlator = _correlator()
    verdicts = []
    for number in range(20):
        event = _event(f"m{number // 2}")
        event["involvedObject"]["fieldPath"] = f"spec.containers{{c{number % 2}}}"
        verdicts.append(correlator.judge(event))
    found = [(verdict.event["message"], verdict.event["count"]) for verdict in verdicts if verdict is not None]
    assert found[:4] == [("m0", 1), ("m0", 1), ("m1", 1), ("m1", 1)]
    assert [count for message, count in found if message.startswith(event_correlation.COMBINED)] == [1, 2]


@pytest.mark.parametrize("field", ["type", "reason", "source", "involvedObject"])
def test_only_what_differs_in_its_message_is_combined(field: str) -> None:
    """Nine messages and a tenth event of another type, reason, source or object stay apart."""
    correlator = _correlator()
    for number in range(9):
        correlator.judge(_event(f"m{number}"))
    other = _event("m9")
    other[field] = {"source": {"component": "x"}, "involvedObject": {"name": "x"}}.get(field, "Other")
    verdict = correlator.judge(other)
    assert verdict is not None
    assert verdict.event["message"] == "m9"


def test_a_long_silence_fills_the_share_once() -> None:
    """After days without events twenty-five are allowed again, not more."""
    clock = FakeClock()
    correlator = _correlator(clock)
    for _ in range(30):
        correlator.judge(_event())
    clock.advance(10 * 86400.0)
    assert [correlator.judge(_event()) is not None for _ in range(30)].count(True) == 25


def test_the_window_slides() -> None:
    """As long as similar events come within ten minutes of each other they are combined, for hours."""
    clock = FakeClock()
    correlator = _correlator(clock)
    for number in range(10):
        correlator.judge(_event(f"m{number}"))
    for number in range(10, 20):
        clock.advance(599)
        verdict = correlator.judge(_event(f"m{number}"))
        assert verdict is not None
        assert verdict.event["message"].startswith(event_correlation.COMBINED)


def test_what_is_combined_stays_combined() -> None:
    """The first nine messages are counted for themselves when they repeat, all later ones together."""
    correlator = _correlator()
    for number in range(11):
        correlator.judge(_event(f"m{number}"))
    counts = []
    for message in ("m3", "m9", "m10", "m8", "m11"):
        verdict = correlator.judge(_event(message))
        assert verdict is not None
        counts.append((verdict.event["message"], verdict.event["count"]))
    combined = event_correlation.COMBINED
    assert counts == [("m3", 2), (combined + "m9", 3), (combined + "m10", 4), ("m8", 2), (combined + "m11", 5)]


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
