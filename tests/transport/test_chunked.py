"""Chunked bodies."""

from __future__ import annotations

import http.client
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynkube.transport.chunked import MAX_LINE, ChunkedBody


@given(
    st.lists(st.binary(min_size=1, max_size=50), max_size=8), st.lists(st.integers(0, 600), max_size=12), st.booleans()
)
def test_a_body_does_not_depend_on_how_it_is_cut(chunks: list[bytes], cuts: list[int], extras: bool) -> None:
    """Chunks of any size and content, cut anywhere, with extensions and trailers or not, give the body back."""
    extension, trailer = (b";name=value", b"X-Trailer: 1\r\n") if extras else (b"", b"")
    wire = (
        b"".join(b"%x%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks) + b"0\r\n" + trailer + b"\r\n"
    )
    points = sorted({0, len(wire), *(min(cut, len(wire)) for cut in cuts)})
    body = ChunkedBody()
    parts = []
    for start, end in pairwise(points):
        assert not body.ended
        parts.append(body.feed(wire[start:end]))
    assert b"".join(parts) == b"".join(chunks)
    assert body.ended
    assert body.rest == b""


@pytest.mark.parametrize(
    "wire",
    [
        b"zz\r\n",
        b"-1\r\n",
        b"1_0\r\n",
        b"+5\r\n",
        b"\r\n",
        b"0x5\r\n",
        b"2\r\nabc\r\n",
        b"f" * 17 + b"\r\n",
        b"1" * (MAX_LINE + 2),
    ],
)
def test_what_is_no_chunked_body_is_refused(wire: bytes) -> None:
    """Sizes that are no hexadecimal number, and data that does not end where it said, raise an HTTPException."""
    with pytest.raises(http.client.HTTPException):
        ChunkedBody().feed(wire)


def test_what_follows_the_end_is_kept_apart() -> None:
    """Bytes behind the last chunk are not part of the body; they show that the connection cannot be used again."""
    body = ChunkedBody()
    assert body.feed(b"3\r\nabc\r\n0\r\n\r\nHTTP/1.1 200") == b"abc"
    assert body.ended
    assert body.rest == b"HTTP/1.1 200"
