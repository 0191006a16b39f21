"""The failures a kube-apiserver answers with, as exceptions that carry the whole Status.

Every constructor words its message as kube-apiserver 1.36 does (the recorded answers in ``fixtures/transcripts``):
clients and people match on these texts. ``details`` holds what the real server puts there: most 4xx raised by the HTTP
layer carry an empty ``details``, those raised while decoding carry none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: Causes of an Invalid answer (``apimachinery/pkg/util/validation/field``); the key is what ``Cause.reason`` holds.
REQUIRED = "FieldValueRequired"
INVALID = "FieldValueInvalid"
TYPE_INVALID = "FieldValueTypeInvalid"
DUPLICATE = "FieldValueDuplicate"
NOT_SUPPORTED = "FieldValueNotSupported"
FORBIDDEN = "FieldValueForbidden"
NOT_FOUND = "FieldValueNotFound"
TOO_LONG = "FieldValueTooLong"
TOO_MANY = "FieldValueTooMany"
INTERNAL = "InternalError"
FIELD_MANAGER_CONFLICT = "FieldManagerConflict"

_CODE_OF_REASON = {
    "BadRequest": 400,
    "Unauthorized": 401,
    "Forbidden": 403,
    "NotFound": 404,
    "MethodNotAllowed": 405,
    "NotAcceptable": 406,
    "AlreadyExists": 409,
    "Conflict": 409,
    "Gone": 410,
    "Expired": 410,
    "RequestEntityTooLarge": 413,
    "UnsupportedMediaType": 415,
    "Invalid": 422,
    "TooManyRequests": 429,
    "InternalError": 500,
    "ServerTimeout": 500,
    "ServiceUnavailable": 503,
    "Timeout": 504,
}


class Cause(NamedTuple):
    """Why an object is invalid: ``reason`` as above, ``message`` without the field, ``field`` a dotted path."""

    reason: str
    message: str
    field: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message

    def as_dict(self) -> dict[str, str]:
        """Return the cause as ``status.details.causes`` holds it; empty parts are left out."""
        parts = {"reason": self.reason, "message": self.message, "field": self.field}
        return {key: value for key, value in parts.items() if value}


class Failure(Exception):
    """A request cannot be done; ``status`` is the Status to answer with, ``headers`` go along with it."""

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        code: int | None = None,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = _CODE_OF_REASON[reason] if code is None else code
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": dict(metadata or {}),
            "status": "Failure",
            "message": message,
        }
        if reason:
            status["reason"] = reason
        if details is not None:
            status["details"] = dict(details)
        status["code"] = self.code
        self.status = status
        self.headers = dict(headers or {})
        #: Texts of the warnings that were due before this went wrong.
        self.warnings: list[str] = []

    @property
    def reason(self) -> str:
        """The machine-readable reason, ``""`` when the Status has none."""
        return str(self.status.get("reason", ""))


def join_causes(causes: Iterable[Cause]) -> str:
    """Join causes as Go's aggregate error prints them: repeats dropped, brackets only round more than one."""
    texts = list(dict.fromkeys(str(cause) for cause in causes))
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def qualified(group: str, name: str) -> str:
    """Return ``deployments.apps`` or ``Deployment.apps``; core kinds and resources stand alone."""
    return f"{name}.{group}" if group else name


def _details(group: str, kind: str, name: str, causes: Sequence[Cause] = (), **more: Any) -> dict[str, Any]:
    details: dict[str, Any] = {"name": name, "group": group, "kind": kind}
    details = {key: value for key, value in details.items() if value}
    if causes:
        details["causes"] = [cause.as_dict() for cause in causes]
    return details | more


def not_found(group: str, resource: str, name: str) -> Failure:
    """404: no such object."""
    message = f'{qualified(group, resource)} "{name}" not found'
    return Failure("NotFound", message, details=_details(group, resource, name))


def no_such_resource() -> Failure:
    """404: the path names no served resource or subresource."""
    return Failure("NotFound", "the server could not find the requested resource", details={})


def already_exists(group: str, resource: str, name: str) -> Failure:
    """409: an object of that name is there."""
    message = f'{qualified(group, resource)} "{name}" already exists'
    return Failure("AlreadyExists", message, details=_details(group, resource, name))


