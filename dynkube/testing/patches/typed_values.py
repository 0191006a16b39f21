"""Objects seen through their schema as server-side apply sees them: sets, comparison, merge, removal.

Structs and maps are granular unless the schema says atomic; lists are atomic unless it says set or map (then elements
are found by value or by keys). Data without a schema is deduced: maps granular, lists atomic. This follows the merge
strategies of the API's structural types (``x-kubernetes-list-type``, ``-list-map-keys``, ``-map-type``).
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NamedTuple

from dynkube.testing.patches import field_sets
from dynkube.testing.patches.field_sets import FieldSet
from dynkube.testing.patches.json_patch import equal

if TYPE_CHECKING:
    from dynkube.testing.objects.schemas import Schema
    from dynkube.testing.patches.field_sets import Path

_MISSING: Any = object()


class UnkeyedError(ValueError):
    """An element of a keyed list lacks its key; the message is the server's, without the path."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path


def is_map(value: Any, schema: Schema | None) -> bool:
    """Whether to look into ``value`` field by field."""
    if not isinstance(value, dict):
        return False
    return schema is None or (schema.map_type != "atomic" and schema.scalar != "any")


def is_keyed(value: Any, schema: Schema | None) -> bool:
    """Whether to look into ``value`` element by element."""
    return isinstance(value, list) and schema is not None and schema.list_type in {"map", "set"}


def below(schema: Schema | None, key: str) -> Schema | None:
    """Return the schema of a field; None when it is not declared (its values are deduced)."""
    return schema.field(key) if schema is not None else None


def is_named(schema: Schema | None, key: str) -> bool:
    """Whether ``key`` is a declared field of a struct rather than data of a map."""
    return schema is not None and key in schema.properties


def element(value: Any, schema: Schema, path: Path, index: int) -> str:
    """Return the path element of a list element; absent keys take the default their schema has.

    Raises `UnkeyedError` when a key is absent without a default.
    """
    if schema.list_type == "set":
        return field_sets.value_element(value)
    if not isinstance(value, dict):
        raise UnkeyedError(path, f"element {index}: associative list with keys may not have non-map elements")
    keys: dict[str, Any] = {}
    for key in schema.map_keys:
        found = value.get(key)
        if found is None:
            field = schema.items.properties.get(key) if schema.items is not None else None
            found = field.raw.get("default") if field is not None else None
            if found is None:
                continue
        keys[key] = found
    if not keys:
        name = schema.map_keys[0] if schema.map_keys else ""
        why = (
            f'associative list with keys has an element that omits key field "{name}" (and doesn\'t have default value)'
        )
        raise UnkeyedError(path, f"element {index}: {why}")
    return field_sets.key_element(keys)


def elements(values: list[Any] | None, schema: Schema, path: Path) -> dict[str, Any]:
    """Return a keyed list as a mapping from path element to element; of repeated ones the last counts."""
    return {element(value, schema, path, index): value for index, value in enumerate(values or [])}


def to_set(value: Any, schema: Schema | None) -> FieldSet:
    """Return the fields an applied configuration claims: leaves, atomic values, empty maps, list elements."""
    result = FieldSet()
    _claim(value, schema, (), result)
    return result


def _claim(value: Any, schema: Schema | None, path: Path, result: FieldSet) -> None:
    if is_map(value, schema):
        for key, inner in value.items():
            here = (*path, field_sets.field_element(key))
            _claim(inner, below(schema, key), here, result)
            # Keys of maps are claimed themselves (a map of structs), fields of structs only when they hold nothing.
            if inner is None or inner == {} or not is_named(schema, key):
                result.insert(here)
    elif is_keyed(value, schema) and schema is not None:
        for name, inner in elements(value, schema, path).items():
            _claim(inner, schema.items, (*path, name), result)
            result.insert((*path, name))
    elif path:
        result.insert(path)


class Comparison(NamedTuple):
    """How two values differ."""

    added: FieldSet
    modified: FieldSet
    removed: FieldSet

    @property
    def same(self) -> bool:
        """Whether there is no difference."""
        return not (self.added or self.modified or self.removed)


def compare(old: Any, new: Any, schema: Schema | None) -> Comparison:
    """Return what ``new`` adds, changes and removes against ``old``."""
    result = Comparison(FieldSet(), FieldSet(), FieldSet())
    _compare(old, new, schema, (), result)
    return result


