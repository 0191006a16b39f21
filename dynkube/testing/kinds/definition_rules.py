"""Rules of custom resource definitions: names, versions, structural schemas (apiextensions ``validation``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.testing.kinds.structural_rules import structural
from dynkube.testing.objects import formats

if TYPE_CHECKING:
    from dynkube.testing.objects.report import Report

_APPROVAL = "api-approved.kubernetes.io"
_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
_COLUMN_FORMATS = ("byte", "date", "date-time", "double", "float", "int32", "int64", "password")
_NO_PATH = "must be a simple json path starting with ."
_MOST_SELECTABLE = 8
#: What every version has of its own, and how the server's struct of a version calls it.
_PER_VERSION = {
    "schema": "Schema",
    "subresources": "Subresources",
    "additionalPrinterColumns": "AdditionalPrinterColumns",
    "selectableFields": "SelectableFields",
}


def definition(obj: dict[str, Any], old: dict[str, Any] | None, report: Report) -> None:
    """Check a definition and what an update may not change of it."""
    spec = obj.get("spec") or {}
    names, group = spec.get("names") or {}, spec.get("group") or ""
    wanted = f"{names.get('plural', '')}.{group}"
    name = (obj.get("metadata") or {}).get("name") or ""
    if old is None and name != wanted:
        report.invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group')
    _group(group, report)
    if not spec.get("scope"):
        report.required("spec.scope")
    elif spec["scope"] not in {"Cluster", "Namespaced"}:
        report.unsupported("spec.scope", spec["scope"], ["Cluster", "Namespaced"])
    shared = hoisted(spec.get("versions") or [])
    _versions(spec, shared, report)
    if spec.get("preserveUnknownFields"):
        why = "must be false in order to use defaults in the schema"
        report.invalid("spec.preserveUnknownFields", True, why)
    _names(names, report)
    _parts(shared, "spec.validation.openAPIV3Schema", "spec", report)
    _conversion(spec.get("conversion") or {}, report)
    _approval(obj, group, report)
    if old is None:
        _stored(spec, report)
    if old is not None:
        _update(spec, old, report)


def _stored(spec: dict[str, Any], report: Report) -> None:
    """Check the versions that objects are stored in: those marked so, as the status of a new definition has them."""
    stored = [version.get("name") or "" for version in spec.get("versions") or [] if version.get("storage")]
    if not stored:
        report.invalid("status.storedVersions", None, "must have at least one stored version")


def _group(group: str, report: Report) -> None:
    if not group:
        report.required("spec.group")
        return
    problems = formats.subdomain(group)
    for problem in problems:
        report.invalid("spec.group", group, problem)
    if not problems and "." not in group:
        report.invalid("spec.group", group, "should be a domain with at least one dot")


def _approval(obj: dict[str, Any], group: str, report: Report) -> None:
    protected = group == "k8s.io" or group.endswith((".k8s.io", ".kubernetes.io")) or group == "kubernetes.io"
    annotations = (obj.get("metadata") or {}).get("annotations") or {}
    if protected and not annotations.get(_APPROVAL):
        why = f'protected groups must have approval annotation "{_APPROVAL}", '
        why += "see https://github.com/kubernetes/enhancements/pull/1111"
        report.required(f"metadata.annotations[{_APPROVAL}]", why)


def _names(names: dict[str, Any], report: Report) -> None:
    for key in ("plural", "singular", "kind", "listKind"):
        if not names.get(key):
            report.required(f"spec.names.{key}")
    for key in ("plural", "singular"):
        if names.get(key):
            for problem in formats.label_1035(names[key]):
                report.invalid(f"spec.names.{key}", names[key], problem)
    for key in ("kind", "listKind"):
        if names.get(key):
            for problem in formats.label_1035(names[key].lower()):
                why = f"may have mixed case, but should otherwise match: {problem}"
                report.invalid(f"spec.names.{key}", names[key], why)
    for key in ("shortNames", "categories"):
        for index, one in enumerate(names.get(key) or []):
            for problem in formats.label_1035(one):
                report.invalid(f"spec.names.{key}[{index}]", one, problem)
    if names.get("kind") and names["kind"] == names.get("listKind"):
        report.invalid("spec.names.listKind", names["listKind"], "kind and listKind may not be the same")


def _versions(spec: dict[str, Any], shared: dict[str, Any], report: Report) -> None:
    versions = spec.get("versions") or []
    names = [version.get("name") or "" for version in versions]
    for index, version in enumerate(versions):
        path = f"spec.versions[{index}]"
        report.malformed(f"{path}.name", names[index], formats.label_1035(names[index]))
        own = {key: version.get(key) for key in _PER_VERSION if key not in shared}
        if not version.get("schema"):
            report.required(f"{path}.schema.openAPIV3Schema")
        _parts(own, f"{path}.schema.openAPIV3Schema", path, report)
    shown = [_shown(version, shared) for version in versions] if versions else spec.get("versions")
    if sum(1 for version in versions if version.get("storage")) != 1:
        why = "must have exactly one version marked as storage version"
        report.invalid("spec.versions", shown, why)
    if len(set(names)) < len(names):
        report.invalid("spec.versions", shown, "must contain unique version names")
    if names and names[0]:
        report.malformed("spec.version", names[0], formats.label_1035(names[0]))


def hoisted(versions: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what all versions say alike: the server keeps that once, beside them, and its errors name that place."""
    return {
        key: versions[0].get(key)
        for key in _PER_VERSION
        if versions and all(version.get(key) == versions[0].get(key) for version in versions)
    }


