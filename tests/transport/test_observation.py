"""What others see of requests, and that no secret is among it."""

from __future__ import annotations

import logging
import sys
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.config import Config, ExecConfig, Impersonation
from dynkube.errors import DynkubeError
from dynkube.rest import RESTClient
from dynkube.transport import HTTPRequest, RequestEvent, Transport
from dynkube.transport.observation import mask_header, mask_secrets
from transport.servers import answer, script

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transport.certificates import Authority
    from transport.servers import Server

GET = HTTPRequest(
    "GET", "/api/v1/namespaces/a/pods/b", verb="get", template="/api/v1/namespaces/{namespace}/pods/{name}"
)


def test_a_hook_sees_every_request_on_the_wire(serve: Callable[..., Server], connect: Callable[..., Transport]) -> None:
    """Verb, template, URL, code, seconds and attempt are told of each try, failed ones with no code."""
    events: list[RequestEvent] = []
    server = serve(script(lambda peer, request: peer.reset(), answer(b"", 503), answer({"kind": "Pod"})))
    connect(server, hook=events.append).send(GET)
    assert [(event.code, event.attempt) for event in events] == [(None, 1), (503, 2), (200, 3)]
    assert {(event.verb, event.template, event.method) for event in events} == {("get", GET.template, "GET")}
    assert all(event.url == server.url + GET.target and event.seconds >= 0 for event in events)


def test_a_read_sent_again_at_once_is_counted(serve: Callable[..., Server], connect: Callable[..., Transport]) -> None:
    """A read that met a connection closed at that moment is one try, and its event says that it was sent twice."""
    events: list[RequestEvent] = []
    good = answer({"kind": "Pod"})
    client = connect(serve(script(good, lambda peer, request: peer.close(), good, good)), hook=events.append)
    for _ in range(3):
        client.send(GET)
    assert [(event.code, event.attempt, event.resent) for event in events] == [(200, 1, 0), (200, 1, 1), (200, 1, 0)]


def test_a_hook_that_fails_is_logged_and_nothing_else(
    serve: Callable[..., Server], connect: Callable[..., Transport], caplog: pytest.LogCaptureFixture
) -> None:
    """An exception in a hook does not spoil the request."""

    def hook(event: RequestEvent) -> None:
        raise RuntimeError("broken hook")

    assert connect(serve(), hook=hook).send(GET).status == 200
    assert "a request hook failed" in caplog.text


def test_the_debug_log_tells_of_requests_without_secrets(
    serve: Callable[..., Server], connect: Callable[..., Transport], caplog: pytest.LogCaptureFixture
) -> None:
    """At DEBUG each request is one line with URL, code and time; authorizations show their scheme only."""
    headers = (("Accept", "application/json"), ("Authorization", "Bearer hunter2"))
    with caplog.at_level(logging.DEBUG, "dynkube.transport"):
        connect(serve()).send(HTTPRequest("GET", "/api", headers, verb="get"))
    assert "Accept: application/json" in caplog.text
    assert "Authorization: Bearer ***" in caplog.text
    assert "200 in 0." in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("Authorization", "Bearer x", "Bearer ***"),
        ("authorization", "Basic eA==", "Basic ***"),
        ("Authorization", "AWS4 Credential=x", "***"),
        ("Authorization", "x", "***"),
        ("Proxy-Authorization", "Negotiate x", "Negotiate ***"),
        ("Cookie", "a=b", "***"),
        ("Accept", "*/*", "*/*"),
    ],
)
def test_headers_are_masked(name: str, value: str, shown: str) -> None:
    """Of an authorization at most a well-known scheme is shown, as in client-go."""
    assert mask_header(name, value) == shown


@pytest.mark.parametrize(
    "text",
    [
        "token=hunter2",
        'password: "hunter2 more"',
        '{"access_token": "hunter2", "x": 1}',
        "AWS_SECRET_ACCESS_KEY=hunter2 rest",
        "Authorization: Bearer hunter2",
        "eyJhbGciOi.hunter2.x",
        "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nhunter2",
        "the secret is hunter2",
    ],
)
def test_secrets_in_foreign_text_are_masked(text: str) -> None:
    """Tokens, keys, telling names and known values are replaced; the rest of the text stays."""
    masked = mask_secrets("before " + text, ["hunter2"] if "the secret is" in text else [])
    assert "hunter2" not in masked
    assert masked.startswith("before ")
    assert "***" in masked


