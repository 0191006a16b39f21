"""Bad input below and beside the objects: query values, tokens, headers, bytes on the wire. Nothing takes it down."""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dynkube.testing import APIServer
from testing.calling import CMS, CRDS, WIDGETS, Caller, config_map, definition, raw_exchange

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
PARAMETERS = (
    "continue",
    "labelSelector",
    "fieldSelector",
    "resourceVersion",
    "limit",
    "timeoutSeconds",
    "fieldManager",
)
odd_text = st.text(alphabet=st.characters(codec="utf-8"), max_size=24) | st.text(
    "abc=!,() innotexists/.-_0", max_size=24
)
#: Header values http.client lets through.
odd_header = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)


@pytest.fixture(scope="module")
def server() -> Iterator[APIServer]:
    """Return one server for all examples."""
    with APIServer(controllers=False) as running:
        caller = Caller(running.url)
        caller.ok("POST", CRDS, definition())
        caller.ok("POST", CMS, config_map("a"))
        yield running


@pytest.fixture(scope="module")
def call(server: APIServer) -> Caller:
    """Return a caller of the server."""
    return Caller(server.url)


@EXAMPLES
@given(st.sampled_from(PARAMETERS), odd_text, st.sampled_from([CMS, WIDGETS, "/api/v1/pods"]))
def test_any_parameter_is_answered(call: Caller, name: str, value: str, path: str) -> None:
    """Selectors, continue tokens, versions: read, or refused with a Status."""
    answer = call("GET", f"{path}?{name}={quote(value, safe='')}")
    assert answer.status in (200, 400, 410, 422, 504), answer.raw
    assert answer.json["kind"] in ("Status", "ConfigMapList", "WidgetList", "PodList")


@EXAMPLES
@given(odd_header, odd_header, odd_header)
def test_any_header_is_answered(call: Caller, accept: str, content_type: str, agent: str) -> None:
    """Media types nobody has heard of are 406 and 415, and never more than that."""
    read = call("GET", f"{CMS}/a", Accept=accept, User_Agent=agent)
    assert read.status in (200, 406), read.raw
    written = call("PATCH", f"{CMS}/a", b"{}", Content_Type=content_type, User_Agent=agent)
    assert written.status in (200, 415, 400, 422), written.raw


@EXAMPLES
@given(st.binary(max_size=200))
def test_any_bytes_on_the_wire_are_survived(server: APIServer, data: bytes) -> None:
    """What is no HTTP is refused or dropped; the next caller is served."""
    raw_exchange(server.url, data + b"\r\n\r\n")
    assert Caller(server.url)("GET", "/healthz").raw == b"ok"


@pytest.mark.parametrize(
    "head",
    [
        b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: nine\r\n\r\n",
        b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"POST %s HTTP/9.9\r\n\r\n",
        b"GET %s\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"GET %s HTTP/1.1\r\n: nameless\r\n\r\n",
        b"GET %s HTTP/1.1\r\nX: " + b"y" * 2_000_000 + b"\r\n\r\n",
        b"GET /" + b"z" * 2_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_broken_requests_are_refused(server: APIServer, head: bytes) -> None:
    """A request that cannot be framed gets a 4xx or 5xx answer or a closed connection, never a hang."""
    data = head.replace(b"%s", CMS.encode())
    try:
        answer = raw_exchange(server.url, data)
    except ConnectionError:
        answer = b""
    assert not answer or answer.startswith(b"HTTP/1.1 ")
    assert not answer.startswith(b"HTTP/1.1 2")
    assert Caller(server.url)("GET", "/healthz").raw == b"ok"


def test_pipelined_requests_are_answered_in_order(server: APIServer) -> None:
    """Requests sent before the first answer came are answered one after the other."""
    one = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    two = f"GET {CMS}/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    received = raw_exchange(server.url, one + one + two)
    assert received.count(b"HTTP/1.1 200") == 3
    assert received.index(b"ok") < received.index(b'"ConfigMap"')


def test_slow_clients_hold_up_nobody(server: APIServer) -> None:
    """Twenty connections that never finish their request leave others as quick as before."""
    parts = urlsplit(server.url)
    assert parts.hostname
    slow = [socket.create_connection((parts.hostname, parts.port or 0), timeout=10) for _ in range(20)]
    try:
        for sock in slow:
            sock.sendall(f"POST {CMS} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{".encode())
        began = time.monotonic()
        assert Caller(server.url)("GET", f"{CMS}/a").status == 200
        assert time.monotonic() - began < 5
    finally:
        for sock in slow:
            sock.close()


@pytest.mark.parametrize("path", [CMS, WIDGETS])
def test_bodies_over_three_mebibytes_are_413(call: Caller, path: str) -> None:
    """The limit is kube-apiserver's; the connection is closed, the server goes on."""
    try:
        answer = call("POST", path, b'{"a":"' + b"x" * (3 * 1024 * 1024 + 64) + b'"}')
        assert answer.status == 413
    except ConnectionError:
        # Refused before the body was read: the client was still sending.
        pass
    assert call("GET", "/healthz").raw == b"ok"


def test_invalid_text_is_replaced(call: Caller) -> None:
    """Bytes that are no UTF-8 become U+FFFD, as Go's decoder does it."""
    body = json.dumps(config_map("u", {"a": "%"})).encode().replace(b"%", b"\xff")
    assert call.ok("POST", CMS, body, Content_Type="application/json")["data"]["a"] == "\ufffd"