def _shown(version: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    """Return a version as errors print the server's own struct of it."""
    shown = {
        "Name": version.get("name") or "",
        "Served": bool(version.get("served")),
        "Storage": bool(version.get("storage")),
        "Deprecated": bool(version.get("deprecated")),
        "DeprecationWarning": version.get("deprecationWarning"),
    }
    for key, name in _PER_VERSION.items():
        shown[name] = None if key in shared else version.get(key)
    return shown


def _parts(found: dict[str, Any], schema_path: str, path: str, report: Report) -> None:
    """Check the parts of a version, or those that all versions share: ``schema_path`` is where their schema stands."""
    root = (found.get("schema") or {}).get("openAPIV3Schema")
    if root is not None:
        _root(root, schema_path, report, status=(found.get("subresources") or {}).get("status") is not None)
    _subresources(found.get("subresources") or {}, f"{path}.subresources", report)
    for index, column in enumerate(found.get("additionalPrinterColumns") or []):
        _column(column, f"{path}.additionalPrinterColumns[{index}]", report)
    _selectable(found.get("selectableFields") or [], root, f"{path}.selectableFields", report)


def _root(root: dict[str, Any], path: str, report: Report, *, status: bool) -> None:
    kind = root.get("type")
    if status and kind and kind != "object":
        why = 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled'
        report.invalid(f"{path}.type", kind, why)
    if not kind:
        report.required(f"{path}.type", "must not be empty at the root")
    elif kind != "object":
        report.invalid(f"{path}.type", kind, "must be object at the root")
    structural(root, path, report, root=True)


def _selectable(fields: list[dict[str, Any]], root: dict[str, Any] | None, path: str, report: Report) -> None:
    if fields and root is None:
        report.invalid(path, "", "may only be set when validations.schema is included")
        return
    if len(fields) > _MOST_SELECTABLE:
        report.too_many(path, len(fields), _MOST_SELECTABLE)
    seen: set[str] = set()
    for index, field in enumerate(fields):
        here, where = f"{path}[{index}].jsonPath", field.get("jsonPath") or ""
        if not where:
            report.required(here)
            continue
        if where in seen:
            report.duplicate(here, where)
        seen.add(where)
        problem = _field_problem(where, root or {})
        if problem:
            report.invalid(here, where, problem)


def _field_problem(path: str, root: dict[str, Any]) -> str:
    if not path.startswith((".", "[")):
        return f"is an invalid path: expected [ or . but got: {path}"
    schema: Any = root
    for name in path.lstrip(".").split("."):
        schema = (schema.get("properties") or {}).get(name) if isinstance(schema, dict) else None
        if schema is None:
            return "is an invalid path: does not refer to a valid field"
    if path.startswith(".metadata"):
        return "must not point to fields in metadata"
    if schema.get("type") not in {"boolean", "integer", "string"}:
        why = "must point to a field of type string, boolean or integer."
        return f"{why} Enum string fields and strings with formats are allowed."
    return ""


def _column(column: dict[str, Any], path: str, report: Report) -> None:
    name, kind, form, where = (column.get(key) or "" for key in ("name", "type", "format", "jsonPath"))
    if not name:
        report.required(f"{path}.name")
    if not kind:
        report.required(f"{path}.type", f"must be one of {','.join(_COLUMN_TYPES)}")
    elif kind not in _COLUMN_TYPES:
        report.invalid(f"{path}.type", kind, f"must be one of {','.join(_COLUMN_TYPES)}")
    if form and form not in _COLUMN_FORMATS:
        report.invalid(f"{path}.format", form, f"must be one of {','.join(_COLUMN_FORMATS)}")
    if not where:
        report.required(f"{path}.JSONPath")
    elif not _simple_path(where):
        report.invalid(f"{path}.JSONPath", where, _NO_PATH)


def _simple_path(path: str) -> bool:
    return path.startswith(".")


def _subresources(found: dict[str, Any], path: str, report: Report) -> None:
    scale = found.get("scale")
    if scale is None:
        return
    for key, under in (("specReplicasPath", ".spec"), ("statusReplicasPath", ".status")):
        value = scale.get(key) or ""
        if not value:
            report.required(f"{path}.scale.{key}")
        elif not _simple_path(value):
            report.invalid(f"{path}.scale.{key}", value, _NO_PATH)
        elif not value.startswith(f"{under}."):
            report.invalid(f"{path}.scale.{key}", value, f"should be a json path under {under}")
    selector, here = scale.get("labelSelectorPath"), f"{path}.scale.labelSelectorPath"
    if selector and not _simple_path(selector):
        report.invalid(here, selector, _NO_PATH)
    elif selector and not selector.startswith((".spec.", ".status.")):
        report.invalid(here, selector, "should be a json path under either .spec or .status")


def _conversion(conversion: dict[str, Any], report: Report) -> None:
    strategy = conversion.get("strategy")
    if not strategy:
        report.required("spec.conversion.strategy")
    elif strategy not in {"None", "Webhook"}:
        report.unsupported("spec.conversion.strategy", strategy, ["None", "Webhook"])
    if strategy == "None" and conversion.get("webhook") is not None:
        why = 'should not be set when strategy is not set to "Webhook"'
        report.forbidden("spec.conversion.webhook", why)
    if strategy == "Webhook" and not (conversion.get("webhook") or {}).get("clientConfig"):
        report.required("spec.conversion.webhook.clientConfig", 'required when strategy is set to "Webhook"')


def _update(spec: dict[str, Any], old: dict[str, Any], report: Report) -> None:
    before, status = old.get("spec") or {}, old.get("status") or {}
    established = any(
        c.get("type") == "Established" and c.get("status") == "True" for c in status.get("conditions") or []
    )
    if established:
        report.unchanged("spec.scope", spec.get("scope"), before.get("scope"))
        kind = (spec.get("names") or {}).get("kind")
        report.unchanged("spec.names.kind", kind, (before.get("names") or {}).get("kind"))
    report.unchanged("spec.group", spec.get("group"), before.get("group"))
    plural = (spec.get("names") or {}).get("plural")
    report.unchanged("spec.names.plural", plural, (before.get("names") or {}).get("plural"))
    present = {version.get("name") for version in spec.get("versions") or []}
    for index, name in enumerate(status.get("storedVersions") or []):
        if name not in present:
            why = (
                f"missing from spec.versions; {name} was previously a storage version, and must remain in spec.versions"
                f" until a storage migration ensures no data remains persisted in {name} and removes {name} from "
                "status.storedVersions"
            )
            report.invalid(f"status.storedVersions[{index}]", name, why)
