"""What an error says beyond the server's own words: the credentials that were refused, how often it was tried."""

from __future__ import annotations

import base64
import json
import re
from time import time
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.config import Config
from dynkube.errors import TooManyRequests, Unauthorized
from dynkube.rest import RESTClient
from dynkube.transport import HTTPRequest, Transport
from transport.servers import answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from transport.servers import Server

GET = HTTPRequest("GET", "/api")


def web_token(ends: float) -> str:
    """Return a JSON Web Token that ends at this time; nobody checks its signature here."""
    claims = json.dumps({"exp": ends}).encode()
    return f"eyJhbGciOiJub25lIn0.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.c2ln"


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        ({}, "no credentials were sent: none are configured$"),
        ({"context": "prod"}, "none are configured, from context 'prod'$"),
        ({"bearer_token": "opaque-t0ken", "context": "prod"}, "^sent: bearer token, from context 'prod'$"),
        ({"bearer_token": web_token(time() + 3600)}, "^sent: bearer token$"),
        ({"bearer_token": web_token(time() - 3 * 3600)}, "^sent: bearer token, a token that expired 3 hours ago$"),
        ({"bearer_token": web_token(time() - 50)}, r"a token that expired \d+ (seconds|minutes) ago$"),
        ({"bearer_token": web_token(time() - 10 * 86400)}, "a token that expired 10 days ago$"),
        ({"bearer_token": "not.a.token"}, "^sent: bearer token$"),
        ({"username": "jane", "password": "passw0rd-x"}, "^sent: basic as 'jane'$"),
    ],
)
def test_a_401_says_which_credentials_were_sent(
    options: dict[str, Any], pattern: str, serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """The exception names the kind of credentials, their end if it is past, and the context; never the credentials."""
    server = serve(answer(b"", 401))
    with pytest.raises(Unauthorized) as caught:
        RESTClient(Config(host=server.url), transport=connect(server, **options)).request(GET)
    assert re.search(pattern, caught.value.hint)
    assert str(caught.value).endswith(f" ({caught.value.hint})")
    assert options.get("bearer_token", "nothing") not in str(caught.value)


def test_a_request_with_its_own_authorization_is_not_explained(
    serve: Callable[..., Server], connect: Callable[..., Transport]
) -> None:
    """What the caller put into the request is the caller's to know."""
    server = serve(answer(b"", 401))
    own = HTTPRequest("GET", "/api", (("Authorization", "Bearer my-own-t0ken"),))
    with pytest.raises(Unauthorized) as caught:
        RESTClient(Config(host=server.url), transport=connect(server)).request(own)
    assert caught.value.hint == ""


def test_an_error_says_how_often_it_was_tried(serve: Callable[..., Server], connect: Callable[..., Transport]) -> None:
    """After retries the exception says how many requests were made."""
    server = serve(answer(b"", 429, [("Retry-After", "1")]))
    with pytest.raises(TooManyRequests, match=r"\(asked 11 times\)$"):
        RESTClient(Config(host=server.url), transport=connect(server)).request(GET)
    assert len(server.received) == 11
