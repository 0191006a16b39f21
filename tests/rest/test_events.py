"""Watch streams: frames of any size, cut anywhere; errors as exceptions; closing from any thread."""

from __future__ import annotations

import json
import threading
from itertools import pairwise
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynkube.errors import Expired, InternalError, ResponseError, StatusError
from dynkube.rest import EventStream
from dynkube.transport import HTTPResponse

if TYPE_CHECKING:
    from collections.abc import Iterator


class Pieces(HTTPResponse):
    """An answer whose body comes in given pieces; after them it waits for `release`, if there is one."""

    def __init__(self, pieces: list[bytes], release: threading.Event | None = None) -> None:
        super().__init__(200, method="GET", url="https://x/api")
        self.pieces = pieces
        self.release = release
        self.closed = False

    def chunks(self) -> Iterator[bytes]:
        """Yield the pieces."""
        yield from self.pieces
        if self.release is not None:
            assert self.release.wait(30)

    def close(self) -> None:
        """Wake the reader."""
        self.closed = True
        if self.release is not None:
            self.release.set()


def _event(name: str, **fields: Any) -> dict[str, Any]:
    return {"type": "ADDED", "object": {"kind": "Pod", "metadata": {"name": name, **fields}}}


def _lines(events: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(event, ensure_ascii=False).encode() + b"\n" for event in events)


@given(st.lists(st.text(max_size=30), max_size=6), st.lists(st.integers(0, 2000), max_size=10))
def test_events_do_not_depend_on_how_the_stream_is_cut(names: list[str], cuts: list[int]) -> None:
    """Any text in any number of events, cut into any pieces, comes out as it went in."""
    events = [_event(name.encode("utf-8", "replace").decode()) for name in names]
    data = _lines(events)
    points = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    pieces = [data[start:end] for start, end in pairwise(points)]
    assert list(EventStream(Pieces(pieces))) == events


def test_events_of_many_megabytes_cost_linear_time() -> None:
    """An event of 16 MB in small pieces is put together once."""
    event = _event("x" * 16_000_000)
    data = _lines([event])
    started = monotonic()
    assert list(EventStream(Pieces([data[start : start + 4096] for start in range(0, len(data), 4096)]))) == [event]
    assert monotonic() - started < 10


