"""Every failure dynkube raises, as one tree.

::

    DynkubeError
    ├── ConfigError                      the configuration cannot be used
    │   └── NoConfigError                nothing is configured at all
    ├── InvalidRequestError (ValueError) the call is wrong; nothing was sent
    │   ├── InvalidNameError
    │   ├── InvalidSelectorError
    │   ├── NamespaceRequiredError
    │   ├── NamespaceNotAllowedError
    │   ├── BodyMismatchError
    │   ├── UnsupportedVerbError
    │   └── ManifestError
    ├── MappingError (LookupError)
    │   ├── NoMatchError
    │   └── AmbiguousError
    ├── DiscoveryError
    ├── TransportError                   no usable HTTP answer
    │   ├── AuthenticationError
    │   ├── ConnectFailedError ── ClientClosedError
    │   ├── TLSError
    │   ├── RequestTimeoutError (TimeoutError)
    │   └── ResponseError
    ├── WaitTimeoutError (TimeoutError)
    ├── WaitFailedError
    ├── CommandFailedError               a command in a container ended with another code than 0
    └── StatusError                      the server said no
        ├── BadRequest  Unauthorized  Forbidden  NotFound  MethodNotAllowed  NotAcceptable
        ├── AlreadyExists  Conflict  Gone ── Expired
        ├── RequestEntityTooLarge  UnsupportedMediaType  Invalid  TooManyRequests
        └── InternalError  ServerTimeout  ServiceUnavailable  Timeout  StorageReadError

`dynkube.errors.answers` makes the lower half out of what a server answers; the classes under `StatusError` bear the
names of the API's own reasons (``metav1.StatusReason``).
"""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dynkube.errors.answers import (
        MAX_BODY_IN_MESSAGE,
        REASONS,
        parse_retry_after,
        response_error,
        status_error,
    )

__all__ = [
    "MAX_BODY_IN_MESSAGE",
    "REASONS",
    "AlreadyExists",
    "AmbiguousError",
    "AuthenticationError",
    "BadRequest",
    "BodyMismatchError",
    "ClientClosedError",
    "CommandFailedError",
    "ConfigError",
    "Conflict",
    "ConnectFailedError",
    "DiscoveryError",
    "DynkubeError",
    "Expired",
    "Forbidden",
    "Gone",
    "InternalError",
    "Invalid",
    "InvalidNameError",
    "InvalidRequestError",
    "InvalidSelectorError",
    "ManifestError",
    "MappingError",
    "MethodNotAllowed",
    "NamespaceNotAllowedError",
    "NamespaceRequiredError",
    "NoConfigError",
    "NoMatchError",
    "NotAcceptable",
    "NotFound",
    "RequestEntityTooLarge",
    "RequestTimeoutError",
    "ResponseError",
    "ServerTimeout",
    "ServiceUnavailable",
    "StatusError",
    "StorageReadError",
    "TLSError",
    "Timeout",
    "TooManyRequests",
    "TransportError",
    "Unauthorized",
    "UnsupportedMediaType",
    "UnsupportedVerbError",
    "WaitFailedError",
    "WaitTimeoutError",
    "mask_url",
    "parse_retry_after",
    "response_error",
    "status_error",
]

#: What the module beside this one offers, under this one's name; loaded when the first answer is an error.
_ANSWERS = frozenset({"MAX_BODY_IN_MESSAGE", "REASONS", "parse_retry_after", "response_error", "status_error"})