def generate_name_exhausted(group: str, resource: str, name: str) -> Failure:
    """409: every random name tried was taken."""
    who = f'{qualified(group, resource)} "{name}"'
    message = f"{who} already exists, the server was not able to generate a unique name for the object"
    return Failure("AlreadyExists", message, details=_details(group, resource, name, retryAfterSeconds=1))


#: What a write on a stale resourceVersion is told.
OBJECT_MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def conflict(group: str, resource: str, name: str, why: str = OBJECT_MODIFIED) -> Failure:
    """409: the write lost against another one, or a precondition does not hold."""
    message = f'Operation cannot be fulfilled on {qualified(group, resource)} "{name}": {why}'
    return Failure("Conflict", message, details=_details(group, resource, name))


def invalid(group: str, kind: str, name: str, causes: Sequence[Cause]) -> Failure:
    """422: the object (or the options) break rules; one cause for each."""
    message = f'{qualified(group, kind)} "{name}" is invalid: {join_causes(causes)}'
    return Failure("Invalid", message, details=_details(group, kind, name, causes))


def invalid_options(kind: str, causes: Sequence[Cause]) -> Failure:
    """422: the query or DeleteOptions break rules; ``kind`` is CreateOptions, ListOptions..."""
    return invalid("meta.k8s.io", kind, "", causes)


def rejected() -> Failure:
    """422 without causes: a JSON patch whose operation could not be done."""
    return Failure("Invalid", "the server rejected our request due to an error in our request", details={})


def bad_request(message: str) -> Failure:
    """400: the request itself makes no sense."""
    return Failure("BadRequest", message)


def unauthorized() -> Failure:
    """401: credentials were sent, and nobody knows them."""
    return Failure("Unauthorized", "Unauthorized")


def forbidden(group: str, resource: str, name: str, why: str, causes: Sequence[Cause] = ()) -> Failure:
    """403 about an object or, with an empty name, about the resource."""
    who = f'{qualified(group, resource)} "{name}"' if name else qualified(group, resource)
    return Failure("Forbidden", f"{who} is forbidden: {why}", details=_details(group, resource, name, causes))


def forbidden_path(why: str) -> Failure:
    """403 about a path that is no resource."""
    return Failure("Forbidden", f"forbidden: {why}", details={})


def namespace_terminating(group: str, resource: str, name: str, namespace: str) -> Failure:
    """403: nothing new is created in a namespace that is going away."""
    cause = Cause("NamespaceTerminating", f"namespace {namespace} is being terminated", "metadata.namespace")
    why = f"unable to create new content in namespace {namespace} because it is being terminated"
    return forbidden(group, resource, name, why, [cause])


def method_not_allowed() -> Failure:
    """405: the resource is there, the verb is not."""
    message = "the server does not allow this method on the requested resource"
    return Failure("MethodNotAllowed", message, details={})


def not_acceptable(accepted: Sequence[str]) -> Failure:
    """406 as the negotiating handlers word it."""
    return Failure("NotAcceptable", f"only the following media types are accepted: {', '.join(accepted)}")


def unsupported_media_type(accepted: Sequence[str]) -> Failure:
    """415: the Content-Type is none of those accepted."""
    types = ", ".join(accepted)
    message = f"the body of the request was in an unknown format - accepted media types include: {types}"
    return Failure("UnsupportedMediaType", message)


def request_entity_too_large(message: str) -> Failure:
    """413: body or patch beyond the limit."""
    return Failure("RequestEntityTooLarge", message)


def expired(message: str, *, continue_token: str = "") -> Failure:
    """410: the resourceVersion or continue token is older than what is kept."""
    return Failure("Expired", message, metadata={"continue": continue_token} if continue_token else None)


def too_large_resource_version(requested: int, current: int) -> Failure:
    """504: the resourceVersion lies in the future."""
    text = "Too large resource version"
    return Failure(
        "Timeout",
        f"Timeout: {text}: {requested}, current: {current}",
        details={"causes": [{"reason": "ResourceVersionTooLarge", "message": text}], "retryAfterSeconds": 1},
        headers={"Retry-After": "1"},
    )


def timeout(message: str) -> Failure:
    """504: the request did not finish in time."""
    return Failure("Timeout", f"Timeout: {message}", details={})


def internal(message: str) -> Failure:
    """500: the server's own fault."""
    details = {"causes": [{"message": message}]}
    return Failure("InternalError", f"Internal error occurred: {message}", details=details)
