"""The options of the verbs, checked before anything is sent and turned into query parameters and DeleteOptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from dynkube.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynkube.objects import JSONObject
    from dynkube.selectors import FieldSelector, LabelSelector

    #: A selector as text ("app=web,tier in (a,b)"), as a mapping ({"app": "web"}), or parsed.
    LabelSelectorLike = str | Mapping[str, Any] | LabelSelector | None
    FieldSelectorLike = str | Mapping[str, Any] | FieldSelector | None

#: What the server does about unknown and duplicate fields (query "fieldValidation"; the server's default: Warn).
FieldValidation = Literal["Ignore", "Warn", "Strict"]

#: What becomes of dependents (DeleteOptions.propagationPolicy; most kinds default to Background).
PropagationPolicy = Literal["Orphan", "Background", "Foreground"]

#: How `resource_version` of a list is meant (ListOptions.resourceVersionMatch).
ResourceVersionMatch = Literal["Exact", "NotOlderThan"]

#: Which patch a body is.
PatchType = Literal["merge", "json", "strategic"]

_FIELD_VALIDATIONS = ("Ignore", "Warn", "Strict")
_PROPAGATION_POLICIES = ("Orphan", "Background", "Foreground")
_MATCHES = ("Exact", "NotOlderThan")

#: Longest field manager the server takes (apimachinery validation/validation.go, FieldManagerMaxLength).
FIELD_MANAGER_MAX = 128

Params = dict[str, str | int | bool | None]


def get_params(resource_version: str | None) -> Params:
    """Return the query of a get."""
    return {"resourceVersion": _version(resource_version)}


def list_params(
    label_selector: LabelSelectorLike = None,
    field_selector: FieldSelectorLike = None,
    limit: int | None = None,
    continue_: str | None = None,
    *,
    resource_version: str | None = None,
    resource_version_match: str | None = None,
) -> Params:
    """Return the query of a list; refuse the combinations the server refuses.

    The rules are apimachinery's (apis/meta/internalversion/validation): a match needs a version, neither goes with a
    continue token, and "Exact" cannot be version "0".
    """
    version = _version(resource_version)
    match = _one_of(resource_version_match, _MATCHES, "resource_version_match")
    if match is not None:
        if version is None:
            raise InvalidRequestError("resource_version_match needs a resource_version")
        if match == "Exact" and version == "0":
            raise InvalidRequestError('resource_version_match="Exact" needs a real resource_version: "0" means any')
    if continue_ is not None:
        if not _is_text(continue_):
            raise InvalidRequestError(
                f"continue_ is the token of the page before (metadata.continue), not {continue_!r}"
            )
        if match is not None or version not in (None, "0"):
            raise InvalidRequestError("a continue_ token carries its own version: leave resource_version out")
    return {
        "labelSelector": _label_selector(label_selector),
        "fieldSelector": _field_selector(field_selector),
        "limit": _count(limit, "limit") or None,
        "continue": continue_,
        "resourceVersion": version,
        "resourceVersionMatch": match,
    }


def watch_params(
    label_selector: LabelSelectorLike = None,
    field_selector: FieldSelectorLike = None,
    resource_version: str | None = None,
    resource_version_match: str | None = None,
    *,
    allow_bookmarks: bool = False,
    send_initial_events: bool | None = None,
    timeout_seconds: int | None = None,
) -> Params:
    """Return the query of a watch.

    `send_initial_events` and `resource_version_match="NotOlderThan"` go together, or the server answers 422.
    """
    match = _one_of(resource_version_match, _MATCHES, "resource_version_match")
    if send_initial_events is not None:
        _flag(send_initial_events, "send_initial_events")
        if match != "NotOlderThan":
            raise InvalidRequestError('send_initial_events needs resource_version_match="NotOlderThan"')
    elif match is not None:
        raise InvalidRequestError("resource_version_match on a watch needs send_initial_events")
    return {
        "labelSelector": _label_selector(label_selector),
        "fieldSelector": _field_selector(field_selector),
        "resourceVersion": _version(resource_version),
        "resourceVersionMatch": match,
        "allowWatchBookmarks": True if _flag(allow_bookmarks, "allow_bookmarks") else None,
        "sendInitialEvents": send_initial_events,
        "timeoutSeconds": _count(timeout_seconds, "timeout_seconds"),
        "watch": True,
    }


def write_params(
    *,
    dry_run: bool,
    field_manager: str | None,
    field_validation: FieldValidation | None,
) -> Params:
    """Return the query that create, update, patch and apply have in common."""
    return {
        "dryRun": "All" if _flag(dry_run, "dry_run") else None,
        "fieldManager": _field_manager(field_manager),
        "fieldValidation": _one_of(field_validation, _FIELD_VALIDATIONS, "field_validation"),
    }


def apply_params(
    *,
    dry_run: bool,
    field_manager: str,
    field_validation: FieldValidation | None,
    force: bool,
) -> Params:
    """Return the query of a server-side apply: the server wants a manager, and `force` is sent either way."""
    if not field_manager:
        raise InvalidRequestError("apply needs a field_manager: the name under which the server keeps what you own")
    params = write_params(dry_run=dry_run, field_manager=field_manager, field_validation=field_validation)
    params["force"] = _flag(force, "force")
    return params


def delete_options(
    *,
    propagation_policy: PropagationPolicy | None,
    grace_period_seconds: int | None,
    uid: str | None,
    resource_version: str | None,
    dry_run: bool,
    ignore_store_read_error: bool = False,
) -> JSONObject:
    """Return the DeleteOptions that travel in the body of each delete, in the field order of metav1.

    `grace_period_seconds=0` is sent: it is "at once", not "unset".
    """
    body: JSONObject = {"kind": "DeleteOptions", "apiVersion": "v1"}
    grace = _count(grace_period_seconds, "grace_period_seconds")
    if grace is not None:
        body["gracePeriodSeconds"] = grace
    preconditions = {
        key: value
        for key, value in (("uid", _text(uid, "uid")), ("resourceVersion", _version(resource_version)))
        if value is not None
    }
    if preconditions:
        body["preconditions"] = preconditions
    policy = _one_of(propagation_policy, _PROPAGATION_POLICIES, "propagation_policy")
    if policy is not None:
        body["propagationPolicy"] = policy
    if _flag(dry_run, "dry_run"):
        body["dryRun"] = ["All"]
    if _flag(ignore_store_read_error, "ignore_store_read_error"):
        body["ignoreStoreReadErrorWithClusterBreakingPotential"] = True
    return body


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _version(value: str | None) -> str | None:
    if value is None or _is_text(value):
        return value
    raise InvalidRequestError(f"a resource_version is a non-empty text taken from an object or a list, not {value!r}")


def _text(value: str | None, what: str) -> str | None:
    if value is None or _is_text(value):
        return value
    raise InvalidRequestError(f"{what} must be a non-empty text, not {value!r}")


def _count(value: int | None, what: str) -> int | None:
    if value is None or (type(value) is int and value >= 0):
        return value
    raise InvalidRequestError(f"{what} must be a whole number that is not negative, not {value!r}")


def _flag(value: bool, what: str) -> bool:
    # Not truthiness: dry_run="None" or dry_run="server" would otherwise mean something else to each reader.
    if isinstance(value, bool):
        return value
    raise InvalidRequestError(f"{what} must be True or False, not {value!r}")


def _one_of(value: str | None, allowed: tuple[str, ...], what: str) -> str | None:
    if value is None or value in allowed:
        return value
    raise InvalidRequestError(f"{what} must be one of {', '.join(allowed)}, not {value!r}")


def _field_manager(value: str | None) -> str | None:
    if value is None:
        return None
    if _is_text(value) and len(value) <= FIELD_MANAGER_MAX and value.isprintable():
        return value
    raise InvalidRequestError(f"field_manager must be 1 to {FIELD_MANAGER_MAX} printable characters, not {value!r}")


def _label_selector(value: LabelSelectorLike) -> str | None:
    if value is None:
        return None
    from dynkube.selectors import label_selector  # only where there is one: saves the others 6 % of a cold start

    return label_selector(value)


def _field_selector(value: FieldSelectorLike) -> str | None:
    if value is None:
        return None
    from dynkube.selectors import field_selector

    return field_selector(value)
