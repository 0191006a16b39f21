"""The `oidc` auth provider: an ID token, refreshed with the issuer when it is about to expire."""

from __future__ import annotations

import base64
import json
import logging
import threading
from time import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlencode, urlsplit

from dynkube.config import Config
from dynkube.errors import AuthenticationError, ConfigError, DynkubeError, InvalidRequestError, mask_url
from dynkube.transport.credentials import Grant, bearer
from dynkube.transport.headers import basic_authorization
from dynkube.transport.messages import HTTPRequest
from dynkube.transport.observation import mask_secrets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dynkube.config import AuthProviderConfig
    from dynkube.transport.messages import HTTPResponse

_log = logging.getLogger("dynkube.transport")

#: Seconds before its end at which a token is no longer used (client-go's expiryDelta).
EXPIRY_SECONDS = 10.0


class OIDCCredentials:
    """Uses `id-token` while it is valid, then asks the issuer for another with `refresh-token`.

    New tokens are stored where the configuration came from. If that fails the request goes on, with a warning: the
    tokens are good, and the next program to need them says what is wrong with the file.
    """

    def __init__(
        self, provider: AuthProviderConfig, *, proxy_url: str | None = None, clock: Callable[[], float] = time
    ) -> None:
        for key in ("idp-issuer-url", "client-id"):
            if not provider.config.get(key):
                raise ConfigError(f"auth-provider oidc: {key!r} is missing")
        if not provider.config.get("id-token") and not provider.config.get("refresh-token"):
            raise ConfigError("auth-provider oidc: neither 'id-token' nor 'refresh-token' is set")
        self._settings = dict(provider.config)
        self._place = (provider.path, provider.user)
        self._proxy_url = proxy_url
        self._clock = clock
        self._lock = threading.Lock()
        self._grant: Grant | None = None
        self._expires = 0.0
        token = provider.config.get("id-token")
        if token:
            self._take(token)

    def grant(self) -> Grant:
        """Return the token in use, after refreshing it if need be; see `Credentials.grant`."""
        grant = self._current()
        if grant is not None:
            return grant
        with self._lock:
            return self._current() or self._refresh()

    def refused(self, grant: Grant) -> bool:
        """Refresh a token the server does not take, once for all threads; see `Credentials.refused`."""
        with self._lock:
            if self._grant is grant and self._settings.get("refresh-token"):
                self._refresh()
            return self._grant is not grant

    def _current(self) -> Grant | None:
        return self._grant if self._clock() + EXPIRY_SECONDS < self._expires else None

    def _take(self, token: str) -> Grant:
        try:
            self._grant = bearer(token)
        except InvalidRequestError:
            raise AuthenticationError("auth-provider oidc: the id-token cannot stand in a header") from None
        self._expires = token_expiry(token)
        return self._grant

    def _refresh(self) -> Grant:
        refresh_token = self._settings.get("refresh-token")
        if not refresh_token:
            raise AuthenticationError(
                "auth-provider oidc: the id-token has expired and there is no refresh-token; log in again"
            )
        reply = self._ask(self._token_endpoint(), refresh_token)
        token = reply.get("id_token")
        if not isinstance(token, str) or not token:
            raise AuthenticationError(
                f"auth-provider oidc: the issuer {self._issuer} answered a refresh without an id_token; "
                "it may not support that, then use an exec plug-in instead"
            )
        grant = self._take(token)
        self._settings["id-token"] = token
        if isinstance(reply.get("refresh_token"), str) and reply["refresh_token"]:
            self._settings["refresh-token"] = reply["refresh_token"]
        self._store()
        return grant

    @property
    def _issuer(self) -> str:
        return mask_url(self._settings["idp-issuer-url"])

    def _token_endpoint(self) -> str:
        url = self._settings["idp-issuer-url"].rstrip("/") + "/.well-known/openid-configuration"
        endpoint = self._json(self._send(url, "GET"), url).get("token_endpoint")
        if not isinstance(endpoint, str) or not endpoint.startswith(("https://", "http://")):
            raise AuthenticationError(f"auth-provider oidc: {mask_url(url)} names no token_endpoint")
        return endpoint

    def _ask(self, endpoint: str, refresh_token: str) -> dict[str, Any]:
        """Send the refresh; the client's own secret goes in a header or, if that is refused, in the form."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        client, secret = self._settings["client-id"], self._settings.get("client-secret", "")
        # RFC 6749 2.3.1: both are form-encoded before they go into the header.
        header = basic_authorization(quote_plus(client), quote_plus(secret))
        response = self._send(endpoint, "POST", form, header)
        if response.status in (400, 401):
            form["client_id"] = client
            if secret:
                form["client_secret"] = secret
            response = self._send(endpoint, "POST", form)
        return self._json(response, endpoint)

    def _send(
        self, url: str, method: str, form: Mapping[str, str] | None = None, authorization: str | None = None
    ) -> HTTPResponse:
        from dynkube.transport.transport import Transport

        parts = urlsplit(url)
        authority = self._settings.get("idp-certificate-authority-data")
        headers = [("Accept", "application/json")]
        if form is not None:
            headers.append(("Content-Type", "application/x-www-form-urlencoded"))
        if authorization:
            headers.append(("Authorization", authorization))
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            config = Config(
                host=f"{parts.scheme}://{parts.netloc}",
                ca_data=base64.b64decode(authority) if authority else None,
                ca_file=None if authority else self._settings.get("idp-certificate-authority") or None,
                proxy_url=self._proxy_url,
            )
            with Transport(config) as transport:
                body = urlencode(form).encode() if form is not None else None
                return transport.send(HTTPRequest(method, target, tuple(headers), body))
        except (DynkubeError, ValueError) as error:
            raise AuthenticationError(f"auth-provider oidc: cannot reach the issuer: {error}") from error

    def _json(self, response: HTTPResponse, url: str) -> dict[str, Any]:
        body = response.read()
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            value = None
        if response.status != 200 or not isinstance(value, dict):
            said = value.get("error_description") or value.get("error") if isinstance(value, dict) else None
            known = [text for key, text in self._settings.items() if "token" in key or "secret" in key]
            reason = f": {mask_secrets(str(said), known)}" if said else ""
            raise AuthenticationError(f"auth-provider oidc: {mask_url(url)} answered {response.status}{reason}")
        return value

    def _store(self) -> None:
        path, user = self._place
        if path is None or user is None:
            return
        from dynkube.config.writing import write_auth_provider

        try:
            write_auth_provider(path, user, dict(self._settings))
        except (OSError, DynkubeError) as error:
            _log.warning("auth-provider oidc: the refreshed tokens could not be stored: %s", error)


def token_expiry(token: str) -> float:
    """Return when a JSON Web Token expires, in seconds since 1970; 0 if it does not say, so that it is not relied on.

    The signature is not checked: that is for the API server, this only decides when to ask for another one.
    """
    parts = token.split(".")
    if len(parts) != 3:
        return 0.0
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return float(claims["exp"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return 0.0