def test_an_event_is_decoded_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many lines that arrived together no more are decoded than were asked for: whoever drops one frees it first."""
    decoded: list[str] = []

    def decode(text: str) -> tuple[Any, int]:
        decoded.append(text)
        return json.JSONDecoder().raw_decode(text)

    monkeypatch.setattr("dynkube.rest.events._raw_decode", decode)
    stream = EventStream(Pieces([_lines([_event("a"), _event("b"), _event("c")])]))
    next(stream)
    assert len(decoded) == 1


@pytest.mark.parametrize(
    "data",
    [
        _lines([_event("a"), _event("b")]).replace(b"\n", b"\r\n"),
        _lines([_event("a"), _event("b")]).replace(b"\n", b"\n\n\n"),
        _lines([_event("a"), _event("b")]).replace(b"\n", b""),
        _lines([_event("a"), _event("b")]).replace(b"\n", b"  "),
        _lines([_event("a"), _event("b")]).rstrip(b"\n"),
        json.dumps(_event("a"), indent=2).encode() + b"\n" + json.dumps(_event("b"), indent=2).encode() + b"\n",
    ],
    ids=["crlf", "blank lines", "no separator", "spaces", "no last newline", "indented"],
)
@pytest.mark.parametrize("size", [1, 10, 100_000])
def test_framing_is_by_json_value(data: bytes, size: int) -> None:
    """Events are JSON values, whatever stands between them: the newline is a habit of servers, not a rule."""
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    assert list(EventStream(Pieces(pieces))) == [_event("a"), _event("b")]


def test_unicode_line_separators_do_not_cut_events() -> None:
    """U+0085 and U+2028 inside a string are part of it."""
    event = _event("a\u0085b\u2028c")
    assert list(EventStream(Pieces([_lines([event])]))) == [event]


@pytest.mark.parametrize("kind", ["ADDED", "MODIFIED", "DELETED", "BOOKMARK"])
def test_every_type_of_event_is_yielded(kind: str) -> None:
    """The four types of the API are given to the caller as they are, bookmarks too."""
    event = {**_event("a"), "type": kind}
    assert list(EventStream(Pieces([_lines([event])]))) == [event]


def test_an_error_event_is_raised_after_what_came_before() -> None:
    """ERROR ends the stream as the exception its Status calls for."""
    status = {"kind": "Status", "status": "Failure", "reason": "Expired", "code": 410, "message": "too old"}
    response = Pieces([_lines([_event("a"), {"type": "ERROR", "object": status}, _event("b")])])
    stream = EventStream(response)
    assert next(stream) == _event("a")
    with pytest.raises(Expired, match="too old") as caught:
        next(stream)
    assert (caught.value.code, caught.value.url) == (410, "https://x/api")
    assert response.closed
    assert list(stream) == []


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b'{"type":"ERROR","object":{"reason":"InternalError"}}\n', InternalError, "InternalError"),
        (b'{"type":"ERROR","object":null}\n', ResponseError, "no Status"),
        (b'{"kind":"Status","status":"Failure","code":500,"message":"m"}\n', StatusError, "m"),
        (b'{"type":"NOVEL","object":{}}\n', ResponseError, "unknown type 'NOVEL'"),
        (b'{"type":"ADDED"}\n', ResponseError, "no event"),
        (b'{"type":7,"object":{}}\n', ResponseError, "no event"),
        (b"[]\n", ResponseError, "no event"),
        (b"null\n", ResponseError, "no event"),
        (b"<html>\n", ResponseError, "'<html>'"),
        (b'{"type":"ADDED", hunter2}\n', ResponseError, "no JSON"),
        (b'{"type":"ADDED\nhunter2"}\n', ResponseError, "no JSON"),
        (b'{"a":"\xff"}\n', ResponseError, "not UTF-8"),
        (b"[" * 100_000 + b"\n", ResponseError, "JSON"),
        (b'{"type":"ADDED","object":{"kind":"hunter2', ResponseError, "middle of an event"),
        (b'{"type":"ADDED","object":', ResponseError, "middle of an event"),
        (b"{", ResponseError, "middle of an event"),
    ],
)
def test_what_is_no_event_is_refused(data: bytes, error: type[Exception], message: str) -> None:
    """Anything else is an exception that says what came, after which the stream is closed; objects are not quoted."""
    response = Pieces([_lines([_event("a")]), data])
    stream = EventStream(response)
    assert next(stream) == _event("a")
    with pytest.raises(error, match=message) as caught:
        next(stream)
    assert "hunter2" not in str(caught.value)
    assert response.closed
    with pytest.raises(StopIteration):
        next(stream)


def test_closing_from_another_thread_ends_the_iteration() -> None:
    """A reader blocked in next() ends without an exception when somebody closes the stream."""
    release = threading.Event()
    stream = EventStream(Pieces([_lines([_event("a")])], release))
    assert next(stream) == _event("a")
    closer = threading.Timer(0.05, stream.close)
    closer.start()
    assert list(stream) == []
    closer.join(10)
    stream.close()
    assert "closed" in repr(stream)
    assert stream.response.url == "https://x/api"


def test_a_closed_stream_yields_nothing_more() -> None:
    """Events already received but not yet taken are dropped by close()."""
    with EventStream(Pieces([_lines([_event("a"), _event("b")])])) as stream:
        assert next(stream) == _event("a")
    assert list(stream) == []


def test_what_came_whole_before_bytes_that_are_no_text_is_handed_out() -> None:
    """A good event is not lost, and with it the version to go on from, because it arrived together with a bad one."""
    stream = EventStream(Pieces([_lines([_event("a"), _event("b")]) + b'{"type":"ADDED","object":{"c":"\xc0\xaf"}}\n']))
    assert [next(stream), next(stream)] == [_event("a"), _event("b")]
    with pytest.raises(ResponseError, match="not UTF-8"):
        next(stream)
