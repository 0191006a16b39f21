"""Server-side apply: merge a configuration into an object, by field ownership.

What the manager applied before and applies no more is removed unless somebody else owns it. A field of others that
would change is a conflict, unless forced: then they lose it.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from dynkube.testing.http import failures
from dynkube.testing.objects import decoding, go_json, go_shape
from dynkube.testing.objects.typed_reading import Conversion, MistypedError
from dynkube.testing.patches import managed_fields, typed_values
from dynkube.testing.patches.field_sets import FieldSet, show
from dynkube.testing.patches.managed_fields import APPLY, UPDATE, Manager, Ownership

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dynkube.testing.objects.schemas import Schema
    from dynkube.testing.patches.field_sets import Path

#: The manager that stands for everything written before anybody applied (and was not tracked).
BEFORE_FIRST_APPLY = "before-first-apply"
#: Where ``kubectl apply`` keeps what it applied last.
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def parse(body: bytes, found: list[str] | None = None) -> dict[str, Any]:
    """Return the configuration in a request's body, YAML or JSON; duplicate keys are noted in ``found``.

    Raises `Failure` 400 when it is no object.
    """
    try:
        document = decoding.load_yaml(body.decode("utf-8", "replace"), found)
    except go_json.JSONSyntaxError as error:
        raise failures.bad_request(f"error decoding YAML: {error}") from None
    if document is None:
        document = {}
    if not isinstance(document, dict):
        what = go_json.describe(document)
        raise failures.bad_request(
            "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal "
            f"{what} into Go value of type map[string]interface {{}}"
        )
    return document


def apply(
    live: Mapping[str, Any] | None,
    applied: Mapping[str, Any],
    *,
    manager: str,
    force: bool,
    api_version: str,
    schema: Schema | None,
    time: str | None,
    subresource: str = "",
    defaults: Callable[[dict[str, Any]], object] | None = None,
) -> dict[str, Any]:
    """Return the object that comes out, its managedFields set; neither argument is changed.

    ``live`` is the stored object, None to create one. ``defaults`` fills in defaults of the result, in place. Raises
    `Failure`: 400 when the configuration carries managedFields or another version, 409 with one cause for each
    conflict, 500 (as the real server) when it does not fit the schema.
    """
    _check(applied, api_version, _expected_kind(live, schema))
    config = managed_fields.reset_fields(copy.deepcopy(dict(applied)), subresource, schema)
    _typecheck(config, schema)
    kind = str(applied.get("kind", ""))
    start = dict(live) if live is not None else go_shape.empty(api_version, kind, schema)
    base = copy.deepcopy(start)
    owned = Ownership.read((base.get("metadata") or {}).pop("managedFields", None))
    me = Manager(manager, APPLY, api_version, subresource)
    try:
        if live is not None and not owned.sets:
            _before_first_apply(owned, base, api_version, schema)
        last = owned.sets.get(me)
        merged = typed_values.merge(base, config, schema)
        # What is nobody's in the end, the name, counts here: it keeps its struct, metadata, from going with a label.
        owned.sets[me] = claimed = typed_values.to_set(config, schema)
        pruned = _prune(merged, owned, last, schema)
        owned.sets[me] = managed_fields.ownable(claimed)
        # An empty map is a change, which others' claims may forbid, although Go will not store it and all stays the
        # same.
        found = managed_fields.changes(base, pruned, schema)
        merged = go_shape.shape(pruned, schema)
        same = found.same or managed_fields.changes(base, merged, schema).same
    except typed_values.UnkeyedError as error:
        raise _unfit(applied, f"{show(error.path)}: {error}") from None
    _settle(owned, found, me, force=force)
    if not same or live is None:
        owned.times[me] = time
    owned.drop_empty()
    result = _finish(merged, owned, schema, defaults)
    if manager == "kubectl" and not subresource:
        _refresh_last_applied(result, base, applied)
    return result


def _finish(
    merged: dict[str, Any], owned: Ownership, schema: Schema | None, defaults: Callable[[dict[str, Any]], object] | None
) -> dict[str, Any]:
    result = Conversion(keep_unknown=schema is None or schema.custom).root(merged, schema)
    go_shape.shape(result, schema)
    if defaults is not None:
        defaults(result)
    metadata = result.setdefault("metadata", {})
    entries = owned.write()
    if entries:
        metadata["managedFields"] = entries
    return result


def _refresh_last_applied(result: dict[str, Any], base: dict[str, Any], applied: Mapping[str, Any]) -> None:
    """Keep the annotation of client-side apply true for users who go back and forth between both kinds of apply."""
    if LAST_APPLIED not in ((base.get("metadata") or {}).get("annotations") or {}):
        return
    config = copy.deepcopy(dict(applied))
    metadata = config.setdefault("metadata", {})
    (metadata.get("annotations") or {}).pop(LAST_APPLIED, None)
    result["metadata"].setdefault("annotations", {})[LAST_APPLIED] = go_json.dumps(_sorted(config)) + "\n"


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(one) for one in value] if isinstance(value, list) else value


def _expected_kind(live: Mapping[str, Any] | None, schema: Schema | None) -> str:
    """Return the kind to apply; "" when only validation can tell (a custom object that is not there yet)."""
    if live is not None:
        return str(live.get("kind", ""))
    return schema.name if schema is not None and not schema.custom else ""


def _check(applied: Mapping[str, Any], api_version: str, kind: str) -> None:
    metadata = applied.get("metadata")
    if isinstance(metadata, dict) and metadata.get("managedFields") is not None:
        raise failures.bad_request("metadata.managedFields must be nil")
    found = applied.get("kind")
    if applied.get("apiVersion") != api_version or not found or (kind and found != kind):
        raise failures.bad_request(f"invalid object type: {_type_of(applied)}")


def _type_of(applied: Mapping[str, Any]) -> str:
    """Print kind and version as Go does: a version without a group keeps its slash."""
    api_version = str(applied.get("apiVersion") or "")
    return f"{api_version if '/' in api_version else '/' + api_version}, Kind={applied.get('kind') or ''}"


def _unfit(applied: Mapping[str, Any], why: str) -> failures.Failure:
    metadata = applied.get("metadata") if isinstance(applied.get("metadata"), dict) else {}
    who = f"{(metadata or {}).get('namespace', '')}/{(metadata or {}).get('name', '')}"
    # The real server returns a plain error: a 500 with no reason.
    return failures.Failure("", f"failed to create typed patch object ({who}; {_type_of(applied)}): {why}", code=500)


def _typecheck(config: dict[str, Any], schema: Schema | None) -> None:
    """Refuse undeclared fields (whatever fieldValidation says) and values of the wrong type."""
    if schema is None:
        return
    problems: list[str] = []
    try:
        _undeclared(config, schema, (), problems, root=True)
    except typed_values.UnkeyedError as error:
        problems.append(f"{show(error.path)}: {error}")
    if not problems:
        try:
            Conversion(keep_unknown=schema.custom).root(config, schema)
        except MistypedError as error:
            problems.append(str(error))
    if problems:
        why = problems[0] if len(problems) == 1 else "errors:\n" + "\n".join(f"  {text}" for text in problems)
        raise _unfit(config, why)


def _fits(value: Any, schema: Schema) -> bool:
    if value is None or schema.scalar or schema.open or not schema.type:
        return True
    wanted: dict[str, Any] = {
        "string": str,
        "integer": (int, float),
        "number": (int, float),
        "boolean": bool,
        "object": dict,
        "array": list,
    }
    if isinstance(value, bool) and schema.type != "boolean":
        return False
    return isinstance(value, wanted.get(schema.type, object))


def _undeclared(value: Any, schema: Schema, path: Path, problems: list[str], *, root: bool = False) -> None:
    if not _fits(value, schema):
        problems.append(f"{show(path)}: {_unfit_value(value, schema)}")
    elif isinstance(value, dict):
        if schema.scalar or (schema.open and not schema.properties):
            return
        for key, inner in value.items():
            here = (*path, f"f:{key}")
            if (root or schema.embedded_resource) and schema.custom and key in {"apiVersion", "kind"}:
                continue
            field = schema.field(key)
            if field is not None:
                _undeclared(inner, field, here, problems)
            elif (not schema.open and not schema.custom) or (not schema.open and not schema.embedded_resource):
                problems.append(f"{show(here)}: field not declared in schema")
    elif isinstance(value, list) and schema.items is not None:
        keyed = schema.list_type in {"map", "set"}
        names: set[str] = set()
        for index, inner in enumerate(value):
            name = typed_values.element(inner, schema, path, index) if keyed else f"i:{index}"
            if name in names:
                problems.append(f"{show(path)}: duplicate entries for key {show((name,))}")
            names.add(name)
            _undeclared(inner, schema.items, (*path, name), problems)


def _unfit_value(value: Any, schema: Schema) -> str:
    """Say what was expected, printing the value as Go prints the wrapper it holds it in."""
    text = decoding.go_print(value)
    if schema.type in {"integer", "number"}:
        names = {bool: "bool", str: "string", list: "[]interface {}", dict: "map[string]interface {}"}
        return f"expected numeric (int or float), got {names.get(type(value), 'string')}"
    if schema.type == "string":
        quoted = go_json.dumps(value) if not isinstance(value, (dict, list)) else text
        return f"expected string, got &value.valueUnstructured{{Value:{quoted}}}"
    words = {"boolean": "boolean", "object": "map", "array": "list"}
    return f"expected {words.get(schema.type, schema.type)}, got &{{{text}}}"


def _before_first_apply(owned: Ownership, base: dict[str, Any], api_version: str, schema: Schema | None) -> None:
    """Give everything that was never tracked to one manager, so that an apply can conflict with it."""
    nothing = go_shape.empty(api_version, str(base.get("kind", "")), schema)
    found = managed_fields.changes(nothing, base, schema)
    managed_fields.take(owned, found, Manager(BEFORE_FIRST_APPLY, UPDATE, api_version), None)


def _prune(merged: Any, owned: Ownership, last: FieldSet | None, schema: Schema | None) -> Any:
    """Remove what the manager applied last time and nobody owns any more.

    In three steps, as structured-merge-diff takes them: without all that was applied; with what somebody owns; with
    what was never applied, of which what only held the rest is no part.
    """
    if not last:
        return merged

    def fields(found: FieldSet) -> FieldSet:
        return typed_values.with_named_parents(found, schema)

    kept = FieldSet()
    for mine in owned.sets.values():
        kept = kept | mine
    last, kept = fields(last), fields(kept)
    if not last - kept:
        return merged
    present = fields(typed_values.to_set(merged, schema))
    bare = typed_values.remove(merged, last, schema)
    owners = typed_values.remove(merged, present - (fields(typed_values.to_set(bare, schema)) | kept), schema)
    return typed_values.remove(merged, (present - fields(typed_values.to_set(owners, schema))) & last, schema)


def _settle(owned: Ownership, found: typed_values.Comparison, me: Manager, *, force: bool) -> None:
    """Refuse to change others' fields, or take them away when forced; removed fields are nobody's."""
    changed = found.added | found.modified
    conflicts = {other: mine & changed for other, mine in owned.sets.items() if other != me and mine & changed}
    if conflicts and not force:
        raise _conflict(conflicts)
    for other, lost in conflicts.items():
        owned.sets[other] = owned.sets[other] - lost
    for other in list(owned.sets):
        if other != me:
            owned.sets[other] = owned.sets[other] - found.removed


def _describe(manager: Manager) -> str:
    text = go_json.dumps(manager.name)
    if manager.subresource:
        text += f" with subresource {go_json.dumps(manager.subresource)}"
    return f"{text} using {manager.api_version}" if manager.operation == UPDATE else text


def _conflict(conflicts: dict[Manager, FieldSet]) -> failures.Failure:
    causes: list[failures.Cause] = []
    lines: list[str] = []
    for manager in sorted(conflicts):
        who = _describe(manager)
        lines.append(f"conflicts with {who}:")
        for path in conflicts[manager].paths():
            causes.append(failures.Cause(failures.FIELD_MANAGER_CONFLICT, f"conflict with {who}", show(path)))
            lines.append(f"- {show(path)}")
    if len(causes) == 1:
        text = f"Apply failed with 1 conflict: {causes[0].message}: {causes[0].field}"
    else:
        text = f"Apply failed with {len(causes)} conflicts: " + "\n".join(lines)
    return failures.Failure("Conflict", text, details={"causes": [cause.as_dict() for cause in causes]})
