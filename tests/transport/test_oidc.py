"""The oidc auth provider against an issuer of our own."""

from __future__ import annotations

import json
import threading
from base64 import b64encode, urlsafe_b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from dynkube.config import AuthProviderConfig, Config
from dynkube.errors import AuthenticationError, ConfigError
from dynkube.transport import Transport
from dynkube.transport.oidc import OIDCCredentials, token_expiry
from transport.servers import answer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from pathlib import Path

    from transport.certificates import Authority
    from transport.servers import Peer, Received, Server


def _token(expires: float, name: str = "x") -> str:
    parts = ({"alg": "none"}, {"exp": expires, "sub": name})
    return ".".join(urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + ".sig"


class Issuer:
    """An OpenID issuer that hands out numbered tokens."""

    def __init__(self, serve: Callable[..., Server], context: ssl.SSLContext, *, header: bool = True) -> None:
        self.header = header
        self.reply: bytes | None = None
        self.server = serve(self._handle, context=context)
        self.forms: list[dict[str, list[str]]] = []

    def _handle(self, peer: Peer, request: Received) -> None:
        if request.method == "GET":
            assert request.target == "/realm/.well-known/openid-configuration"
            peer.send(answer({"token_endpoint": f"{self.server.url}/token"}))
            return
        form = parse_qs(request.body.decode())
        self.forms.append(form)
        by_header = request.header("Authorization") == "Basic " + b64encode(b"kube%2F1:s%C3%A9cret").decode()
        by_form = form.get("client_id") == ["kube/1"] and form.get("client_secret") == ["sécret"]
        if self.reply is None and not (by_header if self.header else by_form):
            peer.send(answer({"error": "invalid_client"}, 401))
            return
        number = sum(1 for item in self.forms if "refresh_token" in item)
        body = {"id_token": _token(2000.0 + 1000 * number), "refresh_token": f"refresh-{number}"}
        peer.send(self.reply or answer(body))


def _settings(issuer: Issuer, authority: Authority, **changes: str) -> dict[str, str]:
    return {
        "idp-issuer-url": f"{issuer.server.url}/realm",
        "client-id": "kube/1",
        "client-secret": "sécret",
        "idp-certificate-authority-data": b64encode(authority.certificate).decode(),
        "id-token": _token(1000.0),
        "refresh-token": "refresh-0",
        **changes,
    }


@pytest.mark.parametrize("header", [True, False], ids=["secret in the header", "secret in the form"])
def test_an_expired_token_is_refreshed_once(
    header: bool, serve: Callable[..., Server], tls: ssl.SSLContext, authority: Authority
) -> None:
    """Ten seconds before its end a token is exchanged with the issuer, once for all threads, either way of asking."""
    issuer = Issuer(serve, tls, header=header)
    clock = [0.0]
    source = OIDCCredentials(
        AuthProviderConfig(name="oidc", config=_settings(issuer, authority)), clock=lambda: clock[0]
    )
    assert source.grant().authorization == f"Authorization: Bearer {_token(1000.0)}\r\n".encode()
    clock[0] = 991.0
    threads = [threading.Thread(target=source.grant) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(issuer.forms) == (1 if header else 2)
    assert issuer.forms[0]["refresh_token"] == ["refresh-0"]
    clock[0] = 5000.0
    source.grant()
    assert issuer.forms[-1]["refresh_token"] == [f"refresh-{1 if header else 2}"]


def test_a_refused_token_is_refreshed(serve: Callable[..., Server], tls: ssl.SSLContext, authority: Authority) -> None:
    """After a 401 the token is refreshed although it has not expired; a second thread finds it done."""
    issuer = Issuer(serve, tls)
    source = OIDCCredentials(AuthProviderConfig(name="oidc", config=_settings(issuer, authority)), clock=lambda: 0.0)
    grant = source.grant()
    assert source.refused(grant)
    assert source.refused(grant)
    assert len(issuer.forms) == 1


def test_new_tokens_are_written_where_the_old_came_from(
    serve: Callable[..., Server], tls: ssl.SSLContext, authority: Authority, tmp_path: Path
) -> None:
    """The kubeconfig stanza the provider came from holds the new tokens afterwards."""
    issuer = Issuer(serve, tls)
    settings = _settings(issuer, authority)
    path = tmp_path / "config"
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "users": [{"name": "me", "user": {"auth-provider": {"name": "oidc", "config": settings}}}],
    }
    path.write_text(json.dumps(document))
    provider = AuthProviderConfig(name="oidc", config=settings, path=str(path), user="me")
    OIDCCredentials(provider, clock=lambda: 5000.0).grant()
    text = path.read_text()
    assert "refresh-1" in text
    assert _token(3000.0) in text


def test_a_place_that_cannot_be_written_does_not_fail_the_request(
    serve: Callable[..., Server],
    tls: ssl.SSLContext,
    authority: Authority,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Good tokens are used even if they cannot be stored; a warning says so."""
    issuer = Issuer(serve, tls)
    provider = AuthProviderConfig(
        name="oidc", config=_settings(issuer, authority), path=str(tmp_path / "none" / "config"), user="me"
    )
    assert OIDCCredentials(provider, clock=lambda: 5000.0).grant().authorization
    assert "could not be stored" in caplog.text


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (answer({"access_token": "x"}), "without an id_token"),
        (answer({"error": "invalid_grant", "error_description": "refresh-0 was revoked"}, 400), "answered 400"),
        (answer(b"<html>", 500), "answered 500"),
    ],
)
def test_an_issuer_that_refuses_is_quoted_without_secrets(
    reply: bytes, message: str, serve: Callable[..., Server], tls: ssl.SSLContext, authority: Authority
) -> None:
    """What the issuer says is an AuthenticationError; tokens in it are masked."""
    issuer = Issuer(serve, tls)
    issuer.reply = reply
    source = OIDCCredentials(AuthProviderConfig(name="oidc", config=_settings(issuer, authority)), clock=lambda: 5000.0)
    with pytest.raises(AuthenticationError, match=message) as caught:
        source.grant()
    assert "refresh-0" not in str(caught.value)
    assert "sécret" not in str(caught.value)


def test_an_issuer_out_of_reach_is_an_authentication_error(authority: Authority) -> None:
    """A refresh that cannot reach the issuer says so, with the reason."""
    config = {"idp-issuer-url": "https://no-such-issuer.invalid", "client-id": "c", "refresh-token": "r"}
    with pytest.raises(AuthenticationError, match=r"cannot reach the issuer.*cannot resolve"):
        OIDCCredentials(AuthProviderConfig(name="oidc", config=config)).grant()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"client-id": "c", "id-token": "x"}, "'idp-issuer-url' is missing"),
        ({"idp-issuer-url": "https://x", "id-token": "x"}, "'client-id' is missing"),
        ({"idp-issuer-url": "https://x", "client-id": "c"}, "neither 'id-token' nor 'refresh-token'"),
    ],
)
def test_an_incomplete_stanza_is_refused_at_once(config: dict[str, str], message: str) -> None:
    """What is missing from the stanza is a ConfigError when the client is made."""
    with pytest.raises(ConfigError, match=message):
        Transport(Config(host="https://x", auth_provider=AuthProviderConfig(name="oidc", config=config)))


def test_an_expired_token_without_a_refresh_token_says_to_log_in() -> None:
    """With nothing to refresh by, the user is told what to do."""
    config = {"idp-issuer-url": "https://x", "client-id": "c", "id-token": _token(0.0)}
    with pytest.raises(AuthenticationError, match="log in again"):
        OIDCCredentials(AuthProviderConfig(name="oidc", config=config)).grant()


def test_a_token_that_would_inject_a_header_is_refused() -> None:
    """An id-token with a line break is an AuthenticationError that does not show it."""
    config = {"idp-issuer-url": "https://x", "client-id": "c", "id-token": "hunter2\r\nX: y"}
    with pytest.raises(AuthenticationError, match="cannot stand in a header") as caught:
        OIDCCredentials(AuthProviderConfig(name="oidc", config=config))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["gcp", "azure", "openstack"])
def test_providers_of_the_past_point_to_plugins(name: str) -> None:
    """gcp, azure and others are refused with a hint at exec plug-ins."""
    with pytest.raises(ConfigError, match=f"'{name}' is not built in.*exec plug-ins"):
        Transport(Config(host="https://x", auth_provider=AuthProviderConfig(name=name)))


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "a.e30.c", "x.W10.y"])
def test_a_token_that_does_not_say_when_it_ends_is_not_relied_on(token: str) -> None:
    """Anything but a JWT with a numeric exp counts as expired."""
    assert token_expiry(token) == 0.0
