"""Walking a decoded document along its schema: wrong types, unknown and repeated fields.

Errors are worded as Go's ``encoding/json`` words them: the innermost struct, the path of JSON names without list
indexes, and the Go type. Custom objects are not typed here (validation does that); they only report what is pruned.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dynkube.testing.objects import go_json, go_structs
from dynkube.testing.objects.quantities import canonical
from dynkube.testing.objects.schemas import object_meta

if TYPE_CHECKING:
    from dynkube.testing.objects.schemas import Schema

#: Quantities as apimachinery's ``resource`` package reads them.
QUANTITY = re.compile(r"^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$")
_QUANTITY_PARTS = re.compile(r"^[+-]?(\d+(\.\d*)?|\.\d+)(|[KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)$")
_QUANTITY_SYNTAX = f"quantities must match the regular expression '{QUANTITY.pattern}'"
_TIME = re.compile(
    r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"
)
_MICRO = re.compile(
    r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d+(Z|[+-]\d\d:\d\d)$"
)
#: Floats from here on are written with an exponent (``encoding/json``).
_EXACT = 1e21
_INTEGER_LIMITS = {"int32": 2**31, "int64": 2**63}


class MistypedError(ValueError):
    """A value does not fit its Go type; the message is the JSON decoder's.

    ``converted`` is what the converter of already decoded maps says (strategic merge patches go through that one).
    """

    def __init__(self, message: str, converted: str = "") -> None:
        super().__init__(message)
        self.converted = converted or message


def is_quantity(text: str) -> bool:
    """Whether ``text`` is a resource quantity such as ``100m``, ``1.5Gi`` or ``2e3``."""
    return _QUANTITY_PARTS.match(text) is not None


def zero(schema: Schema) -> Any:
    """Return what Go puts where a list or map holds null: the type's zero value."""
    if schema.scalar in {"any", "time", "microtime"} or not schema.type:
        return None
    if schema.scalar:
        return {"quantity": "0", "int-or-string": 0}.get(schema.scalar, "")
    values: dict[str, Any] = {"object": {}, "array": [], "string": "", "integer": 0, "number": 0, "boolean": False}
    return values.get(schema.type)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value stands: for people (``path``), for Go's decoder, in which struct, and of which Go type."""

    path: str
    go_path: str
    owner: str
    type: str

    @property
    def field(self) -> str:
        """The field as the decoder names it."""
        return f"{self.owner}.{self.go_path}" if self.owner else self.go_path

    def inside(self, suffix: str) -> _Place:
        """Return the place of an element: the decoder's path stays, the type is the element's."""
        return _Place(self.path + suffix, self.go_path, self.owner, go_structs.element(self.type))


#: Stands in for fields of what is no known struct.
_ANY = go_structs.GoField("interface {}")


