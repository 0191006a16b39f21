"""From what a flow found to the bytes of an answer: one object, a list, a Status; plain, as Table or as metadata."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dynkube.testing.http import failures
from dynkube.testing.http.connections import HTTPResponse
from dynkube.testing.http.negotiation import YAML, Representation, encode_json
from dynkube.testing.objects.decoding import go_package
from dynkube.testing.printing import tables
from dynkube.testing.resources.registry import Resource, as_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dynkube.testing.flows.cluster import Call
    from dynkube.testing.storage.store import Record

#: Bodies from this many bytes on are compressed when the client takes gzip (kube-apiserver's threshold).
GZIP_FROM = 128 * 1024

_TABLE = "Table"
_METADATA = "PartialObjectMetadata"


@dataclass(slots=True)
class ObjectAnswer:
    """One object. ``resource`` is its kind's resource; None for a Status or anything else that is never transformed."""

    document: dict[str, Any]
    resource: Resource | None = None
    status: int = 200
    record: Record | None = None


@dataclass(slots=True)
class ListAnswer:
    """A list of stored objects of one resource."""

    resource: Resource
    records: Sequence[Record]
    metadata: dict[str, Any] = field(default_factory=dict)


def encoded(resource: Resource, record: Record) -> bytes:
    """Return a stored object as JSON; made once for each version of it and each API version it is seen through."""
    found = record.encodings.get(resource.api_version)
    if found is None:
        found = record.encodings[resource.api_version] = encode_json(as_version(resource, record.object))
    return found


def _encoded_item(resource: Resource, record: Record) -> bytes:
    """Return an object as a list holds it: built-in kinds leave kind and apiVersion to the list."""
    if resource.custom:
        return encoded(resource, record)
    key = (resource.api_version, "item")
    found = record.encodings.get(key)
    if found is None:
        document = as_version(resource, record.object)
        found = encode_json({name: value for name, value in document.items() if name not in ("kind", "apiVersion")})
        record.encodings[key] = found
    return found


def included(call: Call) -> str:
    """Return how much of their objects the rows of a table hold. Raises a 400 Failure."""
    include = call.route.query.get("includeObject")
    if include not in {"", "Metadata", "Object", "None"}:
        why = f"includeObject: Invalid value: \"{include}\": must be 'Metadata', 'Object', 'None', or empty"
        raise failures.bad_request(f"Unable to convert to Table as requested: {why}")
    return include or "Metadata"


def as_table(
    call: Call, resource: Resource, objects: Iterable[dict[str, Any]], metadata: Mapping[str, Any]
) -> dict[str, Any]:
    """Return objects as rows of a Table, as the request wants it. Raises a 400 Failure."""
    return tables.table(
        list(objects),
        gvk=resource.gvk,
        crd_columns=list(resource.definition.get("additionalPrinterColumns") or ()) if resource.custom else None,
        include_object=included(call),
        list_metadata=dict(metadata),
        version=call.representation.version,
    )


def transformed(call: Call, resource: Resource, document: dict[str, Any]) -> dict[str, Any]:
    """Return one object in the form the request asked for."""
    transform = call.representation.transform
    if transform == f"{_METADATA}List":
        raise _unfit(transform, f"not a list (*{_go_type(resource, resource.kind)})")
    if transform == _TABLE:
        metadata = document.get("metadata", {})
        version = {"resourceVersion": metadata["resourceVersion"]} if metadata.get("resourceVersion") else {}
        return as_table(call, resource, [document], version)
    if transform == _METADATA:
        return tables.partial_metadata(document, call.representation.version)
    return document


def _unfit(transform: str, what: str) -> failures.Failure:
    """Return the 406 Failure of a form for lists asked of an object, or the other way round."""
    text = f"you requested {transform}, but the requested object is {what}"
    return failures.Failure("NotAcceptable", text)


