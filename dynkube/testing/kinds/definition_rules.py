"""Rules of custom resource definitions: names, versions, structural schemas (apiextensions ``validation``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.testing.kinds import selectable_paths
from dynkube.testing.kinds.structural_rules import structural
from dynkube.testing.objects import formats
from dynkube.testing.objects.schemas import declares_rules

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dynkube.testing.objects.report import Report

_APPROVAL = "api-approved.kubernetes.io"
_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
_COLUMN_FORMATS = ("byte", "date", "date-time", "double", "float", "int32", "int64", "password")
#: Longest warning of a deprecated version, in bytes.
_LONGEST_WARNING = 256
_SIMPLE_PATH = "must be a simple json path starting with ."
#: What a version carries and the server moves to the definition itself when all versions have the same.
_SHARED = {
    "schema": "spec.validation",
    "subresources": "spec.subresources",
    "additionalPrinterColumns": "spec.additionalPrinterColumns",
    "selectableFields": "spec.selectableFields",
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
    versions: list[dict[str, Any]] = spec.get("versions") or []
    shared = _shared(versions)
    _versions(spec.get("versions"), shared, report)
    _names(names, report)
    _parts({key: versions[0][key] for key in shared}, _SHARED, report, status=_has_status(versions))
    _conversion(spec.get("conversion") or {}, report)
    if spec.get("preserveUnknownFields"):
        why = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"
        report.invalid("spec.preserveUnknownFields", True, why)
    if old is None:
        _stored(versions, report)
    _approval(obj, group, report)
    if old is not None:
        _update(spec, old, report)


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


def _shared(versions: list[dict[str, Any]]) -> set[str]:
    """Return the parts that all versions have alike."""
    first = versions[0] if versions else {}
    return {key for key in _SHARED if first.get(key) and all(one.get(key) == first[key] for one in versions)}


def _versions(versions: list[dict[str, Any]] | None, shared: set[str], report: Report) -> None:
    found = versions or []
    for index, version in enumerate(found):
        path, name = f"spec.versions[{index}]", version.get("name") or ""
        report.malformed(f"{path}.name", name, formats.label_1035(name))
        if version.get("deprecationWarning") is not None:
            _warning(version, f"{path}.deprecationWarning", report)
        own = {key: version.get(key) for key in _SHARED if key not in shared}
        _parts(own, {key: f"{path}.{key}" for key in _SHARED}, report, status=_has_status([version]))
    shown = None if versions is None else [_go_version(version, shared) for version in found]
    if len({version.get("name") for version in found}) != len(found):
        report.invalid("spec.versions", shown, "must contain unique version names")
    if sum(1 for version in found if version.get("storage")) != 1:
        report.invalid("spec.versions", shown, "must have exactly one version marked as storage version")
    first = (found[0].get("name") or "") if found else ""
    if first:
        report.malformed("spec.version", first, formats.label_1035(first))


def _warning(version: dict[str, Any], path: str, report: Report) -> None:
    """Check what is told of a deprecated version."""
    text = version["deprecationWarning"]
    if not version.get("deprecated"):
        report.invalid(path, text, "can only be set for deprecated versions")
        return
    if not text:
        report.invalid(path, text, "must not be an empty string")
    if len(text.encode()) > _LONGEST_WARNING:
        report.invalid(path, text, f"must be <= {_LONGEST_WARNING} characters long")
    strange = next((index for index, letter in enumerate(text) if not letter.isprintable()), None)
    if strange is not None:
        at = len(text[:strange].encode())
        why = f"must only contain printable UTF-8 characters; non-printable character found at index {at}"
        report.invalid(path, text, why)


def _stored(versions: list[dict[str, Any]], report: Report) -> None:
    """Check the versions objects are stored in: of a new definition that is the first one marked so."""
    marked = [version.get("name") or "" for version in versions if version.get("storage")]
    if not marked:
        report.invalid("status.storedVersions", None, "must have at least one stored version")
    for name in marked[1:]:
        report.invalid("status.storedVersions", marked[:1], f"must have the storage version {name}")


def _go_version(version: dict[str, Any], shared: set[str]) -> dict[str, Any]:
    """Return a version as the server prints its internal form."""
    parts = {key: None if key in shared else version.get(key) for key in _SHARED}
    return {
        "Name": version.get("name") or "",
        "Served": bool(version.get("served")),
        "Storage": bool(version.get("storage")),
        "Deprecated": bool(version.get("deprecated")),
        "DeprecationWarning": version.get("deprecationWarning"),
        "Schema": parts["schema"],
        "Subresources": parts["subresources"],
        "AdditionalPrinterColumns": parts["additionalPrinterColumns"],
        "SelectableFields": parts["selectableFields"],
    }


def _has_status(versions: Iterable[dict[str, Any]]) -> bool:
    return any((version.get("subresources") or {}).get("status") is not None for version in versions)


def _parts(found: dict[str, Any], places: Mapping[str, str], report: Report, *, status: bool) -> None:
    """Check the parts of a version, or those that all versions share, in the server's order."""
    if "schema" in found:
        _schema(found["schema"] or {}, places["schema"], report, status=status)
    _subresources(found.get("subresources") or {}, places["subresources"], report)
    for index, column in enumerate(found.get("additionalPrinterColumns") or []):
        _column(column, f"{places['additionalPrinterColumns']}[{index}]", report)
    fields, path = found.get("selectableFields"), places["selectableFields"]
    if not fields:
        return
    root = (found.get("schema") or {}).get("openAPIV3Schema")
    if root is not None:
        selectable_paths.check(fields, root, path, report)
    elif places is _SHARED:
        report.invalid(path, "", "may only be set when validations.schema is included")
    else:  # the server means the opposite
        report.invalid(path, "", "may only be set when `version.schema.openAPIV3Schema` is not included")


