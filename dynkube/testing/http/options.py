"""Query parameters and DeleteOptions, checked as apimachinery's validation does and worded as it words them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dynkube.testing.http import failures
from dynkube.testing.http.failures import Cause
from dynkube.testing.http.negotiation import BODY_TYPES
from dynkube.testing.objects import go_json
from dynkube.testing.objects.decoding import load_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynkube.testing.http.routing import Query

#: How the real server names the table it looks the kind of DeleteOptions up in.
_SCHEME = "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27"
_FIELD_VALIDATIONS = ("", "Ignore", "Strict", "Warn")
#: Longest field manager name, in characters.
MAX_MANAGER = 128


def _quote(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _go_quote(value: str) -> str:
    """Quote text as Go does: control characters by their number."""
    escaped = "".join(
        letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in value.replace("\\", "\\\\")
    )
    return '"' + escaped.replace('"', '\\"') + '"'


def _dry_run_causes(values: list[str]) -> list[Cause]:
    if all(value == "All" for value in values):
        return []
    shown = " ".join(_quote(value) for value in values)
    return [Cause(failures.NOT_SUPPORTED, f'Unsupported value: [{shown}]: supported values: "All"', "dryRun")]


def _manager_causes(manager: str) -> list[Cause]:
    causes = []
    if len(manager) > MAX_MANAGER:
        message = f"Too long: may not be more than {MAX_MANAGER} bytes"
        causes.append(Cause(failures.TOO_LONG, message, "fieldManager"))
    if not manager.isprintable():
        at = next(index for index, letter in enumerate(manager) if not letter.isprintable())
        why = f"invalid character U+{ord(manager[at]):04X} (at position {at})"
        message = f"Invalid value: {_go_quote(manager)}: {why}"
        causes.append(Cause(failures.INVALID, message, "fieldManager"))
    return causes


def _field_validation_causes(value: str) -> list[Cause]:
    if value in _FIELD_VALIDATIONS:
        return []
    supported = ", ".join(_quote(known) for known in _FIELD_VALIDATIONS)
    message = f"Unsupported value: {_quote(value)}: supported values: {supported}"
    return [Cause(failures.NOT_SUPPORTED, message, "fieldValidation")]


def parse_int(text: str) -> int:
    """Return a decimal 64-bit integer of the query. Raises the 400 Failure Go's strconv causes."""
    digits = text[1:] if text[:1] in {"-", "+"} else text
    if not (digits.isascii() and digits.isdigit()):
        raise failures.bad_request(f"strconv.ParseInt: parsing {_quote(text)}: invalid syntax")
    value = int(text)
    if not -(1 << 63) <= value < 1 << 63:
        raise failures.bad_request(f"strconv.ParseInt: parsing {_quote(text)}: value out of range")
    return value


def parse_version(text: str) -> int:
    """Return a resourceVersion as a number. Raises ValueError with the text of the real server's parser."""
    if not (text.isascii() and text.isdigit()):
        raise ValueError(
            f"resourceVersion: Invalid value: {_quote(text)}: strconv.ParseUint: parsing {_quote(text)}: invalid syntax"
        )
    value = int(text)
    if value >= 1 << 64:
        raise ValueError(
            f"resourceVersion: Invalid value: {_quote(text)}: strconv.ParseUint: parsing {_quote(text)}: "
            "value out of range"
        )
    return value


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """Options of create, update and patch."""

    dry_run: bool = False
    field_manager: str = ""
    field_validation: str = "Warn"
    force: bool | None = None


