"""Strategic merge patch: lists are merged by the keys the schema names, and directives say the rest.

Directives: ``$patch: delete|replace|merge``, ``$deleteFromPrimitiveList/<list>``, ``$setElementOrder/<list>`` and
``$retainKeys`` (apimachinery ``util/strategicpatch``; the API conventions tell their meaning).
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from dynkube.testing.http import failures
from dynkube.testing.objects import go_json
from dynkube.testing.patches.json_patch import equal

if TYPE_CHECKING:
    from dynkube.testing.objects.schemas import Schema

_PATCH = "$patch"
_RETAIN = "$retainKeys"
_DELETE_PRIMITIVES = "$deleteFromPrimitiveList/"
_ORDER = "$setElementOrder/"


def apply(document: dict[str, Any], patch: dict[str, Any] | bytes, schema: Schema | None) -> dict[str, Any]:
    """Return a new object with ``patch`` (or the body holding it) merged in; the arguments stay as they were.

    Raises `Failure`: 400 for a body that is no object, 500 (as the real server) for directives that make no sense.
    """
    if isinstance(patch, bytes):
        patch = parse(patch)
    return _object(copy.deepcopy(document), copy.deepcopy(patch), schema)


def parse(body: bytes) -> dict[str, Any]:
    """Return the patch in a request's body; raises `Failure` 400 when it is no JSON object."""
    try:
        patch = go_json.loads(body.decode("utf-8", "replace"))
    except go_json.JSONSyntaxError as error:
        raise failures.bad_request(str(error)) from None
    if not isinstance(patch, dict):
        what = go_json.describe(patch)
        raise failures.bad_request(f"json: cannot unmarshal {what} into Go value of type map[string]interface {{}}")
    return patch


def _broken(message: str) -> failures.Failure:
    # The real server returns a plain error here, which becomes a 500 without a reason.
    return failures.Failure("", message, code=500)


def _object(original: dict[str, Any], patch: dict[str, Any], schema: Schema | None) -> dict[str, Any]:
    directive = patch.pop(_PATCH, None)
    if directive == "replace":
        return _plain_object(patch)
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise _broken(f"unknown patch type [{directive}] in map: [{_go_map(patch)}]")
    _retain_keys(original, patch)
    orders = {k.removeprefix(_ORDER): patch.pop(k) for k in list(patch) if k.startswith(_ORDER)}
    unwanted = {
        k.removeprefix(_DELETE_PRIMITIVES): patch.pop(k) for k in list(patch) if k.startswith(_DELETE_PRIMITIVES)
    }
    for key, value in patch.items():
        field = schema.field(key) if schema is not None else None
        if value is None:
            original.pop(key, None)
        elif isinstance(value, dict):
            _merge_object(original, key, value, field)
        elif isinstance(value, list):
            original[key] = _merge_list(original.get(key), value, field, orders.pop(key, None))
        else:
            original[key] = value
    for key, values in unwanted.items():
        _delete_primitives(original, key, values)
    for key, order in orders.items():
        if isinstance(original.get(key), list) and isinstance(order, list):
            field = schema.field(key) if schema is not None else None
            original[key] = _ordered(original[key], original[key], order, field.merge_key if field else "")
    return original


def _merge_object(original: dict[str, Any], key: str, value: dict[str, Any], field: Schema | None) -> None:
    strategies: frozenset[str] = field.patch_strategies if field is not None else frozenset()
    current = original.get(key)
    if value.get(_PATCH) == "delete" and len(value) == 1:
        original.pop(key, None)
    elif not isinstance(current, dict) or "replace" in strategies:
        original[key] = _plain_object(value)
    else:
        original[key] = _object(current, value, field)


def _retain_keys(original: dict[str, Any], patch: dict[str, Any]) -> None:
    """Drop every field that ``$retainKeys`` does not name; all patched fields must be named."""
    retained = patch.pop(_RETAIN, None)
    if retained is None:
        return
    if not isinstance(retained, list):
        raise failures.bad_request("invalid patch format of retainKeys")
    for key, value in patch.items():
        if value is not None and not key.startswith("$") and key not in retained:
            raise failures.bad_request("invalid patch format of retainKeys")
    for key in [key for key in original if key not in retained]:
        del original[key]


def _delete_primitives(original: dict[str, Any], key: str, values: Any) -> None:
    if not isinstance(values, list):
        raise failures.bad_request("invalid patch format of primitive list")
    current = original.get(key)
    if isinstance(current, list):
        original[key] = [element for element in current if not any(equal(element, value) for value in values)]


def _merge_list(current: Any, patch: list[Any], field: Schema | None, order: Any) -> list[Any]:
    strategies: frozenset[str] = field.patch_strategies if field is not None else frozenset()
    present = current if isinstance(current, list) else []
    if "merge" not in strategies:
        # Where there was a list directives are taken for fields, which no kind has.
        return patch if isinstance(current, list) else _plain_list(patch)
    merge_key = field.merge_key if field is not None else ""
    if isinstance(order, list):
        _check_order(patch, order, merge_key)
        if not (patch or order or present):
            raise _broken("no elements in any of the given slices")
    if all(not isinstance(element, (dict, list)) for element in patch) and not merge_key:
        merged = present + [e for e in _unique(patch) if not any(equal(e, other) for other in present)]
    else:
        merged = _merge_elements(present, patch, field, merge_key)
    if isinstance(order, list):
        return _ordered(merged, present, order, merge_key)
    return _in_patch_order(merged, present, patch, merge_key)