def _compare(old: Any, new: Any, schema: Schema | None, path: Path, result: Comparison) -> None:
    if old is _MISSING or new is _MISSING:
        present, into = (new, result.added) if old is _MISSING else (old, result.removed)
        _insert_all(present, schema, path, into)
        return
    olds, news = _parts_of_either(old, new, schema, path)
    if olds is None or news is None:
        if not equal(old, new):
            result.modified.insert(path)
            # A map that becomes something else, or the other way round, takes its parts along.
            for parts, into in ((olds, result.removed), (news, result.added)):
                for name, (value, inner) in (parts or {}).items():
                    _insert_all(value, inner, (*path, name), into)
        return
    for name in {**olds, **news}:
        one, inner = olds.get(name, (_MISSING, None))
        other, inner_new = news.get(name, (_MISSING, None))
        _compare(one, other, inner if one is not _MISSING else inner_new, (*path, name), result)


def _insert_all(value: Any, schema: Schema | None, path: Path, into: FieldSet) -> None:
    """Insert a value's path and those of all its parts."""
    if path:
        into.insert(path)
    for name, inner, child in _parts(value, schema, path):
        _insert_all(inner, child, (*path, name), into)


def _parts(value: Any, schema: Schema | None, path: Path) -> list[tuple[str, Any, Schema | None]]:
    if is_map(value, schema):
        return [(field_sets.field_element(key), inner, below(schema, key)) for key, inner in value.items()]
    if is_keyed(value, schema) and schema is not None:
        return [(name, inner, schema.items) for name, inner in elements(value, schema, path).items()]
    return []


_Parts = dict[str, tuple[Any, "Schema | None"]]


def _parts_of_either(old: Any, new: Any, schema: Schema | None, path: Path) -> tuple[_Parts | None, _Parts | None]:
    """Split both values, an unset one as empty; None for what has no parts (scalars, atomic values, other types)."""

    def split(value: Any) -> _Parts | None:
        if is_map(value, schema) or is_keyed(value, schema):
            return {name: (inner, child) for name, inner, child in _parts(value, schema, path)}
        return None

    olds, news = split(old), split(new)
    if old is None and news is not None:
        olds = {}
    if new is None and olds is not None:
        news = {}
    return olds, news


def merge(live: Any, applied: Any, schema: Schema | None, path: Path = ()) -> Any:
    """Return ``live`` with ``applied`` merged in; the arguments stay as they were."""
    if is_map(applied, schema) and isinstance(live, dict):
        result = copy.copy(live)
        for key, value in applied.items():
            here = (*path, field_sets.field_element(key))
            result[key] = merge(live.get(key), value, below(schema, key), here)
        return result
    if is_keyed(applied, schema) and isinstance(live, list) and schema is not None:
        return _merge_lists(live, applied, schema, path)
    return copy.deepcopy(applied)


def _merge_lists(live: list[Any], applied: list[Any], schema: Schema, path: Path) -> list[Any]:
    """Merge keyed lists: applied elements in their order, live ones where they stood among them."""
    queue = list(elements(applied, schema, path).items())
    present = [(element(value, schema, path, index), value) for index, value in enumerate(live)]
    wanted, known = dict(queue), dict(present)
    shared = [name for name in wanted if name in known]
    result: list[Any] = []

    def emit(name: str, value: Any) -> None:
        result.append(merge(known.get(name), value, schema.items, (*path, name)))
        if shared and shared[0] == name:
            del shared[0]

    for name, value in present:
        if name not in wanted:
            result.append(copy.deepcopy(value))
        elif shared and shared[0] == name:
            while shared and shared[0] == name:
                emit(*queue.pop(0))
        # Others are applied elsewhere: their place is there.
    for name, value in queue:
        emit(name, value)
    return result


def remove(value: Any, unwanted: FieldSet, schema: Schema | None, path: Path = ()) -> Any:
    """Return ``value`` without the paths in ``unwanted``; a removed field takes everything below it along.

    What held all that was removed stays, empty.
    """
    if is_map(value, schema):
        result: dict[str, Any] = {}
        for key, inner in value.items():
            name = field_sets.field_element(key)
            node = unwanted.children.get(name)
            if node is None:
                result[key] = inner
            elif not node.member:
                result[key] = remove(inner, node, below(schema, key), (*path, name))
        return result
    if is_keyed(value, schema) and schema is not None:
        found: list[Any] = []
        for index, inner in enumerate(value):
            name = element(inner, schema, path, index)
            node = unwanted.children.get(name)
            if node is None:
                found.append(inner)
            elif not node.member:
                found.append(remove(inner, node, schema.items, (*path, name)))
        return found
    return value


def with_named_parents(paths: FieldSet, schema: Schema | None) -> FieldSet:
    """Return the set with every struct field above a member as a member too (they exist because of it)."""
    result = FieldSet()
    result.member = paths.member
    for name, child in paths.children.items():
        kind, _, rest = name.partition(":")
        inner = below(schema, rest) if kind == "f" else (schema.items if schema is not None else None)
        filled = with_named_parents(child, inner)
        if kind == "f" and is_named(schema, rest) and filled:
            filled.member = True
        result.children[name] = filled
    return result
