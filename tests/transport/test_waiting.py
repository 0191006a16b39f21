"""The socket that waits outside of itself: parts, timeouts, TLS, and what it saves."""

from __future__ import annotations

import contextlib
import io
import socket
import ssl
import threading
from typing import TYPE_CHECKING

import pytest

from dynkube.transport.connections import WaitingSocket
from transport.certificates import Authority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: More than two sockets' buffers hold, so that some of it has to be waited for.
LARGE = bytes(range(256)) * (1 << 15)

VERSIONS = pytest.mark.parametrize(
    "version", [None, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["plain", "TLS 1.2", "TLS 1.3"]
)


@contextlib.contextmanager
def pair(version: ssl.TLSVersion | None, folder: Path) -> Iterator[tuple[WaitingSocket, socket.socket]]:
    """Connect two sockets, in TLS of a version if one is given; the second is the server's and blocks as ever."""
    with contextlib.ExitStack() as stack:
        ours, theirs = (stack.enter_context(sock) for sock in socket.socketpair())
        for sock in (ours, theirs):
            sock.settimeout(30)
        if version is not None:
            authority = Authority()
            server = authority.issue(["localhost"]).server_context(folder)
            client = ssl.create_default_context(cadata=authority.certificate.decode())
            client.minimum_version = client.maximum_version = version
            with in_a_thread(lambda: server.wrap_socket(theirs, server_side=True)) as wrapped:
                ours = stack.enter_context(client.wrap_socket(ours, server_hostname="localhost"))
            theirs = stack.enter_context(wrapped[0])
        waiting = WaitingSocket(ours)
        waiting.settimeout(30)
        yield waiting, theirs


@contextlib.contextmanager
def in_a_thread(work: Callable[[], socket.socket]) -> Iterator[list[socket.socket]]:
    """Do the other end's part beside the block; the list has what it returned once the block is over."""
    done: list[socket.socket] = []
    thread = threading.Thread(target=lambda: done.append(work()))
    thread.start()
    yield done
    thread.join()


def receive(sock: socket.socket, size: int) -> bytes:
    """Read exactly so much."""
    pieces = []
    while size:
        pieces.append(sock.recv(size))
        size -= len(pieces[-1])
    return b"".join(pieces)


@VERSIONS
def test_a_large_body_goes_out_whole(version: ssl.TLSVersion | None, tmp_path: Path) -> None:
    """What the other end does not take at once is sent when it does, in order and once."""
    with pair(version, tmp_path) as (ours, theirs):
        received = io.BytesIO()

        def take() -> socket.socket:
            received.write(receive(theirs, len(LARGE)))
            return theirs

        with in_a_thread(take):
            ours.sendall(LARGE)
        assert received.getvalue() == LARGE


@VERSIONS
def test_a_large_answer_comes_in_whole(version: ssl.TLSVersion | None, tmp_path: Path) -> None:
    """However the bytes are cut on their way, all of them are read, in order."""
    with pair(version, tmp_path) as (ours, theirs):

        def give() -> socket.socket:
            theirs.sendall(LARGE)
            return theirs

        ours.sendall(b"?")
        assert receive(theirs, 1) == b"?"
        with in_a_thread(give), ours.makefile("rb") as incoming:
            assert incoming.read(len(LARGE)) == LARGE


@VERSIONS
def test_what_tls_has_decrypted_is_not_waited_for(version: ssl.TLSVersion | None, tmp_path: Path) -> None:
    """A record read in two goes: the second half is not on the socket any more, and comes without waiting."""
    with pair(version, tmp_path) as (ours, theirs):
        ours.sendall(b"?")
        theirs.sendall(b"ab")
        buffer = bytearray(1)
        assert (ours.recv_into(buffer), bytes(buffer)) == (1, b"a")
        ours.settimeout(0.0)
        assert (ours.recv_into(buffer), bytes(buffer)) == (1, b"b")


@VERSIONS
def test_the_end(version: ssl.TLSVersion | None, tmp_path: Path) -> None:
    """A server that hangs up ends the answer, as it does on any socket."""
    with pair(version, tmp_path) as (ours, theirs):
        ours.sendall(b"?")
        assert receive(theirs, 1) == b"?"
        theirs.shutdown(socket.SHUT_RDWR)
        assert ours.recv_into(bytearray(1)) == 0


@VERSIONS
@pytest.mark.parametrize("asked", [True, False])
def test_silence_ends_in_a_timeout(version: ssl.TLSVersion | None, asked: bool, tmp_path: Path) -> None:
    """A server that says nothing is waited for as long as was set, before the answer and in the middle of it."""
    with pair(version, tmp_path) as (ours, theirs):
        ours.sendall(b"?")
        if not asked:
            theirs.sendall(b"!")
            assert ours.recv_into(bytearray(1)) == 1
        ours.settimeout(0.01)
        with pytest.raises(TimeoutError):
            ours.recv_into(bytearray(1))


@VERSIONS
def test_nobody_takes_it(version: ssl.TLSVersion | None, tmp_path: Path) -> None:
    """A server that reads nothing is waited for as long as was set."""
    with pair(version, tmp_path) as (ours, _):
        ours.settimeout(0.01)
        with pytest.raises(TimeoutError):
            ours.sendall(LARGE)


@VERSIONS
def test_another_thread_ends_the_wait(version: ssl.TLSVersion | None, tmp_path: Path) -> None:
    """A shutdown from elsewhere wakes who waits without a limit."""
    with pair(version, tmp_path) as (ours, theirs):
        ours.settimeout(None)
        ours.sendall(b"?")

        def stop() -> socket.socket:
            receive(theirs, 1)
            socket.socket.shutdown(ours.socket, socket.SHUT_RDWR)
            return theirs

        with in_a_thread(stop):
            assert ours.recv_into(bytearray(1)) == 0


def test_closing_the_reader_leaves_the_socket_open() -> None:
    """An answer that was read is closed; its connection is kept for the next one."""
    left, right = socket.socketpair()
    with left, right:
        ours = WaitingSocket(left)
        for text in (b"1", b"2"):
            ours.sendall(b"?")
            right.sendall(text)
            with ours.makefile("rb") as incoming:
                assert incoming.read(1) == text
        assert ours.fileno() == left.fileno()
