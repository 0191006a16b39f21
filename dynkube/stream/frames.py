"""WebSocket frames (RFC 6455) without I/O: bytes in, messages out, and the other way round."""

from __future__ import annotations

from typing import NamedTuple

CONTINUATION = 0x0
TEXT = 0x1
BINARY = 0x2
CLOSE = 0x8
PING = 0x9
PONG = 0xA

#: Close codes (RFC 6455, 7.4.1).
NORMAL = 1000
PROTOCOL_ERROR = 1002
NO_CODE = 1005
TOO_BIG = 1009

#: Longest message taken, in bytes; API servers send some 32 KiB at a time.
MAX_MESSAGE = 16 << 20
#: Longest payload of a control frame (RFC 6455, 5.5).
MAX_CONTROL = 125


class Message(NamedTuple):
    """A whole data message, its fragments joined: `kind` is TEXT or BINARY."""

    kind: int
    data: bytes


class Control(NamedTuple):
    """A ping or pong: `kind` is PING or PONG."""

    kind: int
    data: bytes


class Close(NamedTuple):
    """The peer says that nothing follows; code 1005 where it gave none."""

    code: int
    reason: str


class ProtocolError(Exception):
    """The peer does not speak RFC 6455; `code` is what to close the connection with."""

    def __init__(self, message: str, code: int = PROTOCOL_ERROR) -> None:
        super().__init__(message)
        self.code = code


def encode_frame(kind: int, payload: bytes, *, mask: bytes | None = None, final: bool = True) -> bytes:
    """Return one frame. `mask` is four bytes that nobody can foretell for what a client sends, None for a server."""
    length = len(payload)
    masked = 0x80 if mask is not None else 0
    if length < 126:
        head = bytes((kind | 0x80 * final, masked | length))
    elif length < 1 << 16:
        head = bytes((kind | 0x80 * final, masked | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((kind | 0x80 * final, masked | 127)) + length.to_bytes(8, "big")
    return head + payload if mask is None else head + mask + apply_mask(payload, mask)


def encode_close(code: int, reason: str = "", *, mask: bytes | None = None) -> bytes:
    """Return a close frame; a reason that is too long for one is cut."""
    text = reason.encode()[: MAX_CONTROL - 2].decode("utf-8", "ignore").encode()
    return encode_frame(CLOSE, code.to_bytes(2, "big") + text, mask=mask)


def apply_mask(payload: bytes, mask: bytes) -> bytes:
    """Return the payload masked, or unmasked: it is the same operation."""
    length = len(payload)
    # One operation on one large number: a loop over the bytes takes a hundred times as long.
    key = int.from_bytes((mask * (length // 4 + 1))[:length], "little")
    return (int.from_bytes(payload, "little") ^ key).to_bytes(length, "little")


class FrameReader:
    """Puts messages together from bytes that are cut anywhere.

    `masked` says whether frames must be masked, as a client's are, or must not, as a server's. After a ProtocolError
    nothing more can be read.
    """

    def __init__(self, *, masked: bool, max_message: int = MAX_MESSAGE) -> None:
        self._masked = masked
        self._max = max_message
        self._buffer = bytearray()
        self._fragments: list[bytes] = []
        self._kind: int | None = None
        self._size = 0

    def feed(self, data: bytes) -> list[Message | Control | Close]:
        """Return what is complete now. Raises ProtocolError."""
        self._buffer += data
        found: list[Message | Control | Close] = []
        while (frame := self._frame()) is not None:
            whole = self._take(*frame)
            if whole is not None:
                found.append(whole)
        return found

    def _frame(self) -> tuple[int, bool, bytes] | None:
        """Take one frame off the buffer: kind, whether it is the last of its message, payload; None: not there yet."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        first, second = buffer[0], buffer[1]
        kind, final, length = first & 0x0F, bool(first & 0x80), second & 0x7F
        self._check(first, second)
        position = 2
        if length > 125:
            size = 2 if length == 126 else 8
            if len(buffer) < position + size:
                return None
            length = int.from_bytes(buffer[position : position + size], "big")
            position += size
        if length + self._size > self._max:
            raise ProtocolError(f"a message of more than {self._max} bytes", TOO_BIG)
        mask = b""
        if self._masked:
            mask = bytes(buffer[position : position + 4])
            position += 4
        if len(buffer) < position + length:
            return None
        payload = bytes(buffer[position : position + length])
        del buffer[: position + length]
        return kind, final, apply_mask(payload, mask) if self._masked else payload

    def _check(self, first: int, second: int) -> None:
        kind = first & 0x0F
        if first & 0x70:
            raise ProtocolError("a frame with reserved bits, though no extension was agreed on")
        if kind not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
            raise ProtocolError(f"a frame of unknown kind {kind:#x}")
        if bool(second & 0x80) != self._masked:
            raise ProtocolError("a frame that is not masked" if self._masked else "a masked frame from a server")
        if kind >= CLOSE and (not first & 0x80 or second & 0x7F > MAX_CONTROL):
            raise ProtocolError("a control frame that is fragmented or too long")

    def _take(self, kind: int, final: bool, payload: bytes) -> Message | Control | Close | None:
        if kind in (PING, PONG):
            return Control(kind, payload)
        if kind == CLOSE:
            return _close(payload)
        if (kind == CONTINUATION) != (self._kind is not None):
            raise ProtocolError("a fragment that belongs to no message, or a message within another")
        if self._kind is None:
            if final:
                return Message(kind, payload)
            self._kind = kind
        self._fragments.append(payload)
        self._size += len(payload)
        if not final:
            return None
        whole = Message(self._kind, b"".join(self._fragments))
        self._fragments, self._kind, self._size = [], None, 0
        return whole


def _close(payload: bytes) -> Close:
    if not payload:
        return Close(NO_CODE, "")
    if len(payload) == 1:
        raise ProtocolError("a close frame with half a code")
    return Close(int.from_bytes(payload[:2], "big"), payload[2:].decode("utf-8", "replace"))