def _schema(schema: dict[str, Any], path: str, report: Report, *, status: bool) -> None:
    root, here = schema.get("openAPIV3Schema"), f"{path}.openAPIV3Schema"
    if root is None:
        report.required(here)
        return
    before, kind = len(report.causes), root.get("type")
    if status and kind and kind != "object":
        why = 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled'
        report.invalid(f"{here}.type", kind, why)
    structural(root, here, report, root=True)
    if declares_rules(root):
        from dynkube.testing.cel import definitions

        definitions.check(root, here, report, sound=len(report.causes) == before)


def _column(column: dict[str, Any], path: str, report: Report) -> None:
    if not column.get("name"):
        report.required(f"{path}.name")
    if not column.get("type"):
        report.required(f"{path}.type", f"must be one of {','.join(_COLUMN_TYPES)}")
    elif column["type"] not in _COLUMN_TYPES:
        report.invalid(f"{path}.type", column["type"], f"must be one of {','.join(_COLUMN_TYPES)}")
    if column.get("format") and column["format"] not in _COLUMN_FORMATS:
        report.invalid(f"{path}.format", column["format"], f"must be one of {','.join(_COLUMN_FORMATS)}")
    if not column.get("jsonPath"):
        report.required(f"{path}.JSONPath")
    elif not column["jsonPath"].startswith("."):
        report.invalid(f"{path}.JSONPath", column["jsonPath"], _SIMPLE_PATH)


def _subresources(found: dict[str, Any], path: str, report: Report) -> None:
    scale = found.get("scale")
    if scale is None:
        return
    for key, under in (("specReplicasPath", ".spec"), ("statusReplicasPath", ".status")):
        value = scale.get(key) or ""
        if not value:
            report.required(f"{path}.scale.{key}")
        elif not value.startswith("."):
            report.invalid(f"{path}.scale.{key}", value, _SIMPLE_PATH)
        elif not value.startswith(f"{under}."):
            report.invalid(f"{path}.scale.{key}", value, f"should be a json path under {under}")
    selector, here = scale.get("labelSelectorPath"), f"{path}.scale.labelSelectorPath"
    if selector and not selector.startswith("."):
        report.invalid(here, selector, _SIMPLE_PATH)
    elif selector and not selector.startswith((".spec.", ".status.")):
        report.invalid(here, selector, "should be a json path under either .spec or .status")


def _conversion(conversion: dict[str, Any], report: Report) -> None:
    strategy, webhook = conversion.get("strategy"), conversion.get("webhook") or {}
    if not strategy:
        report.required("spec.conversion.strategy")
    elif strategy not in {"None", "Webhook"}:
        report.unsupported("spec.conversion.strategy", strategy, ["None", "Webhook"])
    # The places are those of the server's internal form, which knows no "webhook" between.
    client, versions = "spec.conversion.webhookClientConfig", "spec.conversion.conversionReviewVersions"
    config, reviews = webhook.get("clientConfig"), webhook.get("conversionReviewVersions")
    if strategy == "None":
        for place, value in ((client, config), (versions, reviews)):
            if value:
                report.forbidden(place, "should not be set when strategy is not set to Webhook")
    if strategy != "Webhook":
        return
    if config is None:
        report.required(client, "required when strategy is set to Webhook")
    elif (config.get("url") is None) == (config.get("service") is None):
        report.required(client, "exactly one of url or service is required")
    else:
        scheme, _, _ = str(config.get("url") or "https:").partition(":")
        if scheme != "https":
            why = "'https' is the only allowed URL scheme; desired format: https://host[/path]"
            report.invalid(f"{client}.url", scheme, why)
    if not reviews:
        report.required(versions)


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
