r"""Bodies in Kubernetes' protobuf form, read into the JSON they stand for.

kubectl sends it with every typed command (``create configmap``, ``auth can-i``). The envelope is the four bytes
``k8s\0`` and a ``runtime.Unknown`` with the object inside. ``data/protobuf.json.gz`` lists the fields of every message
the recorded kinds need: number, JSON name ("" for a message whose fields belong to its parent), "r" for repeated or "m"
for a map with string keys, and the type: s string, b bytes, i integer, o boolean, d double, or a message's name.
"""

from __future__ import annotations

import base64
import datetime
import functools
import gzip
import json
import struct
from importlib import resources
from typing import TYPE_CHECKING, Any

from dynkube.testing.http import failures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAGIC = b"k8s\x00"

_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_UNKNOWN = "io.k8s.apimachinery.pkg.runtime.Unknown"
_CRD = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
#: Deepest nesting read: a CRD's schema is the deepest message there is.
_DEEPEST = 200


class BrokenMessageError(Exception):
    """The bytes are no message of the type they should be."""


@functools.cache
def _messages() -> dict[str, dict[int, tuple[str, str, str]]]:
    packed = resources.files("dynkube.testing").joinpath("data").joinpath("protobuf.json.gz").read_bytes()
    table = json.loads(gzip.decompress(packed))["messages"]
    return {name: {row[0]: (row[1], row[2], row[3]) for row in rows} for name, rows in table.items()}


