"""What a schema says of a field, in kubectl's words: type, whether it is required, description, allowed values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from dynkube.errors import NoMatchError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PREFIX = "#/components/schemas/"

#: "spec.template.spec", or its parts; nothing for the kind itself.
FieldName = str | Sequence[str]

#: How many near names an error lists.
_NEAREST = 3


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a kind, or the kind itself. Lists and maps are transparent: their items' fields are its own."""

    #: Its name in its parent; the kind for the kind itself.
    name: str
    #: Where it is: "Deployment.spec.template".
    path: str
    #: As kubectl words it: "string", "[]Container", "map[string]Quantity", "Object".
    type: str
    required: bool
    #: What is said of this field; "" where nothing is.
    description: str
    #: What is said of the type it has, where that is a named one.
    type_description: str
    #: The allowed values; empty where any is.
    enum: tuple[Any, ...]
    #: What the server fills in, if ``has_default``.
    default: Any
    has_default: bool
    _schema: Mapping[str, Any] = field(repr=False, compare=False)
    _schemas: Mapping[str, Any] = field(repr=False, compare=False)
    #: The named schemas this field is inside of: what stops `walk` in a schema that contains itself.
    _inside: frozenset[str] = field(default=frozenset(), repr=False, compare=False)

    @classmethod
    def of_kind(cls, kind: str, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Field:
        """Return the field that is a whole kind. ``schemas`` are those its references point to."""
        return _field(kind, kind, schema, schemas, required=False, inside=frozenset())

    def fields(self) -> tuple[Field, ...]:
        """Return the fields below this one by name; none for a plain value or a free-form object."""
        inner = _innermost(self._schema, self._schemas)
        required = _required(inner, self._schemas)
        named = _reference_names(self._schema, self._schemas)
        return tuple(
            _field(
                name,
                f"{self.path}.{name}",
                schema,
                self._schemas,
                required=name in required,
                inside=self._inside | named,
            )
            for name, schema in sorted(_properties(inner, self._schemas).items())
        )

    def descend(self, path: FieldName) -> Field:
        """Return the field at ``path`` below this one; NoMatchError with the nearest names where there is none."""
        found = self
        for name in path.split(".") if isinstance(path, str) else path:
            if name == "":
                continue
            below = {child.name: child for child in found.fields()}
            if name not in below:
                near = get_close_matches(name, below, _NEAREST)
                hint = f"; did you mean {' or '.join(near)}?" if near else ""
                raise NoMatchError(f"{found.path} has no field {name!r}{hint}", candidates=near)
            found = below[name]
        return found

    def walk(self) -> Iterator[tuple[int, Field]]:
        """Yield every field below this one with its depth, from 0, parents first.

        A field whose type contains that field again is yielded, what is below it is not.
        """
        yield from self._walk(0)

    def _walk(self, depth: int) -> Iterator[tuple[int, Field]]:
        for child in self.fields():
            yield depth, child
            if not _reference_names(child._schema, self._schemas) & child._inside:  # noqa: SLF001 - of its own class
                yield from child._walk(depth + 1)  # noqa: SLF001


def _field(
    name: str,
    path: str,
    schema: Mapping[str, Any],
    schemas: Mapping[str, Any],
    *,
    required: bool,
    inside: frozenset[str],
) -> Field:
    target = _resolve(schema, schemas)
    description = schema.get("description") or ""
    return Field(
        name=name,
        path=path,
        type=_type(schema, schemas),
        required=required,
        description=description,
        type_description=(target.get("description") or "") if target is not schema else "",
        enum=tuple(schema.get("enum") or target.get("enum") or ()),
        default=schema.get("default"),
        has_default="default" in schema,
        _schema=schema,
        _schemas=schemas,
        _inside=inside,
    )


def _reference(schema: Mapping[str, Any]) -> str | None:
    """Return the name of the schema this one refers to: by itself, or as its only part (``allOf`` of one)."""
    reference = schema.get("$ref")
    parts = schema.get("allOf")
    if reference is None and isinstance(parts, list) and len(parts) == 1 and not schema.get("properties"):
        reference = parts[0].get("$ref")
    if isinstance(reference, str) and reference.startswith(_PREFIX):
        return reference[len(_PREFIX) :]
    return None


def _resolve(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow references to the schema that says something; an unknown one says nothing."""
    followed: set[str] = set()
    while (name := _reference(schema)) is not None and name not in followed:
        followed.add(name)
        target = schemas.get(name)
        schema = target if isinstance(target, dict) else {}
    return schema


def _item(schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the schema of what a list or map holds, None where it is neither."""
    for key in ("items", "additionalProperties"):
        inner = schema.get(key)
        if isinstance(inner, dict) and not schema.get("properties"):
            return inner
    return None


def _innermost(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what lists, maps and references finally hold."""
    for _ in range(100):
        schema = _resolve(schema, schemas)
        inner = _item(schema)
        if inner is None:
            break
        schema = inner
    return schema


def _reference_names(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> frozenset[str]:
    """Return the named schemas passed on the way to what this one finally holds."""
    names: set[str] = set()
    for _ in range(100):
        name = _reference(schema)
        if name is not None:
            if name in names:
                break
            names.add(name)
            target = schemas.get(name)
            schema = target if isinstance(target, dict) else {}
            continue
        inner = _item(schema)
        if inner is None:
            break
        schema = inner
    return frozenset(names)


def _properties(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for part in _parts(schema, schemas):
        properties = part.get("properties")
        if isinstance(properties, dict):
            found.update((name, child) for name, child in properties.items() if isinstance(child, dict))
    return found


def _required(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> set[str]:
    return {name for part in _parts(schema, schemas) for name in part.get("required") or ()}


def _parts(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the schema and the parts it is put together of."""
    parts = schema.get("allOf")
    below = [_resolve(part, schemas) for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return [*below, schema]


def _type(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """Return the type in kubectl's words (its ``typeGuess`` template): a named object by its name."""
    name = _reference(schema)
    if name is not None:
        target = _resolve(schema, schemas)
        if target.get("type", "object") == "object" and _item(target) is None:
            return name.rpartition(".")[2] or "Object"
        schema = target
    items, values = schema.get("items"), schema.get("additionalProperties")
    if isinstance(items, dict):
        return f"[]{_type(items, schemas)}"
    if isinstance(values, dict):
        return f"map[string]{_type(values, schemas)}"
    said = schema.get("type")
    return said if isinstance(said, str) and said != "object" else "Object"
