"""Get and list: pages, continue tokens and the resourceVersion rules."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

from dynkube.testing.flows.selection import selection
from dynkube.testing.http import failures
from dynkube.testing.http.answers import ListAnswer, ObjectAnswer
from dynkube.testing.http.options import ListOptions, list_options, parse_version
from dynkube.testing.objects import go_json
from dynkube.testing.storage.store import CompactedError, path_of

if TYPE_CHECKING:
    from dynkube.testing.flows.cluster import Call, Cluster
    from dynkube.testing.resources.registry import Resource
    from dynkube.testing.storage.store import Key, Record

#: What a page is told whose snapshot is gone (etcd3 store).
TOO_OLD_TO_CONTINUE = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)
_CONTINUE_FORMAT = "meta.k8s.io/v1"


def get(call: Call, resource: Resource) -> ObjectAnswer:
    """Answer a read of one object."""
    _check_get_version(call)
    record = call.cluster.get(resource, call.key)
    return ObjectAnswer(call.cluster.shown(resource, record), resource, record=record)


def _check_get_version(call: Call) -> None:
    text = call.route.query.get("resourceVersion")
    if not text:
        return
    try:
        version = parse_version(text)
    except ValueError as error:
        # Lists word and code it otherwise: here the parser's error escapes unclassified.
        raise failures.Failure("", str(error), code=500) from None
    _reachable(call.cluster, version)


def _version(text: str) -> int:
    try:
        return parse_version(text)
    except ValueError as error:
        raise failures.bad_request(f"invalid resource version: {error}") from None


def _reachable(cluster: Cluster, version: int) -> None:
    """Raise the 504 Failure when a version lies in the future. The real server waits 3 seconds before it says so."""
    if version > cluster.store.version:
        raise failures.too_large_resource_version(version, cluster.store.version)


def encode_token(version: int, start: str) -> str:
    """Return a continue token in the real server's format: where the next page starts, and as of which version."""
    token = {"v": _CONTINUE_FORMAT, "rv": version, "start": start}
    text = json.dumps(token, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode("ascii")


def decode_token(token: str) -> tuple[int, str]:
    """Return version and start of a continue token. Raises the 400 Failure."""

    def wrong(why: str) -> failures.Failure:
        return failures.bad_request(f"invalid continue token: continue key is not valid: {why}")

    strange = re.search(r"[^A-Za-z0-9_-]", token)
    if strange or len(token) % 4 == 1:
        raise wrong(f"illegal base64 data at input byte {strange.start() if strange else len(token) - 1}")
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError):
        raise wrong(_json_complaint(raw)) from None
    if fields is None:
        fields = {}
    if not isinstance(fields, dict):
        found = go_json.describe(fields)
        raise wrong(f"json: cannot unmarshal {found} into Go value of type storage.continueToken")
    version, start = fields.get("rv", 0), fields.get("start", "")
    for name, value, kind in (("v", fields.get("v", ""), str), ("rv", version, int), ("start", start, str)):
        if not isinstance(value, kind) or isinstance(value, bool):
            what = f"{go_json.describe(value)} into Go struct field continueToken.{name} of type"
            raise wrong(f"json: cannot unmarshal {what} {'int64' if kind is int else 'string'}")
    if fields.get("v") != _CONTINUE_FORMAT:
        raise wrong(f"server does not recognize this encoded version {fields.get('v', '')}")
    if version == 0:
        raise wrong("incorrect encoded start resourceVersion (version meta.k8s.io/v1)")
    if not start:
        raise wrong("encoded start key empty (version meta.k8s.io/v1)")
    return version, start.lstrip("/")


def _json_complaint(raw: bytes) -> str:
    """Word what Go's JSON scanner says about bytes that do not start a value."""
    first = raw.lstrip(b" \t\r\n")[:1]
    if not first:
        return "unexpected end of JSON input"
    code = first[0]
    shown = f"\\u{code:04x}" if code > 0x7E or code < 0x20 else chr(code)
    return f"invalid character '{shown}' looking for beginning of value"


def list_objects(call: Call, resource: Resource) -> ListAnswer:
    """Answer a list."""
    options = list_options(call.route.query, watching=False)
    namespace = call.route.namespace if call.route.in_namespace else None
    return list_with(call.cluster, resource, namespace, options)


def list_with(cluster: Cluster, resource: Resource, namespace: str | None, options: ListOptions) -> ListAnswer:
    """List objects as the options say. Raises a 4xx or 504 Failure."""
    matches = selection(resource, options)
    if options.continue_token:
        found, version, start = _continued(cluster, resource, namespace, options)
    else:
        found, version, start = *_from_version(cluster, resource, namespace, options), ""
    # A list at "0" is answered from the watch cache, which knows no pages.
    limit = 0 if options.resource_version == "0" else options.limit
    if start:
        prefix = f"{namespace}/" if namespace else ""
        found = [item for item in found if path_of(item[0])[len(prefix) :] >= start]
    picked, more = _page(found, matches, limit, cluster, resource)
    metadata: dict[str, Any] = {"resourceVersion": str(version)}
    if more:
        last = path_of(picked[-1][0])
        inner = last[len(namespace) + 1 :] if namespace else last
        metadata["continue"] = encode_token(version, f"/{inner}\0" if namespace else f"{inner}\0")
        if matches is None:
            metadata["remainingItemCount"] = len(found) - len(picked)
    return ListAnswer(resource, [record for _, record in picked], metadata)


def _page(
    found: list[tuple[Key, Record]], matches: Any, limit: int, cluster: Cluster, resource: Resource
) -> tuple[list[tuple[Key, Record]], bool]:
    """Return the objects of one page, and whether another follows."""
    if matches is None:
        return (found, False) if limit <= 0 or len(found) <= limit else (found[:limit], True)
    picked: list[tuple[Key, Record]] = []
    for position, item in enumerate(found):
        if matches(cluster.shown(resource, item[1])):
            picked.append(item)
            if len(picked) == limit:
                # The store counts what is left of the collection, not of the selection.
                return picked, position + 1 < len(found)
    return picked, False


def _from_version(
    cluster: Cluster, resource: Resource, namespace: str | None, options: ListOptions
) -> tuple[list[tuple[Key, Record]], int]:
    collection = resource.collection
    if options.resource_version in ("", "0"):
        return cluster.store.objects(collection, namespace)
    version = _version(options.resource_version)
    _reachable(cluster, version)
    exact = options.resource_version_match == "Exact" or (options.limit > 0 and not options.resource_version_match)
    if not exact:
        return cluster.store.objects(collection, namespace)
    try:
        return cluster.store.objects_at(collection, version, namespace), version
    except CompactedError:
        message = "The resourceVersion for the provided list is too old."
        raise failures.expired(message) from None


def _continued(
    cluster: Cluster, resource: Resource, namespace: str | None, options: ListOptions
) -> tuple[list[tuple[Key, Record]], int, str]:
    version, start = decode_token(options.continue_token)
    if options.resource_version not in ("", "0"):
        raise failures.bad_request("specifying resource version is not allowed when using continue")
    if version < 0:
        # A token handed out with a 410: go on from the same key in whatever the store holds now.
        found, now = cluster.store.objects(resource.collection, namespace)
        return found, now, start
    _reachable(cluster, version)
    try:
        return cluster.store.objects_at(resource.collection, version, namespace), version, start
    except CompactedError:
        inconsistent = encode_token(-1, f"/{start}" if namespace else start)
        raise failures.expired(TOO_OLD_TO_CONTINUE, continue_token=inconsistent) from None
