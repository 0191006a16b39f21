"""Everything a network and a server can do wrong, one fault at a time: each ends as it should and leaves nothing."""

from __future__ import annotations

import gzip
import re
import socket
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.config import Config, Timeout
from dynkube.errors import (
    BadRequest,
    Conflict,
    ConnectFailedError,
    DynkubeError,
    Expired,
    Forbidden,
    Gone,
    InternalError,
    NotFound,
    RequestEntityTooLarge,
    RequestTimeoutError,
    ResponseError,
    ServiceUnavailable,
    StatusError,
    TLSError,
    TooManyRequests,
    TransportError,
    Unauthorized,
)
from dynkube.errors import Timeout as ServerSideTimeout
from dynkube.rest import RESTClient
from dynkube.transport import HTTPRequest, RetryPolicy, Transport
from transport.certificates import Authority, future, past, self_signed
from transport.servers import CHUNKED, Proxy, Server, answer, chunk, script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from transport.servers import Peer, Received

NEVER = RetryPolicy(hinted=0, unhinted=0)
QUICK = Timeout(connect=5.0, read=0.3)
HTML = b"<!DOCTYPE html>\n<html><body><h1>Sign in</h1></body></html>"
POD = {"kind": "Pod", "apiVersion": "v1"}
ADDED = b'{"type":"ADDED","object":{"kind":"Pod","metadata":{"name":"a"}}}\n'

Handler = "Callable[[Peer, Received], None]"


@dataclass(frozen=True)
class Fault:
    """A fault: what the server does, how it is called, and what must come of it (None: the request succeeds)."""

    name: str
    handle: Any
    expected: type[DynkubeError] | tuple[type[DynkubeError], ...] | None
    message: str = ""
    method: str = "GET"
    verb: str = "get"
    body: bytes | None = None
    retry: RetryPolicy = field(default=NEVER)
    timeout: Timeout = field(default=Timeout(5.0, 5.0))


def _close(peer: Peer, request: Received) -> None:
    peer.close()


def _reset(peer: Peer, request: Received) -> None:
    peer.reset()


def _silent(peer: Peer, request: Received) -> None:
    peer.wait_closed()


def _then(data: bytes, end: Callable[[Peer, Received], None] = _close) -> Callable[[Peer, Received], None]:
    def handle(peer: Peer, request: Received) -> None:
        peer.send(data)
        end(peer, request)

    return handle


def _trickle(peer: Peer, request: Received) -> None:
    peer.send(CHUNKED)
    while not peer.closed:
        peer.send(chunk(b" "))


def _status(code: int, reason: str, **fields: Any) -> bytes:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code, **fields}
    return answer(status, code)


def _encoded(data: bytes, encoding: str) -> bytes:
    return answer(data, headers=[("Content-Encoding", encoding)])


def _events(*pieces: bytes, end: bytes = chunk(b"")) -> bytes:
    return CHUNKED + b"".join(chunk(piece) for piece in pieces) + end


ZIPPED = gzip.compress(b'{"kind":"Pod"}')
RETRIED = RetryPolicy(first=0.0)

