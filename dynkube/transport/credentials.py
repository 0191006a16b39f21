"""What proves who we are: fixed credentials, and a token file that is read again as it changes."""

from __future__ import annotations

import logging
import threading
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from dynkube.errors import ConfigError, InvalidRequestError
from dynkube.transport.headers import basic_authorization, encode_header
from dynkube.transport.tls import FileStamps, read_file
from dynkube.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.config import Config
    from dynkube.transport.tls import ClientCertificate

_log = logging.getLogger("dynkube.transport")

#: Seconds after which a token file is read again even if it looks unchanged (client-go: a minute less 10 s).
TOKEN_FILE_SECONDS = 50.0
#: Seconds between two looks at whether a file changed.
LOOK_SECONDS = 1.0


class Grant(Value):
    """Credentials as they are at one moment. Two are the same only if they are the same object."""

    #: The encoded `Authorization` line, or nothing.
    authorization: bytes = b""
    certificate: ClientCertificate | None = None

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<Grant{' authorization' if self.authorization else ''}{' certificate' if self.certificate else ''}>"


#: No credentials beyond a client certificate of the configuration itself.
ANONYMOUS = Grant()


class Credentials(Protocol):
    """A source of grants, shared by all threads."""

    def grant(self) -> Grant:
        """Return the grant to use now. Raises AuthenticationError or ConfigError if there is none to be had."""

    def refused(self, grant: Grant) -> bool:
        """Take note that the server answered 401 to `grant`; tell whether `grant()` now gives another one to try."""


class FixedCredentials:
    """Credentials that never change: a token, a user name with password, or none."""

    def __init__(self, grant: Grant) -> None:
        self._grant = grant

    def grant(self) -> Grant:
        """Return the one grant there is."""
        return self._grant

    def refused(self, grant: Grant) -> bool:  # noqa: ARG002 - the protocol's
        """Tell that there is nothing else to try."""
        return False


class TokenFile:
    """A bearer token in a file that something else keeps fresh, as the kubelet does for a pod.

    The file is looked at once a second at most and read again when it changed, after 50 s in any case, and after a 401.
    Once a token was read, a file that cannot be read or is empty keeps the last one in use, with a warning.
    """

    def __init__(self, path: str, fallback: str | None = None, *, clock: Callable[[], float] = monotonic) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._stamps = FileStamps((path,))
        self._next_look = clock() + LOOK_SECONDS
        self._expires = clock() + TOKEN_FILE_SECONDS
        try:
            self._token = self._read()
        except ConfigError:
            if not fallback:
                raise
            self._token = fallback
        self._grant = bearer(self._token)

    def grant(self) -> Grant:
        """Return the token the file holds now, or held when it was last readable."""
        now = self._clock()
        # One thread looks; the others go on with what there is.
        if now >= self._next_look and self._lock.acquire(blocking=False):
            try:
                self._next_look = now + LOOK_SECONDS
                if self._stamps.changed() or now >= self._expires:
                    self._reload(now)
            finally:
                self._lock.release()
        return self._grant

    def refused(self, grant: Grant) -> bool:
        """Read the file again, unless another thread just did."""
        with self._lock:
            if grant is self._grant:
                self._reload(self._clock())
            return grant is not self._grant

    def _reload(self, now: float) -> None:
        self._expires = now + TOKEN_FILE_SECONDS
        try:
            token = self._read()
            if token != self._token:
                self._grant = bearer(token)
                self._token = token
        except (ConfigError, InvalidRequestError) as error:
            _log.warning("%s; the token read before stays in use", error)

    def _read(self) -> str:
        try:
            token = read_file(self._path, "bearer token").decode().strip()
        except UnicodeDecodeError:
            raise ConfigError(f"bearer token file {self._path} is not text", path=self._path) from None
        if not token:
            raise ConfigError(f"bearer token file {self._path} is empty", path=self._path)
        return token


def bearer(token: str, certificate: ClientCertificate | None = None) -> Grant:
    """Return the grant for a bearer token; raises InvalidRequestError if it cannot stand in a header."""
    return Grant(encode_header("Authorization", f"Bearer {token}"), certificate)


def static_credentials(config: Config) -> Credentials | None:
    """Return what the configuration itself holds, or None if it leaves that to a plug-in or provider.

    A token file wins over a token, and either over a plug-in (client-go's exec and auth providers step back the same
    way).
    """
    if config.bearer_token_file:
        return TokenFile(config.bearer_token_file, config.bearer_token)
    if config.bearer_token:
        return FixedCredentials(bearer(config.bearer_token))
    if config.username or config.password:
        value = basic_authorization(config.username or "", config.password or "")
        return FixedCredentials(Grant(encode_header("Authorization", value)))
    if config.cert_data or config.cert_file or not (config.exec_provider or config.auth_provider):
        return FixedCredentials(ANONYMOUS)
    return None
