"""Who is asking: bearer tokens from a token file or issued by the server, and impersonation."""

from __future__ import annotations

import base64
import contextlib
import csv
import hmac
import io
import json
import os
import secrets
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from dynkube.errors import ConfigError
from dynkube.testing.http import failures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynkube.testing.http.connections import Headers

MASTERS = "system:masters"
AUTHENTICATED = "system:authenticated"
UNAUTHENTICATED = "system:unauthenticated"


@dataclass(frozen=True, slots=True)
class User:
    """A caller as authorization and reviews see it."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the UserInfo of a review; empty parts are left out."""
        info: dict[str, Any] = {"username": self.name, "uid": self.uid, "groups": list(self.groups)}
        if self.extra:
            info["extra"] = {key: list(values) for key, values in self.extra.items()}
        return {key: value for key, value in info.items() if value}


#: Everybody, when the server has no token file.
ADMINISTRATOR = User("kubernetes-admin", (MASTERS, AUTHENTICATED))
ANONYMOUS = User("system:anonymous", (UNAUTHENTICATED,))


def read_token_file(path: str | Path) -> dict[str, User]:
    """Return the users of a token file by token: lines of ``token,user,uid[,"group1,group2"]`` as kube-apiserver reads.

    Raises ConfigError naming the file and every line that is wrong.
    """
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the token file {path} cannot be read: {error}", path=str(path)) from error
    users: dict[str, User] = {}
    problems = []
    for number, row in enumerate(csv.reader(io.StringIO(text), skipinitialspace=True), start=1):
        if not row or row[0].startswith("#"):
            continue
        if len(row) < 3 or not row[0] or not row[1]:
            problems.append(f"line {number}: expected token,user,uid and optionally quoted groups")
            continue
        groups = [group.strip() for group in row[3].split(",")] if len(row) > 3 else []
        users[row[0]] = User(row[1], (*filter(None, groups), AUTHENTICATED), row[2])
    if problems:
        raise ConfigError(f"the token file {path} is wrong: " + "; ".join(problems), path=str(path))
    return users


#: Bytes of the key tokens are signed with.
_KEY_SIZE = 32


def _checked_key(path: Path) -> bytes:
    key = path.read_bytes()
    if len(key) != _KEY_SIZE:
        raise ConfigError(f"the token key {path} holds {len(key)} bytes instead of {_KEY_SIZE}", path=str(path))
    return key


class ServiceAccountTokens:
    """Issues and checks tokens of service accounts: JWTs signed with a key of this server (HS256)."""

    ISSUER = "https://kubernetes.default.svc.cluster.local"

    def __init__(self) -> None:
        self._key = secrets.token_bytes(_KEY_SIZE)

    def keep_key(self, path: Path) -> None:
        """Sign with the key in a file from now on, so that tokens outlive the server; the file is made if need be.

        Only its owner can read it. Raises ConfigError when it cannot be used.
        """
        try:
            with contextlib.suppress(FileNotFoundError):
                self._key = _checked_key(path)
                return
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(self._key)
        except OSError as error:
            raise ConfigError(f"the token key {path} cannot be used: {error}", path=str(path)) from error

    def issue(self, claims: Mapping[str, Any]) -> str:
        """Return a signed token carrying ``claims``."""
        head = _encode({"alg": "HS256", "kid": "dynkube", "typ": "JWT"})
        signed = f"{head}.{_encode(claims)}"
        return f"{signed}.{self._signature(signed)}"

    def check(self, token: str) -> dict[str, Any] | None:
        """Return the claims of a valid token that has not expired, else None."""
        signed, _, signature = token.rpartition(".")
        if signed.count(".") != 1 or not hmac.compare_digest(self._signature(signed), signature):
            return None
        payload = signed.partition(".")[2]
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return claims if claims.get("exp", 0) > time.time() else None

    def _signature(self, text: str) -> str:
        digest = hmac.new(self._key, text.encode("ascii", "replace"), "sha256").digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def _encode(part: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part, separators=(",", ":")).encode()).rstrip(b"=").decode("ascii")


class Authenticator:
    """Finds out who sent a request. Without a token file every caller is an administrator."""

    def __init__(self, tokens: Mapping[str, User] | None) -> None:
        self._tokens = tokens
        self._lock = threading.Lock()
        self.issued = ServiceAccountTokens()

    @property
    def open(self) -> bool:
        """Whether everybody is an administrator."""
        return self._tokens is None

    def user_of_token(self, token: str) -> User | None:
        """Return whom a token belongs to, None when nobody knows it."""
        if self._tokens is not None and token in self._tokens:
            return self._tokens[token]
        claims = self.issued.check(token) if token.isascii() else None
        if claims is None:
            return None
        namespace, name = claims["kubernetes.io"]["namespace"], claims["kubernetes.io"]["serviceaccount"]["name"]
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", AUTHENTICATED)
        return User(str(claims["sub"]), groups, str(claims["kubernetes.io"]["serviceaccount"].get("uid", name)))

    def authenticate(self, headers: Headers) -> User:
        """Return the caller. Raises a 401 Failure when credentials were sent that nobody knows."""
        # What follows a second space does not matter; a token that starts with one is none.
        scheme, token, *_ = [*headers.get("authorization").strip().split(" "), ""]
        if scheme.lower() == "bearer" and token:
            user = self.user_of_token(token)
            if user is not None:
                return user
            if not self.open:
                raise failures.unauthorized()
        return ADMINISTRATOR if self.open else ANONYMOUS


def service_account(name: str) -> tuple[str, str] | None:
    """Return namespace and name of the service account a user is, None for other users."""
    parts = name.removeprefix("system:serviceaccount:").split(":")
    if not name.startswith("system:serviceaccount:") or len(parts) != 2 or not all(parts):
        return None
    return parts[0], parts[1]


def impersonated(headers: Headers) -> User | None:
    """Return whom the caller wants to be, None without impersonation headers. Raises a 400 Failure."""
    name = headers.get("impersonate-user")
    groups = tuple(headers.all("impersonate-group"))
    uid = headers.get("impersonate-uid")
    extra: dict[str, tuple[str, ...]] = {}
    for header, value in headers.items():
        if header.startswith("impersonate-extra-"):
            key = unquote(header.removeprefix("impersonate-extra-"))
            extra[key] = (*extra.get(key, ()), value)
    if not name:
        if groups or uid or extra:
            raise failures.bad_request(_without_a_name(groups, uid, extra))
        return None
    account = service_account(name)
    if account is not None and not groups:
        namespace = account[0]
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
    special = AUTHENTICATED if name != ANONYMOUS.name else UNAUTHENTICATED
    if special not in groups and not {AUTHENTICATED, UNAUTHENTICATED} & set(groups):
        groups = (*groups, special)
    return User(name, groups, uid, extra)


def _without_a_name(groups: tuple[str, ...], uid: str, extra: Mapping[str, tuple[str, ...]]) -> str:
    """Word the refusal as Go prints the half-filled user."""

    def strings(values: tuple[str, ...]) -> str:
        inner = ", ".join(json.dumps(value) for value in values)
        return f"[]string{{{inner}}}"

    shown_groups = strings(groups) if groups else "[]string(nil)"
    pairs = ", ".join(f"{json.dumps(key)}:{strings(values)}" for key, values in sorted(extra.items()))
    shown_extra = f"map[string][]string{{{pairs}}}" if extra else "map[string][]string(nil)"
    shown = f'&user.DefaultInfo{{Name:"", UID:{json.dumps(uid)}, Groups:{shown_groups}, Extra:{shown_extra}}}'
    return f"requested {shown} without impersonating a user name"
