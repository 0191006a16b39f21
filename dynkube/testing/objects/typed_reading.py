"""Walking a decoded document along its schema: wrong types, unknown and repeated fields.

Errors are worded as Go's ``encoding/json`` words them: the innermost struct, the path of JSON names without list
indexes, and the Go type. Custom objects are not typed here (validation does that); they only report what is pruned.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

from dynkube.testing.objects import go_json
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
            go_here = f"{go_path}.{key}" if go_path else key
            result[key] = self._value(element, field, here, go_here, schema.name)
        return result

    def _duplicates(self, value: dict[str, Any], path: str) -> None:
        if isinstance(value, go_json.DuplicateKeys):
            prefix = f"{path}." if path else ""
            self.complaints.extend(f'duplicate field "{prefix}{key}"' for key in value.duplicates)

    def _value(self, value: Any, schema: Schema, path: str, go_path: str, owner: str) -> Any:
        if value is None:
            return None
        if schema.scalar:
            return self._scalar(value, schema, path)
        kind = schema.type
        if kind == "array":
            if isinstance(value, str) and schema.items is not None and schema.items.go_type == "uint8":
                return value
            if not isinstance(value, list):
                raise self._mistyped(value, schema, go_path, owner)
            items = schema.items
            if items is None:
                return self._plain(value, path)
            return [self._element(v, items, f"{path}[{i}]", go_path, owner) for i, v in enumerate(value)]
        if kind == "object" or (kind == "" and schema.properties):
            return self._object(value, schema, path, go_path, owner)
        if kind == "":
            return self._plain(value, path)
        return self._primitive(value, schema, go_path, owner)

    def _element(self, value: Any, schema: Schema, path: str, go_path: str, owner: str) -> Any:
        if value is None:
            return zero(schema)
        return self._value(value, schema, path, go_path, owner)

    def _object(self, value: Any, schema: Schema, path: str, go_path: str, owner: str) -> Any:
        if not isinstance(value, dict):
            if schema.type == "":  # a Go union with a list or a boolean
                return self._plain(value, path)
            raise self._mistyped(value, schema, go_path, owner)
        if schema.open:
            return self._plain(value, path)
        if not schema.is_map:
            return self._struct(value, schema, path, go_path)
        self._duplicates(value, path)
        inner = schema.additional
        if inner is None:
            return self._plain(value, path)
        return {k: self._element(v, inner, f"{path}.{k}", go_path, owner) for k, v in value.items()}

    def _primitive(self, value: Any, schema: Schema, go_path: str, owner: str) -> Any:
        kind = schema.type
        if kind == "boolean" and not isinstance(value, bool):
            raise self._mistyped(value, schema, go_path, owner)
        if kind == "integer":
            return self._integer(value, schema, go_path, owner)
        if kind == "number" and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise self._mistyped(value, schema, go_path, owner)
        if kind == "string":
            if not isinstance(value, str):
                raise self._mistyped(value, schema, go_path, owner)
            if schema.format == "byte":
                _base64(value)
        return value

    def _integer(self, value: Any, schema: Schema, go_path: str, owner: str) -> int:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self._mistyped(value, schema, go_path, owner)
        limit = _INTEGER_LIMITS.get(schema.format, 2**63)
        if isinstance(value, float) or not -limit <= value < limit:
            where = f"{owner}.{go_path}" if owner else go_path
            shown = go_json.dumps(value)
            raise MistypedError(
                f"json: cannot unmarshal number {shown} into Go struct field {where} of type {schema.go_type}"
            )
        return value

    def _scalar(self, value: Any, schema: Schema, path: str) -> Any:
        scalar = schema.scalar
        if scalar == "any":
            return self._plain(value, path)
        if scalar == "int-or-string":
            if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
                return value
            raise MistypedError(
                f"json: cannot unmarshal {go_json.describe(value)} into Go value of type "
                f"{'int32' if isinstance(value, float) else 'string' if isinstance(value, bool) else 'int32'}"
            )
        if scalar == "quantity":
            return _quantity(value)
        if not isinstance(value, str):
            raise MistypedError(f"json: cannot unmarshal {go_json.describe(value)} into Go value of type string")
        if scalar in {"time", "microtime"} and value:
            _check_time(value, micro=scalar == "microtime")
        return value

    def _mistyped(self, value: Any, schema: Schema, go_path: str, owner: str) -> MistypedError:
        where = f"{owner}.{go_path}" if owner else go_path
        what = go_json.describe(value)
        return MistypedError(
            f"json: cannot unmarshal {what} into Go struct field {where} of type {schema.go_type}",
            _conversion_problem(value, schema),
        )

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


def _conversion_problem(value: Any, schema: Schema) -> str:
    names = {bool: "bool", int: "int64", float: "float64", str: "string", list: "slice", dict: "map"}
    found = names.get(type(value), "interface")
    if schema.type == "array":
        return f"cannot restore slice from {found}"
    if schema.type == "object":
        return f"cannot restore map from {found}" if schema.is_map else f"cannot restore struct from: {found}"
    return f"unrecognized type: {schema.go_type}"


def _base64(value: str) -> None:
    text = value.replace("\n", "").replace("\r", "")
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        at = next(
            (i for i, c in enumerate(value) if not (c.isalnum() and c.isascii()) and c not in "+/\r\n"), len(value)
        )
        raise MistypedError(f"illegal base64 data at input byte {at}") from None


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
