"""The events of an initial state, taken many at a time: the same objects as one by one, and the same errors."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynkube.errors import Expired, ResponseError
from dynkube.rest.events import EventStream
from dynkube.transport import HTTPResponse

_LINES = st.lists(
    st.builds(
        lambda kind, text, spaced, extra: json.dumps(
            {"type": kind, "object": {"metadata": {"name": text}}, **({"more": 1} if extra else {})},
            separators=(", ", ": ") if spaced else (",", ":"),
        ).encode(),
        st.sampled_from(["ADDED", "ADDED", "ADDED", "MODIFIED", "BOOKMARK"]),
        st.text(st.characters(codec="utf-8"), max_size=5),
        st.booleans(),
        st.booleans(),
    ),
    max_size=10,
)


class Pieces(HTTPResponse):
    """An answer whose body arrives in given pieces."""

    def __init__(self, *pieces: bytes) -> None:
        super().__init__(200)
        self.pieces = pieces

    def chunks(self) -> Any:
        """Yield the pieces."""
        yield from self.pieces


def _taken(stream: EventStream) -> list[Any]:
    """Return all objects: those of ADDED events in lists, the others one by one."""
    objects = [obj for many in stream.added() for obj in many]
    for event in stream:
        objects.append(event["object"])
        objects += [obj for many in stream.added() for obj in many]
    return objects


@given(lines=_LINES, cut=st.integers(1, 200))
def test_lists_hold_what_comes_one_by_one(lines: list[bytes], cut: int) -> None:
    """However events are written and the stream is cut, both ways give the same objects in the same order."""
    body = b"".join(line + b"\n" for line in lines)
    pieces = [body[start : start + cut] for start in range(0, len(body), cut)]
    assert _taken(EventStream(Pieces(*pieces))) == [json.loads(line)["object"] for line in lines]


@pytest.mark.parametrize(
    "heads",
    [
        ['"kind":"Pod","apiVersion":"v1",'] * 3,
        ['"apiVersion":"v1","kind":"Pod",'] * 3,
        ['"apiVersion":"v1","kind":"Pod",', '"kind":"Pod","apiVersion":"v1",', ""],
        ['"apiVersion":"v1","kind":"Pod",', '"apiVersion":"v1","kind":"Node",', '"apiVersion":"v2","kind":"Pod",'],
        ['"kind":"Pod","kind":"Pod",'] * 3,
        ['"kind":"P\\u00f6d","apiVersion":"v1",'] * 3,
        ['"apiVersion":"v1",'] * 3,
        ['"alpha":1,"apiVersion":"v1","kind":"Pod",'] * 3,
    ],
    ids=["typed", "unstructured", "mixed", "many kinds", "kind twice", "escaped", "no kind", "another field first"],
)
@pytest.mark.parametrize("bookmark", [True, False])
def test_kind_and_version_stay_what_they_are(heads: list[str], *, bookmark: bool) -> None:
    """Whatever the objects begin with and whatever ends them, they are what is between the braces."""
    objects = [f'{{{head}"metadata":{{"name":"{number}"}}}}' for number, head in enumerate(heads)]
    lines = [f'{{"type":"ADDED","object":{text}}}\n' for text in objects]
    if bookmark:
        lines.append('{"type":"BOOKMARK","object":{}}\n')
    stream = EventStream(Pieces("".join(lines).encode()))
    assert [obj for many in stream.added() for obj in many] == [json.loads(text) for text in objects]
    assert [event["type"] for event in stream] == ["BOOKMARK"] * bookmark


def test_the_objects_before_another_last_event_come_together() -> None:
    """The end of a state is taken off the lines it arrived with, which are decoded in one go."""
    lines = [f'{{"type":"ADDED","object":{{"n":{number}}}}}\n' for number in range(5)]
    stream = EventStream(Pieces("".join([*lines, '{"type":"BOOKMARK","object":{}}\n']).encode()))
    assert list(stream.added()) == [[{"n": number} for number in range(5)]]


def test_it_ends_before_another_event() -> None:
    """What is no ADDED event waits for the iteration, and ADDED events behind it can be taken again."""
    lines = [{"type": kind, "object": {"n": n}} for n, kind in enumerate(["ADDED", "ADDED", "BOOKMARK", "ADDED"])]
    stream = EventStream(Pieces(b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines)))
    assert [obj for many in stream.added() for obj in many] == [{"n": 0}, {"n": 1}]
    assert next(stream)["type"] == "BOOKMARK"
    assert list(stream.added()) == [[{"n": 3}]]


def test_an_error_event_is_raised_by_the_iteration() -> None:
    """An ERROR behind the state is the StatusError it is."""
    error = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}}
    stream = EventStream(Pieces(b'{"type":"ADDED","object":{}}\n' + json.dumps(error).encode() + b"\n"))
    assert list(stream.added()) == [[{}]]
    with pytest.raises(Expired):
        next(stream)


@pytest.mark.parametrize(
    "body",
    [
        b'{"type":"ADDED","object":{"a":1}',
        b'{"type":"ADDED","object":{"a":oops}}\n',
        b'{"type":"ADDED","object":{},{}}\n',
        b'{"type":"ADDED","object":{"a":"\xff"}}\n',
    ],
)
def test_what_is_broken_is_an_error(body: bytes) -> None:
    """A stream that is cut or no JSON is refused, not guessed at, and closed."""
    stream = EventStream(Pieces(b'{"type":"ADDED","object":{}}\n' + body))
    with pytest.raises(ResponseError):
        _taken(stream)
    assert list(stream) == []


def test_a_closed_stream_has_no_more() -> None:
    """After close() nothing is handed out."""
    stream = EventStream(Pieces(b'{"type":"ADDED","object":{}}\n'))
    stream.close()
    assert list(stream.added()) == []