ANSWERS = [
    Fault("closed without an answer", _close, ConnectFailedError, "without an answer"),
    Fault("closed without an answer to a write", _close, ConnectFailedError, "not known whether", "POST"),
    Fault("reset before the first byte", _reset, ConnectFailedError, "without an answer"),
    Fault("reset before the first byte of a write", _reset, ConnectFailedError, "not known whether", "DELETE"),
    Fault("reset once, then an answer", script(_reset, answer(POD)), None, retry=RETRIED),
    Fault("closed twice, then an answer", script(_close, _close, answer(POD)), None, retry=RETRIED),
    Fault("cut once, then whole", script(_then(answer(POD)[:-3]), answer(POD)), None, retry=RETRIED),
    Fault("no HTTP but SSH", _then(b"SSH-2.0-OpenSSH_9.6\r\n"), ResponseError, "does not answer in HTTP"),
    Fault("no HTTP but noise", _then(b"\x00\x01\x02\x03\r\n"), ResponseError, "does not answer in HTTP"),
    Fault("no HTTP but a TLS alert", _then(b"\x15\x03\x01\x00\x02\x02\x46"), TLSError, "use https://"),
    Fault("Go's hint that the port speaks TLS", _then(
        answer(b"Client sent an HTTP request to an HTTPS server.\n", 400, content_type="")
    ), TLSError, "use https://"),
    Fault("half a status line", _then(b"HTTP/1."), ResponseError, "HTTP"),
    Fault("headers cut", _then(b"HTTP/1.1 200 OK\r\nContent-Ty"), ResponseError),
    Fault("two hundred headers", _then(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"), ResponseError, "header"),
    Fault("an endless header", _then(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70000 + b"\r\n\r\n"), ResponseError, "header"),
    Fault("an impossible status", _then(b"HTTP/1.1 9999 Huh\r\n\r\n"), ResponseError, "HTTP"),
    Fault("a body shorter than announced", _then(answer(POD)[:-3]), ResponseError, "cut short"),
    Fault("a reset in the body", _then(answer(POD)[:-3], _reset), ResponseError, "middle of its answer|cut short"),
    Fault("a chunk cut", _then(CHUNKED + b"ff\r\n{"), ResponseError, "cut short"),
    Fault("no last chunk", _then(CHUNKED + chunk(b"{}")), ResponseError, "cut short"),
    Fault("a chunk size that is no number", _then(CHUNKED + b"zz\r\n{}"), ResponseError, "cut short|broken"),
    Fault("silence instead of an answer", _silent, RequestTimeoutError, "read timeout of 0.3 s", timeout=QUICK),
    Fault("silence instead of an answer to a write", _silent, RequestTimeoutError, "not known", "PUT", timeout=QUICK),
    Fault("silence in the body", _then(answer(POD)[:-3], _silent), RequestTimeoutError, "silent", timeout=QUICK),
    Fault("a body that trickles for ever", _trickle, RequestTimeoutError, "", timeout=Timeout(5.0, 5.0, 0.3)),
    Fault("silence and a total limit", _silent, RequestTimeoutError, "", timeout=Timeout(5.0, 5.0, 0.3)),
    Fault("gzip that is none", _encoded(b"plain", "gzip"), ResponseError, "broken"),
    Fault("gzip cut", _encoded(ZIPPED[:-9], "gzip"), ResponseError, "broken"),
    Fault("an encoding nobody asked for", _encoded(b"x", "br"), ResponseError, "'br'"),
    *(
        Fault(f"a redirect with {code}", answer(b"", code, [("Location", "https://evil.example/")]), ResponseError,
              "redirects to https://evil.example/", method)
        for code, method in ((301, "GET"), (302, "POST"), (303, "PUT"), (307, "DELETE"), (308, "PATCH"))
    ),
    Fault("a web page with 200", answer(HTML, content_type="text/html"), ResponseError, "web page"),
    Fault("a web page without a type", answer(HTML, content_type=""), ResponseError, "web page"),
    Fault("a web page with 502", answer(HTML, 502, content_type="text/html"), InternalError, "Sign in"),
    Fault("a web page with 403", answer(HTML, 403, content_type="text/html"), Forbidden, "Sign in"),
    Fault("a web page with 404", answer(HTML, 404, content_type="text/html"), NotFound),
    Fault("a web page with 401", answer(HTML, 401, content_type="text/html"), Unauthorized),
    Fault("plain text with 200", answer(b"ok", content_type="text/plain"), ResponseError, "text/plain, not JSON: 'ok'"),
    Fault("nothing with 200", answer(b""), ResponseError, "empty"),
    Fault("a list with 200", answer([1]), ResponseError, "no object: a list"),
    Fault("a string with 200", answer(b'"x"'), ResponseError, "no object: a str"),
    Fault("broken JSON with 200", answer(b'{"kind": "Secret", "data": {"x": hunter2'), ResponseError, "no proper JSON"),
    Fault("JSON that is not UTF-8", answer(b'{"a": "\xff\xfe"}'), ResponseError, "not UTF-8"),
    Fault("JSON a thousand levels deep", answer(b"[" * 100_000), ResponseError, "no proper JSON"),
    Fault("a failure with 200", answer({"kind": "Status", "status": "Failure", "code": 403, "reason": "Forbidden"}),
          Forbidden),
    Fault("429 without a hint", answer(b"slow", 429, content_type="text/plain"), TooManyRequests),
    Fault("429 with a hint for a write", script(_status(429, "TooManyRequests", details={"retryAfterSeconds": 1}),
          answer(POD)), None, method="POST", retry=RETRIED),
    Fault("429 with a date", script(answer(b"", 429, [("Retry-After", "Fri, 31 Dec 1999 23:59:59 GMT")]), answer(POD)),
          None, retry=RETRIED),
    Fault("429 with a hint that is none", answer(b"", 429, [("Retry-After", "soon")]), TooManyRequests),
    Fault("503 twice, then an answer", script(answer(b"", 503), answer(b"", 503), answer(POD)), None, retry=RETRIED),
    Fault("503 for a write", answer(b"", 503, [("Retry-After", "0")]), ServiceUnavailable, "", "POST", retry=RETRIED),
    Fault("502 once, then an answer", script(answer(HTML, 502), answer(POD)), None, retry=RETRIED),
    Fault("500 with a Status", _status(500, "InternalError", message="etcd is gone"), InternalError, "etcd is gone"),
    Fault("504", _status(504, "Timeout"), ServerSideTimeout, retry=RETRIED),
    Fault("an unknown reason", _status(409, "Novel"), Conflict),
    Fault("a Status without a code", answer({"kind": "Status", "status": "Failure"}, 400), BadRequest),
    Fault("an unknown code", answer(b"", 418), StatusError, "418"),
    Fault("413 while the body is still being sent", _then(_status(413, "RequestEntityTooLarge"), _reset),
          (RequestEntityTooLarge, TransportError), "", "POST", body=b"x" * 4_000_000),
    Fault("100 Continue unasked", b"HTTP/1.1 100 Continue\r\n\r\n" + answer(POD), None),
    Fault("Connection: close", _then(answer(POD, headers=[("Connection", "close")])), None),
    Fault("HTTP/1.0 without a length", _then(b"HTTP/1.0 200 OK\r\n\r\n{}"), None),
    Fault("a watch of an old version", _events(
        b'{"type":"ERROR","object":{"kind":"Status","status":"Failure","reason":"Expired","code":410}}\n'
    ), Expired, verb="watch"),
    Fault("a watch refused with 410", _status(410, "Gone"), Gone, verb="watch"),
    Fault("a watch that fails without a Status", _events(b'{"type":"ERROR","object":{"kind":"Pod"}}\n'), ResponseError,
          "no Status", verb="watch"),
    Fault("an event of an unknown type", _events(ADDED.replace(b"ADDED", b"NOVEL")), ResponseError, "'NOVEL'",
          verb="watch"),
    Fault("an event without an object", _events(b'{"type":"ADDED"}\n'), ResponseError, "no event", verb="watch"),
    Fault("a watch that is a web page", answer(HTML), ResponseError, "no JSON", verb="watch"),
    Fault("a watch that is not UTF-8", _events(b'{"type":"\xff"}\n'), ResponseError, "not UTF-8", verb="watch"),
    Fault("an event cut, the stream ended in order", _events(ADDED[:-9]), ResponseError, "middle of an event",
          verb="watch"),
    Fault("an event cut, the stream cut too", _then(_events(ADDED[:-9], end=b"")), ResponseError, "cut short",
          verb="watch"),
    Fault("a reset in a watch", _then(_events(ADDED, end=b""), _reset), ResponseError, "middle|cut", verb="watch"),
    Fault("silence in a watch", _then(_events(ADDED, end=b""), _silent), RequestTimeoutError, "silent", verb="watch",
          timeout=QUICK),
]  # fmt: skip


@pytest.mark.parametrize("fault", ANSWERS, ids=lambda fault: fault.name)
def test_a_faulty_answer(
    fault: Fault,
    serve: Callable[..., Server],
    connect: Callable[..., Transport],
    record_property: Callable[[str, object], None],
) -> None:
    """Each fault of an answer ends in the right exception with a telling message, or is overcome; nothing is left."""
    handle = fault.handle
    if isinstance(handle, bytes):
        handle = script(handle)
    server = serve(handle)
    client = RESTClient(Config(host=server.url), transport=connect(server, retry=fault.retry))
    request = HTTPRequest(fault.method, "/api/v1/pods", body=fault.body, verb=fault.verb)
    if fault.expected is None:
        client.request(request, timeout=fault.timeout)
    else:
        with pytest.raises(fault.expected) as caught:
            _use(client, request, fault)
        text = str(caught.value)
        assert re.search(fault.message, text), text
        assert "hunter2" not in text
        if not text.startswith((fault.method, "40", "50")):
            assert fault.method in text
    record_property("fault", fault.name)


def _use(client: RESTClient, request: HTTPRequest, fault: Fault) -> None:
    if fault.verb == "watch":
        list(client.watch(request, timeout=fault.timeout))
    else:
        client.request(request, timeout=fault.timeout)


@dataclass(frozen=True)
class World:
    """What faults of connecting are made of."""

    authority: Authority
    folder: Path
    serve: Callable[..., Server]


def _serving(world: World, **options: Any) -> dict[str, Any]:
    identity = world.authority.issue(**options)
    server = world.serve(context=identity.server_context(world.folder))
    return {"host": server.url, "ca_data": world.authority.certificate}


def _expired_authority(world: World) -> dict[str, Any]:
    old = Authority("old", expired=True)
    return {
        "host": world.serve(context=old.issue().server_context(world.folder)).url,
        "ca_data": old.certificate,
    }


def _self_signed(world: World) -> dict[str, Any]:
    server = world.serve(context=self_signed().server_context(world.folder))
    return {"host": server.url, "ca_data": world.authority.certificate}


def _untrusted(world: World) -> dict[str, Any]:
    return {**_serving(world), "ca_data": Authority("other").certificate}


def _wants_certificate(world: World) -> dict[str, Any]:
    context = world.authority.issue().server_context(world.folder, client_ca=world.authority.certificate)
    return {"host": world.serve(context=context).url, "ca_data": world.authority.certificate}


def _with_client(world: World, authority: Authority, **options: Any) -> dict[str, Any]:
    identity = authority.issue(client=True, **options)
    return {**_wants_certificate(world), "cert_data": identity.certificate, "key_data": identity.key}


def _https_to(world: World, accept: Callable[[Peer], None]) -> dict[str, Any]:
    server = world.serve(accept=accept)
    return {"host": f"https://127.0.0.1:{server.port}", "ca_data": world.authority.certificate}


def _reset_in_handshake(peer: Peer) -> None:
    # Not before the client's hello: Python 3.11 leaves a socket open that was reset before its handshake began, until
    # it is collected.
    peer.sock.recv(1)
    peer.reset()


def _plain(peer: Peer) -> None:
    peer.send(answer(b"", 400))


def _old_tls(world: World) -> dict[str, Any]:
    context = world.authority.issue().server_context(world.folder)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match=r"TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return {"host": world.serve(context=context).url, "ca_data": world.authority.certificate}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _strict(world: World) -> dict[str, Any]:
    bare = Authority("bare", identifiers=False)
    server = world.serve(context=bare.issue().server_context(world.folder))
    return {"host": server.url, "ca_data": bare.certificate, "strict_x509": True}


CONNECTIONS: list[tuple[str, Callable[[World], dict[str, Any]], Any, str]] = [
    ("refused", lambda world: {"host": f"http://127.0.0.1:{_free_port()}"}, ConnectFailedError, "nothing listens"),
    ("refused over https", lambda world: {"host": f"https://127.0.0.1:{_free_port()}"}, ConnectFailedError, "refused"),
    ("an unknown name", lambda world: {"host": "http://no-such-host.invalid"}, ConnectFailedError,
     "cannot resolve the host name 'no-such-host.invalid'"),
    ("an untrusted authority", _untrusted, TLSError, "not signed by the configured authority"),
    ("a self-signed certificate", _self_signed, TLSError, "not signed by the configured authority"),
    ("another host name", lambda world: _serving(world, names=["example.com"]), TLSError, "another name"),
    ("another address", lambda world: _serving(world, names=["10.1.1.1"]), TLSError, "another name"),
    ("an expired certificate", lambda world: _serving(world, window=past()), TLSError, "not valid now"),
    ("a certificate of the future", lambda world: _serving(world, window=future()), TLSError, "not valid now"),
    ("an expired authority", _expired_authority, TLSError, "not valid now"),
    ("another tls-server-name", lambda world: {**_serving(world), "tls_server_name": "x.example"}, TLSError,
     "another name than 'x.example'"),
    ("strict X.509 and no key identifiers", _strict, TLSError, "strict_x509"),
    ("a client certificate wanted", _wants_certificate, (TLSError, ConnectFailedError), ""),
    ("a client certificate of a stranger", lambda world: _with_client(world, Authority("x")),
     (TLSError, ConnectFailedError), ""),
    ("an expired client certificate", lambda world: _with_client(world, world.authority, window=past()),
     (TLSError, ConnectFailedError), ""),
    ("TLS 1.1 only", _old_tls, TLSError, ""),
    ("plain HTTP on the https port", lambda world: _https_to(world, _plain), TLSError, "did not answer in TLS"),
    ("noise instead of a handshake", lambda world: _https_to(world, lambda peer: peer.send(b"\x00" * 64)), TLSError,
     ""),
    ("closed during the handshake", lambda world: _https_to(world, lambda peer: peer.close()),
     (TLSError, ConnectFailedError), ""),
    ("reset during the handshake", lambda world: _https_to(world, _reset_in_handshake), ConnectFailedError,
     "cannot connect"),
    ("silence during the handshake", lambda world: _https_to(world, lambda peer: peer.wait_closed()),
     RequestTimeoutError, "did not answer the TLS handshake within 0.3 s.*may not serve https"),
    ("plain HTTP to a TLS port", lambda world: {"host": _serving(world)["host"].replace("https", "http")},
     (ConnectFailedError, TLSError), "https"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "make", "expected", "message"), CONNECTIONS, ids=[item[0] for item in CONNECTIONS])
def test_a_connection_that_cannot_be_made(
    name: str,
    make: Callable[[World], dict[str, Any]],
    expected: type[DynkubeError],
    message: str,
    serve: Callable[..., Server],
    connect: Callable[..., Transport],
    authority: Authority,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """Each way a connection can fail ends in the right exception, with host and port and a way out."""
    options = make(World(authority, tmp_path, serve))
    client = connect(
        options.pop("host"), retry=NEVER, timeout=Timeout(0.3 if "within" in message else 5.0, 5.0), **options
    )
    with pytest.raises(expected, match=message or None) as caught:
        client.send(HTTPRequest("GET", "/api"))
    assert str(caught.value).startswith("GET http")
    assert client.open_connections == 0
    record_property("fault", name)


@pytest.fixture
def proxies(nothing_left: None) -> Iterator[Callable[..., Proxy]]:
    """Start proxies that the end of the test closes."""
    started: list[Proxy] = []

    def start(**options: Any) -> Proxy:
        started.append(Proxy(**options))
        return started[-1]

    yield start
    for proxy in started:
        proxy.close()


PROXIES: list[tuple[str, Any, str]] = [
    ("the proxy wants a password", {"credentials": "me:secret"}, "407.*user name and password"),
    ("the proxy refuses", {"refuse": answer(b"", 403)}, "refused to connect.*403"),
    ("the proxy cannot reach the server", {"refuse": answer(b"", 502)}, "refused to connect.*502"),
    ("the proxy hangs up", {"refuse": b""}, "through the proxy|refused to connect"),
    ("the proxy is none", {"refuse": b"SSH-2.0\r\n"}, "through the proxy"),
]


@pytest.mark.parametrize(("name", "options", "message"), PROXIES, ids=[item[0] for item in PROXIES])
def test_a_faulty_proxy(
    name: str,
    options: dict[str, Any],
    message: str,
    proxies: Callable[..., Proxy],
    connect: Callable[..., Transport],
    record_property: Callable[[str, object], None],
) -> None:
    """A proxy that does not tunnel is named in the error, with where it was configured."""
    proxy = proxies(**options)
    client = connect("https://api.example:6443", proxy_url=proxy.url, retry=NEVER)
    with pytest.raises(ConnectFailedError, match=message) as caught:
        client.send(HTTPRequest("GET", "/api"))
    assert "from proxy-url" in str(caught.value)
    record_property("fault", name)


def test_a_proxy_that_is_down(
    connect: Callable[..., Transport], record_property: Callable[[str, object], None]
) -> None:
    """A refused connection to the proxy is told apart from one to the server."""
    client = connect("https://api.example", proxy_url=f"http://127.0.0.1:{_free_port()}", retry=NEVER)
    with pytest.raises(ConnectFailedError, match=r"connection to the proxy http://127.0.0.1:\d+ .*refused"):
        client.send(HTTPRequest("GET", "/api"))
    record_property("fault", "a proxy that is down")


def test_at_least_sixty_distinct_faults_are_tried() -> None:
    """The tables hold at least sixty faults, no two of one name."""
    names = [fault.name for fault in ANSWERS] + [item[0] for item in [*CONNECTIONS, *PROXIES]]
    assert len(names) == len(set(names))
    assert len(names) >= 60
