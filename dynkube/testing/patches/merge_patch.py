"""JSON merge patch, RFC 7386."""

from __future__ import annotations

import copy
from typing import Any

from dynkube.testing.http import failures
from dynkube.testing.objects import go_json


def parse(body: bytes | str) -> dict[str, Any]:
    """Return the patch in a request's body; raises `Failure` 400 when it is no JSON object."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    try:
        patch = go_json.loads(text)
    except go_json.JSONSyntaxError as error:
        raise failures.bad_request(f"error decoding patch: {error}") from None
    if not isinstance(patch, dict):
        what = go_json.describe(patch)
        raise failures.bad_request(
            f"error decoding patch: json: cannot unmarshal {what} into Go value of type map[string]interface {{}}"
        )
    return patch


def apply(document: Any, patch: Any) -> Any:
    """Return what ``document`` becomes: objects are merged, null removes, everything else replaces.

    Neither argument is changed, and the result shares nothing with them. ``patch`` may also be the body's bytes, read
    by `parse`.
    """
    if isinstance(patch, bytes):
        patch = parse(patch)
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = copy.deepcopy(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = apply(result.get(key), value)
    return result
