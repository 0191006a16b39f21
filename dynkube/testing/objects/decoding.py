"""From the bytes of a request to an object of the kind its path names, or the answer the real decoder gives.

`decode` reads a body; `redecode` reads what a patch made of a stored object. Both check types against the schema in the
words of Go's JSON decoder, find unknown and duplicate fields, and give built-in objects their Go form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import yaml

from dynkube.names import GroupVersionKind
from dynkube.objects.yaml_rules import kubernetes_loader
from dynkube.testing.http import failures
from dynkube.testing.objects import go_json, go_order
from dynkube.testing.objects.go_shape import shape
from dynkube.testing.objects.report import Report
from dynkube.testing.objects.typed_reading import Conversion, MistypedError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from dynkube.testing.objects.schemas import Schema

Validation = Literal["Ignore", "Warn", "Strict"]

#: How the real server names the table it looked the kind up in.
_SCHEME = "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"
_UNKNOWN_IN_METADATA = 'unknown field "metadata.'
#: Bodies are quoted in errors up to this many bytes.
_SNIPPET = 30
#: Groups whose Go package is not their name up to the first dot.
_GO_PACKAGES = {"": "core", "rbac.authorization.k8s.io": "rbac", "apiextensions.k8s.io": "apiextensions"}


def decode(
    body: bytes,
    content_type: str,
    *,
    gvk: GroupVersionKind,
    schema: Schema | None,
    resource: Any = None,
    validation: Validation = "Warn",
) -> tuple[dict[str, Any], list[str]]:
    """Return the object in ``body`` and the warnings to send along.

    ``content_type`` decides between JSON and YAML. A built-in object without kind or apiVersion is one of ``gvk``, a
    custom one must say it. Raises `Failure` (400) for text that is no object, another kind or version, a value of the
    wrong type, and, when ``validation`` is Strict, unknown and duplicate fields. ``resource`` is accepted for its
    ``custom`` flag; the schema's own is enough.
    """
    custom = bool(getattr(resource, "custom", schema is not None and schema.custom))
    document, found = _read(body, content_type, gvk, validation)
    _type_meta_is_text(document, body, gvk)
    if custom:
        _says_what_it_is(document, body, content_type, gvk)
    else:
        document.setdefault("apiVersion", gvk.group_version.api_version)
        document.setdefault("kind", gvk.kind)
    _expect(document, gvk, custom=custom)
    conversion = Conversion(keep_unknown=custom)
    try:
        converted = conversion.root(document, schema)
    except MistypedError as error:
        raise _unfit(gvk, gvk, str(error)) from None
    complaints = found + (_sorted(conversion.complaints) if custom else conversion.complaints)
    if validation == "Strict" and complaints:
        raise _unfit(gvk, gvk, "strict decoding error: " + ", ".join(complaints))
    return shape(converted, schema), complaints if validation == "Warn" else []


def _says_what_it_is(document: dict[str, Any], body: bytes, content_type: str, gvk: GroupVersionKind) -> None:
    """Raise the answer to a custom object without a kind: no Go type stands behind it that would tell."""
    if "kind" not in document:
        text = go_json.dumps(document) if "yaml" in content_type else body.decode("utf-8", "replace")
        why = f"Object 'Kind' is missing in '{text}' ({_snippet(body)})"
        raise failures.bad_request(f"the object provided is unrecognized (must be of type {gvk.kind}): {why}")
    document.setdefault("apiVersion", "")


def redecode(
    document: Mapping[str, Any],
    *,
    gvk: GroupVersionKind,
    schema: Schema | None,
    validation: Validation = "Warn",
    patch: Mapping[str, Any] | None = None,
    found: Sequence[str] = (),
    touched: Collection[str] = (),
) -> tuple[dict[str, Any], list[str]]:
    """Return a patched object as the server would read it back, and the warnings to send along.

    ``found`` are complaints about the patch itself (`go_json.duplicates`), told before those about its outcome.
    ``touched`` names the objects the patch took apart (``spec``, ``spec.ports[0]``): errors print those sorted.

    Raises `Failure`: 422 about ``patch`` when a value has the wrong type or (Strict) a field is unknown; it quotes the
    patched document or, for a strategic merge patch, ``patch``. Such a patch changes neither kind nor version whatever
    it says; another one that does is refused.
    """
    current = dict(document)
    expected = gvk.group_version.api_version
    custom = schema is None or schema.custom
    if patch is not None:  # it was merged into an object of the right type, not into a document
        current |= {"apiVersion": expected, "kind": gvk.kind}
    if custom and current.get("kind") in (None, ""):
        text = go_json.dumps(go_order.ordered(current, None))
        raise _bad_patch(document, None, f"Object 'Kind' is missing in '{text}'", schema, touched)
    if patch is None and not custom:  # a patch may take them away: the decoder knows what it expects
        current.setdefault("apiVersion", expected)
        current.setdefault("kind", gvk.kind)
    if current.get("kind", gvk.kind) != gvk.kind or current.get("apiVersion", expected) != expected:
        _expect_patched(current, gvk, schema)
    conversion = Conversion(keep_unknown=custom)
    try:
        converted = conversion.root(current, schema)
    except MistypedError as error:
        why = str(error) if patch is None else error.converted
        raise _bad_patch(document, patch, why, schema, touched) from None
    complaints = [*found, *(_sorted(conversion.complaints) if custom else conversion.complaints)]
    if validation == "Strict" and complaints:
        why = "strict decoding error: " + ", ".join(complaints)
        raise _bad_patch(document, patch, why, schema, touched)
    return shape(converted, schema), complaints if validation == "Warn" else []


def _sorted(complaints: list[str]) -> list[str]:
    """Return complaints about a custom object in the server's order.

    Repeated fields as met; then unknown ones: those of metadata, which is read by itself, and the rest, both sorted.
    """
    unknown = [complaint for complaint in complaints if complaint.startswith("unknown field ")]
    unknown.sort(key=lambda complaint: (not complaint.startswith(_UNKNOWN_IN_METADATA), complaint))
    return [complaint for complaint in complaints if complaint not in unknown] + unknown


def _expect_patched(document: Mapping[str, Any], gvk: GroupVersionKind, schema: Schema | None) -> None:
    """Raise the answer to a patch that changed kind or version to what is none, or none of this path."""
    custom = schema is None or schema.custom
    group, _, version = str(document.get("apiVersion")).rpartition("/")
    sent = GroupVersionKind(group, version, str(document.get("kind")))
    if custom and document.get("kind"):
        raise _other_type(document, gvk)
    if not custom and not _registered(sent):
        raise _bad_patch(document, None, _unregistered(sent), schema, ())
    _expect(document, gvk, custom=custom)


def _other_type(document: Mapping[str, Any], gvk: GroupVersionKind) -> failures.Failure:
    """Return the answer to a patch that made a custom object one of another kind or version: it is checked like any."""
    kind, api_version, expected = document.get("kind"), document.get("apiVersion"), gvk.group_version.api_version
    report = Report()
    if kind != gvk.kind:
        report.invalid("kind", kind, f"must be {gvk.kind}")
    if api_version != expected:
        report.invalid("apiVersion", api_version, f"must be {expected}")
    name, group = str((document.get("metadata") or {}).get("name") or ""), str(api_version).rpartition("/")[0]
    return failures.invalid(group, str(kind), name, report.causes)


def _bad_patch(
    document: Mapping[str, Any],
    patch: Mapping[str, Any] | None,
    why: str,
    schema: Schema | None,
    touched: Collection[str],
) -> failures.Failure:
    if patch is None:
        custom = schema is None or schema.custom
        text = go_json.dumps(go_order.ordered(dict(document), None if custom else schema, {"", *touched}))
    else:
        text = go_print(patch)
    shown = _quote(text)
    cause = failures.Cause(failures.INVALID, f"Invalid value: {shown}: {why}", "patch")
    return failures.invalid("", "", "", [cause])


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def go_print(value: Any) -> str:
    """Print a value as Go's ``%+v`` prints decoded JSON."""
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{go_print(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(go_print(element) for element in value) + "]"
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _read(
    body: bytes, content_type: str, gvk: GroupVersionKind, validation: Validation
) -> tuple[dict[str, Any], list[str]]:
    found: list[str] = []
    try:
        text = body.decode("utf-8", "replace")
        document = load_yaml(text, found) if "yaml" in content_type else go_json.loads(text)
    except go_json.JSONSyntaxError as error:
        kind = "json" if "yaml" not in content_type else "yaml"
        raise _unrecognized(gvk, f"{kind} parse error: {error}", body) from None
    if document is None:
        document = {}
    if not isinstance(document, dict):
        what = f"json: cannot unmarshal {go_json.describe(document)} into Go value of type {go_json.TYPE_META}"
        raise _unrecognized(gvk, f"json parse error: {what}", body)
    return document, found if validation != "Ignore" else []


def _type_meta_is_text(document: dict[str, Any], body: bytes, gvk: GroupVersionKind) -> None:
    for name in ("apiVersion", "kind"):
        value = document.get(name)
        if value is None or value == "":
            document.pop(name, None)
        elif not isinstance(value, str):
            what = f"json: cannot unmarshal {go_json.describe(value)} into Go struct field .{name} of type string"
            raise _unrecognized(gvk, f"json parse error: {what}", body)


def _unrecognized(gvk: GroupVersionKind, why: str, body: bytes) -> failures.Failure:
    message = f"the object provided is unrecognized (must be of type {gvk.kind}): couldn't get version/kind; {why}"
    return failures.bad_request(f"{message} ({_snippet(body)})")


def _snippet(body: bytes) -> str:
    if not body:
        return "<empty>"
    cut = body[:_SNIPPET]
    text = cut.decode("utf-8", "replace") if body.startswith(b"{") else cut.hex()
    return text + (" ..." if len(body) > _SNIPPET else "")


def _expect(document: Mapping[str, Any], gvk: GroupVersionKind, *, custom: bool) -> None:
    """Raise the decoder's answer when the object's own kind and version are not those of the path."""
    api_version, kind = str(document.get("apiVersion")), str(document.get("kind"))
    expected = gvk.group_version.api_version
    if api_version == expected and kind == gvk.kind:
        return
    if custom:
        if api_version != expected:
            raise failures.bad_request(
                f"the API version in the data ({api_version}) does not match the expected API version ({expected})"
            )
        return
    group, _, version = api_version.rpartition("/")
    sent = GroupVersionKind(group, version, kind)
    if not _registered(sent):
        raise _unfit(sent, gvk, _unregistered(sent))
    if kind == gvk.kind and group == gvk.group:
        raise failures.bad_request(
            f"the API version in the data ({api_version}) does not match the expected API version ({expected})"
        )
    why = f"converting ({version}.{kind}) to ({go_package(gvk.group)}.{gvk.kind}): unknown conversion"
    raise _unfit(sent, gvk, why)


def go_package(group: str) -> str:
    """Return the Go package of an API group's internal types."""
    return _GO_PACKAGES.get(group, group.partition(".")[0])


def _unregistered(sent: GroupVersionKind) -> str:
    return f'no kind "{sent.kind}" is registered for version "{sent.group_version.api_version}" in scheme "{_SCHEME}"'


def _registered(gvk: GroupVersionKind) -> bool:
    from dynkube.testing.objects.schemas import SchemaSet

    return SchemaSet.builtin().schema_for(gvk) is not None


def _unfit(sent: GroupVersionKind, wanted: GroupVersionKind, why: str) -> failures.Failure:
    return failures.bad_request(f'{sent.kind} in version "{sent.version}" cannot be handled as a {wanted.kind}: {why}')


class _Loader(kubernetes_loader(yaml.SafeLoader)):  # type: ignore[misc]
    """YAML as Go reads it, noticing duplicate keys."""

    found: list[str]

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[str, Any]:  # noqa: ARG002
        self.flatten_mapping(node)
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            name = self.key(key_node)
            if name in result:
                line = key_node.start_mark.line + 1
                self.found.append(f'yaml: unmarshal errors:\n  line {line}: key "{name}" already set in map')
            result[name] = self.construct_object(value_node, deep=True)
        return result


def load_yaml(text: str, found: list[str] | None = None) -> Any:
    """Return the first document in ``text``, as Go does; ``found`` is told of keys that are doubled in its words.

    Raises `go_json.JSONSyntaxError` for text that is no YAML.
    """
    loader = _Loader(text)
    loader.found = [] if found is None else found
    try:
        return loader.get_data() if loader.check_data() else None
    except yaml.YAMLError as error:
        raise go_json.JSONSyntaxError(_yaml_complaint(error)) from None
    except (ValueError, TypeError, RecursionError) as error:
        raise go_json.JSONSyntaxError(f"error converting YAML to JSON: yaml: {error}") from None
    finally:
        loader.dispose()


def _yaml_complaint(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    where = f"line {mark.line + 1}: " if mark is not None else ""
    return f"error converting YAML to JSON: yaml: {where}{problem}"