class DynkubeError(Exception):
    """Base of everything this package raises on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword-only constructors defeat the default pickling; process pools and pytest-xdist need it.
        return _restore, (type(self), self.args, dict(self.__dict__))


class ConfigError(DynkubeError):
    """The configuration cannot be used.

    ``path`` is the file at fault, or None; ``problems`` holds every problem found, in the order of the file.
    """

    def __init__(self, message: str, *, path: str | None = None, problems: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.path = path
        self.problems: tuple[str, ...] = tuple(problems) or (message,)


class NoConfigError(ConfigError):
    """Nothing is configured: no kubeconfig that names a cluster, and not inside a pod (client-go's "empty config")."""


class InvalidRequestError(DynkubeError, ValueError):
    """The call is wrong. Nothing was sent."""


class InvalidNameError(InvalidRequestError):
    """A name cannot stand as one segment of a URL path."""


class InvalidSelectorError(InvalidRequestError):
    """A label or field selector cannot be parsed."""


class NamespaceRequiredError(InvalidRequestError):
    """The resource lives in namespaces and the call names none."""


class NamespaceNotAllowedError(InvalidRequestError):
    """The resource is cluster-scoped and the call names a namespace."""


class BodyMismatchError(InvalidRequestError):
    """The body's apiVersion, kind, name or namespace contradicts the call."""


class UnsupportedVerbError(InvalidRequestError):
    """Discovery says that the resource does not offer this verb."""


class ManifestError(InvalidRequestError):
    """A manifest cannot be read. ``file``, ``document`` (from 1) and ``line`` (from 1) say where; None if unknown."""

    def __init__(
        self, message: str, *, file: str | None = None, document: int | None = None, line: int | None = None
    ) -> None:
        places = [file] if file else []
        if document is not None:
            places.append(f"document {document}")
        if line is not None:
            places.append(f"line {line}")
        super().__init__(f"{', '.join(places)}: {message}" if places else message)
        self.file = file
        self.document = document
        self.line = line


class MappingError(DynkubeError, LookupError):
    """A resource name or kind could not be mapped. ``candidates`` are names the caller may have meant."""

    def __init__(self, message: str, *, candidates: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.candidates: tuple[str, ...] = tuple(candidates)


class NoMatchError(MappingError):
    """The cluster serves nothing of this name. ``candidates`` are the nearest known names."""


class AmbiguousError(MappingError):
    """More than one resource answers to this name. ``candidates`` are all of them."""


class DiscoveryError(DynkubeError):
    """The server answered something that is no discovery document. ``group_version`` says for which, None for all."""

    def __init__(self, message: str, *, group_version: str | None = None) -> None:
        super().__init__(message)
        self.group_version = group_version


class TransportError(DynkubeError):
    """There is no usable HTTP answer. ``method`` and ``url`` are those of the request, "" if none was made yet."""

    def __init__(self, message: str, *, method: str = "", url: str = "") -> None:
        url = mask_url(url)
        super().__init__(f"{method} {url}: {message}" if url else message)
        self.method = method
        self.url = url


class AuthenticationError(TransportError):
    """A configured credential could not be produced.

    ``command`` is the plug-in that was run, ``exit_code`` and ``stderr`` what it left behind (secrets masked by the
    raiser); None, None and "" when no command was involved.
    """

    def __init__(
        self,
        message: str,
        *,
        method: str = "",
        url: str = "",
        command: str | None = None,
        exit_code: int | None = None,
        stderr: str = "",
    ) -> None:
        super().__init__(message, method=method, url=url)
        self.command = command
        self.exit_code = exit_code
        self.stderr = stderr


class ConnectFailedError(TransportError):
    """The connection was refused, reset or could not be made: unreachable host, unknown name, closed socket."""


class ClientClosedError(ConnectFailedError):
    """The client was closed: no request of it will ever be answered. Watches and informers end instead of trying on."""


class TLSError(TransportError):
    """The TLS handshake failed: untrusted certificate, wrong host name, plain HTTP on an HTTPS port."""


class RequestTimeoutError(TransportError, TimeoutError):
    """Connecting, reading or the whole request took longer than allowed."""


class ResponseError(TransportError):
    """Something answered, but not as the Kubernetes API does: HTML, broken JSON, a truncated body, a redirect.

    ``code`` is the HTTP status, or None if not known; ``location`` the target of a redirect, which is never followed.
    """

    def __init__(
        self, message: str, *, method: str = "", url: str = "", code: int | None = None, location: str | None = None
    ) -> None:
        super().__init__(message, method=method, url=url)
        self.code = code
        self.location = location


class WaitTimeoutError(DynkubeError, TimeoutError):
    """A condition did not come true in time. ``last_object`` is the object as last seen, None if it was never seen."""

    def __init__(self, message: str, *, last_object: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.last_object = last_object


class WaitFailedError(DynkubeError):
    """A wait met its failure condition. ``condition`` describes it; ``last_object`` is the object that met it."""

    def __init__(self, message: str, *, last_object: dict[str, Any] | None = None, condition: str = "") -> None:
        super().__init__(message)
        self.last_object = last_object
        self.condition = condition


class CommandFailedError(DynkubeError):
    """A command in a container ended with another exit code than 0. ``exit_code``, ``stdout`` and ``stderr`` say how.

    Of what it wrote, the message holds the last line of standard error.
    """

    def __init__(self, exit_code: int, *, stdout: bytes = b"", stderr: bytes = b"") -> None:
        last = stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        super().__init__(f"the command ended with exit code {exit_code}{f': {last}' if last else ''}")
        self.exit_code = exit_code
        self.stdout = stdout
        self.stderr = stderr


class StatusError(DynkubeError):
    """The server refused the request; the parsed ``Status`` says why.

    Attributes: ``method``, ``url``, ``code`` (HTTP), ``reason`` ("" if the server gave none), ``message``,
    ``details`` (dict, may be empty), ``causes`` (list of dicts with ``reason``, ``message``, ``field``), ``status``
    (the whole Status), ``retry_after`` (seconds the server asks to wait, or None), ``hint`` (what the client knows and
    the server does not say, such as which credentials were refused; mostly "").
    """

    def __init__(
        self,
        status: Mapping[str, Any],
        *,
        method: str = "",
        url: str = "",
        code: int | None = None,
        retry_after: float | None = None,
        hint: str = "",
    ) -> None:
        self.status: dict[str, Any] = dict(status)
        self.method = method
        self.url = mask_url(url)
        self.code: int = code or _integer(status.get("code")) or 0
        self.reason: str = str(status.get("reason") or "")
        self.message: str = str(status.get("message") or "")
        details = status.get("details")
        self.details: dict[str, Any] = dict(details) if isinstance(details, dict) else {}
        causes = self.details.get("causes")
        self.causes: list[dict[str, Any]] = (
            [cause for cause in causes if isinstance(cause, dict)] if isinstance(causes, list) else []
        )
        self.retry_after = retry_after
        self.hint = hint
        super().__init__(self.message)

    def has_cause(self, reason: str) -> bool:
        """Tell whether one of the causes has this ``reason``, for instance ``FieldManagerConflict``."""
        return any(cause.get("reason") == reason for cause in self.causes)

    def __str__(self) -> str:
        place = f"{self.method} {self.url}: " if self.url else ""
        answer = " ".join(part for part in (str(self.code or ""), self.reason) if part)
        text = f"{place}{answer}: {self._explanation()}" if answer else f"{place}{self._explanation()}"
        return f"{text} ({self.hint})" if self.hint else text

    def _explanation(self) -> str:
        return self.message or "the server gave no message"


class BadRequest(StatusError):
    """400: the request itself is malformed."""


class Unauthorized(StatusError):
    """401: the server does not know the caller."""


class Forbidden(StatusError):
    """403: the server knows the caller and does not allow this."""


class NotFound(StatusError):
    """404: there is no such object or resource."""


class MethodNotAllowed(StatusError):
    """405: the resource does not offer this verb."""


class NotAcceptable(StatusError):
    """406: the server cannot answer in any of the accepted media types."""


class AlreadyExists(StatusError):
    """409 on create: the name is taken."""


class Conflict(StatusError):
    """409: the object changed meanwhile, or another field manager owns a field."""


class Gone(StatusError):
    """410: the resource version or continue token is no longer available."""


class Expired(Gone):
    """410 with reason Expired, the form today's servers use; catch `Gone` to get both."""


class RequestEntityTooLarge(StatusError):
    """413: the body is larger than the server takes."""


class UnsupportedMediaType(StatusError):
    """415: the server does not take a body of this media type, for instance a strategic patch of a custom resource."""


class Invalid(StatusError):
    """422: the object does not pass validation. ``str()`` prints one cause a line."""

    def _explanation(self) -> str:
        if not self.causes:
            return super()._explanation()
        headline = self.message.split(" is invalid: ", 1)
        lines = [f"{headline[0]} is invalid" if len(headline) == 2 else self.message]
        for cause in self.causes:
            field, text = cause.get("field"), cause.get("message") or cause.get("reason") or ""
            lines.append(f"  {field}: {text}" if field else f"  {text}")
        return "\n".join(lines)


class TooManyRequests(StatusError):
    """429: the server is overloaded, or a disruption budget forbids an eviction; see ``retry_after``."""


class InternalError(StatusError):
    """500: the server failed."""


class ServerTimeout(StatusError):
    """The server could not finish in time and did nothing; see ``retry_after``."""


class ServiceUnavailable(StatusError):
    """503: the server, or the aggregated API behind it, is not there."""


class Timeout(StatusError):
    """504: the time allowed ran out on the server; whether the request took effect is unknown."""


class StorageReadError(StatusError):
    """The server cannot decode or decrypt what it has stored."""


def mask_url(url: str) -> str:
    """Return the URL with any user name and password in it masked; the rest is unchanged."""
    return re.sub(r"(?<=://)[^/?#@]*@", "***@", url, count=1)


def _restore(cls: type[DynkubeError], args: Sequence[Any], attributes: Mapping[str, Any]) -> DynkubeError:
    error = cls.__new__(cls, *args)
    error.args = tuple(args)
    error.__dict__.update(attributes)
    return error


def _integer(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def __getattr__(name: str) -> Any:
    if name not in _ANSWERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module("dynkube.errors.answers"), name)
    return value
