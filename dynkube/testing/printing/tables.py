"""Tables and partial metadata: what a server sends when the client asks only for what people read.

Columns and cells of built-in kinds come from `dynkube.testing.kinds`, those of custom kinds from their CRD's
``additionalPrinterColumns``; every other kind shows its name and when it was created.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.errors import InvalidRequestError
from dynkube.testing.printing import cells, cluster_cells, columns, other_cells
from dynkube.testing.printing.durations import since
from dynkube.watch.json_path import JSONPath, printed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dynkube.names import GroupVersionKind

#: Columns of a custom kind whose CRD names none.
_AGE_ONLY = ({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},)


def table(
    objects: Sequence[dict[str, Any]],
    *,
    gvk: GroupVersionKind,
    crd_columns: Iterable[Mapping[str, Any]] | None = None,
    custom: bool | None = None,
    include_object: str = "Metadata",
    list_metadata: Mapping[str, Any] | None = None,
    version: str = "v1",
) -> dict[str, Any]:
    """Return a ``meta.k8s.io`` Table of a version, v1 or v1beta1, with one row for each object.

    ``crd_columns`` are a custom kind's printer columns (an empty list: only its age); None means a built-in kind.
    ``include_object`` is Metadata, Object or None; ``list_metadata`` goes to the table's metadata.
    """
    if crd_columns is not None or custom:
        definitions, rows = _custom(objects, list(crd_columns or ()))
        printer = True
    else:
        definitions, rows, printer = _builtin(objects, gvk)
    built = [_row(obj, found, gvk, include_object, version) for obj, found in zip(objects, rows, strict=True)]
    return {
        "kind": "Table",
        "apiVersion": f"meta.k8s.io/{version}",
        "metadata": dict(list_metadata or {}),
        "columnDefinitions": definitions,
        # The generic printer leaves its slice unset, the others make an empty one.
        "rows": built if built or printer else None,
    }


def partial_metadata(obj: Mapping[str, Any], version: str = "v1") -> dict[str, Any]:
    """Return only the object's metadata, as a PartialObjectMetadata."""
    metadata = dict(obj.get("metadata") or {})
    return {"kind": "PartialObjectMetadata", "apiVersion": f"meta.k8s.io/{version}", "metadata": metadata}


def _row(
    obj: dict[str, Any], found: list[Any], gvk: GroupVersionKind, include_object: str, version: str
) -> dict[str, Any]:
    row: dict[str, Any] = {"cells": found}
    conditions = _conditions(obj) if (gvk.group, gvk.kind) == ("", "Pod") else None
    if conditions:
        row["conditions"] = conditions
    if include_object == "Object":
        type_meta = {"kind": gvk.kind, "apiVersion": gvk.group_version.api_version}
        row["object"] = {**type_meta, **obj}
    else:
        row["object"] = None if include_object == "None" else partial_metadata(obj, version)
    return row


def _conditions(pod: dict[str, Any]) -> list[dict[str, Any]] | None:
    phase = (pod.get("status") or {}).get("phase")
    texts = {"Succeeded": "The pod has completed successfully.", "Failed": "The pod failed."}
    if phase not in texts:
        return None
    return [{"type": "Completed", "status": "True", "reason": phase, "message": texts[phase]}]


def _builtin(
    objects: Sequence[dict[str, Any]], gvk: GroupVersionKind
) -> tuple[list[dict[str, Any]], list[list[Any]], bool]:
    key = f"{gvk.group}/{gvk.kind}" if gvk.group else gvk.kind
    printer = cells.BY_KIND.get(key) or other_cells.BY_KIND.get(key) or cluster_cells.BY_KIND.get(key)
    definitions = columns.columns(gvk.group, gvk.kind)
    if printer is None or definitions is None:
        return columns.generic(), [other_cells.generic(obj) for obj in objects], False
    return definitions, [printer(obj) for obj in objects], True


def _custom(
    objects: Sequence[dict[str, Any]], wanted: Sequence[Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], list[list[Any]]]:
    chosen = list(wanted) or list(_AGE_ONLY)
    definitions = [
        {"name": "Name", "type": "string", "format": "name", "description": columns.name_description(), "priority": 0}
    ]
    getters: list[tuple[str, str, JSONPath | None]] = []
    for column in chosen:
        path = str(column.get("jsonPath", ""))
        description = column.get("description") or f"Custom resource definition column (in JSONPath format): {path}"
        if not wanted:
            description = columns.age_description()
        kind, form = str(column.get("type", "string")), str(column.get("format", ""))
        definitions.append(
            {
                "name": column.get("name", ""),
                "type": kind,
                "format": form,
                "description": description,
                "priority": column.get("priority", 0),
            }
        )
        try:
            getters.append((kind, form, JSONPath.parse(path)))
        except InvalidRequestError:
            getters.append((kind, form, None))
    rows = [[cells.name(obj), *(_custom_cell(obj, *getter) for getter in getters)] for obj in objects]
    return definitions, rows


def _custom_cell(obj: dict[str, Any], kind: str, form: str, path: JSONPath | None) -> Any:
    found = path.find(obj) if path is not None else []
    if not found:
        return None
    value = found[0]
    if kind == "string" and not form:
        return " ".join(printed(one) for one in found)
    if kind == "date":
        return since(value) if isinstance(value, str) else None
    if kind == "boolean":
        return value if isinstance(value, bool) else None
    if kind == "string":
        return value if isinstance(value, str) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if kind == "integer" else value