class Conversion:
    """One walk over one document; ``complaints`` collects unknown and duplicate fields in document order."""

    def __init__(self, *, keep_unknown: bool = False) -> None:
        self.complaints: list[str] = []
        self._keep_unknown = keep_unknown

    def root(self, document: dict[str, Any], schema: Schema | None) -> dict[str, Any]:
        """Return a typed copy of the document; raises `MistypedError`."""
        if schema is None:
            return self._plain(document, "")  # type: ignore[no-any-return]
        if schema.custom:
            return self._custom(document, schema, "", root=True)  # type: ignore[no-any-return]
        return self._struct(document, schema, "", "")

    # Built-in kinds: what Go's struct decoder does.

    def _struct(self, value: dict[str, Any], schema: Schema, path: str, go_path: str) -> dict[str, Any]:
        self._duplicates(value, path)
        result: dict[str, Any] = {}
        for key, element in value.items():
            here = f"{path}.{key}" if path else key
            field = schema.properties.get(key)
            if field is None:
                self.complaints.append(f'unknown field "{here}"')
                continue
            go_field = schema.go_fields.get(key, _ANY)
            # Go names the structs a field is inlined from, as if they were fields.
            go_here = ".".join(filter(None, (go_path, go_field.embedded, key)))
            result[key] = self._value(element, field, _Place(here, go_here, schema.go_name, go_field.type))
        return result

    def _duplicates(self, value: dict[str, Any], path: str) -> None:
        if isinstance(value, go_json.DuplicateKeys):
            prefix = f"{path}." if path else ""
            self.complaints.extend(f'duplicate field "{prefix}{key}"' for key in value.duplicates)

    def _value(self, value: Any, schema: Schema, place: _Place) -> Any:
        if value is None:
            return None
        if schema.scalar:
            return self._scalar(value, schema, place)
        kind = schema.type
        if kind == "array":
            if isinstance(value, str) and place.type == "[]uint8":
                return value
            if not isinstance(value, list):
                raise _mistyped(value, schema, place)
            items = schema.items
            if items is None:
                return self._plain(value, place.path)
            return [self._element(v, items, place.inside(f"[{i}]")) for i, v in enumerate(value)]
        if kind == "object" or (kind == "" and schema.properties):
            return self._object(value, schema, place)
        if kind == "":
            return self._plain(value, place.path)
        return self._primitive(value, schema, place)

    def _element(self, value: Any, schema: Schema, place: _Place) -> Any:
        if value is None:
            return zero(schema)
        return self._value(value, schema, place)

    def _object(self, value: Any, schema: Schema, place: _Place) -> Any:
        if not isinstance(value, dict):
            if schema.type == "":  # a Go union with a list or a boolean
                return self._plain(value, place.path)
            raise _mistyped(value, schema, place)
        if schema.open:
            return self._plain(value, place.path)
        if not schema.is_map:
            return self._struct(value, schema, place.path, place.go_path)
        self._duplicates(value, place.path)
        inner = schema.additional
        if inner is None:
            return self._plain(value, place.path)
        # Go decodes maps of bytes key by key in the order they are sent, all other values too.
        return {k: self._element(v, inner, place.inside(f".{k}")) for k, v in value.items()}

    def _primitive(self, value: Any, schema: Schema, place: _Place) -> Any:
        kind = schema.type
        if kind == "boolean" and not isinstance(value, bool):
            raise _mistyped(value, schema, place)
        if kind == "integer":
            return _integer(value, schema, place)
        if kind == "number" and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise _mistyped(value, schema, place)
        if kind == "string":
            if not isinstance(value, str):
                raise _mistyped(value, schema, place)
            if schema.format == "byte":
                _base64(value)
        return value

    def _scalar(self, value: Any, schema: Schema, place: _Place) -> Any:
        scalar = schema.scalar
        if scalar == "any":
            return self._plain(value, place.path)
        if scalar == "int-or-string":
            return _int_or_string(value, place)
        if scalar == "quantity":
            return _quantity(value)
        if not isinstance(value, str):
            raise _unmarshalled(value, place, "string")
        if scalar in {"time", "microtime"}:
            _check_time(value, micro=scalar == "microtime")
        return value

    def _plain(self, value: Any, path: str) -> Any:
        """Copy data that has no schema; only repeated keys can be wrong in it."""
        if isinstance(value, dict):
            self._duplicates(value, path)
            return {k: self._plain(v, f"{path}.{k}" if path else k) for k, v in value.items()}
        if isinstance(value, list):
            return [self._plain(v, f"{path}[{i}]") for i, v in enumerate(value)]
        return _go_number(value) if self._keep_unknown else value

    # Custom kinds: what pruning would drop is reported, nothing is typed but metadata.

    def _custom(self, value: Any, schema: Schema, path: str, *, root: bool = False) -> Any:
        if isinstance(value, dict):
            return self._custom_object(value, schema, path, root=root)
        if isinstance(value, list):
            items = schema.items
            if items is None:
                return self._plain(value, path)
            return [self._custom(v, items, f"{path}[{i}]") for i, v in enumerate(value)]
        return _go_number(value)

    def _custom_object(self, value: dict[str, Any], schema: Schema, path: str, *, root: bool) -> dict[str, Any]:
        self._duplicates(value, path)
        result: dict[str, Any] = {}
        for key, element in value.items():
            here = f"{path}.{key}" if path else key
            field = schema.field(key)
            if (root or schema.embedded_resource) and key == "metadata" and isinstance(element, dict):
                # Decoded apart from the object around it: the path in errors starts anew.
                result[key] = self._struct(element, object_meta(), here, "")
                continue
            if field is not None:
                result[key] = self._custom(element, field, here)
                continue
            declared = schema.open or (schema.embedded_resource and key in {"apiVersion", "kind", "metadata"})
            if not declared:
                self.complaints.append(f'unknown field "{here}"')
            if declared or self._keep_unknown:
                result[key] = self._plain(element, here) if declared else element
        return result


