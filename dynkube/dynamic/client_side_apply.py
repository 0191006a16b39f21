"""Objects that `kubectl apply` made before server-side apply: taken over when they are applied for the first time.

Their fields belong to an update of kubectl's, so an apply that leaves one of them out would not remove it: nobody else
ever does. `kubectl apply --server-side` hands them to its own manager first, by the rules of client-go's `csaupgrade`,
and so does this.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from dynkube.errors import Conflict, StatusError
from dynkube.objects.ownership import applied_entry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynkube.dynamic.options import FieldValidation
    from dynkube.dynamic.resource import Resource
    from dynkube.objects import JSONObject

_log = logging.getLogger("dynkube.dynamic")

#: What kubectl remembers of what it applied by itself; whoever updated it is who applied so.
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
#: How often an object is taken over again that others keep changing.
_ATTEMPTS: Final = 5


def apply_taking_over(
    view: Resource,
    obj: JSONObject,
    *,
    field_manager: str,
    force: bool,
    dry_run: bool,
    field_validation: FieldValidation | None,
) -> JSONObject:
    """Apply `obj` and return it as stored; what was applied by kubectl's client side and is in it no more, is removed.

    That takes two requests more, once for each object. A dry run takes nothing over. Raises as `Resource.apply`; if an
    object cannot be taken over, that is logged, and tried again by the next apply.
    """

    def attempt() -> JSONObject:
        return view.apply(
            obj, field_manager=field_manager, force=force, dry_run=dry_run, field_validation=field_validation
        )

    after = attempt()
    if dry_run or not _managers(after):
        return after
    try:
        _take_over(view, after, field_manager)
    except StatusError as error:
        _log.warning(
            "%s %s was applied, but not taken over from kubectl's client-side apply: %s",
            after.get("kind"),
            after["metadata"]["name"],
            error,
        )
        return after
    return attempt()


def _take_over(view: Resource, obj: JSONObject, field_manager: str) -> None:
    name = obj["metadata"]["name"]
    for remaining in reversed(range(_ATTEMPTS)):
        metadata = obj["metadata"]
        entries = taken_over(metadata.get("managedFields") or [], _managers(obj), field_manager)
        patch = [
            {"op": "replace", "path": "/metadata/managedFields", "value": entries},
            # The server compares: who owns what may be another by now.
            {"op": "replace", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
        ]
        try:
            view.patch(name, patch, field_manager=field_manager)
        except Conflict:
            if not remaining:
                raise
            obj = view.get(name)
        else:
            return


def _managers(obj: Mapping[str, Any]) -> set[str]:
    """Return who applied an object by kubectl's client side."""
    updates = _updates(obj["metadata"].get("managedFields") or [])
    return {entry["manager"] for entry in updates if _owns_last_applied(entry)}


def _updates(entries: list[JSONObject]) -> list[JSONObject]:
    """Return the entries of managedFields that are of updates of the object itself."""
    return [entry for entry in entries if entry.get("operation") == "Update" and not entry.get("subresource")]


def _owns_last_applied(entry: Mapping[str, Any]) -> bool:
    metadata = (entry.get("fieldsV1") or {}).get("f:metadata") or {}
    return f"f:{LAST_APPLIED}" in (metadata.get("f:annotations") or {})


def taken_over(entries: list[JSONObject], managers: set[str], field_manager: str) -> list[JSONObject]:
    """Return managedFields in which `field_manager` applied what these managers updated, beside its own."""
    theirs = [entry for entry in _updates(entries) if entry.get("manager") in managers]
    if not theirs:
        return entries
    mine = applied_entry(entries, field_manager) or {**theirs[0], "manager": field_manager, "operation": "Apply"}
    fields = mine.get("fieldsV1") or {}
    for entry in theirs:
        # Paths of another version may be other fields.
        if entry.get("apiVersion") == mine.get("apiVersion"):
            others = entry.get("fieldsV1") or {}
            fields = _united(fields, others) if fields and others else fields or others
    return [{**mine, "fieldsV1": fields}, *(entry for entry in entries if entry is not mine and entry not in theirs)]


def _united(one: JSONObject, other: JSONObject) -> JSONObject:
    """Return a set of fields (`FieldsV1`) that has the members of both."""
    united = {**one, **other}
    for element in one.keys() & other.keys():
        united[element] = _united(one[element], other[element])
    if united and not (one and other):
        united["."] = {}  # one of them had the whole, and not parts of it
    return united
