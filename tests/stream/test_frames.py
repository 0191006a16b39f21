"""The frame codec: what is encoded comes back, however it is cut, and what breaks RFC 6455 is refused."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynkube.stream import frames
from dynkube.stream.frames import BINARY, Close, Control, FrameReader, Message, ProtocolError, encode_frame
from dynkube.stream.handshake import accept_value, new_key

MASK = b"\x01\xfe\x80\x7f"


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Cut bytes at these places."""
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(edges)]


@given(
    messages=st.lists(st.binary(max_size=70_000), max_size=4),
    places=st.lists(st.integers(0, 300_000), max_size=8),
    mask=st.none() | st.binary(min_size=4, max_size=4),
)
def test_messages_survive_any_cut(messages: list[bytes], places: list[int], mask: bytes | None) -> None:
    """What one end encodes the other reads, masked or not, however the bytes arrive."""
    wire = b"".join(encode_frame(BINARY, each, mask=mask) for each in messages)
    reader = FrameReader(masked=mask is not None)
    found = [one for piece in cut(wire, places) for one in reader.feed(piece)]
    assert found == [Message(BINARY, each) for each in messages]


@given(pieces=st.lists(st.binary(max_size=300), min_size=2, max_size=6), pings=st.lists(st.binary(max_size=125)))
def test_fragments_are_joined_around_pings(pieces: list[bytes], pings: list[bytes]) -> None:
    """A message in fragments is one; control frames between them come out at once and do not break it."""
    reader = FrameReader(masked=False)
    wire = encode_frame(BINARY, pieces[0], final=False)
    for piece in pieces[1:-1]:
        wire += encode_frame(frames.CONTINUATION, piece, final=False)
    wire += b"".join(encode_frame(frames.PING, ping) for ping in pings)
    wire += encode_frame(frames.CONTINUATION, pieces[-1])
    expected = [*(Control(frames.PING, ping) for ping in pings), Message(BINARY, b"".join(pieces))]
    assert reader.feed(wire) == expected


@given(payload=st.binary(max_size=1000), mask=st.binary(min_size=4, max_size=4))
def test_masking_is_what_the_rfc_says(payload: bytes, mask: bytes) -> None:
    """Octet i is xored with octet i modulo 4 of the key (5.3), and twice is not at all."""
    masked = frames.apply_mask(payload, mask)
    assert masked == bytes(octet ^ mask[index % 4] for index, octet in enumerate(payload))
    assert frames.apply_mask(masked, mask) == payload


@given(data=st.binary(max_size=400))
def test_any_bytes_are_frames_or_refused(data: bytes) -> None:
    """Nothing but a ProtocolError comes of nonsense."""
    with suppress(ProtocolError):
        FrameReader(masked=False, max_message=1000).feed(data)


def test_the_examples_of_the_rfc() -> None:
    """Section 5.7: "Hello", unmasked, masked, in two fragments, and a masked pong."""
    unmasked = FrameReader(masked=False)
    assert unmasked.feed(bytes.fromhex("810548656c6c6f")) == [Message(frames.TEXT, b"Hello")]
    assert unmasked.feed(bytes.fromhex("010348656c80026c6f")) == [Message(frames.TEXT, b"Hello")]
    masked = FrameReader(masked=True)
    assert masked.feed(bytes.fromhex("818537fa213d7f9f4d5158")) == [Message(frames.TEXT, b"Hello")]
    assert masked.feed(bytes.fromhex("8a8537fa213d7f9f4d5158")) == [Control(frames.PONG, b"Hello")]
    assert encode_frame(frames.TEXT, b"Hello", mask=bytes.fromhex("37fa213d")).hex() == "818537fa213d7f9f4d5158"


def test_lengths_of_every_size() -> None:
    """7 bits up to 125, 16 bits up to 65535, 64 bits beyond."""
    assert [len(encode_frame(BINARY, bytes(size))) - size for size in (125, 126, 65_535, 65_536)] == [2, 4, 4, 10]


def test_the_key_of_the_rfc() -> None:
    """Section 1.3: what a server answers to the key of the example; keys of ours are 16 bytes, never twice the same."""
    assert accept_value("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert len(new_key()) == 24
    assert new_key() != new_key()


@pytest.mark.parametrize(
    ("wire", "why"),
    [
        (bytes((0xC2, 0)), "reserved bits"),
        (bytes((0x83, 0)), "unknown kind"),
        (bytes((0x82, 0x80)) + MASK, "masked frame from a server"),
        (bytes((0x09, 0)), "control frame that is fragmented"),
        (bytes((0x89, 126)), "too long"),
        (bytes((0x80, 0)), "belongs to no message"),
        (bytes((0x02, 0)) + bytes((0x82, 0)), "within another"),
        (bytes((0x88, 1, 3)), "half a code"),
    ],
)
def test_what_breaks_the_protocol_is_refused(wire: bytes, why: str) -> None:
    """Each with its own words."""
    with pytest.raises(ProtocolError, match=why):
        FrameReader(masked=False).feed(wire)


def test_a_client_must_mask() -> None:
    """A server refuses frames that are not masked."""
    with pytest.raises(ProtocolError, match="not masked"):
        FrameReader(masked=True).feed(encode_frame(BINARY, b"x"))


def test_messages_have_a_longest() -> None:
    """One that is announced longer is refused before it has arrived, and so are fragments that add up to it."""
    with pytest.raises(ProtocolError, match="more than 10 bytes") as caught:
        FrameReader(masked=False, max_message=10).feed(bytes((0x82, 11)))
    assert caught.value.code == frames.TOO_BIG
    reader = FrameReader(masked=False, max_message=10)
    reader.feed(encode_frame(BINARY, bytes(6), final=False))
    with pytest.raises(ProtocolError, match="more than 10 bytes"):
        reader.feed(bytes((0x80, 5)))


def test_a_close_says_why() -> None:
    """Code and reason; none is 1005; a reason that is too long for the frame is cut between characters."""
    reader = FrameReader(masked=False)
    assert reader.feed(encode_frame(frames.CLOSE, b"")) == [Close(frames.NO_CODE, "")]
    assert reader.feed(frames.encode_close(1000, "done")) == [Close(1000, "done")]
    (long,) = reader.feed(frames.encode_close(1011, "é" * 100))
    assert long == Close(1011, "é" * 61)
