"""Fixed credentials, token files and impersonation, as they arrive at a server."""

from __future__ import annotations

import logging
import os
import threading
from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

from dynkube.config import Config, Impersonation
from dynkube.errors import ConfigError, InvalidRequestError
from dynkube.transport import HTTPRequest, Transport
from dynkube.transport.credentials import TOKEN_FILE_SECONDS, TokenFile
from dynkube.transport.headers import encode_header, impersonation_headers, user_agent
from transport.servers import answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transport.servers import Peer, Received, Server

GET = HTTPRequest("GET", "/api")


def test_a_bearer_token_is_sent(serve: Callable[..., Server], connect: Callable[..., Transport]) -> None:
    """The configured token goes out as an Authorization header, once."""
    server = serve()
    connect(server, bearer_token="t0ken").send(GET)
    assert [value for name, value in server.received[0].headers if name == "Authorization"] == ["Bearer t0ken"]


def test_basic_credentials_are_sent_as_utf8(serve: Callable[..., Server], connect: Callable[..., Transport]) -> None:
    """User name and password go out base64-encoded from UTF-8."""
    server = serve()
    connect(server, username="jürgen", password="pä:ss").send(GET)
    assert server.received[0].header("Authorization") == "Basic " + b64encode("jürgen:pä:ss".encode()).decode()


def test_nothing_configured_sends_nothing(serve: Callable[..., Server], connect: Callable[..., Transport]) -> None:
    """An anonymous client sends no Authorization header."""
    server = serve()
    connect(server).send(GET)
    assert server.received[0].header("Authorization") is None


def test_netrc_and_requests_variables_are_never_read(
    serve: Callable[..., Server],
    connect: Callable[..., Transport],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither a netrc entry for the host nor REQUESTS_CA_BUNDLE changes a request, unlike with a requests session."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login eve password eve\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    server = serve()
    connect(server, bearer_token="mine").send(GET)
    assert server.received[0].header("Authorization") == "Bearer mine"


def test_a_request_may_bring_its_own_headers(serve: Callable[..., Server], connect: Callable[..., Transport]) -> None:
    """Authorization, User-Agent, Accept-Encoding and Impersonate-User of a request take the place of the client's."""
    server = serve()
    client = connect(server, bearer_token="mine", impersonate=Impersonation(user="me", groups=("g",)))
    own = (("authorization", "Custom x"), ("User-Agent", "ua"), ("Impersonate-User", "you"))
    client.send(HTTPRequest("GET", "/api", own))
    headers = server.received[0].headers
    assert [value for name, value in headers if name.lower() == "authorization"] == ["Custom x"]
    assert [value for name, value in headers if name == "User-Agent"] == ["ua"]
    assert [value for name, value in headers if name.startswith("Impersonate")] == ["you"]
    assert [value for name, value in headers if name == "Accept-Encoding"] == ["gzip"]


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "Connection"])
def test_headers_that_frame_the_request_are_refused(name: str, connect: Callable[..., Transport]) -> None:
    """What would contradict body or address is refused before anything is sent."""
    with pytest.raises(InvalidRequestError, match="set by the transport"):
        connect("http://127.0.0.1:1").send(HTTPRequest("GET", "/api", ((name, "1"),)))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (("X-Evil", "a\r\nX-Injected: 1"), "line break"),
        (("X-Evil", "a\nb"), "line break"),
        (("X-Evil", "nul\0"), "control"),
        (("X Evil", "a"), "header name"),
        (("X-Evil:", "a"), "header name"),
        (("", "a"), "header name"),
        (("X-Evil", "\ud800"), "UTF-8"),
    ],
)
def test_line_breaks_never_reach_a_header(header: tuple[str, str], message: str) -> None:
    """A header that would inject another is refused, and the message does not repeat its value."""
    with pytest.raises(InvalidRequestError, match=message) as caught:
        encode_header(*header)
    assert "X-Injected" not in str(caught.value)


@pytest.mark.parametrize("target", ["api", "/a b", "/a\r\nHost: evil", "/ä", "http://evil/", ""])
def test_a_target_that_is_not_encoded_is_refused(target: str, connect: Callable[..., Transport]) -> None:
    """Request lines cannot be forged through the target."""
    with pytest.raises(InvalidRequestError, match="percent-encoded"):
        connect("http://127.0.0.1:1").send(HTTPRequest("GET", target))


