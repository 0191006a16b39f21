"""Which form an answer takes: JSON or YAML, the object itself, a Table, or its metadata alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from dynkube.testing.http import failures

if TYPE_CHECKING:
    from collections.abc import Sequence

JSON = "application/json"
YAML = "application/yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"

#: What the real server says it speaks. Protobuf is named in errors, as there, although this server cannot produce it.
MEDIA_TYPES = (JSON, YAML, PROTOBUF)
#: What bodies of built-in kinds may be sent as.
BODY_TYPES = MEDIA_TYPES
#: The aggregated form of discovery.
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

_TRANSFORMS = frozenset({"Table", "PartialObjectMetadata", "PartialObjectMetadataList"})
#: What routes of collections say they produce; the others say only `MEDIA_TYPES`.
COLLECTION_TYPES = (*MEDIA_TYPES, f"{JSON};stream=watch", f"{PROTOBUF};stream=watch")
#: What counts as true in ``pretty`` (Go's strconv.ParseBool).
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})


@dataclass(frozen=True, slots=True)
class Clause:
    """One alternative of an Accept header."""

    media_type: str
    parameters: dict[str, str]
    quality: float


@dataclass(frozen=True, slots=True)
class Representation:
    """The form chosen: the media type, the transformation ("" for none) and whether it is indented for people."""

    media_type: str = JSON
    transform: str = ""
    pretty: bool = False
    #: The version of meta.k8s.io a transformation was asked for in.
    version: str = "v1"

    def encode(self, document: Any) -> bytes:
        """Return a document in this form."""
        if self.media_type == YAML:
            return encode_yaml(document)
        return encode_pretty(document) if self.pretty else encode_json(document) + b"\n"


def encode_json(document: Any) -> bytes:
    """Return compact JSON, UTF-8, without a line end."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def encode_pretty(document: Any) -> bytes:
    """Return indented JSON, as the server sends to curl and browsers: without a line end after it."""
    return json.dumps(document, indent=2, ensure_ascii=False).encode("utf-8", "replace")


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes YAML as Go does: no aliases, double quotes round what would be read as something else than text."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        """Tell that nothing is written once and referred to."""
        return True

    def text(self, data: str) -> yaml.ScalarNode:
        """Return the node of a text in the style Go chooses."""
        style = None
        if "\n" in data:
            style = "|"
        elif self.resolve(yaml.ScalarNode, data, (True, False)) != "tag:yaml.org,2002:str":
            style = '"'
        node: yaml.ScalarNode = self.represent_scalar("tag:yaml.org,2002:str", data, style=style)
        return node


_Dumper.add_representer(str, _Dumper.text)


def encode_yaml(document: Any) -> bytes:
    """Return block YAML with sorted keys, as the server's YAML serializer writes it."""
    text: str = yaml.dump(document, Dumper=_Dumper, default_flow_style=False, allow_unicode=True, sort_keys=True)
    return text.encode("utf-8", "replace")


def parse_accept(header: str) -> list[Clause]:
    """Return the alternatives of an Accept header, best first; equal ones keep their order."""
    clauses = []
    for part in header.split(","):
        media_type, *pairs = (piece.strip() for piece in part.split(";"))
        if not media_type:
            continue
        parameters = dict(_parameter(pair) for pair in pairs if pair)
        try:
            quality = float(parameters.pop("q", "1"))
        except ValueError:
            quality = 1.0
        clauses.append(Clause(media_type.lower(), parameters, quality))
    return sorted(clauses, key=lambda clause: -clause.quality)


def _parameter(pair: str) -> tuple[str, str]:
    name, _, value = pair.partition("=")
    return name.strip().lower(), value.strip().strip('"')


def _matches(clause: Clause, media_type: str) -> bool:
    if clause.media_type in ("*/*", media_type):
        return True
    main, _, sub = clause.media_type.partition("/")
    return sub == "*" and media_type.startswith(f"{main}/")


def wants_pretty(user_agent: str, parameter: str | None) -> bool:
    """Tell whether JSON is indented: asked for by ``pretty``, or by default for curl, wget and browsers."""
    if parameter is not None:
        return parameter in _TRUE
    return user_agent.startswith(("curl", "Wget", "Mozilla/5.0"))


def check_route(accept: str, produced: Sequence[str]) -> None:
    """Raise the 406 Failure of a route none of whose media types is named; it knows no ranges but ``*/*``."""
    named = {clause.media_type for clause in parse_accept(accept)} or {"*/*"}
    if "*/*" not in named and named.isdisjoint(produced):
        text = f"406: Not Acceptable\n\nAvailable representations: {', '.join(produced)}"
        raise failures.Failure("NotAcceptable", text, details={})


def choose(accept: str, *, pretty: bool = False) -> Representation:
    """Choose the form of an object or list. Raises the 406 Failure of resource paths."""
    clauses = parse_accept(accept) or [Clause("*/*", {}, 1.0)]
    for clause in clauses:
        for media_type in (JSON, YAML):
            if not _matches(clause, media_type):
                continue
            transform = clause.parameters.get("as", "")
            if not transform:
                return Representation(media_type, "", pretty)
            group, version = clause.parameters.get("g", ""), clause.parameters.get("v", "")
            if transform in _TRANSFORMS and group == "meta.k8s.io" and version in ("v1", "v1beta1"):
                return Representation(media_type, transform, pretty, version)
    raise failures.not_acceptable(MEDIA_TYPES)


def choose_document(accept: str, *, aggregated: bool = False, pretty: bool = False) -> tuple[Representation, bool]:
    """Choose the form of a discovery document, and whether it is the aggregated one. Raises the 406 Failure."""
    for clause in parse_accept(accept) or [Clause("*/*", {}, 1.0)]:
        for media_type in (JSON, YAML):
            if not _matches(clause, media_type):
                continue
            transform = clause.parameters.get("as", "")
            if not transform:
                return Representation(media_type, "", pretty), False
            known = clause.parameters.get("g") == "apidiscovery.k8s.io" and clause.parameters.get("v") == "v2"
            if aggregated and transform == "APIGroupDiscoveryList" and known:
                return Representation(media_type, "", pretty), True
    raise failures.not_acceptable(MEDIA_TYPES)


def for_failures(accept: str, *, pretty: bool = False) -> Representation:
    """Choose the form of a Status about a failure: whatever was asked for, JSON when that is impossible."""
    for clause in parse_accept(accept):
        for media_type in (JSON, YAML):
            if clause.media_type == media_type:
                return Representation(media_type, "", pretty)
    return Representation(JSON, "", pretty)