@functools.cache
def _kinds() -> dict[tuple[str, str], str]:
    """Return the message of each (apiVersion, kind)."""
    from dynkube.testing.objects.schemas import SchemaSet

    found: dict[tuple[str, str], str] = {}
    for name, raw in SchemaSet.builtin().definitions.items():
        for kind in raw.get("x-kubernetes-group-version-kind", ()):
            api_version = f"{kind['group']}/{kind['version']}" if kind["group"] else kind["version"]
            if name in _messages():
                found.setdefault((api_version, kind["kind"]), name)
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise BrokenMessageError("a number does not end")


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield (number, value) of a message: an int for numbers, bytes for everything with a length or a fixed width."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == 2:
            size, at = _varint(data, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise BrokenMessageError(f"wire type {wire}")
        if at + size > len(data):
            raise BrokenMessageError("a field is longer than its message")
        yield number, data[at : at + size]
        at += size


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _scalar(kind: str, value: int | bytes) -> Any:
    if kind in ("i", "o"):
        if not isinstance(value, int):
            raise BrokenMessageError("a number is written as bytes")
        return bool(value) if kind == "o" else _signed(value)
    if not isinstance(value, bytes):
        raise BrokenMessageError("text is written as a number")
    if kind == "d":
        return struct.unpack("<d", value)[0] if len(value) == 8 else 0.0
    if kind == "b":
        return base64.b64encode(value).decode("ascii")
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise BrokenMessageError("a string is not UTF-8") from None


def _value(kind: str, value: int | bytes, depth: int) -> Any:
    if len(kind) == 1:
        return _scalar(kind, value)
    if not isinstance(value, bytes):
        raise BrokenMessageError("a message is written as a number")
    special = _SPECIAL.get(kind)
    return special(value, depth) if special else _message(kind, value, depth)


def _repeated(kind: str, value: int | bytes, depth: int) -> list[Any]:
    if kind in ("i", "o") and isinstance(value, bytes):
        found, at = [], 0
        while at < len(value):
            number, at = _varint(value, at)
            found.append(_scalar(kind, number))
        return found
    return [_value(kind, value, depth)]


def _entry(kind: str, value: int | bytes, depth: int) -> tuple[str, Any]:
    if not isinstance(value, bytes):
        raise BrokenMessageError("a map entry is written as a number")
    parts = dict(_fields(value))
    empty: int | bytes = 0 if kind in ("i", "o") else b""
    return _scalar("s", parts.get(1, b"")), _value(kind, parts.get(2, empty), depth)


def _message(name: str, data: bytes, depth: int) -> dict[str, Any]:
    if depth > _DEEPEST:
        raise BrokenMessageError("the message is nested too deep")
    table = _messages().get(name, {})
    result: dict[str, Any] = {}
    for number, value in _fields(data):
        row = table.get(number)
        if row is None:
            continue
        field, label, kind = row
        if label == "r":
            result.setdefault(field, []).extend(_repeated(kind, value, depth + 1))
        elif label == "m":
            key, item = _entry(kind, value, depth + 1)
            result.setdefault(field, {})[key] = item
        elif not field:
            result.update(_value(kind, value, depth + 1))
        else:
            result[field] = _value(kind, value, depth + 1)
    return result


# Messages that stand for something else in JSON.


def _numbers(data: bytes) -> dict[int, int]:
    return {number: _signed(value) for number, value in _fields(data) if isinstance(value, int)}


def _time(data: bytes, _depth: int, *, precise: bool = False) -> str | None:
    if not data:
        return None
    parts = _numbers(data)
    try:
        moment = _EPOCH + datetime.timedelta(seconds=parts.get(1, 0), microseconds=parts.get(2, 0) // 1000)
    except OverflowError:
        raise BrokenMessageError("a time is out of range") from None
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if precise else "%Y-%m-%dT%H:%M:%SZ")


def _duration(data: bytes, _depth: int) -> str:
    nanoseconds = _numbers(data).get(1, 0)
    return f"{nanoseconds / 1e9:g}s"


def _int_or_string(data: bytes, _depth: int) -> int | str:
    parts = dict(_fields(data))
    if parts.get(1):
        return str(_scalar("s", parts.get(3, b"")))
    return int(_scalar("i", parts.get(2, 0)))


def _first_text(data: bytes, _depth: int) -> str:
    return str(_scalar("s", dict(_fields(data)).get(1, b"")))


def _embedded_json(data: bytes, _depth: int) -> Any:
    raw = dict(_fields(data)).get(1, b"")
    if not raw:
        return None
    try:
        return json.loads(raw if isinstance(raw, bytes) else b"")
    except ValueError:
        raise BrokenMessageError("embedded JSON cannot be read") from None


def _items(data: bytes, _depth: int) -> list[str]:
    return [_scalar("s", value) for number, value in _fields(data) if number == 1]


def _schema_or_list(data: bytes, depth: int) -> Any:
    found = [_message(f"{_CRD}JSONSchemaProps", value, depth + 1) for _, value in _fields(data) if value != b""]  # type: ignore[arg-type]
    many = any(number == 2 for number, _ in _fields(data))
    return found if many or not found else found[0]


def _schema_or_bool(data: bytes, depth: int) -> Any:
    parts = dict(_fields(data))
    schema = parts.get(2)
    if isinstance(schema, bytes):
        return _message(f"{_CRD}JSONSchemaProps", schema, depth + 1)
    return bool(parts.get(1))


def _schema_or_texts(data: bytes, depth: int) -> Any:
    schema = dict(_fields(data)).get(1)
    if isinstance(schema, bytes):
        return _message(f"{_CRD}JSONSchemaProps", schema, depth + 1)
    return [_scalar("s", value) for number, value in _fields(data) if number == 2]


_SPECIAL: dict[str, Callable[[bytes, int], Any]] = {
    f"{_META}Time": _time,
    f"{_META}MicroTime": functools.partial(_time, precise=True),
    f"{_META}Duration": _duration,
    f"{_META}FieldsV1": _embedded_json,
    f"{_META}Verbs": _items,
    "io.k8s.apimachinery.pkg.api.resource.Quantity": _first_text,
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": _int_or_string,
    "io.k8s.apimachinery.pkg.runtime.RawExtension": _embedded_json,
    f"{_CRD}JSON": _embedded_json,
    f"{_CRD}JSONSchemaPropsOrArray": _schema_or_list,
    f"{_CRD}JSONSchemaPropsOrBool": _schema_or_bool,
    f"{_CRD}JSONSchemaPropsOrStringArray": _schema_or_texts,
    "io.k8s.api.authentication.v1.ExtraValue": _items,
    "io.k8s.api.authorization.v1.ExtraValue": _items,
    "io.k8s.api.certificates.v1.ExtraValue": _items,
}


def to_json(body: bytes) -> bytes:
    """Return the JSON form of a protobuf body. Raises a 400 Failure for bytes that cannot be read."""
    if not body.startswith(MAGIC):
        raise failures.bad_request(
            "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"
        )
    try:
        envelope = dict(_fields(body[len(MAGIC) :]))
        head, raw = envelope.get(1, b""), envelope.get(2, b"")
        type_meta = _message("io.k8s.apimachinery.pkg.runtime.TypeMeta", head if isinstance(head, bytes) else b"", 0)
        api_version, kind = type_meta.get("apiVersion", ""), type_meta.get("kind", "")
        name = _kinds().get((api_version, kind))
        if name is None and kind == "DeleteOptions":
            name = f"{_META}DeleteOptions"
        if name is None:
            raise failures.bad_request(f'no kind "{kind}" is registered for version "{api_version}"')
        obj = _message(name, raw if isinstance(raw, bytes) else b"", 0)
    except BrokenMessageError as error:
        raise failures.bad_request(f"the protobuf body cannot be read: {error}") from None
    return json.dumps({"apiVersion": api_version, "kind": kind, **obj}).encode()
