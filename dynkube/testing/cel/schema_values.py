"""Parts of objects as rules compute with them, made as they are looked at (apiserver ``valuesunstructured.go``)."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from dynkube.testing.cel import escaping, moments
from dynkube.testing.cel.schema_types import with_metadata
from dynkube.testing.cel.values import NONE, EvaluationError, ListValue, MapValue, Optional, Timestamp, equal, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dynkube.testing.cel.schema_types import RawSchema


def value_of(raw: Any, schema: RawSchema) -> Any:
    """Return the value of a part of an object. Raises EvaluationError when it does not fit its schema."""
    if raw is None:
        if schema.get("nullable"):
            return None
        raise EvaluationError("invalid data, got null for schema with nullable=false")
    if schema.get("x-kubernetes-int-or-string"):
        if isinstance(raw, (str, int)) and not isinstance(raw, bool):
            return raw
        raise EvaluationError("invalid data, expected XIntOrString value to be either a string or integer")
    convert = _BY_TYPE.get(schema.get("type", ""))
    if convert is not None:
        return convert(raw, schema)
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return Unknown(raw)
    raise EvaluationError(
        "invalid type, expected object, array, number, integer, boolean or string, or no type with "
        f"x-kubernetes-int-or-string or x-kubernetes-preserve-unknown-fields is true, got {schema.get('type', '')}"
    )


class Unknown:
    """A part no schema tells about: it can only be compared."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unknown) and self._raw == other._raw

    def __hash__(self) -> int:
        return id(self)


class SchemaList(ListValue):
    """A list of an object; those of type ``set`` and ``map`` are equal in any order."""

    __slots__ = ("_raw", "_schema", "_values")

    def __init__(self, raw: list[Any], schema: RawSchema) -> None:
        self._raw = raw
        self._schema = schema
        self._values: list[Any] | None = None

    def elements(self) -> Sequence[Any]:
        """Return the elements, in order."""
        if self._values is None:
            items = self._schema["items"]
            self._values = [value_of(one, items) for one in self._raw]
        return self._values

    def __len__(self) -> int:
        return len(self._raw)

    def get(self, index: int) -> Any:
        """Return the element at ``index``. Raises EvaluationError."""
        if not 0 <= index < len(self._raw):
            raise EvaluationError(f"index out of bounds: {index}")
        return value_of(self._raw[index], self._schema["items"])

    def plain(self) -> Any:
        """Return the list as it stands in the object."""
        return self._raw

    @property
    def _kind(self) -> str:
        return str(self._schema.get("x-kubernetes-list-type", "atomic"))

    def _name(self, raw: Any) -> str:
        """Return what tells elements of a set or of a keyed list apart."""
        if self._kind == "map" and isinstance(raw, dict):
            keys = self._schema.get("x-kubernetes-list-map-keys") or ()
            return json.dumps([raw.get(key) for key in keys])
        return json.dumps(raw)

    def same(self, other: ListValue) -> bool:
        """Tell whether both hold the same elements."""
        if self._kind not in ("set", "map"):
            return super().same(other)
        if len(self) != len(other):
            return False
        known = {self._name(raw): raw for raw in self._raw}
        for one in other.elements():
            name = self._name(plain(one))
            if name not in known:
                return False
            if self._kind == "map" and not equal(value_of(known[name], self._schema["items"]), one):
                return False
        return True

    def plus(self, other: ListValue) -> ListValue:
        """Return both lists as one: in sets and keyed lists, an element of ``other`` takes its equal's place."""
        if self._kind not in ("set", "map"):
            return super().plus(other)
        joined = list(self._raw)
        places = {self._name(raw): index for index, raw in enumerate(joined)}
        for one in other.elements():
            raw = plain(one)
            place = places.setdefault(self._name(raw), len(joined))
            joined[place : place + 1] = [raw]
        return SchemaList(joined, self._schema)