def test_impersonation_repeats_headers_and_escapes_keys(
    serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """One line a group, one a value; extra keys escaped byte by byte; nothing joined by commas."""
    whom = Impersonation(
        user="jane",
        uid="u-1",
        groups=("dev,ops", "admins"),
        extra={"example.com/Scopes%": ("view", "edit"), "ключ": ("x",)},
    )
    server = serve()
    connect(server, impersonate=whom).send(GET)
    assert [(name, value) for name, value in server.received[0].headers if name.startswith("Impersonate")] == [
        ("Impersonate-User", "jane"),
        ("Impersonate-Uid", "u-1"),
        ("Impersonate-Group", "dev,ops"),
        ("Impersonate-Group", "admins"),
        ("Impersonate-Extra-example.com%2FScopes%25", "view"),
        ("Impersonate-Extra-example.com%2FScopes%25", "edit"),
        ("Impersonate-Extra-%D0%BA%D0%BB%D1%8E%D1%87", "x"),
    ]
    assert impersonation_headers(None) == []
    assert impersonation_headers(Impersonation()) == []


def test_the_user_agent_names_program_and_library() -> None:
    """The default says which program, system and version of dynkube; a configured text is sent as it is."""
    assert "dynkube/" in user_agent(Config())
    assert user_agent(Config(user_agent="mine/1")) == "mine/1"


def test_the_user_agent_makes_a_good_field_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands before the first slash, which the server takes as the field manager, is the program's name alone."""
    monkeypatch.setattr("sys.argv", ["/opt/tools/rotate certificates.py"])
    assert user_agent(Config()).partition("/")[0] == "rotatecertificates.py"


def test_a_token_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    """A replaced file is noticed at the next look, a second later at most; the same content keeps the same grant."""
    now = [0.0]
    path = tmp_path / "token"
    path.write_text("  one\n")
    source = TokenFile(str(path), clock=lambda: now[0])
    first = source.grant()
    assert first.authorization == b"Authorization: Bearer one\r\n"
    path.write_text("two longer")
    assert source.grant() is first
    now[0] = 1.0
    assert source.grant().authorization == b"Authorization: Bearer two longer\r\n"


def test_a_token_file_is_read_again_after_fifty_seconds_whatever_it_looks_like(tmp_path: Path) -> None:
    """A change that leaves time, inode and size alone is found by the regular reading."""
    now = [0.0]
    path = tmp_path / "token"
    path.write_text("aaa")
    status = path.stat()
    source = TokenFile(str(path), clock=lambda: now[0])
    path.write_text("bbb")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    now[0] = 2.0
    assert source.grant().authorization == b"Authorization: Bearer aaa\r\n"
    now[0] = TOKEN_FILE_SECONDS + 1
    assert source.grant().authorization == b"Authorization: Bearer bbb\r\n"


@pytest.mark.parametrize("content", [None, b"", b"  \n", b"\xff\xfe", b"a\nb"], ids=repr)
def test_a_bad_token_file_keeps_the_last_token(
    content: bytes | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that vanished, is empty or is no token leaves the token read before in use, with a warning."""
    now = [0.0]
    path = tmp_path / "token"
    path.write_text("good")
    source = TokenFile(str(path), clock=lambda: now[0])
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    now[0] = 100.0
    with caplog.at_level(logging.WARNING, "dynkube.transport"):
        assert source.grant().authorization == b"Authorization: Bearer good\r\n"
    assert "stays in use" in caplog.text


def test_a_token_file_must_be_readable_at_first(tmp_path: Path) -> None:
    """Without a token to fall back on, a missing file is a ConfigError that names it; with one, it is used."""
    missing = str(tmp_path / "none")
    with pytest.raises(ConfigError, match=r"bearer token file .*none: No such file"):
        Transport(Config(host="http://x", bearer_token_file=missing))
    assert TokenFile(missing, "fallback").grant().authorization == b"Authorization: Bearer fallback\r\n"


def test_a_token_file_replaced_under_load_fails_no_request(
    serve: Callable[..., Server], connect: Callable[..., Transport], tmp_path: Path
) -> None:
    """Eight threads go on without a failure while the token rotates twice and the old one is refused at once."""
    path = tmp_path / "token"
    path.write_text("token-0")
    accepted = ["token-0"]
    served = [0]
    lock = threading.Lock()

    def handle(peer: Peer, request: Received) -> None:
        with lock:
            served[0] += 1
            if served[0] in (250, 550):
                accepted[0] = f"token-{served[0]}"
                fresh = tmp_path / "fresh"
                fresh.write_text(accepted[0])
                fresh.replace(path)
            good = request.header("Authorization") == f"Bearer {accepted[0]}"
        peer.send(answer({"kind": "Pod"}) if good else answer(b"", 401))

    client = connect(serve(handle), bearer_token_file=str(path))
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.extend(client.send(GET).status for _ in range(100))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert statuses == [200] * 800