def _go_type(resource: Resource, kind: str) -> str:
    if resource.custom:
        return "unstructured.Unstructured" + ("List" if kind == resource.list_kind else "")
    return f"{go_package(resource.group)}.{kind}"


def _list_document(call: Call, answer: ListAnswer) -> dict[str, Any]:
    resource, transform = answer.resource, call.representation.transform
    if transform == _METADATA:
        raise _unfit(transform, f"a list (*{_go_type(resource, resource.list_kind)})")
    objects = [as_version(resource, record.object) for record in answer.records]
    if transform == _TABLE:
        return as_table(call, resource, objects, answer.metadata)
    if transform == f"{_METADATA}List":
        version = call.representation.version
        items = [tables.partial_metadata(obj, version) for obj in objects]
        kind, api_version = f"{_METADATA}List", f"meta.k8s.io/{version}"
        # The older version leaves an empty list unset.
        shown = items if items or version == "v1" else None
        return {"kind": kind, "apiVersion": api_version, "metadata": answer.metadata, "items": shown}
    if not resource.custom:
        objects = [{k: v for k, v in obj.items() if k not in ("kind", "apiVersion")} for obj in objects]
    return {
        "kind": resource.list_kind,
        "apiVersion": resource.api_version,
        "metadata": _list_metadata(answer),
        "items": objects,
    }


def _list_metadata(answer: ListAnswer) -> dict[str, Any]:
    # Lists of custom objects are maps to the server and always carry "continue".
    return {"continue": "", **answer.metadata} if answer.resource.custom else answer.metadata


def _list_json(answer: ListAnswer) -> bytes:
    resource = answer.resource
    head = {"kind": resource.list_kind, "apiVersion": resource.api_version, "metadata": _list_metadata(answer)}
    items = b",".join([_encoded_item(resource, record) for record in answer.records])
    return b'%s,"items":[%s]}\n' % (encode_json(head)[:-1], items)


def _body(call: Call, answer: ObjectAnswer | ListAnswer) -> bytes:
    form = call.representation
    plain = not form.transform and not form.pretty and form.media_type != YAML
    if isinstance(answer, ListAnswer):
        return _list_json(answer) if plain else form.encode(_list_document(call, answer))
    if answer.resource is None or (answer.document.get("kind") == "Status" and answer.resource.kind != "Status"):
        return form.encode(answer.document)
    if plain and answer.record is not None:
        return encoded(answer.resource, answer.record) + b"\n"
    return form.encode(transformed(call, answer.resource, answer.document))


def warning_headers(texts: Iterable[str]) -> list[str]:
    """Return the values of Warning headers, at most 4 KiB in all as the real server cuts them."""
    values: list[str] = []
    total = 0
    for text in dict.fromkeys(texts):
        clean = "".join(letter if letter.isprintable() else " " for letter in text)
        escaped = clean.replace("\\", "\\\\").replace('"', '\\"')
        total += len(escaped)
        if total > 4096:
            break
        values.append(f'299 - "{escaped}"')
    return values


def render(call: Call, answer: ObjectAnswer | ListAnswer) -> HTTPResponse:
    """Return the HTTP answer for what a flow found."""
    status = answer.status if isinstance(answer, ObjectAnswer) else 200
    response = HTTPResponse(status, _headers(call.representation), _body(call, answer))
    response.warnings = warning_headers(call.warnings)
    return compressed(call, response)


def _headers(form: Representation) -> dict[str, str]:
    return {"Cache-Control": "no-cache, private", "Content-Type": form.media_type}


def compressed(call: Call, response: HTTPResponse) -> HTTPResponse:
    """Compress a large body of a read, if the client takes gzip."""
    if len(response.body) < GZIP_FROM or call.request.method != "GET":
        return response
    if "gzip" in call.header("accept-encoding").lower():
        response.body = gzip.compress(response.body, compresslevel=1)
        response.headers["Content-Encoding"] = "gzip"
        response.headers.setdefault("Vary", "Accept-Encoding")
    return response
