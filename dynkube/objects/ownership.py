"""What one field manager owns of an object, taken out of it, to be changed and applied again."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from dynkube.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynkube.objects.fields import JSONObject


def owned_fields(obj: Mapping[str, Any], field_manager: str, *, subresource: str = "") -> JSONObject:
    """Return what `field_manager` applied to `obj`, an object as read from the server, as a body for the next apply.

    That is apiVersion, kind, name, namespace and the fields it owns by apply, with the values they have now. An apply
    removes what its manager owned and sends no more: change what this returns, and nothing is removed by accident. Of a
    manager that applied nothing it is the name alone. The rules are those of client-go's `Extract` functions.

    `subresource` is the one that was applied to ("status"). Raises InvalidRequestError for an object without
    managedFields, of which nobody can tell who owns what, and for fields recorded in another version than the object's.
    """
    metadata = obj.get("metadata") or {}
    entries = metadata.get("managedFields")
    if not isinstance(entries, list):
        raise InvalidRequestError(
            "this object has no metadata.managedFields, which say who owns what: it was taken out, as "
            "informers do with drop_managed_fields, or never came from a server; read the object anew"
        )
    entry = applied_entry(entries, field_manager, subresource) or {}
    if entry and entry.get("apiVersion") != obj.get("apiVersion"):
        raise InvalidRequestError(
            f"{field_manager!r} applied this object as {entry.get('apiVersion')}, and it was read as "
            f"{obj.get('apiVersion')}, whose fields may be others: read it in the version it was applied in"
        )
    fields = entry.get("fieldsV1")
    found: JSONObject = _taken(obj, fields) if fields else {}
    identity = {key: metadata[key] for key in ("name", "namespace") if metadata.get(key)}
    found["metadata"] = identity | found.get("metadata", {})
    return {"apiVersion": obj.get("apiVersion"), "kind": obj.get("kind"), **found}


def applied_entry(entries: list[JSONObject], field_manager: str, subresource: str = "") -> JSONObject | None:
    """Return the entry of managedFields that says what a manager applied; there is one at most (None: nothing)."""
    wanted = (field_manager, "Apply", subresource)
    told = ((entry.get("manager"), entry.get("operation"), entry.get("subresource") or "") for entry in entries)
    return next((entry for entry, who in zip(entries, told, strict=True) if who == wanted), None)


def _taken(value: Any, fields: Mapping[str, Any]) -> Any:
    """Return the part of a value that a set of fields (`FieldsV1`) names; a set without members names all of it."""
    members = {element: below for element, below in fields.items() if element != "."}
    if not members:
        return copy.deepcopy(value)
    if isinstance(value, dict):
        return {
            element[2:]: _taken(value[element[2:]], below)
            for element, below in members.items()
            if element.startswith("f:") and element[2:] in value
        }
    if isinstance(value, list):
        return [part for position, item in enumerate(value) for part in _items_taken(item, position, members)]
    return value


def _items_taken(item: Any, position: int, members: Mapping[str, Any]) -> list[Any]:
    """Return what the members name of one item of a list: nothing, or the item or a part of it."""
    for element, below in members.items():
        form, _, text = element.partition(":")
        if form == "k" and isinstance(item, dict):
            # Whoever owns a part of the item owns its keys, but for those that the server filled in.
            if json.loads(text).items() <= item.items():
                return [_taken(item, below)]
        elif (form == "v" and json.loads(text) == item) or (form == "i" and int(text) == position):
            return [copy.deepcopy(item)]
    return []
