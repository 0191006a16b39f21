"""The bodies of requests: checked against the call they go with, completed on a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.errors import BodyMismatchError, InvalidNameError, InvalidRequestError, NamespaceRequiredError

if TYPE_CHECKING:
    from dynkube.dynamic.endpoint import Endpoint
    from dynkube.names import GroupVersionKind
    from dynkube.objects import JSONObject

_PATCH_OPERATIONS = ("add", "remove", "replace", "move", "copy", "test")

#: Most operations of one JSON patch the server takes (apiserver endpoints/handlers/patch.go, maxJSONPatchOperations).
JSON_PATCH_MAX = 10_000


def name_of(body: JSONObject, *, why: str) -> str:
    """Return `metadata.name`; raise InvalidNameError saying `why` it is needed if there is none."""
    metadata = body.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if name is None or name == "":
        raise InvalidNameError(f"the body has no metadata.name, and {why}")
    if not isinstance(name, str):
        raise InvalidNameError(f"metadata.name must be a text, not {name!r} (quote it in YAML)")
    return name


def place(endpoint: Endpoint, body: JSONObject, *, name: str | None = None, writes_object: bool = True) -> Endpoint:
    """Return the endpoint a body goes to, after checking that it does not contradict the call.

    The rule for namespaces is kubectl's: the one the caller named must be the body's, if the body has one; else the
    body's is used; else the context's. Raises BodyMismatchError, and NamespaceRequiredError when neither tells the
    namespace. `writes_object` is False for a patch, where a null is a removal and fields may be left out.
    """
    if not isinstance(body, dict):
        raise InvalidRequestError(f"an object is a dict, not {type(body).__name__}")
    _check_kind(endpoint, body)
    metadata = body.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        raise BodyMismatchError(f"metadata must be a dict, not {metadata!r}")
    metadata = metadata or {}
    own_name = metadata.get("name")
    if name is not None and own_name is not None and own_name != name:
        raise BodyMismatchError(f"the call is about {name!r}, but the body's metadata.name is {own_name!r}")
    own_namespace = metadata.get("namespace")
    if own_namespace is not None and not isinstance(own_namespace, str):
        raise BodyMismatchError(f"metadata.namespace must be a text, not {own_namespace!r} (quote it in YAML)")
    return _in_namespace(endpoint, own_namespace, writes_object=writes_object)


def _in_namespace(endpoint: Endpoint, own: str | None, *, writes_object: bool) -> Endpoint:
    namespaced = endpoint.api is None or endpoint.api.namespaced
    if not own:
        # A literal GroupVersionResource may well be cluster-scoped: then there is nothing to ask for.
        if endpoint.everywhere and namespaced:
            raise NamespaceRequiredError(
                f"an object of {endpoint.described} cannot be written across all namespaces: "
                "put metadata.namespace in the body or say .namespace(...)"
            )
        return endpoint
    if not namespaced:
        raise BodyMismatchError(
            f"{endpoint.described} is cluster-scoped, but the body's metadata.namespace is {own!r}; remove it"
        )
    if endpoint.namespace == own:
        return endpoint
    if endpoint.chosen or not writes_object:
        raise BodyMismatchError(
            f"the call is about namespace {endpoint.namespace!r}, but the body's metadata.namespace is {own!r}"
        )
    return endpoint.within(own)


def _check_kind(endpoint: Endpoint, body: JSONObject) -> None:
    expected = endpoint.body_kind
    if expected is None:
        return
    api_version, kind = body.get("apiVersion"), body.get("kind")
    # A subresource's body may come in more than one version (Eviction in policy/v1 and v1beta1): its kind decides.
    if api_version is not None and api_version != expected.api_version and endpoint.suffix in ("", "/status"):
        raise BodyMismatchError(
            f"{endpoint.described} takes apiVersion {expected.api_version!r}, but the body says {api_version!r}"
        )
    if kind is not None and expected.kind and kind != expected.kind:
        raise BodyMismatchError(f"{endpoint.described} takes kind {expected.kind!r}, but the body says {kind!r}")


def complete(body: JSONObject, kind: GroupVersionKind | None) -> JSONObject:
    """Return `body` with apiVersion and kind, on a shallow copy if either was missing and is known."""
    if kind is None or not kind.kind or ("apiVersion" in body and "kind" in body):
        return body
    return {"apiVersion": kind.api_version, "kind": kind.kind, **body}


def without_managed_fields(body: JSONObject) -> JSONObject:
    """Return `body` as apply wants it: without metadata.managedFields, the caller's own dict untouched."""
    metadata = body.get("metadata")
    if not isinstance(metadata, dict) or "managedFields" not in metadata:
        return body
    kept = {key: value for key, value in metadata.items() if key != "managedFields"}
    return {**body, "metadata": kept}


def check_json_patch(operations: list[Any]) -> None:
    """Raise InvalidRequestError for what is no JSON patch (RFC 6902), naming the operation by its index."""
    if len(operations) > JSON_PATCH_MAX:
        raise InvalidRequestError(f"a JSON patch has at most {JSON_PATCH_MAX} operations, not {len(operations)}")
    for index, operation in enumerate(operations):
        if not isinstance(operation, dict):
            raise InvalidRequestError(
                f"operation {index} of the JSON patch is a {type(operation).__name__}, not a dict"
            )
        if operation.get("op") not in _PATCH_OPERATIONS:
            raise InvalidRequestError(
                f"operation {index} of the JSON patch: op must be one of {', '.join(_PATCH_OPERATIONS)}, "
                f"not {operation.get('op')!r}"
            )
        path = operation.get("path")
        if not isinstance(path, str) or (path and not path.startswith("/")):
            raise InvalidRequestError(
                f'operation {index} of the JSON patch: path must be "" or start with "/", not {path!r}'
            )
        needed = {"add": "value", "replace": "value", "test": "value", "move": "from", "copy": "from"}
        wanted = needed.get(operation["op"])
        if wanted is not None and wanted not in operation:
            raise InvalidRequestError(f"operation {index} of the JSON patch ({operation['op']}) has no {wanted!r}")
