"""Bytes copied and blocks allocated for an answer, beside what http.client and json.loads take for the same bytes."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tracemalloc
from typing import TYPE_CHECKING, Any

from dynkube.rest.events import EventStream
from dynkube.rest.long_lists import WINDOW, decode_pieces
from performance import collecting
from performance.collecting import Arriving, pieces
from performance.counting import allocated, blocks
from performance.side_by_side import BODY, side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType

#: How often each byte of an answer is copied on the way to the objects: when this was recorded, 0.9 for one object, 4.3
#: for a long list from the socket, 3.3 for its decoding alone. One more copy of the whole adds 1.
COPIES_OF_AN_OBJECT, COPIES_OF_A_LIST, COPIES_OF_DECODING = 1.2, 4.6, 3.6
#: The same for events that are read and dropped, beyond what json.loads copies of their lines, or of all in one array:
#: 3.0 one by one, 2.4 as an initial state.
COPIES_OF_EVENTS, COPIES_OF_AN_INITIAL_STATE = 3.3, 2.7
#: Blocks of memory a get takes beyond the floor's, short-lived ones included: 68 when this was recorded.
BLOCKS_OF_A_GET = 85
#: The same for an event, beyond those json.loads takes for its line: 2.8 fewer, 1.8 fewer on Python 3.13.
BLOCKS_OF_AN_EVENT = -1.0
#: How often the collector runs while 5,000 events are read and kept: 313 times one by one, 73 as an initial state.
COLLECTIONS, COLLECTIONS_OF_AN_INITIAL_STATE = 340, 85
#: How many windows of a long list are in memory beside its objects, as bytes or as text: 2.8 when this was recorded.
WINDOWS_AT_A_TIME = 4.0
#: What counts as a copy: amounts of fewer bytes are headers, keys and values.
LARGE = 4096


def copies(work: Callable[[], object], size: int) -> float:
    """Return how often `size` bytes were copied on the way to what `work` returns."""
    total, kept = allocated(work, at_least=LARGE)
    return (total - kept) / size


def test_an_object_is_copied_no_oftener_than_by_the_floor(tmp_path: Path) -> None:
    """Once from the socket, once to become text."""
    body = _json({"kind": "ConfigMap", "data": {str(number): "x" * 1000 for number in range(200)}})
    with side_by_side(body, tmp_path) as (ours, floor):
        measured = copies(ours.get, len(body))
        assert measured <= COPIES_OF_AN_OBJECT
        assert measured <= copies(floor.get, len(body))


def test_a_long_list_is_copied_a_window_at_a_time(tmp_path: Path) -> None:
    """Cutting a list into windows costs two copies more than decoding it at once; they are short-lived."""
    body = _long_list()
    with side_by_side(body, tmp_path) as (ours, _):
        assert copies(ours.get, len(body)) <= COPIES_OF_A_LIST


def test_decoding_a_long_list_copies_little() -> None:
    """What decoding does to a list that has arrived."""
    body = _long_list()
    windows = [body[start : start + WINDOW] for start in range(0, len(body), WINDOW)]
    assert copies(lambda: decode_pieces(windows), len(body)) <= COPIES_OF_DECODING


def test_events_are_copied_seldom() -> None:
    """However they are read, one by one or as an initial state."""
    events = pieces(1_000)
    lines = b"".join(events).splitlines()
    array = b"[%b]" % b",".join(lines)

    def beyond(floor: Callable[[], object], work: Callable[[], object]) -> float:
        return (allocated(work, at_least=512)[0] - allocated(floor, at_least=512)[0]) / len(array)

    def line_by_line() -> None:
        for line in lines:
            json.loads(line)

    one_by_one = beyond(line_by_line, lambda: _exhaust(EventStream(Arriving(events))))
    initial_state = beyond(lambda: json.loads(array), lambda: _exhaust(EventStream(Arriving(events)).added()))
    assert one_by_one <= COPIES_OF_EVENTS
    assert initial_state <= COPIES_OF_AN_INITIAL_STATE


def test_a_get_allocates_little_more_than_the_floor(tmp_path: Path) -> None:
    """Counted in blocks, whether they are kept or not."""
    with side_by_side(_json(BODY), tmp_path) as (ours, floor):
        gc.disable()
        try:
            assert min(blocks(ours.get) for _ in range(3)) <= min(blocks(floor.get) for _ in range(3)) + BLOCKS_OF_A_GET
        finally:
            gc.enable()


def test_an_event_allocates_less_than_json_loads() -> None:
    """Counted in blocks, those of the lines that are cut out of what arrived included: one decoder serves all."""
    count = 500
    events = pieces(count)
    lines = b"".join(events).splitlines()

    def floor() -> None:
        for line in lines:
            json.loads(line)

    gc.disable()
    try:
        ours = min(blocks(lambda: _exhaust(EventStream(Arriving(events)))) for _ in range(3))
        theirs = min(blocks(floor) for _ in range(3))
    finally:
        gc.enable()
    assert (ours - theirs) / count <= BLOCKS_OF_AN_EVENT


def test_the_collector_seldom_runs_while_events_are_read() -> None:
    """It looks at what was decoded after many events, not among the parts of one; dropped ones leave it nothing."""
    runs = _in_a_process_of_its_own(collecting)
    assert runs["kept"] <= COLLECTIONS
    assert runs["initial state"] <= COLLECTIONS_OF_AN_INITIAL_STATE
    assert runs["dropped"] <= 1


def test_a_long_list_is_in_memory_once(tmp_path: Path) -> None:
    """Its bytes go as its objects come: at no time is there much more than the larger of the two."""
    body = _long_list()
    with side_by_side(body, tmp_path) as (ours, _):
        tracemalloc.start()
        try:
            value = ours.get()
            kept, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert isinstance(value, dict)
    assert peak - kept <= WINDOWS_AT_A_TIME * WINDOW < len(body)


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _long_list() -> bytes:
    item = {"metadata": {"name": "n", "annotations": {str(number): "x" * 40 for number in range(20)}}}
    body = _json({"kind": "List", "apiVersion": "v1", "items": [item] * 5_000})
    assert len(body) > 4 * WINDOW
    return body


def _in_a_process_of_its_own(program: ModuleType) -> dict[str, int]:
    """Return what the program prints: other tests' threads leave garbage that is collected at any time."""
    command = [sys.executable, str(program.__file__)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    counts: dict[str, int] = json.loads(done.stdout)
    return counts


def _exhaust(values: Iterator[Any]) -> None:
    for _ in values:
        pass
