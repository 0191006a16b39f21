"""JSON as text: how bodies are written, so that they mean the same read as YAML, and how long answers are read."""

from __future__ import annotations

import gc
import json
import re
import sys
from typing import TYPE_CHECKING, Any

from dynkube.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable

#: Writes the body of every request.
_ENCODER = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"))
#: What YAML refuses where it stands as it is, or takes for the end of a line: it would become a space.
_NOT_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufffe\uffff]")
#: Characters of a key, its quotes included, by which its colon has to come (YAML 1.2, 7.4.2: implicit keys).
_LONGEST_KEY = 1024


def encode_body(body: Any) -> bytes:
    """Return `body` as compact UTF-8 JSON, its fields in the order given.

    Raises InvalidRequestError that names the first field JSON has no form for: a date, NaN, bytes, a lone surrogate.
    """
    return _written(body, lambda: _as_yaml(_ENCODER.encode(body)))


def encode_applied(body: Any) -> bytes:
    """Return `body` for server-side apply, which is read as YAML: as `encode_body`, but for keys too long for that.

    Those are marked as keys by YAML's `?`. Raises as `encode_body`.
    """
    text = encode_body(body)
    # A key ends with a quote and a colon: mostly no text before them is long enough to be one.
    if all(len(part) < _LONGEST_KEY and not part.endswith(b"\\") for part in text.split(b'":')[:-1]):
        return text
    return _written(body, lambda: _with_marked_keys(json.loads(text)))


def _written(body: Any, write: Callable[[], str]) -> bytes:
    try:
        return write().encode()
    except (TypeError, ValueError, RecursionError) as error:
        place = _unencodable(body) if not isinstance(error, RecursionError) else ""
        raise InvalidRequestError(f"the body cannot be written as JSON{place}: {error}") from error


def _as_yaml(text: str) -> str:
    return _NOT_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _with_marked_keys(value: Any) -> str:
    """Return `value` as JSON that is no JSON where a key is long, but YAML everywhere."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_key(key)}:{_with_marked_keys(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_with_marked_keys, value)) + "]"
    return _as_yaml(_ENCODER.encode(value))


def _key(key: str) -> str:
    text = _as_yaml(_ENCODER.encode(key))
    return text if len(text) <= _LONGEST_KEY else f"? {text}"


def _unencodable(value: Any, path: str = "") -> str:
    """Return " at <path>" of the first value JSON has no form for; only called after encoding failed."""
    if isinstance(value, dict):
        for key, each in value.items():
            if not isinstance(key, str | int | float | bool | type(None)):
                return f" at {path or 'the top'}"
            found = _unencodable(each, f"{path}.{key}" if path else str(key))
            if found:
                return found
        return ""
    if isinstance(value, list | tuple):
        for index, each in enumerate(value):
            found = _unencodable(each, f"{path}[{index}]")
            if found:
                return found
        return ""
    try:
        _ENCODER.encode(value).encode()
    except (TypeError, ValueError):
        return f" at {path or 'the top'}"
    return ""


if sys.version_info >= (3, 12):
    # The interpreter itself has become this way: it does not collect in the middle of a C function.
    loads = json.loads
else:

    def loads(text: str) -> Any:
        """Return the JSON value of `text`; raises as `json.loads` does.

        The collector would be started a few times per megabyte, each time to walk over the new objects, all alive, and
        sometimes over all objects there are. It is left as it was found, and other threads do not run meanwhile, so
        none sees it switched off for longer than a moment. Only a `gc.disable()` of another thread in that very moment
        would be undone.
        """
        # Saves 20 % of a list of 5,000 pods and of an informer of them, 17 % of one of 50,000 config maps.
        if not gc.isenabled():
            return json.loads(text)
        gc.disable()
        try:
            return json.loads(text)
        finally:
            gc.enable()