SECRETS = ("tok3n-s3cret", "passw0rd-s3cret", "proxy-s3cret", "data-s3cret", "arg-s3cret", "env-s3cret")


def _configurations(authority: Authority, tmp_path: Path) -> list[dict[str, Any]]:
    identity = authority.issue(client=True)
    token_file = tmp_path / "token"
    token_file.write_text("tok3n-s3cret")
    failing = tmp_path / "failing.py"
    failing.write_text("import sys\nsys.exit('token=tok3n-s3cret ' + 'env-s3cret')\n")
    provider = ExecConfig(
        command=sys.executable,
        args=("-S", str(failing), "--password=arg-s3cret"),
        env=(("X", "env-s3cret"),),
        api_version="client.authentication.k8s.io/v1",
        interactive_mode="Never",
    )
    return [
        {"bearer_token": "tok3n-s3cret"},
        {"bearer_token_file": str(token_file)},
        {"username": "me", "password": "passw0rd-s3cret"},
        {"cert_data": identity.certificate, "key_data": identity.key},
        {"exec_provider": provider},
        {"bearer_token": "tok3n-s3cret", "impersonate": Impersonation(user="jane")},
        {"bearer_token": "tok3n-s3cret", "proxy_url": "http://me:proxy-s3cret@127.0.0.1:1"},
        {"bearer_token": "tok3n-s3cret\n"},
    ]


ANSWERS = [
    answer({"kind": "Secret", "data": {"x": "data-s3cret"}}),
    answer(b'{"kind": "Secret", "data": {"x": "data-s3cret"'),
    answer(b'{"type": "ADDED", "object": {"data": "data-s3cret"'),
    answer(b'{"type": "data-s3cret", "object": 1}'),
    answer(b"", 401),
    answer(b"", 503),
    answer(b"", 302, [("Location", "https://elsewhere/")]),
    b"SSH-2.0\r\n",
]


def test_no_secret_is_ever_shown(
    serve: Callable[..., Server],
    authority: Authority,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Through every kind of credential and answer, no repr, log record, exception text or traceback holds a secret."""
    texts: list[str] = []
    key_line = ""
    with caplog.at_level(logging.DEBUG):
        for options in _configurations(authority, tmp_path):
            key_line = options.get("key_data", b"").decode()[40:70] or key_line
            for reply in ANSWERS:
                _exercise(serve(script(reply)), options, texts)
    texts += [record.getMessage() + str(record.exc_text or "") for record in caplog.records]
    whole = "\n".join(texts)
    assert len(texts) > 200
    assert len(key_line) > 20
    for secret in (*SECRETS, key_line, "dG9rM24t", "bWU6cGFzc3cwcmQt"):
        assert secret not in whole, secret


def _exercise(server: Server, options: dict[str, Any], texts: list[str]) -> None:
    headers = (("Accept", "application/json"), ("X-Custom-Token", "x"))
    request = HTTPRequest("GET", "/api", headers, verb="get")
    write = HTTPRequest("POST", "/api", headers, b'{"data": "data-s3cret"}')
    texts += [repr(request), repr(write)]
    try:
        config = Config(host=server.url, **options)
        texts.append(repr(config))
        transport = Transport(config, sleep=lambda seconds: None)
    except DynkubeError as error:
        texts.append(_shown(error))
        return
    with RESTClient(config, transport=transport) as client:
        texts += [repr(client), repr(transport), repr(config.impersonate), repr(config.exec_provider)]
        for call in (
            lambda: client.request(request),
            lambda: client.request(write),
            lambda: list(client.watch(request)),
            lambda: client.get().abs_path("/api").do(),
        ):
            try:
                texts.append(type(call()).__name__)
            except DynkubeError as error:  # noqa: PERF203
                texts.append(_shown(error))


def _shown(error: DynkubeError) -> str:
    """Return what a log would hold of an exception: text, repr and traceback with all its causes."""
    return f"{error}\n{error!r}\n" + "".join(traceback.format_exception(error))
