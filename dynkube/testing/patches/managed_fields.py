"""Who owns which field: ``metadata.managedFields`` and how updates change it.

Entries are told apart by manager, operation, apiVersion and subresource. An update takes what it adds or changes from
everybody else, and what it removes from everybody. System fields of metadata are nobody's.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NamedTuple

from dynkube.testing.objects import go_shape
from dynkube.testing.patches import typed_values
from dynkube.testing.patches.field_sets import FieldSet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynkube.testing.objects.schemas import Schema

UPDATE = "Update"
APPLY = "Apply"
#: Update entries beyond this number are folded together, the oldest first (apiserver's ``maxUpdateManagers``).
MAX_UPDATE_MANAGERS = 10
_ANCIENT = "ancient-changes"

_UNOWNED = FieldSet(
    [
        ("f:apiVersion",),
        ("f:kind",),
        ("f:metadata",),
        *(
            ("f:metadata", f"f:{name}")
            for name in (
                "name",
                "namespace",
                "creationTimestamp",
                "selfLink",
                "uid",
                "clusterName",
                "generation",
                "managedFields",
                "resourceVersion",
            )
        ),
    ]
)


class Manager(NamedTuple):
    """The identity of an entry."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""


class Ownership:
    """The entries of one object: a field set and a time (None = not told) for each manager."""

    def __init__(self) -> None:
        self.sets: dict[Manager, FieldSet] = {}
        self.times: dict[Manager, str | None] = {}

    @classmethod
    def read(cls, entries: Any) -> Ownership:
        """Read ``managedFields``; raises ValueError when it cannot be understood."""
        result = cls()
        if entries is None:
            return result
        if not isinstance(entries, list):
            raise ValueError("managedFields is no list")  # noqa: TRY004 - the content is wrong, not the call
        for entry in entries:
            if not isinstance(entry, dict) or entry.get("operation") not in {UPDATE, APPLY}:
                raise ValueError("managedFields has an entry without an operation")
            manager = Manager(
                str(entry.get("manager", "")),
                str(entry["operation"]),
                str(entry.get("apiVersion", "")),
                str(entry.get("subresource", "")),
            )
            fields = entry.get("fieldsV1") or {}
            if not isinstance(fields, dict):
                raise ValueError("fieldsV1 is no object")  # noqa: TRY004 - as above
            found = FieldSet.from_wire(fields)
            result.sets[manager] = result.sets[manager] | found if manager in result.sets else found
            result.times[manager] = entry.get("time")
        return result

    def drop_empty(self) -> None:
        """Forget managers that own nothing."""
        self.sets = {manager: owned for manager, owned in self.sets.items() if owned}

    def write(self) -> list[dict[str, Any]]:
        """Return ``managedFields``: Apply before Update, then by time, manager, version and subresource."""

        def order(manager: Manager) -> tuple[str, str, str, str, str]:
            when = self.times.get(manager) or ""
            return (manager.operation, when, manager.name, manager.api_version, manager.subresource)

        entries: list[dict[str, Any]] = []
        for manager in sorted(self.sets, key=order):
            entry: dict[str, Any] = {
                "manager": manager.name,
                "operation": manager.operation,
                "apiVersion": manager.api_version,
                "time": self.times.get(manager),
                "fieldsType": "FieldsV1",
                "fieldsV1": self.sets[manager].to_wire(),
                "subresource": manager.subresource,
            }
            entries.append({key: value for key, value in entry.items() if value not in (None, "")})
        return entries

    def cap(self) -> None:
        """Fold the oldest update entries together while there are too many."""
        updates = sorted((m for m in self.sets if m.operation == UPDATE), key=lambda m: (self.times.get(m) or "", m))
        for manager in updates[: max(0, len(updates) - MAX_UPDATE_MANAGERS)]:
            bucket = Manager(_ANCIENT, UPDATE, manager.api_version)
            if manager == bucket:
                continue
            self.sets[bucket] = self.sets.pop(manager) | self.sets.get(bucket, FieldSet())
            self.times[bucket] = self.times.get(manager)