def _check_order(patch: list[Any], order: list[Any], merge_key: str) -> None:
    """Refuse a list whose elements stand otherwise than ``$setElementOrder`` says; those to be deleted do not count."""
    rest = [e for e in patch if not (isinstance(e, dict) and e.get(_PATCH) == "delete")]
    for element in order:
        if rest and equal(_key_of(rest[0], merge_key), _key_of(element, merge_key)):
            del rest[0]
    if rest and order:
        raise _broken(
            f"The order in patch list:\n{_go_list(patch)}\n doesn't match $setElementOrder list:\n{_go_list(order)}\n"
        )


def _unique(values: list[Any]) -> list[Any]:
    result: list[Any] = []
    for value in values:
        if not any(equal(value, other) for other in result):
            result.append(value)
    return result


def _merge_elements(present: list[Any], patch: list[Any], field: Schema | None, merge_key: str) -> list[Any]:
    items = field.items if field is not None else None
    if any(isinstance(e, dict) and e.get(_PATCH) == "replace" and merge_key not in e for e in patch):
        kept = [e for e in patch if not (isinstance(e, dict) and e.get(_PATCH) == "replace")]
        return _plain_list(kept)
    merged = list(present)
    for element in patch:
        if not isinstance(element, dict):
            raise failures.Failure("", "list element types are not identical", code=422, details={})
        if merge_key not in element:
            raise _broken(f"map: {_go_map(element)} does not contain declared merge key: {merge_key}")
        key = element[merge_key]
        at = next((i for i, e in enumerate(merged) if isinstance(e, dict) and equal(e.get(merge_key), key)), None)
        directive = element.get(_PATCH)
        if directive == "delete":
            merged = [e for e in merged if not (isinstance(e, dict) and equal(e.get(merge_key), key))]
        elif at is None or directive == "replace":
            fresh = _plain_object(element)
            if at is None:
                merged.append(fresh)
            else:
                merged[at] = fresh
        else:
            merged[at] = _object(merged[at], element, items)
    return merged


def _key_of(element: Any, merge_key: str) -> Any:
    return element.get(merge_key) if merge_key and isinstance(element, dict) else element


def _position(elements: list[Any], key: Any, merge_key: str) -> int | None:
    return next((i for i, e in enumerate(elements) if equal(_key_of(e, merge_key), key)), None)


def _in_patch_order(merged: list[Any], present: list[Any], patch: list[Any], merge_key: str) -> list[Any]:
    """Without an explicit order, what the patch names keeps the patch's order; the live order fills in the rest."""
    order = [e for e in patch if not (isinstance(e, dict) and e.get(_PATCH) in {"delete", "replace"})]
    return _ordered(merged, present, order, merge_key)


def _ordered(merged: list[Any], present: list[Any], order: list[Any], merge_key: str) -> list[Any]:
    """Interleave: elements named by ``order`` come in that order, the others stay relative to the live list.

    An unnamed element is placed before the first named one that followed it in the live list.
    """
    named: list[tuple[int, Any]] = []
    others: list[Any] = []
    for element in merged:
        at = _position(order, _key_of(element, merge_key), merge_key)
        if at is None:
            others.append(element)
        else:
            named.append((at, element))
    sequence = [element for _, element in sorted(named, key=lambda pair: pair[0])]
    result: list[Any] = []
    while sequence and others:
        first = _position(present, _key_of(sequence[0], merge_key), merge_key)
        other = _position(present, _key_of(others[0], merge_key), merge_key)
        if first is not None and other is not None and other < first:
            result.append(others.pop(0))
        else:
            result.append(sequence.pop(0))
    return result + sequence + others


def _plain_list(values: list[Any]) -> list[Any]:
    kept = [e for e in values if not (isinstance(e, dict) and e.get(_PATCH) == "delete")]
    return [_plain(e) for e in kept if not (isinstance(e, dict) and _PATCH in e and len(e) == 1)]


def _plain_object(value: dict[str, Any]) -> dict[str, Any]:
    """Copy a patch value that replaces what was there: directives have no meaning in it any more."""
    if value.get(_PATCH) == "delete":
        return {}
    return {k: _plain(v) for k, v in value.items() if not k.startswith("$") and v is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return _plain_object(value)
    return _plain_list(value) if isinstance(value, list) else value


def _go_map(value: dict[str, Any]) -> str:
    return "map[" + " ".join(f"{key}:{value[key]}" for key in sorted(value)) + "]"


def _go_list(values: list[Any]) -> str:
    return "[" + " ".join(_go_map(value) if isinstance(value, dict) else str(value) for value in values) + "]"
