"""Which objects a list, watch or deletecollection is about: label and field selectors as one test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.errors import InvalidSelectorError
from dynkube.selectors import FieldSelector, LabelSelector
from dynkube.testing.http import failures
from dynkube.testing.kinds import KindRules, kind_rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.testing.http.options import ListOptions
    from dynkube.testing.resources.registry import Resource

#: Kinds without a namespace that say so when they are selected by one; others select nothing.
_PLACELESS = frozenset({("", "namespaces"), ("", "nodes")})
_METADATA_FIELDS = ("metadata.name", "metadata.namespace")


def rules_of(resource: Resource) -> KindRules:
    """Return what is special about a resource's kind."""
    fields = [str(entry["jsonPath"]) for entry in resource.definition.get("selectableFields") or ()]
    return kind_rules(
        resource.gvk,
        custom=resource.custom,
        has_status=resource.has_status,
        selectable_fields=fields,
    )


def _metadata_reader(path: str) -> Callable[[dict[str, Any]], str]:
    name = path.removeprefix("metadata.")
    return lambda obj: str(obj.get("metadata", {}).get(name, ""))


def selectable_fields(resource: Resource) -> dict[str, Callable[[dict[str, Any]], str]]:
    """Return the fields a field selector may name, each with how to read it from an object."""
    metadata = _METADATA_FIELDS[:1] if resource.collection in _PLACELESS else _METADATA_FIELDS
    return {path: _metadata_reader(path) for path in metadata} | dict(rules_of(resource).fields)


def selection(resource: Resource, options: ListOptions) -> Callable[[dict[str, Any]], bool] | None:
    """Return the test for objects, None when everything is meant. Raises a 400 Failure for selectors that are wrong."""
    try:
        labels = LabelSelector.parse(options.label_selector) if options.label_selector else None
        field_selector = FieldSelector.parse(options.field_selector) if options.field_selector else None
    except InvalidSelectorError as error:
        raise failures.bad_request(str(error)) from None
    if labels is None and field_selector is None:
        return None
    fields = selectable_fields(resource)
    for term in field_selector.terms if field_selector else ():
        if term.field not in fields:
            raise failures.bad_request(rules_of(resource).unknown_field(term.field))

    def matches(obj: dict[str, Any]) -> bool:
        if labels is not None and not labels.matches(obj.get("metadata", {}).get("labels") or {}):
            return False
        return field_selector is None or field_selector.matches(lambda path: fields[path](obj))

    return matches