def reset_fields(obj: dict[str, Any], subresource: str, schema: Schema | None) -> dict[str, Any]:
    """Return what of ``obj`` counts for ownership: a write of the object leaves status alone, status only status."""
    if subresource in ("status", "approval"):
        return {key: value for key, value in obj.items() if key in {"apiVersion", "kind", "status"}}
    if schema is not None and not schema.status_apart:
        return obj
    return {key: value for key, value in obj.items() if key != "status"}


def changes(live: dict[str, Any], new: dict[str, Any], schema: Schema | None) -> typed_values.Comparison:
    """Compare two objects, without the fields nobody owns."""
    found = typed_values.compare(live, new, schema)
    return typed_values.Comparison(found.added - _UNOWNED, found.modified - _UNOWNED, found.removed - _UNOWNED)


def ownable(claimed: FieldSet) -> FieldSet:
    """Return what an applied configuration claims, without the fields nobody owns."""
    return claimed - _UNOWNED


def current(live: Mapping[str, Any] | None, new: Mapping[str, Any]) -> Ownership:
    """Return the ownership an update starts from: what the request says if it says it well, else the stored one."""
    sent = (new.get("metadata") or {}).get("managedFields")
    stored = ((live or {}).get("metadata") or {}).get("managedFields")
    if isinstance(sent, list) and len(sent) == 1 and not sent[0]:
        return Ownership()  # [{}] is how a client forgets everything
    try:
        found = Ownership.read(sent)
    except ValueError:
        found = Ownership()
    return found if found.sets else Ownership.read(stored)


def record_update(
    live: Mapping[str, Any] | None,
    new: Mapping[str, Any],
    *,
    manager: str,
    api_version: str,
    schema: Schema | None,
    time: str | None,
    operation: str = UPDATE,
    subresource: str = "",
) -> list[dict[str, Any]]:
    """Return the managedFields of ``new`` after ``manager`` made it of ``live`` (None: it was created).

    ``new`` is the object after defaulting and before strategies and admission touch it. ``time`` None leaves the time
    out (the scale subresource does). An object that never had managed fields gets none by an update, and one whose
    lists cannot be told apart by their keys keeps what it has: tracking never fails a request.
    """
    if subresource:
        owned = Ownership.read(((live or {}).get("metadata") or {}).get("managedFields"))
    else:
        owned = current(live, new)
    if live is not None and not owned.sets:
        return []
    kind = str(new.get("kind", ""))
    before = dict(live) if live is not None else go_shape.empty(api_version, kind, schema)
    after = reset_fields(dict(new), subresource, schema)
    if subresource in ("status", "approval") and "status" not in after and "status" in before:
        after = {**after, "status": before["status"]}
    try:
        found = changes(reset_fields(before, subresource, schema), after, schema)
    except typed_values.UnkeyedError:
        return owned.write()
    take(owned, found, Manager(manager, operation, api_version, subresource), time)
    return owned.write()


def take(owned: Ownership, found: typed_values.Comparison, manager: Manager, time: str | None) -> None:
    """Give what was added or changed to ``manager`` alone, and what was removed to nobody, in place."""
    taken = found.added | found.modified
    owned.sets = {other: mine - taken - found.removed for other, mine in owned.sets.items()}
    if taken:
        owned.sets[manager] = owned.sets.get(manager, FieldSet()) | taken
        owned.times[manager] = time
    owned.drop_empty()
    owned.cap()


def same_but_time(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether two objects differ in nothing, or only in the times of managedFields and the resourceVersion."""
    return _without_times(old) == _without_times(new)


def _without_times(obj: Mapping[str, Any]) -> dict[str, Any]:
    metadata = copy.copy(dict(obj.get("metadata") or {}))
    metadata.pop("resourceVersion", None)
    entries = metadata.pop("managedFields", None) or []
    plain = [{key: value for key, value in entry.items() if key != "time"} for entry in entries]
    plain.sort(
        key=lambda entry: tuple(str(entry.get(k)) for k in ("operation", "manager", "apiVersion", "subresource"))
    )
    return {**obj, "metadata": {**metadata, "managedFields": plain}}
