"""JSON patch, RFC 6902, with the answers kube-apiserver gives when it cannot be read or done."""

from __future__ import annotations

import copy
import re
from typing import Any

from dynkube.testing.http import failures
from dynkube.testing.objects import go_json

#: More operations than this are refused (apiserver ``maxJSONPatchOperations``).
MAX_OPERATIONS = 10_000
_OPERATIONS = frozenset({"add", "remove", "replace", "move", "copy", "test"})
_INDEX = re.compile(r"^(?:0|[1-9]\d*)$")
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
        raise failures.request_entity_too_large(
            f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(operations)}"
        )
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
    if op == "add":
        return _add(document, path, _value(operation))
    if op == "remove":
        return _remove(document, path)[0]
    if op == "replace":
        if not path:
            return _value(operation)
        _get(document, path)
        return _replace(document, path, _value(operation))
    if op == "test":
        if not equal(_get(document, path, default=None), copy.deepcopy(operation.get("value"))):
            raise failures.rejected()
        return document
    source = segments(operation.get("from"))
    if op == "copy":
        return _add(document, path, copy.deepcopy(_get(document, source)))
    if path[: len(source)] == source and len(path) > len(source):
        raise failures.rejected()
    document, moved = _remove(document, source)
    return _add(document, path, moved)


def _value(operation: dict[str, Any]) -> Any:
    if "value" not in operation:
        raise failures.rejected()
    return copy.deepcopy(operation["value"])


def segments(text: Any) -> list[str]:
    """Split a JSON pointer (RFC 6901)."""
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise failures.rejected()
    if re.search(r"~(?![01])", text):
        raise failures.rejected()
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _step(parent: Any, key: str) -> Any:
    if isinstance(parent, dict):
        return parent.get(key, _MISSING)
    if isinstance(parent, list) and _INDEX.match(key) and int(key) < len(parent):
        return parent[int(key)]
    return _MISSING


def _get(document: Any, path: list[str], **otherwise: Any) -> Any:
    found = document
    for position, key in enumerate(path):
        found = _step(found, key)
        if found is _MISSING:
            if otherwise and position == len(path) - 1:
                return otherwise["default"]
            raise failures.rejected()
    return found


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent, key = _get(document, path[:-1]), path[-1]
    if isinstance(parent, dict):
        parent[key] = value
    elif isinstance(parent, list) and key == "-":
        parent.append(value)
    elif isinstance(parent, list) and _INDEX.match(key) and int(key) <= len(parent):
        parent.insert(int(key), value)
    else:
        raise failures.rejected()
    return document


def _replace(document: Any, path: list[str], value: Any) -> Any:
    parent, key = _get(document, path[:-1]), path[-1]
    parent[key if isinstance(parent, dict) else int(key)] = value
    return document


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