class SchemaMap(MapValue):
    """An object or a map of an object. Null fields of an object are absent; undeclared ones cannot be seen."""

    __slots__ = ("_raw", "_schema")

    def __init__(self, raw: dict[str, Any], schema: RawSchema) -> None:
        self._raw = raw
        self._schema = with_metadata(schema) if schema.get("x-kubernetes-embedded-resource") else schema

    @property
    def _is_object(self) -> bool:
        return bool(self._schema.get("properties"))

    def _declared(self, key: str) -> RawSchema | None:
        properties = self._schema.get("properties")
        found = properties.get(key) if properties else self._schema.get("additionalProperties")
        return found if isinstance(found, dict) else None

    def __iter__(self) -> Iterator[Any]:
        """Yield the keys; those of an object as identifiers."""
        for key in sorted(self._raw):
            if self._declared(key) is not None:
                yield (escaping.escape(key) or key) if self._is_object else key

    def __len__(self) -> int:
        return len(self._raw)

    def find(self, key: Any) -> Optional:
        """Return the value of ``key``, if there is one."""
        if not isinstance(key, str):
            raise EvaluationError("no such overload")
        name = escaping.unescape(key) if self._is_object else key
        if name is None or name not in self._raw:
            return NONE
        raw, schema = self._raw[name], self._declared(name)
        if schema is None or (raw is None and self._is_object):
            return NONE
        return Optional(value_of(raw, schema))

    def same(self, other: MapValue) -> bool:
        """Tell whether both hold the same."""
        if len(self) != len(other):
            return False
        for key, raw in self._raw.items():
            if self._declared(key) is not None:
                one, another = self.find(key), other.find(key)
                if one.present != another.present or (one.present and not equal(one.value, another.value)):
                    return False
            elif isinstance(other, SchemaMap) and other.plain().get(key, raw) != raw:
                return False
        return True

    def plain(self) -> Any:
        """Return the object as it stands."""
        return self._raw


def _expected(what: str, raw: Any) -> EvaluationError:
    names = {bool: "bool", int: "int64", float: "float64", str: "string", list: "[]interface {}"}
    return EvaluationError(f"invalid data, expected {what}, got {names.get(type(raw), 'map[string]interface {}')}")


def _object(raw: Any, schema: RawSchema) -> Any:
    if not isinstance(raw, dict):
        raise EvaluationError("invalid data, expected a map for the provided schema with type=object")
    return SchemaMap(raw, schema)


def _array(raw: Any, schema: RawSchema) -> Any:
    if not isinstance(raw, list):
        raise EvaluationError("invalid data, expected an array for the provided schema with type=array")
    return SchemaList(raw, schema)


def _string(raw: Any, schema: RawSchema) -> Any:
    if not isinstance(raw, str):
        raise _expected("string", raw)
    form = schema.get("format")
    parsers = {"duration": moments.parse_long_duration, "date": moments.parse_date, "date-time": _date_time}
    if form in parsers:
        found = parsers[form](raw)
        if found is None:
            raise EvaluationError(f"Invalid {form} formatted string {raw}")
        return found
    if form == "byte":
        try:
            return base64.b64decode(raw, validate=True)
        except (ValueError, binascii.Error) as error:
            raise EvaluationError(f"Invalid byte formatted string {raw}: {error}") from None
    return raw


def _date_time(text: str) -> Timestamp | None:
    return moments.parse_timestamp(text.replace("t", "T").replace("z", "Z"))


def _number(raw: Any, _schema: RawSchema) -> Any:
    if isinstance(raw, bool) or not isinstance(raw, (int, float)):
        raise _expected("float", raw)
    return float(raw)


def _integer(raw: Any, _schema: RawSchema) -> Any:
    if isinstance(raw, float) and raw.is_integer():
        return int(raw)
    if isinstance(raw, bool) or not isinstance(raw, int):
        raise _expected("int", raw)
    return raw


def _boolean(raw: Any, _schema: RawSchema) -> Any:
    if not isinstance(raw, bool):
        raise _expected("bool", raw)
    return raw


_BY_TYPE = {
    "object": _object,
    "array": _array,
    "string": _string,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
}