def write_options(query: Query, kind: str, *, applying: bool = False) -> WriteOptions:
    """Read the options of a write; ``kind`` is CreateOptions, UpdateOptions or PatchOptions. Raises a 422 Failure."""
    manager = query.get("fieldManager")
    validation = query.get("fieldValidation")
    dry_run = query.all("dryRun")
    causes: list[Cause] = []
    force = query.flag("force") if "force" in query else None
    if kind == "PatchOptions":
        if not applying and force is not None:
            causes.append(Cause(failures.FORBIDDEN, "Forbidden: may not be specified for non-apply patch", "force"))
        if applying and not manager:
            causes.append(Cause(failures.REQUIRED, "Required value: is required for apply patch", "fieldManager"))
    causes += _manager_causes(manager) + _dry_run_causes(dry_run) + _field_validation_causes(validation)
    if causes:
        raise failures.invalid_options(kind, causes)
    return WriteOptions(bool(dry_run), manager, validation or "Warn", force)


def manager_name(options: WriteOptions, user_agent: str) -> str:
    """Return the field manager: the one named, else the first word of the user agent, else ``unknown``."""
    if options.field_manager:
        return options.field_manager
    name = "".join(letter for letter in user_agent.split("/", maxsplit=1)[0] if letter.isprintable())
    return name[:MAX_MANAGER] or "unknown"


@dataclass(frozen=True, slots=True)
class ListOptions:
    """Options of list, watch and deletecollection."""

    label_selector: str = ""
    field_selector: str = ""
    limit: int = 0
    continue_token: str = ""
    resource_version: str = ""
    resource_version_match: str = ""
    timeout_seconds: int | None = None
    bookmarks: bool = False
    send_initial_events: bool | None = None


def list_options(query: Query, *, watching: bool) -> ListOptions:
    """Read and check list options. Raises a 400 or 422 Failure."""
    options = ListOptions(
        label_selector=query.get("labelSelector"),
        field_selector=query.get("fieldSelector"),
        limit=parse_int(query.get("limit") or "0"),
        continue_token=query.get("continue"),
        resource_version=query.get("resourceVersion"),
        resource_version_match=query.get("resourceVersionMatch"),
        timeout_seconds=parse_int(query.get("timeoutSeconds")) if query.get("timeoutSeconds") else None,
        bookmarks=query.flag("allowWatchBookmarks"),
        send_initial_events=query.flag("sendInitialEvents") if "sendInitialEvents" in query else None,
    )
    causes = _watch_causes(options) if watching else _list_causes(options)
    if causes:
        raise failures.invalid_options("ListOptions", causes)
    return options


_MATCHES = ("Exact", "NotOlderThan", "")


def _forbidden(message: str, where: str) -> Cause:
    return Cause(failures.FORBIDDEN, f"Forbidden: {message}", where)


def _list_causes(options: ListOptions) -> list[Cause]:
    causes = []
    match, version = options.resource_version_match, options.resource_version
    if match:
        where = "resourceVersionMatch"
        if not version:
            causes.append(_forbidden("resourceVersionMatch is forbidden unless resourceVersion is provided", where))
        if options.continue_token:
            causes.append(_forbidden("resourceVersionMatch is forbidden when continue is provided", where))
        if match not in _MATCHES:
            supported = ", ".join(_quote(known) for known in _MATCHES)
            message = f"Unsupported value: {_quote(match)}: supported values: {supported}"
            causes.append(Cause(failures.NOT_SUPPORTED, message, where))
        if match == "Exact" and version == "0":
            message = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
            causes.append(_forbidden(message, where))
    if options.send_initial_events is not None:
        causes.append(_forbidden("sendInitialEvents is forbidden for list", "sendInitialEvents"))
    return causes


def _watch_causes(options: ListOptions) -> list[Cause]:
    causes = []
    match = options.resource_version_match
    if options.send_initial_events is not None and match != "NotOlderThan":
        message = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        causes.append(_forbidden(message, "resourceVersionMatch"))
    if match and options.send_initial_events is None:
        message = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        causes.append(_forbidden(message, "resourceVersionMatch"))
    if match and match != "NotOlderThan":
        message = f'Unsupported value: {_quote(match)}: supported values: "NotOlderThan"'
        causes.append(Cause(failures.NOT_SUPPORTED, message, "resourceVersionMatch"))
    if options.continue_token:
        message = "resourceVersionMatch is forbidden when continue is provided"
        causes.append(_forbidden(message, "resourceVersionMatch"))
    return causes


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """Options of delete and deletecollection."""

    dry_run: bool = False
    grace_period: int | None = None
    propagation: str | None = None
    orphan_dependents: bool | None = None
    preconditions: Mapping[str, str] = field(default_factory=dict)


