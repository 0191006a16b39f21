"""Reaching into an object that is a plain dict: nested fields, conditions, owners, finalizers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: An object as the API sends it.
JSONObject = dict[str, Any]


def nested_get(obj: Any, *path: str | int, default: Any = None) -> Any:
    """Return the value at ``path`` (field names and list indexes), or ``default`` if any step of it is missing.

    A value that is null is returned as None, not as the default: the API tells the two apart.
    """
    value = obj
    for step in path:
        if isinstance(value, dict):
            found = step in value
        else:
            found = isinstance(value, list) and isinstance(step, int) and -len(value) <= step < len(value)
        if not found:
            return default
        value = value[step]
    return value


def nested_set(obj: JSONObject, *path_and_value: Any) -> None:
    """Set a nested field, ``nested_set(obj, "spec", "replicas", 3)``, making the dicts on the way.

    A null on the way counts as missing. Raises `InvalidRequestError` if something on the way is no dict, or if there
    is no path.
    """
    if len(path_and_value) < 2:
        raise InvalidRequestError("nested_set takes at least one field name and a value")
    *parents, last, value = path_and_value
    target = obj
    for position, step in enumerate(parents):
        child = target.get(step)
        if child is None:
            child = target[step] = {}
        elif not isinstance(child, dict):
            place = ".".join(str(part) for part in parents[: position + 1])
            raise InvalidRequestError(
                f"cannot set a field under {place}: it is a {type(child).__name__}, not an object"
            )
        target = child
    target[last] = value


def get_condition(obj: Mapping[str, Any], type: str) -> JSONObject | None:  # noqa: A002 - the field's own name
    """Return the entry of ``status.conditions`` with this type, or None."""
    conditions = nested_get(obj, "status", "conditions")
    if not isinstance(conditions, list):
        return None
    for condition in conditions:
        if isinstance(condition, dict) and condition.get("type") == type:
            return condition
    return None


def owner_reference(
    owner: Mapping[str, Any], *, controller: bool = False, block_owner_deletion: bool = False
) -> JSONObject:
    """Return the ``ownerReferences`` entry that names ``owner``, an object as read from the server.

    Raises `InvalidRequestError` if the owner lacks apiVersion, kind, name or uid: a reference without a uid would let
    the garbage collector delete the dependant.
    """
    values = {
        "apiVersion": owner.get("apiVersion"),
        "kind": owner.get("kind"),
        "name": nested_get(owner, "metadata", "name"),
        "uid": nested_get(owner, "metadata", "uid"),
    }
    missing = [name for name, value in values.items() if not value]
    if missing:
        raise InvalidRequestError(f"the owner has no {', no '.join(missing)}: use the object the server returned")
    reference: JSONObject = dict(values)
    if controller:
        reference["controller"] = True
    if block_owner_deletion:
        reference["blockOwnerDeletion"] = True
    return reference


def add_finalizer(obj: JSONObject, finalizer: str) -> bool:
    """Add a finalizer to the object in place; return whether it was not there before."""
    metadata = obj.setdefault("metadata", {})
    finalizers = metadata.get("finalizers") or []
    if finalizer in finalizers:
        return False
    metadata["finalizers"] = [*finalizers, finalizer]
    return True


def remove_finalizer(obj: JSONObject, finalizer: str) -> bool:
    """Remove a finalizer from the object in place, the empty list with it; return whether it was there."""
    finalizers = nested_get(obj, "metadata", "finalizers") or []
    if finalizer not in finalizers:
        return False
    rest = [entry for entry in finalizers if entry != finalizer]
    if rest:
        obj["metadata"]["finalizers"] = rest
    else:
        del obj["metadata"]["finalizers"]
    return True