def _go_number(value: Any) -> Any:
    """Return a number of a custom object as Go writes it again: a float without a fraction becomes an integer."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT else value


def _mistyped(value: Any, schema: Schema, place: _Place) -> MistypedError:
    what = go_json.describe(value)
    return MistypedError(
        f"json: cannot unmarshal {what} into Go struct field {place.field} of type {place.type}",
        _conversion_problem(value, schema, place),
    )


def _integer(value: Any, schema: Schema, place: _Place) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _mistyped(value, schema, place)
    limit = _INTEGER_LIMITS.get(schema.format, 2**63)
    if isinstance(value, float) or not -limit <= value < limit:
        raise _out_of_range(value, place, place.type)
    return value


def _out_of_range(value: Any, place: _Place, go_type: str) -> MistypedError:
    shown = go_json.dumps(value)
    return MistypedError(f"json: cannot unmarshal number {shown} into Go struct field {place.field} of type {go_type}")


def _int_or_string(value: Any, place: _Place) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _unmarshalled(value, place, "int32")
    if isinstance(value, float) or not -(2**31) <= value < 2**31:
        raise _out_of_range(value, place, "int32")
    return value


def _unmarshalled(value: Any, place: _Place, go_type: str) -> MistypedError:
    """Return the error of a type that reads its JSON itself, which reads text or a number at first."""
    what = go_json.describe(value)
    return MistypedError(
        f"json: cannot unmarshal {what} into Go struct field {place.field} of type {go_type}",
        f"json: cannot unmarshal {what} into Go value of type {go_type}",
    )


def _conversion_problem(value: Any, schema: Schema, place: _Place) -> str:
    names = {bool: "bool", int: "int64", float: "float64", str: "string", list: "slice", dict: "map"}
    found = names.get(type(value), "interface")
    if schema.type == "array" or schema.format == "byte":
        return f"cannot restore slice from {found}"
    if schema.type == "object":
        return f"cannot restore map from {found}" if schema.is_map else f"cannot restore struct from: {found}"
    if schema.type == "string" and found == "int64":  # the one conversion Go has, and JSON has not
        return f"cannot convert int64 to {place.type}"
    plain = {"string": "string", "boolean": "bool", "number": "float64"}
    return f"unrecognized type: {plain.get(schema.type, schema.format or 'int64')}"


def _base64(value: str) -> None:
    text = value.replace("\n", "").replace("\r", "")
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        whole = len(value) // 4 * 4  # a group of four that ends early is at fault as a whole
        at = next((i for i, c in enumerate(value) if not (c.isalnum() and c.isascii()) and c not in "+/\r\n"), whole)
        why = f"illegal base64 data at input byte {at}"
        raise MistypedError(why, f"error decoding from json: {why}") from None


def _quantity(value: Any) -> str:
    text = go_json.dumps(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not is_quantity(text):
        raise MistypedError(_QUANTITY_SYNTAX)
    return canonical(text)


def _check_time(value: str, *, micro: bool) -> None:
    pattern, layout = (_MICRO, "2006-01-02T15:04:05.000000Z07:00") if micro else (_TIME, "2006-01-02T15:04:05Z07:00")
    if pattern.match(value) or (micro and _TIME.match(value)):
        return
    left, wanted = _first_unparsed(value)
    raise MistypedError(f'parsing time "{value}" as "{layout}": cannot parse "{left}" as "{wanted}"')


def _first_unparsed(value: str) -> tuple[str, str]:
    """Return what is left of ``value`` where Go's time parser stops, and the layout piece it wanted there."""
    rest = value
    for piece, pattern in (
        ("2006", r"\d{4}"),
        ("-", "-"),
        ("01", r"\d\d"),
        ("-", "-"),
        ("02", r"\d\d"),
        ("T", "T"),
        ("15", r"\d\d"),
        (":", ":"),
        ("04", r"\d\d"),
        (":", ":"),
        ("05", r"\d\d(\.\d+)?"),
        ("Z07:00", r"(Z|[+-]\d\d:\d\d)$"),
    ):
        found = re.match(pattern, rest)
        if found is None:
            return rest, piece
        rest = rest[found.end() :]
    return rest, ""