_PROPAGATIONS = ("Foreground", "Background", "Orphan")
_POLICIES = '"Foreground", "Background", "Orphan", "nil"'


def delete_options(query: Query, body: bytes, content_type: str) -> DeleteOptions:
    """Read DeleteOptions: from the body if there is one, else from the query. Raises a 4xx Failure."""
    if body.strip():
        fields = _decode_delete_options(body, content_type)
    else:
        fields = {"dryRun": query.all("dryRun")}
        for name in ("gracePeriodSeconds", "propagationPolicy", "orphanDependents"):
            if name in query:
                fields[name] = query.get(name)
        if "gracePeriodSeconds" in fields:
            fields["gracePeriodSeconds"] = parse_int(fields["gracePeriodSeconds"])
        if "orphanDependents" in fields:
            fields["orphanDependents"] = query.flag("orphanDependents")
    return _checked(fields)


def _decode_delete_options(body: bytes, content_type: str) -> dict[str, Any]:
    media_type = content_type.split(";", maxsplit=1)[0].strip() or "application/json"
    if media_type not in ("application/json", "application/yaml"):
        raise failures.unsupported_media_type(BODY_TYPES)
    text = body.decode("utf-8", "replace")
    try:
        fields = load_yaml(text) if media_type == "application/yaml" else go_json.loads(text)
    except go_json.JSONSyntaxError as error:
        raise failures.bad_request(f"couldn't get version/kind; json parse error: {error}") from None
    if fields is None:
        return {}
    if not isinstance(fields, dict):
        what = f"json: cannot unmarshal {go_json.describe(fields)} into Go value of type {go_json.TYPE_META}"
        raise failures.bad_request(f"couldn't get version/kind; json parse error: {what}")
    kind = fields.get("kind", "DeleteOptions")
    if kind != "DeleteOptions":
        version = fields.get("apiVersion") or "meta.k8s.io/v1"
        what = f'no kind "{kind}" is registered for version "{version}"'
        raise failures.bad_request(f'{what} in scheme "{_SCHEME}"')
    return fields


def _checked(fields: dict[str, Any]) -> DeleteOptions:
    def typed(name: str, kinds: type | tuple[type, ...], what: str) -> Any:
        value = fields.get(name)
        if value is not None and (not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool)):
            found = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}
            shown = found.get(type(value), "value")
            text = f"json: cannot unmarshal {shown} into Go struct field DeleteOptions.{name} of type {what}"
            raise failures.bad_request(text)
        return value

    dry_run = typed("dryRun", list, "[]string") or []
    propagation = typed("propagationPolicy", str, "v1.DeletionPropagation")
    orphan = typed("orphanDependents", bool, "bool")
    grace = typed("gracePeriodSeconds", int, "int64")
    preconditions = typed("preconditions", dict, "v1.Preconditions") or {}
    causes: list[Cause] = []
    if propagation is not None and propagation not in _PROPAGATIONS:
        message = f"Unsupported value: {_quote(propagation)}: supported values: {_POLICIES}"
        causes.append(Cause(failures.NOT_SUPPORTED, message, "propagationPolicy"))
    if propagation is not None and orphan is not None:
        message = f"Invalid value: {_quote(propagation)}: orphanDependents and deletionPropagation cannot be both set"
        causes.append(Cause(failures.INVALID, message, "propagationPolicy"))
    causes += _dry_run_causes([str(value) for value in dry_run])
    if causes:
        raise failures.invalid_options("DeleteOptions", causes)
    known = {key: value for key, value in preconditions.items() if isinstance(value, str)}
    return DeleteOptions(bool(dry_run), grace, propagation, orphan, known)
