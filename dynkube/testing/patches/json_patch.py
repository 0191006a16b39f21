"""JSON patch, RFC 6902 as kube-apiserver does it, with the answers it gives when one cannot be read or done.

Its library is more lenient than the RFC: what is not there is null to ``test`` and ``copy`` and can be replaced, a
missing value is null, and indexes count from the end when they are negative. The whole document cannot be replaced.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from dynkube.testing.http import failures
from dynkube.testing.objects import go_json

#: More operations than this are refused (apiserver ``maxJSONPatchOperations``).
MAX_OPERATIONS = 10_000
_OPERATIONS = frozenset({"add", "remove", "replace", "move", "copy", "test"})
_INDEX = re.compile(r"^-?\d+$")
_MISSING = object()


def parse(body: bytes | str) -> list[dict[str, Any]]:
    """Return the operations in a request's body.

    Raises `Failure` 400 when it is no list of objects, 413 when there are too many.
    """
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    try:
        operations = go_json.loads(text)
    except go_json.JSONSyntaxError as error:
        raise failures.bad_request(f"error decoding patch: {error}") from None
    return check(operations)


def check(operations: Any) -> list[dict[str, Any]]:
    """Return ``operations`` if they are a list of objects; raises as `parse`."""
    if operations is None:
        return []
    if not isinstance(operations, list):
        what = go_json.describe(operations)
        raise _undecodable(f"cannot unmarshal {what} into Go value of type []handlers.jsonPatchOp")
    for operation in operations:
        if not isinstance(operation, dict):
            what = go_json.describe(operation)
            raise _undecodable(f"cannot unmarshal {what} into Go value of type handlers.jsonPatchOp")
        for key in ("op", "path", "from"):
            value = operation.get(key)
            if value is not None and not isinstance(value, str):
                what = go_json.describe(value)
                raise _undecodable(f"cannot unmarshal {what} into Go struct field jsonPatchOp.{key} of type string")
    if len(operations) > MAX_OPERATIONS:
        found = f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(operations)}"
        raise failures.request_entity_too_large(f"Request entity too large: {found}")
    return operations


def _undecodable(why: str) -> failures.Failure:
    return failures.bad_request(f"error decoding patch: json: {why}")


def apply(document: Any, patch: bytes | str | list[dict[str, Any]]) -> Any:
    """Return a new document with the operations done in order; ``document`` stays as it was.

    Raises `Failure`: 422 without causes when an operation cannot be done or a test fails (all or nothing), 400 and 413
    as `parse`.
    """
    operations = check(patch) if isinstance(patch, list) else parse(patch)
    result = copy.deepcopy(document)
    for operation in operations:
        result = _do(result, operation)
    return result


def _do(document: Any, operation: dict[str, Any]) -> Any:
    op = operation.get("op")
    if op not in _OPERATIONS or not isinstance(operation.get("path"), str):
        raise failures.rejected()
    path = segments(operation["path"])
    value = copy.deepcopy(operation.get("value"))
    if op == "add":
        return _add(document, path, value)
    if op == "remove":
        return _remove(document, path)[0]
    if op == "replace":
        return _replace(document, path, value)
    if op == "test":
        if not equal(_get(document, path, default=None), value):
            raise failures.rejected()
        return document
    source = segments(operation.get("from"))
    if op == "copy":
        return _add(document, path, copy.deepcopy(_get(document, source, default=None)))
    if path[: len(source)] == source and len(path) > len(source):
        raise failures.rejected()
    document, moved = _remove(document, source)
    return _add(document, path, moved)


def segments(text: Any) -> list[str]:
    """Split a JSON pointer (RFC 6901); a tilde that escapes nothing stands for itself."""
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise failures.rejected()
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _step(parent: Any, key: str) -> Any:
    if isinstance(parent, dict):
        return parent.get(key, _MISSING)
    if isinstance(parent, list) and _INDEX.match(key) and -len(parent) <= int(key) < len(parent):
        return parent[int(key)]
    return _MISSING


def _get(document: Any, path: list[str], **otherwise: Any) -> Any:
    found = document
    for position, key in enumerate(path):
        inside, found = found, _step(found, key)
        if found is _MISSING:
            if otherwise and position == len(path) - 1 and isinstance(inside, dict):
                return otherwise["default"]
            raise failures.rejected()
    return found


def _add(document: Any, path: list[str], value: Any) -> Any:
    parent, key = _parent(document, path)
    if isinstance(parent, dict):
        parent[key] = value
    elif isinstance(parent, list) and key == "-":
        parent.append(value)
    elif isinstance(parent, list) and _INDEX.match(key) and -len(parent) - 1 <= int(key) <= len(parent):
        index = int(key)
        parent.insert(index if index >= 0 else len(parent) + 1 + index, value)
    else:
        raise failures.rejected()
    return document


def _replace(document: Any, path: list[str], value: Any) -> Any:
    parent, key = _parent(document, path)
    if isinstance(parent, list):
        _get(document, path)
        parent[int(key)] = value
    elif isinstance(parent, dict):
        parent[key] = value
    else:
        raise failures.rejected()
    return document


def _parent(document: Any, path: list[str]) -> tuple[Any, str]:
    """Return what holds the value a path leads to, and the key there; the whole document is held by nothing."""
    if not path:
        raise failures.rejected()
    return _get(document, path[:-1]), path[-1]


def _remove(document: Any, path: list[str]) -> tuple[Any, Any]:
    found = _get(document, path)
    if not path:
        raise failures.rejected()
    parent, key = _get(document, path[:-1]), path[-1]
    if isinstance(parent, dict):
        del parent[key]
    else:
        del parent[int(key)]
    return document, found


def equal(one: Any, other: Any) -> bool:
    """Compare two JSON values: numbers by value, true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)
